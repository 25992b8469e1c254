/* The fields of a flow, as flow_fields.def lists them, for batches, queries,
 * output and `trawl explain`; and behind them those that only stores see. */
#pragma once

#include "base/batch.h"

/* Indexes into the fields of both schemas. */
enum flow_field {
#define FIELD(id, name, json, type, unit, layer, doc, source) FLOW_##name,
#include "flow/flow_fields.def"
#undef FIELD
	FLOW_N_FIELDS, /* public ones */
	FLOW_LAST_PUBLIC = FLOW_N_FIELDS - 1,
#define STORED(id, name, type, doc) FLOW_##name,
#include "flow/flow_stored.def"
#undef STORED
	FLOW_N_ALL
};

/* Constant, any thread.  Aliases: Network, Link, Transport (A or B). */
const struct schema *flow_schema(void);

/* The same fields and those of flow_stored.def behind them: what is stored, see
 * flow_derive.h.  Constant, any thread. */
const struct schema *flow_store_schema(void);
