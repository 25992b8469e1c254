/* Rows: a schema of field ids, then values one after the other. */
#include "fmt/jrn.h"

#include <errno.h>
#include <string.h>

/* Types as the file has them: numbers of enum val_type, which never change. */
_Static_assert(VAL_U64 == 0 && VAL_I64 == 1 && VAL_F64 == 2 && VAL_BOOL == 3 && VAL_TIME == 4 &&
		       VAL_DUR == 5 && VAL_ADDR == 6 && VAL_STR == 7 && VAL_ID == 8,
	       "kept in files");

#define TYPE_LAST VAL_ID

void jrn_put_schema(struct buf *b, const struct schema *s)
{
	size_t at = rec_begin(b, JRN_SCHEMA), i;

	rec_put_int(b, s->n);
	for (i = 0; i < s->n; i++) {
		rec_put_int(b, s->fields[i].id);
		rec_put_int(b, s->fields[i].type);
	}
	rec_end(b, at);
}

static int16_t find_field(const struct schema *s, uint64_t id, uint64_t type)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->fields[i].id == id && id)
			return s->fields[i].type == type ? (int16_t)i : -1;
	return -1;
}

int jrn_get_schema(const struct rec *r, const struct schema *s, struct jrn_schema *ret)
{
	struct cur c = rec_cur(r);
	uint64_t n = rec_get_int(&c), i, id, type;

	if (!cur_ok(&c))
		return -EBADMSG;
	if (n > SCHEMA_FIELDS_MAX)
		return -EPROTO;
	for (i = 0; i < n; i++) {
		id = rec_get_int(&c);
		type = rec_get_int(&c);
		if (!cur_ok(&c))
			return -EBADMSG;
		if (type > TYPE_LAST)
			return -EPROTO;
		ret->cols[i].type = (uint8_t)type;
		ret->cols[i].field = find_field(s, id, type);
	}
	ret->n = n;
	return 0;
}

static size_t addr_size(uint8_t family)
{
	switch (family) {
	case ADDR_IP4:
		return 4;
	case ADDR_IP6:
		return 16;
	case ADDR_MAC:
		return 6;
	default:
		return 0;
	}
}

static void put_value(struct buf *b, enum val_type type, const union val *v, int64_t base)
{
	uint64_t bits;

	switch (type) {
	case VAL_U64:
		rec_put_int(b, v->u64);
		break;
	case VAL_I64:
	case VAL_DUR:
		rec_put_sint(b, v->i64);
		break;
	case VAL_TIME:
		rec_put_sint(b, (int64_t)((uint64_t)v->i64 - (uint64_t)base));
		break;
	case VAL_F64:
		memcpy(&bits, &v->f64, sizeof(bits));
		rec_put_u64(b, bits);
		break;
	case VAL_BOOL:
		buf_addch(b, v->b);
		break;
	case VAL_ADDR:
		buf_addch(b, (char)v->addr.family);
		buf_add(b, v->addr.b, addr_size(v->addr.family));
		break;
	case VAL_STR:
		rec_put_text(b, v->str.p, v->str.len);
		break;
	case VAL_ID:
		buf_add(b, v->id, sizeof(v->id));
		break;
	}
}

static void put_row(struct buf *b, const struct batch *batch, size_t row, int64_t base)
{
	uint8_t present[SCHEMA_FIELDS_MAX / 8] = {0};
	const struct schema *s = batch->schema;
	union val v;
	size_t i;

	rec_put_int(b, batch->serial[row]);
	for (i = 0; i < s->n; i++)
		if (batch->cols[i] && col_has(batch->cols[i], row))
			present[i / 8] |= (uint8_t)(1u << i % 8);
	buf_add(b, present, (s->n + 7) / 8);
	for (i = 0; i < s->n; i++)
		if (batch->cols[i] && col_get(batch->cols[i], row, &v))
			put_value(b, s->fields[i].type, &v, base);
}

static int64_t time_of(const struct batch *b, size_t field, size_t row)
{
	const struct col *c = b->cols[field];

	return c && col_has(c, row) ? c->v.i64[row] : 0;
}

