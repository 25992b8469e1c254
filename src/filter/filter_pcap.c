/* The calls of libpcap: nothing else of it is used by filters. */
#include "filter/filter_pcap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "base/cleanup.h"

/* tcpdump.org/linktypes.html; 14 is what OpenBSD wrote for the same. */
#define LINKTYPE_RAW         101
#define LINKTYPE_RAW_OPENBSD 14

#define SNAPLEN 262144 /* what accepting returns; as tcpdump's default */

_Static_assert(FILTER_MSG_SIZE >= PCAP_ERRBUF_SIZE, "libpcap's messages fit");
_Static_assert(sizeof(struct cbpf_insn) == sizeof(struct bpf_insn), "one is copied to the other");
_Static_assert(offsetof(struct cbpf_insn, k) == offsetof(struct bpf_insn, k), "same layout");

static void pcap_closep(pcap_t **p)
{
	if (*p)
		pcap_close(*p);
}

/* An empty file: for a file, libpcap compiles for what frames hold and never for
 * what only a kernel knows of them. */
static pcap_t *open_link(const struct filter_link *link)
{
	struct pcap_file_header h = {
		.magic = 0xa1b2c3d4,
		.version_major = PCAP_VERSION_MAJOR,
		.version_minor = PCAP_VERSION_MINOR,
		.snaplen = SNAPLEN,
		.linktype = link->type == LINKTYPE_RAW_OPENBSD ? LINKTYPE_RAW : link->type,
	};
	CLEANUP(fclosep) FILE *f = NULL;
	char msg[PCAP_ERRBUF_SIZE];
	pcap_t *p;

	if (link->swapped) {
		h.magic = __builtin_bswap32(h.magic);
		h.version_major = __builtin_bswap16(h.version_major);
		h.version_minor = __builtin_bswap16(h.version_minor);
		h.snaplen = __builtin_bswap32(h.snaplen);
		h.linktype = __builtin_bswap32(h.linktype);
	}
	f = fmemopen(&h, sizeof(h), "r");
	if (!f)
		return NULL;
	p = pcap_fopen_offline(f, msg);
	if (p)
		TAKE_PTR(f); /* closed with it */
	return p;
}

int filter_pcap(const char *text, const struct filter_link *link, bool optimise,
		struct cbpf_insn **ret, size_t *ret_n, char msg[FILTER_MSG_SIZE])
{
	CLEANUP(pcap_closep) pcap_t *p = open_link(link);
	struct bpf_program prog;

	if (!p)
		return -ENOMEM;
	if (pcap_compile(p, &prog, text, optimise, PCAP_NETMASK_UNKNOWN) < 0) {
		snprintf(msg, FILTER_MSG_SIZE, "%s", pcap_geterr(p));
		return 0;
	}
	*ret = malloc(prog.bf_len * sizeof(**ret));
	*ret_n = prog.bf_len;
	if (*ret)
		memcpy(*ret, prog.bf_insns, prog.bf_len * sizeof(**ret));
	pcap_freecode(&prog);
	return *ret ? 1 : -ENOMEM;
}

const char *filter_link_name(const struct filter_link *link)
{
	CLEANUP(pcap_closep) pcap_t *p = open_link(link);

	return p ? pcap_datalink_val_to_description(pcap_datalink(p)) : NULL;
}
