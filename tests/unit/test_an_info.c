/* What packets say about a capture.  Expected values: counted by hand. */
#include "analyse/an_info.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const struct pkt pkts[] = {
	{.ts = 10, .caplen = 60, .len = 60, .linktype = 1, .number = 1, .off = 24, .iface = 1},
	{.ts = 5, .caplen = 96, .len = 1500, .linktype = 1, .number = 2, .off = 100},
	{.ts = 5,
	 .flags = PKT_NO_TIME,
	 .caplen = 80,
	 .len = 90,
	 .linktype = 113,
	 .number = 3,
	 .off = 212},
	{.ts = 1005,
	 .caplen = 61,
	 .len = 60,
	 .linktype = 1,
	 .number = 4,
	 .off = 308,
	 .drops = 7,
	 .flags = PKT_DROPS | PKT_BAD_TIME,
	 .iface = 2},
	{.ts = 1004, .caplen = 0, .len = 0, .linktype = 0, .number = 5, .off = 385},
};

static void check(const struct an_info *a)
{
	assert_int_equal(a->packets, 5);
	assert_int_equal(a->bytes, 60 + 1500 + 90 + 60);
	assert_int_equal(a->cap_bytes, 60 + 96 + 80 + 61);
	assert_int_equal(a->len_min, 0);
	assert_int_equal(a->len_max, 1500);
	assert_int_equal(a->empty, 1);
	assert_int_equal(a->timed, 4);
	assert_int_equal(a->bad_times, 1);
	assert_int_equal(a->first, 5);
	assert_int_equal(a->first_iface, 0);
	assert_int_equal(a->last, 1005);
	assert_int_equal(a->last_iface, 2);
	assert_int_equal(a->gap.ns, 1000);
	assert_int_equal(a->gap.from, 5);
	assert_int_equal(a->gap.number, 4);
	assert_int_equal(a->gap.off, 308);
	assert_int_equal(a->backwards, 2);
	assert_int_equal(a->back.ns, 5);
	assert_int_equal(a->back.number, 2);
	assert_int_equal(a->cut, 2);
	assert_int_equal(a->cut_min, 80);
	assert_int_equal(a->cut_max, 96);
	assert_int_equal(a->over, 1);
	assert_int_equal(a->over_first, 4);
	assert_int_equal(a->lost, 7);
	assert_int_equal(a->n_linktypes, 3);
	assert_int_equal(a->linktypes[0].linktype, 0);
	assert_int_equal(a->linktypes[1].linktype, 1);
	assert_int_equal(a->linktypes[1].packets, 3);
	assert_int_equal(a->linktypes[1].bytes, 1620);
	assert_int_equal(a->linktypes[2].linktype, 113);
	assert_int_equal(an_info_duration(a), 1000);
}

static void test_counts(void **state)
{
	struct an_info a;

	(void)state;
	an_info_init(&a);
	assert_int_equal(an_info_add(&a, pkts, 5), 0);
	check(&a);
	an_info_done(&a);
	/* In pieces it is the same. */
	for (int i = 0; i < 5; i++)
		assert_int_equal(an_info_add(&a, &pkts[i], 1), 0);
	check(&a);
	an_info_done(&a);
}

static void test_empty(void **state)
{
	struct an_info a;

	(void)state;
	an_info_init(&a);
	assert_int_equal(an_info_duration(&a), 0);
	assert_true(an_info_rate(&a, 5) == 0);
	an_info_done(&a);
}

/* Two packets 4 s apart: capinfos' rates are over the whole duration. */
static void test_rate(void **state)
{
	struct pkt two[] = {{.ts = 0, .len = 100, .caplen = 100},
			    {.ts = 4000000000, .len = 300, .caplen = 300}};
	struct an_info a;

	(void)state;
	an_info_init(&a);
	assert_int_equal(an_info_add(&a, two, 2), 0);
	assert_true(an_info_rate(&a, a.bytes) == 100.0);
	assert_true(an_info_rate(&a, a.packets) == 0.5);
	an_info_done(&a);
}

/* Times at both ends of int64: no overflow, the longest time that fits. */
static void test_extremes(void **state)
{
	struct pkt two[] = {{.ts = INT64_MAX}, {.ts = INT64_MIN}, {.ts = INT64_MAX}};
	struct an_info a;

	(void)state;
	an_info_init(&a);
	assert_int_equal(an_info_add(&a, two, 3), 0);
	assert_int_equal(an_info_duration(&a), INT64_MAX);
	assert_int_equal(a.gap.ns, INT64_MAX);
	assert_int_equal(a.back.ns, INT64_MAX);
	an_info_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
