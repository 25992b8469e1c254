/* Sources that give codes for values: the answers are those of the values themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

#include "ql/mem.h"
#include "test_ql.h"

#define TOGETHER 3 /* batches that share a dictionary */

/* Gives what another source does, with codes wherever they will do. */
struct coder {
	struct ql_src src;
	struct ql_src *of;
	const struct ql_scan *req;
	ql_batch_fn fn;
	void *arg;
	struct batch *kept[TOGETHER];
	size_t n;
	uint64_t number;      /* of dictionaries */
	size_t coded, values; /* columns given as such, of those that may be coded */
	uint32_t few; /* rows that are said to share a dictionary are divided by this, if not 0 */
	struct ql_arena texts; /* of what is kept */
};

static void set_val(struct col *c, size_t row, const union val *v)
{
	size_t size = val_size(c->type);

	memcpy((char *)c->v.any + row * size, v, size);
	col_mark(c, row);
}

static struct batch *copy_of(struct coder *k, const struct batch *b)
{
	struct batch *to = NULL;
	union val v;
	size_t f, i;

	assert_int_equal(batch_new(&to, b->schema, &k->req->want), 0);
	to->n = b->n;
	for (i = 0; i < b->n; i++) {
		to->serial[i] = b->serial[i];
		for (f = 0; f < b->schema->n; f++) {
			if (!to->cols[f] || !b->cols[f] || !col_get(b->cols[f], i, &v))
				continue;
			if (to->cols[f]->type == VAL_STR)
				ql_arena_copy(&k->texts, v.str.p, v.str.len, &v.str.p);
			set_val(to->cols[f], i, &v);
		}
	}
	return to;
}

/* The values of a field in all batches that are kept, in the order in which they come. */
static uint32_t collect(struct coder *k, size_t field, union val *values)
{
	enum val_type type = k->src.schema->fields[field].type;
	uint32_t n = 0, at;
	size_t g, i;
	union val v;

	for (g = 0; g < k->n; g++) {
		struct col *c = k->kept[g]->cols[field];

		for (i = 0; i < k->kept[g]->n; i++) {
			c->code[i] = 0; /* of no value: any */
			if (!col_get(c, i, &v))
				continue;
			for (at = 0; at < n && val_cmp(type, &values[at], &v) != 0; at++)
				;
			values[at] = v;
			n += at == n;
			c->code[i] = at;
		}
	}
	return n;
}

/* Copies that die with the dictionary; '*ret_text': bytes of texts. */
static void *own_values(enum val_type type, union val *values, uint32_t n, char **ret_text)
{
	size_t size = val_size(type), i, len = 0;
	char *p = test_malloc(n * size + 1), *text;

	for (i = 0; type == VAL_STR && i < n; i++)
		len += values[i].str.len;
	text = *ret_text = test_malloc(len + 1);
	for (i = 0; i < n; i++) {
		if (type == VAL_STR) {
			memcpy(text, values[i].str.p, values[i].str.len);
			values[i].str.p = text;
			text += values[i].str.len;
		}
		memcpy(p + i * size, &values[i], size);
	}
	return p;
}

static void code_field(struct coder *k, size_t field, void **ret_values, char **ret_text)
{
	enum val_type type = k->src.schema->fields[field].type;
	union val *values;
	uint32_t n, rows = 0;
	size_t g;

	for (g = 0; g < k->n; g++) {
		rows += (uint32_t)k->kept[g]->n;
		assert_int_equal(batch_code(k->kept[g], field), 0);
	}
	if (!k->kept[0]->cols[field]->code) /* numbers */
		return;
	values = test_calloc(rows + 1, sizeof(*values));
	n = collect(k, field, values);
	*ret_values = own_values(type, values, n, ret_text);
	test_free(values);
	for (g = 0; g < k->n; g++) {
		struct col *c = k->kept[g]->cols[field];

		if (!n) { /* no row has a value */
			k->values++;
			continue;
		}
		k->coded++;
		c->dict = (struct col_dict){*ret_values, n, k->few ? rows / k->few : 2 * n + rows,
					    k, k->number};
		memset(c->v.any, 0xee, BATCH_ROWS * val_size(type));
	}
}

static int give_kept(struct coder *k)
{
	void *values[T_FIELDS] = {NULL};
	char *texts[T_FIELDS] = {NULL};
	size_t f, g;
	int r = 0;

	if (!k->n)
		return 0;
	for (f = 0; f < T_FIELDS; f++)
		if (field_set_has(&k->req->code, f)) {
			assert_true(field_set_has(&k->req->want, f));
			code_field(k, f, &values[f], &texts[f]);
		}
	for (g = 0; g < k->n; g++) {
		r = r ? r : k->fn(k->arg, k->kept[g]);
		batch_free(k->kept[g]);
	}
	for (f = 0; f < T_FIELDS; f++) {
		test_free(values[f]);
		test_free(texts[f]);
	}
	ql_arena_done(&k->texts);
	k->n = 0;
	k->number++;
	return r;
}

