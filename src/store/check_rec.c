/* Records of a file, one by one, and what lies between good ones. */
#include "store/check_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/crc32c.h"

#define LAST_MAX 4096 /* bytes of a last record of unknown size, where more follows */
#define TRIES    8    /* to read what is being written in its place */

static bool stop(void *arg)
{
	const struct check *c = arg;

	return c->conf->stop && c->conf->stop(c->conf->arg, c->sum->bytes, c->files.bytes);
}

/* As resync_next(), with what one file may cost. */
static int64_t next_good(struct check_recs *r)
{
	const bool refs = strcmp(r->end, LOCAL_REFS) == 0;

	if (!r->resync.size_max)
		r->resync = (struct resync){.size_max = refs ? pidx_refs_size_max : jrn_size_max,
					    .stop = stop,
					    .arg = r->u->c};
	return resync_next(&r->resync, &r->w, r->at);
}

/* Whether 'n' bytes at 'p' are a record if its size is what it has. */
static bool is_whole(const uint8_t *p, size_t n)
{
	uint8_t head[8];

	memcpy(head, p, 4);
	le32_store(head + 4, (uint32_t)(n - REC_HEAD));
	return le32_load(p + 8) == crc32c(crc32c(0, head, 8), p + REC_HEAD, n - REC_HEAD);
}

/* Whether the last record is whole and only its size is another than it was; behind it there
 * may be what a killed writer left. */
static bool has_wrong_size(struct window *w, uint64_t at)
{
	const uint64_t left = w->size - at;
	const uint8_t *p = left <= REC_HEAD + REC_MAX ? window_get(w, at, (size_t)left) : NULL;
	size_t n;

	if (!p || left < REC_HEAD)
		return false;
	for (n = REC_HEAD; n < left && n <= LAST_MAX; n++)
		if (is_whole(p, n))
			return true;
	return is_whole(p, (size_t)left);
}

/* What was written until there is an index can be had of the packets as well. */
static void remedy(const struct check_recs *r)
{
	if (strcmp(r->end, LOCAL_REFS) == 0)
		check_remedy(r->u->c, STORE_MAKE_INDEX);
}

/* No record is behind 'at'. */
static void end_of(struct check_recs *r, int64_t code)
{
	struct check_run *u = r->u;
	const uint64_t left = r->w.size - r->at;
	const bool zero = resync_is_zero(&r->w, r->at);
	const bool bad = !zero && (code == -EBADMSG || has_wrong_size(&r->w, r->at));

	if (!u->running && bad) {
		remedy(r);
		check_say(u, STORE_DAMAGE, r->number, r->end, (int64_t)r->at,
			  "a damaged record, and none behind it");
	} else if (!u->running) {
		check_say(u, STORE_REMARK, r->number, r->end, (int64_t)r->at,
			  "%" PRIu64 " bytes of %s at the end, as a writer that was killed, or a "
			  "machine that stopped, leaves them",
			  left, zero ? "zeros" : "a record that was begun");
	}
	r->at = r->w.size;
}

/* As window_rec(), once more where somebody may just be writing it. */
static int64_t read_rec(struct check_recs *r, struct rec *ret)
{
	int64_t n;
	int i;

	for (i = 0; (n = window_rec(&r->w, r->at, ret)) < 0 && r->u->running && i < TRIES; i++)
		r->w.len = 0;
	return n;
}

/* One of two beats that were written in turn: whether it matters is known at the end. */
static bool skip_beat(struct check_recs *r)
{
	const uint8_t *p = window_get(&r->w, r->at, JRN_BEAT_SIZE);

	if (strcmp(r->end, LOCAL_JOURNAL) != 0 || !p || le32_load(p) != JRN_BEAT ||
	    le32_load(p + 4) != JRN_BEAT_SIZE - REC_HEAD || r->u->bad_beats == JRN_BEATS)
		return false;
	r->u->bad_beat = r->at;
	r->u->bad_beats++;
	r->u->c->sum->bytes += JRN_BEAT_SIZE;
	r->at += JRN_BEAT_SIZE;
	return true;
}

/* Goes on at 'next'. */
static void damage(struct check_recs *r, uint64_t next, bool known)
{
	remedy(r);
	check_say(r->u, STORE_DAMAGE, r->number, r->end, (int64_t)r->at,
		  "%" PRIu64 " bytes are damaged%s", next - r->at,
		  known ? ""
			: " or behind damage, and taken for lost: too many places in them may be a "
			  "record");
	if (strcmp(r->end, LOCAL_JOURNAL) == 0)
		r->u->damaged = true;
	r->at = next;
}

int64_t check_rec(struct check_recs *r, struct rec *ret, uint64_t *ret_at)
{
	int64_t n;
	int code;

	while ((n = read_rec(r, ret)) != 0) {
		int64_t next;

		if (n > 0) {
			*ret_at = r->at;
			r->at += (uint64_t)n;
			code = check_count(r->u->c, (uint64_t)n);
			return code < 0 ? code : n;
		}
		if (n == -EBADMSG && skip_beat(r))
			continue;
		next = next_good(r);
		if (next == -ECANCELED)
			return next;
		if (!next) {
			end_of(r, n);
			return 0;
		}
		damage(r, next > 0 ? (uint64_t)next : r->w.size, next > 0);
	}
	return 0;
}
