/* What of a store's directory goes, and when.  Sizes are those of sparse files; the expected
 * names are counted by hand from the rules in retain.h. */
#include "store/retain.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store.h"

#define SEC  INT64_C(1000000000)
#define HOUR (3600 * SEC)
#define MIB  (UINT64_C(1) << 20)
#define RUN  "0000000000000001"
#define BASE INT64_C(1700000000) /* s; when things happen */

static char root[64];

/* A directory of its own for each test, and what happens in it. */
struct place {
	char path[128];
	int fd;
	struct store_files files;
	char gone[4096];    /* names that were removed, each with a blank behind it */
	const char *refuse; /* names with this in them are not removed, */
	int code;           /* but fail with it */
	unsigned asked, said, told;
	struct retain_removed last;
	uint64_t free, total;
	bool held; /* removing frees nothing */
};

static int place_unlink(void *arg, const char *name)
{
	struct place *p = arg;
	struct stat st;
	size_t n = strlen(p->gone);

	p->asked++;
	if (p->refuse && strstr(name, p->refuse))
		return p->code;
	if (fstatat(p->fd, name, &st, 0) < 0 || unlinkat(p->fd, name, 0) < 0)
		return -errno;
	p->free += p->held ? 0 : (uint64_t)st.st_size;
	snprintf(p->gone + n, sizeof(p->gone) - n, "%s ", name);
	return 0;
}

static void place_removed(void *arg, const struct retain_removed *what)
{
	struct place *p = arg;

	p->told++;
	p->last = *what;
	p->last.run = NULL;
}

static void place_failed(void *arg, const char *name, int code)
{
	struct place *p = arg;

	assert_non_null(strstr(name, p->refuse));
	assert_int_equal(code, p->code);
	p->said++;
}

static int place_space(void *arg, uint64_t *ret_free, uint64_t *ret_total)
{
	struct place *p = arg;

	*ret_free = p->free;
	*ret_total = p->total;
	return 0;
}

static void make_place(struct place *p)
{
	static int n;

	memset(p, 0, sizeof(*p));
	snprintf(p->path, sizeof(p->path), "%s/%d", root, ++n);
	assert_int_equal(mkdir(p->path, 0700), 0);
	p->fd = open(p->path, O_RDONLY | O_DIRECTORY);
	assert_true(p->fd >= 0);
	assert_int_equal(mkdirat(p->fd, "c", 0700), 0);
	assert_int_equal(mkdirat(p->fd, "c/0", 0700), 0);
	assert_int_equal(mkdirat(p->fd, "c/1", 0700), 0);
	p->files = (struct store_files){.arg = p, .unlink = place_unlink};
}

static struct retain_conf conf_of(struct place *p)
{
	return (struct retain_conf){
		.dir_fd = p->fd,
		.path = p->path,
		.files = &p->files,
		.segment_size = 64 * MIB,
		.clock_ok = true,
		.arg = p,
		.removed = place_removed,
		.failed = place_failed,
		.space = place_space,
	};
}

/* 'hour' after BASE. */
static void put(const struct place *p, const char *name, uint64_t size, int hour)
{
	struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = BASE + hour * 3600}};
	int fd = openat(p->fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(futimens(fd, t), 0);
	close(fd);
}

static struct retain_time at(int hour)
{
	return (struct retain_time){(BASE + hour * 3600) * SEC, 1000 * HOUR + hour * HOUR};
}

static struct retain *start(const struct retain_conf *c, struct retain_time now)
{
	struct retain *r = NULL;
	struct err err = {0};

	if (retain_new(&r, c, now, &err) < 0)
		fail_msg("%s", err.text);
	return r;
}

static struct retain_stats stats_of(struct retain *r)
{
	struct retain_stats s;

	retain_stats(r, &s);
	return s;
}

static void expect(struct place *p, const char *gone)
{
	assert_string_equal(p->gone, gone);
	p->gone[0] = '\0';
}

static void end(struct retain *r, struct place *p)
{
	retain_free(r);
	close(p->fd);
}

#define N(run, n, end) "c/0/000000000000000" run "-" n end

