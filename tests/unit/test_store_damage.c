/* Flow segments, tails, references and journals that lost their end, have other bytes or are gone.
 * What is given then is a row or packet that was given to the store; what is missing is said,
 * but for the end of what a killed writer wrote last. */
#include "run/dir.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "file_spoil.h"
#include "rows_model.h"
#include "run/past.h"

#define PACKETS 600

struct kept {
	char spec[128];
	const char *path; /* in it */
	struct model *m;
	size_t flow_of[PACKETS];
	size_t damaged, stale; /* rows that were missing, or of an older version, of all tries */
};

/* Some blocks in two files; a tail and references where it is killed. */
static void make(struct kept *k, bool killed)
{
	const struct store_conf conf = {
		.raw_limit = UINT64_MAX, .flow.update = 1, .segment_size = 20000};
	int i, n;

	*k = (struct kept){.path = NULL};
	k->path = new_store(k->spec);
	k->m = model_open(k->spec, &conf);
	for (i = 0; i < 40; i++) {
		model_new(k->m, 1 + model_rnd(3), 40);
		model_more(k->m, model_rnd(10), 20);
		for (n = 0; n < 14; n++) {
			k->flow_of[k->m->packets] = model_rnd((uint32_t)k->m->n);
			model_packet(k->m, k->flow_of[k->m->packets]);
		}
		model_tick(k->m, i % 2 && i < 37 ? 301 * SEC : SEC);
	}
	if (!killed)
		model_finish(k->m);
	store_stream_free(k->m->st);
	k->m->st = NULL;
	store_close(k->m->store);
	k->m->store = NULL;
	model_check(k->m, k->path, true);
}

static void done(struct kept *k)
{
	store_stream_free(k->m->st);
	batch_free(k->m->b);
	free(k->m);
}

struct got {
	const struct kept *k;
	uint8_t there[PACKETS];
	size_t n;
};

static int take_number(void *arg, const struct pkt *p, uint64_t serial)
{
	struct got *g = arg;
	uint64_t number = le64_load(p->data);

	assert_int_equal(p->caplen, 60);
	assert_true(number < g->k->m->packets);
	assert_int_equal(le64_load(p->data + 8), model_serial(g->k->flow_of[number]));
	assert_true(!serial || serial == model_serial(g->k->flow_of[number]));
	assert_int_equal(g->there[number]++, 0);
	g->n++;
	return 0;
}

/* Rows that are wrong in no way; true: all are there. */
static bool rows_are_right(struct kept *k, struct run_dir *d, uint32_t **ret)
{
	struct model_seen s;
	bool all = true;
	size_t i;

	model_scan(k->m, d, model_rnd(2), INT64_MIN, INT64_MAX, &s);
	for (i = 0; i < k->m->n; i++) {
		all &= s.version[i] == k->m->v[i].acked;
		k->damaged += !s.version[i];
		k->stale += s.version[i] && s.version[i] < k->m->v[i].acked;
	}
	*ret = s.version;
	return all;
}

/* Packets of these flows likewise. */
static bool packets_are_right(struct kept *k, struct run_dir *d, const uint32_t *version)
{
	CLEANUP(freep) uint64_t *serials = calloc(k->m->n + 1, sizeof(*serials));
	struct ql_src *ql = run_dir_ql(d);
	struct got g = {.k = k};
	struct err err = {0};
	bool all = true;
	size_t i, n = 0;

	for (i = 0; i < k->m->n; i++)
		if (version[i])
			serials[n++] = model_serial(i);
	if (ql->ops->packets(ql, serials, n, INT64_MIN, INT64_MAX, NULL, take_number, &g, &err) < 0)
		fail_msg("%s", err.text);
	for (i = 0; i < k->m->packets; i++)
		all &= g.there[i] || !version[k->flow_of[i]];
	return all;
}

/* The folder as it is now.  'silent': what is missing need not be said. */
static void check(struct kept *k, bool silent)
{
	struct run_dir *d = open_dir(k->path);
	uint32_t *version;
	bool all = rows_are_right(k, d, &version);

	assert_true(all || silent || model_damage(d));
	all = packets_are_right(k, d, version);
	assert_true(all || silent || model_damage(d));
	free(version);
	run_dir_free(d);
}

