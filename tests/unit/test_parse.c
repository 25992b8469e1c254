/* Points in time as GNU date gives them: date -u -d TEXT +%s. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/parse.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define S             INT64_C(1000000000)
#define UNTOUCHED     INT64_C(-4242)

/* What a parser gave: its value, where it succeeded, else none, and the code twice. */
static void check(const char *text, int r, int64_t v, const struct err *e, int64_t value, int code)
{
	if (r != code || v != (r ? UNTOUCHED : value))
		fail_msg("'%s': %d, %" PRId64 " %s", text, r, v, e->text);
	assert_int_equal(e->code, r);
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t min, max, value;
		int code;
	} rows[] = {
		{"0", 0, 10, 0, 0},
		{"10", 0, 10, 10, 0},
		{"007", 0, 10, 7, 0}, /* decimal, not octal */
		{"0x1F", 0, 100, 31, 0},
		{"0Xff", 0, 255, 255, 0},
		{"18446744073709551615", 0, UINT64_MAX, UINT64_MAX, 0},
		{"0xffffffffffffffff", 0, UINT64_MAX, UINT64_MAX, 0},
		{"11", 0, 10, 0, -ERANGE},
		{"1", 2, 10, 0, -ERANGE},
		{"18446744073709551616", 0, UINT64_MAX, 0, -ERANGE},
		{"0x1ffffffffffffffff", 0, UINT64_MAX, 0, -ERANGE},
		{"", 0, 10, 0, -EINVAL},
		{"-1", 0, 10, 0, -EINVAL},
		{"+1", 0, 10, 0, -EINVAL},
		{" 1", 0, 10, 0, -EINVAL},
		{"1 ", 0, 10, 0, -EINVAL},
		{"1x", 0, 10, 0, -EINVAL},
		{"0x", 0, 10, 0, -EINVAL},
		{"0xg", 0, 10, 0, -EINVAL},
		{"0x 1", 0, 10, 0, -EINVAL},
		{"0x-1", 0, 10, 0, -EINVAL},
		{"1.0", 0, 10, 0, -EINVAL},
		{"ten", 0, 10, 0, -EINVAL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = {0};
		uint64_t v = (uint64_t)UNTOUCHED;
		int r = parse_u64(rows[i].text, rows[i].min, rows[i].max, &v, &e);

		check(rows[i].text, r, (int64_t)v, &e, (int64_t)rows[i].value, rows[i].code);
		assert_int_equal(parse_u64(rows[i].text, rows[i].min, rows[i].max, &v, NULL), r);
	}
}

