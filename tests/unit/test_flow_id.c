/* Names of flows.  The expected ones are what Python's xxhash module makes of the bytes that
 * docs/flows.md lists. */
#include <stdio.h>

#include "flow_world.h"

static void assert_uuid(const struct world *w, size_t row, const char *hex)
{
	char text[33];
	size_t i;

	for (i = 0; i < 16; i++)
		snprintf(text + 2 * i, 3, "%02x", w->batch->cols[FLOW_uuid]->v.id[row][i]);
	assert_string_equal(text, hex);
}

/* A clock of whole seconds: three connections on the same ports within one. */
static void connections_at_the_same_time(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &opts);
	add_tcp(&w, 5 * SEC, 0, TCP_SYN, 100, 0);
	add_tcp(&w, 5 * SEC, 0, TCP_SYN, 9000, 0);
	add_tcp(&w, 5 * SEC, 0, TCP_SYN, 70000, 0);
	add_tcp(&w, 6 * SEC, 0, TCP_SYN, 123456, 0);
	assert_int_equal(rows(&w, 6 * SEC), 4);
	assert_uuid(&w, 0, "9af023a2079a88aea53e62dc930b8968");
	assert_uuid(&w, 1, "110090f077b3827d86445efc88b1d948");
	assert_uuid(&w, 2, "4fa047e802048de18dee8a17c93565d5");
	assert_uuid(&w, 3,
		    "37f3d1def0858dc489bccbff784afe46"); /* later: as if nothing were before */
	world_done(&w);
}

/* MAC addresses that tell flows apart tell their names apart. */
static void names_with_mac_addresses(void **state)
{
	struct flow_opts l2 = opts;
	struct dec other = make_tcp(1, 1000, 2, 80, TCP_SYN, 100, 0, 0);
	struct world w;

	(void)state;
	l2.key_mode = FLOW_KEY_L2;
	other.mac_src[5] = 9;
	world_init(&w, &l2);
	add_tcp(&w, 5 * SEC, 0, TCP_SYN, 100, 0);
	add(&w, 5 * SEC, 60, other);
	add_tcp(&w, 5 * SEC, 0, TCP_SYN, 9000, 0);
	assert_int_equal(rows(&w, 5 * SEC), 3);
	assert_uuid(&w, 0, "e8692dd114be89ed9b6dba3308d49b82");
	assert_memory_not_equal(w.batch->cols[FLOW_uuid]->v.id[0],
				w.batch->cols[FLOW_uuid]->v.id[1], 16);
	assert_uuid(&w, 2, "c8a0cec1bfd68f8fbb33080488f136f9");
	world_done(&w);
}

/* However little memory there is: a flow in a tunnel that does not name the one around it would
 * be counted twice. */
static void every_inner_flow_names_its_parent(void **state)
{
	enum {
		INNER = 1500
	}; /* more than an eighth of the memory has room for in larger records */
	struct flow_opts small = opts;
	struct flow_table_stats s;
	struct world w;
	uint8_t outer[16];
	size_t n, i, inner = 0;

	(void)state;
	small.max_memory = 1 << 20;
	world_init(&w, &small);
	for (i = 0; i < INNER; i++) {
		struct dec d[2] = {make_ip4(IPPROTO_GRE, 1, 2), make_udp(7, (uint16_t)i, 8, 53)};

		add_levels(&w, (int64_t)(i + 1) * MS, 100, d, 2);
	}
	flow_table_stats(w.table, &s);
	assert_int_equal(s.unfollowed, 0);
	assert_int_equal(s.evicted, 0);
	assert_true(s.memory <= small.max_memory);
	for (n = rows(&w, SEC * 2); n; n = flow_rows_take(w.rows, w.batch)) {
		const struct col *parent = w.batch->cols[FLOW_parent_uuid];

		for (i = 0; i < n; i++) {
			if (!inner && !col_has(parent, i)) {
				memcpy(outer, w.batch->cols[FLOW_uuid]->v.id[i], 16);
				continue;
			}
			assert_true(col_has(parent, i));
			assert_memory_equal(parent->v.id[i], outer, 16);
			inner++;
		}
	}
	assert_int_equal(inner, INNER);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_at_the_same_time),
		cmocka_unit_test(names_with_mac_addresses),
		cmocka_unit_test(every_inner_flow_names_its_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
