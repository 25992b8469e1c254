/* trawl as capinfos: Wireshark's capinfos 4.0, its options and its output.
 *
 * Where trawl reads on behind damage that makes capinfos stop, the report is
 * printed with what could be read and the exit status is 1. */
#include "cli/as_capinfos.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cmds.h"
#include "fmt/linktype.h"

#define BATCH     256
#define HASH_STEP (256 * 1024)

/* capinfos' exit statuses. */
enum {
	EXIT_FINE = 0,
	EXIT_CUT = 1, /* also: a wrong option */
	EXIT_UNREAD = 2,
};

static const struct {
	char letter;
	unsigned show;
} letters[] = {
	{'t', CAPINFOS_TYPE},        {'E', CAPINFOS_ENCAP},    {'l', CAPINFOS_SNAPLEN},
	{'c', CAPINFOS_PACKETS},     {'s', CAPINFOS_SIZE},     {'d', CAPINFOS_DATA},
	{'u', CAPINFOS_DURATION},    {'a', CAPINFOS_START},    {'e', CAPINFOS_END},
	{'y', CAPINFOS_BYTE_RATE},   {'i', CAPINFOS_BIT_RATE}, {'z', CAPINFOS_AVERAGE},
	{'x', CAPINFOS_PACKET_RATE}, {'H', CAPINFOS_HASHES},   {'o', CAPINFOS_ORDER},
	{'k', CAPINFOS_COMMENT},     {'F', CAPINFOS_MORE},     {'I', CAPINFOS_IFACES},
	{'n', CAPINFOS_NAMES},       {'D', CAPINFOS_SECRETS},
};

static const char *const usage_text =
	"Usage: capinfos [options] FILE ...\n"
	"\n"
	"What to tell of each capture file (all of it unless something is chosen):\n"
	"  -t file type                     -E link types (encapsulation)\n"
	"  -I interfaces                    -F hardware, system, application, time precision\n"
	"  -H SHA256, RIPEMD160, SHA1       -k comments (-K leaves them out)\n"
	"  -c number of packets             -s file size\n"
	"  -d bytes of all packets          -l packet size limit\n"
	"  -u duration                      -a time of the first packet\n"
	"  -e time of the last packet       -o whether times never go back\n"
	"  -y bytes a second                -i bits a second\n"
	"  -z average packet size           -x packets a second\n"
	"  -n resolved addresses            -D decryption secrets\n"
	"  -A everything                    -S times as seconds since the epoch\n"
	"\n"
	"How to tell it:\n"
	"  -L a list (default)              -M exact numbers in it\n"
	"  -T a table                       -R with a header line (default), -r without\n"
	"  -B tabs between columns (default), -m commas, -b blanks\n"
	"  -N no quotes (default), -q single ones, -Q double ones\n"
	"\n"
	"  -C stop at the first file that cannot be read\n"
	"  -h, --help  this text            -v, --version\n";

static void hash_file(const char *path, struct digest_texts *ret)
{
	CLEANUP(digest_freep) struct digest *d = NULL;
	CLEANUP(freep) char *step = malloc(HASH_STEP);
	CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0 || !step || digest_new(&d) < 0) {
		*ret = (struct digest_texts){"<unknown>", "<unknown>", "<unknown>"};
		return;
	}
	while ((n = read(fd, step, HASH_STEP)) > 0)
		digest_add(d, step, (size_t)n);
	digest_end(d, ret);
}

/* As Wireshark's library says why a file cannot be opened. */
static void say_unopened(const char *path, int r, const struct err *err)
{
	switch (r) {
	case -ENOENT:
		fprintf(stderr, "capinfos: The file \"%s\" doesn't exist.\n", path);
		break;
	case -EACCES:
		fprintf(stderr, "capinfos: You don't have permission to read the file \"%s\".\n",
			path);
		break;
	case -EISDIR:
		fprintf(stderr, "capinfos: \"%s\" is a directory (folder), not a file.\n", path);
		break;
	case -EBADMSG:
		fprintf(stderr,
			"capinfos: The file \"%s\" isn't a capture file in a format capinfos "
			"understands.\n",
			path);
		break;
	case -ENODATA:
		fprintf(stderr,
			"capinfos: The file \"%s\" appears to have been cut short in the middle "
			"of a packet or other data.\n",
			path);
		break;
	default:
		fprintf(stderr, "capinfos: %s.\n", err->text);
	}
}

