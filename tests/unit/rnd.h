/* Random numbers that are the same in every run: xorshift64*.  Each program has its own. */
#pragma once

#include <stdint.h>

static uint64_t rnd_state = 1;

static inline uint32_t rnd_any(void)
{
	rnd_state ^= rnd_state >> 12;
	rnd_state ^= rnd_state << 25;
	rnd_state ^= rnd_state >> 27;
	return (uint32_t)(rnd_state * 0x2545f4914f6cdd1d >> 32);
}

static inline uint32_t rnd(uint32_t below)
{
	return (rnd_any() >> 1) % below;
}
