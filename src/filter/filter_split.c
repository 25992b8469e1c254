/* Long expressions are lists: of hosts, nets, ports.  Each chain of 'and' or 'or'
 * is cut into parts of some words, libpcap compiles these, and their programs are
 * put one behind the other: where a part has decided nothing for the whole, its
 * return becomes a jump to the next part.
 *
 * A part begins with the qualifiers that its first word inherits ("tcp dst port"
 * for the 443 in "tcp dst port 80 or 443").  After 'vlan', 'mpls' and the like all
 * offsets that follow change: such expressions are compiled as a whole, up to a
 * lower limit. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "filter/cbpf_op.h"
#include "filter/filter_compile.h"

#define PART_WORDS  64   /* of a part; libpcap needs 1 to 3 ms for it */
#define WHOLE_MAX   1000 /* words that cannot be cut are compiled without optimiser up to here */
#define NESTED_MAX  64   /* parentheses in each other that are looked into */
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* A run of words: [from, to). */
struct span {
	size_t from, to;
};

struct code {
	struct cbpf_insn *p; /* owned */
	size_t n;
};

struct split {
	const struct filter_text *t;
	const struct filter_link *link;
	struct err *err;
};

enum joint {
	JOINT_NONE,
	JOINT_AND,
	JOINT_OR,
};

static void code_done(struct code *c)
{
	free(c->p);
}

static bool is(const struct split *s, size_t i, const char *word)
{
	return ftok_is(s->t->text, &s->t->toks[i], word);
}

static bool is_one_of(const struct split *s, size_t i, const char *const *list, size_t n)
{
	size_t j;

	for (j = 0; j < n; j++)
		if (is(s, i, list[j]))
			return true;
	return false;
}

static bool is_not(const struct split *s, size_t i)
{
	return is(s, i, "not") || is(s, i, "!");
}

static bool is_direction(const struct split *s, size_t i)
{
	return is(s, i, "src") || is(s, i, "dst");
}

/* The joint that word 'i' is; "src or dst" has none. */
static enum joint joint_at(const struct split *s, struct span all, size_t i)
{
	bool inner =
		i > all.from && i + 1 < all.to && is_direction(s, i - 1) && is_direction(s, i + 1);

	if (inner)
		return JOINT_NONE;
	if (is(s, i, "and") || is(s, i, "&&"))
		return JOINT_AND;
	if (is(s, i, "or") || is(s, i, "||"))
		return JOINT_OR;
	return JOINT_NONE;
}

/* The element of a chain that begins at 'from': up to the next joint outside of
 * parentheses. */
static struct span element_at(const struct split *s, struct span all, size_t from)
{
	size_t i, depth = 0;

	for (i = from; i < all.to; i++) {
		if (is(s, i, "("))
			depth++;
		else if (is(s, i, ")"))
			depth--;
		else if (!depth && joint_at(s, all, i))
			break;
	}
	return (struct span){from, i};
}

static struct span skip_nots(const struct split *s, struct span e, bool *negated)
{
	*negated = false;
	while (e.from < e.to && is_not(s, e.from)) {
		*negated = !*negated;
		e.from++;
	}
	return e;
}

/* The qualifiers at the start of an element ("tcp dst port"); empty if there are
 * none that others could inherit. */
static struct span qualifiers(const struct split *s, struct span e)
{
	static const char *const types[] = {
		"host",     "net",      "port",     "portrange", "proto", "protochain",
		"src",      "dst",      "addr1",    "addr2",     "addr3", "addr4",
		"address1", "address2", "address3", "address4",  "ra",    "ta",
	};
	bool negated, found = false;
	size_t i;

	e = skip_nots(s, e, &negated);
	for (i = e.from; i < e.to && s->t->toks[i].kind == FTOK_KEYWORD; i++)
		found |= is_one_of(s, i, types, COUNT(types));
	return found ? (struct span){e.from, i} : (struct span){e.from, e.from};
}

