/* Hints as text: "A<=network_a<=B | network_b in P/32; application is 'DNS'", "no row" for an
 * empty choice, "" for none. */
#pragma once

#include "base/buf.h"
#include "filter/hint.h"

static inline void hint_text_val(struct buf *b, const struct hint_test *t, const union val *v)
{
	buf_addval(b, t->type, v);
}

static inline void hint_text_test(struct buf *b, const struct schema *s, const struct hint_test *t)
{
	const char *name = s->fields[t->field].name;

	switch (t->kind) {
	case HINT_PREFIX:
		buf_addf(b, "%s in ", name);
		hint_text_val(b, t, &t->min);
		buf_addf(b, "/%u", t->bits);
		break;
	case HINT_TEXT:
		buf_addf(b, "%s is '", name);
		hint_text_val(b, t, &t->min);
		buf_addch(b, '\'');
		break;
	case HINT_RANGE:
		if (t->has_min) {
			hint_text_val(b, t, &t->min);
			buf_addstr(b, "<=");
		}
		buf_addstr(b, name);
		if (t->has_max) {
			buf_addstr(b, "<=");
			hint_text_val(b, t, &t->max);
		}
		if (!t->has_min && !t->has_max)
			buf_addstr(b, " there");
		break;
	}
}

static inline void hint_text(struct buf *b, const struct schema *s, const struct hint *h)
{
	size_t i;

	for (; h; h = h->next) {
		for (i = 0; i < h->n; i++) {
			buf_addstr(b, i ? " | " : "");
			hint_text_test(b, s, &h->tests[i]);
		}
		buf_addstr(b, h->n ? "" : "no row");
		buf_addstr(b, h->next ? "; " : "");
	}
}
