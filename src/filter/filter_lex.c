#include "filter/filter_lex.h"

#include <string.h>

/* clang-format off */
/* pcap-filter(7), libpcap 1.10.  What a later libpcap adds counts as a name here, and filter.c
 * asks libpcap before it takes a name for a host's. */
static const char *const keywords[] = {
	"aarp", "action", "addr1", "addr2", "addr3", "addr4", "address1", "address2", "address3",
	"address4", "ah", "and", "arp", "atalk", "bcc", "broadcast", "byte", "carp", "clnp",
	"connectmsg", "csnp", "decnet", "dir", "direction", "dpc", "dst", "es-is", "esis", "esp",
	"ether", "fddi", "fisu", "gateway", "geneve", "greater", "hdpc", "hfisu", "hlssu", "hmsu",
	"hopc", "host", "hsio", "hsls", "icmp", "icmp6", "ifindex", "ifname", "igmp", "igrp", "iih",
	"ilmic", "inbound", "ip", "ip6", "ipx", "is-is", "isis", "iso", "l1", "l2", "lane", "lat",
	"len", "length", "less", "link", "llc", "lsp", "lssu", "lsu", "mask", "metac", "metaconnect",
	"mopdl", "moprc", "mpls", "msu", "multicast", "net", "netbeui", "not", "oam", "oamf4",
	"oamf4ec", "oamf4sc", "on", "opc", "or", "outbound", "pim", "port", "portrange", "ppp",
	"pppoed", "pppoes", "proto", "protochain", "psnp", "ra", "radio", "rarp", "reason", "rnr",
	"rset", "rulenum", "ruleset", "sc", "sca", "sctp", "sio", "slip", "sls", "snp", "src",
	"srnr", "stp", "subrulenum", "subtype", "ta", "tcp", "tr", "type", "udp", "vci", "vlan",
	"vpi", "vrrp", "wlan",
};

static const char *const number_names[] = {
	"icmptype", "icmpcode", "icmp-echoreply", "icmp-unreach", "icmp-sourcequench",
	"icmp-redirect", "icmp-echo", "icmp-routeradvert", "icmp-routersolicit", "icmp-timxceed",
	"icmp-paramprob", "icmp-tstamp", "icmp-tstampreply", "icmp-ireq", "icmp-ireqreply",
	"icmp-maskreq", "icmp-maskreply", "icmp6type", "icmp6code", "icmp6-destinationunreach",
	"icmp6-packettoobig", "icmp6-timeexceeded", "icmp6-parameterproblem", "icmp6-echo",
	"icmp6-echoreply", "icmp6-multicastlistenerquery", "icmp6-multicastlistenerreportv1",
	"icmp6-multicastlistenerdone", "icmp6-routersolicit", "icmp6-routeradvert",
	"icmp6-neighborsolicit", "icmp6-neighboradvert", "icmp6-redirect", "icmp6-routerrenum",
	"icmp6-nodeinformationquery", "icmp6-nodeinformationresponse",
	"icmp6-ineighbordiscoverysolicit", "icmp6-ineighbordiscoveryadvert",
	"icmp6-multicastlistenerreportv2", "icmp6-homeagentdiscoveryrequest",
	"icmp6-homeagentdiscoveryreply", "icmp6-mobileprefixsolicit", "icmp6-mobileprefixadvert",
	"icmp6-certpathsolicit", "icmp6-certpathadvert", "icmp6-multicastrouteradvert",
	"icmp6-multicastroutersolicit", "icmp6-multicastrouterterm", "tcpflags", "tcp-fin",
	"tcp-syn", "tcp-rst", "tcp-push", "tcp-ack", "tcp-urg", "tcp-ece", "tcp-cwr",
};
/* clang-format on */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool listed(const char *const *list, size_t n, const char *p, size_t len)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strncmp(list[i], p, len) == 0 && !list[i][len])
			return true;
	return false;
}

/* Not <ctype.h>: a locale has no say in the language. */
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Up to 'max' hex digits. */
static size_t hex_len(const char *p, size_t max)
{
	size_t n = 0;

	while (n < max && is_hex(p[n]))
		n++;
	return n;
}

static size_t number_len(const char *p)
{
	size_t n = 0;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && is_hex(p[2]))
		return 2 + hex_len(p + 2, SIZE_MAX);
	while (is_digit(p[n]))
		n++;
	return n;
}

/* "10.1", "10.1.2", "10.1.2.3"; '*parts' is how many numbers. */
static size_t dotted_len(const char *p, unsigned *parts)
{
	size_t len = number_len(p), more;

	for (*parts = len ? 1 : 0; len && *parts < 4 && p[len] == '.'; ++*parts) {
		more = number_len(p + len + 1);
		if (!more)
			break;
		len += 1 + more;
	}
	return len;
}

static size_t mac_len_with(const char *p, char sep, unsigned groups, size_t min, size_t max)
{
	size_t len = 0, digits;
	unsigned i;

	for (i = 0; i < groups; i++) {
		digits = hex_len(p + len, max);
		if (digits < min)
			return 0;
		len += digits;
		if (i + 1 < groups && p[len++] != sep)
			return 0;
	}
	return len;
}

