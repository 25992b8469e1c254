/* ql/sort.c, rows.c, keymap.c and op_sort.c, op_group.c: many rows, against plain and slow ways
 * to the same answer, and against the limit of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

#include "test_ql.h"

static struct field_set only(size_t field)
{
	struct field_set s = {0};

	field_set_add(&s, field);
	return s;
}

/* A small generator (Marsaglia's xorshift64), so that failures can be repeated. */
static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

#define MANY 5000

struct model {
	bool has[4];
	uint64_t port;
	int64_t delta;
	double ratio;
	char app[16];
};

static const char *const model_names[4] = {"Transport.B", "Delta", "Ratio", "Application"};

static void make_row(struct model *r, uint64_t *x, char *text, size_t size, unsigned number)
{
	char v[5][32];
	unsigned i;

	for (i = 0; i < 4; i++)
		r->has[i] = next_random(x) % 10 != 0;
	r->port = next_random(x) % 50 ? next_random(x) % 300 : next_random(x);
	r->delta = (int64_t)(next_random(x) % 7 ? next_random(x) % 200 - 100 : next_random(x));
	r->ratio = (double)(int64_t)(next_random(x) % 400 - 200) / 8;
	/* equal in the first eight bytes, so that more must be compared */
	snprintf(r->app, sizeof(r->app), "%s%u", next_random(x) % 2 ? "application" : "app",
		 (unsigned)(next_random(x) % 500));
	snprintf(v[0], sizeof(v[0]), "%llu", (unsigned long long)r->port);
	snprintf(v[1], sizeof(v[1]), "%lld", (long long)r->delta);
	snprintf(v[2], sizeof(v[2]), "%.17g", r->ratio);
	snprintf(v[3], sizeof(v[3]), "%s", r->app);
	for (i = 0; i < 4; i++)
		if (!r->has[i])
			strcpy(v[i], "-");
	/* some begin at the same time, the first at none */
	snprintf(v[4], sizeof(v[4]), "%u", number / 7);
	snprintf(text, size, "- %s - - - - %u %s - - - - - %s %s - %s -", v[3], number, v[0], v[2],
		 v[1], number < 20 ? "-" : v[4]);
}

static int cmp_model(const struct model *a, const struct model *b, unsigned key)
{
	switch (key) {
	case 0:
		return a->port < b->port ? -1 : a->port > b->port;
	case 1:
		return a->delta < b->delta ? -1 : a->delta > b->delta;
	case 2:
		return a->ratio < b->ratio ? -1 : a->ratio > b->ratio;
	default:
		return strcmp(a->app, b->app);
	}
}

/* The order by definition: insertion from the front, behind all that are not greater. */
static void model_sort(const struct model *rows, unsigned *order, unsigned key, bool desc)
{
	unsigned i, k;

	for (i = 0; i < MANY; i++) {
		for (k = i; k; k--) {
			const struct model *a = &rows[order[k - 1]], *b = &rows[i];
			int c = a->has[key] != b->has[key] ? (a->has[key] ? -1 : 1)
				: !a->has[key]             ? 0
							   : cmp_model(a, b, key) * (desc ? -1 : 1);

			if (c <= 0)
				break;
			order[k] = order[k - 1];
		}
		order[k] = i;
	}
}

static void check_order(struct ql_src_mem *m, const unsigned *order, unsigned key, bool desc,
			unsigned limit)
{
	struct field_set number = only(T_PORT_A);
	struct t_answer a = {0};
	struct buf want = BUF_INIT;
	char query[128];
	unsigned i;

	snprintf(query, sizeof(query),
		 limit < MANY ? "G.Flows().Sort('%s', %s).Limit(%u)" : "G.Flows().Sort('%s', %s)",
		 model_names[key], desc ? "DESC" : "ASC", limit);
	for (i = 0; i < limit; i++)
		buf_addf(&want, "%s%u", i ? "|" : "", order[i]);
	assert_int_equal(t_query(ql_src_mem_src(m), query, &number, 0, &a), 0);
	if (strcmp(buf_str(&a.text), buf_str(&want)) != 0)
		fail_msg("%s is in the wrong order", query);
	buf_done(&a.text);
	buf_done(&want);
}

