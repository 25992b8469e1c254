/* Packets from memory: given back as they were put in.  Expected values: the
 * contract in capture/src.h. */
#include "capture/src.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"

static const struct src_iface ifaces[] = {
	{.name = "eth0", .linktype = 1},
	{.name = "lo", .filter = "ip", .linktype = 0},
};

static const struct pkt given[] = {
	{.ts = 5,
	 .data = (const uint8_t *)"abc",
	 .caplen = 3,
	 .len = 60,
	 .linktype = 1,
	 .dir = PKT_DIR_IN},
	{.ts = 3, .data = (const uint8_t *)"", .caplen = 0, .len = 0, .iface = 1},
	{.ts = 7,
	 .data = (const uint8_t *)"de",
	 .caplen = 2,
	 .len = 2,
	 .linktype = 1,
	 .flags = PKT_NO_TIME},
};

static void test_gives_back(void **state)
{
	static const int64_t clocks[] = {5, 5, 7};
	CLEANUP(src_freep) struct src *s = NULL;
	const struct src_iface *i;
	struct pkt got[2];
	size_t n, total = 0;
	int r;

	(void)state;
	assert_int_equal(src_mem_new(&s, ifaces, 2, given, 3), 0);
	while ((r = src_recv(s, got, 2)) > 0) {
		for (int k = 0; k < r; k++, total++) {
			const struct pkt *want = &given[total];

			assert_int_equal(got[k].ts, want->ts);
			assert_int_equal(got[k].len, want->len);
			assert_int_equal(got[k].caplen, want->caplen);
			assert_memory_equal(got[k].data, want->data, want->caplen);
			assert_ptr_not_equal(got[k].data, want->data);
			assert_int_equal(got[k].iface, want->iface);
			assert_int_equal(got[k].dir, want->dir);
			assert_int_equal(got[k].flags, want->flags);
			assert_int_equal(got[k].number, total + 1);
			assert_int_equal(got[k].clock, clocks[total]);
		}
		src_release(s);
	}
	assert_int_equal(r, 0);
	assert_int_equal(total, 3);
	assert_int_equal(src_recv(s, got, 2), 0);

	i = src_ifaces(s, &n);
	assert_int_equal(n, 2);
	assert_string_equal(i[1].name, "lo");
	assert_string_equal(i[1].filter, "ip");
	assert_null(i[0].filter);
	assert_int_equal(i[0].packets, 2);
	assert_int_equal(i[1].packets, 1);
	src_notes(s, &n, NULL);
	assert_int_equal(n, 0);
}

static void test_empty(void **state)
{
	CLEANUP(src_freep) struct src *s = NULL;
	struct pkt got[1];
	size_t n;

	(void)state;
	assert_int_equal(src_mem_new(&s, NULL, 0, NULL, 0), 0);
	assert_int_equal(src_recv(s, got, 1), 0);
	src_ifaces(s, &n);
	assert_int_equal(n, 0);
}

static void test_no_room(void **state)
{
	CLEANUP(src_freep) struct src *s = NULL;
	struct pkt got[4];

	(void)state;
	assert_int_equal(src_mem_new(&s, ifaces, 2, given, 3), 0);
	assert_int_equal(src_recv(s, got, 0), 0);
	assert_int_equal(src_recv(s, got, 4), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gives_back),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
