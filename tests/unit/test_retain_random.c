/* Any order of things that happen to a store's files, against a model that knows only the
 * rules in retain.h and tries all files for each decision. */
#include "store/retain.h"

#include <inttypes.h>

#include "retain_place.h"

#define START (BASE * SEC)
#define FILES 4000
#define RUNS  2000

/* One file, or segment, as the model believes it is. */
struct thing {
	int run;
	enum retain_kind kind;
	uint32_t number;              /* UINT32_MAX: a journal */
	uint64_t granted, main, side; /* open: reserved; closed or on the disk: in the files */
	int64_t time;
	int64_t handle;
	bool there, open, listed;
};

struct model {
	char path[80];
	int fd;
	unsigned seed;
	struct store_files files;
	struct retain_conf conf;
	struct retain *r;
	struct thing v[FILES];
	int n;
	struct {
		char name[64];
		int64_t handle; /* 0: nobody writes it */
		uint32_t last;  /* number used */
		int lock;       /* descriptor that another process would have; -1: none */
	} runs[RUNS];
	int n_runs;
	uint64_t other, extra; /* bytes; of 'other' those that retain_other() told */
	struct retain_time begun, now;
	int64_t up;
	int doomed; /* thing that is being removed; -1: none */
	uint64_t removed;
};

static unsigned rnd(struct model *m, unsigned n)
{
	m->seed = m->seed * 1664525 + 1013904223;
	return (m->seed >> 8) % n;
}

static enum retain_kind class_of(const struct thing *t)
{
	return t->kind == RETAIN_SEGMENT ? RETAIN_SEGMENT : RETAIN_FSEG;
}

static bool same_queue(const struct thing *a, const struct thing *b)
{
	return a->run == b->run && class_of(a) == class_of(b);
}

static uint64_t size_of(const struct thing *t)
{
	return !t->there ? 0 : t->open && !t->listed ? t->granted : t->main + t->side;
}

static uint64_t used(const struct model *m)
{
	uint64_t n = m->other;

	for (int i = 0; i < m->n; i++)
		n += size_of(&m->v[i]);
	return n;
}

/* May it go?  Nothing of its queue is before it; before a journal nothing at all. */
static bool may_go(const struct model *m, const struct thing *t)
{
	if (!t->there || t->open)
		return false;
	for (int i = 0; i < m->n; i++) {
		const struct thing *o = &m->v[i];

		if (o->there && o != t && o->run == t->run &&
		    (t->kind == RETAIN_JOURNAL || (same_queue(o, t) && o->number < t->number)))
			return false;
	}
	return true;
}

/* Never less than that of those before it. */
static int64_t time_of(const struct model *m, const struct thing *t)
{
	int64_t time = t->time;

	for (int i = 0; i < m->n; i++)
		if (same_queue(&m->v[i], t) && m->v[i].number < t->number && !m->v[i].open &&
		    m->v[i].time > time)
			time = m->v[i].time;
	return time;
}

/* The oldest of a class that may go, 0: of both; -1: none. */
static int oldest(const struct model *m, enum retain_kind class)
{
	int best = -1;

	for (int i = 0; i < m->n; i++) {
		const struct thing *t = &m->v[i];

		if ((class && class_of(t) != class) || !may_go(m, t))
			continue;
		if (best < 0 || (t->listed && !m->v[best].listed) ||
		    (t->listed == m->v[best].listed && time_of(m, t) < time_of(m, &m->v[best])))
			best = i;
	}
	return best;
}

/* Packets are to go for room. */
static bool is_packets_turn(const struct model *m)
{
	uint64_t packets = 0;

	for (int i = 0; i < m->n; i++)
		packets += m->v[i].kind == RETAIN_SEGMENT ? size_of(&m->v[i]) : 0;
	return packets > m->conf.quota / 4 && oldest(m, RETAIN_SEGMENT) >= 0;
}

static int for_room(const struct model *m)
{
	return oldest(m, is_packets_turn(m) ? RETAIN_SEGMENT : 0);
}

