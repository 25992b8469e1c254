/* Numbers to text without printf's cost.  Each writes at 'p', without a NUL,
 * at most the bytes that its NUM_*_MAX says, and returns the end. */
#pragma once

#include <stdint.h>

#define NUM_U64_MAX  20
#define NUM_I64_MAX  20
#define NUM_F64_MAX  32
#define NUM_NS_MAX   21 /* "-9223372036.854775808" */
#define NUM_UUID_MAX 36

char *num_u64(char *p, uint64_t v);
char *num_i64(char *p, int64_t v);

/* The shortest decimal form that reads back as the same double; "nan", "inf". */
char *num_f64(char *p, double v);

/* Nanoseconds as seconds with nine decimals: "1476272350.000000001". */
char *num_ns(char *p, int64_t ns);

/* Exactly 'digits' decimal digits of 'v', leading zeros included. */
char *num_fixed(char *p, uint64_t v, unsigned digits);

/* What makes a plural behind a number: "s"; "" of 1. */
static inline const char *num_s(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static inline const char *num_are(uint64_t n)
{
	return n == 1 ? "is" : "are";
}

/* 16 bytes as 8-4-4-4-12 hexadecimal digits, RFC 9562 section 4. */
char *num_uuid(char *p, const uint8_t id[16]);
