/* The resolver as libpcap sees it in tests: services and numbers as usual, names of hosts and
 * networks never, and each question for one is counted.  To be included by one file of a
 * program, which needs <dlfcn.h>. */
#pragma once

#include <netdb.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <dlfcn.h>

static unsigned lookups;

/* libpcap calls it for services, with NULL, and for addresses. */
int getaddrinfo(const char *restrict node, const char *restrict service,
		const struct addrinfo *restrict hints, struct addrinfo **restrict res)
{
	__typeof__(&getaddrinfo) real = (__typeof__(real))dlsym(RTLD_NEXT, "getaddrinfo");
	unsigned char addr[16];

	if (node && !(hints && hints->ai_flags & AI_NUMERICHOST) &&
	    inet_pton(AF_INET, node, addr) != 1 && inet_pton(AF_INET6, node, addr) != 1) {
		lookups++;
		return EAI_NONAME;
	}
	return real(node, service, hints, res);
}

struct hostent *gethostbyname(const char *name)
{
	(void)name;
	lookups++;
	return NULL;
}

int getnetbyname_r(const char *restrict name, struct netent *restrict buf, char *restrict mem,
		   size_t size, struct netent **restrict ret, int *restrict err)
{
	(void)name, (void)buf, (void)mem, (void)size;
	lookups++;
	*ret = NULL;
	*err = HOST_NOT_FOUND;
	return 0;
}

struct ether_addr;
int ether_hostton(const char *name, struct ether_addr *ret);

int ether_hostton(const char *name, struct ether_addr *ret)
{
	(void)name, (void)ret;
	lookups++;
	return -1;
}
