/* Segments of packets: each block, and what journal and index tell of them. */
#include "store/check_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "fmt/pcapng.h"
#include "store/check_index.h"

#define SAID_MAX   16 /* places of one segment; more are counted */
#define TSRESOL_NS 9
#define SUM_BYTES  (64u << 10) /* at once, of those that are no block */

/* A segment on its way. */
struct seg {
	struct check_run *u;
	uint32_t number;
	const struct jrn_segment *told; /* NULL: it is not full */
	struct window w;
	uint64_t at;
	size_t n_ifaces;
	bool has_head;
	uint64_t packets, end; /* end: behind the last packet */
	int64_t min, max;
	uint64_t said;
	struct check_index x;
};

static void bad(struct seg *g, uint64_t at, const char *text)
{
	if (g->said++ < SAID_MAX)
		check_say(g->u, STORE_DAMAGE, g->number, LOCAL_SEGMENT, (int64_t)at, "%s", text);
}

/* After damage: the next place that looks like a packet's block. */
static uint64_t resync(struct seg *g, uint64_t at)
{
	const uint8_t *p;

	for (; (p = window_get(&g->w, at, PCAPNG_EPB_MIN)); at += 4)
		if (le32_load(p) == PCAPNG_EPB && le32_load(p + 4) >= PCAPNG_EPB_MIN &&
		    window_block(&g->w, at, &p))
			return at;
	return g->w.size;
}

static const char *iface(struct seg *g, const uint8_t *p, uint32_t len)
{
	const struct check_run *u = g->u;
	const size_t i = g->n_ifaces++;
	struct pcapng_idb d;

	if (pcapng_idb_read(p, len, false, &d) != 0)
		return "an interface that makes no sense";
	if (d.tsresol != TSRESOL_NS || d.ts_offset)
		return "an interface whose times are no nanoseconds";
	/* Of one that was killed the journal may lag. */
	if (!u->damaged && u->has_end && i >= u->n_ifaces)
		return "an interface that the journal does not tell";
	if (i < u->n_ifaces && u->linktypes[i] != d.linktype)
		return "an interface of another link type than the journal tells";
	return NULL;
}

static void add_packet(struct seg *g, uint64_t at, int64_t ts)
{
	g->min = !g->packets || ts < g->min ? ts : g->min;
	g->max = !g->packets || ts > g->max ? ts : g->max;
	g->packets++;
	check_index_packet(&g->x, at, ts);
}

static const char *packet(struct seg *g, const uint8_t *p, uint32_t len, uint64_t at)
{
	const uint32_t caplen = len < PCAPNG_EPB_MIN ? 0 : le32_load(p + 20);
	struct pcapng_epb_opts o;
	struct pcapng_opts opts;
	uint64_t ts;

	if (len < PCAPNG_EPB_MIN || caplen > len - PCAPNG_EPB_MIN)
		return "a packet that is longer than its block";
	if (le32_load(p + 8) >= g->n_ifaces)
		return "a packet of an interface that is not described";
	ts = (uint64_t)le32_load(p + 12) << 32 | le32_load(p + 16);
	if (ts > INT64_MAX)
		return "a packet of no time";
	if (pcapng_opts_of(p, len, false, &opts) < 0 || pcapng_epb_opts_read(&opts, &o) != 0)
		return "a packet whose options make no sense";
	g->end = at + len;
	add_packet(g, at, (int64_t)ts);
	return NULL;
}

static const char *head(struct seg *g, const uint8_t *p, uint32_t len, uint64_t at)
{
	struct pcapng_shb h;

	if (at || g->has_head)
		return "a second head";
	g->has_head = true;
	if (le32_load(p + 8) != PCAPNG_BOM || pcapng_shb_read(p, len, &h) != 0 || h.major != 1)
		return "a head that makes no sense";
	return NULL;
}

static const char *stats(struct seg *g, const uint8_t *p, uint32_t len)
{
	struct pcapng_isb s;

	return pcapng_isb_read(p, len, false, &s) != 0 || s.iface >= g->n_ifaces
		       ? "statistics that make no sense"
		       : NULL;
}

