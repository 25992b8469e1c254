#include "flow/flow_schema.h"

static const struct field fields[] = {
#define FIELD(id_, name_, json_, type_, unit_, layer_, doc_, source_)                              \
	[FLOW_##name_] = {.id = id_,                                                               \
			  .name = #name_,                                                          \
			  .json = json_,                                                           \
			  .type = type_,                                                           \
			  .unit = unit_,                                                           \
			  .layer = layer_,                                                         \
			  .doc = doc_,                                                             \
			  .source = source_},
#include "flow/flow_fields.def"
#undef FIELD
#define STORED(id_, name_, type_, doc_)                                                            \
	[FLOW_##name_] = {.id = id_,                                                               \
			  .name = #name_,                                                          \
			  .json = #name_,                                                          \
			  .type = type_,                                                           \
			  .unit = "",                                                              \
			  .layer = "flow",                                                         \
			  .doc = doc_,                                                             \
			  .source = ""},
#include "flow/flow_stored.def"
#undef STORED
};

_Static_assert(FLOW_N_ALL <= SCHEMA_FIELDS_MAX, "field_set is too small");

static const struct field_alias aliases[] = {
	{"Network", 2, {FLOW_network_a, FLOW_network_b}},
	{"Link", 2, {FLOW_link_a, FLOW_link_b}},
	{"Transport", 2, {FLOW_transport_a, FLOW_transport_b}},
};

static const struct schema schema = {
	.fields = fields,
	.n = FLOW_N_FIELDS,
	.aliases = aliases,
	.n_aliases = sizeof(aliases) / sizeof(aliases[0]),
};

static const struct schema store_schema = {
	.fields = fields,
	.n = FLOW_N_ALL,
	.aliases = aliases,
	.n_aliases = sizeof(aliases) / sizeof(aliases[0]),
};

const struct schema *flow_schema(void)
{
	return &schema;
}

const struct schema *flow_store_schema(void)
{
	return &store_schema;
}
