/* pcapng blocks.  Expected values: draft-ietf-opsawg-pcapng and bytes written by
 * hand from it, in both byte orders. */
#include "fmt/pcapng.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"

/* A block being written in either byte order. */
struct made {
	uint8_t p[512];
	size_t n;
	bool big;
};

static void put(struct made *m, unsigned bytes, uint64_t v)
{
	for (unsigned i = 0; i < bytes; i++)
		m->p[m->n++] = (uint8_t)(v >> 8 * (m->big ? bytes - 1 - i : i));
}

static void put_text(struct made *m, const char *s, size_t n)
{
	memcpy(m->p + m->n, s, n);
	m->n += n;
	while (m->n % 4)
		m->p[m->n++] = 0;
}

static void put_opt(struct made *m, uint16_t code, const char *s, size_t n)
{
	put(m, 2, code);
	put(m, 2, n);
	put_text(m, s, n);
}

static void begin(struct made *m, uint32_t type)
{
	m->n = 0;
	put(m, 4, type);
	put(m, 4, 0);
}

static void end(struct made *m)
{
	size_t n = m->n + 4;

	put(m, 4, n);
	m->n = 4;
	put(m, 4, n);
	m->n = n;
}

static void make_idb(struct made *m)
{
	begin(m, PCAPNG_IDB);
	put(m, 2, 276);
	put(m, 2, 0);
	put(m, 4, 128);
	put_opt(m, 1, "c", 1);
	put_opt(m, 2, "eth0\0", 5); /* with a NUL, as some write */
	put_opt(m, 3, "descr", 5);
	put(m, 2, 8);
	put(m, 2, 8);
	put(m, 8, 10000000000);
	put_opt(m, 9, "\x09", 1);
	put_opt(m, 11, "\0port 53", 8);
	put_opt(m, 12, "Linux", 5);
	put_opt(m, 13, "\x04", 1);
	put(m, 2, 14);
	put(m, 2, 8);
	put(m, 8, (uint64_t)-3600);
	put_opt(m, 15, "card", 4);
	put_opt(m, 77, "unknown", 7);
	put(m, 4, 0);
	end(m);
}

static void assert_text(struct pcapng_text t, const char *want)
{
	assert_int_equal(t.len, strlen(want));
	assert_memory_equal(t.p, want, t.len);
}

static void test_idb(void **state)
{
	(void)state;
	for (int big = 0; big < 2; big++) {
		struct made m = {.big = big};
		struct pcapng_idb i;

		make_idb(&m);
		assert_int_equal(pcapng_idb_read(m.p, m.n, big, &i), 0);
		assert_int_equal(i.linktype, 276);
		assert_int_equal(i.snaplen, 128);
		assert_text(i.name, "eth0");
		assert_text(i.descr, "descr");
		assert_text(i.filter, "port 53");
		assert_text(i.os, "Linux");
		assert_text(i.hardware, "card");
		assert_int_equal(i.tsresol, 9);
		assert_int_equal(i.ts_offset, -3600);
		assert_int_equal(i.fcs_len, 4);
		assert_int_equal(i.speed, 10000000000);
		assert_true(i.has_speed && i.has_tsresol && i.has_ts_offset && i.has_fcs_len);
	}
}

/* Whatever the length of a block is said to be, nothing behind it is read (the
 * sanitizers see it) and the result is either refused or marked. */
static void test_cut(void **state)
{
	(void)state;
	for (int big = 0; big < 2; big++) {
		struct made m = {.big = big};

		make_idb(&m);
		for (size_t n = 0; n <= m.n; n++) {
			uint8_t *copy = malloc(n ? n : 1);
			struct pcapng_idb i;
			struct pcapng_isb s;
			struct pcapng_shb h;
			struct pcapng_opts o;
			uint32_t a = 0, b = 0;
			int r;

			memcpy(copy, m.p, n);
			r = pcapng_idb_read(copy, n, big, &i);
			assert_true(r == (n < 20 ? -EBADMSG : r) && r <= 1);
			pcapng_isb_read(copy, n, big, &s);
			pcapng_shb_read(copy, n, &h);
			if (n >= 8)
				pcapng_opts_of(copy, n, big, &o);
			pcapng_nrb_count(copy, n, big, &a, &b);
			free(copy);
		}
	}
}