static void test_segment_size(void **state)
{
	static const struct {
		uint64_t quota, wanted, expect; /* 0: refused */
		unsigned writers;
	} t[] = {
		{0, 64 * MIB, 64 * MIB, 1},
		{16 * MIB, 64 * MIB, 2 * MIB, 1},
		{16 * MIB, 64 * MIB, 2 * MIB, 0},
		{16 * MIB, 64 * MIB, 1 * MIB, 2},
		{16 * MIB, 64 * MIB, 0, 3},
		{16 * MIB - 1, 64 * MIB, 0, 1},
		{1, 64 * MIB, 0, 1},
		{512 * MIB, 64 * MIB, 64 * MIB, 1},
		{512 * MIB - 8, 64 * MIB, 64 * MIB - 1, 1},
		{1024 * MIB, 3 * MIB, 3 * MIB, 4},
		{UINT64_MAX, 256 * MIB, 256 * MIB, 64},
	};
	uint64_t got;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct err err = {0};
		int r;

		got = 0;
		r = retain_segment_size(t[i].quota, t[i].wanted, t[i].writers, &got, &err);
		assert_int_equal(r, t[i].expect ? 0 : -EINVAL);
		assert_int_equal(got, t[i].expect);
		assert_int_equal(!*err.text, !!t[i].expect);
	}
}

/* What belongs to a store and what does not. */
static void test_list(void **state)
{
	static const char *const foreign[] = {
		"notes",
		"catalogue.sqlite",
		"c/" RUN ".jrn",
		"c/0/note",
		"c/0/" RUN "1.jrn",
		"c/0/000000000000000A.jrn",
		"c/0/" RUN "-00001.pcapng",
		"c/0/" RUN "-000000.pcapng",
		"c/0/" RUN "-0000001.pcapng",
		"c/0/" RUN "-4294967295.pcapng",
		"c/0/" RUN "-99999999999999999999999.pcapng",
		"c/0/" RUN "-000001.pcapng.bak",
		"c/0/" RUN "-000001.fseg.tmp",
		"c/0/" RUN "000001.fseg",
		"c/x/" RUN "-000001.pcapng",
		"c/0/0/" RUN "-000001.pcapng",
	};
	struct place p;
	struct retain *r;
	struct retain_stats s;
	struct retain_conf c;

	(void)state;
	make_place(&p);
	assert_int_equal(mkdirat(p.fd, "c/x", 0700), 0);
	assert_int_equal(mkdirat(p.fd, "c/0/0", 0700), 0);
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		put(&p, foreign[i], 1000, 0);
	put(&p, N("1", "000001", ".pcapng"), 10, 1);
	put(&p, N("1", "000001", ".pidx"), 20, 9);
	put(&p, N("1", "000001", ".pidx.tmp"), 30, 9);
	put(&p, N("1", "000001", ".refs"), 40, 9);
	put(&p, N("1", "4294967294", ".pcapng"), 50, 2);
	put(&p, N("1", "000002", ".pidx"), 60, 2);
	put(&p, N("1", "000001", ".fseg"), 100, 3);
	put(&p, N("1", "000017", ".rows"), 200, 3);
	put(&p, "c/0/" RUN ".jrn", 400, 3);
	assert_int_equal(symlinkat("/etc/passwd", p.fd, "c/0/0000000000000002.jrn"), 0);
	c = conf_of(&p);
	r = start(&c, at(10));
	s = stats_of(r);
	assert_int_equal(s.packets.files, 3);
	assert_int_equal(s.packets.bytes, 210);
	assert_int_equal(s.flows.files, 3);
	assert_int_equal(s.flows.bytes, 700);
	assert_int_equal(s.other, sizeof(foreign) / sizeof(foreign[0]) * 1000);
	assert_int_equal(s.used, s.other + 910);
	assert_int_equal(s.oldest_packets, (BASE + 3600) * SEC);
	assert_int_equal(s.oldest_flows, (BASE + 3 * 3600) * SEC);
	assert_int_equal(s.running, 0);
	assert_false(retain_work(r, at(100000))); /* no limits */
	expect(&p, "");
	end(r, &p);
}

