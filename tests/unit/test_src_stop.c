/* Sources that are told to stop while their pipe is still open.  What each
 * capture holds: captures.def, see test_src_file.c. */
#include "capture/src.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/stop.h"
#include "capture/src_file.h"

#define CAPTURES  SOURCE_ROOT "/tests/data/captures/"
#define PIPE_SIZE 65536 /* pipe(7) */
#define CUT_MAX   20

static const struct {
	const char *name;
	uint64_t packets, notes;
} captures[] = {
#define CAPTURE(name, packets, bytes, first_s, first_ns, last_s, last_ns, ifaces, notes)           \
	{name, packets, notes},
#include "captures.def"
#undef CAPTURE
};

/* A pipe that has the first bytes of a capture in it, all but 'cut'.  False: they are
 * too few, or do not fit. */
static bool fill(int p[2], const char *name, size_t cut)
{
	static char bytes[PIPE_SIZE];
	char path[512];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s%s", CAPTURES, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, bytes, sizeof(bytes));
	close(fd);
	if (n <= (ssize_t)cut || n == PIPE_SIZE)
		return false;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(write(p[1], bytes, (size_t)n - cut), n - (ssize_t)cut);
	return true;
}

static uint64_t read_on(struct src *s)
{
	uint64_t n = 0;
	struct pkt k[8];
	int r;

	while ((r = src_recv(s, k, 8)) > 0)
		n += (uint64_t)r;
	assert_int_equal(r, -ECANCELED);
	assert_int_equal(src_recv(s, k, 8), 0);
	return n;
}

static void check_clean(const struct src *s, const char *name)
{
	const struct src_note *notes;
	uint64_t total;
	size_t n;

	notes = src_notes(s, &n, &total);
	if (total)
		print_error("%s: %s\n", name, notes[0].text);
	assert_int_equal(total, 0);
	assert_false(src_meta(s).cut);
}

/* Whether nothing is wrong with it, and it goes on as long as its pipe does. */
static bool is_open(size_t i)
{
	return !captures[i].notes && strcmp(captures[i].name, "padded.pcap.gz") != 0;
}

/* Everything that came is given. */
static void test_whole(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(captures) / sizeof(captures[0]); i++) {
		CLEANUP(src_freep) struct src *s = NULL;
		struct stop stop;
		struct err err;
		int p[2];

		/* what has no magic number is known only at its end */
		if (!is_open(i) || strstr(captures[i].name, ".erf") ||
		    !fill(p, captures[i].name, 0))
			continue;
		assert_int_equal(stop_init(&stop), 0);
		assert_int_equal(src_file_new(&s, p[0], "x", RD_STEP, &stop, &err), 0);
		stop_raise(&stop);
		assert_int_equal(read_on(s), captures[i].packets);
		check_clean(s, captures[i].name);
		close(p[1]);
		stop_done(&stop);
	}
}

static void *raise_it(void *arg)
{
	stop_raise(arg);
	return NULL;
}

/* That the rest is missing is not the file's fault, wherever that begins.  The wish
 * comes at any time: everything here holds for all of them. */
static void test_cut(void **state)
{
	size_t i, cut;

	(void)state;
	for (i = 0; i < sizeof(captures) / sizeof(captures[0]); i++) {
		for (cut = 0; is_open(i) && cut <= CUT_MAX; cut++) {
			CLEANUP(src_freep) struct src *s = NULL;
			struct stop stop;
			struct err err;
			pthread_t t;
			int p[2], r;

			if (!fill(p, captures[i].name, cut))
				break;
			assert_int_equal(stop_init(&stop), 0);
			assert_int_equal(pthread_create(&t, NULL, raise_it, &stop), 0);
			r = src_file_new(&s, p[0], "x", RD_STEP, &stop, &err);
			assert_true(r == 0 || r == -ECANCELED);
			if (r == 0) {
				assert_true(read_on(s) <= captures[i].packets);
				check_clean(s, captures[i].name);
			}
			pthread_join(t, NULL);
			close(p[1]);
			stop_done(&stop);
		}
	}
}

/* So little came that what it is depends on what follows. */
static void test_unrecognised(void **state)
{
	static const char *const names[] = {"us_le.pcap", "two.pcap.gz", "blocks_le.pcapng"};
	size_t i, keep;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (keep = 0; keep < 20; keep++) {
			struct stop stop;
			struct src *s = NULL;
			struct err err = {0};
			char bytes[20];
			pthread_t t;
			int p[2];

			assert_true(fill(p, names[i], 0));
			assert_int_equal(read(p[0], bytes, keep), keep);
			close(p[0]);
			close(p[1]);
			assert_int_equal(pipe2(p, O_CLOEXEC), 0);
			assert_int_equal(write(p[1], bytes, keep), keep);
			assert_int_equal(stop_init(&stop), 0);
			assert_int_equal(pthread_create(&t, NULL, raise_it, &stop), 0);
			assert_int_equal(src_file_new(&s, p[0], "x", RD_STEP, &stop, &err),
					 -ECANCELED);
			assert_int_equal(err.code, -ECANCELED);
			assert_null(s);
			pthread_join(t, NULL);
			close(p[1]);
			stop_done(&stop);
		}
	}
}

/* Regular files are left at the next read, too. */
static void test_file(void **state)
{
	struct src *s = NULL;
	struct stop stop;
	struct err err;

	(void)state;
	assert_int_equal(stop_init(&stop), 0);
	assert_int_equal(src_open(&s, CAPTURES "us_le.pcap", &stop, &err), 0);
	stop_raise(&stop);
	assert_true(read_on(s) > 0);
	src_free(s);
	s = NULL;
	assert_int_equal(src_open(&s, CAPTURES "us_le.pcap", &stop, &err), -ECANCELED);
	assert_null(s);
	stop_done(&stop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_unrecognised),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
