/* Versions of flows, given to a store and remembered: what a reader must find is worked out from
 * what was given, without a line of what keeps or merges rows.
 *
 * Every value of a row follows from the flow's number and the version, so that each row that a
 * reader gives can be told to be one that was given, and which. */
#pragma once

#include "dir_check.h"
#include "filter/hint.h"
#include "flow/flow_derive.h"

#define MODEL_FLOWS 20000
#define MODEL_START (INT64_C(1790000000) * SEC)
#define MODEL_PORTS 40000

struct model_flow {
	uint32_t given, acked; /* versions; 0: none */
	bool ended, acked_ended;
	int64_t start;
};

struct model {
	struct store *store;
	struct store_stream *st;
	struct batch *b;
	int64_t now, beat; /* clock of the store; of its last beat */
	struct model_flow v[MODEL_FLOWS];
	size_t n;
	uint64_t rows, acked_rows; /* given; in the files for sure */
	uint64_t packets, acked_packets;
};

static inline uint32_t model_rnd(uint32_t n)
{
	static uint32_t seed = 3;

	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static inline uint64_t model_serial(size_t flow)
{
	return (flow + 1) * 8;
}

/* What is constant in a flow. */
static inline uint64_t model_port(size_t flow)
{
	return 1024 + flow * 7919 % MODEL_PORTS;
}

static inline struct addr model_addr(size_t flow)
{
	return (struct addr){.family = ADDR_IP4,
			     .b = {10, (uint8_t)(flow % 3), (uint8_t)(flow / 7), (uint8_t)flow}};
}

static inline const char *model_iface(size_t flow)
{
	static const char *const names[] = {"eth0", "eth1", "wlan0"};

	return names[flow % 3];
}

/* What grows with the version. */
static inline uint64_t model_ab(size_t flow, uint32_t version)
{
	return (uint64_t)version * 1000 + flow % 1000;
}

static inline bool model_ba(size_t flow, uint32_t version, uint64_t *ret)
{
	*ret = version / 2;
	return flow % 3 || version > 1;
}

static inline int64_t model_start(const struct model *m, size_t flow, uint32_t version)
{
	/* a packet that came late */
	return m->v[flow].start - (flow % 11 == 0 && version > 2 ? 1000000 : 0);
}

static inline int64_t model_last(const struct model *m, size_t flow, uint32_t version)
{
	return m->v[flow].start + (int64_t)version * 400000000 + (int64_t)(flow % 17) * 1000;
}

/* What goes up and down. */
static inline uint64_t model_ttl(size_t flow, uint32_t version)
{
	return 32 + (flow * 31 + version * 17) % 64;
}

#define MODEL_SET(field, member, value)                                                            \
	do {                                                                                       \
		m->b->cols[field]->v.member[row] = value;                                          \
		col_mark(m->b->cols[field], row);                                                  \
	} while (0)

static inline void model_row(struct model *m, size_t flow)
{
	const char *name = model_iface(flow);
	struct model_flow *f = &m->v[flow];
	size_t row = m->b->n++;
	uint64_t ba;

	m->b->serial[row] = model_serial(flow);
	MODEL_SET(FLOW_start, i64, model_start(m, flow, f->given));
	MODEL_SET(FLOW_last, i64, model_last(m, flow, f->given));
	MODEL_SET(FLOW_ab_packets, u64, model_ab(flow, f->given));
	if (model_ba(flow, f->given, &ba))
		MODEL_SET(FLOW_ba_packets, u64, ba);
	MODEL_SET(FLOW_ab_ttl, u64, model_ttl(flow, f->given));
	MODEL_SET(FLOW_transport_a, u64, model_port(flow));
	MODEL_SET(FLOW_ip_protocol, u64, 17);
	MODEL_SET(FLOW_network_a, addr, model_addr(flow));
	MODEL_SET(FLOW_interface, str, ((struct val_str){name, (uint32_t)strlen(name)}));
	MODEL_SET(FLOW_version, u64, f->given);
	if (f->ended)
		MODEL_SET(FLOW_ended, u64, 1);
	m->rows++;
}

static inline void model_flush(struct model *m)
{
	struct err err = {0};

	if (m->b->n)
		assert_int_equal(store_rows(m->st, m->b, &err), 0);
	batch_clear(m->b);
}

/* The next version of a flow. */
static inline void model_give(struct model *m, size_t flow, bool ends)
{
	if (m->b->n == BATCH_ROWS)
		model_flush(m);
	m->v[flow].given++;
	m->v[flow].ended = ends;
	model_row(m, flow);
}

/* So many new ones, of which some end at once. */
static inline void model_new(struct model *m, size_t n, unsigned percent_ended)
{
	for (; n; n--) {
		assert_true(m->n < MODEL_FLOWS);
		m->v[m->n] = (struct model_flow){
			.start = m->now + (int64_t)model_rnd(1000) * 1000000 + 2000000};
		model_give(m, m->n++, model_rnd(100) < percent_ended);
	}
}

/* Versions of so many of those that go on. */
static inline void model_more(struct model *m, size_t n, unsigned percent_ended)
{
	size_t i, flow;

	for (i = 0; i < n && m->n; i++) {
		flow = model_rnd((uint32_t)m->n);
		if (!m->v[flow].ended)
			model_give(m, flow, model_rnd(100) < percent_ended);
	}
}

static inline void model_end_all(struct model *m)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (!m->v[i].ended)
			model_give(m, i, true);
	model_flush(m);
}