static void errors_name_the_text(void **state)
{
	struct err e = {0};
	uint64_t v;
	int64_t t;

	(void)state;
	parse_u64("70000", 1, 65535, &v, &e);
	assert_string_equal(e.text, "'70000' is out of range (1 to 65535)");
	parse_u64("eth0", 1, 65535, &v, &e);
	assert_string_equal(e.text, "'eth0' is not a number");
	parse_u64("\x1b[2J", 1, 65535, &v, &e);
	assert_string_equal(e.text, "'\\x1b[2J' is not a number");
	parse_size("9Q", &v, &e);
	assert_string_equal(e.text, "'9Q' is not a size (try 256K, 64M, 2G)");
	parse_duration("soon", &t, &e);
	assert_string_equal(e.text, "'soon' is not a duration (try 500ms, 10s, 1h30m, 7d)");
	parse_time("soon", 0, 1, &t, &e);
	assert_string_equal(
		e.text, "'soon' is not a time (try now, -10m, 1790000000.5, 2026-11-21T10:00:00Z)");
	parse_time("9999-12-31", 0, 1, &t, &e);
	assert_string_equal(e.text, "'9999-12-31' is too far away");
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
		int code;
	} rows[] = {
		{"0", 0, 0},
		{"10000", 10000, 0},
		{"10B", 10, 0},
		{"1K", 1024, 0},
		{"1k", 1024, 0},
		{"1KB", 1024, 0},
		{"1KiB", 1024, 0},
		{"1Kib", 1024, 0},
		{"256M", 256 << 20, 0},
		{"2G", UINT64_C(2) << 30, 0},
		{"3t", UINT64_C(3) << 40, 0},
		{"16777215T", UINT64_C(16777215) << 40, 0},
		{"16777216T", 0, -ERANGE},
		{"18446744073709551615", UINT64_MAX, 0},
		{"18446744073709551616", 0, -ERANGE},
		{"", 0, -EINVAL},
		{"K", 0, -EINVAL},
		{"-1K", 0, -EINVAL},
		{"1.5K", 0, -EINVAL},
		{"1 ", 0, -EINVAL}, /* was 2^50 */
		{"1 K", 0, -EINVAL},
		{"1iB", 0, -EINVAL},
		{"1KK", 0, -EINVAL},
		{"1KiBs", 0, -EINVAL},
		{"1P", 0, -EINVAL},
		{"1\x0b", 0, -EINVAL},
		{"0x10", 0, -EINVAL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = {0};
		uint64_t v = (uint64_t)UNTOUCHED;
		int r = parse_size(rows[i].text, &v, &e);

		check(rows[i].text, r, (int64_t)v, &e, (int64_t)rows[i].value, rows[i].code);
	}
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
		int code;
	} rows[] = {
		{"0", 0, 0},
		{"90", 90 * S, 0},
		{"1.5", 1500000000, 0},
		{"1.5s", 1500000000, 0},
		{".5s", 500000000, 0},
		{"200ms", 200000000, 0},
		{"3us", 3000, 0},
		{"3\xc2\xb5s", 3000, 0}, /* U+00B5 micro sign */
		{"3\xce\xbcs", 3000, 0}, /* U+03BC Greek mu: Go accepts both */
		{"7ns", 7, 0},
		{"1h30m", 5400 * S, 0},
		{"1m0.5s", 60500000000, 0},
		{"7d", 604800 * S, 0},
		{"2w", 1209600 * S, 0},
		{"-10m", -600 * S, 0},
		{"+10m", 600 * S, 0},
		{"-5", -5 * S, 0},
		{"0.9999999999999999s", 999999999, 0}, /* cut */
		{"9223372036s", INT64_C(9223372036) * S, 0},
		{"9223372036.854775807s", INT64_MAX, 0},
		{"9223372036.854775808s", 0, -ERANGE},
		{"9223372037s", 0, -ERANGE},
		{"15251w", 0, -ERANGE},
		{"99999999999999999999999999999999999999999999s", 0, -ERANGE},
		{"5124095h576h", 0, -ERANGE},
		{"", 0, -EINVAL},
		{"-", 0, -EINVAL},
		{"+", 0, -EINVAL},
		{"--1s", 0, -EINVAL},
		{".", 0, -EINVAL},
		{"s", 0, -EINVAL},
		{"1.2.3s", 0, -EINVAL},
		{"1 s", 0, -EINVAL},
		{"1s ", 0, -EINVAL},
		{"1h30", 0, -EINVAL}, /* a bare number only alone */
		{"1y", 0, -EINVAL},
		{"1M", 0, -EINVAL},
		{"1e3s", 0, -EINVAL},
		{"1s-1s", 0, -EINVAL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = {0};
		int64_t v = UNTOUCHED;
		int r = parse_duration(rows[i].text, &v, &e);

		check(rows[i].text, r, v, &e, rows[i].value, rows[i].code);
	}
}

static const int64_t now = 1790000000 * S + 7;

static void check_times(int utc, const char *text, int64_t value, int code)
{
	struct err e = {0};
	int64_t v = UNTOUCHED;
	int r = parse_time(text, now, utc, &v, &e);

	check(text, r, v, &e, value, code);
}

