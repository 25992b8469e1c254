/* Versions of running flows.  The expected rows are worked out by hand from the packets. */
#include <errno.h>

#include "flow/flow_table_impl.h"
#include "flow_world.h"

static const struct flow_opts updating = {
	.idle = FLOW_IDLE_DEFAULT,
	.hold = FLOW_HOLD_DEFAULT,
	.max_memory = UINT64_C(64) << 20,
	.update = FLOW_UPDATE_DEFAULT,
};

static size_t due(struct world *w, int64_t now)
{
	return flow_rows_due(w->rows, now, w->batch);
}

static void udp(struct world *w, int64_t ts, uint8_t from, uint8_t to, uint32_t len)
{
	add(w, ts, len, from < to ? make_udp(from, 1000, to, 53) : make_udp(from, 53, to, 1000));
}

static void assert_version(const struct world *w, size_t row, uint64_t version, bool ended)
{
	assert_int_equal(u64(w, FLOW_version, row), version);
	assert_int_equal(col_has(w->batch->cols[FLOW_ended], row), ended);
}

static void assert_update(const struct world *w, size_t row, uint64_t ab_packets, uint64_t ab_bytes,
			  uint64_t ba_packets, uint64_t ba_bytes)
{
	assert_int_equal(u64(w, FLOW_last_update_ab_packets, row), ab_packets);
	assert_int_equal(u64(w, FLOW_last_update_ab_bytes, row), ab_bytes);
	assert_int_equal(u64(w, FLOW_last_update_ba_packets, row), ba_packets);
	assert_int_equal(u64(w, FLOW_last_update_ba_bytes, row), ba_bytes);
}

static void assert_times(const struct world *w, size_t row, int64_t from, int64_t to)
{
	assert_int_equal(w->batch->cols[FLOW_last_update_start]->v.i64[row], from);
	assert_int_equal(w->batch->cols[FLOW_last_update_last]->v.i64[row], to);
}

static void a_flow_from_first_to_last(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &updating);
	udp(&w, 0, 1, 2, 100);
	udp(&w, MS, 2, 1, 300);
	assert_int_equal(due(&w, SEC / 2), 1);
	assert_version(&w, 0, 1, false);
	assert_update(&w, 0, 1, 100, 1, 300);
	assert_times(&w, 0, 0, MS);
	assert_str(&w, FLOW_finish, 0, "NOT_FINISHED");
	assert_int_equal(due(&w, SEC / 2), 0);

	udp(&w, 9 * SEC, 1, 2, 70);
	udp(&w, 10 * SEC, 1, 2, 30);
	assert_int_equal(due(&w, 60 * SEC + SEC / 2 - 1), 0);
	assert_int_equal(due(&w, 60 * SEC + SEC / 2), 1);
	assert_version(&w, 0, 2, false);
	assert_update(&w, 0, 2, 100, 0, 0);
	assert_times(&w, 0, MS, 10 * SEC);
	assert_int_equal(u64(&w, FLOW_ab_packets, 0), 3);
	assert_int_equal(u64(&w, FLOW_ab_bytes, 0), 200);
	assert_int_equal(u64(&w, FLOW_ba_bytes, 0), 300);

	/* nothing new at its time: looked at again 'update' later */
	assert_int_equal(due(&w, 121 * SEC), 0);
	udp(&w, 130 * SEC, 2, 1, 1);
	assert_int_equal(due(&w, 181 * SEC - 1), 0);
	assert_int_equal(due(&w, 181 * SEC), 1);
	assert_version(&w, 0, 3, false);
	assert_update(&w, 0, 0, 0, 1, 1);
	assert_times(&w, 0, 10 * SEC, 130 * SEC);

	/* the last one comes though there is nothing new */
	assert_int_equal(rows(&w, 181 * SEC), 1);
	assert_version(&w, 0, 4, true);
	assert_update(&w, 0, 0, 0, 0, 0);
	assert_times(&w, 0, 130 * SEC, 130 * SEC);
	assert_int_equal(u64(&w, FLOW_ab_packets, 0), 3);
	assert_int_equal(u64(&w, FLOW_ba_packets, 0), 2);
	assert_int_equal(due(&w, 1000 * SEC), 0);
	world_done(&w);
}

/* Between two ticks: it has one row, and that is its last. */
static void a_flow_too_short_for_a_tick(void **state)
{
	struct flow_opts o = updating;
	struct world w;

	(void)state;
	o.idle = MS;
	world_init(&w, &o);
	udp(&w, 0, 1, 2, 100);
	assert_int_equal(flow_table_expire(w.table, 10 * MS), 0);
	assert_int_equal(due(&w, 10 * MS), 0);
	assert_int_equal(flow_rows_take(w.rows, w.batch), 1);
	assert_version(&w, 0, 1, true);
	assert_update(&w, 0, 1, 100, 0, 0);
	assert_str(&w, FLOW_finish, 0, "TIMEOUT");
	world_done(&w);
}

