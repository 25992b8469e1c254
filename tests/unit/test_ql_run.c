/* ql/plan.c, exec.c and the operators: each step's answer over the flows of test_ql.h, worked
 * out by hand from their table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

#include "test_ql.h"

#define U64_MAX "18446744073709551615"

/* clang-format off */
static const struct {
	const char *query, *answer;
} table[] = {
	/* flows are shown by the end of their UUID */
	{"G.Flows()", "1|2|3|4|5|6|7"},
	/* Sort: ties in the order of the source, absent last */
	{"G.Flows().Sort()", "1|4|5|3|2|6|7"},
	{"G.Flows().Sort(ASC)", "1|4|5|3|2|6|7"},
	{"G.Flows().Sort(DESC)", "7|6|2|3|5|4|1"},
	{"G.Flows().Sort('Start', DESC)", "7|6|5|4|3|2|1"},
	{"G.Flows().Sort(DESC, 'Start')", "7|6|5|4|3|2|1"},
	{"G.Flows().Sort('Transport.B')", "1|2|3|6|4|5|7"},
	{"G.Flows().Sort('Transport.B', DESC)", "6|2|3|1|4|5|7"},
	{"G.Flows().Sort('Application')", "4|1|5|2|3|6|7"},
	{"G.Flows().Sort('Application', DESC)", "6|2|3|5|1|4|7"},
	{"G.Flows().Sort('Network.A')", "1|2|6|5|3|4|7"},
	{"G.Flows().Sort('Network')", "1|2|6|5|3|4|7"},
	{"G.Flows().Sort('Network', DESC)", "3|5|6|2|1|4|7"},
	{"G.Flows().Sort('Link.B')", "5|1|2|3|4|6|7"},
	{"G.Flows().Sort('Delta')", "6|1|2|3|5|4|7"},
	{"G.Flows().Sort('Delta', DESC)", "5|3|2|1|6|4|7"},
	{"G.Flows().Sort('Ratio')", "3|6|5|1|2|4|7"},
	{"G.Flows().Sort('Ratio', DESC)", "2|1|5|6|3|4|7"},
	{"G.Flows().Sort('Done')", "3|6|1|2|5|4|7"},
	{"G.Flows().Sort('Metric.RTT', DESC)", "6|2|1|5|3|4|7"},
	{"G.Flows().Sort('UUID', DESC)", "7|6|5|4|3|2|1"},
	{"G.Flows().Sort('Application').Sort('Done')", "3|6|1|5|2|4|7"},
	{"G.Flows().Sort('Metric.ABBytes', DESC).Limit(3)", "6|2|3"},
	{"G.Flows().Sort('Application', DESC).Limit(1)", "6"},
	{"G.Flows().Sort('Network', DESC).Limit(4)", "3|5|6|2"},
	{"G.Flows().Sort(DESC).Range(1, 3)", "6|2"},
	{"G.Flows().Sort(DESC).Limit(4).Sort()", "3|2|6|7"},
	{"G.Flows().Sort(DESC).Limit(0)", ""},
	{"G.Flows().HasNot('UUID').Sort()", ""},
	/* Limit, Range */
	{"G.Flows().Limit(0)", ""},
	{"G.Flows().Limit(3)", "1|2|3"},
	{"G.Flows().Limit(7)", "1|2|3|4|5|6|7"},
	{"G.Flows().Limit(" U64_MAX ")", "1|2|3|4|5|6|7"},
	{"G.Flows().Range(2, 4)", "3|4"},
	{"G.Flows().Range(5, 5)", ""},
	{"G.Flows().Range(6, 100)", "7"},
	{"G.Flows().Range(100, 200)", ""},
	{"G.Flows().Range(" U64_MAX ", " U64_MAX ")", ""},
	{"G.Flows().Limit(5).Range(2, 9)", "3|4|5"},
	{"G.Flows().Range(1, 6).Range(2, 4)", "4|5"},
	{"G.Flows().Range(2, 5).Limit(2)", "3|4"},
	{"G.Flows().Range(3, 6).Range(" U64_MAX ", " U64_MAX ")", ""},
	{"G.Flows().Limit(3).Has('Application', 'TLS')", "2|3"},
	{"G.Flows().Has('Application', 'TLS').Limit(1)", "2"},
	{"G.Flows().Limit(5).Has('Application', 'TLS').Limit(1).Has('Done', FALSE)", ""},
	/* Dedup */
	{"G.Flows().Dedup()", "1|2|3|4|5|6|7"},
	{"G.Flows().Dedup('Application')", "1|2|4|5|6|7"},
	{"G.Flows().Dedup('Network.A')", "1|3|4|5|6"},
	{"G.Flows().Dedup('Done')", "1|3|4"},
	{"G.Flows().Dedup('Application', 'Done')", "1|2|3|4|5|6|7"},
	{"G.Flows().Dedup('Application', 'Network.A')", "1|2|3|4|5|6|7"},
	{"G.Flows().Dedup('Ratio')", "1|2|3|4|5|6"},
	{"G.Flows().Sort(DESC).Dedup('Application')", "7|6|2|5|4|1"},
	{"G.Flows().Dedup('Application').Limit(2).Sort(DESC)", "2|1"},
	/* Count */
	{"G.Flows().Count()", "Count 7"},
	{"G.Flows().Limit(3).Count()", "Count 3"},
	{"G.Flows().Limit(0).Count()", "Count 0"},
	{"G.Flows().HasNot('UUID').Count()", "Count 0"},
	{"G.Flows().Sort().Count()", "Count 7"},
	{"G.Flows().Sort().Limit(2).Count()", "Count 2"},
	{"G.Flows().Dedup('Application').Count()", "Count 6"},
	{"G.Flows().Has('Application', 'TLS').Count()", "Count 2"},
	/* Sum */
	{"G.Flows().Limit(5).Sum('Metric.ABBytes')", "Sum 2014"},
	{"G.Flows().Sum('Metric.ABPackets')", "Sum 121"},
	{"G.Flows().Has('Application', 'http').Sum('Metric.ABBytes')", "Sum " U64_MAX},
	{"G.Flows().Sum('Metric.ABBytes')", "error: 'Sum' (column 11): the sum of 'Metric.ABBytes' does not fit 64 bits"},
	{"G.Flows().Sum('Delta')", "Sum 1"},
	{"G.Flows().HasEither('Delta', GT(0)).Sum('Delta')", "error: 'Sum' (column 37): the sum of 'Delta' does not fit 64 bits"},
	{"G.Flows().Sum('Metric.RTT')", "Sum 3021600000"},
	{"G.Flows().Sum('Ratio')", "Sum 0.75"},
	{"G.Flows().HasNot('UUID').Sum('Delta')", "Sum 0"},
	{"G.Flows().Sum('Network')", "error: 'Network' is a name for several fields: sum one (column 15)"},
	{"G.Flows().Sum('Network.A')", "error: 'Network.A' is no number: it holds addresses (column 15)"},
	{"G.Flows().Sum('Start')", "error: 'Start' is no number: it holds times (column 15)"},
	{"G.Flows().Sum('Done')", "error: 'Done' is no number: it holds TRUE or FALSE (column 15)"},
	/* Values, ValueMap */
	{"G.Flows().Values('Application')", "DNS|TLS|TLS|ARP|ICMPv4|http"},
	{"G.Flows().ValueMap('Application')", "DNS|TLS|TLS|ARP|ICMPv4|http"},
	{"G.Flows().Values('Application', 'Done')", "DNS true|TLS true|TLS false|ARP -|ICMPv4 true|http false"},
	{"G.Flows().Values('Transport')", "40000 53|40001 443|40002 443|80 8080"},
	{"G.Flows().Values('Application', 'application')", "DNS|TLS|TLS|ARP|ICMPv4|http"},
	{"G.Flows().Values('Application').Dedup()", "DNS|TLS|ARP|ICMPv4|http"},
	{"G.Flows().Values('Application').Dedup().Count()", "Count 5"},
	{"G.Flows().Values('Application', 'Transport.B').Dedup('Transport.B')", "DNS 53|TLS 443|ARP -|http 8080"},
	{"G.Flows().Values('Application').Sort()", "ARP|DNS|ICMPv4|TLS|TLS|http"},
	{"G.Flows().Values('Application').Sort(DESC).Limit(2)", "http|TLS"},
	{"G.Flows().Values('Last', 'Application').Sort(DESC).Limit(2)", "1990.000000000 -|1500.000000000 http"},
	{"G.Flows().Values('Application', 'Transport.B').Has('Transport.B', 443).Count()", "Count 2"},
	{"G.Flows().Values('Application').Has('Transport.B', 443)", "error: no field 'Transport.B' (column 37)"},
	{"G.Flows().Values('Metric.ABPackets').Sum('Metric.ABPackets')", "Sum 121"},
	{"G.Flows().Values('Application', 'Delta').Values('Delta').Limit(2)", "-5|0"},
	{"G.Flows().Values('Network.A', 'Network.B').Has('Network', '10.0.0.1')", "10.0.0.1 10.0.0.53|10.0.0.1 192.0.2.1|192.0.2.1 10.0.0.1"},
	{"G.Flows().Values('Application', 'Network.B').Has('Network', '10.0.0.1')", "error: no field 'Network' (column 50); did you mean 'network_b'?"},
	{"G.Flows().Group('Network').Has('Network', '10.0.0.53').Values('Flows')", "1"},
	/* Keys */
	{"G.Flows().Has('Application', 'ARP').Keys()", "UUID|Application|Link.A|Link.B|Metric.ABPackets|Metric.BAPackets|Metric.ABBytes|Metric.BABytes|Start|Last"},
	{"G.Flows().HasNot('Application').Keys().Count()", "Count 3"},
	{"G.Flows().HasNot('UUID').Keys()", ""},
	{"G.Flows().Values('Application', 'Done').Keys()", "Application|Done"},
	/* Group: key, flows, packets, bytes, A to B and B to A of both */
	{"G.Flows().Group('Application')",
	 "TLS 2 32 14400 15 17 1500 12900|ARP 1 1 42 1 0 42 0|DNS 1 2 200 1 1 80 120|"
	 "ICMPv4 1 8 784 4 4 392 392|http 1 100 " U64_MAX " 100 0 " U64_MAX " 0|- 1 0 0 0 0 0 0"},
	{"G.Flows().Has('Application', Within('DNS', 'TLS')).Group('Network')",
	 "10.0.0.1 10.0.0.53 1 2 200 1 1 80 120|10.0.0.1 192.0.2.1 1 22 13000 10 12 1000 12000|"
	 "2001:db8::1 2001:db8:1::2 1 10 1400 5 5 500 900"},
	{"G.Flows().Group().Limit(2)", "1 1 2 200 1 1 80 120|2 1 22 13000 10 12 1000 12000"},
	{"G.Flows().Group('Metric.ABPackets').Limit(1)", "1 2 3 242 1 122 120"},
	{"G.Flows().Limit(5).Group('Done').Values('Done', 'Flows')", "true 3|false 1|- 1"},
	{"G.Flows().Limit(5).Group('Done').Sum('Flows')", "Sum 5"},
	{"G.Flows().Group('Done')", "error: 'Group' (column 11): a sum of 'Metric.ABBytes' does not fit 64 bits"},
	/* what is not shown is not summed */
	{"G.Flows().Group('Done').Values('Done', 'Flows')", "true 3|false 2|- 2"},
	{"G.Flows().Group('Done').Values('Done', 'Packets')", "true 32|false 110|- 1"},
	{"G.Flows().Group('Done').Count()", "Count 3"},
	/* only the first, by any of the numbers; equal ones by number, then key */
	{"G.Flows().Has('Done').Group('Application').Limit(2).Values('Application', 'Flows')", "TLS 2|DNS 1"},
	{"G.Flows().Limit(5).Group('Application').Limit(3).Values('Application')", "TLS|ARP|DNS"},
	{"G.Flows().Limit(5).Group('Application').Range(1, 2).Values('Application')", "ARP"},
	{"G.Flows().Limit(5).Group('Application').Limit(0)", ""},
	{"G.Flows().Limit(5).Group('Application').Sort('Bytes', DESC).Limit(2).Values('Application', 'Bytes')", "TLS 14400|ICMPv4 784"},
	{"G.Flows().Limit(5).Group('Application').Sort('Bytes').Limit(2).Values('Application', 'Bytes')", "ARP 42|DNS 200"},
	{"G.Flows().Limit(5).Group('Application').Sort('Flows').Limit(2).Values('Application')", "ARP|DNS"},
	{"G.Flows().Limit(5).Group('Application').Sort('Flows', DESC).Limit(2).Values('Application')", "TLS|ARP"},
	{"G.Flows().Limit(5).Group('Application').Sort('Packets', DESC).Limit(1).Values('Application')", "TLS"},
	{"G.Flows().Limit(5).Group('Application').Sort('Metric.BABytes').Limit(3).Values('Application')", "ARP|DNS|ICMPv4"},
	{"G.Flows().Limit(5).Group('Application').Sort('Application').Limit(1).Values('Application')", "ARP"},
	{"G.Flows().Group('Done').Sort('Flows').Limit(1)", "error: 'Group' (column 11): a sum of 'Metric.ABBytes' does not fit 64 bits"},
	{"G.Flows().Group('Application').Sort('Metric.ABBytes', DESC).Values('Application').Limit(2)", "http|TLS"},
	{"G.Flows().Group('Application').Has('Flows', GT(1)).Values('Application')", "TLS"},
	{"G.Flows().Values('Application').Group('Application')", "TLS 2|ARP 1|DNS 1|ICMPv4 1|http 1"},
	{"G.Flows().Limit(5).Group('Application').Group('Flows').Values('Flows', 'Rows')", "1 3|2 1"},
	{"G.Flows().Values('Application').Group()", "error: 'Group' (column 33) needs a key here: there is no TrackingID or UUID"},
	{"G.Flows().HasNot('UUID').Group('Application')", ""},
	/* Metrics: UUID, Start, Last, counters */
	{"G.Flows().Metrics().Limit(1)", "1 1000.000000000 1000.500000000 1 1 80 120 1500000"},
	{"G.Flows().Has('Application', 'ARP').Metrics('metric')", "4 1003.000000000 1003.000000000 1 0 42 0 -"},
	{"G.Flows().Has('Application').HasNot('Metric.RTT').Metrics().Count()", "Count 2"},
	{"G.Flows().HasNot('Application').Metrics()", "7 1006.000000000 1990.000000000 - - - - -"},
	{"G.Flows().Metrics().Sort('ABBytes', DESC).Values('ABBytes').Limit(2)", U64_MAX "|1000"},
	{"G.Flows().Metrics('TCPMetric')", "error: 'TCPMetric' is no metric here (try 'Metric') (column 19)"},
	{"G.Flows().Metrics('')", "error: '' is no metric here (try 'Metric') (column 19)"},
	/* At: flows that live then; with a duration, that live in it */
	{"G.At(1003).Flows()", "2|3|4"},
	{"G.Context(1003).Flows()", "2|3|4"},
	{"G.At(1003, 0).Flows()", "2|3|4"},
	{"G.At(1000.5).Flows()", "1"},
	{"G.At(1000.500000001).Flows()", ""},
	{"G.At(NOW).Flows()", ""},
	{"G.At('-10s').Flows()", "7"},
	{"G.At('-10.000000001s').Flows()", "7"},
	{"G.At('-9.999999999s').Flows()", ""},
	{"G.At(1010, 5).Flows()", "2|3|5|6|7"},
	{"G.At('1970-01-01T00:16:50Z', '5s').Flows()", "2|3|5|6|7"},
	{"G.At('Thu, 01 Jan 1970 00:16:50 GMT', '5s').Flows()", "2|3|5|6|7"},
	{"G.At(NOW, FOREVER).Flows()", "1|2|3|4|5|6|7"},
	{"G.At(1003, FOREVER).Flows()", "1|2|3|4"},
	{"G.At(1003, 99999999999).Flows()", "1|2|3|4"},
	{"G.At(NOW, '1h').Flows().Has('Application', 'TLS').Count()", "Count 2"},
	{"G.At(2147483647000).Flows()", ""},
	/* RawPackets: number:serial, in time order */
	{"G.Flows().RawPackets()", "1:0 3:0 2:1 4:3 5:1"},
	{"G.Flows().Sort(DESC).RawPackets()", "1:0 3:0 2:1 4:3 5:1"},
	{"G.Flows().Sort(DESC).Limit(3).RawPackets()", "2:1 5:1"},
	{"G.Flows().Has('Application', 'TLS').RawPackets()", "2:1 5:1"},
	{"G.Flows().RawPackets().BPF('arp')", "4:3"},
	{"G.Flows().RawPackets().BPF('udp').BPF('port 53')", "1:0 3:0"},
	{"G.Flows().RawPackets().BPF('udp').BPF('tcp')", ""},
	{"G.Flows().RawPackets().BPF('arp or udp').BPF('tcp or udp')", "1:0 3:0"},
	{"G.Flows().RawPackets().BPF('')", "1:0 3:0 2:1 4:3 5:1"},
	{"G.Flows().RawPackets().BPF('tcp').BPF(' ')", "2:1 5:1"},
	{"G.Flows().RawPackets().Limit(2)", "1:0 3:0"},
	{"G.Flows().RawPackets().Limit(0)", ""},
	{"G.Flows().RawPackets().Range(1, 3)", "3:0 2:1"},
	{"G.Flows().RawPackets().Range(1, 4).Limit(2)", "3:0 2:1"},
	{"G.Flows().RawPackets().BPF('tcp').Limit(1)", "2:1"},
	{"G.Flows().RawPackets().Count()", "Count 5"},
	{"G.Flows().RawPackets().Limit(3).Count()", "Count 3"},
	{"G.Flows().RawPackets().Range(4, 9).Count()", "Count 1"},
	{"G.Flows().RawPackets().Range(9, 12).Count()", "Count 0"},
	{"G.Flows().RawPackets().BPF('arp').Count()", "Count 1"},
	{"G.Flows().HasNot('UUID').RawPackets()", ""},
	{"G.Flows().HasNot('UUID').RawPackets().Count()", "Count 0"},
	{"G.At(1010, 8).Flows().RawPackets()", "2:1 4:3"},
	{"G.At(1003).Flows().RawPackets()", "2:1 4:3 5:1"},
	/* fields that are not there */
	{"G.Flows().Sort('Metric.ABByte')", "error: no field 'Metric.ABByte' (column 16); did you mean 'Metric.ABBytes'?"},
	{"G.Flows().Dedup('UUID', 'nope')", "error: no field 'nope' (column 25)"},
	{"G.Flows().Values('nope')", "error: no field 'nope' (column 18)"},
	{"G.Flows().Group('nope')", "error: no field 'nope' (column 17)"},
	{"G.Flows().Sum('nope')", "error: no field 'nope' (column 15)"},
	{"G.Flows().Range(2, 1)", "error: '1' is less than where the range starts; use Range(from, to) (column 20)"},
	{"G.Flows().RawPackets().Range(2, 1)", "error: '1' is less than where the range starts; use Range(from, to) (column 33)"},
};
/* clang-format on */