/* Whether an element begins with a value that needs the qualifiers before it. */
static bool inherits(const struct split *s, struct span e)
{
	while (e.from < e.to && (is_not(s, e.from) || is(s, e.from, "(")))
		e.from++;
	if (e.from == e.to || s->t->toks[e.from].kind == FTOK_KEYWORD ||
	    s->t->toks[e.from].kind == FTOK_OP)
		return false;
	/* "5 < len" is a relation; "10.0.0.0/8" begins with an address */
	return s->t->toks[e.from].kind != FTOK_NUMBER || e.from + 1 == e.to ||
	       s->t->toks[e.from + 1].kind != FTOK_OP || is(s, e.from + 1, ")") ||
	       is(s, e.from + 1, "&&") || is(s, e.from + 1, "||");
}

/* What is inside if an element is nothing but parentheses, perhaps behind 'not'
 * and qualifiers. */
static bool group(const struct split *s, struct span e, struct span *inside, bool *negated)
{
	struct span q = qualifiers(s, e);
	size_t i, depth = 0;

	e = skip_nots(s, e, negated);
	if (q.from < q.to)
		e.from = q.to;
	if (e.from == e.to || !is(s, e.from, "("))
		return false;
	for (i = e.from; i < e.to; i++) {
		if (is(s, i, "("))
			depth++;
		else if (is(s, i, ")") && --depth == 0)
			break;
	}
	*inside = (struct span){e.from + 1, e.to - 1};
	return i + 1 == e.to && inside->from < inside->to;
}

/* Lets libpcap compile a run of words. */
static int compile(const struct split *s, struct span head, struct span e, bool optimise,
		   struct code *ret)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	const struct filter_text *t = s->t;
	char msg[FILTER_MSG_SIZE], q[64];
	int r;

	if (head.from < head.to && inherits(s, e))
		buf_add(&b, t->text + t->toks[head.from].off,
			filter_text_end(t, head.to - 1) - t->toks[head.from].off);
	buf_addch(&b, ' ');
	buf_add(&b, t->text + t->toks[e.from].off,
		filter_text_end(t, e.to - 1) - t->toks[e.from].off);
	if (buf_err(&b))
		return err_set(s->err, -ENOMEM, "out of memory");
	r = filter_pcap(buf_str(&b), s->link, optimise, &ret->p, &ret->n, msg);
	if (r < 0)
		return err_set(s->err, r, "out of memory");
	if (r > 0)
		return 0;
	if (strstr(msg, "rejects all packets")) {
		ret->p = malloc(sizeof(ret->p[0]));
		if (!ret->p)
			return err_set(s->err, -ENOMEM, "out of memory");
		ret->p[0] = (struct cbpf_insn){OP_RET | OP_K, 0, 0, 0};
		ret->n = 1;
		return 0;
	}
	err_quote(q, sizeof(q), buf_str(&b), (unsigned)b.len);
	return err_set(s->err, -EINVAL, "%s in '%s' (column %u)", msg, q,
		       filter_text_column(t, e.from));
}

/* Puts 'next' behind 'c'.  What returns false in an 'or', or true in an 'and', goes
 * on there. */
static int append(const struct split *s, struct code *c, enum joint joint, struct code *next)
{
	struct cbpf_insn *p;
	size_t i;

	if (c->n + next->n > CBPF_INSNS_MAX)
		return err_set(s->err, -E2BIG, "the program has more than %d instructions",
			       CBPF_INSNS_MAX);
	p = reallocarray(c->p, c->n + next->n, sizeof(p[0]));
	if (!p)
		return err_set(s->err, -ENOMEM, "out of memory");
	c->p = p;
	for (i = 0; i < c->n; i++)
		if (p[i].code == (OP_RET | OP_K) && (p[i].k != 0) == (joint == JOINT_AND))
			p[i] = (struct cbpf_insn){OP_JMP | OP_JA, 0, 0, (uint32_t)(c->n - i - 1)};
	memcpy(p + c->n, next->p, next->n * sizeof(p[0]));
	c->n += next->n;
	return 0;
}

static void negate(struct code *c)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (c->p[i].code == (OP_RET | OP_K))
			c->p[i].k = c->p[i].k ? 0 : UINT32_MAX;
}

