/* What cannot be done here, and the command that changes it. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "priv/caps.h"
#include "priv/conn.h"
#include "priv/start.h"

#define GROUPS_MAX 4096 /* of one user; the kernel takes 65,536 */

/* What the user wants, in his words. */
static const char *what(unsigned features)
{
	if (features & PRIV_PACKET)
		return "capturing packets";
	if (features & PRIV_NETNS)
		return "entering other network namespaces";
	if (features & PRIV_BPF)
		return "counting filters in the kernel";
	if (features & PRIV_MARK)
		return "marking own connections";
	if (features & PRIV_READERS)
		return "finding the readers of a pipe";
	return "creating files";
}

/* Whether the user's entry in the list of groups has 'gid', which this session
 * may have been too early for. */
static bool is_listed(const char *user, gid_t own, gid_t gid)
{
	gid_t *list = calloc(GROUPS_MAX, sizeof(*list));
	int n = GROUPS_MAX;
	bool found = false;

	if (list && getgrouplist(user, own, list, &n) >= 0)
		for (int i = 0; i < n && !found; i++)
			found = list[i] == gid;
	free(list);
	return found;
}

/* The opener is there, but not for this user. */
static int not_in_group(const struct priv *p, unsigned features, struct err *err)
{
	const struct group *g;
	struct stat st;

	if (stat(p->path, &st) < 0 || !(st.st_mode & S_IXGRP) || !(g = getgrgid(st.st_gid)))
		return err_set(err, -EPERM, "%s needs '%s', which you may not run: use sudo",
			       what(features), p->path);
	if (is_listed(p->user.name, p->user.gid, st.st_gid))
		return err_set(err, -EPERM,
			       "%s is for group '%s', which this session is not in yet: log in "
			       "again, or use 'newgrp %s' here",
			       what(features), g->gr_name, g->gr_name);
	return err_set(err, -EPERM,
		       "%s is for members of group '%s': 'sudo usermod -aG %s %s' and a new login "
		       "make you one; or run it with sudo",
		       what(features), g->gr_name, g->gr_name, p->user.name);
}

static int no_opener(const struct priv *p, unsigned features, struct err *err)
{
	if (p->why == -EACCES)
		return not_in_group(p, features, err);
	if (p->why == -ENOENT)
		return err_set(err, -EPERM,
			       "%s needs the program '" OPENER_NAME
			       "', which is neither beside this "
			       "one nor '%s': build or install it (tools/install)",
			       what(features), p->path);
	return err_set(err, -EPERM, "%s needs '%s', which cannot be started: %s", what(features),
		       p->path, strerror(-p->why));
}

/* The opener runs, without capabilities that it needs. */
static int no_caps(const struct priv *p, unsigned features, uint64_t lacking, struct err *err)
{
	char names[128];

	caps_names(lacking, names, sizeof(names));
	if (getuid() == 0 || geteuid() == 0)
		return err_set(err, -EPERM,
			       "%s needs %s, which root does not have here (a container?): start "
			       "it with that capability, as with 'docker run --cap-add=...'",
			       what(features), names);
	if (getxattr(p->path, "security.capability", NULL, 0) > 0 && p->caps == 0)
		return err_set(err, -EPERM,
			       "%s needs %s; '%s' would have capabilities, but they do not count "
			       "here (mounted nosuid, no_new_privs, or a container): use sudo",
			       what(features), names, p->path);
	return err_set(err, -EPERM,
		       "%s needs %s: run it with sudo; or once 'sudo tools/install', 'sudo usermod "
		       "-aG trawl %s', and log in again",
		       what(features), names, p->user.name);
}

int priv_missing(struct priv *p, unsigned features, struct err *err)
{
	uint64_t lacking;

	/* In our own namespace anybody may have route sockets. */
	if (p->sock < 0)
		return features & ~(unsigned)PRIV_ROUTE ? no_opener(p, features, err) : 0;
	lacking = caps_lacking(features, p->caps);
	return lacking ? no_caps(p, features, lacking, err) : 0;
}