/* A block of a kind that a store writes; what is wrong with it, or NULL. */
static const char *take(struct seg *g, const uint8_t *p, uint32_t len, uint64_t at)
{
	const uint32_t type = le32_load(p);

	if (!g->has_head && type != PCAPNG_SHB) {
		g->has_head = true;
		bad(g, 0, "the head is missing");
	}
	switch (type) {
	case PCAPNG_SHB:
		return head(g, p, len, at);
	case PCAPNG_IDB:
		return iface(g, p, len);
	case PCAPNG_EPB:
		return packet(g, p, len, at);
	case PCAPNG_ISB:
		return stats(g, p, len);
	default:
		return "a block of a kind that is never written";
	}
}

static bool is_zero(struct seg *g)
{
	const uint8_t *p;
	uint64_t at;

	for (at = g->at; (p = window_get(&g->w, at, 1)); at++)
		if (*p)
			return false;
	return true;
}

/* Whether the file ends within the block at 'at'. */
static bool is_cut(struct seg *g)
{
	const uint8_t *p = window_get(&g->w, g->at, 8);
	uint32_t len;

	if (!p)
		return true;
	len = le32_load(p + 4);
	return len >= PCAPNG_BLOCK_MIN && len <= WINDOW_BLOCK_MAX && len % 4 == 0 &&
	       len > g->w.size - g->at;
}

/* Bytes that are no block; where to go on. */
static void skip(struct seg *g)
{
	const uint64_t next = resync(g, g->at + 4);
	const bool open = !g->told && !g->u->has_end;

	if (next == g->w.size && open && (g->u->running || is_cut(g) || is_zero(g))) {
		if (!g->u->running)
			check_say(g->u, STORE_REMARK, g->number, LOCAL_SEGMENT, (int64_t)g->at,
				  "%" PRIu64 " byte%s of a packet that was begun", next - g->at,
				  num_s(next - g->at));
	} else {
		bad(g, g->at, is_cut(g) ? "the block is cut" : "a damaged block");
	}
	g->at = next;
}

/* Bytes that were passed over. */
static void sum_up(struct seg *g, uint64_t at, uint64_t to)
{
	const uint8_t *p;
	size_t n;

	for (; at < to; at += n) {
		n = to - at < SUM_BYTES ? (size_t)(to - at) : SUM_BYTES;
		p = window_get(&g->w, at, n);
		if (!p)
			return;
		check_index_bytes(&g->x, at, p, n);
	}
}

static int walk(struct seg *g)
{
	const char *text;
	const uint8_t *p;
	uint32_t len;
	int r = 0;

	while (r == 0 && g->at < g->w.size) {
		const uint64_t at = g->at;

		len = at % 4 ? 0 : window_block(&g->w, at, &p);
		if (len) {
			text = take(g, p, len, at);
			if (text)
				bad(g, at, text);
			check_index_bytes(&g->x, at, p, len);
			g->at += len;
		} else {
			skip(g);
			sum_up(g, at, g->at);
		}
		r = check_count(g->u->c, g->at - at);
	}
	if (g->said > SAID_MAX)
		check_say(g->u, STORE_DAMAGE, g->number, LOCAL_SEGMENT, -1,
			  "%" PRIu64 " more place%s like these", g->said - SAID_MAX,
			  num_s(g->said - SAID_MAX));
	return r;
}

/* What the journal tells of a full one. */
static void compare(struct seg *g)
{
	const struct jrn_segment *t = g->told;

	if (g->w.size < t->bytes)
		check_say(g->u, STORE_DAMAGE, g->number, LOCAL_SEGMENT, (int64_t)g->w.size,
			  "it has lost its end: %" PRIu64 " of %" PRIu64 " bytes are there",
			  g->w.size, t->bytes);
	else if (g->w.size > t->bytes)
		check_say(g->u, STORE_DAMAGE, g->number, LOCAL_SEGMENT, (int64_t)t->bytes,
			  "%" PRIu64 " byte%s too many, behind its end", g->w.size - t->bytes,
			  num_s(g->w.size - t->bytes));
	else if (g->packets != t->packets)
		check_say(g->u, STORE_DAMAGE, g->number, LOCAL_SEGMENT, -1,
			  "%" PRIu64 " packet%s %s there, and %" PRIu64 " should be", g->packets,
			  num_s(g->packets), num_are(g->packets), t->packets);
	else if (g->packets && (g->min != t->min || g->max != t->max))
		check_say(g->u, STORE_DAMAGE, g->number, LOCAL_SEGMENT, -1,
			  "its packets are of other times than the journal tells");
}

