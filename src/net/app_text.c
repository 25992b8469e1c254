#include "net/app_rec.h"

#include <strings.h>

#define LINE_MAX_SEEN 4096 /* a start line longer than this counts as cut */
#define METHOD_MAX    20

struct word {
	const uint8_t *p;
	uint32_t len;
};

#define WORD_IS(w, lit) ((w).len == sizeof(lit) - 1 && memcmp((w).p, (lit), sizeof(lit) - 1) == 0)
#define WORD_STARTS(w, lit)                                                                        \
	((w).len >= sizeof(lit) - 1 && memcmp((w).p, (lit), sizeof(lit) - 1) == 0)

/* The line at 'off' without its end; false when its end is not there. */
static bool line_at(const struct pay *y, uint32_t off, struct word *ret)
{
	uint32_t max = y->len - off < LINE_MAX_SEEN ? y->len - off : LINE_MAX_SEEN;
	const uint8_t *p = y->p + off, *lf = memchr(p, '\n', max);

	ret->p = p;
	ret->len = lf ? (uint32_t)(lf - p) : max;
	if (lf && ret->len && p[ret->len - 1] == '\r')
		ret->len--;
	return lf != NULL;
}

static bool no_controls(struct word w)
{
	uint32_t i;

	for (i = 0; i < w.len; i++)
		if ((w.p[i] < 0x20 && w.p[i] != '\t') || w.p[i] == 0x7f)
			return false;
	return true;
}

/* The name in a "Host:" field (RFC 9110 7.2), without the port. */
static void http_host(const struct pay *y, uint32_t off, struct app_info *info)
{
	struct word line;

	while (off < y->len && line_at(y, off, &line) && line.len) {
		uint32_t i;

		off = (uint32_t)(line.p - y->p) + line.len;
		off += pay_u8(y, off) == '\r' ? 2 : 1;
		if (line.len < 6 || strncasecmp((const char *)line.p, "host:", 5) != 0)
			continue;
		line.p += 5;
		line.len -= 5;
		while (line.len && (line.p[0] == ' ' || line.p[0] == '\t')) {
			line.p++;
			line.len--;
		}
		while (line.len && line.p[line.len - 1] == ' ')
			line.len--;
		for (i = line.len; i && is_digit(line.p[i - 1]); i--)
			;
		if (i && line.p[i - 1] == ':')
			line.len = i - 1;
		for (i = 0; i < line.len; i++)
			if (line.p[i] <= 0x20 || line.p[i] >= 0x7f)
				return;
		if (line.len && line.len <= UINT8_MAX) {
			info->name = line.p;
			info->name_len = (uint8_t)line.len;
		}
		return;
	}
}

/* "HTTP/1.1 200", and its relatives. */
static enum app status_line(const struct pay *y, bool udp)
{
	enum app app;
	uint32_t at;

	if (PAY_IS(y, 0, "HTTP/1.")) {
		app = udp ? APP_SSDP : APP_HTTP; /* over UDP: UPnP 2.0 1.3.3 */
		at = 8;
	} else if (PAY_IS(y, 0, "SIP/2.0")) {
		app = APP_SIP;
		at = 7;
	} else if (PAY_IS(y, 0, "RTSP/1.0") || PAY_IS(y, 0, "RTSP/2.0")) {
		app = APP_RTSP;
		at = 8;
	} else {
		return APP_NONE;
	}
	if (!pay_has(y, at, 4) || pay_u8(y, at) != ' ' || !is_digit(pay_u8(y, at + 1)) ||
	    !is_digit(pay_u8(y, at + 2)) || !is_digit(pay_u8(y, at + 3)))
		return APP_NONE;
	return app;
}

/* A request line whose end is not there: the method must be a known one and
 * the target must begin like one. */
static enum app cut_request(struct word method, struct word target, bool udp)
{
	static const char http[][10] = {"GET",     "POST",    "HEAD",   "PUT",      "DELETE",
					"OPTIONS", "CONNECT", "PATCH",  "PROPFIND", "REPORT",
					"MKCOL",   "LOCK",    "SEARCH", "COPY",     "MOVE"};
	static const char sip[][10] = {"INVITE", "REGISTER",  "OPTIONS", "ACK",     "BYE",
				       "CANCEL", "SUBSCRIBE", "NOTIFY",  "MESSAGE", "PUBLISH",
				       "INFO",   "PRACK",     "UPDATE",  "REFER"};
	size_t i;

