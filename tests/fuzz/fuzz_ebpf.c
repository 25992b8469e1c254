/* Input: flags (8 bits), number of instructions (8 bits), these (8 bytes each,
 * little-endian: code, jt, jf, k), frame.  What is wrong with the program is put right, so that
 * all input is a program.  Its translation does on a machine of ours (ebpf_vm.h)
 * what our interpreter does, whole and cut at each byte, counts it, and would pass
 * the verifier.  With a VLAN tag beside the frame it decides nothing. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "filter/cbpf.h"
#include "filter/ebpf.h"

#include "cbpf_mend.h"
#include "ebpf_vm.h"

#define CUT_MAX  160
#define FLAG_TAG 1 /* a VLAN tag beside the frame */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void broken(const char *what, uint32_t cut)
{
	fprintf(stderr, "fuzz_ebpf: %s, at %u bytes\n", what, cut);
	abort();
}

static void run(const struct cbpf *b, const struct bpf_insn *out, size_t n, const uint8_t *frame,
		uint32_t len, bool decides)
{
	struct ebpf_vm m = {.frame = frame, .len = len, .vlan_present = !decides};
	bool own = cbpf_run(b, frame, len, len);
	uint32_t got = vm_run(&m, out, n);

	if (m.fault)
		broken(m.fault, len);
	if (decides && got != (own ? 77 : 0))
		broken("another verdict", len);
	if (!decides && got != UINT32_MAX)
		broken("a tagged frame does not pass whole", len);
	if (m.counters[EBPF_SEEN] != 1 || m.counters[EBPF_REJECTED] != (decides && !own) ||
	    m.counters[EBPF_UNDECIDED] != !decides)
		broken("wrong counters", len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(cbpf_freep) struct cbpf *b = NULL;
	CLEANUP(freep) struct bpf_insn *out = NULL;
	struct cbpf_insn p[UINT8_MAX];
	const uint8_t *frame;
	const char *fault;
	uint32_t cut, len;
	size_t n, n_out, i;
	bool decides;

	if (size < 2 || size > UINT16_MAX || !data[1] || size - 2 < data[1] * 8u)
		return 0;
	n = data[1];
	for (i = 0; i < n; i++) {
		const uint8_t *q = data + 2 + 8 * i;

		p[i] = (struct cbpf_insn){le16_load(q), q[2], q[3], le32_load(q + 4)};
	}
	cbpf_mend(p, n);
	if (cbpf_new(&b, p, n, NULL) < 0)
		broken("what was put right is refused", 0);
	if (ebpf_translate(&out, &n_out, p, n, 77, NULL) < 0)
		broken("not translated", 0);
	fault = vm_check(out, n_out);
	if (fault)
		broken(fault, 0);
	frame = data + 2 + 8 * n;
	len = (uint32_t)(size - 2 - 8 * n);
	decides = !(data[0] & FLAG_TAG) || (p[0].code & 7) == 6; /* a return comes first */
	for (cut = 0; cut <= len && cut < CUT_MAX; cut++)
		run(b, out, n_out, frame, cut, decides);
	run(b, out, n_out, frame, len, decides);
	return 0;
}
