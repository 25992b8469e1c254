/* trawl interfaces: what can be captured on. */
#include "cli/cmds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyse/out.h"
#include "base/cleanup.h"
#include "capture/links.h"
#include "cli/common.h"
#include "cli/fields.h"
#include "priv/priv.h"

struct interfaces_opts {
	int format;
	bool all, quiet;
};

static const char *const formats[] = {"auto", "table", "csv", "json", "jsonl", NULL};
enum { FORMAT_AUTO, FORMAT_TABLE, FORMAT_CSV, FORMAT_JSON, FORMAT_JSONL };

/* clang-format off */
static const struct opt table[] = {
	{"format", 0, OPT_ENUM, offsetof(struct interfaces_opts, format), "FORMAT", "auto",
	 "how to write the rows; auto is table on a terminal and csv elsewhere", .words = formats},
	{"all", 'a', OPT_FLAG, offsetof(struct interfaces_opts, all), NULL, NULL,
	 "interfaces of all named network namespaces too"},
	{"quiet", 'q', OPT_FLAG, offsetof(struct interfaces_opts, quiet), NULL, NULL,
	 "no remarks on stderr but errors"},
};

static const struct opt_set sets[] = {
	{"Options", OPT_TABLE(table), 0},
};

enum if_field {
	IF_NAME, IF_NETNS, IF_INDEX, IF_STATE, IF_CAPTURE, IF_KIND, IF_MAC, IF_ADDRESSES, IF_MTU,
	IF_MASTER, IF_PEER, IF_DRIVER, IF_SPEED, IF_LINKTYPE, IF_OFFLOADS, IF_XDP,
	IF_RX_PACKETS, IF_TX_PACKETS, IF_RX_BYTES, IF_TX_BYTES, IF_RX_DROPPED, IF_RX_ERRORS,
	IF_FIELDS,
};

static const struct field fields[IF_FIELDS] = {
	[IF_NAME] = {1, "name", "Name", VAL_STR, "", "L1", "the interface's name, for capture -i", ""},
	[IF_NETNS] = {2, "netns", "NetNS", VAL_STR, "", "L1", "its network namespace; absent: the own", ""},
	[IF_INDEX] = {3, "index", "Index", VAL_U64, "1", "L1", "its number in its namespace", ""},
	[IF_STATE] = {4, "state", "State", VAL_STR, "", "L1", "operational state", "RFC 2863"},
	[IF_CAPTURE] = {5, "capture", "Capture", VAL_STR, "", "L1", "whether this user may capture there: yes, or no and why", ""},
	[IF_KIND] = {6, "kind", "Kind", VAL_STR, "", "L1", "veth, bridge, ...; absent for plain devices", ""},
	[IF_MAC] = {7, "mac", "MAC", VAL_STR, "", "L2", "hardware address", ""},
	[IF_ADDRESSES] = {8, "addresses", "Addresses", VAL_STR, "", "IP", "IP addresses with prefix lengths", ""},
	[IF_MTU] = {9, "mtu", "MTU", VAL_U64, "bytes", "L2", "largest packet", ""},
	[IF_MASTER] = {10, "master", "Master", VAL_STR, "", "L1", "bridge or bond that it belongs to", ""},
	[IF_PEER] = {11, "peer", "Peer", VAL_STR, "", "L1", "other end of a veth pair, or the device below", ""},
	[IF_DRIVER] = {12, "driver", "Driver", VAL_STR, "", "L1", "driver", "ethtool"},
	[IF_SPEED] = {13, "speed", "Speed", VAL_U64, "Mbit/s", "L1", "speed", "ethtool"},
	[IF_LINKTYPE] = {14, "link_type", "LinkType", VAL_U64, "1", "L2", "LINKTYPE_ of its frames in a capture", ""},
	[IF_OFFLOADS] = {15, "offloads", "Offloads", VAL_STR, "", "L1", "offloads that are on", "ethtool"},
	[IF_XDP] = {16, "xdp", "XDP", VAL_BOOL, "", "L1", "whether an XDP program is attached, which may take packets before they can be captured", ""},
	[IF_RX_PACKETS] = {17, "rx_packets", "RxPackets", VAL_U64, "1", "L1", "packets received", "rtnetlink"},
	[IF_TX_PACKETS] = {18, "tx_packets", "TxPackets", VAL_U64, "1", "L1", "packets sent", "rtnetlink"},
	[IF_RX_BYTES] = {19, "rx_bytes", "RxBytes", VAL_U64, "bytes", "L1", "bytes received", "rtnetlink"},
	[IF_TX_BYTES] = {20, "tx_bytes", "TxBytes", VAL_U64, "bytes", "L1", "bytes sent", "rtnetlink"},
	[IF_RX_DROPPED] = {21, "rx_dropped", "RxDropped", VAL_U64, "1", "L1", "received and dropped", "rtnetlink"},
	[IF_RX_ERRORS] = {22, "rx_errors", "RxErrors", VAL_U64, "1", "L1", "received with errors", "rtnetlink"},
};
/* clang-format on */

