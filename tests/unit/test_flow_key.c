/* flow/flow_key.c: which packets have the same key, and what is in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/flow_key.h"
#include "flow_make.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The key of 'd', into memory that was used before: every byte must be set. */
static bool key(struct flow_full_key *k, const struct dec *d, uint8_t fill)
{
	bool swap;

	memset(k, fill, sizeof(*k));
	swap = flow_key_init(k, d, 3, 9);
	if (!flow_key_is_long(&k->key))
		memset(&k->rest, 0, sizeof(k->rest)); /* means nothing */
	return swap;
}

/* All but the ends of a packet and its transport. */
static struct dec udp6(uint8_t a, uint16_t sport, uint8_t b, uint16_t dport)
{
	struct dec d = make_udp(a, sport, b, dport);

	d.kind = DEC_IP6;
	memset(d.src, 0, 16);
	memset(d.dst, 0, 16);
	d.src[0] = d.dst[0] = 0xfd;
	d.src[15] = a;
	d.dst[15] = b;
	return d;
}

static struct dec icmp(uint8_t proto, uint8_t a, uint8_t b, uint8_t type, uint8_t code, uint16_t id)
{
	struct dec d = make_ip4(proto, a, b);

	d.flags = DEC_L4;
	d.icmp_type = type;
	d.icmp_code = code;
	d.icmp_id = id;
	return d;
}

static struct dec with(struct dec d, uint16_t vlan, uint16_t inner, uint32_t tun_id,
		       uint16_t link_proto)
{
	d.vlan[0] = vlan;
	d.vlan[1] = inner;
	d.tun_id = tun_id;
	d.link_proto = link_proto;
	return d;
}

static struct dec mac(uint8_t a, uint8_t b, uint16_t ethertype)
{
	struct dec d = {.kind = DEC_LINK, .link_proto = ethertype};

	d.src[5] = a;
	d.dst[5] = b;
	return d;
}

static struct dec vxlan(uint8_t a, uint16_t sport, uint8_t b, uint32_t vni)
{
	struct dec d = with(make_udp(a, sport, b, 4789), 0, 0, vni, 0);

	d.flags |= DEC_ONE_PORT;
	return d;
}

static struct dec proto(struct dec d, uint8_t p)
{
	d.proto = p;
	return d;
}

