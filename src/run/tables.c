#include "run/tables.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "flow/flow.h"
#include "flow/flow_table.h"
#include "run/input.h"

#define MIB UINT64_C(1048576)

/* Less for flows than this is not tried by itself: 40,000 of them. */
#define MEMORY_FLOOR (16 * MIB)

/* A table makes room for twice a batch at once, and never has less. */
_Static_assert(RUN_FLOWS_MIN >= 2 * FLOW_BATCH, "what a table may hold at least");

/* Address space for everything besides the tables' records: the index and the list of
 * ended flows, which grow with them, and a fixed part for input, rows and query; a
 * thread takes a stack of 8 MiB and its blocks. */
#define ROOM_SHARE  4
#define ROOM_FIXED  (64 * MIB)
#define ROOM_THREAD (16 * MIB)

void tables_free(struct flow_table **v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		flow_table_free(v[i]);
		v[i] = NULL;
	}
}

/* Equal shares; what cannot be shared goes to the first ones. */
static int make(struct flow_table **v, size_t n, const struct flow_opts *o, uint64_t memory,
		struct err *err)
{
	struct flow_opts one = *o;
	size_t i;
	int r;

	one.max_memory = memory / n;
	for (i = 0; i < n; i++) {
		one.max_flows = o->max_flows / n + (i < o->max_flows % n);
		r = flow_table_new(&v[i], &one, err);
		if (r < 0) {
			tables_free(v, n);
			return r;
		}
	}
	return 0;
}

static bool has_room(uint64_t memory, size_t n)
{
	size_t size = (size_t)(memory / ROOM_SHARE + ROOM_FIXED + (n > 1 ? n * ROOM_THREAD : 0));
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return false;
	munmap(p, size);
	return true;
}

int tables_new(struct flow_table **v, size_t n, const struct flow_opts *o, uint64_t *ret_memory,
	       struct err *err)
{
	uint64_t memory = o->max_memory;
	int r;

	for (;;) {
		r = make(v, n, o, memory, err);
		if (r == 0 && (memory <= MEMORY_FLOOR || has_room(memory, n))) {
			*ret_memory = memory;
			return 0;
		}
		tables_free(v, n);
		if (r < 0 && r != -ENOMEM)
			return r;
		if (memory <= MEMORY_FLOOR)
			break;
		memory = memory / 2 > MEMORY_FLOOR ? memory / 2 : MEMORY_FLOOR;
	}
	return err_set(err, -ENOMEM,
		       "no address space for %" PRIu64
		       " MiB of flows: a smaller --max-memory, or more for 'ulimit -v'",
		       memory / MIB);
}
