/* What 'trawl info' writes for programs: CSV and JSON. */
#include "cli/info.h"

#include <inttypes.h>
#include <string.h>

#include "fmt/linktype.h"

static const char *const csv_columns[] = {
	"file",    "format", "packed",    "sections", "interfaces",   "link_types",  "size",
	"packets", "bytes",  "cap_bytes", "first",    "last",         "duration_ns", "backwards",
	"gap_ns",  "cut",    "over",      "lost",     "without_time", "notes",
};

void info_csv_header(struct buf *b)
{
	for (size_t i = 0; i < sizeof(csv_columns) / sizeof(csv_columns[0]); i++)
		buf_addf(b, "%s%s", i ? "," : "", csv_columns[i]);
	buf_addch(b, '\n');
}

static void csv_time(struct buf *b, const struct an_info *a, int64_t ts)
{
	buf_addch(b, ',');
	if (a->timed)
		buf_addns(b, ts, 9);
}

static void csv_u64(struct buf *b, uint64_t v)
{
	buf_addch(b, ',');
	buf_addu(b, v);
}

void info_csv(struct buf *b, const struct info_file *f)
{
	const struct an_info *a = &f->an;
	size_t sections, ifaces, n_notes;
	uint64_t notes;

	src_sections(f->src, &sections);
	src_ifaces(f->src, &ifaces);
	src_notes(f->src, &n_notes, &notes);
	buf_addcsv(b, f->path);
	buf_addf(b, ",%s,%s", info_format(f), f->meta.packed ? f->meta.packed : "");
	csv_u64(b, sections);
	csv_u64(b, ifaces);
	buf_addch(b, ',');
	for (size_t i = 0; i < a->n_linktypes; i++)
		buf_addf(b, "%s%u", i ? " " : "", a->linktypes[i].linktype);
	csv_u64(b, f->meta.size);
	csv_u64(b, a->packets);
	csv_u64(b, a->bytes);
	csv_u64(b, a->cap_bytes);
	csv_time(b, a, a->first);
	csv_time(b, a, a->last);
	csv_u64(b, (uint64_t)an_info_duration(a));
	csv_u64(b, a->backwards);
	csv_u64(b, (uint64_t)a->gap.ns);
	csv_u64(b, a->cut);
	csv_u64(b, a->over);
	csv_u64(b, a->lost);
	csv_u64(b, a->packets - a->timed);
	csv_u64(b, notes);
	buf_addch(b, '\n');
}

static void put_u64(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_u64(j, v);
}

static void put_text(struct json *j, const char *key, const char *s)
{
	if (!s)
		return;
	json_key(j, key);
	json_str(j, s);
}

static void put_time(struct json *j, const char *key, int64_t ts)
{
	struct buf t = BUF_INIT;

	buf_addns(&t, ts, 9);
	put_text(j, key, buf_str(&t));
	buf_done(&t);
}

static void put_jump(struct json *j, const char *key, const struct an_info_jump *x)
{
	if (!x->ns)
		return;
	json_key(j, key);
	json_object(j);
	put_u64(j, "ns", (uint64_t)x->ns);
	put_time(j, "after", x->from);
	put_u64(j, "packet", x->number);
	put_u64(j, "offset", x->off);
	json_object_end(j);
}

static void json_times(struct json *j, const struct an_info *a)
{
	if (a->timed) {
		put_time(j, "first", a->first);
		put_time(j, "last", a->last);
	}
	put_u64(j, "duration_ns", (uint64_t)an_info_duration(a));
	json_key(j, "packets_per_second");
	json_f64(j, an_info_rate(a, a->packets));
	json_key(j, "bytes_per_second");
	json_f64(j, an_info_rate(a, a->bytes));
	put_u64(j, "backwards", a->backwards);
	put_jump(j, "largest_step_back", &a->back);
	put_jump(j, "largest_gap", &a->gap);
	put_u64(j, "without_time", a->packets - a->timed);
	put_u64(j, "wrong_times", a->bad_times);
}

static void json_linktypes(struct json *j, const struct an_info *a)
{
	char buf[LINKTYPE_TEXT_SIZE];

	json_key(j, "link_types");
	json_array(j);
	for (size_t i = 0; i < a->n_linktypes; i++) {
		const struct an_info_linktype *t = &a->linktypes[i];

		json_object(j);
		put_u64(j, "number", t->linktype);
		put_text(j, "name", linktype_text(t->linktype, buf));
		put_u64(j, "packets", t->packets);
		put_u64(j, "bytes", t->bytes);
		json_object_end(j);
	}
	json_array_end(j);
}