static void without_updates(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &opts);
	udp(&w, 0, 1, 2, 100);
	assert_int_equal(due(&w, SEC), 0);
	assert_int_equal(rows(&w, SEC), 1);
	assert_version(&w, 0, 1, true);
	assert_update(&w, 0, 1, 100, 0, 0);
	assert_times(&w, 0, 0, 0);
	world_done(&w);
}

/* The record of a flow that has gone serves the next one, which does not inherit its turn. */
static void a_number_used_again(void **state)
{
	struct flow_opts o = updating;
	struct world w;
	uint64_t second;

	(void)state;
	o.idle = SEC;
	o.update = 10 * SEC;
	world_init(&w, &o);
	udp(&w, 0, 1, 2, 100);
	assert_int_equal(due(&w, 0), 1);
	assert_int_equal(flow_table_expire(w.table, 3 * SEC), 0);
	assert_int_equal(flow_rows_take(w.rows, w.batch), 1);
	assert_version(&w, 0, 2, true);

	second = add(&w, 3 * SEC, 50, make_udp(3, 1000, 4, 53));
	assert_int_equal(due(&w, 3 * SEC), 1);
	assert_version(&w, 0, 1, false);
	assert_int_equal(w.batch->serial[0], second);
	udp(&w, 4 * SEC, 3, 4, 60);
	assert_int_equal(due(&w, 12 * SEC), 0); /* the first one's turn */
	assert_int_equal(due(&w, 13 * SEC), 1);
	assert_version(&w, 0, 2, false);
	assert_update(&w, 0, 1, 60, 0, 0);
	assert_int_equal(w.batch->serial[0], second);
	world_done(&w);
}

static void a_number_used_again_within_a_tick(void **state)
{
	struct flow_opts o = updating;
	struct world w;
	uint64_t second;

	(void)state;
	o.idle = MS;
	world_init(&w, &o);
	udp(&w, 0, 1, 2, 100);
	assert_int_equal(flow_table_expire(w.table, 10 * MS), 0);
	assert_int_equal(flow_rows_take(w.rows, w.batch), 1);
	second = add(&w, 10 * MS, 50, make_udp(3, 1000, 4, 53));
	assert_int_equal(due(&w, 10 * MS), 1);
	assert_version(&w, 0, 1, false);
	assert_update(&w, 0, 1, 50, 0, 0);
	assert_int_equal(w.batch->serial[0], second);
	assert_int_equal(due(&w, 10 * MS), 0);
	world_done(&w);
}

/* Set back by hours: as if it stood still. */
static void a_clock_that_goes_back(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &updating);
	assert_int_equal(due(&w, 10000 * SEC), 0);
	udp(&w, 50 * SEC, 1, 2, 100);
	assert_int_equal(due(&w, 50 * SEC), 1);
	udp(&w, 51 * SEC, 1, 2, 100);
	assert_int_equal(due(&w, 200 * SEC), 0);
	assert_int_equal(due(&w, 10060 * SEC - 1), 0);
	assert_int_equal(due(&w, 10060 * SEC), 1);
	assert_version(&w, 0, 2, false);
	world_done(&w);
}

static struct dec nth(uint32_t i)
{
	return make_udp((uint8_t)(i >> 8), (uint16_t)(1024 + (i & 0xff)), 200, 53);
}

static void many_flows(void **state)
{
	enum { N = 3000 };
	uint64_t before = 0;
	struct world w;
	size_t n, i, got = 0;
	uint32_t k;

	(void)state;
	world_init(&w, &updating);
	for (k = 0; k < N; k++)
		add(&w, k, 60, nth(k));
	while ((n = due(&w, SEC)) > 0) {
		assert_true(n == BATCH_ROWS || got + n == N);
		for (i = 0; i < n; i++) {
			assert_version(&w, i, 1, false);
			assert_true(w.batch->serial[i] > before); /* first packets first */
			before = w.batch->serial[i];
		}
		got += n;
	}
	assert_int_equal(got, N);
	for (k = 0; k < N; k += 3)
		add(&w, 2 * SEC, 60, nth(k));
	for (got = 0; (n = due(&w, 61 * SEC)) > 0; got += n)
		for (i = 0; i < n; i++) {
			assert_version(&w, i, 2, false);
			assert_update(&w, i, 1, 60, 0, 0);
		}
	assert_int_equal(got, N / 3);
	for (n = rows(&w, 61 * SEC); n; n = flow_rows_take(w.rows, w.batch))
		for (i = 0; i < n; i++)
			assert_version(&w, i, u64(&w, FLOW_ab_packets, i) + 1, true);
	world_done(&w);
}

