/* The decoder on whole frames, on frames cut everywhere, and on hostile ones.
 * Frames and expected levels come from tests/data/make_decode.py. */
#include "net/dec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "net/fast.h"
#include "net/walk.h"

#include "dec_check.h"

#define FRAME_MAX 512

struct frame {
	const char *name;
	uint16_t linktype;
	uint32_t len; /* on the wire */
	const char *hex;
	const char *want;
};

static const struct frame frames[] = {
#define FRAME(name, linktype, len, hex, want) {#name, linktype, len, hex, want},
#include "dec_frames.def"
#undef FRAME
};
#define N_FRAMES (sizeof(frames) / sizeof(frames[0]))

static uint32_t unhex(const char *hex, uint8_t ret[FRAME_MAX])
{
	uint32_t n = 0;

	for (; hex[2 * n]; n++) {
		unsigned b;

		assert_true(n < FRAME_MAX);
		assert_int_equal(sscanf(hex + 2 * n, "%2x", &b), 1);
		ret[n] = b;
	}
	return n;
}

static const struct {
	uint32_t flag;
	const char *name;
} flag_names[] = {
	{DEC_FRAG, "FRAG"},
	{DEC_FRAG_FIRST, "FRAG-FIRST"},
	{DEC_TRUNCATED, "TRUNCATED"},
	{DEC_MALFORMED, "MALFORMED"},
	{DEC_ONE_PORT, "ONE-PORT"},
	{DEC_HAS_INNER, "HAS-INNER"},
	{DEC_INNER, "INNER"},
	{DEC_DEEP, "DEEP"},
	{DEC_L4, "L4"},
	{DEC_PORTS, "PORTS"},
	{DEC_TCP_OPTS, "TCP-OPTS"},
};

static void put_addr(struct buf *b, uint8_t family, const uint8_t *bytes)
{
	struct addr a = {.family = family};

	memcpy(a.b, bytes, family == ADDR_MAC ? 6 : family == ADDR_IP4 ? 4 : 16);
	buf_addaddr(b, &a);
}

static void put_tcp(struct buf *b, const struct dec *d)
{
	buf_addf(b, " tcp seq=%u,ack=%u,win=%u,flags=%02x", d->seq, d->ack, d->window,
		 d->tcp_flags);
	if (d->tcp_wscale)
		buf_addf(b, ",wscale=%u", d->tcp_wscale);
	if (d->tcp_mss)
		buf_addf(b, ",mss=%u", d->tcp_mss);
	if (d->tcp_sack)
		buf_addf(b, ",sack=%u", d->tcp_sack);
}

static void put_ip(struct buf *b, const struct dec *d)
{
	if (d->proto)
		buf_addf(b, " proto %u", d->proto);
	buf_addf(b, " ip_len %u", d->ip_len);
	if (d->payload_len)
		buf_addf(b, " payload %u", d->payload_len);
	if (d->flags & DEC_PORTS)
		buf_addf(b, " ports %u>%u", d->sport, d->dport);
}

static void put_link(struct buf *b, const struct dec *d)
{
	static const uint8_t none[6];

	if (d->link_proto)
		buf_addf(b, " link %04x", d->link_proto);
	if (memcmp(d->mac_src, none, 6) == 0 && memcmp(d->mac_dst, none, 6) == 0)
		return;
	buf_addstr(b, " mac ");
	put_addr(b, ADDR_MAC, d->mac_src);
	buf_addch(b, '>');
	put_addr(b, ADDR_MAC, d->mac_dst);
}

static void put_flags(struct buf *b, uint32_t flags)
{
	bool first = true;

	buf_addstr(b, " flags ");
	for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++) {
		if (!(flags & flag_names[i].flag))
			continue;
		if (!first)
			buf_addch(b, '|');
		buf_addstr(b, flag_names[i].name);
		first = false;
	}
	if (first)
		buf_addch(b, '-');
}

static void put_path(struct buf *b, const struct dec *d)
{
	buf_addstr(b, " path ");
	for (unsigned i = 0; i < d->npath; i++) {
		if (i)
			buf_addch(b, '/');
		buf_addstr(b, layer_name(d->path[i]));
	}
	if (!d->npath)
		buf_addch(b, '-');
}