/* 64 MiB; packets go first while they are more than 16, then what is oldest. */
static void test_start_above(void **state)
{
	struct place p;
	struct retain_conf c;
	struct retain *r;
	struct err err = {0};

	(void)state;
	make_place(&p);
	put(&p, "c/0/" RUN ".jrn", 1000, 50);
	put(&p, N("1", "000001", ".fseg"), 10 * MIB, 1);
	put(&p, N("1", "000017", ".fseg"), 30 * MIB, 4);
	put(&p, N("1", "000001", ".pcapng"), 10 * MIB, 2);
	put(&p, N("1", "000001", ".pidx"), 1 * MIB, 2);
	put(&p, N("1", "000002", ".pcapng"), 10 * MIB, 8);
	put(&p, "c/1/0000000000000001-000007.pcapng", 9 * MIB, 5);
	put(&p, "c/1/0000000000000001-000008.pcapng", 7 * MIB, 6);
	put(&p, "c/1/0000000000000001-000001.fseg", 20 * MIB, 3);
	/* 97 MiB and a little; 37 of packets.  After 11, 9 and 7 of them 10 are left, which
	 * is no more than 16: now the oldest, a flow segment. */
	c = conf_of(&p);
	c.quota = 64 * MIB;
	r = start(&c, at(60));
	expect(&p, N("1", "000001", ".pcapng") " " N(
			   "1", "000001", ".pidx") " "
						   "c/1/0000000000000001-000007.pcapng "
						   "c/1/0000000000000001-000008.pcapng " N(
							   "1", "000001", ".fseg") " ");
	assert_int_equal(stats_of(r).used, 60 * MIB + 1000);
	assert_int_equal(stats_of(r).removed_packets.files, 3);
	assert_int_equal(stats_of(r).removed_packets.bytes, 27 * MIB);
	assert_int_equal(stats_of(r).removed_flows.files, 1);
	assert_int_equal(p.told, 4);
	assert_int_equal(p.last.kind, RETAIN_FSEG);
	assert_int_equal(p.last.number, 1);
	assert_int_equal(p.last.why, RETAIN_WHY_QUOTA);
	/* 1/16 of 64 is kept free by work: nothing to do at 60 but for 1000 bytes. */
	assert_false(retain_work(r, at(60)));
	expect(&p, "c/1/0000000000000001-000001.fseg ");
	end(r, &p);

	/* What is not the store's is too much: nothing goes. */
	p.fd = open(p.path, O_RDONLY | O_DIRECTORY);
	put(&p, "big", 50 * MIB, 0);
	r = NULL;
	c = conf_of(&p);
	c.quota = 64 * MIB;
	assert_int_equal(retain_new(&r, &c, at(60), &err), -EDQUOT);
	assert_non_null(strstr(err.text, "leaves less than 16 MiB"));
	assert_null(r);
	expect(&p, "");
	close(p.fd);
}

static int64_t add(struct retain *r, int64_t run, enum retain_kind kind, uint32_t number)
{
	int64_t h = retain_add(r, run, kind, number);

	assert_true(h > 0);
	return h;
}

/* A file that is whole at once. */
static void whole(struct retain *r, struct place *p, int64_t run, enum retain_kind kind,
		  uint32_t number, const char *name, uint64_t size)
{
	int64_t h = add(r, run, kind, number);

	assert_int_equal(retain_reserve(r, h, size), 0);
	put(p, name, size, 0);
	retain_close(r, h, size, 0);
}

