#include "fmt/magic.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/erf.h"
#include "fmt/pcap.h"
#include "fmt/pcapng.h"

#define EDITCAP "; 'editcap IN OUT.pcapng' (Wireshark) converts it"

/* Files that people take for captures, or captures of other tools.  The bytes
 * are those of libmagic's and Wireshark's public descriptions. */
static const struct {
	const char *bytes;
	uint8_t len;
	uint8_t at;
	const char *says;
} others[] = {
	{"GMBU", 4, 0, "a Microsoft Network Monitor capture" EDITCAP},
	{"RTSS", 4, 0, "a Microsoft Network Monitor 1 capture" EDITCAP},
	{"TRSNIFF data    \x1a", 17, 0, "a Network General Sniffer capture" EDITCAP},
	{"XCP\0", 4, 0, "a NetXRay or Windows Sniffer capture" EDITCAP},
	{"\177ver", 4, 0, "an EtherPeek or OmniPeek capture" EDITCAP},
	{"\x42\xd2\0\x34\x12\x66\x22\x88", 8, 0, "a RADCOM capture" EDITCAP},
	{"btsnoop\0", 8, 0, "a Bluetooth HCI log" EDITCAP},
	{"\x1c\0\1\xab", 4, 0, "an IXIA capture" EDITCAP},
	{"\xab\1\0\x1c", 4, 0, "an IXIA capture" EDITCAP},
	{"\x1c\0\1\xac", 4, 0, "an IXIA capture" EDITCAP},
	{"\xac\1\0\x1c", 4, 0, "an IXIA capture" EDITCAP},
	{"BZh", 3, 0, "compressed by bzip2; unpack it with 'bunzip2' first"},
	{"\xfd"
	 "7zXZ\0",
	 6, 0, "compressed by xz; unpack it with 'unxz' first"},
	{"PK\3\4", 4, 0, "a zip archive; unpack it with 'unzip' first"},
	{"7z\xbc\xaf\x27\x1c", 6, 0, "a 7-Zip archive; unpack it first"},
	{"\x02\x21\x4c\x18", 4, 0, "compressed by lz4's old format; unpack it with 'lz4 -d' first"},
	{"\177ELF", 4, 0, "a program, not a capture"},
	{"SQLite format 3\0", 16, 0, "an SQLite database, not a capture"},
};

static const char *other_find(const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		size_t at = others[i].at, len = others[i].len;

		if (size >= at + len && !memcmp(p + at, others[i].bytes, len))
			return others[i].says;
	}
	return NULL;
}

enum magic magic_find(const uint8_t *p, size_t size)
{
	struct pcap_hdr h;
	bool big;

	if (!size)
		return MAGIC_EMPTY;
	if (size >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8) /* RFC 1952 2.3.1 */
		return MAGIC_GZIP;
	if (size >= 4) {
		uint32_t v = le32_load(p);

		/* RFC 8878 3.1.1 and, for a skippable frame in front, 3.1.2 */
		if (v == 0xfd2fb528u)
			return MAGIC_ZSTD;
		if (v == 0x184d2204u) /* lz4_Frame_format.md */
			return MAGIC_LZ4;
		if ((v & 0xfffffff0u) == 0x184d2a50u) /* both formats skip these */
			return MAGIC_ZSTD;
		if (pcap_hdr_read(p, size, &h) != -EBADMSG)
			return MAGIC_PCAP;
	}
	if (size >= 12 && pcapng_order_read(p, size, &big) == 0)
		return MAGIC_PCAPNG;
	if (size >= 8 && !memcmp(p, "snoop\0\0\0", 8))
		return MAGIC_SNOOP;
	if (other_find(p, size))
		return MAGIC_OTHER;
	return erf_looks(p, size, false) ? MAGIC_ERF : MAGIC_UNKNOWN;
}

static bool is_text(const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!isprint(p[i]) && !isspace(p[i]) && p[i] < 0x80)
			return false;
	return size > 0;
}

/* "0000  45 00 ..." or "0000:  4500 ..." or "\t0x0000:  4500 ...". */
static bool is_hexdump(const uint8_t *p, size_t size)
{
	size_t i = 0, digits = 0;

	while (i < size && isspace(p[i]))
		i++;
	if (i + 1 < size && p[i] == '0' && p[i + 1] == 'x')
		i += 2;
	for (; i < size && isxdigit(p[i]); i++)
		digits++;
	return digits >= 4 && digits <= 8 && i < size && (p[i] == ':' || p[i] == ' ');
}

const char *magic_refusal(const uint8_t *p, size_t size)
{
	const char *s = other_find(p, size);

	if (s)
		return s;
	if (!size)
		return "empty";
	if (is_text(p, size))
		return is_hexdump(p, size) ? "a hex dump; 'text2pcap IN OUT.pcap' (Wireshark) "
					     "makes a capture of it"
					   : "text, not a capture";
	return "not a capture file that is known here (pcap, pcapng, snoop, ERF, plain or "
	       "compressed by gzip, zstd or lz4)";
}
