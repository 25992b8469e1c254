/* Lists of fields, as --fields takes them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/batch.h"
#include "base/err.h"

/* Finds the fields that a list like "start,Metric.ABBytes,Network" or "all" names.
 * 'ret' has room for SCHEMA_FIELDS_MAX.  -EINVAL: "no field 'x' (did you mean 'y'?)". */
int cli_fields(const struct schema *s, const char *list, uint16_t *ret, size_t *ret_n,
	       struct err *err);
