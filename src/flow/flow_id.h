/* Names of flows that any program can work out again: docs/flows.md has the
 * layout.  Not the table's own hash, whose key is secret.  Inside this module only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Where the parts are, all big-endian. */
enum flow_id_at {
	FLOW_ID_NODE = 0, /* 16 bytes: none for files */
	FLOW_ID_KIND = 16,
	FLOW_ID_PROTO = 17,
	FLOW_ID_LINK = 18,   /* EtherType, ... */
	FLOW_ID_VLANS = 20,  /* 2 of 2 bytes */
	FLOW_ID_PORTS = 24,  /* of 'lo', 'hi': flow_key.h */
	FLOW_ID_TUNNEL = 28, /* tunnel id */
	FLOW_ID_IFACE = 32,
	FLOW_ID_ADDRS = 36,  /* 2 of 16 bytes: 'lo', 'hi' */
	FLOW_ID_PARENT = 68, /* uuid of the flow around */
	FLOW_ID_FIRST = 84,  /* time of the first packet */
	FLOW_ID_SIZE = 92,
	FLOW_ID_MACS = FLOW_ID_SIZE, /* 2 of 6 bytes, where they are part of the key */
	FLOW_ID_MAX = 108            /* with 4 bytes of 'twin' */
};

/* What names are made of. */
struct flow_identity {
	uint8_t b[FLOW_ID_MAX]; /* MAC addresses are always there */
	bool with_macs;         /* they are part of the key */
	uint32_t twin;          /* see struct flow_cold */
};

struct flow_table;

/* Of flow 'i'. */
void flow_identity_init(struct flow_identity *ret, const struct flow_table *t, uint32_t i);

void flow_identity_uuid(const struct flow_identity *f, uint8_t ret[16]);

/* 'with_link': VLANs and MAC addresses count. */
uint64_t flow_identity_tracking(const struct flow_identity *f, bool with_link);
