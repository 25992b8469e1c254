/* Does with priv/priv.h what each line of its input says, and answers each with one
 * line: "ok ..." or "-ERRNO text".  test_priv.py speaks to it; so the process that
 * drops its privileges can be looked at from outside.
 *
 *	probe [OPENER]
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "priv/priv.h"

#define WORDS_MAX 8

struct probe {
	struct priv *p;
	struct err err;
	char out[4096]; /* what follows "ok " */
	int last_fd;    /* of the last descriptor that was given */
	int pair[2];    /* for marks; no more can be made once dropped */
};

static int number(const char *s)
{
	return s ? (int)strtol(s, NULL, 0) : 0;
}

static int give_fd(struct probe *b, int r, int fd)
{
	if (r == 0) {
		b->last_fd = fd;
		snprintf(b->out, sizeof(b->out), "%d", fd);
	}
	return r;
}

static int do_user(struct probe *b, char **w)
{
	const struct priv_user *u = priv_user(b->p);

	(void)w;
	snprintf(b->out, sizeof(b->out), "%u %u %s", u->uid, u->gid, u->name);
	return 0;
}

static int do_missing(struct probe *b, char **w)
{
	return priv_missing(b->p, (unsigned)number(w[1]), &b->err);
}

static int do_forgo(struct probe *b, char **w)
{
	return priv_forgo(b->p, (unsigned)number(w[1]), &b->err);
}

static int do_packet(struct probe *b, char **w)
{
	int fd = -1, r = priv_packet_socket(b->p, w[1], &fd, &b->err);

	return give_fd(b, r, fd);
}

static int do_route(struct probe *b, char **w)
{
	int fd = -1, r = priv_route_socket(b->p, w[1], &fd, &b->err);

	return give_fd(b, r, fd);
}

static int do_netns(struct probe *b, char **w)
{
	struct buf names = BUF_INIT;
	int r = priv_netns_list(b->p, &names, &b->err);

	(void)w;
	for (size_t i = 0; r > 0 && i + 1 < names.len; i++)
		if (!names.p[i])
			names.p[i] = ' ';
	if (r >= 0)
		snprintf(b->out, sizeof(b->out), "%d %s", r, buf_str(&names));
	buf_done(&names);
	return r < 0 ? r : 0;
}

