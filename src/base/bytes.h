/* Loads and stores of integers in a fixed byte order from any address.
 * No bounds are checked here: see net/cur.h for that. */
#pragma once

#include <stdint.h>
#include <string.h>

#define BYTES_DEFINE(bits)                                                                         \
	static inline uint##bits##_t be##bits##_load(const void *p)                                \
	{                                                                                          \
		uint##bits##_t v;                                                                  \
		memcpy(&v, p, sizeof(v));                                                          \
		return BYTES_BE##bits(v);                                                          \
	}                                                                                          \
	static inline uint##bits##_t le##bits##_load(const void *p)                                \
	{                                                                                          \
		uint##bits##_t v;                                                                  \
		memcpy(&v, p, sizeof(v));                                                          \
		return BYTES_LE##bits(v);                                                          \
	}                                                                                          \
	static inline void be##bits##_store(void *p, uint##bits##_t v)                             \
	{                                                                                          \
		v = BYTES_BE##bits(v);                                                             \
		memcpy(p, &v, sizeof(v));                                                          \
	}                                                                                          \
	static inline void le##bits##_store(void *p, uint##bits##_t v)                             \
	{                                                                                          \
		v = BYTES_LE##bits(v);                                                             \
		memcpy(p, &v, sizeof(v));                                                          \
	}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTES_BE16(v) __builtin_bswap16(v)
#define BYTES_BE32(v) __builtin_bswap32(v)
#define BYTES_BE64(v) __builtin_bswap64(v)
#define BYTES_LE16(v) (v)
#define BYTES_LE32(v) (v)
#define BYTES_LE64(v) (v)
#else
#define BYTES_BE16(v) (v)
#define BYTES_BE32(v) (v)
#define BYTES_BE64(v) (v)
#define BYTES_LE16(v) __builtin_bswap16(v)
#define BYTES_LE32(v) __builtin_bswap32(v)
#define BYTES_LE64(v) __builtin_bswap64(v)
#endif

BYTES_DEFINE(16)
BYTES_DEFINE(32)
BYTES_DEFINE(64)
