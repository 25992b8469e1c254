#include "cli/capture_filter.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "capture/links.h"
#include "capture/live.h"

#define NAME_SIZE 256

static size_t word_at(const char *p, const char *word)
{
	static const char inside[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	size_t n = strlen(word);

	return strncmp(p, word, n) == 0 && (!p[n] || !strchr(inside, p[n])) ? n : 0;
}

/* The next "ip broadcast" from 'p' on, and its length. */
static const char *find(const char *p, size_t *ret_len)
{
	const char *start = p, *at;
	size_t n;

	for (; (p = strstr(p, "ip")); p++) {
		if (p > start && !strchr(" \t\r\n()!&|", p[-1]))
			continue;
		n = word_at(p, "ip");
		at = p + n + strspn(p + n, " \t\r\n");
		if (!n || !word_at(at, "broadcast"))
			continue;
		*ret_len = (size_t)(at - p) + word_at(at, "broadcast");
		return p;
	}
	return NULL;
}

bool capture_filter_wants_mask(const char *text)
{
	size_t len;

	return find(text, &len);
}

/* The prefix length that the interfaces agree on so far. */
struct mask {
	int prefix; /* -1: none yet */
	char name[IF_NAMESIZE];
};

static int add_link(struct mask *m, const struct link *k, struct err *err)
{
	/* The first address, as pcap_lookupnet(3PCAP) takes it. */
	for (size_t i = 0; i < k->n_addrs; i++) {
		if (k->addrs[i].addr.family != ADDR_IP4)
			continue;
		if (m->prefix >= 0 && m->prefix != k->addrs[i].prefix) {
			char a[64], b[64];

			return err_set(err, -EINVAL,
				       "filter: 'ip broadcast' needs one netmask, and '%s' has "
				       "/%d, '%s' /%u",
				       err_quote(a, sizeof(a), m->name, (unsigned)strlen(m->name)),
				       m->prefix,
				       err_quote(b, sizeof(b), k->name, (unsigned)strlen(k->name)),
				       k->addrs[i].prefix);
		}
		m->prefix = k->addrs[i].prefix;
		memcpy(m->name, k->name, sizeof(m->name));
		return 0;
	}
	return 0;
}

static int add_masks(struct mask *m, struct priv *priv, const char *text, struct err *err)
{
	CLEANUP(links_done) struct links links = LINKS_INIT;
	char netns[NAME_SIZE] = "";
	const char *name, *ns;
	size_t n;
	int r;

	name = live_name_split(text, &ns, &n);
	if (name) { /* live_name_check() has seen it: it fits */
		memcpy(netns, ns, n < NAME_SIZE ? n : NAME_SIZE - 1);
		text = name;
	}
	r = links_list(&links, priv, *netns ? netns : NULL, err);
	for (size_t i = 0; r == 0 && i < links.n; i++)
		if (strcmp(text, "any") == 0 ? !links.v[i].loopback
					     : strcmp(text, links.v[i].name) == 0 ||
						       fnmatch(text, links.v[i].name, 0) == 0)
			r = add_link(m, &links.v[i], err);
	return r;
}

/* What pcap_compile() makes of it: IPv4, and of the destination all bits or none behind the
 * mask. */
static void write_meaning(struct buf *b, int prefix)
{
	uint32_t host = prefix >= 32 ? 0 : UINT32_MAX >> prefix;

	buf_addf(b, "(ip and (ip[16:4] & %#x = 0 or ip[16:4] & %#x = %#x))", host, host, host);
}

int capture_filter_mask(struct buf *filter, struct priv *priv, const char *const *ifaces, size_t n,
			struct err *err)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	struct mask m = {.prefix = -1};
	const char *p = buf_str(filter), *at;
	size_t len, i;
	int r = 0;

	if (!capture_filter_wants_mask(p))
		return 0;
	for (i = 0; r == 0 && i < n; i++)
		r = add_masks(&m, priv, ifaces[i], err);
	if (r < 0)
		return r;
	if (m.prefix < 0)
		return err_set(
			err, -EINVAL,
			"filter: 'ip broadcast' needs a netmask, and no interface has an IPv4 "
			"address");
	for (; (at = find(p, &len)); p = at + len) {
		buf_add(&b, p, (size_t)(at - p));
		write_meaning(&b, m.prefix);
	}
	buf_addstr(&b, p);
	if (buf_err(&b))
		return err_set(err, -ENOMEM, "out of memory");
	buf_clear(filter);
	buf_addstr(filter, buf_str(&b));
	return buf_err(filter) ? err_set(err, -ENOMEM, "out of memory") : 0;
}

int capture_filter_hint(const char *text, struct err *err)
{
	/* libpcap's words for any program that is not run by it on its own socket. */
	static const char odd[] = " when reading savefiles";
	char *at = strstr(err->text, odd);

	if (at)
		memmove(at, at + strlen(odd), strlen(at + strlen(odd)) + 1);
	if (strstr(text, "inbound") || strstr(text, "outbound"))
		return err_set(err, -EINVAL,
			       "%s; option -Q in (or out) chooses the direction of packets",
			       err->text);
	if (strstr(text, "ifname") || strstr(text, "ifindex"))
		return err_set(err, -EINVAL, "%s; option -i chooses interfaces", err->text);
	return -EINVAL;
}
