/* A folder of captures and a file as two sources of the same rows and packets. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ql/ql_src_ops.h"
#include "run/dir.h"
#include "run_make.h"
#include "store_make.h"

#define SEC INT64_C(1000000000)

#define TOUR SOURCE_ROOT "/tests/data/tour.pcap"

static char dir[64]; /* of the program; removed in the end */

/* A new store in the program's folder.  Returns its path. */
static inline const char *new_store(char spec[128])
{
	static int n;

	snprintf(spec, 128, "local:%s/%d", dir, ++n);
	return spec + strlen("local:");
}

struct row {
	uint8_t uuid[16];
	uint64_t hash, serial, packets, raw;
	uint64_t field[FLOW_N_FIELDS]; /* hashes; 0: absent */
	int64_t start;
};

struct rows {
	struct row *v;
	size_t n;
	/* Fields that differ for good reason: how a flow ended that was not seen to, and what is
	 * new since the version before. */
	bool skip_raw, skip_finish, skip_updates;
};

static inline bool is_skipped(const struct rows *t, size_t field)
{
	return field == FLOW_drops_during || (t->skip_raw && field == FLOW_raw_packets) ||
	       (t->skip_finish && field == FLOW_finish) ||
	       (t->skip_updates && field >= FLOW_last_update_ab_packets &&
		field <= FLOW_last_update_last);
}

static inline int take_rows(void *arg, const struct batch *b)
{
	struct rows *t = arg;
	union val v;
	size_t i, f;

	t->v = realloc(t->v, (t->n + b->n) * sizeof(*t->v));
	for (i = 0; i < b->n; i++) {
		struct row *r = &t->v[t->n++];

		*r = (struct row){.serial = b->serial[i]};
		memcpy(r->uuid, b->cols[FLOW_uuid]->v.id[i], 16);
		r->start = b->cols[FLOW_start]->v.i64[i];
		r->packets =
			b->cols[FLOW_ab_packets]->v.u64[i] + b->cols[FLOW_ba_packets]->v.u64[i];
		r->raw = b->cols[FLOW_raw_packets]->v.u64[i];
		for (f = 0; f < FLOW_N_FIELDS; f++) {
			if (is_skipped(t, f) || !col_get(b->cols[f], i, &v))
				continue;
			r->field[f] = val_hash(b->cols[f]->type, &v) | 1;
			r->hash = r->hash * 31 + f + r->field[f];
		}
	}
	return 0;
}

static inline int by_uuid(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int c = memcmp(x->uuid, y->uuid, 16);

	return c ? c : (x->serial > y->serial) - (x->serial < y->serial);
}

static inline void scan(struct ql_src *s, int64_t from, int64_t to, struct rows *ret)
{
	struct ql_scan req = {.from = from, .to = to, .packets = true};
	struct err err = {0};
	size_t f;

	for (f = 0; f < FLOW_N_FIELDS; f++)
		field_set_add(&req.want, f);
	if (s->ops->scan(s, &req, take_rows, ret, &err) < 0)
		fail_msg("%s", err.text);
}

struct one {
	int64_t ts;
	uint32_t len, caplen;
	uint64_t hash;
};

struct packets {
	struct one *v;
	size_t n, late; /* late: before the one before it */
	size_t limit;   /* enough; 0: all */
};

static inline int take_packet(void *arg, const struct pkt *p, uint64_t serial)
{
	struct packets *t = arg;
	uint64_t h = p->linktype * 31u + p->dir;
	uint32_t i;

	(void)serial;
	if (!(t->n & (t->n - 1)))
		t->v = realloc(t->v, (t->n ? 2 * t->n : 1) * sizeof(*t->v));
	for (i = 0; i < p->caplen; i++)
		h = h * 1099511628211u + p->data[i];
	t->late += t->n && t->v[t->n - 1].ts > p->ts;
	t->v[t->n++] = (struct one){p->ts, p->len, p->caplen, h};
	return t->limit && t->n == t->limit;
}

static inline void packets_of(struct ql_src *s, const uint64_t *serials, size_t n,
			      const char *filter, struct packets *ret)
{
	struct err err = {0};

	if (s->ops->packets(s, serials, n, INT64_MIN, INT64_MAX, filter, take_packet, ret, &err) <
	    0)
		fail_msg("%s", err.text);
}

static inline struct run_files *open_files(const char *path)
{
	const struct run_input in = {
		.paths = &path,
		.n_paths = 1,
		.from = INT64_MIN,
		.to = INT64_MAX,
		.threads = 1,
		.flow = {.idle = FLOW_IDLE_DEFAULT,
			 .hold = FLOW_HOLD_DEFAULT,
			 .max_memory = UINT64_C(64) << 20},
	};
	struct run_files *r;
	struct err err;

	if (run_files_new(&r, &in, &err) < 0)
		fail_msg("%s", err.text);
	return r;
}

