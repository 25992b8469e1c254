/* Filters mean the same everywhere: every expression of a list is run on every
 * frame by libpcap's interpreter, by ours and, with -k, by the kernel (our eBPF
 * program in BPF_PROG_TEST_RUN), and all agree.  Then the shortest frame of each stack of
 * headers is cut at every length, and they agree on each piece.
 *
 *	oracle [-k] EXPRESSIONS FILE|FOLDER...
 *
 * Frames too long for BPF_PROG_TEST_RUN go through a datagram socket that has the
 * program attached.  The counters of each program must say what it returned. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

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
	KIND_FEW,   /* the kernel tries the stacks only */
	KIND_LOOPS, /* not in the kernel */
	KIND_REFUSED,
};

struct expression {
	enum kind kind;
	char *text;
};

/* Shared by the workers, each with its own. */
struct tally {
	uint64_t programs, in_kernel; /* an expression for a link type */
	uint64_t libpcap, kernel;     /* verdicts compared with ours */
	uint64_t passed;
	uint64_t faults;
};

struct oracle {
	bool kernel;
	struct expression exprs[EXPRESSIONS_MAX];
	size_t n_exprs;
	struct frames frames;
	struct frame stacks[STACKS_MAX];
	size_t n_stacks, all_stacks;
	struct tally *tally; /* of this worker */
};

/* One expression for one link type. */
struct program {
	const char *expr;
	enum kind kind;
	uint16_t linktype;
	struct libpcap *libpcap; /* NULL: does not count, as its memory begins with anything */
	struct cbpf *own;
	int prog_fd, map_fd; /* -1: not in the kernel */
	const uint64_t *counters;
	int pair[2]; /* what is sent into [0] comes out of [1] if the program accepts */
	uint64_t seen, rejected;
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

static bool ask_socket(struct program *p, const uint8_t *data, uint32_t caplen)
{
	struct err err;
	char byte;

	if (p->pair[0] < 0) {
		int size = 4 << 20;

		if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, p->pair) < 0)
			die("socketpair", NULL);
		setsockopt(p->pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
		if (bpf_filter_attach(p->pair[1], p->prog_fd, &err) < 0)
			die("attach", &err);
	}
	/* -EPERM: the filter of the other end, where it is not just dropped */
	if (send(p->pair[0], data, caplen, 0) < 0 && errno != EPERM)
		die("send", NULL);
	if (recv(p->pair[1], &byte, 1, MSG_DONTWAIT | MSG_TRUNC) >= 0)
		return true;
	if (errno != EAGAIN)
		die("recv", NULL);
	return false;
}

static bool ask_kernel(struct program *p, const uint8_t *data, uint32_t caplen)
{
	struct err err;
	uint32_t value;

	if (caplen > BPF_FILTER_RUN_MAX)
		return ask_socket(p, data, caplen);
	if (bpf_filter_run(p->prog_fd, data, caplen, &value, &err) < 0)
		die("BPF_PROG_TEST_RUN", &err);
	return value;
}

static void compare(struct oracle *o, struct program *p, const struct frame *f, uint32_t caplen,
		    bool kernel)
{
	bool own = cbpf_run(p->own, f->data, caplen, f->len), short_own, said;

	if (p->libpcap) {
		o->tally->libpcap++;
		said = libpcap_run(p->libpcap, f->data, caplen, f->len);
		if (said != own)
			differ(o, p, "libpcap", said, f, caplen);
	}
	o->tally->passed += own;
	if (!kernel || p->prog_fd < 0)
		return;
	/* for the kernel a frame is as long as its bytes are */
	short_own = f->len == caplen ? own : cbpf_run(p->own, f->data, caplen, caplen);
	said = ask_kernel(p, f->data, caplen);
	o->tally->kernel++;
	p->seen++;
	p->rejected += !said;
	if (said != short_own)
		differ(o, p, "the kernel", said, f, caplen);
}

static void check_counters(struct oracle *o, const struct program *p)
{
	if (bpf_counters_get(p->counters, EBPF_SEEN) != p->seen ||
	    bpf_counters_get(p->counters, EBPF_REJECTED) != p->rejected ||
	    bpf_counters_get(p->counters, EBPF_UNDECIDED) != 0)
		fault(o, p, "the counters are wrong");
}

