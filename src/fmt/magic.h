/* What kind of file the first bytes belong to. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Bytes that magic_find() wants to see; less are enough only at a file's end. */
#define MAGIC_SIZE 64

enum magic {
	MAGIC_UNKNOWN,
	MAGIC_EMPTY, /* no bytes at all */
	MAGIC_PCAP,
	MAGIC_PCAPNG,
	MAGIC_SNOOP, /* RFC 1761 */
	MAGIC_ERF,   /* Endace, by the shape of its first records */
	MAGIC_GZIP,
	MAGIC_ZSTD,
	MAGIC_LZ4,
	/* Recognised in order to be refused with a sentence that helps: */
	MAGIC_OTHER, /* see magic_refusal() */
};

enum magic magic_find(const uint8_t *p, size_t size);

/* Completes "'x' is ": "a Microsoft Network Monitor capture; 'editcap in out.pcapng'
 * (Wireshark) converts it".  Never NULL; also for MAGIC_UNKNOWN. */
const char *magic_refusal(const uint8_t *p, size_t size);
