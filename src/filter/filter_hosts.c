#include "filter/filter_hosts.h"

#include <string.h>

#include "filter/filter_lex.h"

#define TEXT_SIZE (ADDR_TEXT_SIZE + sizeof("/128"))

/* Adds the words before 'end' from 't' on, if they are an address. */
static size_t add(const char *text, const struct ftok *t, size_t end, struct filter_host *v,
		  size_t n)
{
	size_t len = end - t->off, i, k;
	struct filter_host h;
	char s[TEXT_SIZE];

	if (len >= sizeof(s))
		return n;
	for (i = k = 0; i < len; i++)
		if (!strchr(" \r\n\t", text[t->off + i]))
			s[k++] = text[t->off + i];
	s[k] = '\0';
	if (addr_parse_prefix(s, &h.addr, &h.bits) < 0 || h.addr.family == ADDR_MAC)
		return n;
	for (i = 0; i < n; i++)
		if (v[i].bits == h.bits && addr_cmp(&v[i].addr, &h.addr) == 0)
			return n;
	v[n] = h;
	return n + 1;
}

size_t filter_hosts(const char *text, struct filter_host *ret, size_t max)
{
	struct ftok t, slash, bits;
	size_t at = 0, n = 0;

	while (n < max && ftok_next(text, &at, &t)) {
		size_t end = at, behind = at;

		if (t.kind != FTOK_ADDRESS)
			continue;
		if (ftok_next(text, &behind, &slash) && ftok_is(text, &slash, "/") &&
		    ftok_next(text, &behind, &bits) && bits.kind == FTOK_NUMBER)
			end = behind;
		n = add(text, &t, end, ret, n);
	}
	return n;
}
