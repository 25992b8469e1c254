/* The past of a folder is what the filter itself finds in all segments: brute force, with
 * each expression of tests/filter and others put together at random, for folders of all
 * kinds. */
#include "run/past.h"

#include <glob.h>

#include "capture/src.h"
#include "dir_check.h"
#include "filter/filter.h"
#include "prune_make.h"

#define FRAMES  1500
#define MADE    150 /* expressions beside those of the list */
#define WINDOWS 25
#define START   INT64_C(1790000000000000000)

/* All packets of the segments of a folder, with bytes of their own. */
struct all {
	struct pkt *v;
	size_t n;
};

static void read_all(const char *path, struct all *a)
{
	char pattern[256];
	struct pkt p;
	glob_t g;
	size_t i;

	snprintf(pattern, sizeof(pattern), "%s/*/*/*.pcapng", path);
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	for (i = 0; i < g.gl_pathc; i++) {
		struct src *s;

		assert_int_equal(src_open(&s, g.gl_pathv[i], NULL, NULL), 0);
		while (src_recv(s, &p, 1) == 1) {
			if (!(a->n & (a->n - 1)))
				a->v = realloc(a->v, (a->n ? 2 * a->n : 1) * sizeof(*a->v));
			a->v[a->n] = p;
			a->v[a->n].data = memcpy(malloc(p.caplen + 1), p.data, p.caplen);
			a->n++;
		}
		src_free(s);
	}
	globfree(&g);
}

static void all_done(struct all *a)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		free((void *)(uintptr_t)a->v[i].data);
	free(a->v);
}

static void brute(const struct all *a, struct filter *f, int64_t from, int64_t to,
		  struct packets *ret)
{
	size_t i;

	for (i = 0; i < a->n; i++) {
		const struct pkt *p = &a->v[i];

		if (p->ts >= from && p->ts <= to &&
		    filter_match(f, p->linktype, p->data, p->caplen, p->len))
			take_packet(ret, p, 0);
	}
}

struct sum {
	struct past_stats s;
	uint64_t all; /* packets that there were each time */
};

static void check(struct run_dir *d, const struct all *a, const char *text, int64_t from,
		  int64_t to, struct sum *sum)
{
	struct packets want = {0}, got = {0};
	struct past_stats s;
	struct filter *f;
	struct err err;
	int r;

	if (filter_new(&f, text, NULL) < 0)
		return;
	run_dir_range(d, from, to);
	r = past_dir(d, text, take_packet, &got, &s, &err);
	if (r < 0 && r != -EDOM)
		fail_msg("'%s': %s", text, err.text);
	brute(a, f, from, to, &want);
	if (r == -EDOM) { /* no packet tells it: libpcap refuses it for their link type */
		assert_int_equal(filter_prepare(f, LINKTYPE_ETHERNET, NULL), -EINVAL);
		s.packets = 0;
	}
	if (want.n != got.n)
		print_message("'%s': %zu packets instead of %zu\n", text, got.n, want.n);
	assert_int_equal(got.late, 0);
	assert_int_equal(s.packets, got.n);
	same_packets(&want, &got, true);
	sum->s.never += s.never;
	sum->s.flows += s.flows;
	sum->s.tested += s.tested;
	sum->s.packets += s.packets;
	sum->s.outside += s.outside;
	sum->s.without += s.without;
	sum->s.scanned += s.scanned;
	sum->s.runs_by_time += s.runs_by_time;
	sum->all += a->n;
	filter_free(f);
	free(want.v);
	free(got.v);
}

static void check_dir(const char *path, struct sum *sum)
{
	struct run_dir *d = open_dir(path);
	struct texts texts = {.n = 0};
	struct all a = {0};
	char text[512];
	size_t i;

	*sum = (struct sum){.all = 0};
	read_all(path, &a);
	read_texts(&texts);
	assert_true(texts.n + MADE >= 500);
	for (i = 0; i < texts.n; i++)
		check(d, &a, texts.v[i], INT64_MIN, INT64_MAX, sum);
	for (i = 0; i < MADE; i++) {
		make_text(text, sizeof(text));
		check(d, &a, text, INT64_MIN, INT64_MAX, sum);
	}
	check(d, &a, "", INT64_MIN, INT64_MAX, sum);
	for (i = 0; a.n && i < WINDOWS; i++) {
		int64_t from = a.v[rnd((uint32_t)a.n)].ts, to = from + rnd(2000000000);

		make_text(text, sizeof(text));
		check(d, &a, rnd(3) ? text : "", from, to, sum);
		check(d, &a, text, from, INT64_MAX, sum);
		check(d, &a, text, INT64_MIN, to, sum);
	}
	texts_done(&texts);
	all_done(&a);
	run_dir_free(d);
}

