/* What the tests and the fuzz target of queries share: a small schema with every type, a few
 * flows made by hand, and a run of a query into text. */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "ql/ql.h"
#include "ql/ql_src_mem.h"

enum {
	T_UUID,
	T_APP,
	T_LINK_A,
	T_LINK_B,
	T_NET_A,
	T_NET_B,
	T_PORT_A,
	T_PORT_B,
	T_ABP,
	T_BAP,
	T_ABB,
	T_BAB,
	T_RTT,
	T_RATIO,
	T_DELTA,
	T_DONE,
	T_START,
	T_LAST,
	T_FIELDS,
};

#define T_FIELD(i, snake, path, kind)                                                              \
	[i] = {.id = i + 1,                                                                        \
	       .name = snake,                                                                      \
	       .json = path,                                                                       \
	       .type = kind,                                                                       \
	       .unit = "",                                                                         \
	       .layer = "",                                                                        \
	       .doc = "",                                                                          \
	       .source = ""}

static const struct field t_fields[T_FIELDS] = {
	T_FIELD(T_UUID, "uuid", "UUID", VAL_ID),
	T_FIELD(T_APP, "application", "Application", VAL_STR),
	T_FIELD(T_LINK_A, "link_a", "Link.A", VAL_ADDR),
	T_FIELD(T_LINK_B, "link_b", "Link.B", VAL_ADDR),
	T_FIELD(T_NET_A, "network_a", "Network.A", VAL_ADDR),
	T_FIELD(T_NET_B, "network_b", "Network.B", VAL_ADDR),
	T_FIELD(T_PORT_A, "transport_a", "Transport.A", VAL_U64),
	T_FIELD(T_PORT_B, "transport_b", "Transport.B", VAL_U64),
	T_FIELD(T_ABP, "ab_packets", "Metric.ABPackets", VAL_U64),
	T_FIELD(T_BAP, "ba_packets", "Metric.BAPackets", VAL_U64),
	T_FIELD(T_ABB, "ab_bytes", "Metric.ABBytes", VAL_U64),
	T_FIELD(T_BAB, "ba_bytes", "Metric.BABytes", VAL_U64),
	T_FIELD(T_RTT, "rtt_ns", "Metric.RTT", VAL_DUR),
	T_FIELD(T_RATIO, "ratio", "Ratio", VAL_F64),
	T_FIELD(T_DELTA, "delta", "Delta", VAL_I64),
	T_FIELD(T_DONE, "done", "Done", VAL_BOOL),
	T_FIELD(T_START, "start", "Start", VAL_TIME),
	T_FIELD(T_LAST, "last", "Last", VAL_TIME),
};

static const struct field_alias t_aliases[] = {
	{"Link", 2, {T_LINK_A, T_LINK_B}},
	{"Network", 2, {T_NET_A, T_NET_B}},
	{"Transport", 2, {T_PORT_A, T_PORT_B}},
};

static const struct schema t_schema = {t_fields, T_FIELDS, t_aliases, 3};

/* Collects an answer as text: rows as columns joined by ' ', rows by '|', "-" for no value;
 * "Count 3"; packets by number. */
struct t_answer {
	struct buf text;
	size_t rows;
	uint64_t scalar;
	int (*stop)(struct t_answer *a); /* NULL: 0 */
	size_t begun;
	const struct schema *schema;
	struct field_set cols;
};

static int t_stop(struct t_answer *a)
{
	return a->stop ? a->stop(a) : 0;
}

static int t_begin(void *arg, const struct schema *schema, const struct field_set *cols)
{
	struct t_answer *a = arg;

	a->begun++;
	a->schema = schema;
	a->cols = *cols;
	return 0;
}

/* UUIDs as what follows their leading zeros: "2". */
static void t_add_val(struct buf *b, enum val_type type, const union val *v)
{
	size_t from = b->len, zeros;

	buf_addval(b, type, v);
	if (type != VAL_ID || buf_err(b) < 0)
		return;
	zeros = strspn(b->p + from, "0-");
	memmove(b->p + from, b->p + from + zeros, b->len - from - zeros + 1);
	b->len -= zeros;
}

