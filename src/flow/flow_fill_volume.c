/* Columns: packets, bytes, IP, payload and quality. */
#include "flow/flow_rows_impl.h"

/* What only few flows have. */
#define MORE(member) (row->more ? row->more->member : 0)

static uint64_t new_packets(const struct flow_row *row, int dir)
{
	uint64_t n = flow_packets(row->t, row->i, dir);

	return row->before ? flow_version_packets(row->before, n, dir) : n;
}

static uint64_t new_bytes(const struct flow_row *row, int dir)
{
	return row->hot->bytes[dir] - (row->before ? row->before->bytes[dir] : 0);
}

/* What came since the version before. */
static bool fill_update(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	switch (f) {
	case FLOW_last_update_ab_packets:
		FLOW_FILL(u64, true, new_packets(row, 0));
		return true;
	case FLOW_last_update_ba_packets:
		FLOW_FILL(u64, true, new_packets(row, 1));
		return true;
	case FLOW_last_update_ab_bytes:
		FLOW_FILL(u64, true, new_bytes(row, 0));
		return true;
	case FLOW_last_update_ba_bytes:
		FLOW_FILL(u64, true, new_bytes(row, 1));
		return true;
	default:
		return false;
	}
}

static bool fill_metric(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	switch (f) {
	case FLOW_ab_packets:
		FLOW_FILL(u64, true, flow_packets(row->t, row->i, 0));
		return true;
	case FLOW_ba_packets:
		FLOW_FILL(u64, true, flow_packets(row->t, row->i, 1));
		return true;
	case FLOW_ab_bytes:
		FLOW_FILL(u64, true, row->hot->bytes[0]);
		return true;
	case FLOW_ba_bytes:
		FLOW_FILL(u64, true, row->hot->bytes[1]);
		return true;
	case FLOW_ab_wire_packets:
		FLOW_FILL(u64, true, flow_packets(row->t, row->i, 0) + MORE(wire_packets[0]));
		return true;
	case FLOW_ba_wire_packets:
		FLOW_FILL(u64, true, flow_packets(row->t, row->i, 1) + MORE(wire_packets[1]));
		return true;
	case FLOW_ab_wire_bytes:
		FLOW_FILL(u64, true, row->hot->bytes[0] + MORE(wire_bytes[0]));
		return true;
	case FLOW_ba_wire_bytes:
		FLOW_FILL(u64, true, row->hot->bytes[1] + MORE(wire_bytes[1]));
		return true;
	case FLOW_ab_ip_bytes:
		FLOW_FILL(u64, flow_is_ip(row), row->hot->ip_bytes[0]);
		return true;
	case FLOW_ba_ip_bytes:
		FLOW_FILL(u64, flow_is_ip(row), row->hot->ip_bytes[1]);
		return true;
	default:
		return false;
	}
}

/* Whether TTL, DSCP and ECN of a side are known. */
static bool has_ip(const struct flow_row *row, int dir)
{
	return flow_is_ip(row) && row->hot->flags & FLOW_AB_SEEN << dir;
}

static uint64_t ecn(const struct flow_row *row, int dir)
{
	return row->hot->flags & FLOW_AB_CE << dir ? 3 : row->cold->tos[dir] & 3;
}

static bool fill_ip(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	int dir = f == FLOW_ba_ttl || f == FLOW_ba_dscp || f == FLOW_ba_ecn;

	switch (f) {
	case FLOW_fragments:
		FLOW_FILL(u64, flow_is_ip(row), row->more ? row->more->fragments : 0);
		return true;
	case FLOW_fragment_errors:
		FLOW_FILL(u64, flow_is_ip(row), row->more ? row->more->fragment_errors : 0);
		return true;
	case FLOW_ab_ttl:
	case FLOW_ba_ttl:
		FLOW_FILL(u64, has_ip(row, dir), row->cold->ttl[dir]);
		return true;
	case FLOW_ab_dscp:
	case FLOW_ba_dscp:
		FLOW_FILL(u64, has_ip(row, dir), row->cold->tos[dir] >> 2);
		return true;
	case FLOW_ab_ecn:
	case FLOW_ba_ecn:
		FLOW_FILL(u64, has_ip(row, dir), ecn(row, dir));
		return true;
	default:
		return false;
	}
}

static uint64_t drops(const struct flow_rows *r, const struct flow_row *row)
{
	return r->env.drops ? r->env.drops(r->env.arg, row->cold->start, row->hot->last) : 0;
}

bool flow_fill_volume(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	switch (f) {
	case FLOW_icmp_rtt_ns:
		FLOW_FILL(i64, row->icmp && row->icmp->rtt >= 0, row->icmp->rtt);
		return true;
	case FLOW_ab_first_payload:
		FLOW_FILL(u64, row->cold->first_payload[0], row->cold->first_payload[0]);
		return true;
	case FLOW_ba_first_payload:
		FLOW_FILL(u64, row->cold->first_payload[1], row->cold->first_payload[1]);
		return true;
	case FLOW_truncated:
		FLOW_FILL(b, true, row->hot->flags & FLOW_IS_TRUNCATED);
		return true;
	case FLOW_malformed:
		FLOW_FILL(b, true, row->hot->flags & FLOW_IS_MALFORMED);
		return true;
	case FLOW_drops_during:
		FLOW_FILL(u64, true, drops(r, row));
		return true;
	default:
		return fill_metric(r, f, c, n) || fill_update(r, f, c, n) || fill_ip(r, f, c, n);
	}
}
