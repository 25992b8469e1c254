#include "capture/live_prog.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bpf/bpf.h"
#include "capture/ring.h"
#include "filter/cbpf.h"
#include "filter/ebpf.h"
#include "filter/filter.h"
#include "filter/filter_kernel.h"
#include "priv/priv.h"

/* Behind the filter's own counters. */
#define COUNT_OWN EBPF_COUNTERS
#define COUNTS    (EBPF_COUNTERS + 1)
_Static_assert(COUNTS <= PRIV_BPF_COUNTERS, "the opener's map must hold them");

#define BEFORE_MAX 16 /* instructions put before a filter */

void live_prog_done(struct live_prog *p)
{
	bpf_counters_unmap(p->counts, COUNTS);
	if (p->fd >= 0)
		close(p->fd);
	free(p->classic);
	*p = (struct live_prog)LIVE_PROG_INIT;
}

uint64_t live_prog_rejected(const struct live_prog *p)
{
	return p->counts ? bpf_counters_get(p->counts, EBPF_REJECTED) : 0;
}

uint64_t live_prog_own(const struct live_prog *p)
{
	return p->counts ? bpf_counters_get(p->counts, COUNT_OWN) : 0;
}

/* clang-format off */
#define INSN(c, d, s, o, i) \
	((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (int32_t)(i)})
/* clang-format on */
#define LOAD(field)                                                                                \
	INSN(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_0, BPF_REG_1, offsetof(struct __sk_buff, field), 0)

/* Own frames are those sent by a socket with the mark; what is received has marks too, but
 * those that a firewall gave it.  Keeps R1, the context, for the filter. */
static size_t before(struct bpf_insn *p, const struct live_job *job)
{
	size_t n = 0;

	if (job->out_only) {
		p[n++] = LOAD(pkt_type);
		p[n++] = INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, PACKET_OUTGOING);
		p[n++] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
		p[n++] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
	if (job->own_mark) {
		p[n++] = LOAD(pkt_type);
		p[n++] = INSN(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 8, PACKET_OUTGOING);
		p[n++] = LOAD(mark);
		p[n++] = INSN(BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_0, 0, 6, job->own_mark);
		p[n++] = INSN(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_2, BPF_PSEUDO_MAP_VALUE, 0, 0);
		p[n++] = INSN(0, 0, 0, 0, COUNT_OWN * sizeof(uint64_t));
		p[n++] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1);
		p[n++] = INSN(BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_2, BPF_REG_0, 0, BPF_ADD);
		p[n++] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
		p[n++] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
	return n;
}

static int load(struct live_prog *p, struct priv *priv, const struct live_job *job,
		const struct filter_kernel *k, struct err *err)
{
	CLEANUP(freep) struct bpf_insn *all = calloc(BEFORE_MAX + k->ebpf_n, sizeof(*all));
	CLEANUP(closep) int prog = -1, map = -1;
	size_t n;
	int r;

	if (!all)
		return err_set(err, -ENOMEM, "out of memory");
	if (!k->ebpf)
		return err_set(err, -E2BIG, "the filter is too long for the kernel");
	n = before(all, job);
	memcpy(all + n, k->ebpf, k->ebpf_n * sizeof(*all));
	n += k->ebpf_n;
	r = priv ? priv_bpf_filter(priv, all, n, &prog, &map, err)
		 : bpf_filter_load(all, n, COUNTS, &prog, &map, err);
	if (r == 0)
		r = bpf_counters_map(&p->counts, map, COUNTS, err);
	if (r < 0)
		return r;
	p->fd = TAKE_FD(prog);
	return 0;
}

static int take_classic(struct live_prog *p, const struct live_job *job, const struct cbpf_insn *c,
			size_t n)
{
	static const struct cbpf_insn out_only[] = {
		{BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)},
		{BPF_JMP | BPF_JEQ | BPF_K, 1, 0, PACKET_OUTGOING},
		{BPF_RET | BPF_K, 0, 0, 0},
		{BPF_LD | BPF_IMM, 0, 0, 0}, /* as at the start of a program */
	};
	size_t m = job->out_only ? sizeof(out_only) / sizeof(out_only[0]) : 0;

	if (m + n > CBPF_KERNEL_MAX)
		return -E2BIG;
	p->classic = calloc(m + n, sizeof(*p->classic));
	if (!p->classic)
		return -ENOMEM;
	memcpy(p->classic, out_only, m * sizeof(*p->classic));
	memcpy(p->classic + m, c, n * sizeof(*p->classic));
	p->n_classic = m + n;
	return 0;
}

/* Without a filter nothing is rejected, and what is not the wanted direction does not count: all
 * is known. */
static int plain(struct live_prog *p, const struct live_job *job, uint32_t snaplen, struct err *err)
{
	const struct cbpf_insn all = {BPF_RET | BPF_K, 0, 0, snaplen ? snaplen : UINT32_MAX};
	int r;

	if (!snaplen && !job->out_only)
		return 0;
	r = take_classic(p, job, &all, 1);
	return r < 0 ? err_set(err, r, "out of memory") : 0;
}

/* The mark can be seen only by eBPF, also where the filter has no program for the kernel. */
static int with_ebpf(struct live_prog *p, struct priv *priv, const struct live_job *job,
		     uint32_t snaplen, struct err *err)
{
	CLEANUP(filter_freep) struct filter *none = NULL;
	struct filter_kernel k = {0};
	int r = filter_new(&none, "", err);

	if (r == 0)
		r = filter_kernel(&k, none, job->linktype == 276 ? 1 : job->linktype, snaplen, err);
	if (r < 0)
		return r;
	r = load(p, priv, job, &k, err);
	filter_kernel_done(&k);
	return r;
}

int live_prog_new(struct live_prog *ret, struct priv *priv, const struct live_job *job,
		  struct err *err)
{
	struct live_prog p = LIVE_PROG_INIT;
	struct filter_kernel k = {0};
	int r = -EOPNOTSUPP;

	/* Of CAN frames it sees the identifier in another byte order than files have. */
	if (job->filter && !job->cooked && job->linktype != RING_CAN) {
		r = filter_kernel(&k, job->filter, job->linktype, job->snaplen, err);
		if (r < 0 && r != -EOPNOTSUPP && r != -E2BIG)
			return r;
	}
	p.undecided = job->filter && r < 0;
	if (r == 0) {
		r = job->classic ? -EPERM : load(&p, priv, job, &k, err);
		if (r < 0) {
			p.exact = false;
			r = k.classic ? take_classic(&p, job, k.classic, k.classic_n) : -E2BIG;
		}
		filter_kernel_done(&k);
		if (r == 0) {
			*ret = p;
			return 0;
		}
		/* Not even that: all frames come here, and are counted here. */
		p.undecided = p.exact = true;
	}
	r = job->own_mark && !job->classic
		    ? with_ebpf(&p, priv, job, p.undecided ? 0 : job->snaplen, err)
		    : -EPERM;
	if (r < 0)
		r = plain(&p, job, p.undecided ? 0 : job->snaplen, err);
	if (r == 0)
		*ret = p;
	return r;
}
