/* What keeps a store's files from going: a disk that is full of other things or refuses, and
 * runs that somebody writes. */
#include "store/retain.h"

#include "retain_place.h"

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

/* The file system that the test is on has something free, and not all that there is. */
static void test_real_space(void **state)
{
	static const struct {
		uint64_t bytes;
		unsigned percent;
		int expect;
	} t[] = {{1, 0, 0}, {UINT64_C(1) << 62, 0, -ENOSPC}, {0, 101, -ENOSPC}};
	struct place p;
	struct retain_conf c;
	struct retain *r;

	(void)state;
	make_place(&p);
	c = conf_of(&p);
	c.space = NULL;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		c.min_free = t[i].bytes;
		c.min_free_percent = t[i].percent;
		r = start(&c, at(0));
		retain_work(r, at(0));
		assert_int_equal(stats_of(r).crowded, t[i].expect < 0);
		assert_int_equal(retain_other(r, 1), t[i].expect);
		retain_free(r);
	}
	close(p.fd);
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
	assert_int_equal(stats_of(r).unremoved, 1);
	assert_string_equal(stats_of(r).failed_name, N("1", "000001", ".pidx"));
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
	assert_int_equal(stats_of(r).unremoved, 1);
	assert_int_equal(stats_of(r).used, 119 * MIB);
	expect(&p, "");
	p.refuse = NULL;
	t.mono += 60 * SEC;
	retain_work(r, t);
	expect(&p, N("1", "000001", ".pidx") " " N("1", "000002", ".pcapng") " ");
	assert_int_equal(stats_of(r).failed, 0);
	assert_int_equal(stats_of(r).unremoved, 0);
	assert_string_equal(stats_of(r).failed_name, "");
	assert_int_equal(stats_of(r).used, 108 * MIB);
	assert_int_equal(p.asked, 7);

	/* Nothing can be removed: one try is enough, though another run has something. */
	whole(r, &p, retain_run(r, "c/1/" RUN), RETAIN_FSEG, 1, "c/1/" RUN "-000001.fseg", 0);
	p.refuse = "/";
	p.code = -EROFS;
	assert_int_equal(retain_other(r, 14 * MIB), -EDQUOT);
	assert_int_equal(retain_other(r, 14 * MIB), -EDQUOT);
	assert_int_equal(retain_other(r, 13 * MIB), 0);
	retain_work(r, t);
	assert_int_equal(p.asked, 8);
	assert_int_equal(stats_of(r).unremoved, 1);
	assert_int_equal(stats_of(r).failed, -EROFS);
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
	assert_non_null(strstr(err.text, "'" N("1", "000004", ".pcapng") "' there cannot be "));
	assert_non_null(strstr(err.text, "removed: Read-only file system"));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segment_size), cmocka_unit_test(test_min_free),
		cmocka_unit_test(test_real_space),   cmocka_unit_test(test_failing),
		cmocka_unit_test(test_running),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