static int compile_chain(const struct split *s, struct span head, struct span all, unsigned depth,
			 struct code *ret);

/* One element that is too long for a part. */
static int compile_element(const struct split *s, struct span head, struct span e, unsigned depth,
			   struct code *ret)
{
	struct span inside, q = qualifiers(s, e);
	bool negated;
	int r;

	if (depth < NESTED_MAX && group(s, e, &inside, &negated)) {
		r = compile_chain(s, q.from < q.to ? q : head, inside, depth + 1, ret);
		if (r == 0 && negated)
			negate(ret);
		return r;
	}
	if (e.to - e.from > WHOLE_MAX)
		return err_set(
			s->err, -E2BIG,
			"%zu words from column %u on are more than %d and cannot be compiled "
			"in parts",
			e.to - e.from, filter_text_column(s->t, e.from), WHOLE_MAX);
	return compile(s, head, e, false, ret);
}

/* The next part of a chain: one element, or some short ones with the same joint
 * between them. */
static struct span part_at(const struct split *s, struct span all, size_t from, enum joint joint)
{
	struct span part = element_at(s, all, from), e;

	while (part.to + 1 < all.to && joint_at(s, all, part.to) == joint) {
		e = element_at(s, all, part.to + 1);
		if (e.to - part.from > PART_WORDS)
			break;
		part.to = e.to;
	}
	return part;
}

/* What is inherited behind a part. */
static struct span head_behind(const struct split *s, struct span head, struct span part)
{
	struct span e, q;
	size_t at = part.from;

	for (; at < part.to; at = e.to + 1) {
		e = element_at(s, part, at);
		q = qualifiers(s, e);
		if (q.from < q.to)
			head = q;
	}
	return head;
}

/* A chain binds to the left whatever its joints are: ((a or b) and c) or d. */
static int compile_chain(const struct split *s, struct span head, struct span all, unsigned depth,
			 struct code *ret)
{
	CLEANUP(code_done) struct code sum = {0};
	enum joint before = JOINT_NONE, joint;
	size_t at = all.from;
	struct span part;
	int r;

	while (at < all.to) {
		CLEANUP(code_done) struct code c = {0};

		part = element_at(s, all, at);
		joint = before;
		if (!joint && part.to < all.to)
			joint = joint_at(s, all, part.to);
		part = part_at(s, all, at, joint);
		r = part.to - part.from > PART_WORDS ? compile_element(s, head, part, depth, &c)
						     : compile(s, head, part, true, &c);
		if (r == 0)
			r = append(s, &sum, before, &c);
		if (r < 0)
			return r;
		head = head_behind(s, head, part);
		before = part.to < all.to ? joint_at(s, all, part.to) : JOINT_NONE;
		at = part.to + 1;
	}
	*ret = sum;
	sum.p = NULL;
	return 0;
}

int filter_split(struct cbpf_insn **ret, size_t *ret_n, const struct filter_text *t,
		 const struct filter_link *link, struct err *err)
{
	static const char *const moving[] = {
		"vlan",  "mpls",  "pppoes",     "geneve",      "vxlan", "lane",
		"metac", "bcc",   "oamf4sc",    "oamf4ec",     "sc",    "ilmic",
		"oam",   "oamf4", "connectmsg", "metaconnect", "vpi",   "vci",
	};
	struct split s = {t, link, err};
	struct span none = {0, 0};
	struct code c;
	size_t i;
	int r;

	for (i = 0; i < t->n && !is_one_of(&s, i, moving, COUNT(moving)); i++)
		;
	if (i == t->n)
		r = compile_chain(&s, none, (struct span){0, t->n}, 0, &c);
	else if (t->n <= WHOLE_MAX)
		r = compile(&s, none, (struct span){0, t->n}, false, &c);
	else
		r = err_set(err, -E2BIG, "%zu words behind '%.*s' are more than %d", t->n,
			    (int)t->toks[i].len, t->text + t->toks[i].off, WHOLE_MAX);
	if (r < 0)
		return r;
	*ret = c.p;
	*ret_n = c.n;
	return 0;
}
