/* The different values of a column of addresses, texts or ids. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fmt/fseg_impl.h"

#define ROOM_MIN 256u
#define NONE     UINT32_MAX

void fseg_dict_init(struct fseg_dict *d, enum val_type type)
{
	*d = (struct fseg_dict){.type = type};
}

void fseg_dict_done(struct fseg_dict *d)
{
	free(d->slots);
	free(d->v.any);
	free(d->text);
	free(d->rank);
	*d = (struct fseg_dict){.type = d->type};
}

void fseg_dict_clear(struct fseg_dict *d)
{
	if (d->n)
		memset(d->slots, 0, d->n_slots * sizeof(*d->slots));
	d->n = 0;
	d->text_len = 0;
}

static size_t entry_size(enum val_type type)
{
	return type == VAL_STR ? sizeof(struct fseg_text) : val_size(type);
}

size_t fseg_dict_memory(const struct fseg_dict *d)
{
	return d->n_slots * sizeof(*d->slots) + d->room * entry_size(d->type) + d->text_room +
	       (d->rank ? 2 * (size_t)d->room * sizeof(*d->rank) : 0);
}

static uint64_t load64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Only for tables in memory. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)(a ^ UINT64_C(0x9e3779b97f4a7c15)) *
			      (b ^ UINT64_C(0xd1b54a32d192ed03));

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t hash_bytes(const uint8_t *p, size_t n)
{
	uint64_t h = n, last = 0;

	for (; n > 8; p += 8, n -= 8)
		h = mix(h, load64(p));
	if (n)
		memcpy(&last, p, n);
	return mix(h ^ UINT64_C(0xd6e8feb86659fd93), last);
}

/* An address as words. */
struct word_addr {
	uint64_t w[2];
	uint8_t family;
};

static uint64_t hash_words(const struct word_addr *a)
{
	return mix(a->w[0] ^ a->family, a->w[1]);
}

static uint64_t hash_addr(const struct addr *a)
{
	const struct word_addr w = {{load64(a->b), load64(a->b + 8)}, a->family};

	return hash_words(&w);
}

static uint64_t hash_at(const struct fseg_dict *d, uint32_t i)
{
	switch (d->type) {
	case VAL_ADDR:
		return hash_addr(&d->v.addr[i]);
	case VAL_ID:
		return hash_bytes(d->v.id[i], 16);
	default:
		return hash_bytes((const uint8_t *)d->text + d->v.str[i].at, d->v.str[i].len);
	}
}

/* Room for one more: the table is never more than half full. */
static int grow(struct fseg_dict *d)
{
	uint32_t room = d->room ? 2 * d->room : ROOM_MIN, i;
	uint32_t *slots = calloc(2 * (size_t)room, sizeof(*slots)), *rank;
	void *any;

	if (!slots)
		return -ENOMEM;
	free(d->slots);
	d->slots = slots;
	d->n_slots = 2 * room;
	for (i = 0; i < d->n; i++) {
		uint32_t s = (uint32_t)hash_at(d, i) & (d->n_slots - 1);

		while (slots[s])
			s = (s + 1) & (d->n_slots - 1);
		slots[s] = i + 1;
	}
	any = realloc(d->v.any, room * entry_size(d->type));
	if (!any)
		return -ENOMEM;
	d->v.any = any;
	rank = calloc(2 * (size_t)room, sizeof(*rank));
	if (!rank)
		return -ENOMEM;
	free(d->rank);
	d->rank = rank;
	d->room = room;
	return 0;
}

static bool same_addr(const struct addr *a, const struct word_addr *b)
{
	return a->family == b->family && load64(a->b) == b->w[0] && load64(a->b + 8) == b->w[1];
}

static uint32_t find_addr(struct fseg_dict *d, const struct word_addr *a, uint64_t hash)
{
	uint32_t s;

	if (d->n == d->room && grow(d) < 0)
		return NONE;
	for (s = (uint32_t)hash;; s++) {
		uint32_t k = d->slots[s &= d->n_slots - 1];

		if (!k)
			break;
		if (same_addr(&d->v.addr[k - 1], a))
			return k - 1;
	}
	d->v.addr[d->n].family = a->family;
	memcpy(d->v.addr[d->n].b, a->w, sizeof(a->w));
	d->slots[s] = ++d->n;
	return d->n - 1;
}

#define AHEAD 16 /* addresses that are looked up together, so that memory is asked for them all */

