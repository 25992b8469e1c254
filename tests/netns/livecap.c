/* A live source on strings: what tests drive it with.
 *
 *	livecap [-w FILE[.THREAD]] [-s SNAPLEN] [-B BYTES] [-d in|out] [-f FILTER] [-m MARK] [-j
 *THREADS]
 *	        [-k KEEP] [-c] [-p] INTERFACE...
 *
 * Says "ready" when the capture runs, then obeys lines on standard input, each with one
 * line of JSON in return:
 *	ledger   of all interfaces, and the notes so far
 *	stall    stops reading (a starved reader)
 *	go       reads again
 *	until N  answers when N packets have been given, or nothing came for 5 s
 *	         (with several threads 'stall', 'go' and 'until' answer {}, the others wait for
 *	         'stop')
 *	stop     ends the capture and answers with the last ledger */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/stop.h"
#include "capture/live.h"
#include "capture/src.h"
#include "sink/sink.h"

#define THREADS 16
#define BATCH   256

struct cap {
	struct live_conf conf;
	struct stop stop;
	struct src *src[THREADS];
	unsigned n;
	struct sink *sink[THREADS]; /* NULL: packets are only counted */
	size_t described[THREADS];  /* interfaces that each knows */
	bool stalled;               /* under 'lock' with several threads */
	pthread_mutex_t lock;
	pthread_cond_t going, parked;
	unsigned n_parked;
	_Atomic uint64_t packets, bytes, wire_packets, wire_bytes, todo, supers, in, out;
	_Atomic uint64_t per_thread[THREADS];
};

static void fail(const struct err *err)
{
	printf("error %s\n", err->text);
	exit(1);
}

static void store(struct cap *c, unsigned t, const struct pkt *p, size_t n)
{
	struct err err = {0};
	size_t k;
	const struct src_iface *v = src_ifaces(c->src[t], &k);

	for (; c->described[t] < k; c->described[t]++) {
		struct sink_iface i = {
			.name = v[c->described[t]].name,
			.linktype = v[c->described[t]].linktype,
			.ticks_per_sec = 1000000000,
		};

		if (sink_iface(c->sink[t], &i, &err) < 0)
			fail(&err);
	}
	if (sink_send(c->sink[t], p, n, &err) < 0)
		fail(&err);
}

static int step(struct cap *c, unsigned t)
{
	struct pkt pkts[BATCH];
	int n = src_recv(c->src[t], pkts, BATCH);

	for (int i = 0; i < n; i++) {
		const struct pkt *p = &pkts[i];

		c->bytes += p->len;
		c->wire_packets += pkt_wire_packets(p);
		c->wire_bytes += pkt_wire_bytes(p);
		c->todo += !!(p->flags & PKT_CSUM_TODO);
		c->supers += p->gso_size != 0;
		c->in += p->dir == PKT_DIR_IN;
		c->out += p->dir == PKT_DIR_OUT;
	}
	if (n > 0) {
		if (c->sink[t])
			store(c, t, pkts, (size_t)n);
		c->per_thread[t] += (uint64_t)n;
		c->packets += (uint64_t)n;
	}
	if (n < 0 && n != -EAGAIN)
		exit(2);
	return n;
}

static void quote(const char *s)
{
	for (; *s; s++)
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else
			putchar(*s);
}

