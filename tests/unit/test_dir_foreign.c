/* What lies in a folder of captures and is none of its runs: names that the store does not give.
 * What a run has is given once; what is expected is what -r gives for the same packets. */
#include "run/dir.h"

#include "base/cleanup.h"
#include "file_spoil.h"
#include "run/past.h"

/* A finished run of some segments.  Returns its path. */
static const char *make(char spec[128], bool kill)
{
	const struct make o = {.spec = spec,
			       .capture = "c",
			       .path = TOUR,
			       .raw_limit = UINT64_MAX,
			       .segment_size = 20000,
			       .kill = kill};
	const char *path = new_store(spec);
	struct maker m;

	make_store(&m, &o, NULL);
	return path;
}

static void expect(const char *store)
{
	const struct compare c = {.path = TOUR, .store = store, .flows = 4};

	compare(&c);
}

/* Packets that are there, whether they are in a flow or not, and whether something was said. */
static uint64_t past(const char *store, const char *note, bool *ret_incomplete)
{
	struct run_dir *d = open_dir(store);
	struct packets p = {0};
	struct past_stats stats;
	struct err err = {0};

	assert_int_equal(past_dir(d, "", take_packet, &p, &stats, &err), 0);
	if (note && !has_note(d, note)) {
		print_notes(run_dir_stats(d));
		fail_msg("nobody said '%s'", note);
	}
	if (ret_incomplete)
		*ret_incomplete = run_dir_stats(d)->incomplete;
	run_dir_free(d);
	free(p.v);
	return p.n;
}

/* The same file under another name of the run: 'end' in the place of "000001.pcapng". */
static void copy(const char *store, const char *from, const char *end)
{
	struct file f;

	file_find(&f, store, from);
	strcpy(f.path + strlen(f.path) - strlen(from), end);
	file_write(&f, f.n);
	free(f.p);
}

/* A number has one name: six digits, more only where they are needed. */
static void test_numbers(void **state)
{
	static const char *const odd[] = {"-1",       "-01",      "-0000001", "-+00001",
					  "- 00001",  "-00000x1", "-000000",  "-4294967297",
					  "-000001x", "_000001"};
	char spec[128], end[64];
	const char *store = make(spec, false);
	uint64_t n = past(store, NULL, NULL);
	bool incomplete;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		snprintf(end, sizeof(end), "%s.pcapng", odd[i]);
		copy(store, "-000001.pcapng", end);
		snprintf(end, sizeof(end), "%s.fseg", odd[i]);
		copy(store, "-000001.fseg", end);
		snprintf(end, sizeof(end), "%s.rows", odd[i]);
		copy(store, "-000001.fseg", end);
	}
	assert_int_equal(past(store, NULL, &incomplete), n);
	assert_false(incomplete);
	expect(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
	};

	return RUN_ALL(tests);
}
