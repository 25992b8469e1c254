/* Rows of the catalogue, and their checks: SQLite has none. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "store/catalogue_db.h"
#include "store/local.h"

/* clang-format off */
const char *const catalogue_schema[CATALOGUE_TABLES] = {
	[CATALOGUE_ABOUT] =
		"CREATE TABLE about(format INTEGER PRIMARY KEY, program TEXT, written_ns INTEGER, "
		"check_crc INTEGER)",
	[CATALOGUE_RUNS] =
		"CREATE TABLE runs(capture TEXT, shard INTEGER, run TEXT, state TEXT, pid INTEGER, "
		"start_ns INTEGER, end_ns INTEGER, first_ns INTEGER, last_ns INTEGER, "
		"packets INTEGER, rows INTEGER, bytes_packets INTEGER, journal_bytes INTEGER, "
		"check_crc INTEGER, PRIMARY KEY(capture, shard, run)) WITHOUT ROWID",
	[CATALOGUE_FILES] =
		"CREATE TABLE files(capture TEXT, shard INTEGER, run TEXT, kind TEXT, "
		"number INTEGER, bytes INTEGER, bytes_index INTEGER, from_ns INTEGER, "
		"to_ns INTEGER, packets INTEGER, rows INTEGER, check_crc INTEGER, "
		"PRIMARY KEY(capture, shard, run, kind, number)) WITHOUT ROWID",
	[CATALOGUE_REMOVED] =
		"CREATE TABLE removed(capture TEXT, shard INTEGER, run TEXT, kind TEXT, why TEXT, "
		"up_to_number INTEGER, files INTEGER, bytes INTEGER, at_ns INTEGER, "
		"check_crc INTEGER, PRIMARY KEY(capture, shard, run, kind, why)) WITHOUT ROWID",
};
/* clang-format on */

static const char *const tables[CATALOGUE_TABLES] = {"about", "runs", "files", "removed"};

static const char *const states[] = {
	[CATALOGUE_UNKNOWN] = "unknown",
	[CATALOGUE_RUNNING] = "running",
	[CATALOGUE_FINISHED] = "finished",
};

static const char *const kinds[] = {
	[RETAIN_SEGMENT] = "packets",
	[RETAIN_FSEG] = "rows",
	[RETAIN_ROWS] = "tail",
	[RETAIN_JOURNAL] = "journal",
};

static const char *const whys[] = {
	[RETAIN_WHY_QUOTA] = "quota",
	[RETAIN_WHY_AGE] = "age",
	[RETAIN_WHY_FREE] = "free",
};

#define N(array) (sizeof(array) / sizeof((array)[0]))

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What local_escape() made of a name. */
static bool unescape(const char *p, size_t n, char ret[STORE_NAME_MAX + 1])
{
	char again[LOCAL_NAME_SIZE];
	size_t at = 0, i;

	for (i = 0; i < n; i++) {
		char c = p[i];

		if (at == STORE_NAME_MAX)
			return false;
		if (c == '%') {
			if (n - i < 3 || hex_of(p[i + 1]) < 0 || hex_of(p[i + 2]) < 0)
				return false;
			c = (char)(hex_of(p[i + 1]) << 4 | hex_of(p[i + 2]));
			i += 2;
		}
		if (!c)
			return false;
		ret[at++] = c;
	}
	ret[at] = '\0';
	local_escape(ret, again);
	return at && strlen(again) == n && memcmp(again, p, n) == 0;
}

static bool is_hex(const char *p, size_t n)
{
	return strlen(p) == n && strspn(p, "0123456789abcdef") == n;
}

bool catalogue_key_of(const char *name, struct catalogue_key *ret)
{
	const char *shard = strchr(name, '/');
	const char *run = shard ? strchr(++shard, '/') : NULL;
	char again[24];
	unsigned long v;

	if (!run || !is_hex(++run, 16) || !unescape(name, (size_t)(shard - 1 - name), ret->capture))
		return false;
	v = strtoul(shard, NULL, 10);
	snprintf(again, sizeof(again), "%lu/", v);
	if (v > UINT32_MAX || strncmp(again, shard, (size_t)(run - shard)) != 0)
		return false;
	ret->shard = (unsigned)v;
	ret->run = strtoull(run, NULL, 16);
	return true;
}

