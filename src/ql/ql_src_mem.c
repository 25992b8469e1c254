#include "ql/ql_src_mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "filter/filter.h"
#include "ql/rows.h"
#include "ql/sort.h"

#define WORDS (BATCH_ROWS / 64)

struct mem_pkt {
	struct pkt pkt; /* 'data' is owned */
	uint64_t serial;
};

struct ql_src_mem {
	struct ql_src src; /* first, so that a ql_src can be cast back */
	struct ql_mem mem;
	struct ql_rows rows;
	struct mem_pkt *pkts; /* in time order */
	size_t n_pkts;
	int start, last; /* fields, or -1 */
	int64_t now;
	size_t step;
	unsigned flags;
	struct ql_scan scan;
};

static int find_time(const struct schema *s, const char *name)
{
	uint16_t f[SCHEMA_NAMES_MAX];

	if (schema_find(s, name, strlen(name), f) != 1 || s->fields[f[0]].type != VAL_TIME)
		return -1;
	return f[0];
}

/* Rows without a time are always met. */
static bool meets(const struct ql_src_mem *m, const struct ql_scan *req, size_t row)
{
	union val v;

	if (m->start >= 0 && ql_rows_get(&m->rows, (size_t)m->start, row, &v) && v.i64 > req->to)
		return false;
	if (m->last >= 0 && ql_rows_get(&m->rows, (size_t)m->last, row, &v) && v.i64 < req->from)
		return false;
	return true;
}

static bool wanted(const struct ql_src_mem *m, const struct ql_scan *req, size_t row)
{
	const struct batch *b = m->rows.chunks[row / BATCH_ROWS];

	if (!meets(m, req, row))
		return false;
	if (!(m->flags & QL_SRC_MEM_LAZY))
		return true;
	if (req->serials && !bsearch(&b->serial[row % BATCH_ROWS], req->serials, req->n_serials,
				     sizeof(*req->serials), vec_cmp_u64))
		return false;
	return hint_row(req->hints, b, row % BATCH_ROWS);
}

