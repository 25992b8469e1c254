/* How rows of flows are kept in segments (fmt/fseg.h). */
#pragma once

#include "fmt/fseg.h"

/* Sets all of '*ret': rows of flow_store_schema(), base fields, which of them are close to
 * which, addresses for the filter.  No texts to look for. */
void flow_segment_opts(struct fseg_opts *ret);
