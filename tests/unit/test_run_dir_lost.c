/* What a folder of captures does not have, and what it says of that.  Which packets a
 * limit lets in is worked out here from what -r gives for each flow. */
#include "run/dir.h"

#include <ftw.h>
#include <inttypes.h>

#include "base/clock.h"
#include "dir_check.h"

/* All of a source: rows by uuid, and the packets of each. */
struct all {
	struct rows rows;
	struct packets *of;
};

static void read_all(struct ql_src *s, struct all *ret)
{
	size_t i;

	scan(s, INT64_MIN, INT64_MAX, &ret->rows);
	qsort(ret->rows.v, ret->rows.n, sizeof(*ret->rows.v), by_uuid);
	ret->of = calloc(ret->rows.n + 1, sizeof(*ret->of));
	for (i = 0; i < ret->rows.n; i++)
		packets_of(s, &ret->rows.v[i].serial, 1, NULL, &ret->of[i]);
}

static void all_done(struct all *a)
{
	size_t i;

	for (i = 0; i < a->rows.n; i++)
		free(a->of[i].v);
	free(a->of);
	free(a->rows.v);
}

/* Whether a packet is among the first 'limit' of any flow. */
static bool is_kept(const struct all *a, const struct one *p, uint64_t limit)
{
	size_t i, k;

	for (i = 0; i < a->rows.n; i++)
		for (k = 0; k < a->of[i].n && k < limit; k++)
			if (memcmp(&a->of[i].v[k], p, sizeof(*p)) == 0)
				return true;
	return false;
}

static uint64_t serials_of(const struct rows *r, uint64_t **ret)
{
	*ret = calloc(r->n + 1, sizeof(**ret));
	all_serials(r, *ret);
	return r->n;
}

static void check_limit(uint64_t limit, unsigned shards)
{
	struct run_files *f = open_files(TOUR);
	struct all a = {0}, b = {0};
	uint64_t missing = 0;
	struct run_dir *d;
	struct maker m;
	char spec[128], text[64];
	const char *path = new_store(spec);
	const struct make o = {
		.spec = spec, .capture = "c", .path = TOUR, .raw_limit = limit, .shards = shards};
	struct packets p = {0};
	uint64_t *serials;
	size_t i, k, n;

	make_store(&m, &o, NULL);
	read_all(run_files_ql(f), &a);
	d = open_dir(path);
	read_all(run_dir_ql(d), &b);
	assert_int_equal(a.rows.n, b.rows.n);
	for (i = 0; i < a.rows.n; i++) {
		assert_memory_equal(a.rows.v[i].uuid, b.rows.v[i].uuid, 16);
		for (k = n = 0; k < a.of[i].n; k++) {
			if (!is_kept(&a, &a.of[i].v[k], limit))
				continue;
			assert_true(n < b.of[i].n);
			assert_memory_equal(&a.of[i].v[k], &b.of[i].v[n], sizeof(b.of[i].v[n]));
			n++;
		}
		assert_int_equal(b.of[i].n, n);
		assert_int_equal(b.rows.v[i].raw, n);
		missing += b.rows.v[i].packets - n;
	}
	/* Asked for all of them, it says how many there are not. */
	free(b.rows.v);
	b.rows = (struct rows){0};
	scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &b.rows);
	assert_false(run_dir_stats(d)->incomplete); /* flows alone are complete */
	n = serials_of(&b.rows, &serials);
	packets_of(run_dir_ql(d), serials, n, NULL, &p);
	snprintf(text, sizeof(text), "%" PRIu64 " packets of these flows", missing);
	assert_int_equal(has_note(d, text), missing > 0);
	assert_int_equal(run_dir_stats(d)->incomplete, missing > 0);
	free(serials);
	free(p.v);
	run_dir_free(d);
	run_files_free(f);
	all_done(&a);
	all_done(&b);
}

static void test_raw_limit(void **state)
{
	(void)state;
	check_limit(0, 1);
	check_limit(1, 1);
	check_limit(2, 2);
	check_limit(5, 1);
	check_limit(UINT64_MAX, 1);
}

