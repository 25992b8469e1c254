#include "run/own.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#define LINKTYPE_RAW 101       /* IPv4 or IPv6, by its version */
#define PARENTS_MAX  64        /* processes that started each other */
#define ENVIRON_MAX  (1 << 20) /* bytes of one's environment that are looked at */

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

static bool is_same(const struct own_conn *a, const struct own_conn *b, int way)
{
	for (int i = 0; i < 2; i++)
		if (a->port[i] != b->port[i ^ way] ||
		    a->addr[i].family != b->addr[i ^ way].family ||
		    memcmp(a->addr[i].b, b->addr[i ^ way].b, 16) != 0)
			return false;
	return a->proto == b->proto;
}

bool own_add(struct own *o, const struct own_conn *conn)
{
	struct own_conn c = *conn;

	for (int i = 0; i < 2; i++)
		if (c.addr[i].family == ADDR_IP6)
			c.addr[i] = unmapped(c.addr[i].b);
	for (size_t i = 0; i < o->n; i++)
		if (is_same(&o->conn[i], &c, 0) || is_same(&o->conn[i], &c, 1))
			return false;
	if (o->n < OWN_MAX) {
		o->conn[o->n++] = c;
	} else {
		o->conn[o->next] = c;
		o->next = (o->next + 1) % OWN_MAX;
	}
	return true;
}

bool own_add_socket(struct own *o, int fd)
{
	struct own_conn c = {0};
	struct sockaddr_storage name[2] = {0};
	socklen_t size[2] = {sizeof(name[0]), sizeof(name[1])};
	int proto = 0;
	socklen_t len = sizeof(proto);

	if (getsockname(fd, (struct sockaddr *)&name[0], &size[0]) < 0 ||
	    getpeername(fd, (struct sockaddr *)&name[1], &size[1]) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &proto, &len) < 0)
		return false;
	for (int i = 0; i < 2; i++)
		if (!from_sockaddr(&name[i], &c.addr[i], &c.port[i]))
			return false;
	c.proto = (uint8_t)proto;
	own_add(o, &c);
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
	struct own_conn c = {.proto = IPPROTO_TCP};
	char a[64], b[64], rest;
	unsigned x, y;

	if (!text || sscanf(text, "%63s %5u %63s %5u %c", a, &x, b, &y, &rest) != 4 ||
	    x > UINT16_MAX || y > UINT16_MAX || !parse_addr(a, &c.addr[0]) ||
	    !parse_addr(b, &c.addr[1]))
		return false;
	c.port[0] = (uint16_t)x;
	c.port[1] = (uint16_t)y;
	own_add(o, &c);
	return true;
}

/* A file of /proc; the text's size, 0 where there is none. */
static size_t read_proc(pid_t pid, const char *file, char *ret, size_t size)
{
	CLEANUP(closep) int fd = -1;
	char path[64];
	size_t len = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && len + 1 < size && (n = read(fd, ret + len, size - 1 - len)) > 0)
		len += (size_t)n;
	ret[len] = '\0';
	return len;
}

/* proc(5): behind the name, which may have anything in it, state and parent. */
static pid_t parent_of(pid_t pid)
{
	char text[1024];
	const char *end;
	int parent;

	if (!read_proc(pid, "stat", text, sizeof(text)))
		return 0;
	end = strrchr(text, ')');
	return end && sscanf(end, ") %*c %d", &parent) == 1 ? parent : 0;
}

void own_find_ssh(struct own *o)
{
	static const char name[] = "SSH_CONNECTION=";
	CLEANUP(freep) char *env = malloc(ENVIRON_MAX);
	pid_t pid = getpid();

	own_add_ssh(o, getenv("SSH_CONNECTION"));
	for (int i = 0; env && i < PARENTS_MAX && (pid = parent_of(pid)) > 1; i++) {
		size_t size = read_proc(pid, "environ", env, ENVIRON_MAX);

		for (size_t at = 0; at < size; at += strlen(env + at) + 1)
			if (strncmp(env + at, name, sizeof(name) - 1) == 0)
				own_add_ssh(o, env + at + sizeof(name) - 1);
	}
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

static bool quotes_own(const struct own *o, const struct dec *d)
{
	struct dec quoted[DEC_LEVELS_MAX];

	if (!is_error(d) || !d->payload_cap)
		return false;
	/* The quote is cut behind its first bytes: what its lengths say is not there. */
	dec_frame(LINKTYPE_RAW, d->payload, d->payload_cap, UINT16_MAX, quoted);
	return is_own(o, &quoted[0]);
}

bool own_match(const struct own *o, const struct dec *d, size_t n)
{
	for (size_t i = 0; o->n && i < n; i++)
		if (is_own(o, &d[i]) || quotes_own(o, &d[i]))
			return true;
	return false;
}
