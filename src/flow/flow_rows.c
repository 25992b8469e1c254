#include "flow/flow_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow_rows_impl.h"

/* Memory that nobody touches costs nothing: all columns that may be needed, at once. */
static int own_init(struct flow_rows *r)
{
	const struct schema *s = flow_store_schema();
	size_t size = 0, f;

	for (f = 0; f < FLOW_N_ALL; f++) {
		r->own[f].type = s->fields[f].type;
		if (flow_is_base((enum flow_field)f))
			size += BATCH_ROWS * val_size(r->own[f].type);
	}
	r->values = malloc(size);
	if (!r->values)
		return -ENOMEM;
	for (f = 0, size = 0; f < FLOW_N_ALL; f++) {
		r->own[f].v.any = r->values + size;
		if (flow_is_base((enum flow_field)f))
			size += BATCH_ROWS * val_size(r->own[f].type);
	}
	return 0;
}

int flow_rows_new(struct flow_rows **ret, struct flow_table *const *tables, size_t n_tables,
		  const struct flow_rows_env *env)
{
	struct flow_rows *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->env = *env;
	r->n_tables = n_tables;
	r->tables = calloc(n_tables, sizeof(*r->tables));
	r->paths = calloc(n_tables, sizeof(*r->paths));
	r->text = malloc(sizeof(*r->text) * BATCH_ROWS);
	if (!r->tables || !r->paths || !r->text || flow_derive_new(&r->derive) < 0 ||
	    own_init(r) < 0) {
		flow_rows_free(r);
		return -ENOMEM;
	}
	memcpy(r->tables, tables, n_tables * sizeof(*tables));
	*ret = r;
	return 0;
}

void flow_rows_free(struct flow_rows *r)
{
	size_t i, k;

	if (!r)
		return;
	for (i = 0; r->paths && i < r->n_tables; i++) {
		for (k = 0; r->paths[i] && k < FLOW_PATHS; k++)
			free(r->paths[i][k].p);
		free(r->paths[i]);
	}
	free(r->paths);
	flow_derive_free(r->derive);
	free(r->values);
	free(r->tables);
	free(r->text);
	free(r);
}

uint64_t flow_rows_waiting(const struct flow_rows *r)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < r->n_tables; i++)
		n += r->tables[i]->n_dead - r->tables[i]->dead_at;
	return n;
}

void flow_rows_sort(struct flow_rows *r)
{
	size_t i;

	for (i = 0; i < r->n_tables; i++)
		flow_table_sort_dead(r->tables[i]);
}

static void row_init(struct flow_rows *r, struct flow_row *row, size_t table, uint32_t i)
{
	struct flow_table *t = r->tables[table];

	row->t = t;
	row->table = table;
	row->i = i;
	row->hot = flow_hot(t, i);
	row->cold = flow_cold(t, i);
	row->tcp = row->hot->flags & FLOW_IS_TCP ? pool_at(&t->tcp, row->hot->ext) : NULL;
	row->icmp = row->hot->flags & FLOW_IS_ICMP ? pool_at(&t->icmp, row->hot->ext) : NULL;
	row->more = flow_more(t, i);
	row->before = t->versions && t->versions->of[i].version ? &t->versions->of[i] : NULL;
}

/* The table whose next waiting flow comes first; n_tables: none waits. */
static size_t first_table(const struct flow_rows *r)
{
	size_t i, best = r->n_tables;
	uint64_t serial = UINT64_MAX;

	for (i = 0; i < r->n_tables; i++) {
		const struct flow_table *t = r->tables[i];

		if (t->dead_at == t->n_dead)
			continue;
		if (flow_cold(t, t->dead[t->dead_at])->serial < serial) {
			serial = flow_cold(t, t->dead[t->dead_at])->serial;
			best = i;
		}
	}
	return best;
}

static void fill_base(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	if (!flow_fill_id(r, f, c, n) && !flow_fill_key(r, f, c, n) &&
	    !flow_fill_volume(r, f, c, n))
		flow_fill_tcp(r, f, c, n);
}

/* Which columns to fill, and how, for a batch that has those of 'asked'. */
static void make_plan(struct rows_plan *p, const struct field_set *asked)
{
	struct field_set needs;
	size_t f;

	*p = (struct rows_plan){.asked = *asked, .derived = *asked};
	for (f = 0; f < FLOW_N_FIELDS; f++) {
		if (!field_set_has(asked, f) || !flow_is_name((enum flow_field)f))
			continue;
		p->names[p->n_names++] = (enum flow_field)f;
		p->derived.w[f / 64] &= ~(UINT64_C(1) << f % 64);
	}
	flow_derive_needs(&p->derived, &needs);
	for (f = 0; f < FLOW_N_ALL; f++)
		if (field_set_has(&needs, f))
			p->base[p->n_base++] = (enum flow_field)f;
}

/* The columns of 'b', or own ones where it has none. */
static void set_columns(struct flow_rows *r, const struct batch *b)
{
	struct field_set asked = {0};
	size_t f;

	for (f = 0; f < FLOW_N_ALL; f++) {
		bool has = f < b->schema->n && b->cols[f];

		r->cols[f] = has ? b->cols[f] : &r->own[f];
		if (has)
			field_set_add(&asked, f);
	}
	if (memcmp(&asked, &r->plan.asked, sizeof(asked)) != 0)
		make_plan(&r->plan, &asked);
}

static void fill(struct flow_rows *r, struct batch *b, size_t n)
{
	struct batch all = {.schema = flow_store_schema(), .n = n, .cols = r->cols};
	const struct rows_plan *p = &r->plan;
	size_t k;

	b->n = n;
	if (!n)
		return;
	set_columns(r, b);
	for (k = 0; k < n; k++)
		b->serial[k] = r->row[k].cold->serial;
	for (k = 0; k < p->n_names; k++)
		flow_fill_name(r, p->names[k], r->cols[p->names[k]], n);
	for (k = 0; k < p->n_base; k++) {
		struct col *c = r->cols[p->base[k]];

		if (c == &r->own[p->base[k]])
			memset(c->present, 0, sizeof(c->present));
		fill_base(r, p->base[k], c, n);
	}
	flow_derive(r->derive, &all, &p->derived);
}

size_t flow_rows_take(struct flow_rows *r, struct batch *b)
{
	size_t n, k, table;

	batch_clear(b);
	for (n = 0; n < BATCH_ROWS; n++) {
		table = r->n_tables == 1 ? 0 : first_table(r);
		if (table == r->n_tables || r->tables[table]->dead_at == r->tables[table]->n_dead)
			break;
		row_init(r, &r->row[n], table, r->tables[table]->dead[r->tables[table]->dead_at++]);
	}
	fill(r, b, n);
	for (k = 0; k < n; k++)
		flow_table_release(r->row[k].t, r->row[k].i);
	return n;
}

size_t flow_rows_due(struct flow_rows *r, int64_t now, struct batch *b)
{
	size_t n = 0, k, table;
	uint32_t i;

	batch_clear(b);
	for (table = 0; table < r->n_tables && n < BATCH_ROWS; table++) {
		struct flow_table *t = r->tables[table];

		while (t->versions && n < BATCH_ROWS &&
		       (i = flow_versions_next(t, now)) != POOL_NONE)
			row_init(r, &r->row[n++], table, i);
	}
	fill(r, b, n);
	for (k = 0; k < n; k++)
		flow_versions_note(r->row[k].t, r->row[k].i);
	return n;
}
