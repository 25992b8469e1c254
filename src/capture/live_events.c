#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/vec.h"
#include "capture/live_impl.h"
#include "capture/netns.h"
#include "capture/rtnl.h"
#include "filter/filter.h"

#define NETNS_PREFIX "netns:"
#define QUOTE_SIZE   80 /* of a name in a message */

static const char *quote(char q[QUOTE_SIZE], const char *text)
{
	return err_quote(q, QUOTE_SIZE, text, (unsigned)strlen(text));
}

static int get_ns(struct live_hub *h, const char *name, size_t len, struct live_ns **ret,
		  struct err *err)
{
	struct live_ns *ns, **v;
	int r;

	for (size_t i = 0; i < h->n_ns; i++) {
		if (strlen(h->ns[i]->name) == len && !memcmp(h->ns[i]->name, name, len)) {
			*ret = h->ns[i];
			return 0;
		}
	}
	if (h->n_ns == LIVE_NETNS_MAX)
		return err_set(err, -E2BIG, "more than %d network namespaces", LIVE_NETNS_MAX);
	v = reallocarray(h->ns, h->n_ns + 1, sizeof(*v));
	ns = calloc(1, sizeof(*ns));
	if (v)
		h->ns = v;
	if (!v || !ns) {
		free(ns);
		return err_set(err, -ENOMEM, "out of memory");
	}
	memcpy(ns->name, name, len);
	ns->events = ns->query = -1;
	h->ns[h->n_ns++] = ns;

	/* Listening begins before the list is asked for: nothing falls between. */
	r = netns_route_socket(h->priv, ns->name, &ns->events, err);
	if (r == 0)
		r = rtnl_listen(ns->events, RTMGRP_LINK, err);
	if (r == 0)
		r = netns_route_socket(h->priv, ns->name, &ns->query, err);
	*ret = ns;
	return r;
}

const char *live_name_split(const char *text, const char **ret_ns, size_t *ret_len)
{
	const char *slash;

	*ret_ns = "";
	*ret_len = 0;
	if (strncmp(text, NETNS_PREFIX, strlen(NETNS_PREFIX)) != 0)
		return text;
	*ret_ns = text + strlen(NETNS_PREFIX);
	slash = strchr(*ret_ns, '/');
	if (!slash || slash == *ret_ns || !slash[1])
		return NULL;
	*ret_len = (size_t)(slash - *ret_ns);
	return slash + 1;
}

/* What 'text' says; of the name of a namespace, "" for our own, '*ret_len' bytes. */
static int split_name(const char *text, struct live_ask *ret, const char **ret_ns, size_t *ret_len,
		      struct err *err)
{
	const char *name = live_name_split(text, ret_ns, ret_len);
	struct live_ask a = {.what = WHAT_NAME};
	char q[QUOTE_SIZE];
	size_t max;

	if (!name)
		return err_set(err, -EINVAL, "'%s' is not of the form netns:NAME/INTERFACE",
			       quote(q, text));
	if (*ret_len) {
		if (**ret_ns == '.')
			return err_set(err, -EINVAL, "'%.*s' is not a name of a network namespace",
				       (int)strcspn(quote(q, *ret_ns), "/"), q);
		if (*ret_len >= LIVE_NETNS_NAME)
			return err_set(
				err, -EINVAL,
				"'%s' names a network namespace by %zu bytes, and names have "
				"at most %d",
				quote(q, text), *ret_len, LIVE_NETNS_NAME - 1);
	}
	if (!strcmp(name, "any"))
		a.what = WHAT_ANY;
	else if (strpbrk(name, "*?["))
		a.what = WHAT_GLOB;
	max = (a.what == WHAT_NAME ? IF_NAMESIZE : sizeof(a.text)) - 1;
	if (!*name)
		return err_set(err, -EINVAL, "'' cannot be the name of an interface");
	if (strlen(name) > max)
		return err_set(err, -EINVAL,
			       "'%s' cannot be %s: it has %zu bytes, and those have at most %zu",
			       quote(q, name),
			       a.what == WHAT_NAME ? "the name of an interface" : "a glob",
			       strlen(name), max);
	/* Those that the kernel gives to none, dev_valid_name(). */
	if (strchr(name, '/') || strpbrk(name, " \t\n\v\f\r") || !strcmp(name, ".") ||
	    !strcmp(name, ".."))
		return err_set(err, -EINVAL, "'%s' cannot be the name of an interface",
			       quote(q, name));
	memcpy(a.text, name, strlen(name));
	*ret = a;
	return 0;
}

int live_name_check(const char *text, struct err *err)
{
	struct live_ask a;
	const char *ns;
	size_t len;

	return split_name(text, &a, &ns, &len, err);
}