/* Ethernet frames with just enough for a filter to tell them apart. */
static void add_packet(struct ql_src_mem *m, unsigned number, uint64_t serial, int64_t ts,
		       uint16_t type, uint8_t proto, uint16_t port)
{
	uint8_t frame[60] = {0};
	struct pkt p = {.ts = ts, .data = frame, .caplen = sizeof(frame), .len = 1500};

	p.number = number;
	p.linktype = 1;
	frame[12] = (uint8_t)(type >> 8);
	frame[13] = (uint8_t)type;
	frame[14] = 0x45;
	frame[17] = 46;
	frame[23] = proto;
	frame[36] = (uint8_t)(port >> 8);
	frame[37] = (uint8_t)port;
	assert_int_equal(ql_src_mem_add_pkt(m, &p, serial), 0);
}

#define SEC INT64_C(1000000000)

static struct ql_src_mem *load(unsigned flags)
{
	struct ql_src_mem *m = NULL;

	assert_int_equal(t_load(&m, QL_SRC_MEM_TRANSIENT | flags), 0);
	add_packet(m, 1, 0, 1000 * SEC, 0x0800, 17, 53);
	add_packet(m, 2, 1, 1002 * SEC, 0x0800, 6, 443);
	add_packet(m, 3, 0, 1000 * SEC + SEC / 2, 0x0800, 17, 53);
	add_packet(m, 4, 3, 1003 * SEC, 0x0806, 0, 0);
	add_packet(m, 5, 1, 1050 * SEC, 0x0800, 6, 443);
	return m;
}

