/* Rows of every type and shape for tests of flow segments. */
#pragma once

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/batch.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "fmt/fseg.h"
#include "fmt/rec.h"

enum {
	MAKE_START,
	MAKE_LAST,
	MAKE_U64,
	MAKE_I64,
	MAKE_F64,
	MAKE_BOOL,
	MAKE_DUR,
	MAKE_A,
	MAKE_B,
	MAKE_NAME,
	MAKE_TEXT,
	MAKE_ID,
	MAKE_PARENT,
	MAKE_BYTES,
	MAKE_PACKETS,
	MAKE_IP_BYTES,
	MAKE_PORT,
	MAKE_NEVER,
	MAKE_HASHED,
	MAKE_RARE,
	MAKE_N,
};

/* clang-format off */
static const struct field make_fields[] = {
	[MAKE_START]    = {.id = 20, .name = "start", .json = "Start", .type = VAL_TIME},
	[MAKE_LAST]     = {.id = 21, .name = "last", .json = "Last", .type = VAL_TIME},
	[MAKE_U64]      = {.id = 1, .name = "u", .json = "U", .type = VAL_U64},
	[MAKE_I64]      = {.id = 2, .name = "i", .json = "I", .type = VAL_I64},
	[MAKE_F64]      = {.id = 3, .name = "f", .json = "F", .type = VAL_F64},
	[MAKE_BOOL]     = {.id = 4, .name = "b", .json = "B", .type = VAL_BOOL},
	[MAKE_DUR]      = {.id = 5, .name = "d", .json = "D", .type = VAL_DUR},
	[MAKE_A]        = {.id = 6, .name = "a", .json = "A.A", .type = VAL_ADDR},
	[MAKE_B]        = {.id = 7, .name = "c", .json = "A.B", .type = VAL_ADDR},
	[MAKE_NAME]     = {.id = 8, .name = "name", .json = "Name", .type = VAL_STR},
	[MAKE_TEXT]     = {.id = 9, .name = "text", .json = "Text", .type = VAL_STR},
	[MAKE_ID]       = {.id = 10, .name = "id", .json = "Id", .type = VAL_ID},
	[MAKE_PARENT]   = {.id = 11, .name = "parent", .json = "Parent", .type = VAL_ID},
	[MAKE_BYTES]    = {.id = 12, .name = "bytes", .json = "Bytes", .type = VAL_U64},
	[MAKE_PACKETS]  = {.id = 13, .name = "packets", .json = "Packets", .type = VAL_U64},
	[MAKE_IP_BYTES] = {.id = 14, .name = "ip_bytes", .json = "IpBytes", .type = VAL_U64},
	[MAKE_PORT]     = {.id = 15, .name = "port", .json = "Port", .type = VAL_U64},
	[MAKE_NEVER]    = {.id = 16, .name = "never", .json = "Never", .type = VAL_STR},
	[MAKE_HASHED]   = {.id = 17, .name = "hashed", .json = "Hashed", .type = VAL_STR},
	[MAKE_RARE]     = {.id = 300, .name = "rare", .json = "Rare", .type = VAL_DUR},
};
/* clang-format on */
static const struct schema make_schema = {.fields = make_fields, .n = MAKE_N};

static const size_t make_bloom[] = {MAKE_A, MAKE_B};
static const struct fseg_hash make_hashes[] = {{MAKE_HASHED, 32, true, NULL},
					       {MAKE_NAME, 12, false, NULL}};
static const struct fseg_near make_near[] = {
	{MAKE_LAST, {MAKE_START}, {1}},
	{MAKE_IP_BYTES, {MAKE_BYTES, MAKE_PACKETS}, {1, -14}},
	{MAKE_RARE, {MAKE_LAST, MAKE_DUR}, {1, -1}},
};

