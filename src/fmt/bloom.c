#include "fmt/bloom.h"

#include "base/bytes.h"

uint64_t bloom_hash_addr(const struct addr *a, unsigned bits)
{
	uint64_t hi = be64_load(a->b), lo = be64_load(a->b + 8);

	if (bits < 64)
		hi &= bits ? ~UINT64_C(0) << (64 - bits) : 0;
	if (bits < 128)
		lo &= bits > 64 ? ~UINT64_C(0) << (128 - bits) : 0;
	return bloom_hash(bloom_hash(hi ^ (uint64_t)a->family << 8 ^ bits) ^ lo);
}

unsigned bloom_log2(uint64_t n, unsigned bits)
{
	unsigned log2 = BLOOM_LOG2_MIN;

	while (log2 < BLOOM_LOG2_MAX && UINT64_C(1) << log2 < n * bits)
		log2++;
	return log2;
}

/* Kirsch and Mitzenmacher, "Less hashing, same performance": two halves make all. */
static inline uint32_t nth(uint64_t hash, unsigned i, unsigned log2)
{
	return ((uint32_t)hash + i * ((uint32_t)(hash >> 32) | 1)) & ((UINT32_C(1) << log2) - 1);
}

void bloom_add(uint8_t *bits, unsigned log2, unsigned k, uint64_t hash)
{
	unsigned i;

	for (i = 0; i < k; i++) {
		uint32_t bit = nth(hash, i, log2);

		bits[bit / 8] |= (uint8_t)(1u << bit % 8);
	}
}

bool bloom_may(const uint8_t *bits, unsigned log2, unsigned k, uint64_t hash)
{
	unsigned i;

	for (i = 0; i < k; i++) {
		uint32_t bit = nth(hash, i, log2);

		if (!(bits[bit / 8] >> bit % 8 & 1))
			return false;
	}
	return true;
}
