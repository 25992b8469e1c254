#include "run/prune_ports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "filter/cbpf_op.h"

#define PORTS        65536
#define TESTS_MAX    64 /* bits of what was seen */
#define IP4_HDR_SIZE 20
#define IP4_HDR_MAX  60
#define PORTS_SIZE   4 /* both */

static bool is_jump(const struct cbpf_insn *i)
{
	return (i->code & 0x07) == OP_JMP && (i->code & 0xf0) != OP_JA;
}

/* Without arithmetic and scratch memory, and X a multiple of 4: the length of a header, or 0 as at
 * the beginning. */
static bool is_followed(const struct cbpf_insn *i)
{
	switch (i->code) {
	case OP_LD | OP_ABS | OP_B:
	case OP_LD | OP_ABS | OP_H:
	case OP_LD | OP_ABS | OP_W:
		return i->k < CBPF_KERNEL_DATA;
	case OP_LD | OP_IND | OP_H: /* of other sizes it could be part of a port, or both */
	case OP_LDX | OP_B | OP_MSH:
	case OP_RET | OP_K:
	case OP_JMP | OP_JEQ | OP_K:
	case OP_JMP | OP_JGT | OP_K:
	case OP_JMP | OP_JGE | OP_K:
	case OP_JMP | OP_JSET | OP_K:
		return true;
	case OP_JMP | OP_JA:
		return (int32_t)i->k >= 0;
	default:
		return false;
	}
}

int prune_ports_init(struct prune_ports *p, const struct cbpf_insn *code, size_t n)
{
	size_t i, tests = 0;

	*p = (struct prune_ports){0};
	for (i = 0; i < n; i++) {
		if (!is_followed(&code[i]))
			return 0;
		tests += is_jump(&code[i]);
	}
	if (tests > TESTS_MAX)
		return 0;
	p->kind = calloc(PORTS, sizeof(*p->kind));
	p->code = calloc(n, sizeof(*p->code));
	if (!p->kind || !p->code)
		return -ENOMEM;
	memcpy(p->code, code, n * sizeof(*code));
	p->n = n;
	return 0;
}

void prune_ports_done(struct prune_ports *p)
{
	free(p->kind);
	free(p->code);
}

/* Where the ports are, if the header before them has no set length: at one of these places. */
static void place_of(const struct shape *s, uint64_t *ret_from, uint64_t *ret_end)
{
	*ret_from = s->behind ? (uint64_t)s->frame.ip + IP4_HDR_SIZE : s->port_at;
	*ret_end = (s->behind ? (uint64_t)s->frame.ip + IP4_HDR_MAX : s->port_at) + PORTS_SIZE;
}

/* Whether it loads none of the ports, or one as a whole. */
static bool is_fine(const struct cbpf_insn *i, uint64_t from, uint64_t end)
{
	const uint64_t k = i->k;
	unsigned size = 1;

	switch (i->code) {
	case OP_LD | OP_IND | OP_H:
		return k % 2 == from % 2;
	case OP_LD | OP_ABS | OP_H:
		return k % 2 == from % 2 || k + 2 <= from || k >= end;
	case OP_LD | OP_ABS | OP_W:
		size = 4;
		break;
	case OP_LD | OP_ABS | OP_B:
	case OP_LDX | OP_B | OP_MSH:
		break;
	default:
		return true;
	}
	return k + size <= from || k >= end;
}

bool prune_ports_alone(const struct prune_ports *p, const struct shape *s)
{
	uint64_t from, end;
	size_t i;

	if (!p->code || s->use & ~SHAPE_PORT)
		return false;
	if (!(s->use & SHAPE_PORT))
		return true;
	place_of(s, &from, &end);
	for (i = 0; i < p->n; i++)
		if (!is_fine(&p->code[i], from, end))
			return false;
	return true;
}

static bool holds(const struct cbpf_insn *i, uint32_t a)
{
	switch (i->code & 0xf0) {
	case OP_JEQ:
		return a == i->k;
	case OP_JGT:
		return a > i->k;
	case OP_JGE:
		return a >= i->k;
	default: /* OP_JSET */
		return a & i->k;
	}
}

unsigned prune_ports_kind(struct prune_ports *p, uint16_t port)
{
	uint64_t seen = 0;
	size_t i;

	if (p->kind[port])
		return p->kind[port];
	for (i = 0; i < p->n; i++)
		if (is_jump(&p->code[i]))
			seen = seen << 1 | holds(&p->code[i], port);
	for (i = 0; i < p->n_kinds && p->seen[i] != seen; i++)
		;
	if (i == PRUNE_PORT_KINDS)
		return 0;
	if (i == p->n_kinds)
		p->seen[p->n_kinds++] = seen;
	return p->kind[port] = (uint8_t)(i + 1);
}