/* Only the first bytes are kept, and the length on the wire is still known. */
static void test_keep(void **state)
{
	char spec[128];
	const char *path = new_store(spec);
	const struct make o = {
		.spec = spec, .capture = "c", .path = TOUR, .raw_limit = UINT64_MAX, .keep = 54};
	struct run_files *f = open_files(TOUR);
	struct packets x = {0}, y = {0};
	struct rows a = {0}, b = {0};
	struct run_dir *d;
	uint64_t *s;
	struct maker m;
	size_t i;

	(void)state;
	make_store(&m, &o, NULL);
	d = open_dir(path);
	scan(run_files_ql(f), INT64_MIN, INT64_MAX, &a);
	scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &b);
	serials_of(&a, &s);
	packets_of(run_files_ql(f), s, a.n, NULL, &x);
	free(s);
	serials_of(&b, &s);
	packets_of(run_dir_ql(d), s, b.n, NULL, &y);
	free(s);
	assert_int_equal(x.n, 72); /* capinfos -c tour.pcap */
	assert_int_equal(y.n, 72);
	for (i = 0; i < x.n; i++) {
		assert_int_equal(x.v[i].ts, y.v[i].ts);
		assert_int_equal(x.v[i].len, y.v[i].len);
		assert_int_equal(y.v[i].caplen, x.v[i].caplen < 54 ? x.v[i].caplen : 54);
	}
	run_dir_free(d);
	run_files_free(f);
	free(a.v);
	free(b.v);
	free(x.v);
	free(y.v);
}

/* Writes a capture of 'n' UDP packets, one each second from 'start'. */
static void write_udp(const char *path, int64_t start, unsigned n, uint8_t host)
{
	FILE *f = cap_open(path);
	unsigned i;

	for (i = 0; i < n; i++)
		cap_add_udp(f, start + i * SEC, host, (uint16_t)(1000 + i % 7), 9, 53);
	fclose(f);
}

/* Two captures that overlap, one twice: rows in the order of their starts, packets in the
 * order of time. */
static void test_merged(void **state)
{
	char spec[128], path[128];
	const char *store = new_store(spec);
	struct make o = {.spec = spec, .raw_limit = UINT64_MAX, .path = path};
	struct packets p = {0};
	struct rows r = {0};
	struct run_dir *d;
	struct maker m;
	uint64_t *s;
	size_t i;

	(void)state;
	snprintf(path, sizeof(path), "%s/udp.pcap", dir);
	o.capture = "one";
	write_udp(path, 1000 * SEC, 50, 1);
	make_store(&m, &o, NULL);
	o.capture = "two";
	write_udp(path, 1020 * SEC + 5, 50, 2);
	make_store(&m, &o, NULL);
	o.capture = "one";
	write_udp(path, 1060 * SEC, 50, 3);
	make_store(&m, &o, NULL);

	d = open_dir(store);
	scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &r);
	assert_int_equal(r.n, 21);
	for (i = 1; i < r.n; i++)
		assert_true(r.v[i - 1].start <= r.v[i].start);
	serials_of(&r, &s);
	packets_of(run_dir_ql(d), s, r.n, NULL, &p);
	assert_int_equal(p.n, 150);
	assert_int_equal(p.late, 0);
	assert_false(run_dir_stats(d)->incomplete);
	assert_true(
		has_remark(d, "'one' from 1970-01-01T00:16:40.000Z to 1970-01-01T00:17:29.000Z"));
	assert_true(
		has_remark(d, "'two' from 1970-01-01T00:17:00.000Z to 1970-01-01T00:17:49.000Z"));
	assert_true(
		has_remark(d, "'one' from 1970-01-01T00:17:40.000Z to 1970-01-01T00:18:29.000Z"));

	/* a filter, and no more than were asked for */
	p.n = 0;
	packets_of(run_dir_ql(d), s, r.n, "src host 10.0.0.2", &p);
	assert_int_equal(p.n, 50);
	p.n = 0;
	p.limit = 7;
	packets_of(run_dir_ql(d), s, r.n, NULL, &p);
	assert_int_equal(p.n, 7);
	p.limit = 0;

	/* windows: 10 s of which each second has one packet of both, both ends included */
	run_dir_range(d, 1030 * SEC, 1040 * SEC);
	r.n = p.n = 0;
	scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &r);
	assert_int_equal(r.n, 14);
	free(s);
	serials_of(&r, &s);
	packets_of(run_dir_ql(d), s, r.n, NULL, &p);
	assert_int_equal(p.n, 11 + 10);
	r.n = 0;
	run_dir_range(d, 5000 * SEC, INT64_MAX);
	scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &r);
	assert_int_equal(r.n, 0);
	assert_false(run_dir_stats(d)->incomplete);
	assert_true(has_remark(d, "nothing was held at that time"));
	assert_true(has_remark(d, "end at 1970-01-01T00:18:29.000Z"));
	free(s);
	free(r.v);
	free(p.v);
	run_dir_free(d);
}