static int keep(void *arg, const struct batch *b)
{
	struct coder *k = arg;

	k->kept[k->n++] = copy_of(k, b);
	return k->n == TOGETHER ? give_kept(k) : 0;
}

static int coder_scan(struct ql_src *s, const struct ql_scan *req, ql_batch_fn fn, void *arg,
		      struct err *err)
{
	struct coder *k = (struct coder *)s;
	int r, last;

	k->req = req;
	k->fn = fn;
	k->arg = arg;
	if (req->code_fn != fn)
		fail_msg("codes for another");
	r = k->of->ops->scan(k->of, req, keep, k, err);
	last = r < 0 ? r : give_kept(k);
	return last < 0 ? last : r;
}

static int coder_now(struct ql_src *s, int64_t *ret, struct err *err)
{
	struct coder *k = (struct coder *)s;

	return k->of->ops->now(k->of, ret, err);
}

static const struct ql_src_ops coder_ops = {.scan = coder_scan, .now = coder_now};

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* A value of few, or none: a text and a number behind it. */
static void put(struct buf *b, uint64_t *x, const char *text, unsigned different)
{
	unsigned number = (unsigned)(next_random(x) % different);

	if (next_random(x) % 5)
		buf_addf(b, "%s%u ", text, number);
	else
		buf_addstr(b, "- ");
}

/* Rows of fields in the order of the schema. */
static void add_rows(struct ql_src_mem *m, uint64_t *x, unsigned n, unsigned different)
{
	struct buf b = BUF_INIT;

	while (n-- > 0) {
		struct err err = {0};

		buf_clear(&b);
		put(&b, x, "00000000-0000-0000-0000-00001000000", different % 9 + 1);
		put(&b, x, next_random(x) % 4 ? "app" : "aNameThatIsLongerThanSixteenBytes",
		    different);
		put(&b, x, "02:00:00:00:00:0", 9);
		put(&b, x, "02:00:00:00:01:0", 1);
		put(&b, x, next_random(x) % 4 ? "10.0.0." : "192.0.2.", different % 250 + 1);
		put(&b, x, "2001:db8::", different);
		put(&b, x, "", 5);
		put(&b, x, "", 3);
		put(&b, x, "", 100);
		put(&b, x, "", 100);
		put(&b, x, "", 9000);
		put(&b, x, "", 9000);
		buf_addstr(&b, "- - - - - -");
		if (ql_src_mem_add_text(m, buf_str(&b), &err) < 0)
			fail_msg("%s: %s", buf_str(&b), err.text);
	}
	buf_done(&b);
}

static const char *const queries[] = {
	"G.Flows().Group('Network.A')",
	"G.Flows().Group('Network.A').Sort('ab_bytes', DESC).Limit(3)",
	"G.Flows().Group('Network.A').Count()",
	"G.Flows().Group('Application')",
	"G.Flows().Group('UUID')",
	"G.Flows().Group('Network.A', 'Application')",
	"G.Flows().Group('Network.A', 'Transport.B')",
	"G.Flows().Group('UUID', 'Network.B', 'Application')",
	"G.Flows().Has('Transport.B', 1).Group('Network.A')",
	"G.Flows().Has('Network.A', '10.0.0.1').Group('Network.A')",
	"G.Flows().Has('Network.B', '2001:db8::1').Group('Network.A')",
	"G.Flows().Dedup('Network.A').Count()",
	"G.Flows().Dedup('Application', 'Network.B').Count()",
	"G.Flows().Dedup('Network.A')",
	"G.Flows().Dedup('Network.A').Values('Network.A', 'Network.B')",
	"G.Flows().Sort('Network.A').Limit(5)",
	"G.Flows().Count()",
	"G.Flows().Metrics().Sum()",
	"G.Flows().Has('Network.A', '10.0.0.1').Count()",
};

/* Returns how many columns had codes. */
static size_t compare(struct ql_src_mem *m, const char *query, uint64_t memory, unsigned few)
{
	struct ql_src *src = ql_src_mem_src(m);
	struct coder k = {.src = {&coder_ops, src->schema, src->by_start}, .of = src, .few = few};
	struct t_answer plain = {0}, coded = {0};

	t_query(src, query, NULL, memory, &plain);
	t_query(&k.src, query, NULL, memory, &coded);
	if (strcmp(buf_str(&plain.text), buf_str(&coded.text)) != 0)
		fail_msg("%s: %s\nbut with codes %s", query, buf_str(&plain.text),
			 buf_str(&coded.text));
	buf_done(&plain.text);
	buf_done(&coded.text);
	return k.coded;
}

static void same_answers(void **state)
{
	static const struct {
		unsigned rows, different, step;
	} tables[] = {{1, 1, 1},       {20, 3, 1},        {50, 5, 7},       {3000, 40, 100},
		      {3000, 2, 1024}, {5000, 200, 1024}, {5000, 5000, 300}};
	uint64_t x = 88172645463325252;
	size_t i, q, coded = 0;

	(void)state;
	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		struct ql_src_mem *m = NULL;

		assert_int_equal(ql_src_mem_new(&m, &t_schema, 0), 0);
		add_rows(m, &x, tables[i].rows, tables[i].different);
		ql_src_mem_set_step(m, tables[i].step);
		for (q = 0; q < sizeof(queries) / sizeof(queries[0]); q++) {
			coded += compare(m, queries[q], 0, 0);
			compare(m, queries[q], 0, 1);
			compare(m, queries[q], 0, 1000); /* too few to be worth it */
		}
		ql_src_mem_free(m);
	}
	assert_true(coded > 100);
}

