/* Base and derived fields.  Of what flow_schema() has only base fields are worth
 * keeping: with those of flow_stored.def all others follow from them, here, in one
 * place for live rows and stored ones.
 *
 *	flow_derive_needs(&want, &base);    columns to read
 *	batch of flow_store_schema() with the columns of 'want' and 'base'
 *	flow_derive(d, b, &want);
 *	flow_batch_public(b, &view);        what others may see
 *
 * uuid needs parent_uuid, which therefore is base: a row can be named though the row
 * of the tunnel around it is not at hand, or gone.  Rows in one tunnel share it. */
#pragma once

#include <stdbool.h>

#include "base/batch.h"
#include "flow/flow_schema.h"

/* Every field is either base or derived; those of flow_stored.def are base. */
bool flow_is_base(enum flow_field f);

/* All base fields: what a row is stored as. */
void flow_derive_base(struct field_set *ret);

/* The base fields that 'want' is or follows from. */
void flow_derive_needs(const struct field_set *want, struct field_set *ret);

/* Memory for the texts that derived values are. */
struct flow_derive;
int flow_derive_new(struct flow_derive **ret); /* 0 or -ENOMEM */
void flow_derive_free(struct flow_derive *d);  /* NULL is fine */

/* Fills the derived columns of 'b' that 'want' names, which must have no values yet;
 * 'b' has the columns that they need, of which absent values mean what
 * flow_stored.def and `trawl explain` say.  Texts are valid until the next call and as
 * long as those in 'b'. */
void flow_derive(struct flow_derive *d, struct batch *b, const struct field_set *want);

/* 'b' as a batch of flow_schema(), borrowing all from it: not to be freed. */
static inline void flow_batch_public(const struct batch *b, struct batch *ret)
{
	*ret = *b;
	ret->schema = flow_schema();
}
