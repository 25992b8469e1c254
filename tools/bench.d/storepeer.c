/* The same rows for nfdump and SQLite. */
#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "storerows.h"

/* Rows of 'r' one by one, as often as it takes. */
static int each(struct rows *r, uint64_t total, int (*fn)(void *arg, const struct row *x),
		void *arg)
{
	uint64_t done = 0;
	struct row x;
	size_t i, k;
	int status;

	while (done < total) {
		for (i = 0; i < r->n_batches && done < total; i++) {
			for (k = 0; k < r->v[i]->n; k++) {
				row_get(r->v[i], k, &x);
				status = fn(arg, &x);
				if (status < 0)
					return status;
			}
			done += r->v[i]->n;
		}
		rows_move(r, 1);
		r->times++;
	}
	return 0;
}

/* ---- SQLite ---- */

struct lite {
	sqlite3 *db;
	sqlite3_stmt *insert;
	double cpu;
	struct row batch[BATCH_ROWS]; /* so that the clock is not asked for each row */
	size_t n;
};

static void bind_addr(sqlite3_stmt *s, int at, const struct addr *a)
{
	if (a->family == ADDR_NONE)
		sqlite3_bind_null(s, at);
	else
		sqlite3_bind_blob(s, at, a->b, a->family == ADDR_IP4 ? 4 : 16, SQLITE_STATIC);
}

static int insert_one(sqlite3_stmt *s, const struct row *x)
{
	int at = 1, i;

	sqlite3_bind_int64(s, at++, x->start);
	sqlite3_bind_int64(s, at++, x->last);
	bind_addr(s, at++, &x->a);
	bind_addr(s, at++, &x->b);
	sqlite3_bind_int(s, at++, x->port_a);
	sqlite3_bind_int(s, at++, x->port_b);
	sqlite3_bind_int(s, at++, x->protocol);
	for (i = 0; i < 2; i++) {
		sqlite3_bind_int(s, at++, x->flags[i]);
		sqlite3_bind_int(s, at++, x->tos[i]);
		sqlite3_bind_int64(s, at++, (int64_t)x->packets[i]);
		sqlite3_bind_int64(s, at++, (int64_t)x->bytes[i]);
	}
	if (sqlite3_step(s) != SQLITE_DONE)
		return -EIO;
	sqlite3_reset(s);
	return 0;
}

static int insert_batch(struct lite *l)
{
	double before = cpu_process();
	int status = 0;
	size_t i;

	for (i = 0; i < l->n && status == 0; i++)
		status = insert_one(l->insert, &l->batch[i]);
	l->cpu += cpu_process() - before;
	l->n = 0;
	return status;
}

static int lite_row(void *arg, const struct row *x)
{
	struct lite *l = arg;

	l->batch[l->n++] = *x;
	return l->n == BATCH_ROWS ? insert_batch(l) : 0;
}

static int lite_do(struct lite *l, const char *sql)
{
	double before = cpu_process();
	int r = sqlite3_exec(l->db, sql, NULL, NULL, NULL);

	l->cpu += cpu_process() - before;
	return r == SQLITE_OK ? 0 : -EIO;
}

static int lite_all(struct lite *l, struct rows *r, uint64_t total, bool indexed)
{
	int status = lite_do(
		l, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
		   "CREATE TABLE flows(start INTEGER, last INTEGER, a BLOB, b BLOB,"
		   " port_a INTEGER, port_b INTEGER, protocol INTEGER,"
		   " ab_flags INTEGER, ab_tos INTEGER, ab_packets INTEGER, ab_bytes INTEGER,"
		   " ba_flags INTEGER, ba_tos INTEGER, ba_packets INTEGER, ba_bytes INTEGER);"
		   "BEGIN");

	if (status == 0 &&
	    sqlite3_prepare_v2(l->db, "INSERT INTO flows VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", -1,
			       &l->insert, NULL) != SQLITE_OK)
		status = -EIO;
	if (status == 0)
		status = each(r, total, lite_row, l);
	if (status == 0)
		status = insert_batch(l);
	if (status == 0)
		status = lite_do(l, "COMMIT");
	if (status == 0 && indexed)
		status = lite_do(l, "CREATE INDEX by_start ON flows(start);"
				    "CREATE INDEX by_pair ON flows(a, b)");
	return status;
}

