/* Where a run is written: its folder, its name, its journal. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "store/local.h"

#define RUN_TRIES 1000

static int make_folders(struct local *s, const char *capture, unsigned shard,
			char ret[LOCAL_NAME_SIZE], struct err *err)
{
	size_t n;
	int r;

	local_escape(capture, ret);
	r = s->files.mkdir(s->files.arg, ret);
	n = strlen(ret);
	snprintf(ret + n, LOCAL_NAME_SIZE - n, "/%u", shard);
	if (r == 0)
		r = s->files.mkdir(s->files.arg, ret);
	if (r < 0)
		return err_set(err, r, "cannot create '%s/%s': %s", s->path, ret, strerror(-r));
	return 0;
}

/* The journal: its name is the run's. */
static int create_journal(struct local *s, const char *folder, int64_t now,
			  char ret_name[LOCAL_NAME_SIZE], uint64_t *ret_run, struct local_file *jrn,
			  struct err *err)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	uint64_t run = (uint64_t)now;
	char name[LOCAL_NAME_SIZE + 8];
	int r = -EEXIST, i;

	for (i = 0; i < RUN_TRIES && r == -EEXIST; i++, run++) {
		snprintf(ret_name, LOCAL_NAME_SIZE, "%.*s/%016" PRIx64, LOCAL_NAME_SIZE - 32,
			 folder, run);
		snprintf(name, sizeof(name), "%s" LOCAL_JOURNAL, ret_name);
		r = local_file_create(s, name, 0, jrn);
		if (r == 0)
			break;
	}
	/* The lock tells readers that somebody writes; another writer has another file. */
	if (r == 0 && fcntl(jrn->fd, F_OFD_SETLK, &l) < 0)
		r = -errno;
	if (r < 0)
		return err_set(err, r, "cannot create '%s/%s': %s", s->path, name, strerror(-r));
	*ret_run = run;
	return 0;
}

/* From here on its bytes count. */
static int keep_journal(struct local *s, const char *name, struct local_file *jrn,
			int64_t *ret_kept, struct err *err)
{
	int64_t r;

	*ret_kept = 0;
	if (!s->retain)
		return 0;
	r = *ret_kept = retain_run(s->retain, name);
	if (r >= 0)
		r = jrn->handle = retain_add(s->retain, *ret_kept, RETAIN_JOURNAL, 0);
	return r < 0 ? err_set(err, (int)r, "out of memory") : 0;
}

/* "0123456789abcdef-000001.pidx.tmp" */
static bool is_half(const char *name)
{
	uint64_t run;
	const char *rest = local_run_of(name, &run);
	size_t n;

	if (!rest || *rest++ != '-')
		return false;
	n = strspn(rest, "0123456789");
	return n && strcmp(rest + n, LOCAL_INDEX LOCAL_TMP) == 0;
}

/* Indexes that a writer was killed at.  Nobody writes here now, so nobody needs them; one that
 * cannot be removed does no harm. */
static void remove_halves(const struct local *s, const char *folder)
{
	CLEANUP(closedirp) DIR *d = fd_opendir(s->dir_fd, folder);
	char name[LOCAL_NAME_SIZE + 256];
	const struct dirent *e;

	while (d && (e = readdir(d))) {
		if (!is_half(e->d_name))
			continue;
		snprintf(name, sizeof(name), "%s/%s", folder, e->d_name);
		s->files.unlink(s->files.arg, name);
	}
}

int local_run_new(struct local *s, const char *capture, unsigned shard, int64_t now,
		  char ret_name[LOCAL_NAME_SIZE], uint64_t *ret_run, struct local_file *jrn,
		  int64_t *ret_kept, struct err *err)
{
	char folder[LOCAL_NAME_SIZE];
	int r = make_folders(s, capture, shard, folder, err);

	if (r == 0)
		r = local_check_busy(s, folder, err);
	if (r < 0)
		return r;
	remove_halves(s, folder);
	r = create_journal(s, folder, now, ret_name, ret_run, jrn, err);
	return r < 0 ? r : keep_journal(s, ret_name, jrn, ret_kept, err);
}