	if (WORD_STARTS(target, "rtsp://"))
		return APP_RTSP;
	if (WORD_STARTS(target, "sip:") || WORD_STARTS(target, "sips:") ||
	    WORD_STARTS(target, "tel:")) {
		for (i = 0; i < sizeof(sip) / sizeof(sip[0]); i++)
			if (strlen(sip[i]) == method.len &&
			    memcmp(sip[i], method.p, method.len) == 0)
				return APP_SIP;
		return APP_NONE;
	}
	if (udp || !target.len || (target.p[0] != '/' && !WORD_STARTS(target, "http")))
		return APP_NONE;
	for (i = 0; i < sizeof(http) / sizeof(http[0]); i++)
		if (strlen(http[i]) == method.len && memcmp(http[i], method.p, method.len) == 0)
			return APP_HTTP;
	return APP_NONE;
}

/* METHOD target PROTOCOL/version: RFC 9112 3, RFC 3261 7.1, RFC 7826 4.2,
 * RFC 3435 3.2.1 (verb transaction endpoint "MGCP 1.0"). */
static enum app request_line(const struct pay *y, bool udp, struct app_info *info)
{
	struct word line, method, target, version;
	bool whole;
	uint32_t i;

	for (i = 0; i < METHOD_MAX && i < y->len; i++)
		if ((pay_u8(y, i) < 'A' || pay_u8(y, i) > 'Z') && pay_u8(y, i) != '-' &&
		    pay_u8(y, i) != '_')
			break;
	if (i < 3 || pay_u8(y, i) != ' ')
		return APP_NONE;
	whole = line_at(y, 0, &line);
	if (!no_controls(line))
		return APP_NONE;
	method = (struct word){line.p, i};
	target = (struct word){line.p + i + 1, line.len - i - 1};
	if (!whole)
		return cut_request(method, target, udp);

	for (i = line.len; i && line.p[i - 1] != ' '; i--)
		;
	version = (struct word){line.p + i, line.len - i};
	if (i <= method.len + 1)
		return APP_NONE;
	if (WORD_STARTS(version, "HTTP/1.") && version.len == 8 && is_digit(version.p[7])) {
		if (udp)
			return APP_SSDP;
		if (info)
			http_host(y,
				  (uint32_t)(line.p - y->p) + line.len +
					  (pay_u8(y, line.len) == '\r' ? 2 : 1),
				  info);
		return APP_HTTP;
	}
	if (WORD_IS(version, "HTTP/2.0") && WORD_IS(method, "PRI"))
		return APP_HTTP2; /* RFC 9113 3.4 */
	if (WORD_IS(version, "SIP/2.0"))
		return APP_SIP;
	if (WORD_IS(version, "RTSP/1.0") || WORD_IS(version, "RTSP/2.0"))
		return APP_RTSP;
	if (WORD_IS(version, "1.0") && i >= 5 && memcmp(line.p + i - 5, "MGCP ", 5) == 0)
		return APP_MGCP;
	return APP_NONE;
}

/* "<PRI>" with a month (RFC 3164 4.1) or version 1 (RFC 5424 6), or just text
 * on its port. */
static bool syslog_line(const struct pay *y)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	unsigned pri = 0;
	struct word rest;
	uint32_t i;

	for (i = 1; i < 4 && is_digit(pay_u8(y, i)); i++)
		pri = pri * 10 + pay_u8(y, i) - '0';
	if (i == 1 || pay_u8(y, i) != '>' || pri > 191 || !pay_has(y, i + 1, 4))
		return false;
	rest = (struct word){y->p + i + 1, 4};
	if (rest.p[0] == '1' && rest.p[1] == ' ')
		return no_controls(rest);
	if (rest.p[3] == ' ')
		for (i = 0; i < sizeof(months) - 1; i += 3)
			if (memcmp(months + i, rest.p, 3) == 0)
				return true;
	return pay_port(y, 514) && no_controls(rest);
}

/* XMPP (RFC 6120 4.7), NETCONF (RFC 6242 3.1), or no XML that is known here. */
static enum app xml_text(const struct pay *y)
{
	if (PAY_IS(y, 0, "<stream:stream"))
		return APP_XMPP;
	if (!PAY_IS(y, 0, "<?xml "))
		return APP_NONE;
	if (PAY_FINDS(y, 512, "<stream:stream") || PAY_FINDS(y, 512, "<stream:error"))
		return APP_XMPP;
	if (PAY_FINDS(y, 512, "urn:ietf:params:xml:ns:netconf:base"))
		return APP_NETCONF;
	return APP_NONE;
}

/* RESP arrays of bulk strings, as clients send them: "*2\r\n$4\r\n". */
static bool redis_array(const struct pay *y)
{
	uint32_t i = 1;

	while (i < 8 && is_digit(pay_u8(y, i)))
		i++;
	return i > 1 && PAY_IS(y, i, "\r\n$") && is_digit(pay_u8(y, i + 3));
}