static int read_ask(struct live_hub *h, const char *text, struct live_ask *ret, struct err *err)
{
	struct live_ask a;
	const char *ns;
	size_t len;
	int r;

	r = split_name(text, &a, &ns, &len, err);
	if (r == 0)
		r = get_ns(h, ns, len, &a.ns, err);
	if (r < 0)
		return r;
	*ret = a;
	return 0;
}

/* The same twice is one. */
static bool is_asked(const struct live_hub *h, const struct live_ask *a)
{
	for (size_t i = 0; i < h->n_asks; i++)
		if (h->asks[i].ns == a->ns && !strcmp(h->asks[i].text, a->text))
			return true;
	return false;
}

static bool matches(const struct live_ask *a, const struct live_ns *ns, const char *name)
{
	if (a->ns != ns)
		return false;
	return a->what == WHAT_ANY || (a->what == WHAT_NAME && !strcmp(a->text, name)) ||
	       (a->what == WHAT_GLOB && !fnmatch(a->text, name, 0));
}

/* The most particular one that an interface matches; NULL: none. */
static const struct live_ask *find_ask(const struct live_hub *h, const struct live_ns *ns,
				       const char *name)
{
	const struct live_ask *best = NULL;

	for (size_t i = 0; i < h->n_asks; i++)
		if (matches(&h->asks[i], ns, name) && (!best || h->asks[i].what < best->what))
			best = &h->asks[i];
	return best;
}

static const char *at_text(int64_t ts, char *buf, size_t size)
{
	time_t t = (time_t)(ts / 1000000000);
	struct tm tm;
	size_t n = strftime(buf, size, "%Y-%m-%d %H:%M:%S", gmtime_r(&t, &tm));

	snprintf(buf + n, size - n, ".%03d UTC", (int)(ts % 1000000000 / 1000000));
	return buf;
}

static struct live_if *find_index(struct live *l, const struct live_ns *ns, int index, size_t *ret)
{
	for (size_t i = 0; i < l->n_ifs; i++) {
		if (l->ifs[i]->ns == ns && l->ifs[i]->ifindex == index && index > 0) {
			*ret = i;
			return l->ifs[i];
		}
	}
	return NULL;
}

void live_away_begin(struct live_if *f, int64_t now)
{
	struct live_away *a = &f->away;

	if (a->n && !a->at[(a->n - 1) % LIVE_AWAYS].to)
		return; /* down first, then gone */
	a->at[a->n % LIVE_AWAYS].from = now;
	a->at[a->n++ % LIVE_AWAYS].to = 0;
}

void live_away_end(struct live_if *f, int64_t now)
{
	struct live_away *a = &f->away;

	if (a->n && !a->at[(a->n - 1) % LIVE_AWAYS].to)
		a->at[(a->n - 1) % LIVE_AWAYS].to = now;
}

static void set_state(struct live *l, size_t i, enum live_state state)
{
	struct live_order o = {.what = ORDER_STATE, .iface = i, .f.state = state};

	if (state == LIVE_UP)
		live_away_end(l->ifs[i], clock_ns(CLOCK_REALTIME));
	else
		live_away_begin(l->ifs[i], l->ifs[i]->since);
	live_tell(l, &o);
	live_obey(l, &o);
}

static void changed(struct live *l, size_t i, const struct link *k)
{
	struct live_if *f = l->ifs[i];
	char when[64];

	if (strcmp(f->name, k->name) != 0) {
		struct live_order o = {.what = ORDER_NAME, .iface = i};

		src_note_add(&l->src, 0, NULL, "'%s' was renamed to '%s'", f->shown, k->name);
		memcpy(o.f.name, k->name, sizeof(o.f.name));
		snprintf(o.f.shown, sizeof(o.f.shown), "%s%s%s%s", *f->ns->name ? NETNS_PREFIX : "",
			 f->ns->name, *f->ns->name ? "/" : "", k->name);
		live_tell(l, &o);
		live_obey(l, &o);
	}
	if (k->up && f->state == LIVE_DOWN) {
		src_note_add(&l->src, 0, NULL, "'%s' is up, after %.3f s", f->shown,
			     (double)(clock_ns(CLOCK_REALTIME) - f->since) / 1e9);
		set_state(l, i, LIVE_UP);
	} else if (!k->up && f->state == LIVE_UP) {
		f->since = clock_ns(CLOCK_REALTIME);
		src_note_add(&l->src, 0, NULL, "'%s' is down since %s", f->shown,
			     at_text(f->since, when, sizeof(when)));
		set_state(l, i, LIVE_DOWN);
	}
}

