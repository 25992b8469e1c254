/* Inside of flow_rows, shared by the files that fill columns. */
#pragma once

#include "flow/flow_derive_impl.h"
#include "flow/flow_rows.h"
#include "flow/flow_schema.h"
#include "flow/flow_table_impl.h"

/* A flow that is being read. */
struct flow_row {
	struct flow_table *t;
	size_t table;
	uint32_t i;
	const struct flow_hot *hot;
	const struct flow_cold *cold;
	const struct flow_tcp *tcp;   /* NULL: not TCP */
	const struct flow_icmp *icmp; /* NULL: not ICMP */
	const struct flow_more *more; /* NULL: nothing rare */
	/* What the version before said; NULL: this is the first one. */
	const struct flow_version *before;
};

struct path_text {
	char *p; /* owned; NULL: not worked out yet */
	uint32_t len;
};

/* Where the texts of one row live. */
struct row_text {
	char name[255];
};

/* What there is to do for the columns of a batch: the same for one after the other. */
struct rows_plan {
	struct field_set asked;   /* columns that the batch has */
	struct field_set derived; /* of those, what is not in 'names' */
	enum flow_field names[FLOW_N_FIELDS], base[FLOW_N_ALL];
	size_t n_names, n_base;
};

struct flow_rows {
	struct flow_rows_env env;
	struct flow_table **tables;
	size_t n_tables;
	struct path_text **paths; /* [table][path]; NULL until used */
	struct row_text *text;    /* BATCH_ROWS */
	struct flow_derive *derive;
	/* Base columns that derived ones need though nobody asked for them; values in 'values'. */
	struct col own[FLOW_N_ALL];
	uint8_t *values;
	struct col *cols[FLOW_N_ALL]; /* those of the batch that is filled, and own ones */
	struct rows_plan plan;
	struct flow_row row[BATCH_ROWS];
};

/* Derived columns that are quicker filled from the record than from base columns. */
bool flow_is_name(enum flow_field f);
void flow_fill_name(struct flow_rows *r, enum flow_field f, struct col *c, size_t n);

/* Each fills one base column for 'n' rows if it knows the field. */
bool flow_fill_id(struct flow_rows *r, enum flow_field f, struct col *c, size_t n);
bool flow_fill_key(struct flow_rows *r, enum flow_field f, struct col *c, size_t n);
bool flow_fill_volume(struct flow_rows *r, enum flow_field f, struct col *c, size_t n);
bool flow_fill_tcp(struct flow_rows *r, enum flow_field f, struct col *c, size_t n);

/* For all rows: column 'c' gets 'expr' of 'row' where 'cond' holds. */
#define FLOW_FILL(member, cond, expr)                                                              \
	do {                                                                                       \
		for (size_t k = 0; k < n; k++) {                                                   \
			const struct flow_row *row = &r->row[k];                                   \
			if (cond) {                                                                \
				c->v.member[k] = (expr);                                           \
				col_mark(c, k);                                                    \
			}                                                                          \
		}                                                                                  \
	} while (0)

static inline bool flow_is_ip(const struct flow_row *row)
{
	return row->hot->key.kind == DEC_IP4 || row->hot->key.kind == DEC_IP6;
}

/* Address and port of A (0) or B (1). */
struct addr flow_end_addr(const struct flow_row *row, int end);
uint16_t flow_end_port(const struct flow_row *row, int end);
