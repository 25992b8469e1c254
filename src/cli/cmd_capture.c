/* trawl capture: packets from interfaces to lines, files or a folder. */
#include "cli/cmds.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "analyse/an_print.h"
#include "base/cleanup.h"
#include "base/outlet.h"
#include "base/utf8.h"
#include "cli/capture_filter.h"
#include "cli/capture_opts.h"
#include "cli/capture_out.h"
#include "cli/capture_show.h"
#include "cli/default_iface.h"
#include "filter/filter.h"
#include "priv/priv.h"
#include "run/live.h"
#include "run/priv_files.h"
#include "sink/sink.h"
#include "store/store.h"

/* One run of the command. */
struct capture {
	struct cli *cli;
	const struct capture_opts *opts;
	struct priv *priv;
	struct priv_files *files;
	struct sink *sink;
	struct store *store;
	struct own_watch *watch; /* who reads what we write; NULL: nobody could */
	struct run_live *live;
	struct capture_show show;
	struct an_print_conf print;
	struct buf lines;
	struct outlet out; /* of lines */
	struct buf filter;
	bool wrong;                     /* that is */
	char first[DEFAULT_IFACE_SIZE]; /* the interface where none is named */
};

static volatile sig_atomic_t asked; /* SIGUSR1 */

static void on_ask(int sig)
{
	(void)sig;
	asked = 1;
}

static void tick(void *arg, const struct run_live_stats *s)
{
	struct capture *c = arg;

	capture_tick(&c->show, s);
}

static void answer(void *arg, const struct run_live_stats *s)
{
	struct capture *c = arg;

	capture_print_line(&c->show, s);
}

static void say(void *arg, const char *text)
{
	struct capture *c = arg;

	CLEANUP(buf_done) struct buf b = BUF_INIT;

	/* It has names of interfaces in it, which may have anything in them. */
	utf8_show(&b, text, strlen(text));
	cli_clear(c->cli);
	cli_say(c->cli, "%s", buf_str(&b));
}

static int add_line(void *arg, const struct pkt *p, const struct dec *d, size_t n,
		    const char *iface)
{
	struct capture *c = arg;

	an_print(&c->print, p, d, n, iface, &c->lines);
	return buf_err(&c->lines);
}

/* What came together is written together: at once, since somebody watches. */
static int write_lines(void *arg)
{
	struct capture *c = arg;
	size_t n;
	int r = 0;

	if (c->lines.len) {
		cli_clear(c->cli);
		r = outlet_write(&c->out, c->lines.p, c->lines.len, &n);
	}
	buf_clear(&c->lines);
	return r;
}

static int open_sink(struct capture *c, struct err *err)
{
	struct sink_conf conf = {
		.format = (enum sink_format)c->opts->file_type,
		.snaplen = (uint32_t)c->opts->snaplen,
		.app = "trawl " TRAWL_VERSION,
		.live = true,
		.stop = cli_stop(),
	};
	char text[CLOCK_TEXT], comment[CLOCK_TEXT + 32];
	struct clock_state clock;
	int fd = capture_out_open(c->priv, c->opts->write, err);

	clock_state_read(&clock);
	snprintf(comment, sizeof(comment), "clock at the start: %s",
		 clock_text(clock.sync, clock.max_error, text));
	conf.comment = comment;
	return fd < 0 ? fd : sink_file_new(&c->sink, fd, c->opts->write, &conf, err);
}

static int open_store(struct capture *c, struct err *err)
{
	CLEANUP(buf_done) struct buf spec = BUF_INIT;
	struct store_conf conf = {
		.app = "trawl " TRAWL_VERSION,
		.snaplen = (uint32_t)c->opts->snaplen,
		.quota = c->opts->quota,
		.keep_packets = c->opts->keep_packets,
		.keep_flows = c->opts->keep_flows,
		.writers = (unsigned)c->opts->threads,
		.flow = capture_opts_flow(c->opts),
	};
	char text[sizeof(err->text)];
	int dir, r;

	r = capture_opts_raw_limit(c->opts, &conf.raw_limit, err);
	if (r == 0)
		r = capture_opts_min_free(c->opts, &conf, err);
	if (r == 0)
		r = priv_dir_grant(c->priv, c->opts->dir, true, &dir, err);
	if (r == 0 && priv_files_new(&c->files, c->priv, dir) < 0)
		r = err_set(err, -ENOMEM, "out of memory");
	if (r < 0)
		return r;
	conf.files = priv_files_ops(c->files);
	buf_addf(&spec, "local:%s", c->opts->dir);
	if (buf_err(&spec))
		return err_set(err, -ENOMEM, "out of memory");
	r = store_open(&c->store, buf_str(&spec), &conf, err);
	if (r == -EBUSY) {
		snprintf(text, sizeof(text), "%s", err->text);
		err_set(err, r, "%s: give each capture a folder of its own", text);
	}
	return r;
}