/* A second of a flood after the other: what waits does not grow with flows that have gone. */
static void flows_that_come_and_go(void **state)
{
	struct flow_opts o = updating;
	struct flow_table_stats s;
	struct world w;
	uint64_t most = 0;
	uint32_t k, round;

	(void)state;
	o.idle = SEC / 10;
	o.max_flows = 4096;
	world_init(&w, &o);
	for (round = 0; round < 50; round++) {
		for (k = 0; k < 2000; k++)
			add(&w, round * SEC + k, 60, nth(k));
		while (due(&w, round * SEC + SEC / 2)) {
		}
		assert_int_equal(flow_table_expire(w.table, round * SEC + SEC / 2), 0);
		while (flow_rows_take(w.rows, w.batch)) {
		}
		flow_table_stats(w.table, &s);
		if (round == 5)
			most = s.memory;
	}
	assert_true(s.memory <= most + 8192);
	world_done(&w);
}

/* 2^32 packets and more between two versions, and a total beyond 2^40. */
static void counters_that_overflow(void **state)
{
	const struct flow_version v = {.packets = {UINT32_MAX, 5}, .packets_hi = {255, 1}};

	(void)state;
	assert_int_equal(flow_version_packets(&v, UINT64_C(0xffffffffff), 0), 0);
	assert_int_equal(flow_version_packets(&v, UINT64_C(0x10000000000), 0), 1);
	assert_int_equal(flow_version_packets(&v, UINT64_C(0x10000000005), 1),
			 UINT64_C(0xff00000000));
	assert_int_equal(flow_version_packets(&v, UINT64_C(0x1200000005), 1),
			 UINT64_C(0x1100000000));
}

/* The same in a flow: its counter is set to what 2^32 - 1 packets would have made of it. */
static void a_flow_of_many_packets(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &updating);
	udp(&w, 0, 1, 2, 100);
	assert_int_equal(due(&w, 0), 1);
	flow_hot(w.table, 0)->packets[0] = UINT32_MAX;
	udp(&w, SEC, 1, 2, 100);
	udp(&w, SEC, 1, 2, 100);
	assert_int_equal(due(&w, 60 * SEC), 1);
	assert_int_equal(u64(&w, FLOW_ab_packets, 0), UINT32_MAX + UINT64_C(2));
	assert_update(&w, 0, UINT32_MAX + UINT64_C(1), 200, 0, 0);
	udp(&w, 61 * SEC, 1, 2, 100);
	assert_int_equal(due(&w, 120 * SEC), 1);
	assert_update(&w, 0, 1, 100, 0, 0);
	world_done(&w);
}

static uint64_t memory_of_flows(int64_t update, uint32_t n)
{
	struct flow_opts o = opts;
	struct flow_table_stats s;
	struct world w;
	uint32_t i;

	o.update = update;
	world_init(&w, &o);
	for (i = 0; i < n; i++) {
		struct dec d = make_tcp((uint8_t)(i >> 16), (uint16_t)i, 200, 80, TCP_SYN, 1, 0, 0);

		add(&w, i, 60, d);
		if (update && i % 1000 == 0)
			while (due(&w, i)) {
			}
	}
	flow_table_stats(w.table, &s);
	assert_int_equal(s.live, n);
	world_done(&w);
	return s.memory / n;
}

/* Just after the index has doubled. */
static void memory_of_a_flow(void **state)
{
	(void)state;
	assert_true(memory_of_flows(0, 115000) <= 256 + 19);
	assert_true(memory_of_flows(FLOW_UPDATE_DEFAULT, 115000) <= 320);
}

static void updates_out_of_range(void **state)
{
	static const int64_t bad[] = {-1, FLOW_UPDATE_MAX + 1, INT64_MAX, INT64_MIN};
	struct flow_opts o = updating;
	struct flow_table *t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		o.update = bad[i];
		assert_int_equal(flow_table_new(&t, &o, NULL), -EINVAL);
	}
	o.update = FLOW_UPDATE_MAX;
	assert_int_equal(flow_table_new(&t, &o, NULL), 0);
	flow_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_from_first_to_last),
		cmocka_unit_test(a_flow_too_short_for_a_tick),
		cmocka_unit_test(without_updates),
		cmocka_unit_test(a_number_used_again),
		cmocka_unit_test(a_number_used_again_within_a_tick),
		cmocka_unit_test(a_clock_that_goes_back),
		cmocka_unit_test(many_flows),
		cmocka_unit_test(flows_that_come_and_go),
		cmocka_unit_test(counters_that_overflow),
		cmocka_unit_test(a_flow_of_many_packets),
		cmocka_unit_test(memory_of_a_flow),
		cmocka_unit_test(updates_out_of_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
