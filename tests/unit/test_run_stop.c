/* Files whose reading is stopped: whatever is asked then is answered from the same
 * packets, the first ones of the whole. */
#include "run/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/pkt.h"
#include "base/stop.h"
#include "flow/flow_schema.h"
#include "ql/ql_src_ops.h"
#include "run_make.h"

#define SEC     INT64_C(1000000000)
#define PACKETS 20000 /* of a file: more than six windows of the input */
#define FLOWS   10

static char dir[64], paths[3][96];
static const char *const all[] = {paths[0], paths[1], paths[2]};

/* Three files; the first two overlap, packet by packet. */
static int setup(void **state)
{
	int i, k;

	(void)state;
	if (!dir_make(dir))
		return -1;
	for (k = 0; k < 3; k++) {
		FILE *f;

		snprintf(paths[k], sizeof(paths[k]), "%s/%d.pcap", dir, k);
		f = cap_open(paths[k]);
		for (i = 0; i < PACKETS; i++)
			cap_add_udp(f,
				    (k == 2 ? 1000 : 1) * SEC + i * INT64_C(2000000) + k * 1000000,
				    1, (uint16_t)(1000 + i % FLOWS), 2, 53);
		fclose(f);
	}
	return 0;
}

static int teardown(void **state)
{
	int k;

	(void)state;
	for (k = 0; k < 3; k++)
		unlink(paths[k]);
	return rmdir(dir);
}

/* How the reading is stopped, at the first time that anybody asks. */
struct how {
	struct stop stop;
	bool by_answer; /* else 'stop' is raised, and seen when more is read */
	int asked;
};

static bool on_progress(void *arg, uint64_t done, uint64_t total)
{
	struct how *h = arg;

	assert_true(done <= total);
	h->asked++;
	if (!h->by_answer)
		stop_raise(&h->stop);
	return h->by_answer;
}

static struct run_files *open_files(struct how *h, size_t n, unsigned threads)
{
	const struct run_input in = {
		.paths = all,
		.n_paths = n,
		.from = INT64_MIN,
		.to = INT64_MAX,
		.keep_input = true,
		.threads = threads,
		.flow = {.idle = FLOW_IDLE_DEFAULT,
			 .hold = FLOW_HOLD_DEFAULT,
			 .max_memory = UINT64_C(64) << 20},
		.progress = h ? on_progress : NULL,
		.progress_arg = h,
		.stop = h ? &h->stop : NULL,
	};
	struct run_files *r;
	struct err err;

	assert_int_equal(run_files_new(&r, &in, &err), 0);
	return r;
}

struct rows {
	uint64_t n, packets, serials[FLOWS];
	int64_t last;
};

static int take_rows(void *arg, const struct batch *b)
{
	struct rows *t = arg;
	size_t i;

	for (i = 0; i < b->n; i++) {
		assert_true(t->n < FLOWS);
		t->serials[t->n++] = b->serial[i];
		t->packets += b->cols[FLOW_ab_packets]->v.u64[i];
		if (b->cols[FLOW_last]->v.i64[i] > t->last)
			t->last = b->cols[FLOW_last]->v.i64[i];
	}
	return 0;
}

static void scan(struct run_files *r, struct rows *ret)
{
	struct ql_scan req = {.from = INT64_MIN, .to = INT64_MAX};
	struct err err;

	*ret = (struct rows){0};
	field_set_add(&req.want, FLOW_ab_packets);
	field_set_add(&req.want, FLOW_last);
	assert_int_equal(run_files_ql(r)->ops->scan(run_files_ql(r), &req, take_rows, ret, &err),
			 0);
}

struct packets {
	uint64_t n;
	int64_t last;
};

static int take_packet(void *arg, const struct pkt *p, uint64_t serial)
{
	struct packets *t = arg;

	(void)serial;
	assert_true(p->ts >= t->last);
	t->last = p->ts;
	t->n++;
	return 0;
}

static void packets(struct run_files *r, const struct rows *rows, struct packets *ret)
{
	struct ql_src *q = run_files_ql(r);
	struct err err;

	*ret = (struct packets){0};
	assert_int_equal(q->ops->packets(q, rows->serials, rows->n, INT64_MIN, INT64_MAX, NULL,
					 take_packet, ret, &err),
			 0);
}

static void check_said(struct run_files *r)
{
	const struct run_stats *s = run_files_stats(r);

	assert_true(s->stopped);
	assert_true(s->incomplete);
	assert_int_equal(s->n_notes, 1);
	assert_string_equal(s->notes[0].text, "stopped before the end of the input");
}