/* Translates and loads; -1 where only user space can run it. */
static void load(struct oracle *o, struct program *p)
{
	CLEANUP(freep) struct bpf_insn *insns = NULL;
	const struct cbpf_insn *code;
	struct err err;
	size_t n;
	int r;

	code = cbpf_insns(p->own, &n);
	r = ebpf_translate(&insns, &n, code, n, 0, &err);
	if (r == -EOPNOTSUPP && p->kind == KIND_LOOPS)
		return;
	if (r < 0) {
		fault(o, p, err.text);
		return;
	}
	if (!o->kernel)
		return;
	r = bpf_filter_load(insns, n, EBPF_COUNTERS, &p->prog_fd, &p->map_fd, &err);
	if (r < 0) {
		fault(o, p, err.text);
		return;
	}
	if (bpf_counters_map(&p->counters, p->map_fd, EBPF_COUNTERS, &err) < 0)
		die("counters", &err);
	o->tally->in_kernel++;
}

static void run_program(struct oracle *o, struct program *p)
{
	size_t i;
	uint32_t cut;

	for (i = 0; i < o->frames.n; i++)
		if (o->frames.list[i].linktype == p->linktype)
			compare(o, p, &o->frames.list[i], o->frames.list[i].caplen,
				p->kind != KIND_FEW);
	for (i = 0; i < o->n_stacks; i++)
		for (cut = 0; o->stacks[i].linktype == p->linktype && cut <= o->stacks[i].caplen;
		     cut++)
			compare(o, p, &o->stacks[i], cut, true);
	if (p->prog_fd >= 0)
		check_counters(o, p);
}

/* False where the expression makes no sense for the link type. */
static bool run_expression(struct oracle *o, const struct expression *e, uint16_t linktype)
{
	struct program p = {.expr = e->text,
			    .kind = e->kind,
			    .linktype = linktype,
			    .prog_fd = -1,
			    .map_fd = -1,
			    .pair = {-1, -1}};
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
	o->tally->programs++;
	load(o, &p);
	run_program(o, &p);
	bpf_counters_unmap(p.counters, EBPF_COUNTERS);
	closep(&p.prog_fd);
	closep(&p.map_fd);
	closep(&p.pair[0]);
	closep(&p.pair[1]);
	cbpf_free(p.own);
	libpcap_free(p.libpcap);
	return true;
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

	for (i = worker; i < o->n_exprs; i += workers) {
		struct program p = {.expr = o->exprs[i].text};
		bool any = false;

		for (j = 0; j < n; j++)
			any |= run_expression(o, &o->exprs[i], types[j]);
		if (any && o->exprs[i].kind == KIND_REFUSED)
			fault(o, &p, "is not refused");
		if (!any && o->exprs[i].kind != KIND_REFUSED)
			fault(o, &p, "makes no sense for the frames that there are");
	}
}

static void read_expressions(struct oracle *o, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[1024];
	size_t whole = 0;

	if (!f)
		die(path, NULL);
	while (fgets(line, sizeof(line), f)) {
		struct expression *e = &o->exprs[o->n_exprs];
		bool marked = line[0] && strchr("=!~", line[0]) && line[1] == ' ';

		line[strcspn(line, "\n")] = '\0';
		if (!line[0] || line[0] == '#')
			continue;
		e->kind = !marked          ? KIND_ALL
			  : line[0] == '=' ? KIND_FEW
			  : line[0] == '!' ? KIND_REFUSED
					   : KIND_LOOPS;
		whole += e->kind == KIND_ALL;
		e->text = strdup(line + (marked ? 2 : 0));
		if (!e->text || ++o->n_exprs == EXPRESSIONS_MAX)
			die("too many expressions", NULL);
	}
	fclose(f);
	if (whole < EXPRESSIONS_MIN) {
		fprintf(stderr, "oracle: only %zu expressions for all frames\n", whole);
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

	if (argc > 1 && strcmp(argv[1], "-k") == 0) {
		o.kernel = true;
		argv++;
		argc--;
		if (!kernel_is_there())
			return SKIPPED;
	}
	if (argc < 3) {
		fprintf(stderr, "usage: oracle [-k] EXPRESSIONS FILE|FOLDER...\n");
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
		sum.kernel += tallies[i].kernel;
		sum.passed += tallies[i].passed;
		sum.faults += tallies[i].faults;
	}
	printf("%llu programs, %llu in the kernel; %llu verdicts of libpcap and %llu of the kernel "
	       "compared, %llu accept; %llu faults\n",
	       (unsigned long long)sum.programs, (unsigned long long)sum.in_kernel,
	       (unsigned long long)sum.libpcap, (unsigned long long)sum.kernel,
	       (unsigned long long)sum.passed, (unsigned long long)sum.faults);
	for (i = 0; i < o.n_exprs; i++)
		free(o.exprs[i].text);
	frames_done(&o.frames);
	return sum.faults || !sum.passed || !o.frames.n;
}
