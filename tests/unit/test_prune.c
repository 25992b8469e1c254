/* No flow is left out that has a packet which passes: rows and packets of captures, and
 * of frames put together at random, against the filter itself.  And what obviously cannot
 * match is left out: by hand. */
#include "run/prune.h"

#include <dirent.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "capture/src.h"
#include "filter/filter.h"
#include "flow/flow_rows.h"
#include "flow/flow_schema.h"
#include "net/dec.h"
#include "net/ethertype.h"
#include "net/link.h"
#include "prune_make.h"

#define ROUND       2500 /* frames put together for one run */
#define BATCHES_MAX 4096
#define NAMES_MAX   64

static const char name_of[NAMES_MAX][4] = {"i0", "i1", "i2", "i3"};

/* Packets and the flows that they make. */
struct world {
	enum flow_key_mode mode;
	struct pkt *pkts; /* with bytes of their own */
	uint64_t *root;   /* [packet]: the serial of the flow that no other is around */
	size_t n, size;
	struct flow_table *table;
	struct flow_rows *rows;
	struct batch *batches[BATCHES_MAX];
	size_t n_batches;
	struct prune_iface ifaces[NAMES_MAX];
	size_t n_ifaces;
};

static const char *iface_name(void *arg, uint32_t iface)
{
	(void)arg;
	return iface < 4 ? name_of[iface] : NULL;
}

static uint64_t no_drops(void *arg, int64_t from, int64_t to)
{
	(void)arg;
	(void)from;
	(void)to;
	return 0;
}

static void world_add(struct world *w, const uint8_t *data, uint32_t caplen, uint32_t len,
		      uint16_t linktype)
{
	struct pkt *p;
	size_t i;

	if (w->n == w->size) {
		w->size = w->size ? 2 * w->size : 1024;
		w->pkts = realloc(w->pkts, w->size * sizeof(*w->pkts));
		w->root = realloc(w->root, w->size * sizeof(*w->root));
		assert_true(w->pkts && w->root);
	}
	for (i = 0; i < w->n_ifaces && w->ifaces[i].linktype != linktype; i++)
		;
	assert_true(i < NAMES_MAX);
	if (i == w->n_ifaces)
		w->ifaces[w->n_ifaces++] = (struct prune_iface){iface_name(NULL, i), linktype};
	p = &w->pkts[w->n++];
	*p = (struct pkt){.ts = (int64_t)w->n * 1000,
			  .clock = (int64_t)w->n * 1000,
			  .data = malloc(caplen + 1),
			  .caplen = caplen,
			  .len = len,
			  .linktype = linktype,
			  .iface = (uint32_t)i,
			  .number = w->n};
	assert_non_null(p->data);
	memcpy((uint8_t *)(uintptr_t)p->data, data, caplen);
}

static void world_done(struct world *w)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		free((void *)(uintptr_t)w->pkts[i].data);
	for (i = 0; i < w->n_batches; i++)
		batch_free(w->batches[i]);
	flow_rows_free(w->rows);
	flow_table_free(w->table);
	free(w->pkts);
	free(w->root);
	memset(w, 0, sizeof(*w));
}

/* Makes flows of the packets.  The strings that prune_maybe() looks at are constants, so
 * batches may be kept. */
static void world_flows(struct world *w)
{
	const struct flow_opts opts = {
		.idle = FLOW_IDLE_DEFAULT,
		.hold = FLOW_HOLD_DEFAULT,
		.max_flows = 1 << 20,
		.max_memory = UINT64_C(1) << 32,
		.key_mode = w->mode,
	};
	const struct flow_rows_env env = {.iface_name = iface_name, .drops = no_drops};
	struct flow_ref refs[DEC_LEVELS_MAX];
	struct dec d[DEC_LEVELS_MAX];
	struct field_set want = {0};
	size_t i, k, n;

	assert_int_equal(flow_table_new(&w->table, &opts, NULL), 0);
	for (i = 0; i < w->n; i++) {
		const struct pkt *p = &w->pkts[i];

		n = dec_frame(p->linktype, p->data, p->caplen, p->len, d);
		for (k = 0; k < n; k++)
			d[k].pkt = 0;
		assert_int_equal(flow_table_add(w->table, d, n, p, refs), 0);
		w->root[i] = refs[0].serial;
		assert_int_equal(w->root[i] & 7, 0);
	}
	assert_int_equal(flow_table_finish(w->table, (int64_t)w->n * 1000), 0);
	assert_int_equal(flow_rows_new(&w->rows, &w->table, 1, &env), 0);
	flow_rows_sort(w->rows);
	prune_want(&want);
	do {
		assert_true(w->n_batches < BATCHES_MAX);
		assert_int_equal(batch_new(&w->batches[w->n_batches], flow_schema(), &want), 0);
	} while (flow_rows_take(w->rows, w->batches[w->n_batches++]));
}

