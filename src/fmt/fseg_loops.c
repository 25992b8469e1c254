#include "fmt/fseg_loops.h"

#include <stdbool.h>

#define TARGET
#define NAME(x) any_##x
#include "fmt/fseg_loops.inc"
#undef TARGET
#undef NAME

#ifdef __x86_64__
/* The same source: the compiler makes vector code of it. */
#define TARGET  __attribute__((target("avx2,bmi,bmi2")))
#define NAME(x) avx2_##x
#include "fmt/fseg_loops.inc"
#undef TARGET
#undef NAME

static const struct fseg_loops *better(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") ? &avx2_all : NULL;
}
#else
#define better() NULL
#endif

const struct fseg_loops *fseg_loops(void)
{
	const struct fseg_loops *l = better();

	return l ? l : &any_all;
}

const struct fseg_loops *fseg_loops_any(void)
{
	return &any_all;
}
