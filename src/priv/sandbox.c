#include "priv/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/nsfs.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "priv/sandbox_stat.h"

static void seccomp_releasep(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}

#define CALL(name) SCMP_SYS(name)
#define N(array)   (sizeof(array) / sizeof((array)[0]))

/* What works on what the process has already: descriptors, memory, threads, time.  What
 * could reach others by one of its arguments is below, with conditions: allow_locks(),
 * allow_own(), refuse_stat(). */
static const int works[] = {
	/* descriptors */
	CALL(read),
	CALL(readv),
	CALL(pread64),
	CALL(preadv),
	CALL(preadv2),
	CALL(write),
	CALL(writev),
	CALL(pwrite64),
	CALL(pwritev),
	CALL(pwritev2),
	CALL(lseek),
	CALL(_llseek),
	CALL(close),
	CALL(close_range),
	CALL(dup),
	CALL(dup2),
	CALL(dup3),
	CALL(flock),
	CALL(fstat),
	CALL(fstat64),
	CALL(fstatfs),
	CALL(fstatfs64),
	CALL(fsync),
	CALL(fdatasync),
	CALL(sync_file_range),
	CALL(ftruncate),
	CALL(ftruncate64),
	CALL(fallocate),
	CALL(fadvise64),
	CALL(fadvise64_64),
	CALL(readahead),
	CALL(copy_file_range),
	CALL(getdents64),
	CALL(pipe),
	CALL(pipe2),
	CALL(eventfd2),
	CALL(memfd_create),
	/* waiting */
	CALL(poll),
	CALL(ppoll),
	CALL(ppoll_time64),
	CALL(select),
	CALL(_newselect),
	CALL(pselect6),
	CALL(pselect6_time64),
	CALL(epoll_create1),
	CALL(epoll_ctl),
	CALL(epoll_wait),
	CALL(epoll_pwait),
	CALL(epoll_pwait2),
	CALL(signalfd4),
	CALL(timerfd_create),
	CALL(timerfd_settime),
	CALL(timerfd_settime64),
	CALL(timerfd_gettime),
	CALL(timerfd_gettime64),
	CALL(wait4),
	/* sockets that it was given */
	CALL(recv),
	CALL(recvfrom),
	CALL(recvmsg),
	CALL(recvmmsg),
	CALL(recvmmsg_time64),
	CALL(send),
	CALL(sendto),
	CALL(sendmsg),
	CALL(sendmmsg),
	CALL(bind),
	CALL(getsockname),
	CALL(getpeername),
	CALL(getsockopt),
	CALL(setsockopt),
	CALL(shutdown),
	/* memory; mmap and mprotect are below */
	CALL(munmap),
	CALL(mremap),
	CALL(madvise),
	CALL(brk),
	CALL(mlock),
	CALL(mlock2),
	CALL(munlock),
	CALL(msync),
	CALL(membarrier),
	/* threads */
	CALL(futex),
	CALL(futex_time64),
	CALL(futex_waitv),
	CALL(set_robust_list),
	CALL(rseq),
	CALL(sched_yield),
	CALL(sched_getaffinity),
	CALL(sched_getparam),
	CALL(sched_getscheduler),
	CALL(getcpu),
	CALL(set_tid_address),
	CALL(arch_prctl),
	CALL(exit),
	CALL(exit_group),
	/* signals */
	CALL(rt_sigaction),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(sigreturn),
	CALL(rt_sigpending),
	CALL(rt_sigtimedwait),
	CALL(rt_sigtimedwait_time64),
	CALL(rt_sigsuspend),
	CALL(sigaltstack),
	CALL(restart_syscall),
	CALL(pause),
	CALL(alarm),
	CALL(setitimer),
	CALL(getitimer),
	/* time; adjtimex sets nothing without CAP_SYS_TIME */
	CALL(clock_gettime),
	CALL(clock_gettime64),
	CALL(clock_getres),
	CALL(clock_getres_time64),
	CALL(clock_nanosleep),
	CALL(clock_nanosleep_time64),
	CALL(nanosleep),
	CALL(gettimeofday),
	CALL(time),
	CALL(times),
	CALL(adjtimex),
	CALL(clock_adjtime),
	CALL(clock_adjtime64),
	/* who and how much */
	CALL(getpid),
	CALL(gettid),
	CALL(getppid),
	CALL(getuid),
	CALL(geteuid),
	CALL(getgid),
	CALL(getegid),
	CALL(getresuid),
	CALL(getresgid),
	CALL(getgroups),
	CALL(getpgrp),
	CALL(getpgid),
	CALL(getsid),
	CALL(getrusage),
	CALL(getrlimit),
	CALL(ugetrlimit),
	CALL(sysinfo),
	CALL(uname),
	CALL(getrandom),
	CALL(capget),
	CALL(umask),
	CALL(getcwd),
};