struct tally {
	uint64_t flows, never, packets, matched;
};

static bool *answers(const struct world *w, struct prune *p, struct tally *t)
{
	bool *maybe = calloc(w->n + 1, sizeof(*maybe)); /* [number of the flow's first packet] */
	size_t i, k;

	assert_non_null(maybe);
	for (i = 0; i < w->n_batches; i++) {
		for (k = 0; k < w->batches[i]->n; k++) {
			uint64_t serial = w->batches[i]->serial[k];

			if (serial & 7)
				continue;
			maybe[serial >> 3] = prune_maybe(p, w->batches[i], k);
			t->flows++;
			t->never += !maybe[serial >> 3];
		}
	}
	return maybe;
}

static void say(const struct world *w, const struct pkt *p, const char *text)
{
	uint32_t i;

	fprintf(stderr, "'%s' passes a packet of a flow that was left out (link type %u, %s):\n ",
		text, p->linktype, w->mode == FLOW_KEY_L2 ? "L2" : "L3");
	for (i = 0; i < p->caplen && i < 100; i++)
		fprintf(stderr, "%02x%s", p->data[i], i % 2 ? " " : "");
	fprintf(stderr, "\n");
}

/* One expression on one world. */
static void check(const struct world *w, const char *text, struct tally *t)
{
	CLEANUP(filter_freep) struct filter *f = NULL;
	CLEANUP(prune_freep) struct prune *p = NULL;
	const struct prune_conf conf_of = {
		.ifaces = w->ifaces, .n_ifaces = w->n_ifaces, .key_mode = w->mode};
	struct prune_conf conf = conf_of;
	struct err err;
	bool *maybe;
	size_t i;

	if (filter_new(&f, text, NULL) < 0)
		return;
	conf.filter = f;
	assert_int_equal(prune_new(&p, &conf, &err), 0);
	maybe = answers(w, p, t);
	for (i = 0; i < w->n; i++) {
		const struct pkt *k = &w->pkts[i];

		t->packets++;
		if (!filter_match(f, k->linktype, k->data, k->caplen, k->len))
			continue;
		t->matched++;
		if (maybe[w->root[i] >> 3])
			continue;
		say(w, k, text);
		fail();
	}
	free(maybe);
}

static void make_frames(struct world *w, uint16_t linktype, size_t n)
{
	while (n--) {
		struct out o = {.n = 0};
		uint32_t cap;

		put_frame(&o, linktype);
		cap = rnd(12) ? (uint32_t)o.n : rnd((uint32_t)o.n + 1);
		world_add(w, o.b, cap, rnd(2) ? (uint32_t)o.n : cap, linktype);
	}
}

/* What is rare at random: behind extension headers, tags without a VLAN. */
static const char *const rare[] = {
	"ip6 proto 17 and ip6[6] = 44",
	"ip6 proto 6 and ip6[6] = 44",
	"vlan 0 and ether[14] & 0xe0 != 0",
	"vlan and ether[14] & 0xe0 != 0",
	"vlan 0 and host 192.0.2.1",
	"vlan 0 and vlan 5",
	"ether proto 0x8926",
	"ether[12:2] = 1500",
	"pppoes and host 192.0.2.1",
	"ah and host 192.0.2.1",
	"udp and ip[6:2] & 0x1fff != 0",
	/* Ports in part, both at once, across each other, and as something else: of 443 (0x01bb),
	 * 80 (0x0050), 4789 (0x12b5). */
	"ip[21] = 187",
	"ip[23] = 181",
	"ip[20:4] = 0x005001bb",
	"ip[21:2] = 0xbb00",
	"ip[22:2] = 53 or ip[24:2] = 53",
	"ip6[41] = 187",
	"ip6[43] = 181",
	"ip6[40:4] = 0x005001bb",
	"ip6[41:2] = 0xbb00",
	"udp[1] = 187",
	"udp[3] = 181",
	"udp[1:2] = 0xbb00",
	"tcp[0:4] = 0x005001bb",
	"udp[0:2] & 1 = 1",
	"udp[0:2] = udp[2:2]",
	"udp[0:2] > 79 and udp[2:2] < 80",
	"portrange 52-81 and not src port 53",
	"tcp port 80 or udp dst port 53",
	"ip[2:2] > 60 and port 53",
	"port 53 and host 192.0.2.1",
	"vlan 5 and port 53",
};

