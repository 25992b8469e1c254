/* The oracles are POSIX (regcomp() with REG_EXTENDED) for what both languages
 * have, and perlre(1) for the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <regex.h>

#include "filter/rx.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void matches(void **state)
{
	static const struct {
		const char *expr, *text;
		bool match;
		unsigned flags;
	} cases[] = {
		{"", "", true, 0},
		{"", "abc", true, 0},
		{"", "abc", false, RX_WHOLE},
		{"b", "abc", true, 0},
		{"b", "ABC", false, 0},
		{"b", "ABC", true, RX_ICASE},
		{"(?i)b", "ABC", true, 0},
		{"^b", "abc", false, 0},
		{"c$", "abc", true, 0},
		{"b$", "abc", false, 0},
		{"^$", "", true, 0},
		{"^$", "a", false, 0},
		{"$", "ab", true, 0},
		{"a^b", "ab", false, 0},
		{"(^|x)b", "ab", false, 0},
		{"(^|a)b", "ab", true, 0},
		{"^www\\.|\\.example$", "www.a", true, 0},
		{"^www\\.|\\.example$", "a.example", true, 0},
		{"^www\\.|\\.example$", "awww.example.a", false, 0},
		{"a|b|cd|", "x", true, 0},
		{"a|b|cd|", "cd", true, RX_WHOLE},
		{"a|b|cd", "c", false, 0},
		{"(a|b)(c|d)", "xbdx", true, 0},
		{"a.c", "a\nc", false, 0},
		{"a.c", "a\377c", true, 0},
		{"[a-c]+", "abcabc", true, RX_WHOLE},
		{"[^a-c]", "abc", false, 0},
		{"[^a-c]", "ABC", false, RX_ICASE},
		{"[]a]", "]", true, 0},
		{"[^]a]", "]", false, 0},
		{"[a-]", "-", true, 0},
		{"[[:digit:]x]+", "12x", true, RX_WHOLE},
		{"[[:alpha:]]", "12", false, 0},
		{"[\\d_]+", "1_2", true, RX_WHOLE},
		{"[\\n]", "\n", true, 0},
		{"\\d{3}", "ab123", true, 0},
		{"\\D", "123", false, 0},
		{"\\w+\\s\\W", "ab \t", true, 0},
		{"\\x41\\.", "A.", true, 0},
		{"a{2}", "aa", true, RX_WHOLE},
		{"a{2}", "aaa", false, RX_WHOLE},
		{"a{0}b", "b", true, RX_WHOLE},
		{"a{0,2}b", "aab", true, RX_WHOLE},
		{"a{0,2}b", "aaab", false, RX_WHOLE},
		{"a{2,}", "a", false, RX_WHOLE},
		{"a{2,}", "aaaaa", true, RX_WHOLE},
		{"a{2,3}", "aaa", true, RX_WHOLE},
		{"a{2,3}", "aaaa", false, RX_WHOLE},
		{"a{,2}", "a{,2}", true, RX_WHOLE},
		{"a{x", "a{x", true, RX_WHOLE},
		{"(ab){2}c", "ababc", true, RX_WHOLE},
		{"((a|b){2}){2}", "abba", true, RX_WHOLE},
		{"((a|b){2}){2}", "abb", false, RX_WHOLE},
		{"(?:ab)*?c", "ababc", true, RX_WHOLE},
		{"a+?b??", "aa", true, RX_WHOLE},
		{"(a*)*b", "aaaaac", false, 0},
		{"(a|aa)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", false, 0},
		{"(^a)*b", "ab", true, 0},
		{"x*", "y", true, 0},
		{"a**", "aaa", true, RX_WHOLE},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct err err;
		struct rx *r;

		if (rx_new(&r, cases[i].expr, strlen(cases[i].expr), cases[i].flags, &err) < 0)
			fail_msg("'%s': %s", cases[i].expr, err.text);
		if (rx_match(r, cases[i].text, strlen(cases[i].text)) != cases[i].match)
			fail_msg("'%s' on '%s'", cases[i].expr, cases[i].text);
		rx_free(r);
	}
}

static void rejects(void **state)
{
	static const struct {
		const char *expr, *error;
	} cases[] = {
		{"a(b", "no ')' for the '(' at character 2 of the regular expression"},
		{"a)b", "no '(' for the ')' at character 2 of the regular expression"},
		{"[a", "no ']' for the '[' at character 1 of the regular expression"},
		{"[b-a]", "wrong range at character 2 of the regular expression"},
		{"[a-\\d]", "wrong range at character 2 of the regular expression"},
		{"[[:foo:]]", "unknown class at character 2 of the regular expression"},
		{"*a", "nothing to repeat at character 1 of the regular expression"},
		{"a|+", "nothing to repeat at character 3 of the regular expression"},
		{"a\\", "nothing follows the '\\' at character 2 of the regular expression"},
		{"\\xg0",
		 "'\\x' without two hexadecimal digits at character 1 of the regular expression"},
		{"(a)\\1", "unknown escape at character 4 of the regular expression"},
		{"a\\b", "unknown escape at character 2 of the regular expression"},
		{"(?=a)",
		 "this kind of group is not supported at character 1 of the regular expression"},
		{"a{3,2}", "wrong order of repetitions at character 2 of the regular expression"},
		{"a{1001}", "too many repetitions at character 2 of the regular expression"},
		{"(((a{100}){100}){100}){100}", "the regular expression is too large"},
	};
	char deep[2 * RX_DEPTH_MAX + 4];
	struct err err;
	struct rx *r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_not_equal(rx_new(&r, cases[i].expr, strlen(cases[i].expr), 0, &err), 0);
		assert_string_equal(err.text, cases[i].error);
	}
	memset(deep, '(', RX_DEPTH_MAX);
	memset(deep + RX_DEPTH_MAX, ')', RX_DEPTH_MAX);
	assert_int_equal(rx_new(&r, deep, 2 * RX_DEPTH_MAX, 0, &err), 0);
	rx_free(r);
	memset(deep, '(', RX_DEPTH_MAX + 1);
	assert_int_not_equal(rx_new(&r, deep, 2 * RX_DEPTH_MAX, 0, &err), 0);
	assert_string_equal(err.text, "too many parentheses in each other at character 65 of the "
				      "regular expression");
}

static uint64_t rnd_state = 1;

/* xorshift64*: the same texts in every run. */
static uint32_t rnd(uint32_t below)
{
	rnd_state ^= rnd_state >> 12;
	rnd_state ^= rnd_state << 25;
	rnd_state ^= rnd_state >> 27;
	return (uint32_t)(rnd_state * 0x2545f4914f6cdd1d >> 33) % below;
}

