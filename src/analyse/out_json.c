/* JSON objects from dotted names: {"Metric":{"ABBytes":1,...},...}.
 *
 * The names are made into a list of steps once: open an object, write a
 * member, close.  A row walks the list; an object that stayed empty is taken
 * back. */
#include "analyse/out_ops.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/num.h"

enum step_kind {
	STEP_OPEN,
	STEP_MEMBER,
	STEP_CLOSE,
};

struct step {
	enum step_kind kind;
	uint16_t field; /* STEP_MEMBER: index into the schema */
	uint32_t key;   /* offset into json_state.keys of "\"name\":" */
	uint32_t key_len;
};

struct json_state {
	struct step *steps;
	size_t n;
	struct buf keys;
	bool bare; /* one column without a name: values instead of objects */
};

/* A tree of names while the steps are made: first child, next sibling. */
struct node {
	const char *name;
	size_t len;
	size_t child, next; /* index, 0: none (the root is nobody's child) */
	int field;          /* -1: an object */
};

struct tree {
	struct node *nodes;
	size_t n;
};

static size_t find_child(const struct tree *t, size_t parent, const char *name, size_t len)
{
	size_t i;

	for (i = t->nodes[parent].child; i; i = t->nodes[i].next)
		if (t->nodes[i].len == len && memcmp(t->nodes[i].name, name, len) == 0)
			return i;
	return 0;
}

static size_t add_child(struct tree *t, size_t parent, const char *name, size_t len, int field)
{
	size_t *link = &t->nodes[parent].child;

	while (*link)
		link = &t->nodes[*link].next;
	t->nodes[t->n] = (struct node){.name = name, .len = len, .field = field};
	*link = t->n;
	return t->n++;
}

static const char *name_of(const struct out *o, const struct schema *schema, size_t i)
{
	return schema->fields[o->fields[i]].json;
}

/* "A.B" beside "A" cannot nest: it keeps its dot. */
static bool can_nest(const struct out *o, const struct schema *schema, const char *path)
{
	size_t i;

	for (i = 0; i < o->n; i++) {
		size_t len = strlen(name_of(o, schema, i));

		if (len && strncmp(path, name_of(o, schema, i), len) == 0 && path[len] == '.')
			return false;
	}
	return true;
}

/* Whether an earlier column has the same name. */
static bool is_repeated(const struct out *o, const struct schema *schema, size_t i)
{
	size_t k;

	for (k = 0; k < i; k++)
		if (strcmp(name_of(o, schema, k), name_of(o, schema, i)) == 0)
			return true;
	return false;
}

static void add_path(struct tree *t, const char *path, int field)
{
	size_t at = 0;

	for (;;) {
		size_t len = strcspn(path, "."), child;

		if (!path[len]) {
			add_child(t, at, path, len, field);
			return;
		}
		child = find_child(t, at, path, len);
		at = child ? child : add_child(t, at, path, len, -1);
		path += len + 1;
	}
}

static size_t path_depth(const char *path)
{
	size_t n = 1;

	for (; *path; path++)
		n += *path == '.';
	return n;
}

static void add_steps(struct json_state *s, const struct tree *t, size_t parent)
{
	size_t i;

	for (i = t->nodes[parent].child; i; i = t->nodes[i].next) {
		const struct node *n = &t->nodes[i];
		struct step *step = &s->steps[s->n++];

		step->kind = n->field < 0 ? STEP_OPEN : STEP_MEMBER;
		step->field = (uint16_t)(n->field < 0 ? 0 : n->field);
		step->key = (uint32_t)s->keys.len;
		json_escape(&s->keys, n->name, n->len);
		buf_addch(&s->keys, ':');
		step->key_len = (uint32_t)(s->keys.len - step->key);
		if (n->field < 0) {
			add_steps(s, t, i);
			s->steps[s->n++].kind = STEP_CLOSE;
		}
	}
}

static int count_nodes(const struct out *o, const struct schema *schema, size_t *ret,
		       struct err *err)
{
	size_t i, n = 1;

	for (i = 0; i < o->n; i++) {
		const char *json = name_of(o, schema, i);
		size_t depth = path_depth(json);

		if (depth > OUT_DEPTH_MAX)
			return err_set(err, -EINVAL, "'%s' is nested too deeply for JSON", json);
		n += depth;
	}
	*ret = n;
	return 0;
}

