/* Any bytes as a capture: classic pcap, snoop, ERF, and what is packed. */
#include "cap_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return cap_check(data, size);
}
