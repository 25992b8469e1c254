/* A folder of captures whose writer was killed, or whose files are torn or have other
 * bytes than they were written with. */
#include "run/dir.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/bytes.h"
#include "dir_check.h"
#include "file_spoil.h"
#include "fmt/jrn.h"
#include "run/past.h"

#define PACKETS 3000
#define TICK    50 /* packets between two ticks */
#define BEAT    4  /* ticks of a quarter second between two versions of a flow */

static void write_udp(const char *path, unsigned n)
{
	FILE *f = cap_open(path);
	unsigned i;

	for (i = 0; i < n; i++)
		cap_add_udp(f, (1000 + (int64_t)i) * 1000000000 + i, 1, (uint16_t)(1000 + i % 13),
			    2, (uint16_t)(i % 5));
	fclose(f);
}

/* Says over a pipe how far it is. */
static void tell(void *arg, uint64_t n)
{
	if (n % TICK == 0 && write(*(int *)arg, "", 1) != 1)
		_exit(1);
}

static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Starts a writer and kills it when it has said 'ticks' times how far it is. */
static void kill_writer(const char *spec, const char *path, unsigned ticks, uint64_t segment)
{
	int fds[2], status;
	char c;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		const struct make o = {.spec = spec,
				       .capture = "c",
				       .path = path,
				       .raw_limit = UINT64_MAX,
				       .tick = TICK,
				       .update = 1,
				       .segment_size = segment,
				       .each = tell,
				       .arg = &fds[1]};
		struct maker m;

		close(fds[0]);
		make_store(&m, &o, NULL);
		_exit(0);
	}
	close(fds[1]);
	while (ticks-- && read(fds[0], &c, 1) == 1)
		;
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fds[0]);
}

/* All packets of all rows. */
static void read_packets(struct run_dir *d, struct rows *r, struct packets *p)
{
	uint64_t *s;

	r->n = p->n = 0;
	scan(run_dir_ql(d), INT64_MIN, INT64_MAX, r);
	s = calloc(r->n + 1, sizeof(*s));
	all_serials(r, s);
	packets_of(run_dir_ql(d), s, r->n, NULL, p);
	free(s);
}

static void file_packets(const char *path, struct packets *p)
{
	struct run_files *f = open_files(path);
	struct rows r = {0};
	uint64_t *s;

	scan(run_files_ql(f), INT64_MIN, INT64_MAX, &r);
	s = calloc(r.n + 1, sizeof(*s));
	all_serials(&r, s);
	packets_of(run_files_ql(f), s, r.n, NULL, p);
	free(s);
	free(r.v);
	run_files_free(f);
}

static uint64_t sum_packets(const struct rows *r)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < r->n; i++)
		n += r->v[i].packets;
	return n;
}

/* What a killed writer has left, of which 'done' ticks are complete for sure. */
static void check_killed(struct run_dir *d, unsigned done, const struct packets *all)
{
	struct packets p = {0};
	struct past_stats stats;
	struct rows r = {0};
	struct err err;

	read_packets(d, &r, &p);
	/* Flows are told of as of the last beat, with all packets that were written. */
	assert_true(sum_packets(&r) >= done / BEAT * BEAT * TICK);
	assert_true(sum_packets(&r) <= PACKETS);
	assert_int_equal(sum_packets(&r) % (BEAT * TICK), 0);
	assert_true(r.n <= 65);
	assert_true(p.n >= (done < BEAT ? 0 : done * TICK));
	assert_true(p.n <= PACKETS);
	assert_memory_equal(p.v, all->v, p.n * sizeof(*p.v));
	/* unless it was over, or had not begun */
	assert_true(run_dir_stats(d)->incomplete || p.n == PACKETS || !p.n);
	/* Of packets alone all that are in the file, whether flows are known or not. */
	p.n = 0;
	assert_int_equal(past_dir(d, "", take_packet, &p, &stats, &err), 0);
	assert_true(p.n >= done * TICK && p.n <= PACKETS);
	assert_memory_equal(p.v, all->v, p.n * sizeof(*p.v));
	free(p.v);
	free(r.v);
}