static int json_begin(struct out *o, const struct schema *schema, struct err *err)
{
	CLEANUP(freep) struct node *nodes = NULL;
	struct tree t = {.n = 1};
	struct json_state *s;
	size_t max = 1, i;
	int r;

	r = count_nodes(o, schema, &max, err);
	if (r < 0)
		return r;
	s = o->state = calloc(1, sizeof(*s));
	t.nodes = nodes = calloc(max, sizeof(*nodes));
	if (!s || !nodes)
		return err_set(err, -ENOMEM, "out of memory");
	s->steps = calloc(2 * max, sizeof(*s->steps));
	if (!s->steps)
		return err_set(err, -ENOMEM, "out of memory");

	for (i = 0; i < o->n; i++) {
		const char *json = name_of(o, schema, i);

		if (is_repeated(o, schema, i))
			continue;
		if (can_nest(o, schema, json))
			add_path(&t, json, o->fields[i]);
		else
			add_child(&t, 0, json, strlen(json), o->fields[i]);
	}
	add_steps(s, &t, 0);
	s->bare = o->n == 1 && !name_of(o, schema, 0)[0];
	return buf_err(&s->keys) ? err_set(err, -ENOMEM, "out of memory") : 0;
}

static void add_quoted(struct buf *b, const struct col *c, size_t row)
{
	char *p = b->p + b->len;

	*p++ = '"';
	p = out_text(p, c, row);
	*p++ = '"';
	b->len = (size_t)(p - b->p);
}

/* Milliseconds, rounded down also before 1970. */
static int64_t to_ms(int64_t ns)
{
	return ns / 1000000 - (ns % 1000000 < 0);
}

/* 'b' has room for all but strings. */
static void add_value(struct buf *b, const struct col *c, size_t row)
{
	char *p = b->p + b->len;

	switch (c->type) {
	case VAL_STR:
		json_escape(b, c->v.str[row].p, c->v.str[row].len);
		return;
	case VAL_ADDR:
	case VAL_ID:
		add_quoted(b, c, row);
		return;
	case VAL_TIME:
		p = num_i64(p, to_ms(c->v.i64[row]));
		break;
	case VAL_F64:
		if (!isfinite(c->v.f64[row])) {
			memcpy(p, "null", 4);
			p += 4;
			break;
		}
		p = num_f64(p, c->v.f64[row]);
		break;
	default:
		p = out_text(p, c, row);
		break;
	}
	b->len = (size_t)(p - b->p);
}

#define VALUE_MAX 64 /* bytes of any value but a string, with quotes and commas */

static void add_object(struct buf *b, const struct json_state *s, const struct batch *batch,
		       size_t row)
{
	struct {
		size_t len;
		bool comma;
	} opened[OUT_DEPTH_MAX] = {0};
	size_t depth = 0, i;
	bool comma = false;

	buf_addch(b, '{');
	for (i = 0; i < s->n; i++) {
		const struct step *step = &s->steps[i];
		const struct col *c = NULL;

		if (step->kind == STEP_CLOSE) {
			depth--;
			if (comma) {
				buf_addch(b, '}');
			} else {
				b->len = opened[depth].len;
				comma = opened[depth].comma;
			}
			continue;
		}
		if (step->kind == STEP_MEMBER) {
			c = batch->cols[step->field];
			if (!c || !col_has(c, row))
				continue;
		} else {
			opened[depth].len = b->len;
			opened[depth++].comma = comma;
		}
		if (buf_reserve(b, step->key_len + VALUE_MAX) < 0)
			return;
		if (comma)
			b->p[b->len++] = ',';
		memcpy(b->p + b->len, s->keys.p + step->key, step->key_len);
		b->len += step->key_len;
		if (c)
			add_value(b, c, row);
		else
			b->p[b->len++] = '{';
		comma = c != NULL;
	}
	buf_addch(b, '}');
}

static void add_row(struct out *o, const struct batch *b, size_t row)
{
	const struct json_state *s = o->state;
	const struct col *c;

	if (!s->bare) {
		add_object(&o->buf, s, b, row);
		return;
	}
	c = b->cols[o->fields[0]];
	if (buf_reserve(&o->buf, VALUE_MAX) < 0)
		return;
	if (c && col_has(c, row))
		add_value(&o->buf, c, row);
	else
		buf_addstr(&o->buf, "null");
}

static void json_row(struct out *o, const struct batch *b, size_t row)
{
	buf_addstr(&o->buf, o->rows ? ",\n" : "[\n");
	add_row(o, b, row);
}

static void json_end(struct out *o)
{
	buf_addstr(&o->buf, o->rows ? "\n]\n" : "[]\n");
}

static void jsonl_row(struct out *o, const struct batch *b, size_t row)
{
	add_row(o, b, row);
	buf_addch(&o->buf, '\n');
}

static void jsonl_end(struct out *o)
{
	(void)o;
}

static void json_free(struct out *o)
{
	struct json_state *s = o->state;

	free(s->steps);
	buf_done(&s->keys);
	free(s);
}

const struct out_ops out_json = {
	.begin = json_begin,
	.row = json_row,
	.end = json_end,
	.free = json_free,
};

const struct out_ops out_jsonl = {
	.begin = json_begin,
	.row = jsonl_row,
	.end = jsonl_end,
	.free = json_free,
};
