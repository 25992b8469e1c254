#include "cli/default_iface.h"

#include <errno.h>
#include <linux/route.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define LINE_SIZE 512

struct route {
	char iface[DEFAULT_IFACE_SIZE];
	unsigned metric, flags;
};

/* fib_route_seq_show() of the kernel: interface, destination, gateway, flags, references,
 * use, metric, mask. */
static bool is_default4(const char *line, struct route *ret)
{
	unsigned dst, mask;

	return sscanf(line, "%63s %x %*x %x %*d %*d %u %x", ret->iface, &dst, &ret->flags,
		      &ret->metric, &mask) == 5 &&
	       !dst && !mask;
}

/* rt6_info_route(): destination and its prefix length, source and its, next hop, metric,
 * references, use, flags, interface; but for the last all hexadecimal. */
static bool is_default6(const char *line, struct route *ret)
{
	char dst[33];
	unsigned prefix;

	return sscanf(line, "%32s %x %*s %*x %*s %x %*x %*x %x %63s", dst, &prefix, &ret->metric,
		      &ret->flags, ret->iface) == 5 &&
	       !prefix && strspn(dst, "0") == 32;
}

static bool find(const char *path, bool (*is_default)(const char *, struct route *),
		 char ret[DEFAULT_IFACE_SIZE])
{
	CLEANUP(fclosep) FILE *f = fopen(path, "re");
	char line[LINE_SIZE];
	struct route r, best;
	bool found = false;

	while (f && fgets(line, sizeof(line), f)) {
		/* "No route" is one as well: on lo, rejected. */
		if (!is_default(line, &r) || !(r.flags & RTF_UP) || r.flags & RTF_REJECT ||
		    (found && best.metric <= r.metric))
			continue;
		best = r;
		found = true;
	}
	if (found)
		memcpy(ret, best.iface, sizeof(best.iface));
	return found;
}

int default_iface(char ret[DEFAULT_IFACE_SIZE], struct err *err)
{
	if (find("/proc/net/route", is_default4, ret) ||
	    find("/proc/net/ipv6_route", is_default6, ret))
		return 0;
	return err_set(err, -ENODEV,
		       "there is no default route: name an interface with -i ('trawl interfaces' "
		       "lists them)");
}
