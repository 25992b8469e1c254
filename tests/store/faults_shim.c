/* Preloaded: makes calls that write to a store fail, and counts what its files take.  Without a
 * disk, that is: nothing waits for one.
 *
 * $FAULTS_SHIM names a file of 8-byte numbers (enum number), shared with the test, which may
 * change them at any time.  Calls happen one after the other, so 'used' is exact: bytes of all
 * files that were made, written, cut, replaced and removed here, with those that were there
 * before. */
#undef _FILE_OFFSET_BITS /* both names of each call are needed */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum number {
	OPS,    /* bits of enum op: calls that count and may fail */
	CODE,   /* the errno that they fail with */
	FIRST,  /* number of the first of them that fails, from 0 */
	TIMES,  /* how many fail */
	CALLS,  /* that have been */
	FAILED, /* of them */
	SHORT,  /* a write that is to fail writes half of its bytes, and the next one fails */
	USED,   /* bytes; at first, those that are there */
	MOST,   /* the largest that 'used' was */
	AHEAD,  /* seconds that CLOCK_BOOTTIME, by which files age, is ahead */
	NUMBERS
};

enum op {
	OP_CREATE = 1 << 0,
	OP_WRITE = 1 << 1,
	OP_CUT = 1 << 2,
	OP_SYNC = 1 << 3,
	OP_RENAME = 1 << 4,
	OP_UNLINK = 1 << 5,
	OP_MKDIR = 1 << 6,
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile uint64_t *numbers;

/* Before main(): afterwards no file can be opened. */
__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("FAULTS_SHIM");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p = fd < 0 ? MAP_FAILED
			 : mmap(NULL, NUMBERS * sizeof(*numbers), PROT_READ | PROT_WRITE,
				MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	if (p != MAP_FAILED)
		numbers = p;
}

/* With the lock. */
static bool fails(enum op op)
{
	uint64_t n;

	if (!numbers || !(numbers[OPS] & (uint64_t)op))
		return false;
	n = numbers[CALLS]++;
	if (n < numbers[FIRST] || n - numbers[FIRST] >= numbers[TIMES])
		return false;
	numbers[FAILED]++;
	errno = (int)numbers[CODE];
	return true;
}

static void count(int64_t bytes)
{
	if (!numbers)
		return;
	numbers[USED] += (uint64_t)bytes;
	if (numbers[USED] > numbers[MOST])
		numbers[MOST] = numbers[USED];
}

static int64_t size_at(int dir, const char *name)
{
	struct stat st;
	int e = errno;
	int64_t n = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)
			    ? st.st_size
			    : 0;

	errno = e;
	return n;
}

/* Of a file that has a name. */
static int64_t size_of(int fd)
{
	struct stat st;
	int e = errno;
	int64_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink ? st.st_size : 0;

	errno = e;
	return n;
}

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

static ssize_t write_at(__typeof__(&pwrite) real, int fd, const void *p, size_t n, off_t at)
{
	int64_t before;
	ssize_t r = -1;

	pthread_mutex_lock(&lock);
	before = size_of(fd);
	if (!fails(OP_WRITE))
		r = real(fd, p, n, at);
	else if (numbers[SHORT] && n > 1 && numbers[FAILED] % 2)
		r = real(fd, p, n / 2, at);
	count(size_of(fd) - before);
	pthread_mutex_unlock(&lock);
	return r;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	return write_at(REAL(pwrite), fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return write_at(REAL(pwrite64), fd, p, n, at);
}

static int cut(__typeof__(&ftruncate) real, int fd, off_t size)
{
	int64_t before;
	int r = -1;

	pthread_mutex_lock(&lock);
	before = size_of(fd);
	if (!fails(OP_CUT))
		r = real(fd, size);
	count(size_of(fd) - before);
	pthread_mutex_unlock(&lock);
	return r;
}

int ftruncate(int fd, off_t size)
{
	return cut(REAL(ftruncate), fd, size);
}

int ftruncate64(int fd, off64_t size)
{
	return cut(REAL(ftruncate64), fd, size);
}

/* Whether anything is on the disk is not seen here. */
int fdatasync(int fd)
{
	bool bad;

	(void)fd;
	pthread_mutex_lock(&lock);
	bad = fails(OP_SYNC);
	pthread_mutex_unlock(&lock);
	return bad ? -1 : 0;
}

static int open_at(__typeof__(&openat) real, int dir, const char *name, int flags, mode_t mode)
{
	int r = -1;

	pthread_mutex_lock(&lock);
	if (!(flags & O_CREAT) || !fails(OP_CREATE))
		r = real(dir, name, flags, mode);
	pthread_mutex_unlock(&lock);
	return r;
}

static mode_t mode_of(int flags, va_list ap)
{
	return flags & O_CREAT ? va_arg(ap, mode_t) : 0;
}

int openat(int dir, const char *name, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return open_at(REAL(openat), dir, name, flags, mode);
}

int openat64(int dir, const char *name, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return open_at(REAL(openat64), dir, name, flags, mode);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	int64_t replaced;
	int r = -1;

	pthread_mutex_lock(&lock);
	replaced = size_at(to_dir, to);
	if (!fails(OP_RENAME))
		r = REAL(renameat)(from_dir, from, to_dir, to);
	if (r == 0)
		count(-replaced);
	pthread_mutex_unlock(&lock);
	return r;
}

int unlinkat(int dir, const char *name, int flags)
{
	int64_t size;
	int r = -1;

	pthread_mutex_lock(&lock);
	size = size_at(dir, name);
	if (!fails(OP_UNLINK))
		r = REAL(unlinkat)(dir, name, flags);
	if (r == 0)
		count(-size);
	pthread_mutex_unlock(&lock);
	return r;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int r = REAL(clock_gettime)(clock, ret);

	if (r == 0 && numbers && clock == CLOCK_BOOTTIME)
		ret->tv_sec += (time_t)numbers[AHEAD];
	return r;
}

int mkdirat(int dir, const char *name, mode_t mode)
{
	bool bad;

	pthread_mutex_lock(&lock);
	bad = fails(OP_MKDIR);
	pthread_mutex_unlock(&lock);
	return bad ? -1 : REAL(mkdirat)(dir, name, mode);
}
