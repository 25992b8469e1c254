/* fstat() under seccomp.
 *
 * glibc 2.33 to 2.38 make fstat(fd) the call newfstatat(fd, "", AT_EMPTY_PATH), and a
 * filter sees neither that its path is empty nor any other path.  So the call is not made
 * but handled: SIGSYS comes instead, and its handler makes the call fstat() where the
 * path is empty, else answers -EPERM. */
#pragma once

#include <signal.h>
#include <stdbool.h>

/* Whether the registers of this machine are known here. */
#if defined(__x86_64__) || defined(__aarch64__)
#define SANDBOX_STAT 1
#else
#define SANDBOX_STAT 0
#endif

/* In the handler of SIGSYS: deals with a newfstatat().  False: it was another call. */
bool sandbox_stat(const siginfo_t *info, void *context);
