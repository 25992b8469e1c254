#include "filter/filter_compile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/vec.h"
#include "filter/filter.h"
#include "filter/filter_lex.h"

/* libpcap's optimiser takes time with the cube of the expression, the rest of
 * it with the square (1.10.3: 100 hosts 50 ms and 25 ms, 500 hosts 5.8 s and
 * 0.6 s). */
#define OPTIMISE_WORDS_MAX 400

/* A number that no 32-bit scanner takes.  libpcap's scanner reports it before
 * the parser may judge it; so if put behind the first words of an expression it
 * is reported exactly when these words are fine up to here. */
#define POISON "99999999999999999999"

/* Names that stand where they may inherit 'host' from words before. */
#define LOOSE_NAMES_MAX 64

int filter_text_init(struct filter_text *ret, const char *text, struct err *err)
{
	struct filter_text t = {.text = text};
	size_t pos = 0, size = 0;
	struct ftok tok;

	if (strlen(text) > FILTER_TEXT_MAX)
		return err_set(err, -E2BIG, "the expression has %zu bytes, more than %d",
			       strlen(text), FILTER_TEXT_MAX);
	while (ftok_next(text, &pos, &tok)) {
		if (t.n == FILTER_WORDS_MAX) {
			filter_text_done(&t);
			return err_set(err, -E2BIG, "the expression has more than %d words",
				       FILTER_WORDS_MAX);
		}
		if (vec_reserve(&t.toks, &size, t.n + 1, sizeof(t.toks[0])) < 0) {
			filter_text_done(&t);
			return err_set(err, -ENOMEM, "out of memory");
		}
		t.toks[t.n++] = tok;
	}
	*ret = t;
	return 0;
}

void filter_text_done(struct filter_text *t)
{
	free(t->toks);
	*t = (struct filter_text){0};
}

unsigned filter_text_column(const struct filter_text *t, size_t i)
{
	size_t off = i < t->n ? t->toks[i].off : t->n ? filter_text_end(t, t->n - 1) : 0;

	return t->column ? t->column(t->arg, off) : text_column(t->text, off);
}

/* Parses the first 'len' bytes and then 'more' and the poison.  1: all of it
 * was taken, 0: not, because of 'msg'. */
static int reaches(const struct filter_text *t, size_t len, const char *more,
		   const struct filter_link *link, char msg[FILTER_MSG_SIZE])
{
	CLEANUP(freep) struct cbpf_insn *code = NULL;
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	size_t n;
	int r;

	buf_add(&b, t->text, len);
	buf_addf(&b, " %s" POISON, more);
	if (buf_err(&b))
		return buf_err(&b);
	r = filter_pcap(buf_str(&b), link, false, &code, &n, msg);
	/* 1: this libpcap does not know that the number is bad */
	return r < 0 ? r : r > 0 || strstr(msg, POISON) != NULL;
}

/* The first word that libpcap does not get past; t->n: it takes them all. */
static int first_bad(const struct filter_text *t, const struct filter_link *link, size_t *ret)
{
	char msg[FILTER_MSG_SIZE];
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int r = reaches(t, filter_text_end(t, mid), "", link, msg);

		if (r < 0)
			return r;
		if (r)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret = lo;
	return 0;
}

/* After these a name is that of a port, a protocol or a kind of frame (or an
 * error that libpcap will report). */
static const char *const plain_name_after[] = {
	"port", "portrange", "proto",  "protochain", "type",    "subtype", "dir",    "direction",
	"llc",  "on",        "ifname", "rset",       "ruleset", "reason",  "action", "mask",
};

