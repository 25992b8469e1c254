/* Flow segments, read: bytes become columns. */
#include <errno.h>
#include <string.h>

#include "fmt/fseg_read.h"

#define DAMAGED  "damaged"
#define ROOM_MIN 64 /* things */

/* Room for 'want' things, not what was there before.  Blocks that follow need about as much: what
 * is too small is left where it is, and the next is larger by half. */
static int room(struct fseg *f, void *p, size_t *have, size_t want, size_t each)
{
	void **at = p, *q;

	if (*have >= want && *at)
		return 0;
	if (want < *have + *have / 2)
		want = *have + *have / 2;
	if (want < ROOM_MIN)
		want = ROOM_MIN;
	q = fseg_mem_take(&f->mem, want * each);
	if (!q)
		return -ENOMEM;
	*at = q;
	*have = want;
	return 0;
}

static int room_words(struct fseg *f, struct fseg_slot *s, size_t n)
{
	return room(f, &s->words, &s->n_words, n, sizeof(*s->words));
}

static int room_codes(struct fseg *f, struct fseg_slot *s, size_t n)
{
	return room(f, &s->codes, &s->n_codes, n, sizeof(*s->codes));
}

static int room_values(struct fseg *f, struct fseg_slot *s, size_t n, size_t each)
{
	return room(f, &s->values, &s->values_size, n * each, 1);
}

/* ---- presence ---- */

static int get_map(struct fseg *f, struct fseg_entry *e, struct fseg_slot *s, struct cur *c)
{
	size_t rows = f->head.rows, words = (rows + 63) / 64, bytes = (rows + 7) / 8, i, n = 0;
	const uint8_t *p;
	int r;

	if (e->enc != FSEG_BITS)
		return -EPROTO;
	if (room_words(f, s, words) < 0)
		return -ENOMEM;
	r = fseg_blob_get(&f->unnum, c, bytes, f->unnum.bytes, &p);
	if (r < 0)
		return r;
	memset(s->words, 0, words * sizeof(*s->words));
	for (i = 0; i < bytes; i++)
		s->words[i / 8] |= (uint64_t)p[i] << 8 * (i % 8);
	if (rows % 64)
		s->words[words - 1] &= (UINT64_C(1) << rows % 64) - 1;
	for (i = 0; i < words; i++)
		n += (size_t)__builtin_popcountll(s->words[i]);
	return n == e->values ? 0 : -EBADMSG;
}

/* From one entry per value to one per row, in place. */
#define SPREAD(v, map, rows, n)                                                                    \
	do {                                                                                       \
		size_t row_ = (rows), k_ = (n);                                                    \
                                                                                                   \
		while (row_-- > 0)                                                                 \
			(v)[row_] = (map)[row_ / 64] >> row_ % 64 & 1 ? (v)[--k_] : 0;             \
	} while (0)

static const uint64_t *map_of(const struct fseg *f, const struct fseg_entry *e)
{
	return e->map ? f->slots[e->map - 1].words : NULL;
}

/* ---- values ---- */

static void addrs_from(struct addr *ret, const uint64_t *v, size_t n, uint8_t family)
{
	size_t i;

	for (i = 0; i < n; i++) {
		ret[i] = (struct addr){.family = family};
		if (family == ADDR_IP4) {
			be32_store(ret[i].b, (uint32_t)v[i]);
		} else {
			be32_store(ret[i].b, (uint32_t)(v[i] >> 16));
			be16_store(ret[i].b + 4, (uint16_t)v[i]);
		}
	}
}

/* Places in a dictionary are in the order of its values: readers rely on it. */
static bool ascending(const uint64_t *v, size_t n)
{
	uint64_t bad = 0;
	size_t i;

	for (i = 1; i < n; i++)
		bad |= v[i] <= v[i - 1];
	return !bad;
}

static bool ascending_vals(const struct fseg_entry *e, const struct fseg_slot *s)
{
	union val a, b;
	uint32_t i;

	for (i = 1; i < e->n; i++) {
		if (e->type == VAL_STR) {
			a.str = ((struct val_str *)s->values)[i - 1];
			b.str = ((struct val_str *)s->values)[i];
		} else {
			memcpy(a.id, (uint8_t *)s->values + 16 * (i - 1), 16);
			memcpy(b.id, (uint8_t *)s->values + 16 * i, 16);
		}
		if (val_cmp((enum val_type)e->type, &a, &b) >= 0)
			return false;
	}
	return true;
}

