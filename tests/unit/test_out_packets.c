/* Packets as text.  Base64 of the data is RFC 4648's, section 10; the rest is
 * written by hand from analyse/out_packets.h. */
#include "analyse/out_packets.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"

static int to_buf(void *arg, const void *p, size_t n)
{
	buf_add(arg, p, n);
	return 0;
}

static const uint8_t flow_a[16] = {0xaa, 1}, flow_b[16] = {0xbb, 2};

static const struct {
	const uint8_t *uuid;
	const char *data;
	uint32_t len;
	int64_t ts;
} packets[] = {
	{flow_a, "foo", 60, INT64_C(1000999999)},
	{flow_b, "", 0, INT64_C(2000000000)},
	{flow_a, "fooba", 5, INT64_C(3000000001)},
};

static void write_packets(enum out_format format, size_t n, const char *expected)
{
	struct buf text = BUF_INIT;
	const struct out_conf conf = {.format = format, .write = to_buf, .arg = &text, .utc = true};
	struct out_packets *op;
	size_t i;

	assert_int_equal(out_packets_new(&op, &conf, NULL), 0);
	for (i = 0; i < n; i++) {
		const struct pkt p = {
			.ts = packets[i].ts,
			.data = (const uint8_t *)packets[i].data,
			.caplen = (uint32_t)strlen(packets[i].data),
			.len = packets[i].len,
			.linktype = 1,
		};

		assert_int_equal(out_packets_add(op, packets[i].uuid, &p, NULL), 0);
	}
	assert_int_equal(out_packets_end(op, NULL), 0);
	assert_string_equal(buf_str(&text), expected);
	out_packets_free(op);
	buf_done(&text);
}

#define UUID_A "aa010000-0000-0000-0000-000000000000"
#define UUID_B "bb020000-0000-0000-0000-000000000000"

static void test_json(void **state)
{
	(void)state;
	write_packets(OUT_JSON, 0, "{}\n");
	write_packets(OUT_JSON, 3,
		      "{\n\"" UUID_A "\":["
		      "{\"Timestamp\":1000,\"Index\":0,\"Data\":\"Zm9v\",\"LinkType\":1},"
		      "{\"Timestamp\":3000,\"Index\":1,\"Data\":\"Zm9vYmE=\",\"LinkType\":1}],\n"
		      "\"" UUID_B "\":["
		      "{\"Timestamp\":2000,\"Index\":0,\"Data\":\"\",\"LinkType\":1}]\n}\n");
}

static void test_jsonl(void **state)
{
	(void)state;
	write_packets(OUT_JSONL, 2,
		      "{\"UUID\":\"" UUID_A "\",\"Timestamp\":1000,\"Index\":0,\"Data\":\"Zm9v\","
		      "\"LinkType\":1,\"Length\":60}\n"
		      "{\"UUID\":\"" UUID_B "\",\"Timestamp\":2000,\"Index\":0,\"Data\":\"\","
		      "\"LinkType\":1,\"Length\":0}\n");
}

static void test_rows(void **state)
{
	(void)state;
	write_packets(OUT_CSV, 3,
		      "uuid,index,time,link_type,captured,length,data\n" UUID_A
		      ",0,1.000999999,1,3,60,666f6f\n" UUID_B ",0,2.000000000,1,0,0,\n" UUID_A
		      ",1,3.000000001,1,5,5,666f6f6261\n");
	write_packets(OUT_TABLE, 1,
		      "uuid                                  index  time                        "
		      "link_type  captured  length\n" UUID_A
		      "      0  1970-01-01 00:00:01.000999          1         3      60\n");
}

/* Many flows: the groups keep their order and their packets. */
static void test_many(void **state)
{
	enum { FLOWS = 1000 };
	struct buf text = BUF_INIT;
	const struct out_conf conf = {.format = OUT_JSON, .write = to_buf, .arg = &text};
	struct out_packets *op;
	const char *p;
	unsigned i, k;

	(void)state;
	assert_int_equal(out_packets_new(&op, &conf, NULL), 0);
	for (i = 0; i < 3 * FLOWS; i++) {
		const struct pkt pkt = {.ts = (int64_t)i * 1000000};
		uint8_t uuid[16] = {(uint8_t)(i % FLOWS >> 8), (uint8_t)(i % FLOWS)};

		assert_int_equal(out_packets_add(op, uuid, &pkt, NULL), 0);
	}
	assert_int_equal(out_packets_end(op, NULL), 0);
	p = buf_str(&text) + 2;
	for (i = 0; i < FLOWS; i++) {
		char line[256];
		int n = snprintf(line, sizeof(line), "\"%04x0000-", i);

		assert_int_equal(strncmp(p, line, (size_t)n), 0);
		for (k = 0; k < 3; k++) {
			snprintf(line, sizeof(line), "{\"Timestamp\":%u,\"Index\":%u,",
				 k * FLOWS + i, k);
			p = strstr(p, line);
			assert_non_null(p);
		}
		p = strchr(p, '\n') + 1;
	}
	assert_string_equal(p, "}\n");
	out_packets_free(op);
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_jsonl),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
