/* Filters mean the same everywhere: every expression of a list is run on every
 * frame by libpcap's interpreter, by ours and, with -k, by the kernel (our eBPF
 * program, put on a socket), and all agree.  Then the shortest frame of each stack of
 * headers is cut at every length, and they agree on each piece, the kernel by
 * BPF_PROG_TEST_RUN.  With -t that is asked about each whole frame, too, which takes
 * minutes.
 *
 *	oracle [-k|-t] EXPRESSIONS FILE|FOLDER...
 *
 * BPF_PROG_TEST_RUN takes 2 us.  What is sent to a multicast group of netlink runs
 * through the filters of all sockets in it, a tenth of that each, and is of any length; the
 * counters of the programs tell what they said.  Nobody reads these sockets. */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "base/cleanup.h"
#include "bpf/bpf.h"
#include "filter/cbpf.h"
#include "filter/ebpf.h"
#include "filter/filter.h"
#include "frames.h"
#include "libpcap.h"

#define EXPRESSIONS_MIN 200 /* fewer are not all of pcap-filter(7) */
#define EXPRESSIONS_MAX 2000
#define STACKS_MAX      500
#define WORKERS_MAX     8
#define FAULTS_MAX      20 /* that one worker shows */
#define SKIPPED         77

enum kind {
	KIND_ALL,   /* everywhere */
	KIND_LOOPS, /* not in the kernel */
	KIND_REFUSED,
};

struct expression {
	enum kind kind;
	char *text;
};

/* Shared by the workers, each with its own. */
struct tally {
	uint64_t programs, in_kernel;  /* an expression for a link type */
	uint64_t libpcap, socket, run; /* verdicts compared with ours */
	uint64_t passed;
	uint64_t faults;
};

/* One expression for one link type. */
struct program {
	const char *expr;
	enum kind kind;
	uint16_t linktype;
	struct libpcap *libpcap; /* NULL: does not count, as its memory begins with anything */
	struct cbpf *own;
	int prog_fd, sock; /* -1: not in the kernel */
	const uint64_t *counters;
	uint64_t seen, rejected;
};

struct oracle {
	bool kernel, test_run;
	struct expression exprs[EXPRESSIONS_MAX];
	size_t n_exprs;
	struct frames frames;
	struct frame stacks[STACKS_MAX];
	size_t n_stacks, all_stacks;

	/* of a worker */
	struct tally *tally;
	unsigned group; /* of netlink; a bit */
	int sender;
	bool *used; /* expressions that made sense for some link type */
	struct program *programs;
	size_t n_programs;
};

static void die(const char *what, const struct err *err)
{
	fprintf(stderr, "oracle: %s: %s\n", what, err ? err->text : strerror(errno));
	exit(1);
}

static void fault(struct oracle *o, const struct program *p, const char *what)
{
	if (o->tally->faults++ < FAULTS_MAX)
		fprintf(stderr, "'%s' for link type %u: %s\n", p->expr, p->linktype, what);
}

static void differ(struct oracle *o, const struct program *p, const char *who, bool said,
		   const struct frame *f, uint32_t caplen)
{
	char what[128];

	snprintf(what, sizeof(what), "%s %s frame %td at %u of %u bytes, our interpreter does not",
		 who, said ? "accepts" : "rejects",
		 f >= o->stacks && f < o->stacks + STACKS_MAX ? f - o->stacks : f - o->frames.list,
		 caplen, f->caplen);
	fault(o, p, what);
}

static int open_netlink(unsigned group)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = group};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK);
	int send = 4 << 20, receive = 1;

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("netlink", NULL);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send, sizeof(send));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof(receive));
	return fd;
}

/* BPF_PROG_TEST_RUN takes no more, netlink nothing empty. */
static bool by_socket(uint32_t caplen, bool whole)
{
	return caplen > BPF_FILTER_RUN_MAX || (whole && caplen);
}

static void send_frame(struct oracle *o, const struct frame *f, uint32_t caplen)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = o->group};

	/* it goes to the group and then to the kernel, where nobody listens */
	if (sendto(o->sender, f->data, caplen, 0, (struct sockaddr *)&addr, sizeof(addr)) < 0 &&
	    errno != ECONNREFUSED)
		die("send", NULL);
}