static void times(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
		int code;
	} rows[] = {
		{"now", 1790000000 * S + 7, 0},
		{"NOW", 1790000000 * S + 7, 0},
		{"-10m", 1789999400 * S + 7, 0},
		{"+1s", 1790000001 * S + 7, 0},
		{"-5", 1789999995 * S + 7, 0},
		{"0", 0, 0},
		{"1790000000", 1790000000 * S, 0},
		{"1790000000.5", 1790000000 * S + 500000000, 0},
		{"1790000000.123456789", 1790000000 * S + 123456789, 0},
		{"1790000000.1234567899", 1790000000 * S + 123456789, 0},
		{"2026-11-21", 1795219200 * S, 0},
		{"2026-11-21T10:00:00Z", 1795255200 * S, 0},
		{"2026-11-21t10:00:00z", 1795255200 * S, 0},
		{"2026-11-21 10:00:00", 1795255200 * S, 0},
		{"2026-11-21T10:00", 1795255200 * S, 0},
		{"2026-11-21T10:00:00.5Z", 1795255200 * S + 500000000, 0},
		{"2026-11-21T10:00:00.000000001Z", 1795255200 * S + 1, 0},
		{"2026-11-21T10:00:00+02:00", 1795248000 * S, 0},
		{"2026-11-21T10:00:00+0200", 1795248000 * S, 0},
		{"2026-11-21T10:00:00+02", 1795248000 * S, 0},
		{"2024-02-29T12:34:56-05:30", 1709229896 * S, 0},
		{"1969-12-31T23:59:59Z", -1 * S, 0},
		{"1969-12-31T23:59:59.75Z", -250000000, 0},
		{"2016-12-31T23:59:60Z", 1483228800 * S, 0}, /* a leap second */
		{"2262-04-10T00:00:00Z", 9223200000 * S, 0},
		{"Sat, 21 Nov 2026 10:00:00 GMT", 1795255200 * S, 0},
		{"sat, 21 nov 2026 10:00:00 utc", 1795255200 * S, 0},
		{"Sat, 21 Nov 2026 10:00:00 +0200", 1795248000 * S, 0},
		{"2262-04-12T00:00:00Z", 0, -ERANGE},
		{"9999-12-31", 0, -ERANGE},
		{"0001-01-01", 0, -ERANGE},
		{"99999999999", 0, -ERANGE},
		{"-300y", 0, -EINVAL},
		{"-15000w", -7281999999999999993, 0}, /* 1739-03-30 */
		{"+15000w", 0, -ERANGE},
		{"", 0, -EINVAL},
		{"tomorrow", 0, -EINVAL},
		{"2026-02-29", 0, -EINVAL},
		{"2026-04-31T10:00:00Z", 0, -EINVAL},
		{"2026-13-01", 0, -EINVAL},
		{"2026-11-21T25:00:00Z", 0, -EINVAL},
		{"2026-11-21T10:60:00Z", 0, -EINVAL},
		{"2026-11-21T10:00:00.Z", 0, -EINVAL},
		{"2026-11-21T10:00:00+15:00", 0, -EINVAL},
		{"2026-11-21T10:00:00+2", 0, -EINVAL},
		{"2026-11-21T10:00:00ZZ", 0, -EINVAL},
		{"2026-11-21Z", 0, -EINVAL},
		{"2026-11-21T", 0, -EINVAL},
		{"2026-11-21 10:00:00 ", 0, -EINVAL},
		{" 2026-11-21", 0, -EINVAL},
		{"Sat, 21 Nov 2026 10:00:00", 0, -EINVAL},
		{"Sat, 31 Nov 2026 10:00:00 GMT", 0, -EINVAL},
		{"Sat, 21 Nov", 0, -EINVAL},
		{"Sat, 21 Nop 2026 10:00:00 GMT", 0, -EINVAL},
		{"Sa", 0, -EINVAL},
		{"1790000000x", 0, -EINVAL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		check_times(1, rows[i].text, rows[i].value, rows[i].code);
}

/* Without a zone in the text the local one counts, with its summer time. */
static void local_times(void **state)
{
	(void)state;
	assert_int_equal(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
	tzset();
	check_times(0, "2026-07-01 00:00:00", 1782856800 * S, 0);
	check_times(0, "2026-11-21 10:00", 1795251600 * S, 0);
	check_times(0, "2026-11-21T10:00:00Z", 1795255200 * S, 0);
	check_times(1, "2026-11-21 10:00", 1795255200 * S, 0);
	check_times(0, "Sat, 21 Nov 2026 10:00:00 GMT", 1795255200 * S, 0);
}

#define FIRST (1790000000 * S) /* 2026-09-21 14:13:20 UTC */

static void check_slice(int utc, const char *text, int64_t base, int64_t value, int code)
{
	struct err e = {0};
	int64_t v = UNTOUCHED;
	int r = parse_slice_time(text, base, utc, &v, &e);

	check(text, r, v, &e, value, code);
}

/* Values: 'tcpslice -d' 1.5 with TZ=UTC and a file whose first packet is at FIRST, or, behind
 * a comment, what its manual page says where it does not do so itself. */
static void slice_times(void **state)
{
	static const struct {
		const char *text;
		int64_t base, value;
		int code;
	} rows[] = {
		{"21h36m", FIRST, 1790026560 * S, 0},
		{"21:36", FIRST, 1790026560 * S, 0},
		{"21:36:05", FIRST, 1790026565 * S, 0},
		{"9:05", FIRST, 1789981500 * S, 0}, /* date -d @1789981500 */
		{"21:6", FIRST, 0, -EINVAL},
		{"21:36:", FIRST, 0, -EINVAL},
		{"21:36:00:00", FIRST, 0, -EINVAL},
		{"24:00", FIRST, 0, -EINVAL},
		{"+1:00", FIRST, 0, -EINVAL},
		{"26d1h54m", 1790026560 * S, 1790387640 * S, 0},
		{"22h", FIRST, 1790028000 * S, 0},
		{"+1h10m", 1790028000 * S, 1790032200 * S, 0},
		{"+1h", FIRST, 1790003600 * S, 0},
		{"+1h20m", FIRST, 1790004800 * S, 0},
		{"+0", 1790000000 * S + 7000, 1790000000 * S + 7000, 0},
		{"+200", FIRST, 1790000200 * S, 0},
		{"+1.5", FIRST, 1790000001 * S + 500000000, 0},
		{"1990y9m25d20h51m38s765400u", FIRST, 654295898 * S + 765400000, 0},
		{"90y9m25d", FIRST, 654220800 * S, 0},
		{"69y1m1d", FIRST, 3124224000 * S, 0},
		{"70y1m1d", FIRST, 0, 0},
		{"69y", FIRST, 3124224000 * S, 0},
		{"2026y", FIRST, 1767225600 * S, 0},
		{"2026Y", FIRST, 1767225600 * S, 0},
		{"1y", FIRST, 978307200 * S, 0},
		{"2026y5s", FIRST, 1767225605 * S, 0},
		{"2026y10m", FIRST, 1767226200 * S, 0},
		{"2026y10m5d", FIRST, 1791158400 * S, 0},
		{"2026y9m3d4m", FIRST, 1788393840 * S, 0},
		{"2026y9m21d14h13m20s5u", FIRST, 1790000000 * S + 5000, 0},
		{"8m1d", FIRST, 1785542400 * S, 0},
		{"5m3d", FIRST, 1777766400 * S, 0},
		{"5m", FIRST, 1789999500 * S, 0},
		{"3d5m", FIRST, 1788393900 * S, 0},
		{"5h", FIRST, 1789966800 * S, 0},
		{"5H", FIRST, 1789966800 * S, 0},
		{"0h", FIRST, 1789948800 * S, 0},
		{"0000000005h", FIRST, 1789966800 * S, 0},
		{"13m", FIRST, 1789999980 * S, 0},
		{"38s", FIRST, 1790000018 * S, 0},
		{"36s", 1790000005 * S, 1790000016 * S, 0},
		{"15s250000u", FIRST, 1789999995 * S + 250000000, 0},
		{"5u", FIRST, 1790000000 * S + 5000, 0},
		{"+5u", FIRST, 1790000000 * S + 5000, 0},
		{"+5m", FIRST, 1790000300 * S, 0},
		{"+1y", FIRST, 1821536000 * S, 0},
		{"+1d", FIRST, 1790086400 * S, 0},
		{"+3d2h5u", FIRST, 1790266400 * S + 5000, 0},
		/* the manual: months are added, not one less; sums are carried over */
		{"+1m1d", FIRST, 1792678400 * S, 0},   /* 2026-10-22 */
		{"+1y1m1d", FIRST, 1824214400 * S, 0}, /* 2027-10-22 */
		{"+5m3d", FIRST, 1803478400 * S, 0},   /* 2027-02-24 */
		{"+25h", FIRST, 1790090000 * S, 0},
		{"+61m", FIRST, 1790003660 * S, 0},
		{"+90s", FIRST, 1790000090 * S, 0},
		{"+40d", FIRST, 1793456000 * S, 0},
		{"+2000000u", FIRST, 1790000002 * S, 0},
		{"+12y", 1709208000 * S, 2087899200 * S,
		 0},                                        /* 29 February 12:00 of 2024 and 2036 */
		{"+1y", 1709208000 * S, 1740744000 * S, 0}, /* 28 February 2025: it has no 29 */
		{"+1m0d", 1706702400 * S, 1709208000 * S, 0},  /* 31 January, 29 February 2024 */
		{"+1d", -500000000, 86399 * S + 500000000, 0}, /* before 1970 */
		{"23h", -500000000, -3600 * S, 0},
		/* not fields: as parse_time() has them */
		{"+1h30", FIRST, 0, -EINVAL},
		{"+2w", FIRST, 1791209600 * S, 0},
		{"+1.5s", FIRST, 1790000001 * S + 500000000, 0},
		{"+500ms", FIRST, 1790000000 * S + 500000000, 0},
		{"+5s1h", FIRST, 1790003605 * S, 0},
		{"-10m", FIRST, 1789999400 * S, 0},
		{"now", FIRST, FIRST, 0},
		{"1790000001.5", FIRST, 1790000001 * S + 500000000, 0},
		{"2026-11-21", FIRST, 1795219200 * S, 0},
		/* refused by tcpslice as well */
		{"100y1m1d", FIRST, 0, -EINVAL},
		{"00026y", FIRST, 0, -EINVAL},
		{"25h", FIRST, 0, -EINVAL},
		{"61m", FIRST, 0, -EINVAL},
		{"60s", FIRST, 0, -EINVAL},
		{"40d", FIRST, 0, -EINVAL},
		{"0d", FIRST, 0, -EINVAL},
		{"31d", FIRST, 0, -EINVAL}, /* of September */
		{"2026y2m31d", FIRST, 0, -EINVAL},
		{"2026y13m1d", FIRST, 0, -EINVAL},
		{"1000000u", FIRST, 0, -EINVAL},
		{"1h2d", FIRST, 0, -EINVAL},
		{"2h3h", FIRST, 0, -EINVAL},
		{"5s4m", FIRST, 0, -EINVAL},
		{"1h5m3d", FIRST, 0, -EINVAL},
		{"1.5s", FIRST, 0, -EINVAL},
		{"m", FIRST, 0, -EINVAL},
		{"5x", FIRST, 0, -EINVAL},
		{"h5", FIRST, 0, -EINVAL},
		{"+", FIRST, 0, -EINVAL},
		{"", FIRST, 0, -EINVAL},
		{"99999999999999999999h", FIRST, 0, -EINVAL},
		/* beyond 64 bits of ns */
		{"+300y", FIRST, 0, -ERANGE},
		{"+99999999999999999999y", FIRST, 0, -ERANGE},
		{"+99999999999999999999d", FIRST, 0, -ERANGE},
		{"+99999999999999999999h", FIRST, 0, -ERANGE},
		{"+10000000000s", FIRST, 0, -ERANGE},
		{"2300y", FIRST, 0, -ERANGE},
		{"1600y", FIRST, 0, -ERANGE},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		check_slice(1, rows[i].text, rows[i].base, rows[i].value, rows[i].code);
}

/* The same with TZ=CET-1CEST,M3.5.0,M10.5.0/3, and the examples of the manual page. */
static void local_slice_times(void **state)
{
	const int64_t manual = 654321098 * S + 765400000;

	(void)state;
	assert_int_equal(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
	tzset();
	check_slice(0, "21h36m", FIRST, 1790019360 * S, 0);
	check_slice(0, "26d1h54m", FIRST, 1790380440 * S, 0);
	check_slice(0, "90y9m25d20h51m38s765400u", FIRST, 654288698 * S + 765400000, 0);
	check_slice(0, "2026y10m24d12h", FIRST, 1792836000 * S, 0);
	check_slice(0, "+1d", 1792836000 * S, 1792926000 * S, 0); /* 25 hours, by the calendar */
	check_slice(0, "25d", 1792836000 * S, 1792879200 * S, 0);
	check_slice(0, "+1d", 1774695600 * S, 1774778400 * S, 0); /* 23 hours */
	check_slice(0, "2026y1m5d", FIRST, 1767567600 * S, 0);
	check_slice(0, "+1y", 1767567600 * S, 1799103600 * S, 0);

	assert_int_equal(setenv("TZ", "PST8PDT,M4.1.0,M10.5.0", 1), 0); /* as in 1990 */
	tzset();
	check_slice(0, "1990y9m25d20h51m38s765400u", FIRST, manual, 0);
	check_slice(0, "21h36m", manual, 654323760 * S, 0);
	check_slice(0, "26d1h54m", 654323760 * S, 654339240 * S, 0);
	check_slice(0, "22h", manual, 654325200 * S, 0);
	check_slice(0, "+1h10m", 654325200 * S, 654329400 * S, 0);
	check_slice(0, "+1h", manual, 654324698 * S + 765400000, 0);
}

static void what_times_count_from(void **state)
{
	static const struct {
		const char *text;
		enum time_base base;
	} rows[] = {
		{"now", TIME_BEFORE_END},    {"NOW", TIME_BEFORE_END},
		{"-10m", TIME_BEFORE_END},   {"+10m", TIME_AFTER_START},
		{"+1y", TIME_AFTER_START},   {"21h36m", TIME_AFTER_START},
		{"21:36", TIME_AFTER_START}, {"9m25d", TIME_AFTER_START},
		{"5u", TIME_AFTER_START},    {"1990y9m25d", TIME_FIXED},
		{"90y", TIME_FIXED},         {"1790000000.5", TIME_FIXED},
		{"2026-11-21", TIME_FIXED},  {"Sat, 21 Nov 2026 10:00:00 GMT", TIME_FIXED},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(parse_time_base(rows[i].text), rows[i].base);
}

/* Whatever stands there, nothing is read behind the text. */
static void every_beginning(void **state)
{
	static const char *const texts[] = {
		"2026-11-21T10:00:00.5+02:00",
		"Sat, 21 Nov 2026 10:00:00 +0200",
		"1990y9m25d20h51m38s765400u",
		"+1y1m1d1h1m1s1u",
		"1h30m0.5s",
		"-1790000000.123456789",
		"0xffffffffffffffff",
		"256KiB",
	};
	size_t i, n;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		for (n = 0; n <= strlen(texts[i]); n++) {
			char *text = malloc(n + 1);
			struct err e;
			uint64_t u;
			int64_t v;

			assert_non_null(text);
			memcpy(text, texts[i], n);
			text[n] = '\0';
			parse_time(text, now, 1, &v, &e);
			parse_slice_time(text, now, 1, &v, &e);
			parse_time_base(text);
			parse_duration(text, &v, &e);
			parse_size(text, &u, &e);
			parse_u64(text, 0, UINT64_MAX, &u, &e);
			free(text);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(errors_name_the_text),
		cmocka_unit_test(sizes),
		cmocka_unit_test(durations),
		cmocka_unit_test(times),
		cmocka_unit_test(local_times),
		cmocka_unit_test(slice_times),
		cmocka_unit_test(local_slice_times),
		cmocka_unit_test(what_times_count_from),
		cmocka_unit_test(every_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
