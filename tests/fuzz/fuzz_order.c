/* Input: requests to trawl-opener, one after another: how many descriptors come with it (a
 * byte), its length less that of a whole request (a byte, signed), then as many bytes of it
 * as are in one short form: kind (a byte), three arguments (4 bytes each), and two texts, each
 * behind its length (2 bytes).
 *
 * What passes is in a list that is written here once more, by hand, from docs/privileges.md:
 * no other request gets as far as to be acted on.  What passes is what came, byte for byte,
 * names are plain, and nothing passes once it was forgone, or sealed. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "priv/order.h"
#include "priv/priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what, uint32_t kind)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_order: %s (request %u)\n", what, kind);
	abort();
}

struct in {
	const uint8_t *p;
	size_t left;
};

static uint32_t take(struct in *in, size_t n)
{
	uint8_t b[4] = {0};

	n = n < in->left ? n : in->left;
	memcpy(b, in->p, n);
	in->p += n;
	in->left -= n;
	return le32_load(b);
}

static void take_text(struct in *in, char *to, size_t size)
{
	size_t n = take(in, 2);

	n = n < in->left ? n : in->left;
	memcpy(to, in->p, n < size ? n : size);
	in->p += n;
	in->left -= n;
}

static bool plain(const char *p)
{
	size_t n = strlen(p);

	if (n == 0 || n > 255 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
		return false;
	for (size_t i = 0; i < n; i++)
		if (p[i] == '/')
			return false;
	return true;
}

/* The list: how many arguments and descriptors, which texts ('n' a name, 'o' a name or
 * nothing, 'p' a path), which feature. */
static const struct {
	uint32_t kind;
	size_t args, fds;
	const char *texts;
	unsigned feature;
	bool until_sealed;
} list[] = {
	{1, 2, 0, "", 0, true},
	{2, 1, 0, "", 0, false},
	{3, 0, 0, "", 0, true},
	{4, 0, 0, "o", PRIV_PACKET, false},
	{5, 0, 0, "o", PRIV_ROUTE, false},
	{6, 0, 0, "", PRIV_NETNS, false},
	{7, 1, 1, "", PRIV_BPF, false},
	{8, 1, 1, "", PRIV_MARK, false},
	{9, 1, 0, "p", PRIV_GRANT, true},
	{10, 2, 0, "n", PRIV_FILES, false},
	{11, 1, 0, "", PRIV_FILES, false},
	{12, 1, 0, "", PRIV_FILES, false},
	{13, 3, 0, "n", PRIV_FILES, false},
	{14, 1, 0, "nn", PRIV_FILES, false},
	{15, 1, 0, "n", PRIV_FILES, false},
	{16, 1, 0, "n", PRIV_FILES, false},
	{17, 1, 1, "", PRIV_READERS, false},
};

static bool text_listed(char rule, const char *p)
{
	switch (rule) {
	case '\0':
		return p[0] == '\0';
	case 'o':
		return p[0] == '\0' || plain(p);
	case 'n':
		return plain(p);
	default:
		return p[0] != '\0';
	}
}

static bool listed(const struct gate *g, const struct order_wire *w, size_t n_fds)
{
	size_t i = 0;
	unsigned features;

	while (i < sizeof(list) / sizeof(list[0]) && list[i].kind != w->kind)
		i++;
	if (i == sizeof(list) / sizeof(list[0]) || w->magic != ORDER_MAGIC)
		return false;
	for (size_t a = list[i].args; a < 3; a++)
		if (w->arg[a])
			return false;
	features = list[i].feature | (list[i].texts[0] == 'o' && w->text[0] ? PRIV_NETNS : 0);
	return n_fds == list[i].fds && text_listed(list[i].texts[0], w->text) &&
	       text_listed(list[i].texts[0] ? list[i].texts[1] : '\0', w->name) &&
	       g->greeted == (w->kind != 1) && !(g->sealed && list[i].until_sealed) &&
	       !(features & ~g->features);
}

static bool is_padded(const char *p, size_t size)
{
	const char *end = memchr(p, '\0', size);

	for (size_t i = end ? (size_t)(end - p) : 0; i < size; i++)
		if (p[i])
			return false;
	return end;
}

/* Asks, and does to the gate what the opener would. */
static void ask(struct gate *g, const struct order_wire *w, size_t size, size_t n_fds)
{
	struct order_wire got;
	struct err err = {0};
	char *copy = malloc(size ? size : 1);
	bool whole = size == sizeof(*w);
	int r;

	if (!copy)
		return;
	memset(copy, 0, size);
	memcpy(copy, w, size < sizeof(*w) ? size : sizeof(*w));
	r = gate_pass(g, copy, size, n_fds, &got, &err);
	free(copy);
	require(r == 0 || (r < 0 && err.code == r && err.text[0]), "refused without a reason",
		w->kind);
	if (r == 0) {
		require(whole && !memcmp(&got, w, sizeof(got)), "passes as another", w->kind);
		require(is_padded(w->text, sizeof(w->text)) && is_padded(w->name, sizeof(w->name)),
			"hides something", w->kind);
		require(listed(g, w, n_fds), "passes, but is not in the list", w->kind);
	} else if (whole && is_padded(w->text, sizeof(w->text)) &&
		   is_padded(w->name, sizeof(w->name))) {
		require(!listed(g, w, n_fds), "is in the list, but does not pass", w->kind);
	}
	if (r < 0)
		return;
	g->greeted |= got.kind == ORDER_HELLO;
	g->sealed |= got.kind == ORDER_SEAL;
	if (got.kind == ORDER_FORGO)
		g->features &= ~got.arg[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gate g = {.features = PRIV_ALL};
	struct in in = {data, size};

	while (in.left > 0) {
		struct order_wire w = {0};
		size_t n_fds = take(&in, 1);
		int8_t more = (int8_t)take(&in, 1);
		uint32_t kind = take(&in, 1);

		/* Mostly ours, so that what comes behind it is reached. */
		w.magic = kind & 0x80 ? kind : ORDER_MAGIC;
		w.kind = kind & 0x7f;
		for (size_t i = 0; i < 3; i++)
			w.arg[i] = take(&in, 4);
		take_text(&in, w.text, sizeof(w.text));
		take_text(&in, w.name, sizeof(w.name));
		ask(&g, &w, (size_t)((ptrdiff_t)sizeof(w) + more), n_fds);
	}
	return 0;
}
