/* Expected values are hand counts over the segments written out in each test;
 * the definitions are those of flow_fields.def. */
#include "flow/flow_tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "flow_make.h"

struct conn {
	struct flow_hot hot;
	struct flow_tcp tcp;
	struct pool losses;
	int64_t ts;
};

static void conn_init(struct conn *c)
{
	flow_tcp_init(&c->hot, &c->tcp);
	assert_int_equal(pool_init(&c->losses, sizeof(struct flow_loss), 16), 0);
	c->ts = 0;
}

static bool seg(struct conn *c, int dir, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	struct dec d = make_tcp(1, 1000, 2, 80, flags, seq, ack, len);

	c->ts += 10 * MS;
	return flow_tcp_add(&c->hot, &c->tcp, &c->losses, dir, &d, c->ts);
}

static void handshake(struct conn *c, uint32_t isn_a, uint32_t isn_b)
{
	seg(c, 0, TCP_SYN, isn_a, 0, 0);
	seg(c, 1, TCP_SYN | TCP_ACK, isn_b, isn_a + 1, 0);
	seg(c, 0, TCP_ACK, isn_a + 1, isn_b + 1, 0);
}

static const struct flow_loss *loss(const struct conn *c)
{
	static const struct flow_loss none;

	return c->hot.loss == POOL_NONE ? &none : pool_at(&c->losses, c->hot.loss);
}

static uint64_t missed(const struct conn *c, int dir, uint32_t *holes)
{
	return flow_tcp_missed(&c->hot, &c->losses, dir, holes);
}

static void plain_connection(void **state)
{
	struct conn c;
	int64_t ns;
	int server;

	(void)state;
	conn_init(&c);
	handshake(&c, 100, 500);
	seg(&c, 0, TCP_ACK | TCP_PSH, 101, 501, 50);
	seg(&c, 1, TCP_ACK | TCP_PSH, 501, 151, 1000);
	assert_false(seg(&c, 0, TCP_ACK | TCP_FIN, 151, 1501, 0));
	assert_true(seg(&c, 1, TCP_ACK | TCP_FIN, 1501, 152, 0));
	seg(&c, 0, TCP_ACK, 152, 1502, 0);

	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 0), 50);
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 1), 1000);
	assert_int_equal(c.hot.loss, POOL_NONE);
	assert_true(flow_tcp_rtt(&c.hot, &c.tcp, &ns, &server));
	assert_int_equal(ns, 10 * MS);
	assert_int_equal(server, 1);
	assert_int_equal(c.tcp.rtt_client, 10 * MS);
	assert_int_equal(c.tcp.fin[0], 60 * MS);
	pool_done(&c.losses);
}

static void sequence_numbers_wrap(void **state)
{
	struct conn c;

	(void)state;
	conn_init(&c);
	handshake(&c, UINT32_MAX - 10, UINT32_MAX);
	seg(&c, 0, TCP_ACK, UINT32_MAX - 9, 0, 100);
	seg(&c, 1, TCP_ACK, 0, 90, 7);
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 0), 100);
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 1), 7);
	assert_int_equal(c.hot.loss, POOL_NONE);
	pool_done(&c.losses);
}

static void more_than_4_gib(void **state)
{
	struct conn c;
	uint32_t seq = 1;
	int i;

	(void)state;
	conn_init(&c);
	handshake(&c, 0, 0);
	for (i = 0; i < 10; i++, seq += 500000000)
		seg(&c, 0, TCP_ACK, seq, 1, 500000000);
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 0), UINT64_C(5000000000));
	pool_done(&c.losses);
}

static void retransmissions(void **state)
{
	struct conn c;

	(void)state;
	conn_init(&c);
	handshake(&c, 0, 0);
	seg(&c, 0, TCP_ACK, 1, 1, 100);
	seg(&c, 0, TCP_ACK, 101, 1, 100);
	seg(&c, 0, TCP_ACK, 1, 1, 100);   /* all of it again */
	seg(&c, 0, TCP_ACK, 151, 1, 100); /* 50 old bytes, 50 new ones */
	assert_int_equal(loss(&c)->dir[0].retrans_bytes, 150);
	assert_int_equal(loss(&c)->dir[0].retrans_packets, 2);
	assert_int_equal(loss(&c)->dir[0].ooo_bytes, 0);
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 0), 250);
	pool_done(&c.losses);
}

