#include "cli/cmd_store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "store/inventory.h"
#include "store/store.h"

#define NS             INT64_C(1000000000)
#define PROGRESS_AFTER NS       /* work that takes less shows none */
#define PROGRESS_EVERY (NS / 5) /* between two drawings */
#define DIR_SHOWN      128      /* bytes of a path in a message */

int cli_store_dir(const struct cli *c, const struct opt_list *operands, const char **ret)
{
	struct err err;

	if (operands->n == 1 && *operands->v[0]) {
		*ret = operands->v[0];
		return CLI_DONE;
	}
	err_set(&err, -EINVAL, "%s",
		operands->n > 1 ? "more than one folder: name one"
				: "name a folder that 'trawl capture --dir' has made");
	return cli_usage(c, &err);
}

/* What is none of a store must not pass for a healthy one. */
static int check_store(struct store *s, const char *dir, struct err *err)
{
	struct inventory v;
	bool found;
	char q[DIR_SHOWN];
	size_t i;
	int r = inventory_new(&v, s, err);

	if (r < 0)
		return r;
	found = v.n_unread > 0;
	for (i = 0; i < v.n && !found; i++)
		found = v.v[i].kind != STORE_FILE_OTHER;
	inventory_done(&v);
	if (found)
		return 0;
	return err_set(err, -ENOENT,
		       "there is no capture in '%s': 'trawl capture --dir' makes a folder NAME/0 "
		       "there, with a journal (*.jrn) for each run",
		       err_quote(q, sizeof(q), dir, (unsigned)strlen(dir)));
}

int cli_store_open(struct store **ret, const char *dir, bool write, struct err *err)
{
	const struct store_conf conf = {.read_only = !write};
	CLEANUP(store_closep) struct store *s = NULL;
	CLEANUP(freep) char *spec = NULL;
	int r;

	if (asprintf(&spec, "local:%s", dir) < 0) {
		spec = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	if (write) {
		/* A folder that is not there would be made. */
		const struct store_conf look = {.read_only = true};

		r = store_open(&s, spec, &look, err);
		if (r == 0)
			r = check_store(s, dir, err);
		if (r < 0)
			return r;
		store_close(TAKE_PTR(s));
	}
	r = store_open(&s, spec, &conf, err);
	if (r == 0 && !write)
		r = check_store(s, dir, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

void cli_store_begin(struct cli_store_progress *p, struct cli *c)
{
	*p = (struct cli_store_progress){.cli = c, .began = clock_ns(CLOCK_MONOTONIC)};
}

bool cli_store_progress(struct cli_store_progress *p, uint64_t done, uint64_t total)
{
	const int64_t now = clock_ns(CLOCK_MONOTONIC);

	if (p->cli->err_terminal && !p->cli->quiet && now - p->began > PROGRESS_AFTER &&
	    now - p->shown > PROGRESS_EVERY) {
		if (total)
			fprintf(stderr, "\r\x1b[K%3.0f %% of %.1f MiB",
				100.0 * (double)(done < total ? done : total) / (double)total,
				(double)total / 1048576);
		else
			fprintf(stderr, "\r\x1b[K%.1f MiB", (double)done / 1048576);
		p->shown = now;
		p->cli->progress = true;
	}
	return cli_stopped();
}