static void say_ledger(struct cap *c)
{
	size_t n, k;
	const struct src_note *notes = src_notes(c->src[0], &k, NULL);

	src_ifaces(c->src[0], &n);
	printf("{\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"wire_packets\": %" PRIu64
	       ", \"wire_bytes\": %" PRIu64 ", \"todo\": %" PRIu64 ", \"supers\": %" PRIu64
	       ", \"in\": %" PRIu64 ", \"out\": %" PRIu64 ", \"threads\": [",
	       c->packets, c->bytes, c->wire_packets, c->wire_bytes, c->todo, c->supers, c->in,
	       c->out);
	for (unsigned t = 0; t < c->n; t++)
		printf("%s%" PRIu64, t ? ", " : "", c->per_thread[t]);
	printf("], \"ifaces\": [");
	for (size_t i = 0; i < n; i++) {
		struct live_ledger g, sum = {0};
		struct live_where w;

		live_where(c->src[0], i, &w);
		for (unsigned t = 0; t < c->n; t++) {
			if (live_ledger(c->src[t], i, &g) < 0)
				continue;
			if (!t) {
				sum = g;
				continue;
			}
			sum.seen += g.seen;
			sum.given += g.given;
			sum.filtered += g.filtered;
			sum.own += g.own;
			sum.dropped += g.dropped;
			sum.waiting += g.waiting;
			sum.grown += g.grown;
			sum.ring_bytes += g.ring_bytes;
		}
		printf("%s{\"name\": \"", i ? ", " : "");
		quote(w.name);
		printf("\", \"netns\": \"%s\", \"ifindex\": %d, \"state\": %d, \"seen_known\": %d, "
		       "\"seen\": %" PRIu64 ", \"given\": %" PRIu64 ", \"filtered\": %" PRIu64
		       ", \"own\": %" PRIu64 ", \"dropped\": %" PRIu64 ", \"waiting\": %" PRIu64
		       ", \"cut\": %" PRIu64 ", \"freezes\": %" PRIu64 ", \"ring\": %" PRIu64
		       ", \"grown\": %u, \"wire_known\": %d, \"rx\": %" PRIu64 ", \"tx\": %" PRIu64
		       "}",
		       w.netns, w.ifindex, sum.state, sum.seen_known, sum.seen, sum.given,
		       sum.filtered, sum.own, sum.dropped, sum.waiting, sum.cut, sum.freezes,
		       sum.ring_bytes, sum.grown, sum.wire_known, sum.rx_packets, sum.tx_packets);
	}
	printf("], \"notes\": [");
	for (size_t i = 0; i < k; i++) {
		printf("%s\"", i ? ", " : "");
		quote(notes[i].text);
		printf("\"");
	}
	printf("]}\n");
	fflush(stdout);
}

struct job {
	struct cap *c;
	unsigned t;
};

static void *work(void *arg)
{
	struct job *j = arg;

	do {
		pthread_mutex_lock(&j->c->lock);
		j->c->n_parked++;
		pthread_cond_signal(&j->c->parked);
		while (j->c->stalled)
			pthread_cond_wait(&j->c->going, &j->c->lock);
		j->c->n_parked--;
		pthread_mutex_unlock(&j->c->lock);
	} while (step(j->c, j->t) != 0);
	return NULL;
}

static void keep_nothing(void *arg, uint64_t window)
{
	(void)arg;
	(void)window;
}

/* Lines are short and come one at a time. */
static bool command(char *line, size_t size, bool wait)
{
	struct pollfd p = {.fd = 0, .events = POLLIN};

	if (poll(&p, 1, wait ? -1 : 0) <= 0)
		return false;
	for (size_t n = 0; n + 1 < size; n++) {
		if (read(0, line + n, 1) != 1) {
			snprintf(line, size, "stop");
			return true;
		}
		if (line[n] == '\n') {
			line[n] = '\0';
			return true;
		}
	}
	return false;
}

static void until(struct cap *c, uint64_t n)
{
	unsigned idle = 0;

	while (c->packets < n && idle < 50)
		idle = step(c, 0) == -EAGAIN ? idle + 1 : 0;
}

static void run(struct cap *c)
{
	struct err err = {0};
	char line[64];

	for (;;) {
		if (!c->stalled)
			step(c, 0);
		if (!command(line, sizeof(line), c->stalled))
			continue;
		if (!strcmp(line, "stall"))
			c->stalled = true;
		else if (!strcmp(line, "go"))
			c->stalled = false;
		else if (!strncmp(line, "until ", 6))
			until(c, strtoull(line + 6, NULL, 10));
		if (!strcmp(line, "stop"))
			return;
		if (c->sink[0] && sink_flush(c->sink[0], &err) < 0)
			fail(&err);
		say_ledger(c);
	}
}

