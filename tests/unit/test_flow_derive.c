/* Derived fields: what follows from the base columns of a row alone is what flow_rows says of
 * the flow itself, for every field, also when the columns were in a segment meanwhile. */
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../fuzz/flow_frames.h"
#include "capture/src.h"
#include "flow/flow_derive.h"
#include "flow/flow_rows.h"
#include "flow/flow_segment.h"
#include "flow/flow_table.h"
#include "net/dec.h"

#define SEC INT64_C(1000000000)

struct check {
	struct flow_table *table;
	struct flow_rows *rows;
	struct flow_derive *derive;
	struct batch *all;   /* as flow_rows fills it: base, stored and derived fields */
	struct batch *again; /* derived from a copy of the base fields */
	struct fseg_writer *writer;
	struct fseg *reader;
	struct buf block;
	uint64_t n_rows;
	uint64_t *seen; /* of each field: rows that had a value; borrowed */
};

static const char *iface_name(void *arg, uint32_t iface)
{
	(void)arg;
	return iface ? "eth1" : NULL;
}

static uint64_t drops(void *arg, int64_t from, int64_t to)
{
	(void)arg;
	return (uint64_t)(to - from) & 3;
}

static void check_init(struct check *c, enum flow_key_mode mode, int64_t idle,
		       uint64_t seen[FLOW_N_ALL])
{
	const struct flow_opts o = {.idle = idle,
				    .hold = idle < FLOW_HOLD_DEFAULT ? idle : FLOW_HOLD_DEFAULT,
				    .max_memory = 64 << 20,
				    .key_mode = mode};
	const struct flow_rows_env env = {NULL, iface_name, drops};
	struct fseg_opts so;
	struct field_set every = {0};
	size_t f;

	*c = (struct check){.seen = seen};
	for (f = 0; f < FLOW_N_ALL; f++)
		field_set_add(&every, f);
	assert_int_equal(flow_table_new(&c->table, &o, NULL), 0);
	assert_int_equal(flow_rows_new(&c->rows, &c->table, 1, &env), 0);
	assert_int_equal(flow_derive_new(&c->derive), 0);
	assert_int_equal(batch_new(&c->all, flow_store_schema(), &every), 0);
	assert_int_equal(batch_new(&c->again, flow_store_schema(), &every), 0);
	flow_segment_opts(&so);
	assert_int_equal(fseg_writer_new(&c->writer, &so), 0);
	assert_int_equal(fseg_new(&c->reader, flow_store_schema()), 0);
}

static void check_done(struct check *c)
{
	batch_free(c->all);
	batch_free(c->again);
	fseg_writer_free(c->writer);
	fseg_free(c->reader);
	buf_done(&c->block);
	flow_derive_free(c->derive);
	flow_rows_free(c->rows);
	flow_table_free(c->table);
}

/* What 'want' needs is copied; all else has values that nobody should look at. */
static void copy(struct check *c, const struct field_set *needs)
{
	size_t f;

	batch_clear(c->again);
	c->again->n = c->all->n;
	for (f = 0; f < FLOW_N_ALL; f++) {
		struct col *to = c->again->cols[f];
		const struct col *from = c->all->cols[f];
		size_t size = val_size(to->type), k;

		if (size > 1)
			memset(to->v.any, 0x5a, BATCH_ROWS * size);
		for (k = 0; field_set_has(needs, f) && k < c->all->n; k++) {
			if (!col_has(from, k))
				continue;
			memcpy((char *)to->v.any + k * size, (char *)from->v.any + k * size, size);
			col_mark(to, k);
		}
	}
}

static void compare(struct check *c, size_t f)
{
	const struct col *a = c->all->cols[f], *b = c->again->cols[f];
	union val x, y;
	size_t k;

	for (k = 0; k < c->all->n; k++) {
		bool has = col_get(a, k, &x);

		c->seen[f] += has;
		if (has != col_get(b, k, &y) || (has && val_cmp(a->type, &x, &y) != 0)) {
			print_error("'%s' of row %zu differs\n", flow_schema()->fields[f].name, k);
			fail();
		}
	}
}

static void check_batch(struct check *c)
{
	struct field_set want = {0}, needs;
	size_t f;

	for (f = 0; f < FLOW_N_FIELDS; f++)
		field_set_add(&want, f);
	flow_derive_base(&needs);
	copy(c, &needs);
	flow_derive(c->derive, c->again, &want);
	for (f = 0; f < FLOW_N_ALL; f++)
		compare(c, f);
	c->n_rows += c->all->n;
}

/* The same by way of a segment. */
static void check_segment(struct check *c)
{
	struct field_set want = {0};
	size_t f, at = 0;

	for (f = 0; f < FLOW_N_FIELDS; f++)
		field_set_add(&want, f);
	buf_clear(&c->block);
	assert_int_equal(fseg_add(c->writer, c->all, 0), c->all->n);
	assert_int_equal(fseg_end(c->writer, &c->block), 0);
	assert_int_equal(fseg_open(c->reader, (const uint8_t *)c->block.p, c->block.len, NULL), 0);
	assert_int_equal(fseg_batch(c->reader, c->again, NULL, &at, NULL), c->all->n);
	assert_memory_equal(c->again->serial, c->all->serial, c->all->n * sizeof(uint64_t));
	flow_derive(c->derive, c->again, &want);
	for (f = 0; f < FLOW_N_ALL; f++)
		compare(c, f);
}

