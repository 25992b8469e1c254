/* The shapes of frames that a flow may have.  For prune.c only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/may.h"

/* What a row says, with A's values first. */
struct shape_flow {
	uint16_t linktype;
	uint8_t kind; /* enum dec_kind */
	uint8_t proto;
	bool any_proto;      /* it is not known, nor are ports */
	uint8_t n_vlan;      /* tags that name a VLAN: 0 to 2 */
	bool macs;           /* 'mac' is true of all packets */
	bool port[2];        /* likewise the ports that packets are sent from and to */
	uint16_t link_proto; /* DEC_LINK */
};

/* A frame in which everything is set but what differs from flow to flow of the same
 * struct shape_flow: that has its place. */
struct shape {
	struct may_frame frame;
	uint8_t addr_size; /* 0: not known */
	uint16_t src_at;   /* the destination's follows it at 'dst_at' */
	uint16_t dst_at;
	uint16_t tag_at[2]; /* 0: none */
	bool macs;          /* at 0: destination, source */
	bool port[2];       /* known */
	bool behind;        /* ports are behind the IPv4 header */
	uint8_t use;        /* enum shape_use; set by shapes_reduce() */
	uint16_t port_at;   /* else: here */
};

/* Which places a filter looks at. */
enum shape_use {
	SHAPE_ADDR = 1 << 0,
	SHAPE_MAC = 1 << 1,
	SHAPE_TAG = 1 << 2,
	SHAPE_PORT = 1 << 3,
};

#define SHAPES_MAX 64

/* Fills 'ret', which has room for SHAPES_MAX, with those of one kind of flow and returns
 * their number; SIZE_MAX: every frame is possible. */
size_t shapes_of(struct shape *ret, const struct shape_flow *f);

/* Leaves those that a filter may match with nothing in their places, and of shapes that
 * it does not tell apart one.  Returns their number; SIZE_MAX: it looks at no place. */
size_t shapes_reduce(struct shape *v, size_t n, struct may *m);
