#include "filter/where.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "filter/rx.h"
#include "filter/where_int.h"

static void add_fields(struct field_set *s, const struct operand *o)
{
	size_t i;

	for (i = 0; i < o->n; i++)
		field_set_add(s, o->fields[i]);
	if (o->guarded)
		field_set_add(s, o->guard);
}

int where_new(struct where **ret, const char *expr, const struct schema *schema, struct err *err)
{
	CLEANUP(where_freep) struct where *w = NULL;
	size_t i, len = strlen(expr);
	int r;

	if (len > WHERE_TEXT_MAX)
		return err_set(err, -E2BIG, "the expression has %zu bytes, more than %d", len,
			       WHERE_TEXT_MAX);
	w = calloc(1, sizeof(*w));
	if (!w)
		return err_set(err, -ENOMEM, "out of memory");
	w->schema = schema;
	w->copy = strdup(expr);
	w->mem = malloc(len + 1);
	if (!w->copy || !w->mem || rx_mem_new(&w->rx_mem) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	r = where_parse(w, err);
	if (r < 0)
		return r;
	for (i = 1; i < w->n; i++) {
		add_fields(&w->fields, &w->nodes[i].left);
		add_fields(&w->fields, &w->nodes[i].right);
	}
	*ret = TAKE_PTR(w);
	return 0;
}

void where_free(struct where *w)
{
	size_t i;

	if (!w)
		return;
	for (i = 0; i < w->n; i++) {
		free(w->nodes[i].ranges);
		rx_free(w->nodes[i].rx);
	}
	where_hints_free(w);
	rx_mem_free(w->rx_mem);
	free(w->nodes);
	free(w->mem);
	free(w->copy);
	free(w);
}

void where_fields(const struct where *w, struct field_set *ret)
{
	size_t i;

	for (i = 0; i < sizeof(ret->w) / sizeof(ret->w[0]); i++)
		ret->w[i] |= w->fields.w[i];
}

static void print(const struct where *w, uint32_t i, struct buf *ret)
{
	const struct wnode *n = &w->nodes[i];
	uint32_t c;

	switch (n->op) {
	case WNODE_AND:
	case WNODE_OR:
		buf_addch(ret, '(');
		for (c = n->first; c; c = w->nodes[c].next) {
			print(w, c, ret);
			if (w->nodes[c].next)
				buf_addstr(ret, n->op == WNODE_AND ? " and " : " or ");
		}
		buf_addch(ret, ')');
		break;
	case WNODE_NOT:
		if (n->len) { /* "x not in {...}" */
			buf_add(ret, w->copy + n->off, n->len);
			break;
		}
		buf_addstr(ret, "not ");
		print(w, n->first, ret);
		break;
	default:
		buf_add(ret, w->copy + n->off, n->len);
	}
}

void where_print(const struct where *w, struct buf *ret)
{
	if (w->root)
		print(w, w->root, ret);
}
