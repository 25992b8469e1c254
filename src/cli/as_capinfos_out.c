/* What 'trawl as capinfos' prints: Wireshark's lists and tables. */
#include "cli/as_capinfos.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "fmt/linktype.h"

#define NS_PER_SEC  INT64_C(1000000000)
#define SNAPLEN_ANY 262144 /* shown where a file says none */

/* The list of all interfaces stands under each section: bytes of that at most, besides
 * the first one. */
#define LISTS_MAX (64u << 20)

/* Wireshark's names for what a file is. */
void capinfos_type_names(const struct capinfos_report *r, const char **ret_name,
			 const char **ret_descr)
{
	static const char *const names[][2] = {
		[SRC_MEM] = {"unknown", "memory"},
		[SRC_PCAP] = {"pcap", "Wireshark/tcpdump/... - pcap"},
		[SRC_PCAP_NS] = {"nsecpcap", "Wireshark/tcpdump/... - nanosecond pcap"},
		[SRC_PCAP_MODIFIED] = {"modpcap", "Modified tcpdump - pcap"},
		[SRC_PCAPNG] = {"pcapng", "Wireshark/... - pcapng"},
		[SRC_SNOOP] = {"snoop", "Sun snoop"},
		[SRC_ERF] = {"erf", "Endace ERF capture"},
	};

	*ret_name = names[r->meta.format][0];
	*ret_descr = names[r->meta.format][1];
}

static const struct linktype *wtap_of(const struct capinfos_report *r, uint16_t linktype)
{
	const struct linktype *t = linktype_find(r->meta.format == SRC_ERF ? 197 : linktype);

	return t && t->wtap ? t : NULL;
}

int capinfos_encap(const struct capinfos_report *r, uint16_t linktype)
{
	const struct linktype *t = wtap_of(r, linktype);

	return t ? t->wtap : CAPINFOS_ENCAP_UNKNOWN;
}

const char *capinfos_encap_name(const struct capinfos_report *r, bool descr)
{
	const struct src_iface *ifaces;
	size_t n;

	if (r->encap == CAPINFOS_ENCAP_PER_PACKET)
		return descr ? "Per packet" : "per-packet";
	ifaces = src_ifaces(r->src, &n);
	for (size_t i = 0; i < n; i++) {
		const struct linktype *t = wtap_of(r, ifaces[i].linktype);

		if (t && t->wtap == r->encap)
			return descr ? t->wtap_descr : t->wtap_name;
	}
	return descr ? "Unknown" : "unknown";
}

/* Digits behind the point that Wireshark keeps for a resolution. */
int capinfos_precision(const struct src_iface *i)
{
	static const uint64_t steps[] = {10, 100, 1000, 1000000, 1000000000};
	static const int digits[] = {0, 1, 2, 3, 6, 9};
	int k = 0;

	if (!i->ticks_per_sec)
		return 9;
	while (k < 5 && i->ticks_per_sec >= steps[k])
		k++;
	return digits[k];
}

const char *capinfos_precision_name(int precision)
{
	switch (precision) {
	case 0:
		return "seconds";
	case 1:
		return "deciseconds";
	case 2:
		return "centiseconds";
	case 3:
		return "milliseconds";
	case 6:
		return "microseconds";
	case 9:
		return "nanoseconds";
	case CAPINFOS_PREC_PER_PACKET:
		return "per-packet";
	default:
		return "UNKNOWN";
	}
}

static int iface_precision(const struct capinfos_report *r, uint32_t iface)
{
	size_t n;
	const struct src_iface *i = src_ifaces(r->src, &n);

	return iface < n ? capinfos_precision(&i[iface]) : 6;
}

bool capinfos_times_known(const struct capinfos_report *r)
{
	/* Custom blocks count as records, and they have no time. */
	return r->an.timed == r->an.packets && !r->meta.custom;
}

/* "29 kB": units of 1000 from 10000 on. */
static void add_size(struct buf *b, uint64_t v, const char *plain, const char *unit)
{
	static const char *const prefixes[] = {"", " k", " M", " G", " T"};
	int k = 0;

	while (v >= 10000 && k < 4) {
		v /= 1000;
		k++;
	}
	if (!k)
		buf_addf(b, "%" PRIu64 "%s\n", v, plain);
	else
		buf_addf(b, "%" PRIu64 "%s%s\n", v, prefixes[k], unit);
}

static void add_rate(struct buf *b, const struct capinfos_conf *c, double v, const char *exact,
		     const char *plain, const char *unit)
{
	if (!c->exact)
		add_size(b, (uint64_t)v, plain, unit);
	else if (v > 0)
		buf_addf(b, "%.2f %s\n", v, exact);
	else
		buf_addstr(b, "n/a\n");
}

