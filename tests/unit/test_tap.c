/* --where and flow ids in front of a source. */
#include "cli/tap.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "filter/where.h"
#include "ql/ql_src_mem.h"

enum { F_NAME, F_BYTES, F_UUID, F_N };
static const struct field fields[] = {
	[F_NAME] = {.name = "name", .json = "Name", .type = VAL_STR},
	[F_BYTES] = {.name = "bytes", .json = "Bytes", .type = VAL_U64},
	[F_UUID] = {.name = "uuid", .json = "UUID", .type = VAL_ID},
};
static const struct schema schema = {.fields = fields, .n = F_N};

/* Row i: name "n<i>" (absent for 5), 100 * i bytes, uuid starting with byte i. */
static struct ql_src_mem *make_rows(size_t n, size_t step)
{
	struct ql_src_mem *m;
	size_t i;

	assert_int_equal(ql_src_mem_new(&m, &schema, QL_SRC_MEM_TRANSIENT), 0);
	for (i = 0; i < n; i++) {
		char row[128], name[16];

		snprintf(name, sizeof(name), "n%zu", i);
		snprintf(row, sizeof(row), "%s %zu %02zx000000-0000-0000-0000-000000000000",
			 i == 5 ? "-" : name, 100 * i, i);
		assert_int_equal(ql_src_mem_add_text(m, row, NULL), 0);
	}
	ql_src_mem_set_step(m, step);
	return m;
}

/* Writes "serial:name:bytes " of each row; only what was asked for. */
static int to_text(void *arg, const struct batch *b)
{
	struct buf *text = arg;
	size_t i;

	for (i = 0; i < b->n; i++) {
		const struct col *name = b->cols[F_NAME], *bytes = b->cols[F_BYTES];

		buf_addf(text, "%u:", (unsigned)b->serial[i]);
		if (name && col_has(name, i))
			buf_add(text, name->v.str[i].p, name->v.str[i].len);
		if (bytes && col_has(bytes, i))
			buf_addf(text, ":%u", (unsigned)bytes->v.u64[i]);
		buf_addch(text, ' ');
	}
	return strstr(buf_str(text), "n8") ? 1 : 0;
}

static void scan(const char *expr, size_t step, const char *expected)
{
	static const size_t wants[] = {F_NAME, F_BYTES};
	CLEANUP(buf_done) struct buf text = BUF_INIT;
	CLEANUP(where_freep) struct where *w = NULL;
	struct ql_scan req = {.from = INT64_MIN, .to = INT64_MAX};
	struct ql_src_mem *m = make_rows(10, step);
	struct tap t;
	size_t i;

	for (i = 0; i < 2; i++)
		field_set_add(&req.want, wants[i]);
	if (expr)
		assert_int_equal(where_new(&w, expr, &schema, NULL), 0);
	tap_init(&t, ql_src_mem_src(m), w, -1);
	assert_int_equal(t.src.ops->scan(&t.src, &req, to_text, &text, NULL), 0);
	assert_string_equal(buf_str(&text), expected);
	tap_done(&t);
	ql_src_mem_free(m);
}

static void test_where(void **state)
{
	size_t step;

	(void)state;
	for (step = 1; step <= 11; step += 5) {
		scan("bytes >= 300 && bytes <= 600", step, "3:n3:300 4:n4:400 5::500 6:n6:600 ");
		scan("bytes > 2000", step, "");
	}
	/* to_text() has enough at the batch with n8 */
	scan(NULL, 2,
	     "0:n0:0 1:n1:100 2:n2:200 3:n3:300 4:n4:400 5::500 6:n6:600 7:n7:700 "
	     "8:n8:800 9:n9:900 ");
	scan(NULL, 3,
	     "0:n0:0 1:n1:100 2:n2:200 3:n3:300 4:n4:400 5::500 6:n6:600 7:n7:700 "
	     "8:n8:800 ");
	scan("bytes != 700", 3,
	     "0:n0:0 1:n1:100 2:n2:200 3:n3:300 4:n4:400 5::500 6:n6:600 "
	     "8:n8:800 ");
}

