/* Options: expected values are what the grammar in base/opt.h says. */
#include "base/opt.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/near.h"

struct inner {
	struct opt_list files;
	int format;
};

struct opts {
	bool quiet, utc;
	unsigned verbose;
	uint64_t limit, memory;
	int64_t idle;
	const char *from, *sort;
	int pair[2];
	struct inner in;
};

static int set_pair(void *at, const char *value, struct err *err)
{
	int *pair = at;

	if (sscanf(value, "%d:%d", &pair[0], &pair[1]) != 2)
		return err_set(err, -EINVAL, "'%s' is not A:B", value);
	return 0;
}

static const char *const formats[] = {"table", "csv", "json", NULL};

/* clang-format off */
static const struct opt in_table[] = {
	{"read", 'r', OPT_LIST, offsetof(struct inner, files), "FILE", NULL, "read FILE"},
	{"format", 0, OPT_ENUM, offsetof(struct inner, format), "FORMAT", "csv", "how to write",
	 .words = formats},
};
static const struct opt table[] = {
	{"quiet", 'q', OPT_FLAG, offsetof(struct opts, quiet), NULL, NULL, "say less"},
	{"utc", 'u', OPT_FLAG, offsetof(struct opts, utc), NULL, NULL, "times in UTC"},
	{"verbose", 'v', OPT_COUNT, offsetof(struct opts, verbose), NULL, NULL, "say more",
	 .conflicts = "sort quiet"},
	{"limit", 'n', OPT_U64, offsetof(struct opts, limit), "N", "10", "stop after N",
	 .min = 1, .max = 1000},
	{"max-memory", 'm', OPT_SIZE, offsetof(struct opts, memory), "SIZE", NULL, "use SIZE | less",
	 .min = 4096},
	{"idle", 0, OPT_DUR, offsetof(struct opts, idle), "TIME", "600s", "end after TIME"},
	{"from", 0, OPT_TIME, offsetof(struct opts, from), "TIME", NULL, "start at TIME"},
	{"sort", 0, OPT_STR, offsetof(struct opts, sort), "FIELD", NULL, "sort by FIELD"},
	{"pair", 'p', OPT_FN, offsetof(struct opts, pair), "A:B", NULL, "two numbers", .fn = set_pair},
};
/* clang-format on */
static const struct opt_set sets[] = {
	{"Input", OPT_TABLE(in_table), offsetof(struct opts, in)},
	{"Other", OPT_TABLE(table), 0},
};
static const struct opt_cmd cmd = {
	.name = "cat",
	.operands = "[WORD...]",
	.brief = "copy",
	.sets = sets,
	.n_sets = 2,
	.size = sizeof(struct opts),
};

#define ARGS_MAX   24
#define WORDS_SIZE 256

