#include "cli/fields.h"

#include <errno.h>
#include <string.h>

static int add_field(uint16_t *ret, size_t *n, uint16_t field, struct err *err)
{
	if (*n == SCHEMA_FIELDS_MAX)
		return err_set(err, -EINVAL, "more than %d fields", SCHEMA_FIELDS_MAX);
	ret[(*n)++] = field;
	return 0;
}

int cli_fields(const struct schema *s, const char *list, uint16_t *ret, size_t *ret_n,
	       struct err *err)
{
	size_t n = 0, i;
	int r = 0;

	for (;;) {
		size_t len = strcspn(list, ","), k, found;
		uint16_t names[SCHEMA_NAMES_MAX];

		if (len == 3 && strncmp(list, "all", 3) == 0) {
			for (i = 0; r == 0 && i < s->n; i++)
				r = add_field(ret, &n, (uint16_t)i, err);
			found = 1;
		} else {
			found = len ? schema_find(s, list, len, names) : 0;
			for (k = 0; r == 0 && k < found; k++)
				r = add_field(ret, &n, names[k], err);
		}
		if (r < 0)
			return r;
		if (!found) {
			const char *best = len ? schema_near(s, list, len) : NULL;
			char q[96];

			err_quote(q, sizeof(q), list, (unsigned)len);
			if (best)
				return err_set(err, -EINVAL, "no field '%s' (did you mean '%s'?)",
					       q, best);
			return err_set(err, -EINVAL, "no field '%s' ('trawl explain' lists all)",
				       q);
		}
		if (!list[len])
			break;
		list += len + 1;
	}
	*ret_n = n;
	return 0;
}
