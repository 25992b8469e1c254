#include "base/num.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char pairs[] = "0001020304050607080910111213141516171819"
			    "2021222324252627282930313233343536373839"
			    "4041424344454647484950515253545556575859"
			    "6061626364656667686970717273747576777879"
			    "8081828384858687888990919293949596979899";

/* Writes the digits of 'v' so that they end before 'end'; returns where they
 * begin. */
static inline char *back32(char *end, uint32_t v)
{
	while (v >= 100) {
		end -= 2;
		memcpy(end, pairs + 2 * (v % 100), 2);
		v /= 100;
	}
	if (v >= 10) {
		end -= 2;
		memcpy(end, pairs + 2 * v, 2);
	} else {
		*--end = (char)('0' + v);
	}
	return end;
}

static inline unsigned digits32(uint32_t v)
{
	static const uint32_t powers[] = {0,      10,      100,      1000,      10000,
					  100000, 1000000, 10000000, 100000000, 1000000000};
	/* log10(2) is 1233 / 4096, nearly. */
	unsigned n = (unsigned)(32 - __builtin_clz(v | 1)) * 1233 >> 12;

	return n + (v >= powers[n]);
}

static inline char *num_u32(char *p, uint32_t v)
{
	char *end = p + digits32(v);

	back32(end, v);
	return end;
}

/* num_fixed() of nine digits: the steps do not wait for each other. */
static inline char *fixed9(char *p, uint32_t v)
{
	uint32_t high = v / 10000, low = v % 10000;

	p[0] = (char)('0' + high / 10000);
	memcpy(p + 1, pairs + 2 * (high / 100 % 100), 2);
	memcpy(p + 3, pairs + 2 * (high % 100), 2);
	memcpy(p + 5, pairs + 2 * (low / 100), 2);
	memcpy(p + 7, pairs + 2 * (low % 100), 2);
	return p + 9;
}

char *num_u64(char *p, uint64_t v)
{
	if (v <= UINT32_MAX)
		return num_u32(p, (uint32_t)v);
	p = num_u64(p, v / 1000000000);
	return fixed9(p, (uint32_t)(v % 1000000000));
}

char *num_i64(char *p, int64_t v)
{
	if (v < 0)
		*p++ = '-';
	return num_u64(p, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

char *num_fixed(char *p, uint64_t v, unsigned digits)
{
	unsigned i = digits;

	while (i >= 2) {
		i -= 2;
		memcpy(p + i, pairs + 2 * (v % 100), 2);
		v /= 100;
	}
	if (i)
		p[0] = (char)('0' + v % 10);
	return p + digits;
}

char *num_f64(char *p, double v)
{
	int digits, n = 0;

	for (digits = 15; digits <= 17; digits++) {
		char text[NUM_F64_MAX];

		n = snprintf(text, sizeof(text), "%.*g", digits, v);
		memcpy(p, text, (size_t)n);
		if (!isfinite(v) || strtod(text, NULL) == v)
			break;
	}
	return p + n;
}

char *num_ns(char *p, int64_t ns)
{
	uint64_t abs = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;

	if (ns < 0)
		*p++ = '-';
	p = num_u64(p, abs / 1000000000);
	*p++ = '.';
	return fixed9(p, (uint32_t)(abs % 1000000000));
}

char *num_uuid(char *p, const uint8_t id[16])
{
	static const char hex[] = "0123456789abcdef";
	int i;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = hex[id[i] >> 4];
		*p++ = hex[id[i] & 15];
	}
	return p;
}
