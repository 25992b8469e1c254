#include "base/opt.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/near.h"
#include "base/parse.h"

#define ARG_SHOWN 96 /* bytes of a wrong word that a message repeats */

static bool takes_value(const struct opt *o)
{
	return o->type != OPT_FLAG && o->type != OPT_COUNT;
}

static bool repeatable(const struct opt *o)
{
	return o->type == OPT_FLAG || o->type == OPT_COUNT || o->type == OPT_LIST ||
	       o->type == OPT_FN;
}

const struct opt *opt_at(const struct opt_cmd *cmd, size_t i, size_t *ret_off)
{
	size_t s;

	for (s = 0; s < cmd->n_sets; s++) {
		const struct opt_set *set = &cmd->sets[s];

		if (i < set->n) {
			if (ret_off)
				*ret_off = set->off + set->opts[i].off;
			return &set->opts[i];
		}
		i -= set->n;
	}
	return NULL;
}

int opt_list_add(struct opt_list *l, const char *s)
{
	/* grows at powers of two: no need to remember the room */
	if ((l->n & (l->n - 1)) == 0) {
		const char **v = realloc(l->v, (l->n ? 2 * l->n : 1) * sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
	}
	l->v[l->n++] = s;
	return 0;
}

void opt_list_done(struct opt_list *l)
{
	free(l->v);
	*l = (struct opt_list){0};
}

static int bad_range(struct err *err, const struct opt *o, const char *value)
{
	char q[ARG_SHOWN];

	err_quote(q, sizeof(q), value, (unsigned)strlen(value));
	if (value[0] == '-')
		return err_set(err, -EINVAL, "'%s' is negative", q);
	if (o->type == OPT_U64)
		return err_set(err, -EINVAL, "'%s' is out of range (%" PRIu64 " to %" PRIu64 ")", q,
			       o->min, o->max ? o->max : UINT64_MAX);
	return err_set(err, -EINVAL, "'%s' is out of range", q);
}

static int set_number(const struct opt *o, uint64_t *at, const char *value, struct err *err)
{
	uint64_t v;
	int r;

	if (o->type == OPT_U64)
		r = parse_u64(value, 0, UINT64_MAX, &v, err);
	else
		r = parse_size(value, &v, err);
	if (r < 0)
		return r;
	if (v < o->min || (o->max && v > o->max))
		return bad_range(err, o, value);
	*at = v;
	return 0;
}

static int set_duration(const struct opt *o, int64_t *at, const char *value, struct err *err)
{
	int64_t v;
	int r;

	r = parse_duration(value, &v, err);
	if (r < 0)
		return r;
	if (v < 0 || (uint64_t)v < o->min || (o->max && (uint64_t)v > o->max))
		return bad_range(err, o, value);
	*at = v;
	return 0;
}

static int set_time(const char **at, const char *value, struct err *err)
{
	/* January of a leap year: every day that some month has is one of it */
	const int64_t any = INT64_C(946684800) * 1000000000;
	int64_t ignored;
	int r;

	r = parse_slice_time(value, any, 1, &ignored, err);
	if (r == 0)
		*at = value;
	return r;
}

static int set_enum(const struct opt *o, int *at, const char *value, struct err *err)
{
	char q[ARG_SHOWN], all[256];
	size_t n = 0;
	int i;

	for (i = 0; o->words[i]; i++) {
		size_t len = strlen(o->words[i]);

		if (strcmp(o->words[i], value) == 0) {
			*at = i;
			return 0;
		}
		if (n + len + 3 < sizeof(all)) {
			if (i) {
				memcpy(all + n, ", ", 2);
				n += 2;
			}
			memcpy(all + n, o->words[i], len);
			n += len;
		}
	}
	all[n] = '\0';
	return err_set(err, -EINVAL, "'%s' is none of %s",
		       err_quote(q, sizeof(q), value, (unsigned)strlen(value)), all);
}

static int set_value(const struct opt *o, void *at, const char *value, struct err *err)
{
	switch (o->type) {
	case OPT_FLAG:
		*(bool *)at = true;
		return 0;
	case OPT_COUNT:
		++*(unsigned *)at;
		return 0;
	case OPT_U64:
	case OPT_SIZE:
		return set_number(o, at, value, err);
	case OPT_DUR:
		return set_duration(o, at, value, err);
	case OPT_TIME:
		return set_time(at, value, err);
	case OPT_STR:
		*(const char **)at = value;
		return 0;
	case OPT_LIST:
		if (opt_list_add(at, value) < 0)
			return err_set(err, -ENOMEM, "out of memory");
		return 0;
	case OPT_ENUM:
		return set_enum(o, at, value, err);
	case OPT_FN:
		return o->fn(at, value, err);
	}
	return 0;
}

void opt_init(const struct opt_cmd *cmd, void *opts)
{
	const struct opt *o;
	size_t i, off;

	memset(opts, 0, cmd->size);
	for (i = 0; (o = opt_at(cmd, i, &off)); i++) {
		int r = o->def ? set_value(o, (char *)opts + off, o->def, NULL) : 0;

		assert(r == 0);
		(void)r;
	}
}

void opt_done(const struct opt_cmd *cmd, void *opts)
{
	const struct opt *o;
	size_t i, off;

	for (i = 0; (o = opt_at(cmd, i, &off)); i++)
		if (o->type == OPT_LIST)
			opt_list_done((struct opt_list *)((char *)opts + off));
}

/* The index of an option; OPT_MAX: no such. */
static size_t find_long(const struct opt_cmd *cmd, const char *name, size_t len)
{
	const struct opt *o;
	size_t i;

	for (i = 0; (o = opt_at(cmd, i, NULL)); i++)
		if (o->name && strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return i;
	return OPT_MAX;
}

static size_t find_letter(const struct opt_cmd *cmd, char letter)
{
	const struct opt *o;
	size_t i;

	for (i = 0; (o = opt_at(cmd, i, NULL)); i++)
		if (letter && o->letter == letter)
			return i;
	return OPT_MAX;
}

static int unknown_long(const struct opt_cmd *cmd, const char *name, size_t len, struct err *err)
{
	const struct opt *o;
	char q[ARG_SHOWN];
	struct near n;
	size_t i;

	near_init(&n, name, len);
	for (i = 0; (o = opt_at(cmd, i, NULL)); i++)
		if (o->name)
			near_offer(&n, o->name);
	near_offer(&n, "help");
	err_quote(q, sizeof(q), name, (unsigned)len);
	if (n.best)
		return err_set(err, -EINVAL, "no option '--%s' (did you mean '--%s'?)", q, n.best);
	return err_set(err, -EINVAL, "no option '--%s'", q);
}

struct parse {
	const struct opt_cmd *cmd;
	int argc;
	char *const *argv;
	int i; /* the word being read */
	char *opts;
	struct opt_list *operands;
	bool given[OPT_MAX];
};

/* The option as it was written, for messages. */
static void shown_name(const struct opt *o, bool by_letter, char *ret, size_t size)
{
	struct buf b = BUF_INIT;

	if (by_letter || !o->name)
		buf_addf(&b, "-%c", o->letter);
	else
		buf_addf(&b, "--%s", o->name);
	err_quote(ret, (unsigned)size, buf_str(&b), (unsigned)b.len);
	buf_done(&b);
}

/* 'value' is what was attached to the option; NULL: the next word, if it takes one. */
static int apply(struct parse *p, size_t index, bool by_letter, const char *value, struct err *err)
{
	const struct opt *o;
	char name[ARG_SHOWN];
	size_t off = 0;
	int r;

	o = opt_at(p->cmd, index, &off);
	shown_name(o, by_letter, name, sizeof(name));
	if (!takes_value(o) && value)
		return err_set(err, -EINVAL, "%s: takes no value", name);
	if (takes_value(o) && !value) {
		value = p->i + 1 < p->argc ? p->argv[p->i + 1] : NULL;
		if (!value || strncmp(value, "--", 2) == 0)
			return err_set(err, -EINVAL, "%s: needs a value (%s)", name,
				       o->metavar ? o->metavar : "VALUE");
		p->i++;
	}
	if (p->given[index] && !repeatable(o))
		return err_set(err, -EINVAL, "%s: given twice", name);
	p->given[index] = true;
	r = set_value(o, p->opts + off, value, err);
	return r < 0 ? err_wrap(err, -EINVAL, "%s", name) : 0;
}

static int parse_long(struct parse *p, const char *word, struct err *err)
{
	const char *eq = strchr(word, '=');
	size_t len = eq ? (size_t)(eq - word) : strlen(word);
	size_t index = find_long(p->cmd, word, len);

	if (index == OPT_MAX && len == 4 && memcmp(word, "help", 4) == 0)
		return OPT_HELP;
	if (index == OPT_MAX)
		return unknown_long(p->cmd, word, len, err);
	return apply(p, index, false, eq ? eq + 1 : NULL, err);
}

static int parse_letters(struct parse *p, const char *word, struct err *err)
{
	for (; *word; word++) {
		size_t index = find_letter(p->cmd, *word);
		const struct opt *o;
		char q[16];
		int r;

		if (index == OPT_MAX && *word == 'h')
			return OPT_HELP;
		if (index == OPT_MAX)
			return err_set(err, -EINVAL, "no option '-%s'",
				       err_quote(q, sizeof(q), word, 1));
		o = opt_at(p->cmd, index, NULL);
		if (takes_value(o))
			return apply(p, index, true, word[1] ? word + 1 : NULL, err);
		r = apply(p, index, true, NULL, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_conflicts(const struct parse *p, struct err *err)
{
	const struct opt *o;
	size_t i;

	for (i = 0; (o = opt_at(p->cmd, i, NULL)); i++) {
		const char *c = o->conflicts;

		while (p->given[i] && c && *c) {
			size_t len = strcspn(c, " ");
			size_t other = find_long(p->cmd, c, len);

			assert(other != OPT_MAX);
			if (p->given[other])
				return err_set(err, -EINVAL,
					       "--%s and --%.*s contradict each other", o->name,
					       (int)len, c);
			c += len + (c[len] == ' ');
		}
	}
	return 0;
}

/* The set that the i-th option is of. */
static const struct opt_set *set_of(const struct opt_cmd *cmd, size_t i)
{
	const struct opt_set *s = cmd->sets;

	for (; i >= s->n; s++)
		i -= s->n;
	return s;
}

static int check_needs(const struct parse *p, struct err *err)
{
	const struct opt *o;
	size_t i;

	for (i = 0; (o = opt_at(p->cmd, i, NULL)); i++) {
		const char *needs = o->needs ? o->needs : set_of(p->cmd, i)->needs;
		size_t other = needs ? find_long(p->cmd, needs, strlen(needs)) : i;

		assert(other != OPT_MAX);
		if (p->given[i] && !p->given[other])
			return err_set(err, -EINVAL, "--%s means nothing without --%s", o->name,
				       needs);
	}
	return 0;
}

int opt_parse(const struct opt_cmd *cmd, int argc, char *const *argv, void *opts,
	      struct opt_list *operands, struct err *err)
{
	struct parse p = {.cmd = cmd, .argc = argc, .argv = argv, .opts = opts};
	bool ended = false;
	int r;

	assert(!opt_at(cmd, OPT_MAX, NULL));
	for (p.i = 0; p.i < argc; p.i++) {
		const char *word = argv[p.i];

		if (ended || word[0] != '-' || !word[1] ||
		    (cmd->is_operand && cmd->is_operand(word))) {
			r = opt_list_add(operands, word);
			if (r < 0)
				return err_set(err, r, "out of memory");
		} else if (word[1] == '-' && !word[2]) {
			ended = true;
			r = 0;
		} else if (word[1] == '-') {
			r = parse_long(&p, word + 2, err);
		} else {
			r = parse_letters(&p, word + 1, err);
		}
		if (r != 0)
			return r;
	}
	if (operands->n && !cmd->operands) {
		char q[ARG_SHOWN];

		return err_set(
			err, -EINVAL, "'%s' is not expected: the command takes only options",
			err_quote(q, sizeof(q), operands->v[0], (unsigned)strlen(operands->v[0])));
	}
	r = check_conflicts(&p, err);
	return r < 0 ? r : check_needs(&p, err);
}

int opt_assign(const struct opt_cmd *cmd, void *opts, const char *name, const char *value,
	       struct err *err)
{
	size_t index = find_long(cmd, name, strlen(name)), off = 0;
	const struct opt *o;
	int r;

	if (index == OPT_MAX)
		return unknown_long(cmd, name, strlen(name), err);
	o = opt_at(cmd, index, &off);
	r = set_value(o, (char *)opts + off, value, err);
	return r < 0 ? err_wrap(err, -EINVAL, "%s", name) : 0;
}