/* Each file of a kind, cut at many places and with single bits that are not as they were. */
static void spoil(struct kept *k, const char *end, bool cut_is_silent, bool flip_is_silent)
{
	char path[256];
	glob_t g;
	size_t i, n, step;

	snprintf(path, sizeof(path), "%s/*/*/*%s", k->path, end);
	assert_int_equal(glob(path, 0, NULL, &g), 0);
	for (i = 0; i < g.gl_pathc; i++) {
		struct file f;

		file_find(&f, k->path, strrchr(g.gl_pathv[i], '/') + 17);
		step = 1 + f.n / 60;
		for (n = 0; n < f.n; n += 1 + model_rnd(2 * (uint32_t)step)) {
			file_write(&f, n);
			check(k, cut_is_silent);
		}
		for (n = 0; n < f.n; n += n < 64 ? 2 : 1 + model_rnd(2 * (uint32_t)step)) {
			uint8_t bit = (uint8_t)(1u << model_rnd(8));

			f.p[n] ^= bit;
			file_write(&f, f.n);
			check(k, flip_is_silent);
			f.p[n] ^= bit;
		}
		file_write(&f, f.n);
		free(f.p);
	}
	globfree(&g);
	check(k, false);
}

static void test_finished(void **state)
{
	struct kept k;

	(void)state;
	make(&k, false);
	spoil(&k, ".fseg", false, false);
	assert_true(k.damaged > 300 && k.stale > 0);
	done(&k);
}

static void test_killed(void **state)
{
	struct kept k;

	(void)state;
	make(&k, true);
	spoil(&k, ".fseg", false, false);
	assert_true(k.damaged > 300);
	k.damaged = 0;
	spoil(&k, ".rows", true, false);
	assert_true(k.damaged + k.stale > 20);
	done(&k);
}

static void test_journal(void **state)
{
	struct kept k;

	(void)state;
	make(&k, false);
	spoil(&k, ".jrn", true, false);
	done(&k);
	make(&k, true);
	spoil(&k, ".jrn", true, false);
	done(&k);
}

/* All packets are still found by those who ask for packets. */
static void check_past(struct kept *k)
{
	struct run_dir *d = open_dir(k->path);
	struct past_stats stats;
	struct got g = {.k = k};
	struct err err = {0};

	assert_int_equal(past_dir(d, "", take_number, &g, &stats, &err), 0);
	assert_int_equal(g.n, k->m->packets);
	run_dir_free(d);
}

static void test_refs(void **state)
{
	struct kept k;
	struct file f;
	size_t n;

	(void)state;
	make(&k, true);
	check_past(&k);
	spoil(&k, ".refs", true, true);
	file_find(&f, k.path, ".refs");
	for (n = 0; n < f.n; n += 23) {
		f.p[n] ^= 4;
		file_write(&f, f.n);
		check_past(&k);
		f.p[n] ^= 4;
		file_write(&f, n);
		check_past(&k);
	}
	/* without any, flows are worked out again, and that is said */
	assert_int_equal(unlink(f.path), 0);
	check(&k, false);
	check_past(&k);
	free(f.p);
	done(&k);
}

/* Without the first flow segment it was made room with it; without another one it is damage. */
static void test_gone(void **state)
{
	static const struct {
		const char *end, *note;
	} cases[] = {
		{"-000001.fseg", "rows of flows missing between"},
		{"-000017.fseg", "flow segment 000017 is missing"},
		{"-000001.pcapng", " packets missing between"},
		{"-000002.pcapng", "segment 2 is missing, with "},
	};
	struct kept k;
	size_t i;

	(void)state;
	make(&k, false);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t *version;
		struct run_dir *d;
		struct file f;
		size_t rows;

		file_find(&f, k.path, cases[i].end);
		assert_int_equal(unlink(f.path), 0);
		d = open_dir(k.path);
		rows = rows_are_right(&k, d, &version);
		assert_int_equal(rows, i >= 2);
		assert_int_equal(packets_are_right(&k, d, version), i < 2);
		if (!has_note(d, cases[i].note))
			print_notes(run_dir_stats(d));
		assert_true(has_note(d, cases[i].note));
		free(version);
		run_dir_free(d);
		file_write(&f, f.n);
		free(f.p);
	}
	check(&k, false);
	done(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finished), cmocka_unit_test(test_killed),
		cmocka_unit_test(test_journal),  cmocka_unit_test(test_refs),
		cmocka_unit_test(test_gone),
	};

	return RUN_ALL(tests);
}