static void add_fraction(struct buf *b, int64_t ns, int precision)
{
	char digits[9];

	if (precision <= 0)
		return;
	num_fixed(digits, (uint64_t)ns, sizeof(digits));
	buf_addch(b, '.');
	buf_add(b, digits, (size_t)precision);
}

void capinfos_add_time(struct buf *b, const struct capinfos_conf *c,
		       const struct capinfos_report *r, int64_t ts, uint32_t iface)
{
	int64_t sec = ts / NS_PER_SEC, ns = ts % NS_PER_SEC;
	char text[64];
	struct tm tm;
	time_t t;

	if (!capinfos_times_known(r) || !r->an.packets) {
		buf_addstr(b, "n/a");
		return;
	}
	if (ns < 0) {
		ns += NS_PER_SEC;
		sec--;
	}
	t = sec;
	if (c->seconds || !localtime_r(&t, &tm))
		snprintf(text, sizeof(text), "%" PRId64, sec);
	else
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	buf_addstr(b, text);
	add_fraction(b, ns, iface_precision(r, iface));
}

void capinfos_add_duration(struct buf *b, const struct capinfos_report *r)
{
	int64_t d = an_info_duration(&r->an);
	int p = iface_precision(r, r->an.first_iface), q = iface_precision(r, r->an.last_iface);

	if (!capinfos_times_known(r) || !r->an.packets) {
		buf_addstr(b, "n/a");
		return;
	}
	buf_addf(b, "%" PRId64, d / NS_PER_SEC);
	add_fraction(b, d % NS_PER_SEC, p > q ? p : q);
}

const char *capinfos_order(const struct capinfos_report *r)
{
	if (r->an.backwards)
		return "False";
	return capinfos_times_known(r) ? "True" : "Unknown";
}

/* Text on one line. */
static void add_line(struct buf *b, const char *prefix, const char *text)
{
	if (!text || !*text)
		return;
	buf_addstr(b, prefix);
	for (; *text; text++)
		buf_addch(b, *text == '\n' || *text == '\r' ? ' ' : *text);
	buf_addch(b, '\n');
}

static void list_encap(struct buf *b, const struct capinfos_conf *c,
		       const struct capinfos_report *r)
{
	buf_addf(b, "File encapsulation:  %s\n", capinfos_encap_name(r, !c->exact));
	if (r->encap != CAPINFOS_ENCAP_PER_PACKET)
		return;
	buf_addstr(b, "Encapsulation in use by packets (# of pkts):\n");
	/* By Wireshark's numbers, which several link types may share. */
	for (int last = 0;;) {
		const struct linktype *next = NULL;
		uint64_t n = 0;

		for (size_t i = 0; i < r->an.n_linktypes; i++) {
			const struct linktype *t = wtap_of(r, r->an.linktypes[i].linktype);

			if (!t || t->wtap <= last || (next && t->wtap > next->wtap))
				continue;
			if (!next || t->wtap < next->wtap)
				n = 0;
			next = t;
			n += r->an.linktypes[i].packets;
		}
		if (!next)
			break;
		last = next->wtap;
		buf_addf(b, "                     %s (%" PRIu64 ")\n", next->wtap_descr, n);
	}
}

static void list_limits(struct buf *b, const struct capinfos_conf *c,
			const struct capinfos_report *r)
{
	const struct an_info *a = &r->an;

	if (c->show & CAPINFOS_SNAPLEN) {
		if (r->meta.snaplen)
			buf_addf(b, "Packet size limit:   file hdr: %u bytes\n", r->meta.snaplen);
		else
			buf_addstr(b, "Packet size limit:   file hdr: (not set)\n");
	}
	if (a->cut && a->cut_max) {
		buf_addf(b, "Packet size limit:   inferred: %u bytes", a->cut_min);
		if (a->cut_min != a->cut_max)
			buf_addf(b, " - %u bytes (range)", a->cut_max);
		buf_addch(b, '\n');
	}
}

static void list_numbers(struct buf *b, const struct capinfos_conf *c,
			 const struct capinfos_report *r)
{
	const struct {
		unsigned show;
		const char *label, *unit;
		uint64_t v;
	} rows[] = {
		{CAPINFOS_PACKETS, "Number of packets:   ", "", r->an.packets},
		{CAPINFOS_SIZE, "File size:           ", "B", r->meta.size},
		{CAPINFOS_DATA, "Data size:           ", "B", r->data},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *plain = *rows[i].unit ? " bytes" : "";

		if (!(c->show & rows[i].show))
			continue;
		buf_addstr(b, rows[i].label);
		if (c->exact)
			buf_addf(b, "%" PRIu64 "%s\n", rows[i].v, plain);
		else
			add_size(b, rows[i].v, plain, rows[i].unit);
	}
}

