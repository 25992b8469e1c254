/* Input: link type (16 bits, little-endian), expression, 0, frame.
 *
 * No name of a host is ever looked up; what libpcap takes for Ethernet without a
 * look-up is taken; columns of errors lie in the text; the interpreter agrees
 * with libpcap's. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>

#include <pcap/pcap.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "filter/cbpf.h"
#include "filter/filter.h"
#include "filter/filter_lex.h"

#define TEXT_MAX 600 /* longer ones only take longer */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned lookups;

static void require(bool holds, const char *what, const char *expr)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_filter: %s: '%s'\n", what, expr);
	abort();
}

/* The resolver as libpcap sees it: services as usual, names of hosts never. */
int getaddrinfo(const char *restrict node, const char *restrict service,
		const struct addrinfo *restrict hints, struct addrinfo **restrict res)
{
	__typeof__(&getaddrinfo) real = (__typeof__(real))dlsym(RTLD_NEXT, "getaddrinfo");
	unsigned char addr[16];

	if (node && !(hints && hints->ai_flags & AI_NUMERICHOST) &&
	    inet_pton(AF_INET, node, addr) != 1 && inet_pton(AF_INET6, node, addr) != 1) {
		lookups++;
		return EAI_NONAME;
	}
	return real(node, service, hints, res);
}

int getnetbyname_r(const char *restrict name, struct netent *restrict buf, char *restrict mem,
		   size_t size, struct netent **restrict ret, int *restrict err)
{
	(void)name, (void)buf, (void)mem, (void)size;
	lookups++;
	*ret = NULL;
	*err = HOST_NOT_FOUND;
	return 0;
}

struct ether_addr;
int ether_hostton(const char *name, struct ether_addr *ret);

int ether_hostton(const char *name, struct ether_addr *ret)
{
	(void)name, (void)ret;
	lookups++;
	return -1;
}

/* Whether libpcap alone takes an expression for Ethernet frames of a file, and
 * asked nobody. */
static bool libpcap_takes(const char *expr)
{
	struct pcap_file_header h = {0xa1b2c3d4, 2, 4, 0, 0, 262144, 1};
	char msg[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_fopen_offline(fmemopen(&h, sizeof(h), "r"), msg);
	struct bpf_program prog;
	bool taken;

	lookups = 0;
	taken = pcap_compile(p, &prog, expr, 0, PCAP_NETMASK_UNKNOWN) == 0;
	if (taken)
		pcap_freecode(&prog);
	else if (strstr(pcap_geterr(p), "rejects all"))
		taken = true;
	pcap_close(p);
	taken = taken && lookups == 0;
	lookups = 0;
	return taken;
}

static void check_error(const char *expr, const struct err *err)
{
	const char *column = NULL, *p;
	unsigned n;

	require(err->text[0], "no error text", expr);
	for (p = err->text; (p = strstr(p, "(column ")); p++) /* the text may quote another */
		column = p;
	if (!column)
		return;
	n = (unsigned)strtoul(column + 8, NULL, 10);
	require(n >= 1 && n <= text_column(expr, strlen(expr)), "column outside of the text", expr);
}

static void run(struct filter *f, uint16_t linktype, const uint8_t *frame, uint32_t size)
{
	const struct cbpf_insn *code;
	uint32_t cut;
	size_t n;

	filter_match(f, linktype, frame, size, size);
	code = filter_code(f, linktype, &n);
	/* loopback is matched in both byte orders; libpcap 1.10.3 does not clear its memory */
	if (!code || linktype == 0 || linktype == 109 || cbpf_check(code, n, CBPF_LOOPS, NULL) < 0)
		return;
	for (cut = size > 80 ? size - 80 : 0; cut <= size; cut++)
		require(filter_match(f, linktype, frame, cut, size) ==
				(bpf_filter((const struct bpf_insn *)code, frame, size, cut) != 0),
			"libpcap's interpreter differs", filter_text(f));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(filter_freep) struct filter *f = NULL;
	const uint8_t *end;
	struct err err = {0};
	const char *expr;
	bool taken;

	if (size < 3 || size > UINT16_MAX)
		return 0;
	expr = (const char *)data + 2;
	end = memchr(expr, '\0', size - 2);
	if (!end || strlen(expr) > TEXT_MAX)
		return 0;
	end++;

	taken = libpcap_takes(expr);
	if (filter_new(&f, expr, &err) < 0) {
		check_error(expr, &err);
		/* these libpcap takes on a system without IPv6 only, or as false */
		require(!taken || strstr(err.text, "match no packet") ||
				strstr(err.text, "gateway") || strstr(err.text, "kernel knows") ||
				strstr(err.text, "names without") || strstr(err.text, "shift by"),
			err.text, expr);
	} else {
		run(f, le16_load(data), end, (uint32_t)(size - (size_t)(end - data)));
	}
	require(lookups == 0, "a name was looked up", expr);
	return 0;
}
