/* What of a store's directory goes, and when.  The expected names are counted by hand from the
 * rules in retain.h. */
#include "store/retain.h"

#include "retain_place.h"

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
	assert_non_null(strstr(err.text, "has 52428800 bytes that are not the store's"));
	assert_null(r);
	c.quota = 1 * MIB;
	assert_int_equal(retain_new(&r, &c, at(60), &err), -EINVAL);
	assert_non_null(strstr(err.text, "a quota of 1048576 bytes is too small: 16 MiB"));
	c.quota = 66 * MIB; /* 16 are left: enough for two, not for three */
	c.writers = 3;
	assert_int_equal(retain_new(&r, &c, at(60), &err), -EDQUOT);
	assert_null(r);
	expect(&p, "");
	c.writers = 2;
	r = start(&c, at(60));
	assert_int_equal(retain_segment(r), 1 * MIB);
	assert_true(stats_of(r).used <= 66 * MIB);
	end(r, &p);
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
	assert_int_equal(stats_of(r).packets.bytes, 5 * MIB);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),       cmocka_unit_test(test_start_above),
		cmocka_unit_test(test_own),        cmocka_unit_test(test_age),
		cmocka_unit_test(test_age_unsure),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