static const struct {
	const char *name;
	uint8_t family;
} kinds[] = {
	[DEC_OPAQUE] = {"opaque", ADDR_NONE}, [DEC_LINK] = {"link", ADDR_MAC},
	[DEC_ARP] = {"arp", ADDR_IP4},        [DEC_IP4] = {"ip4", ADDR_IP4},
	[DEC_IP6] = {"ip6", ADDR_IP6},
};

/* One level as make_decode.py writes it. */
static void put_level(struct buf *b, const struct dec *d)
{
	buf_addstr(b, kinds[d->kind].name);
	if (d->kind != DEC_OPAQUE) {
		buf_addch(b, ' ');
		put_addr(b, kinds[d->kind].family, d->src);
		buf_addch(b, ' ');
		put_addr(b, kinds[d->kind].family, d->dst);
	}
	if (d->kind == DEC_IP4 || d->kind == DEC_IP6)
		put_ip(b, d);
	put_link(b, d);
	if (d->ttl)
		buf_addf(b, " ttl %u", d->ttl);
	if (d->tos)
		buf_addf(b, " tos %02x", d->tos);
	if (d->frag_id)
		buf_addf(b, " frag %u", d->frag_id);
	if (d->tun_id)
		buf_addf(b, " tun %u", d->tun_id);
	if (d->vlan[0] || d->vlan[1])
		buf_addf(b, " vlan %u,%u", d->vlan[0], d->vlan[1]);
	if (d->flags & DEC_L4 && d->proto == 6)
		put_tcp(b, d);
	if (d->flags & DEC_L4 && (d->proto == 1 || d->proto == 58))
		buf_addf(b, " icmp %u,%u,%u,%u", d->icmp_type, d->icmp_code, d->icmp_id,
			 d->icmp_seq);
	put_flags(b, d->flags);
	put_path(b, d);
	buf_addch(b, '\n');
}

/* Decodes a copy of exactly 'caplen' bytes, both ways, and checks all that
 * always holds.  'd' gets the levels; 'payload' points into freed memory. */
static size_t decode(const char *name, uint16_t linktype, const uint8_t *data, uint32_t caplen,
		     uint32_t len, struct dec d[DEC_LEVELS_MAX])
{
	static struct dec slow[DEC_LEVELS_MAX];
	uint8_t *copy = malloc(caplen ? caplen : 1);
	const char *broken;
	size_t n;

	assert_non_null(copy);
	memcpy(copy, data, caplen);
	memset(d, 0xa5, DEC_LEVELS_MAX * sizeof(*d)); /* what is not set shows */
	memset(slow, 0x5a, sizeof(slow));
	n = dec_frame(linktype, copy, caplen, len, d);
	broken = dec_check(d, n, copy, caplen);
	if (broken)
		fail_msg("%s, %u of %u bytes: %s", name, caplen, len, broken);
	if (dec_frame_slow(linktype, copy, caplen, len, slow) != n)
		fail_msg("%s, %u of %u bytes: the fast path differs", name, caplen, len);
	for (size_t i = 0; i < n; i++) {
		d[i].pkt = slow[i].pkt = 0;
		if (memcmp(&d[i], &slow[i], sizeof(d[i])) != 0)
			fail_msg("%s, %u of %u bytes: the fast path differs", name, caplen, len);
	}
	free(copy);
	return n;
}

static void frames_give_their_levels(void **state)
{
	struct dec d[DEC_LEVELS_MAX];
	uint8_t data[FRAME_MAX];

	(void)state;
	for (size_t i = 0; i < N_FRAMES; i++) {
		const struct frame *f = &frames[i];
		uint32_t caplen = unhex(f->hex, data);
		struct buf b = BUF_INIT;
		size_t n = decode(f->name, f->linktype, data, caplen, f->len, d);

		for (size_t k = 0; k < n; k++)
			put_level(&b, &d[k]);
		if (strcmp(buf_str(&b), f->want) != 0)
			fail_msg("%s:\n%swanted:\n%s", f->name, buf_str(&b), f->want);
		buf_done(&b);
	}
}

/* What a cut frame shows must be a beginning of what the whole one shows, and
 * where headers are missing the cut must be marked. */
