#include "filter/linktype.h"

#include <stddef.h>

#include <pcap/pcap.h>

int linktype_dlt(uint16_t linktype)
{
	/* Where tcpdump.org/linktypes.html and Linux's DLT_ values differ.  DLT_RAW was also
	 * written to files as such, with the numbers of the BSDs: 12, and 14 of OpenBSD. */
	static const struct {
		uint16_t linktype, dlt;
	} differ[] = {
		{14, DLT_RAW},         {100, DLT_ATM_RFC1483}, {101, DLT_RAW},
		{102, DLT_SLIP_BSDOS}, {103, DLT_PPP_BSDOS},   {106, DLT_ATM_CLIP},
	};
	size_t i;

	for (i = 0; i < sizeof(differ) / sizeof(differ[0]); i++)
		if (differ[i].linktype == linktype)
			return differ[i].dlt;
	return linktype;
}

const char *linktype_name(uint16_t linktype)
{
	return pcap_datalink_val_to_description(linktype_dlt(linktype));
}
