/* Rows of blocks that are left out by their addresses alone have no packet that passes: frames and
 * filters put together at random, against the filter itself.  And what is left out: by hand. */
#include "run/prune.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "filter/filter.h"
#include "filter/filter_hosts.h"
#include "flow/flow_rows.h"
#include "flow/flow_schema.h"
#include "flow/flow_segment.h"
#include "net/dec.h"
#include "prune_make.h"

#define FRAMES     1500
#define TEXTS      600
#define BLOCKS_MAX 2048

/* Packets, the flows that they make, and blocks of these. */
struct world {
	uint16_t linktype;
	struct pkt pkts[FRAMES]; /* with bytes of their own */
	uint64_t root[FRAMES];   /* serials of flows that no other is around */
	size_t n;
	struct flow_table *table;
	struct flow_rows *rows;
	struct buf bytes;
	size_t at[BLOCKS_MAX + 1];
	size_t n_blocks;
};

static const char *iface_name(void *arg, uint32_t iface)
{
	(void)arg;
	(void)iface;
	return "i0";
}

static uint64_t no_drops(void *arg, int64_t from, int64_t to)
{
	(void)arg;
	(void)from;
	(void)to;
	return 0;
}

static void world_add(struct world *w, const uint8_t *data, size_t caplen, size_t len)
{
	struct pkt *p = &w->pkts[w->n];

	assert_true(w->n < FRAMES);
	w->n++;
	*p = (struct pkt){.ts = (int64_t)w->n * 1000,
			  .clock = (int64_t)w->n * 1000,
			  .data = malloc(caplen + 1),
			  .caplen = (uint32_t)caplen,
			  .len = (uint32_t)len,
			  .linktype = w->linktype,
			  .number = w->n};
	assert_non_null(p->data);
	memcpy((uint8_t *)(uintptr_t)p->data, data, caplen);
}

static void world_done(struct world *w)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		free((void *)(uintptr_t)w->pkts[i].data);
	flow_rows_free(w->rows);
	flow_table_free(w->table);
	buf_done(&w->bytes);
	free(w);
}

static struct world *world_new(uint16_t linktype)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->linktype = linktype;
	return w;
}

static void end_block(struct world *w, struct fseg_writer *to)
{
	assert_true(w->n_blocks < BLOCKS_MAX);
	assert_int_equal(fseg_end(to, &w->bytes), 0);
	w->at[++w->n_blocks] = w->bytes.len;
}

/* Blocks of a few rows, so that some are left out as a whole. */
static void make_blocks(struct world *w)
{
	struct fseg_writer *to;
	struct fseg_opts o;
	struct batch *b, *one;
	size_t i, k;

	flow_segment_opts(&o);
	assert_int_equal(batch_new(&b, flow_store_schema(), &o.fields), 0);
	assert_int_equal(batch_new(&one, flow_store_schema(), &o.fields), 0);
	assert_int_equal(fseg_writer_new(&to, &o), 0);
	while (flow_rows_take(w->rows, b)) {
		for (i = 0; i < b->n; i += k) {
			size_t n = b->n;

			k = 1 + rnd(rnd(2) ? 3 : 150);
			k = k < n - i ? k : n - i;
			b->n = i + k; /* as if it ended there */
			assert_int_equal(fseg_add(to, b, i), k);
			b->n = n;
			end_block(w, to);
		}
	}
	fseg_writer_free(to);
	batch_free(one);
	batch_free(b);
}

static void world_flows(struct world *w)
{
	const struct flow_opts opts = {
		.idle = FLOW_IDLE_DEFAULT,
		.hold = FLOW_HOLD_DEFAULT,
		.max_flows = 1 << 20,
		.max_memory = UINT64_C(1) << 32,
	};
	const struct flow_rows_env env = {.iface_name = iface_name, .drops = no_drops};
	struct flow_ref refs[DEC_LEVELS_MAX];
	struct dec d[DEC_LEVELS_MAX];
	size_t i, k, n;

	assert_int_equal(flow_table_new(&w->table, &opts, NULL), 0);
	for (i = 0; i < w->n; i++) {
		const struct pkt *p = &w->pkts[i];

		n = dec_frame(p->linktype, p->data, p->caplen, p->len, d);
		for (k = 0; k < n; k++)
			d[k].pkt = 0;
		assert_int_equal(flow_table_add(w->table, d, n, p, refs), 0);
		w->root[i] = refs[0].serial;
	}
	assert_int_equal(flow_table_finish(w->table, (int64_t)w->n * 1000), 0);
	assert_int_equal(flow_rows_new(&w->rows, &w->table, 1, &env), 0);
	flow_rows_sort(w->rows);
	make_blocks(w);
}

struct tally {
	uint64_t rows, out, matched;
};

