#include "bpf/bpf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Not all programs are only ours to use: see DESIGN, "bpf/". */
static const char license[] = "Dual BSD/GPL";

/* What is read of the verifier's words; the end of them counts. */
#define LOG_SIZE 65536

/* What a kernel asks for in front of a frame: BPF_PROG_TEST_RUN takes an Ethernet
 * header away before a socket filter runs. */
#define TEST_HEAD 14

static long sys_bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static uint64_t as_u64(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static int make_map(size_t n_counters, struct err *err)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = sizeof(uint32_t),
		.value_size = (uint32_t)(n_counters * sizeof(uint64_t)),
		.max_entries = 1, /* or BPF_PSEUDO_MAP_VALUE is refused */
		.map_flags = BPF_F_MMAPABLE,
		.map_name = "trawl_counters",
	};
	long fd = sys_bpf(BPF_MAP_CREATE, &attr);

	if (fd < 0)
		return err_set(err, -errno, "cannot make a BPF map: %s", strerror(errno));
	return (int)fd;
}

static void patch_map(struct bpf_insn *insns, size_t n, int map_fd)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) &&
		    (insns[i].src_reg == BPF_PSEUDO_MAP_FD ||
		     insns[i].src_reg == BPF_PSEUDO_MAP_VALUE))
			insns[i].imm = map_fd;
}

/* The last line of the verifier that says something about the program. */
static const char *last_words(char *log)
{
	char *line = log, *p, *end;

	for (p = strtok_r(log, "\n", &end); p; p = strtok_r(NULL, "\n", &end))
		if (strncmp(p, "processed ", 10) != 0 && strncmp(p, "verification time", 17) != 0)
			line = p;
	return line;
}

static int load_error(union bpf_attr *attr, int code, struct err *err)
{
	CLEANUP(freep) char *log = calloc(1, LOG_SIZE);
	char text[200];
	const char *line;

	if (code == -EPERM || !log)
		return err_set(err, code, "the kernel does not take the BPF program: %s",
			       strerror(-code));
	attr->log_level = 1;
	attr->log_buf = as_u64(log);
	attr->log_size = LOG_SIZE;
	sys_bpf(BPF_PROG_LOAD, attr); /* fails again, in words */
	log[LOG_SIZE - 1] = '\0';
	line = last_words(log);
	err_quote(text, sizeof(text), line, (unsigned)strlen(line));
	return err_set(err, code, "the kernel does not take the BPF program: %s (%s)",
		       strerror(-code), text);
}

static int load_program(const struct bpf_insn *insns, size_t n, struct err *err)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = as_u64(insns),
		.insn_cnt = (uint32_t)n,
		.license = as_u64(license),
		.prog_name = "trawl_filter",
	};
	long fd;

	/* the verifier gives up with this when a signal comes */
	do
		fd = sys_bpf(BPF_PROG_LOAD, &attr);
	while (fd < 0 && errno == EAGAIN);
	return fd < 0 ? load_error(&attr, -errno, err) : (int)fd;
}

int bpf_filter_load(const struct bpf_insn *insns, size_t n, size_t n_counters, int *ret_prog_fd,
		    int *ret_map_fd, struct err *err)
{
	CLEANUP(freep) struct bpf_insn *copy = NULL;
	CLEANUP(closep) int map_fd = -1;
	int prog_fd;

	if (n > BPF_FILTER_INSNS_MAX)
		return err_set(err, -E2BIG, "the BPF program has %zu instructions, more than %d", n,
			       BPF_FILTER_INSNS_MAX);
	copy = malloc(n ? n * sizeof(*copy) : 1);
	if (!copy)
		return err_set(err, -ENOMEM, "out of memory");
	memcpy(copy, insns, n * sizeof(*copy));
	map_fd = make_map(n_counters, err);
	if (map_fd < 0)
		return map_fd;
	patch_map(copy, n, map_fd);
	prog_fd = load_program(copy, n, err);
	if (prog_fd < 0)
		return prog_fd;
	*ret_prog_fd = prog_fd;
	*ret_map_fd = TAKE_FD(map_fd);
	return 0;
}

static int set_option(int sock, int option, const void *value, size_t size, const char *what,
		      struct err *err)
{
	if (setsockopt(sock, SOL_SOCKET, option, value, (socklen_t)size) == 0)
		return 0;
	return err_set(err, -errno, "cannot %s the socket: %s", what, strerror(errno));
}

int bpf_filter_attach(int sock, int prog_fd, struct err *err)
{
	return set_option(sock, SO_ATTACH_BPF, &prog_fd, sizeof(prog_fd), "put the filter on", err);
}

int bpf_filter_attach_classic(int sock, const struct sock_filter *insns, size_t n, struct err *err)
{
	/* the kernel only reads them */
	struct sock_fprog prog = {.len = (unsigned short)n, .filter = (struct sock_filter *)insns};

	if (n > UINT16_MAX)
		return err_set(err, -E2BIG, "the BPF program has %zu instructions, more than %d", n,
			       UINT16_MAX);
	return set_option(sock, SO_ATTACH_FILTER, &prog, sizeof(prog), "put the filter on", err);
}

int bpf_filter_lock(int sock, struct err *err)
{
	int on = 1;

	return set_option(sock, SO_LOCK_FILTER, &on, sizeof(on), "lock the filter of", err);
}

int bpf_filter_run(int prog_fd, const uint8_t *frame, size_t size, uint32_t *ret, struct err *err)
{
	uint8_t data[TEST_HEAD + BPF_FILTER_RUN_MAX];
	union bpf_attr attr = {
		.test.prog_fd = (uint32_t)prog_fd,
		.test.data_in = as_u64(data),
		.test.data_size_in = (uint32_t)(TEST_HEAD + size),
		.test.repeat = 1,
	};

	if (size > BPF_FILTER_RUN_MAX)
		return err_set(err, -EMSGSIZE, "a frame of %zu bytes is too long to try", size);
	memset(data, 0, TEST_HEAD);
	if (size)
		memcpy(data + TEST_HEAD, frame, size);
	if (sys_bpf(BPF_PROG_TEST_RUN, &attr) < 0)
		return err_set(err, -errno, "cannot try the BPF program: %s", strerror(errno));
	*ret = attr.test.retval;
	return 0;
}

static size_t map_size(size_t n_counters)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (n_counters * sizeof(uint64_t) + page - 1) / page * page;
}

int bpf_counters_map(const uint64_t **ret, int map_fd, size_t n_counters, struct err *err)
{
	void *p = mmap(NULL, map_size(n_counters), PROT_READ, MAP_SHARED, map_fd, 0);

	if (p == MAP_FAILED)
		return err_set(err, -errno, "cannot map the counters: %s", strerror(errno));
	*ret = p;
	return 0;
}

void bpf_counters_unmap(const uint64_t *counters, size_t n_counters)
{
	if (counters)
		munmap((void *)(uintptr_t)counters, map_size(n_counters));
}
