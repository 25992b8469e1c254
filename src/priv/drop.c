/* From the process that was started to the one that parses. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "priv/caps.h"
#include "priv/conn.h"
#include "priv/sandbox.h"

/* Capabilities belong to threads.  The links of this folder are its two names and
 * one folder per thread; unknown without /proc. */
static bool has_threads(void)
{
	struct stat st;

	/* The thread sanitizer has one of its own. */
	return !PRIV_SANITIZED && stat("/proc/self/task", &st) == 0 && st.st_nlink > 3;
}

/* Root becomes the user; others shed what set-uid bits may have given. */
static int user_become(const struct priv_user *u, struct err *err)
{
	if (getuid() == 0) {
		caps_raise(CAPS_BIT(CAP_SETUID) | CAPS_BIT(CAP_SETGID));
		/* Forbidden where there is nothing to leave: a user namespace, or no right to. */
		if (setgroups(0, NULL) < 0 && errno != EPERM)
			return err_set(err, -errno, "cannot leave groups: %s", strerror(errno));
	}
	if (setresgid(u->gid, u->gid, u->gid) < 0 || setresuid(u->uid, u->uid, u->uid) < 0)
		return err_set(err, -errno, "cannot become user %s: %s", u->name, strerror(errno));
	return 0;
}

/* Believes nothing that it has not seen. */
static int drop_verify(const struct priv_user *u, struct err *err)
{
	uid_t uid[3];
	gid_t gid[3];

	if (getresuid(&uid[0], &uid[1], &uid[2]) < 0 || getresgid(&gid[0], &gid[1], &gid[2]) < 0)
		return err_set(err, -errno, "cannot see who this is: %s", strerror(errno));
	for (int i = 0; i < 3; i++)
		if (uid[i] != u->uid || gid[i] != u->gid)
			return err_set(err, -EPERM, "did not become user %s", u->name);
	if (caps_permitted() != 0)
		return err_set(err, -EPERM, "did not lose all capabilities");
	if (u->uid != 0 && setuid(0) == 0)
		return err_set(err, -EPERM, "could become root again");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return err_set(err, -EPERM, "could gain privileges again");
	return 0;
}

static int seal(struct priv *p, struct err *err)
{
	struct priv_got got;
	struct order_wire w;
	int r;

	if (p->sock < 0)
		return 0;
	r = order_encode(&w, ORDER_SEAL, (const uint32_t[3]){0}, NULL, NULL, err);
	return r < 0 ? r : priv_call(p, &w, NULL, 0, &got, err);
}

static int drop(struct priv *p, struct err *err)
{
	int r;

	r = seal(p, err);
	if (r < 0)
		return r;
	/* -EPERM: without CAP_SETPCAP it stays; no_new_privs keeps it from mattering. */
	r = caps_unbind();
	if (r < 0 && r != -EPERM)
		return err_set(err, r, "cannot empty the bounding set: %s", strerror(-r));
	r = user_become(&p->user, err);
	if (r < 0)
		return r;
	r = caps_limit(0);
	if (r < 0)
		return err_set(err, r, "cannot drop capabilities: %s", strerror(-r));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, -errno, "cannot renounce new privileges: %s", strerror(errno));
	if (!PRIV_SANITIZED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_set(err, -errno, "cannot forbid core files: %s", strerror(errno));
	return drop_verify(&p->user, err);
}

int priv_drop(struct priv *p, enum priv_profile profile, struct err *err)
{
	int r;

	if (has_threads())
		return err_set(err, -EBUSY, "privileges can only be dropped before threads start");
	tzset(); /* reads a file */
	r = drop(p, err);
	if (r == 0 && profile != PRIV_PROFILE_NONE)
		r = sandbox_enter(profile == PRIV_PROFILE_READER ? SANDBOX_READER : SANDBOX_CAPTURE,
				  err);
	return r < 0 ? err_wrap(err, r, "cannot drop privileges") : 0;
}