static void test_own(void **state)
{
	struct place p;
	struct retain_conf c;
	struct retain *r;
	int64_t run, jrn, seg, rows;

	(void)state;
	make_place(&p);
	put(&p, "c/0/0000000000000009-000003.fseg", 3 * MIB, 99); /* listed: before all of ours */
	c = conf_of(&p);
	c.quota = 16 * MIB;
	r = start(&c, at(0));
	assert_int_equal(retain_segment(r), 2 * MIB);
	assert_int_equal(retain_run(r, RUN), -EINVAL);
	assert_int_equal(retain_run(r, "c/0/" RUN "0"), -EINVAL);
	assert_int_equal(retain_run(r, "c/0/000000000000001"), -EINVAL);
	run = retain_run(r, "c/0/" RUN);
	assert_true(run > 0);
	jrn = add(r, run, RETAIN_JOURNAL, 0);
	put(&p, "c/0/" RUN ".jrn", 100, 0);
	assert_int_equal(retain_reserve(r, jrn, 1000), 0);
	seg = add(r, run, RETAIN_SEGMENT, 1);
	assert_int_equal(retain_reserve(r, seg, 17 * MIB), -EDQUOT); /* never, so nothing goes */
	expect(&p, "");
	assert_int_equal(retain_reserve(r, seg, 5 * MIB), 0);
	assert_int_equal(stats_of(r).used, 8 * MIB + 1000);
	retain_give_back(r, seg, MIB);
	assert_int_equal(stats_of(r).packets.bytes, 4 * MIB);
	put(&p, N("1", "000001", ".pcapng"), 3 * MIB, 0);
	retain_close(r, seg, 3 * MIB, MIB / 2);
	assert_int_equal(stats_of(r).used, 6 * MIB + MIB / 2 + 1000);
	assert_int_equal(stats_of(r).packets.bytes, 3 * MIB + MIB / 2);
	whole(r, &p, run, RETAIN_SEGMENT, 2, N("1", "000002", ".pcapng"), 2 * MIB);
	rows = add(r, run, RETAIN_ROWS, 1);
	assert_int_equal(retain_reserve(r, rows, 3 * MIB), 0);
	/* 11.5 MiB; packets are 5.5, more than 4: the first, then 2 are left: the flows. */
	assert_int_equal(retain_other(r, 7 * MIB), 0);
	expect(&p, N("1", "000001", ".pcapng") " ");
	assert_int_equal(p.last.number, 1);
	assert_int_equal(p.last.bytes, 3 * MIB + MIB / 2);
	assert_int_equal(retain_other(r, MIB), 0);
	expect(&p, "c/0/0000000000000009-000003.fseg ");
	retain_gone(r, rows);
	assert_int_equal(stats_of(r).flows.bytes, 1000);
	assert_int_equal(retain_other(r, -(int64_t)(9 * MIB)), 0); /* more than it had: all */
	assert_int_equal(stats_of(r).other, 0);
	assert_int_equal(stats_of(r).used, 2 * MIB + 1000);
	/* A journal that is open stays, closed it goes when all else is gone. */
	seg = add(r, run, RETAIN_SEGMENT, 3);
	assert_int_equal(retain_reserve(r, seg, 16 * MIB - 1000), 0);
	expect(&p, N("1", "000002", ".pcapng") " ");
	assert_int_equal(retain_reserve(r, seg, 1), -EDQUOT);
	retain_close(r, jrn, 100, 0);
	assert_int_equal(retain_reserve(r, seg, 900), 0);
	expect(&p, "");
	assert_int_equal(retain_reserve(r, seg, 1), -EDQUOT); /* the run's segment is there */
	retain_gone(r, seg);
	run = retain_run(r, "c/1/" RUN);
	seg = add(r, run, RETAIN_SEGMENT, 3);
	assert_int_equal(retain_reserve(r, seg, 16 * MIB), 0);
	expect(&p, "c/0/" RUN ".jrn ");
	assert_int_equal(stats_of(r).used, 16 * MIB);
	end(r, &p);
}

