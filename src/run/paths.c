#include "run/paths.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/vec.h"

#define DEPTH_MAX 32 /* folders within folders */

static int add_path(struct paths *p, const char *name, int depth, struct err *err);

void paths_done(struct paths *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		free(p->v[i]);
	free(p->v);
	*p = (struct paths){0};
}

static int failed(struct err *err, int code, const char *name)
{
	char q[256];

	return err_set(err, code, "cannot open '%s': %s",
		       err_quote(q, sizeof(q), name, (unsigned)strlen(name)), strerror(-code));
}

static int add_file(struct paths *p, const char *name, struct err *err)
{
	if (p->n == PATHS_MAX)
		return err_set(err, -E2BIG, "more than %d files", PATHS_MAX);
	if (vec_reserve(&p->v, &p->size, p->n + 1, sizeof(*p->v)) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	p->v[p->n] = strdup(name);
	if (!p->v[p->n])
		return err_set(err, -ENOMEM, "out of memory");
	p->n++;
	return 0;
}

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static void free_entries(struct dirent ***list)
{
	struct dirent **e;

	for (e = *list; e && *e; e++)
		free(*e);
	free(*list);
}

static int add_folder(struct paths *p, const char *name, int depth, struct err *err)
{
	CLEANUP(free_entries) struct dirent **list = NULL;
	struct dirent **found = NULL;
	int n, i, r = 0;

	if (depth == DEPTH_MAX)
		return err_set(err, -ELOOP, "folders deeper than %d at '%.200s'", DEPTH_MAX, name);
	n = scandir(name, &found, visible, alphasort);
	if (n < 0)
		return failed(err, -errno, name);
	/* One more entry ends the list for its destructor. */
	list = realloc(found, ((size_t)n + 1) * sizeof(*list));
	if (!list) {
		for (i = 0; i < n; i++)
			free(found[i]);
		free(found);
		return err_set(err, -ENOMEM, "out of memory");
	}
	list[n] = NULL;

	for (i = 0; i < n && r == 0; i++) {
		CLEANUP(freep) char *path = NULL;
		struct stat st;

		if (asprintf(&path, "%s/%s", name, list[i]->d_name) < 0) {
			path = NULL;
			return err_set(err, -ENOMEM, "out of memory");
		}
		/* Sockets and devices that happen to lie there are not captures. */
		if (stat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
			r = add_path(p, path, depth + 1, err);
	}
	return r;
}

static int add_pattern(struct paths *p, const char *name, struct err *err)
{
	glob_t g = {0};
	size_t i;
	int r;

	r = glob(name, 0, NULL, &g);
	if (r == GLOB_NOMATCH)
		r = err_set(err, -ENOENT, "no file matches '%.200s'", name);
	else if (r)
		r = err_set(err, -EIO, "cannot look for '%.200s'", name);
	for (i = 0; r == 0 && i < g.gl_pathc; i++)
		r = add_path(p, g.gl_pathv[i], 0, err);
	globfree(&g);
	return r;
}

static int add_path(struct paths *p, const char *name, int depth, struct err *err)
{
	struct stat st;

	if (strcmp(name, "-") == 0)
		return add_file(p, name, err);
	if (stat(name, &st) < 0) {
		if (errno == ENOENT && strpbrk(name, "*?["))
			return add_pattern(p, name, err);
		return failed(err, -errno, name);
	}
	return S_ISDIR(st.st_mode) ? add_folder(p, name, depth, err) : add_file(p, name, err);
}

int paths_add(struct paths *p, const char *name, struct err *err)
{
	size_t before = p->n;
	int r = add_path(p, name, 0, err);

	if (r == 0 && p->n == before)
		return err_set(err, -ENOENT, "no files in '%.200s'", name);
	return r;
}
