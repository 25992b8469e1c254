/* The loops over all numbers of a column, compiled once for any processor and once for those
 * with AVX2; both give the same. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Smallest and largest, read as unsigned and as signed. */
struct fseg_range {
	uint64_t min, max;
	int64_t smin, smax;
};

struct fseg_loops {
	void (*range)(const uint64_t *v, size_t n, struct fseg_range *ret); /* n > 0 */
	uint64_t (*differ)(const uint64_t *v, size_t n, uint64_t from);     /* 0: all are 'from' */

	/* t = v - base; zigzag of v; zigzag of the differences of v, the first of which is 0 */
	void (*minus)(uint64_t *t, const uint64_t *v, size_t n, uint64_t base);
	void (*zigzag)(uint64_t *t, const uint64_t *v, size_t n);
	void (*differences)(uint64_t *t, const uint64_t *v, size_t n);

	void (*add)(uint64_t *to, const uint64_t *v, size_t n,
		    uint64_t factor); /* to += v * factor */

	/* Byte 'plane' of each number, and back: 1 to 8 of them. */
	void (*split)(uint8_t *to, const uint64_t *t, size_t n, unsigned plane);
	void (*join64)(uint64_t *to, size_t n, const uint8_t *const *p, unsigned planes);
	void (*join32)(uint32_t *to, size_t n, const uint8_t *const *p, unsigned planes);

	/* v = v * factor + base, then back from zigzag, then the sums from 'first' on */
	void (*scale)(uint64_t *v, size_t n, uint64_t factor, uint64_t base);
	void (*unzigzag)(uint64_t *v, size_t n);
	void (*sums)(uint64_t *v, size_t n, uint64_t first);
};

const struct fseg_loops *fseg_loops(void);     /* those for this processor; any thread */
const struct fseg_loops *fseg_loops_any(void); /* those for any; for tests */
