/* Flow segments and tails: each block, and what rows of a flow say together. */
#include "store/check_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "flow/flow_schema.h"
#include "fmt/fseg.h"

#define ORDER_MASK (CHECK_LOOSE - 1)         /* with CHECK_TAIL */
#define SERIAL_MAX ((UINT64_C(1) << 48) - 1) /* readers put the run's number above it */
#define LEVELS     7                         /* low bits of a serial: 0 for the outermost flow */

int check_add_row(struct check_run *u, uint64_t serial, uint64_t version, uint32_t flags)
{
	struct check_row *to;

	if (u->n_rows == CHECK_ROWS_MAX) {
		if (!u->rows_missing)
			check_say(u, STORE_REMARK, 0, LOCAL_JOURNAL, -1,
				  "more than %u rows: not all are compared with each other",
				  CHECK_ROWS_MAX);
		u->rows_missing = true;
		return 0;
	}
	to = read_append((void **)&u->rows, &u->n_rows, sizeof(*to));
	if (!to)
		return -ENOMEM;
	*to = (struct check_row){
		.serial = serial,
		.version = version > UINT32_MAX ? UINT32_MAX : (uint32_t)version,
		.order = (uint32_t)(u->n_rows - 1) | flags,
	};
	return 0;
}

static int by_serial(const void *a, const void *b)
{
	const struct check_row *x = a, *y = b;

	if (x->serial != y->serial)
		return x->serial < y->serial ? -1 : 1;
	return (x->order & ORDER_MASK) < (y->order & ORDER_MASK) ? -1 : 1;
}

/* Of rows of one flow each is a later version, and none is behind its last one. */
static void compare(struct check_run *u)
{
	const struct check_row *last = NULL;
	uint64_t n = 0, first = 0;
	size_t i;

	for (i = 0; i < u->n_rows; i++) {
		const struct check_row *k = &u->rows[i];

		if (k->order & CHECK_LOOSE)
			continue;
		if (last && last->serial == k->serial &&
		    (last->version >= k->version || last->order & CHECK_ENDED)) {
			first = n++ ? first : k->serial;
		}
		last = k;
	}
	if (n)
		check_say(u, STORE_DAMAGE, 0, LOCAL_JOURNAL, -1,
			  "%" PRIu64 " row%s of a version that the flow has already, or behind its "
			  "last one; the first is of flow %" PRIu64,
			  n, num_s(n), first);
}

void check_sort_rows(struct check_run *u)
{
	if (u->n_rows)
		qsort(u->rows, u->n_rows, sizeof(*u->rows), by_serial);
	compare(u);
}

bool check_has_row(const struct check_run *u, uint64_t serial, size_t *near)
{
	size_t step = 1, lo = *near, hi;

	if (lo >= u->n_rows || u->rows[lo].serial > serial)
		lo = 0;
	/* Serials are asked for in their order: the next one is not far. */
	for (hi = lo; hi < u->n_rows && u->rows[hi].serial < serial; step *= 2) {
		lo = hi + 1;
		hi = step < u->n_rows - hi ? hi + step : u->n_rows;
	}
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (u->rows[mid].serial < serial)
			lo = mid + 1;
		else
			hi = mid;
	}
	*near = lo;
	return lo < u->n_rows && u->rows[lo].serial == serial;
}

/* A file of blocks. */
struct rows_file {
	struct check_run *u;
	uint32_t number;
	const char *end;
	struct window w;
	uint64_t at;
	const struct jrn_block *told; /* those of it that the journal tells, from here on */
	size_t n_told;
	bool used;     /* answers take blocks that are not told, too */
	uint32_t good; /* blocks so far */
	size_t untold; /* those of them that the journal does not tell */
};

static void bad(struct rows_file *f, enum store_found kind, const char *text)
{
	check_say(f->u, kind, f->number, f->end, (int64_t)f->at, "%s", text);
	f->u->rows_missing = true;
}

static bool has(const struct fseg_column *c, size_t row)
{
	return !c->present || c->present[row / 64] >> row % 64 & 1;
}

