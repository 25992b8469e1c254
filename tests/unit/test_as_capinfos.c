/* trawl as capinfos on files that only malice makes; its output on others is compared
 * with Wireshark's in tests/golden. */
#include "cli/as_capinfos.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/cleanup.h"

#define SECTIONS 3000

/* Sections of one interface each (pcapng draft, 4.1 and 4.2). */
static void make(const char *path)
{
	uint8_t shb[28] = {0x0a, 0x0d, 0x0d, 0x0a}, idb[20] = {1};
	FILE *f = fopen(path, "we");
	int i;

	le32_store(shb + 4, sizeof(shb));
	le32_store(shb + 8, 0x1a2b3c4d);
	le16_store(shb + 12, 1);
	memset(shb + 16, 0xff, 8);
	le32_store(shb + 24, sizeof(shb));
	le32_store(idb + 4, sizeof(idb));
	le16_store(idb + 8, 1);
	le32_store(idb + 16, sizeof(idb));
	for (i = 0; i < SECTIONS; i++) {
		fwrite(shb, sizeof(shb), 1, f);
		fwrite(idb, sizeof(idb), 1, f);
	}
	fclose(f);
}

/* The list of all interfaces under each section would be gigabytes. */
static void many_sections_are_bounded(void **state)
{
	const struct capinfos_conf conf = {.show = CAPINFOS_IFACES};
	CLEANUP(buf_done) struct buf b = BUF_INIT;
	char path[] = "/tmp/trawl-test-XXXXXX";
	struct capinfos_report r = {.path = path};
	size_t listed = 0, n;
	struct err err;
	struct pkt k;
	const char *p;
	int without;

	(void)state;
	close(mkstemp(path));
	make(path);
	assert_int_equal(src_open((struct src **)&r.src, path, NULL, &err), 0);
	assert_int_equal(src_recv((struct src *)r.src, &k, 1), 0);
	src_ifaces(r.src, &n);
	assert_int_equal(n, SECTIONS);
	r.meta = src_meta(r.src);
	an_info_init(&r.an);

	without = capinfos_list(&b, &conf, &r);
	assert_int_equal(buf_err(&b), 0);
	assert_true(b.len < 66u << 20);
	for (p = buf_str(&b); (p = strstr(p, "Number of interfaces in file: 3000\n")); p++)
		listed++;
	assert_true(listed > 1 && without > 0);
	assert_int_equal(listed + (size_t)without, SECTIONS);
	assert_non_null(strstr(buf_str(&b), "Section 2999:\n"));
	assert_non_null(strstr(buf_str(&b), "Interface #2999 info:\n"));

	an_info_done(&r.an);
	src_free((struct src *)r.src);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_sections_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