/* Frames at random, of which some came late. */
static void write_frames(const char *path, int64_t start, size_t n)
{
	FILE *f = cap_open(path);
	size_t i;

	for (i = 0; i < n; i++) {
		struct out o = {.n = 0};
		uint8_t h[16];
		uint32_t cap;
		int64_t ts = start + (int64_t)i * 7000000 - (rnd(20) ? 0 : rnd(3000)) * 1000000LL;

		put_frame(&o, LINKTYPE_ETHERNET);
		cap = rnd(12) ? (uint32_t)o.n : rnd((uint32_t)o.n + 1);
		le32_store(h, (uint32_t)(ts / SEC));
		le32_store(h + 4, (uint32_t)(ts % SEC));
		le32_store(h + 8, cap);
		le32_store(h + 12, (uint32_t)o.n);
		fwrite(h, sizeof(h), 1, f);
		fwrite(o.b, cap, 1, f);
	}
	fclose(f);
}

static char frames[96]; /* a capture */

static void make(const char *spec, const char *capture, struct make o)
{
	struct maker m;

	o.spec = spec;
	o.capture = capture;
	o.path = o.path ? o.path : frames;
	o.raw_limit = o.raw_limit ? o.raw_limit : UINT64_MAX;
	make_store(&m, &o, NULL);
}

static void test_finished(void **state)
{
	struct sum sum;
	char spec[128];
	const char *path = new_store(spec);

	(void)state;
	make(spec, "c", (struct make){0});
	check_dir(path, &sum);
	/* what is not left out shows nothing */
	assert_true(sum.s.never > sum.s.flows / 4);
	assert_true(sum.s.tested < sum.all * 3 / 4);
	assert_true(sum.s.packets > sum.all / 100);
	assert_int_equal(sum.s.scanned, 0);

	path = new_store(spec);
	make(spec, "c", (struct make){.shards = 3, .segment_size = 16384, .tick = 50});
	check_dir(path, &sum);
	assert_true(sum.s.without > 0 && sum.s.outside > 0);
	assert_true(sum.s.tested < sum.all * 3 / 4);
}

/* Killed ones without versions are read by time. */
static void test_killed(void **state)
{
	struct sum sum;
	char spec[128];
	const char *path = new_store(spec);

	(void)state;
	make(spec, "c", (struct make){.kill = true});
	check_dir(path, &sum);
	assert_true(sum.s.runs_by_time > 0 && sum.s.never == 0);

	path = new_store(spec);
	make(spec, "c", (struct make){.kill = true, .segment_size = 16384, .shards = 2});
	check_dir(path, &sum);
}

/* With versions as those that ended, but for flows of the last moments. */
static void test_killed_versions(void **state)
{
	struct sum sum;
	char spec[128];
	const char *path = new_store(spec);

	(void)state;
	make(spec, "c", (struct make){.kill = true, .update = 1});
	check_dir(path, &sum);
	assert_true(sum.s.never > sum.s.flows / 4);
	assert_true(sum.s.tested < sum.all * 3 / 4);
	assert_int_equal(sum.s.scanned, 0);

	path = new_store(spec);
	make(spec, "c",
	     (struct make){
		     .kill = true, .update = 1, .segment_size = 16384, .tick = 30, .shards = 2});
	check_dir(path, &sum);
	assert_true(sum.s.without > 0 && sum.s.never > 0);
}

/* A writer that is at it: there is no more than it has written. */
static void check_running(int64_t update, struct sum *sum)
{
	char spec[128];
	const char *path = new_store(spec);
	const struct make o = {.spec = spec,
			       .capture = "c",
			       .path = frames,
			       .raw_limit = UINT64_MAX,
			       .segment_size = 32768,
			       .tick = 40,
			       .update = update,
			       .kill = true,
			       .lock = true};
	struct maker m;

	make_store(&m, &o, NULL);
	check_dir(path, sum);
	assert_true(sum->s.packets > 0);
	store_stream_free(m.st[0]);
	store_close(m.store);
}

