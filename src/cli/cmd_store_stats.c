/* trawl store stats: what the bytes of a store go to. */
#include "cli/cmds.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/num.h"
#include "cli/cmd_store.h"
#include "cli/system.h"
#include "flow/flow_schema.h"
#include "store/stats.h"
#include "store/store.h"

#define NS        1e9
#define TIME_SIZE 40
#define TOP_PARTS 12 /* of those that text shows */

enum format { FORMAT_AUTO, FORMAT_TEXT, FORMAT_CSV, FORMAT_JSON };
static const char *const formats[] = {"auto", "text", "csv", "json", NULL};

enum by { BY_CAPTURE, BY_FIELD };
static const char *const by_words[] = {"capture", "field", NULL};

struct stats_opts {
	int format, by;
	bool quiet;
};

/* clang-format off */
static const struct opt out_table[] = {
	{"format", 0, OPT_ENUM, offsetof(struct stats_opts, format), "FORMAT", "auto",
	 "how to write it; auto is text on a terminal and csv elsewhere", .words = formats},
	{"by", 0, OPT_ENUM, offsetof(struct stats_opts, by), "WHAT", "capture",
	 "a line of csv is a capture, and the last one all of them, or it is a field of flows and what is kept of it; text and json have both", .words = by_words},
	{"quiet", 'q', OPT_FLAG, offsetof(struct stats_opts, quiet), NULL, NULL,
	 "no progress; what could not be counted is still said"},
};

static const struct opt_set sets[] = {
	{"Output", OPT_TABLE(out_table), 0},
};
/* clang-format on */

struct stats {
	struct cli *cli;
	struct cli_store_progress progress;
	uint64_t notes;
	struct store_stats st;
};

static void note(void *arg, const char *text)
{
	struct stats *s = arg;

	cli_clear(s->cli);
	fprintf(stderr, "trawl: %s\n", text);
	s->notes++;
}

static bool stop(void *arg, uint64_t bytes, uint64_t total)
{
	struct stats *s = arg;

	return cli_store_progress(&s->progress, bytes, total);
}

/* What follows from the sums. */
struct figures {
	uint64_t index, flows, other, bytes; /* bytes of files */
	uint64_t flow_files;
	double per_packet, index_percent, per_row, per_flow;
};

static double part(uint64_t a, uint64_t b)
{
	return b ? (double)a / (double)b : 0;
}

static struct figures figures_of(const struct store_sums *c)
{
	const struct store_count *f = c->files;
	struct figures g = {
		.index = f[STORE_FILE_INDEX].bytes + f[STORE_FILE_REFS].bytes +
			 f[STORE_FILE_HALF].bytes,
		.flows = f[STORE_FILE_ROWS].bytes + f[STORE_FILE_TAIL].bytes,
		.flow_files = f[STORE_FILE_ROWS].n + f[STORE_FILE_TAIL].n,
	};
	size_t i;

	for (i = 0; i < STORE_FILE_KINDS; i++)
		g.bytes += f[i].bytes;
	/* Files that could not be read are in no ratio. */
	g.per_packet = part(c->counted.bytes, c->packets);
	g.index_percent = 100 * part(c->index_bytes, c->counted.bytes);
	g.per_row = part(c->blocks.bytes, c->block_rows);
	g.per_flow = part(c->blocks.bytes, c->block_flows);
	return g;
}

/* ---- csv ---- */

