#include "store/file_number.h"

#include <string.h>

#define DIGITS     6 /* as "%06u" writes them */
#define DIGITS_MAX 10

uint32_t file_number(const char *text, const char **ret_rest)
{
	size_t n = strspn(text, "0123456789"), i;
	uint64_t v = 0;

	if (n < DIGITS || n > DIGITS_MAX || (n > DIGITS && text[0] == '0'))
		return 0;
	for (i = 0; i < n; i++)
		v = 10 * v + (uint64_t)(text[i] - '0');
	if (v > FILE_NUMBER_MAX)
		return 0;
	*ret_rest = text + n;
	return (uint32_t)v;
}

uint32_t file_number_before(const char *text, const char *end)
{
	const char *rest;
	uint32_t v = file_number(text, &rest);

	return v && strcmp(rest, end) == 0 ? v : 0;
}
