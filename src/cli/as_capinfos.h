/* Between the two halves of 'trawl as capinfos': reading and writing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analyse/an_info.h"
#include "base/buf.h"
#include "capture/src.h"
#include "net/digest.h"

enum {
	CAPINFOS_ENCAP_UNKNOWN = -1,
	CAPINFOS_ENCAP_PER_PACKET = -2,
	CAPINFOS_PREC_UNKNOWN = -2,
	CAPINFOS_PREC_PER_PACKET = -1,
};

/* What a letter asks for. */
enum {
	CAPINFOS_TYPE = 1 << 0,
	CAPINFOS_ENCAP = 1 << 1,
	CAPINFOS_SNAPLEN = 1 << 2,
	CAPINFOS_PACKETS = 1 << 3,
	CAPINFOS_SIZE = 1 << 4,
	CAPINFOS_DATA = 1 << 5,
	CAPINFOS_DURATION = 1 << 6,
	CAPINFOS_START = 1 << 7,
	CAPINFOS_END = 1 << 8,
	CAPINFOS_BYTE_RATE = 1 << 9,
	CAPINFOS_BIT_RATE = 1 << 10,
	CAPINFOS_AVERAGE = 1 << 11,
	CAPINFOS_PACKET_RATE = 1 << 12,
	CAPINFOS_HASHES = 1 << 13,
	CAPINFOS_ORDER = 1 << 14,
	CAPINFOS_COMMENT = 1 << 15,
	CAPINFOS_MORE = 1 << 16,
	CAPINFOS_IFACES = 1 << 17,
	CAPINFOS_NAMES = 1 << 18,
	CAPINFOS_SECRETS = 1 << 19,
	CAPINFOS_ALL = (1 << 20) - 1,
};

struct capinfos_conf {
	unsigned show;
	bool all; /* nothing was chosen yet: the first letter clears 'show' */
	bool table, exact, seconds, header, stop;
	char sep, quote; /* 0: none */
};

/* One file's answers. */
struct capinfos_report {
	const char *path;
	const struct src *src; /* at its end */
	struct src_meta meta;
	struct an_info an;
	struct digest_texts hash;
	uint64_t data; /* bytes as Wireshark counts: without its pseudo-headers */
	int encap;     /* Wireshark's number, or CAPINFOS_ENCAP_ */
	int precision; /* digits, or CAPINFOS_PREC_ */
	double byte_rate, packet_rate, average;
};

/* Wireshark's number of a link type in this file, or CAPINFOS_ENCAP_UNKNOWN. */
int capinfos_encap(const struct capinfos_report *r, uint16_t linktype);

/* Digits behind the point that Wireshark keeps for an interface's times. */
int capinfos_precision(const struct src_iface *i);

/* Single values, as lists and tables share them. */
void capinfos_type_names(const struct capinfos_report *r, const char **ret_name,
			 const char **ret_descr);
const char *capinfos_encap_name(const struct capinfos_report *r, bool descr);
const char *capinfos_precision_name(int precision);
bool capinfos_times_known(const struct capinfos_report *r);
const char *capinfos_order(const struct capinfos_report *r);
void capinfos_add_duration(struct buf *b, const struct capinfos_report *r);
void capinfos_add_time(struct buf *b, const struct capinfos_conf *c,
		       const struct capinfos_report *r, int64_t ts, uint32_t iface);

/* Returns under how many sections the list of interfaces was left out, because it would
 * be repeated too often, or -ENOMEM. */
int capinfos_list(struct buf *b, const struct capinfos_conf *c, const struct capinfos_report *r);
void capinfos_header(struct buf *b, const struct capinfos_conf *c);
void capinfos_row(struct buf *b, const struct capinfos_conf *c, const struct capinfos_report *r);