/* Binds the last socket to all of an interface, by its number. */
static int do_bind(struct probe *b, char **w)
{
	struct sockaddr_ll a = {.sll_family = AF_PACKET,
				.sll_protocol = __builtin_bswap16(ETH_P_ALL),
				.sll_ifindex = number(w[1])};

	return bind(b->last_fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -errno : 0;
}

/* The first frame that has the text. */
static int do_receive(struct probe *b, char **w)
{
	struct pollfd p = {b->last_fd, POLLIN, 0};
	char frame[2048];
	ssize_t n;

	while (poll(&p, 1, 10000) > 0) {
		n = recv(b->last_fd, frame, sizeof(frame), 0);
		if (n > 0 && memmem(frame, (size_t)n, w[1], strlen(w[1]))) {
			snprintf(b->out, sizeof(b->out), "%zd", n);
			return 0;
		}
	}
	return -ETIMEDOUT;
}

/* Counts frames, element 1 of the counters, and takes them all. */
static const struct bpf_insn counts[] = {
	{BPF_LD | BPF_IMM | BPF_DW, BPF_REG_1, BPF_PSEUDO_MAP_VALUE, 0, 0},
	{0, 0, 0, 0, 8},
	{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, 1},
	{BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_1, BPF_REG_2, 0, BPF_ADD},
	{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, -1},
	{BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
};

static size_t program(const char *name, struct bpf_insn p[8])
{
	size_t n = sizeof(counts) / sizeof(counts[0]);

	memcpy(p, counts, sizeof(counts));
	if (!strcmp(name, "endless")) /* the verifier's affair */
		p[4] = (struct bpf_insn){BPF_JMP | BPF_JA, 0, 0, -1, 0};
	else if (!strcmp(name, "helper")) /* ktime_get_ns: not of our list */
		p[3] = (struct bpf_insn){BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ktime_get_ns};
	else if (!strcmp(name, "kfunc"))
		p[3] = (struct bpf_insn){BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, 1};
	else if (!strcmp(name, "map")) /* a descriptor of the opener's, by number */
		p[0].imm = 4;
	else if (!strcmp(name, "btf"))
		p[0].src_reg = BPF_PSEUDO_BTF_ID;
	else if (!strcmp(name, "half"))
		n = 1;
	return n;
}

/* Loads, attaches to the last socket, and says what is counted. */
static int do_filter(struct probe *b, char **w)
{
	struct bpf_insn p[8];
	uint64_t *counters;
	int prog, map, r;
	size_t n;

	n = program(w[1], p);
	r = priv_bpf_filter(b->p, p, n, &prog, &map, &b->err);
	if (r < 0)
		return r;
	counters = mmap(NULL, 4096, PROT_READ, MAP_SHARED, map, 0);
	if (counters == MAP_FAILED)
		return -errno;
	snprintf(b->out, sizeof(b->out), "%d %d", prog, map);
	if (setsockopt(b->last_fd, SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)) < 0)
		return -errno;
	return 0;
}

static int do_counter(struct probe *b, char **w)
{
	uint64_t *counters = mmap(NULL, 4096, PROT_READ, MAP_SHARED, number(w[1]), 0);

	if (counters == MAP_FAILED)
		return -errno;
	snprintf(b->out, sizeof(b->out), "%llu", (unsigned long long)counters[1]);
	munmap(counters, 4096);
	return 0;
}

/* A socket pair's end is a socket as well. */
static int do_mark(struct probe *b, char **w)
{
	uint32_t mark = 0;
	socklen_t size = sizeof(mark);
	int r = priv_mark(b->p, b->pair[0], (uint32_t)number(w[1]), &b->err);

	getsockopt(b->pair[0], SOL_SOCKET, SO_MARK, &mark, &size);
	snprintf(b->out, sizeof(b->out), "%u", mark);
	return r;
}

/* Of a descriptor that was inherited; 2: standard error, a pipe. */
static int do_readers(struct probe *b, char **w)
{
	uint32_t found[PRIV_SOCKETS_MAX];
	int n = priv_readers(b->p, w[1] ? number(w[1]) : 2, (uint32_t)number(w[2]), found,
			     PRIV_SOCKETS_MAX, &b->err);
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += (size_t)snprintf(b->out + len, sizeof(b->out) - len, "%u ", found[i]);
	return n < 0 ? n : 0;
}

static int do_grant(struct probe *b, char **w)
{
	bool make = !w[2] || strcmp(w[2], "there") != 0;
	int dir = -1, r = priv_dir_grant(b->p, w[1], make, &dir, &b->err);

	snprintf(b->out, sizeof(b->out), "%d", dir);
	return r;
}

static int do_mkdir(struct probe *b, char **w)
{
	int dir = -1, r;

	r = priv_mkdir(b->p, number(w[1]), w[2], (mode_t)number(w[3]), &dir, &b->err);
	snprintf(b->out, sizeof(b->out), "%d", dir);
	return r;
}

static int do_create(struct probe *b, char **w)
{
	static const struct {
		const char *name;
		int flags;
	} ways[] = {{"new", O_WRONLY | O_CREAT | O_EXCL},
		    {"trunc", O_WRONLY | O_CREAT | O_TRUNC},
		    {"write", O_WRONLY},
		    {"read", O_RDONLY},
		    {"path", O_PATH},
		    {"tmp", O_TMPFILE | O_RDWR}};
	int fd = -1, flags = -1, r;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].name, w[3]))
			flags = ways[i].flags;
	r = priv_create(b->p, number(w[1]), w[2], flags, 0640, &fd, &b->err);
	return give_fd(b, r, fd);
}

static int do_write(struct probe *b, char **w)
{
	ssize_t n = write(b->last_fd, w[1], strlen(w[1]));

	return n < 0 ? -errno : 0;
}

static int do_rename(struct probe *b, char **w)
{
	return priv_rename(b->p, number(w[1]), w[2], w[3], &b->err);
}

static int do_unlink(struct probe *b, char **w)
{
	return priv_unlink(b->p, number(w[1]), w[2], &b->err);
}

static int do_rmdir(struct probe *b, char **w)
{
	return priv_rmdir(b->p, number(w[1]), w[2], &b->err);
}