/* Many rows with many ties, each type of key, all and only the first. */
static void sort_many(unsigned flags)
{
	static const unsigned limits[] = {1, 2, 17, 700, MANY};
	struct model *rows = test_calloc(MANY, sizeof(*rows));
	unsigned *order = test_calloc(MANY, sizeof(*order));
	struct ql_src_mem *m = NULL;
	uint64_t x = 88172645463325252;
	unsigned i, k;

	assert_int_equal(ql_src_mem_new(&m, &t_schema, QL_SRC_MEM_TRANSIENT | flags), 0);
	for (i = 0; i < MANY; i++) {
		char text[256];

		make_row(&rows[i], &x, text, sizeof(text), i);
		assert_int_equal(ql_src_mem_add_text(m, text, NULL), 0);
	}
	ql_src_mem_set_step(m, 100);
	for (k = 0; k < 8; k++) {
		model_sort(rows, order, k / 2, k % 2);
		for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
			check_order(m, order, k / 2, k % 2, limits[i]);
	}
	ql_src_mem_free(m);
	test_free(order);
	test_free(rows);
}

static void test_order(void **state)
{
	(void)state;
	sort_many(0);
}

/* The same where the last rows come first. */
static void test_any_order(void **state)
{
	(void)state;
	sort_many(QL_SRC_MEM_LAZY);
}

struct pair {
	unsigned a, b; /* Transport; a == 2: none */
	unsigned number;
};

static int cmp_pairs(const void *pa, const void *pb, void *desc)
{
	const struct pair *x = pa, *y = pb;
	int c = x->a != y->a ? (x->a < y->a ? -1 : 1) : x->b < y->b ? -1 : x->b > y->b;

	if (c == 0)
		return x->number < y->number ? -1 : x->number > y->number;
	return x->a != y->a && (x->a == 2 || y->a == 2) ? c : *(bool *)desc ? -c : c;
}

static void check_pairs(struct ql_src_mem *m, struct pair *rows, unsigned limit, bool desc)
{
	struct field_set number = only(T_ABP);
	struct t_answer a = {0};
	struct buf want = BUF_INIT;
	char query[80];
	unsigned i;

	qsort_r(rows, MANY, sizeof(*rows), cmp_pairs, &desc);
	snprintf(query, sizeof(query), "G.Flows().Sort('Transport', %s).Limit(%u)",
		 desc ? "DESC" : "ASC", limit);
	for (i = 0; i < limit; i++)
		buf_addf(&want, "%s%u", i ? "|" : "", rows[i].number);
	assert_int_equal(t_query(ql_src_mem_src(m), query, &number, 0, &a), 0);
	assert_string_equal(buf_str(&a.text), buf_str(&want));
	buf_done(&want);
	buf_done(&a.text);
}

/* A name for two fields: the second decides, also among many that are equal in the first or
 * have none, and also where only the first rows are kept. */
static void sort_by_two(unsigned flags)
{
	static const unsigned limits[] = {3, 900, 1100, 2500};
	struct pair *rows = test_calloc(MANY, sizeof(*rows));
	struct ql_src_mem *m = NULL;
	char text[160];
	unsigned i;

	assert_int_equal(ql_src_mem_new(&m, &t_schema, QL_SRC_MEM_TRANSIENT | flags), 0);
	ql_src_mem_set_step(m, 100);
	for (i = 0; i < MANY; i++) {
		rows[i] = (struct pair){i % 5 ? 2 : i / 5 % 2, i * 7919 % 64, i};
		if (rows[i].a == 2)
			snprintf(text, sizeof(text), "- - - - - - - %u %u - - - - - - - - -",
				 rows[i].b, i);
		else
			snprintf(text, sizeof(text), "- - - - - - %u %u %u - - - - - - - - -",
				 rows[i].a, rows[i].b, i);
		assert_int_equal(ql_src_mem_add_text(m, text, NULL), 0);
	}
	for (i = 0; i < 2 * sizeof(limits) / sizeof(limits[0]); i++)
		check_pairs(m, rows, limits[i / 2], i % 2);
	ql_src_mem_free(m);
	test_free(rows);
}

static void test_order_by_two(void **state)
{
	(void)state;
	sort_by_two(0);
	sort_by_two(QL_SRC_MEM_LAZY);
}

/* What lies in memory where a value is absent must not be seen. */
static void test_absent(void **state)
{
	static const struct {
		const char *query, *answer;
	} cases[] = {
		{"G.Flows().Sum('Delta')", "Sum 96"}, /* 32 times 0 + 1 + 2 */
		{"G.Flows().Has('Delta', 1000000).Count()", "Count 0"},
		{"G.Flows().Has('Delta', NE(1000000)).Count()", "Count 96"},
		{"G.Flows().Has('Delta', GTE(0)).Count()", "Count 96"},
		{"G.Flows().Dedup('Delta').Count()", "Count 4"},
		{"G.Flows().Group('Delta').Values('Delta', 'Flows')", "- 96|0 32|1 32|2 32"},
		{"G.Flows().Sort('Delta', DESC).Values('Delta').Limit(2)", "2|2"},
	};
	struct field_set delta = only(T_DELTA);
	struct ql_src_mem *m = NULL;
	struct t_answer a = {0};
	struct batch *b;
	size_t i;

	(void)state;
	assert_int_equal(ql_src_mem_new(&m, &t_schema, 0), 0);
	assert_int_equal(batch_new(&b, &t_schema, &delta), 0);
	b->n = 192;
	for (i = 0; i < b->n; i++) {
		b->cols[T_DELTA]->v.i64[i] = i % 2 ? 1000000 + (int64_t)i : (int64_t)(i % 3);
		if (i % 2 == 0)
			col_mark(b->cols[T_DELTA], i);
	}
	assert_int_equal(ql_src_mem_add(m, b), 0);
	batch_free(b);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		t_query(ql_src_mem_src(m), cases[i].query, NULL, 0, &a);
		assert_string_equal(buf_str(&a.text), cases[i].answer);
	}
	buf_done(&a.text);
	ql_src_mem_free(m);
}

