/* filter/rx.c.  The oracles are tshark and Python (filter/rx.inc, made by make_rx.py),
 * POSIX (regcomp() with REG_EXTENDED) for what both languages have, perlre(1) for the
 * rest; of errors pcre2test(1) 10.42. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <regex.h>

#include "filter/rx.h"

#include "base/cleanup.h"

#include "../filter/rx.inc"
#include "rnd.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

DEFINE_FREEP(struct rx_mem, rx_mem_free);

/* 1, 0 or -errno with 'err' set. */
static int run(const char *expr, size_t len, unsigned flags, const char *text, size_t n,
	       struct err *err)
{
	CLEANUP(rx_mem_freep) struct rx_mem *m = NULL;
	CLEANUP(rx_freep) struct rx *r = NULL;
	int e;

	assert_int_equal(rx_mem_new(&m), 0);
	e = rx_new(&r, expr, len, flags, NULL, err);
	return e < 0 ? e : rx_match(r, m, text, n, err);
}

static void check(const char *expr, unsigned flags, const char *text, int want)
{
	struct err err;
	int is = run(expr, strlen(expr), flags, text, strlen(text), &err);

	if (is < 0)
		fail_msg("'%s' on '%s': %s", expr, text, err.text);
	if (is != want)
		fail_msg("'%s' on '%s'", expr, text);
}

static void agrees_with_tshark_and_python(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < COUNT(rx_table); i++) {
		const struct rx_case *c = &rx_table[i];

		for (j = 0; j < COUNT(rx_texts); j++) {
			check(c->expr, RX_ICASE, rx_texts[j], c->found[j] == '1');
			if (c->whole)
				check(c->expr, RX_WHOLE, rx_texts[j], c->whole[j] == '1');
		}
	}
}

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
		{"b$", "ab\n", true, 0},
		{"ab", "ab\n", false, RX_WHOLE},
		{"a|ab", "ab", true, RX_WHOLE},
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
		{"a{x", "a{x", true, RX_WHOLE},
		{"(ab){2}c", "ababc", true, RX_WHOLE},
		{"((a|b){2}){2}", "abba", true, RX_WHOLE},
		{"((a|b){2}){2}", "abb", false, RX_WHOLE},
		{"(?:ab)*?c", "ababc", true, RX_WHOLE},
		{"a+?b??", "aa", true, RX_WHOLE},
		{"(a*)*b", "aaaaac", false, 0},
		{"(a|aa)+$", "aaaaaaab", false, 0},
		{"(^a)*b", "ab", true, 0},
		{"x*", "y", true, 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check(cases[i].expr, cases[i].flags, cases[i].text, cases[i].match);
}