int peer_sqlite(struct rows *r, uint64_t total, const char *path, bool indexed, double *ret,
		struct err *err)
{
	struct lite *l = calloc(1, sizeof(*l));
	int status = -ENOMEM;

	if (l && sqlite3_open(path, &l->db) == SQLITE_OK)
		status = lite_all(l, r, total, indexed);
	if (status < 0)
		err_set(err, status, "sqlite: %s",
			l && l->db ? sqlite3_errmsg(l->db) : "out of memory");
	if (l) {
		sqlite3_finalize(l->insert);
		sqlite3_close(l->db);
		*ret = l->cpu;
	}
	free(l);
	return status;
}

/* ---- nfdump ---- */

/* nfdump 1.7's files (its nffileV2.h and nfxV3.h describe them): a header of 40 bytes, blocks
 * of up to 1 MiB, records of elements; all in the order of bytes of the machine. */
#define NF_MAGIC     0xA50C
#define NF_LAYOUT    2
#define NF_MADE_BY   0xF1070100u /* 1.7.1 */
#define NF_BLOCK     (1u << 20)
#define NF_BLOCK_V3  3
#define NF_RECORD_V3 11

enum { NF_GENERIC = 1, NF_IP4 = 2, NF_IP6 = 3, NF_MISC = 4, NF_COUNT = 5 };

struct nf {
	const char *folder;
	unsigned seconds;
	int64_t slot; /* of the open file: seconds since the epoch / 'seconds' */
	FILE *f;
	uint32_t blocks, records;
	size_t n;
	uint8_t block[NF_BLOCK];
	struct err *err;
};

static void nf_put(struct nf *w, const void *p, size_t n)
{
	memcpy(w->block + w->n, p, n);
	w->n += n;
}

static void nf_16(struct nf *w, unsigned v)
{
	uint16_t x = (uint16_t)v;

	nf_put(w, &x, sizeof(x));
}

static void nf_32(struct nf *w, uint32_t v)
{
	nf_put(w, &v, sizeof(v));
}

static void nf_64(struct nf *w, uint64_t v)
{
	nf_put(w, &v, sizeof(v));
}

static void nf_8(struct nf *w, unsigned v)
{
	w->block[w->n++] = (uint8_t)v;
}

static void nf_head(struct nf *w)
{
	uint8_t head[40] = {0};
	uint16_t magic = NF_MAGIC, layout = NF_LAYOUT;
	uint32_t by = NF_MADE_BY, size = NF_BLOCK;
	int64_t made = w->slot * w->seconds;

	memcpy(head, &magic, 2);
	memcpy(head + 2, &layout, 2);
	memcpy(head + 4, &by, 4);
	memcpy(head + 8, &made, 8);
	memcpy(head + 32, &size, 4);
	memcpy(head + 36, &w->blocks, 4);
	rewind(w->f);
	fwrite(head, 1, sizeof(head), w->f);
}

static void nf_flush(struct nf *w)
{
	uint32_t size = (uint32_t)w->n;
	uint16_t kind = NF_BLOCK_V3, flags = 0;

	if (!w->n)
		return;
	fwrite(&w->records, 4, 1, w->f);
	fwrite(&size, 4, 1, w->f);
	fwrite(&kind, 2, 1, w->f);
	fwrite(&flags, 2, 1, w->f);
	fwrite(w->block, 1, w->n, w->f);
	w->blocks++;
	w->n = w->records = 0;
}

static int nf_close(struct nf *w)
{
	int bad;

	if (!w->f)
		return 0;
	nf_flush(w);
	nf_head(w);
	bad = ferror(w->f);
	bad |= fclose(w->f);
	w->f = NULL;
	return bad ? err_set(w->err, -EIO, "cannot write nfdump's files") : 0;
}

