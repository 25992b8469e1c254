/* Rows of flows in memory, for the benchmarks of the store and of its peers, and what the
 * parts of that program share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/batch.h"
#include "base/err.h"

/* Rows of flow_store_schema() with all base fields, in the order in which a capture gives
 * them, as often as needed: each time later by 'span' and with higher serials. */
struct rows {
	struct batch **v; /* owned, as is 'lean' */
	/* The same rows, of which only what nfdump has is there: views with fewer columns. */
	struct batch *lean;
	size_t n_batches, size;
	uint64_t n;       /* rows */
	uint64_t packets; /* that they were made of */
	int64_t span;     /* ns from the first start to the last end, and a bit */
	uint64_t serials; /* highest serial + 1 */
	uint64_t times;   /* how often they were moved */
	char **texts;     /* owned */
	size_t n_texts, size_texts;
};

/* Made of generated traffic of 'flows_per_s'.  0 or -errno with 'err' set. */
int rows_generate(struct rows *r, uint64_t n, double flows_per_s, struct err *err);

/* Made of files, all of them beginning at about the same time.  Those that cannot be read
 * are left out: they are counted in 'ret_bad'. */
int rows_read(struct rows *r, char *const *paths, size_t n, unsigned *ret_bad, struct err *err);

/* Adds 'by' times the span to all times, and as many serials. */
void rows_move(struct rows *r, int64_t by);
void rows_done(struct rows *r);

/* What a peer takes of a row. */
struct row {
	int64_t start, last; /* ns */
	struct addr a, b;
	uint16_t port_a, port_b; /* b: ICMP's type << 8 | code */
	uint8_t protocol, flags[2], tos[2];
	uint64_t packets[2], bytes[2]; /* bytes of IP */
};
void row_get(const struct batch *b, size_t i, struct row *ret);

/* CPU seconds of this thread, and of all. */
double cpu_thread(void);
double cpu_process(void);
double wall_now(void);

/* storepeer.c: writes 'total' rows of 'r'.  'ret' is CPU seconds.  0 or -errno with 'err' set.
 *
 * SQLite: one table in a new file, one transaction, what costs time for safety switched off;
 * with 'indexed' one of starts and one of address pairs, made at the end. */
int peer_sqlite(struct rows *r, uint64_t total, const char *path, bool indexed, double *ret,
		struct err *err);

/* nfdump: files of 'seconds' each in a folder, as nfcapd would have left them but not packed. */
int peer_nfdump(struct rows *r, uint64_t total, const char *folder, unsigned seconds, double *ret,
		struct err *err);

/* storepkts.c: the program's other half. */
int packets_main(int argc, char **argv);
