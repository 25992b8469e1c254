/* Packet indexes.  Whatever is read as one keeps its promises: places within the
 * segment and ascending within a flow, serials ascending, spans one behind the other;
 * asking for one flow gives what listing all gives; the filter denies nothing that is
 * there.  The same bytes as a list of references go in and come out unchanged. */
#include "fmt/pidx.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "fmt/rec.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

#define REFS_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	uint64_t limit;
	struct pidx_ref last;
	bool any;
	size_t n;
	uint64_t pick; /* a serial that occurs */
	size_t picked; /* how often */
};

static int take(void *arg, const struct pidx_ref *r)
{
	struct seen *s = arg;

	CHECK((uint64_t)r->at * PIDX_UNIT < s->limit);
	if (s->any)
		CHECK(r->serial > s->last.serial ||
		      (r->serial == s->last.serial && r->at > s->last.at));
	s->any = true;
	s->last = *r;
	if (s->n++ % 64 == 0 && s->pick != r->serial) {
		s->pick = r->serial;
		s->picked = 0;
	}
	s->picked += r->serial == s->pick;
	return s->n > 1u << 20; /* enough */
}

static int count(void *arg, const struct pidx_ref *r)
{
	struct seen *s = arg;

	CHECK(r->serial == s->pick);
	s->n++;
	return 0;
}

static void read_it(const uint8_t *data, size_t size)
{
	struct seen all = {0}, one = {0};
	struct pidx x;
	uint64_t at = 0;
	size_t i;
	int r;

	if (pidx_open(&x, data, size) < 0) {
		pidx_maybe(data, size, &at, 1, &i);
		return;
	}
	for (i = 0; i < x.n_spans; i++) {
		CHECK(x.spans[i].from >= at && x.spans[i].to >= x.spans[i].from);
		CHECK(x.spans[i].to <= x.info.bytes && x.spans[i].min <= x.spans[i].max);
		at = x.spans[i].to;
	}
	all.limit = x.info.bytes + PIDX_UNIT;
	r = pidx_select(&x, NULL, 0, take, &all);
	if (r == 0 && all.n) {
		one.pick = all.pick;
		CHECK(pidx_select(&x, &all.pick, 1, count, &one) == 0);
		CHECK(one.n == all.picked || all.n > 64);
		CHECK(one.n > 0);
	}
	pidx_done(&x);
}

struct list {
	const struct pidx_ref *refs;
	size_t n, at;
};

static int compare(void *arg, const struct pidx_ref *r)
{
	struct list *l = arg;

	CHECK(l->at < l->n && r->serial == l->refs[l->at].serial && r->at == l->refs[l->at].at);
	l->at++;
	return 0;
}

/* Three bytes for each reference: which flow, how far on. */
static void write_it(const uint8_t *data, size_t size)
{
	static struct pidx_ref refs[REFS_MAX], tmp[REFS_MAX];
	struct pidx_span span = {.min = -1, .max = 1, .crc = (uint32_t)size, .has_crc = size & 1};
	struct pidx_info info = {.run = 1, .segment = 2};
	struct list l = {.refs = refs};
	struct buf b = BUF_INIT;
	struct pidx x;
	uint32_t at = 1;
	size_t i;

	for (i = 0; i + 3 <= size && l.n < REFS_MAX; i += 3) {
		at += 1 + data[i + 2];
		refs[l.n++] = (struct pidx_ref){(uint64_t)data[i] << (data[i + 1] % 40), at};
	}
	span.packets = l.n;
	span.to = info.bytes = ((uint64_t)at + 1) * PIDX_UNIT;
	pidx_sort(refs, tmp, l.n);
	CHECK(pidx_write(&b, &info, &span, 1, refs, l.n) == 0);
	CHECK(pidx_open(&x, (const uint8_t *)b.p, b.len) == 0);
	CHECK(x.info.refs == l.n && x.info.packets == l.n && x.n_spans == 1);
	CHECK(x.spans[0].has_crc == span.has_crc);
	CHECK(!span.has_crc || x.spans[0].crc == span.crc);
	CHECK(pidx_select(&x, NULL, 0, compare, &l) == 0 && l.at == l.n);
	for (i = 0; i < l.n; i++)
		CHECK(pidx_maybe((const uint8_t *)b.p, b.len, &refs[i].serial, 1, NULL));
	pidx_done(&x);
	buf_done(&b);
}

/* A fuzzer cannot guess checksums: a copy whose records have right ones. */
static uint8_t *sealed(const uint8_t *data, size_t size)
{
	uint8_t *p = malloc(size + 1);
	size_t at = REC_MAGIC, len;

	CHECK(p);
	memcpy(p, data, size);
	while (at < size && size - at >= REC_HEAD) {
		len = le32_load(p + at + 4);
		if (len > size - at - REC_HEAD)
			break;
		le32_store(p + at + 8, crc32c(crc32c(0, p + at, 8), p + at + REC_HEAD, len));
		at += REC_HEAD + len;
	}
	return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *p = sealed(data, size);

	read_it(data, size);
	read_it(p, size);
	free(p);
	write_it(data, size);
	return 0;
}
