/* What 'trawl as capinfos -T' prints. */
#include "cli/as_capinfos.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* The columns of the table, in order; those of sections follow. */
static const struct {
	unsigned show;
	const char *label;
} columns[] = {
	{CAPINFOS_TYPE, "File type"},
	{CAPINFOS_ENCAP, "File encapsulation"},
	{CAPINFOS_MORE, "File time precision"},
	{CAPINFOS_SNAPLEN, "Packet size limit"},
	{CAPINFOS_SNAPLEN, "Packet size limit min (inferred)"},
	{CAPINFOS_SNAPLEN, "Packet size limit max (inferred)"},
	{CAPINFOS_PACKETS, "Number of packets"},
	{CAPINFOS_SIZE, "File size (bytes)"},
	{CAPINFOS_DATA, "Data size (bytes)"},
	{CAPINFOS_DURATION, "Capture duration (seconds)"},
	{CAPINFOS_START, "Start time"},
	{CAPINFOS_END, "End time"},
	{CAPINFOS_BYTE_RATE, "Data byte rate (bytes/sec)"},
	{CAPINFOS_BIT_RATE, "Data bit rate (bits/sec)"},
	{CAPINFOS_AVERAGE, "Average packet size (bytes)"},
	{CAPINFOS_PACKET_RATE, "Average packet rate (packets/sec)"},
	{CAPINFOS_HASHES, "SHA256"},
	{CAPINFOS_HASHES, "RIPEMD160"},
	{CAPINFOS_HASHES, "SHA1"},
	{CAPINFOS_ORDER, "Strict time order"},
	{CAPINFOS_MORE, "Capture hardware"},
	{CAPINFOS_MORE, "Capture oper-sys"},
	{CAPINFOS_MORE, "Capture application"},
	{CAPINFOS_COMMENT, "Capture comment"},
};

static void add_char(struct buf *b, char c)
{
	if (c)
		buf_addch(b, c);
}

static void cell(struct buf *b, const struct capinfos_conf *c, const char *text)
{
	add_char(b, c->sep);
	add_char(b, c->quote);
	buf_addstr(b, text ? text : "");
	add_char(b, c->quote);
}

void capinfos_header(struct buf *b, const struct capinfos_conf *c)
{
	add_char(b, c->quote);
	buf_addstr(b, "File name");
	add_char(b, c->quote);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		if (c->show & columns[i].show)
			cell(b, c, columns[i].label);
	buf_addch(b, '\n');
}

static void cell_f(struct buf *b, const struct capinfos_conf *c, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void cell_f(struct buf *b, const struct capinfos_conf *c, const char *fmt, ...)
{
	char text[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cell(b, c, text);
}

static void cell_rate(struct buf *b, const struct capinfos_conf *c, const struct capinfos_report *r,
		      double v)
{
	if (capinfos_times_known(r))
		cell_f(b, c, "%.2f", v);
	else
		cell(b, c, "n/a");
}

static void row_limits(struct buf *b, const struct capinfos_conf *c,
		       const struct capinfos_report *r)
{
	if (r->meta.snaplen)
		cell_f(b, c, "%u", r->meta.snaplen);
	else
		cell(b, c, "(not set)");
	if (r->an.cut && r->an.cut_max) {
		cell_f(b, c, "%u", r->an.cut_min);
		cell_f(b, c, "%u", r->an.cut_max);
	} else {
		cell(b, c, "n/a");
		cell(b, c, "n/a");
	}
}

static void row_times(struct buf *b, const struct capinfos_conf *c, const struct capinfos_report *r)
{
	struct buf t = BUF_INIT;

	if (c->show & CAPINFOS_DURATION) {
		capinfos_add_duration(&t, r);
		cell(b, c, buf_str(&t));
	}
	if (c->show & CAPINFOS_START) {
		buf_clear(&t);
		capinfos_add_time(&t, c, r, r->an.first, r->an.first_iface);
		cell(b, c, buf_str(&t));
	}
	if (c->show & CAPINFOS_END) {
		buf_clear(&t);
		capinfos_add_time(&t, c, r, r->an.last, r->an.last_iface);
		cell(b, c, buf_str(&t));
	}
	buf_done(&t);
}

static void row_sections(struct buf *b, const struct capinfos_conf *c,
			 const struct capinfos_report *r)
{
	const struct src_section *s;
	size_t n;

	s = src_sections(r->src, &n);
	for (size_t i = 0; i < n; i++) {
		if (c->show & CAPINFOS_MORE) {
			cell(b, c, s[i].hardware);
			cell(b, c, s[i].os);
			cell(b, c, s[i].app);
		}
		if (!(c->show & CAPINFOS_COMMENT))
			continue;
		for (size_t k = 0; k < s[i].n_comments; k++)
			cell(b, c, s[i].comments[k]);
		if (!s[i].n_comments)
			cell(b, c, "");
	}
}

void capinfos_row(struct buf *b, const struct capinfos_conf *c, const struct capinfos_report *r)
{
	const char *name, *descr;

	capinfos_type_names(r, &name, &descr);
	add_char(b, c->quote);
	buf_addstr(b, r->path);
	add_char(b, c->quote);
	if (c->show & CAPINFOS_TYPE)
		cell(b, c, name);
	if (c->show & CAPINFOS_ENCAP)
		cell(b, c, capinfos_encap_name(r, false));
	if (c->show & CAPINFOS_MORE)
		cell(b, c, capinfos_precision_name(r->precision));
	if (c->show & CAPINFOS_SNAPLEN)
		row_limits(b, c, r);
	if (c->show & CAPINFOS_PACKETS)
		cell_f(b, c, "%" PRIu64, r->an.packets);
	if (c->show & CAPINFOS_SIZE)
		cell_f(b, c, "%" PRIu64, r->meta.size);
	if (c->show & CAPINFOS_DATA)
		cell_f(b, c, "%" PRIu64, r->data);
	row_times(b, c, r);
	if (c->show & CAPINFOS_BYTE_RATE)
		cell_rate(b, c, r, r->byte_rate);
	if (c->show & CAPINFOS_BIT_RATE)
		cell_rate(b, c, r, r->byte_rate * 8);
	if (c->show & CAPINFOS_AVERAGE)
		cell_f(b, c, "%.2f", r->average);
	if (c->show & CAPINFOS_PACKET_RATE)
		cell_rate(b, c, r, r->packet_rate);
	if (c->show & CAPINFOS_HASHES) {
		cell(b, c, r->hash.sha256);
		cell(b, c, r->hash.ripemd160);
		cell(b, c, r->hash.sha1);
	}
	if (c->show & CAPINFOS_ORDER)
		cell(b, c, capinfos_order(r));
	row_sections(b, c, r);
	buf_addch(b, '\n');
}
