#include "fmt/pcapng.h"

#include <errno.h>
#include <string.h>

#define NS_PER_SEC INT64_C(1000000000)

/* The draft, 3.5 and the sections of the blocks. */
enum opt_code {
	OPT_END = 0,
	OPT_COMMENT = 1,
	SHB_HARDWARE = 2,
	SHB_OS = 3,
	SHB_APP = 4,
	IF_NAME = 2,
	IF_DESCR = 3,
	IF_SPEED = 8,
	IF_TSRESOL = 9,
	IF_FILTER = 11,
	IF_OS = 12,
	IF_FCSLEN = 13,
	IF_TSOFFSET = 14,
	IF_HARDWARE = 15,
	EPB_FLAGS = 2,
	EPB_DROPCOUNT = 4,
	ISB_START = 2,
	ISB_END = 3,
	ISB_RECV = 4,
	ISB_IFDROP = 5,
	ISB_ACCEPT = 6,
	ISB_OSDROP = 7,
	ISB_DELIV = 8,
};

#define TSRESOL_DEFAULT 6
#define TSRESOL_BINARY  0x80

int pcapng_opt_next(struct pcapng_opts *o, struct pcapng_opt *ret)
{
	size_t left = (size_t)(o->end - o->p);

	if (!left)
		return 0;
	if (left < 4)
		return -EBADMSG;

	ret->code = pcapng_u16(o->p, o->big);
	ret->len = pcapng_u16(o->p + 2, o->big);
	ret->p = o->p + 4;
	left -= 4;
	if (ret->code == OPT_END) {
		o->p = o->end;
		return 0;
	}
	if (ret->len > left)
		return -EBADMSG;
	/* The last option's padding may be missing: nothing of value is. */
	o->p += 4 + (PCAPNG_PAD4(ret->len) < left ? PCAPNG_PAD4(ret->len) : left);
	return 1;
}

int pcapng_order_read(const uint8_t *p, size_t size, bool *ret_big)
{
	if (size < 12)
		return -ENODATA;
	if (le32_load(p) != PCAPNG_SHB)
		return -EBADMSG;
	if (le32_load(p + 8) == PCAPNG_BOM)
		*ret_big = false;
	else if (be32_load(p + 8) == PCAPNG_BOM)
		*ret_big = true;
	else
		return -EBADMSG;
	return 0;
}

/* Bytes before the options; 0: the block has none at a fixed place. */
static size_t opts_at(const uint8_t *p, size_t size, bool big, uint32_t type)
{
	uint32_t caplen;

	switch (type) {
	case PCAPNG_SHB:
		return 24;
	case PCAPNG_IDB:
		return 16;
	case PCAPNG_ISB:
		return 20;
	case PCAPNG_EPB:
	case PCAPNG_PB:
		if (size < PCAPNG_EPB_MIN)
			return 0;
		caplen = pcapng_u32(p + 20, big);
		if (caplen > size - PCAPNG_EPB_MIN)
			return 0;
		return PCAPNG_EPB_DATA + (size_t)PCAPNG_PAD4(caplen);
	default:
		return 0;
	}
}

int pcapng_opts_of(const uint8_t *p, size_t size, bool big, struct pcapng_opts *ret)
{
	if (size < PCAPNG_BLOCK_MIN)
		return -EBADMSG;

	size_t at = opts_at(p, size, big, pcapng_u32(p, big));
	if (!at || at > size - 4)
		return -EBADMSG;
	ret->p = p + at;
	ret->end = p + size - 4;
	ret->big = big;
	return 0;
}

static struct pcapng_text opt_text(const struct pcapng_opt *o)
{
	struct pcapng_text t = {(const char *)o->p, o->len};

	/* Some writers count a final NUL. */
	while (t.len && !t.p[t.len - 1])
		t.len--;
	return t;
}

int pcapng_shb_read(const uint8_t *p, size_t size, struct pcapng_shb *ret)
{
	struct pcapng_shb s = {0};
	struct pcapng_opts opts;
	struct pcapng_opt o;
	int r;

	if (size < PCAPNG_SHB_MIN || pcapng_order_read(p, size, &s.big) < 0)
		return -EBADMSG;
	s.major = pcapng_u16(p + 12, s.big);
	s.minor = pcapng_u16(p + 14, s.big);

	opts = (struct pcapng_opts){p + 24, p + size - 4, s.big};
	while ((r = pcapng_opt_next(&opts, &o)) > 0) {
		switch (o.code) {
		case SHB_HARDWARE:
			s.hardware = opt_text(&o);
			break;
		case SHB_OS:
			s.os = opt_text(&o);
			break;
		case SHB_APP:
			s.app = opt_text(&o);
			break;
		}
	}
	*ret = s;
	return r < 0;
}

