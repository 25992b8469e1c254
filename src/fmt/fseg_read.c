/* Flow segments, read: heads, directories, and what they tell without the columns. */
#include "fmt/fseg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "fmt/fseg_read.h"

#define MUCH (FSEG_ROWS / 8) /* rows that are worth huge pages */

int fseg_check_magic(const uint8_t *p, size_t size)
{
	if (memcmp(p, FSEG_FILE_MAGIC, size < FSEG_MAGIC ? size : FSEG_MAGIC) != 0)
		return -EBADMSG;
	return size < FSEG_MAGIC ? -ENODATA : 0;
}

int fseg_head(const uint8_t *p, size_t size, struct fseg_head *ret)
{
	struct fseg_head h;
	uint32_t dir;

	if (size < FSEG_HEAD)
		return -ENODATA;
	if (le32_load(p) != FSEG_BLOCK_MAGIC || le32_load(p + 44) != crc32c(0, p, 44))
		return -EBADMSG;
	dir = le32_load(p + 12);
	h.size = le32_load(p + 8);
	h.rows = le32_load(p + 16);
	h.start = (int64_t)le64_load(p + 24);
	h.last = (int64_t)le64_load(p + 32);
	if (h.size < FSEG_HEAD || h.size > FSEG_BLOCK_MAX || dir > h.size - FSEG_HEAD)
		return -EBADMSG;
	h.dir = FSEG_HEAD + dir;
	*ret = h;
	if (le16_load(p + 4) != FSEG_VERSION)
		return -EPROTO;
	return !h.rows || h.rows > FSEG_ROWS || le16_load(p + 6) > FSEG_COLUMNS_MAX ? -EBADMSG : 0;
}

size_t fseg_find(const uint8_t *p, size_t size, size_t at)
{
	struct fseg_head h;
	const uint8_t *q;
	int r;

	for (; at < size && size - at >= FSEG_HEAD; at++) {
		q = memchr(p + at, FSEG_BLOCK_MAGIC & 0xff, size - at);
		if (!q)
			break;
		at = (size_t)(q - p);
		r = fseg_head(q, size - at, &h);
		if (r == 0 || r == -EPROTO)
			return at;
	}
	return size;
}

int fseg_new(struct fseg **ret, const struct schema *s)
{
	struct fseg *f = calloc(1, sizeof(*f));
	uint8_t *planes;

	if (!f)
		return -ENOMEM;
	f->schema = s;
	f->entries = calloc(FSEG_COLUMNS_MAX, sizeof(*f->entries));
	f->entry_of = calloc(s->n ? s->n : 1, sizeof(*f->entry_of));
	f->wide = fseg_mem_take(&f->mem, FSEG_ROWS * sizeof(*f->wide));
	planes = fseg_mem_take(&f->mem, FSEG_ROWS * sizeof(uint64_t));
	if (!f->entries || !f->entry_of || !f->wide || !planes ||
	    fseg_unnum_init(&f->unnum, planes) < 0) {
		fseg_free(f);
		return -ENOMEM;
	}
	*ret = f;
	return 0;
}

void fseg_free(struct fseg *f)
{
	if (!f)
		return;
	free(f->slots);
	free(f->entries);
	free(f->entry_of);
	fseg_unnum_done(&f->unnum);
	fseg_mem_done(&f->mem);
	free(f);
}

const struct fseg_head *fseg_opened(const struct fseg *f)
{
	return &f->head;
}

int fseg_bad(const struct fseg *f, const struct fseg_entry *e, int code, const char *what,
	     struct err *err)
{
	static const char *const names[] = {
		[FSEG_FIELD] = "column of field",
		[FSEG_SERIAL] = "serials",
		[FSEG_PRESENCE] = "presence",
		[FSEG_HASHES] = "hashes of field",
		[FSEG_ADDR_BLOOM] = "filter of addresses",
		[FSEG_TEXT_BLOOM] = "filter of field",
	};

	(void)f;
	return err_set(err, code, "%s %u: %s", names[e->kind], e->id, what);
}

int fseg_entry_check(struct fseg *f, struct fseg_entry *e, struct err *err)
{
	int r = 0;

	if (e->checked)
		return 0;
	if (f->fetch && e->size)
		r = f->fetch(f->fetch_arg, (size_t)(e->p - f->block), e->size);
	if (r < 0)
		return fseg_bad(f, e, r, "cannot be read", err);
	e->checked = crc32c(0, e->p, e->size) == e->crc;
	return e->checked ? 0 : fseg_bad(f, e, -EBADMSG, "wrong checksum", err);
}