static inline struct run_dir *open_dir(const char *path)
{
	const struct run_dir_input in = {
		.path = path, .from = INT64_MIN, .to = INT64_MAX, .max_memory = 64 << 20};
	struct run_dir *d;
	struct err err;

	if (run_dir_new(&d, &in, &err) < 0)
		fail_msg("%s", err.text);
	return d;
}

static inline int by_serial(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static inline void print_notes(const struct run_stats *s)
{
	size_t i;

	for (i = 0; i < s->n_notes; i++)
		print_message("note: %s\n", s->notes[i].text);
}

/* Whether a note of the last query has this in it. */
static inline bool has_note(struct run_dir *d, const char *part)
{
	const struct run_stats *s = run_dir_stats(d);
	size_t i;

	for (i = 0; i < s->n_notes; i++)
		if (strstr(s->notes[i].text, part))
			return true;
	return false;
}

static inline void all_serials(const struct rows *r, uint64_t *to)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		to[i] = r->v[i].serial;
	qsort(to, r->n, sizeof(*to), by_serial);
}

static inline int by_packet(const void *a, const void *b)
{
	const struct one *x = a, *y = b;

	if (x->ts != y->ts)
		return x->ts < y->ts ? -1 : 1;
	return (x->hash > y->hash) - (x->hash < y->hash);
}

/* Packets of one time may come in another order where several streams give them. */
static inline void same_packets(const struct packets *a, const struct packets *b, bool sorted)
{
	size_t i;

	assert_int_equal(a->n, b->n);
	if (sorted && a->n) {
		qsort(a->v, a->n, sizeof(*a->v), by_packet);
		qsort(b->v, b->n, sizeof(*b->v), by_packet);
	}
	for (i = 0; i < a->n; i++)
		assert_memory_equal(&a->v[i], &b->v[i], sizeof(*a->v));
}

struct compare {
	const char *path;
	const char *store;
	size_t flows; /* looked at one by one, at most */
	bool skip_raw, skip_finish, skip_updates, sorted;
};

static inline void same_fields(const struct row *a, const struct row *b)
{
	size_t f;

	for (f = 0; f < FLOW_N_FIELDS; f++)
		if (a->field[f] != b->field[f])
			print_message("%s differs\n", flow_schema()->fields[f].name);
	assert_true(a->hash == b->hash);
}

/* Rows, all packets, and the packets of single flows. */
static inline void compare(const struct compare *c)
{
	struct run_files *f = open_files(c->path);
	struct run_dir *d = open_dir(c->store);
	struct rows a = {.skip_raw = c->skip_raw,
			 .skip_finish = c->skip_finish,
			 .skip_updates = c->skip_updates};
	struct rows b = a;
	struct packets x = {0}, y = {0};
	uint64_t *s;
	size_t i, step;

	scan(run_files_ql(f), INT64_MIN, INT64_MAX, &a);
	scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &b);
	for (i = 1; i < b.n; i++)
		assert_true(b.v[i - 1].start <= b.v[i].start);
	assert_int_equal(a.n, b.n);
	qsort(a.v, a.n, sizeof(*a.v), by_uuid);
	qsort(b.v, b.n, sizeof(*b.v), by_uuid);
	for (i = 0; i < a.n; i++) {
		assert_memory_equal(a.v[i].uuid, b.v[i].uuid, 16);
		same_fields(&a.v[i], &b.v[i]);
	}
	s = calloc(a.n + 1, sizeof(*s));
	all_serials(&a, s);
	packets_of(run_files_ql(f), s, a.n, NULL, &x);
	all_serials(&b, s);
	packets_of(run_dir_ql(d), s, b.n, NULL, &y);
	assert_int_equal(y.late, 0);
	if (x.n != y.n)
		print_notes(run_dir_stats(d));
	same_packets(&x, &y, c->sorted);
	step = c->flows && a.n > c->flows ? a.n / c->flows : 1;
	for (i = 0; i < a.n; i += step) {
		x.n = y.n = 0;
		packets_of(run_files_ql(f), &a.v[i].serial, 1, NULL, &x);
		packets_of(run_dir_ql(d), &b.v[i].serial, 1, NULL, &y);
		same_packets(&x, &y, c->sorted);
		/* a frame that is cut in a file of several sections counts, too */
		assert_true(x.n >= 1);
	}
	free(s);
	free(a.v);
	free(b.v);
	free(x.v);
	free(y.v);
	run_dir_free(d);
	run_files_free(f);
}

static inline bool has_remark(struct run_dir *d, const char *part)
{
	const struct run_note *v;
	size_t n, i;

	v = run_dir_remarks(d, &n);
	for (i = 0; i < n; i++)
		if (strstr(v[i].text, part))
			return true;
	return false;
}

static inline int run_all(const struct CMUnitTest *tests, size_t n)
{
	if (!dir_make(dir))
		return 1;
	return dir_remove(dir, _cmocka_run_group_tests("dir", tests, n, NULL, NULL));
}

#define RUN_ALL(tests) run_all(tests, sizeof(tests) / sizeof((tests)[0]))