/* Time of packet 'n' (from 1) of the first 'files' files, merged. */
static int64_t time_of(uint64_t n, size_t files)
{
	return SEC + (int64_t)(n - 1) * (files == 1 ? 2000000 : 1000000);
}

static void what_follows_a_stop_is_the_same(void **state)
{
	unsigned threads, by_answer;
	size_t files;

	(void)state;
	for (files = 1; files <= 3; files++) {
		for (threads = 1; threads <= 3; threads += 2) {
			for (by_answer = 0; by_answer <= 1; by_answer++) {
				struct how h = {.by_answer = by_answer};
				struct rows one, two;
				struct packets p;
				struct run_files *r;

				assert_int_equal(stop_init(&h.stop), 0);
				r = open_files(&h, files, threads);
				scan(r, &one);
				check_said(r);
				assert_int_equal(h.asked, 1);
				assert_true(one.packets > 0 && one.packets < PACKETS);
				assert_int_equal(one.last, time_of(one.packets, files));
				packets(r, &one, &p);
				check_said(r);
				assert_int_equal(p.n, one.packets);
				assert_int_equal(p.last, one.last);
				scan(r, &two);
				check_said(r);
				assert_int_equal(two.packets, one.packets);
				run_files_free(r);
				stop_done(&h.stop);
			}
		}
	}
}

static void the_present_is_where_it_was_stopped(void **state)
{
	unsigned by_answer;
	size_t files;

	(void)state;
	for (files = 1; files <= 3; files++) {
		for (by_answer = 0; by_answer <= 1; by_answer++) {
			struct how h = {.by_answer = by_answer};
			struct run_files *r;
			struct rows rows;
			struct err err;
			int64_t now;

			assert_int_equal(stop_init(&h.stop), 0);
			r = open_files(&h, files, 1);
			assert_int_equal(run_files_ql(r)->ops->now(run_files_ql(r), &now, &err), 0);
			check_said(r);
			scan(r, &rows);
			check_said(r);
			assert_true(rows.packets > 0 && rows.packets < PACKETS);
			assert_int_equal(rows.last, now);
			assert_int_equal(now, time_of(rows.packets, files));
			run_files_free(r);
			stop_done(&h.stop);
		}
	}
}

static void nothing_is_read_after_a_stop(void **state)
{
	size_t files;

	(void)state;
	for (files = 1; files <= 2; files++) {
		struct how h = {0};
		struct run_files *r;
		struct packets p;
		struct rows rows;
		struct err err;
		int64_t now = 1;

		assert_int_equal(stop_init(&h.stop), 0);
		stop_raise(&h.stop);
		r = open_files(&h, files, 1);
		scan(r, &rows);
		check_said(r);
		assert_int_equal(rows.n, 0);
		assert_int_equal(run_files_stats(r)->bytes_read, 0);
		packets(r, &rows, &p);
		assert_int_equal(p.n, 0);
		check_said(r);
		assert_int_equal(run_files_ql(r)->ops->now(run_files_ql(r), &now, &err), 0);
		assert_int_equal(now, 0);
		run_files_free(r);
		stop_done(&h.stop);
	}
}

/* One reading tells both ends; the first packet in the file is not the earliest. */
static void the_present_tells_the_past(void **state)
{
	struct run_files *r;
	struct stat st;
	struct err err;
	int64_t now;
	FILE *f;
	int i;

	(void)state;
	f = cap_open(paths[0]);
	cap_add_udp(f, 5 * SEC, 1, 1000, 2, 53);
	cap_add_udp(f, 3 * SEC, 1, 1000, 2, 53);
	cap_add_udp(f, 9 * SEC, 1, 1000, 2, 53);
	cap_add_udp(f, 4 * SEC, 1, 1000, 2, 53);
	fclose(f);
	assert_int_equal(stat(paths[0], &st), 0);
	r = open_files(NULL, 1, 1);
	for (i = 0; i < 2; i++) {
		assert_int_equal(run_files_ql(r)->ops->now(run_files_ql(r), &now, &err), 0);
		assert_int_equal(now, 9 * SEC);
		assert_int_equal(run_files_stats(r)->first, 3 * SEC);
		assert_int_equal(run_files_stats(r)->last, 9 * SEC);
		assert_int_equal(run_files_stats(r)->bytes_read, st.st_size);
	}
	run_files_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_follows_a_stop_is_the_same),
		cmocka_unit_test(the_present_is_where_it_was_stopped),
		cmocka_unit_test(nothing_is_read_after_a_stop),
		cmocka_unit_test(the_present_tells_the_past), /* writes a file anew: last */
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
