/* The fields of a flow, as flow_fields.def lists them, for batches, queries,
 * output and `trawl explain`. */
#pragma once

#include "base/batch.h"

/* Indexes into flow_schema()->fields. */
enum flow_field {
#define FIELD(id, name, json, type, unit, layer, doc, source) FLOW_##name,
#include "flow/flow_fields.def"
#undef FIELD
	FLOW_N_FIELDS
};

/* Constant, any thread.  Aliases: Network, Link, Transport (A or B). */
const struct schema *flow_schema(void);