static void out_of_order(void **state)
{
	struct conn c;
	uint32_t holes;

	(void)state;
	conn_init(&c);
	handshake(&c, 0, 0);
	seg(&c, 0, TCP_ACK, 1, 1, 100);
	seg(&c, 0, TCP_ACK, 301, 1, 100); /* 101..300 missing */
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 0), 200);
	seg(&c, 0, TCP_ACK, 151, 1, 50); /* the middle of the hole */
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 0), 250);
	seg(&c, 0, TCP_ACK, 101, 1, 200); /* the rest, 50 bytes again */
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 0), 400);
	assert_int_equal(loss(&c)->dir[0].ooo_bytes, 200);
	assert_int_equal(loss(&c)->dir[0].ooo_packets, 2);
	assert_int_equal(loss(&c)->dir[0].retrans_bytes, 50);
	seg(&c, 1, TCP_ACK, 1, 401, 0);
	assert_int_equal(missed(&c, 0, &holes), 0);
	assert_int_equal(holes, 0);
	pool_done(&c.losses);
}

static void missed_only_when_acknowledged(void **state)
{
	struct conn c;
	uint32_t holes;

	(void)state;
	conn_init(&c);
	handshake(&c, 0, 0);
	seg(&c, 0, TCP_ACK, 1, 1, 100);
	seg(&c, 0, TCP_ACK, 201, 1, 100); /* 101..200 not seen */
	seg(&c, 1, TCP_ACK, 1, 101, 0);   /* and not acknowledged */
	assert_int_equal(missed(&c, 0, &holes), 0);
	seg(&c, 1, TCP_ACK, 1, 151, 0); /* half of it is */
	assert_int_equal(missed(&c, 0, &holes), 50);
	seg(&c, 1, TCP_ACK, 1, 301, 0);
	assert_int_equal(missed(&c, 0, &holes), 100);
	assert_int_equal(holes, 1);
	seg(&c, 1, TCP_ACK, 1, 801, 0); /* 500 more at the end */
	assert_int_equal(missed(&c, 0, &holes), 600);
	assert_int_equal(holes, 2);
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 0), 200);
	pool_done(&c.losses);
}

static void one_direction_only(void **state)
{
	struct conn c;
	uint32_t holes;

	(void)state;
	conn_init(&c);
	seg(&c, 0, TCP_ACK, 1000, 5000, 10);
	seg(&c, 0, TCP_ACK, 1010, 5200, 10); /* 200 bytes that were never seen */
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 0), 20);
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 1), 0);
	assert_int_equal(missed(&c, 1, &holes), 200);
	pool_done(&c.losses);
}

static void capture_begins_in_the_middle_out_of_order(void **state)
{
	struct conn c;

	(void)state;
	conn_init(&c);
	seg(&c, 0, TCP_ACK, 1100, 1, 100);
	seg(&c, 0, TCP_ACK, 1000, 1, 50); /* earlier bytes, seen for the first time */
	assert_int_equal(loss(&c)->dir[0].ooo_bytes, 50);
	assert_int_equal(loss(&c)->dir[0].retrans_bytes, 0);
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 0), 150);
	pool_done(&c.losses);
}

static void more_holes_than_are_followed(void **state)
{
	struct conn c;
	uint32_t holes, i;

	(void)state;
	conn_init(&c);
	handshake(&c, 0, 0);
	for (i = 0; i < 2 * FLOW_HOLES; i++)
		seg(&c, 0, TCP_ACK, 101 + 200 * i, 1, 100); /* 100 missing before each */
	assert_int_equal(loss(&c)->dir[0].n, FLOW_HOLES);
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 0), 100 * 2 * FLOW_HOLES);
	seg(&c, 1, TCP_ACK, 1, 101 + 200 * i, 0);
	assert_int_equal(missed(&c, 0, &holes), 100 * (2 * FLOW_HOLES + 1));
	pool_done(&c.losses);
}

static void syn_again(void **state)
{
	struct conn c;
	int64_t ns;
	int server;

	(void)state;
	conn_init(&c);
	seg(&c, 0, TCP_SYN, 100, 0, 0);                          /* 10 ms */
	seg(&c, 0, TCP_SYN, 100, 0, 0);                          /* 20 ms */
	seg(&c, 1, TCP_SYN | TCP_ACK, 500, 101, 0);              /* 30 ms */
	seg(&c, 1, TCP_SYN | TCP_ACK, 500, 101, 0);              /* 40 ms */
	seg(&c, 0, TCP_ACK, 101, 501, 0);                        /* 50 ms */
	assert_true(flow_tcp_rtt(&c.hot, &c.tcp, &ns, &server)); /* from the first SYN */
	assert_int_equal(ns, 20 * MS);
	assert_true(c.hot.dir[0].state & FLOW_TCP_SYN_AGAIN);
	assert_int_equal(c.tcp.rtt_client, -1);
	pool_done(&c.losses);
}

