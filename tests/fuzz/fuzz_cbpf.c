/* Input: number of instructions (8 bits), these (8 bytes each, little-endian: code,
 * jt, jf, k), frame.  What passes the check runs as in libpcap's interpreter,
 * whole and cut at each byte. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <pcap/pcap.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "filter/cbpf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(cbpf_freep) struct cbpf *b = NULL;
	struct cbpf_insn p[UINT8_MAX];
	const uint8_t *frame;
	uint32_t cut, len;
	size_t n, i;

	if (!size || size > UINT16_MAX || size - 1 < data[0] * 8u)
		return 0;
	n = data[0];
	for (i = 0; i < n; i++) {
		const uint8_t *q = data + 1 + 8 * i;

		p[i] = (struct cbpf_insn){le16_load(q), q[2], q[3], le32_load(q + 4)};
	}
	frame = data + 1 + 8 * n;
	len = (uint32_t)(size - 1 - 8 * n);
	if (cbpf_new(&b, p, n, NULL) < 0)
		return 0;
	for (cut = 0; cut <= len && cut < 128; cut++) {
		uint32_t got = cbpf_run(b, frame, cut, len);

		/* loops may be endless there, and memory is not cleared */
		if (cbpf_check(p, n, 0, NULL) == 0 &&
		    got != bpf_filter((const struct bpf_insn *)p, frame, len, cut)) {
			fprintf(stderr, "fuzz_cbpf: %u at %u\n", got, cut);
			abort();
		}
	}
	return 0;
}