/* What libraries try, and go on without; EPERM, or ENOSYS where they know better. */
static const struct refusal {
	int call;
	int code;
	bool reader; /* the reader may, see below */
} refusals[] = {
	/* glibc's pthread_create() then takes clone(), whose flags can be looked at. */
	{CALL(clone3), ENOSYS, false},
	/* Its operations would not be filtered. */
	{CALL(io_uring_setup), ENOSYS, false},
	{CALL(open), EPERM, true},
	{CALL(openat), EPERM, true},
	{CALL(openat2), EPERM, false},
	{CALL(access), EPERM, true},
	{CALL(faccessat), EPERM, true},
	{CALL(faccessat2), EPERM, true},
	{CALL(stat), EPERM, true},
	{CALL(stat64), EPERM, true},
	{CALL(lstat), EPERM, true},
	{CALL(lstat64), EPERM, true},
	{CALL(statx), EPERM, true},
	{CALL(readlink), EPERM, true},
	{CALL(readlinkat), EPERM, true},
	{CALL(statfs), EPERM, true},
	{CALL(statfs64), EPERM, true},
	{CALL(chdir), EPERM, true},
	{CALL(fchdir), EPERM, true},
	{CALL(socket), EPERM, false},
	{CALL(connect), EPERM, false},
	/* One of datagrams, not connected to a name, sends to any name. */
	{CALL(socketpair), EPERM, false},
	{CALL(getxattr), EPERM, false},
	{CALL(sched_setscheduler), EPERM, false},
	{CALL(setpriority), EPERM, false},
};

/* Reads files: opening is allowed below, by its flags. */
static const int reads[] = {
	CALL(access),     CALL(faccessat),  CALL(faccessat2), CALL(stat),
	CALL(stat64),     CALL(lstat),      CALL(lstat64),    CALL(readlink),
	CALL(readlinkat), CALL(statfs),     CALL(statfs64),   CALL(chdir),
	CALL(fchdir),     CALL(newfstatat), CALL(fstatat64),  CALL(statx),
};

/* The opener; what it gives conditions to is below. */
static const int opens[] = {
	CALL(recvmsg),        CALL(sendmsg),      CALL(close),           CALL(openat2),
	CALL(fstat),          CALL(fstat64),      CALL(newfstatat),      CALL(fstatat64),
	CALL(statx),          CALL(fstatfs),      CALL(fstatfs64),       CALL(faccessat2),
	CALL(mkdirat),        CALL(unlinkat),     CALL(renameat),        CALL(renameat2),
	CALL(ftruncate),      CALL(ftruncate64),  CALL(chdir),           CALL(pread64),
	CALL(capget),         CALL(capset),       CALL(munmap),          CALL(mremap),
	CALL(madvise),        CALL(brk),          CALL(futex),           CALL(futex_time64),
	CALL(exit),           CALL(exit_group),   CALL(rt_sigreturn),    CALL(sigreturn),
	CALL(rt_sigprocmask), CALL(rt_sigaction), CALL(restart_syscall), CALL(getpid),
	CALL(gettid),         CALL(write),        CALL(getdents64),      CALL(readlinkat),
};

/* What ioctl() may ask of descriptors: it sets nothing. */
static const unsigned long asks[] = {
	TCGETS,        TIOCGWINSZ,    FIONREAD,     FIOCLEX,      FIONBIO,
	SIOCETHTOOL,   SIOCGIFNAME,   SIOCGIFINDEX, SIOCGIFFLAGS, SIOCGIFMTU,
	SIOCGIFHWADDR, SIOCGIFTXQLEN, SIOCGIFMAP,   SIOCOUTQ,
};

/* Gathers the first failure of many rules. */
struct rules {
	scmp_filter_ctx ctx;
	int r;
};

static void rule(struct rules *f, uint32_t action, int call, unsigned n,
		 const struct scmp_arg_cmp *cmp)
{
	int r;

	/* A call that this machine does not have. */
	if (call < 0 || f->r < 0)
		return;
	r = seccomp_rule_add_array(f->ctx, action, call, n, cmp);
	/* -EEXIST: the same rule again. */
	if (r < 0 && r != -EEXIST)
		f->r = r;
}

