/* How commands behave towards the shell: exit statuses, what goes where,
 * signals, readers that go away, terminals.  The program's main() runs in a
 * child process. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/cleanup.h"

#define ARGS_MAX 12

/* A classic pcap (draft-ietf-opsawg-pcap) of 'n' UDP packets, one a second, each of a flow of
 * its own. */
static void make_pcap(struct buf *b, unsigned n)
{
	static const uint8_t frame[] = {
		2,    0, 0, 0,  0,   2, 2, 0, 0,  0,  0, 1, 8, 0,       /* Ethernet */
		0x45, 0, 0, 28, 0,   0, 0, 0, 64, 17, 0, 0,             /* IPv4 */
		192,  0, 2, 1,  192, 0, 2, 2, 0,  0,  0, 7, 0, 8, 0, 0, /* UDP */
	};
	uint8_t file[24] = {0}, rec[16] = {0}, data[sizeof(frame)];
	unsigned i;

	le32_store(file, 0xa1b2c3d4);
	le16_store(file + 4, 2);
	le16_store(file + 6, 4);
	le32_store(file + 16, 65535);
	le32_store(file + 20, 1);
	buf_add(b, file, sizeof(file));
	memcpy(data, frame, sizeof(frame));
	for (i = 0; i < n; i++) {
		le32_store(rec, 1790000000 + i);
		le32_store(rec + 8, sizeof(data));
		le32_store(rec + 12, sizeof(data));
		be16_store(data + 34, (uint16_t)(1 + i % 65535));
		buf_add(b, rec, sizeof(rec));
		buf_add(b, data, sizeof(data));
	}
}

struct child {
	pid_t pid;
	int in, out, err; /* our ends; -1: none */
};

/* 'on_int' is what SIGINT does when the program starts. */
static void start_with(struct child *c, const char *const *argv, int out_fd,
		       void (*on_int)(int sig))
{
	char *args[ARGS_MAX] = {NULL};
	int in[2], out[2], err[2];
	size_t n;

	for (n = 0; argv[n]; n++)
		args[n] = strdup(argv[n]);
	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
	c->pid = fork();
	assert_true(c->pid >= 0);
	if (c->pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out_fd >= 0 ? out_fd : out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		close(in[1]); /* or our own end would keep standard input open */
		signal(SIGINT, on_int);
		signal(SIGHUP, SIG_DFL); /* whoever runs the tests may ignore it */
		_exit(cli_main((int)n, args));
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	c->in = in[1];
	c->out = out[0];
	c->err = err[0];
	while (n--)
		free(args[n]);
}

static void start(struct child *c, const char *const *argv, int out_fd)
{
	/* whoever runs the tests may ignore it */
	start_with(c, argv, out_fd, SIG_DFL);
}

static void read_all(int fd, struct buf *ret)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add(ret, chunk, (size_t)n);
	close(fd);
}

