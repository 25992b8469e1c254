#include "net/app_rec.h"

#define FULL_SEGMENT 500 /* bytes; who sends less at once has no more to send */

/* dev.mysql.com, protocol basics: three bytes of length (little-endian), a
 * sequence number, then Protocol::HandshakeV10 or HandshakeResponse41. */
static bool mysql(const struct pay *y)
{
	uint32_t i;

	if (y->len < 9 || pay_le24(y, 0) != y->len - 4)
		return false;
	if (pay_u8(y, 3) == 0 && pay_u8(y, 4) == 10) {
		for (i = 5; i < 64 && pay_u8(y, i) >= 0x20 && pay_u8(y, i) < 0x7f; i++)
			;
		return i > 7 && pay_has(y, i, 1) && pay_u8(y, i) == 0 &&
		       pay_has(y, i, 1 + 4 + 8 + 1) && pay_u8(y, i + 13) == 0;
	}
	if (pay_u8(y, 3) == 0 && pay_u8(y, 4) == 0xff) /* refused: error number, text */
		return pay_le16(y, 5) >= 1000 && pay_le16(y, 5) < 2100;
	if (pay_u8(y, 3) != 1 || !(pay_le16(y, 4) & 0x0200) || !pay_has(y, 0, 36)) /* PROTOCOL_41 */
		return false;
	for (i = 13; i < 36; i++)
		if (pay_u8(y, i))
			return false;
	return true;
}

/* postgresql.org, message formats.  A start packet has no type byte. */
static bool postgresql(const struct pay *y)
{
	uint32_t len = pay_be32(y, 0), code = pay_be32(y, 4);

	if (y->len == 1) /* the answer to SSLRequest and GSSENCRequest */
		return pay_port(y, 5432) && (y->p[0] == 'S' || y->p[0] == 'N' || y->p[0] == 'G');
	if (len == 8 && y->len == 8)
		return code == 80877103 || code == 80877104; /* SSLRequest, GSSENCRequest */
	if (len == 16 && y->len == 16)
		return code == 80877102; /* CancelRequest */
	if (len == y->len && len > 9 && (code == 3 << 16 || code == 2 << 16))
		return code == 2 << 16 || (pay_u8(y, len - 1) == 0 && PAY_FINDS(y, 256, "user\0"));
	len = pay_be32(y, 1);
	switch (y->p[0]) {
	case 'R': /* Authentication */
		return len >= 8 && len < 256 && pay_has(y, 5, 4) && pay_be32(y, 5) <= 12;
	case 'E': /* ErrorResponse: fields, severity first */
	case 'N': /* NoticeResponse */
		return len < 1 << 16 && len == y->len - 1 && pay_u8(y, 5) == 'S' &&
		       pay_u8(y, len) == 0;
	case 'Q': /* Query */
	case 'p': /* PasswordMessage */
		return len > 5 && len == y->len - 1 && pay_u8(y, len) == 0;
	default:
		return false;
	}
}

/* mongodb.com, wire protocol: length, request, response to, operation; then
 * what each operation begins with.  A long message goes on in later segments. */
static bool mongodb(const struct pay *y)
{
	uint32_t len = pay_le32(y, 0), op = pay_le32(y, 12), word = pay_le32(y, 16);

	if (y->len < 21 || len < y->len || len > 48000000 ||
	    (len > y->len && y->len < FULL_SEGMENT))
		return false;
	switch (op) {
	case 1: /* OP_REPLY: flags, cursor, starting from, number */
		return y->len >= 36 && word <= 15 && pay_le32(y, 8) && pay_le32(y, 32) <= 1 << 20;
	case 2004: /* OP_QUERY: flags, collection */
		return word <= 0xff && pay_u8(y, 20) > 0x20 && pay_u8(y, 20) < 0x7f;
	case 2012: /* OP_COMPRESSED: the operation inside */
		return word == 2013 || word == 2004 || word == 1;
	case 2013: /* OP_MSG: flags, kind of the first section */
		return !(word & ~0x10003u) && pay_u8(y, 20) <= 1;
	case 2001: /* OP_UPDATE, OP_INSERT, OP_GET_MORE, OP_DELETE, OP_KILL_CURSORS */
	case 2002:
	case 2005:
	case 2006:
	case 2007:
		return len == y->len && word <= 3;
	default:
		return false;
	}
}

/* MS-TDS 2.2.3.1: type, status, length, SPID, packet number, window. */
static bool mssql(const struct pay *y)
{
	uint8_t type = y->p[0];

	if (y->len < 12 || pay_be16(y, 2) != y->len || (pay_u8(y, 1) & ~0x09) ||
	    !(pay_u8(y, 1) & 1) || pay_u8(y, 7))
		return false;
	if (type == 0x12) /* PRELOGIN: the first option is VERSION */
		return pay_u8(y, 8) == 0 && pay_be16(y, 11) == 6;
	if (type == 0x10) /* LOGIN7: its own length, and the version of TDS */
		return pay_le32(y, 8) == y->len - 8u && pay_u8(y, 15) >= 0x70 &&
		       pay_u8(y, 15) <= 0x75;
	return type == 0x04 && pay_u8(y, 6) == 1 &&
	       (pay_u8(y, 8) == 0 || pay_u8(y, 8) == 0xad || pay_u8(y, 8) == 0xaa) &&
	       (pay_u8(y, 8) || pay_be16(y, 11) == 6);
}