/* Each pair by the text of docs/flows.md, "Which packets make a flow". */
static void same(void **state)
{
	const struct {
		struct dec a, b;
		bool same;
	} cases[] = {
		{make_udp(1, 1000, 2, 53), make_udp(1, 1000, 2, 53), true},
		{make_udp(1, 1000, 2, 53), make_udp(2, 53, 1, 1000), true},
		{make_udp(1, 1000, 2, 53), make_udp(1, 53, 2, 1000), false},
		{make_udp(1, 1000, 2, 53), make_udp(2, 1000, 1, 53), false},
		{make_udp(1, 1000, 2, 53), make_udp(1, 1001, 2, 53), false},
		{make_udp(1, 1000, 2, 53), make_udp(3, 1000, 2, 53), false},
		{make_udp(1, 1000, 2, 53), make_tcp(1, 1000, 2, 53, 0, 0, 0, 0), false},
		{make_udp(1, 1000, 1, 53), make_udp(1, 53, 1, 1000), true},
		{make_udp(1, 256, 2, 255), make_udp(2, 255, 1, 256), true},
		{make_udp(1, 1000, 2, 53), udp6(1, 1000, 2, 53), false},
		{udp6(1, 1000, 2, 53), udp6(2, 53, 1, 1000), true},
		{udp6(1, 1000, 2, 53), udp6(2, 1000, 1, 53), false},
		{udp6(1, 1000, 1, 53), udp6(1, 53, 1, 1000), true},
		{udp6(1, 1000, 2, 53), udp6(1, 1000, 3, 53), false},
		/* VLANs count, the EtherType of what has a network header does not */
		{with(make_udp(1, 1, 2, 2), 5, 0, 0, 0), with(make_udp(2, 2, 1, 1), 5, 0, 0, 0),
		 true},
		{with(make_udp(1, 1, 2, 2), 5, 0, 0, 0), with(make_udp(1, 1, 2, 2), 0, 5, 0, 0),
		 false},
		{with(make_udp(1, 1, 2, 2), 5, 6, 0, 0), with(make_udp(1, 1, 2, 2), 6, 5, 0, 0),
		 false},
		{with(make_udp(1, 1, 2, 2), 0, 0, 0, 0x800), with(make_udp(2, 2, 1, 1), 0, 0, 0, 0),
		 true},
		/* tunnel ids count; the source port of VXLAN does not, its direction neither */
		{vxlan(1, 50000, 2, 7), vxlan(1, 50001, 2, 7), true},
		{vxlan(1, 50000, 2, 7), vxlan(2, 50001, 1, 7), true},
		{vxlan(1, 50000, 2, 7), vxlan(1, 50000, 2, 8), false},
		{vxlan(1, 50000, 2, 0), make_udp(1, 50000, 2, 4789), false},
		/* ICMP: request and reply are one, by identifier and kind; others by type and code
		 */
		{icmp(1, 1, 2, 8, 0, 7), icmp(1, 2, 1, 0, 0, 7), true},
		{icmp(1, 1, 2, 8, 0, 7), icmp(1, 2, 1, 0, 0, 8), false},
		{icmp(1, 1, 2, 8, 0, 7), icmp(1, 1, 2, 8, 1, 7), true},
		{icmp(1, 1, 2, 8, 0, 7), icmp(1, 2, 1, 14, 0, 7), false},
		{icmp(1, 1, 2, 13, 0, 7), icmp(1, 2, 1, 14, 0, 7), true},
		{icmp(1, 1, 2, 3, 1, 0), icmp(1, 1, 2, 3, 3, 0), false},
		{icmp(1, 1, 2, 3, 1, 0), icmp(1, 2, 1, 3, 1, 0), true},
		{icmp(58, 1, 2, 128, 0, 7), icmp(58, 2, 1, 129, 0, 7), true},
		{icmp(58, 1, 2, 128, 0, 7), icmp(1, 2, 1, 129, 0, 7), false},
		{icmp(58, 1, 2, 135, 0, 0), icmp(58, 2, 1, 136, 0, 0), true},
		/* without addresses of the network: MACs and EtherType */
		{mac(1, 2, 0x88cc), mac(2, 1, 0x88cc), true},
		{mac(1, 2, 0x88cc), mac(1, 2, 0x88cd), false},
		{mac(1, 2, 0x88cc), mac(1, 3, 0x88cc), false},
		{proto(make_ip4(0, 1, 2), 89), proto(make_ip4(0, 2, 1), 89), true},
		{proto(make_ip4(0, 1, 2), 89), proto(make_ip4(0, 1, 2), 88), false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct flow_full_key a, b;

		key(&a, &cases[i].a, 0xa5);
		key(&b, &cases[i].b, 0x5a);
		if ((memcmp(&a, &b, sizeof(a)) == 0) != cases[i].same)
			fail_msg("case %zu", i);
	}
}

/* The ends in the order of their address bytes, then port, and which of them is the source. */
static void ends(void **state)
{
	static const struct {
		uint8_t a;
		uint16_t sport;
		uint8_t b;
		uint16_t dport;
		bool swap;
	} cases[] = {
		{1, 2000, 2, 1000, false}, {2, 1000, 1, 2000, true},
		{1, 1000, 1, 2000, false}, {1, 2000, 1, 1000, true},
		{1, 1000, 1, 1000, false}, {0x7f, 1, 0x80, 1, false}, /* bytes have no sign */
		{0xff, 1, 0, 1, true},     {1, 0xff00, 1, 0x00ff, true},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct dec v4 = make_udp(cases[i].a, cases[i].sport, cases[i].b, cases[i].dport);
		struct dec v6 = udp6(cases[i].a, cases[i].sport, cases[i].b, cases[i].dport);
		struct flow_full_key k;
		bool swap = cases[i].swap;

		assert_int_equal(key(&k, &v4, 0xff), swap);
		assert_int_equal(k.key.lo[3], swap ? cases[i].b : cases[i].a);
		assert_int_equal(k.key.hi[3], swap ? cases[i].a : cases[i].b);
		assert_int_equal(k.key.lo_port, swap ? cases[i].dport : cases[i].sport);
		assert_int_equal(k.key.hi_port, swap ? cases[i].sport : cases[i].dport);

		assert_int_equal(key(&k, &v6, 0xff), swap);
		assert_int_equal(k.rest.lo[11], swap ? cases[i].b : cases[i].a);
		assert_int_equal(k.rest.hi[11], swap ? cases[i].a : cases[i].b);
		assert_int_equal(k.key.lo_port, swap ? cases[i].dport : cases[i].sport);
	}
}

static void fields(void **state)
{
	struct dec d = with(make_udp(1, 1000, 2, 53), 100, 200, 0x12345, 0x800);
	struct flow_full_key k;

	(void)state;
	key(&k, &d, 0xff);
	assert_memory_equal(k.key.lo, ((uint8_t[]){10, 0, 0, 1}), 4);
	assert_memory_equal(k.key.hi, ((uint8_t[]){10, 0, 0, 2}), 4);
	assert_int_equal(k.key.lo_port, 1000);
	assert_int_equal(k.key.hi_port, 53);
	assert_int_equal(k.key.tun_id, 0x12345);
	assert_int_equal(k.key.vlan[0], 100);
	assert_int_equal(k.key.vlan[1], 200);
	assert_int_equal(k.key.kind, DEC_IP4);
	assert_int_equal(k.key.proto, 17);
	assert_int_equal(k.key.link_proto, 0);
	assert_int_equal(k.key.iface, 3);
	assert_int_equal(k.key.parent, 9);

	d = icmp(1, 1, 2, 0, 0, 77);
	key(&k, &d, 0xff);
	assert_int_equal(k.key.lo_port, 77);
	assert_int_equal(k.key.hi_port, 77);
	/* the pair is named by the smaller type */
	assert_int_equal(k.key.tun_id, FLOW_KEY_ICMP);

	d = mac(1, 2, 0x88cc);
	key(&k, &d, 0xff);
	assert_int_equal(k.key.link_proto, 0x88cc);
	assert_int_equal(k.rest.lo[1], 1);
	assert_int_equal(k.rest.hi[1], 2);

	d = (struct dec){.kind = DEC_OPAQUE, .link_proto = 227};
	assert_false(key(&k, &d, 0xff));
	assert_int_equal(k.key.link_proto, 227);
	assert_int_equal(k.key.proto, 0);
}

/* RFC 792, RFC 950, RFC 1256, RFC 4443, RFC 2710, RFC 4861: both messages of a pair. */
static void icmp_kinds(void **state)
{
	static const struct {
		uint8_t proto, type, code;
		uint32_t want; /* without FLOW_KEY_ICMP */
	} cases[] = {
		{1, 8, 0, 0},
		{1, 0, 0, 0},
		{1, 13, 0, 13 << 8},
		{1, 14, 5, 13 << 8},
		{1, 15, 0, 15 << 8},
		{1, 16, 0, 15 << 8},
		{1, 17, 0, 17 << 8},
		{1, 18, 0, 17 << 8},
		{1, 3, 0, 3 << 8},
		{1, 3, 13, 3 << 8 | 13},
		{1, 11, 1, 11 << 8 | 1},
		{58, 128, 0, 128 << 8},
		{58, 129, 0, 128 << 8},
		{58, 133, 0, 133 << 8},
		{58, 134, 0, 133 << 8},
		{58, 135, 0, 135 << 8},
		{58, 136, 0, 135 << 8},
		{58, 1, 4, 1 << 8 | 4},
		{58, 2, 0, 2 << 8},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		if (flow_key_icmp(cases[i].proto, cases[i].type, cases[i].code) !=
		    (FLOW_KEY_ICMP | cases[i].want))
			fail_msg("protocol %u type %u code %u", cases[i].proto, cases[i].type,
				 cases[i].code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same),
		cmocka_unit_test(ends),
		cmocka_unit_test(fields),
		cmocka_unit_test(icmp_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