static void allow(struct rules *f, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rule(f, SCMP_ACT_ALLOW, calls[i], 0, NULL);
}

static void allow_if(struct rules *f, int call, struct scmp_arg_cmp cmp)
{
	rule(f, SCMP_ACT_ALLOW, call, 1, &cmp);
}
#define ALLOW_ALL(f, calls) allow(f, calls, N(calls))

/* Memory that is written is never run. */
static void allow_memory(struct rules *f)
{
	struct scmp_arg_cmp runs = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);
	struct scmp_arg_cmp data = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const int calls[] = {CALL(mmap), CALL(mmap2), CALL(mprotect)};

	for (size_t i = 0; i < N(calls); i++) {
		rule(f, SCMP_ACT_ALLOW, calls[i], 1, &data);
		if (!PRIV_SANITIZED)
			rule(f, SCMP_ACT_ERRNO(EPERM), calls[i], 1, &runs);
	}
}

/* To itself only: abort(), pthread_kill(). */
static void allow_self(struct rules *f)
{
	allow_if(f, CALL(tgkill), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	allow_if(f, CALL(kill), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
}

/* Not F_SETOWN and F_SETSIG, nor the O_ASYNC that sets them off: a descriptor would send
 * any signal to any process of the same user. */
static void allow_locks(struct rules *f)
{
	static const int commands[] = {F_GETFD,     F_SETFD,     F_GETFL,     F_DUPFD,
				       F_GETLK,     F_SETLK,     F_SETLKW,    F_DUPFD_CLOEXEC,
				       F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW};
	const int calls[] = {CALL(fcntl), CALL(fcntl64)};
	const struct scmp_arg_cmp flags[] = {SCMP_A1(SCMP_CMP_EQ, F_SETFL),
					     SCMP_A2(SCMP_CMP_MASKED_EQ, O_ASYNC, 0)};

	for (size_t c = 0; c < N(calls); c++) {
		for (size_t i = 0; i < N(commands); i++)
			allow_if(f, calls[c], SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[i]));
		rule(f, SCMP_ACT_ALLOW, calls[c], N(flags), flags);
	}
}

/* Of this process, which is 0, or of this thread: no other's. */
static void allow_own(struct rules *f)
{
	allow_if(f, CALL(prlimit64), SCMP_A0(SCMP_CMP_EQ, 0));
	allow_if(f, CALL(sched_setaffinity), SCMP_A0(SCMP_CMP_EQ, 0));
}

/* Opening by path, but not for writing. */
static void allow_reading(struct rules *f)
{
	static const uint64_t writing[] = {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC};
	uint64_t all = 0;

	for (size_t i = 0; i < N(writing); i++) {
		struct scmp_arg_cmp two = SCMP_A1(SCMP_CMP_MASKED_EQ, writing[i], writing[i]);
		struct scmp_arg_cmp three = SCMP_A2(SCMP_CMP_MASKED_EQ, writing[i], writing[i]);

		all |= writing[i];
		if (PRIV_SANITIZED)
			continue;
		rule(f, SCMP_ACT_ERRNO(EPERM), CALL(open), 1, &two);
		rule(f, SCMP_ACT_ERRNO(EPERM), CALL(openat), 1, &three);
	}
	allow_if(f, CALL(open), SCMP_A1(SCMP_CMP_MASKED_EQ, all, 0));
	allow_if(f, CALL(openat), SCMP_A2(SCMP_CMP_MASKED_EQ, all, 0));
}

/* Of a descriptor, not of a path, which seccomp cannot see: fstat() of a C library that
 * makes it fstatat(fd, "", AT_EMPTY_PATH) is told from others by the handler of what is
 * not in the list.  Where there is none, nothing is. */
static void refuse_stat(struct rules *f)
{
	const int calls[] = {CALL(newfstatat), CALL(fstatat64)};

	if (PRIV_SANITIZED)
		return;
	for (size_t i = 0; !SANDBOX_STAT && i < N(calls); i++)
		rule(f, SCMP_ACT_ERRNO(EPERM), calls[i], 0, NULL);
}

static void worker(struct rules *f, bool reader)
{
	const int prctls[] = {PR_SET_NAME,     PR_GET_NAME,         PR_SET_TIMERSLACK,
			      PR_CAPBSET_READ, PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP};

	ALLOW_ALL(f, works);
	if (reader) {
		ALLOW_ALL(f, reads);
		allow_reading(f);
	}
	for (size_t i = 0; !PRIV_SANITIZED && i < N(refusals); i++)
		if (!reader || !refusals[i].reader)
			rule(f, SCMP_ACT_ERRNO((uint32_t)refusals[i].code), refusals[i].call, 0,
			     NULL);
	for (size_t i = 0; i < N(asks); i++)
		allow_if(f, CALL(ioctl), SCMP_A1(SCMP_CMP_EQ, asks[i]));
	for (size_t i = 0; i < N(prctls); i++)
		allow_if(f, CALL(prctl), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)prctls[i]));
	/* Threads, never processes. */
	allow_if(f, CALL(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	allow_locks(f);
	allow_own(f);
	if (!reader)
		refuse_stat(f);
	allow_memory(f);
	allow_self(f);
}

/* What trawl-opener does; see opener_*.c. */
static void opener(struct rules *f)
{
	struct scmp_arg_cmp mark[] = {SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET),
				      SCMP_A2(SCMP_CMP_EQ, SO_MARK)};

	ALLOW_ALL(f, opens);
	allow_if(f, CALL(socket), SCMP_A0(SCMP_CMP_EQ, AF_PACKET));
	allow_if(f, CALL(socket), SCMP_A0(SCMP_CMP_EQ, AF_NETLINK));
	allow_if(f, CALL(setns), SCMP_A1(SCMP_CMP_EQ, CLONE_NEWNET));
	allow_if(f, CALL(bpf), SCMP_A0(SCMP_CMP_EQ, BPF_MAP_CREATE));
	allow_if(f, CALL(bpf), SCMP_A0(SCMP_CMP_EQ, BPF_PROG_LOAD));
	allow_if(f, CALL(ioctl), SCMP_A1(SCMP_CMP_EQ, NS_GET_NSTYPE));
	rule(f, SCMP_ACT_ALLOW, CALL(setsockopt), N(mark), mark);
	allow_memory(f);
	allow_self(f);
}