static int get_addrs(struct fseg *f, struct cur *c, size_t n, struct addr *ret)
{
	uint64_t none = rec_get_int(c), mac = rec_get_int(c), ip4 = rec_get_int(c), ip6;
	unsigned part;
	size_t i;
	int r = 0;

	if (!cur_ok(c) || none > n || mac > n - none || ip4 > n - none - mac)
		return -EBADMSG;
	ip6 = n - none - mac - ip4;
	memset(ret, 0, none * sizeof(*ret));
	ret += none;
	if (none > 1)
		return -EBADMSG;
	if (mac)
		r = fseg_num_get(&f->unnum, c, mac, f->wide);
	if (r < 0 || !ascending(f->wide, mac) || (mac && f->wide[mac - 1] >> 48))
		return r < 0 ? r : -EBADMSG;
	addrs_from(ret, f->wide, mac, ADDR_MAC);
	ret += mac;
	if (ip4)
		r = fseg_num_get(&f->unnum, c, ip4, f->wide);
	if (r < 0 || !ascending(f->wide, ip4) || (ip4 && f->wide[ip4 - 1] > UINT32_MAX))
		return r < 0 ? r : -EBADMSG;
	addrs_from(ret, f->wide, ip4, ADDR_IP4);
	ret += ip4;
	for (part = 0; ip6 && part < 2; part++) {
		r = fseg_num_get(&f->unnum, c, ip6, f->wide);
		if (r < 0)
			return r;
		for (i = 0; i < ip6; i++) {
			ret[i].family = ADDR_IP6;
			be64_store(ret[i].b + 8 * part, f->wide[i]);
		}
	}
	for (i = 1; i < ip6; i++)
		if (addr_cmp(&ret[i - 1], &ret[i]) >= 0)
			return -EBADMSG;
	return 0;
}

static int get_ids(struct fseg *f, struct cur *c, size_t n, uint8_t (*ret)[16])
{
	unsigned part;
	size_t i;
	int r;

	for (part = 0; part < 2; part++) {
		r = fseg_num_get(&f->unnum, c, n, f->wide);
		if (r < 0)
			return r;
		for (i = 0; i < n; i++)
			be64_store(ret[i] + 8 * part, f->wide[i]);
	}
	return 0;
}

static int get_texts(struct fseg *f, struct fseg_slot *s, struct cur *c, size_t n,
		     struct val_str *ret)
{
	uint64_t sum = 0;
	const uint8_t *p;
	size_t i;
	int r;

	r = fseg_num_get(&f->unnum, c, n, f->wide);
	if (r < 0)
		return r;
	for (i = 0; i < n; i++) {
		if (f->wide[i] > FSEG_STR_MAX)
			return -EBADMSG;
		sum += f->wide[i];
	}
	if (sum > FSEG_TEXT_MAX - f->text)
		return -EBADMSG;
	f->text += sum;
	/* few bytes can claim to be many: not before they have been seen */
	if (c->left && c->p[0] == FSEG_RAW && sum >= c->left)
		return -EBADMSG;
	if (room(f, &s->text, &s->text_size, sum, 1) < 0)
		return -ENOMEM;
	r = fseg_blob_get(&f->unnum, c, sum, s->text, &p);
	if (r < 0)
		return r;
	for (i = 0; i < n; i++) {
		ret[i] = (struct val_str){(const char *)p, (uint32_t)f->wide[i]};
		p += f->wide[i];
	}
	return 0;
}

static int get_values(struct fseg *f, struct fseg_entry *e, struct fseg_slot *s, struct cur *c,
		      size_t n)
{
	enum val_type type = (enum val_type)e->type;

	if (room_values(f, s, n, val_size(type)) < 0)
		return -ENOMEM;
	e->n = (uint32_t)n;
	if (type == VAL_ADDR)
		return get_addrs(f, c, n, s->values);
	if (type == VAL_ID)
		return get_ids(f, c, n, s->values);
	return get_texts(f, s, c, n, s->values);
}

static bool codes_ok(const uint32_t *codes, size_t n, uint32_t end)
{
	uint32_t max = 0;
	size_t i;

	for (i = 0; i < n; i++)
		max = codes[i] > max ? codes[i] : max;
	return max < end;
}

