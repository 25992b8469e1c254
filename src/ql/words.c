#include "ql/words.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/near.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define ROWS (QL_AT_FLOWS | QL_AT_TABLE)
#define PKTS (QL_AT_PACKETS | QL_AT_CUT)
#define MANY QL_ANY_NUMBER

/* clang-format off */
static const struct ql_step_def steps[] = {
	{"At",         QL_STEP_AT,          QL_AT_START,              QL_AT_TIME,    QL_SHAPE_TIME,    1, 2,    "At(time[, duration])"},
	{"Context",    QL_STEP_AT,          QL_AT_START,              QL_AT_TIME,    QL_SHAPE_TIME,    1, 2,    "Context(time[, duration])"},
	{"Flows",      QL_STEP_FLOWS,       QL_AT_START | QL_AT_TIME, QL_AT_FLOWS,   QL_SHAPE_PAIRS,   0, MANY, "Flows([key, value, ...])"},
	{"Has",        QL_STEP_HAS,         ROWS,                     0,             QL_SHAPE_PAIRS,   1, MANY, "Has(key, value, ...)"},
	{"HasKey",     QL_STEP_HAS_KEY,     ROWS,                     0,             QL_SHAPE_STRINGS, 1, 1,    "HasKey(key)"},
	{"HasNot",     QL_STEP_HAS_NOT,     ROWS,                     0,             QL_SHAPE_STRINGS, 1, 1,    "HasNot(key)"},
	{"HasEither",  QL_STEP_HAS_EITHER,  ROWS,                     0,             QL_SHAPE_PAIRS,   2, MANY, "HasEither(key, value, ...)"},
	{"Sort",       QL_STEP_SORT,        ROWS,                     0,             QL_SHAPE_SORT,    0, 2,    "Sort([key][, ASC|DESC])"},
	{"Limit",      QL_STEP_LIMIT,       ROWS | PKTS,              0,             QL_SHAPE_NUMBERS, 1, 1,    "Limit(n)"},
	{"Range",      QL_STEP_RANGE,       ROWS | PKTS,              0,             QL_SHAPE_NUMBERS, 2, 2,    "Range(from, to)"},
	{"Dedup",      QL_STEP_DEDUP,       ROWS,                     0,             QL_SHAPE_STRINGS, 0, MANY, "Dedup([key, ...])"},
	{"Count",      QL_STEP_COUNT,       ROWS | PKTS,              QL_AT_SCALAR,  QL_SHAPE_NUMBERS, 0, 0,    "Count()"},
	{"Sum",        QL_STEP_SUM,         ROWS,                     QL_AT_SCALAR,  QL_SHAPE_STRINGS, 1, 1,    "Sum(key)"},
	{"Values",     QL_STEP_VALUES,      ROWS,                     QL_AT_TABLE,   QL_SHAPE_STRINGS, 1, MANY, "Values(key, ...)"},
	{"ValueMap",   QL_STEP_VALUES,      ROWS,                     QL_AT_TABLE,   QL_SHAPE_STRINGS, 1, MANY, "ValueMap(key, ...)"},
	{"Keys",       QL_STEP_KEYS,        ROWS,                     QL_AT_TABLE,   QL_SHAPE_STRINGS, 0, 0,    "Keys()"},
	{"Group",      QL_STEP_GROUP,       ROWS,                     QL_AT_TABLE,   QL_SHAPE_STRINGS, 0, MANY, "Group([key, ...])"},
	{"Metrics",    QL_STEP_METRICS,     QL_AT_FLOWS,              QL_AT_TABLE,   QL_SHAPE_STRINGS, 0, 1,    "Metrics([name])"},
	{"RawPackets", QL_STEP_RAW_PACKETS, QL_AT_FLOWS,              QL_AT_PACKETS, QL_SHAPE_STRINGS, 0, 0,    "RawPackets()"},
	{"BPF",        QL_STEP_BPF,         QL_AT_PACKETS,            0,             QL_SHAPE_STRINGS, 1, 1,    "BPF('pcap-filter')"},
};

