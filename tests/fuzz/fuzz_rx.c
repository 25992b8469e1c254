/* Input: how to compare, the length of an expression, the expression, a text.
 *
 * An expression that is refused has a reason, at a byte of it.  The answer is the same again,
 * in memory that has served before; where the whole text matches, a part does.  A match ends
 * (the fuzzer has its own clock). */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "filter/rx.h"

#define EXPR_MAX 255 /* bytes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

DEFINE_FREEP(struct rx_mem, rx_mem_free);

static void require(bool holds, const char *what, const char *expr)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_rx: %s: '%s'\n", what, expr);
	abort();
}

/* NULL: refused. */
static struct rx *compile(const char *expr, size_t len, unsigned flags)
{
	struct err err = {0};
	struct rx *r = NULL;
	size_t at = 0;
	int e;

	e = rx_new(&r, expr, len, flags, &at, &err);
	if (e == 0)
		return r;
	require(e == -EINVAL || e == -E2BIG, "an unknown error", expr);
	require(err.code == e && err.text[0], "no reason", expr);
	require(at <= len, "an error outside", expr);
	return NULL;
}

/* 1, 0 or -E2BIG. */
static int match(const struct rx *r, struct rx_mem *m, const char *p, size_t len, const char *expr)
{
	struct err err = {0};
	int e;

	e = rx_match(r, m, p, len, &err);
	require(e == 0 || e == 1 || e == -E2BIG, "an unknown answer", expr);
	require(e >= 0 || (err.code == e && err.text[0]), "gives up without a reason", expr);
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(rx_mem_freep) struct rx_mem *fresh = NULL, *used = NULL;
	CLEANUP(rx_freep) struct rx *part = NULL, *whole = NULL;
	char expr[EXPR_MAX + 1];
	const char *text;
	size_t len;
	int found, all;
	unsigned flags;

	if (size < 2 || size - 2 < data[1])
		return 0;
	flags = data[0] & RX_ICASE;
	len = data[1];
	memcpy(expr, data + 2, len);
	expr[len] = '\0';
	text = (const char *)data + 2 + len;
	size -= 2 + len;

	part = compile(expr, len, flags);
	whole = compile(expr, len, flags | RX_WHOLE);
	require(!part == !whole, "the whole decides whether it is an expression", expr);
	if (!part)
		return 0;
	require(rx_mem_new(&fresh) == 0 && rx_mem_new(&used) == 0, "no memory", expr);
	all = match(whole, used, text, size, expr);
	found = match(part, used, text, size, expr);
	require(all != 1 || found != 0, "all of it matches, but no part", expr);
	require(match(part, fresh, text, size, expr) == found, "memory makes a difference", expr);
	require(match(whole, used, text, size, expr) == all, "not the same again", expr);
	return 0;
}