int fseg_decode_values(struct fseg *f, size_t entry, struct cur *c)
{
	struct fseg_entry *e = &f->entries[entry];
	struct fseg_slot *s = &f->slots[entry];
	uint64_t n;
	int r;

	if (e->valued) {
		*c = e->codes;
		return 0;
	}
	if (fseg_is_words((enum val_type)e->type) ||
	    (e->enc != FSEG_DICT && (e->enc != FSEG_PLAIN || e->type == VAL_ADDR)))
		return -EPROTO;
	n = e->enc == FSEG_DICT ? rec_get_int(c) : e->values;
	if (!cur_ok(c) || !n || n > e->values)
		return -EBADMSG;
	r = get_values(f, e, s, c, n);
	if (r < 0)
		return r;
	if (e->enc == FSEG_DICT && e->type != VAL_ADDR && !ascending_vals(e, s))
		return -EBADMSG;
	e->codes = *c;
	e->valued = true;
	return 0;
}

int fseg_values(struct fseg *f, size_t entry, struct err *err)
{
	struct fseg_entry *e = &f->entries[entry];
	struct cur c = cur_at(e->p, e->size);
	int r = fseg_entry_check(f, e, err);

	if (r < 0)
		return r;
	if (err)
		err->code = 0;
	r = fseg_decode_values(f, entry, &c);
	return r < 0 ? fseg_bad_data(f, e, r, err) : 0;
}

static int get_codes(struct fseg *f, struct fseg_entry *e, struct fseg_slot *s, struct cur *c)
{
	size_t i;
	int r;

	r = fseg_decode_values(f, (size_t)(e - f->entries), c);
	if (r < 0)
		return r;
	if (room_codes(f, s, f->head.rows) < 0)
		return -ENOMEM;
	if (e->enc == FSEG_PLAIN) {
		for (i = 0; i < e->n; i++)
			s->codes[i] = (uint32_t)i;
	} else {
		r = fseg_num_get32(&f->unnum, c, e->values, s->codes);
		if (r < 0)
			return r;
		if (!codes_ok(s->codes, e->values, e->n))
			return -EBADMSG;
	}
	if (e->map)
		SPREAD(s->codes, map_of(f, e), f->head.rows, e->values);
	return 0;
}

/* ---- numbers ---- */

struct near {
	unsigned n;
	size_t entry[2];
	uint64_t factor[2];
};

int fseg_get_near(const struct fseg *f, struct cur *c, size_t entry[2], uint64_t factor[2])
{
	uint64_t n = rec_get_int(c), id;
	unsigned k;
	size_t i;

	if (!cur_ok(c) || n > 2)
		return -EBADMSG;
	for (k = 0; k < n; k++) {
		id = rec_get_int(c);
		factor[k] = (uint64_t)rec_get_sint(c);
		for (i = 0; i < f->n; i++)
			if (f->entries[i].kind == FSEG_FIELD && f->entries[i].id == id)
				break;
		if (!cur_ok(c) || i == f->n || !fseg_is_number((enum val_type)f->entries[i].type))
			return -EBADMSG;
		entry[k] = i;
	}
	return (int)n;
}

/* The columns that a column is near to, decoded. */
static int get_near(struct fseg *f, struct cur *c, unsigned deep, struct near *ret, struct err *err)
{
	int n = fseg_get_near(f, c, ret->entry, ret->factor), k, r = 0;

	for (k = 0; k < n && r == 0; k++)
		r = fseg_decode(f, ret->entry[k], deep + 1, err);
	ret->n = n < 0 ? 0 : (unsigned)n;
	return n < 0 ? n : r;
}

static void add_near(const struct fseg *f, const struct fseg_entry *e, struct fseg_slot *s,
		     const struct near *near)
{
	const uint64_t *map = map_of(f, e), *v;
	uint64_t factor;
	size_t i;
	unsigned k;

	for (k = 0; k < near->n; k++) {
		v = f->slots[near->entry[k]].words;
		factor = near->factor[k];
		if (!map)
			f->unnum.loops->add(s->words, v, f->head.rows, factor);
		else
			for (i = 0; i < f->head.rows; i++)
				if (map[i / 64] >> i % 64 & 1)
					s->words[i] += factor * v[i];
	}
}

