/* Input: link type (16 bits, little-endian), expression, 0, frame.
 *
 * No name of a host is ever looked up; what libpcap takes for Ethernet without a
 * look-up is taken; columns of errors lie in the text; the interpreter agrees
 * with libpcap's. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "filter/cbpf.h"
#include "filter/filter.h"
#include "filter/filter_lex.h"
#include "../filter/no_lookups.h"
#include "error_column.h"

#define TEXT_MAX 600 /* longer ones only take longer */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what, const char *expr)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_filter: %s: '%s'\n", what, expr);
	abort();
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
		require(error_is_sound(expr, &err),
			"no error text, or a column outside of the text", expr);
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