uint32_t catalogue_check(enum catalogue_table t, const struct catalogue_row *row)
{
	uint32_t crc = crc32c(0, tables[t], strlen(tables[t]) + 1);
	uint8_t head[9];
	size_t i;

	for (i = 0; i < row->n; i++) {
		const struct catalogue_value *v = &row->v[i];

		if (v->text) {
			head[0] = 't';
			le32_store(head + 1, (uint32_t)v->len);
			crc = crc32c(crc, head, 5);
			crc = crc32c(crc, v->text, v->len);
		} else if (v->i == CATALOGUE_NONE) {
			crc = crc32c(crc, "n", 1);
		} else {
			head[0] = 'i';
			le64_store(head + 1, (uint64_t)v->i);
			crc = crc32c(crc, head, 9);
		}
	}
	return crc;
}

static void add_text(struct catalogue_row *row, const char *text)
{
	row->v[row->n++] = (struct catalogue_value){.text = text, .len = strlen(text)};
}

static void add(struct catalogue_row *row, int64_t i)
{
	row->v[row->n++] = (struct catalogue_value){.i = i};
}

static void add_key(struct catalogue_row *row, const struct catalogue_key *k)
{
	row->n = 0;
	add_text(row, k->capture);
	add(row, k->shard);
	snprintf(row->run, sizeof(row->run), "%016" PRIx64, k->run);
	add_text(row, row->run);
}

void catalogue_row_of_about(const char *program, int64_t now, struct catalogue_row *ret)
{
	ret->n = 0;
	add(ret, CATALOGUE_FORMAT);
	add_text(ret, program);
	add(ret, now);
}

void catalogue_row_of_run(const struct catalogue_run *u, struct catalogue_row *ret)
{
	add_key(ret, &u->key);
	add_text(ret, states[u->state]);
	add(ret, u->pid);
	add(ret, u->start);
	add(ret, u->end);
	add(ret, u->first);
	add(ret, u->last);
	add(ret, u->packets);
	add(ret, u->rows);
	add(ret, u->bytes);
	add(ret, u->journal);
}

void catalogue_row_of_file(const struct catalogue_file *f, struct catalogue_row *ret)
{
	const bool packets = f->kind == RETAIN_SEGMENT;

	add_key(ret, &f->key);
	add_text(ret, kinds[f->kind]);
	add(ret, f->number);
	add(ret, f->bytes);
	add(ret, packets ? f->beside : CATALOGUE_NONE);
	add(ret, f->first);
	add(ret, f->last);
	add(ret, packets ? f->n : CATALOGUE_NONE);
	add(ret, packets ? CATALOGUE_NONE : f->n);
}

void catalogue_row_of_gone(const struct catalogue_gone *g, struct catalogue_row *ret)
{
	add_key(ret, &g->key);
	add_text(ret, kinds[g->kind]);
	add_text(ret, whys[g->why]);
	add(ret, g->number);
	add(ret, g->files);
	add(ret, g->bytes);
	add(ret, g->at);
}

/* Whether the current row has these columns and their right check behind them. */
static bool get(sqlite3_stmt *s, enum catalogue_table t, size_t n, struct catalogue_row *ret)
{
	size_t i;

	if ((size_t)sqlite3_column_count(s) != n + 1)
		return false;
	for (i = 0; i < n; i++) {
		struct catalogue_value *v = &ret->v[i];

		*v = (struct catalogue_value){.i = CATALOGUE_NONE};
		switch (sqlite3_column_type(s, (int)i)) {
		case SQLITE_INTEGER:
			v->i = sqlite3_column_int64(s, (int)i);
			break;
		case SQLITE_TEXT:
			v->text = (const char *)sqlite3_column_text(s, (int)i);
			v->len = (size_t)sqlite3_column_bytes(s, (int)i);
			if (!v->text || memchr(v->text, '\0', v->len))
				return false;
			break;
		case SQLITE_NULL:
			break;
		default:
			return false;
		}
	}
	ret->n = n;
	return sqlite3_column_type(s, (int)n) == SQLITE_INTEGER &&
	       sqlite3_column_int64(s, (int)n) == catalogue_check(t, ret);
}

