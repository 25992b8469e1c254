#include "priv/order.h"

#include <errno.h>
#include <string.h>

#include "priv/priv.h"

/* clang-format off */
static const struct order_rule rules[ORDER_KINDS] = {
	/*                    name         features              args fds ret text           second     before_seal */
	[ORDER_HELLO]     = {"hello",      0,                    2,   0,  0,  TEXT_NONE,     TEXT_NONE, true},
	[ORDER_FORGO]     = {"forgo",      0,                    1,   0,  0,  TEXT_NONE,     TEXT_NONE, false},
	[ORDER_SEAL]      = {"seal",       0,                    0,   0,  0,  TEXT_NONE,     TEXT_NONE, true},
	[ORDER_PACKET]    = {"packet",     PRIV_PACKET,          0,   0,  1,  TEXT_NAME_OPT, TEXT_NONE, false},
	[ORDER_ROUTE]     = {"route",      PRIV_ROUTE,           0,   0,  1,  TEXT_NAME_OPT, TEXT_NONE, false},
	[ORDER_NETNS]     = {"netns",      PRIV_NETNS,           0,   0,  1,  TEXT_NONE,     TEXT_NONE, false},
	[ORDER_BPF]       = {"bpf",        PRIV_BPF,             1,   1,  2,  TEXT_NONE,     TEXT_NONE, false},
	[ORDER_MARK]      = {"mark",       PRIV_MARK,            1,   1,  0,  TEXT_NONE,     TEXT_NONE, false},
	[ORDER_GRANT]     = {"grant",      PRIV_GRANT,           1,   0,  0,  TEXT_PATH,     TEXT_NONE, true},
	[ORDER_MKDIR]     = {"mkdir",      PRIV_FILES,           2,   0,  0,  TEXT_NAME,     TEXT_NONE, false},
	[ORDER_DIR_FD]    = {"dir-fd",     PRIV_FILES,           1,   0,  1,  TEXT_NONE,     TEXT_NONE, false},
	[ORDER_DIR_CLOSE] = {"dir-close",  PRIV_FILES,           1,   0,  0,  TEXT_NONE,     TEXT_NONE, false},
	[ORDER_CREATE]    = {"create",     PRIV_FILES,           3,   0,  1,  TEXT_NAME,     TEXT_NONE, false},
	[ORDER_RENAME]    = {"rename",     PRIV_FILES,           1,   0,  0,  TEXT_NAME,     TEXT_NAME, false},
	[ORDER_UNLINK]    = {"unlink",     PRIV_FILES,           1,   0,  0,  TEXT_NAME,     TEXT_NONE, false},
	[ORDER_RMDIR]     = {"rmdir",      PRIV_FILES,           1,   0,  0,  TEXT_NAME,     TEXT_NONE, false},
	[ORDER_READERS]   = {"readers",    PRIV_READERS,         1,   1,  0,  TEXT_NONE,     TEXT_NONE, false},
};
/* clang-format on */

const struct order_rule *order_rule(uint32_t kind)
{
	return kind < ORDER_KINDS && rules[kind].name ? &rules[kind] : NULL;
}

/* The text is a string, and zeros follow it. */
static bool padded(const char *p, size_t size)
{
	size_t len = strnlen(p, size);

	if (len == size)
		return false;
	for (size_t i = len; i < size; i++)
		if (p[i])
			return false;
	return true;
}

static bool text_fits(enum order_text rule, const char *p)
{
	switch (rule) {
	case TEXT_NONE:
		return !p[0];
	case TEXT_NAME_OPT:
		if (!p[0])
			return true;
		/* fall through */
	case TEXT_NAME:
		return p[0] && strlen(p) < ORDER_NAME_SIZE && !strchr(p, '/') &&
		       strcmp(p, ".") != 0 && strcmp(p, "..") != 0;
	case TEXT_PATH:
		return p[0];
	}
	return false;
}

static int order_check(const struct order_wire *w, const struct order_rule *r, struct err *err)
{
	for (size_t i = r->args; i < 3; i++)
		if (w->arg[i])
			return err_set(err, -EINVAL, "'%s' has %u arguments", r->name, r->args);
	if (!padded(w->text, sizeof(w->text)) || !padded(w->name, sizeof(w->name)))
		return err_set(err, -EBADMSG, "a text is not padded");
	if (!text_fits(r->text, w->text) || !text_fits(r->second, w->name)) {
		if (r->text == TEXT_PATH)
			return err_set(err, -EINVAL, "an empty path");
		return err_set(err, -EINVAL, "'%.255s' is not a plain name",
			       text_fits(r->text, w->text) ? w->name : w->text);
	}
	return 0;
}