/* So that a person, or a script, knows that nothing is missed from now on. */
static void say_start(const struct capture *c)
{
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	const struct opt_list *l = &c->opts->ifaces;
	size_t i;

	const char *to = c->opts->write ? c->opts->write : c->opts->dir;

	for (i = 0; i < l->n; i++) {
		buf_addstr(&b, i ? ", " : "");
		utf8_show(&b, l->v[i], strlen(l->v[i]));
	}
	if (!l->n) {
		utf8_show(&b, c->first, strlen(c->first));
		buf_addstr(&b, ", the default route's interface");
	}
	if (to) {
		buf_addstr(&b, ", to ");
		utf8_show(&b, to, strlen(to));
	}
	cli_say(c->cli, "capturing on %s; Ctrl-C ends it", buf_str(&b));
}

/* What would be captured because it is captured. */
static int find_own(struct capture *c, struct own *ret, struct err *err)
{
	bool writes = !c->opts->dir && (!c->opts->write || strcmp(c->opts->write, "-") == 0);
	int r = 0;

	own_find_ssh(ret);
	own_add_socket(ret, STDOUT_FILENO);
	if (writes)
		r = own_watch_new(&c->watch, c->priv, STDOUT_FILENO, err);
	own_watch_look(c->watch, ret);
	return r;
}

static int open_live(struct capture *c, struct err *err)
{
	const struct capture_opts *o = c->opts;
	const char *one = c->first;
	struct run_live_conf conf = {
		.ifaces = o->ifaces.v,
		.n_ifaces = o->ifaces.n,
		.filter = buf_str(&c->filter),
		.promisc = !o->no_promisc,
		.headers_only = o->headers_only,
		.snaplen = (uint32_t)o->snaplen,
		.dir = (enum live_dir)o->direction,
		.buffer_total = o->buffer_total,
		.threads = (unsigned)o->threads,
		.flow = capture_opts_flow(o),
		.max_packets = o->count,
		.duration = o->duration,
		.sink = c->sink,
		.store = c->store,
		.capture = o->name,
		.tick = tick,
		.tick_arg = c,
		.asked = &asked,
		.answer = answer,
		.say = say,
		.say_arg = c,
		.stop = cli_stop(),
	};
	int r;

	if (!o->ifaces.n) {
		r = default_iface(c->first, err);
		if (r < 0)
			return r;
		conf.ifaces = &one;
		conf.n_ifaces = 1;
	}
	if (!c->sink && !c->store) {
		conf.line = add_line;
		conf.lines_end = write_lines;
		conf.line_arg = c;
	}
	r = find_own(c, &conf.own, err);
	if (r < 0)
		return r;
	conf.own_watch = c->watch;
	c->print = (struct an_print_conf){.utc = o->utc, .ifaces = true};
	r = run_live_new(&c->live, c->priv, &conf, err);
	if (r == -EINVAL && strncmp(err->text, "filter: ", 8) == 0) {
		c->wrong = true;
		return capture_filter_hint(buf_str(&c->filter), err);
	}
	return r;
}

static int check_filter(struct capture *c, struct err *err)
{
	const struct opt_list *l = &c->opts->ifaces;
	const char *one = c->first;
	int r = 0;

	if (capture_filter_wants_mask(buf_str(&c->filter)) && !l->n)
		r = default_iface(c->first, err);
	if (r == 0)
		r = capture_filter_mask(&c->filter, c->priv, l->n ? l->v : &one, l->n ? l->n : 1,
					err);
	if (r < 0) {
		c->wrong = r == -EINVAL;
		return r;
	}
	r = filter_check(buf_str(&c->filter), NULL, NULL, err);
	if (r == 0)
		return 0;
	c->wrong = r != -ENOMEM;
	err_wrap(err, r, "filter");
	return c->wrong ? capture_filter_hint(buf_str(&c->filter), err) : r;
}

static int open_all(struct capture *c, const struct opt_list *operands, struct err *err)
{
	size_t i;
	int r;

	for (i = 0; i < operands->n; i++)
		buf_addf(&c->filter, "%s%s", i ? " " : "", operands->v[i]);
	if (buf_err(&c->filter))
		return err_set(err, -ENOMEM, "out of memory");
	r = priv_new(&c->priv, err);
	if (r == 0)
		r = check_filter(c, err);
	if (r == 0)
		r = priv_missing(c->priv, PRIV_PACKET, err);
	if (r == 0 && c->opts->write)
		r = open_sink(c, err);
	if (r == 0 && c->opts->dir)
		r = open_store(c, err);
	if (r == 0)
		r = open_live(c, err);
	/* Interfaces that join later may need more of the opener; namespaces never do. */
	if (r == 0)
		r = priv_forgo(c->priv,
			       PRIV_MARK | (capture_opts_name_netns(c->opts) ? 0 : PRIV_NETNS) |
				       (c->watch ? 0 : PRIV_READERS),
			       err);
	/* From here no privilege: what follows looks into packets. */
	if (r == 0)
		r = priv_drop(c->priv, PRIV_PROFILE_CAPTURE, err);
	return r;
}

