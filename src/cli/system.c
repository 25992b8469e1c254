/* What commands need of the process around them: standard output, messages,
 * signals, accounts. */
#include "cli/cmds.h"
#include "base/fd.h"
#include "cli/system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/stop.h"

/* What a signal handler can reach. */
static struct stop stop = {.fd = -1};
static volatile sig_atomic_t hurries; /* the second one does not kill */

/* SIGHUP: the terminal was closed, the connection to it was lost. */
static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};
#define STOP_SIGNALS (sizeof(stop_signals) / sizeof(stop_signals[0]))

/* What ignores them already goes on doing so: nohup, jobs in the background. */
static void stop_action(void (*handler)(int sig))
{
	struct sigaction sa = {.sa_handler = handler}, old;
	size_t i;

	/* no SA_RESTART: what waits must return; one at a time, so that the second
	 * finds what the first has set */
	sigemptyset(&sa.sa_mask);
	for (i = 0; i < STOP_SIGNALS; i++)
		sigaddset(&sa.sa_mask, stop_signals[i]);
	for (i = 0; i < STOP_SIGNALS; i++)
		if (sigaction(stop_signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(stop_signals[i], &sa, NULL);
}

static void on_stop(int sig)
{
	(void)sig;
	stop_raise(&stop);
	if (!hurries || stop_hurried(&stop))
		stop_action(SIG_DFL); /* the next one kills */
}

void cli_stop_default(void)
{
	stop_action(SIG_DFL);
}

void cli_stop_hurry(void)
{
	hurries = 1;
}

bool cli_stopped(void)
{
	return stop_raised(&stop);
}

const struct stop *cli_stop(void)
{
	return &stop;
}

void cli_system_init(void)
{
	int fd;

	/* a closed standard descriptor would be reused for a capture file */
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	/* without it only reading that has begun to wait is woken */
	stop_init(&stop);

	signal(SIGPIPE, SIG_IGN); /* a write says -EPIPE instead, */
	signal(SIGXFSZ, SIG_IGN); /* or -EFBIG */
	stop_action(on_stop);
}

void cli_system_look(struct cli *c)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	struct winsize ws = {0};

	c->out_terminal = isatty(STDOUT_FILENO);
	c->err_terminal = isatty(STDERR_FILENO);
	/* https://no-color.org: set and not empty */
	c->colour = c->out_terminal && !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
	if (c->out_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0)
		c->width = ws.ws_col;
}

int cli_write(void *arg, const void *p, size_t n)
{
	(void)arg;
	return fd_write_all(STDOUT_FILENO, p, n);
}

int cli_print(const struct buf *b)
{
	struct err err;
	int r = buf_err(b);

	if (r == 0)
		r = cli_write(NULL, buf_str(b), b->len);
	if (r == 0 || r == -EPIPE)
		return CLI_DONE;
	err_set(&err, r, "cannot write the answer: %s", strerror(-r));
	return cli_fail(&err);
}

int cli_fail(const struct err *err)
{
	fprintf(stderr, "trawl: %s\n", err->text);
	return CLI_FAILED;
}

int cli_usage(const struct cli *c, const struct err *err)
{
	fprintf(stderr, "trawl %s: %s\ntry 'trawl %s --help'\n", c->cmd, err->text, c->cmd);
	return CLI_USAGE;
}

void cli_say(const struct cli *c, const char *fmt, ...)
{
	va_list ap;

	if (c->quiet)
		return;
	va_start(ap, fmt);
	fputs("trawl: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

void cli_say_stopped(void)
{
	fputs("trawl: stopped: the answer covers what was read until then\n", stderr);
}

/* VmHWM: what the kernel counts, where ru_maxrss may be that of a parent before exec. */
static unsigned long peak_kib(void)
{
	CLEANUP(fclosep) FILE *f = fopen("/proc/self/status", "re");
	unsigned long kib = 0;
	char line[256];
	struct rusage ru;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmHWM: %lu", &kib) == 1)
			break;
	/* No file can be opened any more where privileges were dropped. */
	if (!kib && getrusage(RUSAGE_SELF, &ru) == 0)
		kib = (unsigned long)ru.ru_maxrss;
	return kib;
}

void cli_resources(uint64_t bytes_read)
{
	struct rusage ru;
	double user, sys;

	getrusage(RUSAGE_SELF, &ru);
	user = (double)ru.ru_utime.tv_sec + (double)ru.ru_utime.tv_usec / 1e6;
	sys = (double)ru.ru_stime.tv_sec + (double)ru.ru_stime.tv_usec / 1e6;
	fprintf(stderr,
		"trawl: resources: CPU time %.6f s (user %.6f, system %.6f), peak memory %lu KiB, "
		"bytes read %llu\n",
		user + sys, user, sys, peak_kib(), (unsigned long long)bytes_read);
}

uint64_t cli_half_memory(void)
{
	uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	CLEANUP(fclosep) FILE *f = fopen("/sys/fs/cgroup/memory.max", "re");
	unsigned long long limit;

	/* in a container the root of its cgroup says what it may use; elsewhere "max" or no file */
	if (f && fscanf(f, "%llu", &limit) == 1 && limit < all)
		all = limit;
	return all / 2;
}
