/* Sun snoop captures, version 2 (RFC 1761).  Big-endian, microseconds.  No
 * state, no I/O; any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SNOOP_HDR_SIZE 16
#define SNOOP_REC_SIZE 24

struct snoop_hdr {
	uint32_t version;
	uint32_t datalink; /* as written */
	uint16_t linktype; /* LINKTYPE_ value; UINT16_MAX: none for this datalink */
};

struct snoop_rec {
	uint32_t len, caplen;
	uint32_t size;  /* of the record with its header and padding */
	uint32_t drops; /* cumulative, since the capture's start */
	uint32_t sec, us;
};

/* -ENODATA: less than SNOOP_HDR_SIZE; -EBADMSG: not snoop; -EPROTO: a version
 * other than 2. */
int snoop_hdr_read(const uint8_t *p, size_t size, struct snoop_hdr *ret);

/* SNOOP_REC_SIZE bytes must be at 'p'. */
struct snoop_rec snoop_rec_read(const uint8_t *p);