static bool is_set(const uint64_t *rows, size_t i)
{
	return rows[i / 64] >> (i % 64) & 1;
}

/* Marks serials that are left out. */
static void ask_block(const struct world *w, size_t block, const struct prune *p, struct fseg *f,
		      bool *out, struct tally *t)
{
	uint64_t rows[FSEG_ROWS / 64];
	const uint64_t *serials;
	uint32_t cleared, n = 0, i;

	assert_int_equal(fseg_open(f, (const uint8_t *)w->bytes.p + w->at[block],
				   w->at[block + 1] - w->at[block], NULL),
			 0);
	assert_int_equal(fseg_serials(f, &serials, NULL), 0);
	memset(rows, 0xff, sizeof(rows));
	rows[0] &= ~UINT64_C(2);       /* what was not asked for stays so, and does not count */
	if (fseg_opened(f)->rows % 64) /* as bits behind the last row */
		rows[fseg_opened(f)->rows / 64] &= (UINT64_C(1) << fseg_opened(f)->rows % 64) - 1;
	assert_int_equal(prune_block(p, f, rows, &cleared, NULL), 0);
	for (i = 0; i < fseg_opened(f)->rows; i++) {
		if (i == 1) {
			assert_false(is_set(rows, i));
			continue;
		}
		n += !is_set(rows, i);
		if (!(serials[i] & 7))
			out[serials[i] >> 3] = !is_set(rows, i);
	}
	assert_int_equal(cleared, n);
	t->rows += fseg_opened(f)->rows;
	t->out += n;
}

static void check(const struct world *w, const char *text, struct tally *t)
{
	CLEANUP(filter_freep) struct filter *f = NULL;
	CLEANUP(prune_freep) struct prune *p = NULL;
	CLEANUP(fseg_freep) struct fseg *seg = NULL;
	const struct prune_iface iface = {"i0", w->linktype};
	struct prune_conf conf = {.ifaces = &iface, .n_ifaces = 1};
	CLEANUP(freep) bool *out = calloc(w->n + 1, sizeof(*out)); /* [number of first packet] */
	struct err err;
	size_t i;

	if (filter_new(&f, text, NULL) < 0)
		return;
	conf.filter = f;
	assert_non_null(out);
	assert_int_equal(prune_new(&p, &conf, &err), 0);
	assert_int_equal(fseg_new(&seg, flow_store_schema()), 0);
	for (i = 0; i < w->n_blocks; i++)
		ask_block(w, i, p, seg, out, t);
	for (i = 0; i < w->n; i++) {
		const struct pkt *k = &w->pkts[i];

		if (!filter_match(f, k->linktype, k->data, k->caplen, k->len))
			continue;
		t->matched++;
		if (out[w->root[i] >> 3])
			fail_msg("'%s' passes packet %zu, of a flow that was left out", text, i);
	}
}

/* What is rare at random. */
static const char *const more[] = {
	"net 0.0.0.0/8", /* as which parts of addresses of IPv6 may be read */
	"src net 0.0.0.0/8 or dst net 32.1.0.0/16",
	"host 0.0.0.1",
	"host 0.0.0.0",
	"host 0.0.0.2 and not tcp",
	"src host 255.255.255.255 or host 192.0.2.1",
	"vlan and host 192.0.2.1",
	"vlan and vlan and host 192.0.2.1",
	"host 192.0.2.1 and host 198.51.100.2",
	"host 192.0.2.1 or host 198.51.100.2",
	"host 192.0.2.1 or net 10.0.0.0/8",
	"(host 192.0.2.1 or host 10.0.0.1) and (net 203.0.113.0/24 or net 198.51.100.0/24)",
	"host 2001:db8::1 and host 2001:db8::2",
	"host 2001:db8::1 or host 192.0.2.1",
	"net 2001:db8::/65 and not host 2001:db8::2",
	"ip6 net 2001:db8::/126 or ip net 192.0.2.0/31",
	"host 192.0.2.1 and not host 198.51.100.2",
	"not host 192.0.2.1",
	"src host 192.0.2.1 and dst host 203.0.113.3 and udp",
	"ip[12:4] = 0xc0000201",
	"net 192.0.2.0 mask 255.255.255.0",
	"dst net 2001::/16",
	"host 192.0.2.1 or ether host 00:00:5e:00:53:01",
	"host 192.0.2.1 or port 53",
	"arp host 192.0.2.1",
	"pppoes and host 192.0.2.1",
	"mpls and host 192.0.2.1",
	"geneve and host 192.0.2.1",
	"ip proto \\tcp and host 10.0.0.1",
};

