/* References as they are written beside a segment.  What is read of one is a span and places
 * in it that ascend; written again it reads the same.  Counting gives no fewer than there
 * are. */
#include "fmt/pidx.h"

#include <stdlib.h>
#include <string.h>

#include "fmt/rec.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct pidx_span *span, const struct pidx_ref *refs, size_t n)
{
	struct pidx_ref *again = calloc(n + 1, sizeof(*again));
	struct buf b = BUF_INIT;
	struct pidx_span s;
	size_t i;

	CHECK(span->from <= span->to && span->min <= span->max);
	CHECK(span->from % PIDX_UNIT == 0 && span->to % PIDX_UNIT == 0);
	for (i = 0; i < n; i++) {
		CHECK((uint64_t)refs[i].at * PIDX_UNIT >= span->from);
		CHECK((uint64_t)refs[i].at * PIDX_UNIT < span->to);
		CHECK(!i || refs[i].at >= refs[i - 1].at);
	}
	pidx_refs_put(&b, span, refs, n);
	CHECK(pidx_refs_get((uint8_t *)b.p, b.len, &s, again, &i) == (int64_t)b.len);
	CHECK(i == n && memcmp(&s, span, sizeof(s)) == 0);
	for (i = 0; i < n; i++)
		CHECK(again[i].serial == refs[i].serial && again[i].at == refs[i].at);
	buf_done(&b);
	free(again);
}

/* Returns the bytes of the record at 'p', or what there was instead. */
static int64_t read_one(const uint8_t *p, size_t size)
{
	struct pidx_ref *refs;
	struct pidx_span span;
	size_t n = 0, all;
	int64_t len = pidx_refs_get(p, size, &span, NULL, &n), r;

	if (len <= 0)
		return len;
	CHECK((uint64_t)len <= size && n <= size);
	refs = calloc(n + 1, sizeof(*refs));
	CHECK(refs != NULL);
	all = n;
	r = pidx_refs_get(p, size, &span, refs, &n);
	if (r > 0) {
		CHECK(r == len && n == all);
		check(&span, refs, n);
	}
	free(refs);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = REC_MAGIC;
	struct buf b = BUF_INIT;
	int64_t n;

	if (pidx_refs_check(data, size) == 0)
		while (at < size && (n = read_one(data + at, size - at)) > 0)
			at += (size_t)n;
	/* The rest as the payload of a record that is not damaged. */
	if (at < size) {
		size_t start = rec_begin(&b, 1);

		buf_add(&b, data + at, size - at);
		rec_end(&b, start);
		if (!buf_err(&b))
			read_one((uint8_t *)b.p, b.len);
	}
	buf_done(&b);
	return 0;
}
