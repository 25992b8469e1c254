/* Journals: every record and row that is read without an error is the same when it is
 * written and read once more. */
#include "fmt/jrn.h"

#include <stdlib.h>
#include <string.h>

#include "flow/flow_schema.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct batch *new_batch(void)
{
	struct field_set all = {0};
	struct batch *b = NULL;
	size_t f;

	for (f = 0; f < FLOW_N_FIELDS; f++)
		field_set_add(&all, f);
	CHECK(batch_new(&b, flow_schema(), &all) == 0);
	return b;
}

static void same_row(const struct batch *a, const struct batch *b)
{
	union val x, y;
	size_t f;

	CHECK(a->serial[0] == b->serial[0]);
	for (f = 0; f < FLOW_N_FIELDS; f++) {
		CHECK(col_get(a->cols[f], 0, &x) == col_get(b->cols[f], 0, &y));
		if (col_has(a->cols[f], 0))
			CHECK(val_cmp(a->cols[f]->type, &x, &y) == 0);
	}
}

static void rows(const struct rec *rec, const struct jrn_schema *s)
{
	struct batch *a = new_batch(), *b = new_batch();
	struct buf out = BUF_INIT;
	struct jrn_schema own;
	struct jrn_rows in, back;
	struct rec again;
	uint32_t i;

	jrn_put_schema(&out, flow_schema());
	CHECK(rec_read((uint8_t *)out.p, out.len, &again) > 0);
	CHECK(jrn_get_schema(&again, flow_schema(), &own) == 0);
	if (jrn_get_rows(rec, &in) < 0)
		in.n = 0;
	for (i = 0; i < in.n; i++) {
		batch_clear(a);
		batch_clear(b);
		if (jrn_get_row(&in.cur, s, in.start, a, 0) < 0)
			break;
		a->n = 1;
		buf_clear(&out);
		CHECK(jrn_put_rows(&out, a, 0, FLOW_start, FLOW_last) == 1);
		CHECK(rec_read((uint8_t *)out.p, out.len, &again) > 0);
		CHECK(jrn_get_rows(&again, &back) == 0 && back.n == 1);
		CHECK(jrn_get_row(&back.cur, &own, back.start, b, 0) == 0);
		same_row(a, b);
	}
	buf_done(&out);
	batch_free(a);
	batch_free(b);
}

/* Structs without texts are the same byte for byte once read again. */
#define AGAIN(kind, type)                                                                          \
	do {                                                                                       \
		struct type x, y;                                                                  \
		struct rec again;                                                                  \
                                                                                                   \
		memset(&x, 0, sizeof(x));                                                          \
		memset(&y, 0, sizeof(y));                                                          \
		if (jrn_get_##kind(rec, &x) < 0)                                                   \
			break;                                                                     \
		jrn_put_##kind(&out, &x);                                                          \
		CHECK(rec_read((uint8_t *)out.p, out.len, &again) > 0);                            \
		CHECK(jrn_get_##kind(&again, &y) == 0);                                            \
		CHECK(memcmp(&x, &y, sizeof(x)) == 0);                                             \
	} while (0)

static void record(const struct rec *rec, struct jrn_schema *s)
{
	struct buf out = BUF_INIT;
	struct jrn_iface i;
	struct jrn_head h;
	struct jrn_clock k;

	switch (rec->type) {
	case JRN_HEAD:
		if (jrn_get_head(rec, &h) == 0)
			jrn_put_head(&out, &h);
		break;
	case JRN_IFACE:
		if (jrn_get_iface(rec, &i) == 0)
			jrn_put_iface(&out, &i);
		break;
	case JRN_SCHEMA: {
		struct jrn_schema next;

		if (jrn_get_schema(rec, flow_schema(), &next) == 0)
			*s = next;
		break;
	}
	case JRN_ROWS:
		rows(rec, s);
		break;
	case JRN_GAP:
		AGAIN(gap, jrn_gap);
		break;
	case JRN_TICK:
		AGAIN(tick, jrn_tick);
		break;
	case JRN_SEGMENT:
		AGAIN(segment, jrn_segment);
		break;
	case JRN_STATS:
		AGAIN(stats, iface_stats);
		break;
	case JRN_END:
		AGAIN(end, jrn_end);
		break;
	case JRN_BLOCK:
		AGAIN(block, jrn_block);
		break;
	case JRN_BEAT:
		AGAIN(beat, jrn_beat);
		CHECK(!out.len || out.len == JRN_BEAT_SIZE);
		break;
	case JRN_CLOCK:
		if (jrn_get_clock(rec, &k) == 0)
			jrn_put_clock(&out, &k);
		break;
	}
	buf_done(&out);
}

/* A fuzzer cannot guess checksums: records are given without, and get theirs here. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jrn_schema s = {0};
	struct rec rec;
	size_t at = 0;
	int64_t n;

	jrn_check_magic(data, size);
	if (size >= REC_MAGIC)
		at = REC_MAGIC;
	while (size - at >= REC_HEAD) {
		n = rec_read(data + at, size - at, &rec);
		if (n <= 0) {
			uint32_t len = le32_load(data + at + 4);

			if (len > size - at - REC_HEAD)
				len = (uint32_t)(size - at - REC_HEAD);
			rec = (struct rec){le32_load(data + at) % (JRN_BEAT + 1), len,
					   data + at + REC_HEAD};
			n = REC_HEAD + (int64_t)len;
		}
		record(&rec, &s);
		at += (size_t)n;
	}
	return 0;
}
