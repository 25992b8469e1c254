/* From a classic program to an eBPF socket filter that counts what it does.
 *
 * The translation is a pure function.  A program made by it gives the verdict of
 * cbpf_run() on each frame that the kernel has as it was on the wire, a load
 * beyond its end and a division by zero included.  The kernel keeps the outer VLAN
 * tag beside a frame, so offsets into such a frame are not those of the wire:
 * it is passed on and counted as undecided, and user space, which puts the tag
 * back, decides.
 *
 * The counters are the first EBPF_COUNTERS numbers (64 bits) in the only element of an
 * array map.  Whoever loads a program first puts the descriptor of the map into 'imm' of
 * every instruction that is BPF_LD | BPF_IMM | BPF_DW with BPF_PSEUDO_MAP_VALUE as
 * source; until then that is 0.
 *
 * Needs a kernel of 5.1 or later (32-bit jumps) and CAP_BPF or CAP_SYS_ADMIN. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#include "base/err.h"
#include "filter/cbpf.h"

/* Numbers in the map.  seen = rejected + undecided + accepted, and what is not
 * rejected is given to the socket (where it may still be dropped, which the
 * socket counts). */
enum ebpf_counter {
	EBPF_SEEN,      /* frames that the program was run on */
	EBPF_REJECTED,  /* the socket got nothing of them */
	EBPF_UNDECIDED, /* passed because of a VLAN tag beside the frame */
	EBPF_COUNTERS,
};

/* Translates a program; any value but 0 that it returns accepts.  Of a frame
 * accepted the socket gets 'snaplen' bytes (0: all), of one undecided all, as
 * the filter has still to be run on it.  A program that begins with its verdict
 * asks for no VLAN tag.
 *
 * '*ret' is owned by the caller (free()).  -EINVAL for what cbpf_check() refuses
 * even with CBPF_UNWRITTEN; -EOPNOTSUPP for jumps back ('protochain'), which
 * the kernel does not take; -E2BIG where a jump, of 16 bits, would be too long (from
 * some 4,000 loads on); -ENOMEM. */
int ebpf_translate(struct bpf_insn **ret, size_t *ret_n, const struct cbpf_insn *p, size_t n,
		   uint32_t snaplen, struct err *err);
