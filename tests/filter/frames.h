/* The frames that filters are tried on; for tests. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct frame {
	const uint8_t *data;
	uint32_t caplen, len;
	uint16_t linktype;
	uint64_t hash; /* of all of it */
};

struct frames {
	struct frame *list;
	size_t n, size;
	size_t *table; /* by hash: index into 'list' + 1 */
	size_t table_size;
	uint64_t files, refused; /* files read, and not recognised as captures */
	uint64_t packets;        /* in them; those seen before are not kept */
};

/* Reads a capture, or all those in a folder.  Dies of what cannot be. */
void frames_read(struct frames *f, const char *path);
void frames_done(struct frames *f);

/* The shortest frame for each stack of headers, in the order of their appearance, at most 'max'.
 * Returns their number; 'ret_all' counts also the stacks that were too many. */
size_t frames_stacks(const struct frames *f, struct frame *ret, size_t max, size_t *ret_all);
