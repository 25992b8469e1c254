#include "cli/answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "analyse/out.h"
#include "analyse/out_packets.h"
#include "base/cleanup.h"
#include "cli/answer_pcap.h"
#include "cli/fields.h"
#include "cli/system.h"
#include "cli/tap.h"
#include "filter/where.h"
#include "ql/ql.h"
#include "run/dir.h"

struct answer {
	struct cli *cli;
	const struct answer_opts *opts;
	enum answer_format format; /* never ANSWER_AUTO */
	struct out_conf conf;
	enum ql_kind kind;
	struct tap tap;

	uint16_t fields[SCHEMA_FIELDS_MAX]; /* QL_ROWS */
	size_t n_fields;

	struct out *out;
	struct out_packets *packets;
	struct answer_pcap *pcap;
	bool wrapped;        /* "result" is written */
	bool started;        /* the answer has begun to appear */
	bool stopped_before; /* Ctrl-C came before the first row: give all of what there is */
	bool begun;          /* its columns are known */
	bool cut;            /* Ctrl-C came before the last row was written */
	struct err err;      /* of the callbacks */
};

static int begin(void *arg, const struct schema *schema, const struct field_set *cols)
{
	struct answer *a = arg;
	size_t i;

	a->begun = true;
	if (a->kind != QL_ROWS) {
		a->n_fields = 0;
		for (i = 0; i < schema->n && a->n_fields < SCHEMA_FIELDS_MAX; i++)
			if (field_set_has(cols, i))
				a->fields[a->n_fields++] = (uint16_t)i;
	}
	return out_begin(a->out, schema, a->fields, a->n_fields, &a->err);
}

/* Before each piece of the answer.  True: Ctrl-C came since the answer began to appear, and this
 * piece is left out; one that comes after the last piece leaves out nothing. */
static bool is_cut(struct answer *a)
{
	if (a->cli->progress)
		cli_clear(a->cli);
	if (!a->started)
		a->stopped_before = cli_stopped();
	a->started = true;
	a->cut = cli_stopped() && !a->stopped_before;
	return a->cut;
}

static int rows(void *arg, const struct batch *b, const uint64_t sel[BATCH_ROWS / 64])
{
	struct answer *a = arg;

	return is_cut(a) ? 1 : out_rows(a->out, b, sel, &a->err);
}

static int scalar(void *arg, const char *name, enum val_type type, const union val *v)
{
	struct answer *a = arg;
	char lower[32];
	size_t i;

	if (is_cut(a))
		return 1;
	for (i = 0; name[i] && i + 1 < sizeof(lower); i++) /* CSV headers are lower case */
		lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i]);
	lower[i] = '\0';
	return out_scalar(a->out, lower, type, v, &a->err);
}

static int packet(void *arg, const struct pkt *p, uint64_t serial)
{
	static const uint8_t unknown[16];
	struct answer *a = arg;
	const uint8_t *uuid;

	if (is_cut(a))
		return 1;
	if (a->pcap)
		return answer_pcap_add(a->pcap, p, &a->err);
	uuid = tap_find(&a->tap, serial);
	return out_packets_add(a->packets, uuid ? uuid : unknown, p, &a->err);
}

/* With --dir an answer in JSON is an object: {"result": ..., "coverage": ...}. */
static bool is_wrapped(const struct answer *a)
{
	return a->opts->dir && a->format == ANSWER_JSON;
}

static int write_wrapped(void *arg, const void *p, size_t n)
{
	static const char head[] = "{\"result\":";
	struct answer *a = arg;
	int r = 0;

	if (!a->wrapped)
		r = cli_write(NULL, head, sizeof(head) - 1);
	a->wrapped = true;
	return r < 0 ? r : cli_write(NULL, p, n);
}

static int write_coverage(struct answer *a, struct err *err)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT;
	int r;

	if (!a->opts->dir || (a->format != ANSWER_JSON && a->format != ANSWER_JSONL))
		return 0;
	buf_addstr(&text, is_wrapped(a) ? ",\"coverage\":" : "{\"coverage\":");
	run_dir_coverage(a->opts->dir, a->cut, &text);
	buf_addstr(&text, "}\n");
	r = buf_err(&text) ? -ENOMEM : cli_write(NULL, text.p, text.len);
	return r < 0 ? err_set(err, r, "cannot write the answer: %s", strerror(-r)) : 0;
}

static int usage(const struct answer *a, const char *text)
{
	struct err err;

	err_set(&err, -EINVAL, "%s", text);
	return cli_usage(a->cli, &err);
}

/* Whether the options fit to what the query gives; an exit status. */
static int check(struct answer *a, const struct schema *schema)
{
	bool pcap = a->format == ANSWER_PCAP || a->format == ANSWER_PCAPNG;
	struct err err;
	size_t i;

	if (pcap && a->kind != QL_PACKETS)
		return usage(a, "--format pcap and pcapng are for packets: the query must end in "
				"RawPackets()");
	if (a->opts->fields && a->kind != QL_ROWS)
		return usage(a, "--fields is for queries that give flows; this one gives something "
				"else");
	if (a->kind != QL_ROWS)
		return CLI_DONE;
	if (a->opts->json_all && !a->opts->fields &&
	    (a->format == ANSWER_JSON || a->format == ANSWER_JSONL)) {
		for (i = 0; i < schema->n; i++)
			a->fields[a->n_fields++] = (uint16_t)i;
		return CLI_DONE;
	}
	if (cli_fields(schema, a->opts->fields ? a->opts->fields : ANSWER_FIELDS, a->fields,
		       &a->n_fields, &err) < 0) {
		err_wrap(&err, -EINVAL, "--fields");
		return cli_usage(a->cli, &err);
	}
	return CLI_DONE;
}

