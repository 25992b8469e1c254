/* Flows made from hand-made packets; expected values are hand counts. */
#include "flow/flow_table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/batch.h"
#include "flow/flow_rows.h"
#include "flow/flow_schema.h"
#include "flow_world.h"

static void both_directions_are_one_flow(void **state)
{
	struct world w;
	union val v;

	(void)state;
	world_init(&w, &opts);
	add(&w, 5 * SEC, 100, make_udp(9, 5000, 2, 53));
	add(&w, 6 * SEC, 300, make_udp(2, 53, 9, 5000));
	add(&w, 4 * SEC, 50, make_udp(9, 5000, 2, 53)); /* captured late */
	assert_int_equal(rows(&w, 6 * SEC), 1);
	assert_int_equal(u64(&w, FLOW_ab_packets, 0), 2);
	assert_int_equal(u64(&w, FLOW_ab_bytes, 0), 150);
	assert_int_equal(u64(&w, FLOW_ba_packets, 0), 1);
	assert_int_equal(u64(&w, FLOW_ba_bytes, 0), 300);
	assert_int_equal(u64(&w, FLOW_transport_a, 0), 5000);
	assert_int_equal(u64(&w, FLOW_transport_b, 0), 53);
	assert_int_equal(w.batch->cols[FLOW_start]->v.i64[0], 4 * SEC);
	assert_int_equal(w.batch->cols[FLOW_last]->v.i64[0], 6 * SEC);
	assert_true(col_get(w.batch->cols[FLOW_network_a], 0, &v));
	assert_int_equal(v.addr.b[3], 9);
	assert_str(&w, FLOW_layers_path, 0, "Ethernet/IPv4/UDP");
	assert_str(&w, FLOW_application, 0, "DNS");
	assert_str(&w, FLOW_application_source, 0, "port");
	assert_str(&w, FLOW_finish, 0, "NOT_FINISHED");
	assert_false(col_has(w.batch->cols[FLOW_parent_uuid], 0));
	world_done(&w);
}

static void what_tells_flows_apart(void **state)
{
	struct dec base = make_udp(1, 1000, 2, 2000), d;
	struct world w;

	(void)state;
	world_init(&w, &opts);
	add(&w, SEC, 60, base);
	d = base;
	d.vlan[0] = 5;
	add(&w, SEC, 60, d);
	d.vlan[1] = 6;
	add(&w, SEC, 60, d);
	d = base;
	d.proto = IPPROTO_SCTP;
	add(&w, SEC, 60, d);
	d = base;
	d.sport++;
	add(&w, SEC, 60, d);
	d = base;
	d.src[3]++;
	add(&w, SEC, 60, d);
	d = base;
	d.kind = DEC_IP6;
	add(&w, SEC, 60, d);
	d = base;
	d.mac_src[0] = 7; /* no part of the key by default */
	add(&w, SEC, 60, d);
	assert_int_equal(rows(&w, SEC), 7);
	world_done(&w);
}

static void mac_addresses_in_the_key(void **state)
{
	struct flow_opts o = opts;
	struct dec d = make_udp(1, 1000, 2, 2000), back = make_udp(2, 2000, 1, 1000);
	struct world w;

	(void)state;
	o.key_mode = FLOW_KEY_L2;
	world_init(&w, &o);
	add(&w, SEC, 60, d);
	add(&w, SEC, 60, back);
	d.mac_src[0] = back.mac_dst[0] = 7;
	add(&w, SEC, 60, d);
	add(&w, SEC, 60, back);
	add(&w, SEC, 60, back);
	assert_int_equal(rows(&w, SEC), 2);
	assert_int_equal(u64(&w, FLOW_ab_packets, 0) + u64(&w, FLOW_ba_packets, 0), 2);
	assert_int_equal(u64(&w, FLOW_ab_packets, 1), 1);
	assert_int_equal(u64(&w, FLOW_ba_packets, 1), 2);
	world_done(&w);
}

static void idle_flows_end(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &opts);
	add(&w, 0, 60, make_udp(1, 1000, 2, 2000));
	add(&w, 600 * SEC, 60, make_udp(1, 1000, 2, 2000)); /* exactly: still the same */
	add(&w, 1200 * SEC + 1, 60, make_udp(1, 1000, 2, 2000));
	assert_int_equal(rows(&w, 1300 * SEC), 2);
	assert_int_equal(u64(&w, FLOW_ab_packets, 0), 2);
	assert_str(&w, FLOW_finish, 0, "TIMEOUT");
	assert_str(&w, FLOW_finish, 1, "NOT_FINISHED");
	world_done(&w);
}

