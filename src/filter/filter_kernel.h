/* A filter as the kernel can run it on a packet socket, so that what does not
 * pass costs no copy and no wake-up. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#include "base/err.h"
#include "filter/cbpf.h"
#include "filter/filter.h"

struct filter_kernel {
	/* For SO_ATTACH_BPF, to be loaded as filter/ebpf.h says; counts exactly.  Owned. */
	struct bpf_insn *ebpf;
	size_t ebpf_n;
	/* For SO_ATTACH_FILTER (the layout is that of struct sock_filter) where eBPF may not
	 * be loaded.  Gives the same frames but counts nothing: 'seen' and 'filtered' are
	 * unknown then.  Owned; NULL where the kernel takes no such program. */
	struct cbpf_insn *classic;
	size_t classic_n;
};

/* Makes both programs for a socket of type SOCK_RAW and its link type (LINKTYPE_
 * value).  Frames that they pass come with 'snaplen' bytes (0: all) when the
 * kernel decided.  Frames with a VLAN tag beside them (TP_STATUS_VLAN_VALID,
 * skb->vlan_present) come whole and undecided: put the tag back, ask
 * filter_match(), then cut.  All others that come have passed the filter.
 *
 * "" passes and counts all; an expression that makes no sense for the link type
 * rejects all.  -EOPNOTSUPP with a sentence where only user space can decide:
 * 'protochain' (its program jumps back), too long a program (-E2BIG), cooked link
 * types (their headers are made in user space).  Then attach nothing and ask
 * filter_match() of each frame; everything seen is counted in user space. */
int filter_kernel(struct filter_kernel *ret, struct filter *f, uint16_t linktype, uint32_t snaplen,
		  struct err *err);
void filter_kernel_done(struct filter_kernel *k);