static int open_output(struct answer *a, struct err *err)
{
	if (a->format == ANSWER_PCAP || a->format == ANSWER_PCAPNG)
		return answer_pcap_new(&a->pcap, a->format == ANSWER_PCAPNG, a->opts->files,
				       a->opts->dir, err);
	if (a->kind == QL_PACKETS)
		return out_packets_new(&a->packets, &a->conf, err);
	return out_new(&a->out, &a->conf, err);
}

static int close_output(struct answer *a, struct err *err)
{
	if (a->pcap)
		return answer_pcap_end(a->pcap, err);
	if (a->packets)
		return out_packets_end(a->packets, err);
	return a->kind == QL_SCALAR ? 0 : out_end(a->out, err);
}

/* What was not given though asked for; the exit status. */
static int finish(struct answer *a)
{
	size_t hidden = a->out ? out_hidden(a->out) : 0;

	if (hidden)
		cli_say(a->cli,
			"%zu more columns do not fit into %u characters: --fields picks some, "
			"--format csv has all",
			hidden, a->conf.width);
	return a->cut ? CLI_INCOMPLETE : CLI_DONE;
}

static int print_plan(struct answer *a, const struct ql *q, const struct field_set *cols)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT;
	struct err err;

	if (ql_explain(q, &a->tap.src, cols, &text, &err) < 0) {
		err_wrap(&err, err.code, "query");
		return cli_point(&err, a->opts->query);
	}
	return cli_print(&text);
}

/* -EINVAL is the query's fault; anything else happened on the way. */
static int failed(const struct answer *a, const struct err *err)
{
	struct err whole = *err;

	if (err->code == -EPIPE)
		return CLI_DONE;
	if (err->code == -EDOM) /* the filter asks what no packet tells */
		return cli_usage(a->cli, err);
	if (err->code != -EINVAL || !a->opts->typed)
		return cli_fail(err);
	err_wrap(&whole, -EINVAL, "query");
	return cli_point(&whole, a->opts->query);
}

static int run(struct answer *a, const struct ql *q)
{
	struct ql_sink sink = {a, begin, rows, scalar, packet};
	struct field_set cols = {0};
	struct err err = {0};
	size_t i;
	int r;

	for (i = 0; i < a->n_fields; i++)
		field_set_add(&cols, a->fields[i]);
	if (a->opts->plan)
		return print_plan(a, q, a->kind == QL_ROWS ? &cols : NULL);

	r = open_output(a, &err);
	if (r < 0)
		return cli_fail(&err);
	r = ql_run(q, &a->tap.src, a->kind == QL_ROWS ? &cols : NULL, &sink, &err);
	cli_clear(a->cli);
	/* Ctrl-C while the source was still looking: what it gave is a part of the answer. */
	a->cut |= r == -ECANCELED;
	if (r < 0 && !(r == -ECANCELED && (a->begun || a->kind == QL_PACKETS)))
		return failed(a, a->err.code ? &a->err : &err);
	r = close_output(a, &err);
	if (r == 0)
		r = write_coverage(a, &err);
	if (r < 0 && r != -EPIPE)
		return cli_fail(&err);
	return finish(a);
}

static void set_format(struct answer *a)
{
	static const enum out_format formats[] = {
		[ANSWER_TABLE] = OUT_TABLE,
		[ANSWER_CSV] = OUT_CSV,
		[ANSWER_JSON] = OUT_JSON,
		[ANSWER_JSONL] = OUT_JSONL,
	};

	a->format = a->opts->format;
	if (a->format == ANSWER_AUTO)
		a->format = a->cli->out_terminal ? ANSWER_TABLE : a->opts->piped;
	a->conf = (struct out_conf){
		.write = is_wrapped(a) ? write_wrapped : cli_write,
		.arg = a,
		.utc = a->opts->utc,
		.terminal = a->cli->out_terminal,
		.colour = a->cli->colour,
		.width = a->opts->fields ? 0 : a->cli->width,
	};
	if (a->format < ANSWER_PCAP)
		a->conf.format = formats[a->format];
}

int answer(struct cli *c, struct ql_src *src, const struct answer_opts *o)
{
	CLEANUP(ql_freep) struct ql *q = NULL;
	struct answer a = {.cli = c, .opts = o};
	uint16_t uuid[SCHEMA_NAMES_MAX];
	bool by_flow;
	struct err err = {0};
	int status;

	if (ql_parse(&q, o->query, &err) < 0)
		return failed(&a, &err);
	a.kind = ql_kind(q);
	if (o->max_memory)
		ql_set_memory(q, o->max_memory);
	set_format(&a);
	by_flow = a.kind == QL_PACKETS && a.format < ANSWER_PCAP &&
		  schema_find(src->schema, "uuid", 4, uuid) == 1;
	tap_init(&a.tap, src, o->where, by_flow ? (int)uuid[0] : -1);

	status = check(&a, src->schema);
	if (status == CLI_DONE)
		status = run(&a, q);
	out_free(a.out);
	out_packets_free(a.packets);
	answer_pcap_free(a.pcap);
	tap_done(&a.tap);
	return status;
}
