#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static void set_gives_text_and_code(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(err_set(&e, -EINVAL, "bad '%s' at %d", "x", 7), -EINVAL);
	assert_int_equal(e.code, -EINVAL);
	assert_string_equal(e.text, "bad 'x' at 7");
	assert_int_equal(err_set(&e, -ENOMEM, "out of memory"), -ENOMEM);
	assert_string_equal(e.text, "out of memory");
}

static void null_is_accepted(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, -EIO, "%s", "x"), -EIO);
	assert_int_equal(err_wrap(NULL, -EIO, "%s", "x"), -EIO);
}

static void wrap_puts_context_in_front(void **state)
{
	struct err e = {0};

	(void)state;
	err_set(&e, -ENOENT, "cannot open '%s'", "a");
	assert_int_equal(err_wrap(&e, -EIO, "segment %d", 3), -EIO);
	assert_int_equal(e.code, -EIO);
	assert_int_equal(err_wrap(&e, e.code, "capture"), -EIO);
	assert_string_equal(e.text, "capture: segment 3: cannot open 'a'");
}

static void wrap_of_nothing_has_no_colon(void **state)
{
	struct err e = {0};

	(void)state;
	err_wrap(&e, -EIO, "alone");
	assert_string_equal(e.text, "alone");
}

static void arguments_may_be_the_text_itself(void **state)
{
	struct err e = {0};

	(void)state;
	err_set(&e, -EIO, "inner");
	err_set(&e, -EIO, "[%s|%s]", e.text, e.text);
	assert_string_equal(e.text, "[inner|inner]");
	err_wrap(&e, -EIO, "<%s>", e.text);
	assert_string_equal(e.text, "<[inner|inner]>: [inner|inner]");
}

static void long_texts_end_in_dots(void **state)
{
	char text[2000];
	struct err e;
	size_t n;

	(void)state;
	for (n = sizeof(e.text) - 6; n < sizeof(e.text) + 6; n++) {
		memset(text, 'a', n);
		text[n] = '\0';
		err_set(&e, -EIO, "%s", text);
		if (n < sizeof(e.text)) { /* fits with its NUL */
			assert_string_equal(e.text, text);
			continue;
		}
		assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
		assert_string_equal(e.text + sizeof(e.text) - 4, "...");
		assert_memory_equal(e.text, text, sizeof(e.text) - 4);
	}
	memset(text, 'b', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&e, -EIO, "short");
	err_wrap(&e, -EIO, "%s", text);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_string_equal(e.text + sizeof(e.text) - 4, "...");
}

/* No character is cut in two, wherever the end falls. */
static void cut_leaves_whole_characters(void **state)
{
	static const char euro[] = "\xe2\x82\xac"; /* U+20AC */
	char text[1200];
	struct err e;
	size_t shift, i;

	(void)state;
	for (shift = 0; shift < 3; shift++) {
		size_t n = 0, end;

		memset(text, 'x', shift);
		for (n = shift; n + 4 < sizeof(text); n += 3)
			memcpy(text + n, euro, 3);
		text[n] = '\0';
		err_set(&e, -EIO, "%s", text);
		end = strlen(e.text);
		assert_string_equal(e.text + end - 3, "...");
		assert_int_equal((end - 3 - shift) % 3, 0);
		assert_true(end >= sizeof(e.text) - 4);
		for (i = shift; i < end - 3; i += 3)
			assert_memory_equal(e.text + i, euro, 3);
	}
}

static void quote_table(void **state)
{
	static const struct {
		const char *text;
		unsigned len;
		const char *quoted;
	} rows[] = {
#define ROW(text, quoted) {text, sizeof(text) - 1, quoted}
		ROW("", ""),
		ROW("plain ~", "plain ~"),
		ROW("tab\there", "tab\\x09here"),
		ROW("\x1b[31mred\x7f", "\\x1b[31mred\\x7f"),
		ROW("nul\0in", "nul\\x00in"),
		ROW("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"), /* grüß */
		ROW("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"),     /* U+1F600 */
		ROW("\xc2\x85", "\\xc2\\x85"),                   /* U+0085, a C1 control */
		ROW("\xc2\xa0", "\xc2\xa0"),                     /* U+00A0 is none */
		ROW("\xc0\xaf", "\\xc0\\xaf"),                   /* overlong */
		ROW("\xe0\x80\xaf", "\\xe0\\x80\\xaf"),          /* overlong */
		ROW("\xed\xa0\x80", "\\xed\\xa0\\x80"),          /* surrogate */
		ROW("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"), /* behind U+10FFFF */
		ROW("\xe2\x82", "\\xe2\\x82"),                   /* cut */
		ROW("\x80x\xff", "\\x80x\\xff"),
#undef ROW
	};
	char q[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(err_quote(q, sizeof(q), rows[i].text, rows[i].len),
				    rows[i].quoted);
}

static void quote_cuts_only_what_does_not_fit(void **state)
{
	char q[16];

	(void)state;
	assert_string_equal(err_quote(q, 8, "abcdefg", 7), "abcdefg");
	assert_string_equal(err_quote(q, 8, "abcdefgh", 8), "abcd...");
	assert_string_equal(err_quote(q, 8, "abc\x01", 4), "abc\\x01");
	assert_string_equal(err_quote(q, 8, "abcd\x01", 5), "abcd...");
	assert_string_equal(err_quote(q, 8, "ab\xe2\x82\xac", 5), "ab\xe2\x82\xac");
	assert_string_equal(err_quote(q, 8, "abc\xe2\x82\xac.x", 8), "abc...");
	assert_string_equal(err_quote(q, 4, "abc", 3), "abc");
	assert_string_equal(err_quote(q, 4, "abcd", 4), "...");
	assert_string_equal(err_quote(q, 3, "abcd", 4), "..");
	assert_string_equal(err_quote(q, 1, "abcd", 4), "");
	assert_string_equal(err_quote(q, 1, "", 0), "");
}

/* Every size, every text: never more than 'size' bytes, always with a NUL. */
static void quote_stays_inside(void **state)
{
	static const char text[] = "a\x01\xe2\x82\xac\xffz\xc2\x85\xf0\x9f\x98\x80!";
	unsigned size, len;

	(void)state;
	for (len = 0; len < sizeof(text); len++) {
		for (size = 1; size < 64; size++) {
			char *q = malloc(size); /* exact: the sanitizers see a byte too many */

			assert_non_null(q);
			memset(q, 'x', size);
			err_quote(q, size, text, len);
			assert_non_null(memchr(q, '\0', size));
			free(q);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_gives_text_and_code),
		cmocka_unit_test(null_is_accepted),
		cmocka_unit_test(wrap_puts_context_in_front),
		cmocka_unit_test(wrap_of_nothing_has_no_colon),
		cmocka_unit_test(arguments_may_be_the_text_itself),
		cmocka_unit_test(long_texts_end_in_dots),
		cmocka_unit_test(cut_leaves_whole_characters),
		cmocka_unit_test(quote_table),
		cmocka_unit_test(quote_cuts_only_what_does_not_fit),
		cmocka_unit_test(quote_stays_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