static struct field_set only(size_t field)
{
	struct field_set s = {0};

	field_set_add(&s, field);
	return s;
}

static void test_table(void **state)
{
	static const size_t steps[] = {BATCH_ROWS, 1, 3};
	struct field_set uuid = only(T_UUID);
	struct t_answer a = {0};
	size_t i, k;

	(void)state;
	for (k = 0; k < 2 * sizeof(steps) / sizeof(steps[0]); k++) {
		struct ql_src_mem *m = load(k % 2 ? QL_SRC_MEM_LAZY : 0);

		ql_src_mem_set_step(m, steps[k / 2]);
		for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
			t_query(ql_src_mem_src(m), table[i].query, &uuid, 0, &a);
			if (strcmp(buf_str(&a.text), table[i].answer) != 0)
				fail_msg("%s\n gives %s\n not   %s", table[i].query,
					 buf_str(&a.text), table[i].answer);
			if (strncmp(table[i].answer, "error", 5) == 0)
				continue;
			/* begin is called for rows, empty answers included, and only then */
			assert_int_equal(a.begun, !strstr(table[i].query, "Count()") &&
							  !strstr(table[i].query, "Sum(") &&
							  !strstr(table[i].query, "RawPackets"));
		}
		ql_src_mem_free(m);
	}
	buf_done(&a.text);
}