/* Columns that rows are compared by; '*ret_n' becomes 0 where there is none of the kind. */
static int column(struct fseg *f, enum flow_field field, struct fseg_column *ret, struct err *err)
{
	int r = fseg_column(f, field, ret, err);

	if (r == -ENOENT) {
		*ret = (struct fseg_column){0};
		r = 0;
	}
	return r;
}

/* The rows of the open block: their times are those of the head. */
static int look_at_rows(struct rows_file *f, uint32_t flags, struct err *err)
{
	struct fseg_column start, last, version, ended, ab, ba;
	struct fseg *s = f->u->c->fseg;
	const struct fseg_head *h = fseg_opened(s);
	int64_t min = INT64_MAX, max = INT64_MIN;
	const uint64_t *serials;
	uint32_t i;
	int r = fseg_serials(s, &serials, err);

	if (r == 0)
		r = column(s, FLOW_start, &start, err);
	if (r == 0)
		r = column(s, FLOW_last, &last, err);
	if (r == 0)
		r = column(s, FLOW_version, &version, err);
	if (r == 0)
		r = column(s, FLOW_ended, &ended, err);
	if (r == 0)
		r = column(s, FLOW_last_update_ab_packets, &ab, err);
	if (r == 0)
		r = column(s, FLOW_last_update_ba_packets, &ba, err);
	for (i = 0; r == 0 && i < h->rows; i++) {
		const bool end = ended.rows && has(&ended, i) && ended.words[i];
		const uint64_t v = version.rows && has(&version, i) ? version.words[i] : 0;

		if (serials[i] > SERIAL_MAX || !v)
			return err_set(err, -EBADMSG, "row %" PRIu32 " makes no sense", i);
		if (start.rows && has(&start, i) && (int64_t)start.words[i] < min)
			min = (int64_t)start.words[i];
		if (last.rows && has(&last, i) && (int64_t)last.words[i] > max)
			max = (int64_t)last.words[i];
		if (!(serials[i] & LEVELS) && !(flags & CHECK_LOOSE))
			f->u->in_rows += (ab.rows ? ab.words[i] : 0) + (ba.rows ? ba.words[i] : 0);
		r = check_add_row(f->u, serials[i], v, flags | (end ? CHECK_ENDED : 0));
	}
	if (r == 0 && (min < h->start || max > h->last))
		return err_set(err, -EBADMSG, "rows are of other times than their head says");
	return r;
}

/* A block with a good head. */
static int look_at_block(struct rows_file *f, const struct fseg_head *h, uint32_t flags)
{
	struct check *c = f->u->c;
	struct err err = {0};
	int r;

	buf_clear(&c->buf);
	if (buf_reserve(&c->buf, h->size) < 0)
		return -ENOMEM;
	r = read_exactly(f->w.fd, c->buf.p, h->size, f->at);
	if (r < 0) {
		bad(f, STORE_DAMAGE, r == -EBADMSG ? "the block is cut" : strerror(-r));
		return 0;
	}
	r = fseg_open(c->fseg, (const uint8_t *)c->buf.p, h->size, &err);
	if (r == 0 && !(flags & CHECK_LOOSE)) {
		c->sum->blocks++;
		c->sum->rows += h->rows;
	}
	if (r == 0)
		r = fseg_verify(c->fseg, &err);
	if (r == 0)
		r = look_at_rows(f, flags, &err);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		bad(f, r == -EPROTO ? STORE_UNSEEN : STORE_DAMAGE, err.text);
	return check_count(c, h->size);
}

/* Where the next block begins: one that is told, or, if there is none, that looks good. */
static uint64_t next_block(struct rows_file *f)
{
	struct fseg_head h;
	const uint8_t *p;
	uint64_t at;

	if (f->n_told)
		return f->told->at < f->w.size ? f->told->at : f->w.size;
	for (at = f->at + 1; (p = window_get(&f->w, at, FSEG_HEAD)); at++)
		if (*p == 't' && fseg_head(p, FSEG_HEAD, &h) == 0)
			return at;
	return f->w.size;
}

