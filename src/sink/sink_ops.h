/* The contract between sink.c and the backends.  Included by sink*.c only. */
#pragma once

#include "sink/sink.h"

struct sink_ops {
	const char *scheme; /* "file" in "file:..."; unique in sink_all[] */

	/* 'arg' is the text after the colon.  On failure: -errno, 'err' set,
	 * '*ret' untouched, nothing left open.  NULL: made by a call of its own. */
	int (*open)(struct sink **ret, const char *arg, const struct sink_conf *conf,
		    struct err *err);

	/* As sink_iface(), without the number: sink.c counts. */
	int (*iface)(struct sink *s, const struct sink_iface *i, struct err *err);

	/* As sink_send(); every 'iface' of the packets has been described, with the
	 * packet's link type.  Each that is not taken, or is found lost later, by whatever
	 * call, is told by sink_lost(). */
	int (*send)(struct sink *s, const struct pkt *pkts, size_t n, struct err *err);

	/* As sink_stats(); the interface has been described.  NULL: nowhere to put them. */
	int (*stats)(struct sink *s, const struct iface_stats *st, struct err *err);

	/* As sink_flush() and sink_finish(), which may block.  NULL: nothing to do. */
	int (*flush)(struct sink *s, struct err *err);
	int (*finish)(struct sink *s, struct err *err);

	/* As sink_trouble().  NULL: never any. */
	int (*trouble)(const struct sink *s, const char **ret_text);

	/* As sink_until().  NULL: it never waits. */
	void (*until)(struct sink *s, int64_t when);

	void (*free)(struct sink *s); /* never called with NULL */
};

extern const struct sink_ops sink_file;
extern const struct sink_ops sink_mem;

#define SINK_IFACES_MAX 65536

struct sink {
	const struct sink_ops *ops;
	uint32_t n_ifaces;
	uint16_t *linktypes;        /* of each interface; owned by sink.c, as is the next */
	struct sink_counts *counts; /* likewise; what was not told lost is kept */
	uint64_t inexact;
};

static inline void sink_lost(struct sink *s, uint32_t iface, uint32_t caplen)
{
	struct sink_counts *c = &s->counts[iface];

	c->kept--;
	c->kept_bytes -= caplen;
	c->lost++;
}