/* Distinct keys and groups of many rows, against a plain count. */
static void test_distinct(void **state)
{
	static unsigned flows[5000]; /* zeroed below: static for its size only */
	struct ql_src_mem *m = NULL;
	struct t_answer a = {0};
	uint64_t x = 7;
	unsigned i, distinct = 0, most = 0;
	char want[64];

	(void)state;
	memset(flows, 0, sizeof(flows));
	assert_int_equal(ql_src_mem_new(&m, &t_schema, QL_SRC_MEM_TRANSIENT), 0);
	for (i = 0; i < 20000; i++) {
		unsigned port =
			(unsigned)(next_random(&x) % 5000 * (next_random(&x) % 5000) / 5000);
		char text[160];

		distinct += !flows[port]++;
		if (flows[port] > flows[most] || (flows[port] == flows[most] && port < most))
			most = port;
		snprintf(text, sizeof(text), "- - - - - - - %u - - - - - - - - - -", port);
		assert_int_equal(ql_src_mem_add_text(m, text, NULL), 0);
	}
	snprintf(want, sizeof(want), "Count %u", distinct);
	t_query(ql_src_mem_src(m), "G.Flows().Dedup('Transport.B').Count()", NULL, 0, &a);
	assert_string_equal(buf_str(&a.text), want);
	t_query(ql_src_mem_src(m), "G.Flows().Group('Transport.B').Count()", NULL, 0, &a);
	assert_string_equal(buf_str(&a.text), want);
	t_query(ql_src_mem_src(m), "G.Flows().Group('Transport.B').Sum('Flows')", NULL, 0, &a);
	assert_string_equal(buf_str(&a.text), "Sum 20000");
	snprintf(want, sizeof(want), "%u %u", most, flows[most]);
	t_query(ql_src_mem_src(m),
		"G.Flows().Group('Transport.B').Values('Transport.B', 'Flows').Limit(1)", NULL, 0,
		&a);
	assert_string_equal(buf_str(&a.text), want);
	buf_done(&a.text);
	ql_src_mem_free(m);
}

#define LONGEST 40

/* Texts of all lengths that differ in one byte, wherever it is, and none at all. */
static void test_texts(void **state)
{
	struct field_set app = only(T_APP);
	struct ql_src_mem *m = NULL;
	struct t_answer a = {0};
	char text[LONGEST], want[32];
	struct batch *b;
	unsigned len, at, round, distinct = 0;

	(void)state;
	assert_int_equal(ql_src_mem_new(&m, &t_schema, QL_SRC_MEM_TRANSIENT), 0);
	assert_int_equal(batch_new(&b, &t_schema, &app), 0);
	for (round = 0; round < 2; round++) {
		for (len = 0; len <= LONGEST; len++) {
			for (at = 0; at <= len; at++) { /* at == len: no byte differs */
				batch_clear(b);
				memset(text, 'a', len);
				if (at < len)
					text[at] = 'b';
				b->cols[T_APP]->v.str[0] = (struct val_str){text, len};
				col_mark(b->cols[T_APP], 0);
				b->n = 1;
				assert_int_equal(ql_src_mem_add(m, b), 0);
				distinct += !round;
			}
		}
		batch_clear(b);
		b->n = 1;
		assert_int_equal(ql_src_mem_add(m, b), 0);
		distinct += !round;
	}
	snprintf(want, sizeof(want), "Count %u", distinct);
	t_query(ql_src_mem_src(m), "G.Flows().Dedup('Application').Count()", NULL, 0, &a);
	assert_string_equal(buf_str(&a.text), want);
	t_query(ql_src_mem_src(m), "G.Flows().Group('Application').Has('Flows', 2).Count()", NULL,
		0, &a);
	assert_string_equal(buf_str(&a.text), want);
	batch_free(b);
	buf_done(&a.text);
	ql_src_mem_free(m);
}

