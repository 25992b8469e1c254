/* Makes a run of a store whose content is known, as a live capture would.
 *
 *	faults_make DIR CAPTURE FLOWS PACKETS SECONDS SEGMENT finish|kill
 *	            [QUOTA [EMPTY [AT:SECONDS...]]]
 *
 * Packet i of PACKETS comes at START + i * (SECONDS / PACKETS): Ethernet, IPv4, UDP to 10.0.0.2
 * port 9, 60 bytes, of which the last 8 are i, big-endian.  It is of flow i % (FLOWS / 2), in
 * the second half of FLOWS / 2 + i % (FLOWS / 2); flow f is from 10.0.0.(1 + f / 60000) port
 * 1000 + f % 60000.  The clock goes with the packets, in ticks of 250 ms; rows of running flows
 * are written every 10 s.  Then EMPTY seconds go by in ticks of 5 min.  Before packet AT the clock
 * is set forward by SECONDS, or back.  SEGMENT: bytes of one.  'kill': by SIGKILL, behind the last
 * tick, when all but the last segment have their index.  Says what became of it:
 *
 *	kept 100 limit 0 disk 0 rows 30 rows_dropped 0 failed 0 ends 0
 *
 * 'failed' and 'ends' (what store_finish() said) being numbers of errors.  Where it cannot
 * begin it aborts. */
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"

#include "../unit/run_make.h"
#include "../unit/store_make.h"

#define START      INT64_C(1790000000000000000)
#define SEC        INT64_C(1000000000)
#define TICK       (SEC / 4)
#define EMPTY_TICK (300 * SEC)
#define UPDATE     (10 * SEC)

static void put_packet(struct maker *m, const struct make *o, uint64_t i, unsigned flow, int64_t ts)
{
	uint8_t frame[FRAME_SIZE];
	const struct pkt p = {
		.data = frame,
		.ts = ts,
		.clock = ts,
		.caplen = FRAME_SIZE,
		.len = FRAME_SIZE,
		.number = i + 1,
		.linktype = 1,
	};

	frame_make(frame, (uint8_t)(1 + flow / 60000), (uint16_t)(1000 + flow % 60000), 2, 9);
	be64_store(frame + FRAME_SIZE - 8, i);
	make_packet(m, o, 1, &p);
}

static void tick(struct maker *m, int64_t now)
{
	struct err err = {0};

	MAKE_CHECK(flow_table_expire(m->table[0], now));
	make_rows(m, 0);
	make_versions(m, 0, now);
	MAKE_CHECK(store_tick(m->st[0], now, &err));
}

static size_t count(const char *dir, const char *end)
{
	char pattern[600];
	size_t n;
	glob_t g;

	snprintf(pattern, sizeof(pattern), "%s/*/*/*%s", dir, end);
	n = glob(pattern, 0, NULL, &g) == 0 ? g.gl_pathc : 0;
	if (n)
		globfree(&g);
	return n;
}

/* All but the last segment have their index, so that files are the same each time. */
static void wait_for_indexes(const char *dir, const char *capture)
{
	int fd = inotify_init1(IN_CLOEXEC);
	char folder[600], events[4096];

	snprintf(folder, sizeof(folder), "%s/%s/0", dir, capture);
	if (fd < 0 || inotify_add_watch(fd, folder, IN_MOVED_TO | IN_DELETE) < 0)
		abort();
	while (count(dir, ".pidx") + 1 < count(dir, ".pcapng") || count(dir, ".refs") > 1)
		if (read(fd, events, sizeof(events)) < 0)
			abort();
	close(fd);
}

static void report(const struct maker *m, int ends)
{
	struct store_stream_stats s;

	store_stream_stats(m->st[0], &s);
	printf("kept %" PRIu64 " limit %" PRIu64 " disk %" PRIu64 " rows %" PRIu64
	       " rows_dropped %" PRIu64 " failed %d ends %d\n",
	       s.total.kept, s.total.dropped_limit, s.total.dropped_disk, s.rows, s.rows_dropped,
	       -s.failed, -ends);
	fflush(stdout);
}

