#include "filter/filter_kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/filter.h>

#include "base/cleanup.h"
#include "filter/cbpf_op.h"
#include "filter/ebpf.h"

/* tcpdump.org/linktypes.html: headers that libpcap and others make in user space. */
#define LINKTYPE_LINUX_SLL  113
#define LINKTYPE_LINUX_SLL2 276

/* In front of a classic program: a frame with its VLAN tag beside it passes,
 * as in the eBPF one.  Leaves A and X as they were, 0. */
static const struct cbpf_insn vlan_passes[] = {
	{OP_LD | OP_B | OP_ABS, 0, 0, (uint32_t)SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT},
	{OP_JMP | OP_JEQ, 1, 0, 0},
	{OP_RET, 0, 0, UINT32_MAX},
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

_Static_assert(sizeof(struct cbpf_insn) == sizeof(struct sock_filter), "one is used as the other");
_Static_assert(offsetof(struct cbpf_insn, k) == offsetof(struct sock_filter, k), "same layout");

void filter_kernel_done(struct filter_kernel *k)
{
	free(k->ebpf);
	free(k->classic);
	*k = (struct filter_kernel){0};
}

/* The classic program as the kernel may get it; none where it takes none.  0 or -ENOMEM. */
static int make_classic(struct filter_kernel *k, const struct cbpf_insn *p, size_t n,
			uint32_t snaplen)
{
	size_t front = (p[0].code & 0x07) == OP_RET ? 0 : COUNT(vlan_passes), i;
	struct cbpf_insn *out;

	/* A return of A gives as many bytes as A happens to say; libpcap makes none. */
	for (i = 0; i < n; i++)
		if (p[i].code == (OP_RET | OP_A))
			return 0;
	if (n + front > CBPF_KERNEL_MAX || cbpf_check(p, n, 0, NULL) < 0)
		return 0;
	out = calloc(n + front, sizeof(*out));
	if (!out)
		return -ENOMEM;
	memcpy(out, vlan_passes, front * sizeof(*out));
	memcpy(out + front, p, n * sizeof(*out));
	for (i = front; i < n + front; i++)
		if (out[i].code == OP_RET && out[i].k)
			out[i].k = snaplen ? snaplen : UINT32_MAX;
	k->classic = out;
	k->classic_n = n + front;
	return 0;
}

int filter_kernel(struct filter_kernel *ret, struct filter *f, uint16_t linktype, uint32_t snaplen,
		  struct err *err)
{
	CLEANUP(filter_kernel_done) struct filter_kernel k = {0};
	struct cbpf_insn verdict = {.code = OP_RET};
	const struct cbpf_insn *p = &verdict;
	size_t n = 1;
	int r;

	if (linktype == LINKTYPE_LINUX_SLL || linktype == LINKTYPE_LINUX_SLL2)
		return err_set(err, -EOPNOTSUPP,
			       "frames with a cooked header are not what the kernel has");
	r = filter_prepare(f, linktype, NULL);
	if (r == -ENOMEM)
		return err_set(err, r, "out of memory");
	if (r == 0) {
		p = filter_code(f, linktype, &n);
		if (!p) { /* "" */
			verdict.k = UINT32_MAX;
			p = &verdict;
			n = 1;
		}
	}
	r = ebpf_translate(&k.ebpf, &k.ebpf_n, p, n, snaplen, err);
	if (r < 0)
		return r;
	if (make_classic(&k, p, n, snaplen) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	*ret = k;
	k = (struct filter_kernel){0};
	return 0;
}