/* Files are named after the time they begin, local as nfcapd does: TZ is UTC here. */
static int nf_open(struct nf *w, int64_t slot)
{
	time_t at = (time_t)(slot * w->seconds);
	char path[4400], name[32];
	struct tm tm;

	if (nf_close(w) < 0)
		return -EIO;
	gmtime_r(&at, &tm);
	strftime(name, sizeof(name), "nfcapd.%Y%m%d%H%M", &tm);
	snprintf(path, sizeof(path), "%s/%s", w->folder, name);
	w->f = fopen(path, "wb");
	if (!w->f)
		return err_set(w->err, -errno, "cannot make '%s'", path);
	w->slot = slot;
	w->blocks = 0;
	nf_head(w);
	return 0;
}

static uint64_t be64_at(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static void nf_record(struct nf *w, const struct row *x)
{
	bool ip6 = x->a.family == ADDR_IP6;
	size_t at = w->n;
	uint16_t size;

	nf_16(w, NF_RECORD_V3);
	nf_16(w, 0); /* its size, see the end */
	nf_16(w, 4); /* elements */
	nf_16(w, 0);
	nf_16(w, 0);
	nf_16(w, 0);

	nf_16(w, NF_GENERIC);
	nf_16(w, 4 + 48);
	nf_64(w, (uint64_t)x->start / 1000000);
	nf_64(w, (uint64_t)x->last / 1000000);
	nf_64(w, (uint64_t)x->last / 1000000);
	nf_64(w, x->packets[0]);
	nf_64(w, x->bytes[0]);
	nf_16(w, x->port_a);
	nf_16(w, x->port_b);
	nf_8(w, x->protocol);
	nf_8(w, x->flags[0]);
	nf_8(w, 0);
	nf_8(w, x->tos[0]);

	nf_16(w, ip6 ? NF_IP6 : NF_IP4);
	nf_16(w, ip6 ? 4 + 32 : 4 + 8);
	if (ip6) {
		nf_64(w, be64_at(x->a.b));
		nf_64(w, be64_at(x->a.b + 8));
		nf_64(w, be64_at(x->b.b));
		nf_64(w, be64_at(x->b.b + 8));
	} else {
		nf_32(w, (uint32_t)(be64_at(x->a.b) >> 32));
		nf_32(w, (uint32_t)(be64_at(x->b.b) >> 32));
	}

	nf_16(w, NF_MISC);
	nf_16(w, 4 + 16);
	nf_32(w, 0); /* interfaces */
	nf_32(w, 0);
	nf_16(w, 0); /* masks */
	nf_8(w, 0);
	nf_8(w, x->tos[1]);
	nf_16(w, 0);
	nf_8(w, x->flags[1]);
	nf_8(w, 0);

	nf_16(w, NF_COUNT);
	nf_16(w, 4 + 24);
	nf_64(w, 1);
	nf_64(w, x->packets[1]);
	nf_64(w, x->bytes[1]);

	size = (uint16_t)(w->n - at);
	memcpy(w->block + at + 2, &size, 2);
	w->records++;
}

static int nf_row(void *arg, const struct row *x)
{
	struct nf *w = arg;
	int64_t slot = x->last / 1000000000 / w->seconds;

	/* A row whose flow ended a little earlier than others before comes into the same file. */
	if (!w->f || slot > w->slot) {
		int status = nf_open(w, slot);

		if (status < 0)
			return status;
	}
	if (w->n + 256 > NF_BLOCK)
		nf_flush(w);
	nf_record(w, x);
	return 0;
}

int peer_nfdump(struct rows *r, uint64_t total, const char *folder, unsigned seconds, double *ret,
		struct err *err)
{
	struct nf *w = calloc(1, sizeof(*w));
	double before = cpu_process();
	int status;

	if (!w || !seconds) {
		free(w);
		return err_set(err, -ENOMEM, "out of memory, or files of no time");
	}
	w->folder = folder;
	w->seconds = seconds;
	w->err = err;
	status = each(r, total, nf_row, w);
	if (status == 0)
		status = nf_close(w);
	else if (w->f)
		fclose(w->f);
	free(w);
	*ret = cpu_process() - before;
	return status;
}