static bool is_zero(struct rows_file *f)
{
	const uint8_t *p;
	uint64_t at;

	for (at = f->at; (p = window_get(&f->w, at, 1)); at++)
		if (*p)
			return false;
	return true;
}

/* Bytes that are no good block; where to go on. */
static uint64_t skip(struct rows_file *f, int code, bool told)
{
	struct check_run *u = f->u;
	const uint64_t next = next_block(f);

	/* What a writer that was killed has begun. */
	if (!told && next == f->w.size && !u->has_end && (code == -ENODATA || is_zero(f))) {
		if (!u->running)
			check_say(u, STORE_REMARK, f->number, f->end, (int64_t)f->at,
				  "%" PRIu64 " byte%s of a block that was begun", next - f->at,
				  num_s(next - f->at));
		return next;
	}
	if (!told && next == f->w.size && u->running)
		return next;
	bad(f, STORE_DAMAGE,
	    code == -ENODATA ? "the block is cut" : "the head of the block is damaged");
	return next;
}

static bool is_same(const struct fseg_head *h, const struct jrn_block *k)
{
	return h->size == k->size && h->rows == k->rows && h->start == k->start &&
	       h->last == k->last;
}

/* How the rows of a good block count. */
static uint32_t flags_of(struct rows_file *f, bool told)
{
	struct check_run *u = f->u;

	if (strcmp(f->end, LOCAL_TAIL) == 0)
		return CHECK_TAIL;
	f->good++;
	f->untold += !told;
	if (!told && !u->damaged && (!f->used || f->n_told))
		return CHECK_LOOSE;
	/* A damaged journal leaves some out: then the file's number tells the first one's. */
	if (!u->damaged)
		u->last_block += !told;
	else if (f->number + f->good - 1 > u->last_block)
		u->last_block = f->number + f->good - 1;
	return 0;
}

/* The block or damage at f->at; f->at moves on. */
static int step(struct rows_file *f)
{
	const bool told = f->n_told && f->told->at == f->at;
	const struct jrn_block *k = f->told;
	const uint8_t *p = window_get(&f->w, f->at, FSEG_HEAD);
	struct fseg_head h = {0};
	int r = p ? fseg_head(p, FSEG_HEAD, &h) : -ENODATA;

	if (told) {
		f->told++;
		f->n_told--;
		f->u->told_rows += k->rows;
	}
	if ((r == 0 || r == -EPROTO) && h.size > f->w.size - f->at)
		r = -ENODATA;
	if (r == -EPROTO) {
		bad(f, STORE_UNSEEN, "rows of a later version");
		f->at += h.size;
		return 0;
	}
	if (r == 0 && told && !is_same(&h, k)) {
		bad(f, STORE_DAMAGE, "this is not the block that the journal tells");
		f->at = next_block(f);
		return 0;
	}
	if (r < 0) {
		f->at = skip(f, r, told);
		return 0;
	}
	r = look_at_block(f, &h, flags_of(f, told));
	f->at += h.size;
	return r;
}

static int walk(struct rows_file *f)
{
	const uint8_t *p = window_get(&f->w, 0, FSEG_MAGIC);
	struct check_run *u = f->u;
	int r = check_count(u->c, FSEG_MAGIC);

	f->at = 0;
	if (p ? fseg_check_magic(p, FSEG_MAGIC) < 0 : f->n_told > 0)
		bad(f, STORE_DAMAGE, "this does not begin as a file of flows");
	f->at = FSEG_MAGIC;
	while (r == 0 && f->at < f->w.size) {
		/* A block that is not where it is told was said when it was told. */
		while (f->n_told && f->told->at < f->at) {
			u->told_rows += f->told->rows;
			f->told++;
			f->n_told--;
		}
		r = step(f);
	}
	for (; r == 0 && f->n_told; f->told++, f->n_told--) {
		u->told_rows += f->told->rows;
		f->at = f->told->at;
		bad(f, STORE_DAMAGE,
		    "a block that the journal tells is not there: the file is cut");
	}
	if (r == 0 && f->untold && !u->damaged && !u->running && (f->used || f->good > f->untold))
		check_say(u, STORE_REMARK, f->number, f->end, -1,
			  "%zu block%s behind those that the journal tells: answers %s", f->untold,
			  num_s(f->untold), f->used ? "use them" : "do not use them");
	return r;
}

