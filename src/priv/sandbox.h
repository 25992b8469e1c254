/* Which system calls a process may make from here on, by libseccomp.
 *
 * A call outside the list ends the process with SIGSYS, after one line on
 * standard error that says which it was.  A few that libraries try and can do
 * without (opening a locale, asking for clone3) are refused with an error. */
#pragma once

#include "base/err.h"

enum sandbox_profile {
	SANDBOX_CAPTURE, /* priv.h: PRIV_PROFILE_CAPTURE */
	SANDBOX_READER,  /* priv.h: PRIV_PROFILE_READER */
	SANDBOX_OPENER,  /* trawl-opener */
};

/* For all threads of this process and for good; sets no_new_privs, too.
 * 0 or -errno; -ENOSYS: this kernel has no seccomp. */
int sandbox_enter(enum sandbox_profile profile, struct err *err);
