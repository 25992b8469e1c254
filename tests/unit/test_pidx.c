/* Indexes made of references that are known, and read back: brute force over the same
 * list is what is expected. */
#include "fmt/pidx.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fmt/rec.h"

#define N 3000

struct made {
	struct pidx_ref refs[N], sorted[N], tmp[N];
	struct pidx_span spans[3];
	struct pidx_info info;
	struct buf buf;
	uint8_t *exact; /* as long as the index: what is read behind it is found */
};

static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void make(struct made *m, size_t n, unsigned flows, uint64_t base)
{
	unsigned seed = 7;
	size_t i;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < n; i++)
		m->refs[i] = (struct pidx_ref){base + (uint64_t)(next_random(&seed) % flows) * 8,
					       (uint32_t)(50 + i * 9)};
	memcpy(m->sorted, m->refs, sizeof(m->refs));
	pidx_sort(m->sorted, m->tmp, n);
	m->spans[0] = (struct pidx_span){200, 1000, n / 2, -5, INT64_MAX - 5, 0, 0};
	m->spans[1] = (struct pidx_span){1000, 1000, 0, 3, 3, 0, 0};
	m->spans[2] = (struct pidx_span){1200, 4 * (50 + N * 9), n - n / 2, -100, 7, 0, 0};
	m->info = (struct pidx_info){
		.run = 0x1122334455667788, .segment = 9, .bytes = 4 * (50 + N * 9)};
	assert_int_equal(pidx_write(&m->buf, &m->info, m->spans, 3, m->sorted, n), 0);
	m->exact = malloc(m->buf.len);
	memcpy(m->exact, m->buf.p, m->buf.len);
}

static void done(struct made *m)
{
	buf_done(&m->buf);
	free(m->exact);
}

struct found {
	struct pidx_ref v[N];
	size_t n, stop;
};

static int take(void *arg, const struct pidx_ref *r)
{
	struct found *f = arg;

	assert_true(f->n < N);
	f->v[f->n++] = *r;
	return f->stop && f->n == f->stop ? 77 : 0;
}

static void test_sort(void **state)
{
	static const unsigned flows[] = {1, 2, 300, 1u << 23};
	static struct made m;
	size_t i, k;

	(void)state;
	for (k = 0; k < 4; k++) {
		make(&m, N, flows[k], k % 2 ? UINT64_C(1) << 45 : 0);
		for (i = 1; i < N; i++) {
			assert_true(m.sorted[i - 1].serial <= m.sorted[i].serial);
			if (m.sorted[i - 1].serial == m.sorted[i].serial)
				assert_true(m.sorted[i - 1].at < m.sorted[i].at);
		}
		done(&m);
	}
}

static void test_round_trip(void **state)
{
	static const unsigned flows[] = {1, 7, 900, 1u << 23};
	static struct made m;
	static struct found f;
	struct pidx x;
	size_t i, k, n;

	(void)state;
	for (k = 0; k < 4; k++) {
		make(&m, N, flows[k], 3);
		assert_int_equal(pidx_open(&x, m.exact, m.buf.len), 0);
		assert_int_equal(x.info.run, m.info.run);
		assert_int_equal(x.info.segment, 9);
		assert_int_equal(x.info.bytes, m.info.bytes);
		assert_int_equal(x.info.packets, N);
		assert_int_equal(x.info.refs, N);
		assert_int_equal(x.info.min, -100);
		assert_int_equal(x.info.max, INT64_MAX - 5);
		assert_int_equal(x.n_spans, 3);
		assert_memory_equal(x.spans, m.spans, sizeof(m.spans));
		f.n = f.stop = 0;
		assert_int_equal(pidx_select(&x, NULL, 0, take, &f), 0);
		assert_int_equal(f.n, N);
		for (i = n = 0; i < N; i++) {
			assert_int_equal(f.v[i].serial, m.sorted[i].serial);
			assert_int_equal(f.v[i].at, m.sorted[i].at);
			n += !i || f.v[i].serial != f.v[i - 1].serial;
		}
		assert_int_equal(x.info.flows, n);
		f.n = 0;
		f.stop = 5;
		assert_int_equal(pidx_select(&x, NULL, 0, take, &f), 77);
		pidx_done(&x);
		done(&m);
	}
}

