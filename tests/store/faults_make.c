/* Makes a run of a store whose content is known, as a live capture would.
 *
 *	faults_make DIR CAPTURE FLOWS PACKETS SECONDS SEGMENT finish|kill [QUOTA]
 *
 * Packet i of PACKETS comes at START + i * (SECONDS / PACKETS): Ethernet, IPv4, UDP from
 * 10.0.0.1 to 10.0.0.2 port 9, 60 bytes, of which the last 8 are i, big-endian.  Those of the
 * first half have the ports 1000 + i % (FLOWS / 2), the others as many above these.  The
 * clock goes with the packets, in ticks of 250 ms; rows of running flows are written every
 * 10 s.  SEGMENT: bytes of one.  'kill': by SIGKILL, behind the last tick, when all but the
 * last segment have their index.  Says what became of it:
 *
 *	kept 100 limit 0 disk 0 rows 30 rows_dropped 0 failed 0 ends 0
 *
 * 'failed' and 'ends' (what store_finish() said) being numbers of errors.  1: it could not begin.
 */
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "../unit/run_make.h"
#include "../unit/store_make.h"

#define START  INT64_C(1790000000000000000)
#define TICK   INT64_C(250000000)
#define UPDATE (10 * INT64_C(1000000000))

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

	frame_make(frame, 1, (uint16_t)(1000 + flow), 2, 9);
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
static void wait_for_indexes(const char *dir)
{
	while (count(dir, ".pidx") + 1 < count(dir, ".pcapng") || count(dir, ".refs") > 1)
		usleep(1000);
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

int main(int argc, char **argv)
{
	const struct src_iface eth = {.name = "eth0", .linktype = 1};
	struct make o = {.raw_limit = UINT64_MAX, .update = UPDATE};
	int64_t now = START, end, ts = START;
	uint64_t n, seconds, i;
	struct maker m = {0};
	char spec[512];
	unsigned half;
	struct err err = {0};

	if (argc < 8 || argc > 9)
		return 2;
	snprintf(spec, sizeof(spec), "local:%s", argv[1]);
	o.spec = spec;
	o.capture = argv[2];
	half = (unsigned)atoi(argv[3]) / 2;
	n = strtoull(argv[4], NULL, 10);
	seconds = strtoull(argv[5], NULL, 10);
	o.segment_size = strtoull(argv[6], NULL, 10);
	o.quota = argc > 8 ? strtoull(argv[8], NULL, 10) : 0;
	end = START + (int64_t)seconds * 1000000000;
	MAKE_CHECK(src_mem_new(&m.src, &eth, 1, NULL, 0));
	make_init(&m, &o, 1, now);
	make_ifaces(&m, 1);
	for (i = 0; i < n; i++) {
		ts = START + (int64_t)(i * (seconds * 1000000000 / n));
		for (; now + TICK <= ts; now += TICK)
			tick(&m, now + TICK);
		put_packet(&m, &o, i, (unsigned)(i % half) + (i < n / 2 ? 0 : half), ts);
	}
	for (; now < end; now += TICK)
		tick(&m, now + TICK);
	if (strcmp(argv[7], "kill") == 0) {
		report(&m, 0);
		wait_for_indexes(argv[1]);
		kill(getpid(), SIGKILL);
	}
	finish(&m, end);
	return 0;
}
