// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_trace.c - the ladder's lines, as scripts and the seed chapter know them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include "cli/report.c"
#include "cli/trace.c"

static struct xtcp_trace_seg seg(bool out, uint16_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	struct xtcp_trace_seg s = {
		.ns = 5000000000ull, .out = out, .flags = flags, .seq = seq, .ack = ack, .len = len
	};
	struct xtcp_addr local = addr_from_v4(inet_addr("10.9.0.1")), remote = addr_from_v4(inet_addr("10.9.0.2"));

	s.local = report_sockaddr(&local, 40001);
	s.remote = report_sockaddr(&remote, 7000);
	return s;
}

static const char *line(struct trace *t, struct xtcp_trace_seg s, uint64_t after_ns)
{
	static char out[TRACE_LINE];

	int len;

	s.ns += after_ns;
	len = trace_format(t, &s, out);
	assert_int_equal(len, strlen(out));
	return out;
}

static void test_format_handshake_is_the_chapters(void **state)
{
	struct trace t = { 0 };

	assert_string_equal(line(&t, seg(true, SYN, 1000, 7, 0), 0),
			    "   0.000 ms  10.9.0.1:40001 --> 10.9.0.2:7000  [SYN] SEQ: 1000, ACK: -");
	assert_string_equal(line(&t, seg(false, SYN | ACK, 2000, 1001, 0), 21000),
			    "   0.021 ms  10.9.0.1:40001 <-- 10.9.0.2:7000  [SYN+ACK] SEQ: 2000, ACK: 1001");
	assert_string_equal(line(&t, seg(true, ACK, 1001, 2001, 0), 12345678000ull),
			    "12345.678 ms  10.9.0.1:40001 --> 10.9.0.2:7000  [ACK] SEQ: 1001, ACK: 2001");
}

static void test_format_length_only_with_data(void **state)
{
	struct trace t = { 0 };

	assert_non_null(strstr(line(&t, seg(true, PSH | ACK, 4294967295u, 0, 5), 0),
			       "  [PSH+ACK] SEQ: 4294967295, ACK: 0, LEN: 5"));
	assert_null(strstr(line(&t, seg(true, FIN | ACK, 1, 2, 0), 0), "LEN"));
}

static void test_format_ipv6_has_brackets_and_fits(void **state)
{
	struct trace t = { 0 };
	struct xtcp_trace_seg s = seg(true, 0xff, UINT32_MAX, UINT32_MAX, UINT32_MAX);
	struct xtcp_addr a;

	memset(&a, 0xfd, sizeof(a));
	s.local = s.remote = report_sockaddr(&a, 65535);
	t.started = true; /* since 0: a large time */
	s.ns = UINT64_MAX;
	assert_non_null(strstr(line(&t, s, 0), "[fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd]:65535 --> ["));
	assert_non_null(strstr(line(&t, s, 0), ", LEN: 4294967295"));
}

static void test_flags_ack_is_last(void **state)
{
	char out[40];

	assert_string_equal(trace_flags(FIN | ACK, out), "FIN+ACK");
	assert_string_equal(trace_flags(RST | ACK, out), "RST+ACK");
	assert_string_equal(trace_flags(RST, out), "RST");
	assert_string_equal(trace_flags(FIN | PSH | ACK, out), "FIN+PSH+ACK");
	assert_string_equal(trace_flags(SYN | ECE | CWR, out), "SYN+ECE+CWR");
	assert_string_equal(trace_flags(0xff, out), "SYN+FIN+RST+PSH+URG+ECE+CWR+ACK");
	assert_string_equal(trace_flags(SYN | AE | CWR | ECE, out), "SYN+ECE+CWR+AE");
	assert_string_equal(trace_flags(0x1ff, out), "SYN+FIN+RST+PSH+URG+ECE+CWR+AE+ACK");
	assert_string_equal(trace_flags(0, out), "-");
}

static void test_segment_is_written_as_one_line_colour_only_if_asked(void **state)
{
	struct trace t = { .to = tmpfile() };
	struct xtcp_trace_seg s = seg(false, RST, 1, 0, 0);
	char text[512];
	size_t n;

	trace_segment(&t, &s);
	t.colour = true;
	trace_segment(&t, &s);
	rewind(t.to);
	n = fread(text, 1, sizeof(text) - 1, t.to);
	text[n] = '\0';
	assert_ptr_equal(strchr(text, '\033'), strchr(text, '\n') + 1);
	assert_string_equal(text + n - 5, "\033[0m\n");
	fclose(t.to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format_handshake_is_the_chapters),
		cmocka_unit_test(test_format_length_only_with_data),
		cmocka_unit_test(test_format_ipv6_has_brackets_and_fits),
		cmocka_unit_test(test_flags_ack_is_last),
		cmocka_unit_test(test_segment_is_written_as_one_line_colour_only_if_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
