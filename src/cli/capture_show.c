#include "cli/capture_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/utf8.h"
#include "cli/cmds.h"

#define NS        INT64_C(1000000000)
#define SILENT_NS (5 * NS)

static const char *state_name(enum live_state s)
{
	static const char *const names[] = {
		[LIVE_UP] = "up",
		[LIVE_DOWN] = "down",
		[LIVE_GONE] = "gone",
	};

	return names[s];
}

/* 1234567 as "1.2 Mbit/s" or "1.2 M packets/s", where the unit begins with a space. */
static void add_short(struct buf *b, double v, const char *unit)
{
	static const char *const steps[] = {"", "k", "M", "G", "T"};
	size_t i = 0;

	for (; v >= 1000 && i + 1 < sizeof(steps) / sizeof(steps[0]); i++)
		v /= 1000;
	buf_addf(b, i && v < 100 ? "%.1f%s%s%s" : "%.0f%s%s%s", v, i || *unit != ' ' ? " " : "",
		 steps[i], unit);
}

static void add_line(struct buf *b, const struct capture_show *c, const struct run_live_stats *s)
{
	const struct run_live_iface *t = &s->total;
	double sec = (double)(s->now - (c->at ? c->at : s->start)) / (double)NS;

	if (sec <= 0)
		sec = 1;
	buf_addf(b, "%" PRIu64 " packet%s, ", t->kept + t->flow_only,
		 t->kept + t->flow_only == 1 ? "" : "s");
	add_short(b, (double)(t->kept + t->flow_only - c->kept) / sec, " packets/s, ");
	add_short(b, (double)(t->kept_bytes - c->bytes) * 8 / sec, "bit/s");
	if (s->flows)
		buf_addf(b, ", %" PRIu64 " flows", s->flows);
	buf_addf(b, ", %" PRIu64 " dropped", t->dropped_ring + t->dropped_disk + t->dropped_limit);
	if (t->ring_bytes)
		buf_addf(b, ", ring %.0f %%", 100.0 * (double)t->ring_used / (double)t->ring_bytes);
}

static void add_counts(struct json *j, const struct run_live_iface *f)
{
	if (f->seen_known) {
		json_key(j, "seen");
		json_u64(j, f->seen);
		json_key(j, "filtered");
		json_u64(j, f->filtered);
	}
	json_key(j, "kept");
	json_u64(j, f->kept);
	json_key(j, "kept_bytes");
	json_u64(j, f->kept_bytes);
	json_key(j, "flow_only");
	json_u64(j, f->flow_only);
	json_key(j, "own");
	json_u64(j, f->own);
	json_key(j, "dropped_ring");
	json_u64(j, f->dropped_ring);
	json_key(j, "dropped_disk");
	json_u64(j, f->dropped_disk);
	json_key(j, "dropped_limit");
	json_u64(j, f->dropped_limit);
	json_key(j, "unread");
	json_u64(j, f->unread);
	json_key(j, "ring_bytes");
	json_u64(j, f->ring_bytes);
	json_key(j, "ring_used");
	json_u64(j, f->ring_used);
	if (f->wire_known) {
		json_key(j, "rx_missed");
		json_u64(j, f->rx_missed);
		json_key(j, "rx_fifo");
		json_u64(j, f->rx_fifo);
	}
}

static void add_iface(struct json *j, const struct run_live_iface *f)
{
	json_object(j);
	json_key(j, "name");
	json_str(j, f->name);
	if (f->netns && *f->netns) {
		json_key(j, "netns");
		json_str(j, f->netns);
	}
	json_key(j, "state");
	json_str(j, state_name(f->state));
	add_counts(j, f);
	json_object_end(j);
}

static void print_json(const struct run_live_stats *s)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	size_t i;

	json_object(&j);
	json_key(&j, "time_ns");
	json_i64(&j, s->now);
	add_counts(&j, &s->total);
	json_key(&j, "flows");
	json_u64(&j, s->flows);
	json_key(&j, "unremoved");
	json_u64(&j, s->unremoved);
	json_key(&j, "softnet_dropped");
	json_u64(&j, s->softnet);
	if (s->clock.sync != CLOCK_UNKNOWN) {
		json_key(&j, "clock_synchronised");
		json_bool(&j, s->clock.sync == CLOCK_SYNCED);
		json_key(&j, "clock_max_error_ns");
		json_i64(&j, s->clock.max_error);
	}
	json_key(&j, "clock_steps");
	json_u64(&j, s->clock_steps);
	json_key(&j, "interfaces");
	json_array(&j);
	for (i = 0; i < s->n_ifaces; i++)
		add_iface(&j, &s->ifaces[i]);
	json_array_end(&j);
	json_object_end(&j);
	buf_addch(&b, '\n');
	if (!buf_err(&b))
		fwrite(b.p, 1, b.len, stderr);
}