static bool too_old(const struct model *m, int i)
{
	const struct thing *t = &m->v[i];
	int64_t keep = t->kind == RETAIN_SEGMENT ? m->conf.keep_packets : m->conf.keep_flows;
	int64_t here = m->up - m->begun.wall, time = time_of(m, t), age, clock;

	clock = m->now.wall < m->up ? m->now.wall : m->up;
	age = clock - (time < m->begun.wall ? time : m->begun.wall);
	age = age < here ? here : age;
	return keep && (t->listed ? age : m->up - time) > keep;
}

static void name_of(const struct model *m, const struct thing *t, const char *end, char ret[128])
{
	if (t->kind == RETAIN_JOURNAL)
		snprintf(ret, 128, "%s.jrn", m->runs[t->run].name);
	else
		snprintf(ret, 128, "%s-%06" PRIu32 "%s", m->runs[t->run].name, t->number, end);
}

static const char *end_of(const struct thing *t)
{
	return t->kind == RETAIN_SEGMENT ? ".pcapng" : t->kind == RETAIN_FSEG ? ".fseg" : ".rows";
}

static bool is_of(const struct model *m, const struct thing *t, const char *name)
{
	static const char *const beside[] = {".pidx", ".refs", ".pidx.tmp"};
	char want[128];

	name_of(m, t, end_of(t), want);
	if (strcmp(want, name) == 0)
		return true;
	for (int i = 0; i < 3 && t->kind == RETAIN_SEGMENT; i++) {
		name_of(m, t, beside[i], want);
		if (strcmp(want, name) == 0)
			return true;
	}
	return false;
}

/* Called for the file itself, then for what is beside it. */
static int check_unlink(void *arg, const char *name)
{
	struct model *m = arg;
	int i = m->doomed;

	if (i < 0)
		for (i = 0; i < m->n && !(m->v[i].there && is_of(m, &m->v[i], name)); i++)
			;
	if (i == m->n || !is_of(m, &m->v[i], name))
		fail_msg("'%s' was not to be removed", name);
	m->doomed = i;
	return unlinkat(m->fd, name, 0) < 0 ? -errno : 0;
}

static void check_removed(void *arg, const struct retain_removed *what)
{
	struct model *m = arg;
	struct thing *t = &m->v[m->doomed];
	enum retain_kind class = class_of(t);
	int want = oldest(m, what->why == RETAIN_WHY_AGE || is_packets_turn(m) ? class : 0);

	assert_true(may_go(m, t));
	/* Those that are equally old have no order. */
	assert_int_equal(t->listed, m->v[want].listed);
	assert_int_equal(time_of(m, t), time_of(m, &m->v[want]));
	if (what->why == RETAIN_WHY_AGE)
		assert_true(too_old(m, m->doomed));
	else
		assert_true(class == RETAIN_SEGMENT || !is_packets_turn(m));
	assert_string_equal(what->run, m->runs[t->run].name);
	assert_int_equal(what->bytes, t->main + t->side);
	t->there = false;
	m->doomed = -1;
	m->removed++;
}

static uint64_t walked;

static int add_size(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path;
	(void)ftw;
	walked += type == FTW_F ? (uint64_t)st->st_size : 0;
	return 0;
}

static void check(struct model *m)
{
	struct retain_stats s;

	retain_stats(m->r, &s);
	assert_int_equal(s.used, used(m));
	assert_int_equal(s.other, m->other);
	walked = 0;
	assert_int_equal(nftw(m->path, add_size, 16, FTW_PHYS), 0);
	assert_true(walked <= s.used);
	assert_true(s.used <= m->conf.quota);
	assert_int_equal(s.removed_packets.files + s.removed_flows.files + s.vanished, m->removed);
}

static void put_at(const struct model *m, const char *name, uint64_t size, int64_t time)
{
	struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {time / SEC, time % SEC}};
	int fd = openat(m->fd, name, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(futimens(fd, t), 0);
	close(fd);
}

/* All on disks has a time of its own, so that there is one order. */
static int64_t any_time(struct model *m)
{
	return m->now.wall + ((int64_t)rnd(m, 200) - 150) * HOUR / 10 + m->n;
}

