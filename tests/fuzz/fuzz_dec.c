/* Input: link type and wire length beyond the captured bytes (16 bits each,
 * little-endian), then the frame.  What dec_check() says must hold, and the
 * fast path must give what the walk gives. */
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "net/fast.h"

#include "../unit/dec_check.h"

#define HEAD_SIZE 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_dec: %s\n", what);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dec d[DEC_LEVELS_MAX], slow[DEC_LEVELS_MAX];
	const char *broken;
	uint32_t caplen, len;
	size_t n;

	if (size < HEAD_SIZE || size > UINT32_MAX / 2)
		return 0;
	caplen = size - HEAD_SIZE;
	len = caplen + le16_load(data + 2);
	memset(d, 0xa5, sizeof(d));
	memset(slow, 0x5a, sizeof(slow));

	n = dec_frame(le16_load(data), data + HEAD_SIZE, caplen, len, d);
	broken = dec_check(d, n, data + HEAD_SIZE, caplen);
	require(!broken, broken);
	require(dec_frame_slow(le16_load(data), data + HEAD_SIZE, caplen, len, slow) == n,
		"the fast path gives other levels");
	for (size_t i = 0; i < n; i++) {
		d[i].pkt = slow[i].pkt = 0; /* not the decoder's */
		require(memcmp(&d[i], &slow[i], sizeof(d[i])) == 0, "the fast path differs");
	}
	return 0;
}