static void made(uint16_t linktype, enum flow_key_mode mode, struct tally *t)
{
	struct texts texts = {.n = 0};
	struct world w = {.mode = mode};
	char text[512];
	size_t i;

	make_frames(&w, linktype, ROUND);
	world_flows(&w);
	read_texts(&texts);
	for (i = 0; i < texts.n; i++)
		check(&w, texts.v[i], t);
	for (i = 0; i < sizeof(rare) / sizeof(rare[0]); i++)
		check(&w, rare[i], t);
	for (i = 0; i < 1000; i++) {
		make_text(text, sizeof(text));
		check(&w, text, t);
	}
	texts_done(&texts);
	world_done(&w);
}

static void test_made_ether(void **state)
{
	struct tally t = {0};

	(void)state;
	made(LINKTYPE_ETHERNET, FLOW_KEY_L3, &t);
	made(LINKTYPE_ETHERNET, FLOW_KEY_L2, &t);
	/* a test in which nothing is left out, or nothing matches, shows nothing */
	assert_true(t.never > t.flows / 4);
	assert_true(t.matched > t.packets / 100);
}

static void test_made_raw(void **state)
{
	struct tally t = {0};

	(void)state;
	made(LINKTYPE_RAW, FLOW_KEY_L3, &t);
	assert_true(t.never > t.flows / 4);
	assert_true(t.matched > t.packets / 100);
}

static void test_made_cooked(void **state)
{
	struct tally t = {0};

	(void)state;
	made(LINKTYPE_LINUX_SLL, FLOW_KEY_L3, &t);
	assert_true(t.matched > t.packets / 100);
}

/* Several link types at once: each row's interface tells which. */
static void test_made_mixed(void **state)
{
	struct texts texts = {.n = 0};
	struct world w = {.mode = FLOW_KEY_L3};
	struct tally t = {0};
	size_t i;

	(void)state;
	make_frames(&w, LINKTYPE_RAW, 500);
	make_frames(&w, LINKTYPE_ETHERNET, 500);
	make_frames(&w, LINKTYPE_LINUX_SLL, 500);
	world_flows(&w);
	read_texts(&texts);
	for (i = 0; i < texts.n; i++)
		check(&w, texts.v[i], &t);
	assert_true(t.never > t.flows / 8);
	texts_done(&texts);
	world_done(&w);
}

static void read_file(const char *path, struct world *w)
{
	struct pkt pkts[256];
	struct src *s;
	int n, i;

	if (src_open(&s, path, NULL, NULL) < 0)
		return;
	while (w->n < 20000 && (n = src_recv(s, pkts, 256)) > 0)
		for (i = 0; i < n; i++)
			world_add(w, pkts[i].data, pkts[i].caplen, pkts[i].len, pkts[i].linktype);
	src_free(s);
}

static void check_file(const char *path, const struct texts *texts, struct tally *t)
{
	struct world w = {.mode = FLOW_KEY_L3};
	size_t i;

	read_file(path, &w);
	world_flows(&w);
	for (i = 0; i < texts->n; i++)
		check(&w, texts->v[i], t);
	world_done(&w);
}