/* ---- the directory ---- */

static void get_bound(struct cur *c, enum val_type type, union val *ret)
{
	memset(ret, 0, sizeof(*ret));
	switch (type) {
	case VAL_U64:
		ret->u64 = rec_get_int(c);
		break;
	case VAL_I64:
	case VAL_TIME:
	case VAL_DUR:
		ret->i64 = rec_get_sint(c);
		break;
	case VAL_F64:
		ret->u64 = rec_get_u64(c);
		break;
	case VAL_BOOL:
		ret->b = cur_u8(c) != 0;
		break;
	case VAL_ADDR:
		ret->addr.family = cur_u8(c);
		if (ret->addr.family)
			cur_copy(c, ret->addr.b, fseg_level_bits(ret->addr.family, 0) / 8);
		break;
	case VAL_STR:
		ret->str.p = rec_get_text(c, &ret->str.len);
		break;
	case VAL_ID:
		cur_copy(c, ret->id, sizeof(ret->id));
		break;
	}
}

/* What follows the common part of an entry, by its kind. */
static void get_more(struct cur *c, struct fseg_entry *e)
{
	uint64_t n;

	switch (e->kind) {
	case FSEG_FIELD:
		e->bounds = cur_u8(c) != 0;
		if (e->bounds) {
			get_bound(c, (enum val_type)e->type, &e->min);
			get_bound(c, (enum val_type)e->type, &e->max);
		}
		break;
	case FSEG_HASHES:
		e->bits = cur_u8(c);
		break;
	case FSEG_ADDR_BLOOM:
	case FSEG_TEXT_BLOOM:
		e->log2 = cur_u8(c);
		e->k = cur_u8(c);
		if (e->log2 < BLOOM_LOG2_MIN || e->log2 > BLOOM_LOG2_MAX || e->k > BLOOM_K_MAX)
			c->bad = true;
		if (e->kind == FSEG_TEXT_BLOOM)
			break;
		e->levels = (uint8_t)rec_get_int(c);
		n = rec_get_int(c);
		e->ids = *c;
		for (; n && cur_ok(c); n--)
			rec_get_int(c);
		e->ids.left = (uint32_t)(c->p - e->ids.p);
		break;
	}
}

/* What of an entry this version does not know: it is passed over. */
static bool known(uint64_t kind, uint64_t type)
{
	return kind >= FSEG_FIELD && kind <= FSEG_TEXT_BLOOM && type <= VAL_ID;
}

/* The presence map of a number; -1: there is none before. */
static int find_map(const struct fseg *f, uint64_t number)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (f->entries[i].kind == FSEG_PRESENCE && f->entries[i].id == number)
			return (int)i;
	return -1;
}

static bool get_map(const struct fseg *f, struct fseg_entry *e, uint64_t number)
{
	int i;

	if (e->kind == FSEG_PRESENCE || e->kind == FSEG_ADDR_BLOOM || e->kind == FSEG_TEXT_BLOOM)
		return number == 0;
	if (!number)
		return e->values == f->head.rows;
	i = find_map(f, number);
	e->map = (uint16_t)(i + 1);
	return i >= 0 && e->values == f->entries[i].values && e->values <= f->head.rows;
}

/* One entry; 'data' is what stands behind the directory.  1: read, 0: passed over. */
static int get_entry(const struct fseg *f, struct cur c, struct cur data, struct fseg_entry *ret)
{
	uint64_t kind = rec_get_int(&c), id = rec_get_int(&c), type = rec_get_int(&c);
	uint64_t enc = rec_get_int(&c), map = rec_get_int(&c), values = rec_get_int(&c);
	uint64_t distinct = rec_get_int(&c), at = rec_get_int(&c), size = rec_get_int(&c);
	struct fseg_entry e = {0};

	e.crc = rec_get_u32(&c);
	if (!cur_ok(&c) || at > data.left || size > data.left - at)
		return -EBADMSG;
	if (!known(kind, type))
		return 0;
	if (id > UINT16_MAX || values > UINT32_MAX || (kind < FSEG_ADDR_BLOOM && !values))
		return -EBADMSG;
	e.kind = (uint8_t)kind;
	e.id = (uint32_t)id;
	e.type = (uint8_t)type;
	e.enc = enc <= FSEG_BITS ? (uint8_t)enc : 0;
	e.values = (uint32_t)values;
	e.distinct = distinct <= FSEG_ROWS ? (uint32_t)distinct : 0;
	e.p = data.p + at;
	e.size = (uint32_t)size;
	get_more(&c, &e);
	if (!cur_ok(&c) || !get_map(f, &e, map))
		return -EBADMSG;
	*ret = e;
	return 1;
}

