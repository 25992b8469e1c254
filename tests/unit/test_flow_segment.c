/* Community IDs in segments: hashes of rows are those of the texts that rows have. */
#include "flow/flow_segment.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "flow/flow_derive.h"
#include "net/community.h"
#include "net/dec.h"

struct row {
	const char *a, *b;
	uint8_t proto;
	uint16_t x, y; /* ports, or ICMP type and code */
	const char *text;
	uint32_t hash;
};

/* From the specification's baseline (corelight/community-id-spec); the hash is the beginning of
 * what Python's base64 makes of the text. */
/* clang-format off */
static const struct row rows[] = {
	{"192.168.0.89", "192.168.0.1", 1, 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", 0x5f4b2761},
	{"10.0.0.1", "10.0.0.2", 1, 11, 0, "1:YHxtAirCG//0OzkcVAukqKQN9xM=", 0x607c6d02},
	{"2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 6, 63943, 25,
	 "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=", 0xfea15a78},
	{"192.168.170.8", "192.168.170.56", 132, 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=", 0x30fd84b5},
	{"128.232.110.120", "66.35.250.204", 6, 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", 0x2d053da9},
	{"8.8.8.8", "192.168.1.52", 17, 53, 54585, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", 0x77f14fe4},
	{"10.1.12.2", "10.1.12.1", 46, 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=", 0x28794b92},
	{"fe80::200:86ff:fe05:80da", "ff02::2", 58, 133, 134, "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0=", 0x84efac37},
	{"3ffe:501:410:0:2c0:dfff:fe47:33e", "3ffe:507:0:1:200:86ff:fe05:80da", 58, 1, 4,
	 "1:hLZd0XGWojozrvxqE0dWB1iM6R0=", 0x84b65dd1},
};
/* clang-format on */
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static struct batch *new_batch(void)
{
	struct field_set set;
	struct batch *b = NULL;

	flow_derive_base(&set);
	field_set_add(&set, FLOW_community_id);
	assert_int_equal(batch_new(&b, flow_store_schema(), &set), 0);
	return b;
}

static void put_num(struct batch *b, enum flow_field f, size_t k, uint64_t v)
{
	b->cols[f]->v.u64[k] = v;
	col_mark(b->cols[f], k);
}

static void put_row(struct batch *b, size_t k, const struct row *r)
{
	bool icmp = r->proto == IPPROTO_ICMP || r->proto == IPPROTO_ICMPV6;

	assert_int_equal(addr_parse(r->a, &b->cols[FLOW_network_a]->v.addr[k]), 0);
	assert_int_equal(addr_parse(r->b, &b->cols[FLOW_network_b]->v.addr[k]), 0);
	col_mark(b->cols[FLOW_network_a], k);
	col_mark(b->cols[FLOW_network_b], k);
	put_num(b, FLOW_key_kind, k, strchr(r->a, ':') ? DEC_IP6 : DEC_IP4);
	put_num(b, FLOW_ip_protocol, k, r->proto);
	if (icmp || r->x || r->y) {
		put_num(b, icmp ? FLOW_icmp_type : FLOW_transport_a, k, r->x);
		put_num(b, icmp ? FLOW_icmp_code : FLOW_transport_b, k, r->y);
	}
	b->n = k + 1;
}

static void test_known(void **state)
{
	uint64_t present[BATCH_ROWS / 64] = {0};
	uint32_t hash[BATCH_ROWS], of_text;
	struct batch *b = new_batch();
	size_t i;

	(void)state;
	for (i = 0; i < N_ROWS; i++)
		put_row(b, i, &rows[i]);
	flow_segment_hashes(b, 0, N_ROWS, present, hash);
	assert_int_equal(present[0], (1u << N_ROWS) - 1);
	for (i = 0; i < N_ROWS; i++) {
		assert_int_equal(hash[i], rows[i].hash);
		assert_true(flow_segment_hash(rows[i].text, strlen(rows[i].text), &of_text));
		assert_int_equal(of_text, rows[i].hash);
	}
	batch_free(b);
}

static void test_no_text(void **state)
{
	static const char *const no[] = {
		"",
		"1:",
		"2:YHxtAirCG//0OzkcVAukqKQN9xM=",
		"1:YHxtAirCG//0OzkcVAukqKQN9xM",
		"1:YHxtAirCG//0OzkcVAukqKQN9xM==",
		"1:YHxtA-rCG//0OzkcVAukqKQN9xM=",
		"1:YHxt irCG//0OzkcVAukqKQN9xM=",
	};
	uint32_t hash = 7;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(flow_segment_hash(no[i], strlen(no[i]), &hash));
	assert_int_equal(hash, 7);
}

static uint32_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(*state >> 32);
}

static void random_addr(struct batch *b, enum flow_field f, size_t k, uint8_t family,
			uint64_t *state)
{
	struct addr *a = &b->cols[f]->v.addr[k];

	*a = (struct addr){.family = family};
	if (next_random(state) % 8)
		memset(a->b, (int)next_random(state) % 3, family == ADDR_IP4 ? 4 : 16);
	a->b[next_random(state) % (family == ADDR_IP4 ? 4 : 16)] ^= (uint8_t)next_random(state);
	if (next_random(state) % 50)
		col_mark(b->cols[f], k);
}

/* Everything that may be in a row or not, alike or not. */
static void random_row(struct batch *b, size_t k, uint64_t *state)
{
	static const enum flow_field nums[] = {
		FLOW_transport_a, FLOW_transport_b, FLOW_icmp_id,
		FLOW_key_ports,   FLOW_icmp_type,   FLOW_icmp_code,
	};
	static const uint8_t protos[] = {6, 17, 132, 1, 58, 47, 0, 6};
	static const uint8_t kinds[] = {DEC_IP4, DEC_IP6, DEC_IP4, DEC_LINK};
	uint8_t kind = kinds[next_random(state) % 4];
	uint32_t which = next_random(state);
	size_t i;

	if (which % 5) /* mostly such as are */
		which = which % 3 ? 3 : 48;
	random_addr(b, FLOW_network_a, k, kind == DEC_IP6 ? ADDR_IP6 : ADDR_IP4, state);
	random_addr(b, FLOW_network_b, k, kind == DEC_IP6 ? ADDR_IP6 : ADDR_IP4, state);
	put_num(b, FLOW_key_kind, k, kind);
	if (next_random(state) % 20)
		put_num(b, FLOW_ip_protocol, k, protos[next_random(state) % 8]);
	for (i = 0; i < 6; i++)
		if (which >> i & 1)
			put_num(b, nums[i], k,
				next_random(state) >> (i < 4 ? 16 : 24) &
					(next_random(state) % 2 ? 1 : 0xffff));
	b->n = k + 1;
}

/* As flow_derive() says it, which has a row at a time; asked for from any row on. */
static void test_derived(void **state)
{
	struct field_set want = {0};
	struct batch *b = new_batch();
	const struct col *text = b->cols[FLOW_community_id];
	struct flow_derive *d;
	uint64_t rnd = 1, turn;
	size_t seen = 0, k;

	(void)state;
	field_set_add(&want, FLOW_community_id);
	assert_int_equal(flow_derive_new(&d), 0);
	for (turn = 0; turn < 60; turn++) {
		uint64_t present[BATCH_ROWS / 64] = {0};
		uint32_t hash[BATCH_ROWS], h;
		size_t n = turn < 20 ? turn : BATCH_ROWS, at = turn % 7;

		batch_clear(b);
		for (k = 0; k < n; k++)
			random_row(b, k, &rnd);
		flow_derive(d, b, &want);
		at = at < n ? at : n;
		flow_segment_hashes(b, at, n - at, present, hash);
		for (k = at; k < n; k++) {
			bool has = present[(k - at) / 64] >> (k - at) % 64 & 1;

			assert_int_equal(has, col_has(text, k));
			if (!has)
				continue;
			assert_true(flow_segment_hash(text->v.str[k].p, text->v.str[k].len, &h));
			assert_int_equal(hash[k - at], h);
			seen++;
		}
	}
	assert_true(seen > 10000);
	flow_derive_free(d);
	batch_free(b);
}

/* Many rows as one block: the hash chooses those that the text of a row would, among those that are
 * asked about. */
static void test_select(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT;
	struct batch *b = new_batch(), *room = new_batch();
	uint64_t map[3 * BATCH_ROWS / 64], rnd = 5;
	uint32_t hash[3 * BATCH_ROWS] = {0};
	bool has[3 * BATCH_ROWS];
	struct fseg_writer *w;
	struct fseg_opts o;
	struct fseg *f;
	size_t n = 0, i, k;

	(void)state;
	flow_segment_opts(&o);
	assert_int_equal(fseg_writer_new(&w, &o), 0);
	for (i = 0; i < 3; i++) { /* the last one is not full */
		uint64_t present[BATCH_ROWS / 64] = {0};

		batch_clear(b);
		for (k = 0; k < BATCH_ROWS - 100 * (i == 2); k++)
			random_row(b, k, &rnd);
		flow_segment_hashes(b, 0, b->n, present, hash + n);
		for (k = 0; k < b->n; k++)
			has[n++] = present[k / 64] >> k % 64 & 1;
		assert_int_equal(fseg_add(w, b, 0), b->n);
	}
	assert_int_equal(fseg_end(w, &out), 0);
	assert_int_equal(fseg_new(&f, flow_store_schema()), 0);
	assert_int_equal(fseg_open(f, (const uint8_t *)out.p, out.len, NULL), 0);
	for (i = 0; i < n; i += 97) {
		int64_t left;

		memset(map, i % 2 ? 0xff : 0x5a, sizeof(map));
		if (i % 3 == 0)
			memset(map + BATCH_ROWS / 64, 0, BATCH_ROWS / 8);
		left = flow_segment_select(f, room, hash[i], map, NULL);
		for (k = 0; k < n; k++) {
			bool asked = (i % 2 || 0x5a >> k % 8 & 1) && (i % 3 || k / BATCH_ROWS != 1);
			bool is = asked && has[k] && hash[k] == hash[i];

			assert_int_equal(map[k / 64] >> k % 64 & 1, is);
			left -= is;
		}
		assert_int_equal(left, 0);
	}
	fseg_free(f);
	fseg_writer_free(w);
	batch_free(b);
	batch_free(room);
}

/* Of a segment: rows that are there are found, of others few. */
static void test_segment(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT;
	struct batch *b = new_batch();
	struct fseg_writer *w;
	struct fseg_opts o;
	struct fseg *f;
	uint32_t i, hash, wrong = 0;

	(void)state;
	flow_segment_opts(&o);
	for (i = 0; i < N_ROWS; i++)
		put_row(b, i, &rows[i]);
	assert_int_equal(fseg_writer_new(&w, &o), 0);
	assert_int_equal(fseg_add(w, b, 0), N_ROWS);
	assert_int_equal(fseg_end(w, &out), 0);
	assert_int_equal(fseg_new(&f, flow_store_schema()), 0);
	assert_int_equal(fseg_open(f, (const uint8_t *)out.p, out.len, NULL), 0);
	for (i = 0; i < N_ROWS; i++) {
		assert_true(flow_segment_hash(rows[i].text, strlen(rows[i].text), &hash));
		assert_true(fseg_may_hash(f, FLOW_community_id, hash));
	}
	for (i = 0; i < 1000; i++)
		wrong += fseg_may_hash(f, FLOW_community_id, i * 0x9e3779b9u);
	assert_in_range(wrong, 0, 60);
	fseg_free(f);
	fseg_writer_free(w);
	batch_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),   cmocka_unit_test(test_no_text),
		cmocka_unit_test(test_derived), cmocka_unit_test(test_select),
		cmocka_unit_test(test_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
