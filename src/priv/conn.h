/* Inside the client: the connection to the opener. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "priv/order.h"
#include "priv/priv.h"

struct priv {
	pthread_mutex_t lock; /* one request at a time */
	int sock;             /* -1: there is no opener, 'why' says the reason */
	pid_t pid;            /* of the opener; 0: none was started */
	int why;              /* -errno of starting it; 0 */
	uint64_t caps;        /* that it holds since it started; forgone ones are not taken out */
	struct priv_user user;
	char path[ORDER_PATH_SIZE]; /* of the opener that was found, "" */
};

/* What came back. */
struct priv_got {
	uint32_t value[2];
	char text[ORDER_TEXT_SIZE];
	int fds[ORDER_FDS_MAX]; /* the caller's */
};

/* Asks for 'kind' with up to three numbers, two texts (NULL: "") and 'n_fds'
 * descriptors, and waits for the answer. */
int priv_call(struct priv *p, const struct order_wire *w, const int *fds, size_t n_fds,
	      struct priv_got *ret, struct err *err);

/* Fills 'user': who we shall be.  0 or -errno. */
int priv_user_find(struct priv_user *ret, struct err *err);
void priv_user_self(struct priv_user *ret);