static int add_thing(struct model *m, int run, enum retain_kind kind, uint32_t number)
{
	struct thing *t = &m->v[m->n];
	char name[128];

	assert_true(m->n < FILES);
	*t = (struct thing){
		.run = run, .kind = kind, .number = number, .there = true, .open = true};
	t->handle =
		retain_add(m->r, m->runs[run].handle, kind, kind == RETAIN_JOURNAL ? 0 : number);
	assert_true(t->handle > 0);
	name_of(m, t, end_of(t), name);
	put_at(m, name, 0, any_time(m));
	return m->n++;
}

static void add_run(struct model *m)
{
	int n = m->n_runs++;

	assert_true(n < RUNS);
	m->runs[n].lock = -1;
	m->runs[n].last = 0;
	snprintf(m->runs[n].name, sizeof(m->runs[n].name), "c/%d/%016x", (int)rnd(m, 2), n + 1);
	m->runs[n].handle = retain_run(m->r, m->runs[n].name);
	assert_true(m->runs[n].handle > 0);
	add_thing(m, n, RETAIN_JOURNAL, UINT32_MAX);
}

/* One of those that this process writes; -1: there is none at the place that was looked at. */
static int any_open(struct model *m)
{
	int i = m->n ? (int)rnd(m, (unsigned)m->n) : -1;

	for (int k = 0; k < 50 && i >= 0; k++, i--)
		if (m->v[i].there && m->v[i].open && !m->v[i].listed)
			return i;
	return -1;
}

static void reserve(struct model *m)
{
	static const uint64_t max[] = {1, 100000, 3 * MIB, 16 * MIB};
	uint64_t bytes = rnd(m, (unsigned)max[rnd(m, 4)]), more;
	int i = any_open(m), r;
	struct thing *t;
	char name[128];

	if (i < 0)
		return;
	t = &m->v[i];
	r = retain_reserve(m->r, t->handle, bytes);
	if (r < 0) {
		uint64_t stays = m->other;

		assert_int_equal(r, -EDQUOT);
		for (int k = 0; k < m->n; k++)
			stays += m->v[k].open ? size_of(&m->v[k]) : 0;
		assert_true(used(m) + bytes > m->conf.quota);
		assert_true(for_room(m) < 0 || stays + bytes > m->conf.quota);
		return;
	}
	t->granted += bytes;
	check(m);
	more = rnd(m, (unsigned)(t->granted - t->main - t->side) + 1);
	name_of(m, t, end_of(t), name);
	if (t->kind == RETAIN_SEGMENT && rnd(m, 3) == 0) {
		t->side += more;
		name_of(m, t, rnd(m, 2) ? ".pidx" : ".refs", name);
		/* One of the two holds all of it. */
		more = t->side;
		for (int k = 0; k < 2; k++) {
			char both[128];

			name_of(m, t, k ? ".pidx" : ".refs", both);
			if (strcmp(both, name) != 0)
				unlinkat(m->fd, both, 0);
		}
	} else {
		more = t->main += more;
	}
	put_at(m, name, more, any_time(m));
}

static void shut(struct model *m, int i)
{
	struct thing *t = &m->v[i];
	char name[128];

	name_of(m, t, end_of(t), name);
	t->time = any_time(m); /* as on the disk, for a later process */
	put_at(m, name, t->main, t->time);
	retain_close(m->r, t->handle, t->main, t->side);
	t->open = false;
	t->time = m->up;
	if (t->kind == RETAIN_JOURNAL)
		m->runs[t->run].handle = 0;
}