static const struct ql_pred_def preds[] = {
	{"Within",    QL_PRED_WITHIN,   QL_SHAPE_VALUES,  1, MANY, "Within(value, ...)"},
	{"Without",   QL_PRED_WITHOUT,  QL_SHAPE_VALUES,  1, MANY, "Without(value, ...)"},
	{"NE",        QL_PRED_NE,       QL_SHAPE_VALUES,  1, 1,    "NE(value)"},
	{"NEE",       QL_PRED_NEE,      QL_SHAPE_VALUES,  1, 1,    "NEE(value)"},
	{"Regex",     QL_PRED_REGEX,    QL_SHAPE_STRINGS, 1, 1,    "Regex('expression')"},
	{"LT",        QL_PRED_LT,       QL_SHAPE_VALUES,  1, 1,    "LT(value)"},
	{"GT",        QL_PRED_GT,       QL_SHAPE_VALUES,  1, 1,    "GT(value)"},
	{"LTE",       QL_PRED_LTE,      QL_SHAPE_VALUES,  1, 1,    "LTE(value)"},
	{"GTE",       QL_PRED_GTE,      QL_SHAPE_VALUES,  1, 1,    "GTE(value)"},
	{"Inside",    QL_PRED_INSIDE,   QL_SHAPE_VALUES,  2, 2,    "Inside(from, to)"},
	{"Between",   QL_PRED_BETWEEN,  QL_SHAPE_VALUES,  2, 2,    "Between(from, to)"},
	{"Outside",   QL_PRED_OUTSIDE,  QL_SHAPE_VALUES,  2, 2,    "Outside(from, to)"},
	{"IPV4RANGE", QL_PRED_RANGE,    QL_SHAPE_STRINGS, 1, 1,    "IPV4RANGE('prefix/bits')"},
	{"CIDR",      QL_PRED_RANGE,    QL_SHAPE_STRINGS, 1, 1,    "CIDR('prefix/bits')"},
	{"Contains",  QL_PRED_CONTAINS, QL_SHAPE_STRINGS, 1, 1,    "Contains('text')"},
};
/* clang-format on */

static const char graph[] = "walks Skydive's graph of interfaces; trawl answers flow queries, "
			    "G.Flows()...";
static const char missing[] = "a step of Skydive's that trawl has not";

static const struct {
	const char *name, *why;
} foreign[] = {
	{"V", graph},           {"E", graph},
	{"Out", graph},         {"In", graph},
	{"Both", graph},        {"OutE", graph},
	{"InE", graph},         {"BothE", graph},
	{"OutV", graph},        {"InV", graph},
	{"BothV", graph},       {"Metadata", graph},
	{"SubGraph", graph},    {"ShortestPathTo", graph},
	{"As", graph},          {"Select", graph},
	{"Hops", graph},        {"Nodes", graph},
	{"CaptureNode", graph}, {"Neighbors", graph},
	{"Ascendants", graph},  {"Descendants", graph},
	{"NextHop", graph},     {"Aggregates", missing},
	{"Sockets", missing},   {"MoreThan", missing},
	{"Workflow", missing},
};

static int is(const char *known, const char *name, size_t len)
{
	return strlen(known) == len && strncasecmp(known, name, len) == 0;
}

const struct ql_step_def *ql_step_find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(steps); i++)
		if (is(steps[i].name, name, len))
			return &steps[i];
	return NULL;
}

const struct ql_pred_def *ql_pred_find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(preds); i++)
		if (is(preds[i].name, name, len))
			return &preds[i];
	return NULL;
}

const char *ql_step_near(const char *name, size_t len)
{
	struct near near;
	size_t i;

	near_init(&near, name, len);
	for (i = 0; i < ARRAY_SIZE(steps); i++)
		near_offer(&near, steps[i].name);
	return near.best;
}

const char *ql_pred_near(const char *name, size_t len)
{
	struct near near;
	size_t i;

	near_init(&near, name, len);
	for (i = 0; i < ARRAY_SIZE(preds); i++)
		near_offer(&near, preds[i].name);
	return near.best;
}

const char *ql_step_foreign(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(foreign); i++)
		if (is(foreign[i].name, name, len))
			return foreign[i].why;
	return NULL;
}

void ql_step_list(enum ql_state state, char *ret, size_t size)
{
	const char *names[ARRAY_SIZE(steps)];
	size_t n = 0, len = 0, i;

	for (i = 0; i < ARRAY_SIZE(steps); i++)
		if (steps[i].after & state)
			names[n++] = steps[i].name;
	ret[0] = '\0';
	for (i = 0; i < n && len < size; i++)
		len += (size_t)snprintf(ret + len, size - len, "%s%s",
					i == 0      ? ""
					: i + 1 < n ? ", "
						    : " and ",
					names[i]);
}