static int finish(struct child *c, struct buf *out, struct buf *err)
{
	int status;

	if (c->in >= 0)
		close(c->in);
	read_all(c->out, out);
	read_all(c->err, err);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void send_all(int fd, const struct buf *b)
{
	size_t at = 0;

	while (at < b->len) {
		ssize_t n = write(fd, b->p + at, b->len - at);

		assert_true(n > 0);
		at += (size_t)n;
	}
}

static int run(const char *const *argv, const struct buf *in, struct buf *out, struct buf *err)
{
	struct child c;

	start(&c, argv, -1);
	send_all(c.in, in);
	return finish(&c, out, err);
}

static void test_answer(void **state)
{
	static const char *const argv[] = {
		"trawl", "flows", "-r", "-", "--fields", "start,transport_a,ab_bytes", NULL};
	CLEANUP(buf_done) struct buf in = BUF_INIT, out = BUF_INIT, err = BUF_INIT;

	(void)state;
	make_pcap(&in, 2);
	assert_int_equal(run(argv, &in, &out, &err), 0);
	assert_string_equal(buf_str(&out), "start,transport_a,ab_bytes\n"
					   "1790000000.000000000,1,42\n"
					   "1790000001.000000000,2,42\n");
	assert_string_equal(buf_str(&err), "");
}

static void test_resources(void **state)
{
	static const char *const argv[] = {"trawl",       "query", "-r", "-", "G.Flows().Count()",
					   "--resources", NULL};
	CLEANUP(buf_done) struct buf in = BUF_INIT, out = BUF_INIT, err = BUF_INIT;
	unsigned long kib;
	double cpu;
	long bytes;

	(void)state;
	make_pcap(&in, 5);
	assert_int_equal(run(argv, &in, &out, &err), 0);
	assert_string_equal(buf_str(&out), "5\n");
	assert_int_equal(
		sscanf(buf_str(&err),
		       "trawl: resources: CPU time %lf s (user %*f, system %*f), peak memory "
		       "%lu KiB, bytes read %ld\n",
		       &cpu, &kib, &bytes),
		3);
	assert_int_equal(bytes, in.len);
	assert_true(kib > 100);
}

/* A file cut within its last record: everything else is used, status 3. */
static void test_incomplete(void **state)
{
	static const char *const argv[] = {"trawl", "query", "-r", "-", "G.Flows().Count()", NULL};
	CLEANUP(buf_done) struct buf in = BUF_INIT, out = BUF_INIT, err = BUF_INIT;

	(void)state;
	make_pcap(&in, 5);
	in.len -= 3;
	assert_int_equal(run(argv, &in, &out, &err), 3);
	assert_string_equal(buf_str(&out), "4\n");
	assert_true(err.len > 0);
}

static void test_stdout_full(void **state)
{
	static const char *const argv[] = {"trawl", "flows", "-r", "-", NULL};
	CLEANUP(buf_done) struct buf in = BUF_INIT, out = BUF_INIT, err = BUF_INIT;
	CLEANUP(closep) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct child c;

	(void)state;
	assert_true(full >= 0);
	make_pcap(&in, 5);
	start(&c, argv, full);
	send_all(c.in, &in);
	assert_int_equal(finish(&c, &out, &err), 1);
	assert_string_equal(buf_str(&err),
			    "trawl: cannot write the answer: No space left on device\n");
}

/* "trawl ... | head": no message, status 0. */
static void test_reader_gone(void **state)
{
	static const char *const lines[][8] = {
		{"trawl", "flows", "-r", "-", NULL},
		{"trawl", "query", "-r", "-", "G.Flows()", NULL},
		{"trawl", "query", "-r", "-", "G.Flows().Count()", NULL},
		{"trawl", "query", "-r", "-", "G.Flows().RawPackets()", "--format", "pcap", NULL},
		{"trawl", "query", "-r", "-", "G.Flows().RawPackets()", "--format", "jsonl", NULL},
		{"trawl", "--help", NULL},
		{"trawl", "explain", NULL},
		{"trawl", "explain", "--format", "csv", NULL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		CLEANUP(buf_done) struct buf in = BUF_INIT, out = BUF_INIT, err = BUF_INIT;
		struct child c;
		int gone[2];

		make_pcap(&in, 5);
		assert_int_equal(pipe2(gone, O_CLOEXEC), 0);
		close(gone[0]);
		start(&c, lines[i], gone[1]);
		close(gone[1]);
		if (strcmp(lines[i][1], "flows") == 0 || strcmp(lines[i][1], "query") == 0)
			send_all(c.in, &in);
		assert_int_equal(finish(&c, &out, &err), 0);
		assert_string_equal(buf_str(&err), "");
	}
}

/* SIGTERM while packets are awaited: what was read is answered, status 3. */
static void test_stop(void **state)
{
	static const char *const argv[] = {"trawl", "query", "-r", "-", "G.Flows().Count()", NULL};
	CLEANUP(buf_done) struct buf in = BUF_INIT, out = BUF_INIT, err = BUF_INIT;
	struct child c;
	long n;

	(void)state;
	make_pcap(&in, 20000); /* a megabyte: written only when the child has read most of it */
	start(&c, argv, -1);
	send_all(c.in, &in);
	assert_int_equal(kill(c.pid, SIGTERM), 0);
	/* standard input stays open until the child has ended */
	read_all(c.out, &out);
	n = atol(buf_str(&out));
	assert_true(n > 0 && n <= 20000);
	c.out = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(finish(&c, &out, &err), 3);
	assert_non_null(strstr(buf_str(&err), "stopped"));
}

/* A pipe of one page, and what fills it: a header of 24 bytes, 70 packets of 58, the
 * first 12 bytes of another. */
#define PAGE    4096
#define IN_PAGE 70

/* Writes one page, and returns when the reader has all of it: the next byte has no
 * room before. */
static void send_page(int fd)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;

	assert_int_equal(fcntl(fd, F_SETPIPE_SZ, PAGE), PAGE);
	make_pcap(&b, IN_PAGE + 1);
	assert_true(b.len >= PAGE + 1);
	b.len = PAGE;
	send_all(fd, &b);
	assert_int_equal(write(fd, "", 1), 1);
}

struct stopped {
	const char *args[9];
	const char *out;  /* the whole answer; NULL: see 'packets' */
	unsigned packets; /* of an answer that is a pcap file */
};

static void check_stopped(const struct stopped *t, struct child *c)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT, err = BUF_INIT;
	CLEANUP(buf_done) struct buf pcap = BUF_INIT;

	read_all(c->out, &out);
	c->out = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(finish(c, &out, &err), 3);
	assert_non_null(strstr(buf_str(&err), "trawl: stopped"));
	assert_null(strstr(buf_str(&err), "cut"));
	if (t->out) {
		assert_string_equal(buf_str(&out), t->out);
		return;
	}
	make_pcap(&pcap, t->packets);
	assert_int_equal(out.len, pcap.len);
	assert_memory_equal(out.p + 24, pcap.p + 24, pcap.len - 24);
}