/* All columns but the one that only hashes are kept of. */
static inline struct fseg_opts make_opts(void)
{
	struct fseg_opts o = {.schema = &make_schema,
			      .start = MAKE_START,
			      .last = MAKE_LAST,
			      .bloom = make_bloom,
			      .n_bloom = 2,
			      .hashes = make_hashes,
			      .n_hashes = 2,
			      .near = make_near,
			      .n_near = 3};
	size_t i;

	for (i = 0; i < MAKE_N; i++)
		if (i != MAKE_HASHED)
			field_set_add(&o.fields, i);
	return o;
}

/* splitmix64 */
static inline uint64_t make_rnd(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* How rows look; made of one number. */
struct make {
	uint64_t state;
	unsigned spread; /* of numbers: bits */
	unsigned absent; /* of 16 rows, so many lack a value (times too above 8) */
	unsigned kinds;  /* different addresses, texts, ids: about 2^kinds */
	unsigned unit;   /* times are multiples of it */
	uint64_t row;
	char text[64][64];
	char big[70000];
};

static inline void make_init(struct make *m, uint64_t seed)
{
	static const unsigned units[] = {1, 1000, 1000000, 7};
	size_t i, k;

	*m = (struct make){.state = seed};
	m->spread = (unsigned)(make_rnd(&m->state) % 65);
	m->absent = (unsigned)(make_rnd(&m->state) % 17);
	m->kinds = (unsigned)(make_rnd(&m->state) % 12);
	m->unit = units[make_rnd(&m->state) % 4];
	for (i = 0; i < 64; i++)
		for (k = 0; k < 64; k++)
			m->text[i][k] = (char)make_rnd(&m->state);
	for (i = 0; i < sizeof(m->big); i++)
		m->big[i] = (char)('a' + i % 26);
}

static inline uint64_t make_num(struct make *m, unsigned bits)
{
	uint64_t v = make_rnd(&m->state);

	return bits >= 64 ? v : v & ((UINT64_C(1) << bits) - 1);
}

static inline struct addr make_addr(struct make *m)
{
	static const uint8_t families[] = {ADDR_IP4, ADDR_IP4, ADDR_IP6, ADDR_MAC, ADDR_NONE};
	uint64_t n = make_num(m, m->kinds) * 0x9e3779b97f4a7c15ull, k;
	struct addr a = {.family = families[n >> 40 & (m->kinds > 3 ? 7 : 1) % 5]};
	size_t size = a.family == ADDR_IP4 ? 4 : a.family == ADDR_IP6 ? 16 : a.family ? 6 : 0;

	for (k = 0; k < size; k++)
		a.b[k] = (uint8_t)(n >> 8 * (k % 8));
	return a;
}

static inline void make_row(struct make *m, struct batch *b, size_t row)
{
	static const double floats[] = {0.0, -0.0, 1.5, -1e300, INFINITY};
	uint64_t t = UINT64_C(1700000000000000000) / m->unit + m->row++ * 37 + make_num(m, 12), n;
	size_t i, len;

	for (i = 0; i < MAKE_N; i++)
		if (b->cols[i] && i != MAKE_NEVER &&
		    (make_num(m, 4) >= m->absent || (i <= MAKE_LAST && m->absent <= 8)))
			col_mark(b->cols[i], row);
	b->serial[row] = m->row * 8 + make_num(m, 2);
	b->cols[MAKE_START]->v.i64[row] = (int64_t)(t * m->unit);
	b->cols[MAKE_LAST]->v.i64[row] = (int64_t)((t + make_num(m, 20)) * m->unit);
	b->cols[MAKE_U64]->v.u64[row] = make_num(m, m->spread);
	b->cols[MAKE_I64]->v.i64[row] = (int64_t)(make_num(m, m->spread) -
						  (m->spread ? UINT64_C(1) << (m->spread - 1) : 1));
	b->cols[MAKE_F64]->v.f64[row] = make_num(m, 4) == 0 ? (double)NAN
					: m->spread % 2     ? floats[make_num(m, 8) % 5]
							    : (double)make_num(m, 50) / 1000.0;
	b->cols[MAKE_BOOL]->v.b[row] = make_num(m, 3) == 0;
	b->cols[MAKE_DUR]->v.i64[row] = (int64_t)make_num(m, 30) - 1000;
	b->cols[MAKE_A]->v.addr[row] = make_addr(m);
	b->cols[MAKE_B]->v.addr[row] = make_addr(m);
	n = make_num(m, 6);
	b->cols[MAKE_NAME]->v.str[row] = (struct val_str){m->text[n], (uint32_t)(n % 9)};
	b->cols[MAKE_HASHED]->v.str[row] = (struct val_str){m->text[make_num(m, 5)], 30};
	len = make_num(m, 8) % 50;
	b->cols[MAKE_TEXT]->v.str[row] =
		make_num(m, 10) == 0
			? (struct val_str){m->big, (uint32_t)make_num(m, 16)}
			: (struct val_str){m->big + make_num(m, m->kinds), (uint32_t)len};
	for (i = 0; i < 2; i++) {
		n = make_rnd(&m->state);
		memcpy(b->cols[MAKE_ID]->v.id[row] + 8 * i, &n, 8);
		n = make_num(m, m->kinds / 2);
		memcpy(b->cols[MAKE_PARENT]->v.id[row] + 8 * i, &n, 8);
	}
	n = 1 + make_num(m, make_num(m, 4) ? 3 : 10);
	b->cols[MAKE_PACKETS]->v.u64[row] = n;
	t = n * (40 + make_num(m, 9));
	b->cols[MAKE_IP_BYTES]->v.u64[row] = t;
	b->cols[MAKE_BYTES]->v.u64[row] = t + 14 * n + (make_num(m, 4) ? 0 : make_num(m, 5));
	b->cols[MAKE_PORT]->v.u64[row] =
		make_num(m, 2) ? 443 + 4000 * make_num(m, 3) : make_num(m, 16);
	b->cols[MAKE_RARE]->v.i64[row] =
		(int64_t)((uint64_t)b->cols[MAKE_LAST]->v.i64[row] -
			  (uint64_t)b->cols[MAKE_DUR]->v.i64[row] + make_num(m, 4));
	b->n = row + 1;
}

static inline struct batch *make_batch(void)
{
	struct field_set all = {0};
	struct batch *b = NULL;
	size_t i;

	for (i = 0; i < MAKE_N; i++)
		field_set_add(&all, i);
	return batch_new(&b, &make_schema, &all) < 0 ? NULL : b;
}

/* Makes a block of 'n' bytes, FSEG_HEAD at least, begin as one, and makes its checksums right,
 * those of each entry's data too. */
static inline void make_mend(uint8_t *p, size_t n)
{
	uint32_t dir = le32_load(p + 12), k;
	struct cur c, e;

	if (dir > n - FSEG_HEAD)
		dir = (uint32_t)(n - FSEG_HEAD);
	memcpy(p, "tfsb\1", 6);
	le32_store(p + 8, (uint32_t)n);
	le32_store(p + 12, dir);
	c = cur_at(p + FSEG_HEAD, dir);
	while (c.left && cur_ok(&c)) {
		uint64_t size = rec_get_int(&c), at = 0, bytes = 0;
		const uint8_t *q = size > c.left ? NULL : cur_take(&c, (uint32_t)size);

		if (!q)
			break;
		e = cur_at(q, (uint32_t)size);
		for (k = 0; k < 9; k++) {
			at = bytes;
			bytes = rec_get_int(&e);
		}
		if (!cur_ok(&e) || e.left < 4 || at > n - FSEG_HEAD - dir ||
		    bytes > n - FSEG_HEAD - dir - at)
			continue;
		le32_store(p + (e.p - p), crc32c(0, p + FSEG_HEAD + dir + at, bytes));
	}
	le32_store(p + 20, crc32c(0, p + FSEG_HEAD, dir));
	le32_store(p + 44, crc32c(0, p, 44));
}