void capture_print_line(const struct capture_show *c, const struct run_live_stats *s)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	/* Since the start, not since the last look. */
	const struct capture_show whole = {.cli = c->cli};

	cli_clear(c->cli);
	add_line(&b, &whole, s);
	fprintf(stderr, "trawl: %s\n", buf_str(&b));
}

/* Why there may be no packets. */
static void say_silent(const struct capture_show *c, const struct run_live_stats *s)
{
	const struct run_live_iface *t = &s->total;
	size_t i, down = 0;

	for (i = 0; i < s->n_ifaces; i++)
		down += s->ifaces[i].state != LIVE_UP;
	if (!s->n_ifaces)
		cli_say(c->cli, "no interface matches yet");
	else if (t->seen_known && t->filtered)
		cli_say(c->cli,
			"no packet has passed the filter yet: %" PRIu64 " came and were rejected",
			t->filtered);
	else if (down == s->n_ifaces)
		cli_say(c->cli, "no packet yet: %s",
			down == 1 ? "the interface is down" : "all interfaces are down");
	else
		cli_say(c->cli, "no packet yet: nothing passes there; 'trawl interfaces' shows "
				"other interfaces and namespaces");
}

void capture_tick(void *arg, const struct run_live_stats *s)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	struct capture_show *c = arg;

	if (!c->said_silent && !s->total.kept && !s->total.flow_only &&
	    s->now - s->start >= SILENT_NS) {
		cli_clear(c->cli);
		say_silent(c, s);
		c->said_silent = true;
	}
	if (c->jsonl)
		print_json(s);
	if (c->line) {
		add_line(&b, c, s);
		fprintf(stderr, "\r%s\033[K", buf_str(&b));
		c->cli->progress = true;
	}
	c->kept = s->total.kept + s->total.flow_only;
	c->bytes = s->total.kept_bytes;
	c->at = s->now;
}

static void add_part(struct buf *b, uint64_t n, const char *what)
{
	if (n)
		buf_addf(b, ", %" PRIu64 " %s", n, what);
}

static void add_ledger(struct buf *b, const struct run_live_iface *f)
{
	if (f->seen_known)
		buf_addf(b, "%" PRIu64 " seen = %" PRIu64 " kept", f->seen, f->kept);
	else
		buf_addf(b, "seen unknown (a classic filter does not count), %" PRIu64 " kept",
			 f->kept);
	add_part(b, f->flow_only, "in flows only");
	if (f->seen_known)
		add_part(b, f->filtered, "filtered");
	add_part(b, f->own, "own");
	add_part(b, f->unread, "left when it ended");
	buf_addf(b, ", %" PRIu64 " dropped", f->dropped_ring + f->dropped_disk + f->dropped_limit);
	if (f->dropped_ring + f->dropped_disk + f->dropped_limit)
		buf_addf(b, " (ring %" PRIu64 ", disk %" PRIu64 ", limit %" PRIu64 ")",
			 f->dropped_ring, f->dropped_disk, f->dropped_limit);
	add_part(b, f->cut, "cut: longer than a block of the ring");
	if (f->wire_known)
		add_part(b, f->rx_missed + f->rx_fifo, "lost by the network card before that");
}

void capture_print_ledger(const struct run_live_stats *s)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	size_t i;

	buf_addstr(&b, "trawl: ");
	add_ledger(&b, &s->total);
	if (s->flows)
		buf_addf(&b, "; %" PRIu64 " flows", s->flows);
	add_part(&b, s->evicted,
		 "of them ended early for want of room (--max-flows, --max-memory)");
	add_part(&b, s->unfollowed, "times no memory for a flow's losses or names (--max-memory)");
	add_part(&b, s->unremoved, "files that were to go could not be removed");
	add_part(&b, s->softnet, "packets lost by this host's CPUs before any capture");
	buf_addch(&b, '\n');
	for (i = 0; s->n_ifaces > 1 && i < s->n_ifaces; i++) {
		const struct run_live_iface *f = &s->ifaces[i];

		if (!f->seen && !f->kept)
			continue;
		buf_addstr(&b, "trawl:   ");
		if (f->netns && *f->netns) {
			utf8_show(&b, f->netns, strlen(f->netns));
			buf_addch(&b, '/');
		}
		utf8_show(&b, f->name, strlen(f->name));
		buf_addstr(&b, ": ");
		add_ledger(&b, f);
		buf_addch(&b, '\n');
	}
	fputs(buf_str(&b), stderr);
}
