/* Ids against two other implementations: the baseline that the specification
 * publishes (baseline/baseline_deflt.json) and Wireshark 4.0.17, asked with
 *	tshark --enable-protocol communityid -T fields -e communityid
 * about packets made with scapy.  UDP-Lite is not in it: Wireshark hashes its
 * ports, the specification lists TCP, UDP and SCTP only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "net/community.h"

struct row {
	const char *src, *dst;
	uint8_t proto;
	uint16_t sport, dport; /* ICMP: type and code */
	const char *id;
};

/* clang-format off */
static const struct row spec_rows[] = {
	{"3ffe:501:1800:2345::2", "3ffe:507:0:1:200:86ff:fe05:80da", 58, 3, 0, "1:2ObVBgIn28oZvibYZhZMBgh7WdQ="},
	{"3ffe:501:410:0:2c0:dfff:fe47:33e", "3ffe:507:0:1:200:86ff:fe05:80da", 58, 1, 4, "1:hLZd0XGWojozrvxqE0dWB1iM6R0="},
	{"3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:501:0:1001::2", 58, 128, 129, "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="},
	{"3ffe:501:0:1001::2", "3ffe:507:0:1:200:86ff:fe05:80da", 58, 129, 128, "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="},
	{"fe80::200:86ff:fe05:80da", "ff02::2", 58, 133, 134, "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0="},
	{"fe80::260:97ff:fe07:69ea", "ff02::1", 58, 134, 133, "1:pkvHqCL88/tg1k4cPigmZXUtL00="},
	{"192.168.0.89", "192.168.0.1", 1, 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
	{"192.168.0.1", "192.168.0.89", 1, 0, 8, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
	{"10.0.0.1", "10.0.0.2", 1, 11, 0, "1:YHxtAirCG//0OzkcVAukqKQN9xM="},
	{"2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 6, 63943, 25, "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
	{"2607:f8b0:400c:c03::1a", "2001:470:e5bf:dead:4957:2174:e82c:4887", 6, 25, 63943, "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
	{"192.168.170.8", "192.168.170.56", 132, 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
	{"192.168.170.56", "192.168.170.8", 132, 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
	{"128.232.110.120", "66.35.250.204", 6, 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
	{"66.35.250.204", "128.232.110.120", 6, 80, 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
	{"192.168.1.52", "8.8.8.8", 17, 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
	{"8.8.8.8", "192.168.1.52", 17, 53, 54585, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
	{"10.1.12.1", "10.1.12.2", 46, 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="},
	{"10.1.12.2", "10.1.12.1", 46, 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="},
};

static const struct row tshark_rows[] = {
	{"10.0.0.2", "10.0.0.1", 6, 1, 65535, "1:IcU9FwX3lUaIjU8MQ4Gvlaqzj6Q="},
	{"10.0.0.2", "10.0.0.1", 17, 40000, 9, "1:CAOebH+UcyDO1AuFd0IL3Pu8Mtk="},
	{"10.0.0.2", "10.0.0.1", 132, 5, 6, "1:jPpGiLKCA81iywvooRE5nR3LIRM="},
	{"10.1.1.1", "10.1.1.1", 6, 9, 8, "1:3o3BQapy71zeuW5+36LyWejM/Xk="},
	{"10.1.1.1", "10.1.1.1", 17, 8, 9, "1:qpQk0Jrx8OE3olRbVxsgz5JIiRE="},
	{"10.0.0.2", "10.0.0.1", 50, 0, 0, "1:dX+1pd7Z9Y9hJE/IuQlfvK7bxuA="},
	{"10.0.0.2", "10.0.0.1", 89, 0, 0, "1:1sy+G8MJZzhzFatLbi6+YD245wo="},
	{"10.0.0.2", "10.0.0.1", 33, 0, 0, "1:qKfrGVs14/VI2wLMVfhXXHfa6a0="},
	{"2001:db8::2", "2001:db8::1", 6, 1, 65535, "1:kvacrO8C+og47GtfzX/CG8KzRps="},
	{"2001:db8::2", "2001:db8::1", 17, 40000, 9, "1:nKUHqe02B4cf52VRCmYyPqg8qv4="},
	{"2001:db8::2", "2001:db8::1", 132, 5, 6, "1:jiJ2zOE86917+lOoZIMvMX0quQo="},
	{"fe80::1", "fe80::1", 6, 9, 8, "1:TkDF46Jd3WDugKoELGhjK34COjM="},
	{"fe80::1", "fe80::1", 17, 8, 9, "1:2SxhA6xg/4CtAvwxY4nvRbvInts="},
	{"10.0.0.2", "10.0.0.1", 1, 0, 0, "1:YcMyyWJfhc95EW1GfXt6jlZ3DiQ="},
	{"10.0.0.2", "10.0.0.1", 1, 1, 0, "1:N2PRf8Ihmvb4LssobRNXpN8mcos="},
	{"10.0.0.2", "10.0.0.1", 1, 2, 0, "1:lHfQwBsrYZpCcWfvOiWsCWcQPz4="},
	{"10.0.0.2", "10.0.0.1", 1, 3, 1, "1:JHjlyD5IJJjl3wHWOMj46lLWZag="},
	{"10.0.0.2", "10.0.0.1", 1, 4, 0, "1:KP5RCoVljsEfMdh9bBYzFBICnaA="},
	{"10.0.0.2", "10.0.0.1", 1, 6, 0, "1:qNgM64hHwLG0AJMcRhy0FiEoqgQ="},
	{"10.0.0.2", "10.0.0.1", 1, 7, 0, "1:FVbvB8wMOJVyPFbOevDN/KC26qw="},
	{"10.0.0.2", "10.0.0.1", 1, 8, 0, "1:E5tNYkCqpM09ZPfoLcq+JJj0QuQ="},
	{"10.0.0.2", "10.0.0.1", 1, 9, 0, "1:qhJTvE/Qez7ZPSOGlcKJAzRpSO0="},
	{"10.0.0.2", "10.0.0.1", 1, 10, 0, "1:DYhYhWnv1hFRoB3VRnwSDthRB4g="},
	{"10.0.0.2", "10.0.0.1", 1, 11, 1, "1:hIOSKWgbxq8HM8aVGEps8ZR6zGg="},
	{"10.0.0.2", "10.0.0.1", 1, 12, 0, "1:YuXXIZKLB8i78GLkSJZp6aNom/Q="},
	{"10.0.0.2", "10.0.0.1", 1, 13, 0, "1:th9CqcxflNss8X17pecPidKDzKw="},
	{"10.0.0.2", "10.0.0.1", 1, 14, 0, "1:6zK3cgZa+RmEpj3VhWmGXnOWUZk="},
	{"10.0.0.2", "10.0.0.1", 1, 15, 0, "1:+aoxZIkY0OuCwCZ+bbNV9kGNc5I="},
	{"10.0.0.2", "10.0.0.1", 1, 16, 0, "1:cB4rCi6yiOWeiOghtxw4EOnHisM="},
	{"10.0.0.2", "10.0.0.1", 1, 17, 0, "1:l/VKACLiArrnbEnOQacsEqDOAlg="},
	{"10.0.0.2", "10.0.0.1", 1, 18, 0, "1:pBxqyIdNW2nuGKUHpPBwrujq1iE="},
	{"10.0.0.2", "10.0.0.1", 1, 19, 0, "1:8gi+9IGuwMs0uXvSyNRoellNNVA="},
	{"10.9.9.9", "10.9.9.9", 1, 8, 0, "1:LHpHKDAnuUPZQfeBCPgPAISzSGY="},
	{"10.9.9.9", "10.9.9.9", 1, 0, 0, "1:LHpHKDAnuUPZQfeBCPgPAISzSGY="},
	{"2001:db8::2", "2001:db8::1", 58, 1, 2, "1:qg5cI2BbR+TfNrW7/ZcXzDw80HY="},
	{"2001:db8::2", "2001:db8::1", 58, 2, 2, "1:Z1fZEfw1ESZ6JGpY5RdDOYrK7L4="},
	{"2001:db8::2", "2001:db8::1", 58, 3, 2, "1:eVSAYSnh1kbb4gNM4LSLEdvZLpA="},
	{"2001:db8::2", "2001:db8::1", 58, 4, 2, "1:IpaLH2pbVtEXNkDXIVYHVmnSSwA="},
	{"2001:db8::2", "2001:db8::1", 58, 128, 0, "1:YDcnf7YthUKAbDNo6Cs3rX4jq4w="},
	{"2001:db8::2", "2001:db8::1", 58, 129, 0, "1:u2vMS3HiWth2lIMKHB1fjELshpQ="},
	{"2001:db8::2", "2001:db8::1", 58, 130, 0, "1:xps6Lwc0qSxO2d8X+k4jnhqfpP0="},
	{"2001:db8::2", "2001:db8::1", 58, 131, 0, "1:00K5zJ2eLsDMSeSVZcN3NeAa3kQ="},
	{"2001:db8::2", "2001:db8::1", 58, 132, 0, "1:rnlYY4p+q+F98jO6Vk5IkNRgApc="},
	{"2001:db8::2", "2001:db8::1", 58, 133, 0, "1:QtPNtSu54LNnRaBsOVcKuZTB5oQ="},
	{"2001:db8::2", "2001:db8::1", 58, 134, 0, "1:j9J4Qsivj289oKjVsnIMK9RRB8s="},
	{"2001:db8::2", "2001:db8::1", 58, 135, 0, "1:piFQJmm/6+NlvVh+iLYDZMGiCm8="},
	{"2001:db8::2", "2001:db8::1", 58, 140, 0, "1:Sk22M0RiSzqPc3Ud7RgLkieiFvo="},
	{"2001:db8::2", "2001:db8::1", 58, 141, 0, "1:GnSPKLkkt1QLOsYnqtoNRRMkwT4="},
	{"2001:db8::2", "2001:db8::1", 58, 142, 0, "1:aB6pv2oMceiV2PughqcsDuHaNNc="},
	{"2001:db8::2", "2001:db8::1", 58, 143, 0, "1:y7g9mMzLMe5jpBwTAzXf/RoDisQ="},
	{"2001:db8::2", "2001:db8::1", 58, 144, 0, "1:tpS7VP1V1DNOq0L6LOxDDupNGcA="},
	{"2001:db8::2", "2001:db8::1", 58, 146, 0, "1:Rs8ROr3Nt+mTBxpvWaFbiLyjEEI="},
	{"2001:db8::2", "2001:db8::1", 58, 147, 0, "1:K3vdC9/p1/ROSrOx7PEhfcoSD2M="},
	{"2001:db8::2", "2001:db8::1", 58, 148, 0, "1:/vZ8BJXXh4bjFLYQ1+kicljkpPA="},
	{"2001:db8::2", "2001:db8::1", 58, 149, 0, "1:vGqv714csBsWiu0sQZ1Rq/wj6Ys="},
	{"2001:db8::2", "2001:db8::1", 58, 150, 0, "1:sMUDLi2ezYqlKDvR7aPBGMQqihY="},
	{"2001:db8::2", "2001:db8::1", 58, 151, 0, "1:Xe8nRQapwBUepRbWcfA95q+h7jE="},
	{"2001:db8::2", "2001:db8::1", 58, 152, 0, "1:iAPRlqBCJUZTxT8TbA5p9atWpRA="},
	{"2001:db8::2", "2001:db8::1", 58, 153, 0, "1:unIzjRjn4/YAHlEFrxqX5aMgSHw="},
	{"2001:db8::2", "2001:db8::1", 58, 154, 0, "1:+qHtDCv1isYsX9ZEBxiERYSZVaI="},
	{"2001:db8::2", "2001:db8::1", 58, 155, 0, "1:cCfK6dCQjarGH2YwxzT0WNSCbag="},
};
/* clang-format on */

static void check_rows(const struct row *rows, size_t n)
{
	char id[COMMUNITY_ID_SIZE];
	struct addr src, dst;
	size_t i;

	for (i = 0; i < n; i++) {
		assert_int_equal(addr_parse(rows[i].src, &src), 0);
		assert_int_equal(addr_parse(rows[i].dst, &dst), 0);
		community_id(&src, &dst, rows[i].proto, rows[i].sport, rows[i].dport, id);
		if (strcmp(id, rows[i].id) != 0)
			fail_msg("row %zu, %s > %s proto %u: %s, expected %s", i, rows[i].src,
				 rows[i].dst, rows[i].proto, id, rows[i].id);
	}
}

static void equals_spec_baseline(void **state)
{
	(void)state;
	check_rows(spec_rows, sizeof(spec_rows) / sizeof(spec_rows[0]));
}

static void equals_tshark(void **state)
{
	(void)state;
	check_rows(tshark_rows, sizeof(tshark_rows) / sizeof(tshark_rows[0]));
}

static void direction_does_not_matter(void **state)
{
	static const uint8_t protos[] = {6, 17, 132, 47, 50, 89, 255};
	char there[COMMUNITY_ID_SIZE], back[COMMUNITY_ID_SIZE];
	struct addr a, b;
	size_t i;

	(void)state;
	assert_int_equal(addr_parse("192.0.2.200", &a), 0);
	assert_int_equal(addr_parse("198.51.100.7", &b), 0);
	for (i = 0; i < sizeof(protos); i++) {
		community_id(&a, &b, protos[i], 50000, 80, there);
		community_id(&b, &a, protos[i], 80, 50000, back);
		assert_string_equal(there, back);
	}
}

/* Fragments at offset 8 (scapy: IP(proto=17, frag=1) and the same with 6), as
 * tshark names it: ports that nobody saw are not in the hash. */
static void fragments_have_no_ports(void **state)
{
	static const struct row rows[] = {
		{"192.0.2.1", "192.0.2.2", 17, 0, 0, "1:8iCo8gVCAA7Zv9uFTkash8KFQhQ="},
		{"192.0.2.1", "192.0.2.2", 6, 0, 0, "1:icwzyKDfEvF23nIe6E4MkkH0UTs="},
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

/* Ports given with a protocol that has none must not reach the hash. */
static void ports_only_where_defined(void **state)
{
	char with[COMMUNITY_ID_SIZE], without[COMMUNITY_ID_SIZE];
	struct addr a, b;
	unsigned proto;

	(void)state;
	assert_int_equal(addr_parse("2001:db8::1", &a), 0);
	assert_int_equal(addr_parse("2001:db8::2", &b), 0);
	for (proto = 0; proto < 256; proto++) {
		int has = proto == 1 || proto == 6 || proto == 17 || proto == 58 || proto == 132;

		community_id(&a, &b, (uint8_t)proto, 3, 4, with);
		community_id(&a, &b, (uint8_t)proto, 0, 0, without);
		assert_int_equal(strlen(with), COMMUNITY_ID_SIZE - 1);
		assert_int_equal(strcmp(with, without) != 0, has);
	}
}

static void no_id_without_ip_addresses(void **state)
{
	static const char *const pairs[][2] = {
		{"192.0.2.1", "2001:db8::1"},
		{"2001:db8::1", "192.0.2.1"},
		{"00:00:5e:00:53:01", "00:00:5e:00:53:02"},
	};
	struct addr a, b, none = {0};
	char id[COMMUNITY_ID_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		assert_int_equal(addr_parse(pairs[i][0], &a), 0);
		assert_int_equal(addr_parse(pairs[i][1], &b), 0);
		strcpy(id, "old");
		community_id(&a, &b, 6, 1, 2, id);
		assert_string_equal(id, "");
	}
	community_id(&none, &none, 6, 1, 2, id);
	assert_string_equal(id, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_spec_baseline),
		cmocka_unit_test(equals_tshark),
		cmocka_unit_test(direction_does_not_matter),
		cmocka_unit_test(fragments_have_no_ports),
		cmocka_unit_test(ports_only_where_defined),
		cmocka_unit_test(no_id_without_ip_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