size_t jrn_put_rows(struct buf *b, const struct batch *batch, size_t at, size_t start, size_t last)
{
	size_t rec = rec_begin(b, JRN_ROWS), i, n;
	int64_t min = INT64_MAX, max = INT64_MIN, ts;

	/* of all that may follow: times are kept as distances from it */
	for (i = at; i < batch->n; i++) {
		ts = time_of(batch, start, i);
		min = ts < min ? ts : min;
	}
	rec_put_u32(b, 0);
	rec_put_u64(b, (uint64_t)min);
	rec_put_u64(b, 0);
	for (i = at; i < batch->n && b->len - rec < JRN_ROWS_SIZE; i++) {
		put_row(b, batch, i, min);
		ts = time_of(batch, last, i);
		max = ts > max ? ts : max;
		if (buf_err(b))
			return i - at;
	}
	n = i - at;
	if (!buf_err(b)) {
		le32_store(b->p + rec + REC_HEAD, (uint32_t)n);
		le64_store(b->p + rec + REC_HEAD + 12, (uint64_t)max);
	}
	rec_end(b, rec);
	return n;
}

int jrn_get_rows(const struct rec *r, struct jrn_rows *ret)
{
	struct cur c = rec_cur(r);

	ret->n = rec_get_u32(&c);
	ret->start = (int64_t)rec_get_u64(&c);
	ret->last = (int64_t)rec_get_u64(&c);
	ret->cur = c;
	/* a row has at least its serial */
	return cur_ok(&c) && ret->n <= c.left ? 0 : -EBADMSG;
}

static void get_value(struct cur *c, enum val_type type, int64_t base, union val *v)
{
	const uint8_t *p;
	uint64_t bits;
	size_t n;

	switch (type) {
	case VAL_U64:
		v->u64 = rec_get_int(c);
		break;
	case VAL_I64:
	case VAL_DUR:
		v->i64 = rec_get_sint(c);
		break;
	case VAL_TIME:
		v->i64 = (int64_t)((uint64_t)base + (uint64_t)rec_get_sint(c));
		break;
	case VAL_F64:
		bits = rec_get_u64(c);
		memcpy(&v->f64, &bits, sizeof(bits));
		break;
	case VAL_BOOL:
		v->b = cur_u8(c) != 0;
		break;
	case VAL_ADDR:
		v->addr = (struct addr){.family = cur_u8(c)};
		n = addr_size(v->addr.family);
		if (!n && v->addr.family != ADDR_NONE)
			c->bad = true;
		p = cur_take(c, (uint32_t)n);
		if (p)
			memcpy(v->addr.b, p, n);
		break;
	case VAL_STR:
		v->str = (struct val_str){0};
		v->str.p = rec_get_text(c, &v->str.len);
		break;
	case VAL_ID:
		p = cur_take(c, sizeof(v->id));
		if (p)
			memcpy(v->id, p, sizeof(v->id));
		break;
	}
}

static void set(struct col *c, size_t row, const union val *v)
{
	switch (c->type) {
	case VAL_U64:
	case VAL_I64:
	case VAL_F64:
	case VAL_TIME:
	case VAL_DUR:
		c->v.u64[row] = v->u64;
		break;
	case VAL_BOOL:
		c->v.b[row] = v->b;
		break;
	case VAL_ADDR:
		c->v.addr[row] = v->addr;
		break;
	case VAL_STR:
		c->v.str[row] = v->str;
		break;
	case VAL_ID:
		memcpy(c->v.id[row], v->id, sizeof(v->id));
		break;
	}
	col_mark(c, row);
}

int jrn_get_row(struct cur *c, const struct jrn_schema *s, int64_t base, struct batch *b,
		size_t row)
{
	uint64_t serial = rec_get_int(c);
	const uint8_t *present = cur_take(c, (uint32_t)((s->n + 7) / 8));
	union val v;
	size_t i;

	if (!present)
		return -EBADMSG;
	b->serial[row] = serial;
	for (i = 0; i < s->n; i++) {
		int16_t field = s->cols[i].field;

		if (!(present[i / 8] >> i % 8 & 1))
			continue;
		get_value(c, (enum val_type)s->cols[i].type, base, &v);
		if (!cur_ok(c))
			return -EBADMSG;
		if (field >= 0 && b->cols[field])
			set(b->cols[field], row, &v);
	}
	return 0;
}
