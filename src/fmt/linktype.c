#include "fmt/linktype.h"

#include <stddef.h>
#include <stdio.h>

/* Sorted by number. */
static const struct linktype types[] = {
#define LINKTYPE(number, name, descr, wtap, wtap_name, wtap_descr, pseudo)                         \
	{number, name, descr, wtap, wtap_name, wtap_descr, pseudo},
#include "fmt/linktype.def"
#undef LINKTYPE
};

const struct linktype *linktype_find(uint16_t number)
{
	size_t lo = 0, hi = sizeof(types) / sizeof(types[0]);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (types[mid].number == number)
			return &types[mid];
		if (types[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const char *linktype_text(uint16_t number, char buf[LINKTYPE_TEXT_SIZE])
{
	const struct linktype *t = linktype_find(number);

	if (t)
		return t->descr;
	snprintf(buf, LINKTYPE_TEXT_SIZE, "link type %u", number);
	return buf;
}