static int t_rows(void *arg, const struct batch *b, const uint64_t *sel)
{
	struct t_answer *a = arg;
	size_t i, f;
	int r = 0;

	for (i = 0; i < b->n && r == 0; i++) {
		bool first = true;

		if (!(sel[i / 64] >> i % 64 & 1))
			continue;
		if (a->rows++)
			buf_addch(&a->text, '|');
		for (f = 0; f < a->schema->n; f++) {
			union val v;

			if (!field_set_has(&a->cols, f))
				continue;
			if (!first)
				buf_addch(&a->text, ' ');
			first = false;
			if (b->cols[f] && col_get(b->cols[f], i, &v))
				t_add_val(&a->text, b->cols[f]->type, &v);
			else
				buf_addch(&a->text, '-');
		}
		r = t_stop(a);
	}
	return r;
}

static int t_scalar(void *arg, const char *name, enum val_type type, const union val *v)
{
	struct t_answer *a = arg;

	a->scalar = v->u64;
	buf_addf(&a->text, "%s ", name);
	buf_addval(&a->text, type, v);
	return 0;
}

static int t_packet(void *arg, const struct pkt *p, uint64_t serial)
{
	struct t_answer *a = arg;

	buf_addf(&a->text, "%s%llu:%llu", a->rows++ ? " " : "", (unsigned long long)p->number,
		 (unsigned long long)serial);
	return t_stop(a);
}

/* Runs 'text' over 'src'; the answer, or "error: ..." is in a->text, the result is ql_run()'s. */
static int t_query(struct ql_src *src, const char *text, const struct field_set *cols,
		   uint64_t memory, struct t_answer *a)
{
	struct ql_sink sink = {a, t_begin, t_rows, t_scalar, t_packet};
	struct ql *q = NULL;
	struct err err = {0};
	int r;

	buf_clear(&a->text);
	a->rows = a->begun = 0;
	a->scalar = 0;
	r = ql_parse(&q, text, &err);
	if (r == 0 && memory)
		ql_set_memory(q, memory);
	if (r == 0)
		r = ql_run(q, src, cols, &sink, &err);
	ql_free(q);
	if (r < 0) {
		buf_clear(&a->text);
		buf_addf(&a->text, "error: %s", err.text);
	}
	return r;
}

/* uuid app link.a link.b net.a net.b port.a port.b abp bap abb bab rtt ratio delta done start last
 * NOW is 2000 s.  Row 4 has no network, row 6 only one address, row 7 nothing but its times. */
static const char *const t_flows[] = {
	"00000000-0000-0000-0000-000000000001 DNS 02:00:00:00:00:01 02:00:00:00:00:02 10.0.0.1 "
	"10.0.0.53 40000 53 1 1 80 120 1500000 0.5 -5 true 1000000000000 1000500000000",
	"00000000-0000-0000-0000-000000000002 TLS 02:00:00:00:00:01 02:00:00:00:00:03 10.0.0.1 "
	"192.0.2.1 40001 443 10 12 1000 12000 20000000 2.25 0 true 1001000000000 1060000000000",
	"00000000-0000-0000-0000-000000000003 TLS 02:00:00:00:00:02 02:00:00:00:00:03 2001:db8::1 "
	"2001:db8:1::2 40002 443 5 5 500 900 - -1.5 7 false 1002000000000 1010000000000",
	"00000000-0000-0000-0000-000000000004 ARP 02:00:00:00:00:02 ff:ff:ff:ff:ff:ff - - - - 1 0 "
	"42 0 - - - - 1003000000000 1003000000000",
	"00000000-0000-0000-0000-000000000005 ICMPv4 02:00:00:00:00:03 02:00:00:00:00:01 192.0.2.1 "
	"10.0.0.1 - - 4 4 392 392 100000 0 9223372036854775807 true 1004000000000 1007000000000",
	"00000000-0000-0000-0000-000000000006 http 02:00:00:00:00:01 - 10.1.0.7 - 80 8080 100 0 "
	"18446744073709551615 0 3000000000 -0.5 -9223372036854775808 false 1005000000000 "
	"1500000000000",
	"00000000-0000-0000-0000-000000000007 - - - - - - - - - - - - - - - 1006000000000 "
	"1990000000000",
};

#define T_FLOWS (sizeof(t_flows) / sizeof(t_flows[0]))
#define T_NOW   INT64_C(2000000000000)

static inline int t_load(struct ql_src_mem **ret, unsigned flags)
{
	struct ql_src_mem *m;
	struct err err = {0};
	size_t i;
	int r;

	r = ql_src_mem_new(&m, &t_schema, flags);
	for (i = 0; r == 0 && i < T_FLOWS; i++)
		r = ql_src_mem_add_text(m, t_flows[i], &err);
	if (r < 0) {
		fprintf(stderr, "%s\n", err.text);
		return r;
	}
	ql_src_mem_set_now(m, T_NOW);
	*ret = m;
	return 0;
}
