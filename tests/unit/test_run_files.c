/* Files through the whole pipeline.  Expected values are hand counts of the
 * packets that each test writes. */
#include "run/input.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "flow/flow_schema.h"
#include "ql/ql_src_ops.h"
#include "run_make.h"

#define SEC INT64_C(1000000000)

static char dir[64];

static const char *in_dir(const char *name)
{
	static char path[4][96];
	static int at;

	at = (at + 1) % 4;
	snprintf(path[at], sizeof(path[at]), "%s/%s", dir, name);
	return path[at];
}

static struct run_files *open_files(const char *const *paths, size_t n, const char *filter,
				    unsigned threads, uint64_t max_flows)
{
	const struct run_input in = {
		.paths = paths,
		.n_paths = n,
		.filter = filter,
		.from = INT64_MIN,
		.to = INT64_MAX,
		.threads = threads,
		.keep_input = true,
		.flow = {.idle = FLOW_IDLE_DEFAULT,
			 .hold = FLOW_HOLD_DEFAULT,
			 .max_flows = max_flows,
			 .max_memory = UINT64_C(64) << 20},
	};
	struct run_files *r;
	struct err err;

	if (run_files_new(&r, &in, &err) < 0) {
		print_error("%s\n", err.text);
		fail();
	}
	return r;
}

/* What came out: enough to compare whole answers. */
struct rows {
	uint64_t n, packets, bytes, hash;
	uint64_t serials[4096];
};

static int take_rows(void *arg, const struct batch *b)
{
	struct rows *t = arg;
	union val v;
	size_t i, f;

	for (i = 0; i < b->n; i++) {
		if (t->n < 4096)
			t->serials[t->n] = b->serial[i];
		t->n++;
		t->packets +=
			b->cols[FLOW_ab_packets]->v.u64[i] + b->cols[FLOW_ba_packets]->v.u64[i];
		t->bytes += b->cols[FLOW_ab_bytes]->v.u64[i] + b->cols[FLOW_ba_bytes]->v.u64[i];
		for (f = 0; f < FLOW_N_FIELDS; f++)
			if (col_get(b->cols[f], i, &v))
				t->hash = t->hash * 31 + f + val_hash(b->cols[f]->type, &v);
	}
	return 0;
}

static void scan(struct run_files *r, struct rows *ret)
{
	struct ql_scan req = {.from = INT64_MIN, .to = INT64_MAX};
	struct err err;
	size_t i;

	*ret = (struct rows){0};
	for (i = 0; i < FLOW_N_FIELDS; i++)
		field_set_add(&req.want, i);
	assert_int_equal(run_files_ql(r)->ops->scan(run_files_ql(r), &req, take_rows, ret, &err),
			 0);
}

struct packets {
	uint64_t n;
	int64_t ts[64];
	uint64_t serial[64];
};

static int take_packet(void *arg, const struct pkt *p, uint64_t serial)
{
	struct packets *t = arg;

	assert_int_equal(p->caplen, FRAME_SIZE);
	if (t->n < 64) {
		t->ts[t->n] = p->ts;
		t->serial[t->n] = serial;
	}
	t->n++;
	return 0;
}

/* 1000 packets of 100 flows, 10 ms apart. */
static void make_plain(const char *path)
{
	FILE *f = cap_open(path);
	int i;

	for (i = 0; i < 1000; i++)
		cap_add_udp(f, i * SEC / 100, (uint8_t)(i % 10), (uint16_t)(1000 + i % 100), 200,
			    53);
	fclose(f);
}

static void one_file(void **state)
{
	const char *path = in_dir("plain.pcap");
	struct run_files *r;
	struct rows t;

	(void)state;
	make_plain(path);
	r = open_files(&path, 1, NULL, 1, 0);
	scan(r, &t);
	assert_int_equal(t.n, 100);
	assert_int_equal(t.packets, 1000);
	assert_int_equal(t.bytes, 1000 * FRAME_SIZE);
	assert_int_equal(run_files_stats(r)->packets, 1000);
	assert_int_equal(run_files_stats(r)->last, 999 * SEC / 100);
	assert_false(run_files_stats(r)->incomplete);
	run_files_free(r);

	r = open_files(&path, 1, "port 1005", 1, 0);
	scan(r, &t);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.packets, 10);
	assert_int_equal(run_files_stats(r)->filtered, 990);
	run_files_free(r);
}

/* Enough packets for several windows of the input and many blocks. */
static void make_large(const char *path)
{
	FILE *f = cap_open(path);
	uint32_t x = 1;
	int i;

	for (i = 0; i < 60000; i++) {
		x = x * 1664525 + 1013904223;
		if (x >> 31)
			cap_add_udp(f, i * SEC / 50, x >> 8 & 15, x >> 12 & 31, x >> 17 & 15, 53);
		else
			cap_add_udp(f, i * SEC / 50, x >> 17 & 15, 53, x >> 8 & 15, x >> 12 & 31);
	}
	fclose(f);
}

