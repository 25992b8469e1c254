#include "ql/tables.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* A schema with room for 'n' fields. */
static int new_schema(struct ql_arena *a, size_t n, struct schema **ret, struct field **ret_fields)
{
	struct schema *s;
	int r;

	if (n > SCHEMA_FIELDS_MAX)
		n = SCHEMA_FIELDS_MAX;
	r = ql_arena_alloc(a, sizeof(*s), &s);
	if (r == 0)
		r = ql_arena_alloc(a, n * sizeof(**ret_fields), ret_fields);
	if (r < 0)
		return r;
	s->fields = *ret_fields;
	*ret = s;
	return 0;
}

/* The column that s->fields puts a field into, or -1. */
static int new_place(const struct ql_stage *s, uint16_t field)
{
	size_t i;

	for (i = 0; i < s->n_fields; i++)
		if (s->fields[i] == field)
			return (int)i;
	return -1;
}

/* Names for several fields live on where all their fields do. */
static int keep_aliases(struct ql_arena *a, struct ql_stage *s, struct schema *out)
{
	struct field_alias *to;
	size_t i, k;
	int r;

	r = ql_arena_alloc(a, s->in->n_aliases * sizeof(*to), &to);
	if (r < 0)
		return r;
	out->aliases = to;
	for (i = 0; i < s->in->n_aliases; i++) {
		const struct field_alias *from = &s->in->aliases[i];

		*to = *from;
		for (k = 0; k < from->n && new_place(s, from->fields[k]) >= 0; k++)
			to->fields[k] = (uint16_t)new_place(s, from->fields[k]);
		if (k < from->n)
			continue;
		to++;
		out->n_aliases++;
	}
	return 0;
}

int ql_table_values(struct ql_arena *a, struct ql_stage *s)
{
	struct field *fields;
	struct schema *out;
	size_t i;
	int r;

	r = new_schema(a, s->n_fields, &out, &fields);
	if (r < 0)
		return r;
	for (i = 0; i < s->n_fields; i++)
		fields[i] = s->in->fields[s->fields[i]];
	out->n = s->n_fields;
	s->out = out;
	return keep_aliases(a, s, out);
}

static bool is_name(const struct field *f, const char *name)
{
	return strcasecmp(f->json, name) == 0;
}

int ql_table_metrics(struct ql_arena *a, struct ql_stage *s, const char *name)
{
	static const char *const first[] = {"UUID", "Start", "Last"};
	size_t len = strlen(name), i, k, common;
	struct field *fields;
	struct schema *out;
	int r;

	r = new_schema(a, s->in->n, &out, &fields);
	if (r == 0)
		r = ql_arena_alloc(a, s->in->n * sizeof(s->fields[0]), &s->fields);
	if (r < 0)
		return r;
	for (k = 0; k < sizeof(first) / sizeof(first[0]); k++)
		for (i = 0; i < s->in->n; i++)
			if (is_name(&s->in->fields[i], first[k]))
				s->fields[s->n_fields++] = (uint16_t)i;
	common = s->n_fields;
	for (i = 0; i < s->in->n; i++) {
		const char *json = s->in->fields[i].json;

		if (strncasecmp(json, name, len) == 0 && json[len] == '.' &&
		    strcasecmp(json + len, ".Start") != 0 && strcasecmp(json + len, ".Last") != 0)
			s->fields[s->n_fields++] = (uint16_t)i;
	}
	if (s->n_fields == common)
		return -ENOENT;
	for (i = 0; i < s->n_fields; i++) {
		fields[i] = s->in->fields[s->fields[i]];
		if (i >= common)
			fields[i].json += len + 1;
	}
	out->n = s->n_fields;
	s->out = out;
	return keep_aliases(a, s, out);
}

/* clang-format off */
static const struct field count_flows = {0, "flows",   "Flows",   VAL_U64, "1",     "", "flows of the group", ""};
static const struct field count_rows  = {0, "rows",    "Rows",    VAL_U64, "1",     "", "rows of the group", ""};
static const struct field all_packets = {0, "packets", "Packets", VAL_U64, "1",     "", "their packets, both directions", ""};
static const struct field all_bytes   = {0, "bytes",   "Bytes",   VAL_U64, "bytes", "", "their bytes, both directions", ""};
static const struct field key_name    = {0, "key",     "Key",     VAL_STR, "",      "", "a field that has a value", ""};
/* clang-format on */

static const char *const sums[QL_GROUP_SUMS] = {
	"Metric.ABPackets",
	"Metric.BAPackets",
	"Metric.ABBytes",
	"Metric.BABytes",
};

/* Where the counters are: all four, or none is summed. */
static int find_sums(struct ql_arena *a, struct ql_stage *s)
{
	size_t i, k;
	int r;

	r = ql_arena_alloc(a, QL_GROUP_SUMS * sizeof(s->sums[0]), &s->sums);
	if (r < 0)
		return r;
	for (k = 0; k < QL_GROUP_SUMS; k++)
		for (i = 0; i < s->in->n; i++)
			if (is_name(&s->in->fields[i], sums[k]) &&
			    s->in->fields[i].type == VAL_U64 && s->n_sums == k)
				s->sums[s->n_sums++] = (uint16_t)i;
	if (s->n_sums < QL_GROUP_SUMS)
		s->n_sums = 0;
	return 0;
}

/* Adds a made column, unless a key is called so. */
static void make_col(struct ql_stage *s, struct schema *out, struct field *fields, size_t which,
		     const struct field *f)
{
	size_t i;

	s->made[which] = -1;
	for (i = 0; i < s->n_fields; i++)
		if (is_name(&fields[i], f->json))
			return;
	s->made[which] = (int16_t)out->n;
	fields[out->n++] = *f;
}

int ql_table_group(struct ql_arena *a, struct ql_stage *s, bool of_table)
{
	struct field *fields;
	struct schema *out;
	size_t i;
	int r;

	if (s->n_fields > SCHEMA_FIELDS_MAX - QL_GROUP_MADE)
		return -E2BIG;
	r = new_schema(a, s->n_fields + QL_GROUP_MADE, &out, &fields);
	if (r == 0)
		r = find_sums(a, s);
	if (r < 0)
		return r;
	for (i = 0; i < s->n_fields; i++)
		fields[out->n++] = s->in->fields[s->fields[i]];
	for (i = 0; i < QL_GROUP_MADE; i++)
		s->made[i] = -1;
	make_col(s, out, fields, QL_GROUP_COUNT, of_table ? &count_rows : &count_flows);
	if (s->n_sums) {
		make_col(s, out, fields, QL_GROUP_PACKETS, &all_packets);
		make_col(s, out, fields, QL_GROUP_BYTES, &all_bytes);
	}
	for (i = 0; i < s->n_sums; i++) {
		struct field f = s->in->fields[s->sums[i]];

		f.id = 0;
		f.doc = "sum over the group";
		make_col(s, out, fields, QL_GROUP_SUM + i, &f);
	}
	s->out = out;
	return keep_aliases(a, s, out);
}

int ql_table_keys(struct ql_arena *a, struct ql_stage *s)
{
	struct field *fields;
	struct schema *out;
	int r;

	r = new_schema(a, 1, &out, &fields);
	if (r < 0)
		return r;
	fields[0] = key_name;
	out->n = 1;
	s->out = out;
	return 0;
}
