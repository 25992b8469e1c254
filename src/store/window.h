/* A file by place: reads ahead where reading goes on, little where it jumps. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "fmt/rec.h"

#define WINDOW_MAX (17u << 20) /* bytes asked for at once: a record of the largest size */

struct window {
	int fd;        /* borrowed */
	uint64_t size; /* what is behind does not count */
	uint8_t *p;    /* owned, as far as it goes */
	size_t room, len;
	uint64_t at;
};

void window_done(struct window *w); /* 'fd' stays open */

/* 'n' bytes at 'at', valid until the next call; NULL: they are not there. */
const uint8_t *window_get(struct window *w, uint64_t at, size_t n);

/* The record at 'at'.  As rec_read(). */
int64_t window_rec(struct window *w, uint64_t at, struct rec *ret);

/* The whole pcapng block at 'at', valid as above; its length, or 0: none.  Little-endian. */
#define WINDOW_BLOCK_MAX (16u << 20) /* bytes; what is longer is none */
uint32_t window_block(struct window *w, uint64_t at, const uint8_t **ret);
