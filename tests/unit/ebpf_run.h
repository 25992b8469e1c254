/* Runs translated programs in tests: a fault of the machine fails them. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../fuzz/ebpf_vm.h"

static inline uint32_t run_vm(struct ebpf_vm *m, const struct bpf_insn *p, size_t n,
			      const void *frame, size_t len)
{
	uint32_t r;

	m->frame = frame;
	m->len = (uint32_t)len;
	r = vm_run(m, p, n);
	if (m->fault)
		fail_msg("%s", m->fault);
	return r;
}