static void compare_cut(const struct frame *f, uint32_t caplen, const struct dec *cut, size_t n_cut,
			const struct dec *whole, size_t n_whole)
{
	const struct dec *last = &cut[n_cut - 1];

	if (n_cut > n_whole)
		fail_msg("%s cut at %u has more levels", f->name, caplen);
	for (size_t i = 0; i < n_cut; i++) {
		if (cut[i].npath > whole[i].npath ||
		    memcmp(cut[i].path, whole[i].path, cut[i].npath) != 0)
			fail_msg("%s cut at %u: other headers", f->name, caplen);
		if (cut[i].kind == whole[i].kind &&
		    (memcmp(cut[i].src, whole[i].src, 16) || memcmp(cut[i].dst, whole[i].dst, 16) ||
		     cut[i].ip_len != whole[i].ip_len))
			fail_msg("%s cut at %u: other addresses", f->name, caplen);
		if (cut[i].flags & DEC_PORTS &&
		    (cut[i].sport != whole[i].sport || cut[i].dport != whole[i].dport))
			fail_msg("%s cut at %u: other ports", f->name, caplen);
	}
	if ((n_cut < n_whole || last->npath < whole[n_whole - 1].npath) &&
	    !(last->flags & DEC_TRUNCATED))
		fail_msg("%s cut at %u: the cut is not marked", f->name, caplen);
	if (last->flags & DEC_MALFORMED && !(whole[n_cut - 1].flags & DEC_MALFORMED))
		fail_msg("%s cut at %u: malformed", f->name, caplen);
}

static void frames_cut_anywhere(void **state)
{
	struct dec cut[DEC_LEVELS_MAX], whole[DEC_LEVELS_MAX];
	uint8_t data[FRAME_MAX];

	(void)state;
	for (size_t i = 0; i < N_FRAMES; i++) {
		const struct frame *f = &frames[i];
		uint32_t caplen = unhex(f->hex, data);
		size_t n_whole = decode(f->name, f->linktype, data, caplen, f->len, whole), n;

		for (uint32_t k = 0; k < caplen; k++) {
			n = decode(f->name, f->linktype, data, k, f->len, cut);
			compare_cut(f, k, cut, n, whole, n_whole);
			decode(f->name, f->linktype, data, k, k, cut);      /* short on the wire */
			decode(f->name, f->linktype, data, caplen, k, cut); /* len < caplen */
		}
	}
}

/* Each byte of each frame takes each value: lengths, types, versions, flags. */
static void frames_with_any_byte_changed(void **state)
{
	struct dec d[DEC_LEVELS_MAX];
	uint8_t data[FRAME_MAX];

	(void)state;
	for (size_t i = 0; i < N_FRAMES; i++) {
		const struct frame *f = &frames[i];
		uint32_t caplen = unhex(f->hex, data);

		for (uint32_t k = 0; k < caplen; k++) {
			uint8_t was = data[k];

			for (unsigned v = 0; v < 256; v++) {
				data[k] = v;
				decode(f->name, f->linktype, data, caplen, f->len, d);
			}
			data[k] = was;
		}
	}
}

/* 'n' IPv4 headers, each announcing the next; returns the size. */
static uint32_t nest(uint8_t *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t *h = p + 20u * i;

		memset(h, 0, 20);
		h[0] = 0x45;
		be16_store(h + 2, 20u * (n - i));
		h[8] = 64;
		h[9] = i + 1 < n ? 4 : 253;
		h[12] = h[16] = i + 1;
	}
	return 20 * n;
}

static void tunnels_are_followed_to_a_depth(void **state)
{
	struct dec d[DEC_LEVELS_MAX];
	uint8_t data[FRAME_MAX];

	(void)state;
	assert_int_equal(decode("nest 8", 101, data, nest(data, 8), 160, d), 8);
	assert_int_equal(d[7].src[0], 8);
	assert_int_equal(d[7].flags, DEC_INNER);
	assert_int_equal(decode("nest 9", 101, data, nest(data, 9), 180, d), 8);
	assert_int_equal(d[7].src[0], 8);
	assert_int_equal(d[7].flags, DEC_INNER | DEC_DEEP);
	assert_int_equal(d[7].payload_len, 20);
	assert_int_equal(decode("nest 20", 101, data, nest(data, 20), 400, d), 8);
	assert_int_equal(d[7].flags, DEC_INNER | DEC_DEEP);
}

static void long_paths_are_cut(void **state)
{
	struct dec d[DEC_LEVELS_MAX];
	uint8_t data[FRAME_MAX] = {0};

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		be16_store(data + 12 + 4 * i, 0x8100);
		be16_store(data + 14 + 4 * i, i + 1);
	}
	be16_store(data + 12 + 4 * 50, 0x88b5);
	assert_int_equal(decode("tags", 1, data, 300, 300, d), 1);
	assert_int_equal(d[0].npath, DEC_PATH_MAX);
	assert_int_equal(d[0].path[DEC_PATH_MAX - 1], LAYER_DOT1Q);
	assert_int_equal(d[0].vlan[0], 1);
	assert_int_equal(d[0].vlan[1], 2);
	assert_int_equal(d[0].link_proto, 0x88b5);
}