static void idle_flows_can_leave_early(void **state)
{
	struct flow_table_stats s;
	struct world w;
	int i;

	(void)state;
	world_init(&w, &opts);
	for (i = 0; i < 20000; i++) {
		add(&w, i * SEC, 60, make_udp(1, (uint16_t)i, 2, (uint16_t)(i / 7)));
		assert_int_equal(flow_table_expire(w.table, i * SEC), 0);
	}
	flow_table_stats(w.table, &s);
	/* 600 s and at most 1/256 of that later */
	assert_in_range(s.live, 600, 604);
	assert_int_equal(flow_rows_waiting(w.rows), 20000 - s.live);
	world_done(&w);
}

static void time_leaps(void **state)
{
	static const int64_t year = 365 * 86400 * SEC;
	struct world w;
	struct pkt p;
	struct dec d;
	int i;

	(void)state;
	world_init(&w, &opts);
	/* A stamp far in the future sets the clock; what follows must not fall apart into a
	 * flow a packet. */
	add(&w, 10 * SEC, 60, make_udp(1, 1000, 2, 2000));
	add(&w, 15 * year, 60, make_udp(3, 1000, 4, 2000));
	for (i = 0; i < 10; i++) {
		d = make_udp(1, 1000, 2, 2000);
		d.pkt = 0;
		p = make_pkt((11 + i) * SEC, 60, ++w.number);
		p.clock = 15 * year;
		assert_int_equal(flow_table_add(w.table, &d, 1, &p, NULL), 0);
	}
	assert_int_equal(rows(&w, 15 * year), 3);
	assert_int_equal(u64(&w, FLOW_ab_packets, 0), 1);
	assert_int_equal(u64(&w, FLOW_ab_packets, 2), 10);
	world_done(&w);
}

static void extreme_times(void **state)
{
	static const int64_t times[] = {0, INT64_MIN + 1, INT64_MAX - 1, -1, 1, INT64_MIN + 1};
	struct world w;
	int64_t clock = INT64_MIN;
	size_t i;

	(void)state;
	world_init(&w, &opts);
	for (i = 0; i < 6; i++) {
		struct dec d = make_udp(1, 1000, 2, 2000);
		struct pkt p = make_pkt(times[i], 60, ++w.number);

		clock = times[i] > clock ? times[i] : clock;
		p.clock = clock;
		d.pkt = 0;
		assert_int_equal(flow_table_add(w.table, &d, 1, &p, NULL), 0);
	}
	assert_int_equal(rows(&w, clock), 2);
	assert_int_equal(u64(&w, FLOW_ab_packets, 0) + u64(&w, FLOW_ab_packets, 1), 6);
	world_done(&w);
}

static void connections_on_the_same_ports(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &opts);
	add_tcp(&w, 1 * MS, 0, TCP_SYN, 100, 0);
	add_tcp(&w, 2 * MS, 1, TCP_SYN | TCP_ACK, 500, 101);
	add_tcp(&w, 3 * MS, 0, TCP_ACK | TCP_FIN, 101, 501);
	add_tcp(&w, 4 * MS, 1, TCP_ACK | TCP_FIN, 501, 102);
	add_tcp(&w, 5 * MS, 0, TCP_ACK, 102, 502); /* held: still the first one */
	add_tcp(&w, 6 * MS, 0, TCP_SYN, 9000, 0);  /* the second one, before 15 s */
	add_tcp(&w, 7 * MS, 1, TCP_RST | TCP_ACK, 0, 9001);
	add_tcp(&w, 7 * MS + 15 * SEC + 1, 1, TCP_ACK, 1, 9001); /* too late for it */
	assert_int_equal(rows(&w, 8 * MS + 15 * SEC), 3);
	assert_str(&w, FLOW_finish, 0, "TCP_FIN");
	assert_int_equal(u64(&w, FLOW_ab_packets, 0), 3);
	assert_str(&w, FLOW_finish, 1, "TCP_RST");
	assert_int_equal(u64(&w, FLOW_ab_packets, 1), 1);
	assert_int_equal(u64(&w, FLOW_ba_packets, 1), 1);
	assert_str(&w, FLOW_finish, 2, "NOT_FINISHED");
	assert_int_equal(w.batch->cols[FLOW_rtt_ns]->v.i64[0], 1 * MS);
	assert_str(&w, FLOW_ab_tcp_flags, 0, "ASF");
	world_done(&w);
}

