/* Expected values: RFC 3720 B.4. */
#include "base/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_rfc3720(void **state)
{
	uint8_t b[32];
	unsigned i;

	(void)state;
	memset(b, 0, sizeof(b));
	assert_int_equal(crc32c(0, b, sizeof(b)), 0x8a9136aa);
	memset(b, 0xff, sizeof(b));
	assert_int_equal(crc32c(0, b, sizeof(b)), 0x62a8ab43);
	for (i = 0; i < 32; i++)
		b[i] = (uint8_t)i;
	assert_int_equal(crc32c(0, b, sizeof(b)), 0x46dd794e);
	for (i = 0; i < 32; i++)
		b[i] = (uint8_t)(31 - i);
	assert_int_equal(crc32c(0, b, sizeof(b)), 0x113fdb5c);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283); /* the usual check value */
	assert_int_equal(crc32c(0, b, 0), 0);
}

/* In pieces as at once, at every place and length. */
static void test_pieces(void **state)
{
	uint8_t b[64];
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(i * 37 + 1);
	for (i = 0; i <= sizeof(b); i++)
		for (k = 0; k <= i; k++)
			assert_int_equal(crc32c(crc32c(0, b, k), b + k, i - k), crc32c(0, b, i));
}

/* Long ones are summed up in several parts at once: a byte at a time it is the same.  And two
 * that follow each other have the sum of both. */
static void test_long(void **state)
{
	static const size_t sizes[] = {0, 1, 4095, 12287, 12288, 12289, 24576, 40000};
	static uint8_t b[40000];
	uint32_t slow = 0;
	size_t i, k = 0;

	(void)state;
	for (i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(i * 37 ^ i >> 7);
	for (i = 0; i <= sizeof(b); i++) {
		if (i == sizes[k]) {
			assert_int_equal(crc32c(0, b, i), slow);
			assert_int_equal(crc32c(crc32c(0, b, i), b + i, sizeof(b) - i),
					 crc32c(0, b, sizeof(b)));
			assert_int_equal(
				crc32c_join(slow, crc32c(0, b + i, sizeof(b) - i), sizeof(b) - i),
				crc32c(0, b, sizeof(b)));
			k++;
		}
		if (i < sizeof(b))
			slow = crc32c(slow, b + i, 1);
	}
	assert_int_equal(k, sizeof(sizes) / sizeof(sizes[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc3720),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
