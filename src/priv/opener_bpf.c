/* Socket filters.  The verifier judges the program; before it, this looks only at
 * what a filter has no use for, so that CAP_BPF is lent for nothing else. */
#include "priv/opener.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define LOG_SIZE (1u << 20) /* the verifier's; what does not fit is not needed */

static int bpf_call(enum bpf_cmd cmd, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

/* bpf-helpers(7): counters and bytes of the packet, nothing else. */
static bool helper_allowed(int32_t id)
{
	return id == BPF_FUNC_map_lookup_elem || id == BPF_FUNC_skb_load_bytes ||
	       id == BPF_FUNC_skb_load_bytes_relative;
}

/* Puts the map where the program wants it; refuses any other map, function or
 * reference to something in the kernel. */
static int program_bind(struct bpf_insn *p, size_t n, int map, struct err *err)
{
	for (size_t i = 0; p && i < n; i++) {
		if (p[i].code == (BPF_JMP | BPF_CALL)) {
			if (p[i].src_reg != 0 || !helper_allowed(p[i].imm))
				return err_set(err, -EINVAL,
					       "instruction %zu calls what it may not", i);
			continue;
		}
		/* RFC 9669 section 5.4: the only instruction of two slots. */
		if (p[i].code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (i + 1 == n || p[i + 1].code != 0)
			return err_set(err, -EINVAL, "instruction %zu is half of one", i);
		if (p[i].src_reg == BPF_PSEUDO_MAP_FD || p[i].src_reg == BPF_PSEUDO_MAP_VALUE) {
			if (p[i].imm != 0)
				return err_set(err, -EINVAL, "instruction %zu names a map", i);
			p[i].imm = map;
		} else if (p[i].src_reg != 0) {
			return err_set(err, -EINVAL, "instruction %zu refers to the kernel", i);
		}
		i++;
	}
	return 0;
}

static int program_read(struct bpf_insn **ret, int fd, size_t n, struct err *err)
{
	CLEANUP(freep) struct bpf_insn *p = NULL;
	size_t done = 0, size = n * sizeof(*p);

	if (n == 0 || n > PRIV_BPF_INSNS_MAX)
		return err_set(err, -E2BIG, "a program of %zu instructions", n);
	p = malloc(size);
	if (!p)
		return err_set(err, -ENOMEM, "out of memory");
	while (done < size) {
		ssize_t r = pread(fd, (char *)p + done, size - done, (off_t)done);

		if (r < 0)
			return err_set(err, -errno, "cannot read the program: %s", strerror(errno));
		if (r == 0)
			return err_set(err, -EINVAL, "the program is cut");
		done += (size_t)r;
	}
	*ret = TAKE_PTR(p);
	return 0;
}

static int counters_new(struct err *err)
{
	union bpf_attr a = {0};
	int fd;

	a.map_type = BPF_MAP_TYPE_ARRAY;
	a.key_size = sizeof(uint32_t);
	a.value_size = PRIV_BPF_COUNTERS * sizeof(uint64_t);
	a.max_entries = 1;
	a.map_flags = BPF_F_MMAPABLE;
	memcpy(a.map_name, "trawl_counters", sizeof("trawl_counters"));
	fd = bpf_call(BPF_MAP_CREATE, &a);
	if (fd < 0)
		return err_set(err, fd, "cannot make counters in the kernel: %s", strerror(-fd));
	return fd;
}

/* The verifier's last words before its statistics. */
static const char *log_reason(char *log)
{
	const char *reason = "no reason given";
	char *save = NULL;

	for (char *line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, "processed ", 10) != 0 &&
		    strncmp(line, "verification time", 17) != 0)
			reason = line;
	return reason;
}

static int program_load(const struct bpf_insn *p, size_t n, struct err *err)
{
	CLEANUP(freep) char *log = NULL;
	union bpf_attr a = {0};
	int fd, again;

	a.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	a.insns = (uintptr_t)p;
	a.insn_cnt = (uint32_t)n;
	a.license = (uintptr_t) "Dual BSD/GPL";
	memcpy(a.prog_name, "trawl_filter", sizeof("trawl_filter"));
	fd = bpf_call(BPF_PROG_LOAD, &a);
	if (fd >= 0 || fd == -EPERM)
		return fd >= 0 ? fd
			       : err_set(err, fd, "cannot load a filter into the kernel: %s",
					 strerror(-fd));

	/* Once more for the reason: keeping a log makes the verifier slower. */
	log = calloc(1, LOG_SIZE);
	if (!log)
		return err_set(err, fd, "the kernel refuses the filter: %s", strerror(-fd));
	a.log_buf = (uintptr_t)log;
	a.log_size = LOG_SIZE;
	a.log_level = 1;
	again = bpf_call(BPF_PROG_LOAD, &a);
	if (again >= 0)
		return again;
	log[LOG_SIZE - 1] = '\0';
	return err_set(err, fd, "the kernel refuses the filter: %s: %.400s", strerror(-fd),
		       log_reason(log));
}

int opener_bpf(struct opener *o, const struct order_wire *w, const int *fds, struct outcome *ret,
	       struct err *err)
{
	CLEANUP(freep) struct bpf_insn *p = NULL;
	CLEANUP(closep) int map = -1;
	int prog, r;

	r = program_read(&p, fds[0], w->arg[0], err);
	if (r < 0)
		return r;
	{
		CLEANUP(opener_lower) struct opener *raised = opener_raise(o, PRIV_BPF);

		(void)raised;
		map = counters_new(err);
		if (map < 0)
			return map;
		r = program_bind(p, w->arg[0], map, err);
		if (r < 0)
			return r;
		prog = program_load(p, w->arg[0], err);
		if (prog < 0)
			return prog;
	}
	ret->fds[0] = prog;
	ret->fds[1] = TAKE_FD(map);
	ret->n_fds = 2;
	return 0;
}
