/* Columns: identity, application, time. */
#include "flow/flow_rows_impl.h"

#include <stdlib.h>
#include <string.h>

static struct val_str server_name(struct flow_rows *r, size_t k)
{
	const struct flow_more *m = r->row[k].more;

	memcpy(r->text[k].name, m->name, m->name_len);
	return (struct val_str){r->text[k].name, m->name_len};
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

static void fill_paths(struct flow_rows *r, struct col *c, size_t n)
{
	size_t k;

	for (k = 0; k < n; k++) {
		c->v.str[k] = path_text(r, &r->row[k]);
		if (c->v.str[k].len)
			col_mark(c, k);
	}
}

static void fill_parents(struct flow_rows *r, struct col *c, size_t n)
{
	size_t k;

	for (k = 0; k < n; k++) {
		const uint8_t *p = flow_parent(r->row[k].t, r->row[k].i);

		if (!p)
			continue;
		memcpy(c->v.id[k], p, 16);
		col_mark(c, k);
	}
}

static void fill_ifaces(struct flow_rows *r, struct col *c, size_t n)
{
	size_t k;

	for (k = 0; k < n; k++) {
		const char *name = r->env.iface_name
					   ? r->env.iface_name(r->env.arg, r->row[k].hot->key.iface)
					   : NULL;

		if (!name)
			continue;
		c->v.str[k] = flow_text(name);
		col_mark(c, k);
	}
}

static bool fill_times(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	switch (f) {
	case FLOW_start:
		FLOW_FILL(i64, true, row->cold->start);
		return true;
	case FLOW_last_update_start:
		FLOW_FILL(i64, true, row->before ? row->before->last : row->cold->start);
		return true;
	case FLOW_last:
		FLOW_FILL(i64, true, row->hot->last);
		return true;
	case FLOW_first_seen:
		FLOW_FILL(i64, row->more && row->more->has_first, row->more->first);
		return true;
	case FLOW_twin:
		FLOW_FILL(u64, row->cold->twin, row->cold->twin);
		return true;
	case FLOW_finish_code:
		FLOW_FILL(u64, true, row->hot->finish);
		return true;
	case FLOW_version:
		FLOW_FILL(u64, true, row->before ? row->before->version + 1 : 1);
		return true;
	case FLOW_ended:
		FLOW_FILL(u64, row->hot->flags & FLOW_DEAD, 1);
		return true;
	default:
		return false;
	}
}

bool flow_fill_id(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	switch (f) {
	case FLOW_parent_uuid:
		fill_parents(r, c, n);
		return true;
	case FLOW_layers_path:
		fill_paths(r, c, n);
		return true;
	case FLOW_app_told:
		FLOW_FILL(u64, row->cold->app, row->cold->app);
		return true;
	case FLOW_server_name:
		FLOW_FILL(str, row->more && row->more->name, server_name(r, k));
		return true;
	case FLOW_quic_version:
		FLOW_FILL(u64, row->more && row->more->quic_version, row->more->quic_version);
		return true;
	case FLOW_interface:
		fill_ifaces(r, c, n);
		return true;
	case FLOW_node_tid:
	case FLOW_capture_id:
		return true; /* files have none */
	default:
		return fill_times(r, f, c, n);
	}
}
