/* What 'trawl info' shows to people. */
#include "cli/info.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/num.h"
#include "base/utf8.h"
#include "fmt/linktype.h"

#define NS_PER_SEC INT64_C(1000000000)
#define LABEL      16 /* width of the first column */

static const char *const formats[] = {
	[SRC_MEM] = "memory",
	[SRC_PCAP] = "pcap",
	[SRC_PCAP_NS] = "pcap (nanoseconds)",
	[SRC_PCAP_MODIFIED] = "pcap (modified)",
	[SRC_PCAPNG] = "pcapng",
	[SRC_SNOOP] = "snoop",
	[SRC_ERF] = "ERF",
};

const char *info_format(const struct info_file *f)
{
	return formats[f->meta.format];
}

static void label(struct buf *b, const char *text)
{
	buf_addf(b, "%-*s", LABEL, text);
}

/* "1 packet", "2 packets". */
static void add_count(struct buf *b, uint64_t n, const char *what)
{
	buf_addf(b, "%" PRIu64 " %s%s", n, what, n == 1 ? "" : "s");
}

/* Text from the file, on one line and harmless to terminals. */
static void add_text(struct buf *b, const char *s)
{
	utf8_show(b, s, strlen(s));
}

static void line_text(struct buf *b, const char *name, const char *s)
{
	if (!s || !*s)
		return;
	label(b, name);
	add_text(b, s);
	buf_addch(b, '\n');
}

/* Decimals that the file's time stamps are worth. */
static int decimals(const struct info_file *f)
{
	const struct src_iface *i;
	int d = 0;
	size_t n;

	i = src_ifaces(f->src, &n);
	for (size_t k = 0; k < n; k++) {
		uint64_t ticks = i[k].ticks_per_sec;
		int x = ticks && ticks <= 1000 ? 3 : ticks && ticks <= 1000000 ? 6 : 9;

		if (x > d)
			d = x;
	}
	return d ? d : 6;
}

static void add_time(struct buf *b, const struct info_file *f, int64_t ts, bool utc)
{
	int64_t sec = ts / NS_PER_SEC, ns = ts % NS_PER_SEC;
	char text[64], zone[16], digits[9];
	struct tm tm;
	time_t t;

	if (ns < 0) {
		ns += NS_PER_SEC;
		sec--;
	}
	t = sec;
	if (!(utc ? gmtime_r(&t, &tm) : localtime_r(&t, &tm))) {
		buf_addns(b, ts, 9);
		return;
	}
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	strftime(zone, sizeof(zone), utc ? "UTC" : "%z", &tm);
	num_fixed(digits, (uint64_t)ns, sizeof(digits));
	buf_addf(b, "%s.%.*s %s", text, decimals(f), digits, zone);
}

static void text_file(struct buf *b, const struct info_file *f)
{
	const struct src_section *s;
	size_t n;

	line_text(b, "file", f->path);
	s = src_sections(f->src, &n);
	label(b, "format");
	buf_addstr(b, info_format(f));
	if (f->meta.format != SRC_ERF && n)
		buf_addf(b, " %u.%u, %s-endian", s[0].major, s[0].minor,
			 s[0].big ? "big" : "little");
	if (n > 1)
		buf_addf(b, ", %zu sections", n);
	if (f->meta.packed)
		buf_addf(b, ", in %s", f->meta.packed);
	buf_addch(b, '\n');
	label(b, "size");
	if (f->meta.size)
		buf_addf(b, "%" PRIu64 " bytes", f->meta.size);
	if (f->meta.packed || !f->meta.size)
		buf_addf(b, "%s%" PRIu64 " bytes unpacked", f->meta.size ? ", " : "",
			 f->meta.unpacked);
	buf_addch(b, '\n');
	if (f->meta.snaplen) {
		label(b, "snapshot");
		buf_addf(b, "%u bytes a packet at most\n", f->meta.snaplen);
	}
	if (f->hashed) {
		line_text(b, "sha256", f->hash.sha256);
		line_text(b, "ripemd160", f->hash.ripemd160);
		line_text(b, "sha1", f->hash.sha1);
	}
}

