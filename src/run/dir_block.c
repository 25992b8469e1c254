#include "run/dir_block.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/huge.h"
#include "filter/hint.h"
#include "flow/flow_derive.h"
#include "flow/flow_segment.h"

#define FIRST 4096 /* bytes that mostly have head and directory */

void dir_blocks_done(struct dir_blocks *b)
{
	size_t i;

	for (i = 0; i < DIR_BLOCKS; i++) {
		fseg_free(b->v[i].f);
		free(b->v[i].p);
	}
	batch_free(b->ids);
}

/* Once of a block, also where it is opened again. */
static void note(struct dir_blocks *b, size_t run, size_t block, int code, const char *text)
{
	char name[DIR_NAME_SIZE], where[DIR_NAME_SIZE + 96];
	const struct store_run *u;
	const struct store_block *k;
	size_t n, i;

	u = &store_read_runs(b->d->read, &n)[run];
	k = &u->blocks[block];
	snprintf(where, sizeof(where),
		 "capture %s: rows in %016" PRIx64 "-%06" PRIu32 "%s at %" PRIu64 " ",
		 dir_name(u, name), u->id, k->file, k->tail ? ".rows" : ".fseg", k->at);
	for (i = 0; i < b->d->stats.n_notes; i++)
		if (strncmp(b->d->notes[i].text, where, strlen(where)) == 0)
			return;
	dir_note(b->d, "%s%s: %s", where,
		 code == -ENOENT ? "were removed meanwhile" : "cannot be read",
		 text               ? text
		 : code == -EBADMSG ? "damaged"
				    : strerror(-code));
}

void dir_block_bad(struct dir_blocks *b, struct dir_block *k, const struct err *err)
{
	k->used = 0;
	note(b, k->run, k->block, err->code, err->text);
}

/* The one that was not used for longest. */
static struct dir_block *oldest(struct dir_blocks *b)
{
	struct dir_block *best = &b->v[0];
	size_t i;

	for (i = 1; i < DIR_BLOCKS; i++)
		if (b->v[i].used < best->used)
			best = &b->v[i];
	return best;
}

/* What was not read before.  As fseg_fetch_fn. */
static int fetch(void *arg, size_t at, size_t n)
{
	struct dir_block *k = arg;

	k->of->d->stats.bytes_read += n;
	return store_read_block(k->of->d->read, k->run, k->block, at, n, k->p + at);
}

/* Room for a block, of which only what is read takes memory. */
static int make_room(struct dir_block *k, size_t size)
{
	uint8_t *p;

	if (size <= k->room)
		return 0;
	if (size > HUGE_PAGE) /* the next will be about as large */
		size = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	p = huge_alloc(size);
	if (!p)
		return -ENOMEM;
	free(k->p);
	k->p = p;
	k->room = size;
	return 0;
}

static int load(struct dir_blocks *b, struct dir_block *k, size_t run, size_t block)
{
	const struct store_run *runs;
	struct fseg_head head;
	struct err err = {0};
	size_t n, size;
	int r = k->f ? 0 : fseg_new(&k->f, flow_store_schema());

	runs = store_read_runs(b->d->read, &n);
	size = runs[run].blocks[block].size;
	if (r == 0)
		r = make_room(k, size);
	if (r < 0)
		return r;
	k->used = 0;
	k->of = b;
	k->run = run;
	k->block = block;
	k->left = UINT32_MAX;
	n = size < FIRST ? size : FIRST;
	r = fetch(k, 0, n);
	if (r == 0 && fseg_head(k->p, n, &head) == 0 && head.dir > n && head.dir <= size)
		r = fetch(k, n, head.dir - n);
	if (r == 0)
		r = fseg_open_part(k->f, k->p, size, fetch, k, &err);
	if (r == 0 || r == -ENOMEM)
		return r;
	note(b, run, block, r, err.code ? err.text : NULL);
	return -EBADMSG;
}

