/* Interfaces of several files as one list, against the definition spelled out: two are
 * the same where name, link type and their place among those of their section that
 * look alike are the same. */
#include "run/ifmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "capture/src.h"

#define FILES  3
#define IFACES 60

struct known {
	const char *name;
	uint16_t linktype;
	unsigned twin;
};

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static unsigned twin_of(const struct src_iface *v, size_t i)
{
	unsigned n = 0;
	size_t k;

	for (k = 0; k < i; k++)
		n += v[k].section == v[i].section && v[k].linktype == v[i].linktype &&
		     same(v[k].name, v[i].name);
	return n;
}

static void as_defined(void **state)
{
	static const char *const names[] = {NULL, "", "a", "b", "eth0", "a rather long name"};
	uint32_t x = 1;
	int round;

	(void)state;
	for (round = 0; round < 200; round++) {
		struct src_iface v[FILES][IFACES] = {0};
		struct known known[FILES * IFACES];
		struct ifmap_file files[FILES] = {0};
		struct ifmap m = {0};
		size_t n = 0, at[FILES] = {0}, i, f, k;

		for (i = 0; i < FILES * IFACES; i++) {
			struct src_iface *to;
			unsigned twin;

			x = x * 1664525 + 1013904223;
			f = (x >> 8) % FILES;
			if (at[f] == IFACES)
				continue;
			k = at[f]++;
			to = &v[f][k];
			to->name = names[(x >> 12) % 6];
			to->linktype = (uint16_t)(x >> 20 & 1);
			to->section = k ? to[-1].section + (x >> 28 == 0) : 0;
			to->snaplen = (uint32_t)i;
			twin = twin_of(v[f], k);
			for (k = 0; k < n; k++)
				if (known[k].linktype == to->linktype && known[k].twin == twin &&
				    same(known[k].name, to->name))
					break;
			if (k == n)
				known[n++] = (struct known){to->name, to->linktype, twin};
			assert_int_equal(ifmap_add(&m, &files[f], v[f], at[f] - 1), k);
			assert_int_equal(m.n, n);
			assert_true(same(m.pub[k].name, to->name));
			assert_int_equal(m.pub[k].linktype, to->linktype);
		}
		for (f = 0; f < FILES; f++)
			ifmap_file_done(&files[f]);
		ifmap_done(&m);
	}
}

static void more_than_fit_share_the_last(void **state)
{
	static struct src_iface v[IFMAP_MAX + 3];
	static char names[IFMAP_MAX + 3][8];
	struct ifmap_file f = {0};
	struct ifmap m = {0};
	size_t i;

	(void)state;
	for (i = 0; i < IFMAP_MAX + 3; i++) {
		snprintf(names[i], sizeof(names[i]), "%zu", i);
		v[i].name = names[i];
		assert_int_equal(ifmap_add(&m, &f, v, i), i < IFMAP_MAX ? i : IFMAP_MAX - 1);
	}
	assert_int_equal(m.n, IFMAP_MAX);
	ifmap_file_done(&f);
	ifmap_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_defined),
		cmocka_unit_test(more_than_fit_share_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