/* The number of an interface that is gone and was called so, with the same link type. */
static size_t find_gone(struct live *l, const struct live_ns *ns, const struct link *k)
{
	for (size_t i = 0; i < l->n_ifs; i++) {
		const struct live_if *f = l->ifs[i];

		if (f->ns == ns && f->state == LIVE_GONE && f->linktype == k->linktype &&
		    f->cooked == k->cooked && !strcmp(f->name, k->name))
			return i;
	}
	return SIZE_MAX;
}

/* Whether a name was given, and what had it is still there under another one. */
static bool is_taken(const struct live *l, const struct live_ask *ask)
{
	for (size_t i = 0; ask->what == WHAT_NAME && i < l->n_ifs; i++)
		if (l->ifs[i]->ask == ask && l->ifs[i]->ifindex)
			return true;
	return false;
}

static void appeared(struct live *l, struct live_ns *ns, const struct link *k)
{
	const struct live_ask *ask = find_ask(l->hub, ns, k->name);
	struct err err = {0};
	int64_t since;
	size_t at;

	if (!ask || l->ending || is_taken(l, ask))
		return;
	at = find_gone(l, ns, k);
	since = at == SIZE_MAX ? 0 : l->ifs[at]->since;
	if (live_join(l, ns, ask, k, at, &err) < 0) {
		/* Each of its events tries again. */
		if (l->refused_ns != ns || l->refused != k->index)
			src_note_add(&l->src, 0, NULL, "cannot capture %s", err.text);
		l->refused_ns = ns;
		l->refused = k->index;
		return;
	}
	if (at == SIZE_MAX)
		src_note_add(&l->src, 0, NULL, "'%s' has joined", l->ifs[l->n_ifs - 1]->shown);
	else
		src_note_add(&l->src, 0, NULL, "'%s' is back, after %.3f s", l->ifs[at]->shown,
			     (double)(clock_ns(CLOCK_REALTIME) - since) / 1e9);
}

static void gone(struct live *l, size_t i, const struct link *k)
{
	struct live_if *f = l->ifs[i];
	char when[64];

	f->since = clock_ns(CLOCK_REALTIME);
	if (k) /* its last word */
		live_wire_end(f, &k->stats);
	else
		f->wire_known = false;
	src_note_add(&l->src, 0, NULL, "'%s' was removed at %s", f->shown,
		     at_text(f->since, when, sizeof(when)));
	set_state(l, i, LIVE_GONE);
}

struct event_arg {
	struct live *l;
	struct live_ns *ns;
	uint8_t *there; /* of each interface: found in the list; NULL: no list */
};

static int on_link(void *arg, const struct nlmsghdr *h)
{
	struct event_arg *a = arg;
	struct live_if *f;
	struct link k;
	size_t i;

	if (rtnl_link_parse(h, &k) < 0)
		return 0;
	/* Messages of a bridge about its ports have another family, and no news. */
	if (((const struct ifinfomsg *)NLMSG_DATA(h))->ifi_family != AF_UNSPEC)
		return 0;
	f = find_index(a->l, a->ns, k.index, &i);
	if (h->nlmsg_type == RTM_DELLINK) {
		if (f)
			gone(a->l, i, &k);
		return 0;
	}
	if (f) {
		if (a->there && i < LIVE_IFACES_MAX)
			a->there[i] = 1;
		changed(a->l, i, &k);
	} else {
		size_t n = a->l->n_ifs;

		appeared(a->l, a->ns, &k);
		if (a->there && a->l->n_ifs > n)
			a->there[n] = 1;
		else if (a->there && find_index(a->l, a->ns, k.index, &i))
			a->there[i] = 1;
	}
	return 0;
}