/* Damage, after everything was read.  Returns the exit status. */
static int say_damage(const struct capinfos_report *r)
{
	const struct src_note *notes;
	uint64_t total;
	size_t n;

	if (!r->meta.cut && !r->meta.damaged)
		return EXIT_FINE;
	fprintf(stderr,
		"capinfos: An error occurred after reading %" PRIu64 " packets from \"%s\".\n",
		r->an.packets, r->path);
	if (r->meta.damaged) {
		fprintf(stderr, "capinfos: The file \"%s\" appears to be damaged or corrupt.\n",
			r->path);
		notes = src_notes(r->src, &n, &total);
		for (size_t i = 0; i < n; i++)
			fprintf(stderr, "(at offset %" PRIu64 ": %s)\n", notes[i].off,
				notes[i].text);
	} else {
		fprintf(stderr,
			"capinfos: The file \"%s\" appears to have been cut short in the middle of "
			"a packet.\n",
			r->path);
	}
	fprintf(stderr, "  (will continue anyway, checksums might be incorrect)\n");
	return EXIT_CUT;
}

/* What Wireshark derives from the interfaces: one link type, one precision. */
static void derive_kinds(struct capinfos_report *r)
{
	const struct src_iface *i;
	size_t n;

	r->encap = CAPINFOS_ENCAP_UNKNOWN;
	r->precision = CAPINFOS_PREC_UNKNOWN;
	i = src_ifaces(r->src, &n);
	for (size_t k = 0; k < n; k++) {
		int encap = capinfos_encap(r, i[k].linktype);
		int precision = capinfos_precision(&i[k]);

		if (r->encap == CAPINFOS_ENCAP_UNKNOWN)
			r->encap = encap;
		else if (r->encap != encap)
			r->encap = CAPINFOS_ENCAP_PER_PACKET;
		if (r->precision == CAPINFOS_PREC_UNKNOWN)
			r->precision = precision;
		else if (r->precision != precision)
			r->precision = CAPINFOS_PREC_PER_PACKET;
	}
}

/* Seconds as Wireshark computes them: the rounding shows in its rates. */
static double seconds(int64_t ts)
{
	int64_t sec = ts / 1000000000, ns = ts % 1000000000;

	return (double)sec + (double)ns / 1e9;
}

static void derive(struct capinfos_report *r)
{
	double d = seconds(r->an.last) - seconds(r->an.first);

	derive_kinds(r);
	r->data = r->an.bytes;
	for (size_t i = 0; i < r->an.n_linktypes; i++) {
		const struct an_info_linktype *t = &r->an.linktypes[i];
		const struct linktype *known = linktype_find(t->linktype);
		uint64_t pseudo = known ? known->wtap_pseudo * t->packets : 0;

		r->data -= pseudo < t->bytes ? pseudo : t->bytes;
	}
	if (!r->an.packets)
		return;
	r->average = (double)r->data / (double)r->an.packets;
	if (d > 0) {
		r->byte_rate = (double)r->data / d;
		r->packet_rate = (double)r->an.packets / d;
	}
}

static int read_all(struct src *src, struct an_info *an)
{
	struct pkt pkts[BATCH];
	int n;

	while ((n = src_recv(src, pkts, BATCH)) > 0) {
		int r = an_info_add(an, pkts, (size_t)n);

		if (r < 0)
			return r;
	}
	return n;
}

