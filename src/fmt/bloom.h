/* Bloom filters as trawl's own files keep them: whether something may have been put in,
 * or certainly was not.  docs/formats.md has the functions; nothing here allocates. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define BLOOM_LOG2_MIN 6u  /* of the fewest bits of a filter */
#define BLOOM_LOG2_MAX 26u /* and of the most: 8 MiB */
#define BLOOM_K_MAX    32u

/* splitmix64: any bit of the input moves every bit of the result. */
static inline uint64_t bloom_hash(uint64_t v)
{
	v += UINT64_C(0x9e3779b97f4a7c15);
	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return v ^ v >> 31;
}

/* Of the first 'bits' bits of an address; those behind are not looked at. */
uint64_t bloom_hash_addr(const struct addr *a, unsigned bits);

/* The smallest log2 of bits that gives each of 'n' things 'bits' bits, within limits. */
unsigned bloom_log2(uint64_t n, unsigned bits);

static inline size_t bloom_size(unsigned log2) /* bytes */
{
	return (size_t)1 << (log2 - 3);
}

/* 'bits' has bloom_size(log2) bytes, 'k' is the number of bits that each thing sets. */
void bloom_add(uint8_t *bits, unsigned log2, unsigned k, uint64_t hash);
bool bloom_may(const uint8_t *bits, unsigned log2, unsigned k, uint64_t hash);