/* Oracle Net: length, checksum, type, flags, header checksum. */
static bool oracle(const struct pay *y)
{
	uint8_t type = pay_u8(y, 4);

	if (y->len < 8 || pay_be16(y, 0) != y->len || pay_be16(y, 2) || pay_be16(y, 6) ||
	    pay_u8(y, 5) & 0x13)
		return false;
	switch (type) {
	case 1: /* connect: version, compatible version */
	case 2: /* accept */
		return pay_be16(y, 8) >= 300 && pay_be16(y, 8) <= 330;
	case 4: /* refuse */
	case 5: /* redirect */
		return PAY_FINDS(y, 64, "(DESCRIPTION=");
	case 11: /* resend */
		return y->len == 8;
	default:
		return pay_port(y, 1521) && type <= 15;
	}
}

/* Cassandra native protocol v3 to v5, 2: version, flags, stream, opcode, length. */
static bool cassandra(const struct pay *y)
{
	uint8_t version = y->p[0] & 0x7f, op = pay_u8(y, 4);
	uint32_t len = pay_be32(y, 5);

	if (y->len < 9 || version < 3 || version > 5 || pay_u8(y, 1) & 0xe0 || len != y->len - 9)
		return false;
	if (y->p[0] & 0x80) /* ERROR, READY, AUTHENTICATE, SUPPORTED */
		return (op == 2 && !len) || ((op == 0 || op == 3 || op == 6) && len >= 2);
	return (op == 5 && !len) || (op == 1 && PAY_FINDS(y, 128, "CQL_VERSION"));
}

/* kafka.apache.org/protocol: size, API key, version, correlation id, client id. */
static bool kafka(const struct pay *y)
{
	uint16_t id = pay_be16(y, 12);
	uint32_t i;

	if (y->len < 14 || pay_be32(y, 0) != y->len - 4 || pay_be16(y, 4) > 92 ||
	    pay_be16(y, 6) > 20)
		return false;
	if (id == 0xffff) /* none */
		return true;
	if (!pay_has(y, 14, id) || id > 255)
		return false;
	for (i = 0; i < id; i++)
		if (pay_u8(y, 14 + i) < 0x20 || pay_u8(y, 14 + i) >= 0x7f)
			return false;
	return id || pay_port(y, 9092);
}

/* Apache ZooKeeper's ConnectRequest and ConnectResponse: length, protocol
 * version 0, ... session, password of 16 bytes. */
static bool zookeeper(const struct pay *y)
{
	uint32_t len = pay_be32(y, 0);

	if (len != y->len - 4 || pay_be32(y, 4) != 0)
		return false;
	if (len == 44 || len == 45)
		return pay_be32(y, 28) == 16;
	return (len == 36 || len == 37) && pay_be32(y, 20) == 16;
}

/* MQTT 3.1.1 and 5, 3.1: CONNECT names the protocol. */
static bool mqtt(const struct pay *y)
{
	uint32_t at = 1, len = 0;
	unsigned shift;

	if (y->p[0] == 0x20) /* CONNACK: flag, return code */
		return pay_port(y, 1883) && y->len >= 4 && pay_u8(y, 1) >= 2 &&
		       pay_u8(y, 1) <= 127 && pay_u8(y, 2) <= 1;
	if (y->p[0] != 0x10)
		return false;
	for (shift = 0; shift < 28; shift += 7) {
		uint8_t b = pay_u8(y, at++);

		len |= (uint32_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			break;
	}
	return len >= 10 && (PAY_IS(y, at, "\0\4MQTT") || PAY_IS(y, at, "\0\6MQIsdp"));
}

/* AMQP 0-9-1 4.2.3, AMQP 1.0 2.2 and 2.3.  Frames of 0-9-1 end in 0xce. */
static bool amqp(const struct pay *y)
{
	uint32_t len = pay_be32(y, 3);

	if (PAY_IS(y, 0, "AMQP"))
		return y->len >= 8 && pay_u8(y, 4) <= 3 && pay_u8(y, 5) <= 1;
	return y->len >= 12 && y->p[0] == 1 && pay_be16(y, 1) == 0 && len >= 4 &&
	       len <= y->len - 8 && pay_u8(y, 7 + len) == 0xce &&
	       pay_be16(y, 7) == 10; /* connection class */
}

/* Apache ActiveMQ OpenWire: size, WIREFORMAT_INFO, magic. */
static bool openwire(const struct pay *y)
{
	return pay_be32(y, 0) >= 13 && PAY_IS(y, 4, "\1ActiveMQ");
}

/* memcached: commands in text; binary: magic, lengths that add up, data type
 * 0, and one message off its port. */
static bool memcached(const struct pay *y)
{
	uint32_t key = pay_be16(y, 2), extras = pay_u8(y, 4), total = pay_be32(y, 8);

	if (PAY_IS(y, 0, "stats\r\n") || PAY_IS(y, 0, "STAT pid ") || PAY_IS(y, 0, "version\r\n"))
		return true;
	return y->len >= 24 && (y->p[0] == 0x80 || y->p[0] == 0x81) && pay_u8(y, 1) <= 0x3d &&
	       pay_u8(y, 5) == 0 && extras <= 20 && key <= 250 && total >= key + extras &&
	       (total == y->len - 24 || (pay_port(y, 11211) && total <= 1 << 20));
}

enum app db_tcp(const struct pay *y)
{
	if (mysql(y))
		return APP_MYSQL;
	if (postgresql(y))
		return APP_POSTGRESQL;
	if (mongodb(y))
		return APP_MONGODB;
	if (mssql(y))
		return APP_MSSQL;
	if (oracle(y))
		return APP_ORACLE;
	if (openwire(y))
		return APP_OPENWIRE;
	if (zookeeper(y))
		return APP_ZOOKEEPER;
	if (kafka(y))
		return APP_KAFKA;
	if (mqtt(y))
		return APP_MQTT;
	if (amqp(y))
		return APP_AMQP;
	if (cassandra(y))
		return APP_CASSANDRA;
	return memcached(y) ? APP_MEMCACHED : APP_NONE;
}
