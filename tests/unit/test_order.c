/* The messages between trawl and trawl-opener.  What is expected is the table of
 * docs/privileges.md, written here once more, and plain arithmetic on sizes. */
#include "priv/order.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "priv/caps.h"
#include "priv/priv.h"

static const uint32_t no_arg[3];

/* One good request of every kind. */
static const struct good {
	uint32_t kind;
	uint32_t arg[3];
	const char *text, *name;
	size_t fds;
	bool before_seal;
	unsigned features;
} goods[] = {
	{ORDER_FORGO, {1}, NULL, NULL, 0, false, 0},
	{ORDER_SEAL, {0}, NULL, NULL, 0, true, 0},
	{ORDER_PACKET, {0}, NULL, NULL, 0, false, PRIV_PACKET},
	{ORDER_PACKET, {0}, "blue", NULL, 0, false, PRIV_PACKET | PRIV_NETNS},
	{ORDER_ROUTE, {0}, NULL, NULL, 0, false, PRIV_ROUTE},
	{ORDER_ROUTE, {0}, "blue", NULL, 0, false, PRIV_ROUTE | PRIV_NETNS},
	{ORDER_NETNS, {0}, NULL, NULL, 0, false, PRIV_NETNS},
	{ORDER_BPF, {7}, NULL, NULL, 1, false, PRIV_BPF},
	{ORDER_MARK, {7}, NULL, NULL, 1, false, PRIV_MARK},
	{ORDER_GRANT, {1}, "/a/../b", NULL, 0, true, PRIV_GRANT},
	{ORDER_MKDIR, {0, 0700}, "a", NULL, 0, false, PRIV_FILES},
	{ORDER_DIR_FD, {3}, NULL, NULL, 0, false, PRIV_FILES},
	{ORDER_DIR_CLOSE, {3}, NULL, NULL, 0, false, PRIV_FILES},
	{ORDER_CREATE, {3, 1, 0600}, "..a", NULL, 0, false, PRIV_FILES},
	{ORDER_RENAME, {3}, "a", "b", 0, false, PRIV_FILES},
	{ORDER_UNLINK, {3}, "a", NULL, 0, false, PRIV_FILES},
	{ORDER_RMDIR, {3}, "a", NULL, 0, false, PRIV_FILES},
	{ORDER_READERS, {0}, NULL, NULL, 1, false, PRIV_READERS},
};
#define N_GOODS (sizeof(goods) / sizeof(goods[0]))

static const struct gate open_gate = {.greeted = true, .features = PRIV_ALL};

static void encode(const struct good *g, struct order_wire *w)
{
	struct err err = {0};

	if (order_encode(w, g->kind, g->arg, g->text, g->name, &err) < 0)
		fail_msg("kind %u: %s", g->kind, err.text);
}

static int pass(const struct gate *g, const struct order_wire *w, size_t fds)
{
	struct order_wire got;
	struct err err = {0};
	int r = gate_pass(g, w, sizeof(*w), fds, &got, &err);

	if (r < 0) {
		assert_int_equal(err.code, r);
		assert_true(err.text[0]);
	} else {
		assert_memory_equal(&got, w, sizeof(got));
	}
	return r;
}

static void every_kind_passes(void **state)
{
	struct order_wire w;

	(void)state;
	for (size_t i = 0; i < N_GOODS; i++) {
		encode(&goods[i], &w);
		assert_int_equal(pass(&open_gate, &w, goods[i].fds), 0);
	}
	for (uint32_t kind = 1; kind < ORDER_KINDS; kind++)
		assert_non_null(order_rule(kind));
	assert_null(order_rule(0));
	assert_null(order_rule(ORDER_KINDS));
	assert_null(order_rule(UINT32_MAX));
}

/* Nothing is read past the end: the buffer is exactly as long. */
static void every_truncation_is_refused(void **state)
{
	struct order_wire w, got;

	(void)state;
	for (size_t i = 0; i < N_GOODS; i++) {
		encode(&goods[i], &w);
		for (size_t size = 0; size < sizeof(w); size++) {
			char *p = malloc(size ? size : 1);

			assert_non_null(p);
			memcpy(p, &w, size);
			assert_int_equal(gate_pass(&open_gate, p, size, goods[i].fds, &got, NULL),
					 -EBADMSG);
			free(p);
		}
	}
}

