#include "analyse/out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyse/out_ops.h"
#include "base/cleanup.h"
#include "base/num.h"

static const struct out_ops *const formats[] = {
	[OUT_TABLE] = &out_table,
	[OUT_CSV] = &out_csv,
	[OUT_JSON] = &out_json,
	[OUT_JSONL] = &out_jsonl,
};

_Static_assert(OUT_TEXT_MAX >= NUM_UUID_MAX && OUT_TEXT_MAX >= NUM_F64_MAX &&
		       OUT_TEXT_MAX >= NUM_NS_MAX && OUT_TEXT_MAX >= NUM_U64_MAX,
	       "");

char *out_text(char *p, const struct col *c, size_t row)
{
	switch (c->type) {
	case VAL_U64:
		return num_u64(p, c->v.u64[row]);
	case VAL_I64:
	case VAL_DUR:
		return num_i64(p, c->v.i64[row]);
	case VAL_F64:
		return num_f64(p, c->v.f64[row]);
	case VAL_BOOL:
		memcpy(p, c->v.b[row] ? "true" : "false", c->v.b[row] ? 4 : 5);
		return p + (c->v.b[row] ? 4 : 5);
	case VAL_TIME:
		return num_ns(p, c->v.i64[row]);
	case VAL_ADDR:
		return p + addr_text(&c->v.addr[row], p);
	case VAL_ID:
		return num_uuid(p, c->v.id[row]);
	case VAL_STR:
		return p;
	}
	return p;
}

int out_new(struct out **ret, const struct out_conf *conf, struct err *err)
{
	struct out *o = calloc(1, sizeof(*o));

	if (!o)
		return err_set(err, -ENOMEM, "out of memory");
	o->conf = *conf;
	o->piece = OUT_FIRST;
	o->ops = formats[conf->format];
	*ret = o;
	return 0;
}

void out_free(struct out *o)
{
	if (!o)
		return;
	if (o->state)
		o->ops->free(o);
	free(o->fields);
	free(o->types);
	buf_done(&o->buf);
	free(o);
}

static int fail(struct out *o, int code, struct err *err)
{
	o->failed = code;
	return err_set(err, code, "cannot write the answer: %s", strerror(-code));
}

/* Writes when at least 'min' bytes wait. */
static int drain(struct out *o, size_t min, struct err *err)
{
	int r;

	if (o->failed)
		return fail(o, o->failed, err);
	if (buf_err(&o->buf))
		return fail(o, buf_err(&o->buf), err);
	if (o->buf.len < min || !o->buf.len)
		return 0;
	r = o->conf.write(o->conf.arg, o->buf.p, o->buf.len);
	buf_clear(&o->buf);
	if (o->piece < OUT_BUFFER)
		o->piece *= 2;
	return r < 0 ? fail(o, r, err) : 0;
}

int out_begin(struct out *o, const struct schema *schema, const uint16_t *fields, size_t n,
	      struct err *err)
{
	size_t i;

	o->fields = calloc(n + 1, sizeof(*o->fields));
	o->types = calloc(n + 1, sizeof(*o->types));
	if (!o->fields || !o->types || buf_reserve(&o->buf, OUT_BUFFER) < 0)
		return fail(o, -ENOMEM, err);
	memcpy(o->fields, fields, n * sizeof(*fields));
	o->n = n;
	for (i = 0; i < n; i++)
		o->types[i] = schema->fields[fields[i]].type;
	if (o->ops->begin) {
		int r = o->ops->begin(o, schema, err);

		if (r < 0)
			return o->failed = r;
	}
	o->begun = true;
	return drain(o, o->piece, err);
}

int out_rows(struct out *o, const struct batch *b, const uint64_t *sel, struct err *err)
{
	size_t w, words = (b->n + 63) / 64;

	for (w = 0; w < words; w++) {
		size_t left = b->n - 64 * w;
		uint64_t bits = sel ? sel[w] : UINT64_MAX;

		if (left < 64)
			bits &= (UINT64_C(1) << left) - 1;
		for (; bits; bits &= bits - 1) {
			o->ops->row(o, b, 64 * w + (size_t)__builtin_ctzll(bits));
			o->rows++;
		}
		if (o->buf.len >= o->piece || o->failed || buf_err(&o->buf)) {
			int r = drain(o, o->piece, err);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static void free_batch(struct batch **b)
{
	batch_free(*b);
}

int out_scalar(struct out *o, const char *name, enum val_type type, const union val *v,
	       struct err *err)
{
	struct field f = {.name = name, .json = "", .type = type};
	const struct schema s = {.fields = &f, .n = 1};
	const struct field_set all = {.w = {1}};
	CLEANUP(free_batch) struct batch *b = NULL;
	const uint16_t first = 0;
	int r;

	if (batch_new(&b, &s, &all) < 0)
		return fail(o, -ENOMEM, err);
	memcpy(b->cols[0]->v.any, v, val_size(type));
	col_mark(b->cols[0], 0);
	b->n = 1;
	if (o->conf.format == OUT_JSON) /* one value, not an array of one */
		o->ops = &out_jsonl;
	if (o->conf.format == OUT_TABLE)
		f.name = "";
	r = out_begin(o, &s, &first, 1, err);
	if (r == 0)
		r = out_rows(o, b, NULL, err);
	if (r == 0)
		r = out_end(o, err);
	o->begun = false; /* ends with this call */
	return r;
}

int out_end(struct out *o, struct err *err)
{
	if (!o->failed && o->begun)
		o->ops->end(o);
	return drain(o, 0, err);
}

size_t out_hidden(const struct out *o)
{
	return o->hidden;
}
