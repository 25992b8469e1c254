#include "priv/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "priv/priv.h"

/* The capability table: what each feature needs.  What no feature needs is given
 * up before the first request. */
static const struct need {
	unsigned feature;
	uint64_t caps;    /* without them it does not work */
	uint64_t instead; /* these serve where those are absent; 0: nothing does */
	uint64_t help;    /* it works without, within what the user may do himself */
} needs[] = {
	/* packet(7) */
	{PRIV_PACKET, .caps = CAPS_BIT(CAP_NET_RAW)},
	/* setns(2): in the user namespaces of both sides */
	{PRIV_NETNS, .caps = CAPS_BIT(CAP_SYS_ADMIN)},
	/* bpf(2); before Linux 5.8 there was no CAP_BPF */
	{PRIV_BPF, .caps = CAPS_BIT(CAP_BPF), .instead = CAPS_BIT(CAP_SYS_ADMIN)},
	/* SO_MARK: CAP_NET_RAW serves since Linux 5.17 */
	{PRIV_MARK, .caps = CAPS_BIT(CAP_NET_RAW), .instead = CAPS_BIT(CAP_NET_ADMIN)},
	/* Folders under a parent that only root may enter. */
	{PRIV_GRANT, .help = CAPS_BIT(CAP_DAC_OVERRIDE)},
	{PRIV_FILES, .help = CAPS_BIT(CAP_DAC_OVERRIDE)},
	/* proc(5): the folder /proc/PID/fd of other users, and its links. */
	{PRIV_READERS, .help = CAPS_BIT(CAP_SYS_PTRACE) | CAPS_BIT(CAP_DAC_READ_SEARCH)},
};

#define N_NEEDS (sizeof(needs) / sizeof(needs[0]))

static int caps_get(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};

	return syscall(SYS_capget, &h, data) < 0 ? -errno : 0;
}

static int caps_set(uint64_t permitted, uint64_t effective)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {
		{(uint32_t)effective, (uint32_t)permitted, 0},
		{(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), 0},
	};

	return syscall(SYS_capset, &h, data) < 0 ? -errno : 0;
}

uint64_t caps_permitted(void)
{
	struct __user_cap_data_struct data[2] = {0};

	if (caps_get(data) < 0)
		return 0;
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

void caps_raise(uint64_t mask)
{
	uint64_t permitted = caps_permitted();

	/* Cannot fail: a subset of what is permitted. */
	caps_set(permitted, permitted & mask);
}

void caps_lower(void)
{
	int saved = errno;

	caps_set(caps_permitted(), 0);
	errno = saved;
}

int caps_limit(uint64_t mask)
{
	return caps_set(caps_permitted() & mask, 0);
}

int caps_unbind(void)
{
	int r = 0;

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	caps_raise(CAPS_BIT(CAP_SETPCAP));
	/* To the end of those that this kernel knows, which need not be ours. */
	for (unsigned long cap = 0; cap < 64; cap++) {
		int has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (has < 0)
			break;
		if (has && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			r = -errno;
	}
	caps_lower();
	return r;
}

static const char *caps_name(unsigned cap)
{
	switch (cap) {
	case CAP_DAC_OVERRIDE:
		return "CAP_DAC_OVERRIDE";
	case CAP_DAC_READ_SEARCH:
		return "CAP_DAC_READ_SEARCH";
	case CAP_SYS_PTRACE:
		return "CAP_SYS_PTRACE";
	case CAP_NET_ADMIN:
		return "CAP_NET_ADMIN";
	case CAP_NET_RAW:
		return "CAP_NET_RAW";
	case CAP_SYS_ADMIN:
		return "CAP_SYS_ADMIN";
	case CAP_BPF:
		return "CAP_BPF";
	default:
		return NULL;
	}
}

const char *caps_names(uint64_t mask, char *ret, size_t size)
{
	size_t len = 0;

	if (size)
		ret[0] = '\0';
	for (unsigned cap = 0; cap < 64 && len < size; cap++) {
		const char *name = caps_name(cap);
		uint64_t left = cap < 63 ? mask >> (cap + 1) : 0;

		if (!(mask >> cap & 1))
			continue;
		if (name)
			len += (size_t)snprintf(ret + len, size - len, "%s", name);
		else
			len += (size_t)snprintf(ret + len, size - len, "capability %u", cap);
		if (left && len < size)
			len += (size_t)snprintf(ret + len, size - len, "%s",
						left & (left - 1) ? ", " : " and ");
	}
	return ret;
}

uint64_t caps_for(unsigned features, uint64_t have)
{
	uint64_t use = 0;

	for (size_t i = 0; i < N_NEEDS; i++) {
		const struct need *n = &needs[i];

		if (!(n->feature & features))
			continue;
		use |= n->help & have;
		if (n->caps & ~have)
			use |= n->instead & have;
		else
			use |= n->caps;
	}
	return use;
}

uint64_t caps_lacking(unsigned features, uint64_t have)
{
	uint64_t lacking = 0;

	for (size_t i = 0; i < N_NEEDS; i++) {
		const struct need *n = &needs[i];

		if (n->feature & features && !(n->instead & have))
			lacking |= n->caps & ~have;
	}
	return lacking;
}
