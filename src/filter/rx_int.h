/* What a regular expression is compiled to: one instruction per character of it.
 * For src/filter only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "filter/rx.h"

enum rx_op {
	RX_BYTE,  /* x or y */
	RX_SET,   /* a byte of set x */
	RX_SPLIT, /* go on at +x and at +y */
	RX_JMP,   /* go on at +x */
	RX_BOL,
	RX_EOL,
	RX_MATCH,
};

/* Distances, not places, so that a run of steps can be copied for {n,m}. */
struct rx_step {
	uint16_t op;
	int16_t x, y;
};

struct rx_set {
	uint64_t w[4];
};

#define RX_SETS_MAX 256 /* different classes in one expression */

struct rx {
	size_t n, n_sets;
	bool empty;          /* may match without taking a byte, perhaps only at an end */
	struct rx_set first; /* bytes that a match may begin with */
	struct rx_step steps[RX_STEPS_MAX];
	struct rx_set sets[RX_SETS_MAX];
};

static inline void rx_set_add(struct rx_set *s, unsigned char c)
{
	s->w[c / 64] |= UINT64_C(1) << c % 64;
}

static inline bool rx_set_has(const struct rx_set *s, unsigned char c)
{
	return s->w[c / 64] >> c % 64 & 1;
}

/* Fills 'r', which is all zeros, up to the final RX_MATCH.  -errno with 'err' set. */
int rx_parse(struct rx *r, const char *text, size_t len, unsigned flags, struct err *err);
