/* Derived columns: times, round trips, TCP. */
#include "flow/flow_derive_impl.h"

#include <string.h>

#include "flow/flow.h"
#include "flow/flow_rec.h"

static const char *finish_name(const struct batch *b, size_t k)
{
	static const char *const names[] = {
		[FLOW_NOT_FINISHED] = "NOT_FINISHED",
		[FLOW_TIMEOUT] = "TIMEOUT",
		[FLOW_TCP_FIN] = "TCP_FIN",
		[FLOW_TCP_RST] = "TCP_RST",
	};
	uint64_t code = flow_num(b, FLOW_finish_code, k);

	return code < sizeof(names) / sizeof(names[0]) ? names[code] : "";
}

static int64_t duration(const struct batch *b, size_t k)
{
	uint64_t ns = flow_span(flow_time(b, FLOW_start, k), flow_time(b, FLOW_last, k));

	return ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
}

/* SYN to SYN+ACK. */
static int64_t tcp_rtt(const struct batch *b, size_t k)
{
	int64_t ab = flow_time(b, FLOW_ab_syn_start, k), ba = flow_time(b, FLOW_ba_syn_start, k);
	bool by_a = flow_num(b, FLOW_tcp_answer, k) & FLOW_ANSWER_A;

	return (int64_t)(by_a ? flow_span(ba, ab) : flow_span(ab, ba));
}

/* A column that is another one under another name. */
static void copy(struct batch *b, enum flow_field f, enum flow_field from)
{
	struct col *to = b->cols[f];

	memcpy(to->present, b->cols[from]->present, sizeof(to->present));
	memcpy(to->v.any, b->cols[from]->v.any, b->n * val_size(to->type));
}

static bool times(struct batch *b, enum flow_field f)
{
	switch (f) {
	case FLOW_duration_ns:
		FLOW_DERIVE(i64, true, duration(b, k));
		return true;
	case FLOW_metric_start:
		copy(b, f, FLOW_start);
		return true;
	case FLOW_metric_last:
	case FLOW_last_update_last:
		copy(b, f, FLOW_last);
		return true;
	case FLOW_rtt_ns:
		FLOW_DERIVE(i64,
			    flow_has(b, FLOW_icmp_rtt_ns, k) || flow_has(b, FLOW_tcp_answer, k),
			    flow_has(b, FLOW_icmp_rtt_ns, k) ? flow_time(b, FLOW_icmp_rtt_ns, k)
							     : tcp_rtt(b, k));
		return true;
	case FLOW_rtt_server_ns:
		FLOW_DERIVE(i64,
			    flow_has(b, FLOW_tcp_answer, k) &&
				    !(flow_num(b, FLOW_tcp_answer, k) & FLOW_ANSWER_AGAIN),
			    tcp_rtt(b, k));
		return true;
	default:
		return false;
	}
}

void flow_derive_init_flags(struct flow_derive *d)
{
	static const char letters[] = "FSRPAUEC"; /* bit 0 first */
	unsigned bits;
	int bit;

	for (bits = 0; bits < 256; bits++) {
		d->flags_len[bits] = 0;
		for (bit = 7; bit >= 0; bit--)
			if (bits >> bit & 1)
				d->flags[bits][d->flags_len[bits]++] = letters[bit];
	}
}

static struct val_str flags(const struct flow_derive *d, const struct batch *b,
			    enum flow_field bits, size_t k)
{
	uint8_t v = (uint8_t)b->cols[bits]->v.u64[k];

	return (struct val_str){d->flags[v], d->flags_len[v]};
}

static bool tcp(struct flow_derive *d, struct batch *b, enum flow_field f)
{
	int dir = f == FLOW_ba_tcp_flags || f == FLOW_ba_syn_ttl || f == FLOW_ba_tcp_packets ||
		  f == FLOW_ba_saw_start || f == FLOW_ba_saw_end;
	enum flow_field bits = dir ? FLOW_ba_tcp_bits : FLOW_ab_tcp_bits;

	switch (f) {
	case FLOW_ab_tcp_flags:
	case FLOW_ba_tcp_flags:
		FLOW_DERIVE(str, flow_has(b, bits, k), flags(d, b, bits, k));
		return true;
	case FLOW_ab_syn_ttl:
	case FLOW_ba_syn_ttl:
		/* The SYN is the first packet of its side nearly always. */
		FLOW_DERIVE(u64, flow_num(b, bits, k) & TCP_SYN,
			    flow_num(b, dir ? FLOW_ba_ttl : FLOW_ab_ttl, k));
		return true;
	case FLOW_ab_tcp_packets:
	case FLOW_ba_tcp_packets:
		FLOW_DERIVE(u64, flow_has(b, bits, k),
			    flow_num(b, dir ? FLOW_ba_packets : FLOW_ab_packets, k));
		return true;
	case FLOW_ab_saw_start:
	case FLOW_ba_saw_start:
		FLOW_DERIVE(b, flow_has(b, bits, k), flow_num(b, bits, k) & TCP_SYN);
		return true;
	case FLOW_ab_saw_end:
	case FLOW_ba_saw_end:
		FLOW_DERIVE(b, flow_has(b, bits, k), flow_num(b, bits, k) & (TCP_FIN | TCP_RST));
		return true;
	default:
		return false;
	}
}

static uint64_t raw_packets(const struct batch *b, size_t k)
{
	uint64_t all = flow_num(b, FLOW_ab_packets, k) + flow_num(b, FLOW_ba_packets, k);
	uint64_t missing = flow_num(b, FLOW_raw_missing, k);

	return missing < all ? all - missing : 0;
}

bool flow_derive_metric(struct flow_derive *d, struct batch *b, enum flow_field f)
{
	switch (f) {
	case FLOW_finish:
		FLOW_DERIVE(str, true, flow_text(finish_name(b, k)));
		return true;
	case FLOW_raw_packets:
		FLOW_DERIVE(u64, true, raw_packets(b, k));
		return true;
	default:
		return times(b, f) || tcp(d, b, f);
	}
}