static const struct schema schema = {fields, IF_FIELDS, NULL, 0};

/* What a person sees without asking for more. */
static const uint16_t few[] = {IF_NAME, IF_NETNS, IF_STATE, IF_CAPTURE,    IF_ADDRESSES,
			       IF_KIND, IF_PEER,  IF_MTU,   IF_RX_PACKETS, IF_TX_PACKETS};

/* Rows on their way out; texts of a batch live in 'text', by offset until it is
 * complete, since it moves. */
struct listing {
	struct out *out;
	struct batch *batch;
	struct buf text;
	bool may;
	char why[256];   /* not */
	bool why_below;  /* once, behind the rows */
	struct buf whys; /* lines of it */
};

static void put_text(struct listing *l, enum if_field f, size_t from)
{
	struct col *c = l->batch->cols[f];
	size_t len = l->text.len - from;

	if (!len)
		return;
	c->v.str[l->batch->n] = (struct val_str){(const char *)from, (uint32_t)len};
	col_mark(c, l->batch->n);
}

static void put_str(struct listing *l, enum if_field f, const char *s)
{
	size_t from = l->text.len;

	buf_addstr(&l->text, s);
	put_text(l, f, from);
}

static void put_u64(struct listing *l, enum if_field f, uint64_t v)
{
	struct col *c = l->batch->cols[f];

	c->v.u64[l->batch->n] = v;
	col_mark(c, l->batch->n);
}

static void put_mac(struct listing *l, const struct link *k)
{
	size_t from = l->text.len;
	uint8_t i;

	for (i = 0; i < k->hwaddr_len; i++)
		buf_addf(&l->text, "%s%02x", i ? ":" : "", k->hwaddr[i]);
	put_text(l, IF_MAC, from);
}

static void put_addresses(struct listing *l, const struct link *k)
{
	size_t from = l->text.len, i;

	for (i = 0; i < k->n_addrs; i++) {
		buf_addstr(&l->text, i ? " " : "");
		buf_addaddr(&l->text, &k->addrs[i].addr);
		buf_addf(&l->text, "/%u", k->addrs[i].prefix);
	}
	if (k->addrs_cut)
		buf_addstr(&l->text, " ...");
	put_text(l, IF_ADDRESSES, from);
}

static void put_offloads(struct listing *l, const struct link *k)
{
	static const struct {
		enum link_offload flag;
		const char *name;
	} all[] = {
		{LINK_GRO, "gro"},         {LINK_GSO, "gso"},         {LINK_TSO, "tso"},
		{LINK_LRO, "lro"},         {LINK_RX_VLAN, "rx-vlan"}, {LINK_TX_VLAN, "tx-vlan"},
		{LINK_RX_CSUM, "rx-csum"}, {LINK_TX_CSUM, "tx-csum"},
	};
	size_t from = l->text.len, i;

	for (i = 0; k->offloads_known && i < sizeof(all) / sizeof(all[0]); i++)
		if (k->offloads & all[i].flag)
			buf_addf(&l->text, "%s%s", l->text.len > from ? " " : "", all[i].name);
	put_text(l, IF_OFFLOADS, from);
}

static void put_link(struct listing *l, const char *netns, const struct link *k)
{
	put_str(l, IF_NAME, k->name);
	put_str(l, IF_NETNS, netns ? netns : "");
	put_u64(l, IF_INDEX, (uint64_t)k->index);
	put_str(l, IF_STATE, link_state_name(k));
	put_str(l, IF_CAPTURE, l->may ? "yes" : l->why_below ? "no" : l->why);
	put_str(l, IF_KIND, k->kind);
	put_mac(l, k);
	put_addresses(l, k);
	put_u64(l, IF_MTU, k->mtu);
	put_str(l, IF_MASTER, k->master_name);
	put_str(l, IF_PEER, k->peer_name);
	put_str(l, IF_DRIVER, k->driver);
	if (k->speed)
		put_u64(l, IF_SPEED, k->speed);
	put_u64(l, IF_LINKTYPE, k->linktype);
	put_offloads(l, k);
	l->batch->cols[IF_XDP]->v.b[l->batch->n] = k->xdp;
	col_mark(l->batch->cols[IF_XDP], l->batch->n);
	put_u64(l, IF_RX_PACKETS, k->stats.rx_packets);
	put_u64(l, IF_TX_PACKETS, k->stats.tx_packets);
	put_u64(l, IF_RX_BYTES, k->stats.rx_bytes);
	put_u64(l, IF_TX_BYTES, k->stats.tx_bytes);
	put_u64(l, IF_RX_DROPPED, k->stats.rx_dropped);
	put_u64(l, IF_RX_ERRORS, k->stats.rx_errors);
	l->batch->n++;
}

