#include "priv/sandbox_stat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <unistd.h>

#define ARGS 4

#if defined(__x86_64__)
/* System V ABI for AMD64, A.2.1; the result goes where the number was. */
static long long *registers(ucontext_t *u, long long *args[ARGS])
{
	static const int at[ARGS] = {REG_RDI, REG_RSI, REG_RDX, REG_R10};

	for (int i = 0; i < ARGS; i++)
		args[i] = &u->uc_mcontext.gregs[at[i]];
	return &u->uc_mcontext.gregs[REG_RAX];
}
#elif defined(__aarch64__)
static long long *registers(ucontext_t *u, long long *args[ARGS])
{
	for (int i = 0; i < ARGS; i++)
		args[i] = (long long *)&u->uc_mcontext.regs[i];
	return args[0];
}
#endif

#if SANDBOX_STAT
bool sandbox_stat(const siginfo_t *info, void *context)
{
	long long *args[ARGS], *ret = registers(context, args);
	const char *path = (const char *)(uintptr_t)*args[1];
	int saved = errno;
	long r = -EPERM;

	if (info->si_syscall != SYS_newfstatat)
		return false;
	if (*args[3] & AT_EMPTY_PATH && path && !*path) {
		r = syscall(SYS_fstat, (int)*args[0], (void *)(uintptr_t)*args[2]);
		r = r < 0 ? -errno : r;
	}
	*ret = r;
	errno = saved;
	return true;
}
#else
bool sandbox_stat(const siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	return false;
}
#endif