static void json_sections(struct json *j, const struct info_file *f)
{
	const struct src_section *s;
	size_t n;

	s = src_sections(f->src, &n);
	json_key(j, "sections");
	json_array(j);
	for (size_t i = 0; i < n; i++) {
		json_object(j);
		put_u64(j, "offset", s[i].off);
		put_text(j, "byte_order", s[i].big ? "big" : "little");
		put_text(j, "hardware", s[i].hardware);
		put_text(j, "system", s[i].os);
		put_text(j, "application", s[i].app);
		json_key(j, "comments");
		json_array(j);
		for (size_t k = 0; k < s[i].n_comments; k++)
			json_str(j, s[i].comments[k]);
		json_array_end(j);
		json_object_end(j);
	}
	json_array_end(j);
}

static void json_iface(struct json *j, const struct src_iface *i)
{
	json_object(j);
	put_text(j, "name", i->name);
	put_text(j, "description", i->descr);
	put_u64(j, "section", i->section);
	put_u64(j, "link_type", i->linktype);
	put_u64(j, "snaplen", i->snaplen);
	put_u64(j, "ticks_per_second", i->ticks_per_sec);
	put_text(j, "filter", i->filter);
	put_text(j, "hardware", i->hardware);
	put_text(j, "system", i->os);
	put_text(j, "comment", i->comment);
	if (i->speed)
		put_u64(j, "speed_bps", i->speed);
	put_u64(j, "packets", i->packets);
	if (i->has_recv)
		put_u64(j, "received", i->recv);
	if (i->has_accept)
		put_u64(j, "accepted", i->accept);
	if (i->has_deliv)
		put_u64(j, "delivered", i->deliv);
	if (i->has_drops)
		put_u64(j, "dropped", i->drops);
	if (i->dropcount)
		put_u64(j, "lost_before_packets", i->dropcount);
	json_object_end(j);
}

static void json_lists(struct json *j, const struct info_file *f)
{
	const struct src_iface *i;
	const struct src_note *notes;
	uint64_t total;
	size_t n;

	i = src_ifaces(f->src, &n);
	json_key(j, "interfaces");
	json_array(j);
	for (size_t k = 0; k < n; k++)
		json_iface(j, &i[k]);
	json_array_end(j);

	notes = src_notes(f->src, &n, &total);
	put_u64(j, "notes_total", total);
	json_key(j, "notes");
	json_array(j);
	for (size_t k = 0; k < n; k++) {
		json_object(j);
		put_u64(j, "offset", notes[k].off);
		put_u64(j, "times", notes[k].n);
		put_text(j, "text", notes[k].text);
		json_object_end(j);
	}
	json_array_end(j);
}

void info_json(struct json *j, const struct info_file *f)
{
	const struct an_info *a = &f->an;

	json_object(j);
	put_text(j, "file", f->path);
	put_text(j, "format", info_format(f));
	put_text(j, "packed", f->meta.packed);
	put_u64(j, "size", f->meta.size);
	put_u64(j, "unpacked", f->meta.unpacked);
	if (f->meta.snaplen)
		put_u64(j, "snaplen", f->meta.snaplen);
	put_u64(j, "packets", a->packets);
	put_u64(j, "bytes", a->bytes);
	put_u64(j, "cap_bytes", a->cap_bytes);
	put_u64(j, "len_min", a->len_min);
	put_u64(j, "len_max", a->len_max);
	put_u64(j, "cut", a->cut);
	if (a->cut) {
		put_u64(j, "cut_min", a->cut_min);
		put_u64(j, "cut_max", a->cut_max);
	}
	put_u64(j, "over", a->over);
	put_u64(j, "empty", a->empty);
	put_u64(j, "lost", a->lost);
	json_times(j, a);
	put_u64(j, "secrets", f->meta.secrets);
	put_u64(j, "names_ipv4", f->meta.ip4_names);
	put_u64(j, "names_ipv6", f->meta.ip6_names);
	put_u64(j, "commented_packets", f->meta.comments);
	if (f->hashed) {
		put_text(j, "sha256", f->hash.sha256);
		put_text(j, "ripemd160", f->hash.ripemd160);
		put_text(j, "sha1", f->hash.sha1);
	}
	json_linktypes(j, a);
	json_sections(j, f);
	json_lists(j, f);
	json_object_end(j);
}