/* What was read of a pipe before it fell silent is the answer, though its writer is
 * still there.  'F' in the arguments is a named pipe, else it is standard input. */
static void test_stop_silent(void **state)
{
	static const struct stopped tests[] = {
		{{"trawl", "query", "-r", "F", "G.Flows().Count()"}, "70\n"},
		{{"trawl", "query", "-r", "-", "G.Flows().Count()"}, "70\n"},
		{{"trawl", "query", "-r", "F", "--threads", "2", "G.Flows().Count()"}, "70\n"},
		{{"trawl", "query", "-r", "F", "G.Flows().RawPackets()", "--format", "pcap"},
		 NULL,
		 IN_PAGE},
		{{"trawl", "query", "-r", "-", "G.Flows().RawPackets()", "--format", "pcap"},
		 NULL,
		 IN_PAGE},
		/* NOW is the last packet there is; a flow of one packet lives at its time only */
		{{"trawl", "query", "-r", "F", "G.At('-1s', 3).Flows().Count()"}, "4\n"},
		{{"trawl", "query", "-r", "-", "G.At(NOW).Flows().Count()"}, "1\n"},
	};
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	char dir[] = "/tmp/trawl-test-XXXXXX", fifo[64];
	size_t i;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		struct stopped t = tests[i];
		bool named = strcmp(t.args[3], "F") == 0;
		struct child c;
		int fd;

		if (named)
			t.args[3] = fifo;
		start(&c, t.args, -1);
		fd = named ? open(fifo, O_WRONLY | O_CLOEXEC) : c.in;
		assert_true(fd >= 0);
		send_page(fd);
		assert_int_equal(kill(c.pid, signals[i % 3]), 0);
		check_stopped(&t, &c);
		if (named)
			close(fd);
	}
	unlink(fifo);
	rmdir(dir);
}

/* Nobody writes into the pipe at all. */
static void test_stop_unopened(void **state)
{
	static const struct stopped tests[] = {
		{{"trawl", "query", "-r", "F", "G.Flows().Count()"}, "0\n"},
		{{"trawl", "flows", "-r", "F", "--fields", "start"}, "start\n"},
		{{"trawl", "query", "-r", "F", "G.Flows().RawPackets()", "--format", "pcap"},
		 NULL,
		 0},
		{{"trawl", "query", "-r", "F", "G.At(NOW).Flows().Count()"}, "0\n"},
		{{"trawl", "info", "-r", "F"}, ""},
		{{"trawl", "info", "-r", "F", "--format", "json"}, "[]\n"},
	};
	char dir[] = "/tmp/trawl-test-XXXXXX", fifo[64];
	struct inotify_event ev;
	char room[512];
	size_t i;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		struct stopped t = tests[i];
		int watch = inotify_init1(IN_CLOEXEC);
		struct child c;

		assert_true(inotify_add_watch(watch, fifo, IN_OPEN) >= 0);
		t.args[3] = fifo;
		start(&c, t.args, -1);
		assert_true(read(watch, room, sizeof(room)) >= (ssize_t)sizeof(ev));
		assert_int_equal(kill(c.pid, SIGINT), 0);
		check_stopped(&t, &c);
		close(watch);
	}
	unlink(fifo);
	rmdir(dir);
}

/* info tells what it read. */
static void test_stop_info(void **state)
{
	static const char *const argv[] = {"trawl", "info", "--format", "csv", "-", NULL};
	CLEANUP(buf_done) struct buf out = BUF_INIT, err = BUF_INIT;
	struct child c;

	(void)state;
	start(&c, argv, -1);
	send_page(c.in);
	assert_int_equal(kill(c.pid, SIGTERM), 0);
	read_all(c.out, &out);
	c.out = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(finish(&c, &out, &err), 3);
	assert_non_null(strstr(buf_str(&out), ",70,"));
	assert_string_equal(buf_str(&err),
			    "trawl: stopped: the answer covers what was read until then\n");
}

