/* The command line: finds the command, parses its options, runs it. */
#pragma once

/* Returns the exit status: 0 done, 1 failed, 2 bad usage, 3 incomplete. */
int cli_main(int argc, char **argv);
