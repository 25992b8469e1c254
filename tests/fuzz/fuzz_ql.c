/* Input: a query, run over the flows of the unit tests, ten times over.
 *
 * Errors have a text, and a column within the query if any.  Count() is the number of rows,
 * Limit(n) gives the first min(n, count) of them, Has(k) and HasNot(k) share them out, Sort()
 * and Dedup() neither add nor, on distinct rows, lose any.  The answer does not depend on how
 * the source cuts its batches, nor on whether it gives more than it is asked for. */
#include <stdbool.h>
#include <stdint.h>

#include "../unit/test_ql.h"

#define TEXT_MAX 2000
#define COPIES   10

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what, const char *query)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_ql: %s: '%s'\n", what, query);
	abort();
}

/* Built once, never changed afterwards. */
static struct ql_src_mem *source(unsigned flags, size_t step)
{
	struct ql_src_mem *m = NULL;
	size_t i;

	require(ql_src_mem_new(&m, &t_schema, flags) == 0, "no source", "");
	for (i = 0; i < COPIES * T_FLOWS; i++)
		require(ql_src_mem_add_text(m, t_flows[i / COPIES], NULL) == 0, "no row", "");
	ql_src_mem_set_now(m, T_NOW);
	ql_src_mem_set_step(m, step);
	return m;
}

static void check_error(const char *query, const char *text)
{
	const char *at = strstr(text, "(column ");

	require(strlen(text) > strlen("error: "), "an error without text", query);
	if (at && !strstr(query, "column")) /* or it may be a quotation */
		require(strtoull(at + 8, NULL, 10) <= strlen(query) + 1, "a column outside", query);
}

/* Runs 'query' with 'more' behind it; whether it could be. */
static bool run(struct ql_src_mem *m, const char *query, const char *more, struct t_answer *a)
{
	char text[TEXT_MAX + 64];

	snprintf(text, sizeof(text), "%s%s", query, more);
	if (t_query(ql_src_mem_src(m), text, NULL, 0, a) == 0)
		return true;
	check_error(text, buf_str(&a->text));
	return false;
}

static void check_rows(struct ql_src_mem *m, const char *query, const struct t_answer *whole,
		       struct t_answer *a)
{
	static const unsigned limits[] = {0, 1, 5, 69, 100};
	char more[64];
	size_t i, with;

	if (run(m, query, ".Count()", a))
		require(a->scalar == whole->rows, "Count is not the number of rows", query);
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		size_t want = whole->rows < limits[i] ? whole->rows : limits[i];

		snprintf(more, sizeof(more), ".Limit(%u)", limits[i]);
		if (!run(m, query, more, a))
			continue;
		require(a->rows == want, "Limit gives the wrong number", query);
		require(a->text.len <= whole->text.len &&
				(!a->text.len ||
				 memcmp(a->text.p, whole->text.p, a->text.len) == 0),
			"Limit does not give the first", query);
	}
	if (run(m, query, ".Sort(DESC)", a))
		require(a->rows == whole->rows, "Sort changes the number", query);
	if (run(m, query, ".Dedup()", a))
		require(a->rows <= whole->rows && !a->rows == !whole->rows, "Dedup", query);
	if (run(m, query, ".Has('Application')", a)) {
		with = a->rows;
		if (run(m, query, ".HasNot('Application')", a))
			require(with + a->rows == whole->rows, "Has and HasNot do not share",
				query);
	}
	if (run(m, query, ".Has('Network', '10.0.0.1')", a)) {
		with = a->rows;
		if (run(m, query, ".Has('Network', NEE('10.0.0.1'))", a))
			require(with + a->rows == whole->rows, "equal and NEE do not share", query);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ql_src_mem *whole_src, *cut_src, *lazy_src;
	struct t_answer whole = {0}, a = {0};
	char *query;

	if (size > TEXT_MAX)
		return 0;
	if (!whole_src) {
		whole_src = source(0, BATCH_ROWS);
		cut_src = source(QL_SRC_MEM_TRANSIENT, 9);
		lazy_src = source(QL_SRC_MEM_TRANSIENT | QL_SRC_MEM_LAZY, 9);
	}
	query = malloc(size + 1);
	if (!query)
		return 0;
	if (size)
		memcpy(query, data, size);
	query[size] = '\0';

	if (run(whole_src, query, "", &whole)) {
		require(run(cut_src, query, "", &a), "batches decide whether it works", query);
		require(strcmp(buf_str(&whole.text), buf_str(&a.text)) == 0,
			"batches change the answer", query);
		/* a costly row may be among those left out */
		if (run(lazy_src, query, "", &a))
			require(strcmp(buf_str(&whole.text), buf_str(&a.text)) == 0,
				"what the source leaves out changes the answer", query);
		if (whole.begun)
			check_rows(cut_src, query, &whole, &a);
	}
	buf_done(&whole.text);
	buf_done(&a.text);
	free(query);
	return 0;
}
