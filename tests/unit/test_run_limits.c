/* Little address space, as 'ulimit -v' leaves it: measured from what the process
 * has already, so that the test means the same in every kind of build. */
#include "run/input.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/batch.h"
#include "flow/flow_schema.h"
#include "ql/ql_src_ops.h"
#include "run_make.h"

#define MIB   (UINT64_C(1) << 20)
#define FLOWS 120000 /* one packet each: at 300 bytes a flow 34 MiB */

static char dir[64], path[96];

static int setup(void **state)
{
	FILE *f;
	int i;

	(void)state;
	if (!dir_make(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/flows.pcap", dir);
	f = cap_open(path);
	for (i = 0; i < FLOWS; i++)
		cap_add_udp(f, i, (uint8_t)(i >> 16), (uint16_t)i, 100, 53);
	return fclose(f);
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

/* Lets this process map only so much more. */
static int limit_space(uint64_t more)
{
	struct rlimit rl;
	unsigned long pages;
	FILE *f = fopen("/proc/self/statm", "re");
	int n = f ? fscanf(f, "%lu", &pages) : 0;

	if (n != 1)
		return -1;
	fclose(f);
	rl.rlim_cur = rl.rlim_max = pages * (uint64_t)sysconf(_SC_PAGESIZE) + more;
	return setrlimit(RLIMIT_AS, &rl);
}

static int take_rows(void *arg, const struct batch *b)
{
	uint64_t *packets = arg;
	size_t i;

	for (i = 0; i < b->n; i++)
		*packets += b->cols[FLOW_ab_packets]->v.u64[i];
	return 0;
}

/* What a process with that limit says of the file, in words. */
static void answer(uint64_t more, uint64_t max_memory, unsigned threads, char *ret, size_t size)
{
	const char *const paths[] = {path};
	const struct run_input in = {
		.paths = paths,
		.n_paths = 1,
		.from = INT64_MIN,
		.to = INT64_MAX,
		.threads = threads,
		.flow = {.idle = FLOW_IDLE_DEFAULT,
			 .hold = FLOW_HOLD_DEFAULT,
			 .max_memory = max_memory},
	};
	struct ql_scan req = {.from = INT64_MIN, .to = INT64_MAX};
	const struct run_stats *s;
	uint64_t packets = 0;
	struct run_files *r;
	struct err err = {0};
	size_t at, i;
	int code;

	field_set_add(&req.want, FLOW_ab_packets);
	code = run_files_new(&r, &in, &err);
	if (limit_space(more) < 0) {
		snprintf(ret, size, "no limit set");
		return;
	}
	if (code == 0)
		code = run_files_ql(r)->ops->scan(run_files_ql(r), &req, take_rows, &packets, &err);
	if (code < 0) {
		snprintf(ret, size, "%d: %s", code, err.text);
		return;
	}
	s = run_files_stats(r);
	at = (size_t)snprintf(ret, size, "%" PRIu64 " packets, %s\n", packets,
			      s->evicted ? "evicted" : "all");
	for (i = 0; i < s->n_notes && at < size; i++)
		at += (size_t)snprintf(ret + at, size - at, "%s\n", s->notes[i].text);
}

static void answer_of_child(uint64_t more, uint64_t max_memory, unsigned threads, char *ret,
			    size_t size)
{
	int p[2], status;
	ssize_t n;
	pid_t child;

	assert_int_equal(pipe(p), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		answer(more, max_memory, threads, ret, size);
		n = write(p[1], ret, strlen(ret) + 1);
		_exit(n <= 0);
	}
	close(p[1]);
	n = read(p[0], ret, size);
	close(p[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (status)
		print_error("status %d\n", status);
	assert_int_equal(status, 0);
	assert_true(n > 0);
}

static void takes_what_there_is(void **state)
{
	unsigned threads;
	char text[1024];

	(void)state;
	for (threads = 1; threads <= 2; threads++) {
		answer_of_child(1024 * MIB, 1048576 * MIB, threads, text, sizeof(text));
		assert_string_equal(text, "120000 packets, all\n");
	}
}

static void says_what_it_had(void **state)
{
	unsigned long mib;
	char text[1024];
	const char *at;

	(void)state;
	answer_of_child(100 * MIB, 1048576 * MIB, 1, text, sizeof(text));
	at = strstr(text, "120000 packets, evicted\n");
	assert_ptr_equal(at, text);
	at = strstr(text, "the address space (ulimit -v) has room for ");
	assert_non_null(at);
	assert_int_equal(sscanf(at,
				"the address space (ulimit -v) has room for %lu MiB of flows, "
				"not for the 1048576 of --max-memory",
				&mib),
			 1);
	assert_true(mib >= 16 && mib < 100);
}

/* What was asked for and fits is not made smaller. */
static void little_stays_little(void **state)
{
	char text[1024];

	(void)state;
	answer_of_child(1024 * MIB, 16 * MIB, 1, text, sizeof(text));
	assert_ptr_equal(strstr(text, "120000 packets, evicted\n"), text);
	assert_null(strstr(text, "address space"));
}

static void says_what_to_do(void **state)
{
	char text[1024];

	(void)state;
	answer_of_child(8 * MIB, 1048576 * MIB, 1, text, sizeof(text));
	assert_ptr_equal(strstr(text, "-12: "), text); /* ENOMEM */
	assert_non_null(strstr(text, "--max-memory"));
	assert_non_null(strstr(text, "ulimit -v"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_there_is),
		cmocka_unit_test(says_what_it_had),
		cmocka_unit_test(little_stays_little),
		cmocka_unit_test(says_what_to_do),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