static void tunnels_have_parents(void **state)
{
	struct dec d[2] = {make_ip4(IPPROTO_GRE, 1, 2), make_udp(7, 1000, 8, 53)};
	struct dec other[2] = {make_ip4(IPPROTO_GRE, 1, 3), make_udp(7, 1000, 8, 53)};
	struct dec back[2] = {make_ip4(IPPROTO_GRE, 2, 1), make_udp(8, 53, 7, 1000)};
	struct world w;

	(void)state;
	world_init(&w, &opts);
	d[0].path[d[0].npath++] = LAYER_GRE;
	add_levels(&w, 1 * SEC, 100, d, 2);
	add_levels(&w, 2 * SEC, 200, back, 2);
	add_levels(&w, 3 * SEC, 300, other, 2); /* the same inside, another tunnel */
	assert_int_equal(rows(&w, 3 * SEC), 4);
	assert_memory_equal(w.batch->cols[FLOW_parent_uuid]->v.id[1],
			    w.batch->cols[FLOW_uuid]->v.id[0], 16);
	assert_memory_equal(w.batch->cols[FLOW_parent_uuid]->v.id[3],
			    w.batch->cols[FLOW_uuid]->v.id[2], 16);
	assert_false(col_has(w.batch->cols[FLOW_parent_uuid], 0));
	assert_int_equal(u64(&w, FLOW_ab_bytes, 1), 100);
	assert_int_equal(u64(&w, FLOW_ba_bytes, 1), 200);
	assert_str(&w, FLOW_application, 0, "GRE");
	world_done(&w);
}

static void fragments_find_their_ports(void **state)
{
	struct dec first = make_udp(1, 1000, 2, 2000), later = make_ip4(IPPROTO_UDP, 1, 2);
	struct world w;

	(void)state;
	world_init(&w, &opts);
	first.flags |= DEC_FRAG | DEC_FRAG_FIRST;
	later.flags |= DEC_FRAG;
	first.frag_id = later.frag_id = 77;
	add(&w, 1 * MS, 500, later); /* before its first one: ports 0 */
	add(&w, 2 * MS, 1500, first);
	add(&w, 3 * MS, 700, later);
	later.frag_id = 78; /* of a datagram that was never begun */
	add(&w, 4 * MS, 60, later);
	assert_int_equal(rows(&w, 4 * MS), 2);
	assert_int_equal(u64(&w, FLOW_transport_a, 0), 0);
	assert_int_equal(u64(&w, FLOW_ab_packets, 0), 2);
	assert_int_equal(u64(&w, FLOW_fragment_errors, 0), 2);
	assert_int_equal(u64(&w, FLOW_transport_b, 1), 2000);
	assert_int_equal(u64(&w, FLOW_ab_packets, 1), 2);
	assert_int_equal(u64(&w, FLOW_ab_bytes, 1), 2200);
	assert_int_equal(u64(&w, FLOW_fragments, 1), 2);
	assert_int_equal(u64(&w, FLOW_fragment_errors, 1), 0);
	world_done(&w);
}

static struct dec make_echo(uint8_t a, uint8_t b, uint8_t type, uint16_t id, uint16_t seq)
{
	struct dec d = make_ip4(IPPROTO_ICMP, a, b);

	d.flags = DEC_L4;
	d.icmp_type = type;
	d.icmp_id = id;
	d.icmp_seq = seq;
	d.path[d.npath++] = LAYER_ICMP4;
	return d;
}