/* One that was killed and began again missed what came in between; one that ended and
 * began again did what it was told. */
static void test_restart(void **state)
{
	char spec[128], path[128];
	const char *store;
	struct make o = {.spec = spec, .raw_limit = UINT64_MAX, .path = path, .capture = "c"};
	struct rows r = {0};
	struct run_dir *d;
	struct maker m;
	int i;

	(void)state;
	snprintf(path, sizeof(path), "%s/udp.pcap", dir);
	for (i = 0; i < 2; i++) {
		store = new_store(spec);
		write_udp(path, 1000 * SEC, 10, 1);
		o.kill = i == 0;
		o.update = i == 0;
		make_store(&m, &o, NULL);
		write_udp(path, 2000 * SEC, 10, 1);
		o.kill = false;
		make_store(&m, &o, NULL);
		d = open_dir(store);
		r.n = 0;
		scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &r);
		assert_int_equal(r.n, 14);
		assert_int_equal(has_note(d,
					  "nothing was captured between 1970-01-01T00:16:50.000Z, "
					  "when it was killed, and 1970-01-01T00:33:20.000Z"),
				 i == 0);
		assert_int_equal(run_dir_stats(d)->incomplete, i == 0);
		assert_true(has_remark(d, "'c' from 1970-01-01T00:33:20.000Z to "
					  "1970-01-01T00:33:29.000Z"));
		/* asked for what came later, the kill does not matter */
		run_dir_range(d, 2005 * SEC, INT64_MAX);
		scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &r);
		assert_false(run_dir_stats(d)->incomplete);
		run_dir_free(d);
	}
	free(r.v);
}

static void test_nothing(void **state)
{
	char spec[128], path[128];
	const char *store = new_store(spec);
	const struct make o = {
		.spec = spec, .capture = "c", .path = path, .start = 77 * SEC, .raw_limit = 1};
	struct rows r = {0};
	struct run_dir *d;
	struct maker m;

	(void)state;
	snprintf(path, sizeof(path), "%s/empty.pcap", dir);
	fclose(cap_open(path));
	make_store(&m, &o, NULL);
	d = open_dir(store);
	scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &r);
	assert_int_equal(r.n, 0);
	assert_false(run_dir_stats(d)->incomplete);
	assert_true(has_remark(d, "held: capture 'c' from 1970-01-01T00:01:17.000Z"));
	run_dir_free(d);

	d = open_dir(dir); /* captures in captures: not those of a store */
	scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &r);
	assert_int_equal(r.n, 0);
	assert_true(has_remark(d, "nothing is held here"));
	run_dir_free(d);
}

/* A stream that somebody uses by hand. */
static struct store_stream *new_stream(struct store **ret, const char *spec,
				       const struct store_conf *conf, const char *capture)
{
	struct store_stream *st = NULL;
	struct err err = {0};

	if (store_open(ret, spec, conf, &err) < 0 ||
	    store_stream_new(*ret, capture, 0, 100 * SEC, &st, &err) < 0)
		fail_msg("%s", err.text);
	return st;
}