/* Which of 'words' a value is; 0: none. */
static unsigned word(const struct catalogue_value *v, const char *const *words, size_t n)
{
	size_t i;

	for (i = 0; v->text && i < n; i++)
		if (words[i] && strcmp(v->text, words[i]) == 0)
			return (unsigned)i;
	return 0;
}

static bool get_key(const struct catalogue_row *row, struct catalogue_key *ret)
{
	const struct catalogue_value *v = row->v;

	if (!v[0].text || !v[0].len || v[0].len > STORE_NAME_MAX || v[1].text || v[1].i < 0 ||
	    v[1].i > UINT32_MAX || !v[2].text || !is_hex(v[2].text, 16))
		return false;
	memcpy(ret->capture, v[0].text, v[0].len + 1);
	ret->shard = (unsigned)v[1].i;
	ret->run = strtoull(v[2].text, NULL, 16);
	return true;
}

/* Whether values from 'at' on are numbers. */
static bool are_numbers(const struct catalogue_row *row, size_t at)
{
	for (; at < row->n; at++)
		if (row->v[at].text)
			return false;
	return true;
}

int64_t catalogue_get_about(sqlite3_stmt *s)
{
	struct catalogue_row row;

	return get(s, CATALOGUE_ABOUT, 3, &row) && !row.v[0].text ? row.v[0].i : CATALOGUE_NONE;
}

bool catalogue_get_run(sqlite3_stmt *s, struct catalogue_run *ret)
{
	struct catalogue_row row;
	const struct catalogue_value *v = row.v;

	if (!get(s, CATALOGUE_RUNS, 13, &row) || !get_key(&row, &ret->key) || !are_numbers(&row, 4))
		return false;
	ret->state = (enum catalogue_state)word(&v[3], states, N(states));
	ret->pid = v[4].i;
	ret->start = v[5].i;
	ret->end = v[6].i;
	ret->first = v[7].i;
	ret->last = v[8].i;
	ret->packets = v[9].i;
	ret->rows = v[10].i;
	ret->bytes = v[11].i;
	ret->journal = v[12].i;
	return true;
}

bool catalogue_get_file(sqlite3_stmt *s, struct catalogue_file *ret)
{
	struct catalogue_row row;
	const struct catalogue_value *v = row.v;

	if (!get(s, CATALOGUE_FILES, 11, &row) || !get_key(&row, &ret->key) ||
	    !are_numbers(&row, 4))
		return false;
	ret->kind = (enum retain_kind)word(&v[3], kinds, N(kinds));
	if (!ret->kind || v[4].i < 0 || v[4].i > UINT32_MAX)
		return false;
	ret->number = (uint32_t)v[4].i;
	ret->bytes = v[5].i;
	ret->beside = v[6].i;
	ret->first = v[7].i;
	ret->last = v[8].i;
	ret->n = v[ret->kind == RETAIN_SEGMENT ? 9 : 10].i;
	return true;
}

bool catalogue_get_gone(sqlite3_stmt *s, struct catalogue_gone *ret)
{
	struct catalogue_row row;
	const struct catalogue_value *v = row.v;

	if (!get(s, CATALOGUE_REMOVED, 9, &row) || !get_key(&row, &ret->key) ||
	    !are_numbers(&row, 5))
		return false;
	ret->kind = (enum retain_kind)word(&v[3], kinds, N(kinds));
	ret->why = (enum retain_why)word(&v[4], whys, N(whys));
	ret->number = v[5].i;
	ret->files = v[6].i;
	ret->bytes = v[7].i;
	ret->at = v[8].i;
	return ret->kind && ret->why && ret->number >= 0 && ret->files > 0 && ret->bytes >= 0;
}