static inline void model_ack(struct model *m)
{
	size_t i;

	for (i = 0; i < m->n; i++) {
		m->v[i].acked = m->v[i].given;
		m->v[i].acked_ended = m->v[i].ended;
	}
	m->acked_rows = m->rows;
}

/* A quarter of a second, or more; every second what was given is sure to be there. */
static inline void model_tick(struct model *m, int64_t ns)
{
	struct err err = {0};

	model_flush(m);
	m->now += ns;
	assert_int_equal(store_tick(m->st, m->now, &err), 0);
	m->acked_packets = m->packets;
	if (m->now - m->beat < SEC)
		return;
	m->beat = m->now;
	model_ack(m);
}

/* A packet whose bytes tell its number, of one flow. */
static inline void model_packet(struct model *m, size_t flow)
{
	const struct flow_ref ref = {model_serial(flow), 1};
	const struct store_flows flows = {.refs = &ref, .n = 1, .keep = UINT32_MAX};
	uint8_t data[60] = {0};
	const struct pkt p = {.ts = m->now + (int64_t)m->packets,
			      .data = data,
			      .caplen = sizeof(data),
			      .len = sizeof(data),
			      .linktype = 1};
	struct err err = {0};

	le64_store(data, m->packets++);
	le64_store(data + 8, model_serial(flow));
	assert_int_equal(store_packets(m->st, &p, 1, &flows, &err), 0);
}

static inline struct model *model_open(const char *spec, const struct store_conf *conf)
{
	static const struct store_iface eth = {.name = "eth0", .linktype = 1};
	struct model *m = calloc(1, sizeof(*m));
	struct field_set base;
	struct err err = {0};

	flow_derive_base(&base);
	m->now = m->beat = MODEL_START;
	if (batch_new(&m->b, flow_store_schema(), &base) < 0 ||
	    store_open(&m->store, spec, conf, &err) < 0 ||
	    store_stream_new(m->store, "c", 0, m->now, &m->st, &err) < 0 ||
	    store_iface(m->st, &eth, &err) != 0)
		fail_msg("%s", err.text);
	return m;
}

static inline void model_finish(struct model *m)
{
	struct err err = {0};

	model_end_all(m);
	if (store_finish(m->st, m->now, NULL, 0, &err) < 0)
		fail_msg("%s", err.text);
	model_ack(m);
	m->acked_packets = m->packets;
}

static inline void model_close(struct model *m)
{
	store_stream_free(m->st);
	store_close(m->store);
	batch_free(m->b);
	free(m);
}

/* ---- reading ---- */

struct model_seen {
	const struct model *m;
	const struct hint *hints; /* rows that do not fulfil them do not count */
	uint32_t *version;        /* [flow]; 0: no row */
	size_t n, others;
	int64_t before; /* start of the row before */
	bool sorted;
	bool last; /* every row is the last version that was acknowledged */
};