/* What the socket of a program said of the one piece that was sent. */
static void compare_socket(struct oracle *o, struct program *p, const struct frame *f,
			   uint32_t caplen, bool own)
{
	uint64_t rejected = bpf_counters_get(p->counters, EBPF_REJECTED);
	bool said = rejected == p->rejected;

	o->tally->socket++;
	p->seen++;
	if (said != own)
		differ(o, p, "a socket in the kernel", said, f, caplen);
	p->rejected = rejected;
}

static void compare_run(struct oracle *o, struct program *p, const struct frame *f, uint32_t caplen,
			bool own)
{
	struct err err;
	uint32_t said;

	if (bpf_filter_run(p->prog_fd, f->data, caplen, &said, &err) < 0)
		die("BPF_PROG_TEST_RUN", &err);
	o->tally->run++;
	p->seen++;
	p->rejected += !said;
	if ((said != 0) != own)
		differ(o, p, "the kernel", said, f, caplen);
}

static void compare(struct oracle *o, struct program *p, const struct frame *f, uint32_t caplen,
		    bool whole)
{
	bool own = cbpf_run(p->own, f->data, caplen, f->len), said;

	if (p->libpcap) {
		o->tally->libpcap++;
		said = libpcap_run(p->libpcap, f->data, caplen, f->len);
		if (said != own)
			differ(o, p, "libpcap", said, f, caplen);
	}
	o->tally->passed += own;
	if (p->prog_fd < 0)
		return;
	if (f->len != caplen) /* for the kernel a frame is as long as its bytes are */
		own = cbpf_run(p->own, f->data, caplen, caplen);
	if (by_socket(caplen, whole))
		compare_socket(o, p, f, caplen, own);
	if (!by_socket(caplen, whole && !o->test_run))
		compare_run(o, p, f, caplen, own);
}

/* All programs of a link type on a frame, or its first bytes. */
static void run_frame(struct oracle *o, const struct frame *f, uint32_t caplen, bool whole)
{
	size_t i;

	if (o->kernel && by_socket(caplen, whole))
		send_frame(o, f, caplen);
	for (i = 0; i < o->n_programs; i++)
		compare(o, &o->programs[i], f, caplen, whole);
}

static void check_counters(struct oracle *o, const struct program *p)
{
	if (bpf_counters_get(p->counters, EBPF_SEEN) != p->seen ||
	    bpf_counters_get(p->counters, EBPF_REJECTED) != p->rejected ||
	    bpf_counters_get(p->counters, EBPF_UNDECIDED) != 0)
		fault(o, p, "the counters are wrong");
}

/* Translates and, for the kernel, loads and attaches. */
static void load(struct oracle *o, struct program *p)
{
	CLEANUP(freep) struct bpf_insn *insns = NULL;
	CLEANUP(closep) int map_fd = -1;
	const struct cbpf_insn *code;
	struct err err;
	size_t n;
	int r;

	code = cbpf_insns(p->own, &n);
	r = ebpf_translate(&insns, &n, code, n, 0, &err);
	if (r == -EOPNOTSUPP && p->kind == KIND_LOOPS)
		return;
	if (r == 0 && !o->kernel)
		return;
	if (r == 0)
		r = bpf_filter_load(insns, n, EBPF_COUNTERS, &p->prog_fd, &map_fd, &err);
	if (r < 0) {
		fault(o, p, err.text);
		return;
	}
	p->sock = open_netlink(o->group);
	if (bpf_counters_map(&p->counters, map_fd, EBPF_COUNTERS, &err) < 0 ||
	    bpf_filter_attach(p->sock, p->prog_fd, &err) < 0)
		die("kernel", &err);
	o->tally->in_kernel++;
}