static int check_file(struct check_run *u, uint32_t number, const char *end,
		      const struct jrn_block *told, size_t n_told, bool used)
{
	struct rows_file f = {
		.u = u, .number = number, .end = end, .told = told, .n_told = n_told, .used = used};
	CLEANUP(closep) int fd = check_open(u, number, end, &f.w.size);
	int r;

	if (fd < 0) {
		u->rows_missing |= fd != -ENOENT;
		return fd == -ENOENT ? fd : 0;
	}
	f.w.fd = fd;
	r = walk(&f);
	window_done(&f.w);
	return r;
}

/* The blocks of one file that the journal tells, from 'i' on. */
static size_t of_file(const struct check_run *u, size_t i)
{
	size_t n = 0;

	while (i + n < u->n_blocks && u->blocks[i + n].file == u->blocks[i].file)
		n++;
	return n;
}

/* A file that is not there: the first ones were removed, now or before.  'first' is the first
 * that was there; 0: none. */
static void gone(struct check_run *u, size_t i, size_t n, uint32_t first)
{
	size_t k;

	for (k = i; k < i + n; k++) {
		u->told_rows += u->blocks[k].rows;
		u->gone_rows += u->blocks[k].rows;
	}
	if (first && check_is_there(u, first, LOCAL_ROWS)) {
		check_say(u, STORE_DAMAGE, u->blocks[i].file, LOCAL_ROWS, -1,
			  "missing, with %zu block%s, and those before it are there", n, num_s(n));
		return;
	}
	u->gone_files++;
	u->gone_blocks += n;
	u->gone_file = u->blocks[i].file;
}

static void say_gone(struct check_run *u)
{
	char many[32] = "";

	if (!u->gone_files)
		return;
	if (u->gone_files > 1)
		snprintf(many, sizeof(many), " %" PRIu64, u->gone_files);
	check_say(u, STORE_REMARK, 0, LOCAL_JOURNAL, -1,
		  "the first%s flow segment%s, with %" PRIu64 " row%s in %" PRIu64
		  " block%s, %s not there: %s",
		  many, num_s(u->gone_files), u->gone_rows, num_s(u->gone_rows), u->gone_blocks,
		  num_s(u->gone_blocks), num_are(u->gone_files),
		  check_why_gone(u, STORE_FILE_ROWS, u->gone_file));
}

static int told_files(struct check_run *u)
{
	uint32_t first = 0;
	size_t i, n;
	int r = 0;

	for (i = 0; i < u->n_blocks && r == 0; i += n) {
		/* Behind the last one that is told may be others already. */
		const bool last = i + (n = of_file(u, i)) == u->n_blocks;

		r = check_file(u, u->blocks[i].file, LOCAL_ROWS, &u->blocks[i], n,
			       u->damaged || (last && !u->running && !u->has_end));
		if (r == 0 && !first)
			first = u->blocks[i].file;
		if (r == -ENOENT) {
			gone(u, i, n, first);
			r = 0;
		}
	}
	return r;
}

static bool is_told(const struct check_run *u, uint32_t number)
{
	size_t i;

	for (i = 0; i < u->n_blocks; i++)
		if (u->blocks[i].file == number)
			return true;
	return false;
}