#define ONES(n) [0 ...(n) - 1] = 0xff

/* An address without what stands behind its bytes; what is none without any.  In whole words: they
 * are read as such right behind. */
static struct word_addr clean_addr(const struct addr *a)
{
	static const uint8_t mask[8][16] = {
		[ADDR_MAC] = {ONES(6)},
		[ADDR_IP4] = {ONES(4)},
		[ADDR_IP6] = {ONES(16)},
	};
	const uint8_t *m = mask[a->family < 8 ? a->family : 0];

	return (struct word_addr){{load64(a->b) & load64(m), load64(a->b + 8) & load64(m + 8)},
				  m[0] ? a->family : ADDR_NONE};
}

bool fseg_dict_addrs(struct fseg_dict *d, const struct addr *a, size_t n, uint32_t *ret)
{
	struct word_addr part[AHEAD];
	uint64_t hash[AHEAD];
	size_t i, k, m;

	for (i = 0; i < n; i += m) {
		m = n - i < AHEAD ? n - i : AHEAD;
		for (k = 0; k < m; k++) {
			part[k] = clean_addr(&a[i + k]);
			hash[k] = hash_words(&part[k]);
			if (d->n_slots)
				__builtin_prefetch(&d->slots[(uint32_t)hash[k] & (d->n_slots - 1)]);
		}
		for (k = 0; k < m; k++) {
			if (i + k && same_addr(&d->v.addr[ret[i + k - 1]], &part[k]))
				ret[i + k] = ret[i + k - 1];
			else
				ret[i + k] = find_addr(d, &part[k], hash[k]);
			if (ret[i + k] == NONE)
				return false;
		}
	}
	return true;
}

uint32_t fseg_dict_id(struct fseg_dict *d, const uint8_t id[16])
{
	uint32_t s;

	if (d->n == d->room && grow(d) < 0)
		return NONE;
	for (s = (uint32_t)hash_bytes(id, 16);; s++) {
		uint32_t k = d->slots[s &= d->n_slots - 1];

		if (!k)
			break;
		if (memcmp(d->v.id[k - 1], id, 16) == 0)
			return k - 1;
	}
	memcpy(d->v.id[d->n], id, 16);
	d->slots[s] = ++d->n;
	return d->n - 1;
}

static bool same_text(const struct fseg_dict *d, uint32_t i, const char *p, size_t len)
{
	return d->v.str[i].len == len && memcmp(d->text + d->v.str[i].at, p, len) == 0;
}

static int add_text(struct fseg_dict *d, const char *p, size_t len)
{
	if (d->text_len + len > d->text_room || !d->text) {
		size_t room = d->text_room ? d->text_room : 4096;
		char *text;

		while (room < d->text_len + len)
			room *= 2;
		text = realloc(d->text, room);
		if (!text)
			return -ENOMEM;
		d->text = text;
		d->text_room = room;
	}
	memcpy(d->text + d->text_len, p, len);
	d->v.str[d->n] = (struct fseg_text){(uint32_t)d->text_len, (uint32_t)len};
	d->text_len += len;
	return 0;
}

static uint32_t find_str(struct fseg_dict *d, const char *p, size_t len)
{
	uint32_t s;

	if (d->n == d->room && grow(d) < 0)
		return NONE;
	for (s = (uint32_t)hash_bytes((const uint8_t *)p, len);; s++) {
		uint32_t k = d->slots[s &= d->n_slots - 1];

		if (!k)
			break;
		if (same_text(d, k - 1, p, len))
			return k - 1;
	}
	if (add_text(d, p, len) < 0)
		return NONE;
	d->slots[s] = ++d->n;
	return d->n - 1;
}

/* Texts that were met in this call: most are names that stand at one place each, so that what they
 * say need not be looked at again. */
struct met {
	const char *p;
	uint32_t len, number;
};
#define MET 64

bool fseg_dict_strs(struct fseg_dict *d, const struct val_str *s, size_t n, uint32_t *ret)
{
	struct met met[MET] = {0};
	size_t i;

	for (i = 0; i < n; i++) {
		const char *p = s[i].len ? s[i].p : "";
		uint32_t len = s[i].len < FSEG_STR_MAX ? s[i].len : FSEG_STR_MAX;
		struct met *m = &met[((uintptr_t)p ^ (uintptr_t)p >> 6 ^ len) % MET];

		if (m->p != p || m->len != len) {
			*m = (struct met){p, len, find_str(d, p, len)};
			if (m->number == NONE)
				return false;
		}
		ret[i] = m->number;
	}
	return true;
}