/* Without 'cols' all columns come, and only then. */
static void test_columns(void **state)
{
	struct ql_src_mem *m = load(0);
	struct t_answer a = {0};
	struct field_set cols = only(T_APP);

	(void)state;
	assert_int_equal(
		t_query(ql_src_mem_src(m), "G.Flows().Has('Application', 'ARP')", NULL, 0, &a), 0);
	assert_string_equal(buf_str(&a.text),
			    "4 ARP 02:00:00:00:00:02 ff:ff:ff:ff:ff:ff - - - - 1 0 42 0 - - - - "
			    "1003.000000000 1003.000000000");
	field_set_add(&cols, T_DONE);
	assert_int_equal(
		t_query(ql_src_mem_src(m), "G.Flows().Sort('Delta').Limit(2)", &cols, 0, &a), 0);
	assert_string_equal(buf_str(&a.text), "http false|DNS true");
	assert_memory_equal(&a.cols, &cols, sizeof(cols));
	assert_ptr_equal(a.schema, &t_schema);
	buf_done(&a.text);
	ql_src_mem_free(m);
}

/* clang-format off */
static const struct {
	const char *query, *plan;
} plans[] = {
	{"G.Flows()", "scan: UUID\n"},
	{"G.Flows().Count()", "scan: no columns\ncount\n"},
	{"G.Flows().Has('Network', '10.0.0.1').Has('Delta', 5).HasNot('Done').Count()",
	 "scan: Network.A, Network.B, Delta, Done\n"
	 "filter: 3 conditions on Network.A, Network.B, Delta, Done\ncount\n"},
	{"G.Flows('Delta', 5)", "scan: UUID, Delta\nfilter: 1 condition on Delta\n"},
	{"G.Flows().Sort('Delta', DESC)", "scan: UUID, Delta\nsort: Delta descending\n"},
	{"G.Flows().Sort('Delta', DESC).Range(2, 5)",
	 "scan: UUID, Delta\ntop: Delta descending, 5 kept\ncut: rows 2 to 5\n"},
	{"G.Flows().Sort('Delta').Limit(65537)",
	 "scan: UUID, Delta\nsort: Delta ascending\ncut: rows 0 to 65537\n"},
	{"G.Flows().Range(1, 6).Range(2, 4)", "scan: UUID\ncut: rows 3 to 5\n"},
	{"G.Flows().Sort('Delta').Sum('Metric.ABBytes')", "scan: Metric.ABBytes\nsum: Metric.ABBytes\n"},
	{"G.Flows().Sort('Delta').RawPackets()", "scan: no columns\npackets: packets 0 to the end\n"},
	{"G.Flows().Sort('Delta').Group('Done').Limit(2)",
	 "scan: Metric.ABPackets, Metric.BAPackets, Metric.ABBytes, Metric.BABytes, Done\n"
	 "group: Done\ncut: rows 0 to 2\n"},
	{"G.Flows().Values('Application', 'Done').Sort().Limit(1)",
	 "scan: Application, Done\ncolumns: Application, Done\ntop: Application ascending, 1 kept\n"
	 "cut: rows 0 to 1\n"},
	{"G.Flows().Metrics().Values('RTT')", "scan: Metric.RTT\ncolumns: UUID, Start, Last, Metric.ABPackets, "
	 "Metric.BAPackets, Metric.ABBytes, Metric.BABytes, Metric.RTT\ncolumns: RTT\n"},
	{"G.Flows().Dedup('Network').Keys().Count()",
	 "scan: UUID, Application, Link.A, Link.B, Network.A, Network.B, Transport.A, Transport.B, "
	 "Metric.ABPackets, Metric.BAPackets, Metric.ABBytes, Metric.BABytes, Metric.RTT, Ratio, Delta, "
	 "Done, Start, Last\ndistinct: Network.A, Network.B\nnames of columns with values\ncount\n"},
	{"G.At(1003, 2).Flows().RawPackets().BPF('tcp').BPF('port 80').Limit(3).Count()",
	 "scan: no columns, time 1001.000000000 to 1003.000000000\ncount packets: packets 0 to 3, time "
	 "1001.000000000 to 1003.000000000, filter (tcp) and (port 80)\n"},
	{"G.At(2147483647, 0).Flows().Count()", "scan: no columns, time 2147483647.000000000 to 2147483647.000000000\ncount\n"},
	{"G.At(2147483648, 0).Flows().Count()", "scan: no columns, time 2147483.648000000 to 2147483.648000000\ncount\n"},
	{"G.At(NOW, FOREVER).Flows().Count()", "scan: no columns, time the start to 2000.000000000\ncount\n"},
};
/* clang-format on */