static void idb_opt(struct pcapng_idb *i, const struct pcapng_opt *o, bool big)
{
	switch (o->code) {
	case IF_NAME:
		i->name = opt_text(o);
		break;
	case IF_DESCR:
		i->descr = opt_text(o);
		break;
	case IF_OS:
		i->os = opt_text(o);
		break;
	case IF_HARDWARE:
		i->hardware = opt_text(o);
		break;
	case IF_FILTER: /* one byte says which language: 0 libpcap text, 1 BPF code */
		if (!o->len)
			break;
		i->filter_kind = o->p[0];
		i->bpf_insns = i->filter_kind == 1 ? (o->len - 1) / 8 : 0;
		if (!i->filter_kind)
			i->filter = (struct pcapng_text){(const char *)o->p + 1,
							 (uint16_t)(o->len - 1)};
		break;
	case IF_TSRESOL:
		if (o->len != 1)
			break;
		i->tsresol = o->p[0];
		i->has_tsresol = true;
		break;
	case IF_TSOFFSET:
		if (o->len != 8)
			break;
		i->ts_offset = (int64_t)pcapng_u64(o->p, big);
		i->has_ts_offset = true;
		break;
	case IF_FCSLEN:
		if (o->len != 1)
			break;
		i->fcs_len = o->p[0];
		i->has_fcs_len = true;
		break;
	case IF_SPEED:
		if (o->len != 8)
			break;
		i->speed = pcapng_u64(o->p, big);
		i->has_speed = true;
		break;
	}
}

int pcapng_idb_read(const uint8_t *p, size_t size, bool big, struct pcapng_idb *ret)
{
	struct pcapng_idb i = {.tsresol = TSRESOL_DEFAULT};
	struct pcapng_opts opts;
	struct pcapng_opt o;
	int r;

	if (size < 20)
		return -EBADMSG;
	i.linktype = pcapng_u16(p + 8, big);
	i.snaplen = pcapng_u32(p + 12, big);
	opts = (struct pcapng_opts){p + 16, p + size - 4, big};
	while ((r = pcapng_opt_next(&opts, &o)) > 0)
		idb_opt(&i, &o, big);
	*ret = i;
	return r < 0;
}

/* Times in options are written high half first, whatever the byte order. */
static uint64_t opt_ts(const struct pcapng_opt *o, bool big)
{
	return (uint64_t)pcapng_u32(o->p, big) << 32 | pcapng_u32(o->p + 4, big);
}

int pcapng_isb_read(const uint8_t *p, size_t size, bool big, struct pcapng_isb *ret)
{
	struct pcapng_isb s = {0};
	struct pcapng_opts opts;
	struct pcapng_opt o;
	int r;

	if (size < 24)
		return -EBADMSG;
	s.iface = pcapng_u32(p + 8, big);
	s.ts = (uint64_t)pcapng_u32(p + 12, big) << 32 | pcapng_u32(p + 16, big);
	opts = (struct pcapng_opts){p + 20, p + size - 4, big};
	while ((r = pcapng_opt_next(&opts, &o)) > 0) {
		if (o.len != 8)
			continue;
		switch (o.code) {
		case ISB_START:
			s.has_start = true;
			s.start = opt_ts(&o, big);
			break;
		case ISB_END:
			s.has_end = true;
			s.end = opt_ts(&o, big);
			break;
		case ISB_RECV:
			s.has_recv = true;
			s.recv = pcapng_u64(o.p, big);
			break;
		case ISB_IFDROP:
			s.has_ifdrop = true;
			s.ifdrop = pcapng_u64(o.p, big);
			break;
		case ISB_ACCEPT:
			s.has_accept = true;
			s.accept = pcapng_u64(o.p, big);
			break;
		case ISB_OSDROP:
			s.has_osdrop = true;
			s.osdrop = pcapng_u64(o.p, big);
			break;
		case ISB_DELIV:
			s.has_deliv = true;
			s.deliv = pcapng_u64(o.p, big);
			break;
		}
	}
	*ret = s;
	return r < 0;
}

int pcapng_epb_opts_read(struct pcapng_opts *opts, struct pcapng_epb_opts *ret)
{
	struct pcapng_epb_opts e = {0};
	struct pcapng_opt o;
	int r;

	while ((r = pcapng_opt_next(opts, &o)) > 0) {
		switch (o.code) {
		case OPT_COMMENT:
			e.comments++;
			break;
		case EPB_FLAGS: /* bits 0-1: 01 inbound, 10 outbound */
			if (o.len == 4) {
				uint32_t dir = pcapng_u32(o.p, opts->big) & 3;
				e.dir = dir == 1   ? PKT_DIR_IN
					: dir == 2 ? PKT_DIR_OUT
						   : PKT_DIR_UNKNOWN;
			}
			break;
		case EPB_DROPCOUNT:
			if (o.len == 8)
				e.dropcount = pcapng_u64(o.p, opts->big);
			break;
		}
	}
	*ret = e;
	return r < 0;
}