static void test_age(void **state)
{
	struct place p;
	struct retain_conf c;
	struct retain *r;
	struct retain_time t;

	(void)state;
	make_place(&p);
	put(&p, "c/0/" RUN ".jrn", 1, 30);
	put(&p, N("1", "000001", ".pcapng"), 1, 1);
	put(&p, N("1", "000002", ".pcapng"), 1, 20);
	put(&p, N("1", "000003", ".pcapng"), 1, -500); /* the clock was back: as 20 */
	put(&p, N("1", "000004", ".pcapng"), 1, 900);  /* and forward: as of the start, 30 */
	put(&p, N("1", "000001", ".fseg"), 1, 2);
	put(&p, N("1", "000009", ".rows"), 1, 30);
	c = conf_of(&p);
	c.keep_packets = 24 * HOUR;
	c.keep_flows = 90 * HOUR;
	r = start(&c, at(30));
	expect(&p, "");
	retain_work(r, at(30)); /* more than 24 hours: all before 6 */
	expect(&p, N("1", "000001", ".pcapng") " ");
	assert_int_equal(p.last.why, RETAIN_WHY_AGE);
	retain_work(r, at(44)); /* 24 hours are not more */
	expect(&p, "");
	t = at(44);
	t.wall += 10000 * HOUR; /* set forward: nothing */
	retain_work(r, t);
	expect(&p, "");
	t = at(45);
	t.wall -= 5 * HOUR; /* set back: five hours younger */
	retain_work(r, t);
	expect(&p, "");
	t = at(49);
	t.wall -= 5 * HOUR - 1; /* the 20th hour is over for 24 hours and a moment */
	retain_work(r, t);
	expect(&p, N("1", "000002", ".pcapng") " " N("1", "000003", ".pcapng") " ");
	t = at(54);
	t.wall = 0; /* as young as the process is */
	retain_work(r, t);
	expect(&p, "");
	t.mono += 1;
	retain_work(r, t);
	expect(&p, N("1", "000004", ".pcapng") " ");
	t = at(53); /* even that goes back: nothing */
	retain_work(r, t);
	retain_work(r, at(92));
	expect(&p, "");
	retain_work(r, at(93));
	expect(&p, N("1", "000001", ".fseg") " ");
	retain_work(r, at(121));
	expect(&p, N("1", "000009", ".rows") " c/0/" RUN ".jrn ");
	assert_int_equal(stats_of(r).used, 0);
	assert_int_equal(stats_of(r).removed_flows.files, 3);
	assert_int_equal(stats_of(r).oldest_flows, INT64_MAX);
	end(r, &p);
}

/* A clock that may be wrong removes nothing in the first minute; then what is there of this
 * process goes by the time it is there. */
static void test_age_unsure(void **state)
{
	struct place p;
	struct retain_conf c;
	struct retain *r;
	struct retain_time t = at(1000);

	(void)state;
	make_place(&p);
	put(&p, N("1", "000001", ".pcapng"), 1, 1);
	put(&p, N("2", "000001", ".pcapng"), 1, 990);
	c = conf_of(&p);
	c.keep_packets = 24 * HOUR;
	c.clock_ok = false;
	r = start(&c, t);
	t.mono += 59 * SEC;
	t.wall += 59 * SEC;
	retain_work(r, t);
	expect(&p, "");
	t.mono += SEC;
	t.wall = (BASE + 20 * 3600) * SEC; /* it was wrong */
	retain_work(r, t);
	expect(&p, "");
	t.wall = (BASE + 1000 * 3600) * SEC;
	whole(r, &p, retain_run(r, "c/1/" RUN), RETAIN_SEGMENT, 1, "c/1/" RUN "-000001.pcapng", 1);
	retain_work(r, t);
	expect(&p, N("1", "000001", ".pcapng") " ");
	t.mono += 24 * HOUR;
	t.wall = 0;
	retain_work(r, t); /* listed a minute before */
	expect(&p, N("2", "000001", ".pcapng") " ");
	t.mono += 1;
	retain_work(r, t);
	expect(&p, "c/1/" RUN "-000001.pcapng ");
	end(r, &p);
}

/* 10 segments of 10 MiB, one each hour. */
static void put_ten(const struct place *p)
{
	char name[64];

	for (int i = 1; i <= 10; i++) {
		snprintf(name, sizeof(name), "c/0/" RUN "-%06d.pcapng", i);
		put(p, name, 10 * MIB, i);
	}
}