static void test_gaps(void **state)
{
	const struct store_conf conf = {.raw_limit = UINT64_MAX};
	const struct store_iface eth = {.name = "eth0", .linktype = 1};
	struct rows r = {0};
	struct buf json = BUF_INIT;
	struct store_stream *st = NULL;
	struct store *s;
	struct run_dir *d;
	struct err err = {0};
	char spec[128];
	const char *store = new_store(spec);

	(void)state;
	st = new_stream(&s, spec, &conf, "c");
	assert_int_equal(store_iface(st, &eth, &err), 0);
	assert_int_equal(store_gap(st, 0, 110 * SEC, 111 * SEC, STORE_WHY_RING, 7, &err), 0);
	assert_int_equal(store_gap(st, 0, 112 * SEC, 113 * SEC, STORE_WHY_RING, 8, &err), 0);
	assert_int_equal(store_gap(st, 0, 150 * SEC, 160 * SEC, STORE_WHY_AWAY, 0, &err), 0);
	assert_int_equal(
		store_gap(st, STORE_IFACE_ALL, 170 * SEC, 171 * SEC, STORE_WHY_LIMIT, 3, &err), 0);
	assert_int_equal(store_finish(st, 200 * SEC, NULL, 0, &err), 0);
	store_stream_free(st);
	store_close(s);

	d = open_dir(store);
	scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &r);
	assert_true(has_note(d, "15 packets missing between 1970-01-01T00:01:50.000Z and "
				"1970-01-01T00:01:53.000Z: the ring was full"));
	assert_true(has_note(d, "the interface was away"));
	assert_false(has_note(d, "the store was full")); /* flows are there all the same */
	run_dir_coverage(d, false, &json);
	assert_string_equal(
		buf_str(&json) + strlen("{\"complete\":false,\"held\":["),
		"{\"capture\":\"c\",\"shard\":0,\"from\":100000,\"to\":200000,\"state\":"
		"\"finished\",\"packets_kept\":0,\"packets_limited\":0,\"packets_dropped\":0}],"
		"\"gaps\":[{\"capture\":\"c\",\"interface\":\"eth0\",\"from\":110000,\"to\":111000,"
		"\"why\":\"ring\",\"packets\":7},{\"capture\":\"c\",\"interface\":\"eth0\","
		"\"from\":112000,\"to\":113000,\"why\":\"ring\",\"packets\":8},{\"capture\":\"c\","
		"\"interface\":\"eth0\",\"from\":150000,\"to\":160000,\"why\":\"away\"}],"
		"\"packets_missing\":0,\"notes\":["
		"\"capture 'c': 15 packets missing between 1970-01-01T00:01:50.000Z and "
		"1970-01-01T00:01:53.000Z: the ring was full\","
		"\"capture 'c': packets missing between 1970-01-01T00:02:30.000Z and "
		"1970-01-01T00:02:40.000Z: the interface was away\"]}");
	/* outside of what is asked for they do not matter */
	run_dir_range(d, 120 * SEC, 140 * SEC);
	scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &r);
	assert_false(run_dir_stats(d)->incomplete);
	buf_done(&json);
	run_dir_free(d);
}

static uint64_t used; /* nftw() passes nothing through */

static int add_size(const char *path, const struct stat *st, int kind, struct FTW *w)
{
	(void)path, (void)w;
	used += kind == FTW_F ? (uint64_t)st->st_size : 0;
	return 0;
}

/* Bytes of all files below a folder. */
static uint64_t usage(const char *path)
{
	used = 0;
	assert_int_equal(nftw(path, add_size, 8, FTW_PHYS), 0);
	return used;
}

#define QUOTA   (UINT64_C(16) << 20) /* the least that there may be */
#define PACKETS 250000               /* of 92 bytes in a segment: 22 MiB */

