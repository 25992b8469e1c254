/* Input: an expression, run over rows of all types of which some have no value.
 *
 * "not (E)" is the complement of E, "E and E" and "E or E" are E; E printed
 * reads back as the same; only rows that were chosen stay, and hints let all of them pass.  If a
 * regular expression gives up, it does so in all of these, and says where. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "filter/filter_lex.h"
#include "filter/hint.h"
#include "filter/where.h"
#include "error_column.h"

#define TEXT_MAX 2000
#define ROWS     100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

DEFINE_FREEP(struct batch, batch_free);

static const struct field fields[] = {
	{.name = "network_a", .json = "Network.A", .type = VAL_ADDR, .unit = ""},
	{.name = "network_b", .json = "Network.B", .type = VAL_ADDR, .unit = ""},
	{.name = "transport_a", .json = "Transport.A", .type = VAL_U64, .unit = ""},
	{.name = "transport_b", .json = "Transport.B", .type = VAL_U64, .unit = ""},
	{.name = "protocol", .json = "Protocol", .type = VAL_STR, .unit = ""},
	{.name = "layers_path", .json = "LayersPath", .type = VAL_STR, .unit = ""},
	{.name = "application", .json = "Application", .type = VAL_STR, .unit = ""},
	{.name = "ab_bytes", .json = "Metric.ABBytes", .type = VAL_U64, .unit = "bytes"},
	{.name = "start", .json = "Start", .type = VAL_TIME, .unit = "ns"},
	{.name = "rtt_ns", .json = "Metric.RTT", .type = VAL_DUR, .unit = "ns"},
	{.name = "delta", .json = "Delta", .type = VAL_I64, .unit = "1"},
	{.name = "ratio", .json = "Ratio", .type = VAL_F64, .unit = "1"},
	{.name = "truncated", .json = "Truncated", .type = VAL_BOOL, .unit = ""},
	{.name = "uuid", .json = "UUID", .type = VAL_ID, .unit = ""},
};

static const struct field_alias aliases[] = {{"Network", 2, {0, 1}}, {"Transport", 2, {2, 3}}};

static const struct schema schema = {fields, sizeof(fields) / sizeof(fields[0]), aliases,
				     sizeof(aliases) / sizeof(aliases[0])};

static void require(bool holds, const char *what, const char *expr)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_where: %s: '%s'\n", what, expr);
	abort();
}

/* Values near those that people and fuzzers write. */
static void fill(struct col *c, size_t row, unsigned r)
{
	static const char *const texts[] = {"TCP", "UDP", "DNS", "", "Ethernet/IPv4/TCP", "a b"};
	static const char *const addrs[] = {"10.0.0.1", "10.1.2.3",          "2001:db8::1",
					    "::",       "00:00:5e:00:53:01", "255.255.255.255"};
	static const int64_t numbers[] = {0, 1, 80, 443, -1, INT64_MAX, INT64_MIN, 1000000000};
	const char *text = texts[r % 6];

	if (r % 5 == 0)
		return;
	switch (c->type) {
	case VAL_ADDR:
		addr_parse(addrs[r % 6], &c->v.addr[row]);
		break;
	case VAL_STR:
		c->v.str[row] = (struct val_str){text, (uint32_t)strlen(text)};
		break;
	case VAL_BOOL:
		c->v.b[row] = r & 1;
		break;
	case VAL_F64:
		c->v.f64[row] = r % 7 ? (double)numbers[r % 8] / 3 : 0.0 / 0.0;
		break;
	case VAL_ID:
		memset(c->v.id[row], (int)r, 16);
		break;
	default:
		c->v.i64[row] = numbers[r % 8];
	}
	col_mark(c, row);
}

static struct batch *rows(void)
{
	struct field_set all;
	uint32_t r = 1;
	struct batch *b;
	size_t i, j;

	memset(&all, 0xff, sizeof(all));
	if (batch_new(&b, &schema, &all) < 0)
		abort();
	b->n = ROWS;
	for (i = 0; i < ROWS; i++) {
		for (j = 0; j < schema.n; j++) {
			r = r * 1664525 + 1013904223;
			fill(b->cols[j], i, r >> 20);
		}
	}
	return b;
}

struct result {
	uint64_t w[BATCH_ROWS / 64];
	int r; /* of where_run(); 'w' is of no use where it is negative */
};