/* Keys of many fields, of all types: rows that differ in one of them, or have none there. */
static void test_wide_keys(void **state)
{
	static const char all[] =
		"G.Flows().Dedup('UUID', 'Application', 'Link', 'Network', 'Transport', "
		"'Metric.ABPackets', 'Metric.BAPackets', 'Metric.ABBytes', 'Metric.BABytes', "
		"'Metric.RTT', 'Ratio', 'Delta', 'Done', 'Start', 'Last').Count()";
	static const char *const values[2][T_FIELDS] = {
		{"00000000-0000-0000-0000-000000000001", "DNS", "02:00:00:00:00:01",
		 "02:00:00:00:00:02", "10.0.0.1", "2001:db8::1", "1", "2", "3", "4", "5", "6", "7",
		 "0.5", "-5", "true", "1", "2"},
		{"00000000-0000-0000-0000-000000000002", "DMS", "02:00:00:00:00:03",
		 "02:00:00:00:00:04", "10.0.0.2", "2001:db8::2", "2", "3", "4", "5", "6", "7", "8",
		 "0.25", "5", "false", "2", "3"},
	};
	struct ql_src_mem *m = NULL;
	struct t_answer a = {0};
	unsigned round, i, f;
	char want[32];

	(void)state;
	assert_int_equal(ql_src_mem_new(&m, &t_schema, QL_SRC_MEM_TRANSIENT), 0);
	for (round = 0; round < 2; round++) {
		for (i = 0; i <= 2 * T_FIELDS; i++) { /* the last one is as it is */
			struct buf row = BUF_INIT;

			for (f = 0; f < T_FIELDS; f++)
				buf_addf(&row, "%s%s", f ? " " : "",
					 i / 2 != f ? values[0][f]
					 : i % 2    ? values[1][f]
						    : "-");
			assert_int_equal(ql_src_mem_add_text(m, buf_str(&row), NULL), 0);
			buf_done(&row);
		}
	}
	snprintf(want, sizeof(want), "Count %u", 2 * T_FIELDS + 1);
	t_query(ql_src_mem_src(m), all, NULL, 0, &a);
	assert_string_equal(buf_str(&a.text), want);
	buf_done(&a.text);
	ql_src_mem_free(m);
}

/* What holds rows stops at the limit and says so; what need not hold them works below it. */
static void test_memory(void **state)
{
#define TOO_MUCH                                                                                   \
	" would hold more than 1 MiB; narrow the query, put Limit behind Sort, or allow more "     \
	"memory"
	static const struct {
		const char *query, *answer;
	} cases[] = {
		{"G.Flows().Sort('Application')", "error: 'Sort' (column 11)" TOO_MUCH},
		{"G.Flows().Dedup('Application')", "error: 'Dedup' (column 11)" TOO_MUCH},
		{"G.Flows().Group('Application')", "error: 'Group' (column 11)" TOO_MUCH},
		{"G.Flows().RawPackets()", "error: 'RawPackets' (column 11)" TOO_MUCH},
		{"G.Flows().Sort('Application', DESC).Limit(1).Values('Application')",
		 "a-rather-long-name-number-199999"},
		{"G.Flows().Sort('Application').Limit(1).Values('Application')",
		 "a-rather-long-name-number-000000"},
		{"G.Flows().Count()", "Count 200000"},
		{"G.Flows().Limit(2).Sort('Application').Count()", "Count 2"},
	};
	struct ql_src_mem *m = NULL;
	struct t_answer a = {0};
	struct field_set app = only(T_APP);
	struct batch *b;
	char names[50][40];
	unsigned i, k;

	(void)state;
	assert_int_equal(ql_src_mem_new(&m, &t_schema, 0), 0);
	assert_int_equal(batch_new(&b, &t_schema, &app), 0);
	for (i = 0; i < 200000; i += 50) {
		batch_clear(b);
		b->n = 50;
		for (k = 0; k < 50; k++) {
			int len = snprintf(names[k], sizeof(names[k]),
					   "a-rather-long-name-number-%06u", i + k);

			b->cols[T_APP]->v.str[k] = (struct val_str){names[k], (uint32_t)len};
			col_mark(b->cols[T_APP], k);
		}
		assert_int_equal(ql_src_mem_add(m, b), 0);
	}
	batch_free(b);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		t_query(ql_src_mem_src(m), cases[i].query, NULL, 1 << 20, &a);
		assert_string_equal(buf_str(&a.text), cases[i].answer);
	}
	buf_done(&a.text);
	ql_src_mem_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),        cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_order_by_two), cmocka_unit_test(test_distinct),
		cmocka_unit_test(test_absent),       cmocka_unit_test(test_memory),
		cmocka_unit_test(test_texts),        cmocka_unit_test(test_wide_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