static void until_given(const struct cap *c, uint64_t n)
{
	for (unsigned i = 0; c->packets < n && i < 5000; i++)
		poll(NULL, 0, 1);
}

/* Several threads: until "stop" or the end of input. */
static void run_threads(struct cap *c)
{
	pthread_t id[THREADS];
	struct job jobs[THREADS];
	char line[64];

	for (unsigned t = 0; t < c->n; t++) {
		jobs[t] = (struct job){c, t};
		if (pthread_create(&id[t], NULL, work, &jobs[t]))
			exit(2);
	}
	while (!command(line, sizeof(line), true) || strcmp(line, "stop") != 0) {
		pthread_mutex_lock(&c->lock);
		c->stalled = !strcmp(line, "stall");
		pthread_cond_broadcast(&c->going);
		while (c->stalled && c->n_parked < c->n)
			pthread_cond_wait(&c->parked, &c->lock);
		pthread_mutex_unlock(&c->lock);
		if (!strncmp(line, "until ", 6))
			until_given(c, strtoull(line + 6, NULL, 10));
		printf("{\"packets\": %" PRIu64 "}\n", c->packets);
		fflush(stdout);
	}
	stop_raise(&c->stop);
	for (unsigned t = 0; t < c->n; t++)
		pthread_join(id[t], NULL);
}

int main(int argc, char **argv)
{
	struct cap c = {.conf = {.promisc = true},
			.lock = PTHREAD_MUTEX_INITIALIZER,
			.going = PTHREAD_COND_INITIALIZER,
			.parked = PTHREAD_COND_INITIALIZER};
	const char *file = NULL;
	unsigned keep = 1;
	struct err err = {0};
	int o;

	while ((o = getopt(argc, argv, "w:s:B:d:f:m:j:k:cp")) != -1) {
		switch (o) {
		case 'w':
			file = optarg;
			break;
		case 's':
			c.conf.snaplen = (uint32_t)atoi(optarg);
			break;
		case 'B':
			c.conf.buffer_total = strtoull(optarg, NULL, 10);
			break;
		case 'd':
			c.conf.dir = *optarg == 'i' ? LIVE_IN : LIVE_OUT;
			break;
		case 'f':
			c.conf.filter = optarg;
			break;
		case 'm':
			c.conf.own_mark = (uint32_t)atoi(optarg);
			break;
		case 'j':
			c.conf.threads = (unsigned)atoi(optarg);
			break;
		case 'k':
			keep = (unsigned)atoi(optarg);
			break;
		case 'c':
			c.conf.classic = true;
			break;
		case 'p':
			c.conf.promisc = false;
			break;
		default:
			return 2;
		}
	}
	c.conf.ifaces = (const char *const *)argv + optind;
	c.conf.n = (size_t)(argc - optind);
	c.n = c.conf.threads ? c.conf.threads : 1;
	if (c.n > THREADS || stop_init(&c.stop) < 0)
		return 2;
	if (src_live_new(c.src, NULL, &c.conf, &c.stop, &err) < 0)
		fail(&err);
	if (keep > 1)
		src_keep(c.src[0], keep, keep_nothing, NULL);
	for (unsigned t = 0; file && t < c.n; t++) {
		char name[256];

		if (c.n == 1)
			snprintf(name, sizeof(name), "%s", file);
		else
			snprintf(name, sizeof(name), "%s.%u", file, t);
		if (sink_open(&c.sink[t], name, &(struct sink_conf){0}, &err) < 0)
			fail(&err);
	}
	printf("ready\n");
	fflush(stdout);
	if (c.n > 1) {
		run_threads(&c);
	} else {
		run(&c);
		stop_raise(&c.stop);
		while (step(&c, 0) != 0)
			;
	}
	for (unsigned t = 0; t < c.n; t++)
		if (c.sink[t] && sink_finish(c.sink[t], &err) < 0)
			fail(&err);
	say_ledger(&c);
	for (unsigned t = 0; t < c.n; t++) {
		sink_free(c.sink[t]);
		src_free(c.src[t]);
	}
	stop_done(&c.stop);
	return 0;
}
