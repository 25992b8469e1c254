/* The process around the commands; see cmds.h for what every command uses. */
#pragma once

#include <stdint.h>

#include "base/buf.h"

struct cli;

/* Once, first thing in main(): standard descriptors, signals. */
void cli_system_init(void);

/* Terminals, their width and colour. */
void cli_system_look(struct cli *c);

/* Writes a whole text to stdout.  An exit status: a reader that has gone is
 * no failure. */
int cli_print(const struct buf *b);

/* Half of the memory of the machine or its container, bytes. */
uint64_t cli_half_memory(void);
