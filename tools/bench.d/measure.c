/* Runs a command and writes what it and all that it started used to a file: user and
 * system CPU microseconds, wall microseconds, peak memory in KiB of the largest process,
 * exit status.
 *
 *	measure FILE COMMAND [ARGS...]
 *
 * Ctrl-C is the command's business, sent to the whole process group.  A child's peak
 * memory includes that of the process it was forked from, which must therefore be
 * small: an interpreter would hide what small tools use. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long us(struct timeval t)
{
	return t.tv_sec * 1000000ll + t.tv_usec;
}

int main(int argc, char **argv)
{
	struct timespec start, end;
	struct rusage use;
	int status;
	pid_t pid;
	FILE *f;

	if (argc < 3)
		return 2;
	signal(SIGINT, SIG_IGN);
	/* What outlives its parent comes to us, so that nothing goes uncounted. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	clock_gettime(CLOCK_MONOTONIC, &start);
	pid = fork();
	if (pid == 0) {
		signal(SIGINT, SIG_DFL);
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &end);
	while (wait(NULL) > 0)
		;
	getrusage(RUSAGE_CHILDREN, &use);

	f = fopen(argv[1], "w");
	if (!f)
		return 1;
	fprintf(f, "%lld %lld %lld %ld %d\n", us(use.ru_utime), us(use.ru_stime),
		(end.tv_sec - start.tv_sec) * 1000000ll + (end.tv_nsec - start.tv_nsec) / 1000,
		use.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return fclose(f) == 0 ? 0 : 1;
}