static void list_times(struct buf *b, const struct capinfos_conf *c,
		       const struct capinfos_report *r)
{
	if (c->show & CAPINFOS_DURATION) {
		bool some = r->an.packets > 0;

		buf_addstr(b, "Capture duration:    ");
		capinfos_add_duration(b, r);
		buf_addstr(b, some ? " seconds\n" : "\n");
	}
	if (c->show & CAPINFOS_START) {
		buf_addstr(b, "First packet time:   ");
		capinfos_add_time(b, c, r, r->an.first, r->an.first_iface);
		buf_addch(b, '\n');
	}
	if (c->show & CAPINFOS_END) {
		buf_addstr(b, "Last packet time:    ");
		capinfos_add_time(b, c, r, r->an.last, r->an.last_iface);
		buf_addch(b, '\n');
	}
	if (c->show & CAPINFOS_BYTE_RATE) {
		buf_addstr(b, "Data byte rate:      ");
		add_rate(b, c, r->byte_rate, "bytes/sec", " bytes/s", "Bps");
	}
	if (c->show & CAPINFOS_BIT_RATE) {
		buf_addstr(b, "Data bit rate:       ");
		add_rate(b, c, r->byte_rate * 8, "bits/sec", " bits/s", "bps");
	}
}

static void list_iface(struct buf *b, const struct capinfos_report *r, const struct src_iface *i)
{
	static const char pad[] = "                     ";
	const struct linktype *t = wtap_of(r, i->linktype);
	bool ng = r->meta.format == SRC_PCAPNG;

	if (i->name)
		buf_addf(b, "%sName = %s\n", pad, i->name);
	if (i->descr)
		buf_addf(b, "%sDescription = %s\n", pad, i->descr);
	buf_addf(b, "%sEncapsulation = %s (%d - %s)\n", pad, t ? t->wtap_descr : "Unknown",
		 t ? t->wtap : 0, t ? t->wtap_name : "unknown");
	if (i->hardware)
		buf_addf(b, "%sHardware = %s\n", pad, i->hardware);
	if (i->speed)
		buf_addf(b, "%sSpeed = %" PRIu64 "\n", pad, i->speed);
	buf_addf(b, "%sCapture length = %u\n", pad, i->snaplen || ng ? i->snaplen : SNAPLEN_ANY);
	if (i->has_fcs_len)
		buf_addf(b, "%sFCS length = %u\n", pad, i->fcs_len);
	buf_addf(b, "%sTime precision = %s (%d)\n", pad,
		 capinfos_precision_name(capinfos_precision(i)), capinfos_precision(i));
	buf_addf(b, "%sTime ticks per second = %" PRIu64 "\n", pad,
		 i->ticks_per_sec ? i->ticks_per_sec : UINT64_MAX);
	if (i->has_tsresol)
		buf_addf(b, "%sTime resolution = 0x%02x\n", pad, i->tsresol);
	if (i->has_ts_offset)
		buf_addf(b, "%sTimestamp offset = %" PRId64 "\n", pad, i->ts_offset);
	if (i->filter)
		buf_addf(b, "%sFilter string = %s\n", pad, i->filter);
	if (i->bpf_insns)
		buf_addf(b, "%sBPF filter length = %u\n", pad, i->bpf_insns);
	if (i->os)
		buf_addf(b, "%sOperating system = %s\n", pad, i->os);
	if (i->comment)
		buf_addf(b, "%sComment = %s\n", pad, i->comment);
}

/* capinfos counts packets and statistics by the interface's number in its
 * section, as if all sections shared the interfaces of the first, and lists
 * all interfaces under each section.  So does this. */
static int list_ifaces(struct buf *b, const struct capinfos_report *r)
{
	CLEANUP(freep) struct iface_sums {
		uint64_t packets;
		uint32_t stats;
	} *sums = NULL;
	const struct src_iface *ifaces;
	size_t n, i, first;

	ifaces = src_ifaces(r->src, &n);
	if (!n)
		return 0;
	sums = calloc(n, sizeof(*sums));
	if (!sums)
		return -ENOMEM;
	for (i = first = 0; i < n; i++) {
		if (ifaces[i].section != ifaces[first].section)
			first = i;
		sums[i - first].packets += ifaces[i].packets;
		sums[i - first].stats += ifaces[i].stats;
	}
	buf_addf(b, "Number of interfaces in file: %zu\n", n);
	for (i = 0; i < n; i++) {
		buf_addf(b, "Interface #%zu info:\n", i);
		list_iface(b, r, &ifaces[i]);
		buf_addf(b,
			 "                     Number of stat entries = %u\n"
			 "                     Number of packets = %" PRIu64 "\n",
			 sums[i].stats, sums[i].packets);
	}
	return buf_err(b);
}