static bool is_hex(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* git protocol: pkt-line with four hexadecimal digits. */
static bool git_request(const struct pay *y)
{
	uint32_t i;

	for (i = 0; i < 4; i++)
		if (!is_hex(pay_u8(y, i)))
			return false;
	return PAY_IS(y, 4, "git-upload-pack ") || PAY_IS(y, 4, "git-receive-pack ") ||
	       PAY_IS(y, 4, "git-upload-archive ");
}

static enum app banner(const struct pay *y)
{
	switch (y->p[0]) {
	case '@':
		return PAY_IS(y, 0, "@RSYNCD: ") ? APP_RSYNC : APP_NONE;
	case 'S': /* RFC 4253 4.2 */
		return PAY_IS(y, 0, "SSH-2.0-") || PAY_IS(y, 0, "SSH-1.") ? APP_SSH : APP_NONE;
	case 'R': /* RFC 6143 7.1.1 */
		return PAY_IS(y, 0, "RFB 00") && pay_u8(y, 7) == '.' && pay_u8(y, 11) == '\n'
			       ? APP_VNC
			       : APP_NONE;
	case 'I':
		return PAY_IS(y, 0, "INFO {\"") ? APP_NATS : APP_NONE;
	case 'C':
		if (PAY_IS(y, 0, "CONNECT {\""))
			return APP_NATS;
		return PAY_IS(y, 0, "CONNECTED\nversion:") ||
				       PAY_IS(y, 0, "CONNECT\naccept-version:") ||
				       PAY_IS(y, 0, "CONNECT\nlogin:") ||
				       PAY_IS(y, 0, "CONNECTED\nsession")
			       ? APP_STOMP
			       : APP_NONE;
	case 'G':
		return PAY_IS(y, 0, "GNUTELLA CONNECT/") || PAY_IS(y, 0, "GNUTELLA/") ? APP_GNUTELLA
										      : APP_NONE;
	case 'N':
		return PAY_IS(y, 0, "NBDMAGIC") ? APP_NBD : APP_NONE;
	case 'Z':
		return PAY_IS(y, 0, "ZBXD\1") ? APP_ZABBIX : APP_NONE;
	case '+':
		return PAY_IS(y, 0, "+PONG\r\n") ? APP_REDIS : APP_NONE;
	case '*':
		return redis_array(y) ? APP_REDIS : APP_NONE;
	case '-':
		return PAY_IS(y, 0, "-NOAUTH ") || PAY_IS(y, 0, "-WRONGTYPE ") ? APP_REDIS
									       : APP_NONE;
	case '(':
		return PAY_IS(y, 0, "( success ( ") ? APP_SVN : APP_NONE;
	case 0x13:
		return PAY_IS(y, 0,
			      "\x13"
			      "BitTorrent protocol")
			       ? APP_BITTORRENT
			       : APP_NONE;
	case '<':
		return syslog_line(y) ? APP_SYSLOG : xml_text(y);
	default:
		return is_digit(y->p[0]) || is_lower(y->p[0])
			       ? (git_request(y) ? APP_GIT : APP_NONE)
			       : APP_NONE;
	}
}

enum app text_tcp(const struct pay *y, struct app_info *info)
{
	enum app app = APP_NONE;

	if (y->p[0] >= 0x7f)
		return APP_NONE;
	if (is_upper(y->p[0])) {
		app = request_line(y, false, info);
		if (!app)
			app = status_line(y, false);
	}
	return app ? app : banner(y);
}

/* Mainline DHT, BEP 5: a dictionary whose first key is an argument, a reply, an
 * error or the query, with a node id of 20 bytes where there is one. */
static bool dht_message(const struct pay *y)
{
	return PAY_IS(y, 0, "d1:ad2:id20:") || PAY_IS(y, 0, "d1:rd2:id20:") ||
	       PAY_IS(y, 0, "d1:eli20") ||
	       (PAY_IS(y, 0, "d2:ip") && PAY_FINDS(y, 64, "1:rd2:id20:"));
}

enum app text_udp(const struct pay *y, struct app_info *info)
{
	switch (y->p[0]) {
	case '<':
		if (syslog_line(y))
			return APP_SYSLOG;
		return PAY_IS(y, 0, "<?xml ") &&
				       PAY_FINDS(y, 1024,
						 "schemas.xmlsoap.org/ws/2005/04/discovery")
			       ? APP_WSD
			       : APP_NONE;
	case 'd':
		return dht_message(y) ? APP_BITTORRENT : APP_NONE;
	case '{':
		return (PAY_IS(y, 0, "{\"host_int\": ") || PAY_IS(y, 0, "{\"version\": [")) &&
				       PAY_FINDS(y, 512, "\"host_int\": ")
			       ? APP_DROPBOX_LSP
			       : APP_NONE;
	default:
		break;
	}
	if (is_upper(y->p[0])) {
		enum app app = request_line(y, true, info);

		return app ? app : status_line(y, true);
	}
	return APP_NONE;
}