/* Expressions that mean the same in both languages: no '^' or '$' but at the
 * very ends, where POSIX leaves nothing open. */
static size_t rnd_expr(char *p, unsigned depth)
{
	static const char *const atoms[] = {"a", "b", "c", ".", "[ab]", "[^a]", "[b-d]"};
	static const char *const repeats[] = {"*", "+", "?", "{2}", "{1,2}", "{0,1}", "{2,}"};
	size_t n = 0, parts = 1 + rnd(4), i;

	for (i = 0; i < parts; i++) {
		if (i && rnd(4) == 0)
			p[n++] = '|';
		if (depth && rnd(3) == 0) {
			p[n++] = '(';
			n += rnd_expr(p + n, depth - 1);
			p[n++] = ')';
		} else {
			n += (size_t)sprintf(p + n, "%s", atoms[rnd(COUNT(atoms))]);
		}
		if (rnd(3) == 0)
			n += (size_t)sprintf(p + n, "%s", repeats[rnd(COUNT(repeats))]);
	}
	p[n] = '\0';
	return n;
}

static void agrees_with_posix(void **state)
{
	char expr[4096], text[16];
	unsigned i, j, k, matched = 0;

	(void)state;
	for (i = 0; i < 3000; i++) {
		bool icase = rnd(2);
		struct err err;
		struct rx *r;
		regex_t re;

		rnd_expr(expr, 2);
		assert_int_equal(
			regcomp(&re, expr, REG_EXTENDED | REG_NOSUB | (icase ? REG_ICASE : 0)), 0);
		if (rx_new(&r, expr, strlen(expr), icase ? RX_ICASE : 0, &err) < 0)
			fail_msg("'%s': %s", expr, err.text);
		for (j = 0; j < 20; j++) {
			bool want;

			for (k = 0; k < rnd(sizeof(text)); k++)
				text[k] = "abcdABCD"[rnd(8)];
			text[k] = '\0';
			want = regexec(&re, text, 0, NULL, 0) == 0;
			matched += want;
			if (rx_match(r, text, strlen(text)) != want)
				fail_msg("'%s' on '%s'", expr, text);
		}
		rx_free(r);
		regfree(&re);
	}
	assert_true(matched > 6000 && matched < 54000); /* neither all nor none */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches),
		cmocka_unit_test(rejects),
		cmocka_unit_test(agrees_with_posix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