static void csv_sums(struct buf *b, const struct store_sums *c)
{
	const struct figures g = figures_of(c);
	const struct store_count *f = c->files;

	buf_addcsv(b, c->capture ? c->capture : "");
	buf_addf(b, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", c->runs, c->running, c->killed);
	if (c->runs)
		buf_addns(b, c->start, 9);
	buf_addch(b, ',');
	if (c->runs)
		buf_addns(b, c->end, 9);
	buf_addf(b, ",%" PRId64, c->held);
	buf_addf(b, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%.2f,%" PRIu64 ",%.3f", c->packets,
		 f[STORE_FILE_SEGMENT].n, f[STORE_FILE_SEGMENT].bytes, g.per_packet, g.index,
		 g.index_percent);
	buf_addf(b, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, c->flows, c->rows,
		 c->blocks.n, g.flow_files, g.flows);
	buf_addf(b, ",%.2f,%.2f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", g.per_row, g.per_flow,
		 f[STORE_FILE_JOURNAL].bytes, f[STORE_FILE_OTHER].bytes, g.bytes);
}

static void csv(struct buf *b, const struct store_stats *st)
{
	size_t i;

	buf_addstr(b, "capture,runs,running,killed,first,last,held_ns,packets,packet_files,"
		      "packet_bytes,bytes_per_packet,index_bytes,index_percent,flows,rows,blocks,"
		      "flow_files,flow_bytes,bytes_per_row,bytes_per_flow,journal_bytes,"
		      "other_bytes,bytes\n");
	for (i = 0; i < st->n; i++)
		csv_sums(b, &st->captures[i]);
	csv_sums(b, &st->all);
}

static const char *field_name(const struct store_part *p)
{
	return p->field < 0 ? "" : flow_store_schema()->fields[p->field].name;
}

static void csv_parts(struct buf *b, const struct store_stats *st)
{
	size_t i;

	buf_addstr(b, "field,what,bytes,values,percent\n");
	for (i = 0; i < st->n_parts; i++) {
		const struct store_part *p = &st->parts[i];

		buf_addf(b, "%s,%s,%" PRIu64 ",%" PRIu64 ",%.3f\n", field_name(p), p->what,
			 p->bytes, p->values, 100 * part(p->bytes, st->all.blocks.bytes));
	}
}

/* ---- json ---- */

static void put_u64(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_u64(j, v);
}

static void put_f64(struct json *j, const char *key, double v)
{
	json_key(j, key);
	json_f64(j, v);
}

static void put_time(struct json *j, const char *key, int64_t ts)
{
	CLEANUP(buf_done) struct buf t = BUF_INIT;

	buf_addns(&t, ts, 9);
	json_key(j, key);
	json_str(j, buf_str(&t));
}

static void json_files(struct json *j, const struct store_sums *c)
{
	static const char *const keys[STORE_FILE_KINDS] = {
		[STORE_FILE_JOURNAL] = "journals", [STORE_FILE_SEGMENT] = "packets",
		[STORE_FILE_INDEX] = "indexes",    [STORE_FILE_REFS] = "references",
		[STORE_FILE_ROWS] = "flows",       [STORE_FILE_TAIL] = "tails",
		[STORE_FILE_HALF] = "half",        [STORE_FILE_OTHER] = "other",
	};
	size_t i;

	json_key(j, "files");
	json_object(j);
	for (i = 0; i < STORE_FILE_KINDS; i++) {
		if (!c->files[i].n)
			continue;
		json_key(j, keys[i]);
		json_object(j);
		put_u64(j, "files", c->files[i].n);
		put_u64(j, "bytes", c->files[i].bytes);
		json_object_end(j);
	}
	json_object_end(j);
}

static void json_sums(struct json *j, const struct store_sums *c)
{
	const struct figures g = figures_of(c);

	json_object(j);
	if (c->capture) {
		json_key(j, "capture");
		json_str(j, c->capture);
	}
	put_u64(j, "runs", c->runs);
	put_u64(j, "running", c->running);
	put_u64(j, "killed", c->killed);
	if (c->runs) {
		put_time(j, "first", c->start);
		put_time(j, "last", c->end);
	}
	put_u64(j, "held_ns", (uint64_t)c->held);
	put_u64(j, "packets", c->packets);
	put_u64(j, "packet_bytes", c->files[STORE_FILE_SEGMENT].bytes);
	put_f64(j, "bytes_per_packet", g.per_packet);
	put_u64(j, "index_bytes", g.index);
	put_f64(j, "index_percent", g.index_percent);
	put_u64(j, "flows", c->flows);
	put_u64(j, "rows", c->rows);
	put_u64(j, "blocks", c->blocks.n);
	put_u64(j, "block_bytes", c->blocks.bytes);
	put_f64(j, "bytes_per_row", g.per_row);
	put_f64(j, "bytes_per_flow", g.per_flow);
	put_u64(j, "bytes", g.bytes);
	json_files(j, c);
	json_object_end(j);
}

static void json_parts(struct json *j, const struct store_stats *st)
{
	size_t i;

	json_key(j, "parts");
	json_array(j);
	for (i = 0; i < st->n_parts; i++) {
		const struct store_part *p = &st->parts[i];

		json_object(j);
		if (p->field >= 0) {
			json_key(j, "field");
			json_str(j, field_name(p));
		}
		json_key(j, "what");
		json_str(j, p->what);
		put_u64(j, "bytes", p->bytes);
		put_u64(j, "values", p->values);
		json_object_end(j);
	}
	json_array_end(j);
}

static void json(struct buf *b, const struct store_stats *st)
{
	struct json j = JSON_INIT(b);
	size_t i;

	json_object(&j);
	json_key(&j, "captures");
	json_array(&j);
	for (i = 0; i < st->n; i++)
		json_sums(&j, &st->captures[i]);
	json_array_end(&j);
	json_key(&j, "all");
	json_sums(&j, &st->all);
	json_parts(&j, st);
	json_object_end(&j);
	buf_addch(b, '\n');
}

/* ---- text ---- */

/* "1.5 MiB" */
static const char *size_text(uint64_t v, char to[TIME_SIZE])
{
	const char *const units[] = {v == 1 ? "byte" : "bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double d = (double)v;
	size_t i = 0;

	for (; d >= 1024 && i + 1 < sizeof(units) / sizeof(units[0]); i++)
		d /= 1024;
	snprintf(to, TIME_SIZE, i ? "%.1f %s" : "%.0f %s", d, units[i]);
	return to;
}

static const char *time_text(int64_t ts, char to[TIME_SIZE])
{
	time_t t = (time_t)(ts / 1000000000 - (ts % 1000000000 < 0));
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(to, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return "?";
	return to;
}

static void text_flows(struct buf *b, const struct store_sums *c, const struct figures *g)
{
	char size[TIME_SIZE];

	if (!c->rows)
		return;
	buf_addf(b, "  flows     %" PRIu64 ", in %" PRIu64 " row%s", c->flows, c->rows,
		 num_s(c->rows));
	if (c->blocks.n)
		buf_addf(b, " of %" PRIu64 " block%s, %s, %.1f bytes a row, %.1f a flow",
			 c->blocks.n, num_s(c->blocks.n), size_text(c->blocks.bytes, size),
			 g->per_row, g->per_flow);
	buf_addch(b, '\n');
}

static void text_sums(struct buf *b, const struct store_sums *c)
{
	const struct figures g = figures_of(c);
	char from[TIME_SIZE], to[TIME_SIZE], size[TIME_SIZE], q[128];
	size_t i;

	if (c->capture)
		buf_addf(b, "capture %s\n",
			 err_quote(q, sizeof(q), c->capture, (unsigned)strlen(c->capture)));
	else
		buf_addstr(b, "all\n");
	buf_addf(b, "  runs      %" PRIu64, c->runs);
	if (c->running)
		buf_addf(b, ", %" PRIu64 " running", c->running);
	if (c->killed)
		buf_addf(b, ", %" PRIu64 " killed", c->killed);
	if (c->runs)
		buf_addf(b, "; %s to %s, held %.1f s", time_text(c->start, from),
			 time_text(c->end, to), (double)c->held / NS);
	buf_addch(b, '\n');
	if (c->packets)
		buf_addf(b,
			 "  packets   %" PRIu64
			 ", %.1f bytes each in files; indexes are %.2f %% of these\n",
			 c->packets, g.per_packet, g.index_percent);
	text_flows(b, c, &g);
	buf_addf(b, "  files     %s\n", size_text(g.bytes, size));
	for (i = 0; i < STORE_FILE_KINDS; i++)
		if (c->files[i].n)
			buf_addf(b, "    %10s in %5" PRIu64 "  %s%s%s\n",
				 size_text(c->files[i].bytes, size), c->files[i].n,
				 *store_file_end((enum store_file_kind)i) ? "*" : "",
				 store_file_end((enum store_file_kind)i),
				 i == STORE_FILE_OTHER ? "others" : "");
}

static void text(struct buf *b, const struct store_stats *st)
{
	size_t i;

	for (i = 0; i < st->n; i++)
		text_sums(b, &st->captures[i]);
	/* One capture and nothing else is all. */
	if (st->n != 1 || st->all.files[STORE_FILE_OTHER].n)
		text_sums(b, &st->all);
	if (!st->n_parts)
		return;
	buf_addf(b, "bytes of flows%s\n", st->n_parts > TOP_PARTS ? ", the largest" : "");
	for (i = 0; i < st->n_parts && i < TOP_PARTS; i++) {
		const struct store_part *p = &st->parts[i];

		buf_addf(b, "  %12" PRIu64 "  %4.1f %%  %s%s%s\n", p->bytes,
			 100 * part(p->bytes, st->all.blocks.bytes), p->what,
			 *field_name(p) ? " " : "", field_name(p));
	}
}

/* ---- the command ---- */

static int write_stats(const struct stats_opts *o, const struct cli *c,
		       const struct store_stats *st)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	enum format f = (enum format)o->format;

	if (f == FORMAT_AUTO)
		f = c->out_terminal ? FORMAT_TEXT : FORMAT_CSV;
	if (f == FORMAT_TEXT)
		text(&b, st);
	else if (f == FORMAT_JSON)
		json(&b, st);
	else if (o->by == BY_FIELD)
		csv_parts(&b, st);
	else
		csv(&b, st);
	return cli_print(&b);
}

static int stats_run(struct cli *c, void *opts, const struct opt_list *operands)
{
	CLEANUP(store_closep) struct store *store = NULL;
	const struct stats_opts *o = opts;
	struct stats s = {.cli = c};
	const struct store_stats_conf conf = {.note = note, .stop = stop, .arg = &s};
	const char *dir;
	struct err err = {0};
	int r, status = cli_store_dir(c, operands, &dir);

	c->quiet = o->quiet;
	if (status != CLI_DONE)
		return status;
	cli_store_begin(&s.progress, c);
	r = cli_store_open(&store, dir, false, &err);
	if (r == 0)
		r = store_stats_new(&s.st, store, &conf, &err);
	cli_clear(c);
	if (r == -ECANCELED) {
		cli_say_stopped();
		return CLI_INCOMPLETE;
	}
	if (r < 0)
		return cli_fail(&err);
	status = write_stats(o, c, &s.st);
	store_stats_done(&s.st);
	return status == CLI_DONE && s.notes ? CLI_INCOMPLETE : status;
}

static const char *const examples[] = {
	"trawl store stats /var/lib/trawl",
	"trawl store stats d --format csv --by field",
	NULL,
};

static const struct opt_cmd stats_opt = {
	.name = "store stats",
	.operands = "DIR",
	.brief = "what the bytes of a folder of captures go to",
	.about = "Counts what 'trawl capture --dir DIR' has kept: times, packets, flows, files, "
		 "bytes for each of them, and what each field of flows takes.",
	.examples = examples,
	.sets = sets,
	.n_sets = sizeof(sets) / sizeof(sets[0]),
	.size = sizeof(struct stats_opts),
};

const struct cli_cmd cmd_store_stats = {"Keep", &stats_opt, stats_run, "store"};