static void test_select(void **state)
{
	static struct made m;
	static struct found f;
	struct pidx x;
	uint64_t asked[3];
	size_t i, k, n;

	(void)state;
	make(&m, N, 500, 3);
	assert_int_equal(pidx_open(&x, m.exact, m.buf.len), 0);
	for (k = 0; k < 600; k++) {
		asked[0] = 3 + k * 8;
		asked[1] = asked[0] + 4; /* there is none */
		asked[2] = 3 + (k + 3) * 8;
		f.n = f.stop = 0;
		assert_int_equal(pidx_select(&x, asked, 3, take, &f), 0);
		for (i = n = 0; i < N; i++)
			n += m.refs[i].serial == asked[0] || m.refs[i].serial == asked[2];
		assert_int_equal(f.n, n);
		if (n)
			assert_true(pidx_maybe(m.exact, m.buf.len, asked, 3, NULL));
	}
	pidx_done(&x);
	done(&m);
}

/* The filter never misses, and is seldom in vain. */
static void test_maybe(void **state)
{
	static struct made m;
	size_t i, vain = 0, need = 0, k;
	uint64_t s;

	(void)state;
	make(&m, N, 1u << 23, 0);
	for (i = 0; i < N; i++)
		assert_true(pidx_maybe(m.exact, m.buf.len, &m.refs[i].serial, 1, NULL));
	for (s = 1; s < 10000; s++) {
		uint64_t other = s * 8 + 1; /* levels are 0 above */

		vain += pidx_maybe(m.exact, m.buf.len, &other, 1, NULL);
	}
	assert_true(vain < 100); /* 1 % */
	/* With too few bytes it says how many it takes, and never denies. */
	s = 8 * 12345 + 1;
	assert_true(pidx_maybe(m.exact, 50, &s, 1, &need));
	assert_true(need > 50 && need < m.buf.len);
	for (k = 0; k < need; k++)
		assert_true(pidx_maybe(m.exact, k, &s, 1, NULL));
	done(&m);
}

static void test_empty(void **state)
{
	static struct made m;
	static struct found f;
	struct pidx x;
	uint64_t s = 3;

	(void)state;
	make(&m, 0, 1, 0);
	assert_int_equal(pidx_open(&x, m.exact, m.buf.len), 0);
	assert_int_equal(x.info.flows, 0);
	f.n = 0;
	assert_int_equal(pidx_select(&x, &s, 1, take, &f), 0);
	assert_int_equal(pidx_select(&x, NULL, 0, take, &f), 0);
	assert_int_equal(f.n, 0);
	assert_false(pidx_maybe(m.exact, m.buf.len, &s, 1, NULL));
	pidx_done(&x);
	done(&m);
}

/* Cut anywhere it is no index; with any bit changed it is none, or says what it said,
 * or says that it is damaged. */
