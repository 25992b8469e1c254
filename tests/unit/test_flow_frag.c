/* flow/flow_frag.c: later fragments find the ports of their first one, and nobody else's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "flow/flow_frag.h"
#include "flow_make.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What a fragment is found by; 0: as in the first one, else that field differs. */
struct change {
	uint8_t src, dst, proto, kind;
	uint16_t vlan, inner_vlan;
	uint32_t id, iface, parent;
};

static struct dec first(uint32_t id)
{
	struct dec d = make_udp(1, 5000, 2, 53);

	d.flags |= DEC_FRAG | DEC_FRAG_FIRST;
	d.frag_id = id;
	return d;
}

static struct dec later(uint32_t id)
{
	struct dec d = make_ip4(IPPROTO_UDP, 1, 2);

	d.flags = DEC_FRAG;
	d.frag_id = id;
	return d;
}

static void found_by(void **state)
{
	static const struct {
		struct change c;
		int64_t after; /* ns since the first fragment */
		bool found;
	} cases[] = {
		{{0}, 0, true},
		{{0}, 60 * SEC, true}, /* RFC 8200 4.5: reassembly gives up after 60 s */
		{{0}, 60 * SEC + 1, false},
		{{.src = 1}, 0, false},
		{{.dst = 1}, 0, false},
		{{.proto = IPPROTO_TCP}, 0, false},
		{{.kind = DEC_IP6}, 0, false},
		{{.vlan = 5}, 0, false},
		{{.inner_vlan = 5}, 0, false},
		{{.id = 1}, 0, false},
		{{.iface = 1}, 0, false},
		{{.parent = 1}, 0, false}, /* of another tunnel */
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		const struct change *c = &cases[i].c;
		struct dec a = first(7), b = later(7 + c->id), was;
		struct flow_frags *f;

		b.src[3] = (uint8_t)(b.src[3] + c->src);
		b.dst[3] = (uint8_t)(b.dst[3] + c->dst);
		if (c->proto)
			b.proto = c->proto;
		if (c->kind)
			b.kind = c->kind;
		b.vlan[0] = c->vlan;
		b.vlan[1] = c->inner_vlan;
		was = b;
		assert_int_equal(flow_frags_new(&f, i), 0);
		assert_false(flow_frags_get(f, &b, c->iface, c->parent, 1000));
		flow_frags_put(f, &a, 0, 0, 1000);
		if (flow_frags_get(f, &b, c->iface, c->parent, 1000 + cases[i].after) !=
		    cases[i].found)
			fail_msg("case %zu", i);
		if (cases[i].found) {
			was.sport = 5000;
			was.dport = 53;
			was.flags |= DEC_PORTS;
		}
		assert_memory_equal(&b, &was, sizeof(b));
		flow_frags_free(f);
	}
}

/* What the first one knew, and only that. */
static void completes(void **state)
{
	struct dec icmp = make_ip4(IPPROTO_ICMP, 1, 2), echo = icmp, vxlan = first(9),
		   cut = first(10), d;
	struct flow_frags *f;

	(void)state;
	assert_int_equal(flow_frags_new(&f, 1), 0);
	icmp.flags = echo.flags = DEC_FRAG;
	icmp.frag_id = echo.frag_id = 8;
	echo.flags |= DEC_FRAG_FIRST | DEC_L4;
	echo.icmp_type = 8;
	echo.icmp_code = 3;
	echo.icmp_id = 77;
	flow_frags_put(f, &echo, 0, 0, 0);
	assert_true(flow_frags_get(f, &icmp, 0, 0, 0));
	assert_int_equal(icmp.icmp_type, 8);
	assert_int_equal(icmp.icmp_code, 3);
	assert_int_equal(icmp.icmp_id, 77);
	assert_int_equal(icmp.flags, DEC_FRAG | DEC_PORTS);

	vxlan.flags |= DEC_ONE_PORT;
	vxlan.tun_id = 42;
	flow_frags_put(f, &vxlan, 0, 0, 0);
	d = later(9);
	assert_true(flow_frags_get(f, &d, 0, 0, 0));
	assert_int_equal(d.tun_id, 42);
	assert_int_equal(d.flags, DEC_FRAG | DEC_PORTS | DEC_ONE_PORT);

	/* its header was cut: ports are not known */
	cut.flags = DEC_FRAG | DEC_FRAG_FIRST | DEC_TRUNCATED;
	cut.sport = cut.dport = 0;
	flow_frags_put(f, &cut, 0, 0, 0);
	d = later(10);
	assert_true(flow_frags_get(f, &d, 0, 0, 0));
	assert_int_equal(d.flags, DEC_FRAG);

	/* an identification that is used again means the newer datagram */
	d = first(9);
	d.sport = 6000;
	flow_frags_put(f, &d, 0, 0, 10);
	d = later(9);
	assert_true(flow_frags_get(f, &d, 0, 0, 10));
	assert_int_equal(d.sport, 6000);
	assert_int_equal(d.tun_id, 0);
	flow_frags_free(f);
}

/* More datagrams than there is room for: the newest stay, nothing grows. */
static void room(void **state)
{
	struct flow_frags *f;
	unsigned id, n = 0;
	struct dec d;

	(void)state;
	assert_int_equal(flow_frags_new(&f, 1), 0);
	for (id = 0; id < 4 * FLOW_FRAGS; id++) {
		d = first(id);
		flow_frags_put(f, &d, 0, 0, id);
		d = later(id);
		assert_true(flow_frags_get(f, &d, 0, 0, id));
	}
	for (id = 0; id < 4 * FLOW_FRAGS; id++) {
		d = later(id);
		n += flow_frags_get(f, &d, 0, 0, 4 * FLOW_FRAGS);
	}
	/* with 32 for each place of eight hardly one is left over */
	assert_in_range(n, FLOW_FRAGS - FLOW_FRAGS / 64, FLOW_FRAGS);
	flow_frags_free(f);
}

/* A clock at its ends. */
static void times(void **state)
{
	struct dec a = first(1), b = later(1);
	struct flow_frags *f;

	(void)state;
	assert_int_equal(flow_frags_new(&f, 1), 0);
	flow_frags_put(f, &a, 0, 0, INT64_MIN + 1);
	assert_true(flow_frags_get(f, &b, 0, 0, INT64_MIN + 1));
	assert_false(flow_frags_get(f, &b, 0, 0, INT64_MAX));
	flow_frags_put(f, &a, 0, 0, INT64_MAX);
	assert_true(flow_frags_get(f, &b, 0, 0, INT64_MAX));
	flow_frags_put(f, &a, 0, 0, INT64_MIN);
	assert_true(flow_frags_get(f, &b, 0, 0, INT64_MIN));
	flow_frags_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_by),
		cmocka_unit_test(completes),
		cmocka_unit_test(room),
		cmocka_unit_test(times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
