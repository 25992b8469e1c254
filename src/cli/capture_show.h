/* What a running capture shows of itself: a live line, JSON lines, the account at its
 * end. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "run/live.h"

struct cli;

struct capture_show {
	struct cli *cli;
	bool line;  /* a line on the terminal, drawn over and over */
	bool jsonl; /* a line of JSON a second */
	bool said_silent;
	uint64_t kept, bytes; /* when it was last shown */
	int64_t at;           /* ns; 0: not yet */
};

/* For struct run_live_conf's 'tick'. */
void capture_tick(void *arg, const struct run_live_stats *s);

/* One line of numbers for people: SIGUSR1. */
void capture_print_line(const struct capture_show *c, const struct run_live_stats *s);

/* The account at the end: one line, and one for each interface that differs. */
void capture_print_ledger(const struct run_live_stats *s);
