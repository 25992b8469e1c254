/* References as they are written beside a segment: what was put in comes out, a file that is
 * torn or has other bytes gives the records before that place and no other.  Records that
 * make no sense are put together by hand, after docs/formats.md. */
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

#define RECORDS 12
#define REFS    40 /* of one at most */

struct part {
	struct pidx_span span;
	struct pidx_ref refs[REFS];
	size_t n;
	size_t end; /* of its record in the file */
};

struct made {
	struct part v[RECORDS];
	struct buf buf;
};

static uint32_t rnd(uint32_t n)
{
	static uint32_t seed = 11;

	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static uint64_t rnd_serial(void)
{
	switch (rnd(4)) {
	case 0:
		return rnd(3);
	case 1:
		return UINT64_MAX - rnd(3);
	case 2:
		return (uint64_t)rnd(1 << 24) << rnd(40);
	default:
		return rnd(1 << 24) * UINT64_C(8);
	}
}

static void make(struct made *m)
{
	static const int64_t times[] = {INT64_MIN, -1, 0, 1790000000000000000, INT64_MAX};
	uint64_t at = 56;
	size_t i, k;

	memset(m, 0, sizeof(*m));
	pidx_refs_magic(&m->buf);
	for (i = 0; i < RECORDS; i++) {
		struct part *p = &m->v[i];

		at += rnd(3) * 4; /* what is no packet may lie between */
		p->span.from = at;
		p->n = i ? rnd(REFS + 1) : REFS;
		for (k = 0; k < p->n; k++) {
			/* two of one packet, or the next */
			at += k && rnd(2) ? 32 + rnd(300) * 4 : 0;
			p->refs[k] = (struct pidx_ref){rnd_serial(), (uint32_t)(at / PIDX_UNIT)};
		}
		at += 32;
		p->span.to = at;
		p->span.packets = p->n + rnd(3);
		p->span.min = times[rnd(5)];
		do
			p->span.max = times[rnd(5)];
		while (p->span.max < p->span.min);
		p->span.has_crc = i % 3 != 1;
		p->span.crc = p->span.has_crc ? rnd(1 << 24) * 251 : 0;
		pidx_refs_put(&m->buf, &p->span, p->refs, p->n);
		p->end = m->buf.len;
	}
	assert_int_equal(buf_err(&m->buf), 0);
}

/* Reads from behind the magic: so many whole records that are those of 'm', and how it ended. */
static size_t read_all(const struct made *m, const uint8_t *p, size_t size, int64_t *ret_end)
{
	struct pidx_ref refs[REFS + 1];
	struct pidx_span span;
	size_t n, i, at = REC_MAGIC, bare;
	int64_t r = 0;

	for (i = 0; i <= RECORDS; i++) {
		r = pidx_refs_get(p + at, size - at, &span, NULL, &n);
		if (r <= 0)
			break;
		assert_true(i < RECORDS);
		assert_true(n <= REFS);
		bare = n;
		assert_int_equal(pidx_refs_get(p + at, size - at, &span, refs, &n), r);
		assert_int_equal(n, bare);
		assert_int_equal(n, m->v[i].n);
		assert_memory_equal(&span, &m->v[i].span, sizeof(span));
		for (n = 0; n < m->v[i].n; n++) {
			assert_int_equal(refs[n].serial, m->v[i].refs[n].serial);
			assert_int_equal(refs[n].at, m->v[i].refs[n].at);
		}
		at += (size_t)r;
		assert_int_equal(at, m->v[i].end);
	}
	*ret_end = r;
	return i;
}

static size_t before(const struct made *m, size_t at)
{
	size_t i;

	for (i = 0; i < RECORDS && m->v[i].end <= at; i++)
		;
	return i;
}

static void test_round(void **state)
{
	static struct made m;
	int64_t end;
	int i;

	(void)state;
	for (i = 0; i < 200; i++) {
		make(&m);
		assert_int_equal(pidx_refs_check((uint8_t *)m.buf.p, m.buf.len), 0);
		assert_int_equal(read_all(&m, (uint8_t *)m.buf.p, m.buf.len, &end), RECORDS);
		assert_int_equal(end, 0);
		buf_done(&m.buf);
	}
}

static void test_torn(void **state)
{
	static struct made m;
	size_t n, k;
	int64_t end;

	(void)state;
	make(&m);
	for (n = 0; n <= m.buf.len; n++) {
		uint8_t *exact = malloc(n + 1); /* what is read behind it is found */

		memcpy(exact, m.buf.p, n);
		exact = realloc(exact, n ? n : 1);
		assert_int_equal(pidx_refs_check(exact, n), n < REC_MAGIC ? -ENODATA : 0);
		if (n >= REC_MAGIC) {
			k = read_all(&m, exact, n, &end);
			assert_int_equal(k, before(&m, n));
			assert_int_equal(end, n == (k ? m.v[k - 1].end : REC_MAGIC) ? 0 : -ENODATA);
		}
		free(exact);
	}
	buf_done(&m.buf);
}

static void test_flipped(void **state)
{
	static struct made m;
	int64_t end;
	size_t i;
	int bit;

	(void)state;
	make(&m);
	for (i = 0; i < m.buf.len; i++) {
		for (bit = 0; bit < 8; bit++) {
			m.buf.p[i] ^= (char)(1 << bit);
			if (i < REC_MAGIC) {
				assert_int_equal(pidx_refs_check((uint8_t *)m.buf.p, m.buf.len),
						 -EBADMSG);
			} else {
				assert_int_equal(read_all(&m, (uint8_t *)m.buf.p, m.buf.len, &end),
						 before(&m, i));
				assert_true(end == -EBADMSG || end == -ENODATA);
			}
			m.buf.p[i] ^= (char)(1 << bit);
		}
	}
	buf_done(&m.buf);
}

/* A record of good form: kind, then numbers. */
static int64_t get(uint32_t kind, const uint64_t *v, size_t n, struct pidx_span *span,
		   struct pidx_ref *refs)
{
	struct buf b = BUF_INIT;
	size_t at = rec_begin(&b, kind), i;
	int64_t r;

	for (i = 0; i < n; i++)
		rec_put_int(&b, v[i]);
	rec_end(&b, at);
	r = pidx_refs_get((uint8_t *)b.p, b.len, span, refs, &i);
	if (r > 0) {
		assert_int_equal(r, b.len);
		assert_int_equal(i, v[5]);
	}
	buf_done(&b);
	return r;
}

/* from/4, bytes/4, packets, min in zigzag, max - min, references: place and serial as steps,
 * that of the serial in zigzag. */
static void test_senseless(void **state)
{
	const uint64_t max = UINT64_MAX, max32 = UINT32_MAX;
	/* clang-format off */
	const struct {
		uint32_t kind;
		uint64_t v[10];
		size_t n;
		bool good;
	} cases[] = {
		{1, {14, 30, 2, 10, 7, 2, 0, 16, 29, 1}, 10, true}, /* of 8 and 7 */
		{1, {14, 30, 2, 10, 7, 0}, 6, true},
		{1, {14, 30, 2, 10, 7, 0, 1, 2, 3}, 9, true},       /* less than a checksum */
		{1, {14, 30, 2, 10, 7, 0, 1, 2, 3, 4}, 10, true},
		{1, {0, 0, 0, 0, 0, 0}, 6, true},
		{1, {max32, max32, 1, 0, 0, 1, max32 - 1, 0}, 8, true},
		{2, {14, 30, 2, 10, 7, 0}, 6, false},                /* another kind */
		{1, {14, 30, 2, 10, 7}, 5, false},                   /* cut */
		{1, {14, 30, 2, 10, 7, 1, 0}, 7, false},
		{1, {14, 30, 2, 10, 7, 3, 0, 16, 29, 1}, 10, false}, /* too many */
		{1, {14, 30, 2, 10, 7, max, 0, 16, 29, 1}, 10, false},
		{1, {14, 30, 2, 10, 7, 1, 30, 16}, 8, false},        /* behind the span */
		{1, {14, 30, 2, 10, 7, 1, max - 13, 16}, 8, false},  /* before it: 14 - 14 */
		{1, {14, 30, 2, 10, 7, 2, 20, 16, max - 9, 1}, 10, false}, /* back within it */
		{1, {max32 + 1, 30, 2, 10, 7, 0}, 6, false},         /* no place */
		{1, {14, max32 + 1, 2, 10, 7, 0}, 6, false},
		{1, {14, 30, 2, 10, max >> 1, 0}, 6, false},         /* 5 + that: no time */
		{1, {14, 30, 2, max, max, 0}, 6, true},              /* the first to the last time */
		{1, {14, 30, 2, max - 2, max, 0}, 6, false},
	};
	/* clang-format on */
	struct pidx_ref refs[4];
	struct pidx_span span;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t r = get(cases[i].kind, cases[i].v, cases[i].n, &span, refs);

		if (cases[i].good ? r <= 0 : r != -EBADMSG)
			fail_msg("case %zu: %lld", i, (long long)r);
	}
	get(1, cases[0].v, cases[0].n, &span, refs);
	assert_int_equal(span.from, 56);
	assert_int_equal(span.to, 176);
	assert_int_equal(span.packets, 2);
	assert_int_equal(span.min, 5);
	assert_int_equal(span.max, 12);
	assert_int_equal(refs[0].at, 14);
	assert_int_equal(refs[0].serial, 8);
	assert_int_equal(refs[1].at, 43);
	assert_int_equal(refs[1].serial, 7);
	assert_int_equal(span.has_crc, 0);
	get(1, cases[2].v, cases[2].n, &span, refs);
	assert_int_equal(span.has_crc, 0);
	get(1, cases[3].v, cases[3].n, &span, refs);
	assert_int_equal(span.has_crc, 1);
	assert_int_equal(span.crc, 0x04030201); /* little-endian */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_flipped),
		cmocka_unit_test(test_senseless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
