#include "filter/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "filter/cbpf.h"
#include "filter/filter_compile.h"
#include "filter/filter_lex.h"

/* What an expression has become for one link type. */
struct prog {
	bool met;          /* a frame of it was asked of */
	bool none;         /* it makes sense, but no frame can match */
	struct cbpf *code; /* owned; NULL: such frames never match */
};

#define PAGE 256

#define LINKTYPE_NULL 0
#define LINKTYPE_ENC  109

struct filter {
	char *copy;               /* owned */
	bool all;                 /* nothing but blanks: every frame passes */
	struct filter_text words; /* of 'copy' */
	/* By link type, high byte first: a table that is looked into for every frame and
	 * mostly empty.  Owned. */
	struct prog *pages[65536 / PAGE];
	/* The program of the last frame: most captures have one link type.  Not of those
	 * where the frame decides, nor of ones that never match. */
	const struct cbpf *last;
	uint16_t last_type;
	size_t met, misfits;    /* link types of frames; those for which it makes no sense */
	struct err misfit;      /* of the first one */
	struct prog swapped[2]; /* BSD loopback and IPsec from hosts of the other byte order */
};

void filter_free(struct filter *f)
{
	size_t i, j;

	if (!f)
		return;
	for (i = 0; i < sizeof(f->pages) / sizeof(f->pages[0]); i++) {
		for (j = 0; f->pages[i] && j < PAGE; j++)
			cbpf_free(f->pages[i][j].code);
		free(f->pages[i]);
	}
	cbpf_free(f->swapped[0].code);
	cbpf_free(f->swapped[1].code);
	filter_text_done(&f->words);
	free(f->copy);
	free(f);
}

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode));
}

/* `trawl flows x.pcap` is a common slip: says so if the text from 'p' on, or
 * all of it, names a file. */
static void hint_at_file(const char *text, size_t off, struct err *err)
{
	CLEANUP(freep) char *word = NULL;
	size_t from = off, len;
	struct err was;
	char q[160];

	while (from && !strchr(" \t\r\n", text[from - 1]))
		from--;
	len = strcspn(text + from, " \t\r\n");
	word = strndup(text + from, len);
	if (!word || !is_file(word)) {
		free(word);
		word = strdup(text);
		if (!word || !is_file(word))
			return;
	}
	err_quote(q, sizeof(q), word, (unsigned)strlen(word));
	was = *err;
	err_set(err, was.code, "%s; '%s' is a file: give it with -r", was.text, q);
}

/* The place of a link type in the table, NULL without memory. */
static struct prog *prog_of(struct filter *f, const struct filter_link *link)
{
	struct prog **page = &f->pages[link->type / PAGE];

	if (link->swapped)
		return &f->swapped[link->type == LINKTYPE_ENC];
	if (!*page)
		*page = calloc(PAGE, sizeof(**page));
	return *page ? &(*page)[link->type % PAGE] : NULL;
}

/* An expression that is wrong for one link type may be right for another: these
 * differ in what they know (tcpdump.org/linktypes.html).  The error of the one
 * that understood most is the one to show, Ethernet's first. */
static const struct filter_link candidates[] = {
	{1, false},   /* Ethernet */
	{127, false}, /* 802.11 with radiotap */
	{276, false}, /* Linux cooked v2: interface, direction */
	{101, false}, /* raw IP */
	{117, false}, /* pflog */
	{123, false}, /* SunATM */
	{140, false}, /* MTP2 */
	{129, false}, /* ARCNET */
	{8, false},   /* SLIP: direction */
};

static int check(struct filter *f, struct err *err)
{
	struct err best = {0}, e;
	size_t i, word, best_word = 0;

	for (i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
		struct prog *p = prog_of(f, &candidates[i]);
		int r;

		if (!p)
			return err_set(err, -ENOMEM, "out of memory");
		r = filter_compile(&p->code, &f->words, &candidates[i], &word, &e);
		if (r == 0)
			return 0;
		if (r == -ENOMEM || (r == -ENOMSG && i == 0)) {
			best_word = f->words.n;
			best = e;
			break;
		}
		if (i == 0 || word > best_word) {
			best_word = word;
			best = e;
		}
	}
	if (best_word < f->words.n)
		hint_at_file(f->copy, f->words.toks[best_word].off, &best);
	if (best.code == -ENOMSG)
		best.code = -EINVAL;
	if (err)
		*err = best;
	return best.code;
}

