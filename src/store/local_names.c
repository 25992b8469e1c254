/* Names of streams and runs, and who writes them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "fmt/jrn.h"
#include "store/local.h"

void local_escape(const char *capture, char ret[LOCAL_NAME_SIZE])
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_.";
	const bool taken = strncmp(capture, CATALOGUE_NAME, strlen(CATALOGUE_NAME)) == 0;
	size_t n = 0, i;

	for (i = 0; capture[i] && n + 4 < LOCAL_NAME_SIZE; i++) {
		if (strchr(plain, capture[i]) && (i || (capture[i] != '.' && !taken)))
			ret[n++] = capture[i];
		else
			n += (size_t)snprintf(ret + n, 4, "%%%02X", (uint8_t)capture[i]);
	}
	ret[n] = '\0';
}

const char *local_run_of(const char *name, uint64_t *ret)
{
	size_t i;

	if (strspn(name, "0123456789abcdef") < LOCAL_RUN_DIGITS)
		return NULL;
	*ret = 0;
	for (i = 0; i < LOCAL_RUN_DIGITS; i++)
		*ret = *ret << 4 | (uint64_t)(name[i] <= '9' ? name[i] - '0' : name[i] - 'a' + 10);
	return name + LOCAL_RUN_DIGITS;
}

bool local_is_locked(int fd)
{
	struct flock l = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}

/* The process that writes the journal 'name' in 'dir' now; 0: none. */
static uint64_t writer_of(int dir, const char *name)
{
	CLEANUP(closep) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	uint8_t p[4096];
	struct jrn_head h;
	struct rec rec;
	ssize_t n;

	if (fd < 0 || !local_is_locked(fd))
		return 0;
	n = pread(fd, p, sizeof(p), 0);
	if (n < REC_MAGIC || rec_read(p + REC_MAGIC, (size_t)n - REC_MAGIC, &rec) <= 0 ||
	    jrn_get_head(&rec, &h) < 0)
		return UINT64_MAX;
	return h.pid;
}

int local_check_busy(const struct local *s, const char *folder, struct err *err)
{
	CLEANUP(closedirp) DIR *d = fd_opendir(s->dir_fd, folder);
	const struct dirent *e;
	uint64_t pid = 0;

	while (d && !pid && (e = readdir(d))) {
		size_t n = strlen(e->d_name), m = strlen(LOCAL_JOURNAL);

		if (n > m && strcmp(e->d_name + n - m, LOCAL_JOURNAL) == 0)
			pid = writer_of(dirfd(d), e->d_name);
	}
	if (!pid)
		return 0;
	if (pid == UINT64_MAX)
		return err_set(err, -EBUSY, "another process writes '%s/%s'", s->path, folder);
	return err_set(err, -EBUSY, "process %" PRIu64 " writes '%s/%s'", pid, s->path, folder);
}

int local_busy(const struct local *s, struct err *err)
{
	CLEANUP(closedirp) DIR *captures = fd_opendir(s->dir_fd, ".");
	const struct dirent *c, *h;

	while (captures && (c = readdir(captures))) {
		CLEANUP(closedirp) DIR *shards = NULL;
		char folder[2 * 256 + 2];

		if (c->d_name[0] == '.')
			continue;
		shards = fd_opendir(s->dir_fd, c->d_name);
		while (shards && (h = readdir(shards))) {
			if (h->d_name[0] == '.')
				continue;
			snprintf(folder, sizeof(folder), "%s/%s", c->d_name, h->d_name);
			if (local_check_busy(s, folder, err) < 0)
				return err->code;
		}
	}
	return err_set(err, -EBUSY, "another process writes '%s'", s->path);
}