/* Says which call it was, for a report; then dies of the signal, as it would have
 * without this.  Nothing here but what a signal handler may do. */
static void say_violation(int sig, siginfo_t *info, void *context)
{
	static const char text[] = ": system call not allowed once privileges are dropped\n";
	char line[96] = "trawl: ";
	size_t n = strlen(line);
	unsigned call = (unsigned)info->si_syscall;
	char digits[12];
	size_t d = 0;

	if (sandbox_stat(info, context))
		return;
	do
		digits[d++] = (char)('0' + call % 10);
	while ((call /= 10) > 0);
	while (d > 0)
		line[n++] = digits[--d];
	memcpy(line + n, text, sizeof(text) - 1);
	n += sizeof(text) - 1;
	if (write(STDERR_FILENO, line, n) < 0)
		n = 0; /* nobody to tell */
	signal(sig, SIG_DFL);
	raise(sig);
}

static int say_violations(struct err *err)
{
	struct sigaction a = {.sa_sigaction = say_violation, .sa_flags = SA_SIGINFO | SA_NODEFER};

	sigemptyset(&a.sa_mask);
	if (sigaction(SIGSYS, &a, NULL) < 0)
		return err_set(err, -errno, "cannot handle SIGSYS: %s", strerror(errno));
	return 0;
}

/* What becomes of the rest. */
static uint32_t otherwise(enum sandbox_profile profile)
{
	/* The sanitizers' own code does what it likes. */
	if (PRIV_SANITIZED)
		return SCMP_ACT_LOG;
	/* TRAP, not KILL: the handler gives the reason, the call is not made either way. */
	return profile == SANDBOX_OPENER ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_TRAP;
}

int sandbox_enter(enum sandbox_profile profile, struct err *err)
{
	CLEANUP(seccomp_releasep) scmp_filter_ctx ctx = NULL;
	struct rules f = {0};
	int r;

	ctx = seccomp_init(otherwise(profile));
	if (!ctx)
		return err_set(err, -ENOMEM, "out of memory");
	f.ctx = ctx;
	f.r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (f.r == 0)
		f.r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
	if (profile == SANDBOX_OPENER)
		opener(&f);
	else
		worker(&f, profile == SANDBOX_READER);
	if (f.r < 0)
		return err_set(err, f.r, "cannot make the list of system calls: %s",
			       strerror(-f.r));
	if (profile != SANDBOX_OPENER) {
		r = say_violations(err);
		if (r < 0)
			return r;
	}
	r = seccomp_load(ctx);
	if (r < 0)
		return err_set(err, r, "cannot limit system calls (seccomp): %s", strerror(-r));
	return 0;
}
