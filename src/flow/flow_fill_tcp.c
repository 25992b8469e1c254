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

static struct val_str flags_text(struct flow_rows *r, size_t k, int dir)
{
	static const char letters[] = "FSRPAUEC"; /* bit 0 first */
	char *to = r->text[k].flags[dir];
	uint32_t n = 0;
	int bit;

	for (bit = 7; bit >= 0; bit--)
		if (r->row[k].hot->dir[dir].seen >> bit & 1)
			to[n++] = letters[bit];
	return (struct val_str){to, n};
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

/* The SYN is the first packet of its side nearly always; its TTL is kept of
 * that one. */
static bool has_syn_ttl(const struct flow_row *row, int dir)
{
	return saw(row, dir, TCP_SYN);
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
	case FLOW_ab_saw_start:
		FLOW_FILL(b, row->tcp, saw(row, 0, TCP_SYN));
		return true;
	case FLOW_ba_saw_start:
		FLOW_FILL(b, row->tcp, saw(row, 1, TCP_SYN));
		return true;
	case FLOW_ab_saw_end:
		FLOW_FILL(b, row->tcp, saw(row, 0, TCP_FIN | TCP_RST));
		return true;
	case FLOW_ba_saw_end:
		FLOW_FILL(b, row->tcp, saw(row, 1, TCP_FIN | TCP_RST));
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
	case FLOW_ab_tcp_packets:
		FLOW_FILL(u64, row->tcp, flow_packets(row->t, row->i, 0));
		return true;
	case FLOW_ba_tcp_packets:
		FLOW_FILL(u64, row->tcp, flow_packets(row->t, row->i, 1));
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
	case FLOW_ab_tcp_flags:
		FLOW_FILL(str, row->tcp, flags_text(r, k, 0));
		return true;
	case FLOW_ba_tcp_flags:
		FLOW_FILL(str, row->tcp, flags_text(r, k, 1));
		return true;
	case FLOW_ab_syn_ttl:
		FLOW_FILL(u64, has_syn_ttl(row, 0), row->cold->ttl[0]);
		return true;
	case FLOW_ba_syn_ttl:
		FLOW_FILL(u64, has_syn_ttl(row, 1), row->cold->ttl[1]);
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
