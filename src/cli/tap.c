#include "cli/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/batch.h"
#include "base/vec.h"
#include "filter/where.h"

struct scan {
	struct tap *tap;
	ql_batch_fn fn;
	void *arg;
	struct err *err;
};

static int remember(struct tap *t, const struct batch *b)
{
	const struct col *c = b->cols[t->uuid];
	size_t i;

	if (!c)
		return 0;
	for (i = 0; i < b->n; i++) {
		if (!col_has(c, i))
			continue;
		if (vec_reserve(&t->ids, &t->max_ids, t->n_ids + 1, sizeof(*t->ids)) < 0)
			return -ENOMEM;
		t->ids[t->n_ids].serial = b->serial[i];
		memcpy(t->ids[t->n_ids++].uuid, c->v.id[i], 16);
	}
	return 0;
}

static void copy_col(struct col *to, const struct col *from, const uint64_t *sel, size_t n)
{
	size_t size = val_size(from->type), i, k = 0;

	for (i = 0; i < n; i++) {
		if (!(sel[i / 64] >> i % 64 & 1))
			continue;
		if (col_has(from, i)) {
			memcpy((char *)to->v.any + k * size, (const char *)from->v.any + i * size,
			       size);
			col_mark(to, k);
		}
		k++;
	}
}

/* The selected rows as a batch of their own; strings stay borrowed. */
static int keep(struct tap *t, const struct batch *b, const uint64_t *sel)
{
	size_t i, n = 0;

	if (!t->kept) {
		struct field_set have = {0};
		int r;

		for (i = 0; i < b->schema->n; i++)
			if (b->cols[i])
				field_set_add(&have, i);
		r = batch_new(&t->kept, b->schema, &have);
		if (r < 0)
			return r;
	}
	batch_clear(t->kept);
	for (i = 0; i < b->schema->n; i++)
		if (b->cols[i] && t->kept->cols[i])
			copy_col(t->kept->cols[i], b->cols[i], sel, b->n);
	for (i = 0; i < b->n; i++)
		if (sel[i / 64] >> i % 64 & 1)
			t->kept->serial[n++] = b->serial[i];
	t->kept->n = n;
	return 0;
}

static int on_batch(void *arg, const struct batch *b)
{
	struct scan *s = arg;
	struct tap *t = s->tap;
	uint64_t sel[BATCH_ROWS / 64];
	size_t i, n = 0;
	int r = 0;

	if (t->where) {
		for (i = 0; i < BATCH_ROWS / 64; i++)
			sel[i] = UINT64_MAX;
		if (b->n % 64)
			sel[b->n / 64] = (UINT64_C(1) << b->n % 64) - 1;
		for (i = (b->n + 63) / 64; i < BATCH_ROWS / 64; i++)
			sel[i] = 0;
		r = where_run(t->where, b, sel, s->err);
		if (r < 0)
			return err_wrap(s->err, r, "--where");
		for (i = 0; i < BATCH_ROWS / 64; i++)
			n += (size_t)__builtin_popcountll(sel[i]);
		if (!n)
			return 0;
		if (n < b->n) {
			r = keep(t, b, sel);
			b = t->kept;
		}
	}
	if (r == 0 && t->uuid >= 0)
		r = remember(t, b);
	if (r < 0)
		return err_set(s->err, r, "out of memory");
	return s->fn(s->arg, b);
}

static int by_serial(const void *a, const void *b)
{
	const struct tap_id *x = a, *y = b;

	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static int tap_scan(struct ql_src *src, const struct ql_scan *req, ql_batch_fn fn, void *arg,
		    struct err *err)
{
	struct tap *t = (struct tap *)src; /* 'src' is its first member */
	struct scan s = {t, fn, arg, err};
	struct ql_scan more = *req;
	int r;

	if (t->where) {
		where_fields(t->where, &more.want);
		more.hints = where_hints(t->where, req->hints);
		more.limit_hint = 0; /* who knows how many of them match */
	}
	if (t->uuid >= 0)
		field_set_add(&more.want, (size_t)t->uuid);
	t->n_ids = 0;
	batch_free(t->kept); /* the columns asked for may be others now */
	t->kept = NULL;

	if (!t->where && t->uuid < 0) /* nothing to look at: what takes the rows may take codes */
		return t->under->ops->scan(t->under, req, fn, arg, err);
	r = t->under->ops->scan(t->under, &more, on_batch, &s, err);
	if (t->n_ids)
		qsort(t->ids, t->n_ids, sizeof(*t->ids), by_serial);
	return r;
}

static int tap_packets(struct ql_src *src, const uint64_t *serials, size_t n, int64_t from,
		       int64_t to, const char *filter, ql_pkt_fn fn, void *arg, struct err *err)
{
	struct ql_src *under = ((struct tap *)src)->under;

	return under->ops->packets(under, serials, n, from, to, filter, fn, arg, err);
}

static int tap_now(struct ql_src *src, int64_t *ret_ts, struct err *err)
{
	struct ql_src *under = ((struct tap *)src)->under;

	return under->ops->now(under, ret_ts, err);
}

static const struct ql_src_ops with_packets = {tap_scan, tap_packets, tap_now};
static const struct ql_src_ops without_packets = {tap_scan, NULL, tap_now};

void tap_init(struct tap *t, struct ql_src *under, struct where *where, int uuid)
{
	*t = (struct tap){
		.src = {.ops = under->ops->packets ? &with_packets : &without_packets,
			.schema = under->schema,
			.by_start = under->by_start,
			.by_serial = under->by_serial},
		.under = under,
		.where = where,
		.uuid = uuid,
	};
}

void tap_done(struct tap *t)
{
	free(t->ids);
	batch_free(t->kept);
}

const uint8_t *tap_find(const struct tap *t, uint64_t serial)
{
	const struct tap_id key = {.serial = serial};
	const struct tap_id *id =
		t->n_ids ? bsearch(&key, t->ids, t->n_ids, sizeof(key), by_serial) : NULL;

	return id ? id->uuid : NULL;
}
