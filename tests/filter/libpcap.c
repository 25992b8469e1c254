#include "libpcap.h"

#include <stdio.h>
#include <stdlib.h>

#include <pcap/pcap.h>

#define SNAPLEN 262144

struct libpcap {
	struct bpf_program prog;
};

struct libpcap *libpcap_new(const char *expr, uint16_t linktype, char msg[static 256])
{
	struct pcap_file_header h = {
		.magic = 0xa1b2c3d4,
		.version_major = PCAP_VERSION_MAJOR,
		.version_minor = PCAP_VERSION_MINOR,
		.snaplen = SNAPLEN,
		.linktype = linktype,
	};
	struct libpcap *p = calloc(1, sizeof(*p));
	FILE *f = fmemopen(&h, sizeof(h), "r");
	pcap_t *pcap;

	if (!p || !f)
		abort();
	pcap = pcap_fopen_offline(f, msg);
	if (!pcap) {
		fclose(f);
		free(p);
		return NULL;
	}
	if (pcap_compile(pcap, &p->prog, expr, 1, PCAP_NETMASK_UNKNOWN) < 0) {
		snprintf(msg, 256, "%s", pcap_geterr(pcap));
		free(p);
		p = NULL;
	}
	pcap_close(pcap);
	return p;
}

void libpcap_free(struct libpcap *p)
{
	if (p)
		pcap_freecode(&p->prog);
	free(p);
}

uint32_t libpcap_run(const struct libpcap *p, const uint8_t *data, uint32_t caplen, uint32_t len)
{
	struct pcap_pkthdr h = {.caplen = caplen, .len = len};

	return (uint32_t)pcap_offline_filter(&p->prog, &h, data);
}