/* 'ifaces' is the list of interfaces; NULL: not to be told. */
static void list_section(struct buf *b, const struct capinfos_conf *c,
			 const struct capinfos_report *r, const struct src_section *s,
			 const struct buf *ifaces)
{
	if (c->show & CAPINFOS_MORE) {
		add_line(b, "Capture hardware:    ", s->hardware);
		add_line(b, "Capture oper-sys:    ", s->os);
		add_line(b, "Capture application: ", s->app);
	}
	if (c->show & CAPINFOS_COMMENT)
		for (size_t i = 0; i < s->n_comments; i++)
			add_line(b, "Capture comment:     ", s->comments[i]);
	if (ifaces && ifaces->len)
		buf_add(b, ifaces->p, ifaces->len);
	if (c->show & CAPINFOS_NAMES) {
		if (r->meta.ip4_names)
			buf_addf(b, "Number of resolved IPv4 addresses in file: %" PRIu64 "\n",
				 r->meta.ip4_names);
		if (r->meta.ip6_names)
			buf_addf(b, "Number of resolved IPv6 addresses in file: %" PRIu64 "\n",
				 r->meta.ip6_names);
	}
	if (c->show & CAPINFOS_SECRETS && r->meta.secrets)
		buf_addf(b, "Number of decryption secrets in file: %" PRIu64 "\n", r->meta.secrets);
}

/* The sections, each with the list of all interfaces. */
static int list_sections(struct buf *b, const struct capinfos_conf *c,
			 const struct capinfos_report *r)
{
	CLEANUP(buf_done) struct buf ifaces = BUF_INIT;
	const struct src_section *sections;
	size_t n, i, room = LISTS_MAX;
	int without = 0, ret;

	if (c->show & CAPINFOS_IFACES) {
		ret = list_ifaces(&ifaces, r);
		if (ret < 0)
			return ret;
	}
	sections = src_sections(r->src, &n);
	for (i = 0; i < n; i++) {
		bool list = i == 0 || ifaces.len <= room;

		if (n > 1)
			buf_addf(b, "Section %zu:\n\n", i);
		list_section(b, c, r, &sections[i], list ? &ifaces : NULL);
		if (i && list)
			room -= ifaces.len;
		without += !list;
	}
	return without;
}

int capinfos_list(struct buf *b, const struct capinfos_conf *c, const struct capinfos_report *r)
{
	const char *name, *descr;

	capinfos_type_names(r, &name, &descr);
	buf_addf(b, "File name:           %s\n", r->path);
	if (c->show & CAPINFOS_TYPE) {
		buf_addf(b, "File type:           %s", c->exact ? name : descr);
		if (r->meta.packed)
			buf_addf(b, " (%s compressed)", r->meta.packed);
		buf_addch(b, '\n');
	}
	if (c->show & CAPINFOS_ENCAP)
		list_encap(b, c, r);
	if (c->show & CAPINFOS_MORE)
		buf_addf(b, "File timestamp precision:  %s (%d)\n",
			 capinfos_precision_name(r->precision), r->precision);
	list_limits(b, c, r);
	list_numbers(b, c, r);
	if (capinfos_times_known(r))
		list_times(b, c, r);
	if (c->show & CAPINFOS_AVERAGE)
		buf_addf(b, "Average packet size: %.2f bytes\n", r->average);
	if (c->show & CAPINFOS_PACKET_RATE && capinfos_times_known(r)) {
		buf_addstr(b, "Average packet rate: ");
		add_rate(b, c, r->packet_rate, "packets/sec", " packets/s", "packets/s");
	}
	if (c->show & CAPINFOS_HASHES)
		buf_addf(b,
			 "SHA256:              %s\n"
			 "RIPEMD160:           %s\n"
			 "SHA1:                %s\n",
			 r->hash.sha256, r->hash.ripemd160, r->hash.sha1);
	if (c->show & CAPINFOS_ORDER)
		buf_addf(b, "Strict time order:   %s\n", capinfos_order(r));
	return list_sections(b, c, r);
}
