/* What queries cost above their source: gives synthetic rows, made batch by batch, and counts
 * only the CPU time between taking them and the answer.
 *
 *	group [ROWS [ADDRESSES [QUERY [SHARE]]]]
 *
 * By default 10,000,000 rows from 10,000 addresses, each as likely as another, of which the ten
 * with most bytes are asked for.  SHARE is the percentage of IPv6 among the addresses. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ql/ql.h"
#include "ql/ql_src_ops.h"

enum { APP, NET_A, NET_B, PORT_B, ABP, BAP, ABB, BAB, START, N_FIELDS };

/* clang-format off */
static const struct field fields[N_FIELDS] = {
	[APP]    = {.name = "application", .json = "Application", .type = VAL_STR},
	[NET_A]  = {.name = "network_a", .json = "Network.A", .type = VAL_ADDR},
	[NET_B]  = {.name = "network_b", .json = "Network.B", .type = VAL_ADDR},
	[PORT_B] = {.name = "transport_b", .json = "Transport.B", .type = VAL_U64},
	[ABP]    = {.name = "ab_packets", .json = "Metric.ABPackets", .type = VAL_U64},
	[BAP]    = {.name = "ba_packets", .json = "Metric.BAPackets", .type = VAL_U64},
	[ABB]    = {.name = "ab_bytes", .json = "Metric.ABBytes", .type = VAL_U64},
	[BAB]    = {.name = "ba_bytes", .json = "Metric.BABytes", .type = VAL_U64},
	[START]  = {.name = "start", .json = "Start", .type = VAL_TIME},
};
/* clang-format on */

static const struct field_alias aliases[] = {{"Network", 2, {NET_A, NET_B}}};
static const struct schema schema = {fields, N_FIELDS, aliases, 1};

struct made {
	struct ql_src src;
	uint64_t rows, addresses, random;
	unsigned ip6;
	int64_t above_ns; /* CPU time of what takes the rows */
};

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *x)
{
	uint64_t z = *x += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static struct addr address(const struct made *m, uint64_t i)
{
	struct addr a = {.family = ADDR_IP4, .b = {10}};
	size_t k;

	if (i % 100 < m->ip6)
		a = (struct addr){.family = ADDR_IP6, .b = {0x20, 0x01, 0x0d, 0xb8}};
	for (k = 0; k < 3; k++)
		a.b[(a.family == ADDR_IP6 ? 15 : 3) - k] = (uint8_t)(i >> 8 * k);
	return a;
}

static void fill(struct made *m, struct batch *b, size_t n)
{
	static const char *const apps[] = {"DNS", "TLS", "HTTP", "QUIC", "SSH", "NTP", "TCP"};
	size_t i, f;

	for (i = 0; i < n; i++) {
		uint64_t x = next_random(&m->random), y = next_random(&m->random);
		const char *app = apps[y % 7];

		b->serial[i] = i;
		for (f = 0; f < N_FIELDS; f++) {
			struct col *c = b->cols[f];

			if (!c)
				continue;
			col_mark(c, i);
			if (f == APP)
				c->v.str[i] = (struct val_str){app, (uint32_t)strlen(app)};
			else if (f == NET_A || f == NET_B)
				c->v.addr[i] = address(m, (f == NET_A ? x : y) % m->addresses);
			else if (f == PORT_B)
				c->v.u64[i] = y >> 50;
			else
				c->v.u64[i] = (y >> 4 * f & 0xfff) + 1;
		}
	}
	b->n = n;
}

static int scan(struct ql_src *s, const struct ql_scan *req, ql_batch_fn fn, void *arg,
		struct err *err)
{
	struct made *m = (struct made *)s;
	uint64_t left = m->rows;
	struct batch *b;
	int64_t before;
	int r;

	r = batch_new(&b, &schema, &req->want);
	if (r < 0)
		return err_set(err, r, "out of memory");
	while (r == 0 && left) {
		batch_clear(b);
		fill(m, b, left < BATCH_ROWS ? left : BATCH_ROWS);
		left -= b->n;
		before = cpu_ns();
		r = fn(arg, b);
		m->above_ns += cpu_ns() - before;
	}
	batch_free(b);
	m->above_ns -= cpu_ns(); /* the end of the query counts, too */
	return r < 0 ? r : 0;
}

static int now(struct ql_src *s, int64_t *ret_ts, struct err *err)
{
	(void)s;
	(void)err;
	*ret_ts = 0;
	return 0;
}

static const struct ql_src_ops ops = {.scan = scan, .now = now};

static int take_begin(void *arg, const struct schema *s, const struct field_set *cols)
{
	(void)arg;
	(void)s;
	(void)cols;
	return 0;
}

/* Shows the first rows, so that one answer can be compared with another. */
static int take_rows(void *arg, const struct batch *b, const uint64_t *sel)
{
	uint64_t *shown = arg;
	struct buf line = BUF_INIT;
	size_t i, f;

	for (i = 0; i < b->n && *shown < 3; i++) {
		if (!(sel[i / 64] >> i % 64 & 1))
			continue;
		for (f = 0; f < b->schema->n; f++) {
			union val v;

			buf_addch(&line, ' ');
			if (b->cols[f] && col_get(b->cols[f], i, &v))
				buf_addval(&line, b->cols[f]->type, &v);
		}
		buf_addch(&line, '\n');
		++*shown;
	}
	fputs(buf_str(&line), stdout);
	buf_done(&line);
	return 0;
}

static int take_scalar(void *arg, const char *name, enum val_type type, const union val *v)
{
	(void)arg;
	(void)type;
	printf(" %s %" PRIu64 "\n", name, v->u64);
	return 0;
}

int main(int argc, char **argv)
{
	struct made m = {.src = {&ops, &schema, true}, .rows = 10000000, .addresses = 10000};
	const char *text = "G.Flows().Group('Network.A').Sort('Bytes', DESC).Limit(10)";
	uint64_t shown = 0;
	struct ql_sink sink = {&shown, take_begin, take_rows, take_scalar, NULL};
	struct err err = {0};
	struct ql *q = NULL;
	int r;

	if (argc > 1)
		m.rows = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		m.addresses = strtoull(argv[2], NULL, 10);
	if (argc > 3)
		text = argv[3];
	if (argc > 4)
		m.ip6 = (unsigned)strtoul(argv[4], NULL, 10);
	if (!m.rows || !m.addresses) {
		fprintf(stderr, "group: no rows, or no addresses\n");
		return 2;
	}
	r = ql_parse(&q, text, &err);
	if (r == 0)
		r = ql_run(q, &m.src, NULL, &sink, &err);
	ql_free(q);
	if (r < 0) {
		fprintf(stderr, "group: %s\n", err.text);
		return 1;
	}
	m.above_ns += cpu_ns();
	printf("%.3f CPU-s above the source, %.1f ns a row\n", (double)m.above_ns / 1e9,
	       (double)m.above_ns / (double)m.rows);
	return 0;
}
