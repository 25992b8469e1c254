/* Flows as rows of flow_schema(): those that have ended, and versions of running ones.
 *
 * A row is one version of a flow: counters since its start, last_update_* since the version
 * before.  Without flow_opts.update each flow has one, when it has ended. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/batch.h"
#include "flow/flow_table.h"

struct flow_rows;

/* What rows need to know from outside the table. */
struct flow_rows_env {
	void *arg;
	/* Name of an interface number; NULL: it has none.  Must stay valid as long as rows do. */
	const char *(*iface_name)(void *arg, uint32_t iface);
	/* Packets that the capture lost between two times, both included. */
	uint64_t (*drops)(void *arg, int64_t from, int64_t to);
};

/* Reads from 'n_tables' tables that together hold one input; they must outlive
 * it.  0 or -ENOMEM. */
int flow_rows_new(struct flow_rows **ret, struct flow_table *const *tables, size_t n_tables,
		  const struct flow_rows_env *env);
void flow_rows_free(struct flow_rows *r);

/* Rows that wait, in all tables. */
uint64_t flow_rows_waiting(const struct flow_rows *r);

/* Puts waiting flows in the order of their first packets: before
 * flow_rows_take() when none is to come any more or room is needed. */
void flow_rows_sort(struct flow_rows *r);

/* Clears 'b' (of flow_schema() or flow_store_schema()), moves up to BATCH_ROWS waiting flows into
 * its columns in the order of their serials and gives their records back.  Strings in 'b' are valid
 * until the next call.  Returns the number of rows. */
size_t flow_rows_take(struct flow_rows *r, struct batch *b);

/* Clears 'b' and fills it with versions of up to BATCH_ROWS running flows that are due at 'now'
 * (the present; a time before that of the last call is as that one): all that are new since
 * then, in the order of their first packets, and those whose last version is 'update' old and
 * that have had packets since; 'finish' is NOT_FINISHED.  To be called at least once a second,
 * again until it returns 0.  Strings as above.  Returns the number of rows. */
size_t flow_rows_due(struct flow_rows *r, int64_t now, struct batch *b);