static void text_linktypes(struct buf *b, const struct info_file *f)
{
	const struct an_info *a = &f->an;
	char buf[LINKTYPE_TEXT_SIZE];

	for (size_t i = 0; i < a->n_linktypes; i++) {
		uint16_t number = a->linktypes[i].linktype;

		label(b, "link type");
		buf_addf(b, "%s (%u)",
			 linktype_find(number) ? linktype_text(number, buf) : "unknown", number);
		if (a->n_linktypes > 1) {
			buf_addstr(b, ": ");
			add_count(b, a->linktypes[i].packets, "packet");
			buf_addf(b, ", %" PRIu64 " bytes", a->linktypes[i].bytes);
		}
		buf_addch(b, '\n');
	}
}

static void text_packets(struct buf *b, const struct info_file *f)
{
	const struct an_info *a = &f->an;

	label(b, "packets");
	buf_addf(b, "%" PRIu64 "\n", a->packets);
	if (!a->packets)
		return;
	label(b, "bytes");
	buf_addf(b, "%" PRIu64 " on the wire, %" PRIu64 " of them here\n", a->bytes, a->cap_bytes);
	label(b, "packet size");
	buf_addf(b, "%u to %u bytes, %.2f on average\n", a->len_min, a->len_max,
		 (double)a->bytes / (double)a->packets);
	if (a->cut) {
		label(b, "cut");
		add_count(b, a->cut, "packet");
		buf_addstr(b, " not whole, ");
		if (a->cut_min != a->cut_max)
			buf_addf(b, "%u to ", a->cut_min);
		buf_addf(b, "%u bytes of each\n", a->cut_max);
	}
	if (a->over) {
		label(b, "too long");
		add_count(b, a->over, "packet");
		buf_addf(b, " with more bytes than on the wire, first number %" PRIu64 "\n",
			 a->over_first);
	}
	if (a->empty) {
		label(b, "empty");
		add_count(b, a->empty, "packet");
		buf_addstr(b, " of 0 bytes\n");
	}
	if (a->lost) {
		label(b, "lost");
		add_count(b, a->lost, "packet");
		buf_addstr(b, ", as those after them say\n");
	}
}

static void text_jump(struct buf *b, const struct info_file *f, const struct an_info_jump *j,
		      bool utc)
{
	buf_addns(b, j->ns, 9);
	buf_addf(b, " s before packet %" PRIu64 " at offset %" PRIu64 ", after ", j->number,
		 j->off);
	add_time(b, f, j->from, utc);
	buf_addch(b, '\n');
}

static void text_times(struct buf *b, const struct info_file *f, bool utc)
{
	const struct an_info *a = &f->an;

	if (a->timed) {
		label(b, "first");
		add_time(b, f, a->first, utc);
		buf_addch(b, '\n');
		label(b, "last");
		add_time(b, f, a->last, utc);
		buf_addch(b, '\n');
		label(b, "duration");
		buf_addns(b, an_info_duration(a), decimals(f));
		buf_addstr(b, " s\n");
	}
	if (an_info_duration(a) > 0) {
		label(b, "rate");
		buf_addf(b, "%.2f packets/s, %.2f bit/s\n", an_info_rate(a, a->packets),
			 an_info_rate(a, a->bytes) * 8);
	}
	if (a->gap.ns) {
		label(b, "largest gap");
		text_jump(b, f, &a->gap, utc);
	}
	if (a->timed) {
		label(b, "time order");
		if (a->backwards) {
			add_count(b, a->backwards, "step");
			buf_addstr(b, " back, the largest ");
			text_jump(b, f, &a->back, utc);
		} else {
			buf_addstr(b, "strict\n");
		}
	}
	if (a->timed < a->packets) {
		label(b, "without time");
		add_count(b, a->packets - a->timed, "packet");
		buf_addch(b, '\n');
	}
	if (a->bad_times) {
		label(b, "wrong times");
		add_count(b, a->bad_times, "packet");
		buf_addstr(b, "; the nearest valid one is used\n");
	}
}