static void check_folder(const char *dir, const struct texts *texts, struct tally *t)
{
	struct dirent **names;
	char path[512];
	struct stat st;
	int n, i;

	n = scandir(dir, &names, NULL, alphasort);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
			check_file(path, texts, t);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static void test_files(void **state)
{
	struct texts texts = {.n = 0};
	struct tally t = {0};

	(void)state;
	read_texts(&texts);
	assert_true(texts.n >= 400);
	check_file(SOURCE_ROOT "/tests/filter/frames.pcapng", &texts, &t);
	check_file(SOURCE_ROOT "/tests/data/tour.pcap", &texts, &t);
	check_folder(SOURCE_ROOT "/tests/data/captures", &texts, &t);
	assert_true(t.never > 0);
	texts_done(&texts);
}

static void test_corpus(void **state)
{
	const char *corpus = getenv("TRAWL_CORPUS");
	struct texts texts = {.n = 0};
	struct tally t = {0};

	(void)state;
	if (!corpus || !*corpus)
		corpus = SOURCE_ROOT "/../shared/pcaps";
	if (access(corpus, R_OK) < 0)
		skip();
	read_texts(&texts);
	check_folder(corpus, &texts, &t);
	texts_done(&texts);
	assert_true(t.flows > 0);
	printf("%" PRIu64 " of %" PRIu64 " flows left out\n", t.never, t.flows);
	assert_true(t.never > t.flows / 4);
}

/* By hand. */

enum {
	TCP, /* 192.0.2.1:1234 and 198.51.100.2:80, both ways */
	UDP, /* 192.0.2.1:5353 to 198.51.100.2:53, one way, in VLAN 5 */
	TCP6,
	FRAGS, /* UDP from port 1000 to 2000, in fragments */
	LLDP,
	VXLAN, /* both ways, behind what is none but has the same key */
	N_FLOWS,
};

static void add_hand(struct world *w, const char *hex)
{
	uint8_t b[256] = {0};
	uint32_t n = 0;
	unsigned v;
	int used;

	for (; sscanf(hex, " %2x%n", &v, &used) == 1; hex += used)
		b[n++] = (uint8_t)v;
	world_add(w, b, n < 60 ? 60 : n, n < 60 ? 60 : n, LINKTYPE_ETHERNET);
}

#define M1 "00005e005301"
#define M2 "00005e005302"

static void hand_world(struct world *w)
{
	add_hand(w, M2 M1 "0800 4500 0028 0000 0000 4006 0000 c0000201 c6336402"
			  "04d2 0050 00000000 00000000 5002 0000 0000 0000");
	add_hand(w, M1 M2 "0800 4500 0028 0000 0000 4006 0000 c6336402 c0000201"
			  "0050 04d2 00000000 00000000 5012 0000 0000 0000");
	add_hand(w, M2 M1 "8100 0005 0800 4500 0020 0000 0000 4011 0000 c0000201 c6336402"
			  "14e9 0035 000c 0000 00000000");
	add_hand(w, M2 M1 "86dd 60000000 0014 0640 20010db8000000000000000000000001"
			  "20010db8000000000000000000000002"
			  "04d2 01bb 00000000 00000000 5002 0000 0000 0000");
	add_hand(w, M2 M1 "0800 4500 002c 0007 2000 4011 0000 c0000201 0a000001"
			  "03e8 07d0 0040 0000 0000000000000000 0000000000000000");
	add_hand(w, M2 M1 "0800 4500 002c 0007 0003 4011 0000 c0000201 0a000001"
			  "0000 0000 0000 0000 0000000000000000 0000000000000000");
	add_hand(w, "0180c200000e" M1 "88cc 0207");
	add_hand(w, M2 M1 "0800 4500 0032 0000 0000 4011 0000 c0000203 c0000204"
			  "12b5 12b5 001e 0000 0100000000000000" M1 M2 "88cc 0207");
	add_hand(w, M2 M1 "0800 4500 0032 0000 0000 4011 0000 c0000203 c0000204"
			  "9c40 12b5 001e 0000 0800000000000000" M1 M2 "88cc 0207");
	add_hand(w, M1 M2 "0800 4500 0032 0000 0000 4011 0000 c0000204 c0000203"
			  "9c41 12b5 001e 0000 0800000000000000" M1 M2 "88cc 0207");
	world_flows(w);
}

static void test_hand(void **state)
{
	/* By pcap-filter(7): 1: a packet passes, or one of the same flow could; '.': none can;
	 * ?: none could but for what no row tells and nobody sends: AH in front of TCP, fragments,
	 * PPPoE or a tag without a VLAN in some packets only, IPv6 under IPv4's EtherType, a
	 * tunnel's sender with a system port. */
	static const struct {
		const char *text, *maybe;
	} t[] = {
		/* TCP UDP TCP6 FRAGS LLDP VXLAN */
		{"", "111111"},
		{"host 192.0.2.1", "1..1.."},
		{"vlan and host 192.0.2.1", "?1.?.."},
		{"host 203.0.113.9", "......"},
		{"src host 198.51.100.2", "1....."},
		{"dst host 198.51.100.2", "1....."},
		{"vlan 5 and dst host 198.51.100.2", ".1...."},
		{"vlan 5 and src host 198.51.100.2", "......"},
		{"vlan 5", ".1...."},
		{"vlan 6", "......"},
		{"net 198.51.100.0/24", "1....."},
		{"net 10.0.0.0/8", "...1.."},
		{"net 172.16.0.0/12", "......"},
		{"port 80", "1....?"},
		{"port 443", "..1..?"},
		{"port 1000", "...1.?"},
		{"port 81", ".....?"},
		{"tcp port 80", "1....."},
		{"udp port 80", ".....?"},
		{"tcp port 443", "..1..."},
		{"src port 80", "1....?"},
		{"src port 443", ".....?"},
		{"portrange 1-100", "1....?"},
		{"portrange 500-1100", "...1.1"},
		{"tcp", "1.1..."},
		{"udp", "...1.1"},
		{"icmp", "..?..."},
		{"ip6", "..1..."},
		{"ip", "1.?1.1"},
		{"arp", "......"},
		{"ip6 and tcp port 443", "..1..."},
		{"ip host 192.0.2.1 and tcp port 80", "1....."},
		{"host 2001:db8::1", "..1..."},
		{"host 2001:db8::9", "......"},
		{"net 2001:db8::/32", "..1..."},
		{"ether proto 0x88cc", "....1."},
		{"ether proto 0x88cc and ether src 00:00:5e:00:53:01", "....1."},
		{"ether proto 0x88cc and ether src 00:00:5e:00:53:02", "......"},
		{"ip[6:2] & 0x1fff != 0", "?.?1.?"},
		{"ip[6:2] & 0x2000 != 0", "?.?1.?"},
		{"udp and ip[6:2] & 0x1fff != 0", "...1.?"},
		{"tcp port 80 and tcp[13] & 2 != 0", "1....."},
		{"host 192.0.2.1 and not port 80", "?..1.."},
		{"not ip and not ip6", "?1??1?"},
		{"host 192.0.2.3", ".....1"},
		{"udp port 40000", ".....1"},
		{"udp src port 40001", ".....1"},
		{"udp dst port 40001", "......"},
		{"src host 192.0.2.4 and dst port 4789", ".....1"},
		{"src host 192.0.2.4 and dst port 40000", "......"},
	};
	struct world w = {.mode = FLOW_KEY_L3};
	size_t i, k;

	(void)state;
	hand_world(&w);
	assert_int_equal(w.batches[0]->n, N_FLOWS + 1); /* and the one inside */
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct prune_conf conf = {.ifaces = w.ifaces, .n_ifaces = w.n_ifaces};
		char got[N_FLOWS + 1] = {0};
		struct prune *p;
		struct tally tally = {0};

		assert_int_equal(filter_new(&conf.filter, t[i].text, NULL), 0);
		assert_int_equal(prune_new(&p, &conf, NULL), 0);
		for (k = 0; k < N_FLOWS; k++)
			got[k] = t[i].maybe[k] == '?'              ? '?'
				 : prune_maybe(p, w.batches[0], k) ? '1'
								   : '.';
		if (strcmp(got, t[i].maybe) != 0)
			fail_msg("'%s': %s instead of %s", t[i].text, got, t[i].maybe);
		prune_free(p);
		filter_free(conf.filter);
		check(&w, t[i].text, &tally);
	}
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hand),       cmocka_unit_test(test_made_ether),
		cmocka_unit_test(test_made_raw),   cmocka_unit_test(test_made_cooked),
		cmocka_unit_test(test_made_mixed), cmocka_unit_test(test_files),
		cmocka_unit_test(test_corpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