static int new_at(struct filter **ret, const char *expr, filter_column_fn column, const void *arg,
		  struct err *err)
{
	CLEANUP(filter_freep) struct filter *f = NULL;
	int r;

	f = calloc(1, sizeof(*f));
	if (f)
		f->copy = strdup(expr);
	if (!f || !f->copy)
		return err_set(err, -ENOMEM, "out of memory");
	r = filter_text_init(&f->words, f->copy, err);
	if (r < 0)
		return r;
	f->words.column = column;
	f->words.arg = arg;
	f->all = f->words.n == 0;
	if (!f->all) {
		r = check(f, err);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(f);
	return 0;
}

int filter_new(struct filter **ret, const char *expr, struct err *err)
{
	return new_at(ret, expr, NULL, NULL, err);
}

int filter_check(const char *expr, filter_column_fn column, const void *arg, struct err *err)
{
	CLEANUP(filter_freep) struct filter *f = NULL;

	return new_at(&f, expr, column, arg, err);
}

static int prepare(struct filter *f, const struct filter_link *link, struct prog **ret,
		   struct err *err)
{
	struct prog *p = prog_of(f, link);
	const char *name;
	int r;

	if (!p)
		return err_set(err, -ENOMEM, "out of memory");
	*ret = p;
	if (p->code)
		return 0;
	r = filter_compile(&p->code, &f->words, link, NULL, err);
	if (r == -ENOMEM || r == 0)
		return r;
	p->none = r == -ENOMSG;
	r = p->none ? -EINVAL : r;
	name = filter_link_name(link);
	if (name)
		return err_wrap(err, r, "for link type %s", name);
	return err_wrap(err, r, "for link type %d", link->type);
}

int filter_prepare(struct filter *f, uint16_t linktype, struct err *err)
{
	struct filter_link link = {linktype, false};
	struct prog *p;

	return f->all ? 0 : prepare(f, &link, &p, err);
}

/* Their header begins with the address family in the order of the host that
 * wrote it, a number far below 65536: the zeros tell which order that was. */
static bool is_swapped(uint16_t linktype, const uint8_t *data, uint32_t caplen)
{
	uint32_t family;

	if ((linktype != LINKTYPE_NULL && linktype != LINKTYPE_ENC) || caplen < sizeof(family))
		return false;
	memcpy(&family, data, sizeof(family));
	return family > UINT16_MAX;
}

static void meet(struct filter *f, const struct filter_link *link, struct prog *p)
{
	struct err err;
	int r = prepare(f, link, &p, &err);

	p->met = r != -ENOMEM;
	f->met += p->met;
	if (r >= 0 || !p->met || p->none)
		return;
	if (!f->misfits++)
		f->misfit = err;
}

void filter_meet(struct filter *f, uint16_t linktype)
{
	const struct filter_link link = {linktype, false};
	struct prog *p = f->all ? NULL : prog_of(f, &link);

	if (p && !p->met)
		meet(f, &link, p);
}

bool filter_misfits(const struct filter *f, bool *ret_all, struct err *ret)
{
	*ret_all = f->misfits && f->misfits == f->met;
	if (f->misfits)
		*ret = f->misfit;
	return f->misfits;
}

/* filter_match() for the first frame after one of another link type. */
static bool match_other(struct filter *f, uint16_t linktype, const uint8_t *data, uint32_t caplen,
			uint32_t len)
{
	struct filter_link link = {linktype, is_swapped(linktype, data, caplen)};
	struct prog *p;

	if (f->all)
		return true;
	p = prog_of(f, &link);
	if (!p)
		return false;
	if (!p->met)
		meet(f, &link, p);
	if (!p->code)
		return false;
	if (linktype != LINKTYPE_NULL && linktype != LINKTYPE_ENC) {
		f->last = p->code;
		f->last_type = linktype;
	}
	return cbpf_run(p->code, data, caplen, len);
}

bool filter_match(struct filter *f, uint16_t linktype, const uint8_t *data, uint32_t caplen,
		  uint32_t len)
{
	if (f->last && f->last_type == linktype)
		return cbpf_run(f->last, data, caplen, len);
	return match_other(f, linktype, data, caplen, len);
}

const struct cbpf_insn *filter_code(struct filter *f, uint16_t linktype, size_t *ret_n)
{
	struct filter_link link = {linktype, false};
	struct prog *p = NULL;

	*ret_n = 0;
	if (f->all || prepare(f, &link, &p, NULL) < 0)
		return NULL;
	return cbpf_insns(p->code, ret_n);
}

const char *filter_text(const struct filter *f)
{
	return f->copy;
}
