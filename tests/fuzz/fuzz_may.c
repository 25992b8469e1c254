/* Input: number of instructions (8 bits), these (8 bytes each, little-endian: code, jt, jf,
 * k), place of an IPv4 header (8 bits; 255: none), a frame, and as many bytes that say which
 * of its bits are known.  If no frame like it can be accepted, this one is not, whole and cut
 * at each byte; and who is asked what is looked at gives the same answer. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "filter/may.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what, uint32_t at)
{
	fprintf(stderr, "fuzz_may: %s at %u\n", what, at);
	abort();
}

static void know(struct may_frame *k, uint8_t ip, const uint8_t *frame, const uint8_t *known,
		 uint32_t n)
{
	uint32_t i, behind;

	*k = (struct may_frame){.ip = MAY_NOWHERE};
	for (i = 0; i < n && i < MAY_BYTES; i++) {
		k->known[i] = known[i];
		k->val[i] = frame[i] & known[i];
	}
	if (ip >= n || ip == UINT8_MAX)
		return;
	k->ip = ip;
	behind = ip + 4u * (frame[ip] & 0xf);
	for (i = 0; i < MAY_BEHIND && behind + i < n; i++) {
		k->behind_known[i] = known[behind + i];
		k->behind_val[i] = frame[behind + i] & known[behind + i];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(cbpf_freep) struct cbpf *b = NULL;
	CLEANUP(may_freep) struct may *m = NULL;
	struct may_reads reads = {.length = false};
	struct cbpf_insn p[UINT8_MAX];
	struct may_frame k;
	const uint8_t *q;
	uint32_t cut, len;
	size_t n, i;
	bool maybe;

	if (size < 2 || size > UINT16_MAX || size - 2 < data[0] * 8u)
		return 0;
	n = data[0];
	for (i = 0, q = data + 1; i < n; i++, q += 8)
		p[i] = (struct cbpf_insn){le16_load(q), q[2], q[3], le32_load(q + 4)};
	len = (uint32_t)(size - 2 - 8 * n) / 2;
	if (cbpf_new(&b, p, n, NULL) < 0 || may_new(&m, p, n, NULL) < 0)
		return 0;
	know(&k, q[0], q + 1, q + 1 + len, len);
	maybe = may_match(m, &k);
	if (may_match_reads(m, &k, &reads) != maybe)
		fail("another answer", 0);
	for (cut = 0; cut <= len && !maybe; cut++)
		if (cbpf_run(b, q + 1, cut, len))
			fail("accepted", cut);
	return 0;
}