static void test_plans(void **state)
{
	struct ql_src_mem *m = load(0);
	struct field_set uuid = only(T_UUID);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		struct buf text = BUF_INIT;
		struct err err = {0};
		struct ql *q;

		assert_int_equal(ql_parse(&q, plans[i].query, &err), 0);
		assert_int_equal(ql_explain(q, ql_src_mem_src(m), &uuid, &text, &err), 0);
		if (strcmp(buf_str(&text), plans[i].plan) != 0)
			fail_msg("%s\n plans\n%s not\n%s", plans[i].query, buf_str(&text),
				 plans[i].plan);
		buf_done(&text);
		ql_free(q);
	}
	ql_src_mem_free(m);
}

static int stop_after_two(struct t_answer *a)
{
	return a->rows == 2;
}

static int fail_after_two(struct t_answer *a)
{
	return a->rows == 2 ? -EPIPE : 0;
}

/* A sink that has enough, or cannot take more, gets nothing further and its error comes back. */
static void test_stop(void **state)
{
	static const char *const queries[] = {
		"G.Flows()",
		"G.Flows().HasKey('UUID')",
		"G.Flows().Sort()",
		"G.Flows().Dedup()",
		"G.Flows().Group('Application')",
		"G.Flows().Keys()",
		"G.Flows().Metrics()",
		"G.Flows().Values('UUID').Sort(DESC).Limit(5)",
		"G.Flows().RawPackets()",
		"G.Flows().RawPackets().Limit(4)",
	};
	struct t_answer a = {0};
	size_t i, step;

	(void)state;
	for (i = 0; i < 2 * sizeof(queries) / sizeof(queries[0]); i++) {
		for (step = 1; step <= BATCH_ROWS; step += BATCH_ROWS - 1) {
			struct ql_src_mem *m = load(0);

			ql_src_mem_set_step(m, step);
			a.stop = stop_after_two;
			assert_int_equal(t_query(ql_src_mem_src(m), queries[i / 2], NULL, 0, &a),
					 0);
			assert_int_equal(a.rows, 2);
			a.stop = fail_after_two;
			assert_int_equal(t_query(ql_src_mem_src(m), queries[i / 2], NULL, 0, &a),
					 -EPIPE);
			assert_string_equal(buf_str(&a.text),
					    "error: the query failed: Broken pipe");
			assert_int_equal(a.rows, 2);
			ql_src_mem_free(m);
		}
	}
	buf_done(&a.text);
}

