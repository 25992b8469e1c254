/* Small captures in files, for tests of the run module. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "tmp_dir.h"

#define FRAME_SIZE 60

/* Ethernet, IPv4, UDP from 10.0.0.A to 10.0.0.B, 18 bytes of payload. */
static inline void frame_make(uint8_t f[FRAME_SIZE], uint8_t a, uint16_t sport, uint8_t b,
			      uint16_t dport)
{
	memset(f, 0, FRAME_SIZE);
	f[5] = b;
	f[11] = a;
	be16_store(f + 12, 0x0800);
	f[14] = 0x45;
	be16_store(f + 16, FRAME_SIZE - 14);
	f[22] = 64;
	f[23] = 17;
	memcpy(f + 26, (uint8_t[]){10, 0, 0, a}, 4);
	memcpy(f + 30, (uint8_t[]){10, 0, 0, b}, 4);
	be16_store(f + 34, sport);
	be16_store(f + 36, dport);
	be16_store(f + 38, FRAME_SIZE - 34);
}

/* A classic capture: draft-ietf-opsawg-pcap, written in little-endian order. */
static inline FILE *cap_open(const char *path)
{
	uint8_t h[24] = {0};
	FILE *f = fopen(path, "wb");

	le32_store(h, 0xa1b23c4d); /* ns */
	le16_store(h + 4, 2);
	le16_store(h + 6, 4);
	le32_store(h + 16, 262144);
	le32_store(h + 20, 1);
	fwrite(h, sizeof(h), 1, f);
	return f;
}

static inline void cap_add(FILE *f, int64_t ts, const uint8_t frame[FRAME_SIZE])
{
	uint8_t h[16];

	le32_store(h, (uint32_t)(ts / 1000000000));
	le32_store(h + 4, (uint32_t)(ts % 1000000000));
	le32_store(h + 8, FRAME_SIZE);
	le32_store(h + 12, FRAME_SIZE);
	fwrite(h, sizeof(h), 1, f);
	fwrite(frame, FRAME_SIZE, 1, f);
}

static inline void cap_add_udp(FILE *f, int64_t ts, uint8_t a, uint16_t sport, uint8_t b,
			       uint16_t dport)
{
	uint8_t frame[FRAME_SIZE];

	frame_make(frame, a, sport, b, dport);
	cap_add(f, ts, frame);
}
