/* What commands need of the process around them: standard output, messages,
 * signals, accounts. */
#include "cli/cmds.h"
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

/* What a signal handler can reach. */
static volatile sig_atomic_t stopped;
static volatile sig_atomic_t null_fd = -1;

/* Standard input ends here: whoever waits for it, or is about to, goes on. */
static void on_stop(int sig)
{
	int saved = errno;

	(void)sig;
	stopped = 1;
	if (null_fd >= 0)
		dup2(null_fd, STDIN_FILENO);
	errno = saved;
}

bool cli_stopped(void)
{
	return stopped != 0;
}

void cli_system_init(void)
{
	/* no SA_RESTART: a read that waits must return; SA_RESETHAND: the second one kills */
	struct sigaction sa = {.sa_handler = on_stop, .sa_flags = (int)SA_RESETHAND};
	int fd;

	/* a closed standard descriptor would be reused for a capture file */
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	null_fd = fd;

	signal(SIGPIPE, SIG_IGN); /* a write says -EPIPE instead */
	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
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
	const char *from = p;

	(void)arg;
	while (n) {
		ssize_t r = write(STDOUT_FILENO, from, n);

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r > 0) {
			from += r;
			n -= (size_t)r;
		}
	}
	return 0;
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

/* VmHWM: what the kernel counts, where ru_maxrss may be that of a parent before exec. */
static unsigned long peak_kib(void)
{
	CLEANUP(fclosep) FILE *f = fopen("/proc/self/status", "re");
	unsigned long kib = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmHWM: %lu", &kib) == 1)
			break;
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