int dir_block_get(struct dir_blocks *b, size_t run, size_t block, struct dir_block **ret)
{
	struct dir_block *k;
	size_t i;
	int r;

	for (i = 0; i < DIR_BLOCKS; i++) {
		k = &b->v[i];
		if (!k->used || k->run != run || k->block != block)
			continue;
		k->used = ++b->clock;
		*ret = k;
		return 0;
	}
	k = b->alone ? &b->v[0] : oldest(b);
	r = load(b, k, run, block);
	if (r < 0)
		return r;
	k->used = ++b->clock;
	*ret = k;
	return 0;
}

/* What is the same in all versions of a flow. */
static bool is_constant(uint16_t field)
{
	switch (field) {
	case FLOW_parent_uuid:
	case FLOW_interface:
	case FLOW_node_tid:
	case FLOW_capture_id:
	case FLOW_vlan:
	case FLOW_vlan_inner:
	case FLOW_network_a:
	case FLOW_network_b:
	case FLOW_ip_protocol:
	case FLOW_transport_a:
	case FLOW_transport_b:
	case FLOW_icmp_id:
		return true;
	default:
		return false;
	}
}

/* Whether the block can be asked.  Of derived fields it knows nothing. */
static bool is_known(const struct hint *h, enum dir_which which)
{
	size_t i;

	for (i = 0; i < h->n; i++) {
		const struct hint_test *t = &h->tests[i];

		if (t->field == FLOW_community_id && t->kind == HINT_TEXT)
			continue;
		if (!flow_is_base((enum flow_field)t->field) ||
		    (which == DIR_OPEN && !is_constant(t->field)))
			return false;
	}
	return true;
}

/* Community IDs are not kept, but a filter of what they are made of. */
static bool may_id(struct fseg *f, const struct hint_test *t)
{
	uint32_t hash;

	return flow_segment_hash(t->min.str.p, t->min.str.len, &hash) &&
	       fseg_may_hash(f, FLOW_community_id, hash);
}

static int64_t select_id(struct dir_block *k, const struct hint_test *t, uint64_t *rows,
			 struct err *err)
{
	const struct field_set id = {.w[FLOW_community_id / 64] = UINT64_C(1)
								  << FLOW_community_id % 64};
	struct field_set needs;
	uint32_t hash;

	flow_derive_needs(&id, &needs);
	if (!k->of->ids && batch_new(&k->of->ids, flow_store_schema(), &needs) < 0)
		return -ENOMEM;
	if (flow_segment_hash(t->min.str.p, t->min.str.len, &hash))
		return flow_segment_select(k->f, k->of->ids, hash, rows, err);
	memset(rows, 0, (fseg_opened(k->f)->rows + 63) / 64 * sizeof(*rows));
	return 0;
}

static bool may(struct fseg *f, const struct hint_test *t)
{
	if (t->field == FLOW_community_id)
		return may_id(f, t);
	switch (t->kind) {
	case HINT_PREFIX:
		return fseg_may_addr(f, t->field, &t->min.addr, t->bits);
	case HINT_TEXT:
		return fseg_may_text(f, t->field, t->min.str.p, t->min.str.len) &&
		       fseg_may_range(f, t->field, &t->min, &t->min);
	default:
		return fseg_may_range(f, t->field, t->has_min ? &t->min : NULL,
				      t->has_max ? &t->max : NULL);
	}
}

bool dir_block_may(struct dir_block *k, const struct hint *hints, enum dir_which which)
{
	const struct hint *h;
	size_t i;

	for (h = hints; h; h = h->next) {
		if (!is_known(h, which))
			continue;
		for (i = 0; i < h->n && !may(k->f, &h->tests[i]); i++)
			;
		if (i == h->n)
			return false;
	}
	return true;
}

static int64_t select_test(struct dir_block *k, const struct hint_test *t, uint64_t *rows,
			   struct err *err)
{
	struct fseg *f = k->f;

	if (t->field == FLOW_community_id)
		return select_id(k, t, rows, err);
	switch (t->kind) {
	case HINT_PREFIX:
		return fseg_select_addr(f, t->field, &t->min.addr, t->bits, rows, err);
	case HINT_TEXT:
		return fseg_select_range(f, t->field, &t->min, &t->min, rows, err);
	default:
		return fseg_select_range(f, t->field, t->has_min ? &t->min : NULL,
					 t->has_max ? &t->max : NULL, rows, err);
	}
}

