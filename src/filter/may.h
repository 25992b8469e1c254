/* Whether a filter may match frames of which only a part is known: 'never' is certain,
 * 'maybe' is not.
 *
 * A program of classic BPF is run over such a frame with values that are known by their
 * bits.  Where a comparison cannot be decided both ways are followed, and meet again in one
 * state that has what both know; as programs only jump forward, one pass decides.  What
 * depends on anything that is not known (lengths included) may be anything, so that the
 * answer is right for every frame that agrees with what is known.
 *
 * Knows no protocol but one: the length of an IPv4 header, by which libpcap finds what
 * is behind it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "filter/cbpf.h"

#define MAY_BYTES   96 /* of a frame that can be known */
#define MAY_BEHIND  8  /* and behind its IPv4 header */
#define MAY_FACTS   6
#define MAY_NOWHERE UINT16_MAX

struct may_range {
	uint32_t lo, hi; /* both included */
};

/* What is known of a number of 1, 2 or 4 bytes beside its bits; used where a program loads
 * just that number. */
struct may_fact {
	uint16_t at;
	uint8_t size;
	uint8_t n;                 /* ranges; 0: see 'any' */
	const struct may_range *v; /* it is in one of them, or 'also'; borrowed */
	uint32_t also;             /* one of the ranges' numbers, where there is no other */
	uint32_t any;              /* without ranges: at least one of these bits is set */
};

/* What is known of a frame.  A bit of a byte is known where it is set in 'known'; where
 * not, it is 0 in 'val'. */
struct may_frame {
	uint8_t val[MAY_BYTES], known[MAY_BYTES];
	/* Where an IPv4 header begins of which the length may not be known; MAY_NOWHERE. */
	uint16_t ip;
	uint8_t behind_val[MAY_BEHIND], behind_known[MAY_BEHIND];
	uint8_t n_facts;
	struct may_fact facts[MAY_FACTS];
};

struct may;

/* Prepares a program.  0, -EINVAL as cbpf_check(), -ENOMEM.  One that jumps back
 * ('protochain') may match everything.  One object per thread. */
int may_new(struct may **ret, const struct cbpf_insn *p, size_t n, struct err *err);
void may_free(struct may *m); /* NULL is fine */
static inline void may_freep(struct may **m)
{
	may_free(*m);
}

/* False: cbpf_run() rejects each frame that 'f' is true of. */
bool may_match(struct may *m, const struct may_frame *f);

/* What an answer may hang on: whatever else is known of a frame, it stays the same. */
struct may_reads {
	bool at[MAY_BYTES], behind[MAY_BEHIND];
	bool length; /* of the IPv4 header */
};

/* As may_match(); adds to 'ret' all that would be looked at for 'f' and for every frame of
 * which more is known than of 'f', but the length of its IPv4 header. */
bool may_match_reads(struct may *m, const struct may_frame *f, struct may_reads *ret);