/* ---- order ---- */

struct item {
	uint64_t key; /* the first bytes of the value */
	uint32_t i;
};

/* Eight bytes of a text from 'at' on, zeros where it has ended. */
static uint64_t text_key(const struct fseg_dict *d, uint32_t i, unsigned at)
{
	const struct fseg_text *t = &d->v.str[i];
	uint8_t some[8] = {0};
	uint32_t n = t->len > at ? t->len - at : 0;

	if (n)
		memcpy(some, d->text + t->at + at, n < 8 ? n : 8);
	return be64_load(some);
}

/* Eight bytes by which values are in order, and eight that follow them. */
static uint64_t key_of(const struct fseg_dict *d, uint32_t i, unsigned deep)
{
	const struct addr *a;

	switch (d->type) {
	case VAL_ADDR: /* the family, then 15 bytes */
		a = &d->v.addr[i];
		return deep ? be64_load(a->b + 7)
			    : (uint64_t)a->family << 56 | be64_load(a->b) >> 8;
	case VAL_ID:
		return be64_load(d->v.id[i] + 8 * deep);
	default:
		return text_key(d, i, 8 * deep);
	}
}

void fseg_dict_val(const struct fseg_dict *d, uint32_t number, union val *ret)
{
	switch (d->type) {
	case VAL_ADDR:
		ret->addr = d->v.addr[number];
		break;
	case VAL_ID:
		memcpy(ret->id, d->v.id[number], 16);
		break;
	default:
		ret->str = (struct val_str){d->text + d->v.str[number].at, d->v.str[number].len};
	}
}

/* Of values whose keys so far are equal. */
static int compare(const void *x, const void *y, void *arg)
{
	const struct fseg_dict *d = arg;
	const struct item *a = x, *b = y;
	union val v, w;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	fseg_dict_val(d, a->i, &v);
	fseg_dict_val(d, b->i, &w);
	return val_cmp(d->type, &v, &w);
}

/* By 'key', least significant byte first; bytes that are the same everywhere are left out. */
static struct item *radix(struct item *a, struct item *b, uint32_t n)
{
	uint32_t count[8][256] = {{0}};
	struct item *t;
	unsigned k, c;
	uint32_t i, sum;

	for (i = 0; i < n; i++)
		for (k = 0; k < 8; k++)
			count[k][a[i].key >> 8 * k & 0xff]++;
	for (k = 0; k < 8; k++) {
		if (count[k][a[0].key >> 8 * k & 0xff] == n)
			continue;
		for (c = 0, sum = 0; c < 256; c++) {
			uint32_t m = count[k][c];

			count[k][c] = sum;
			sum += m;
		}
		for (i = 0; i < n; i++)
			b[count[k][a[i].key >> 8 * k & 0xff]++] = a[i];
		t = a;
		a = b;
		b = t;
	}
	return a;
}

#define RADIX_LEAST 64 /* values; fewer are sorted by comparing */
#define RADIX_DEEP  2  /* keys by which values are sorted before they are compared */

static void sort(struct fseg_dict *d, struct item *items, struct item *room, uint32_t n,
		 unsigned deep)
{
	struct item *a;
	uint32_t i, k;

	for (i = 0; i < n && deep < RADIX_DEEP; i++)
		items[i].key = key_of(d, items[i].i, deep);
	if (n < RADIX_LEAST || deep == RADIX_DEEP) {
		qsort_r(items, n, sizeof(*items), compare, d);
		return;
	}
	a = radix(items, room, n);
	if (a != items)
		memcpy(items, a, n * sizeof(*items));
	for (i = 0; i < n; i = k) {
		for (k = i + 1; k < n && items[k].key == items[i].key;)
			k++;
		if (k - i > 1)
			sort(d, items + i, room, k - i, deep + 1);
	}
}

/* The 'n' values in 'order'. */
static int sort_order(struct fseg_dict *d, uint32_t n)
{
	struct item *items = malloc(2 * (size_t)n * sizeof(*items));
	uint32_t i;

	if (!items)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		items[i].i = d->order[i];
	sort(d, items, items + n, n, 0);
	for (i = 0; i < n; i++) {
		d->order[i] = items[i].i;
		d->rank[items[i].i] = i;
	}
	free(items);
	return 0;
}