static void test_damage(void **state)
{
	static struct made m;
	static struct found all, f;
	struct pidx x;
	size_t i;
	int r;

	(void)state;
	make(&m, 400, 90, 3);
	assert_int_equal(pidx_open(&x, m.exact, m.buf.len), 0);
	all.n = 0;
	assert_int_equal(pidx_select(&x, NULL, 0, take, &all), 0);
	pidx_done(&x);
	for (i = 0; i < m.buf.len; i++) {
		uint8_t *cut = malloc(i ? i : 1);

		memcpy(cut, m.exact, i);
		r = pidx_open(&x, cut, i);
		assert_true(r == -ENODATA || r == -EBADMSG);
		free(cut);
	}
	for (i = 0; i < 8 * m.buf.len; i++) {
		m.exact[i / 8] ^= (uint8_t)(1 << i % 8);
		f.n = 0;
		r = pidx_open(&x, m.exact, m.buf.len);
		if (r == 0) {
			r = pidx_select(&x, NULL, 0, take, &f);
			pidx_done(&x);
			assert_true(f.n <= all.n);
			assert_memory_equal(f.v, all.v, f.n * sizeof(f.v[0]));
			assert_true(r == -EBADMSG || f.n == all.n);
		} else {
			assert_true(r == -ENODATA || r == -EBADMSG || r == -EPROTO);
		}
		m.exact[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	done(&m);
}

/* The kinds of an index's records, in their order; 'at' becomes where that of the sums is. */
static size_t kinds(const struct buf *b, uint32_t *v, size_t max, size_t *at)
{
	size_t pos = REC_MAGIC, n = 0;
	struct rec rec;
	int64_t r;

	while ((r = rec_read((const uint8_t *)b->p + pos, b->len - pos, &rec)) > 0) {
		assert_true(n < max);
		v[n++] = rec.type;
		*at = rec.type == 7 ? pos : *at;
		pos += (size_t)r;
	}
	assert_int_equal(r, 0);
	return n;
}

/* Checksums of spans are in a record of their own, if all have one; damaged it is as none. */
static void test_sums(void **state)
{
	static const uint8_t payload[] = {0xef, 0xbe, 0xad, 0xde, 0,    0,
					  0,    0,    0x04, 0x03, 0x02, 0x01};
	static const uint32_t sums[] = {0xdeadbeef, 0, 0x01020304};
	static struct made m;
	struct buf b = BUF_INIT;
	uint32_t found[64];
	struct pidx x;
	size_t i, at = 0, n;

	(void)state;
	make(&m, N, 300, 3);
	n = kinds(&m.buf, found, 64, &at);
	assert_int_equal(at, 0);
	for (i = 0; i < 3; i++) {
		m.spans[i].crc = sums[i];
		m.spans[i].has_crc = i != 1;
	}
	assert_int_equal(pidx_write(&b, &m.info, m.spans, 3, m.sorted, N), 0);
	assert_int_equal(b.len, m.buf.len);
	assert_memory_equal(b.p, m.buf.p, b.len);

	buf_clear(&b);
	m.spans[1].has_crc = 1;
	assert_int_equal(pidx_write(&b, &m.info, m.spans, 3, m.sorted, N), 0);
	assert_int_equal(kinds(&b, found, 64, &at), n + 1);
	assert_int_equal(found[2], 3); /* behind the spans */
	assert_int_equal(found[3], 7);
	assert_int_equal(le32_load(b.p + at + 4), sizeof(payload));
	assert_memory_equal(b.p + at + REC_HEAD, payload, sizeof(payload));
	assert_int_equal(pidx_open(&x, (uint8_t *)b.p, b.len), 0);
	assert_int_equal(x.n_spans, 3);
	assert_memory_equal(x.spans, m.spans, sizeof(m.spans));
	pidx_done(&x);
	for (i = at; i < at + REC_HEAD + sizeof(payload); i++) {
		b.p[i] ^= 0x10;
		assert_int_equal(pidx_open(&x, (uint8_t *)b.p, b.len), 0);
		assert_int_equal(x.n_spans, 3);
		assert_int_equal(x.spans[0].has_crc + x.spans[1].has_crc + x.spans[2].has_crc, 0);
		assert_int_equal(x.spans[2].to, m.spans[2].to);
		pidx_done(&x);
		b.p[i] ^= 0x10;
	}
	buf_done(&b);
	done(&m);
}

/* An index that was made without any code of ours: tests/data/make_store.py. */
static void test_foreign(void **state)
{
	static const struct pidx_ref refs[] = {
		{8, 50},
		{8, 73},
		{8, 900},
		{9, 73},
		{UINT64_C(1) << 40, 500},
		{UINT64_C(1) << 40, 501},
	};
	FILE *in = fopen(SOURCE_ROOT "/tests/fuzz/corpus/pidx/three", "rb");
	static struct found f;
	uint8_t p[4096];
	struct pidx x;
	uint64_t s;
	size_t n, i;

	(void)state;
	assert_non_null(in);
	n = fread(p, 1, sizeof(p), in);
	fclose(in);
	assert_int_equal(pidx_open(&x, p, n), 0);
	assert_int_equal(x.info.run, 0x18d75b8423f30000);
	assert_int_equal(x.info.bytes, 4000);
	assert_int_equal(x.info.packets, 4);
	assert_int_equal(x.info.flows, 3);
	assert_int_equal(x.info.min, -5);
	assert_int_equal(x.info.max, 7);
	assert_int_equal(x.n_spans, 2);
	assert_int_equal(x.spans[0].from, 200);
	assert_int_equal(x.spans[0].to, 2004);
	assert_int_equal(x.spans[1].from, 3600);
	assert_int_equal(x.spans[1].to, 3604);
	assert_int_equal(x.spans[1].min, 2);
	f.n = f.stop = 0;
	assert_int_equal(pidx_select(&x, NULL, 0, take, &f), 0);
	assert_int_equal(f.n, 6);
	for (i = 0; i < 6; i++) {
		assert_int_equal(f.v[i].serial, refs[i].serial);
		assert_int_equal(f.v[i].at, refs[i].at);
		assert_true(pidx_maybe(p, n, &refs[i].serial, 1, NULL));
	}
	s = 17;
	assert_false(pidx_maybe(p, n, &s, 1, NULL));
	pidx_done(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sort),    cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_select),  cmocka_unit_test(test_maybe),
		cmocka_unit_test(test_foreign), cmocka_unit_test(test_empty),
		cmocka_unit_test(test_damage),  cmocka_unit_test(test_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