/* The second one kills, whichever of the two it is: here while nobody takes the
 * answer, which is larger than the pipe. */
static void test_stop_twice(void **state)
{
	static const char *const argv[] = {"trawl", "flows", "-r", "-", NULL};
	CLEANUP(buf_done) struct buf in = BUF_INIT;
	struct child c;
	int status;
	char first;

	(void)state;
	make_pcap(&in, 2000);
	start(&c, argv, -1);
	assert_int_equal(fcntl(c.out, F_SETPIPE_SZ, PAGE), PAGE);
	send_all(c.in, &in);
	close(c.in);
	assert_int_equal(read(c.out, &first, 1), 1);
	/* where both wait, the lower number is taken first */
	assert_int_equal(kill(c.pid, SIGINT), 0);
	assert_int_equal(kill(c.pid, SIGTERM), 0);
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	close(c.out);
	close(c.err);
}

/* nohup, and shells that start a job in the background, have it ignored. */
static void test_ignored(void **state)
{
	static const char *const argv[] = {"trawl", "query", "-r", "-", "G.Flows().Count()", NULL};
	CLEANUP(buf_done) struct buf in = BUF_INIT, out = BUF_INIT, err = BUF_INIT;
	struct child c;

	(void)state;
	make_pcap(&in, 20000);
	start_with(&c, argv, -1, SIG_IGN);
	send_all(c.in, &in);
	assert_int_equal(kill(c.pid, SIGINT), 0);
	assert_int_equal(finish(&c, &out, &err), 0);
	assert_string_equal(buf_str(&out), "20000\n");
}

/* capinfos knows no such manners. */
static void test_stop_tool(void **state)
{
	static const char *const argv[] = {"trawl", "as", "capinfos", "-", NULL};
	CLEANUP(buf_done) struct buf in = BUF_INIT;
	struct child c;
	int status;

	(void)state;
	make_pcap(&in, 20000);
	start(&c, argv, -1);
	send_all(c.in, &in);
	assert_int_equal(kill(c.pid, SIGTERM), 0);
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	close(c.in);
	close(c.out);
	close(c.err);
}

/* On a terminal: a table with a header in bold, unless NO_COLOR says no. */
static void terminal(const char *no_color, bool bold)
{
	CLEANUP(buf_done) struct buf in = BUF_INIT, out = BUF_INIT, err = BUF_INIT;
	static const char *const argv[] = {"trawl",    "flows",    "-r", "-",
					   "--fields", "ab_bytes", NULL};
	struct winsize ws = {.ws_col = 80, .ws_row = 24};
	struct child c;
	int master, slave;

	if (no_color)
		setenv("NO_COLOR", no_color, 1);
	else
		unsetenv("NO_COLOR");
	setenv("TERM", "xterm", 1);
	assert_int_equal(openpty(&master, &slave, NULL, NULL, &ws), 0);
	fcntl(master, F_SETFD, FD_CLOEXEC);
	make_pcap(&in, 1);
	start(&c, argv, slave);
	close(slave);
	send_all(c.in, &in);
	close(c.in);
	c.in = -1;
	read_all(master, &out);
	assert_string_equal(buf_str(&out), bold ? "\x1b[1mab_bytes\x1b[0m\r\n      42\r\n"
						: "ab_bytes\r\n      42\r\n");
	assert_int_equal(finish(&c, &out, &err), 0);
}

static void test_terminal(void **state)
{
	(void)state;
	terminal(NULL, true);
	terminal("", true); /* https://no-color.org: empty means not set */
	terminal("1", false);
}

int main(void)
{
	/* a child that does not end must not hang the test */
	alarm(60);

	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),      cmocka_unit_test(test_resources),
		cmocka_unit_test(test_incomplete),  cmocka_unit_test(test_stdout_full),
		cmocka_unit_test(test_reader_gone), cmocka_unit_test(test_stop),
		cmocka_unit_test(test_stop_silent), cmocka_unit_test(test_stop_unopened),
		cmocka_unit_test(test_stop_info),   cmocka_unit_test(test_stop_twice),
		cmocka_unit_test(test_ignored),     cmocka_unit_test(test_stop_tool),
		cmocka_unit_test(test_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
