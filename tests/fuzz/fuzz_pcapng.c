/* Any bytes behind a good section header as pcapng; the first byte chooses the
 * byte order. */
#include <string.h>

#include "cap_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t heads[2][48] = {
	/* Section header, then one Ethernet interface. */
	{0x0a, 0x0d, 0x0d, 0x0a, 28,   0,    0,    0,    0x4d, 0x3c, 0x2b, 0x1a, 1,  0, 0, 0,
	 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 28,   0,    0,    0,    1,  0, 0, 0,
	 20,   0,    0,    0,    1,    0,    0,    0,    0,    0,    4,    0,    20, 0, 0, 0},
	{0x0a, 0x0d, 0x0d, 0x0a, 0,    0,    0,    28,   0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0,
	 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0,    0,    0,    28,   0, 0, 0, 1,
	 0,    0,    0,    20,   0,    1,    0,    0,    0,    4,    0,    0,    0, 0, 0, 20},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *all;

	if (!size)
		return 0;
	all = malloc(sizeof(heads[0]) + size);
	if (!all)
		return 0;
	memcpy(all, heads[data[0] & 1], sizeof(heads[0]));
	memcpy(all + sizeof(heads[0]), data + 1, size - 1);
	cap_check(all, sizeof(heads[0]) + size - 1);
	free(all);
	return 0;
}
