/* A folder of captures against the files that they were made of: the same rows, the
 * same packets.  What -r gives has its own tests against other tools. */
#include "run/dir.h"

#include <glob.h>

#include "dir_check.h"

static void same_as(const char *path, struct make o, size_t flows)
{
	struct compare c = {
		.path = path, .flows = flows, .skip_finish = o.kill, .skip_updates = o.update > 0};
	struct maker m;
	char spec[128];

	c.store = new_store(spec);
	c.sorted = o.shards > 1;
	o.spec = spec;
	o.capture = "c";
	o.path = path;
	o.raw_limit = UINT64_MAX;
	make_store(&m, &o, NULL);
	compare(&c);
}

static void test_tour(void **state)
{
	(void)state;
	same_as(TOUR, (struct make){0}, 0);
	same_as(TOUR, (struct make){.shards = 3}, 0);
	same_as(TOUR, (struct make){.segment_size = 4096, .tick = 5}, 0);
	same_as(TOUR, (struct make){.segment_size = 1, .shards = 2}, 0);
	same_as(TOUR, (struct make){.update = 1, .tick = 1}, 0);
}

/* Killed, not ended: the last versions of all flows are there, and packets are known by what
 * was said of them while they were written. */
static void test_killed(void **state)
{
	(void)state;
	same_as(TOUR, (struct make){.kill = true, .update = 1}, 0);
	same_as(TOUR, (struct make){.kill = true, .update = 1, .segment_size = 4096}, 0);
	same_as(TOUR, (struct make){.kill = true, .update = 1, .tick = 3, .shards = 2}, 0);
}

/* Everything there is, of real captures, where those are. */
static void test_corpus(void **state)
{
	const char *corpus = getenv("TRAWL_CORPUS");
	char pattern[512];
	size_t i, checked = 0;
	glob_t g;

	(void)state;
	snprintf(pattern, sizeof(pattern), "%s/*.pcap*",
		 corpus && *corpus ? corpus : SOURCE_ROOT "/../shared/pcaps");
	if (glob(pattern, 0, NULL, &g) != 0)
		skip();
	for (i = 0; i < g.gl_pathc; i++) {
		struct run_files *f;
		struct rows r = {0};
		struct stat st;
		size_t n;

		if (stat(g.gl_pathv[i], &st) < 0 || st.st_size > 2 << 20)
			continue;
		/* files without packets, and those whose interfaces differ by section, are not
		 * what a capture on interfaces gives */
		f = open_files(g.gl_pathv[i]);
		scan(run_files_ql(f), INT64_MIN, INT64_MAX, &r);
		run_files_ifaces(f, &n);
		n = r.n && n == 1 && run_files_stats(f)->first >= 0;
		free(r.v);
		run_files_free(f);
		if (!n)
			continue;
		checked++;
		same_as(g.gl_pathv[i],
			(struct make){.shards = 1 + i % 3,
				      .segment_size = i % 2 ? 1 << 18 : 0,
				      .tick = i % 5 ? 0 : 7,
				      .kill = i % 4 == 3,
				      .update = i % 4 == 3 || i % 7 == 0},
			5);
	}
	globfree(&g);
	assert_true(checked > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tour),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_corpus),
	};

	return RUN_ALL(tests);
}