static void echo_and_errors(void **state)
{
	struct dec unreachable = make_echo(2, 1, 3, 0, 0);
	struct world w;

	(void)state;
	world_init(&w, &opts);
	add(&w, 1 * MS, 98, make_echo(1, 2, 8, 42, 1)); /* lost */
	add(&w, 5 * MS, 98, make_echo(1, 2, 8, 42, 2));
	add(&w, 8 * MS, 98, make_echo(2, 1, 0, 42, 2));
	add(&w, 9 * MS, 98, make_echo(1, 2, 8, 43, 1)); /* another ping */
	unreachable.icmp_code = 3;
	add(&w, 10 * MS, 70, unreachable);
	unreachable.icmp_code = 1;
	add(&w, 11 * MS, 70, unreachable);
	assert_int_equal(rows(&w, 11 * MS), 4);
	assert_int_equal(w.batch->cols[FLOW_rtt_ns]->v.i64[0], 3 * MS);
	assert_int_equal(u64(&w, FLOW_icmp_id, 0), 42);
	assert_str(&w, FLOW_icmp_type_name, 0, "ECHO");
	assert_false(col_has(w.batch->cols[FLOW_rtt_ns], 1));
	assert_str(&w, FLOW_icmp_type_name, 2, "DESTINATION_UNREACHABLE");
	assert_int_equal(u64(&w, FLOW_icmp_code, 3), 1);
	assert_str(&w, FLOW_application, 0, "ICMPv4");
	assert_false(col_has(w.batch->cols[FLOW_transport_a], 0));
	world_done(&w);
}

static void ping_to_oneself(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &opts);
	add(&w, 1 * MS, 98, make_echo(1, 1, 8, 42, 1));
	add(&w, 3 * MS, 98, make_echo(1, 1, 0, 42, 1));
	assert_int_equal(rows(&w, 3 * MS), 1);
	assert_int_equal(u64(&w, FLOW_ab_packets, 0), 1);
	assert_int_equal(u64(&w, FLOW_ba_packets, 0), 1);
	assert_int_equal(w.batch->cols[FLOW_rtt_ns]->v.i64[0], 2 * MS);
	world_done(&w);
}

static void replies_that_answer_two_requests(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, &opts);
	add(&w, 1 * MS, 98, make_echo(1, 2, 8, 42, 7));
	add(&w, 2 * MS, 98, make_echo(1, 2, 8, 42, 7));
	add(&w, 3 * MS, 98, make_echo(2, 1, 0, 42, 7));
	assert_int_equal(rows(&w, 3 * MS), 1);
	assert_false(col_has(w.batch->cols[FLOW_rtt_ns], 0));
	world_done(&w);
}

static void source_ports_that_are_entropy(void **state)
{
	struct dec d = make_udp(1, 40000, 2, 4789), back = make_udp(2, 50000, 1, 4789);
	struct world w;

	(void)state;
	world_init(&w, &opts);
	d.flags |= DEC_ONE_PORT;
	back.flags |= DEC_ONE_PORT;
	d.tun_id = back.tun_id = 99;
	add(&w, 1 * MS, 150, d);
	d.sport++;
	add(&w, 2 * MS, 150, d);
	add(&w, 3 * MS, 150, back);
	assert_int_equal(rows(&w, 3 * MS), 1);
	assert_int_equal(u64(&w, FLOW_ab_packets, 0), 2);
	assert_int_equal(u64(&w, FLOW_ba_packets, 0), 1);
	assert_false(col_has(w.batch->cols[FLOW_transport_a], 0));
	assert_int_equal(u64(&w, FLOW_transport_b, 0), 4789);
	assert_int_equal(u64(&w, FLOW_network_id, 0), 99);
	world_done(&w);
}

static void full_tables_evict_and_count(void **state)
{
	struct flow_opts o = opts;
	struct flow_table_stats s;
	struct world w;
	uint64_t packets = 0;
	int i, r;
	size_t k;

	(void)state;
	o.max_flows = 1000;
	world_init(&w, &o);
	for (i = 0; i < 20000; i++) {
		struct dec d = make_udp((uint8_t)(i % 200), (uint16_t)(i / 3), 2, 80);
		struct pkt p = make_pkt(i * MS, 60, ++w.number);

		d.pkt = 0;
		while ((r = flow_table_add(w.table, &d, 1, &p, NULL)) == -EAGAIN) {
			flow_rows_sort(w.rows);
			while (flow_rows_take(w.rows, w.batch))
				for (k = 0; k < w.batch->n; k++)
					packets += u64(&w, FLOW_ab_packets, k);
		}
		assert_int_equal(r, 0);
	}
	flow_table_stats(w.table, &s);
	assert_true(s.evicted > 0);
	assert_true(s.live <= 1000 + FLOW_BATCH);
	assert_int_equal(flow_table_finish(w.table, 20 * SEC), 0);
	while (flow_rows_take(w.rows, w.batch))
		for (k = 0; k < w.batch->n; k++)
			packets += u64(&w, FLOW_ab_packets, k);
	assert_int_equal(packets, 20000); /* nothing is lost */
	world_done(&w);
}