static void below_quota(void *arg, uint64_t n)
{
	if (n % 10000 == 0)
		assert_true(usage(arg) <= QUOTA);
}

/* The store may hold so much and not more: the oldest packets go, of a run that goes on, too, and
 * it is said how many. */
static void test_quota(void **state)
{
	char spec[128], path[128], text[64];
	const char *store = new_store(spec);
	struct make o = {.spec = spec,
			 .capture = "c",
			 .path = path,
			 .raw_limit = UINT64_MAX,
			 .tick = 1000,
			 .quota = QUOTA,
			 .each = below_quota,
			 .arg = (void *)(uintptr_t)store};
	struct store_stream_stats st;
	struct packets p = {0};
	struct rows r = {0};
	struct run_dir *d;
	struct maker m;
	uint64_t *s;
	size_t i;

	(void)state;
	snprintf(path, sizeof(path), "%s/udp.pcap", dir);
	write_udp(path, SEC, PACKETS, 1);
	make_store(&m, &o, &st);
	assert_int_equal(st.failed, 0);
	assert_int_equal(st.total.kept, PACKETS);
	assert_true(usage(store) <= QUOTA);
	d = open_dir(store);
	scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &r);
	assert_false(run_dir_stats(d)->incomplete); /* rows are all there */
	serials_of(&r, &s);
	packets_of(run_dir_ql(d), s, r.n, NULL, &p);
	/* Those of the end are there, one each second without a gap. */
	assert_true(p.n > PACKETS / 4 && p.n < PACKETS * 3 / 4);
	for (i = 0; i < p.n; i++)
		assert_int_equal(p.v[i].ts, SEC * (int64_t)(1 + PACKETS - p.n + i));
	snprintf(text, sizeof(text), "%zu packets missing between 1970-01-01T00:00:01.000Z and ",
		 PACKETS - p.n);
	assert_true(has_note(d, text));
	assert_true(has_note(d, "removed by a limit, or by hand"));
	run_dir_free(d);
	free(s);
	free(p.v);
	free(r.v);
}

static void test_busy(void **state)
{
	const struct store_conf conf = {.raw_limit = UINT64_MAX};
	struct store_stream *st, *other;
	struct store *s;
	struct run_dir *d;
	struct rows r = {0};
	struct err err = {0};
	char spec[128], pid[32];
	const char *store = new_store(spec);

	(void)state;
	st = new_stream(&s, spec, &conf, "c");
	assert_int_equal(store_stream_new(s, "c", 0, 101 * SEC, &other, &err), -EBUSY);
	snprintf(pid, sizeof(pid), "process %d ", (int)getpid());
	assert_non_null(strstr(err.text, pid));
	/* another shard or capture is another stream */
	assert_int_equal(store_stream_new(s, "c", 1, 101 * SEC, &other, &err), 0);
	store_stream_free(other);
	assert_int_equal(store_stream_new(s, "d", 0, 101 * SEC, &other, &err), 0);
	store_stream_free(other);
	/* readers see that it runs */
	d = open_dir(store);
	run_dir_range(d, 100 * SEC, INT64_MAX);
	scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &r);
	assert_true(has_remark(d, "'c' from 1970-01-01T00:01:40.000Z to 1970-01-01T00:01:41.000Z, "
				  "and is running") ||
		    has_remark(d, "and is running"));
	run_dir_free(d);
	/* and once it has ended, the next one may begin */
	assert_int_equal(store_finish(st, 102 * SEC, NULL, 0, &err), 0);
	assert_int_equal(store_stream_new(s, "c", 0, 103 * SEC, &other, &err), 0);
	store_stream_free(other);
	store_stream_free(st);
	store_close(s);
}