static void made(uint16_t linktype, struct tally *t)
{
	struct world *w = world_new(linktype);
	struct texts texts = {.n = 0};
	char text[512];
	size_t i;

	while (w->n < FRAMES) {
		struct out o = {.n = 0};

		put_frame(&o, linktype);
		world_add(w, o.b, rnd(12) ? o.n : rnd((uint32_t)o.n + 1), o.n);
	}
	world_flows(w);
	read_texts(&texts);
	for (i = 0; i < texts.n; i++)
		check(w, texts.v[i], t);
	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		check(w, more[i], t);
	for (i = 0; i < TEXTS; i++) {
		make_text(text, sizeof(text));
		check(w, text, t);
	}
	texts_done(&texts);
	world_done(w);
}

static void test_made_ether(void **state)
{
	struct tally t = {0};

	(void)state;
	made(LINKTYPE_ETHERNET, &t);
	/* a test in which nothing is left out, or nothing matches, shows nothing */
	assert_true(t.out > t.rows / 20);
	assert_true(t.matched > 1000);
}

static void test_made_raw(void **state)
{
	struct tally t = {0};

	(void)state;
	made(LINKTYPE_RAW, &t);
	assert_true(t.out > t.rows / 20);
	assert_true(t.matched > 1000);
}

/* Their shapes are not known. */
static void test_made_cooked(void **state)
{
	struct tally t = {0};

	(void)state;
	made(LINKTYPE_LINUX_SLL, &t);
	assert_int_equal(t.out, 0);
	assert_true(t.matched > 1000);
}

/* By hand. */

enum {
	A_B,   /* 192.0.2.1 and 198.51.100.2 */
	C_A,   /* 10.0.0.1 and 192.0.2.1, in VLAN 5 */
	C_B,   /* 10.0.0.1 and 198.51.100.2 */
	X_Y,   /* 2001:db8::1 and 2001:db8::2 */
	ARP_A, /* 192.0.2.1 asks for 198.51.100.2 */
	LLDP,
	N_HAND,
};

static void add_hand(struct world *w, const char *hex)
{
	uint8_t b[128] = {0};
	size_t n = 0;
	unsigned v;
	int used;

	for (; sscanf(hex, " %2x%n", &v, &used) == 1; hex += used)
		b[n++] = (uint8_t)v;
	world_add(w, b, n < 60 ? 60 : n, n < 60 ? 60 : n);
}

#define M1  "00005e005301"
#define M2  "00005e005302"
#define TCP "04d2 0050 00000000 00000000 5002 0000 0000 0000"

static void hand_world(struct world *w)
{
	add_hand(w, M2 M1 "0800 4500 0028 0000 0000 4006 0000 c0000201 c6336402" TCP);
	add_hand(w, M2 M1 "8100 0005 0800 4500 0028 0000 0000 4006 0000 0a000001 c0000201" TCP);
	add_hand(w, M2 M1 "0800 4500 0028 0000 0000 4006 0000 0a000001 c6336402" TCP);
	add_hand(w, M2 M1 "86dd 60000000 0014 0640 20010db8000000000000000000000001"
			  "20010db8000000000000000000000002" TCP);
	add_hand(w, M2 M1 "0806 0001 0800 06 04 0001" M1 "c0000201 000000000000 c6336402");
	add_hand(w, "0180c200000e" M1 "88cc 0207");
	world_flows(w);
}