static int find_field(const struct schema *s, const struct fseg_entry *e)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->fields[i].id == e->id && e->id)
			return s->fields[i].type == (enum val_type)e->type ? (int)i : -1;
	return -1;
}

/* Files the entry that was read last; -EBADMSG: there is such a one. */
static int file_entry(struct fseg *f)
{
	const struct fseg_entry *e = &f->entries[f->n];
	int field;

	switch (e->kind) {
	case FSEG_FIELD:
		field = find_field(f->schema, e);
		if (field >= 0 && f->entry_of[field] >= 0)
			return -EBADMSG;
		if (field >= 0)
			f->entry_of[field] = (int16_t)f->n;
		break;
	case FSEG_SERIAL:
		if (f->serials >= 0)
			return -EBADMSG;
		f->serials = (int)f->n;
		break;
	case FSEG_PRESENCE:
		if (find_map(f, e->id) >= 0 || e->values > f->head.rows)
			return -EBADMSG;
		break;
	}
	f->n++;
	return 0;
}

static int get_dir(struct fseg *f, const uint8_t *p, unsigned n)
{
	struct cur dir = cur_at(p + FSEG_HEAD, f->head.dir - FSEG_HEAD);
	struct cur data = cur_at(p + f->head.dir, f->head.size - f->head.dir);
	unsigned i;
	int r;

	if (crc32c(0, dir.p, dir.left) != le32_load(p + 20))
		return -EBADMSG;
	for (i = 0; i < n; i++) {
		uint64_t size = rec_get_int(&dir);
		const uint8_t *e = size > dir.left ? NULL : cur_take(&dir, (uint32_t)size);

		if (!e || !cur_ok(&dir))
			return -EBADMSG;
		r = get_entry(f, cur_at(e, (uint32_t)size), data, &f->entries[f->n]);
		if (r > 0)
			r = file_entry(f);
		if (r < 0)
			return r;
	}
	return dir.left ? -EBADMSG : 0;
}

static int get_slots(struct fseg *f)
{
	struct fseg_slot *s;

	if (f->n <= f->n_slots)
		return 0;
	s = realloc(f->slots, f->n * sizeof(*s));
	if (!s)
		return -ENOMEM;
	memset(s + f->n_slots, 0, (f->n - f->n_slots) * sizeof(*s));
	f->slots = s;
	f->n_slots = f->n;
	return 0;
}

int fseg_open(struct fseg *f, const uint8_t *p, size_t size, struct err *err)
{
	return fseg_open_part(f, p, size, NULL, NULL, err);
}

int fseg_open_part(struct fseg *f, const uint8_t *p, size_t size, fseg_fetch_fn fetch, void *arg,
		   struct err *err)
{
	size_t i;
	int r;

	f->block = p;
	f->fetch = fetch;
	f->fetch_arg = arg;
	f->open = false;
	f->n = 0;
	f->text = 0;
	f->serials = -1;
	for (i = 0; i < f->schema->n; i++)
		f->entry_of[i] = -1;
	r = fseg_head(p, size, &f->head);
	if (r == -EPROTO)
		return err_set(err, r, "a block of version %u, which this program is too old for",
			       le16_load(p + 4));
	if (r == -EBADMSG)
		return err_set(err, r, "the head of the block is damaged");
	if (r == 0 && f->head.size > size)
		r = -ENODATA;
	if (r < 0)
		return err_set(err, r, "the block is cut");
	r = get_dir(f, p, le16_load(p + 6));
	if (r < 0) {
		f->n = 0;
		return err_set(err, r, "the directory of the block is damaged");
	}
	r = get_slots(f);
	if (r < 0) {
		f->n = 0;
		return err_set(err, r, "out of memory");
	}
	if (f->head.rows >= MUCH)
		fseg_mem_much(&f->mem);
	f->open = true;
	return 0;
}

/* ---- questions ---- */

bool fseg_field(const struct fseg *f, size_t field, struct fseg_info *ret)
{
	const struct fseg_entry *e;

	if (!f->open || f->entry_of[field] < 0)
		return false;
	e = &f->entries[f->entry_of[field]];
	ret->values = e->values;
	ret->distinct = e->distinct;
	ret->bounds = e->bounds;
	ret->min = e->min;
	ret->max = e->max;
	return true;
}