uint32_t pcapng_nrb_count(const uint8_t *p, size_t size, bool big, uint32_t *ret_ip4,
			  uint32_t *ret_ip6)
{
	struct pcapng_opts opts = {p + 8, p + size - 4, big};
	struct pcapng_opt o;
	uint32_t n = 0;

	if (size < PCAPNG_BLOCK_MIN)
		return 0;
	/* Records have the shape of options, and 0 ends them (the draft, 4.5). */
	for (; pcapng_opt_next(&opts, &o) > 0; n++) {
		if (o.code == 1)
			(*ret_ip4)++;
		else if (o.code == 2)
			(*ret_ip6)++;
	}
	return n;
}

static uint64_t pow10_u64(unsigned n)
{
	uint64_t v = 1;

	while (n--)
		v *= 10;
	return v;
}

uint64_t pcapng_ticks(uint8_t tsresol)
{
	unsigned n = tsresol & ~TSRESOL_BINARY;

	if (tsresol & TSRESOL_BINARY)
		return n < 64 ? UINT64_C(1) << n : 0;
	return n < 20 ? pow10_u64(n) : 0;
}

struct pcapng_clock pcapng_clock(uint8_t tsresol, int64_t ts_offset)
{
	struct pcapng_clock c = {.mul = 1, .div = 1};
	unsigned n = tsresol & ~TSRESOL_BINARY;

	if (tsresol & TSRESOL_BINARY) {
		c.mul = NS_PER_SEC;
		c.shift = (uint8_t)n;
	} else if (n <= 9) {
		c.mul = pow10_u64(9 - n);
		c.exact = true;
	} else {
		c.div = n - 9 < 20 ? pow10_u64(n - 9) : 0; /* 0: every time is 0 */
	}
	c.limit = INT64_MAX / c.mul;
	if (__builtin_mul_overflow(ts_offset, NS_PER_SEC, &c.offset)) {
		c.offset = ts_offset < 0 ? INT64_MIN : INT64_MAX;
		c.exact = false;
	}
	return c;
}

int64_t pcapng_ts_any(const struct pcapng_clock *c, uint64_t ticks, bool *ret_bad)
{
	__int128 ns = 0;

	if (c->div)
		ns = (__int128)(((unsigned __int128)ticks * c->mul / c->div) >> c->shift);
	ns += c->offset;
	if (ns > INT64_MAX || c->offset == INT64_MAX) {
		*ret_bad = true;
		return INT64_MAX;
	}
	if (ns < INT64_MIN || c->offset == INT64_MIN) {
		*ret_bad = true;
		return INT64_MIN;
	}
	return (int64_t)ns;
}

struct pcapng_text pcapng_text(const char *s)
{
	size_t len = s ? strlen(s) : 0;

	return (struct pcapng_text){s, (uint16_t)(len < UINT16_MAX ? len : UINT16_MAX)};
}

static void put16(struct buf *b, uint16_t v)
{
	uint8_t p[2];

	le16_store(p, v);
	buf_add(b, p, sizeof(p));
}

static void put32(struct buf *b, uint32_t v)
{
	uint8_t p[4];

	le32_store(p, v);
	buf_add(b, p, sizeof(p));
}

static void put64(struct buf *b, uint64_t v)
{
	uint8_t p[8];

	le64_store(p, v);
	buf_add(b, p, sizeof(p));
}

static void put_pad(struct buf *b, size_t len)
{
	buf_add(b, "\0\0\0", PCAPNG_PAD4(len) - len);
}

static void put_opt(struct buf *b, uint16_t code, const void *p, uint16_t len)
{
	put16(b, code);
	put16(b, len);
	buf_add(b, p, len);
	put_pad(b, len);
}

static void put_text(struct buf *b, uint16_t code, struct pcapng_text t)
{
	if (t.p)
		put_opt(b, code, t.p, t.len);
}

static void put_u64(struct buf *b, uint16_t code, uint64_t v)
{
	put16(b, code);
	put16(b, 8);
	put64(b, v);
}

static size_t block_begin(struct buf *b, uint32_t type)
{
	size_t at = b->len;

	put32(b, type);
	put32(b, 0);
	return at;
}

static void block_end(struct buf *b, size_t at)
{
	uint32_t len = (uint32_t)(b->len - at) + 4;

	put32(b, len);
	if (!buf_err(b))
		le32_store(b->p + at + 4, len);
}