static void test_hand(void **state)
{
	/* By pcap-filter(7), '.': neither end is of those that a packet must have. What is no flow
	 * of IP is not told apart (1), and of IPv6 under IPv4's EtherType nobody knows (?): there
	 * 'host 192.0.2.1' looks into the source. */
	static const struct {
		const char *text, *left;
	} t[] = {
		/* A_B C_A C_B X_Y ARP LLDP */
		{"host 192.0.2.1", "11..11"},
		{"ip host 192.0.2.1", "11..11"},
		{"src host 192.0.2.1", "11..11"},
		{"dst 192.0.2.1 and tcp port 80", "11..11"},
		{"host 198.51.100.2", "1.1.11"},
		{"host 192.0.2.1 and host 198.51.100.2", "1...11"},
		{"host 192.0.2.1 and 198.51.100.2 and tcp port 1234 and port 80", "1...11"},
		{"host 192.0.2.1 and 10.0.0.1", ".1..11"},
		{"host 192.0.2.1 or 10.0.0.1", "111.11"},
		{"(host 192.0.2.1 or 10.0.0.1) and host 198.51.100.2", "1.1.11"},
		{"host 192.0.2.1 and (tcp or host 10.0.0.1)", "11..11"},
		{"host 192.0.2.1 and not host 198.51.100.2", "11..11"},
		{"not host 192.0.2.1", "111111"},
		{"host 192.0.2.1 or port 80", "111111"},
		{"net 10.0.0.0/8", ".11.11"},
		{"src net 10.0.0.0/8 and dst host 198.51.100.2", "..1.11"},
		{"net 198.48.0.0/12", "1.1.11"},
		{"net 192.0.2.0/25 or host 198.51.100.2", "111.11"},
		{"host 203.0.113.1", "....11"},
		{"host 2001:db8::1", "...111"},
		{"host 2001:db8::1 and host 2001:db8::2", "...111"},
		{"host 2001:db8::3", "....11"},
		{"net 2001:db8::/126", "...111"},
		{"ip6 net 2001:db8::/33 and port 80", "...111"},
		{"net 2001:db8::4/126", "....11"},
		{"host 2001:db8::1 or host 10.0.0.1", ".11111"},
		{"vlan and host 10.0.0.1", ".11.11"},
		{"vlan 5 and host 192.0.2.1", "11..11"},
		{"ip6", "...111"}, /* there are no addresses: no flow of IPv4 has any that matter */
		{"arp", "....11"},
		{"tcp", "111111"},
		{"ether host 00:00:5e:00:53:01", "111111"},
		{"ether host 00:00:5e:00:53:01 and host 192.0.2.1", "11..11"},
	};
	struct world *w = world_new(LINKTYPE_ETHERNET);
	size_t i, k;

	(void)state;
	hand_world(w);
	assert_int_equal(w->n, N_HAND);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CLEANUP(filter_freep) struct filter *f = NULL;
		CLEANUP(prune_freep) struct prune *p = NULL;
		CLEANUP(fseg_freep) struct fseg *seg = NULL;
		const struct prune_iface iface = {"i0", LINKTYPE_ETHERNET};
		struct prune_conf conf = {.ifaces = &iface, .n_ifaces = 1};
		char got[N_HAND + 1] = {0};

		struct err err;

		if (filter_new(&f, t[i].text, &err) < 0)
			fail_msg("'%s': %s", t[i].text, err.text);
		conf.filter = f;
		assert_int_equal(prune_new(&p, &conf, NULL), 0);
		assert_int_equal(fseg_new(&seg, flow_store_schema()), 0);
		for (k = 0; k < w->n_blocks; k++) {
			uint64_t rows[1];
			const uint64_t *serials;
			uint32_t cleared, row, n;

			assert_int_equal(fseg_open(seg, (const uint8_t *)w->bytes.p + w->at[k],
						   w->at[k + 1] - w->at[k], NULL),
					 0);
			n = fseg_opened(seg)->rows;
			assert_true(n < 64);
			rows[0] = (UINT64_C(1) << n) - 1;
			assert_int_equal(fseg_serials(seg, &serials, NULL), 0);
			assert_int_equal(prune_block(p, seg, rows, &cleared, NULL), 0);
			for (row = 0; row < n; row++)
				for (size_t j = 0; j < N_HAND; j++)
					if (w->root[j] == serials[row])
						got[j] = is_set(rows, row) ? '1' : '.';
		}
		if (strcmp(got, t[i].left) != 0)
			fail_msg("'%s': %s instead of %s", t[i].text, got, t[i].left);
	}
	world_done(w);
}

static void test_names(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *first;
		unsigned bits;
	} t[] = {
		{"", 0, NULL, 0},
		{"tcp port 80", 0, NULL, 0},
		{"host 192.0.2.1", 1, "192.0.2.1", 32},
		{"192.0.2.1 or 192.0.2.1 or ( 192.0.2.2)", 2, "192.0.2.1", 32},
		{"net 192.0.2.0/24 and host 2001:db8::1", 2, "192.0.2.0", 24},
		{"net 192.0.2.0 / 24", 1, "192.0.2.0", 24},
		{"net 10.1", 0, NULL, 0},
		{"net 2001:db8::/32", 1, "2001:db8::", 32},
		{"host 2001:db8:0:0:0:0:0:1", 1, "2001:db8::1", 128},
		{"ether host 00:00:5e:00:53:01", 0, NULL, 0},
		{"net 192.0.2.0/", 1, "192.0.2.0", 32},
		{"ip[12:4] = 1", 0, NULL, 0},
	};
	struct filter_host v[4];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char text[ADDR_TEXT_SIZE];

		assert_int_equal(filter_hosts(t[i].text, v, 4), t[i].n);
		if (!t[i].n)
			continue;
		addr_text(&v[0].addr, text);
		assert_string_equal(text, t[i].first);
		assert_int_equal(v[0].bits, t[i].bits);
	}
	assert_int_equal(filter_hosts("1.1.1.1 or 1.1.1.2 or 1.1.1.3 or 1.1.1.4 or 1.1.1.5", v, 4),
			 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),       cmocka_unit_test(test_hand),
		cmocka_unit_test(test_made_ether),  cmocka_unit_test(test_made_raw),
		cmocka_unit_test(test_made_cooked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