static void test_option_too_long(void **state)
{
	struct made m = {0};
	struct pcapng_idb i;

	(void)state;
	begin(&m, PCAPNG_IDB);
	put(&m, 4, 1);
	put(&m, 4, 0);
	put_opt(&m, 2, "eth0", 4);
	put(&m, 2, 3);
	put(&m, 2, 60000); /* leaves the block */
	put(&m, 4, 0);
	end(&m);
	assert_int_equal(pcapng_idb_read(m.p, m.n, false, &i), 1);
	assert_text(i.name, "eth0"); /* what comes before counts */
	assert_null(i.descr.p);
}

/* The draft, 4.2: if_tsresol, and what ticks mean then. */
static const struct {
	uint8_t tsresol;
	int64_t offset;
	uint64_t ticks;
	int64_t ts;
	bool bad;
} times[] = {
	{6, 0, 1500000, 1500000000, false},
	{9, 0, 1500000000, 1500000000, false},
	{0, 0, 2, 2000000000, false},
	{3, 10, 2500, 12500000000, false},
	{9, -1, 0, -1000000000, false},
	{12, 0, 1999, 1, false},                /* ps, cut to ns */
	{19, 0, UINT64_MAX, 1844674407, false}, /* 1.8446744073709551615 s */
	{20, 0, UINT64_MAX, 184467440, false},
	{127, 0, UINT64_MAX, 0, false},
	{0x80, 0, 3, 3000000000, false},
	{0x8a, 0, 1024 + 512, 1500000000, false},                       /* 2^-10 */
	{0xa0, 0, (UINT64_C(7) << 32) + (1u << 31), 7500000000, false}, /* 2^-32 */
	{0xff, 0, UINT64_MAX, 0, false},                                /* 2^-127 */
	{6, 0, UINT64_MAX, INT64_MAX, true},
	{0, 0, UINT64_C(9223372037), INT64_MAX, true},
	{6, INT64_MAX, 1, INT64_MAX, true},
	{6, INT64_MIN, 1, INT64_MIN, true},
	{9, 1, INT64_MAX, INT64_MAX, true},
};

static void test_times(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct pcapng_clock c = pcapng_clock(times[i].tsresol, times[i].offset);
		bool bad = false;

		assert_int_equal(pcapng_ts(&c, times[i].ticks, &bad), times[i].ts);
		assert_int_equal(bad, times[i].bad);
	}
	assert_int_equal(pcapng_ticks(6), 1000000);
	assert_int_equal(pcapng_ticks(19), UINT64_C(10000000000000000000));
	assert_int_equal(pcapng_ticks(20), 0);
	assert_int_equal(pcapng_ticks(0xbf), UINT64_C(1) << 63);
	assert_int_equal(pcapng_ticks(0xc0), 0);
}

static void test_epb_opts(void **state)
{
	(void)state;
	for (int big = 0; big < 2; big++) {
		struct made m = {.big = big};
		struct pcapng_epb_opts e;
		struct pcapng_opts o;

		begin(&m, PCAPNG_EPB);
		for (int i = 0; i < 3; i++)
			put(&m, 4, 0);
		put(&m, 4, 5); /* captured */
		put(&m, 4, 60);
		put_text(&m, "abcde", 5);
		put_opt(&m, 1, "one", 3);
		put(&m, 2, 2);
		put(&m, 2, 4);
		put(&m, 4, 0x82); /* outbound, and an FCS length */
		put(&m, 2, 4);
		put(&m, 2, 8);
		put(&m, 8, 77);
		put_opt(&m, 1, "two", 3);
		put(&m, 4, 0);
		end(&m);
		assert_int_equal(pcapng_opts_of(m.p, m.n, big, &o), 0);
		assert_int_equal(pcapng_epb_opts_read(&o, &e), 0);
		assert_int_equal(e.dir, PKT_DIR_OUT);
		assert_int_equal(e.dropcount, 77);
		assert_int_equal(e.comments, 2);
	}
}

/* The draft, 4.6: isb_starttime has the high half first in both byte orders. */
static void test_isb(void **state)
{
	(void)state;
	for (int big = 0; big < 2; big++) {
		struct made m = {.big = big};
		struct pcapng_isb s;

		begin(&m, PCAPNG_ISB);
		put(&m, 4, 3);
		put(&m, 4, 1);
		put(&m, 4, 2);
		put(&m, 2, 2);
		put(&m, 2, 8);
		put(&m, 4, 5);
		put(&m, 4, 6);
		for (uint16_t code = 4; code <= 8; code++) {
			put(&m, 2, code);
			put(&m, 2, 8);
			put(&m, 8, UINT64_C(100) + code);
		}
		end(&m);
		assert_int_equal(pcapng_isb_read(m.p, m.n, big, &s), 0);
		assert_int_equal(s.iface, 3);
		assert_int_equal(s.ts, (UINT64_C(1) << 32) + 2);
		assert_int_equal(s.start, (UINT64_C(5) << 32) + 6);
		assert_true(s.has_start && !s.has_end);
		assert_int_equal(s.recv, 104);
		assert_int_equal(s.ifdrop, 105);
		assert_int_equal(s.accept, 106);
		assert_int_equal(s.osdrop, 107);
		assert_int_equal(s.deliv, 108);
	}
}