static int scan_fails(struct ql_src *s, const struct ql_scan *req, ql_batch_fn fn, void *arg,
		      struct err *err)
{
	(void)s;
	(void)req;
	(void)fn;
	(void)arg;
	return err_set(err, -EIO, "the disk is gone");
}

static int now_fails(struct ql_src *s, int64_t *ret_ts, struct err *err)
{
	(void)s;
	(void)ret_ts;
	return err_set(err, -ENODATA, "nobody knows the time");
}

/* What a source cannot do, it says; what is not asked for is not missed. */
static void test_source(void **state)
{
	static const struct ql_src_ops broken = {scan_fails, NULL, now_fails};
	struct ql_src src = {&broken, &t_schema};
	struct t_answer a = {0};
	struct ql_src_mem *m = load(0);
	struct ql_src_ops no_packets = *ql_src_mem_src(m)->ops;

	(void)state;
	assert_int_equal(t_query(&src, "G.Flows().Count()", NULL, 0, &a), -EIO);
	assert_string_equal(buf_str(&a.text), "error: the disk is gone");
	assert_int_equal(t_query(&src, "G.At('-1s').Flows().Count()", NULL, 0, &a), -ENODATA);
	assert_string_equal(buf_str(&a.text), "error: nobody knows the time");
	assert_int_equal(t_query(&src, "G.At(5, 1).Flows().Count()", NULL, 0, &a), -EIO);

	no_packets.packets = NULL;
	ql_src_mem_src(m)->ops = &no_packets;
	assert_int_equal(t_query(ql_src_mem_src(m), "G.Flows().RawPackets()", NULL, 0, &a),
			 -ENOTSUP);
	assert_string_equal(buf_str(&a.text),
			    "error: 'RawPackets' (column 11): this source keeps no packets");
	ql_src_mem_free(m);
	buf_done(&a.text);
}