void pcapng_shb_write(struct buf *b, const struct pcapng_shb *s, struct pcapng_text comment)
{
	size_t at = block_begin(b, PCAPNG_SHB);

	put32(b, PCAPNG_BOM);
	put16(b, 1);
	put16(b, 0);
	put64(b, UINT64_MAX); /* section length not known (the draft, 4.1) */
	put_text(b, OPT_COMMENT, comment);
	put_text(b, SHB_HARDWARE, s->hardware);
	put_text(b, SHB_OS, s->os);
	put_text(b, SHB_APP, s->app);
	put32(b, OPT_END);
	block_end(b, at);
}

void pcapng_idb_write(struct buf *b, const struct pcapng_idb *i, struct pcapng_text comment)
{
	size_t at = block_begin(b, PCAPNG_IDB);

	put16(b, i->linktype);
	put16(b, 0);
	put32(b, i->snaplen);
	put_text(b, OPT_COMMENT, comment);
	put_text(b, IF_NAME, i->name);
	put_text(b, IF_DESCR, i->descr);
	put_opt(b, IF_TSRESOL, &i->tsresol, 1);
	if (i->filter.p) {
		uint16_t len = i->filter.len < UINT16_MAX ? i->filter.len : UINT16_MAX - 1;

		put16(b, IF_FILTER);
		put16(b, (uint16_t)(len + 1));
		buf_addch(b, 0); /* a libpcap expression as text */
		buf_add(b, i->filter.p, len);
		put_pad(b, (size_t)len + 1);
	}
	put_text(b, IF_OS, i->os);
	put_text(b, IF_HARDWARE, i->hardware);
	if (i->fcs_len)
		put_opt(b, IF_FCSLEN, &i->fcs_len, 1);
	if (i->has_speed)
		put_u64(b, IF_SPEED, i->speed);
	put32(b, OPT_END);
	block_end(b, at);
}

void pcapng_epb_write(struct buf *b, const struct pkt *p, uint32_t iface)
{
	uint32_t pad = PCAPNG_PAD4(p->caplen) - p->caplen;
	uint32_t opts = p->dir == PKT_DIR_UNKNOWN ? 0 : 12;
	uint32_t total = PCAPNG_EPB_MIN + p->caplen + pad + opts;
	uint64_t ts = p->ts < 0 ? 0 : (uint64_t)p->ts;
	uint8_t h[PCAPNG_EPB_DATA], t[16] = {0};

	le32_store(h, PCAPNG_EPB);
	le32_store(h + 4, total);
	le32_store(h + 8, iface);
	le32_store(h + 12, (uint32_t)(ts >> 32));
	le32_store(h + 16, (uint32_t)ts);
	le32_store(h + 20, p->caplen);
	le32_store(h + 24, p->len);
	buf_add(b, h, sizeof(h));
	buf_add(b, p->data, p->caplen);
	buf_add(b, "\0\0\0", pad);
	if (opts) {
		le16_store(t, EPB_FLAGS);
		le16_store(t + 2, 4);
		le32_store(t + 4, p->dir == PKT_DIR_IN ? 1 : 2);
	}
	le32_store(t + opts, total);
	buf_add(b, t, opts + 4);
}

struct pcapng_isb pcapng_isb_of(const struct iface_stats *s)
{
	return (struct pcapng_isb){
		.iface = s->iface,
		.ts = s->ts < 0 ? 0 : (uint64_t)s->ts,
		.has_start = s->start > 0,
		.has_end = s->end > 0,
		.start = (uint64_t)s->start,
		.end = (uint64_t)s->end,
		.has_recv = s->has_recv,
		.has_ifdrop = s->has_ifdrop,
		.has_accept = s->has_accept,
		.has_osdrop = s->has_osdrop,
		.has_deliv = s->has_deliv,
		.recv = s->recv,
		.ifdrop = s->ifdrop,
		.accept = s->accept,
		.osdrop = s->osdrop,
		.deliv = s->deliv,
	};
}

void pcapng_isb_write(struct buf *b, const struct pcapng_isb *s)
{
	size_t at = block_begin(b, PCAPNG_ISB);

	put32(b, s->iface);
	put32(b, (uint32_t)(s->ts >> 32));
	put32(b, (uint32_t)s->ts);
	if (s->has_start)
		put_u64(b, ISB_START, s->start >> 32 | s->start << 32);
	if (s->has_end)
		put_u64(b, ISB_END, s->end >> 32 | s->end << 32);
	if (s->has_recv)
		put_u64(b, ISB_RECV, s->recv);
	if (s->has_ifdrop)
		put_u64(b, ISB_IFDROP, s->ifdrop);
	if (s->has_accept)
		put_u64(b, ISB_ACCEPT, s->accept);
	if (s->has_osdrop)
		put_u64(b, ISB_OSDROP, s->osdrop);
	if (s->has_deliv)
		put_u64(b, ISB_DELIV, s->deliv);
	put32(b, OPT_END);
	block_end(b, at);
}
