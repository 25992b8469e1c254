/* Stored rows are the same whether the reader is told what a query can want or not, in each time
 * range; and never is an older version given since the last one was passed over. */
#include "run/dir.h"

#include "base/bytes.h"
#include "rows_model.h"

#define HINTS 3
#define TESTS 3

struct hints {
	struct hint v[HINTS];
	struct hint_test tests[HINTS][TESTS];
};

/* A version of some flow, to have values that occur. */
static void rnd_version(const struct model *m, size_t *flow, uint32_t *version)
{
	do
		*flow = model_rnd((uint32_t)m->n);
	while (!m->v[*flow].acked);
	*version = 1 + model_rnd(m->v[*flow].acked);
}

static void set_range(struct hint_test *t, uint64_t a, uint64_t b)
{
	t->kind = HINT_RANGE;
	t->has_min = model_rnd(3) > 0;
	t->has_max = !t->has_min || model_rnd(3) > 0;
	t->min.u64 = a < b ? a : b;
	t->max.u64 = a < b ? b : a;
	if (!model_rnd(4)) /* one value */
		t->max.u64 = t->min.u64;
}

static uint64_t value(const struct model *m, uint16_t field, size_t flow, uint32_t version)
{
	uint64_t v;

	switch (field) {
	case FLOW_transport_a:
		return model_port(flow);
	case FLOW_ab_packets:
		return model_ab(flow, version);
	case FLOW_ba_packets:
		model_ba(flow, version, &v);
		return v;
	case FLOW_ab_ttl:
		return model_ttl(flow, version);
	case FLOW_start:
		return (uint64_t)model_start(m, flow, version);
	default:
		return (uint64_t)model_last(m, flow, version);
	}
}

static void make_test(const struct model *m, struct hint_test *t)
{
	static const enum flow_field fields[] = {
		FLOW_network_a,  FLOW_network_a, FLOW_interface, FLOW_transport_a, FLOW_ab_packets,
		FLOW_ba_packets, FLOW_ab_ttl,    FLOW_start,     FLOW_last,
	};
	size_t flow, other;
	uint32_t version, another;
	struct addr a, b;

	rnd_version(m, &flow, &version);
	rnd_version(m, &other, &another);
	*t = (struct hint_test){.field = fields[model_rnd(9)]};
	t->type = flow_schema()->fields[t->field].type;
	a = model_addr(flow);
	b = model_addr(other);
	switch (t->field) {
	case FLOW_network_a:
		if (model_rnd(3) == 0)
			hint_set_addr(t, &a);
		else if (model_rnd(2))
			hint_set_addrs(t, addr_cmp(&a, &b) < 0 ? &a : &b,
				       addr_cmp(&a, &b) < 0 ? &b : &a);
		else {
			hint_set_addr(t, &a);
			t->bits = 8 + model_rnd(24);
		}
		break;
	case FLOW_interface:
		t->kind = HINT_TEXT;
		t->min.str.p = model_rnd(6) ? model_iface(flow) : "none";
		t->min.str.len = (uint32_t)strlen(t->min.str.p);
		break;
	default:
		set_range(t, value(m, t->field, flow, version), value(m, t->field, other, another));
	}
}

static const struct hint *make_hints(const struct model *m, struct hints *h)
{
	size_t n = 1 + model_rnd(HINTS), i, k;

	for (i = 0; i < n; i++) {
		h->v[i] = (struct hint){
			.next = i + 1 < n ? &h->v[i + 1] : NULL,
			.tests = h->tests[i],
			.n = model_rnd(40) ? 1 + model_rnd(TESTS) : 0,
		};
		for (k = 0; k < TESTS; k++)
			make_test(m, &h->tests[i][k]);
	}
	return h->v;
}

struct sum {
	size_t rows, wanted, empty;
};

static void check_one(const struct model *m, struct run_dir *d, struct sum *sum)
{
	struct model_seen plain, told;
	int64_t from = INT64_MIN, to = INT64_MAX;
	const struct hint *hints;
	struct hints h;
	uint32_t version;
	size_t flow, i;

	hints = make_hints(m, &h);
	if (model_rnd(2)) {
		rnd_version(m, &flow, &version);
		from = model_rnd(3) ? model_last(m, flow, version) : INT64_MIN;
		to = model_rnd(3) ? from + (int64_t)model_rnd(2000) * SEC : INT64_MAX;
		to = from == INT64_MIN ? model_start(m, flow, version) : to;
	}
	model_scan(m, d, false, from, to, &plain);
	assert_true(plain.last);
	for (i = 0; i < m->n; i++) {
		uint32_t v = m->v[i].acked;
		bool meets = v && model_start(m, i, v) <= to && model_last(m, i, v) >= from;

		assert_int_equal(plain.version[i], meets ? v : 0);
	}
	sum->rows += plain.n;
	free(plain.version);
	model_scan_hints(m, d, hints, false, false, from, to, &plain);
	model_scan_hints(m, d, hints, true, model_rnd(2), from, to, &told);
	assert_int_equal(plain.n, told.n);
	for (i = 0; i < m->n; i++)
		assert_int_equal(plain.version[i], told.version[i]);
	assert_true(told.last);
	sum->wanted += told.n;
	sum->empty += !told.n;
	assert_true(told.others <= plain.others);
	free(plain.version);
	free(told.version);
}

static void check_dir(const struct model *m, const char *path, size_t n, struct sum *sum)
{
	struct run_dir *d = open_dir(path);

	while (n--)
		check_one(m, d, sum);
	assert_int_equal(model_damage(d), 0);
	run_dir_free(d);
}

static void test_hints(void **state)
{
	const struct store_conf conf = {.raw_limit = UINT64_MAX, .flow.update = 1};
	char spec[128];
	const char *path = new_store(spec);
	struct model *m = model_open(spec, &conf);
	struct sum sum = {0};
	int i;

	(void)state;
	for (i = 0; i < 30; i++) {
		model_new(m, model_rnd(60), 40);
		model_more(m, model_rnd(80), 25);
		model_tick(m, model_rnd(3) ? SEC : 301 * SEC);
		if (m->n)
			check_dir(m, path, 20, &sum);
	}
	model_finish(m);
	check_dir(m, path, 300, &sum);
	model_close(m);
	/* neither all nor nothing was asked for */
	assert_true(sum.wanted > sum.rows / 20 && sum.wanted < sum.rows / 2);
	assert_true(sum.empty > 50 && sum.empty < 600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hints),
	};

	return RUN_ALL(tests);
}
