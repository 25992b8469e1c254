/* The contract between store.c and the backends.  Included by store*.c only. */
#pragma once

#include "base/batch.h"
#include "store/lost.h"
#include "store/store.h"

struct store_ops {
	const char *scheme; /* "local" in "local:..."; unique in store_all[] */

	/* 'arg' is the text after the colon; 'conf' has its defaults filled in.  On failure:
	 * -errno, 'err' set, '*ret' untouched, nothing left open. */
	int (*open)(struct store **ret, const char *arg, const struct store_conf *conf,
		    struct err *err);

	/* As store_stream_new(); 'capture' has been checked.  Leaves 'st' to be filled in by
	 * store.c but for its ops. */
	int (*stream_new)(struct store *s, const char *capture, unsigned shard, int64_t now,
			  struct store_stream **ret, struct err *err);

	/* As store_unremoved(); '*ret' is zero.  NULL: there are none. */
	void (*unremoved)(struct store *s, struct store_unremoved *ret);

	void (*free)(struct store *s); /* never called with NULL */
};

/* Called from the stream's thread. */
struct store_stream_ops {
	/* As store_iface(), without the number: st->n_ifaces is the new one's. */
	int (*iface)(struct store_stream *st, const struct store_iface *i, struct err *err);

	/* Keeps one packet of an interface that was described, 'p->caplen' bytes of it.
	 * 0; STORE_WHY_LIMIT or STORE_WHY_DISK: not kept; -ENOMEM. */
	int (*packet)(struct store_stream *st, const struct pkt *p, const struct flow_ref *refs,
		      uint32_t n);

	/* As store_rows(); 'raw_missing' is set.  Adds to st->rows or st->rows_dropped. */
	int (*rows)(struct store_stream *st, const struct batch *b, struct err *err);

	int (*gap)(struct store_stream *st, uint32_t iface, int64_t from, int64_t to,
		   enum store_why why, uint64_t count, struct err *err);
	int (*clock)(struct store_stream *st, const struct clock_state *state, const char *source,
		     struct err *err);
	int (*tick)(struct store_stream *st, int64_t now, struct err *err);
	int (*finish)(struct store_stream *st, int64_t now, const struct iface_stats *stats,
		      size_t n, struct err *err);

	/* Fills in what store.c does not know: bytes, failed, text. */
	void (*stats)(const struct store_stream *st, struct store_stream_stats *ret);

	void (*free)(struct store_stream *st); /* never called with NULL */
};

extern const struct store_ops store_local, store_mem;

struct store {
	const struct store_ops *ops;
	struct store_conf conf; /* texts are the backend's business */
};

struct store_stream {
	const struct store_stream_ops *ops;
	struct store *store;
	uint32_t n_ifaces;
	uint16_t *linktypes;         /* of each interface; owned by store.c, as all below */
	struct store_counts *counts; /* of each interface */
	struct lost lost;            /* packets of each flow that were not kept */
	uint64_t rows, rows_dropped;
	struct batch rows_out; /* a batch with 'raw_missing' of its own */
	struct col missing;
};

/* A packet that packet() took turned out to be lost, and one of a flow. */
void store_stream_lost(struct store_stream *st, uint32_t iface, uint32_t caplen,
		       enum store_why why);
int store_stream_lost_of(struct store_stream *st, uint64_t serial); /* 0 or -ENOMEM */
