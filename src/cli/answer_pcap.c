#include "cli/answer_pcap.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "run/dir.h"
#include "run/input.h"
#include "sink/sink.h"

#define IFACES_MAX (1 << 20) /* more are refused */

struct answer_pcap {
	struct sink *sink;
	const struct run_files *files;
	const struct run_dir *dir;
	struct out_iface {
		bool known;
		uint16_t linktype;
		uint32_t number; /* in the output */
	} * ifaces;              /* by the packets' numbers */
	size_t n_ifaces;
};

int answer_pcap_open(struct answer_pcap **ret, const char *path, int format,
		     const struct run_files *files, struct run_dir *dir, struct err *err)
{
	const struct sink_conf conf = {.format = (enum sink_format)format, .app = "trawl"};
	struct answer_pcap *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return err_set(err, -ENOMEM, "out of memory");
	a->files = files;
	a->dir = dir;
	r = sink_open(&a->sink, path, &conf, err);
	if (r < 0) {
		answer_pcap_free(a);
		return r;
	}
	*ret = a;
	return 0;
}

int answer_pcap_new(struct answer_pcap **ret, bool pcapng, const struct run_files *files,
		    struct run_dir *dir, struct err *err)
{
	return answer_pcap_open(ret, "-", pcapng ? SINK_PCAPNG : SINK_PCAP, files, dir, err);
}

void answer_pcap_free(struct answer_pcap *a)
{
	if (!a)
		return;
	sink_free(a->sink);
	free(a->ifaces);
	free(a);
}

static int make_room(struct answer_pcap *a, uint32_t iface, struct err *err)
{
	size_t n = a->n_ifaces ? a->n_ifaces : 4, i;
	struct out_iface *ifaces;

	if (iface >= IFACES_MAX)
		return err_set(err, -E2BIG, "more than %d interfaces", IFACES_MAX);
	while (n <= iface)
		n *= 2;
	ifaces = realloc(a->ifaces, n * sizeof(*ifaces));
	if (!ifaces)
		return err_set(err, -ENOMEM, "out of memory");
	for (i = a->n_ifaces; i < n; i++)
		ifaces[i] = (struct out_iface){0};
	a->ifaces = ifaces;
	a->n_ifaces = n;
	return 0;
}

static int add_iface(struct answer_pcap *a, const struct pkt *p, struct err *err)
{
	struct sink_iface si = {.linktype = p->linktype, .ticks_per_sec = 1000000000};
	const struct run_iface *known = NULL;
	size_t n = 0;
	int r;

	if (a->files)
		known = run_files_ifaces(a->files, &n);
	else if (a->dir)
		known = run_dir_ifaces(a->dir, &n);
	if (p->iface < n) {
		si.name = known[p->iface].name;
		si.descr = known[p->iface].descr;
		si.ticks_per_sec = known[p->iface].ticks_per_sec;
	}
	r = sink_iface(a->sink, &si, err);
	if (r < 0)
		return r;
	a->ifaces[p->iface] = (struct out_iface){true, p->linktype, (uint32_t)r};
	return 0;
}

int answer_pcap_add(struct answer_pcap *a, const struct pkt *p, struct err *err)
{
	struct pkt out = *p;
	int r = 0;

	if (p->iface >= a->n_ifaces)
		r = make_room(a, p->iface, err);
	if (r == 0 && (!a->ifaces[p->iface].known || a->ifaces[p->iface].linktype != p->linktype))
		r = add_iface(a, p, err);
	if (r < 0)
		return r;
	out.iface = a->ifaces[p->iface].number;
	return sink_send(a->sink, &out, 1, err);
}

int answer_pcap_end(struct answer_pcap *a, struct err *err)
{
	return sink_finish(a->sink, err);
}