/* RFC 9293 3.2, RFC 7323 2.2, RFC 2018 3 */
static void tcp_options_table(void **state)
{
	static const struct {
		uint8_t n, bytes[40];
		uint16_t mss;
		uint8_t wscale, sack;
		bool good;
	} rows[] = {
		{0, {0}, 0, 0, 0, true},
		{4, {2, 4, 0x05, 0xb4}, 1460, 0, 0, true},
		{4, {3, 3, 0, 0}, 0, 1, 0, true},
		{4, {1, 3, 3, 14}, 0, 15, 0, true},
		{4, {3, 3, 255, 0}, 0, 15, 0, true}, /* 14 is the most, RFC 7323 2.3 */
		{4, {0, 2, 4, 5}, 0, 0, 0, true},    /* nothing behind the end */
		{4, {4, 2, 1, 1}, 0, 0, 0, true},
		{12, {1, 1, 5, 10}, 0, 0, 1, true},
		{36, {1, 1, 5, 34}, 0, 0, 4, true},
		{4, {5, 2, 1, 1}, 0, 0, 0, true},
		{4, {254, 4, 1, 2}, 0, 0, 0, true},
		{4, {2, 3, 0x05, 1}, 0, 0, 0, true}, /* a wrong length is not read */
		{4, {1, 1, 1, 2}, 0, 0, 0, false},   /* no length */
		{4, {2, 0, 0, 0}, 0, 0, 0, false},
		{4, {2, 1, 0, 0}, 0, 0, 0, false},
		{4, {2, 5, 0, 0}, 0, 0, 0, false}, /* past the end */
		{8, {2, 4, 0x05, 0xb4, 3, 9, 0, 0}, 1460, 0, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dec d = {0};
		uint8_t *copy = malloc(rows[i].n ? rows[i].n : 1);

		assert_non_null(copy);
		memcpy(copy, rows[i].bytes, rows[i].n);
		assert_int_equal(tcp_options(copy, rows[i].n, &d), rows[i].good);
		free(copy);
		assert_int_equal(d.tcp_mss, rows[i].mss);
		assert_int_equal(d.tcp_wscale, rows[i].wscale);
		assert_int_equal(d.tcp_sack, rows[i].sack);
	}
}

static void cursor_sticks_at_the_end(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3, 4, 5};
	struct cur c = cur_at(bytes, sizeof(bytes));
	uint8_t copy[4];

	(void)state;
	assert_int_equal(cur_be16(&c), 0x0102);
	assert_int_equal(cur_peek(&c, 2), 5);
	assert_int_equal(cur_peek(&c, 3), 0);
	assert_true(cur_ok(&c));
	assert_int_equal(cur_be32(&c), 0);
	assert_false(cur_ok(&c));
	assert_int_equal(cur_u8(&c), 0); /* a byte is there, but the cursor is bad */
	assert_null(cur_take(&c, 0));

	c = cur_at(bytes, sizeof(bytes));
	assert_int_equal(cur_le32(&c), 0x04030201);
	assert_int_equal(cur_u8(&c), 5);
	assert_true(cur_ok(&c));
	assert_null(cur_take(&c, UINT32_MAX));
	c = cur_at(bytes, 3);
	cur_copy(&c, copy, 4);
	assert_int_equal(be32_load(copy), 0);
	assert_false(cur_ok(&c));
}

static void layers_have_names(void **state)
{
	(void)state;
	assert_string_equal(layer_name(LAYER_IP4), "IPv4");
	assert_string_equal(layer_name(LAYER_NONE), "");
	assert_string_equal(layer_name(255), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_give_their_levels),
		cmocka_unit_test(frames_cut_anywhere),
		cmocka_unit_test(frames_with_any_byte_changed),
		cmocka_unit_test(tunnels_are_followed_to_a_depth),
		cmocka_unit_test(long_paths_are_cut),
		cmocka_unit_test(tcp_options_table),
		cmocka_unit_test(cursor_sticks_at_the_end),
		cmocka_unit_test(layers_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
