/* trawl: the one program.  Only main.c knows all faces (the command line,
 * later agent and hub); everything else lives in its module. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
