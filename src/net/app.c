#include "net/app_rec.h"

enum {
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_SCTP = 132,
};

const char *app_name(unsigned app)
{
	static const char *const names[] = {
#define APP(id, sym, name) [id] = name,
#include "net/app.def"
#undef APP
	};

	return app < APP_MAX && names[app] ? names[app] : "";
}

struct port {
	uint32_t key; /* IP protocol << 16 | port */
	enum app app;
};

#define PORT_KEY(proto, port) ((uint32_t)(proto) << 16 | (port))

static const struct port ports[] = {
#define PORT(proto, port, sym) {PORT_KEY(PROTO_##proto, port), APP_##sym},
#include "net/app_ports.def"
#undef PORT
};

static enum app port_app(uint32_t key)
{
	size_t lo = 0, hi = sizeof(ports) / sizeof(ports[0]);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (ports[mid].key == key)
			return ports[mid].app;
		if (ports[mid].key < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return APP_NONE;
}

enum app app_from_port(uint8_t proto, uint16_t sport, uint16_t dport)
{
	uint16_t low = sport < dport ? sport : dport, high = sport < dport ? dport : sport;
	enum app app;

	if (proto != PROTO_TCP && proto != PROTO_UDP && proto != PROTO_SCTP)
		return APP_NONE;
	app = port_app(PORT_KEY(proto, low));
	return app ? app : port_app(PORT_KEY(proto, high));
}

/* The more a recogniser asks for, the earlier it comes; those that trust in
 * ports or lengths alone come last. */
static enum app from_tcp(const struct pay *y, struct app_info *info)
{
	enum app app;

	if ((app = tls_tcp(y, info)))
		return app;
	if ((app = text_tcp(y, info)))
		return app;
	if ((app = mail_tcp(y)))
		return app;
	if ((app = dns_tcp(y)))
		return app;
	if ((app = route_tcp(y)))
		return app;
	if ((app = admin_tcp(y)))
		return app;
	if ((app = file_tcp(y)))
		return app;
	if ((app = tunnel_tcp(y)))
		return app;
	if ((app = media_tcp(y)))
		return app;
	if ((app = ics_tcp(y)))
		return app;
	return db_tcp(y);
}

static enum app from_udp(const struct pay *y, struct app_info *info)
{
	enum app app;

	if ((app = dns_udp(y)))
		return app;
	if ((app = quic_udp(y, info)))
		return app;
	if ((app = tls_udp(y, info)))
		return app;
	if ((app = text_udp(y, info)))
		return app;
	if ((app = media_udp(y)))
		return app;
	if ((app = admin_udp(y)))
		return app;
	if ((app = export_udp(y)))
		return app;
	if ((app = tunnel_udp(y)))
		return app;
	if ((app = route_udp(y)))
		return app;
	if ((app = file_udp(y)))
		return app;
	return ics_udp(y);
}

enum app app_from_payload(uint8_t proto, uint16_t sport, uint16_t dport, const uint8_t *p,
			  uint32_t len, struct app_info *ret)
{
	const struct pay y = {.p = p, .len = len, .sport = sport, .dport = dport};

	if (ret)
		*ret = (struct app_info){0};
	if (!len)
		return APP_NONE;
	switch (proto) {
	case PROTO_TCP:
		return from_tcp(&y, ret);
	case PROTO_UDP:
		return from_udp(&y, ret);
	case PROTO_SCTP:
		return sctp_ppid(&y);
	default:
		return APP_NONE;
	}
}