static int get_number_dict(struct fseg *f, struct fseg_entry *e, struct fseg_slot *s, struct cur *c)
{
	uint64_t n = rec_get_int(c);
	size_t i;
	int r;

	if (!cur_ok(c) || !n || n > e->values)
		return -EBADMSG;
	if (room_codes(f, s, f->head.rows) < 0)
		return -ENOMEM;
	r = fseg_num_get(&f->unnum, c, n, f->wide);
	if (r == 0)
		r = fseg_num_get32(&f->unnum, c, e->values, s->codes);
	if (r < 0)
		return r;
	if (!ascending(f->wide, n) || !codes_ok(s->codes, e->values, (uint32_t)n))
		return -EBADMSG;
	for (i = 0; i < e->values; i++)
		s->words[i] = f->wide[s->codes[i]];
	return 0;
}

static int get_words(struct fseg *f, struct fseg_entry *e, struct fseg_slot *s, struct cur *c,
		     unsigned deep, struct err *err)
{
	struct near near = {0};
	int r = 0;

	if (e->enc != FSEG_NUMBERS && e->enc != FSEG_NUMBER_DICT)
		return -EPROTO;
	if (room_words(f, s, f->head.rows) < 0)
		return -ENOMEM;
	if (e->enc == FSEG_NUMBERS)
		r = get_near(f, c, deep, &near, err);
	if (r == 0)
		r = e->enc == FSEG_NUMBERS ? fseg_num_get(&f->unnum, c, e->values, s->words)
					   : get_number_dict(f, e, s, c);
	if (r < 0)
		return r;
	if (e->map)
		SPREAD(s->words, map_of(f, e), f->head.rows, e->values);
	add_near(f, e, s, &near);
	return 0;
}

static int get(struct fseg *f, struct fseg_entry *e, struct fseg_slot *s, unsigned deep,
	       struct err *err)
{
	struct cur c = cur_at(e->p, e->size);
	int r;

	if (e->map) {
		r = fseg_decode(f, e->map - 1u, deep + 1, err);
		if (r < 0)
			return r;
	}
	if (e->kind == FSEG_PRESENCE)
		r = get_map(f, e, s, &c);
	else if (fseg_is_words((enum val_type)e->type))
		r = get_words(f, e, s, &c, deep, err);
	else
		r = get_codes(f, e, s, &c);
	if (r == 0 && c.left)
		r = -EBADMSG;
	return r;
}

int fseg_bad_data(const struct fseg *f, const struct fseg_entry *e, int code, struct err *err)
{
	if (err && err->code) /* said already, of another column */
		return code;
	return fseg_bad(f, e, code,
			code == -EPROTO   ? "written in a way that this program is too old for"
			: code == -ENOMEM ? "out of memory"
					  : DAMAGED,
			err);
}

int fseg_decode(struct fseg *f, size_t entry, unsigned deep, struct err *err)
{
	struct fseg_entry *e = &f->entries[entry];
	int r;

	if (e->state == FSEG_READ)
		return 0;
	if (e->state == FSEG_BUSY || deep > FSEG_DEPTH + 1)
		return fseg_bad(f, e, -EBADMSG, "needs itself", err);
	r = fseg_entry_check(f, e, err);
	if (r < 0)
		return r;
	e->state = FSEG_BUSY;
	if (err)
		err->code = 0;
	r = get(f, e, &f->slots[entry], deep, err);
	e->state = r == 0 ? FSEG_READ : FSEG_UNREAD;
	return r == 0 ? 0 : fseg_bad_data(f, e, r, err);
}

int fseg_decode_filter(struct fseg *f, size_t entry, struct err *err)
{
	struct fseg_entry *e = &f->entries[entry];
	struct fseg_slot *s = &f->slots[entry];
	struct cur c = cur_at(e->p, e->size);
	int r;

	if (e->filter)
		return 0;
	r = fseg_entry_check(f, e, err);
	if (r < 0)
		return r;
	if (e->enc != FSEG_BITS)
		return fseg_bad(f, e, -EPROTO, "of a kind that this program is too old for", err);
	if (room(f, &s->text, &s->text_size, bloom_size(e->log2), 1) < 0)
		return fseg_bad(f, e, -ENOMEM, "out of memory", err);
	r = fseg_blob_get(&f->unnum, &c, bloom_size(e->log2), s->text, &e->filter);
	if (r == 0 && c.left)
		r = -EBADMSG;
	if (r < 0) {
		e->filter = NULL;
		return fseg_bad(f, e, r, DAMAGED, err);
	}
	return 0;
}