/* The same, one field at a time, with nothing but what it says it needs. */
static void check_needs(struct check *c)
{
	size_t f;

	for (f = 0; f < FLOW_N_FIELDS; f++) {
		struct field_set want = {0}, needs;
		size_t n;

		field_set_add(&want, f);
		flow_derive_needs(&want, &needs);
		copy(c, &needs);
		flow_derive(c->derive, c->again, &want);
		compare(c, f);
		for (n = 0; n < FLOW_N_ALL; n++)
			if (field_set_has(&needs, n))
				assert_true(flow_is_base((enum flow_field)n));
	}
}

static void check_rows(struct check *c, bool needs)
{
	flow_rows_sort(c->rows);
	while (flow_rows_take(c->rows, c->all) > 0) {
		check_batch(c);
		check_segment(c);
		if (needs)
			check_needs(c);
	}
}

static void add(struct check *c, struct dec *d, size_t n, const struct pkt *p)
{
	int r;

	while ((r = flow_table_add(c->table, d, n, p, NULL)) == -EAGAIN)
		check_rows(c, false);
	assert_int_equal(r, 0);
}

static void check_packet(struct check *c, const struct pkt *p)
{
	struct dec d[DEC_LEVELS_MAX];
	size_t n, i;

	n = dec_frame(p->linktype, p->data, p->caplen, p->len, d);
	for (i = 0; i < n; i++)
		d[i].pkt = 0;
	add(c, d, n, p);
}

static uint32_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(*state >> 32);
}

/* Frames of all kinds: those of the fuzz target, which meet in few flows; several within one
 * tick of the clock, some from before it, some super-frames. */
static void make_traffic(struct check *c, size_t n)
{
	uint64_t state = 1;
	int64_t ts = 1790000000 * SEC, clock = ts;
	struct frame f;
	size_t i;

	for (i = 0; i < n; i++) {
		uint32_t a = next_random(&state), b = next_random(&state), t = next_random(&state);
		struct frame_op o;
		struct pkt p = {0};

		memcpy(&o, &a, 4);
		memcpy((uint8_t *)&o + 4, &b, 4);
		frame_make(&f, &o, 0);
		ts += t % 3 ? 0 : t >> 16 & 0xfff;
		p.ts = t % 7 ? ts : ts - 5 * (t >> 20);
		clock = p.ts > clock ? p.ts : clock;
		p.clock = clock;
		p.data = f.b + f.at;
		p.len = p.caplen = (uint32_t)frame_len(&f);
		p.iface = o.who >> 6 & 1;
		p.linktype = f.linktype;
		p.number = i + 1;
		p.gso_size = t % 11 ? 0 : 20;
		check_packet(c, &p);
		if (t % 1000 == 0)
			assert_int_equal(flow_table_expire(c->table, clock), 0);
	}
	assert_int_equal(flow_table_finish(c->table, clock), 0);
	check_rows(c, true);
}

/* The end of a long echo request: its flow has timed out, its identifier is known still, but its
 * type is no more said than that of an unknown protocol. */
static void late_fragment(struct check *c, int64_t idle)
{
	struct dec first = {.kind = DEC_IP4,
			    .proto = IPPROTO_ICMP,
			    .flags = DEC_FRAG | DEC_FRAG_FIRST | DEC_L4,
			    .icmp_type = 8,
			    .icmp_id = 7,
			    .frag_id = 99,
			    .src = {10, 0, 0, 1},
			    .dst = {10, 0, 0, 2}};
	struct dec later = {.kind = DEC_IP4,
			    .proto = IPPROTO_ICMP,
			    .flags = DEC_FRAG,
			    .frag_id = 99,
			    .src = {10, 0, 0, 1},
			    .dst = {10, 0, 0, 2}};
	struct pkt p = {.ts = SEC, .clock = SEC, .len = 1000, .caplen = 1000, .number = 1};

	add(c, &first, 1, &p);
	p.ts = p.clock = SEC + idle + 1;
	p.number = 2;
	add(c, &later, 1, &p);
}

/* Two connections on the same ports within one tick of the clock. */
static void twins(struct check *c)
{
	struct dec d = {.kind = DEC_IP4,
			.proto = IPPROTO_TCP,
			.flags = DEC_L4 | DEC_PORTS | DEC_TCP_OPTS,
			.tcp_flags = TCP_SYN,
			.sport = 1000,
			.dport = 80,
			.src = {10, 0, 0, 1},
			.dst = {10, 0, 0, 2}};
	struct pkt p = {.ts = SEC, .clock = SEC, .len = 60, .caplen = 60, .number = 3};

	add(c, &d, 1, &p);
	d.seq = 100000;
	p.number = 4;
	add(c, &d, 1, &p);
}

