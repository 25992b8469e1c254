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
	const uint8_t *name; /* TLS or QUIC server name (SNI), HTTP Host; NULL: none */
	uint8_t name_len;    /* 1 to 255, printable ASCII only */
	uint32_t quic_version; /* of a QUIC long header; 0: none */
};

/* "DNS" for APP_DNS; "" for APP_NONE and unknown numbers. */
const char *app_name(unsigned app);

/* Looks at one payload (UDP datagram, or the bytes of one TCP segment) of an
 * IP protocol.  Strict: random bytes give APP_NONE.  'ret' may be NULL. */
enum app app_from_payload(uint8_t proto, uint16_t sport, uint16_t dport, const uint8_t *p,
			  uint32_t len, struct app_info *ret);

/* By registered port (IANA), the lower port first when both are known. */
enum app app_from_port(uint8_t proto, uint16_t sport, uint16_t dport);
