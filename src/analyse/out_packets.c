#include "analyse/out_packets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/num.h"

#define NONE        UINT32_MAX
#define SLOTS_FIRST 64 /* a power of two */

struct group {
	uint8_t uuid[16];
	uint64_t packets;
	uint32_t first, last; /* indexes of records */
};

/* A packet's object in out_packets.text. */
struct record {
	size_t off;
	uint32_t len;
	uint32_t next;
};

struct out_packets {
	struct out_conf conf;
	struct out *rows; /* table and CSV */
	struct batch *row;
	struct buf text;
	uint64_t seed; /* flow ids are public: who makes them must not choose the slots */

	uint32_t *slots; /* index into groups or NONE */
	size_t n_slots;
	struct group *groups;
	size_t n_groups;
	struct record *records; /* JSON */
	size_t n_records, max_records;
};

enum { P_UUID, P_INDEX, P_TIME, P_LINK, P_CAPTURED, P_LENGTH, P_DATA, P_N };
static const struct field fields[] = {
	[P_UUID] = {.name = "uuid", .json = "UUID", .type = VAL_ID},
	[P_INDEX] = {.name = "index", .json = "Index", .type = VAL_U64},
	[P_TIME] = {.name = "time", .json = "Timestamp", .type = VAL_TIME},
	[P_LINK] = {.name = "link_type", .json = "LinkType", .type = VAL_U64},
	[P_CAPTURED] = {.name = "captured", .json = "Captured", .type = VAL_U64},
	[P_LENGTH] = {.name = "length", .json = "Length", .type = VAL_U64},
	[P_DATA] = {.name = "data", .json = "Data", .type = VAL_STR},
};
static const struct schema schema = {.fields = fields, .n = P_N};

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, "out of memory");
}

static int begin_rows(struct out_packets *op, struct err *err)
{
	static const uint16_t list[] = {P_UUID,     P_INDEX,  P_TIME, P_LINK,
					P_CAPTURED, P_LENGTH, P_DATA};
	const struct field_set all = {.w = {(1 << P_N) - 1}};
	int r;

	r = out_new(&op->rows, &op->conf, err);
	if (r < 0)
		return r;
	if (batch_new(&op->row, &schema, &all) < 0)
		return no_memory(err);
	return out_begin(op->rows, &schema, list, op->conf.format == OUT_CSV ? P_N : P_DATA, err);
}

