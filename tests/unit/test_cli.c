/* The option tables of all commands, and what is made of them: they are sane,
 * and docs/commands.md and the completions agree with them.  UPDATE=1 rewrites
 * the tables of the page: review the difference. */
#include "cli/cmds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/cli.h"

static void test_tables(void **state)
{
	const struct cli_cmd *const *cmds;
	const struct opt *o, *other;
	size_t n, c, i, k;

	(void)state;
	cmds = cli_cmds(&n);
	assert_true(n > 0);
	for (c = 0; c < n; c++) {
		const struct opt_cmd *cmd = cmds[c]->opt;
		void *opts = malloc(cmd->size + 1);

		opt_init(cmd, opts); /* asserts that defaults parse */
		opt_done(cmd, opts);
		free(opts);
		assert_true(strlen(cmd->brief) <= 76); /* one line beside the name */
		for (i = 0; (o = opt_at(cmd, i, NULL)); i++) {
			assert_true(o->name || o->letter);
			assert_true(o->help[strlen(o->help) - 1] != '.');
			assert_true((o->type == OPT_FLAG || o->type == OPT_COUNT) == !o->metavar);
			for (k = i + 1; (other = opt_at(cmd, k, NULL)); k++) {
				assert_true(!o->letter || o->letter != other->letter);
				assert_true(!o->name || !other->name ||
					    strcmp(o->name, other->name) != 0);
			}
		}
	}
}

static void test_help_width(void **state)
{
	const struct cli_cmd *const *cmds;
	size_t n, c, i;

	(void)state;
	cmds = cli_cmds(&n);
	for (c = 0; c < n; c++) {
		CLEANUP(buf_done) struct buf help = BUF_INIT;
		const struct opt_cmd *cmd = cmds[c]->opt;
		const char *line, *end;

		opt_help(cmd, "trawl ", &help);
		end = strstr(buf_str(&help), "\nExamples\n");
		for (line = buf_str(&help); *line && line != end;
		     line += strcspn(line, "\n") + (line[strcspn(line, "\n")] == '\n')) {
			if (end && line > end)
				break;
			assert_true(strcspn(line, "\n") <= 80);
		}
		for (i = 0; cmd->examples && cmd->examples[i]; i++)
			assert_non_null(strstr(cmd->examples[i], cmd->name));
	}
}

static void read_file(const char *path, struct buf *ret)
{
	CLEANUP(fclosep) FILE *f = fopen(path, "re");
	char chunk[4096];
	size_t n;

	assert_non_null(f);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(ret, chunk, n);
}

#define PAGE SOURCE_ROOT "/docs/commands.md"

/* The page with the tables as they should be. */
static void expected_page(const struct buf *page, struct buf *ret)
{
	const struct cli_cmd *const *cmds;
	const char *at = buf_str(page);
	size_t n, c;

	cmds = cli_cmds(&n);
	for (c = 0; c < n; c++) {
		CLEANUP(buf_done) struct buf mark = BUF_INIT;
		const char *from, *to;

		if (!cmds[c]->opt->n_sets)
			continue;
		buf_addf(&mark, "<!-- options: %s -->\n", cmds[c]->opt->name);
		from = strstr(buf_str(page), buf_str(&mark));
		if (!from)
			fail_msg("docs/commands.md has no line '%s'", buf_str(&mark));
		from += mark.len;
		to = strstr(from, "<!-- end -->\n");
		assert_non_null(to);
		assert_true(from >= at); /* in the order of the commands */
		buf_add(ret, at, (size_t)(from - at));
		opt_markdown(cmds[c]->opt, ret);
		at = to;
	}
	buf_addstr(ret, at);
}

static void test_docs(void **state)
{
	CLEANUP(buf_done) struct buf page = BUF_INIT, want = BUF_INIT;

	(void)state;
	read_file(PAGE, &page);
	expected_page(&page, &want);
	if (getenv("UPDATE")) {
		CLEANUP(fclosep) FILE *f = fopen(PAGE, "we");

		assert_non_null(f);
		assert_int_equal(fwrite(want.p, 1, want.len, f), want.len);
		return;
	}
	assert_string_equal(buf_str(&page), buf_str(&want));
}

/* Runs the program's main() with stdout in a file, returns the exit status. */
static int run_cli(const char *const *argv, struct buf *ret)
{
	CLEANUP(fclosep) FILE *out = tmpfile();
	char *args[8] = {NULL}, chunk[4096];
	size_t i, n;
	int status;
	pid_t pid;

	assert_non_null(out);
	for (i = 0; argv[i]; i++)
		args[i] = strdup(argv[i]);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fileno(out), STDOUT_FILENO);
		_exit(cli_main((int)i, args));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	rewind(out);
	while ((n = fread(chunk, 1, sizeof(chunk), out)) > 0)
		buf_add(ret, chunk, n);
	while (i--)
		free(args[i]);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_completion(void **state)
{
	static const char *const shells[] = {"bash", "zsh", "fish"};
	const struct cli_cmd *const *cmds;
	size_t n, c, i, s;

	(void)state;
	cmds = cli_cmds(&n);
	for (s = 0; s < 3; s++) {
		CLEANUP(buf_done) struct buf text = BUF_INIT;
		const char *argv[] = {"trawl", "completion", shells[s], NULL};

		assert_int_equal(run_cli(argv, &text), 0);
		assert_non_null(strstr(buf_str(&text), "community_id"));
		for (c = 0; c < n; c++) {
			const struct opt *o;

			assert_non_null(strstr(buf_str(&text), cmds[c]->opt->name));
			for (i = 0; (o = opt_at(cmds[c]->opt, i, NULL)); i++) {
				char word[64];

				snprintf(word, sizeof(word), s == 2 ? "-l %s " : "--%s", o->name);
				assert_non_null(strstr(buf_str(&text), word));
			}
		}
	}
}

static const struct {
	const char *argv[4];
	int status;
	const char *out; /* what it starts with */
} starts[] = {
	{{"trawl", NULL}, 2, ""},
	{{"trawl", "--help", NULL}, 0, "usage: trawl COMMAND"},
	{{"trawl", "help", NULL}, 0, "usage: trawl COMMAND"},
	{{"trawl", "help", "explain", NULL}, 0, "usage: trawl explain "},
	{{"trawl", "explain", "--help", NULL}, 0, "usage: trawl explain "},
	{{"trawl", "help", "nothing", NULL}, 2, ""},
	{{"trawl", "--version", NULL}, 0, "trawl "},
	{{"trawl", "as", NULL}, 2, ""},
	{{"trawl", "as", "--help", NULL}, 0, "usage: trawl as TOOL"},
	{{"trawl", "as", "nothing", NULL}, 2, ""},
	{{"trawl", "nothing", NULL}, 2, ""},
	{{"trawl", "--nothing", NULL}, 2, ""},
	{{"trawl", "explain", "rtt_n", NULL}, 2, ""},
	{{"trawl", "completion", "csh", NULL}, 2, ""},
};

static void test_starts(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		CLEANUP(buf_done) struct buf out = BUF_INIT;

		assert_int_equal(run_cli(starts[i].argv, &out), starts[i].status);
		assert_int_equal(strncmp(buf_str(&out), starts[i].out, strlen(starts[i].out)), 0);
		if (starts[i].status)
			assert_int_equal(out.len, 0); /* errors leave stdout alone */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables), cmocka_unit_test(test_help_width),
		cmocka_unit_test(test_docs),   cmocka_unit_test(test_completion),
		cmocka_unit_test(test_starts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
