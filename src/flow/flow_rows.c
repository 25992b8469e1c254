#include "flow/flow_rows.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow_rows_impl.h"

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
	if (!r->tables || !r->paths || !r->text) {
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

/* The text of a header sequence, worked out once. */
static struct val_str path_text(struct flow_rows *r, const struct flow_row *row)
{
	const struct flow_path *p = &row->t->paths[row->cold->path];
	struct buf b = BUF_INIT;
	struct path_text *c;
	uint8_t i;

	if (!r->paths[row->table])
		r->paths[row->table] = calloc(FLOW_PATHS, sizeof(struct path_text));
	if (!r->paths[row->table])
		return (struct val_str){"", 0};
	c = &r->paths[row->table][row->cold->path];
	if (!c->p) {
		for (i = 0; i < p->n; i++) {
			if (i)
				buf_addch(&b, '/');
			buf_addstr(&b, layer_name(p->layer[i]));
		}
		c->len = (uint32_t)b.len;
		c->p = buf_take(&b);
		if (!c->p)
			return (struct val_str){"", 0};
	}
	return (struct val_str){c->p, c->len};
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
	row->last_layer = 0;
	if (row->cold->path) {
		const struct flow_path *p = &t->paths[row->cold->path];

		row->last_layer = p->n ? p->layer[p->n - 1] : 0;
	}
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

static void fill(struct flow_rows *r, struct batch *b, size_t n)
{
	size_t f, k;

	for (k = 0; k < n; k++)
		b->serial[k] = r->row[k].cold->serial;
	for (f = 0; f < FLOW_N_FIELDS; f++) {
		struct col *c = b->cols[f];

		if (!c)
			continue;
		if (f == FLOW_layers_path) {
			for (k = 0; k < n; k++) {
				c->v.str[k] = path_text(r, &r->row[k]);
				if (c->v.str[k].len)
					col_mark(c, k);
			}
			continue;
		}
		if (!flow_fill_id(r, (enum flow_field)f, c, n) &&
		    !flow_fill_key(r, (enum flow_field)f, c, n) &&
		    !flow_fill_volume(r, (enum flow_field)f, c, n))
			flow_fill_tcp(r, (enum flow_field)f, c, n);
	}
	b->n = n;
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
