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

char *num_u64(char *p, uint64_t v)
{
	char tmp[NUM_U64_MAX];
	unsigned i = sizeof(tmp);

	while (v >= 100) {
		i -= 2;
		memcpy(tmp + i, pairs + 2 * (v % 100), 2);
		v /= 100;
	}
	if (v >= 10) {
		i -= 2;
		memcpy(tmp + i, pairs + 2 * v, 2);
	} else {
		tmp[--i] = (char)('0' + v);
	}
	memcpy(p, tmp + i, sizeof(tmp) - i);
	return p + (sizeof(tmp) - i);
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
	return num_fixed(p, abs % 1000000000, 9);
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