int fseg_dict_sort(struct fseg_dict *d)
{
	uint32_t i;

	if (!d->rank || !d->n)
		return 0;
	d->order = d->rank + d->room;
	for (i = 0; i < d->n; i++)
		d->order[i] = i;
	return sort_order(d, d->n);
}

int64_t fseg_dict_sort_some(struct fseg_dict *d, const uint32_t *codes, size_t n)
{
	uint32_t m = 0, k;
	size_t i;
	int r;

	if (!d->rank)
		return 0; /* there are no values yet */
	d->order = d->rank + d->room;
	for (i = 0; i < n; i++) {
		k = codes[i];
		/* It is there already if the place that it claims is its own. */
		if (d->rank[k] < m && d->order[d->rank[k]] == k)
			continue;
		d->rank[k] = m;
		d->order[m++] = k;
	}
	r = m ? sort_order(d, m) : 0;
	return r < 0 ? r : (int64_t)m;
}

/* ---- writing ---- */

static uint64_t mac_of(const struct addr *a)
{
	return (uint64_t)be32_load(a->b) << 16 | be16_load(a->b + 4);
}

/* How many of a family, and their numbers; 'part' 1: the second half of IPv6. */
static size_t of_family(const struct fseg_dict *d, const uint32_t *order, size_t n, uint8_t family,
			unsigned part, uint64_t *ret)
{
	size_t i, k = 0;

	for (i = 0; i < n; i++) {
		const struct addr *a = &d->v.addr[order[i]];

		if (a->family != family)
			continue;
		ret[k++] = family == ADDR_IP4   ? be32_load(a->b)
			   : family == ADDR_MAC ? mac_of(a)
						: be64_load(a->b + 8 * part);
	}
	return k;
}

static void put_addrs(struct fseg_dict *d, struct fseg_num *e, struct buf *b, const uint32_t *order,
		      size_t n, uint64_t *t)
{
	size_t none = of_family(d, order, n, ADDR_NONE, 0, t);
	size_t mac = of_family(d, order, n, ADDR_MAC, 0, t);
	size_t ip4 = of_family(d, order, n, ADDR_IP4, 0, t);

	rec_put_int(b, none);
	rec_put_int(b, mac);
	rec_put_int(b, ip4);
	if (mac) {
		of_family(d, order, n, ADDR_MAC, 0, t);
		fseg_num_write(e, b, t, mac);
	}
	if (ip4) {
		of_family(d, order, n, ADDR_IP4, 0, t);
		fseg_num_write(e, b, t, ip4);
	}
	if (none + mac + ip4 == n)
		return;
	fseg_num_write(e, b, t, of_family(d, order, n, ADDR_IP6, 0, t));
	fseg_num_write(e, b, t, of_family(d, order, n, ADDR_IP6, 1, t));
}

static void put_ids(struct fseg_dict *d, struct fseg_num *e, struct buf *b, const uint32_t *order,
		    size_t n, uint64_t *t)
{
	unsigned part;
	size_t i;

	for (part = 0; part < 2; part++) {
		for (i = 0; i < n; i++)
			t[i] = be64_load(d->v.id[order[i]] + 8 * part);
		fseg_num_write(e, b, t, n);
	}
}

static void put_texts(struct fseg_dict *d, struct fseg_num *e, struct buf *b, const uint32_t *order,
		      size_t n, uint64_t *t)
{
	size_t i, size = 0, at = 0;
	uint8_t *text;

	for (i = 0; i < n; i++) {
		t[i] = d->v.str[order[i]].len;
		size += t[i];
	}
	fseg_num_write(e, b, t, n);
	text = malloc(size ? size : 1);
	if (!text) {
		b->err = -ENOMEM;
		return;
	}
	for (i = 0; i < n; i++) {
		memcpy(text + at, d->text + d->v.str[order[i]].at, d->v.str[order[i]].len);
		at += d->v.str[order[i]].len;
	}
	fseg_blob_put(e, b, text, size, true);
	free(text);
}

void fseg_dict_put(struct fseg_dict *d, struct fseg_num *e, struct buf *b, const uint32_t *order,
		   size_t n)
{
	uint64_t *t = calloc(n ? n : 1, sizeof(*t));

	if (!t)
		b->err = -ENOMEM;
	else if (d->type == VAL_ADDR)
		put_addrs(d, e, b, order, n, t);
	else if (d->type == VAL_ID)
		put_ids(d, e, b, order, n, t);
	else
		put_texts(d, e, b, order, n, t);
	free(t);
}