/* DESIGN's limit: 300 bytes a flow, index and list for the reader included. */
static void memory_of_a_flow(void **state)
{
	enum { FLOWS = 120000 };
	struct flow_opts o = opts;
	struct flow_table_stats s;
	struct world w;
	uint64_t most = 0;
	int i, again;

	(void)state;
	o.max_memory = UINT64_C(256) << 20;
	world_init(&w, &o);
	for (again = 0; again < 2; again++) { /* more packets take no more memory */
		for (i = 0; i < FLOWS; i++)
			add(&w, again * SEC + i * 1000, 60,
			    make_tcp((uint8_t)(i >> 16), (uint16_t)i, 2, 80, TCP_ACK, 1, 1, 0));
		flow_table_stats(w.table, &s);
		assert_in_range(s.memory, s.flows * 200, s.flows * 300);
		assert_true(!again || s.memory == most);
		most = s.memory;
	}
	assert_int_equal(s.flows, FLOWS);
	world_done(&w);
}

static void packets_are_numbered_in_their_flow(void **state)
{
	struct flow_ref ref;
	struct world w;
	int i;

	(void)state;
	world_init(&w, &opts);
	for (i = 1; i <= 3; i++) {
		struct dec d = i % 2 ? make_udp(1, 1000, 2, 53) : make_udp(2, 53, 1, 1000);
		struct pkt p = make_pkt(i, 60, (uint64_t)i);

		assert_int_equal(flow_table_add(w.table, &d, 1, &p, &ref), 0);
		assert_int_equal(ref.nth, i);
		assert_int_equal(ref.serial, 1 << 3);
	}
	world_done(&w);
}

/* A super-frame of 3 * 1448 + 100 bytes of payload behind 66 of headers is four
 * packets on the wire, which repeat the headers three times. */
static void super_frames_are_many_packets_on_the_wire(void **state)
{
	struct dec d = make_tcp(1, 1000, 2, 80, TCP_ACK, 1, 1, 3 * 1448 + 100);
	struct pkt p = make_pkt(1, 66 + 3 * 1448 + 100, 1);
	struct dec plain = make_tcp(2, 80, 1, 1000, TCP_ACK, 1, 1, 0);
	struct pkt q = make_pkt(2, 66, 2);
	struct world w;

	(void)state;
	world_init(&w, &opts);
	p.gso_size = 1448;
	p.gso_hdr = 66;
	assert_int_equal(flow_table_add(w.table, &d, 1, &p, NULL), 0);
	assert_int_equal(flow_table_add(w.table, &plain, 1, &q, NULL), 0);
	assert_int_equal(rows(&w, 2), 1);
	assert_int_equal(u64(&w, FLOW_ab_packets, 0), 1);
	assert_int_equal(u64(&w, FLOW_ab_bytes, 0), 66 + 3 * 1448 + 100);
	assert_int_equal(u64(&w, FLOW_ab_wire_packets, 0), 4);
	assert_int_equal(u64(&w, FLOW_ab_wire_bytes, 0), 4 * 66 + 3 * 1448 + 100);
	assert_int_equal(u64(&w, FLOW_ba_wire_packets, 0), 1);
	assert_int_equal(u64(&w, FLOW_ba_wire_bytes, 0), 66);
	world_done(&w);
}

static void serials_come_from_first_packets(void **state)
{
	struct world w;
	uint64_t a, b;

	(void)state;
	world_init(&w, &opts);
	a = add(&w, 1 * MS, 60, make_udp(1, 1, 2, 2));
	b = add(&w, 2 * MS, 60, make_udp(1, 3, 2, 4));
	assert_int_equal(add(&w, 3 * MS, 60, make_udp(2, 2, 1, 1)), a);
	assert_int_equal(a, 1 << 3);
	assert_int_equal(b, 2 << 3);
	assert_int_equal(rows(&w, 3 * MS), 2);
	assert_int_equal(w.batch->serial[0], a);
	assert_int_equal(w.batch->serial[1], b);
	world_done(&w);
}