/* Splits 'line' at blanks and parses it. */
static int parse_line(const char *line, struct opts *o, struct opt_list *operands, struct err *err,
		      char *words, const struct opt_cmd *c)
{
	char *argv[ARGS_MAX], *save = NULL, *w;
	int argc = 0;

	snprintf(words, WORDS_SIZE, "%s", line);
	for (w = strtok_r(words, " ", &save); w && argc < ARGS_MAX; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	opt_init(c, o);
	return opt_parse(c, argc, argv, o, operands, err);
}

static void test_values(void **state)
{
	struct opt_list ops = {0};
	struct err err = {0};
	struct opts o;
	char words[WORDS_SIZE];

	(void)state;
	assert_int_equal(parse_line("-ra -r b --read=c --read d tcp -qun5 --format json port "
				    "--max-memory 64M -vv",
				    &o, &ops, &err, words, &cmd),
			 -EINVAL); /* -v contradicts -q */
	assert_string_equal(err.text, "--verbose and --quiet contradict each other");
	assert_int_equal(o.in.files.n, 4);
	assert_string_equal(o.in.files.v[0], "a");
	assert_string_equal(o.in.files.v[3], "d");
	assert_true(o.quiet && o.utc);
	assert_int_equal(o.limit, 5);
	assert_int_equal(o.in.format, 2);
	assert_int_equal(o.memory, 64 << 20);
	assert_int_equal(o.verbose, 2);
	assert_int_equal(ops.n, 2);
	assert_string_equal(ops.v[1], "port");
	opt_done(&cmd, &o);
	assert_int_equal(o.in.files.n, 0);
	opt_list_done(&ops);

	assert_int_equal(parse_line("--idle 1h30m --from -10m --sort -x -p3:4 -- -q --idle -", &o,
				    &ops, &err, words, &cmd),
			 0);
	assert_true(o.idle == INT64_C(5400000000000));
	assert_string_equal(o.from, "-10m");
	assert_string_equal(o.sort, "-x");
	assert_int_equal(o.pair[1], 4);
	assert_false(o.quiet);
	assert_int_equal(ops.n, 3);
	assert_string_equal(ops.v[2], "-");
	opt_done(&cmd, &o);
	opt_list_done(&ops);
}

static void test_defaults(void **state)
{
	struct opt_list ops = {0};
	struct opts o;
	char words[WORDS_SIZE];

	(void)state;
	assert_int_equal(parse_line("", &o, &ops, NULL, words, &cmd), 0);
	assert_int_equal(o.limit, 10);
	assert_int_equal(o.in.format, 1);
	assert_true(o.idle == INT64_C(600000000000));
	assert_null(o.sort);
	assert_int_equal(ops.n, 0);
}

static const struct {
	const char *line, *error;
} bad[] = {
	{"--limt 3", "no option '--limt' (did you mean '--limit'?)"},
	{"--hlep", "no option '--hlep' (did you mean '--help'?)"},
	{"--lim 3", "no option '--lim'"}, /* no abbreviations */
	{"--zzzzzzzz", "no option '--zzzzzzzz'"},
	{"--\x1b[31m", "no option '--\\x1b[31m'"},
	{"-qz", "no option '-z'"},
	{"--limit", "--limit: needs a value (N)"},
	{"-n", "-n: needs a value (N)"},
	{"--sort --quiet", "--sort: needs a value (FIELD)"},
	{"--limit x", "--limit: 'x' is not a number"},
	{"--limit=0", "--limit: '0' is out of range (1 to 1000)"},
	{"-n 1001", "-n: '1001' is out of range (1 to 1000)"},
	{"--limit 1 --limit 2", "--limit: given twice"},
	{"--limit 1 -n 2", "-n: given twice"},
	{"--max-memory 12Q", "--max-memory: '12Q' is not a size (try 256K, 64M, 2G)"},
	{"--max-memory 1K", "--max-memory: '1K' is out of range"},
	{"--idle -5s", "--idle: '-5s' is negative"},
	{"--idle soon", "--idle: 'soon' is not a duration (try 500ms, 10s, 1h30m, 7d)"},
	{"--from soon", "--from: 'soon' is not a time (try now, -10m, 1790000000.5, "
			"2026-11-21T10:00:00Z)"},
	{"--format xml", "--format: 'xml' is none of table, csv, json"},
	{"--format=", "--format: '' is none of table, csv, json"},
	{"--quiet=yes", "--quiet: takes no value"},
	{"--pair 5", "--pair: '5' is not A:B"},
	{"--sort x -v", "--verbose and --sort contradict each other"},
};

/* What would mean nothing is refused, by itself or with its whole set. */
static void test_needs(void **state)
{
	/* clang-format off */
	static const struct opt first[] = {
		{"dir", 0, OPT_STR, 0, "DIR", NULL, "keep it"},
		{"name", 'N', OPT_STR, 0, "NAME", NULL, "called so", .needs = "dir"},
	};
	static const struct opt second[] = {
		{"idle", 0, OPT_STR, 0, "TIME", NULL, "end then"},
		{"file", 0, OPT_STR, 0, "FILE", NULL, "go there", .needs = "name"},
	};
	/* clang-format on */
	static const struct opt_set both[] = {
		{"First", OPT_TABLE(first), 0},
		{"Second", OPT_TABLE(second), 0, "dir"},
	};
	static const struct opt_cmd c = {
		.name = "cat", .brief = "copy", .sets = both, .n_sets = 2, .size = sizeof(char *)};
	static const struct {
		const char *line, *want; /* NULL: fine */
	} tests[] = {
		{"", NULL},
		{"--dir d", NULL},
		{"-N x --dir d", NULL},
		{"--idle 5 --dir d", NULL},
		{"--file f --dir d --name n", NULL},
		{"-N x", "--name means nothing without --dir"},
		{"--idle 5", "--idle means nothing without --dir"},
		{"--file f --dir d", "--file means nothing without --name"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		char words[WORDS_SIZE], *argv[ARGS_MAX], *save = NULL;
		struct opt_list ops = {0};
		struct err err = {0};
		const char *opts[1];
		int n = 0;

		snprintf(words, sizeof(words), "%s", tests[i].line);
		for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
			argv[n++] = w;
		opt_init(&c, opts);
		assert_int_equal(opt_parse(&c, n, argv, opts, &ops, &err),
				 tests[i].want ? -EINVAL : 0);
		assert_string_equal(err.text, tests[i].want ? tests[i].want : "");
	}
}

static void test_errors(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct opt_list ops = {0};
		struct err err = {0};
		struct opts o;
		char words[WORDS_SIZE];

		assert_int_equal(parse_line(bad[i].line, &o, &ops, &err, words, &cmd), -EINVAL);
		assert_string_equal(err.text, bad[i].error);
		opt_done(&cmd, &o);
		opt_list_done(&ops);
	}
}

static void test_help_wins(void **state)
{
	static const char *const lines[] = {"--help", "-h", "-qh", "x --help --limit",
					    "--limit 3 -h"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct opt_list ops = {0};
		struct opts o;
		char words[WORDS_SIZE];

		assert_int_equal(parse_line(lines[i], &o, &ops, NULL, words, &cmd), OPT_HELP);
		opt_done(&cmd, &o);
		opt_list_done(&ops);
	}
}

static void test_no_operands(void **state)
{
	struct opt_cmd none = cmd;
	struct opt_list ops = {0};
	struct err err = {0};
	struct opts o;
	char words[WORDS_SIZE];

	(void)state;
	none.operands = NULL;
	assert_int_equal(parse_line("-q foo", &o, &ops, &err, words, &none), -EINVAL);
	assert_string_equal(err.text, "'foo' is not expected: the command takes only options");
	opt_done(&cmd, &o);
	opt_list_done(&ops);
}

static void test_assign(void **state)
{
	struct err err = {0};
	struct opts o;

	(void)state;
	opt_init(&cmd, &o);
	assert_int_equal(opt_assign(&cmd, &o, "format", "table", &err), 0);
	assert_int_equal(o.in.format, 0);
	assert_int_equal(opt_assign(&cmd, &o, "idel", "3s", &err), -EINVAL);
	assert_string_equal(err.text, "no option '--idel' (did you mean '--idle'?)");
	assert_int_equal(opt_assign(&cmd, &o, "idle", "3x", &err), -EINVAL);
	opt_done(&cmd, &o);
}

static void test_help(void **state)
{
	CLEANUP(buf_done) struct buf help = BUF_INIT, doc = BUF_INIT;
	const char *p, *line;

	(void)state;
	opt_help(&cmd, "trawl ", &help);
	p = buf_str(&help);
	assert_int_equal(strncmp(p, "usage: trawl cat [OPTIONS] [WORD...]\n\ncopy\n\nInput\n", 50),
			 0);
	assert_non_null(strstr(p, "\n  -r, --read FILE         read FILE (repeatable)\n"));
	assert_non_null(strstr(p, "\n      --idle TIME         end after TIME (default: 600s)\n"));
	assert_non_null(strstr(p, "how to write: table, csv, json (default: csv)\n"));
	for (line = p; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") < 80);

	opt_markdown(&cmd, &doc);
	p = buf_str(&doc);
	assert_non_null(strstr(p, "\n| `-r`, `--read FILE` | read FILE (repeatable) |\n"));
	assert_non_null(strstr(p, "use SIZE \\| less |\n"));
}

static const struct {
	const char *a, *b;
	unsigned d;
} distances[] = {
	{"", "", 0},          {"", "abc", 3},           {"abc", "abc", 0},
	{"abc", "ABC", 0},    {"kitten", "sitting", 3}, /* the textbook example */
	{"limit", "limt", 1}, {"hlep", "help", 1},      {"ca", "abc", 3},
};

static void test_near(void **state)
{
	static const char *const known[] = {"flows", "query", "explain", "info"};
	char longer[100];
	struct near n;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(distances) / sizeof(distances[0]); i++)
		assert_int_equal(near_distance(distances[i].a, strlen(distances[i].a),
					       distances[i].b, strlen(distances[i].b)),
				 distances[i].d);
	memset(longer, 'a', sizeof(longer));
	assert_int_equal(near_distance(longer, sizeof(longer), "a", 1), NEAR_LEN_MAX + 1);

	near_init(&n, "flosw", 5);
	for (i = 0; i < 4; i++)
		near_offer(&n, known[i]);
	assert_string_equal(n.best, "flows");
	near_init(&n, "zebra", 5);
	for (i = 0; i < 4; i++)
		near_offer(&n, known[i]);
	assert_null(n.best);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),    cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_needs),     cmocka_unit_test(test_errors),
		cmocka_unit_test(test_help_wins), cmocka_unit_test(test_no_operands),
		cmocka_unit_test(test_assign),    cmocka_unit_test(test_help),
		cmocka_unit_test(test_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
