/* Random classic programs that the kernel takes. */
#pragma once

#include <stddef.h>

#include "filter/cbpf.h"
#include "../fuzz/cbpf_mend.h"
#include "rnd.h"

static inline size_t rnd_program(struct cbpf_insn *p, size_t max)
{
	size_t n = 2 + rnd_any() % (max - 2), i;

	for (i = 0; i < n; i++) {
		p[i] = (struct cbpf_insn){cbpf_codes[rnd_any() % CBPF_CODES],
					  (uint8_t)(rnd_any() % 8), (uint8_t)(rnd_any() % 8),
					  rnd_any() % 24};
		if (rnd_any() % 8 == 0)
			p[i].k = rnd_any();
	}
	cbpf_mend(p, n);
	return n;
}