static void close_all(struct capture *c)
{
	run_live_free(c->live);
	own_watch_free(c->watch);
	sink_free(c->sink);
	store_close(c->store);
	priv_files_free(c->files);
	priv_free(c->priv);
	buf_done(&c->lines);
	buf_done(&c->filter);
}

/* As cli_fail(), for names of interfaces, which may have anything in them. */
static int fail(const struct err *err)
{
	struct err shown = {.code = err->code};

	err_quote(shown.text, sizeof(shown.text), err->text, (unsigned)strlen(err->text));
	return cli_fail(&shown);
}

/* The account, and whether something of the wanted is missing, or there that should not be. */
static int report(struct capture *c, int status, bool gone)
{
	const struct run_live_stats *s = run_live_stats(c->live);
	const struct run_live_iface *t = &s->total;
	bool lost = t->dropped_ring || t->dropped_limit || s->evicted || s->unfollowed;

	/* What a reader that has gone left behind it did not want. */
	lost |= t->dropped_disk && !gone;
	lost |= s->unremoved > 0;

	cli_clear(c->cli);
	if (!c->cli->quiet || lost)
		capture_print_ledger(s);
	if (c->opts->resources)
		cli_resources(0);
	return status == CLI_DONE && lost ? CLI_INCOMPLETE : status;
}

/* When a reader that stands still is not waited for any more. */
static void set_end(struct capture *c)
{
	struct timespec now;

	outlet_init(&c->out, STDOUT_FILENO, cli_stop());
	if (!c->opts->duration)
		return;
	clock_gettime(CLOCK_BOOTTIME, &now);
	c->out.until = now.tv_sec * INT64_C(1000000000) + now.tv_nsec + c->opts->duration;
	if (c->sink)
		sink_until(c->sink, c->out.until);
}

static int capture_run(struct cli *cli, void *opts, const struct opt_list *operands)
{
	struct capture_opts *o = opts;
	struct capture c = {
		.cli = cli,
		.opts = o,
		.lines = BUF_INIT,
		.filter = BUF_INIT,
		.show = {.cli = cli},
	};
	struct sigaction sa = {.sa_handler = on_ask, .sa_flags = SA_RESTART};
	struct err err = {0};
	int r, status = CLI_DONE;

	/* First of all: unheard it kills. */
	sigaction(SIGUSR1, &sa, NULL);
	if (capture_opts_check(o, &err) < 0)
		return cli_usage(cli, &err);
	cli->quiet = o->quiet;
	c.show.jsonl = o->stats == CAPTURE_STATS_JSONL;
	c.show.line = o->stats == CAPTURE_STATS_LINE ||
		      (o->stats == CAPTURE_STATS_AUTO && cli->err_terminal && !o->quiet &&
		       (o->write || o->dir || !cli->out_terminal));
	r = open_all(&c, operands, &err);
	if (r < 0)
		status = c.wrong ? cli_point(&err, buf_str(&c.filter)) : fail(&err);
	if (r == 0) {
		cli_stop_hurry();
		say_start(&c);
		set_end(&c);
		r = run_live_run(c.live, &err);
		if (r == 0 && c.sink)
			r = sink_finish(c.sink, &err);
		if (r == -ECANCELED)
			cli_say(cli, "%s", err.text);
		else if (r < 0 && r != -EPIPE)
			status = fail(&err);
		status = report(&c, status, r == -EPIPE);
	}
	close_all(&c);
	return status;
}

static const char *const examples[] = {
	"trawl capture -i eth0 port 53",
	"trawl capture -i any -w out.pcapng -c 1000",
	"trawl capture -i veth1 -i veth2 --dir d 'icmp or icmp6'",
	"trawl capture -i netns:blue/eth0 --headers-only --dir d --duration 10m",
	NULL,
};

static const struct opt_cmd capture_opt = {
	.name = "capture",
	.operands = "[PCAP-FILTER]",
	.brief = "packets from interfaces, printed, written to a file or kept with their flows",
	.about = "Captures on network interfaces. Without -w or --dir prints a line for each "
		 "packet. The filter means the frame as it is on the wire, VLAN tags included. At "
		 "the end says on stderr what became of every packet that was seen.",
	.examples = examples,
	.sets = capture_sets,
	.n_sets = CAPTURE_SETS,
	.size = sizeof(struct capture_opts),
};

const struct cli_cmd cmd_capture = {"Capture", &capture_opt, capture_run};