static int do_dirfd(struct probe *b, char **w)
{
	int fd = -1, r = priv_dir_fd(b->p, number(w[1]), &fd, &b->err);

	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return give_fd(b, r, fd);
}

static int do_dirclose(struct probe *b, char **w)
{
	return priv_dir_close(b->p, number(w[1]), &b->err);
}

static int do_drop(struct probe *b, char **w)
{
	enum priv_profile profile = !strcmp(w[1], "none")     ? PRIV_PROFILE_NONE
				    : !strcmp(w[1], "reader") ? PRIV_PROFILE_READER
							      : PRIV_PROFILE_CAPTURE;

	return priv_drop(b->p, profile, &b->err);
}

static void *add_one(void *arg)
{
	++*(int *)arg;
	return NULL;
}

/* Waits until it is let go: a thread that is there while others look. */
static void *wait_for(void *arg)
{
	pthread_mutex_lock(arg);
	pthread_mutex_unlock(arg);
	return NULL;
}

/* What a pipeline needs after the drop, each by its name. */
static int do_try(struct probe *b, char **w)
{
	pthread_t t;
	int n = 0;

	if (!strcmp(w[1], "thread")) {
		int r = -pthread_create(&t, NULL, add_one, &n);

		if (r < 0)
			return r;
		pthread_join(t, NULL);
		snprintf(b->out, sizeof(b->out), "%d", n);
		return 0;
	}
	if (!strcmp(w[1], "open"))
		return give_fd(b, 0, open(w[2], O_RDONLY)) < 0 || b->last_fd < 0 ? -errno : 0;
	if (!strcmp(w[1], "openw"))
		return give_fd(b, 0, open(w[2], O_WRONLY)) < 0 || b->last_fd < 0 ? -errno : 0;
	if (!strcmp(w[1], "socket"))
		return socket(AF_INET, SOCK_STREAM, 0) < 0 ? -errno : 0;
	if (!strcmp(w[1], "exec"))
		return execl("/bin/true", "true", (char *)NULL) < 0 ? -errno : 0;
	if (!strcmp(w[1], "setuid"))
		return setuid(0) < 0 ? -errno : 0;
	if (!strcmp(w[1], "run")) /* memory that is written and run */
		return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
			       ? -errno
			       : 0;
	if (!strcmp(w[1], "setown")) { /* of standard output: that process gets its signals */
		return fcntl(1, F_SETOWN, number(w[2])) < 0 ? -errno : 0;
	}
	if (!strcmp(w[1], "setsig"))
		return fcntl(1, F_SETSIG, SIGKILL) < 0 ? -errno : 0;
	if (!strcmp(w[1], "async"))
		return fcntl(1, F_SETFL, O_ASYNC) < 0 ? -errno : 0;
	if (!strcmp(w[1], "flags")) {
		int flags = fcntl(1, F_GETFL);

		return flags < 0 || fcntl(1, F_SETFL, flags) < 0 || fcntl(1, F_GETFD) < 0 ? -errno
											  : 0;
	}
	if (!strcmp(w[1], "limit")) { /* of a process, 0: the own */
		struct rlimit l;

		return prlimit((pid_t)number(w[2]), RLIMIT_NOFILE, NULL, &l) < 0 ? -errno : 0;
	}
	if (!strcmp(w[1], "affinity")) {
		cpu_set_t set;

		CPU_ZERO(&set);
		if (sched_getaffinity(0, sizeof(set), &set) < 0)
			return -errno;
		return sched_setaffinity((pid_t)number(w[2]), sizeof(set), &set) < 0 ? -errno : 0;
	}
	if (!strcmp(w[1], "fstat")) {
		struct stat st;

		if (fstat(1, &st) < 0)
			return -errno;
		snprintf(b->out, sizeof(b->out), "%d",
			 S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
		return 0;
	}
	if (!strcmp(w[1], "stat")) {
		struct stat st;

		return fstatat(AT_FDCWD, w[2], &st, 0) < 0 ? -errno : 0;
	}
	if (!strcmp(w[1], "stat_empty")) { /* a path beside the flag: the flag is not looked at */
		struct stat st;

		return fstatat(AT_FDCWD, w[2], &st, AT_EMPTY_PATH) < 0 ? -errno : 0;
	}
	if (!strcmp(w[1], "statx")) {
		struct statx st;

		return statx(AT_FDCWD, w[2], AT_EMPTY_PATH, STATX_SIZE, &st) < 0 ? -errno : 0;
	}
	if (!strcmp(w[1], "pair")) {
		int pair[2];

		return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0 ? -errno : 0;
	}
	if (!strcmp(w[1], "memory")) {
		char *p = malloc(64u << 20);

		if (!p)
			return -ENOMEM;
		memset(p, 1, 64u << 20);
		p = realloc(p, 128u << 20);
		free(p);
		return p ? 0 : -ENOMEM;
	}
	if (!strcmp(w[1], "time")) {
		struct timespec ts = {0, 1};
		time_t now = time(NULL);
		struct tm tm;

		clock_gettime(CLOCK_MONOTONIC, &ts);
		return localtime_r(&now, &tm) ? 0 : -errno;
	}
	return -ENOSYS;
}

static int do_drop_threaded(struct probe *b, char **w)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_t t;
	int r;

	(void)w;
	pthread_mutex_lock(&m);
	if (pthread_create(&t, NULL, wait_for, &m))
		return -EAGAIN;
	r = priv_drop(b->p, PRIV_PROFILE_CAPTURE, &b->err);
	pthread_mutex_unlock(&m);
	pthread_join(t, NULL);
	return r;
}

