/* Classic BPF: the programs that libpcap compiles filters to.
 *
 * cbpf_check() is as strict as the Linux kernel, so that what passes here can
 * be attached there; cbpf_run() is our own interpreter, with the results of
 * libpcap's pcap_offline_filter() for every program that passes the check.
 * Pure functions over memory; a struct cbpf is never changed after cbpf_new()
 * and may be shared between threads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* As struct sock_filter of Linux and struct bpf_insn of libpcap. */
struct cbpf_insn {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

/* Longer programs are refused.  The kernel itself takes CBPF_KERNEL_MAX. */
#define CBPF_INSNS_MAX  131072
#define CBPF_KERNEL_MAX 4096

/* Offsets from here on are not in the frame: the kernel answers them from its
 * own data (packet type, interface, VLAN tag, ...).  SKF_LL_OFF of Linux. */
#define CBPF_KERNEL_DATA UINT32_C(0xffe00000)

enum cbpf_flags {
	/* Jumps back are fine, as libpcap makes them for 'protochain'.  The kernel knows none. */
	CBPF_LOOPS = 1 << 0,
	/* Scratch memory may be read before it is written, as libpcap 1.10.3 does for 'pppoes'
	 * behind a header of variable length.  The kernel refuses. */
	CBPF_UNWRITTEN = 1 << 1,
};

/* Whether a program can be run: known instructions only; jumps forward and
 * inside; scratch memory inside its 16 words and never read before it is
 * written; no division by a constant 0, no shift by more than 31; no load of
 * kernel data; a return at the end.  0 or -EINVAL (-E2BIG when too long) with
 * "instruction 7: ..." in 'err'. */
int cbpf_check(const struct cbpf_insn *p, size_t n, unsigned flags, struct err *err);

struct cbpf;

/* Checks (with all of enum cbpf_flags) and prepares a program.  0 or -errno. */
int cbpf_new(struct cbpf **ret, const struct cbpf_insn *p, size_t n, struct err *err);
void cbpf_free(struct cbpf *b); /* NULL is fine */
static inline void cbpf_freep(struct cbpf **b)
{
	cbpf_free(*b);
}

/* Runs over a frame of which 'caplen' bytes are at 'data' and that had 'len' on
 * the wire.  Returns what the program returns, 0: reject.  A load beyond
 * 'caplen' and a division by zero reject, as does a loop that goes around more
 * often than the frame has bytes.  Scratch memory begins as zeros. */
uint32_t cbpf_run(const struct cbpf *b, const uint8_t *data, uint32_t caplen, uint32_t len);

/* The program as it was given to cbpf_new(). */
const struct cbpf_insn *cbpf_insns(const struct cbpf *b, size_t *ret_n);