static void test_min_free(void **state)
{
	struct place p;
	struct retain_conf c;
	struct retain *r;
	struct retain_time t = at(20);
	int64_t run, seg;

	(void)state;
	make_place(&p);
	put_ten(&p);
	c = conf_of(&p);
	c.min_free = 32 * MIB; /* 2 are kept in addition */
	c.min_free_percent = 1;
	p.free = 34 * MIB;
	p.total = 1000 * MIB;
	r = start(&c, t);
	retain_work(r, t);
	expect(&p, "");
	p.free -= 1; /* somebody writes */
	retain_work(r, t);
	expect(&p, N("1", "000001", ".pcapng") " ");
	assert_int_equal(p.last.why, RETAIN_WHY_FREE);
	assert_int_equal(p.free, 44 * MIB - 1);
	run = retain_run(r, "c/1/" RUN);
	seg = add(r, run, RETAIN_SEGMENT, 1);
	retain_work(r, t);
	assert_int_equal(retain_reserve(r, seg, 12 * MIB - 1), 0);
	expect(&p, "");
	p.free -= 12 * MIB - 1; /* written; exactly 32 MiB left */
	assert_int_equal(retain_reserve(r, seg, 1), 0);
	p.free -= 1;
	expect(&p, N("1", "000002", ".pcapng") " ");
	/* More than all that could go. */
	assert_int_equal(retain_reserve(r, seg, 90 * MIB), -ENOSPC);
	expect(&p, "");
	assert_false(stats_of(r).crowded);

	/* A reader has the files open: what was removed for it counts, for half a minute. */
	p.held = true;
	p.free = 25 * MIB;
	retain_work(r, t);
	expect(&p, N("1", "000003", ".pcapng") " ");
	retain_work(r, t);
	expect(&p, "");
	t.mono += 29 * SEC;
	retain_work(r, t);
	expect(&p, "");
	t.mono += SEC;
	retain_work(r, t);
	expect(&p, N("1", "000004", ".pcapng") " ");
	p.free += 20 * MIB; /* closed at last */
	p.held = false;
	retain_work(r, t);
	p.free = 33 * MIB;
	retain_work(r, t);
	expect(&p, N("1", "000005", ".pcapng") " ");

	/* Nothing that is ours would help. */
	p.free = 0;
	p.total = 10000 * MIB; /* of which 1 % is 100 MiB, and we have 50 */
	retain_work(r, t);
	expect(&p, "");
	assert_true(stats_of(r).crowded);
	assert_int_equal(retain_reserve(r, seg, 1), -ENOSPC);
	p.free = 200 * MIB;
	retain_work(r, t);
	assert_false(stats_of(r).crowded);
	assert_int_equal(retain_reserve(r, seg, 1), 0);
	expect(&p, "");
	end(r, &p);
}

static void test_failing(void **state)
{
	struct place p;
	struct retain_conf c;
	struct retain *r;
	struct retain_time t = at(20);
	struct err err = {0};

	(void)state;
	make_place(&p);
	put_ten(&p);
	put(&p, N("1", "000001", ".pidx"), 1 * MIB, 1);
	put(&p, "c/1/0000000000000002-000001.pcapng", 10 * MIB, 15);
	put(&p, "c/1/0000000000000002-000002.pcapng", 10 * MIB, 16);
	c = conf_of(&p);
	c.quota = 121 * MIB;
	r = start(&c, t);
	expect(&p, "");

	/* The index stays, so does all behind it; the other run goes on.  Tried once. */
	p.refuse = ".pidx";
	p.code = -EACCES;
	retain_work(r, t); /* to 15/16 of 121, a bit above 113 */
	expect(&p, N("1", "000001", ".pcapng") " ");
	assert_int_equal(stats_of(r).used, 111 * MIB);
	assert_int_equal(stats_of(r).failed, -EACCES);
	assert_int_equal(retain_other(r, 13 * MIB), 0);
	expect(&p, "c/1/0000000000000002-000001.pcapng ");
	assert_int_equal(stats_of(r).removed_packets.files, 1);
	assert_int_equal(stats_of(r).removed_packets.bytes, 20 * MIB);
	retain_work(r, t); /* 114 */
	expect(&p, "c/1/0000000000000002-000002.pcapng ");
	assert_int_equal(retain_other(r, 15 * MIB), 0); /* 119 */
	t.mono += 60 * SEC - 1;
	assert_false(retain_work(r, t));
	assert_int_equal(p.asked, 4);
	assert_int_equal(retain_other(r, 3 * MIB), -EDQUOT);
	t.mono += 1;
	retain_work(r, t);
	assert_int_equal(p.asked, 5);
	assert_int_equal(p.said, 1);
	assert_int_equal(stats_of(r).used, 119 * MIB);
	expect(&p, "");
	p.refuse = NULL;
	t.mono += 60 * SEC;
	retain_work(r, t);
	expect(&p, N("1", "000001", ".pidx") " " N("1", "000002", ".pcapng") " ");
	assert_int_equal(stats_of(r).failed, 0);
	assert_int_equal(stats_of(r).used, 108 * MIB);
	assert_int_equal(p.asked, 7);

	/* Nothing can be removed: one try is enough. */
	p.refuse = "/";
	p.code = -EROFS;
	assert_int_equal(retain_other(r, 14 * MIB), -EDQUOT);
	assert_int_equal(retain_other(r, 14 * MIB), -EDQUOT);
	assert_int_equal(retain_other(r, 13 * MIB), 0);
	retain_work(r, t);
	assert_int_equal(p.asked, 8);
	assert_int_equal(p.said, 2);
	assert_int_equal(stats_of(r).used, 121 * MIB);

	/* Somebody else was there: no longer counted, nor said to be removed by us. */
	p.refuse = NULL;
	assert_int_equal(unlinkat(p.fd, N("1", "000003", ".pcapng"), 0), 0);
	t.mono += 60 * SEC;
	retain_work(r, t);
	expect(&p, "");
	assert_int_equal(stats_of(r).used, 111 * MIB);
	assert_int_equal(stats_of(r).vanished, 1);
	assert_int_equal(stats_of(r).failed, 0);
	assert_int_equal(stats_of(r).removed_packets.files, 4);
	end(r, &p);

	/* From the beginning. */
	p.fd = open(p.path, O_RDONLY | O_DIRECTORY);
	p.refuse = "/";
	c = conf_of(&p);
	c.quota = 32 * MIB;
	r = NULL;
	assert_int_equal(retain_new(&r, &c, t, &err), -EDQUOT);
	assert_non_null(strstr(err.text, "cannot be removed: Read-only file system"));
	close(p.fd);
}

