/* After K. Thompson, "Regular Expression Search Algorithm" (1968), and R. Pike's
 * machine: all states that the text so far may have led to are kept side by
 * side. */
#include "filter/rx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "filter/rx_int.h"

/* The states of one place in the text. */
struct rx_states {
	size_t n;
	uint16_t list[RX_STEPS_MAX]; /* only steps that take a byte */
	uint64_t seen[RX_STEPS_MAX / 64];
};

/* Adds step 'pc' and all that can be reached from it without taking a byte.
 * True if that is the end of the expression. */
static bool follow(const struct rx *r, struct rx_states *s, size_t pc, bool bol, bool eol)
{
	uint16_t todo[RX_STEPS_MAX + 1]; /* each step but one at most once, when first seen */
	size_t n = 0;

	todo[n++] = (uint16_t)pc;
	while (n) {
		const struct rx_step *st;

		pc = todo[--n];
		if (s->seen[pc / 64] >> pc % 64 & 1)
			continue;
		s->seen[pc / 64] |= UINT64_C(1) << pc % 64;
		st = &r->steps[pc];
		switch (st->op) {
		case RX_MATCH:
			return true;
		case RX_SPLIT:
			todo[n++] = (uint16_t)((int)pc + st->y);
			todo[n++] = (uint16_t)((int)pc + st->x);
			break;
		case RX_JMP:
			todo[n++] = (uint16_t)((int)pc + st->x);
			break;
		case RX_BOL:
		case RX_EOL:
			if (st->op == RX_BOL ? bol : eol)
				todo[n++] = (uint16_t)(pc + 1);
			break;
		default:
			s->list[s->n++] = (uint16_t)pc;
		}
	}
	return false;
}

static void states_clear(struct rx_states *s, size_t steps)
{
	s->n = 0;
	memset(s->seen, 0, (steps + 63) / 64 * sizeof(s->seen[0]));
}

static bool takes(const struct rx *r, size_t pc, unsigned char c)
{
	const struct rx_step *st = &r->steps[pc];

	return st->op == RX_BYTE ? c == st->x || c == st->y : rx_set_has(&r->sets[st->x], c);
}

/* What a match can begin with lets most texts be skipped without any state. */
static void find_first(struct rx *r)
{
	struct rx_states s;
	size_t i;
	unsigned c;

	states_clear(&s, r->n);
	r->empty = follow(r, &s, 0, true, true);
	for (i = 0; i < s.n; i++)
		for (c = 0; c < 256; c++)
			if (takes(r, s.list[i], (unsigned char)c))
				rx_set_add(&r->first, (unsigned char)c);
}

int rx_new(struct rx **ret, const char *text, size_t len, unsigned flags, struct err *err)
{
	CLEANUP(rx_freep) struct rx *r = NULL;
	int e;

	if (len > RX_TEXT_MAX)
		return err_set(err, -E2BIG, "the regular expression has more than %d bytes",
			       RX_TEXT_MAX);
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(err, -ENOMEM, "out of memory");
	e = rx_parse(r, text, len, flags, err);
	if (e < 0)
		return e;
	find_first(r);
	*ret = TAKE_PTR(r);
	return 0;
}

void rx_free(struct rx *r)
{
	free(r);
}

bool rx_match(const struct rx *r, const char *p, size_t len)
{
	struct rx_states a, b, *now = &a, *next = &b, *swap;
	size_t i, j;

	states_clear(now, r->n);
	for (i = 0;; i++) {
		/* a match may begin here */
		if (r->empty || (i < len && rx_set_has(&r->first, (unsigned char)p[i])))
			if (follow(r, now, 0, i == 0, i == len))
				return true;
		if (i == len)
			return false;
		if (!now->n) {
			states_clear(now, r->n);
			continue;
		}
		states_clear(next, r->n);
		for (j = 0; j < now->n; j++)
			if (takes(r, now->list[j], (unsigned char)p[i]) &&
			    follow(r, next, now->list[j] + 1u, false, i + 1 == len))
				return true;
		swap = now;
		now = next;
		next = swap;
	}
}
