/* Inside of flow_derive, shared by the files that fill columns. */
#pragma once

#include <netinet/in.h>

#include "flow/flow_derive.h"
#include "net/community.h"

/* Where the texts of one row live. */
struct derived_text {
	char community[COMMUNITY_ID_SIZE];
	char tracking[2][16];
};

struct flow_derive {
	char flags[256][8]; /* TCP flags as text */
	uint8_t flags_len[256];
	struct derived_text text[BATCH_ROWS];
};

/* Works out the texts of all TCP flags. */
void flow_derive_init_flags(struct flow_derive *d);

/* Each fills one column of 'b' if it knows the field. */
bool flow_derive_id(struct flow_derive *d, struct batch *b, enum flow_field f);
bool flow_derive_key(struct batch *b, enum flow_field f);
bool flow_derive_metric(struct flow_derive *d, struct batch *b, enum flow_field f);

/* For all rows: column 'f' of 'b' gets 'expr' where 'cond' holds. */
#define FLOW_DERIVE(member, cond, expr)                                                            \
	do {                                                                                       \
		struct col *to = b->cols[f];                                                       \
		for (size_t k = 0; k < b->n; k++) {                                                \
			if (cond) {                                                                \
				to->v.member[k] = (expr);                                          \
				col_mark(to, k);                                                   \
			}                                                                          \
		}                                                                                  \
	} while (0)

static inline bool flow_has(const struct batch *b, enum flow_field f, size_t k)
{
	return col_has(b->cols[f], k);
}

/* The number in a column; 0 where it is absent. */
static inline uint64_t flow_num(const struct batch *b, enum flow_field f, size_t k)
{
	return flow_has(b, f, k) ? b->cols[f]->v.u64[k] : 0;
}

static inline int64_t flow_time(const struct batch *b, enum flow_field f, size_t k)
{
	return flow_has(b, f, k) ? b->cols[f]->v.i64[k] : 0;
}

static inline struct val_str flow_text(const char *s)
{
	return (struct val_str){s, (uint32_t)__builtin_strlen(s)};
}

/* Sixteen hexadecimal digits, written to 'to'. */
struct val_str flow_hex64(char to[16], uint64_t v);

/* How the application was told: by payload, port or neither (APP_NONE). */
const char *flow_app_source(unsigned told, unsigned by_port);

/* "TCP" for its number; NULL: a protocol without ports. */
static inline const char *flow_transport_name(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	case IPPROTO_SCTP:
		return "SCTP";
	case IPPROTO_UDPLITE:
		return "UDPLITE";
	case IPPROTO_DCCP:
		return "DCCP";
	default:
		return NULL;
	}
}