/* What was ticked is there, nothing is invented, and the state is told. */
static void test_kill(void **state)
{
	struct packets all = {0};
	unsigned seed = 1, i;
	char spec[128], path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/kill.pcap", dir);
	write_udp(path, PACKETS);
	file_packets(path, &all);
	assert_int_equal(all.n, PACKETS);
	for (i = 0; i < 40; i++) {
		const char *store = new_store(spec);
		unsigned ticks = next_random(&seed) % (PACKETS / TICK);
		struct run_dir *d;

		assert_int_equal(mkdir(store, 0700), 0);
		kill_writer(spec, path, ticks, i % 2 ? 20000 : 0);
		d = open_dir(store);
		/* it says so when a tick is over */
		check_killed(d, ticks, &all);
		run_dir_free(d);
	}
	free(all.v);
}

struct spoilt {
	char spec[128];
	const char *store;
	struct file file;
	struct packets all, got;
	struct rows rows, now;
	struct run_dir *d;
};

static void spoilt_init(struct spoilt *s, const char *end)
{
	struct make o = {.capture = "c", .path = TOUR, .raw_limit = UINT64_MAX};
	struct maker m;

	/* Rows that are worked out again are the only versions. */
	*s = (struct spoilt){.rows.skip_updates = true, .now.skip_updates = true};
	s->store = new_store(s->spec);
	o.spec = s->spec;
	if (strcmp(end, ".jrn") == 0) {
		o.segment_size = 8192;
		o.tick = 3;
		o.update = 1;
	}
	make_store(&m, &o, NULL);
	s->d = open_dir(s->store);
	read_packets(s->d, &s->rows, &s->all);
	assert_int_equal(s->all.n, 72); /* capinfos -c tour.pcap */
	qsort(s->rows.v, s->rows.n, sizeof(*s->rows.v), by_uuid);
	run_dir_free(s->d);
	file_find(&s->file, s->store, end);
}

static void spoilt_read(struct spoilt *s)
{
	s->d = open_dir(s->store);
	read_packets(s->d, &s->now, &s->got);
	if (s->now.n)
		qsort(s->now.v, s->now.n, sizeof(*s->now.v), by_uuid);
}

static void spoilt_done(struct spoilt *s)
{
	free(s->file.p);
	free(s->all.v);
	free(s->got.v);
	free(s->rows.v);
	free(s->now.v);
}

static void all_there(struct spoilt *s)
{
	assert_int_equal(s->got.n, s->all.n);
	assert_memory_equal(s->got.v, s->all.v, s->all.n * sizeof(*s->all.v));
}

/* Without its index, or with a spoilt one, a segment gives the same packets. */
static void test_index(void **state)
{
	struct spoilt s;
	size_t i;

	(void)state;
	spoilt_init(&s, ".pidx");
	for (i = 0; i < s.file.n; i++) {
		file_write(&s.file, i);
		spoilt_read(&s);
		all_there(&s);
		assert_false(
			run_dir_stats(s.d)->incomplete); /* nothing is missing, but it is said */
		assert_true(has_remark(s.d, "the index of segment 1 is missing or damaged"));
		run_dir_free(s.d);
	}
	for (i = 0; i < s.file.n; i++) {
		s.file.p[i] ^= (uint8_t)(1 << i % 8);
		file_write(&s.file, s.file.n);
		s.file.p[i] ^= (uint8_t)(1 << i % 8);
		spoilt_read(&s);
		all_there(&s);
		run_dir_free(s.d);
	}
	assert_int_equal(unlink(s.file.path), 0);
	spoilt_read(&s);
	all_there(&s);
	run_dir_free(s.d);
	spoilt_done(&s);
}

/* A packet is given as it was, or not at all. */
static void check_subset(struct spoilt *s)
{
	size_t i, k;

	for (i = k = 0; i < s->got.n; i++, k++) {
		while (k < s->all.n && memcmp(&s->all.v[k], &s->got.v[i], sizeof(*s->got.v)) != 0)
			k++;
		assert_true(k < s->all.n);
	}
	assert_true(s->got.n == s->all.n || run_dir_stats(s->d)->incomplete);
}