/* Every field but those that files never have, and these frames. */
static void assert_all_seen(const uint64_t seen[FLOW_N_ALL])
{
	size_t f;

	for (f = 0; f < FLOW_N_ALL; f++) {
		if (f == FLOW_node_tid || f == FLOW_capture_id || f == FLOW_quic_version ||
		    f == FLOW_raw_missing)
			continue;
		if (!seen[f])
			print_error("no row has '%s'\n", flow_store_schema()->fields[f].name);
		assert_true(seen[f]);
	}
}

/* Whether it could be opened: some captures of the corpus are damaged on purpose. */
static bool check_capture(const char *path, enum flow_key_mode mode, uint64_t seen[FLOW_N_ALL])
{
	struct err err = {0};
	struct check c;
	struct src *src;
	struct pkt p;
	int64_t clock = INT64_MIN;

	if (src_open(&src, path, NULL, &err) < 0)
		return false;
	check_init(&c, mode, FLOW_IDLE_DEFAULT, seen);
	while (src_recv(src, &p, 1) > 0) {
		clock = p.clock;
		check_packet(&c, &p);
	}
	assert_int_equal(flow_table_finish(c.table, clock), 0);
	check_rows(&c, false);
	check_done(&c);
	src_free(src);
	return true;
}

/* Frames of all kinds, and of whole connections. */
static void generated_traffic(void **state)
{
	uint64_t seen[FLOW_N_ALL] = {0};
	struct check c;

	(void)state;
	check_init(&c, FLOW_KEY_L3, FLOW_IDLE_DEFAULT, seen);
	make_traffic(&c, 60000);
	assert_true(c.n_rows > 1000);
	check_done(&c);

	check_init(&c, FLOW_KEY_L2, 20000, seen);
	twins(&c);
	late_fragment(&c, 20000);
	make_traffic(&c, 60000);
	assert_true(c.n_rows > 1000);
	check_done(&c);

	assert_true(check_capture(SOURCE_ROOT "/tests/data/tour.pcap", FLOW_KEY_L3, seen));
	assert_true(check_capture(SOURCE_ROOT "/tests/data/tour.pcap", FLOW_KEY_L2, seen));
	assert_all_seen(seen);
}

static void real_captures(void **state)
{
	const char *corpus = getenv("TRAWL_CORPUS");
	uint64_t seen[FLOW_N_ALL] = {0};
	char pattern[512];
	struct stat st;
	glob_t g;
	size_t i, n = 0;

	(void)state;
	snprintf(pattern, sizeof(pattern), "%s/*.pcap*",
		 corpus && *corpus ? corpus : SOURCE_ROOT "/../shared/pcaps");
	if (glob(pattern, 0, NULL, &g) != 0)
		skip();
	for (i = 0; i < g.gl_pathc; i++)
		if (stat(g.gl_pathv[i], &st) == 0 && st.st_size < 4 << 20)
			n += check_capture(g.gl_pathv[i], i % 2 ? FLOW_KEY_L2 : FLOW_KEY_L3, seen);
	globfree(&g);
	assert_true(n > 0);
}

/* One or the other, and the stored ones are base. */
static void every_field_is_base_or_derived(void **state)
{
	struct field_set base;
	size_t f, n = 0;

	(void)state;
	flow_derive_base(&base);
	for (f = 0; f < FLOW_N_ALL; f++) {
		struct field_set want = {0}, needs, none = {0};

		field_set_add(&want, f);
		flow_derive_needs(&want, &needs);
		if (memcmp(&needs, &none, sizeof(none)) == 0)
			print_error("'%s' is neither\n", flow_store_schema()->fields[f].name);
		assert_memory_not_equal(&needs, &none, sizeof(none));
		/* a base field needs itself and nothing else, a derived one not itself */
		if (flow_is_base((enum flow_field)f))
			assert_memory_equal(&needs, &want, sizeof(want));
		else
			assert_false(field_set_has(&needs, f));
		assert_int_equal(flow_is_base((enum flow_field)f), field_set_has(&base, f));
		n += !flow_is_base((enum flow_field)f);
		if (f >= FLOW_N_FIELDS)
			assert_true(flow_is_base((enum flow_field)f));
	}
	assert_true(n > 20);
}

/* Ids tell columns of segments: never one for two fields, and the public ones apart. */
static void ids(void **state)
{
	const struct schema *s = flow_store_schema();
	size_t i, k;

	(void)state;
	assert_int_equal(s->n, FLOW_N_ALL);
	assert_int_equal(flow_schema()->n, FLOW_N_FIELDS);
	for (i = 0; i < s->n; i++) {
		assert_true(s->fields[i].id && (s->fields[i].id >= 1000) == (i >= FLOW_N_FIELDS));
		for (k = 0; k < i; k++)
			assert_int_not_equal(s->fields[i].id, s->fields[k].id);
		if (i < FLOW_N_FIELDS)
			assert_ptr_equal(s->fields[i].name, flow_schema()->fields[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_base_or_derived),
		cmocka_unit_test(ids),
		cmocka_unit_test(generated_traffic),
		cmocka_unit_test(real_captures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
