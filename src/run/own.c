#include "run/own.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LINKTYPE_RAW 101 /* IPv4 or IPv6, by its version */

/* IPv4 in IPv6 (RFC 4291 2.5.5.2) is IPv4 on the wire. */
static struct addr unmapped(const uint8_t b[16])
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	struct addr a = {.family = ADDR_IP6};

	if (memcmp(b, mapped, sizeof(mapped)) == 0) {
		a.family = ADDR_IP4;
		memcpy(a.b, b + 12, 4);
	} else {
		memcpy(a.b, b, 16);
	}
	return a;
}

static bool from_sockaddr(const struct sockaddr_storage *s, struct addr *ret, uint16_t *ret_port)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)s;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)s;

	if (s->ss_family == AF_INET) {
		*ret = (struct addr){.family = ADDR_IP4};
		memcpy(ret->b, &in->sin_addr, 4);
		*ret_port = ntohs(in->sin_port);
		return true;
	}
	if (s->ss_family != AF_INET6)
		return false;
	*ret = unmapped(in6->sin6_addr.s6_addr);
	*ret_port = ntohs(in6->sin6_port);
	return true;
}

bool own_add_socket(struct own *o, int fd)
{
	struct sockaddr_storage name[2] = {0};
	socklen_t size[2] = {sizeof(name[0]), sizeof(name[1])};
	int proto = 0;
	socklen_t len = sizeof(proto);

	if (o->n == OWN_MAX || getsockname(fd, (struct sockaddr *)&name[0], &size[0]) < 0 ||
	    getpeername(fd, (struct sockaddr *)&name[1], &size[1]) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &proto, &len) < 0)
		return false;
	for (int i = 0; i < 2; i++)
		if (!from_sockaddr(&name[i], &o->conn[o->n].addr[i], &o->conn[o->n].port[i]))
			return false;
	o->conn[o->n++].proto = (uint8_t)proto;
	return true;
}

/* One word of $SSH_CONNECTION; a link-local address has its zone behind '%'. */
static bool parse_addr(char *word, struct addr *ret)
{
	struct addr a;

	word[strcspn(word, "%")] = '\0';
	if (addr_parse(word, &a) < 0 || a.family == ADDR_MAC)
		return false;
	*ret = a.family == ADDR_IP6 ? unmapped(a.b) : a;
	return true;
}

bool own_add_ssh(struct own *o, const char *text)
{
	char a[64], b[64], rest;
	unsigned x, y;

	if (!text || o->n == OWN_MAX ||
	    sscanf(text, "%63s %5u %63s %5u %c", a, &x, b, &y, &rest) != 4 || x > UINT16_MAX ||
	    y > UINT16_MAX || !parse_addr(a, &o->conn[o->n].addr[0]) ||
	    !parse_addr(b, &o->conn[o->n].addr[1]))
		return false;
	o->conn[o->n].port[0] = (uint16_t)x;
	o->conn[o->n].port[1] = (uint16_t)y;
	o->conn[o->n++].proto = IPPROTO_TCP;
	return true;
}

static bool is_end(const struct dec *d, const uint8_t *addr, uint16_t port, const struct addr *a,
		   uint16_t want)
{
	return port == want && d->kind == (a->family == ADDR_IP4 ? DEC_IP4 : DEC_IP6) &&
	       memcmp(addr, a->b, a->family == ADDR_IP4 ? 4 : 16) == 0;
}

static bool is_own(const struct own *o, const struct dec *d)
{
	size_t i;
	int k;

	if (!(d->flags & DEC_PORTS))
		return false;
	for (i = 0; i < o->n; i++)
		for (k = 0; k < 2; k++)
			if (d->proto == o->conn[i].proto &&
			    is_end(d, d->src, d->sport, &o->conn[i].addr[k], o->conn[i].port[k]) &&
			    is_end(d, d->dst, d->dport, &o->conn[i].addr[!k], o->conn[i].port[!k]))
				return true;
	return false;
}

/* Destination unreachable, packet too big, time exceeded, parameter problem: RFC 792,
 * RFC 4443 2.1. */
static bool is_error(const struct dec *d)
{
	if (!(d->flags & DEC_L4))
		return false;
	if (d->proto == IPPROTO_ICMP)
		return d->icmp_type == 3 || d->icmp_type == 11 || d->icmp_type == 12;
	return d->proto == IPPROTO_ICMPV6 && d->icmp_type >= 1 && d->icmp_type <= 4;
}

bool own_match(const struct own *o, const struct dec *d)
{
	struct dec quoted[DEC_LEVELS_MAX];

	if (is_own(o, d))
		return true;
	if (!o->n || !is_error(d) || !d->payload_cap)
		return false;
	/* The quote is cut behind its first bytes: what its lengths say is not there. */
	dec_frame(LINKTYPE_RAW, d->payload, d->payload_cap, UINT16_MAX, quoted);
	return is_own(o, &quoted[0]);
}