int out_packets_new(struct out_packets **ret, const struct out_conf *conf, struct err *err)
{
	CLEANUP(out_packets_freep) struct out_packets *op = calloc(1, sizeof(*op));
	size_t i;

	if (!op)
		return no_memory(err);
	op->conf = *conf;
	op->slots = malloc(SLOTS_FIRST * sizeof(*op->slots));
	op->groups = malloc(SLOTS_FIRST / 2 * sizeof(*op->groups));
	if (!op->slots || !op->groups)
		return no_memory(err);
	op->n_slots = SLOTS_FIRST;
	for (i = 0; i < SLOTS_FIRST; i++)
		op->slots[i] = NONE;
	if (getrandom(&op->seed, sizeof(op->seed), GRND_NONBLOCK) < 0)
		op->seed = (uintptr_t)op; /* early at boot: better than nothing */
	if (conf->format == OUT_TABLE || conf->format == OUT_CSV) {
		int r = begin_rows(op, err);

		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(op);
	return 0;
}

void out_packets_free(struct out_packets *op)
{
	if (!op)
		return;
	out_free(op->rows);
	batch_free(op->row);
	buf_done(&op->text);
	free(op->slots);
	free(op->groups);
	free(op->records);
	free(op);
}

static size_t slot_of(const struct out_packets *op, const uint8_t uuid[16])
{
	uint64_t a, b;
	unsigned __int128 m;

	memcpy(&a, uuid, 8);
	memcpy(&b, uuid + 8, 8);
	m = (unsigned __int128)(a ^ op->seed) * (b ^ ~op->seed ^ UINT64_C(0x9e3779b97f4a7c15));
	return (size_t)((uint64_t)m ^ (uint64_t)(m >> 64)) & (op->n_slots - 1);
}

/* Doubles the table; at most half of the slots are ever in use. */
static int grow(struct out_packets *op)
{
	size_t n = 2 * op->n_slots, i;
	struct group *groups = realloc(op->groups, n / 2 * sizeof(*groups));
	uint32_t *slots;

	if (!groups)
		return -ENOMEM;
	op->groups = groups;
	slots = malloc(n * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(op->slots);
	op->slots = slots;
	op->n_slots = n;
	for (i = 0; i < n; i++)
		slots[i] = NONE;
	for (i = 0; i < op->n_groups; i++) {
		size_t s = slot_of(op, op->groups[i].uuid);

		while (slots[s] != NONE)
			s = (s + 1) & (n - 1);
		slots[s] = (uint32_t)i;
	}
	return 0;
}

/* The group of a flow, made when new; NULL: out of memory. */
static struct group *group_of(struct out_packets *op, const uint8_t uuid[16])
{
	struct group *g;
	size_t s;

	if (op->n_groups >= op->n_slots / 2 && (op->n_slots >= NONE / 2 || grow(op) < 0))
		return NULL;
	for (s = slot_of(op, uuid); op->slots[s] != NONE; s = (s + 1) & (op->n_slots - 1)) {
		g = &op->groups[op->slots[s]];
		if (memcmp(g->uuid, uuid, 16) == 0)
			return g;
	}
	op->slots[s] = (uint32_t)op->n_groups;
	g = &op->groups[op->n_groups++];
	*g = (struct group){.first = NONE, .last = NONE};
	memcpy(g->uuid, uuid, 16);
	return g;
}

static void add_members(struct json *j, const struct pkt *p, uint64_t index)
{
	json_key(j, "Timestamp");
	json_i64(j, p->ts / 1000000 - (p->ts % 1000000 < 0));
	json_key(j, "Index");
	json_u64(j, index);
	json_key(j, "Data");
	json_base64(j, p->data, p->caplen);
	json_key(j, "LinkType");
	json_u64(j, p->linktype);
}

static int add_record(struct out_packets *op, struct group *g, const struct pkt *p, struct err *err)
{
	struct json j = JSON_INIT(&op->text);
	struct record *rec;

	if (op->text.len + op->n_records * sizeof(*rec) > OUT_PACKETS_MAX)
		return err_set(err, -E2BIG,
			       "the packets would take more than %d MiB as JSON: ask for jsonl, "
			       "pcap or pcapng, which need no memory",
			       OUT_PACKETS_MAX >> 20);
	if (op->n_records == op->max_records) {
		size_t max = op->max_records ? 2 * op->max_records : 1024;

		rec = realloc(op->records, max * sizeof(*rec));
		if (!rec)
			return no_memory(err);
		op->records = rec;
		op->max_records = max;
	}
	rec = &op->records[op->n_records];
	rec->off = op->text.len;
	rec->next = NONE;
	json_object(&j);
	add_members(&j, p, g->packets);
	json_object_end(&j);
	if (buf_err(&op->text))
		return no_memory(err);
	rec->len = (uint32_t)(op->text.len - rec->off);
	if (g->last == NONE)
		g->first = (uint32_t)op->n_records;
	else
		op->records[g->last].next = (uint32_t)op->n_records;
	g->last = (uint32_t)op->n_records++;
	return 0;
}

static int flush(struct out_packets *op, size_t min, struct err *err)
{
	int r;

	if (buf_err(&op->text))
		return no_memory(err);
	if (op->text.len < min || !op->text.len)
		return 0;
	r = op->conf.write(op->conf.arg, op->text.p, op->text.len);
	buf_clear(&op->text);
	return r < 0 ? err_set(err, r, "cannot write the answer: %s", strerror(-r)) : 0;
}

static int add_line(struct out_packets *op, const struct group *g, const struct pkt *p,
		    struct err *err)
{
	struct json j = JSON_INIT(&op->text);
	char uuid[NUM_UUID_MAX];

	num_uuid(uuid, g->uuid);
	json_object(&j);
	json_key(&j, "UUID");
	json_strn(&j, uuid, sizeof(uuid));
	add_members(&j, p, g->packets);
	json_key(&j, "Length");
	json_u64(&j, p->len);
	json_object_end(&j);
	buf_addch(&op->text, '\n');
	return flush(op, OUT_BUFFER, err);
}

static int add_row(struct out_packets *op, const struct group *g, const struct pkt *p,
		   struct err *err)
{
	static const char hex[] = "0123456789abcdef";
	struct col **c = op->row->cols;
	size_t i;

	batch_clear(op->row);
	op->row->n = 1;
	for (i = 0; i < P_N; i++)
		col_mark(c[i], 0);
	memcpy(c[P_UUID]->v.id[0], g->uuid, 16);
	c[P_INDEX]->v.u64[0] = g->packets;
	c[P_TIME]->v.i64[0] = p->ts;
	c[P_LINK]->v.u64[0] = p->linktype;
	c[P_CAPTURED]->v.u64[0] = p->caplen;
	c[P_LENGTH]->v.u64[0] = p->len;
	if (op->conf.format == OUT_CSV) {
		buf_clear(&op->text);
		if (buf_reserve(&op->text, 2 * (size_t)p->caplen) < 0)
			return no_memory(err);
		for (i = 0; i < p->caplen; i++) {
			op->text.p[2 * i] = hex[p->data[i] >> 4];
			op->text.p[2 * i + 1] = hex[p->data[i] & 15];
		}
		c[P_DATA]->v.str[0] = (struct val_str){op->text.p, 2 * p->caplen};
	}
	return out_rows(op->rows, op->row, NULL, err);
}

int out_packets_add(struct out_packets *op, const uint8_t uuid[16], const struct pkt *p,
		    struct err *err)
{
	struct group *g = group_of(op, uuid);
	int r;

	if (!g)
		return no_memory(err);
	if (op->rows)
		r = add_row(op, g, p, err);
	else if (op->conf.format == OUT_JSONL)
		r = add_line(op, g, p, err);
	else
		r = add_record(op, g, p, err);
	g->packets++;
	return r;
}

static int end_json(struct out_packets *op, struct err *err)
{
	CLEANUP(buf_done) struct buf kept = op->text;
	size_t i;
	int r;

	op->text = BUF_INIT;
	buf_addch(&op->text, '{');
	for (i = 0; i < op->n_groups; i++) {
		const struct group *g = &op->groups[i];
		char uuid[NUM_UUID_MAX];
		uint32_t k;

		num_uuid(uuid, g->uuid);
		buf_addstr(&op->text, i ? ",\n\"" : "\n\"");
		buf_add(&op->text, uuid, sizeof(uuid));
		buf_addstr(&op->text, "\":[");
		for (k = g->first; k != NONE; k = op->records[k].next) {
			if (k != g->first)
				buf_addch(&op->text, ',');
			buf_add(&op->text, kept.p + op->records[k].off, op->records[k].len);
			r = flush(op, OUT_BUFFER, err);
			if (r < 0)
				return r;
		}
		buf_addch(&op->text, ']');
	}
	buf_addstr(&op->text, op->n_groups ? "\n}\n" : "}\n");
	return flush(op, 0, err);
}

int out_packets_end(struct out_packets *op, struct err *err)
{
	if (op->rows)
		return out_end(op->rows, err);
	if (op->conf.format == OUT_JSONL)
		return flush(op, 0, err);
	return end_json(op, err);
}
