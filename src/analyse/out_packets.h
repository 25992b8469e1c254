/* Packets as text, told by the flow they belong to.
 *
 * json   one object as Skydive's RawPackets step answers: flow id to array of
 *        {"Timestamp":ms,"Index":n,"Data":"base64","LinkType":n}; since packets come in
 *        time order and not by flow, it is kept in memory until the end, at most
 *        OUT_PACKETS_MAX bytes
 * jsonl  the same members with "UUID" and "Length" (bytes on the wire), one packet a line
 * csv    uuid, index, time, link_type, captured, length, data in hexadecimal
 * table  the same without data
 *
 * "Index" counts the packets of a flow in the answer from 0; "LinkType" is the
 * LINKTYPE_ number. */
#pragma once

#include "analyse/out.h"

#define OUT_PACKETS_MAX (512 << 20) /* bytes of JSON text held at once */

struct out_packets;

int out_packets_new(struct out_packets **ret, const struct out_conf *conf, struct err *err);
void out_packets_free(struct out_packets *op); /* writes nothing more */
static inline void out_packets_freep(struct out_packets **op)
{
	out_packets_free(*op);
}

/* 'uuid' is the flow that the packet was found by.  -E2BIG: too much for JSON. */
int out_packets_add(struct out_packets *op, const uint8_t uuid[16], const struct pkt *p,
		    struct err *err);
int out_packets_end(struct out_packets *op, struct err *err);