static int do_close(struct probe *b, char **w)
{
	return close(w[1] ? number(w[1]) : b->last_fd) < 0 ? -errno : 0;
}

/* Starts and ends openers, each with a few descriptors. */
static int do_rounds(struct probe *b, char **w)
{
	for (int i = number(w[1]); i > 0; i--) {
		struct priv *p;
		int fd, r = priv_new_at(&p, w[2], &b->err);

		if (r < 0)
			return r;
		r = priv_packet_socket(p, w[3], &fd, &b->err);
		if (r == 0)
			close(fd);
		if (r == 0)
			r = priv_route_socket(p, NULL, &fd, &b->err);
		if (r == 0)
			close(fd);
		priv_free(p);
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct command {
	const char *name;
	int (*run)(struct probe *b, char **words);
} commands[] = {
	{"user", do_user},     {"missing", do_missing},
	{"forgo", do_forgo},   {"packet", do_packet},
	{"route", do_route},   {"netns", do_netns},
	{"bind", do_bind},     {"receive", do_receive},
	{"filter", do_filter}, {"counter", do_counter},
	{"mark", do_mark},     {"grant", do_grant},
	{"mkdir", do_mkdir},   {"create", do_create},
	{"write", do_write},   {"rename", do_rename},
	{"unlink", do_unlink}, {"rmdir", do_rmdir},
	{"dirfd", do_dirfd},   {"dirclose", do_dirclose},
	{"drop", do_drop},     {"drop_threaded", do_drop_threaded},
	{"try", do_try},       {"close", do_close},
	{"rounds", do_rounds}, {"readers", do_readers},
};

static int run_line(struct probe *b, char *line)
{
	char *words[WORDS_MAX + 1] = {0}, *save = NULL;
	size_t n = 0;

	for (char *w = strtok_r(line, " \n", &save); w && n < WORDS_MAX;
	     w = strtok_r(NULL, " \n", &save))
		words[n++] = w;
	for (size_t i = 0; n > 0 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, words[0]))
			return commands[i].run(b, words);
	return -ENOSYS;
}

int main(int argc, char **argv)
{
	struct probe b = {.last_fd = -1};
	char line[8192];
	int r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b.pair) < 0)
		return 1;
	r = argc > 1 ? priv_new_at(&b.p, argv[1], &b.err) : priv_new(&b.p, &b.err);
	for (;;) {
		if (r < 0)
			printf("%d %s\n", r, b.err.text);
		else
			printf("ok %s\n", b.out);
		fflush(stdout);
		if (!b.p || !fgets(line, sizeof(line), stdin))
			break;
		b.out[0] = '\0';
		b.err = (struct err){0};
		r = run_line(&b, line);
	}
	priv_free(b.p);
	return 0;
}