/* Files of which the journal does not tell: a new one, or, where it is damaged, any. */
static int other_files(struct check_run *u, uint32_t next)
{
	bool used;
	size_t i;
	int r = 0;

	/* It may have come since the folder was listed. */
	if (u->running && !is_told(u, next) && !check_has(u, STORE_FILE_ROWS, next))
		r = check_file(u, next, LOCAL_ROWS, NULL, 0, false);
	next = u->running ? next : u->last_block + 1;
	for (i = 0; i < u->n_files && (r == 0 || r == -ENOENT); i++) {
		const struct store_file *f = &u->files[i];

		if (f->kind != STORE_FILE_ROWS || is_told(u, f->number))
			continue;
		used = u->damaged || (!u->has_end && !u->running && f->number == next);
		if (!used && !u->running)
			check_say(u, STORE_REMARK, f->number, LOCAL_ROWS, -1,
				  "the journal does not tell of it: its rows are not used");
		r = check_file(u, f->number, LOCAL_ROWS, NULL, 0, used);
	}
	return r == -ENOENT ? 0 : r;
}

/* A tail whose rows are in a block. */
static int old_tail(struct check_run *u, const struct store_file *f, uint32_t next)
{
	if (!u->running && (u->has_end || f->number < next)) {
		check_remedy(u->c, STORE_REMOVE_FILE);
		check_say(u, STORE_REMARK, f->number, LOCAL_TAIL, -1,
			  "of no use any more: its rows are in a block");
	}
	u->c->sum->files++;
	return check_count(u->c, f->bytes);
}

/* Rows that wait for their block.  From 'next' on are those that the journal does not tell. */
static int tails(struct check_run *u, uint32_t next)
{
	const uint32_t first = u->running ? next : u->last_block + 1;
	size_t i;
	int r = 0;

	if (u->running && !check_has(u, STORE_FILE_TAIL, next))
		r = check_file(u, next, LOCAL_TAIL, NULL, 0, false);
	for (i = 0; i < u->n_files && (r == 0 || r == -ENOENT); i++) {
		const struct store_file *f = &u->files[i];

		if (f->kind != STORE_FILE_TAIL)
			continue;
		if (f->number >= first && !u->has_end)
			r = check_file(u, f->number, LOCAL_TAIL, NULL, 0, true);
		else
			r = old_tail(u, f, next);
	}
	return r == -ENOENT ? 0 : r;
}

/* Whether the last beat acknowledges rows that are not there. */
static void find_lost(struct check_run *u)
{
	const struct jrn_beat *b = &u->beat;
	const uint32_t number = b->tail > UINT32_MAX ? UINT32_MAX : (uint32_t)b->tail;
	uint64_t size = 0;
	size_t i;
	int fd;

	if (u->running || u->has_end || !u->has_beat || b->tail <= u->last_block)
		return; /* they are in a block */
	for (i = 0; i < u->n_files; i++)
		if (u->files[i].kind == STORE_FILE_TAIL && u->files[i].number == number)
			break;
	if (i < u->n_files) {
		size = u->files[i].bytes;
		u->tail_lost = size < b->tail_bytes;
		if (u->tail_lost)
			check_say(u, STORE_REMARK, number, LOCAL_TAIL, (int64_t)size,
				  "it has lost its end: %" PRIu64 " of %" PRIu64
				  " bytes of acknowledged rows are there, as a machine that "
				  "stopped leaves it",
				  size, b->tail_bytes);
		return;
	}
	u->tail_lost = true;
	fd = check_open(u, number, LOCAL_TAIL, &size);
	if (fd >= 0)
		close(fd);
	else if (fd == -ENOENT)
		check_say(u, STORE_DAMAGE, number, LOCAL_TAIL, -1,
			  "missing, with the last rows: %" PRIu64
			  " byte%s of them are acknowledged",
			  b->tail_bytes, num_s(b->tail_bytes));
	else
		u->rows_missing = true;
}

int check_rows(struct check_run *u)
{
	const uint32_t next = u->n_blocks ? u->blocks[u->n_blocks - 1].number + 1 : 1;
	/* The tail first: its block may be made meanwhile, and is then behind those told. */
	int r = u->running ? tails(u, next) : 0;

	u->last_block = next - 1;
	if (r == 0)
		r = told_files(u);
	if (r == 0)
		r = other_files(u, next);
	if (r == 0 && !u->running)
		r = tails(u, next);
	if (r == 0)
		find_lost(u);
	say_gone(u);
	check_sort_rows(u);
	return r;
}