/* Offsets become pointers, rows go out. */
static int flush(struct listing *l, struct err *err)
{
	size_t f, i;
	int r;

	if (buf_err(&l->text))
		return err_set(err, -ENOMEM, "out of memory");
	for (f = 0; f < IF_FIELDS; f++) {
		struct col *c = l->batch->cols[f];

		for (i = 0; fields[f].type == VAL_STR && i < l->batch->n; i++)
			if (col_has(c, i))
				c->v.str[i].p = l->text.p + (size_t)c->v.str[i].p;
	}
	r = out_rows(l->out, l->batch, NULL, err);
	batch_clear(l->batch);
	buf_clear(&l->text);
	return r;
}

static int list(struct listing *l, struct priv *priv, const char *netns, struct err *err)
{
	struct links links = LINKS_INIT;
	struct err why = {0};
	size_t i;
	int r;

	r = links_list(&links, priv, netns, err);
	l->may = r == 0 && links_may_capture(priv, netns, &why) == 0;
	snprintf(l->why, sizeof(l->why), "no: %.240s", why.text);
	/* What is missing is mostly the same everywhere. */
	if (r == 0 && !l->may && !strstr(buf_str(&l->whys), l->why))
		buf_addf(&l->whys, "trawl: %s\n", l->why);
	for (i = 0; r == 0 && i < links.n; i++) {
		put_link(l, netns, &links.v[i]);
		if (l->batch->n == BATCH_ROWS)
			r = flush(l, err);
	}
	if (r == 0)
		r = flush(l, err);
	links_done(&links);
	return r;
}

static int list_all(struct listing *l, const struct interfaces_opts *o, struct cli *c,
		    struct priv *priv, struct err *err)
{
	CLEANUP(buf_done) struct buf names = BUF_INIT;
	struct err one = {0};
	size_t at = 0;
	int r, n = 0;

	r = list(l, priv, NULL, err);
	if (r == 0 && o->all)
		n = priv_netns_list(priv, &names, err);
	for (; r == 0 && n > 0; n--, at += strlen(names.p + at) + 1) {
		/* A namespace may go, or not be ours to enter. */
		if (list(l, priv, names.p + at, &one) < 0)
			cli_say(c, "%s", one.text);
	}
	return r < 0 ? r : n < 0 ? n : 0;
}

static int interfaces_run(struct cli *c, void *opts, const struct opt_list *operands)
{
	CLEANUP(out_freep) struct out *out = NULL;
	CLEANUP(priv_freep) struct priv *priv = NULL;
	struct interfaces_opts *o = opts;
	struct listing l = {.text = BUF_INIT, .whys = BUF_INIT};
	struct field_set want = {0};
	uint16_t all[IF_FIELDS];
	struct err err = {0};
	bool people = o->format == FORMAT_TABLE || (o->format == FORMAT_AUTO && c->out_terminal);
	const struct out_conf conf = {
		.format = o->format > FORMAT_TABLE ? (enum out_format)(o->format - FORMAT_TABLE)
			  : people                 ? OUT_TABLE
						   : OUT_CSV,
		.write = cli_write,
		.terminal = c->out_terminal,
		.colour = c->colour,
		.width = c->width,
	};
	size_t i;
	int r;

	(void)operands;
	c->quiet = o->quiet;
	for (i = 0; i < IF_FIELDS; i++) {
		field_set_add(&want, i);
		all[i] = (uint16_t)i;
	}
	r = priv_new(&priv, &err);
	if (r == 0)
		r = out_new(&out, &conf, &err);
	if (r == 0 && batch_new(&l.batch, &schema, &want) < 0)
		r = err_set(&err, -ENOMEM, "out of memory");
	l.out = out;
	l.why_below = people;
	if (r == 0)
		r = out_begin(out, &schema, people ? few : all,
			      people ? sizeof(few) / sizeof(few[0]) : IF_FIELDS, &err);
	if (r == 0)
		r = list_all(&l, o, c, priv, &err);
	if (r == 0)
		r = out_end(out, &err);
	if (r == 0 && people && !c->quiet)
		fputs(buf_str(&l.whys), stderr);
	buf_done(&l.whys);
	batch_free(l.batch);
	buf_done(&l.text);
	return r == 0 || r == -EPIPE ? CLI_DONE : cli_fail(&err);
}

static const char *const examples[] = {
	"trawl interfaces",
	"trawl interfaces --all --format json",
	NULL,
};

static const struct opt_cmd interfaces_opt = {
	.name = "interfaces",
	.brief = "network interfaces, and whether one may capture there",
	.about = "Lists the network interfaces of this host, and says for each whether this user "
		 "may capture on it and, if not, because of what.",
	.examples = examples,
	.sets = sets,
	.n_sets = sizeof(sets) / sizeof(sets[0]),
	.size = sizeof(struct interfaces_opts),
};

const struct cli_cmd cmd_interfaces = {"Capture", &interfaces_opt, interfaces_run};