/* Some events were lost: what is there now is compared with what was. */
static void relist(struct live *l, struct live_ns *ns)
{
	CLEANUP(freep) uint8_t *there = calloc(LIVE_IFACES_MAX, 1);
	struct event_arg a = {.l = l, .ns = ns, .there = there};
	size_t n = l->n_ifs;
	struct err err;

	if (!there || rtnl_dump(ns->query, RTM_GETLINK, AF_UNSPEC, on_link, &a, &err) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (l->ifs[i]->ns == ns && l->ifs[i]->ifindex && !there[i])
			gone(l, i, NULL);
}

void live_events(struct live *l)
{
	for (size_t i = 0; i < l->hub->n_ns; i++) {
		struct live_ns *ns = l->hub->ns[i];
		struct event_arg a = {.l = l, .ns = ns};

		if (rtnl_events(ns->events, on_link, &a) == -ENOBUFS)
			relist(l, ns);
	}
}

/* The list at the start. */
struct found {
	struct link *v; /* owned */
	size_t n, size;
};

static int find_one(void *arg, const struct nlmsghdr *h)
{
	struct found *f = arg;
	struct link k;

	if (rtnl_link_parse(h, &k) < 0)
		return 0;
	if (vec_reserve(&f->v, &f->size, f->n + 1, sizeof(*f->v)) < 0)
		return -ENOMEM;
	f->v[f->n++] = k;
	return 0;
}

/* Programs are compiled now: later there may be no way to the files that name ports. */
static int prepare(struct live *l, struct err *err)
{
	static const uint16_t types[] = {RING_ETHERNET, RING_RAW, RING_SLL2};
	struct live_hub *h = l->hub;

	for (unsigned t = 0; t < h->threads; t++)
		for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
			if (h->members[t]->filter &&
			    filter_prepare(h->members[t]->filter, types[i], err) == -ENOMEM)
				return -ENOMEM;
	return 0;
}

static int join_found(struct live *l, struct live_ns *ns, const struct found *found,
		      struct err *err)
{
	for (size_t i = 0; i < found->n; i++) {
		const struct link *k = &found->v[i];
		const struct live_ask *ask = find_ask(l->hub, ns, k->name);
		int r = ask ? live_join(l, ns, ask, k, SIZE_MAX, err) : 0;

		/* One of many may vanish just now. */
		if ((r == -ENODEV || r == -ENXIO) && ask->what != WHAT_NAME)
			src_note_add(&l->src, 0, NULL, "cannot capture %s", err->text);
		else if (r < 0)
			return r;
	}
	return 0;
}

/* A filter that makes no sense for an interface lets nothing of it pass ('inbound' on
 * Ethernet): where it is so everywhere, nobody can have meant that. */
static int check_filter(struct live *l, struct err *err)
{
	struct filter *f = l->hub->members[0]->filter;
	size_t bad = 0;
	struct err why;

	for (size_t i = 0; f && i < l->n_ifs; i++) {
		if (filter_prepare(f, l->ifs[i]->linktype, &why) != -EINVAL)
			continue;
		if (!bad++)
			*err = why;
		src_note_add(&l->src, 0, NULL, "nothing of '%s' can pass the filter: %s",
			     l->ifs[i]->shown, why.text);
	}
	return bad && bad == l->n_ifs ? err_wrap(err, -EINVAL, "filter") : 0;
}

static int check_names(const struct live *l, struct err *err)
{
	for (size_t i = 0; i < l->hub->n_asks; i++) {
		const struct live_ask *a = &l->hub->asks[i];
		char q[QUOTE_SIZE], in[QUOTE_SIZE];

		if (a->what == WHAT_NAME && !is_taken(l, a))
			return err_set(err, -ENODEV, "there is no interface '%s'%s%s%s",
				       quote(q, a->text),
				       *a->ns->name ? " in the network namespace '" : "",
				       quote(in, a->ns->name), *a->ns->name ? "'" : "");
	}
	return 0;
}

static int list_all(struct live *l, struct found *lists, struct err *err)
{
	struct live_hub *h = l->hub;
	size_t n = 0;

	for (size_t i = 0; i < h->n_ns; i++) {
		int r = rtnl_dump(h->ns[i]->query, RTM_GETLINK, AF_UNSPEC, find_one, &lists[i],
				  err);

		if (r < 0)
			return r;
		for (size_t k = 0; k < lists[i].n; k++)
			n += find_ask(h, h->ns[i], lists[i].v[k].name) != NULL;
	}
	h->ring_start = live_ring_start(h->conf.buffer_total, n * h->threads);
	return 0;
}

int live_begin(struct live *l, struct err *err)
{
	struct live_hub *h = l->hub;
	struct found *lists;
	int r;

	if (!h->conf.n)
		return err_set(err, -EINVAL, "no interface is named");
	h->asks = calloc(h->conf.n, sizeof(*h->asks));
	if (!h->asks)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < h->conf.n; i++) {
		struct live_ask a;

		r = read_ask(h, h->conf.ifaces[i], &a, err);
		if (r < 0)
			return r;
		if (!is_asked(h, &a))
			h->asks[h->n_asks++] = a;
	}
	r = prepare(l, err);
	if (r < 0)
		return r;
	lists = calloc(h->n_ns, sizeof(*lists));
	if (!lists)
		return err_set(err, -ENOMEM, "out of memory");
	r = list_all(l, lists, err);
	for (size_t i = 0; r == 0 && i < h->n_ns; i++)
		r = join_found(l, h->ns[i], &lists[i], err);
	if (r == 0)
		r = check_names(l, err);
	if (r == 0)
		r = check_filter(l, err);
	for (size_t i = 0; i < h->n_ns; i++)
		free(lists[i].v);
	free(lists);
	l->begun = true;
	return r;
}
