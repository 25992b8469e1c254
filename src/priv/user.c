/* Who we shall be. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "priv/conn.h"

static void user_set(struct priv_user *u, uid_t uid, gid_t gid)
{
	const struct passwd *pw = getpwuid(uid);

	u->uid = uid;
	u->gid = gid;
	if (pw)
		snprintf(u->name, sizeof(u->name), "%s", pw->pw_name);
	else
		snprintf(u->name, sizeof(u->name), "#%u", uid);
}

void priv_user_self(struct priv_user *ret)
{
	user_set(ret, getuid(), getgid());
}

/* (uid_t)-1 means "no change" to system calls. */
static int id_parse(const char *name, const char *text, uint64_t *ret, struct err *err)
{
	int r = parse_u64(text, 0, UINT32_MAX - 1, ret, err);

	return r < 0 ? err_wrap(err, r, "%s", name) : 0;
}

/* 1: found; 0: not under sudo, or root called it. */
static int user_of_sudo(struct priv_user *ret, struct err *err)
{
	const char *uid_text = getenv("SUDO_UID"), *gid_text = getenv("SUDO_GID");
	uint64_t uid, gid;
	int r;

	if (!uid_text || !gid_text)
		return 0;
	r = id_parse("SUDO_UID", uid_text, &uid, err);
	if (r < 0)
		return r;
	r = id_parse("SUDO_GID", gid_text, &gid, err);
	if (r < 0)
		return r;
	if (uid == 0)
		return 0;
	user_set(ret, (uid_t)uid, (gid_t)gid);
	return 1;
}

int priv_user_find(struct priv_user *ret, struct err *err)
{
	static const char *const names[] = {"trawl", "nobody"};
	int r;

	if (getuid() != 0) {
		priv_user_self(ret);
		return 0;
	}
	r = user_of_sudo(ret, err);
	if (r != 0)
		return r < 0 ? r : 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct passwd *pw = getpwnam(names[i]);

		if (pw && pw->pw_uid != 0) {
			user_set(ret, pw->pw_uid, pw->pw_gid);
			return 0;
		}
	}
	priv_user_self(ret);
	return 0;
}