static void longer_is_refused(void **state)
{
	struct {
		struct order_wire w;
		char more[8];
	} m = {0};
	struct order_wire got;

	(void)state;
	encode(&goods[0], &m.w);
	for (size_t more = 1; more <= sizeof(m.more); more++)
		assert_int_equal(gate_pass(&open_gate, &m, sizeof(m.w) + more, 0, &got, NULL),
				 -EBADMSG);
}

static void unknown_kinds_are_refused(void **state)
{
	const uint32_t kinds[] = {0, ORDER_KINDS, ORDER_KINDS + 1, 1u << 16, UINT32_MAX};
	struct order_wire w;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		encode(&goods[1], &w);
		w.kind = kinds[i];
		assert_int_equal(pass(&open_gate, &w, 0), -ENOSYS);
		assert_int_equal(order_encode(&w, kinds[i], no_arg, NULL, NULL, NULL), -ENOSYS);
	}
}

static void other_versions_are_refused(void **state)
{
	struct order_wire w;

	(void)state;
	encode(&goods[1], &w);
	w.magic++;
	assert_int_equal(pass(&open_gate, &w, 0), -EPROTONOSUPPORT);
	/* Whatever its length is there. */
	assert_int_equal(gate_pass(&open_gate, "TRO2....", 8, 0, &w, NULL), -EPROTONOSUPPORT);
}

static void descriptors_must_be_as_many(void **state)
{
	struct order_wire w;

	(void)state;
	for (size_t i = 0; i < N_GOODS; i++)
		for (size_t n = 0; n <= ORDER_FDS_MAX; n++) {
			encode(&goods[i], &w);
			assert_int_equal(pass(&open_gate, &w, n), n == goods[i].fds ? 0 : -EINVAL);
		}
}

/* What a kind has no use for is zero, so nothing can be smuggled in it. */
static void unused_arguments_must_be_zero(void **state)
{
	static const size_t used[ORDER_KINDS] = {
		[ORDER_FORGO] = 1,  [ORDER_BPF] = 1,       [ORDER_MARK] = 1,   [ORDER_MKDIR] = 2,
		[ORDER_DIR_FD] = 1, [ORDER_DIR_CLOSE] = 1, [ORDER_CREATE] = 3, [ORDER_RENAME] = 1,
		[ORDER_UNLINK] = 1, [ORDER_RMDIR] = 1,     [ORDER_GRANT] = 1,  [ORDER_READERS] = 1};
	struct order_wire w;

	(void)state;
	for (size_t i = 0; i < N_GOODS; i++)
		for (size_t a = 0; a < 3; a++) {
			encode(&goods[i], &w);
			w.arg[a] = 1;
			assert_int_equal(pass(&open_gate, &w, goods[i].fds),
					 a < used[goods[i].kind] ? 0 : -EINVAL);
		}
}

static void texts_are_padded_with_zeros(void **state)
{
	struct order_wire w;

	(void)state;
	for (size_t i = 0; i < N_GOODS; i++) {
		encode(&goods[i], &w);
		w.text[sizeof(w.text) - 2] = 'x';
		assert_int_equal(pass(&open_gate, &w, goods[i].fds), -EBADMSG);
		encode(&goods[i], &w);
		w.name[sizeof(w.name) - 1] = 'x';
		assert_int_equal(pass(&open_gate, &w, goods[i].fds), -EBADMSG);
		/* Without any end. */
		encode(&goods[i], &w);
		memset(w.text, 'x', sizeof(w.text));
		assert_int_equal(pass(&open_gate, &w, goods[i].fds), -EBADMSG);
	}
}

static void names_are_plain(void **state)
{
	static const char *const bad[] = {".", "..", "/", "a/", "/a", "a/b", "../a"};
	struct order_wire w;

	(void)state;
	for (size_t i = 0; i < N_GOODS; i++) {
		const struct good *g = &goods[i];

		/* A path is anything but nothing. */
		if (!g->text || g->kind == ORDER_GRANT)
			continue;
		for (size_t b = 0; b < sizeof(bad) / sizeof(bad[0]); b++) {
			encode(g, &w);
			memset(w.text, 0, sizeof(w.text));
			memcpy(w.text, bad[b], strlen(bad[b]));
			assert_int_equal(pass(&open_gate, &w, g->fds), -EINVAL);
			if (g->name) {
				encode(g, &w);
				memset(w.name, 0, sizeof(w.name));
				memcpy(w.name, bad[b], strlen(bad[b]));
				assert_int_equal(pass(&open_gate, &w, g->fds), -EINVAL);
			}
			assert_int_equal(order_encode(&w, g->kind, g->arg, bad[b], g->name, NULL),
					 -EINVAL);
		}
	}
}

