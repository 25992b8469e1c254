/* trawl store check: whether a store is what was written. */
#include "cli/cmds.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/num.h"
#include "cli/cmd_store.h"
#include "store/check.h"
#include "store/store.h"

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_JSONL };
static const char *const formats[] = {"text", "json", "jsonl", NULL};

struct check_opts {
	int format;
	bool quiet;
};

/* clang-format off */
static const struct opt out_table[] = {
	{"format", 0, OPT_ENUM, offsetof(struct check_opts, format), "FORMAT", "text",
	 "how to write what was found: text, json, or jsonl with an object a line, the sums last", .words = formats},
	{"quiet", 'q', OPT_FLAG, offsetof(struct check_opts, quiet), NULL, NULL,
	 "no progress, and in text only damage and what could not be looked at"},
};

static const struct opt_set sets[] = {
	{"Output", OPT_TABLE(out_table), 0},
};
/* clang-format on */

struct check {
	struct cli *cli;
	const struct check_opts *opts;
	struct cli_store_progress progress;
	struct buf out;
	bool begun; /* something was written */
	int failed; /* -errno of writing */
};

static const char *const kinds[] = {
	[STORE_DAMAGE] = "damage",
	[STORE_REMARK] = "note",
	[STORE_UNSEEN] = "unseen",
};

static void flush(struct check *k)
{
	cli_clear(k->cli);
	if (!k->failed)
		k->failed = buf_err(&k->out) ? -ENOMEM : cli_write(NULL, k->out.p, k->out.len);
	buf_clear(&k->out);
	k->begun = true;
}

static void text_finding(struct buf *b, const struct store_finding *f)
{
	char q[512];

	buf_addf(b, "%-6s %s", kinds[f->kind],
		 err_quote(q, sizeof(q), f->file, (unsigned)strlen(f->file)));
	if (f->at >= 0)
		buf_addf(b, " at %" PRId64, f->at);
	buf_addf(b, ": %s\n", f->text);
}

static void json_finding(struct buf *b, const struct store_finding *f)
{
	struct json j = JSON_INIT(b);

	json_object(&j);
	json_key(&j, "kind");
	json_str(&j, kinds[f->kind]);
	json_key(&j, "file");
	json_str(&j, f->file);
	if (f->at >= 0) {
		json_key(&j, "at");
		json_i64(&j, f->at);
	}
	json_key(&j, "text");
	json_str(&j, f->text);
	json_object_end(&j);
}

static void found(void *arg, const struct store_finding *f)
{
	struct check *k = arg;

	if (k->opts->format == FORMAT_TEXT) {
		if (k->opts->quiet && f->kind == STORE_REMARK)
			return;
		text_finding(&k->out, f);
	} else {
		if (k->opts->format == FORMAT_JSON)
			buf_addstr(&k->out, k->begun ? ",\n" : "{\"findings\":[\n");
		json_finding(&k->out, f);
		if (k->opts->format == FORMAT_JSONL)
			buf_addch(&k->out, '\n');
	}
	flush(k);
}

static bool stop(void *arg, uint64_t bytes, uint64_t total)
{
	struct check *k = arg;

	return cli_store_progress(&k->progress, bytes, total) || k->failed;
}

static void text_sums(struct buf *b, const struct store_checked *s)
{
	buf_addf(b, "%" PRIu64 " run%s", s->runs, num_s(s->runs));
	if (s->running)
		buf_addf(b, ", %" PRIu64 " running", s->running);
	if (s->killed)
		buf_addf(b, ", %" PRIu64 " killed", s->killed);
	buf_addf(b, "; %" PRIu64 " file%s, %" PRIu64 " byte%s; ", s->files, num_s(s->files),
		 s->bytes, num_s(s->bytes));
	buf_addf(b, "%" PRIu64 " packet%s, %" PRIu64 " row%s in %" PRIu64 " block%s: ", s->packets,
		 num_s(s->packets), s->rows, num_s(s->rows), s->blocks, num_s(s->blocks));
	if (s->damage)
		buf_addf(b, "%" PRIu64 " damage%s", s->damage, num_s(s->damage));
	else
		buf_addstr(b, "no damage");
	if (s->unseen)
		buf_addf(b, ", %" PRIu64 " could not be looked at", s->unseen);
	buf_addch(b, '\n');
}