static void test_running(void **state)
{
	struct sum sum;

	(void)state;
	check_running(0, &sum);
	assert_true(sum.s.runs_by_time > 0 && sum.s.never == 0);
	check_running(1, &sum);
	assert_true(sum.s.never > sum.s.flows / 4);
}

/* Several captures and runs at once; what a limit left out is in no answer. */
static void test_many(void **state)
{
	char spec[128], other[96];
	struct sum sum;
	const char *path = new_store(spec);

	(void)state;
	snprintf(other, sizeof(other), "%s/other.pcap", dir);
	write_frames(other, START + 5 * SEC, FRAMES / 2);
	make(spec, "a", (struct make){.segment_size = 32768});
	make(spec, "b", (struct make){.kill = true, .path = other, .segment_size = 16384});
	make(spec, "c", (struct make){.path = TOUR, .shards = 2});
	make(spec, "d", (struct make){.path = other, .raw_limit = 2});
	check_dir(path, &sum);
	assert_true(sum.s.never > 0 && sum.s.runs_by_time > 0);
}

static void test_other_links(void **state)
{
	struct sum sum;
	char spec[128];
	const char *path = new_store(spec);

	(void)state;
	make(spec, "c", (struct make){.path = SOURCE_ROOT "/tests/filter/frames.pcapng"});
	check_dir(path, &sum);
}

/* Indexes that are gone, and rows that cannot be read, cost time and no packet. */
static void test_damaged(void **state)
{
	struct sum sum;
	char spec[128], pattern[256];
	const char *path = new_store(spec);
	glob_t g;
	size_t i;

	(void)state;
	make(spec, "c", (struct make){.segment_size = 32768});
	snprintf(pattern, sizeof(pattern), "%s/*/*/*.pidx", path);
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	assert_true(g.gl_pathc > 2);
	for (i = 0; i < g.gl_pathc; i += 2)
		assert_int_equal(unlink(g.gl_pathv[i]), 0);
	globfree(&g);
	check_dir(path, &sum);
	assert_true(sum.s.scanned > 0 && sum.s.never > 0);
}

static void test_files(void **state)
{
	const char *text[] = {"", "tcp", "port 53", "host 192.0.2.1 and not icmp", "vlan"};
	struct all a = {0};
	struct src *s;
	struct pkt p;
	size_t i;

	(void)state;
	assert_int_equal(src_open(&s, frames, NULL, NULL), 0);
	while (src_recv(s, &p, 1) == 1) {
		a.v = realloc(a.v, (a.n + 1) * sizeof(*a.v));
		a.v[a.n] = p;
		a.v[a.n].data = memcpy(malloc(p.caplen + 1), p.data, p.caplen);
		a.n++;
	}
	src_free(s);
	for (i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		const char *path = frames;
		const struct run_input in = {
			.paths = &path,
			.n_paths = 1,
			.filter = text[i],
			.from = START + SEC,
			.to = START + 6 * SEC,
			.threads = 1,
		};
		struct packets want = {0}, got = {0};
		struct past_stats stats;
		struct run_files *r;
		struct filter *f;
		struct err err;

		assert_int_equal(filter_new(&f, text[i], NULL), 0);
		assert_int_equal(run_files_new(&r, &in, &err), 0);
		assert_int_equal(past_files(r, take_packet, &got, &stats, &err), 0);
		brute(&a, f, in.from, in.to, &want);
		assert_int_equal(got.late, 0);
		assert_true(got.n > 0);
		assert_int_equal(stats.packets, got.n);
		same_packets(&want, &got, true);
		run_files_free(r);
		filter_free(f);
		free(want.v);
		free(got.v);
	}
	all_done(&a);
}

static int setup(void **state)
{
	(void)state;
	snprintf(frames, sizeof(frames), "%s/frames.pcap", dir);
	write_frames(frames, START, FRAMES);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_finished, setup),
		cmocka_unit_test_setup(test_killed, setup),
		cmocka_unit_test_setup(test_killed_versions, setup),
		cmocka_unit_test_setup(test_running, setup),
		cmocka_unit_test_setup(test_many, setup),
		cmocka_unit_test_setup(test_other_links, setup),
		cmocka_unit_test_setup(test_damaged, setup),
		cmocka_unit_test_setup(test_files, setup),
	};

	return RUN_ALL(tests);
}
