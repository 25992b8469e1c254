/* Classic pcap.  Expected values: draft-ietf-opsawg-pcap, pcap-savefile(5) and
 * bytes written by hand from them. */
#include "fmt/pcap.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"

/* clang-format off */
#define HEAD_LE "\x02\0\x04\0" "\0\0\0\0" "\0\0\0\0" "\0\0\x04\0"
#define HEAD_BE "\0\x02\0\x04" "\0\0\0\0" "\0\0\0\0" "\0\x04\0\0"

static const struct {
	const char *bytes; /* 24 of them */
	bool big, nano, modified;
	uint32_t network;
	uint16_t linktype;
	uint8_t fcs_len;
} heads[] = {
	{"\xd4\xc3\xb2\xa1" HEAD_LE "\x01\0\0\0", false, false, false, 1, 1, 0},
	{"\xa1\xb2\xc3\xd4" HEAD_BE "\0\0\0\x01", true, false, false, 1, 1, 0},
	{"\x4d\x3c\xb2\xa1" HEAD_LE "\x71\0\0\0", false, true, false, 113, 113, 0},
	{"\xa1\xb2\x3c\x4d" HEAD_BE "\0\0\x01\x14", true, true, false, 276, 276, 0},
	{"\x34\xcd\xb2\xa1" HEAD_LE "\x01\0\0\0", false, false, true, 1, 1, 0},
	/* FCS: bit 26 says that bits 28 to 31 count 16-bit words. */
	{"\xd4\xc3\xb2\xa1" HEAD_LE "\x01\0\0\x24", false, false, false, 0x24000001, 1, 4},
	{"\xd4\xc3\xb2\xa1" HEAD_LE "\x01\0\0\x30", false, false, false, 0x30000001, 1, 0},
	/* DLT_RAW as it was once saved; a type that cannot exist. */
	{"\xd4\xc3\xb2\xa1" HEAD_LE "\x0c\0\0\0", false, false, false, 12, 101, 0},
	{"\xd4\xc3\xb2\xa1" HEAD_LE "\0\0\x01\0", false, false, false, 65536, UINT16_MAX, 0},
};
/* clang-format on */

static void test_heads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		const uint8_t *p = (const uint8_t *)heads[i].bytes;
		struct pcap_hdr h;

		assert_int_equal(pcap_hdr_read(p, 24, &h), 0);
		assert_int_equal(h.big, heads[i].big);
		assert_int_equal(h.nano, heads[i].nano);
		assert_int_equal(h.modified, heads[i].modified);
		assert_int_equal(h.network, heads[i].network);
		assert_int_equal(h.linktype, heads[i].linktype);
		assert_int_equal(h.fcs_len, heads[i].fcs_len);
		assert_int_equal(h.major, 2);
		assert_int_equal(h.minor, 4);
		assert_int_equal(h.snaplen, 262144);
		for (size_t n = 0; n < 24; n++)
			assert_int_equal(pcap_hdr_read(p, n, &h), -ENODATA);
	}
}

static void test_not_pcap(void **state)
{
	uint8_t p[24] = "\xd4\xc3\xb2\xa1\x03\0\x04";
	struct pcap_hdr h;

	(void)state;
	assert_int_equal(pcap_hdr_read(p, 24, &h), -EPROTO); /* version 3 */
	p[0] = 0xd5;
	assert_int_equal(pcap_hdr_read(p, 24, &h), -EBADMSG);
}

static void test_times(void **state)
{
	struct pcap_hdr us = {.major = 2, .minor = 4}, ns = {.major = 2, .minor = 4, .nano = true};
	struct pcap_rec r = {.sec = 1, .sub = 999999};
	bool bad = false;

	(void)state;
	assert_int_equal(pcap_rec_ts(&us, &r, &bad), 1999999000);
	assert_int_equal(pcap_rec_ts(&ns, &r, &bad), 1000999999);
	r.sec = UINT32_MAX; /* 2106-02-07, not 1969: the field is unsigned */
	assert_int_equal(pcap_rec_ts(&us, &r, &bad), INT64_C(4294967295999999000));
	assert_false(bad);
	r = (struct pcap_rec){.sec = 1, .sub = 1000000};
	assert_int_equal(pcap_rec_ts(&us, &r, &bad), 1999999000);
	assert_true(bad);
	bad = false;
	assert_int_equal(pcap_rec_ts(&ns, &r, &bad), 1001000000);
	assert_false(bad);
	r.sub = UINT32_MAX;
	assert_int_equal(pcap_rec_ts(&ns, &r, &bad), 1999999999);
	assert_true(bad);
}

/* pcap-savefile(5): the lengths changed places in 2.3, where both orders occur. */
static const struct {
	uint16_t major, minor;
	uint32_t first, second, caplen, len;
} swaps[] = {
	{2, 4, 60, 1514, 60, 1514}, {2, 4, 1514, 60, 1514, 60}, {2, 3, 60, 1514, 60, 1514},
	{2, 3, 1514, 60, 60, 1514}, {2, 2, 1514, 60, 60, 1514}, {543, 0, 1514, 60, 60, 1514},
};

static void test_swaps(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(swaps) / sizeof(swaps[0]); i++) {
		struct pcap_hdr h = {.major = swaps[i].major, .minor = swaps[i].minor};
		struct pcap_rec r = {.caplen = swaps[i].first, .len = swaps[i].second};

		pcap_rec_fix(&h, &r);
		assert_int_equal(r.caplen, swaps[i].caplen);
		assert_int_equal(r.len, swaps[i].len);
	}
}

static void test_write(void **state)
{
	/* clang-format off */
	static const uint8_t want[] = "\xd4\xc3\xb2\xa1" HEAD_LE "\x01\0\0\0"
				      "\x01\0\0\0" "\x02\0\0\0" "\x03\0\0\0" "\x3c\0\0\0" "abc";
	static const uint8_t want_ns[] = "\x4d\x3c\xb2\xa1" HEAD_LE "\x01\0\0\0"
					 "\x01\0\0\0" "\xd0\x07\0\0" "\x03\0\0\0" "\x3c\0\0\0" "abc";
	/* clang-format on */
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	struct pkt p = {.ts = 1000002000, .caplen = 3, .len = 60, .data = (const uint8_t *)"abc"};

	(void)state;
	pcap_hdr_write(&b, false, 1, 262144);
	assert_int_equal(pcap_rec_write(&b, false, &p), 1);
	assert_int_equal(b.len, sizeof(want) - 1);
	assert_memory_equal(b.p, want, b.len);

	buf_clear(&b);
	pcap_hdr_write(&b, true, 1, 262144);
	assert_int_equal(pcap_rec_write(&b, true, &p), 1);
	assert_memory_equal(b.p, want_ns, sizeof(want_ns) - 1);

	/* What the format cannot hold becomes the nearest. */
	buf_clear(&b);
	p.ts = -1;
	assert_int_equal(pcap_rec_write(&b, false, &p), 0);
	assert_memory_equal(b.p, "\0\0\0\0\0\0\0\0", 8);
	buf_clear(&b);
	p.ts = INT64_MAX;
	assert_int_equal(pcap_rec_write(&b, false, &p), 0);
	assert_memory_equal(b.p, "\xff\xff\xff\xff\x3f\x42\x0f\0", 8); /* 999999 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heads), cmocka_unit_test(test_not_pcap),
		cmocka_unit_test(test_times), cmocka_unit_test(test_swaps),
		cmocka_unit_test(test_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
