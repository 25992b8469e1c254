/* Programs in the kernel: socket filters with their counters, made by
 * filter/ebpf.h.  Bare bpf(2) and setsockopt(2), nothing kept here.
 *
 * Prefixes of this module: bpf_filter_, bpf_counters_. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>
#include <linux/filter.h>

#include "base/err.h"

/* Of bpf_filter_load(): more is refused.  The kernel's own limit is a million. */
#define BPF_FILTER_INSNS_MAX 65536

/* Makes an array map of one element that holds 'n_counters' zeros of 64 bits, puts its
 * descriptor where the program loads the map or the element (each BPF_LD | BPF_IMM |
 * BPF_DW with source BPF_PSEUDO_MAP_FD or BPF_PSEUDO_MAP_VALUE), and loads that
 * as a socket filter.  Both descriptors are the caller's and close on exec; the
 * program keeps the map alive.  -EPERM without CAP_BPF (or CAP_SYS_ADMIN); what
 * the verifier says is in 'err'. */
int bpf_filter_load(const struct bpf_insn *insns, size_t n, size_t n_counters, int *ret_prog_fd,
		    int *ret_map_fd, struct err *err);

/* Attaches to a socket, in the place of what was attached.  Needs no privilege. */
int bpf_filter_attach(int sock, int prog_fd, struct err *err);
int bpf_filter_attach_classic(int sock, const struct sock_filter *insns, size_t n, struct err *err);

/* The filter of a socket can be neither changed nor taken away from now on, but
 * by CAP_NET_ADMIN. */
int bpf_filter_lock(int sock, struct err *err);

/* Of bpf_filter_run(): what kernels with pages of 4 KiB take. */
#define BPF_FILTER_RUN_MAX 3500

/* Runs a program once over a frame, BPF_PROG_TEST_RUN, and gives what it returns.  The
 * frame has no VLAN tag beside it.  -EMSGSIZE for more than BPF_FILTER_RUN_MAX bytes;
 * needs CAP_BPF or CAP_SYS_ADMIN. */
int bpf_filter_run(int prog_fd, const uint8_t *frame, size_t size, uint32_t *ret, struct err *err);

/* The counters of a map in memory: reading one is a load, with no system call.  The
 * memory stays valid when the descriptor is closed. */
int bpf_counters_map(const uint64_t **ret, int map_fd, size_t n_counters, struct err *err);
void bpf_counters_unmap(const uint64_t *counters, size_t n_counters); /* NULL is fine */

/* One counter, never torn. */
static inline uint64_t bpf_counters_get(const uint64_t *counters, size_t i)
{
	return __atomic_load_n(&counters[i], __ATOMIC_RELAXED);
}