static void names_have_a_limit(void **state)
{
	char name[ORDER_PATH_SIZE + 1];
	struct order_wire w;

	(void)state;
	memset(name, 'x', sizeof(name));
	name[255] = '\0'; /* NAME_MAX, linux/limits.h */
	assert_int_equal(order_encode(&w, ORDER_UNLINK, no_arg, name, NULL, NULL), 0);
	name[255] = 'x';
	name[256] = '\0';
	assert_int_equal(order_encode(&w, ORDER_UNLINK, no_arg, name, NULL, NULL), -ENAMETOOLONG);
	assert_int_equal(order_encode(&w, ORDER_RENAME, no_arg, "a", name, NULL), -ENAMETOOLONG);
	/* Nor does one get through that was not made by order_encode(). */
	encode(&goods[N_GOODS - 1], &w);
	memset(w.text, 'x', 256);
	assert_int_equal(pass(&open_gate, &w, 0), -EINVAL);

	name[256] = 'x';
	name[4095] = '\0'; /* PATH_MAX counts the NUL */
	assert_int_equal(order_encode(&w, ORDER_GRANT, no_arg, name, NULL, NULL), 0);
	name[4095] = 'x';
	name[4096] = '\0';
	assert_int_equal(order_encode(&w, ORDER_GRANT, no_arg, name, NULL, NULL), -ENAMETOOLONG);
	assert_int_equal(order_encode(&w, ORDER_GRANT, no_arg, "", NULL, NULL), -EINVAL);
}

static void hello_is_first_and_once(void **state)
{
	const struct gate fresh = {.features = PRIV_ALL};
	const uint32_t arg[3] = {1000, 1000};
	struct order_wire w;

	(void)state;
	for (size_t i = 0; i < N_GOODS; i++) {
		encode(&goods[i], &w);
		assert_int_equal(pass(&fresh, &w, goods[i].fds), -EPERM);
	}
	assert_int_equal(order_encode(&w, ORDER_HELLO, arg, NULL, NULL, NULL), 0);
	assert_int_equal(pass(&fresh, &w, 0), 0);
	assert_int_equal(pass(&open_gate, &w, 0), -EPERM);
}

static void grants_end_when_sealed(void **state)
{
	const struct gate sealed = {.greeted = true, .sealed = true, .features = PRIV_ALL};
	struct order_wire w;

	(void)state;
	for (size_t i = 0; i < N_GOODS; i++) {
		encode(&goods[i], &w);
		assert_int_equal(pass(&sealed, &w, goods[i].fds),
				 goods[i].before_seal ? -EPERM : 0);
	}
}

static void forgone_is_refused(void **state)
{
	struct order_wire w;

	(void)state;
	for (size_t i = 0; i < N_GOODS; i++)
		for (unsigned f = 1; f < PRIV_ALL; f <<= 1) {
			const struct gate g = {.greeted = true, .features = PRIV_ALL & ~f};

			encode(&goods[i], &w);
			assert_int_equal(pass(&g, &w, goods[i].fds),
					 goods[i].features & f ? -EPERM : 0);
		}
}

static void answers(void **state)
{
	struct answer_wire a = {.magic = ORDER_MAGIC, .kind = ORDER_BPF}, got;

	(void)state;
	assert_int_equal(answer_decode(&a, sizeof(a), 2, ORDER_BPF, &got, NULL), 0);
	for (size_t size = 0; size < sizeof(a); size++)
		assert_int_equal(answer_decode(&a, size, 2, ORDER_BPF, &got, NULL), -EBADMSG);
	/* Descriptors come as many as they are, with success only. */
	assert_int_equal(answer_decode(&a, sizeof(a), 1, ORDER_BPF, &got, NULL), -EBADMSG);
	assert_int_equal(answer_decode(&a, sizeof(a), 0, ORDER_BPF, &got, NULL), -EBADMSG);
	assert_int_equal(answer_decode(&a, sizeof(a), 2, ORDER_PACKET, &got, NULL), -EBADMSG);
	a.code = -EINVAL;
	assert_int_equal(answer_decode(&a, sizeof(a), 2, ORDER_BPF, &got, NULL), -EBADMSG);
	assert_int_equal(answer_decode(&a, sizeof(a), 0, ORDER_BPF, &got, NULL), 0);
	a.kind = 0;
	assert_int_equal(answer_decode(&a, sizeof(a), 0, ORDER_BPF, &got, NULL), 0);
	a.code = 0;
	assert_int_equal(answer_decode(&a, sizeof(a), 2, ORDER_BPF, &got, NULL), -EBADMSG);
	a.kind = ORDER_BPF;
	a.code = 1;
	assert_int_equal(answer_decode(&a, sizeof(a), 2, ORDER_BPF, &got, NULL), -EBADMSG);
	a.code = 0;
	memset(a.text, 'x', sizeof(a.text));
	assert_int_equal(answer_decode(&a, sizeof(a), 2, ORDER_BPF, &got, NULL), -EBADMSG);
	a.magic++;
	assert_int_equal(answer_decode(&a, sizeof(a), 2, ORDER_BPF, &got, NULL), -EPROTONOSUPPORT);
}