/* Each row must be one that was given, and no flow has two. */
static inline int model_take(void *arg, const struct batch *b)
{
	struct model_seen *s = arg;
	const struct model *m = s->m;
	struct addr addr;
	size_t i, flow;
	uint64_t ba;

	for (i = 0; i < b->n; i++) {
		uint64_t serial = b->serial[i] & ((UINT64_C(1) << 48) - 1);
		uint32_t version = (uint32_t)(b->cols[FLOW_ab_packets]->v.u64[i] / 1000);
		const struct val_str *name = &b->cols[FLOW_interface]->v.str[i];

		assert_true(serial && serial % 8 == 0 && serial / 8 <= m->n);
		flow = serial / 8 - 1;
		addr = model_addr(flow);
		assert_true(version >= 1 && version <= m->v[flow].given);
		s->last &= version == m->v[flow].acked;
		assert_int_equal(b->cols[FLOW_ab_packets]->v.u64[i], model_ab(flow, version));
		assert_int_equal(col_has(b->cols[FLOW_ba_packets], i),
				 model_ba(flow, version, &ba));
		if (col_has(b->cols[FLOW_ba_packets], i))
			assert_int_equal(b->cols[FLOW_ba_packets]->v.u64[i], ba);
		assert_int_equal(b->cols[FLOW_start]->v.i64[i], model_start(m, flow, version));
		assert_int_equal(b->cols[FLOW_last]->v.i64[i], model_last(m, flow, version));
		assert_int_equal(b->cols[FLOW_ab_ttl]->v.u64[i], model_ttl(flow, version));
		assert_int_equal(b->cols[FLOW_transport_a]->v.u64[i], model_port(flow));
		assert_int_equal(addr_cmp(&b->cols[FLOW_network_a]->v.addr[i], &addr), 0);
		assert_int_equal(name->len, strlen(model_iface(flow)));
		assert_memory_equal(name->p, model_iface(flow), name->len);
		s->sorted &= b->cols[FLOW_start]->v.i64[i] >= s->before;
		s->before = b->cols[FLOW_start]->v.i64[i];
		assert_int_equal(s->version[flow], 0);
		s->version[flow] = version;
		if (hint_row(s->hints, b, i)) {
			s->n++;
		} else {
			s->version[flow] = 0;
			s->others++;
		}
	}
	return 0;
}

/* What a reader gives in the time range; s->version is the caller's to free.  'told': the reader
 * knows of 'hints'. */
static inline void model_scan_hints(const struct model *m, struct run_dir *d,
				    const struct hint *hints, bool told, bool any_order,
				    int64_t from, int64_t to, struct model_seen *s)
{
	static const enum flow_field want[] = {FLOW_start,      FLOW_last,        FLOW_ab_packets,
					       FLOW_ba_packets, FLOW_transport_a, FLOW_ab_ttl,
					       FLOW_network_a,  FLOW_interface};
	struct ql_scan req = {
		.from = from, .to = to, .hints = told ? hints : NULL, .any_order = any_order};
	struct ql_src *ql = run_dir_ql(d);
	struct err err = {0};
	size_t i;

	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		field_set_add(&req.want, want[i]);
	*s = (struct model_seen){.m = m,
				 .hints = hints,
				 .version = calloc(m->n + 1, sizeof(*s->version)),
				 .before = INT64_MIN,
				 .sorted = true,
				 .last = true};
	if (ql->ops->scan(ql, &req, model_take, s, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(s->sorted || any_order);
}

static inline void model_scan(const struct model *m, struct run_dir *d, bool any_order,
			      int64_t from, int64_t to, struct model_seen *s)
{
	model_scan_hints(m, d, NULL, false, any_order, from, to, s);
}

/* Sentences that tell of damage, not that the run was killed. */
static inline size_t model_damage(struct run_dir *d)
{
	const struct run_stats *s = run_dir_stats(d);
	size_t i, n = 0;

	for (i = 0; i < s->n_notes; i++)
		n += !strstr(s->notes[i].text, "was killed after");
	return n;
}

/* All that is acknowledged is there, in the last version; what came since may be, unless
 * 'exact'. */
static inline void model_check(const struct model *m, const char *path, bool exact)
{
	struct run_dir *d = open_dir(path);
	struct model_seen s;
	size_t i;

	model_scan(m, d, false, INT64_MIN, INT64_MAX, &s);
	for (i = 0; i < m->n; i++) {
		assert_true(s.version[i] >= m->v[i].acked);
		if (exact)
			assert_int_equal(s.version[i], m->v[i].acked);
	}
	if (model_damage(d))
		print_notes(run_dir_stats(d));
	assert_int_equal(model_damage(d), 0);
	free(s.version);
	run_dir_free(d);
}