static void finish(struct maker *m, int64_t now)
{
	struct err err = {0};

	MAKE_CHECK(flow_table_finish(m->table[0], now));
	make_rows(m, 0);
	report(m, store_finish(m->st[0], now, NULL, 0, &err));
	store_stream_free(m->st[0]);
	store_close(m->store);
	flow_rows_free(m->rows[0]);
	flow_table_free(m->table[0]);
	batch_free(m->batch);
	src_free(m->src);
}

struct plan {
	unsigned half; /* of the flows */
	uint64_t packets;
	int64_t step, length, empty; /* between packets; of them all; behind them */
	char **sets;                 /* AT:SECONDS */
	int n_sets;
};

/* How far the clock is set forward before packet 'i'. */
static int64_t set_by(const struct plan *p, uint64_t i)
{
	uint64_t at;
	int64_t by;
	int k;

	for (k = 0; k < p->n_sets; k++)
		if (sscanf(p->sets[k], "%" SCNu64 ":%" SCNd64, &at, &by) == 2 && at == i)
			return by * SEC;
	return 0;
}

/* As capturing says it, behind the first tick that sees it. */
static void say_set(struct maker *m, int64_t now, int64_t by)
{
	const struct clock_state state = {.ts = now, .sync = CLOCK_SYNCED, .step = by};
	struct err err = {0};

	MAKE_CHECK(store_clock(m->st[0], &state, "test", &err));
}

/* Returns the clock at the end. */
static int64_t feed(struct maker *m, const struct make *o, const struct plan *p)
{
	int64_t now = 0, offset = START, by; /* 'now' runs evenly */
	uint64_t i;

	for (i = 0; i < p->packets; i++) {
		int64_t at = (int64_t)i * p->step;

		for (; now + TICK <= at; now += TICK)
			tick(m, offset + now + TICK);
		by = set_by(p, i);
		offset += by;
		if (by)
			say_set(m, offset + at, by);
		put_packet(m, o, i, (unsigned)(i % p->half) + (i < p->packets / 2 ? 0 : p->half),
			   offset + at);
	}
	for (; now < p->length; now += TICK)
		tick(m, offset + now + TICK);
	for (; now < p->length + p->empty; now += EMPTY_TICK)
		tick(m, offset + now + EMPTY_TICK);
	return offset + now;
}

int main(int argc, char **argv)
{
	const struct src_iface eth = {.name = "eth0", .linktype = 1};
	struct make o = {.raw_limit = UINT64_MAX, .update = UPDATE};
	struct maker m = {0};
	struct err err = {0};
	struct plan p = {0};
	char spec[512];
	int64_t end;

	if (argc < 8)
		return 2;
	snprintf(spec, sizeof(spec), "local:%s", argv[1]);
	o.spec = spec;
	o.capture = argv[2];
	p.half = (unsigned)atoi(argv[3]) / 2;
	p.packets = strtoull(argv[4], NULL, 10);
	p.length = strtoll(argv[5], NULL, 10) * SEC;
	p.step = p.length / (int64_t)p.packets;
	o.segment_size = strtoull(argv[6], NULL, 10);
	o.quota = argc > 8 ? strtoull(argv[8], NULL, 10) : 0;
	p.empty = argc > 9 ? strtoll(argv[9], NULL, 10) * SEC : 0;
	p.sets = argv + 10;
	p.n_sets = argc > 10 ? argc - 10 : 0;
	MAKE_CHECK(src_mem_new(&m.src, &eth, 1, NULL, 0));
	make_init(&m, &o, 1, START);
	make_ifaces(&m, 1);
	end = feed(&m, &o, &p);
	if (strcmp(argv[7], "kill") == 0) {
		report(&m, 0);
		wait_for_indexes(argv[1], argv[2]);
		kill(getpid(), SIGKILL);
	}
	finish(&m, end);
	return 0;
}