static void threads_give_the_same(void **state)
{
	const char *path = in_dir("large.pcap");
	struct rows one, many;
	struct run_files *r;
	unsigned threads;

	(void)state;
	make_large(path);
	r = open_files(&path, 1, NULL, 1, 0);
	scan(r, &one);
	run_files_free(r);
	assert_int_equal(one.packets, 60000);
	for (threads = 2; threads <= 5; threads++) {
		r = open_files(&path, 1, NULL, threads, 0);
		scan(r, &many);
		run_files_free(r);
		assert_int_equal(many.n, one.n);
		assert_int_equal(many.hash, one.hash);
	}
}

static void full_tables_lose_nothing(void **state)
{
	const char *path = in_dir("large.pcap");
	struct run_files *r;
	struct rows t;
	unsigned threads;

	(void)state;
	make_large(path);
	for (threads = 1; threads <= 3; threads++) {
		r = open_files(&path, 1, NULL, threads, 600);
		scan(r, &t);
		assert_int_equal(t.packets, 60000);
		assert_true(run_files_stats(r)->evicted > 0);
		assert_true(run_files_stats(r)->incomplete);
		run_files_free(r);
	}
}

static void several_files_are_merged(void **state)
{
	const char *paths[3];
	struct run_files *r;
	struct packets got = {0};
	struct rows t;
	struct err err;
	FILE *f;
	int i;

	(void)state;
	/* Given in the wrong order; the first two overlap, the third follows. */
	paths[0] = in_dir("late.pcap");
	paths[1] = in_dir("odd.pcap");
	paths[2] = in_dir("even.pcap");
	f = cap_open(paths[0]);
	cap_add_udp(f, 100 * SEC, 1, 1000, 2, 53);
	fclose(f);
	f = cap_open(paths[1]);
	for (i = 1; i < 20; i += 2)
		cap_add_udp(f, i * SEC, 1, 1000, 2, 53);
	fclose(f);
	f = cap_open(paths[2]);
	for (i = 0; i < 20; i += 2)
		cap_add_udp(f, i * SEC, 2, 53, 1, 1000);
	fclose(f);

	for (i = 1; i <= 2; i++) {
		r = open_files(paths, 3, NULL, (unsigned)i, 0);
		scan(r, &t);
		assert_int_equal(t.n, 1); /* unnamed interfaces of one link type are one */
		assert_int_equal(t.packets, 21);
		got.n = 0;
		assert_int_equal(run_files_ql(r)->ops->packets(run_files_ql(r), t.serials, 1,
							       INT64_MIN, INT64_MAX, NULL,
							       take_packet, &got, &err),
				 0);
		assert_int_equal(got.n, 21);
		assert_int_equal(got.ts[0], 0);
		assert_int_equal(got.ts[7], 7 * SEC);
		assert_int_equal(got.ts[20], 100 * SEC);
		run_files_free(r);
	}
}

static void packets_of_chosen_flows(void **state)
{
	const char *path = in_dir("packets.pcap");
	struct packets got = {0};
	uint64_t second;
	struct run_files *r;
	struct ql_src *q;
	struct rows t;
	struct err err;
	FILE *f;

	(void)state;
	f = cap_open(path);
	cap_add_udp(f, 1 * SEC, 1, 1000, 2, 53);
	cap_add_udp(f, 2 * SEC, 1, 1001, 2, 53);
	cap_add_udp(f, 4 * SEC, 2, 53, 1, 1001);
	cap_add_udp(f, 3 * SEC, 1, 1001, 2, 53); /* not in time order */
	cap_add_udp(f, 5 * SEC, 1, 1000, 2, 53);
	fclose(f);
	r = open_files(&path, 1, NULL, 1, 0);
	q = run_files_ql(r);
	scan(r, &t);
	assert_int_equal(t.n, 2);
	second = t.serials[1];
	assert_int_equal(
		q->ops->packets(q, &second, 1, INT64_MIN, INT64_MAX, NULL, take_packet, &got, &err),
		0);
	assert_int_equal(got.n, 3);
	assert_int_equal(got.ts[0], 2 * SEC);
	assert_int_equal(got.ts[1], 3 * SEC);
	assert_int_equal(got.ts[2], 4 * SEC);
	assert_int_equal(got.serial[0], second);

	got.n = 0;
	assert_int_equal(q->ops->packets(q, &second, 1, 3 * SEC, INT64_MAX, "src port 53",
					 take_packet, &got, &err),
			 0);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.ts[0], 4 * SEC);
	run_files_free(r);
}

static int take_three(void *arg, const struct pkt *p, uint64_t serial)
{
	struct packets *t = arg;

	take_packet(arg, p, serial);
	return t->n == 3;
}

static void a_taker_can_have_enough_packets(void **state)
{
	const char *path = in_dir("large.pcap");
	struct packets got = {0};
	struct run_files *r;
	struct rows t;
	struct err err;
	unsigned threads;

	(void)state;
	make_large(path);
	for (threads = 1; threads <= 2; threads++) {
		r = open_files(&path, 1, NULL, threads, 0);
		scan(r, &t);
		got.n = 0;
		assert_int_equal(run_files_ql(r)->ops->packets(
					 run_files_ql(r), t.serials, t.n < 4096 ? t.n : 4096,
					 INT64_MIN, INT64_MAX, NULL, take_three, &got, &err),
				 0);
		assert_int_equal(got.n, 3);
		assert_false(run_files_stats(r)->incomplete);
		run_files_free(r);
	}
}