static bool same(const struct result *a, const struct result *b)
{
	return a->r == b->r && (a->r < 0 || memcmp(a->w, b->w, sizeof(a->w)) == 0);
}

/* Runs an expression made of one that parses; false if that is nested too deep. */
static bool run(const struct batch *b, const char *expr, struct result *sel)
{
	CLEANUP(where_freep) struct where *w = NULL;
	struct err err;
	int r;

	r = where_new(&w, expr, &schema, &err);
	if (r == -E2BIG)
		return false;
	require(r == 0, err.text, expr);
	sel->r = where_run(w, b, sel->w, NULL);
	return true;
}

static void check_made(const struct batch *b, const char *expr, const char *joint,
		       const struct result *sel, const struct result *want)
{
	CLEANUP(buf_done) struct buf t = BUF_INIT;
	struct result is = *sel;

	buf_addf(&t, "(%s) %s (%s)", expr, joint, expr);
	if (run(b, buf_str(&t), &is))
		require(same(&is, want), "with itself it is something else", expr);
}

static void check_not(const struct batch *b, const char *expr, const struct result *sel,
		      const struct result *is)
{
	CLEANUP(buf_done) struct buf t = BUF_INIT;
	struct result is_not = *sel;
	size_t i;

	buf_addf(&t, "not (%s)", expr);
	if (!run(b, buf_str(&t), &is_not))
		return;
	require(is_not.r == is->r, "'not' gives up where it did not", expr);
	if (is->r < 0)
		return;
	for (i = 0; i < ROWS; i++)
		require(((is->w[i / 64] ^ is_not.w[i / 64] ^ sel->w[i / 64]) >> i % 64 & 1) == 0,
			"'not' is no complement", expr);
}

static void check_printed(const struct batch *b, struct where *w, const char *expr,
			  const struct result *sel, const struct result *want)
{
	CLEANUP(buf_done) struct buf once = BUF_INIT, twice = BUF_INIT;
	CLEANUP(where_freep) struct where *again = NULL;
	struct result is = *sel;
	struct err err;
	int r;

	where_print(w, &once);
	r = where_new(&again, buf_str(&once), &schema, &err);
	if (r == -E2BIG) /* more parentheses than before */
		return;
	require(r == 0, "printed does not parse", buf_str(&once));
	where_print(again, &twice);
	require(strcmp(buf_str(&once), buf_str(&twice)) == 0, "printed twice differs", expr);
	is.r = where_run(again, b, is.w, NULL);
	require(same(&is, want), "printed means something else", expr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(batch_freep) struct batch *b = NULL;
	CLEANUP(where_freep) struct where *w = NULL;
	struct result sel, is;
	char expr[TEXT_MAX + 1];
	struct err err = {0};
	bool blank;
	size_t i;

	if (size > TEXT_MAX || memchr(data, '\0', size))
		return 0;
	memcpy(expr, data, size);
	expr[size] = '\0';
	if (where_new(&w, expr, &schema, &err) < 0) {
		require(error_is_sound(expr, &err),
			"no error text, or a column outside of the text", expr);
		return 0;
	}
	blank = !expr[strspn(expr, " \t\r\n")];
	b = rows();
	memset(&sel, 0xff, sizeof(sel));
	sel.r = 0;
	sel.w[0] = 0xffffffff00ffffff;
	is = sel;
	is.r = where_run(w, b, is.w, &err);
	if (is.r < 0)
		require(error_is_sound(expr, &err),
			"no error text, or a column outside of the text", expr);
	for (i = 0; i < BATCH_ROWS / 64; i++)
		require(!(is.w[i] & ~sel.w[i]), "chose rows by itself", expr);
	require(is.w[1] >> (ROWS - 64) == 0 && !is.w[2], "chose rows that are not there", expr);
	for (i = 0; i < ROWS && is.r == 0; i++)
		require(!(is.w[i / 64] >> i % 64 & 1) || hint_row(where_hints(w, NULL), b, i),
			"hinted away", expr);
	if (blank)
		return 0;

	check_not(b, expr, &sel, &is);
	check_made(b, expr, "and", &sel, &is);
	check_made(b, expr, "or", &sel, &is);
	check_printed(b, w, expr, &sel, &is);
	return 0;
}