/* Texts are compared as far as bounds go. */
static int compare(enum val_type type, const union val *v, const union val *bound)
{
	union val cut = *v;

	if (type == VAL_STR && cut.str.len > FSEG_BOUND_TEXT)
		cut.str.len = FSEG_BOUND_TEXT;
	return val_cmp(type, &cut, bound);
}

bool fseg_may_range(const struct fseg *f, size_t field, const union val *min, const union val *max)
{
	enum val_type type = f->schema->fields[field].type;
	struct fseg_info i;

	if (!f->open || !fseg_field(f, field, &i))
		return !f->open;
	if (!i.bounds)
		return true;
	return !(min && compare(type, min, &i.max) > 0) && !(max && compare(type, max, &i.min) < 0);
}

static bool bloom_has_field(const struct fseg_entry *e, uint32_t id)
{
	struct cur c = e->ids;

	while (c.left && cur_ok(&c))
		if (rec_get_int(&c) == id)
			return true;
	return false;
}

void fseg_addr_ends(const struct addr *a, unsigned bits, union val *first, union val *last)
{
	unsigned size = fseg_level_bits(a->family, 0) / 8, i;

	memset(first, 0, sizeof(*first));
	first->addr = *a;
	last->addr = *a;
	for (i = 0; i < size; i++) {
		unsigned keep = bits >= 8 * (i + 1) ? 8 : bits > 8 * i ? bits - 8 * i : 0;

		first->addr.b[i] &= (uint8_t)(0xff00u >> keep);
		last->addr.b[i] |= (uint8_t)(0xffu >> keep);
	}
}

bool fseg_may_addr(struct fseg *f, size_t field, const struct addr *a, unsigned bits)
{
	unsigned level, len;
	union val first, last;
	size_t i;

	if (!f->open || !fseg_level_bits(a->family, 0))
		return true;
	fseg_addr_ends(a, bits, &first, &last);
	if (!fseg_may_range(f, field, &first, &last))
		return false;
	for (i = 0; i < f->n; i++) {
		struct fseg_entry *e = &f->entries[i];

		if (e->kind != FSEG_ADDR_BLOOM || !bloom_has_field(e, f->schema->fields[field].id))
			continue;
		for (level = 0; level < FSEG_LEVELS; level++) {
			len = fseg_level_bits(a->family, level);
			if (!len || len > bits || !(e->levels >> level & 1))
				continue;
			return fseg_decode_filter(f, i, NULL) < 0 ||
			       bloom_may(e->filter, e->log2, e->k, bloom_hash_addr(a, len));
		}
	}
	return true;
}

bool fseg_may_hash(struct fseg *f, size_t field, uint32_t hash)
{
	uint32_t id = f->schema->fields[field].id;
	size_t i;

	for (i = 0; f->open && i < f->n; i++) {
		struct fseg_entry *e = &f->entries[i];

		if (e->kind == FSEG_TEXT_BLOOM && e->id == id)
			return fseg_decode_filter(f, i, NULL) < 0 ||
			       bloom_may(e->filter, e->log2, e->k, bloom_hash(hash));
	}
	return true;
}

bool fseg_may_text(struct fseg *f, size_t field, const char *p, size_t len)
{
	return fseg_may_hash(f, field, crc32c(0, p, len));
}

bool fseg_part(const struct fseg *f, size_t i, struct fseg_part *ret)
{
	static const char *const what[] = {
		[FSEG_FIELD] = "column",      [FSEG_SERIAL] = "serials",
		[FSEG_PRESENCE] = "presence", [FSEG_HASHES] = "hashes",
		[FSEG_ADDR_BLOOM] = "filter", [FSEG_TEXT_BLOOM] = "filter",
	};
	static const char *const how[] = {
		"unknown",
		[FSEG_NUMBERS] = "numbers",
		[FSEG_NUMBER_DICT] = "dictionary of numbers",
		[FSEG_DICT] = "dictionary",
		[FSEG_PLAIN] = "plain",
		[FSEG_BITS] = "bits",
	};
	const struct fseg_entry *e = &f->entries[i];
	size_t k;

	if (!f->open || i >= f->n)
		return false;
	*ret = (struct fseg_part){what[e->kind], how[e->enc], -1, e->size, e->values};
	if (e->kind != FSEG_PRESENCE)
		for (k = 0; k < f->schema->n && e->id; k++)
			if (f->schema->fields[k].id == e->id)
				ret->field = (int)k;
	return true;
}