static size_t mac_len(const char *p)
{
	static const char seps[] = ":-.";
	size_t best = hex_len(p, 12) == 12 ? 12 : 0, len, i;

	for (i = 0; i < 3; i++) {
		len = mac_len_with(p, seps[i], 6, 1, 2);
		best = len > best ? len : best;
	}
	len = mac_len_with(p, '.', 3, 4, 4);
	return len > best ? len : best;
}

/* "1:2:" and the like, which can only be an address that went wrong. */
static size_t broken_mac_len(const char *p)
{
	size_t len = 0, digits, groups = 0;

	while ((digits = hex_len(p + len, 2)) && p[len + digits] == ':') {
		len += digits;
		while (p[len] == ':')
			len++;
		groups++;
	}
	return groups >= 2 ? len : 0;
}

/* Whether exactly 'len' bytes have the shape of an IPv6 address. */
static bool is_ip6(const char *p, size_t len)
{
	unsigned groups = 0, parts;
	bool gap = false;
	size_t i = 0, n;

	if (len >= 2 && p[0] == ':' && p[1] == ':') {
		gap = true;
		i = 2;
	}
	while (i < len) {
		n = dotted_len(p + i, &parts);
		if (parts == 4 && i && i + n == len) /* an IPv4 address as the tail */
			return gap ? groups <= 5 : groups == 6;
		n = hex_len(p + i, 4);
		if (!n || i + n > len)
			return false;
		groups++;
		i += n;
		if (i == len)
			break;
		if (p[i++] != ':')
			return false;
		if (i < len && p[i] == ':') {
			if (gap)
				return false;
			gap = true;
			i++;
		} else if (i == len) {
			return false;
		}
	}
	return gap ? groups <= 7 : groups == 8;
}

#define IP6_TEXT_MAX 64 /* longer than any address that can be meant */

static size_t ip6_len(const char *p)
{
	size_t len = 0;

	while (len < IP6_TEXT_MAX && (is_hex(p[len]) || strchr(":.xX", p[len])) && p[len])
		len++;
	while (len && !is_ip6(p, len))
		len--;
	return len;
}

static size_t name_len(const char *p)
{
	size_t n = 0, len = 0;

	if (!is_alnum(p[0]))
		return 0;
	for (; is_alnum(p[n]) || p[n] == '-' || p[n] == '_' || p[n] == '.'; n++)
		if (is_alnum(p[n]) || p[n] == '.')
			len = n + 1;
	return len;
}

static size_t op_len(const char *p)
{
	static const char *const two[] = {">=", "<=", "!=", "==", "<<", ">>", "&&", "||"};
	size_t i;

	for (i = 0; i < COUNT(two); i++)
		if (strncmp(p, two[i], 2) == 0)
			return 2;
	return strchr("+-*/%:[]!<>()&|^=", *p) ? 1 : 0;
}

/* One character: libpcap's scanner goes by bytes, people do not. */
static size_t bad_len(const char *p)
{
	size_t n = 1;

	if (((unsigned char)p[0] & 0xc0) == 0xc0)
		while (n < 4 && ((unsigned char)p[n] & 0xc0) == 0x80)
			n++;
	return n;
}

/* The longest match wins, the earlier kind among equals: as flex does. */
static size_t cut(const char *p, enum ftok_kind *kind)
{
	size_t len = 0, n;
	unsigned parts;

#define TRY(length, k)                                                                             \
	do {                                                                                       \
		n = (length);                                                                      \
		if (n > len) {                                                                     \
			len = n;                                                                   \
			*kind = (k);                                                               \
		}                                                                                  \
	} while (0)

	TRY(op_len(p), FTOK_OP);
	if (*p == '$')
		TRY(hex_len(p + 1, 2) ? 1 + hex_len(p + 1, 2) : 0, FTOK_ADDRESS);
	TRY(mac_len(p), FTOK_ADDRESS);
	TRY(number_len(p), FTOK_NUMBER);
	TRY(dotted_len(p, &parts), FTOK_ADDRESS);
	TRY(ip6_len(p), FTOK_ADDRESS);
	TRY(broken_mac_len(p), FTOK_ADDRESS);
	TRY(name_len(p), FTOK_WORD);
	if (*p == '\\')
		TRY(1 + strcspn(p + 1, " !()\n\t"), FTOK_WORD);
	if (len == 1 && *p == '\\')
		len = 0;
#undef TRY

	if (!len) {
		*kind = FTOK_BAD;
		return bad_len(p);
	}
	if (*kind == FTOK_WORD && listed(keywords, COUNT(keywords), p, len))
		*kind = FTOK_KEYWORD;
	else if (*kind == FTOK_WORD && listed(number_names, COUNT(number_names), p, len))
		*kind = FTOK_NUMBER;
	return len;
}

bool ftok_next(const char *text, size_t *pos, struct ftok *ret)
{
	size_t at = *pos + strspn(text + *pos, " \r\n\t");

	*pos = at;
	if (!text[at])
		return false;
	ret->off = (uint32_t)at;
	ret->len = (uint32_t)cut(text + at, &ret->kind);
	*pos = at + ret->len;
	return true;
}

bool ftok_is(const char *text, const struct ftok *t, const char *word)
{
	return strlen(word) == t->len && memcmp(text + t->off, word, t->len) == 0;
}

unsigned text_column(const char *text, size_t off)
{
	unsigned column = 1;
	size_t i;

	for (i = 0; i < off; i++)
		column += ((unsigned char)text[i] & 0xc0) != 0x80;
	return column;
}