/* Numbers of capabilities: linux/capability.h. */
#define DAC_OVERRIDE (UINT64_C(1) << 1)
#define NET_ADMIN    (UINT64_C(1) << 12)
#define NET_RAW      (UINT64_C(1) << 13)
#define SYS_ADMIN    (UINT64_C(1) << 21)
#define BPF          (UINT64_C(1) << 39)
#define ALL          (NET_ADMIN | NET_RAW | SYS_ADMIN | BPF | DAC_OVERRIDE)

static void capability_table(void **state)
{
	static const struct {
		unsigned features;
		uint64_t have, use, lacking;
	} rows[] = {
		{PRIV_PACKET, ALL, NET_RAW, 0},
		{PRIV_PACKET, ALL & ~NET_RAW, 0, NET_RAW},
		{PRIV_ROUTE, ALL, 0, 0},
		{PRIV_ROUTE, 0, 0, 0},
		{PRIV_NETNS, ALL, SYS_ADMIN, 0},
		{PRIV_NETNS, 0, 0, SYS_ADMIN},
		{PRIV_BPF, ALL, BPF, 0},
		{PRIV_BPF, SYS_ADMIN, SYS_ADMIN, 0},
		{PRIV_BPF, NET_RAW, 0, BPF},
		{PRIV_MARK, ALL, NET_RAW, 0},
		{PRIV_MARK, NET_ADMIN, NET_ADMIN, 0},
		{PRIV_MARK, BPF, 0, NET_RAW},
		{PRIV_GRANT | PRIV_FILES, ALL, DAC_OVERRIDE, 0},
		{PRIV_GRANT | PRIV_FILES, 0, 0, 0},
		{PRIV_ALL, ALL, ALL & ~NET_ADMIN, 0},
		{PRIV_ALL, 0, 0, NET_RAW | SYS_ADMIN | BPF},
		{0, ALL, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(caps_for(rows[i].features, rows[i].have), rows[i].use);
		assert_int_equal(caps_lacking(rows[i].features, rows[i].have), rows[i].lacking);
	}
}

static void capability_names(void **state)
{
	char text[128], small[12];

	(void)state;
	assert_string_equal(caps_names(0, text, sizeof(text)), "");
	assert_string_equal(caps_names(NET_RAW, text, sizeof(text)), "CAP_NET_RAW");
	assert_string_equal(caps_names(NET_RAW | BPF, text, sizeof(text)),
			    "CAP_NET_RAW and CAP_BPF");
	assert_string_equal(caps_names(NET_RAW | SYS_ADMIN | BPF, text, sizeof(text)),
			    "CAP_NET_RAW, CAP_SYS_ADMIN and CAP_BPF");
	assert_string_equal(caps_names(UINT64_C(1) << 63, text, sizeof(text)), "capability 63");
	assert_string_equal(caps_names(ALL, small, sizeof(small)), "CAP_DAC_OVE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_passes),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(longer_is_refused),
		cmocka_unit_test(unknown_kinds_are_refused),
		cmocka_unit_test(other_versions_are_refused),
		cmocka_unit_test(descriptors_must_be_as_many),
		cmocka_unit_test(unused_arguments_must_be_zero),
		cmocka_unit_test(texts_are_padded_with_zeros),
		cmocka_unit_test(names_are_plain),
		cmocka_unit_test(names_have_a_limit),
		cmocka_unit_test(hello_is_first_and_once),
		cmocka_unit_test(grants_end_when_sealed),
		cmocka_unit_test(forgone_is_refused),
		cmocka_unit_test(answers),
		cmocka_unit_test(capability_table),
		cmocka_unit_test(capability_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
