/* Flows: what is remembered of packets with the same key, in both directions.
 *
 * A is the side that sent the first packet of the flow, B the other one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum flow_key_mode {
	FLOW_KEY_L3, /* addresses, ports, tunnel, VLANs, interface */
	FLOW_KEY_L2, /* MAC addresses too */
};

enum flow_finish {
	FLOW_NOT_FINISHED,
	FLOW_TIMEOUT,
	FLOW_TCP_FIN,
	FLOW_TCP_RST,
};

#define FLOW_IDLE_DEFAULT   (INT64_C(600) * 1000000000)
#define FLOW_HOLD_DEFAULT   (INT64_C(15) * 1000000000)
#define FLOW_UPDATE_DEFAULT (INT64_C(60) * 1000000000)
#define FLOW_UPDATE_MAX     (INT64_C(3600) * 1000000000)

struct flow_opts {
	int64_t idle;        /* ns without a packet after which a flow ends; > 0 */
	int64_t hold;        /* ns without a packet after which a TCP flow that has seen its
				end leaves; > 0 */
	uint64_t max_flows;  /* flows held at once, 0: as 'max_memory' allows */
	uint64_t max_memory; /* bytes for flows and table, > 0 */
	enum flow_key_mode key_mode;
	int64_t update; /* ns between two versions of a running flow, FLOW_UPDATE_MAX at most;
			   0: rows of ended flows only.  Costs memory where it is not 0 */
};