/* One that was listed, or is told. */
static int check_segment(struct check_run *u, uint32_t number, const struct jrn_segment *told)
{
	struct seg g = {.u = u, .number = number, .told = told};
	CLEANUP(closep) int fd = -1;
	/* The index first: it says that all of the segment is there. */
	int r = check_index_open(&g.x, u, number, told != NULL);

	if (r == 0)
		fd = r = check_open(u, number, LOCAL_SEGMENT, &g.w.size);
	if (fd >= 0) {
		g.w.fd = fd;
		r = walk(&g);
		if (r == 0 && told)
			compare(&g);
		if (r == 0)
			check_index_end(&g.x, g.packets, g.end, g.min, g.max, g.w.size);
		u->packets += g.packets;
		u->c->sum->packets += g.packets;
	}
	window_done(&g.w);
	check_index_done(&g.x);
	return r == -ENOMEM || r == -ECANCELED || r == -ENOENT ? r : 0;
}

static const struct jrn_segment *find(const struct check_run *u, uint32_t number)
{
	size_t i;

	for (i = 0; i < u->n_segments; i++)
		if (u->segments[i].number == number)
			return &u->segments[i];
	return NULL;
}

/* One that is not there: the first ones were removed, now or before.  'first' is the first that
 * was there; 0: none. */
static void gone(struct check_run *u, const struct jrn_segment *told, uint32_t first)
{
	u->gone_packets += told->packets;
	if (first && told->packets && check_is_there(u, first, LOCAL_SEGMENT)) {
		check_say(u, STORE_DAMAGE, told->number, LOCAL_SEGMENT, -1,
			  "missing, with %" PRIu64 " packet%s, and those before it are there",
			  told->packets, num_s(told->packets));
	} else if (told->packets) {
		u->gone_segments++;
		u->gone_segment = told->number;
	}
	if (!check_has(u, STORE_FILE_INDEX, told->number) || u->running)
		return;
	check_remedy(u->c, STORE_REMOVE_FILE);
	check_say(u, STORE_REMARK, told->number, LOCAL_INDEX, -1, "of no use: its segment is gone");
}

static void say_gone(struct check_run *u)
{
	char many[32] = "";

	if (!u->gone_segments)
		return;
	if (u->gone_segments > 1)
		snprintf(many, sizeof(many), " %" PRIu64, u->gone_segments);
	check_say(u, STORE_REMARK, 0, LOCAL_JOURNAL, -1,
		  "the first%s segment%s, with %" PRIu64 " packet%s, %s not there: %s", many,
		  num_s(u->gone_segments), u->gone_packets, num_s(u->gone_packets),
		  num_are(u->gone_segments),
		  check_why_gone(u, STORE_FILE_SEGMENT, u->gone_segment));
}

static int told_segments(struct check_run *u)
{
	uint32_t first = 0;
	size_t i;
	int r = 0;

	for (i = 0; i < u->n_segments && r == 0; i++) {
		r = check_segment(u, u->segments[i].number, &u->segments[i]);
		if (r == 0 && !first)
			first = u->segments[i].number;
		if (r == -ENOENT) {
			gone(u, &u->segments[i], first);
			r = 0;
		}
	}
	return r;
}

int check_segments(struct check_run *u)
{
	const uint32_t next = u->n_segments ? u->segments[u->n_segments - 1].number + 1 : 1;
	size_t i;
	int r = told_segments(u);

	say_gone(u);
	for (i = 0; i < u->n_files && (r == 0 || r == -ENOENT); i++) {
		const struct store_file *f = &u->files[i];

		if (f->kind != STORE_FILE_SEGMENT || find(u, f->number))
			continue;
		if (!u->damaged && !u->running && (u->has_end || f->number < next))
			check_say(u, STORE_DAMAGE, f->number, LOCAL_SEGMENT, -1,
				  "the journal does not tell of it");
		r = check_segment(u, f->number, NULL);
	}
	return r == -ENOENT ? 0 : r;
}
