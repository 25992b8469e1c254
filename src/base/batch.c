#include "base/batch.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/near.h"
#include "base/num.h"

static bool name_is(const char *known, const char *name, size_t len)
{
	return strlen(known) == len && strncasecmp(known, name, len) == 0;
}

size_t schema_find(const struct schema *s, const char *name, size_t len,
		   uint16_t ret[SCHEMA_NAMES_MAX])
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (name_is(s->fields[i].name, name, len) ||
		    name_is(s->fields[i].json, name, len)) {
			ret[0] = (uint16_t)i;
			return 1;
		}
	}
	for (i = 0; i < s->n_aliases; i++) {
		const struct field_alias *a = &s->aliases[i];

		if (name_is(a->name, name, len)) {
			memcpy(ret, a->fields, a->n * sizeof(ret[0]));
			return a->n;
		}
	}
	return 0;
}

const char *schema_near(const struct schema *s, const char *name, size_t len)
{
	struct near near;
	size_t i;

	near_init(&near, name, len);
	for (i = 0; i < s->n; i++) {
		near_offer(&near, s->fields[i].name);
		near_offer(&near, s->fields[i].json);
	}
	for (i = 0; i < s->n_aliases; i++)
		near_offer(&near, s->aliases[i].name);
	return near.best;
}

size_t val_size(enum val_type type)
{
	switch (type) {
	case VAL_U64:
	case VAL_I64:
	case VAL_F64:
	case VAL_TIME:
	case VAL_DUR:
		return 8;
	case VAL_BOOL:
		return sizeof(bool);
	case VAL_ADDR:
		return sizeof(struct addr);
	case VAL_STR:
		return sizeof(struct val_str);
	case VAL_ID:
		return 16;
	}
	return 0;
}

int batch_new(struct batch **ret, const struct schema *schema, const struct field_set *want)
{
	struct batch *b;
	size_t i;

	assert(schema->n <= SCHEMA_FIELDS_MAX);
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->schema = schema;
	b->cols = calloc(schema->n, sizeof(b->cols[0]));
	b->serial = calloc(BATCH_ROWS, sizeof(b->serial[0]));
	if (!b->cols || !b->serial) {
		batch_free(b);
		return -ENOMEM;
	}
	for (i = 0; i < schema->n; i++) {
		struct col *c;

		if (!field_set_has(want, i))
			continue;
		c = b->cols[i] = calloc(1, sizeof(*c));
		if (c) {
			c->type = schema->fields[i].type;
			c->v.any = calloc(BATCH_ROWS, val_size(c->type));
		}
		if (!c || !c->v.any) {
			batch_free(b);
			return -ENOMEM;
		}
	}
	*ret = b;
	return 0;
}

void batch_free(struct batch *b)
{
	size_t i;

	if (!b)
		return;
	for (i = 0; b->cols && i < b->schema->n; i++) {
		if (b->cols[i]) {
			free(b->cols[i]->v.any);
			free(b->cols[i]->code);
		}
		free(b->cols[i]);
	}
	free(b->cols);
	free(b->serial);
	free(b);
}

void batch_clear(struct batch *b)
{
	size_t i;

	for (i = 0; i < b->schema->n; i++) {
		if (!b->cols[i])
			continue;
		memset(b->cols[i]->present, 0, sizeof(b->cols[i]->present));
		b->cols[i]->dict.n = 0;
	}
	b->n = 0;
}

int batch_code(struct batch *b, size_t field)
{
	struct col *c = b->cols[field];

	if (!c || c->code || (c->type != VAL_ADDR && c->type != VAL_STR && c->type != VAL_ID))
		return 0;
	c->code = calloc(BATCH_ROWS, sizeof(*c->code));
	return c->code ? 0 : -ENOMEM;
}

void col_settle(struct col *c, size_t n)
{
	size_t size = val_size(c->type), i;

	for (i = 0; c->dict.n && i < n; i++)
		memcpy((char *)c->v.any + i * size,
		       (const char *)c->dict.values + c->code[i] * size, size);
	c->dict.n = 0;
}

void batch_move(struct batch *b, size_t to, size_t from)
{
	size_t i;

	if (to == from)
		return;
	b->serial[to] = b->serial[from];
	for (i = 0; i < b->schema->n; i++) {
		struct col *c = b->cols[i];
		size_t size;

		if (!c)
			continue;
		size = val_size(c->type);
		if (c->dict.n)
			c->code[to] = c->code[from];
		else
			memcpy((char *)c->v.any + to * size, (char *)c->v.any + from * size, size);
		c->present[to / 64] &= ~(UINT64_C(1) << to % 64);
		if (col_has(c, from))
			col_mark(c, to);
	}
}

static void order_values(void *v, size_t size, const uint16_t *from, size_t n)
{
	unsigned char old[BATCH_ROWS * sizeof(union val)];
	uint64_t *to8 = v;
	size_t i;

	memcpy(old, v, n * size);
	if (size == sizeof(*to8)) {
		for (i = 0; i < n; i++)
			memcpy(&to8[i], old + from[i] * size, sizeof(*to8));
		return;
	}
	for (i = 0; i < n; i++)
		memcpy((unsigned char *)v + i * size, old + from[i] * size, size);
}

