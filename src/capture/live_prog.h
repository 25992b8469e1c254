/* What the kernel runs on the frames of one interface, and its counters. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct cbpf_insn;
struct filter;
struct priv;

struct live_prog {
	int fd;                    /* eBPF; -1: none; owned */
	const uint64_t *counts;    /* mapped; NULL: nothing is counted; owned */
	struct cbpf_insn *classic; /* where there is no eBPF; owned */
	size_t n_classic;          /* 0: none */
	bool undecided;            /* user space has to run the filter on all frames */
	bool exact;                /* what is rejected is counted */
};

/* What it is to do. */
struct live_job {
	struct filter *filter; /* NULL: all passes */
	uint16_t linktype;
	bool cooked;
	bool out_only; /* leave out, uncounted, what the interface receives */
	bool classic;  /* use no eBPF */
	uint32_t snaplen;
	uint32_t own_mark; /* 0: none */
};

/* 0 or -errno with 'err' set.  Where eBPF cannot be had it is done without, and 'err' says why. */
int live_prog_new(struct live_prog *ret, struct priv *priv, const struct live_job *job,
		  struct err *err);
void live_prog_done(struct live_prog *p);
#define LIVE_PROG_INIT                                                                             \
	{                                                                                          \
		.fd = -1, .exact = true                                                            \
	}

uint64_t live_prog_rejected(const struct live_prog *p);
uint64_t live_prog_own(const struct live_prog *p);
