/* trawl-opener: holds what trawl must not hold while it parses.  It is started by
 * trawl (priv/priv.h) with a socket as descriptor OPENER_FD and ends with it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "priv/opener.h"
#include "priv/start.h"

/* Descriptors 0 to 2 become /dev/null: whoever reads a pipe of trawl's sees its end
 * when trawl closes it. */
static bool own_fds_only(void)
{
	int null;

	if (close_range(OPENER_FD + 1, ~0U, 0) < 0)
		return false;
	null = open("/dev/null", O_RDWR);
	if (null < 0)
		return false;
	for (int fd = 0; fd < OPENER_FD; fd++)
		if (null != fd && dup2(null, fd) < 0)
			return false;
	if (null >= OPENER_FD)
		close(null);
	return true;
}

static bool is_our_socket(int fd)
{
	struct sockaddr_un addr = {0};
	socklen_t size = sizeof(addr);
	int type = 0;
	socklen_t type_size = sizeof(type);

	return getsockname(fd, (struct sockaddr *)&addr, &size) == 0 &&
	       addr.sun_family == AF_UNIX &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 &&
	       type == SOCK_SEQPACKET;
}

/* Its life is that of its socket: what a terminal or a service manager sends to
 * all processes of trawl is for trawl to act on, which still needs files. */
static void ignore_signals(void)
{
	const int ignored[] = {SIGINT,  SIGTERM, SIGQUIT, SIGHUP,
			       SIGPIPE, SIGUSR1, SIGUSR2, SIGTSTP};

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
}

int main(void)
{
	struct rlimit files;

	ignore_signals();
	if (!is_our_socket(OPENER_FD)) {
		dprintf(STDERR_FILENO, "trawl-opener is started by trawl, not by hand\n");
		return 2;
	}
	if (!own_fds_only())
		return 1;
	/* Each granted folder is one; the hard limit may be anything. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	clearenv();
	/* Not return: nothing of the C library's end of a program is needed. */
	_exit(opener_serve(OPENER_FD) < 0 ? 1 : 0);
}