/* Only keys that are looked up, not looked at, may have codes. */
static void codes_are_asked_for(void **state)
{
	static const struct {
		const char *query;
		size_t coded; /* columns of one batch */
	} cases[] = {
		{"G.Flows().Group('Network.A')", 1},
		{"G.Flows().Group('Network.A', 'Application')", 2},
		{"G.Flows().Group('Network.A', 'Transport.B')", 1},
		{"G.Flows().Has('Network.B', '10.0.0.1').Group('Network.A')", 1},
		{"G.Flows().Has('Transport.B', NE(2)).Group('Network.A')", 1},
		{"G.Flows().Has('Network.A', NE('192.0.2.77')).Group('Network.A')", 0},
		{"G.Flows().Dedup('Network.A').Count()", 1},
		{"G.Flows().Dedup('Network.A')", 0},
		{"G.Flows().Sort('Network.A').Limit(3)", 0},
		{"G.Flows().Limit(50).Group('Network.A')", 0},
		{"G.Flows()", 0},
	};
	struct ql_src_mem *m = NULL;
	uint64_t x = 1234567;
	size_t i, n;

	(void)state;
	assert_int_equal(ql_src_mem_new(&m, &t_schema, 0), 0);
	add_rows(m, &x, 100, 4);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		n = compare(m, cases[i].query, 0, 0);
		if (n != cases[i].coded)
			fail_msg("%s: %zu columns have codes", cases[i].query, n);
	}
	ql_src_mem_free(m);
}

static void add_bytes(struct ql_src_mem *m, const char *net, const char *bytes)
{
	char text[160];

	snprintf(text, sizeof(text), "- - - - %s - - - 1 1 %s 1 - - - - - -", net, bytes);
	assert_int_equal(ql_src_mem_add_text(m, text, NULL), 0);
}

/* 2^63 + 2^63: within one dictionary, in two of them, and not. */
static void large_sums_are_noticed(void **state)
{
	static const char half[] = "9223372036854775808", less[] = "9223372036854775807";
	static const struct {
		size_t at;
		const char *bytes;
		bool fits;
	} cases[] = {{1, half, false}, {1, less, true}, {9, half, false}, {9, less, true}};
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ql_src_mem *m = NULL;
		struct t_answer a = {0};
		struct coder c;

		assert_int_equal(ql_src_mem_new(&m, &t_schema, 0), 0);
		for (k = 0; k < 12; k++)
			add_bytes(m, k && k != cases[i].at ? "10.0.0.2" : "10.0.0.1",
				  !k                 ? half
				  : k == cases[i].at ? cases[i].bytes
						     : "0");
		ql_src_mem_set_step(m, 1);
		c = (struct coder){.src = {&coder_ops, &t_schema, false}, .of = ql_src_mem_src(m)};
		t_query(&c.src, "G.Flows().Group('Network.A').Values('ab_bytes')", NULL, 0, &a);
		assert_true(c.coded);
		if (cases[i].fits)
			assert_non_null(strstr(buf_str(&a.text), "18446744073709551615"));
		else
			assert_non_null(strstr(buf_str(&a.text), "does not fit"));
		buf_done(&a.text);
		ql_src_mem_free(m);
	}
}

/* Whatever the limit, the answer is the same or that there is too little memory: codes take some
 * only where there is. */
static void memory_is_limited(void **state)
{
	static const char query[] = "G.Flows().Group('Network.A')";
	struct ql_src_mem *m = NULL;
	struct t_answer whole = {0}, a = {0};
	uint64_t x = 42, memory;
	size_t fits = 0, not = 0;

	(void)state;
	assert_int_equal(ql_src_mem_new(&m, &t_schema, 0), 0);
	add_rows(m, &x, 500, 100);
	ql_src_mem_set_step(m, 50);
	t_query(ql_src_mem_src(m), query, NULL, 0, &whole);
	for (memory = 1000; memory < 400000; memory += 1000) {
		struct coder c = {.src = {&coder_ops, &t_schema, false}, .of = ql_src_mem_src(m)};

		if (t_query(&c.src, query, NULL, memory, &a) == 0) {
			assert_string_equal(buf_str(&a.text), buf_str(&whole.text));
			fits++;
		} else {
			assert_non_null(strstr(buf_str(&a.text), "would hold more than"));
			not ++;
		}
	}
	assert_true(fits && not );
	buf_done(&whole.text);
	buf_done(&a.text);
	ql_src_mem_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_answers),
		cmocka_unit_test(codes_are_asked_for),
		cmocka_unit_test(large_sums_are_noticed),
		cmocka_unit_test(memory_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