/* One file.  Returns capinfos' exit status for it. */
static int report_file(struct buf *b, const struct capinfos_conf *c, const char *path, bool first)
{
	CLEANUP(src_freep) struct src *src = NULL;
	struct capinfos_report r = {.path = path};
	struct err err = {0};
	int status, n;

	n = src_open(&src, path, NULL, &err);
	if (n < 0) {
		say_unopened(path, n, &err);
		return EXIT_UNREAD;
	}
	an_info_init(&r.an);
	n = read_all(src, &r.an);
	r.src = src;
	r.meta = src_meta(src);
	if (n < 0) {
		fprintf(stderr, "capinfos: An error occurred while reading the file \"%s\": %s.\n",
			path, strerror(-n));
		an_info_done(&r.an);
		return EXIT_UNREAD;
	}
	status = say_damage(&r);
	if (c->show & CAPINFOS_HASHES)
		hash_file(path, &r.hash);
	derive(&r);
	if (!first && !c->table)
		buf_addch(b, '\n');
	n = 0;
	if (c->table)
		capinfos_row(b, c, &r);
	else
		n = capinfos_list(b, c, &r);
	if (n < 0) {
		fprintf(stderr, "capinfos: %s.\n", strerror(-n));
		status = EXIT_UNREAD;
	} else if (n > 0) {
		fprintf(stderr,
			"capinfos: The file \"%s\" has so many sections and interfaces that the "
			"last %d sections are without the list, which is the same for all.\n",
			path, n);
	}
	an_info_done(&r.an);
	return status;
}

/* Returns whether the letter is one of capinfos'. */
static bool take_letter(struct capinfos_conf *c, int letter)
{
	switch (letter) {
	case 'A':
		c->show = CAPINFOS_ALL;
		c->all = true;
		return true;
	case 'K':
		c->show &= ~(unsigned)CAPINFOS_COMMENT;
		return true;
	case 'S':
		c->seconds = true;
		return true;
	case 'C':
		c->stop = true;
		return true;
	case 'L':
	case 'T':
		c->table = letter == 'T';
		return true;
	case 'M':
		c->exact = true;
		return true;
	case 'R':
	case 'r':
		c->header = letter == 'R';
		return true;
	case 'N':
	case 'q':
	case 'Q':
		c->quote = letter == 'N' ? 0 : letter == 'q' ? '\'' : '"';
		return true;
	case 'B':
	case 'm':
	case 'b':
		c->sep = letter == 'B' ? '\t' : letter == 'm' ? ',' : ' ';
		return true;
	}
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		if (letters[i].letter != letter)
			continue;
		if (c->all)
			c->show = 0;
		c->all = false;
		c->show |= letters[i].show;
		return true;
	}
	return false;
}

static int print(const char *text)
{
	return cli_write(NULL, text, strlen(text)) < 0 ? EXIT_CUT : EXIT_FINE;
}

/* Reads the options; -1: go on, else the exit status. */
static int take_options(struct capinfos_conf *c, int argc, char **argv)
{
	static const struct option longs[] = {
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{0},
	};
	int o;

	opterr = 0;
	optind = 0; /* glibc: start afresh */
	while ((o = getopt_long(argc, argv, "abcdehiklmnoqrstuvxyzABCDEFHIKLMNQRST", longs,
				NULL)) != -1) {
		if (o == 'h')
			return print(usage_text);
		if (o == 'v')
			return print("capinfos (trawl " TRAWL_VERSION "), as of Wireshark 4.0\n");
		if (take_letter(c, o))
			continue;
		if (optopt)
			fprintf(stderr, "capinfos: unrecognized option: %c\n\n%s", optopt,
				usage_text);
		else
			fprintf(stderr, "capinfos: unrecognized option: %s\n\n%s",
				argv[optind - 1] + 2, usage_text);
		return EXIT_CUT;
	}
	if (optind < argc)
		return -1;
	fprintf(stderr, "\n%s", usage_text);
	return EXIT_CUT;
}

static int run(int argc, char **argv)
{
	struct capinfos_conf c = {
		.show = CAPINFOS_ALL,
		.all = true,
		.header = true,
		.sep = '\t',
	};
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	int status = take_options(&c, argc, argv);
	bool first = true;

	cli_stop_default();
	if (status >= 0)
		return status;
	status = EXIT_FINE;
	if (c.table && c.header)
		capinfos_header(&b, &c);
	for (int i = optind; i < argc; i++) {
		int r = report_file(&b, &c, argv[i], first);

		if (buf_err(&b) || cli_write(NULL, buf_str(&b), b.len) < 0)
			return EXIT_CUT;
		buf_clear(&b);
		if (r)
			status = r;
		if (r && c.stop)
			break;
		if (r != EXIT_UNREAD)
			first = false;
	}
	return status;
}

const struct cli_tool as_capinfos = {
	"capinfos",
	"Wireshark's capinfos: what is in a capture file",
	run,
};
