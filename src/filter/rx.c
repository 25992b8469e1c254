#include "filter/rx.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/cleanup.h"

#define MESSAGE_SIZE 256 /* PCRE2's longest has about half of it */
#define QUOTE_SIZE   64

struct rx {
	pcre2_code *code; /* owned */
	bool one_start;   /* a match begins at the start of the text or nowhere */
};

struct rx_mem {
	pcre2_match_data *data;
	pcre2_match_context *limits;
};

DEFINE_FREEP(pcre2_compile_context, pcre2_compile_context_free);

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, "out of memory");
}

static int too_large(struct err *err)
{
	return err_set(err, -E2BIG, "the regular expression is too large");
}

static int refused(int code, size_t at, size_t *ret_at, struct err *err)
{
	PCRE2_UCHAR message[MESSAGE_SIZE] = "";

	if (code == PCRE2_ERROR_HEAP_FAILED)
		return no_memory(err);
	if (code == PCRE2_ERROR_PATTERN_TOO_LARGE || code == PCRE2_ERROR_PATTERN_TOO_COMPLICATED)
		return too_large(err);
	pcre2_get_error_message(code, message, sizeof(message));
	if (ret_at)
		*ret_at = at;
	return err_set(err, -EINVAL, "%s", (const char *)message);
}

static int compile(struct rx *r, const char *text, size_t len, unsigned flags, size_t *ret_at,
		   struct err *err)
{
	/* "(*UTF)" in front of an expression would make every text that is no UTF-8 an error */
	uint32_t options = PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
	CLEANUP(pcre2_compile_context_freep) pcre2_compile_context *c = NULL;
	PCRE2_SIZE at;
	int code;

	if (flags & RX_ICASE)
		options |= PCRE2_CASELESS;
	if (flags & RX_WHOLE)
		options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
	c = pcre2_compile_context_create(NULL);
	if (!c)
		return no_memory(err);
	pcre2_set_parens_nest_limit(c, RX_DEPTH_MAX);
	pcre2_set_newline(c, PCRE2_NEWLINE_LF); /* whatever PCRE2 was built for */
	r->code = pcre2_compile((PCRE2_SPTR)text, len, options, &code, &at, c);
	return r->code ? 0 : refused(code, at, ret_at, err);
}

int rx_new(struct rx **ret, const char *text, size_t len, unsigned flags, size_t *ret_at,
	   struct err *err)
{
	CLEANUP(rx_freep) struct rx *r = NULL;
	uint32_t options;
	size_t size;
	int e;

	if (len > RX_TEXT_MAX)
		return err_set(err, -E2BIG, "the regular expression has more than %d bytes",
			       RX_TEXT_MAX);
	r = calloc(1, sizeof(*r));
	if (!r)
		return no_memory(err);
	e = compile(r, text, len, flags, ret_at, err);
	if (e < 0)
		return e;
	pcre2_pattern_info(r->code, PCRE2_INFO_SIZE, &size);
	if (size > RX_CODE_MAX)
		return too_large(err);
	pcre2_pattern_info(r->code, PCRE2_INFO_ALLOPTIONS, &options);
	r->one_start = options & PCRE2_ANCHORED;
	*ret = TAKE_PTR(r);
	return 0;
}

void rx_free(struct rx *r)
{
	if (!r)
		return;
	pcre2_code_free(r->code);
	free(r);
}

int rx_mem_new(struct rx_mem **ret)
{
	struct rx_mem *m;

	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->data = pcre2_match_data_create(1, NULL); /* where it matches is of no interest */
	m->limits = pcre2_match_context_create(NULL);
	if (!m->data || !m->limits) {
		rx_mem_free(m);
		return -ENOMEM;
	}
	pcre2_set_heap_limit(m->limits, RX_MEM_MAX);
	*ret = m;
	return 0;
}

void rx_mem_free(struct rx_mem *m)
{
	if (!m)
		return;
	pcre2_match_data_free(m->data);
	pcre2_match_context_free(m->limits);
	free(m);
}

/* Why a match could not be told. */
static int undecided(int code, const char *p, size_t len, struct err *err)
{
	PCRE2_UCHAR message[MESSAGE_SIZE] = "";
	char q[QUOTE_SIZE];

	err_quote(q, sizeof(q), p, len < sizeof(q) ? (unsigned)len : sizeof(q));
	switch (code) {
	case PCRE2_ERROR_NOMEMORY:
		return no_memory(err);
	case PCRE2_ERROR_MATCHLIMIT:
		return err_set(err, -E2BIG,
			       "the regular expression takes more than %d steps on '%s'",
			       RX_STEPS_MAX, q);
	case PCRE2_ERROR_HEAPLIMIT:
		return err_set(err, -E2BIG, "the regular expression takes more than %d KiB on '%s'",
			       RX_MEM_MAX, q);
	default: /* a recursion without end, mostly */
		pcre2_get_error_message(code, message, sizeof(message));
		return err_set(err, -E2BIG, "the regular expression fails on '%s': %s", q,
			       (const char *)message);
	}
}

int rx_match(const struct rx *r, struct rx_mem *m, const char *p, size_t len, struct err *err)
{
	/* PCRE2 counts anew at each place in the text where a match could begin */
	size_t steps = RX_STEPS_MAX / (r->one_start ? 1 : len + 1);
	int n;

	if (!len)
		p = "";
	pcre2_set_match_limit(m->limits, steps ? (uint32_t)steps : 1);
	n = pcre2_match(r->code, (PCRE2_SPTR)p, len, 0, 0, m->data, m->limits);
	if (n >= 0)
		return 1;
	return n == PCRE2_ERROR_NOMATCH ? 0 : undecided(n, p, len, err);
}
