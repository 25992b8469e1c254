/* trawl explain: what a field means. */
#include "cli/cmds.h"

#include <errno.h>
#include <string.h>

#include "analyse/out.h"
#include "base/cleanup.h"
#include "cli/fields.h"
#include "cli/system.h"
#include "flow/flow_schema.h"

struct explain_opts {
	int format;
};

enum { E_TEXT, E_TABLE, E_CSV, E_JSON, E_JSONL };
static const char *const formats[] = {"text", "table", "csv", "json", "jsonl", NULL};

/* clang-format off */
static const struct opt out_table[] = {
	{"format", 0, OPT_ENUM, offsetof(struct explain_opts, format), "FORMAT", "text",
	 "how to write it; text is a paragraph a field, or one line each for all", .words = formats},
};

static const char *const types[] = {
	[VAL_U64] = "unsigned integer",
	[VAL_I64] = "integer",
	[VAL_F64] = "number",
	[VAL_BOOL] = "boolean",
	[VAL_TIME] = "time",
	[VAL_DUR] = "duration",
	[VAL_ADDR] = "address",
	[VAL_STR] = "text",
	[VAL_ID] = "UUID",
};

enum { F_NAME, F_JSON, F_TYPE, F_UNIT, F_LAYER, F_SOURCE, F_DOC, F_N };
static const struct field fields[] = {
	[F_NAME] = {.name = "name", .json = "Name", .type = VAL_STR},
	[F_JSON] = {.name = "json", .json = "JSON", .type = VAL_STR},
	[F_TYPE] = {.name = "type", .json = "Type", .type = VAL_STR},
	[F_UNIT] = {.name = "unit", .json = "Unit", .type = VAL_STR},
	[F_LAYER] = {.name = "layer", .json = "Layer", .type = VAL_STR},
	[F_SOURCE] = {.name = "source", .json = "Source", .type = VAL_STR},
	[F_DOC] = {.name = "definition", .json = "Definition", .type = VAL_STR},
};
/* clang-format on */
static const struct schema schema = {.fields = fields, .n = F_N};

/* Units as people say them; those of times depend on where they are shown. */
static const char *unit_text(const struct field *f)
{
	if (f->type == VAL_TIME)
		return "CSV: seconds since 1970 UTC with nine decimals; JSON: milliseconds";
	if (strcmp(f->unit, "1") == 0)
		return "a number";
	if (strcmp(f->unit, "ns") == 0)
		return "nanoseconds";
	return f->unit[0] ? f->unit : "none";
}

static void add_paragraph(struct buf *b, const struct field *f)
{
	buf_addf(b, "%s\n  definition  %s\n", f->name, f->doc);
	buf_addf(b, "  unit        %s\n", unit_text(f));
	buf_addf(b, "  layer       %s\n", f->layer);
	buf_addf(b, "  source      %s\n", f->source[0] ? f->source : "trawl");
	buf_addf(b, "  JSON        %s\n", f->json);
	buf_addf(b, "  type        %s\n", types[f->type]);
}

static void put(struct batch *b, size_t col, const char *s)
{
	b->cols[col]->v.str[b->n] = (struct val_str){s, (uint32_t)strlen(s)};
	col_mark(b->cols[col], b->n);
}

static void add_row(struct batch *b, const struct field *f)
{
	put(b, F_NAME, f->name);
	put(b, F_JSON, f->json);
	put(b, F_TYPE, types[f->type]);
	put(b, F_UNIT, f->unit);
	put(b, F_LAYER, f->layer);
	put(b, F_SOURCE, f->source);
	put(b, F_DOC, f->doc);
	b->n++;
}

static void free_batch(struct batch **b)
{
	batch_free(*b);
}

static int write_rows(const struct schema *s, const uint16_t *list, size_t n,
		      const struct out_conf *conf, struct err *err)
{
	static const uint16_t columns[] = {F_NAME,  F_JSON,   F_TYPE, F_UNIT,
					   F_LAYER, F_SOURCE, F_DOC};
	const struct field_set all = {.w = {(1 << F_N) - 1}};
	CLEANUP(free_batch) struct batch *b = NULL;
	CLEANUP(out_freep) struct out *o = NULL;
	size_t i;
	int r;

	if (batch_new(&b, &schema, &all) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	for (i = 0; i < n; i++) /* SCHEMA_FIELDS_MAX < BATCH_ROWS */
		add_row(b, &s->fields[list[i]]);
	r = out_new(&o, conf, err);
	if (r == 0)
		r = out_begin(o, &schema, columns, F_N, err);
	if (r == 0)
		r = out_rows(o, b, NULL, err);
	return r == 0 ? out_end(o, err) : r;
}

static int explain_run(struct cli *c, void *opts, const struct opt_list *operands)
{
	static const enum out_format outs[] = {[E_TABLE] = OUT_TABLE,
					       [E_CSV] = OUT_CSV,
					       [E_JSON] = OUT_JSON,
					       [E_JSONL] = OUT_JSONL};
	const struct explain_opts *o = opts;
	const struct schema *s = flow_schema();
	CLEANUP(buf_done) struct buf text = BUF_INIT;
	uint16_t list[SCHEMA_FIELDS_MAX];
	struct out_conf conf = {.write = cli_write, .colour = c->colour};
	size_t n = 0, i, k;
	struct err err;
	int r;

	if (!operands->n)
		cli_fields(s, "all", list, &n, NULL);
	for (i = 0; i < operands->n; i++) {
		uint16_t some[SCHEMA_FIELDS_MAX];
		size_t n_some;

		if (cli_fields(s, operands->v[i], some, &n_some, &err) < 0)
			return cli_usage(c, &err);
		for (k = 0; k < n_some && n < SCHEMA_FIELDS_MAX; k++)
			list[n++] = some[k];
	}
	if (o->format != E_TEXT) {
		conf.format = outs[o->format];
		r = write_rows(s, list, n, &conf, &err);
		return r < 0 && r != -EPIPE ? cli_fail(&err) : CLI_DONE;
	}
	for (i = 0; i < n; i++) {
		if (operands->n && i)
			buf_addch(&text, '\n');
		if (operands->n)
			add_paragraph(&text, &s->fields[list[i]]);
		else
			buf_addf(&text, "%-22s %s\n", s->fields[list[i]].name,
				 s->fields[list[i]].doc);
	}
	return cli_print(&text);
}

static const char *const examples[] = {
	"trawl explain rtt_ns",
	"trawl explain Metric.ABBytes Network",
	"trawl explain --format json",
	NULL,
};

static const struct opt_set sets[] = {{"Output", OPT_TABLE(out_table), 0}};
static const struct opt_cmd explain_opt = {
	.name = "explain",
	.operands = "[FIELD...]",
	.brief = "what a field means: definition, unit, layer, source",
	.about = "Explains fields of flows, by the name of their CSV column or their JSON name; "
		 "without a field, lists all.",
	.examples = examples,
	.sets = sets,
	.n_sets = 1,
	.size = sizeof(struct explain_opts),
};

const struct cli_cmd cmd_explain = {"Ask", &explain_opt, explain_run};
