/* Columns: TCP. */
#include "flow/flow_rows_impl.h"

#include "flow/flow_tcp.h"

static const struct flow_loss *loss(const struct flow_row *row)
{
	return row->hot->loss == POOL_NONE ? NULL : pool_at(&row->t->loss, row->hot->loss);
}

#define LOSS(way, member) (loss(row) ? loss(row)->dir[way].member : 0)

static bool saw(const struct flow_row *row, int dir, uint8_t flag)
{
	return row->tcp && row->hot->dir[dir].seen & flag;
}

static uint64_t missed(const struct flow_row *row, int dir, bool bytes)
{
	uint32_t holes;
	uint64_t n = flow_tcp_missed(row->hot, &row->t->loss, dir, &holes);

	return bytes ? n : holes;
}

static bool has_window(const struct flow_row *row, int dir)
{
	return row->tcp && row->hot->dir[dir].win_min <= row->hot->dir[dir].win_max;
}

static uint64_t window(const struct flow_row *row, int dir, bool max)
{
	const struct flow_tcp_dir *d = row->hot->dir;
	bool scaled = d[0].state & d[1].state & FLOW_TCP_WSCALE; /* RFC 7323 2.2 */
	uint64_t w = max ? d[dir].win_max : d[dir].win_min;

	return scaled ? w << (row->tcp->wscale >> 4 * dir & 15) : w;
}

static void fill_answers(struct flow_rows *r, struct col *c, size_t n)
{
	size_t k;

	for (k = 0; k < n; k++) {
		const struct flow_row *row = &r->row[k];
		int64_t ns;
		int server;

		if (!row->tcp ||
		    !((row->hot->dir[0].state | row->hot->dir[1].state) & FLOW_TCP_SYNACK) ||
		    !flow_tcp_rtt(row->hot, row->tcp, &ns, &server))
			continue;
		c->v.u64[k] = server ? FLOW_ANSWER_B : FLOW_ANSWER_A;
		if (row->hot->dir[!server].state & FLOW_TCP_SYN_AGAIN)
			c->v.u64[k] |= FLOW_ANSWER_AGAIN;
		col_mark(c, k);
	}
}

static bool fill_times(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	switch (f) {
	case FLOW_ab_syn_start:
		FLOW_FILL(i64, saw(row, 0, TCP_SYN), row->tcp->syn[0]);
		return true;
	case FLOW_ba_syn_start:
		FLOW_FILL(i64, saw(row, 1, TCP_SYN), row->tcp->syn[1]);
		return true;
	case FLOW_ab_fin_start:
		FLOW_FILL(i64, saw(row, 0, TCP_FIN), row->tcp->fin[0]);
		return true;
	case FLOW_ba_fin_start:
		FLOW_FILL(i64, saw(row, 1, TCP_FIN), row->tcp->fin[1]);
		return true;
	case FLOW_ab_rst_start:
		FLOW_FILL(i64, saw(row, 0, TCP_RST), row->tcp->rst[0]);
		return true;
	case FLOW_ba_rst_start:
		FLOW_FILL(i64, saw(row, 1, TCP_RST), row->tcp->rst[1]);
		return true;
	default:
		return false;
	}
}

static bool fill_loss(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	switch (f) {
	case FLOW_ab_ooo_packets:
		FLOW_FILL(u64, row->tcp, LOSS(0, ooo_packets));
		return true;
	case FLOW_ba_ooo_packets:
		FLOW_FILL(u64, row->tcp, LOSS(1, ooo_packets));
		return true;
	case FLOW_ab_ooo_bytes:
		FLOW_FILL(u64, row->tcp, LOSS(0, ooo_bytes));
		return true;
	case FLOW_ba_ooo_bytes:
		FLOW_FILL(u64, row->tcp, LOSS(1, ooo_bytes));
		return true;
	case FLOW_ab_retrans_packets:
		FLOW_FILL(u64, row->tcp, LOSS(0, retrans_packets));
		return true;
	case FLOW_ba_retrans_packets:
		FLOW_FILL(u64, row->tcp, LOSS(1, retrans_packets));
		return true;
	case FLOW_ab_retrans_bytes:
		FLOW_FILL(u64, row->tcp, LOSS(0, retrans_bytes));
		return true;
	case FLOW_ba_retrans_bytes:
		FLOW_FILL(u64, row->tcp, LOSS(1, retrans_bytes));
		return true;
	default:
		return false;
	}
}

static bool fill_stream(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	switch (f) {
	case FLOW_ab_missed_segments:
		FLOW_FILL(u64, row->tcp, missed(row, 0, false));
		return true;
	case FLOW_ba_missed_segments:
		FLOW_FILL(u64, row->tcp, missed(row, 1, false));
		return true;
	case FLOW_ab_missed_bytes:
		FLOW_FILL(u64, row->tcp, missed(row, 0, true));
		return true;
	case FLOW_ba_missed_bytes:
		FLOW_FILL(u64, row->tcp, missed(row, 1, true));
		return true;
	case FLOW_ab_tcp_bytes:
		FLOW_FILL(u64, row->tcp, flow_tcp_bytes(row->hot, row->tcp, &row->t->loss, 0));
		return true;
	case FLOW_ba_tcp_bytes:
		FLOW_FILL(u64, row->tcp, flow_tcp_bytes(row->hot, row->tcp, &row->t->loss, 1));
		return true;
	default:
		return false;
	}
}

bool flow_fill_tcp(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	switch (f) {
	case FLOW_ab_tcp_bits:
		FLOW_FILL(u64, row->tcp, row->hot->dir[0].seen);
		return true;
	case FLOW_ba_tcp_bits:
		FLOW_FILL(u64, row->tcp, row->hot->dir[1].seen);
		return true;
	case FLOW_tcp_answer:
		fill_answers(r, c, n);
		return true;
	case FLOW_rtt_client_ns:
		FLOW_FILL(i64, row->tcp && row->tcp->rtt_client >= 0, row->tcp->rtt_client);
		return true;
	case FLOW_ab_win_min:
		FLOW_FILL(u64, has_window(row, 0), window(row, 0, false));
		return true;
	case FLOW_ab_win_max:
		FLOW_FILL(u64, has_window(row, 0), window(row, 0, true));
		return true;
	case FLOW_ba_win_min:
		FLOW_FILL(u64, has_window(row, 1), window(row, 1, false));
		return true;
	case FLOW_ba_win_max:
		FLOW_FILL(u64, has_window(row, 1), window(row, 1, true));
		return true;
	default:
		return fill_times(r, f, c, n) || fill_loss(r, f, c, n) || fill_stream(r, f, c, n);
	}
}
