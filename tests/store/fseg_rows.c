/* Writes a flow segment of made rows, and the rows as lines of JSON, for a reader that knows
 * only the format:
 *
 *	fseg_rows SEGMENT SEED ROWS >ROWS.jsonl
 *
 * "hashed" is the text of which the segment has only hashes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/fseg_make.h"
#include "base/buf.h"

static void print_str(const char *name, const struct val_str *s)
{
	uint32_t i, len = s->len < FSEG_STR_MAX ? s->len : FSEG_STR_MAX;

	printf(", \"%s\": \"", name);
	for (i = 0; i < len; i++)
		printf("%02x", (unsigned char)s->p[i]);
	putchar('"');
}

static void print_val(const struct field *f, const union val *v)
{
	char text[ADDR_TEXT_SIZE];
	struct buf b = BUF_INIT;

	printf(", \"%u\": ", f->id);
	switch (f->type) {
	case VAL_F64: /* as bits: JSON has no NaN */
		printf("\"%016" PRIx64 "\"", v->u64);
		break;
	case VAL_ADDR:
		addr_text(&v->addr, text);
		printf("\"%s\"", text);
		break;
	case VAL_BOOL:
		printf("%s", v->b ? "true" : "false");
		break;
	case VAL_TIME: /* in ns */
		printf("%" PRId64, v->i64);
		break;
	default:
		buf_addval(&b, f->type, v);
		printf(f->type == VAL_ID ? "\"%s\"" : "%s", buf_str(&b));
	}
	buf_done(&b);
}

static void print_rows(const struct batch *b)
{
	char name[8];
	union val v;
	size_t i, f;

	for (i = 0; i < b->n; i++) {
		printf("{\"serial\": %" PRIu64, b->serial[i]);
		for (f = 0; f < MAKE_N; f++)
			if (f != MAKE_HASHED && col_get(b->cols[f], i, &v)) {
				snprintf(name, sizeof(name), "%u", make_fields[f].id);
				if (make_fields[f].type == VAL_STR)
					print_str(name, &v.str);
				else
					print_val(&make_fields[f], &v);
			}
		if (col_get(b->cols[MAKE_HASHED], i, &v))
			print_str("hashed", &v.str);
		puts("}");
	}
}

int main(int argc, char **argv)
{
	struct fseg_opts o = make_opts();
	struct fseg_writer *w = NULL;
	struct batch *b = make_batch();
	struct buf out = BUF_INIT;
	size_t rows, i, k, n;
	struct make *m = malloc(sizeof(*m));
	FILE *f;

	if (argc != 4 || !b || !m || fseg_writer_new(&w, &o) < 0)
		return 2;
	make_init(m, strtoull(argv[2], NULL, 10));
	rows = strtoull(argv[3], NULL, 10);
	fseg_put_magic(&out);
	for (i = 0; i < rows; i += n) {
		n = rows - i < BATCH_ROWS ? rows - i : BATCH_ROWS;
		batch_clear(b);
		for (k = 0; k < n; k++)
			make_row(m, b, k);
		print_rows(b);
		/* two batches a block */
		if (fseg_add(w, b, 0) != (int64_t)n ||
		    (i / BATCH_ROWS % 2 && fseg_end(w, &out) < 0))
			return 1;
	}
	if (fseg_end(w, &out) < 0)
		return 1;
	f = fopen(argv[1], "wb");
	if (!f || fwrite(out.p, 1, out.len, f) != out.len || fclose(f) != 0)
		return 1;
	fseg_writer_free(w);
	batch_free(b);
	buf_done(&out);
	free(m);
	return 0;
}