/* No name leads out of the folder. */
static void test_names(void **state)
{
	static const char *const names[] = {"../../x",    ".hidden", "a b/c",
					    "\xc3\xa9\n", "..",      "%41"};
	char spec[128], path[160];
	const char *store = new_store(spec);
	struct make o = {.spec = spec, .path = path, .raw_limit = UINT64_MAX, .start = SEC};
	struct maker m;
	struct run_dir *d;
	struct rows r = {0};
	struct dirent *e;
	size_t i, n = 0;
	DIR *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/udp.pcap", dir);
	write_udp(path, SEC, 1, 1);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		o.capture = names[i];
		make_store(&m, &o, NULL);
	}
	f = opendir(store);
	while ((e = readdir(f)))
		n += e->d_name[0] != '.' && strcmp(e->d_name, "catalogue.sqlite") != 0;
	closedir(f);
	assert_int_equal(n, 6);
	d = open_dir(store);
	scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &r);
	assert_int_equal(r.n, 6);
	assert_true(has_remark(d, "capture '../../x'"));
	assert_true(has_remark(d, "capture '\xc3\xa9\\x0a'")); /* fit for a terminal */
	run_dir_free(d);
	free(r.v);
}

/* What is known of the clock is said with what is held, and is no fault of the answer. */
static void test_clock(void **state)
{
	const struct clock_state at[] = {
		{.ts = 100 * SEC, .sync = CLOCK_SYNCED, .max_error = 1500000},
		{.ts = 160 * SEC, .sync = CLOCK_SYNCED, .max_error = 2500000},
		{.ts = 170 * SEC,
		 .sync = CLOCK_SYNCED,
		 .max_error = 900000,
		 .step = -2500 * SEC / 1000},
	};
	struct buf json = BUF_INIT;
	struct rows r = {0};
	struct store_stream *st;
	struct run_dir *d;
	struct err err = {0};
	struct store *s;
	char spec[128];
	const char *path = new_store(spec);
	size_t i, k;

	(void)state;
	for (i = 0; i < 3; i++) { /* each capture knows one more of them */
		st = new_stream(&s, spec, &(struct store_conf){0},
				(const char *[]){"a", "b", "c"}[i]);
		for (k = 0; k <= i; k++)
			assert_int_equal(store_clock(st, &at[k], "tsc", &err), 0);
		assert_int_equal(store_finish(st, 200 * SEC, NULL, 0, &err), 0);
		store_stream_free(st);
		store_close(s);
	}
	d = open_dir(path);
	scan(run_dir_ql(d), INT64_MIN, INT64_MAX, &r);
	assert_true(has_remark(d, "'a' from 1970-01-01T00:01:40.000Z to 1970-01-01T00:03:20.000Z; "
				  "clock synchronised, at most 1.500 ms off"));
	assert_true(has_remark(d, "clock synchronised, at most 2.500 ms off"));
	assert_true(has_remark(d,
			       "capture 'c': the clock was set 1 time, by as much as -2.500 s at "
			       "1970-01-01T00:02:50.000Z"));
	assert_false(has_remark(d, "capture 'b': the clock was set"));
	assert_false(run_dir_stats(d)->incomplete);
	run_dir_coverage(d, false, &json);
	assert_non_null(
		strstr(buf_str(&json),
		       "\"clock\":{\"source\":\"tsc\",\"synchronised\":true,\"max_error_ns\":"
		       "2500000,\"steps\":[{\"at\":170000,\"by_ns\":-2500000000}]}"));
	assert_ptr_equal(strstr(buf_str(&json), "{\"complete\":true,"), buf_str(&json));
	buf_clear(&json);
	run_dir_coverage(d, true, &json); /* somebody did not take all of it */
	assert_ptr_equal(strstr(buf_str(&json), "{\"complete\":false,"), buf_str(&json));
	buf_done(&json);
	run_dir_free(d);
	free(r.v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_raw_limit), cmocka_unit_test(test_keep),
		cmocka_unit_test(test_merged),    cmocka_unit_test(test_restart),
		cmocka_unit_test(test_nothing),   cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_clock),     cmocka_unit_test(test_quota),
		cmocka_unit_test(test_busy),      cmocka_unit_test(test_names),
	};

	return RUN_ALL(tests);
}
