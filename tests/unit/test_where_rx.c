/* filter/where: "matches", errors in its expressions and ones that give up.  What it
 * matches is test_rx.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/cleanup.h"
#include "filter/where.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

DEFINE_FREEP(struct batch, batch_free);

enum {
	VLAN,
	APPLICATION,
};

static const struct field fields[] = {
	[VLAN] = {.name = "vlan", .json = "VLAN", .type = VAL_U64, .unit = ""},
	[APPLICATION] = {.name = "application", .json = "Application", .type = VAL_STR, .unit = ""},
};

static const struct schema schema = {fields, COUNT(fields), NULL, 0};

/* Columns are counted by hand; what is wrong, and at which byte, is PCRE2's (pcre2test(1)). */
static void points_into_the_text(void **state)
{
	static const struct {
		const char *expr, *error;
	} cases[] = {
		{"application matches \"a(b\"",
		 "'a(b' is no regular expression: missing closing parenthesis (column 25)"},
		{"application matches r\"a)b\"",
		 "'a)b' is no regular expression: unmatched closing parenthesis (column 24)"},
		{"application matches \"\\x41\\\\d\\d\\t*)\"",
		 "'A\\d\\d\\x09*)' is no regular expression: unmatched closing parenthesis "
		 "(column 34)"},
		{"application matches \"\303\251\\\")\"",
		 "'\303\251\")' is no regular expression: unmatched closing parenthesis (column "
		 "25)"},
		{"application matches ++b",
		 "'++b' is no regular expression: quantifier does not follow a repeatable item "
		 "(column 21)"},
		{"vlan or application ~ 'x' and application ~ 'a|*'",
		 "'a|*' is no regular expression: quantifier does not follow a repeatable item "
		 "(column 48)"},
	};
	struct where *w;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(where_new(&w, cases[i].expr, &schema, &err), -EINVAL);
		if (strcmp(err.text, cases[i].error) != 0)
			fail_msg("'%s': %s", cases[i].expr, err.text);
	}
}

static void put_str(struct batch *b, size_t row, const char *text)
{
	b->cols[APPLICATION]->v.str[row] = (struct val_str){text, (uint32_t)strlen(text)};
	col_mark(b->cols[APPLICATION], row);
}

/* Where a regular expression gives up, no row may look as if it did not match. */
static void gives_up(void **state)
{
	static const struct {
		const char *expr, *error; /* NULL: none, the costly text is not looked at */
	} cases[] = {
		{"application matches \"^(a+)+$\"", "'application matches \"^(a+)+$\"' (column 1)"},
		{"not application matches \"^(a+)+$\"",
		 "'application matches \"^(a+)+$\"' (column 5)"},
		{"vlan == 2 or (application ~ '^(a+)+$')", "'application ~ '^(a+)+$'' (column 15)"},
		{"vlan == 1 or (application ~ '^(a+)+$')", NULL},
		{"vlan == 2 and application ~ '^(a+)+$'", NULL},
	};
	CLEANUP(batch_freep) struct batch *b = NULL;
	struct field_set all;
	size_t i;

	(void)state;
	memset(&all, 0xff, sizeof(all));
	assert_int_equal(batch_new(&b, &schema, &all), 0);
	b->n = 3;
	put_str(b, 0, "aaaa");
	put_str(b, 1, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
	put_str(b, 2, "aaaa");
	b->cols[VLAN]->v.u64[1] = 1;
	col_mark(b->cols[VLAN], 1);
	for (i = 0; i < COUNT(cases); i++) {
		CLEANUP(where_freep) struct where *w = NULL;
		uint64_t sel[BATCH_ROWS / 64];
		struct err err = {0};
		int r;

		assert_int_equal(where_new(&w, cases[i].expr, &schema, NULL), 0);
		memset(sel, 0xff, sizeof(sel));
		r = where_run(w, b, sel, &err);
		assert_int_equal(r, cases[i].error ? -E2BIG : 0);
		if (!cases[i].error)
			continue;
		assert_int_equal(strncmp(err.text, cases[i].error, strlen(cases[i].error)), 0);
		assert_non_null(strstr(err.text, ": the regular expression takes more than 1000000 "
						 "steps on 'aaaa"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(points_into_the_text),
		cmocka_unit_test(gives_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