/* False where the expression makes no sense for the link type. */
static bool add_program(struct oracle *o, const struct expression *e, uint16_t linktype)
{
	struct program p = {e->text, e->kind, linktype, .prog_fd = -1, .sock = -1};
	CLEANUP(filter_freep) struct filter *f = NULL;
	const struct cbpf_insn *code;
	char msg[256];
	size_t n;

	p.libpcap = libpcap_new(e->text, linktype, msg);
	if (filter_new(&f, e->text, NULL) < 0 || filter_prepare(f, linktype, NULL) < 0) {
		if (p.libpcap && e->kind != KIND_REFUSED)
			fault(o, &p, "only libpcap compiles this");
		libpcap_free(p.libpcap);
		return false;
	}
	if (!p.libpcap)
		fault(o, &p, msg);
	code = filter_code(f, linktype, &n);
	if (!code || cbpf_new(&p.own, code, n, NULL) < 0)
		die(e->text, NULL);
	if (cbpf_check(code, n, CBPF_LOOPS, NULL) < 0) {
		libpcap_free(p.libpcap);
		p.libpcap = NULL;
	}
	load(o, &p);
	o->tally->programs++;
	o->programs[o->n_programs++] = p;
	return true;
}

static void drop_programs(struct oracle *o)
{
	for (; o->n_programs; o->n_programs--) {
		struct program *p = &o->programs[o->n_programs - 1];

		if (p->counters)
			check_counters(o, p);
		bpf_counters_unmap(p->counters, EBPF_COUNTERS);
		closep(&p->prog_fd);
		closep(&p->sock);
		cbpf_free(p->own);
		libpcap_free(p->libpcap);
	}
}

static void run_programs(struct oracle *o, uint16_t linktype)
{
	const struct frame *f;
	uint32_t cut;

	for (f = o->frames.list; f < o->frames.list + o->frames.n; f++)
		if (f->linktype == linktype)
			run_frame(o, f, f->caplen, true);
	for (f = o->stacks; f < o->stacks + o->n_stacks; f++)
		for (cut = 0; f->linktype == linktype && cut < f->caplen; cut++)
			run_frame(o, f, cut, false);
}

/* The link types of which there are frames. */
static size_t linktypes(const struct frames *f, uint16_t *ret, size_t max)
{
	size_t n = 0, i, j;

	for (i = 0; i < f->n; i++) {
		for (j = 0; j < n && ret[j] != f->list[i].linktype; j++)
			;
		if (j == n && n < max)
			ret[n++] = f->list[i].linktype;
	}
	return n;
}

static void work(struct oracle *o, size_t worker, size_t workers)
{
	uint16_t types[256];
	size_t n = linktypes(&o->frames, types, 256), i, j;

	o->group = 1u << worker;
	o->programs = calloc(o->n_exprs, sizeof(o->programs[0]));
	o->used = calloc(o->n_exprs, sizeof(o->used[0]));
	if (!o->programs || !o->used)
		die("memory", NULL);
	if (o->kernel)
		o->sender = open_netlink(0);
	for (j = 0; j < n; j++) {
		for (i = worker; i < o->n_exprs; i += workers)
			o->used[i] |= add_program(o, &o->exprs[i], types[j]);
		run_programs(o, types[j]);
		drop_programs(o);
	}
	for (i = worker; i < o->n_exprs; i += workers) {
		struct program p = {.expr = o->exprs[i].text};

		if (o->used[i] && o->exprs[i].kind == KIND_REFUSED)
			fault(o, &p, "is not refused");
		if (!o->used[i] && o->exprs[i].kind != KIND_REFUSED)
			fault(o, &p, "makes no sense for the frames that there are");
	}
	free(o->programs);
	free(o->used);
}

static void read_expressions(struct oracle *o, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[1024];

	if (!f)
		die(path, NULL);
	while (fgets(line, sizeof(line), f)) {
		struct expression *e = &o->exprs[o->n_exprs];
		bool marked = (line[0] == '!' || line[0] == '~') && line[1] == ' ';

		line[strcspn(line, "\n")] = '\0';
		if (!line[0] || line[0] == '#')
			continue;
		e->kind = !marked ? KIND_ALL : line[0] == '!' ? KIND_REFUSED : KIND_LOOPS;
		e->text = strdup(line + (marked ? 2 : 0));
		if (!e->text || ++o->n_exprs == EXPRESSIONS_MAX)
			die("too many expressions", NULL);
	}
	fclose(f);
	if (o->n_exprs < EXPRESSIONS_MIN) {
		fprintf(stderr, "oracle: only %zu expressions\n", o->n_exprs);
		exit(1);
	}
}