static void shut_any(struct model *m)
{
	int i = any_open(m);
	char name[128];

	if (i < 0 || (m->v[i].kind == RETAIN_JOURNAL && rnd(m, 4)))
		return;
	if (m->v[i].kind != RETAIN_JOURNAL && rnd(m, 4) == 0) {
		static const char *const ends[] = {".pidx", ".refs"};

		name_of(m, &m->v[i], end_of(&m->v[i]), name);
		unlinkat(m->fd, name, 0);
		for (int k = 0; k < 2 && m->v[i].kind == RETAIN_SEGMENT; k++) {
			name_of(m, &m->v[i], ends[k], name);
			unlinkat(m->fd, name, 0);
		}
		retain_gone(m->r, m->v[i].handle);
		m->v[i].there = false;
		return;
	}
	/* What a run still writes ends before its journal. */
	for (int k = 0; k < m->n && m->v[i].kind == RETAIN_JOURNAL; k++)
		if (k != i && m->v[k].run == m->v[i].run && m->v[k].there && m->v[k].open)
			shut(m, k);
	shut(m, i);
}

static void add_file(struct model *m)
{
	int run = (int)rnd(m, (unsigned)m->n_runs);
	uint32_t number;

	if (!m->runs[run].handle)
		return;
	number = 2 * ++m->runs[run].last;
	if (number > 2 && rnd(m, 5) == 0)
		number -= 3; /* between those that are there */
	add_thing(m, run, RETAIN_SEGMENT + rnd(m, 3), number);
}

/* Somebody else removes a file. */
static void vanish(struct model *m)
{
	int i = m->n ? (int)rnd(m, (unsigned)m->n) : -1;
	char name[128];

	if (i < 0 || !m->v[i].there || m->v[i].open || m->v[i].kind == RETAIN_JOURNAL)
		return;
	name_of(m, &m->v[i], end_of(&m->v[i]), name);
	unlinkat(m->fd, name, 0);
}

static void change_other(struct model *m)
{
	uint64_t n = rnd(m, 2 * MIB);
	int r;

	if (rnd(m, 2) || m->extra > 8 * MIB) {
		n = n < m->extra ? n : m->extra;
		put_at(m, "other", m->extra -= n, 0);
		assert_int_equal(retain_other(m->r, -(int64_t)n), 0);
		m->other -= n;
		return;
	}
	r = retain_other(m->r, (int64_t)n);
	assert_true(r == 0 || r == -EDQUOT);
	if (r == 0) {
		m->other += n;
		put_at(m, "other", m->extra += n, 0);
	}
}

static void work(struct model *m)
{
	int64_t ns = (int64_t)rnd(m, 3000) * SEC;
	uint64_t room = m->conf.quota / 16, two = 2 * retain_segment(m->r);

	m->now.mono += ns;
	m->now.wall += ns;
	if (rnd(m, 10) == 0)
		m->now.wall += ((int64_t)rnd(m, 201) - 100) * HOUR;
	m->up = m->begun.wall + m->now.mono - m->begun.mono;
	while (retain_work(m->r, m->now))
		;
	for (int k = 0; k < 2; k++) {
		int i = oldest(m, k ? RETAIN_SEGMENT : RETAIN_FSEG);

		assert_true(i < 0 || !too_old(m, i));
	}
	assert_true(for_room(m) < 0 || used(m) <= m->conf.quota - (room < two ? room : two));
}