static void order_present(uint64_t *present, const uint16_t *from, size_t n)
{
	uint64_t old[BATCH_ROWS / 64];
	size_t i;

	memcpy(old, present, sizeof(old));
	memset(present, 0, sizeof(old));
	for (i = 0; i < n; i++)
		present[i / 64] |= (old[from[i] / 64] >> from[i] % 64 & 1) << i % 64;
}

void batch_order(struct batch *b, const uint16_t *from)
{
	size_t i;

	if (b->serial)
		order_values(b->serial, sizeof(*b->serial), from, b->n);
	for (i = 0; i < b->schema->n; i++) {
		struct col *c = b->cols[i];

		if (!c)
			continue;
		order_present(c->present, from, b->n);
		if (c->dict.n)
			order_values(c->code, sizeof(*c->code), from, b->n);
		else
			order_values(c->v.any, val_size(c->type), from, b->n);
	}
}

void batch_cut(struct batch *b, size_t n)
{
	size_t i, k;

	if (n >= b->n)
		return;
	if (!n) {
		batch_clear(b);
		return;
	}
	for (i = 0; i < b->schema->n; i++)
		for (k = n; b->cols[i] && k < b->n; k++)
			b->cols[i]->present[k / 64] &= ~(UINT64_C(1) << k % 64);
	b->n = n;
}

bool col_get(const struct col *c, size_t row, union val *ret)
{
	if (!col_has(c, row))
		return false;
	switch (c->type) {
	case VAL_U64:
		ret->u64 = c->v.u64[row];
		break;
	case VAL_I64:
	case VAL_TIME:
	case VAL_DUR:
		ret->i64 = c->v.i64[row];
		break;
	case VAL_F64:
		ret->f64 = c->v.f64[row];
		break;
	case VAL_BOOL:
		ret->b = c->v.b[row];
		break;
	case VAL_ADDR:
		ret->addr = *col_addr(c, row);
		break;
	case VAL_STR:
		ret->str = *col_str(c, row);
		break;
	case VAL_ID:
		memcpy(ret->id, col_id(c, row), 16);
		break;
	}
	return true;
}

#define CMP(a, b) (((a) > (b)) - ((a) < (b)))

int val_cmp(enum val_type type, const union val *a, const union val *b)
{
	uint32_t len;
	int r;

	switch (type) {
	case VAL_U64:
		return CMP(a->u64, b->u64);
	case VAL_I64:
	case VAL_TIME:
	case VAL_DUR:
		return CMP(a->i64, b->i64);
	case VAL_F64: /* what is no number comes last, so that sorting ends */
		if (isnan(a->f64) || isnan(b->f64))
			return !!isnan(a->f64) - !!isnan(b->f64);
		return CMP(a->f64, b->f64);
	case VAL_BOOL:
		return CMP(a->b, b->b);
	case VAL_ADDR:
		return addr_cmp(&a->addr, &b->addr);
	case VAL_STR:
		len = a->str.len < b->str.len ? a->str.len : b->str.len;
		r = len ? memcmp(a->str.p, b->str.p, len) : 0;
		return r ? r : CMP(a->str.len, b->str.len);
	case VAL_ID:
		return memcmp(a->id, b->id, 16);
	}
	return 0;
}

/* Two random odd numbers and the folded product of 128 bits: every bit of the
 * input reaches every bit of the hash, at 8 bytes a multiplication. */
#define HASH_A UINT64_C(0x9e3779b97f4a7c15)
#define HASH_B UINT64_C(0xd1b54a32d192ed03)

static uint64_t hash_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t hash_bytes(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint64_t h = HASH_A + n * HASH_B, word;

	for (; n > sizeof(word); n -= sizeof(word), b += sizeof(word)) {
		memcpy(&word, b, sizeof(word));
		h = hash_mix(h ^ word, HASH_B) + HASH_A;
	}
	word = 0;
	if (n)
		memcpy(&word, b, n);
	h = hash_mix(h ^ word, HASH_B) + HASH_A;
	return hash_mix(h, HASH_A);
}

uint64_t val_hash(enum val_type type, const union val *v)
{
	switch (type) {
	case VAL_STR:
		return hash_bytes(v->str.p, v->str.len);
	case VAL_BOOL:
		return hash_bytes(&v->b, sizeof(v->b));
	case VAL_F64: { /* what compares equal hashes equal: -0 and 0, every NaN */
		double d = isnan(v->f64) ? (double)NAN : v->f64 == 0 ? 0 : v->f64;

		return hash_bytes(&d, sizeof(d));
	}
	default:
		return hash_bytes(v, val_size(type));
	}
}

void buf_addval(struct buf *b, enum val_type type, const union val *v)
{
	char text[NUM_UUID_MAX > NUM_F64_MAX ? NUM_UUID_MAX : NUM_F64_MAX];

	switch (type) {
	case VAL_U64:
		buf_addu(b, v->u64);
		break;
	case VAL_I64:
	case VAL_DUR:
		buf_addi(b, v->i64);
		break;
	case VAL_F64:
		buf_add(b, text, (size_t)(num_f64(text, v->f64) - text));
		break;
	case VAL_BOOL:
		buf_addstr(b, v->b ? "true" : "false");
		break;
	case VAL_TIME:
		buf_addns(b, v->i64, 9);
		break;
	case VAL_ADDR:
		buf_addaddr(b, &v->addr);
		break;
	case VAL_STR:
		buf_add(b, v->str.p, v->str.len);
		break;
	case VAL_ID:
		buf_add(b, text, (size_t)(num_uuid(text, v->id) - text));
		break;
	}
}