static int64_t count(const uint64_t *rows, size_t words)
{
	int64_t n = 0;
	size_t i;

	for (i = 0; i < words; i++)
		n += __builtin_popcountll(rows[i]);
	return n;
}

/* Rows for which one of the tests holds. */
static int64_t select_hint(struct dir_block *b, const struct hint *h, uint64_t *rows, size_t words,
			   struct err *err)
{
	uint64_t any[FSEG_ROWS / 64] = {0}, one[FSEG_ROWS / 64];
	size_t i, k;
	int64_t n;

	if (h->n == 1)
		return select_test(b, &h->tests[0], rows, err);
	for (i = 0; i < h->n; i++) {
		memcpy(one, rows, words * sizeof(*one));
		n = select_test(b, &h->tests[i], one, err);
		if (n < 0)
			return n;
		for (k = 0; k < words; k++)
			any[k] |= one[k];
	}
	memcpy(rows, any, words * sizeof(*any));
	return count(rows, words);
}

/* Rows that have ended, or have not. */
static int64_t select_which(struct fseg *f, enum dir_which which, uint64_t *rows, size_t words,
			    struct err *err)
{
	const uint64_t *present;
	int r = fseg_present(f, FLOW_ended, &present, err);
	size_t i;

	if (r < 0 && r != -ENOENT)
		return r;
	for (i = 0; i < words; i++) {
		uint64_t ended = r == -ENOENT ? 0 : present ? present[i] : UINT64_MAX;

		rows[i] &= which == DIR_ENDED ? ended : ~ended;
	}
	return count(rows, words);
}

static bool has_serial(const struct dir_wish *wish, uint64_t serial)
{
	size_t lo = 0, hi = wish->n_serials;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (wish->serials[mid] < serial)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < wish->n_serials && wish->serials[lo] == serial;
}

/* Rows with wanted serials. */
static int64_t select_serials(struct dir_block *k, const struct dir_wish *wish, uint64_t *rows,
			      size_t words, struct err *err)
{
	const uint64_t run = (uint64_t)k->run << DIR_SERIAL_BITS, *serials;
	uint64_t first, last;
	size_t i, n = wish->n_serials;
	int r = fseg_serials(k->f, &serials, err);

	if (r < 0)
		return r;
	first = n ? wish->serials[0] : UINT64_MAX;
	last = n ? wish->serials[n - 1] : 0;
	for (i = 0; i < words; i++) {
		uint64_t left = rows[i];

		for (; left; left &= left - 1) {
			uint64_t s = serials[i * 64 + (size_t)__builtin_ctzll(left)] | run;

			if (s < first || s > last || !has_serial(wish, s))
				rows[i] &= ~(left & -left);
		}
	}
	return count(rows, words);
}

int64_t dir_block_select(struct dir_block *k, enum dir_which which, const struct dir_wish *wish,
			 uint64_t rows[FSEG_ROWS / 64], struct err *err)
{
	const struct fseg_head *head = fseg_opened(k->f);
	const union val first = {.i64 = wish->from}, last = {.i64 = wish->to};
	size_t words = (head->rows + 63) / 64;
	const struct hint *h;
	int64_t n;

	memset(rows, 0xff, words * sizeof(*rows));
	if (head->rows % 64)
		rows[words - 1] = (UINT64_C(1) << head->rows % 64) - 1;
	n = select_which(k->f, which, rows, words, err);
	if (n > 0 && head->last > wish->to)
		n = fseg_select_range(k->f, FLOW_start, NULL, &last, rows, err);
	if (n > 0 && head->start < wish->from)
		n = fseg_select_range(k->f, FLOW_last, &first, NULL, rows, err);
	for (h = wish->hints; h && n > 0; h = h->next)
		if (is_known(h, which))
			n = select_hint(k, h, rows, words, err);
	if (n > 0 && wish->serials)
		n = select_serials(k, wish, rows, words, err);
	return n;
}
