/* trawl store rebuild: makes again what a store lacks. */
#include "cli/cmds.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "cli/cmd_store.h"
#include "cli/system.h"
#include "store/rebuild.h"
#include "store/store.h"

struct rebuild_opts {
	uint64_t max_memory;
	bool quiet;
};

/* clang-format off */
static const struct opt run_table[] = {
	{"max-memory", 0, OPT_SIZE, offsetof(struct rebuild_opts, max_memory), "SIZE", NULL,
	 "memory for flows that are made of packets again, as in 512M; default: half of the machine's", .min = 1 << 20},
	{"quiet", 'q', OPT_FLAG, offsetof(struct rebuild_opts, quiet), NULL, NULL,
	 "no progress, and nothing of what was done; what could not be done is still said"},
};

static const struct opt_set sets[] = {
	{"Running", OPT_TABLE(run_table), 0},
};
/* clang-format on */

struct rebuild {
	struct cli *cli;
	struct cli_store_progress progress;
	int failed; /* -errno of writing */
};

static void say(struct rebuild *k, const char *what, const char *file)
{
	char q[512], line[640];
	int n;

	cli_clear(k->cli);
	n = snprintf(line, sizeof(line), "%s %s\n", what,
		     err_quote(q, sizeof(q), file, (unsigned)strlen(file)));
	if (!k->failed && !k->cli->quiet)
		k->failed = cli_write(NULL, line, (size_t)n);
}

static void done(void *arg, enum store_rebuilt what, const char *file, int code)
{
	struct rebuild *k = arg;
	char q[512];

	if (what != STORE_FAILED) {
		say(k, what == STORE_MADE ? "made   " : "removed", file);
		return;
	}
	cli_clear(k->cli);
	fprintf(stderr, "trawl: '%s': %s\n", err_quote(q, sizeof(q), file, (unsigned)strlen(file)),
		strerror(-code));
}

static void note(void *arg, const char *text)
{
	struct rebuild *k = arg;

	cli_clear(k->cli);
	fprintf(stderr, "trawl: %s\n", text);
}

static bool stop(void *arg, uint64_t bytes, uint64_t total)
{
	struct rebuild *k = arg;

	return cli_store_progress(&k->progress, bytes, total);
}

static int finish(struct rebuild *k, const struct store_rebuild_sum *sum, int code)
{
	struct err err;

	if (code < 0)
		cli_say_stopped();
	else if (!sum->made && !sum->removed && !sum->failed && !sum->damage && !sum->unseen)
		cli_say(k->cli, "there was nothing to do");
	if (sum->damage)
		fprintf(stderr,
			"trawl: damage that cannot be mended in %" PRIu64
			" place%s: 'trawl store check' names it\n",
			sum->damage, num_s(sum->damage));
	if (sum->unseen)
		fprintf(stderr,
			"trawl: %" PRIu64
			" file%s could not be looked at: 'trawl store check' names %s\n",
			sum->unseen, num_s(sum->unseen), sum->unseen == 1 ? "it" : "them");
	if (k->failed == -EPIPE)
		return CLI_DONE;
	if (k->failed) {
		err_set(&err, k->failed, "cannot write: %s", strerror(-k->failed));
		return cli_fail(&err);
	}
	if (sum->failed)
		return CLI_FAILED;
	return code < 0 || sum->damage || sum->unseen ? CLI_INCOMPLETE : CLI_DONE;
}

static int rebuild_run(struct cli *c, void *opts, const struct opt_list *operands)
{
	CLEANUP(store_closep) struct store *s = NULL;
	const struct rebuild_opts *o = opts;
	struct rebuild k = {.cli = c};
	const struct store_rebuild_conf conf = {
		.max_memory = o->max_memory ? o->max_memory : cli_half_memory(),
		.done = done,
		.note = note,
		.stop = stop,
		.arg = &k,
	};
	struct store_rebuild_sum sum = {0};
	const char *dir;
	struct err err = {0};
	int r, status = cli_store_dir(c, operands, &dir);

	c->quiet = o->quiet;
	if (status != CLI_DONE)
		return status;
	cli_store_begin(&k.progress, c);
	r = cli_store_open(&s, dir, true, &err);
	if (r == 0)
		r = store_rebuild(s, &conf, &sum, &err);
	cli_clear(c);
	if (r < 0 && r != -ECANCELED)
		return cli_fail(&err);
	return finish(&k, &sum, r);
}

static const char *const examples[] = {
	"trawl store rebuild /var/lib/trawl",
	NULL,
};

static const struct opt_cmd rebuild_opt = {
	.name = "store rebuild",
	.operands = "DIR",
	.brief = "makes again what a folder of captures lacks and still tells",
	.about = "Makes indexes of packets that are missing or damaged again, and removes files "
		 "that are of no use. Not while a capture writes to DIR. Does nothing a second "
		 "time. Exit status 3: there is damage that it cannot mend.",
	.examples = examples,
	.sets = sets,
	.n_sets = sizeof(sets) / sizeof(sets[0]),
	.size = sizeof(struct rebuild_opts),
};

const struct cli_cmd cmd_store_rebuild = {"Keep", &rebuild_opt, rebuild_run, "store"};