static void handshake_overtaken(void **state)
{
	struct conn c;
	struct dec syn = make_tcp(1, 1000, 2, 80, TCP_SYN, 100, 0, 0);

	(void)state;
	conn_init(&c);
	seg(&c, 0, TCP_ACK, 101, 501, 30); /* data before its SYN */
	assert_false(flow_tcp_is_new(&c.hot, &c.tcp, false, 0, &syn));
	seg(&c, 0, TCP_SYN, 100, 0, 0);
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 0), 30);
	assert_int_equal(c.hot.loss, POOL_NONE);
	pool_done(&c.losses);
}

static void what_opens_another_connection(void **state)
{
	static const struct {
		uint8_t flags;
		uint32_t seq;
		bool closed;
		int dir;
		bool is_new;
	} cases[] = {
		{TCP_SYN, 100, false, 0, false}, /* the SYN again */
		{TCP_SYN, 100, true, 0, false},  /* a copy of it, late */
		{TCP_SYN, 200, false, 0, true},  /* RFC 9293 3.6.1: another ISN */
		{TCP_SYN, 200, true, 0, true},
		{TCP_SYN, 700, true, 1, true},            /* opened by the other side */
		{TCP_SYN | TCP_ACK, 500, true, 1, false}, /* a copy of the answer */
		{TCP_SYN | TCP_ACK, 900, false, 1, false},
		{TCP_SYN | TCP_ACK, 900, true, 1, true}, /* answers a SYN that was not seen */
		{TCP_SYN | TCP_RST, 900, true, 0, false},
		{TCP_ACK, 900, true, 0, false},
	};
	struct conn c;
	size_t i;

	(void)state;
	conn_init(&c);
	handshake(&c, 100, 500);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dec d = make_tcp(1, 1000, 2, 80, cases[i].flags, cases[i].seq, 0, 0);

		assert_int_equal(flow_tcp_is_new(&c.hot, &c.tcp, cases[i].closed, cases[i].dir, &d),
				 cases[i].is_new);
	}
	pool_done(&c.losses);
}

static void reset_is_no_data(void **state)
{
	struct conn c;
	struct dec d = make_tcp(1, 1000, 2, 80, TCP_RST | TCP_ACK, 0, 101, 0);

	(void)state;
	conn_init(&c);
	seg(&c, 0, TCP_SYN, 100, 0, 0);
	d.window = 0;
	assert_true(flow_tcp_add(&c.hot, &c.tcp, &c.losses, 1, &d, 20 * MS));
	assert_int_equal(c.tcp.rst[1], 20 * MS);
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 1), 0);
	assert_true(c.hot.dir[1].win_min > c.hot.dir[1].win_max); /* its window is none */
	pool_done(&c.losses);
}

static void keep_alive_repeats_a_byte(void **state)
{
	struct conn c;

	(void)state;
	conn_init(&c);
	handshake(&c, 0, 0);
	seg(&c, 0, TCP_ACK, 1, 1, 10);
	seg(&c, 0, TCP_ACK, 10, 1, 1); /* RFC 9293 3.8.4, with its garbage octet */
	assert_int_equal(loss(&c)->dir[0].retrans_bytes, 1);
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 0), 10);
	pool_done(&c.losses);
}

static void holes_stay_missed_for_gigabytes(void **state)
{
	struct conn c;
	uint32_t holes, seq = 201;
	int i;

	(void)state;
	conn_init(&c);
	handshake(&c, 0, 0);
	seg(&c, 0, TCP_ACK, seq, 1, 1000); /* 200 bytes not seen */
	seq += 1000;
	seg(&c, 1, TCP_ACK, 1, seq, 0);
	for (i = 0; i < 12; i++) {
		seg(&c, 0, TCP_ACK, seq, 1, 500000000);
		seq += 500000000;
		seg(&c, 1, TCP_ACK, 1, seq, 0);
		assert_int_equal(missed(&c, 0, &holes), 200);
		assert_int_equal(holes, 1);
	}
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 0), 1000 + UINT64_C(6000000000));
	assert_int_equal(loss(&c)->dir[0].retrans_bytes, 0);
	pool_done(&c.losses);
}