static void test_segment_cut(void **state)
{
	struct spoilt s;
	size_t i;

	(void)state;
	spoilt_init(&s, ".pcapng");
	for (i = 0; i < s.file.n; i += 37) {
		file_write(&s.file, i);
		spoilt_read(&s);
		check_subset(&s);
		assert_int_equal(s.now.n, s.rows.n); /* rows are elsewhere */
		run_dir_free(s.d);
	}
	assert_int_equal(unlink(s.file.path), 0);
	spoilt_read(&s);
	assert_int_equal(s.got.n, 0);
	assert_true(run_dir_stats(s.d)->incomplete);
	run_dir_free(s.d);
	spoilt_done(&s);
}

/* Packets carry no checksum: what is spoilt in a frame is given as it is.  But there
 * are never more of them, and those of other blocks are as they were. */
static void test_segment_bits(void **state)
{
	struct spoilt s;
	size_t i;

	(void)state;
	spoilt_init(&s, ".pcapng");
	for (i = 0; i < s.file.n; i += 23) {
		size_t k, same = 0, at = 0;

		s.file.p[i] ^= 0x10;
		file_write(&s.file, s.file.n);
		s.file.p[i] ^= 0x10;
		spoilt_read(&s);
		assert_true(s.got.n <= s.all.n);
		for (k = 0; k < s.got.n; k++) {
			for (at = 0; at < s.all.n &&
				     memcmp(&s.all.v[at], &s.got.v[k], sizeof(*s.all.v)) != 0;)
				at++;
			same += at < s.all.n;
		}
		/* the section's head or an interface may be what is spoilt */
		assert_true(same + 1 >= s.all.n || i < 200);
		run_dir_free(s.d);
	}
	spoilt_done(&s);
}

static bool is_row(const struct rows *all, const struct row *r)
{
	const struct row *found = all->n ? bsearch(r, all->v, all->n, sizeof(*r), by_uuid) : NULL;

	return found && found->hash == r->hash;
}

/* Where the last record of a kind ends: docs/formats.md, records. */
static size_t end_of(const struct file *f, uint32_t kind)
{
	size_t at, ret = 0;

	for (at = 8; at + 12 <= f->n; at += 12 + le32_load(f->p + at + 4))
		if (le32_load(f->p + at) == kind)
			ret = at + 12 + le32_load(f->p + at + 4);
	assert_int_equal(at, f->n);
	return ret;
}

/* A journal that lost its end is one of a run that was killed.  As long as it tells of the rows
 * they are there with their packets. */
static void test_journal(void **state)
{
	struct spoilt s;
	size_t i, k, rows;

	(void)state;
	spoilt_init(&s, ".jrn");
	rows = end_of(&s.file, JRN_BLOCK);
	assert_true(rows > 8 && rows < s.file.n);
	for (i = 0; i < s.file.n; i += 3) {
		file_write(&s.file, i);
		spoilt_read(&s);
		check_subset(&s);
		for (k = 0; k < s.now.n; k++)
			assert_true(is_row(&s.rows, &s.now.v[k]));
		if (i >= rows) {
			assert_int_equal(s.now.n, s.rows.n);
			all_there(&s);
		}
		run_dir_free(s.d);
	}
	for (i = 0; i < s.file.n; i += 3) {
		s.file.p[i] ^= (uint8_t)(1 << i % 8);
		file_write(&s.file, s.file.n);
		s.file.p[i] ^= (uint8_t)(1 << i % 8);
		spoilt_read(&s);
		check_subset(&s);
		for (k = 0; k < s.now.n; k++)
			assert_true(is_row(&s.rows, &s.now.v[k]) || run_dir_stats(s.d)->incomplete);
		assert_true(s.now.n == s.rows.n || run_dir_stats(s.d)->incomplete);
		run_dir_free(s.d);
	}
	spoilt_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kill),        cmocka_unit_test(test_index),
		cmocka_unit_test(test_segment_cut), cmocka_unit_test(test_segment_bits),
		cmocka_unit_test(test_journal),
	};

	return RUN_ALL(tests);
}