static void pipes_can_be_read_twice(void **state)
{
	const char *path = in_dir("fifo"), *plain = in_dir("plain.pcap");
	struct run_files *r;
	struct rows t;
	int64_t now;
	struct err err;
	pid_t child;

	(void)state;
	make_plain(plain);
	assert_int_equal(mkfifo(path, 0600), 0);
	child = fork();
	if (child == 0) {
		char buf[4096];
		int in = open(plain, O_RDONLY), out = open(path, O_WRONLY);
		ssize_t n;

		while ((n = read(in, buf, sizeof(buf))) > 0)
			if (write(out, buf, (size_t)n) != n)
				_exit(1);
		_exit(0);
	}
	r = open_files(&path, 1, NULL, 1, 0);
	assert_int_equal(run_files_ql(r)->ops->now(run_files_ql(r), &now, &err), 0);
	assert_int_equal(now, 999 * SEC / 100);
	scan(r, &t);
	assert_int_equal(t.packets, 1000);
	run_files_free(r);
	unlink(path);
}

static void damage_is_said_with_its_place(void **state)
{
	const char *path = in_dir("cut.pcap");
	struct run_files *r;
	struct rows t;

	(void)state;
	make_plain(path);
	assert_int_equal(truncate(path, 24 + 500 * (16 + FRAME_SIZE) + 20), 0);
	r = open_files(&path, 1, NULL, 2, 0);
	scan(r, &t);
	assert_int_equal(t.packets, 500);
	assert_true(run_files_stats(r)->incomplete);
	assert_int_equal(run_files_stats(r)->n_notes, 1);
	assert_non_null(strstr(run_files_stats(r)->notes[0].text, "cut.pcap"));
	assert_non_null(strstr(run_files_stats(r)->notes[0].text, "38024"));
	run_files_free(r);
}

static void what_is_no_input(void **state)
{
	static const struct {
		const char *path, *filter, *text;
		unsigned threads;
		uint64_t max_flows;
	} cases[] = {
		{"/nonexistent", NULL, "cannot open '/nonexistent': No such file or directory", 1},
		{"/nonexistent*", NULL, "no file matches '/nonexistent*'", 1},
		{"-", "port", "filter: ", 1},
		{"-", NULL, "threads must be 1 to 64", 65},
		{"-", NULL, "--max-flows: 255 is too few for 2 threads: each needs 128 at least", 2,
		 255},
		{"-", NULL, "--max-flows: 1 is too few for 1 thread: each needs 128 at least", 1,
		 1},
		{"/nonexistent", NULL, "cannot open", 2, 256},
	};
	struct run_input in = {.n_paths = 1, .from = INT64_MIN, .to = INT64_MAX};
	struct run_files *r = NULL;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		in.paths = &cases[i].path;
		in.filter = cases[i].filter;
		in.threads = cases[i].threads;
		in.flow.max_flows = cases[i].max_flows;
		assert_true(run_files_new(&r, &in, &err) < 0);
		assert_null(r);
		assert_memory_equal(err.text, cases[i].text, strlen(cases[i].text));
	}
}

static bool stop_at_once(void *arg, uint64_t done, uint64_t total)
{
	*(int *)arg += total >= done && total > 0;
	return true;
}

static void can_be_stopped(void **state)
{
	const char *path = in_dir("large.pcap");
	struct run_input in = {
		.paths = &path,
		.n_paths = 1,
		.from = INT64_MIN,
		.to = INT64_MAX,
		.threads = 1,
		.flow = {FLOW_IDLE_DEFAULT, FLOW_HOLD_DEFAULT, 0, UINT64_C(64) << 20, FLOW_KEY_L3},
		.progress = stop_at_once,
	};
	struct run_files *r;
	struct rows t;
	struct err err;
	int calls = 0;

	(void)state;
	make_large(path);
	in.progress_arg = &calls;
	assert_int_equal(run_files_new(&r, &in, &err), 0);
	scan(r, &t);
	assert_int_equal(calls, 1);
	assert_true(t.packets > 0 && t.packets < 60000); /* what was read is answered */
	assert_true(run_files_stats(r)->incomplete);
	run_files_free(r);
}

static int setup(void **state)
{
	(void)state;
	return dir_make(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = {"plain.pcap", "large.pcap",   "late.pcap", "odd.pcap",
					    "even.pcap",  "packets.pcap", "cut.pcap"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_dir(names[i]));
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_file),
		cmocka_unit_test(threads_give_the_same),
		cmocka_unit_test(full_tables_lose_nothing),
		cmocka_unit_test(several_files_are_merged),
		cmocka_unit_test(packets_of_chosen_flows),
		cmocka_unit_test(a_taker_can_have_enough_packets),
		cmocka_unit_test(pipes_can_be_read_twice),
		cmocka_unit_test(damage_is_said_with_its_place),
		cmocka_unit_test(what_is_no_input),
		cmocka_unit_test(can_be_stopped),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
