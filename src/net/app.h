/* Application protocols: recognised by the first bytes of a payload, else by a
 * well-known port.  No state, no allocation; any thread. */
#pragma once

#include <stdint.h>

enum app {
	APP_NONE = 0,
#define APP(id, sym, name) APP_##sym = id,
#include "net/app.def"
#undef APP
	APP_MAX
};

/* What the payload says about itself, pointing into it; valid as long as it. */
struct app_info {
	const uint8_t
		*name;    /* TLS or gQUIC server name (SNI), HTTP Host without port; NULL: none */
	uint8_t name_len; /* 1 to 255, printable ASCII only */
	uint32_t quic_version; /* of a QUIC long header; 0: none, or version negotiation */
};

/* "DNS" for APP_DNS; "" for APP_NONE and unknown numbers. */
const char *app_name(unsigned app);

/* Looks at one payload (UDP datagram, the bytes of one TCP segment, the chunks
 * of one SCTP packet) of an IP protocol.  Strict: random bytes give APP_NONE.
 * 'ret' may be NULL; otherwise all of it is set.  Both directions are known: a
 * server's answer counts as much as the request.  Some 50 ns where nothing is
 * recognised. */
enum app app_from_payload(uint8_t proto, uint16_t sport, uint16_t dport, const uint8_t *p,
			  uint32_t len, struct app_info *ret);

/* By registered port (IANA), the lower port first when both are known.  Named
 * as the payload would be: TCP port 443 gives TLS, UDP port 443 QUIC. */
enum app app_from_port(uint8_t proto, uint16_t sport, uint16_t dport);

#define APP_NAME_SIZE 256 /* with NUL */

/* The server name in a client's first QUIC datagram.  Its packets are encrypted
 * with keys that anyone can derive (RFC 9001 5.2), which takes about 10 us: ask
 * once per flow.  Knows QUIC 1, 2, the drafts from 21 on, mvfst's first and
 * Google's Q050, T050 and T051.  A name in a ClientHello that is spread over
 * several datagrams is found if all before it is in this one.  Writes the name
 * (printable ASCII) and a NUL to 'ret' and returns its length; 0 and "": none. */
uint32_t app_quic_name(const uint8_t *p, uint32_t len, char ret[APP_NAME_SIZE]);