/* The fields of the expression and the ids are asked for, whoever scans. */
static void test_wants(void **state)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT;
	CLEANUP(where_freep) struct where *w = NULL;
	static const struct hint hint = {.n = 0};
	const struct ql_scan req = {.from = 1, .to = 2, .hints = &hint, .limit_hint = 1};
	struct ql_src_mem *m = make_rows(3, 10);
	const struct ql_scan *asked;
	struct tap t;

	(void)state;
	assert_int_equal(where_new(&w, "bytes == 100", &schema, NULL), 0);
	tap_init(&t, ql_src_mem_src(m), w, F_UUID);
	assert_int_equal(t.src.ops->scan(&t.src, &req, to_text, &text, NULL), 0);
	asked = ql_src_mem_scan(m);
	assert_true(field_set_has(&asked->want, F_BYTES));
	assert_true(field_set_has(&asked->want, F_UUID));
	assert_false(field_set_has(&asked->want, F_NAME));
	assert_true(asked->from == 1 && asked->to == 2);
	/* the expression narrows what is asked for, so that no number of rows is known to do */
	assert_int_equal(asked->hints->tests[0].field, F_BYTES);
	assert_ptr_equal(asked->hints->next, &hint);
	assert_int_equal(asked->limit_hint, 0);
	tap_done(&t);
	ql_src_mem_free(m);
}

static void test_ids(void **state)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT;
	CLEANUP(where_freep) struct where *w = NULL;
	const struct ql_scan req = {.from = INT64_MIN, .to = INT64_MAX};
	struct ql_src_mem *m = make_rows(10, 4);
	const uint8_t *id;
	struct tap t;
	int again;

	(void)state;
	assert_int_equal(where_new(&w, "bytes > 300", &schema, NULL), 0);
	tap_init(&t, ql_src_mem_src(m), w, F_UUID);
	assert_null(tap_find(&t, 4)); /* nothing scanned yet */
	for (again = 0; again < 2; again++) {
		assert_int_equal(t.src.ops->scan(&t.src, &req, to_text, &text, NULL), 0);
		assert_int_equal(t.n_ids, 6);
		id = tap_find(&t, 4);
		assert_non_null(id);
		assert_int_equal(id[0], 4);
		assert_int_equal(tap_find(&t, 9)[0], 9);
		assert_null(tap_find(&t, 3)); /* rejected */
		assert_null(tap_find(&t, 10));
	}
	tap_done(&t);
	ql_src_mem_free(m);
}

static int count_packets(void *arg, const struct pkt *p, uint64_t serial)
{
	unsigned *sum = arg;

	*sum += p->len + 1000 * (unsigned)serial;
	return 0;
}

static void test_pass_through(void **state)
{
	static const uint64_t serials[] = {2};
	const struct pkt p = {.ts = 5, .data = (const uint8_t *)"x", .caplen = 1, .len = 7};
	struct ql_src_mem *m = make_rows(3, 10);
	unsigned sum = 0;
	struct tap t;
	int64_t now;

	(void)state;
	assert_int_equal(ql_src_mem_add_pkt(m, &p, 2), 0);
	assert_int_equal(ql_src_mem_add_pkt(m, &p, 1), 0);
	ql_src_mem_set_now(m, 42);
	tap_init(&t, ql_src_mem_src(m), NULL, -1);
	assert_int_equal(t.src.ops->now(&t.src, &now, NULL), 0);
	assert_int_equal(now, 42);
	assert_int_equal(t.src.ops->packets(&t.src, serials, 1, INT64_MIN, INT64_MAX, NULL,
					    count_packets, &sum, NULL),
			 0);
	assert_int_equal(sum, 2007);
	tap_done(&t);
	ql_src_mem_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_where),
		cmocka_unit_test(test_wants),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_pass_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