/* What libpcap has looked at when it notices that the word before was wrong. */
static const char *const late_at[] = {"and", "or", "&&", "||", ")", "]"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool is_one_of(const struct filter_text *t, size_t i, const char *const *list, size_t n)
{
	size_t j;

	for (j = 0; j < n; j++)
		if (ftok_is(t->text, &t->toks[i], list[j]))
			return true;
	return false;
}

/* Whether libpcap would look name 'i' up as that of a host or network.  Which
 * kind a name without keyword inherits, libpcap itself says: an address in its
 * place is refused with "'port' modifier ..." or the like where the name is not
 * a host's.  Everything else counts as a host's: no look-up may slip through. */
static int is_host_name(const struct filter_text *t, size_t i, const struct filter_link *link,
			size_t *loose)
{
	char msg[FILTER_MSG_SIZE];
	int r;

	if (i && is_one_of(t, i - 1, plain_name_after, COUNT(plain_name_after)))
		return 0;
	if (++*loose > LOOSE_NAMES_MAX)
		return -E2BIG;
	r = reaches(t, t->toks[i].off, "", link, msg);
	if (r <= 0) /* libpcap stops before */
		return r;
	r = reaches(t, t->toks[i].off, "1.2.3.4 and ", link, msg);
	if (r < 0)
		return r;
	if (!r && (strncmp(msg, "'port", 5) == 0 || strncmp(msg, "'proto", 6) == 0 ||
		   strstr(msg, "syntax error")))
		return 0;
	return 1;
}

/* Keywords of a later libpcap look like names, but may begin an expression. */
static int is_new_keyword(const struct filter_text *t, size_t i, const struct filter_link *link)
{
	const char *word = t->text + t->toks[i].off;
	struct ftok tok = {.len = t->toks[i].len};
	struct filter_text one = {.text = word, .toks = &tok, .n = 1};
	char msg[FILTER_MSG_SIZE];

	return reaches(&one, tok.len, "", link, msg);
}

static const char *quote_word(const struct filter_text *t, size_t i, char ret[static 80])
{
	return err_quote(ret, 80, t->text + t->toks[i].off, t->toks[i].len);
}

/* Refuses what libpcap would ask the resolver about.  0, or -errno with 'err'
 * set and the word in '*ret_word'. */
static int check_names(const struct filter_text *t, const struct filter_link *link,
		       size_t *ret_word, struct err *err)
{
	size_t i, loose = 0;
	char q[80];
	int r;

	for (i = 0; i < t->n; i++) {
		*ret_word = i;
		if (ftok_is(t->text, &t->toks[i], "gateway"))
			return err_set(err, -EINVAL,
				       "'gateway' (column %u) goes by host names, and names are "
				       "not resolved",
				       filter_text_column(t, i));
		if (t->toks[i].kind != FTOK_WORD)
			continue;
		r = is_host_name(t, i, link, &loose);
		if (r > 0)
			r = !is_new_keyword(t, i, link);
		if (r == -E2BIG)
			return err_set(err, r,
				       "more than %d names without 'port' or 'proto' before them",
				       LOOSE_NAMES_MAX);
		if (r < 0)
			return err_set(err, r, "out of memory");
		if (r)
			return err_set(err, -EINVAL,
				       "%s name '%s' (column %u): names are not resolved, give its "
				       "address",
				       i && ftok_is(t->text, &t->toks[i - 1], "net") ? "network"
										     : "host",
				       quote_word(t, i, q), filter_text_column(t, i));
	}
	*ret_word = t->n;
	return 0;
}

static bool is_word_char(char c)
{
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

/* How clearly a message speaks of a word: 0 not at all; in quotes counts most. */
static size_t mentions(const char *msg, const char *word, size_t len)
{
	size_t best = 0;
	const char *p;

	for (p = msg; (p = memmem(p, strlen(p), word, len)); p++) {
		if ((p > msg && is_word_char(p[-1])) || is_word_char(p[len]))
			continue;
		best = p > msg && strchr("'\"", p[-1]) ? 1000 + len : best ? best : len;
	}
	return best;
}

/* The word that a message means.  libpcap often notices one word late, having
 * looked at what follows; a message that quotes a word is about that. */
static size_t blame(const struct filter_text *t, size_t bad, const char *msg, bool *quoted)
{
	size_t best = 0, found = t->n, back, i, m;

	for (back = 0; back < 6 && back <= bad; back++) {
		i = bad - back;
		if (i == t->n || !is_word_char(t->text[t->toks[i].off]))
			continue;
		m = mentions(msg, t->text + t->toks[i].off, t->toks[i].len);
		if (m > best) {
			best = m;
			found = i;
		}
	}
	*quoted = found < t->n;
	if (*quoted)
		return found;
	if (bad && (bad == t->n || is_one_of(t, bad, late_at, COUNT(late_at))))
		return bad - 1;
	return bad;
}

static int syntax_error(const struct filter_text *t, size_t bad, struct err *err)
{
	char q[80];

	if (bad == t->n)
		return err_set(err, -EINVAL, "syntax error at the end (column %u)",
			       filter_text_column(t, bad));
	return err_set(err, -EINVAL, "syntax error at '%s' (column %u)", quote_word(t, bad, q),
		       filter_text_column(t, bad));
}

/* Turns libpcap's message into ours. */
static int explain(const struct filter_text *t, const struct filter_link *link, const char *msg,
		   size_t *ret_word, struct err *err)
{
	static const char front[] = "can't parse filter expression: ";
	char safe[256], q[80];
	bool quoted;
	size_t bad;
	int r;

	if (strstr(msg, "rejects all packets"))
		return err_set(err, -ENOMSG, "the expression can match no packet");
	r = first_bad(t, link, &bad);
	if (r < 0)
		return err_set(err, r, "out of memory");
	if (strncmp(msg, front, strlen(front)) == 0)
		msg += strlen(front);
	if (strcmp(msg, "syntax error") == 0) {
		*ret_word = bad;
		return syntax_error(t, bad, err);
	}
	err_quote(safe, sizeof(safe), msg, (unsigned)strlen(msg));
	*ret_word = bad = blame(t, bad, msg, &quoted);
	if (strncmp(msg, "syntax error", 12) == 0)
		return syntax_error(t, bad, err);
	if (bad == t->n)
		return err_set(err, -EINVAL, "%s", safe);
	if (quoted)
		return err_set(err, -EINVAL, "%s (column %u)", safe, filter_text_column(t, bad));
	return err_set(err, -EINVAL, "%s at '%s' (column %u)", safe, quote_word(t, bad, q),
		       filter_text_column(t, bad));
}

/* All of a long expression at once would take minutes: first it is made sure that
 * libpcap understands it, which is quick, then it is compiled in parts. */
static int compile_long(const struct filter_text *t, const struct filter_link *link,
			struct cbpf_insn **ret, size_t *ret_n, size_t *ret_word, struct err *err)
{
	char msg[FILTER_MSG_SIZE];
	size_t i, open = 0;
	int r;

	for (i = 0; i < t->n; i++)
		open += ftok_is(t->text, &t->toks[i], "(") -
			(size_t)ftok_is(t->text, &t->toks[i], ")");
	r = reaches(t, strlen(t->text), "and len > 0 ", link, msg);
	if (r < 0)
		return err_set(err, r, "out of memory");
	if (r > 0 && open == 0)
		return filter_split(ret, ret_n, t, link, err);
	/* an error, so that all of it is not compiled after all */
	r = filter_pcap(t->text, link, false, ret, ret_n, msg);
	if (r == 0)
		return explain(t, link, msg, ret_word, err);
	return r < 0 ? err_set(err, r, "out of memory") : 0;
}

static int compile_short(const struct filter_text *t, const struct filter_link *link,
			 struct cbpf_insn **ret, size_t *ret_n, size_t *ret_word, struct err *err)
{
	char msg[FILTER_MSG_SIZE];
	int r;

	r = filter_pcap(t->text, link, true, ret, ret_n, msg);
	if (r == 0)
		return explain(t, link, msg, ret_word, err);
	return r < 0 ? err_set(err, r, "out of memory") : 0;
}

int filter_compile(struct cbpf **ret, const struct filter_text *t, const struct filter_link *link,
		   size_t *ret_word, struct err *err)
{
	CLEANUP(freep) struct cbpf_insn *code = NULL;
	struct err own = {0};
	size_t word = t->n, n;
	int r;

	r = check_names(t, link, &word, &own);
	if (r == 0) {
		word = t->n;
		if (t->n <= FILTER_WORDS_WHOLE)
			r = compile_short(t, link, &code, &n, &word, &own);
		else
			r = compile_long(t, link, &code, &n, &word, &own);
	}
	if (r == 0)
		r = cbpf_new(ret, code, n, &own);
	if (ret_word)
		*ret_word = word;
	if (r < 0 && err)
		*err = own;
	return r;
}