static void test_write(void **state)
{
	/* The draft, 4.1 to 4.3, by hand. */
	static const uint8_t want[] = "\x0a\x0d\x0d\x0a"
				      "\x28\0\0\0"
				      "\x4d\x3c\x2b\x1a"
				      "\x01\0\0\0"
				      "\xff\xff\xff\xff\xff\xff\xff\xff"
				      "\x04\0\x03\0"
				      "app\0"
				      "\0\0\0\0"
				      "\x28\0\0\0"
				      "\x01\0\0\0"
				      "\x30\0\0\0"
				      "\x01\0\0\0"
				      "\0\0\x04\0"
				      "\x02\0\x02\0"
				      "lo\0\0"
				      "\x09\0\x01\0"
				      "\x09\0\0\0"
				      "\x0b\0\x03\0"
				      "\0ip\0"
				      "\0\0\0\0"
				      "\x30\0\0\0"
				      "\x06\0\0\0"
				      "\x30\0\0\0"
				      "\0\0\0\0"
				      "\x01\0\0\0"
				      "\x05\0\0\0"
				      "\x03\0\0\0"
				      "\x3c\0\0\0"
				      "abc\0"
				      "\x02\0\x04\0"
				      "\x01\0\0\0"
				      "\0\0\0\0"
				      "\x30\0\0\0";
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	struct pcapng_shb s = {.app = pcapng_text("app")};
	struct pcapng_idb i = {.linktype = 1,
			       .snaplen = 262144,
			       .tsresol = 9,
			       .name = pcapng_text("lo"),
			       .filter = pcapng_text("ip")};
	struct pkt p = {.ts = (INT64_C(1) << 32) + 5,
			.caplen = 3,
			.len = 60,
			.dir = PKT_DIR_IN,
			.data = (const uint8_t *)"abc"};

	(void)state;
	pcapng_shb_write(&b, &s, pcapng_text(NULL));
	pcapng_idb_write(&b, &i, pcapng_text(NULL));
	pcapng_epb_write(&b, &p, 0);
	assert_int_equal(b.len, sizeof(want) - 1);
	assert_memory_equal(b.p, want, b.len);
}

static void test_write_isb(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	struct pcapng_isb s = {.iface = 2,
			       .ts = (UINT64_C(9) << 32) + 8,
			       .has_start = true,
			       .start = (UINT64_C(7) << 32) + 6,
			       .has_osdrop = true,
			       .osdrop = 5};
	struct pcapng_isb got;

	(void)state;
	pcapng_isb_write(&b, &s);
	assert_memory_equal(b.p + 20,
			    "\x02\0\x08\0"
			    "\x07\0\0\0"
			    "\x06\0\0\0",
			    12);
	assert_int_equal(pcapng_isb_read((const uint8_t *)b.p, b.len, false, &got), 0);
	assert_int_equal(got.start, s.start);
	assert_int_equal(got.osdrop, 5);
	assert_int_equal(got.ts, s.ts);
	assert_false(got.has_recv);
}

/* An option holds 65535 bytes; longer texts are cut, and the block stays whole. */
static void test_write_long(void **state)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	char *text = malloc(70001);
	struct pcapng_idb i = {.filter = {0}}, got;

	(void)state;
	memset(text, 'x', 70000);
	text[70000] = '\0';
	i.filter = pcapng_text(text);
	i.name = pcapng_text(text);
	pcapng_idb_write(&b, &i, pcapng_text(NULL));
	assert_int_equal(pcapng_idb_read((const uint8_t *)b.p, b.len, false, &got), 0);
	assert_int_equal(got.name.len, 65535);
	assert_int_equal(got.filter.len, 65534);
	assert_int_equal(le32_load(b.p + 4), b.len);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idb),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_option_too_long),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_epb_opts),
		cmocka_unit_test(test_isb),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_isb),
		cmocka_unit_test(test_write_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
