/* What a store takes and counts, with the backend in memory. */
#include "store/store.h"

#include <errno.h>

#include "store/lost.h"
#include "store/store_mem.h"
#include "store_give.h"

static void test_lost(void **state)
{
	static uint64_t n[997];
	struct lost l = {0};
	unsigned seed = 5;
	size_t i, used = 0;

	(void)state;
	assert_int_equal(lost_take(&l, 7), 0);
	for (i = 0; i < 200000; i++) {
		unsigned k;

		seed = seed * 1664525 + 1013904223;
		k = (seed >> 8) % 997;
		if (seed >> 31) {
			assert_int_equal(lost_add(&l, k * 8), 0);
			used += !n[k]++;
		} else {
			assert_int_equal(lost_take(&l, k * 8), n[k]);
			used -= !!n[k];
			n[k] = 0;
		}
		assert_int_equal(l.n, used);
	}
	for (i = 0; i < 997; i++)
		assert_int_equal(lost_take(&l, i * 8), n[i]);
	assert_int_equal(l.n, 0);
	lost_done(&l);
}

static uint64_t raw_of(struct store *s, struct store_stream *st, uint64_t serial, uint64_t packets)
{
	size_t n;

	give_row(st, serial, packets);
	return store_mem_rows(s, &n)[n - 1].raw_packets;
}

/* Stored once if any flow is below its limit, listed under all. */
static void test_raw_limit(void **state)
{
	const struct store_conf conf = {.raw_limit = 2};
	const struct store_mem_pkt *v;
	struct store_counts c;
	struct store_stream *st;
	struct store *s;
	size_t n;

	(void)state;
	st = open_stream(&s, "mem:", &conf);
	give(st, 8, 1, 9, 1, 100);
	give(st, 8, 2, 9, 2, 100);
	give(st, 8, 3, 9, 3, 100);  /* neither */
	give(st, 8, 4, 17, 1, 100); /* the inner one is new */
	give(st, 8, 5, 17, 2, 100);
	give(st, 8, 6, 17, 3, 100); /* neither */
	v = store_mem_pkts(s, &n);
	assert_int_equal(n, 4);
	assert_int_equal(v[2].n, 2);
	assert_int_equal(v[2].refs[0].serial, 8);
	assert_int_equal(v[2].refs[1].serial, 17);
	assert_int_equal(v[2].pkt.len, 107);
	c = store_counts(st, 0);
	assert_int_equal(c.kept, 4);
	assert_int_equal(c.kept_bytes, 400);
	assert_int_equal(c.raw_limited, 2);
	assert_int_equal(store_counts(st, 1).kept, 0); /* there is no such interface */
	assert_int_equal(raw_of(s, st, 8, 6), 4);
	assert_int_equal(raw_of(s, st, 9, 3), 2);
	assert_int_equal(raw_of(s, st, 17, 3), 2);
	store_stream_free(st);
	store_close(s);
}

static void test_cuts_and_refusals(void **state)
{
	const struct store_conf conf = {.raw_limit = UINT64_MAX, .snaplen = 60};
	const struct flow_ref ref = {8, 1};
	struct store_flows f = {.refs = &ref, .n = 1, .keep = 40};
	const uint8_t data[100] = {0};
	struct pkt p = {.ts = 1, .data = data, .caplen = 100, .len = 1500, .linktype = 1};
	const struct store_mem_pkt *v;
	struct store_stream *st, *no;
	struct err err = {0};
	struct store *s;
	char name[200];
	size_t n;

	(void)state;
	st = open_stream(&s, "mem:", &conf);
	assert_int_equal(store_packets(st, &p, 1, &f, &err), 0);
	f.keep = UINT32_MAX;
	assert_int_equal(store_packets(st, &p, 1, &f, &err), 0);
	v = store_mem_pkts(s, &n);
	assert_int_equal(n, 2);
	assert_int_equal(v[0].pkt.caplen, 40);
	assert_int_equal(v[1].pkt.caplen, 60);
	assert_int_equal(v[1].pkt.len, 1500);
	p.iface = 1;
	assert_int_equal(store_packets(st, &p, 1, &f, &err), -EINVAL);
	p.iface = 0;
	p.linktype = 101;
	assert_int_equal(store_packets(st, &p, 1, &f, &err), -EINVAL);
	assert_int_equal(store_stream_new(s, "", 0, 1, &no, &err), -EINVAL);
	memset(name, 'x', sizeof(name));
	name[STORE_NAME_MAX + 1] = 0;
	assert_int_equal(store_stream_new(s, name, 0, 1, &no, &err), -EINVAL);
	store_stream_free(st);
	store_close(s);
	assert_int_equal(store_open(&s, "nothing:x", &conf, &err), -EINVAL);
	assert_int_equal(
		store_open(&s, "mem:", &(struct store_conf){.segment_size = STORE_SEGMENT_MAX + 1},
			   &err),
		-ERANGE);
	assert_int_equal(store_open(&s, "local:/nowhere/at/all", &conf, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/at/all"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_raw_limit),
		cmocka_unit_test(test_cuts_and_refusals),
	};

	if (!dir_make(dir))
		return 1;
	return dir_remove(dir, cmocka_run_group_tests(tests, NULL, NULL));
}
