/* Endace's Extensible Record Format (ERF types reference, EDM11-01): a run of
 * records without a file header.  No state, no I/O; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ERF_HDR_SIZE 16

/* Records that are no frames. */
#define ERF_TYPE_META 27
#define ERF_TYPE_PAD  48

/* Frames of a kind without LINKTYPE_ value (ATM cells, Infiniband, channelised
 * lines) are given as the first type for private use, LINKTYPE_USER0. */
#define ERF_LINKTYPE_OTHER 147

struct erf_rec {
	int64_t ts;        /* ns since the epoch, rounded to the nearest */
	uint8_t type;      /* without the bit for extension headers */
	uint8_t port;      /* 0 to 3 */
	uint16_t size;     /* of the record with its header */
	uint16_t len;      /* bytes on the wire, as written */
	uint16_t lost;     /* frames lost before this one; 0 for types without that field */
	uint16_t linktype; /* of the frame */
	uint16_t head;     /* bytes before the frame; may exceed 'size': then there is none */
	bool is_frame;
};

/* Reads the record at 'p'.  -ENODATA: less than its headers; -EBADMSG: no ERF
 * record. */
int erf_rec_read(const uint8_t *p, size_t size, struct erf_rec *ret);

/* Whether records follow each other here: three of them, or, where the file ends
 * at 'size' ('end'), fewer that end there. */
bool erf_looks(const uint8_t *p, size_t size, bool end);