/* The same packets through one and through several tables give the same rows. */
static void shards_agree(void **state)
{
	enum { PACKETS = 30000, TABLES = 3 };
	const struct flow_rows_env env = {0};
	struct flow_table *one, *many[TABLES];
	struct flow_rows *r1, *rn;
	struct field_set all = {0};
	struct batch *b1, *bn;
	uint32_t x = 7;
	size_t i, k;

	(void)state;
	for (i = 0; i < FLOW_N_FIELDS; i++)
		field_set_add(&all, i);
	assert_int_equal(flow_table_new(&one, &opts, NULL), 0);
	for (i = 0; i < TABLES; i++)
		assert_int_equal(flow_table_new(&many[i], &opts, NULL), 0);
	for (i = 0; i < PACKETS; i++) {
		struct pkt p = make_pkt((int64_t)i * 50 * MS, 60 + i % 100, i + 1);
		struct dec d;

		x = x * 1664525 + 1013904223;
		if (x >> 31)
			d = make_tcp(x >> 8 & 15, 1000, x >> 12 & 15, 80, x >> 16 & 0x17, x >> 20,
				     x >> 21, x >> 24 & 63);
		else
			d = make_udp(x >> 8 & 31, x >> 13 & 7, x >> 16 & 31, 53);
		d.pkt = 0;
		assert_int_equal(flow_table_add(one, &d, 1, &p, NULL), 0);
		assert_int_equal(flow_table_add(many[flow_shard(&d, TABLES)], &d, 1, &p, NULL), 0);
	}
	assert_int_equal(flow_table_finish(one, PACKETS * 50 * MS), 0);
	for (i = 0; i < TABLES; i++)
		assert_int_equal(flow_table_finish(many[i], PACKETS * 50 * MS), 0);
	assert_int_equal(flow_rows_new(&r1, &one, 1, &env), 0);
	assert_int_equal(flow_rows_new(&rn, many, TABLES, &env), 0);
	assert_int_equal(batch_new(&b1, flow_schema(), &all), 0);
	assert_int_equal(batch_new(&bn, flow_schema(), &all), 0);
	while (flow_rows_take(r1, b1)) {
		assert_int_equal(flow_rows_take(rn, bn), b1->n);
		assert_memory_equal(b1->serial, bn->serial, b1->n * sizeof(b1->serial[0]));
		for (i = 0; i < FLOW_N_FIELDS; i++) {
			for (k = 0; k < b1->n; k++) {
				union val v1, vn;
				bool has = col_get(b1->cols[i], k, &v1);

				assert_int_equal(has, col_get(bn->cols[i], k, &vn));
				if (has)
					assert_int_equal(val_cmp(b1->cols[i]->type, &v1, &vn), 0);
			}
		}
	}
	assert_int_equal(flow_rows_take(rn, bn), 0);
	batch_free(b1);
	batch_free(bn);
	flow_rows_free(r1);
	flow_rows_free(rn);
	flow_table_free(one);
	for (i = 0; i < TABLES; i++)
		flow_table_free(many[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions_are_one_flow),
		cmocka_unit_test(what_tells_flows_apart),
		cmocka_unit_test(mac_addresses_in_the_key),
		cmocka_unit_test(idle_flows_end),
		cmocka_unit_test(idle_flows_can_leave_early),
		cmocka_unit_test(time_leaps),
		cmocka_unit_test(extreme_times),
		cmocka_unit_test(connections_on_the_same_ports),
		cmocka_unit_test(tunnels_have_parents),
		cmocka_unit_test(fragments_find_their_ports),
		cmocka_unit_test(echo_and_errors),
		cmocka_unit_test(ping_to_oneself),
		cmocka_unit_test(replies_that_answer_two_requests),
		cmocka_unit_test(source_ports_that_are_entropy),
		cmocka_unit_test(full_tables_evict_and_count),
		cmocka_unit_test(memory_of_a_flow),
		cmocka_unit_test(packets_are_numbered_in_their_flow),
		cmocka_unit_test(super_frames_are_many_packets_on_the_wire),
		cmocka_unit_test(serials_come_from_first_packets),
		cmocka_unit_test(shards_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