/* Whether programs may be loaded and tried here; why not goes to stdout. */
static bool kernel_is_there(void)
{
	static const struct cbpf_insn all = {.code = 0x06, .k = 1}; /* ret #1 */
	struct bpf_insn *insns;
	struct err err = {0};
	uint32_t value;
	int prog, map;
	size_t n;

	if (ebpf_translate(&insns, &n, &all, 1, 0, &err) < 0)
		die("translate", &err);
	if (bpf_filter_load(insns, n, EBPF_COUNTERS, &prog, &map, &err) < 0 ||
	    bpf_filter_run(prog, NULL, 0, &value, &err) < 0) {
		printf("skipped: %s\n", err.text);
		return false;
	}
	free(insns);
	close(prog);
	close(map);
	if (unshare(CLONE_NEWNET) < 0) { /* so that nobody else hears the frames */
		printf("skipped: no network namespace: %s\n", strerror(errno));
		return false;
	}
	return true;
}

static void spread(struct oracle *o, struct tally *tallies, size_t workers)
{
	pid_t pids[WORKERS_MAX];
	size_t i;

	for (i = 0; i < workers; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			die("fork", NULL);
		if (pids[i] == 0) {
			o->tally = &tallies[i];
			work(o, i, workers);
			_exit(0);
		}
	}
	for (i = 0; i < workers; i++) {
		int status;

		if (waitpid(pids[i], &status, 0) < 0 || status != 0)
			tallies[i].faults++;
	}
}

int main(int argc, char **argv)
{
	static struct oracle o;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t workers = cpus < 1 ? 1 : cpus > WORKERS_MAX ? WORKERS_MAX : (size_t)cpus;
	struct tally *tallies, sum = {0};
	size_t i;

	if (argc > 1 && (strcmp(argv[1], "-k") == 0 || strcmp(argv[1], "-t") == 0)) {
		o.kernel = true;
		o.test_run = argv[1][1] == 't';
		argv++;
		argc--;
		if (!kernel_is_there())
			return SKIPPED;
	}
	if (argc < 3) {
		fprintf(stderr, "usage: oracle [-k|-t] EXPRESSIONS FILE|FOLDER...\n");
		return 2;
	}
	read_expressions(&o, argv[1]);
	for (i = 2; i < (size_t)argc; i++)
		frames_read(&o.frames, argv[i]);
	o.n_stacks = frames_stacks(&o.frames, o.stacks, STACKS_MAX, &o.all_stacks);
	printf("%zu expressions; %llu packets of %llu files, %zu of them different, with %zu "
	       "stacks of "
	       "headers\n",
	       o.n_exprs, (unsigned long long)o.frames.packets, (unsigned long long)o.frames.files,
	       o.frames.n, o.all_stacks);
	fflush(stdout);

	tallies = mmap(NULL, sizeof(*tallies) * WORKERS_MAX, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tallies == MAP_FAILED)
		die("mmap", NULL);
	spread(&o, tallies, workers);
	for (i = 0; i < workers; i++) {
		sum.programs += tallies[i].programs;
		sum.in_kernel += tallies[i].in_kernel;
		sum.libpcap += tallies[i].libpcap;
		sum.socket += tallies[i].socket;
		sum.run += tallies[i].run;
		sum.passed += tallies[i].passed;
		sum.faults += tallies[i].faults;
	}
	printf("%llu programs, %llu in the kernel; compared: %llu verdicts of libpcap, %llu of "
	       "sockets, %llu of BPF_PROG_TEST_RUN; %llu accept; %llu faults\n",
	       (unsigned long long)sum.programs, (unsigned long long)sum.in_kernel,
	       (unsigned long long)sum.libpcap, (unsigned long long)sum.socket,
	       (unsigned long long)sum.run, (unsigned long long)sum.passed,
	       (unsigned long long)sum.faults);
	for (i = 0; i < o.n_exprs; i++)
		free(o.exprs[i].text);
	frames_done(&o.frames);
	return sum.faults || !sum.passed || !o.frames.n;
}