/* Filters are checked one by one, before anything is read: no parenthesis reaches out.  Columns
 * are those of the query, counted by hand: escapes are as long as they are written. */
static void test_bpf(void **state)
{
	/* clang-format off */
	static const struct {
		const char *query, *error;
	} cases[] = {
		{"G.Flows().RawPackets().BPF('prot 5')",
		 "error: 'BPF' (column 28): in its filter: syntax error at 'prot' (column 29)"},
		{"G.Flows().RawPackets().BPF(  \"tcp and  prot 5\")",
		 "error: 'BPF' (column 30): in its filter: syntax error at 'prot' (column 40)"},
		{"G.Flows().RawPackets().BPF('tcp\\nand\\n(prot 5')",
		 "error: 'BPF' (column 28): in its filter: syntax error at 'prot' (column 40)"},
		{"G.Flows().RawPackets().BPF('tcp').BPF('udp) or (tcp')",
		 "error: 'BPF' (column 39): in its filter: syntax error at ')' (column 43)"},
		{"G.Flows().RawPackets().BPF('tcp and (udp\\t')",
		 "error: 'BPF' (column 28): in its filter: syntax error at the end (column 41)"},
		{"G.Flows().RawPackets().BPF('ether proto \\\\arp or \303\251 x')",
		 "error: 'BPF' (column 28): in its filter: syntax error at '\303\251' (column 50)"},
		{"G.Flows().RawPackets().BPF('tcp or host \\'x')",
		 "error: 'BPF' (column 28): in its filter: syntax error at ''' (column 41)"},
	};
	/* clang-format on */
	static const struct ql_src_ops broken = {scan_fails, NULL, now_fails};
	struct ql_src src = {&broken, &t_schema};
	struct t_answer a = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(t_query(&src, cases[i].query, NULL, 0, &a), -EINVAL);
		assert_string_equal(buf_str(&a.text), cases[i].error);
	}
	buf_done(&a.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),  cmocka_unit_test(test_columns),
		cmocka_unit_test(test_plans),  cmocka_unit_test(test_stop),
		cmocka_unit_test(test_source), cmocka_unit_test(test_bpf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