static void json_sums(struct buf *b, const struct store_checked *s, bool stopped)
{
	struct json j = JSON_INIT(b);
	const struct {
		const char *key;
		uint64_t v;
	} sums[] = {
		{"runs", s->runs},     {"running", s->running}, {"killed", s->killed},
		{"files", s->files},   {"bytes", s->bytes},     {"packets", s->packets},
		{"rows", s->rows},     {"blocks", s->blocks},   {"damage", s->damage},
		{"notes", s->remarks}, {"unseen", s->unseen},
	};
	size_t i;

	json_object(&j);
	for (i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
		json_key(&j, sums[i].key);
		json_u64(&j, sums[i].v);
	}
	json_key(&j, "complete");
	json_bool(&j, !stopped && !s->unseen);
	json_object_end(&j);
}

static void write_sums(struct check *k, const struct store_checked *s, bool stopped)
{
	if (k->opts->format == FORMAT_TEXT) {
		if (!k->opts->quiet)
			text_sums(&k->out, s);
	} else {
		if (k->opts->format == FORMAT_JSON)
			buf_addstr(&k->out,
				   k->begun ? "\n],\"sums\":" : "{\"findings\":[],\"sums\":");
		json_sums(&k->out, s, stopped);
		buf_addstr(&k->out, k->opts->format == FORMAT_JSON ? "}\n" : "\n");
	}
	flush(k);
}

/* 1 damage; 3 not all could be looked at; an unclean end is neither. */
static int check(struct check *k, const char *dir)
{
	CLEANUP(store_closep) struct store *s = NULL;
	const struct store_check_conf conf = {.found = found, .stop = stop, .arg = k};
	struct store_checked sum = {0};
	struct err err = {0};
	int r = cli_store_open(&s, dir, false, &err);

	if (r == 0)
		r = store_check(s, &conf, &sum, &err);
	cli_clear(k->cli);
	if (k->failed == -EPIPE)
		return CLI_DONE;
	if (r < 0 && r != -ECANCELED) {
		cli_fail(&err);
		return CLI_INCOMPLETE;
	}
	write_sums(k, &sum, r < 0);
	if (r < 0)
		cli_say_stopped();
	if (k->failed && k->failed != -EPIPE) {
		err_set(&err, k->failed, "cannot write: %s", strerror(-k->failed));
		return cli_fail(&err);
	}
	return sum.damage ? CLI_FAILED : r < 0 || sum.unseen ? CLI_INCOMPLETE : CLI_DONE;
}

static int check_run(struct cli *c, void *opts, const struct opt_list *operands)
{
	struct check k = {.cli = c, .opts = opts, .out = BUF_INIT};
	const char *dir;
	int status = cli_store_dir(c, operands, &dir);

	c->quiet = k.opts->quiet;
	cli_store_begin(&k.progress, c);
	if (status == CLI_DONE)
		status = check(&k, dir);
	buf_done(&k.out);
	return status;
}

static const char *const examples[] = {
	"trawl store check /var/lib/trawl",
	"trawl store check d --format jsonl",
	NULL,
};

static const struct opt_cmd check_opt = {
	.name = "store check",
	.operands = "DIR",
	.brief = "whether a folder of captures is what was written",
	.about = "Looks at every checksum of what 'trawl capture --dir DIR' has kept, and whether "
		 "journals, packets, indexes and flows agree. Also beside a running capture. Exit "
		 "status: 0 no damage, 1 damage, 3 something could not be looked at. What a "
		 "capture that was killed has left is no damage.",
	.examples = examples,
	.sets = sets,
	.n_sets = sizeof(sets) / sizeof(sets[0]),
	.size = sizeof(struct check_opts),
};

const struct cli_cmd cmd_store_check = {"Keep", &check_opt, check_run, "store"};