/* Another process finds what is there.  Some runs are still written, as it seems. */
static void restart(struct model *m)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	static const char *const ends[] = {"", ".pidx", ".refs"};
	struct err err = {0};
	char name[128];
	struct stat st;
	int i, k;

	if (m->r)
		for (i = 0; i < m->n; i++)
			if (m->v[i].there && m->v[i].open && !m->v[i].listed)
				shut(m, i);
	retain_free(m->r);
	m->r = NULL;
	for (i = 0; i < m->n_runs; i++) {
		m->runs[i].handle = 0;
		if (m->runs[i].lock >= 0)
			close(m->runs[i].lock);
		snprintf(name, sizeof(name), "%s.jrn", m->runs[i].name);
		m->runs[i].lock = rnd(m, 8) ? -1 : openat(m->fd, name, O_RDWR);
		if (m->runs[i].lock >= 0)
			assert_int_equal(fcntl(m->runs[i].lock, F_OFD_SETLK, &l), 0);
	}
	/* What is known of things that went is of no use to another process. */
	for (i = k = 0; i < m->n; i++) {
		struct thing t = m->v[i];

		if (!t.there)
			continue;
		t.main = t.side = 0;
		t.listed = true;
		t.open = false;
		t.there = false;
		for (int e = 2; e >= 0; e--) {
			if (e && t.kind != RETAIN_SEGMENT)
				continue;
			name_of(m, &t, e ? ends[e] : end_of(&t), name);
			if (fstatat(m->fd, name, &st, 0) < 0)
				continue;
			*(e ? &t.side : &t.main) += (uint64_t)st.st_size;
			t.time = st.st_mtim.tv_sec * SEC + st.st_mtim.tv_nsec;
			t.there = true;
		}
		if (t.there)
			m->v[k++] = t;
	}
	m->n = k;
	for (i = 0; i < m->n; i++) {
		struct thing *t = &m->v[i];
		bool last = true;

		for (k = 0; k < m->n; k++)
			last &= m->v[k].run != t->run || m->v[k].kind != t->kind ||
				m->v[k].number <= t->number;
		t->open = m->runs[t->run].lock >= 0 && (last || t->kind == RETAIN_ROWS);
	}
	m->conf.quota = (20 + rnd(m, 40)) * MIB;
	m->conf.keep_packets = rnd(m, 3) ? (int64_t)(1 + rnd(m, 20)) * HOUR : 0;
	m->conf.keep_flows = rnd(m, 3) ? (int64_t)(1 + rnd(m, 20)) * HOUR : 0;
	m->begun = m->now;
	m->up = m->now.wall;
	m->removed = 0;
	for (;;) {
		int r = retain_new(&m->r, &m->conf, m->begun, &err);
		uint64_t stays = m->other;

		if (r == 0)
			break;
		assert_int_equal(r, -EDQUOT);
		for (i = 0; i < m->n; i++)
			stays += m->v[i].open ? size_of(&m->v[i]) : 0;
		assert_true(stays + 16 * MIB > m->conf.quota);
		m->conf.quota += 16 * MIB;
	}
}

static void test_random(void **state)
{
	static struct model m;
	unsigned seed, step;
	uint64_t removed = 0;

	(void)state;
	for (seed = 1; seed <= 4; seed++) {
		m = (struct model){.seed = seed * 77, .doomed = -1, .now = {START, 5 * HOUR}};
		snprintf(m.path, sizeof(m.path), "%s/%u", root, seed);
		assert_int_equal(mkdir(m.path, 0700), 0);
		m.fd = open(m.path, O_RDONLY | O_DIRECTORY);
		assert_int_equal(mkdirat(m.fd, "c", 0700), 0);
		assert_int_equal(mkdirat(m.fd, "c/0", 0700), 0);
		assert_int_equal(mkdirat(m.fd, "c/1", 0700), 0);
		m.files = (struct store_files){.arg = &m, .unlink = check_unlink};
		m.conf = (struct retain_conf){
			.dir_fd = m.fd,
			.path = m.path,
			.files = &m.files,
			.segment_size = MIB,
			.clock_ok = true,
			.arg = &m,
			.removed = check_removed,
		};
		for (step = 0; step < 3000; step++) {
			unsigned what = rnd(&m, 100);

			if (!m.r || (what == 0 && rnd(&m, 3) == 0))
				restart(&m);
			else if (what < 4 || !m.n_runs || !m.runs[m.n_runs - 1].handle)
				add_run(&m);
			else if (what < 30)
				add_file(&m);
			else if (what < 70)
				reserve(&m);
			else if (what < 92)
				shut_any(&m);
			else if (what < 93)
				vanish(&m);
			else if (what < 95)
				change_other(&m);
			else
				work(&m);
			check(&m);
			if (what == 0)
				removed += m.removed;
		}
		removed += m.removed;
		restart(&m);
		retain_free(m.r);
		for (step = 0; step < (unsigned)m.n_runs; step++)
			if (m.runs[step].lock >= 0)
				close(m.runs[step].lock);
		close(m.fd);
	}
	assert_true(removed > 1000); /* or all of this showed nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
