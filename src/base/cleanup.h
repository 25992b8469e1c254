/* Owned locals carry their destructor; leaving a function by hand is TAKE_*.
 *
 *	CLEANUP(buf_done) struct buf b = BUF_INIT;
 *	CLEANUP(src_freep) struct src *s = NULL;
 *	...
 *	*ret = TAKE_PTR(s);
 *	return 0;
 */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) p_ = (p);                                                            \
		(p) = NULL;                                                                        \
		p_;                                                                                \
	})

#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int fd_ = (fd);                                                                    \
		(fd) = -1;                                                                         \
		fd_;                                                                               \
	})

/* Defines a cleanup function 'name'p that frees through a pointer to the
 * owned pointer; 'name' accepts NULL. */
#define DEFINE_FREEP(type, name)                                                                   \
	static inline void name##p(type **p)                                                       \
	{                                                                                          \
		name(*p);                                                                          \
	}                                                                                          \
	struct name##p_needs_a_semicolon

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

static inline void fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}