static void text_sections(struct buf *b, const struct info_file *f)
{
	const struct src_section *s;
	size_t n;

	s = src_sections(f->src, &n);
	for (size_t i = 0; i < n; i++) {
		if (n > 1) {
			label(b, "section");
			buf_addf(b, "%zu at offset %" PRIu64 ", %s-endian\n", i, s[i].off,
				 s[i].big ? "big" : "little");
		}
		line_text(b, "hardware", s[i].hardware);
		line_text(b, "system", s[i].os);
		line_text(b, "application", s[i].app);
		for (size_t k = 0; k < s[i].n_comments; k++)
			line_text(b, "comment", s[i].comments[k]);
	}
	if (f->meta.ip4_names || f->meta.ip6_names) {
		label(b, "names");
		buf_addf(b, "of %" PRIu64 " IPv4 and %" PRIu64 " IPv6 addresses\n",
			 f->meta.ip4_names, f->meta.ip6_names);
	}
	if (f->meta.secrets) {
		label(b, "secrets");
		add_count(b, f->meta.secrets, "block");
		buf_addstr(b, " of decryption keys\n");
	}
	if (f->meta.comments) {
		label(b, "comments");
		buf_addstr(b, "on ");
		add_count(b, f->meta.comments, "packet");
		buf_addch(b, '\n');
	}
	if (f->meta.journal || f->meta.custom || f->meta.others) {
		label(b, "other blocks");
		buf_addf(b,
			 "%" PRIu64 " of the systemd journal, %" PRIu64 " custom, %" PRIu64
			 " of unknown kinds\n",
			 f->meta.journal, f->meta.custom, f->meta.others);
	}
}

static void named(struct buf *b, const char *name, const char *s)
{
	if (!s || !*s)
		return;
	buf_addf(b, ", %s '", name);
	add_text(b, s);
	buf_addch(b, '\'');
}

static void add_resolution(struct buf *b, const struct src_iface *i)
{
	if (i->tsresol & 0x80)
		buf_addf(b, ", 2^-%d s", i->tsresol & 0x7f);
	else if (i->tsresol == 3 || i->tsresol == 6 || i->tsresol == 9)
		buf_addf(b, ", %s", i->tsresol == 3 ? "ms" : i->tsresol == 6 ? "us" : "ns");
	else
		buf_addf(b, ", 10^-%u s", i->tsresol);
}

static void text_iface(struct buf *b, size_t number, const struct src_iface *i)
{
	char buf[LINKTYPE_TEXT_SIZE];

	buf_addf(b, "interface %-*zu", LABEL - 10, number);
	if (i->name) {
		add_text(b, i->name);
		buf_addstr(b, ": ");
	}
	buf_addf(b, "%s, ", linktype_text(i->linktype, buf));
	add_count(b, i->packets, "packet");
	if (i->snaplen)
		buf_addf(b, ", snapshot %u", i->snaplen);
	add_resolution(b, i);
	if (i->ts_offset)
		buf_addf(b, ", times + %" PRId64 " s", i->ts_offset);
	if (i->speed)
		buf_addf(b, ", %" PRIu64 " bit/s", i->speed);
	if (i->fcs_len)
		buf_addf(b, ", FCS of %u bytes counted", i->fcs_len);
	named(b, "filter", i->filter);
	if (i->bpf_insns)
		buf_addf(b, ", filter of %u BPF instructions", i->bpf_insns);
	named(b, "description", i->descr);
	named(b, "hardware", i->hardware);
	named(b, "system", i->os);
	named(b, "comment", i->comment);
	if (i->has_recv)
		buf_addf(b, ", received %" PRIu64, i->recv);
	if (i->has_accept)
		buf_addf(b, ", accepted by the filter %" PRIu64, i->accept);
	if (i->has_deliv)
		buf_addf(b, ", delivered %" PRIu64, i->deliv);
	if (i->has_drops)
		buf_addf(b, ", dropped %" PRIu64, i->drops);
	if (i->dropcount)
		buf_addf(b, ", lost before packets %" PRIu64, i->dropcount);
	buf_addch(b, '\n');
}

static void text_notes(struct buf *b, const struct info_file *f)
{
	const struct src_note *notes;
	uint64_t total, said = 0;
	size_t n;

	notes = src_notes(f->src, &n, &total);
	for (size_t i = 0; i < n; i++) {
		label(b, "damage");
		buf_addf(b, "offset %" PRIu64 ": ", notes[i].off);
		add_text(b, notes[i].text);
		if (notes[i].n > 1)
			buf_addf(b, " (the first of %" PRIu64 ")", notes[i].n);
		buf_addch(b, '\n');
		said += notes[i].n;
	}
	if (said < total) {
		label(b, "damage");
		buf_addf(b, "%" PRIu64 " more places\n", total - said);
	}
}

void info_text(struct buf *b, const struct info_file *f, bool utc)
{
	const struct src_iface *i;
	size_t n;

	text_file(b, f);
	text_linktypes(b, f);
	text_packets(b, f);
	text_times(b, f, utc);
	text_sections(b, f);
	i = src_ifaces(f->src, &n);
	for (size_t k = 0; k < n; k++)
		text_iface(b, k, &i[k]);
	text_notes(b, f);
}