static int text_copy(char *to, size_t size, const char *from, struct err *err)
{
	size_t len = from ? strlen(from) : 0;

	if (len >= size)
		return err_set(err, -ENAMETOOLONG, "'%.64s...' is too long", from);
	if (len)
		memcpy(to, from, len);
	return 0;
}

int order_encode(struct order_wire *ret, uint32_t kind, const uint32_t arg[3], const char *text,
		 const char *name, struct err *err)
{
	const struct order_rule *rule = order_rule(kind);
	int r;

	memset(ret, 0, sizeof(*ret));
	if (!rule)
		return err_set(err, -ENOSYS, "no request %u", kind);
	ret->magic = ORDER_MAGIC;
	ret->kind = kind;
	memcpy(ret->arg, arg, sizeof(ret->arg));
	r = text_copy(ret->text, rule->text == TEXT_PATH ? ORDER_PATH_SIZE : ORDER_NAME_SIZE, text,
		      err);
	if (r < 0)
		return r;
	r = text_copy(ret->name, sizeof(ret->name), name, err);
	if (r < 0)
		return r;
	return order_check(ret, rule, err);
}

static int gate_now(const struct gate *g, const struct order_wire *w, const struct order_rule *r,
		    struct err *err)
{
	unsigned features = r->features;

	if (g->greeted != (w->kind != ORDER_HELLO))
		return err_set(err, -EPERM, "the first request is 'hello', and no other is");
	if (r->before_seal && g->sealed)
		return err_set(err, -EPERM, "'%s' is refused once parsing has begun", r->name);
	if (r->text == TEXT_NAME_OPT && w->text[0])
		features |= PRIV_NETNS;
	if (features & ~g->features)
		return err_set(err, -EPERM, "'%s' was forgone", r->name);
	return 0;
}

int gate_pass(const struct gate *g, const void *msg, size_t size, size_t n_fds,
	      struct order_wire *ret, struct err *err)
{
	const struct order_rule *rule;
	uint32_t magic;
	int r;

	if (size < sizeof(magic))
		return err_set(err, -EBADMSG, "a request of %zu bytes", size);
	memcpy(&magic, msg, sizeof(magic));
	if (magic != ORDER_MAGIC)
		return err_set(err, -EPROTONOSUPPORT, "a request of another version");
	if (size != sizeof(*ret))
		return err_set(err, -EBADMSG, "a request of %zu bytes", size);
	memcpy(ret, msg, sizeof(*ret));

	rule = order_rule(ret->kind);
	if (!rule)
		return err_set(err, -ENOSYS, "no request %u", ret->kind);
	r = order_check(ret, rule, err);
	if (r < 0)
		return r;
	if (n_fds != rule->fds)
		return err_set(err, -EINVAL, "'%s' with %zu descriptors", rule->name, n_fds);
	return gate_now(g, ret, rule, err);
}

int answer_decode(const void *msg, size_t size, size_t n_fds, uint32_t kind,
		  struct answer_wire *ret, struct err *err)
{
	const struct order_rule *rule = order_rule(kind);
	struct answer_wire a;

	if (size < sizeof(a.magic))
		return err_set(err, -EBADMSG, "trawl-opener answered %zu bytes", size);
	memcpy(&a.magic, msg, sizeof(a.magic));
	if (a.magic != ORDER_MAGIC)
		return err_set(err, -EPROTONOSUPPORT, "trawl-opener is of another version");
	if (size != sizeof(a))
		return err_set(err, -EBADMSG, "trawl-opener answered %zu bytes", size);
	memcpy(&a, msg, sizeof(a));
	/* What it could not read at all it answers with kind 0, always an error. */
	if (a.code > 0 || (a.kind != kind && !(a.kind == 0 && a.code < 0)) || !rule ||
	    n_fds != (a.code == 0 ? rule->ret_fds : 0) || !padded(a.text, sizeof(a.text)))
		return err_set(err, -EBADMSG, "trawl-opener answered something else");
	*ret = a;
	return 0;
}
