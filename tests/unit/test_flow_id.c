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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_at_the_same_time),
		cmocka_unit_test(names_with_mac_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