static void data_between_a_late_syn_and_early_data(void **state)
{
	struct conn c;

	(void)state;
	conn_init(&c);
	seg(&c, 0, TCP_ACK, 601, 1, 100);
	seg(&c, 0, TCP_SYN, 100, 0, 0);
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 0), 100);
	seg(&c, 0, TCP_ACK, 101, 1, 500);
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 0), 600);
	assert_int_equal(loss(&c)->dir[0].ooo_bytes, 500);
	assert_int_equal(loss(&c)->dir[0].retrans_bytes, 0);
	pool_done(&c.losses);
}

static void fin_captured_after_its_ack(void **state)
{
	struct conn c;
	uint32_t holes;

	(void)state;
	conn_init(&c);
	handshake(&c, 0, 0);
	seg(&c, 0, TCP_ACK, 1, 1, 10);
	seg(&c, 1, TCP_ACK, 1, 12, 0); /* acknowledges the FIN too */
	seg(&c, 0, TCP_ACK | TCP_FIN, 11, 1, 0);
	assert_int_equal(missed(&c, 0, &holes), 0);
	assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 0), 10);
	pool_done(&c.losses);
}

static void wild_acknowledgements_mean_nothing(void **state)
{
	struct conn c;
	uint32_t holes;

	(void)state;
	conn_init(&c);
	handshake(&c, 0, 0);
	seg(&c, 0, TCP_ACK, 101, 1, 10); /* 1..100 not seen, not acknowledged */
	seg(&c, 1, TCP_ACK, 1, 1600000000, 0);
	assert_int_equal(missed(&c, 0, &holes), 0);
	seg(&c, 1, TCP_ACK, 1, 51, 0);
	assert_int_equal(missed(&c, 0, &holes), 50);
	pool_done(&c.losses);
}

static void every_flag_has_its_time(void **state)
{
	struct conn c;

	(void)state;
	conn_init(&c);
	seg(&c, 0, TCP_SYN | TCP_RST, 100, 0, 0);           /* 10 ms */
	seg(&c, 0, TCP_FIN | TCP_RST | TCP_ACK, 101, 1, 0); /* 20 ms */
	assert_int_equal(c.tcp.syn[0], 10 * MS);
	assert_int_equal(c.tcp.rst[0], 10 * MS);
	assert_int_equal(c.tcp.fin[0], 20 * MS);
	pool_done(&c.losses);
}

/* Whatever arrives, what was counted adds up. */
static void random_segments_add_up(void **state)
{
	struct conn c;
	uint64_t sent = 0;
	uint32_t x = 1;
	int i;

	(void)state;
	conn_init(&c);
	handshake(&c, 0, 0);
	for (i = 0; i < 100000; i++) {
		uint32_t seq, len;

		x = x * 1664525 + 1013904223;
		seq = 1 + (x >> 8) % 5000 + (uint32_t)i;
		len = 1 + (x >> 24) % 100;
		seg(&c, 0, TCP_ACK, seq, 1, len);
		sent += len;
		if (i % 7 == 0)
			seg(&c, 1, TCP_ACK, 1, seq, 0);
		/* sent = distinct + again; holes given up may turn "late" into "again" only */
		assert_int_equal(flow_tcp_bytes(&c.hot, &c.tcp, &c.losses, 0) +
					 loss(&c)->dir[0].retrans_bytes,
				 sent);
	}
	pool_done(&c.losses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_connection),
		cmocka_unit_test(sequence_numbers_wrap),
		cmocka_unit_test(more_than_4_gib),
		cmocka_unit_test(retransmissions),
		cmocka_unit_test(out_of_order),
		cmocka_unit_test(missed_only_when_acknowledged),
		cmocka_unit_test(one_direction_only),
		cmocka_unit_test(capture_begins_in_the_middle_out_of_order),
		cmocka_unit_test(more_holes_than_are_followed),
		cmocka_unit_test(syn_again),
		cmocka_unit_test(handshake_overtaken),
		cmocka_unit_test(what_opens_another_connection),
		cmocka_unit_test(reset_is_no_data),
		cmocka_unit_test(keep_alive_repeats_a_byte),
		cmocka_unit_test(holes_stay_missed_for_gigabytes),
		cmocka_unit_test(data_between_a_late_syn_and_early_data),
		cmocka_unit_test(fin_captured_after_its_ack),
		cmocka_unit_test(wild_acknowledgements_mean_nothing),
		cmocka_unit_test(every_flag_has_its_time),
		cmocka_unit_test(random_segments_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