/* Neither is a text that ends at its first NUL, nor one of characters. */
static void bytes(void **state)
{
	static const struct {
		const char *expr;
		size_t expr_len;
		const char *text;
		size_t len;
		int match;
	} cases[] = {
		{"a", 1, NULL, 0, 0},           {"^$", 2, NULL, 0, 1},
		{"b", 1, "a\0b", 3, 1},         {"a\0b", 3, "a\0b", 3, 1},
		{"a\0b", 3, "a\0c", 3, 0},      {"^a\\x00.$", 8, "a\0b", 3, 1},
		{"^..$", 4, "\303\251", 2, 1}, /* the two bytes of an e with an accent */
		{"^.$", 3, "\303\251", 2, 0},   {"\303\211", 2, "\303\251", 2, 0}, /* its capital */
		{"\\xff", 4, "\376\377", 2, 1}, {"\\w", 2, "\351", 1, 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		if (run(cases[i].expr, cases[i].expr_len, RX_ICASE, cases[i].text, cases[i].len,
			NULL) != cases[i].match)
			fail_msg("case %zu", i);
}

static void rejects(void **state)
{
	static const struct {
		const char *expr, *error;
		size_t at;
	} cases[] = {
		{"a(b", "missing closing parenthesis", 3},
		{"a)b", "unmatched closing parenthesis", 1},
		{"[a", "missing terminating ] for character class", 2},
		{"[b-a]", "range out of order in character class", 3},
		{"[[:foo:]]", "unknown POSIX class name", 3},
		{"*a", "quantifier does not follow a repeatable item", 0},
		{"a|+", "quantifier does not follow a repeatable item", 2},
		{"a{3,2}", "numbers out of order in {} quantifier", 5},
		{"a{65536}", "number too big in {} quantifier", 7},
		{"(a)\\2", "reference to non-existent subpattern", 4},
		{"a\\j", "unrecognized character follows \\", 2},
		{"(*UTF)a", "using UTF is disabled by the application", 6},
	};
	size_t i, at;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		const char *expr = cases[i].expr;
		struct err err;
		struct rx *r;

		at = 99;
		assert_int_equal(rx_new(&r, expr, strlen(expr), 0, &at, &err), -EINVAL);
		assert_string_equal(err.text, cases[i].error);
		assert_int_equal(at, cases[i].at);
	}
}

static void limits_of_expressions(void **state)
{
	static const char too_large[] = "the regular expression is too large";
	size_t len = 1 << 20, n;
	char *text = malloc(len);
	struct err err;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', len);
	assert_int_equal(run(text, len, 0, "a", 1, &err), -E2BIG);
	assert_string_equal(err.text, "the regular expression has more than 4096 bytes");
	assert_int_equal(run(text, RX_TEXT_MAX + 1, 0, "a", 1, &err), -E2BIG);
	assert_int_equal(run(text, RX_TEXT_MAX, 0, text, RX_TEXT_MAX, &err), 1);

	n = RX_DEPTH_MAX;
	memset(text, '(', n + 1);
	memset(text + n, ')', n);
	assert_int_equal(run(text, 2 * n, 0, "", 0, &err), 1);
	memset(text, '(', n + 1);
	memset(text + n + 1, ')', n + 1);
	assert_int_equal(run(text, 2 * n + 2, 0, "", 0, &err), -EINVAL);
	assert_string_equal(err.text, "parentheses are too deeply nested");
	free(text);

	assert_int_equal(run("(((a{100}){100}){100}){100}", 27, 0, "", 0, &err), -E2BIG);
	assert_string_equal(err.text, too_large);
	/* 1000 times a class of 33 bytes and more: PCRE2 itself would take up to 64 KiB */
	assert_int_equal(run("([b-d]){1000}", 13, 0, "", 0, &err), -E2BIG);
	assert_string_equal(err.text, too_large);
	assert_int_equal(run("(a{1,1000}){1,1000}", 19, RX_WHOLE, "aaaa", 4, &err), 1);
	assert_int_equal(run("(a{1,1000}){1,1000}", 19, RX_WHOLE, "aaab", 4, &err), 0);
}

/* Ways to match that are as many as two to the power of the length: an error, and soon, not
 * "no". */
static void limits_of_matches(void **state)
{
	static const char *const steps[] = {"(a|aa)+$", "(a+)+$", "(a|a?)+$",
					    "(*LIMIT_MATCH=4000000000)(a+)+$"};
	char text[20000];
	struct err err;
	size_t i;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[64] = '!';
	for (i = 0; i < COUNT(steps); i++) {
		assert_int_equal(run(steps[i], strlen(steps[i]), 0, text, 65, &err), -E2BIG);
		assert_string_equal(err.text,
				    "the regular expression takes more than 1000000 "
				    "steps on 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				    "aaaaaaaaaaaaaaa...'");
		/* the same is quick where it matches */
		assert_int_equal(run(steps[i], strlen(steps[i]), 0, text, 64, &err), 1);
	}
	/* what an expression asks for cannot be more, but less */
	assert_int_equal(run("(*LIMIT_MATCH=5)(a+)+$", 22, 0, text, 8, &err), -E2BIG);

	/* a way back at each byte is kept */
	text[64] = 'a';
	assert_int_equal(run("(a|b)*", 6, RX_WHOLE, text, 500, &err), 1);
	assert_int_equal(run("(a|b)*", 6, RX_WHOLE, text, sizeof(text), &err), -E2BIG);
	assert_non_null(strstr(err.text, "the regular expression takes more than 1024 KiB on '"));
	assert_int_equal(run("(?R)?b", 6, 0, "ab", 2, &err), -E2BIG);
	assert_string_equal(err.text, "the regular expression fails on 'ab': nested recursion at "
				      "the same subject position");
	assert_int_equal(run("(a+)+$", 6, 0, text, 65, NULL), 1);
}

struct job {
	const struct rx *rx;
	unsigned wrong;
};

static void *match_often(void *arg)
{
	CLEANUP(rx_mem_freep) struct rx_mem *m = NULL;
	struct job *job = arg;
	unsigned i;

	if (rx_mem_new(&m) < 0)
		job->wrong++;
	for (i = 0; m && i < 1000; i++) {
		job->wrong += rx_match(job->rx, m, "xabab-", 6, NULL) != 1;
		job->wrong += rx_match(job->rx, m, "xaba-", 5, NULL) != 0;
	}
	return NULL;
}

/* One expression, each thread with memory of its own; the thread sanitizer listens. */
static void threads(void **state)
{
	CLEANUP(rx_freep) struct rx *r = NULL;
	struct job jobs[4] = {0};
	pthread_t ids[COUNT(jobs)];
	size_t i;

	(void)state;
	assert_int_equal(rx_new(&r, "(ab)\\1", 6, 0, NULL, NULL), 0);
	for (i = 0; i < COUNT(jobs); i++) {
		jobs[i].rx = r;
		assert_int_equal(pthread_create(&ids[i], NULL, match_often, &jobs[i]), 0);
	}
	for (i = 0; i < COUNT(jobs); i++) {
		pthread_join(ids[i], NULL);
		assert_int_equal(jobs[i].wrong, 0);
	}
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
	CLEANUP(rx_mem_freep) struct rx_mem *m = NULL;
	char expr[4096], text[16];
	unsigned i, j, k, matched = 0;

	(void)state;
	assert_int_equal(rx_mem_new(&m), 0);
	for (i = 0; i < 3000; i++) {
		bool icase = rnd(2);
		struct err err;
		struct rx *r;
		regex_t re;

		rnd_expr(expr, 2);
		assert_int_equal(
			regcomp(&re, expr, REG_EXTENDED | REG_NOSUB | (icase ? REG_ICASE : 0)), 0);
		if (rx_new(&r, expr, strlen(expr), icase ? RX_ICASE : 0, NULL, &err) < 0)
			fail_msg("'%s': %s", expr, err.text);
		for (j = 0; j < 20; j++) {
			bool want;

			for (k = 0; k < rnd(sizeof(text)); k++)
				text[k] = "abcdABCD"[rnd(8)];
			text[k] = '\0';
			want = regexec(&re, text, 0, NULL, 0) == 0;
			matched += want;
			if (rx_match(r, m, text, strlen(text), &err) != want)
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
		cmocka_unit_test(agrees_with_tshark_and_python),
		cmocka_unit_test(matches),
		cmocka_unit_test(bytes),
		cmocka_unit_test(rejects),
		cmocka_unit_test(limits_of_expressions),
		cmocka_unit_test(limits_of_matches),
		cmocka_unit_test(threads),
		cmocka_unit_test(agrees_with_posix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