/* Runs that somebody else writes. */
static void test_running(void **state)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct place p;
	struct retain_conf c;
	struct retain *r;
	int fd;

	(void)state;
	make_place(&p);
	put(&p, "c/0/" RUN ".jrn", 1, 1);
	put(&p, N("1", "000002", ".pcapng"), 1, 1);
	put(&p, N("1", "000001", ".pcapng"), 1, 1);
	put(&p, N("1", "000003", ".pcapng"), 1, 1);
	put(&p, N("1", "000003", ".refs"), 1, 1);
	put(&p, N("1", "000001", ".fseg"), 1, 1);
	put(&p, N("1", "000017", ".fseg"), 1, 1);
	put(&p, N("1", "000030", ".rows"), 1, 1);
	put(&p, N("1", "000031", ".rows"), 1, 1);
	put(&p, "c/1/" RUN ".jrn", 1, 2);
	put(&p, "c/1/" RUN "-000001.pcapng", 1, 2);
	fd = openat(p.fd, "c/0/" RUN ".jrn", O_RDWR);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &l), 0);
	c = conf_of(&p);
	c.keep_packets = c.keep_flows = HOUR;
	r = start(&c, at(100));
	close(fd); /* it ends, which nobody can see any more */
	retain_work(r, at(100));
	expect(&p, N("1", "000001", ".pcapng") " " N(
			   "1", "000002", ".pcapng") " "
						     "c/1/" RUN "-000001.pcapng " N(
							     "1", "000001", ".fseg") " c/1/" RUN
										     ".jrn ");
	assert_int_equal(stats_of(r).running, 1);
	assert_int_equal(stats_of(r).used, 6);
	end(r, &p);

	p.fd = open(p.path, O_RDONLY | O_DIRECTORY);
	c = conf_of(&p);
	c.keep_packets = c.keep_flows = HOUR;
	r = start(&c, at(100));
	retain_work(r, at(100));
	expect(&p,
	       N("1", "000003", ".pcapng") " " N("1", "000003", ".refs") " " N(
		       "1", "000017", ".fseg") " " N("1", "000030",
						     ".rows") " " N("1", "000031",
								    ".rows") " c/0/" RUN ".jrn ");
	assert_int_equal(stats_of(r).used, 0);
	end(r, &p);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int make_root(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/trawl-retain-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
	(void)state;
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segment_size), cmocka_unit_test(test_list),
		cmocka_unit_test(test_start_above),  cmocka_unit_test(test_own),
		cmocka_unit_test(test_age),          cmocka_unit_test(test_age_unsure),
		cmocka_unit_test(test_min_free),     cmocka_unit_test(test_failing),
		cmocka_unit_test(test_running),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