/* Gives every string memory of its own, so that its end is known too. */
static int copy_strings(struct batch *b, struct ql_arena *a)
{
	size_t f, i;
	int r;

	for (f = 0; f < b->schema->n; f++) {
		struct col *c = b->cols[f];

		for (i = 0; c && c->type == VAL_STR && i < b->n; i++) {
			if (!col_has(c, i))
				continue;
			r = ql_arena_copy(a, c->v.str[i].p, c->v.str[i].len, &c->v.str[i].p);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int give_copy(struct ql_src_mem *m, const uint32_t *idx, size_t n, ql_batch_fn fn, void *arg)
{
	struct ql_arena strings = {0};
	struct batch *b;
	int r;

	r = batch_new(&b, m->src.schema, &m->scan.want);
	if (r < 0)
		return r;
	ql_rows_gather(&m->rows, idx, n, b);
	r = copy_strings(b, &strings);
	if (r == 0)
		r = fn(arg, b);
	batch_free(b);
	ql_arena_done(&strings);
	return r;
}

static int give_chunk(struct ql_src_mem *m, size_t chunk, ql_batch_fn fn, void *arg)
{
	struct batch *b = m->rows.chunks[chunk];
	struct col *cols[SCHEMA_FIELDS_MAX] = {NULL};
	struct batch view = {b->schema, b->n, cols, b->serial};
	size_t f;

	for (f = 0; f < b->schema->n; f++)
		if (field_set_has(&m->scan.want, f))
			cols[f] = b->cols[f];
	return fn(arg, &view);
}

static int mem_scan(struct ql_src *s, const struct ql_scan *req, ql_batch_fn fn, void *arg,
		    struct err *err)
{
	struct ql_src_mem *m = (struct ql_src_mem *)s;
	bool all = req->from == INT64_MIN && req->to == INT64_MAX;
	uint64_t left =
		m->flags & QL_SRC_MEM_LAZY && req->limit_hint ? req->limit_hint : UINT64_MAX;
	uint32_t idx[BATCH_ROWS];
	size_t i, n = 0;
	int r = 0;

	m->scan = *req;
	if (all && m->step == BATCH_ROWS && !m->flags) {
		for (i = 0; r == 0 && i < m->rows.n_chunks; i++)
			r = give_chunk(m, i, fn, arg);
		return r < 0 ? r : 0;
	}
	for (i = 0; r == 0 && i < m->rows.n && left; i++) {
		size_t row = m->flags & QL_SRC_MEM_LAZY && req->any_order ? m->rows.n - 1 - i : i;

		if (wanted(m, req, row)) {
			idx[n++] = (uint32_t)row;
			left--;
		}
		if (n == m->step) {
			r = give_copy(m, idx, n, fn, arg);
			n = 0;
		}
	}
	if (r == 0 && n)
		r = give_copy(m, idx, n, fn, arg);
	if (r == -ENOMEM)
		err_set(err, r, "out of memory");
	return r < 0 ? r : 0;
}

static int mem_packets(struct ql_src *s, const uint64_t *serials, size_t n, int64_t from,
		       int64_t to, const char *filter, ql_pkt_fn fn, void *arg, struct err *err)
{
	CLEANUP(filter_freep) struct filter *f = NULL;
	struct ql_src_mem *m = (struct ql_src_mem *)s;
	size_t i;
	int r = 0;

	r = filter ? filter_new(&f, filter, err) : 0;
	for (i = 0; r == 0 && i < m->n_pkts; i++) {
		const struct mem_pkt *p = &m->pkts[i];

		if (p->pkt.ts < from || p->pkt.ts > to ||
		    !bsearch(&p->serial, serials, n, sizeof(serials[0]), vec_cmp_u64))
			continue;
		if (!f || filter_match(f, p->pkt.linktype, p->pkt.data, p->pkt.caplen, p->pkt.len))
			r = fn(arg, &p->pkt, p->serial);
	}
	return r < 0 ? r : 0;
}

static int mem_now(struct ql_src *s, int64_t *ret_ts, struct err *err)
{
	(void)err;
	*ret_ts = ((struct ql_src_mem *)s)->now;
	return 0;
}

static const struct ql_src_ops mem_ops = {
	.scan = mem_scan,
	.packets = mem_packets,
	.now = mem_now,
};

int ql_src_mem_new(struct ql_src_mem **ret, const struct schema *schema, unsigned flags)
{
	struct ql_src_mem *m = calloc(1, sizeof(*m));
	struct field_set all;

	if (!m)
		return -ENOMEM;
	memset(&all, 0xff, sizeof(all));
	m->src.ops = &mem_ops;
	m->src.schema = schema;
	m->mem.max = UINT64_MAX;
	m->flags = flags;
	m->step = BATCH_ROWS;
	m->start = find_time(schema, "Start");
	m->last = find_time(schema, "Last");
	ql_rows_init(&m->rows, schema, &all, &m->mem);
	*ret = m;
	return 0;
}

void ql_src_mem_free(struct ql_src_mem *m)
{
	size_t i;

	if (!m)
		return;
	for (i = 0; i < m->n_pkts; i++)
		free((void *)m->pkts[i].pkt.data);
	free(m->pkts);
	ql_rows_done(&m->rows);
	free(m);
}

int ql_src_mem_add(struct ql_src_mem *m, const struct batch *b)
{
	size_t first = m->rows.n, i;
	uint64_t sel[WORDS];
	int r;

	ql_sel_fill(sel, b->n);
	r = ql_rows_add(&m->rows, b, sel);
	for (i = first; r == 0 && i < m->rows.n; i++)
		m->rows.chunks[i / BATCH_ROWS]->serial[i % BATCH_ROWS] = i;
	return r;
}

static int hex_digit(char c)
{
	c |= c >= 'A' && c <= 'F' ? 0x20 : 0;
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Pairs of digits with hyphens anywhere between. */
static bool read_id(const char *p, uint8_t *id)
{
	size_t i;

	for (i = 0; i < 16; i++, p += 2) {
		p += *p == '-';
		if (hex_digit(p[0]) < 0 || hex_digit(p[1]) < 0)
			return false;
		id[i] = (uint8_t)(hex_digit(p[0]) << 4 | hex_digit(p[1]));
	}
	return !*p;
}

/* Sets the only row of 'c'; 'text' must outlive the batch. */
static bool read_val(struct col *c, const char *text)
{
	char *end = NULL;

	switch (c->type) {
	case VAL_U64:
		c->v.u64[0] = strtoull(text, &end, 10);
		return !*end;
	case VAL_I64:
	case VAL_TIME:
	case VAL_DUR:
		c->v.i64[0] = strtoll(text, &end, 10);
		return !*end;
	case VAL_F64:
		c->v.f64[0] = strtod(text, &end);
		return !*end;
	case VAL_BOOL:
		c->v.b[0] = strcmp(text, "true") == 0;
		return c->v.b[0] || strcmp(text, "false") == 0;
	case VAL_ADDR:
		return addr_parse(text, &c->v.addr[0]) == 0;
	case VAL_STR:
		c->v.str[0] = (struct val_str){text, (uint32_t)strlen(text)};
		return true;
	case VAL_ID:
		return read_id(text, c->v.id[0]);
	}
	return false;
}

static int read_row(struct batch *b, char *text, struct err *err)
{
	size_t f;

	b->n = 1;
	for (f = 0; f < b->schema->n; f++) {
		char *word = strsep(&text, " ");

		if (!word)
			return err_set(err, -EINVAL, "no value of '%s'", b->schema->fields[f].json);
		if (strcmp(word, "-") == 0)
			continue;
		if (!read_val(b->cols[f], word))
			return err_set(err, -EINVAL, "'%s' is no value of '%s'", word,
				       b->schema->fields[f].json);
		col_mark(b->cols[f], 0);
	}
	return text ? err_set(err, -EINVAL, "'%s' is too much", text) : 0;
}

int ql_src_mem_add_text(struct ql_src_mem *m, const char *text, struct err *err)
{
	CLEANUP(freep) char *copy = strdup(text);
	struct batch *b = NULL;
	struct field_set all;
	int r;

	memset(&all, 0xff, sizeof(all));
	if (!copy || batch_new(&b, m->src.schema, &all) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	r = read_row(b, copy, err);
	if (r == 0)
		r = ql_src_mem_add(m, b);
	batch_free(b);
	return r;
}

int ql_src_mem_add_pkt(struct ql_src_mem *m, const struct pkt *p, uint64_t serial)
{
	struct mem_pkt *q = reallocarray(m->pkts, m->n_pkts + 1, sizeof(*q));
	uint8_t *data;
	size_t at;

	if (!q)
		return -ENOMEM;
	m->pkts = q;
	data = malloc(p->caplen + 1);
	if (!data)
		return -ENOMEM;
	memcpy(data, p->data, p->caplen);
	for (at = m->n_pkts; at && q[at - 1].pkt.ts > p->ts; at--)
		;
	memmove(q + at + 1, q + at, (m->n_pkts - at) * sizeof(*q));
	q[at] = (struct mem_pkt){*p, serial};
	q[at].pkt.data = data;
	m->n_pkts++;
	return 0;
}

void ql_src_mem_set_now(struct ql_src_mem *m, int64_t now)
{
	m->now = now;
}

void ql_src_mem_set_step(struct ql_src_mem *m, size_t rows)
{
	m->step = rows < 1 ? 1 : rows > BATCH_ROWS ? BATCH_ROWS : rows;
}

static bool by_start(const struct ql_src_mem *m)
{
	uint64_t last = 0, start;
	size_t i;

	for (i = 0; m->start >= 0 && i < m->rows.n; i++, last = start) {
		start = ql_start_place(m->rows.chunks[i / BATCH_ROWS]->cols[m->start],
				       i % BATCH_ROWS);
		if (start < last)
			return false;
	}
	return m->start >= 0;
}

struct ql_src *ql_src_mem_src(struct ql_src_mem *m)
{
	m->src.by_start = m->src.by_serial = m->flags & QL_SRC_MEM_LAZY && by_start(m);
	return &m->src;
}

const struct ql_scan *ql_src_mem_scan(const struct ql_src_mem *m)
{
	return &m->scan;
}
