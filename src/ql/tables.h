/* The schemas of tables that queries make: Values, Metrics, Group, Keys.  Each sets s->out from
 * s->in and the keys in s->fields.  0, -ENOMEM, or as said. */
#pragma once

#include "ql/mem.h"
#include "ql/plan.h"

/* The columns s->fields as they are. */
int ql_table_values(struct ql_arena *a, struct ql_stage *s);

/* UUID, Start, Last and all fields '<name>.X', called X; sets s->fields.  -ENOENT: none. */
int ql_table_metrics(struct ql_arena *a, struct ql_stage *s, const char *name);

/* The keys, Flows (Rows of a table), and where 'in' has the counters: Packets, Bytes, and the
 * sums of Metric.ABPackets, Metric.BAPackets, Metric.ABBytes, Metric.BABytes.  A key of the
 * same name takes the place of a column.  Sets s->sums and s->made.  -E2BIG: too many keys. */
int ql_table_group(struct ql_arena *a, struct ql_stage *s, bool of_table);

/* Key: the JSON names of fields that have a value in any row. */
int ql_table_keys(struct ql_arena *a, struct ql_stage *s);
