// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* test_pcap.c - the capture tap: what it writes is read back through libpcap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <pcap/pcap.h>
#include "io/pcap.h"
#include "lib/csum.h"
#include "lib/fail.h"
#include <cmocka.h> /* last: it makes fail() a macro */

#define WALL_NS 1700000000123456789u

static char path[64];

static int setup(void **state)
{
	int fd;

	strcpy(path, "/tmp/test_pcap.XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	return unlink(path);
}

static struct io_pkt packet(uint8_t *frame, uint32_t len, uint32_t cut)
{
	struct io_pkt p = { .nfrags = cut ? 2 : 1, .len = len };

	p.frag[0] = (struct io_frag){ frame, cut ? cut : len, 0 };
	p.frag[1] = (struct io_frag){ frame + cut, len - cut, 1 };
	return p;
}

static pcap_t *read_back(void)
{
	char err[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, err);

	assert_non_null(p);
	assert_int_equal(pcap_datalink(p), DLT_EN10MB);
	return p;
}

static void test_pcap_two_fragments_are_read_back_as_one_frame(void **state)
{
	static uint8_t frame[65014];
	struct pcap_pkthdr *h;
	const uint8_t *got;
	struct pcap_tap *t;
	struct io_pkt p;
	uint32_t i;
	pcap_t *in;

	for (i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(i * 7);
	assert_int_equal(pcap_tap_open(&t, path), 0);
	p = packet(frame, sizeof(frame), 3840);
	pcap_tap_frame(t, &p, WALL_NS);
	p = packet(frame, 60, 0);
	pcap_tap_frame(t, &p, WALL_NS + 1);
	assert_int_equal(pcap_tap_flush(t), 0);
	in = read_back();
	assert_int_equal(pcap_next_ex(in, &h, &got), 1);
	assert_int_equal(h->len, sizeof(frame));
	assert_int_equal(h->caplen, sizeof(frame));
	assert_int_equal(h->ts.tv_sec, WALL_NS / 1000000000u);
	assert_int_equal(h->ts.tv_usec, WALL_NS % 1000000000u);
	assert_memory_equal(got, frame, sizeof(frame));
	assert_int_equal(pcap_next_ex(in, &h, &got), 1);
	assert_int_equal(h->len, 60);
	assert_int_equal(pcap_next_ex(in, &h, &got), PCAP_ERROR_BREAK);
	pcap_close(in);
	assert_int_equal(pcap_tap_close(t), 0);
}

/* A TCP segment of n payload bytes whose checksum field holds the pseudo-header's sum, and its frame length. */
static uint32_t partial_segment(uint8_t *f, int family, uint32_t n, struct io_pkt *p)
{
	uint32_t l4 = family == 6 ? 54 : 34, tcp = 20 + n, i;
	struct xtcp_addr s, d;
	uint16_t sum, v;

	memset(f, 0, l4 + 20);
	for (i = 0; i < n; i++)
		f[l4 + 20 + i] = (uint8_t)(i * 31 + 5);
	f[14] = family == 6 ? 0x60 : 0x45;
	v = htons((uint16_t)(family == 6 ? tcp : 20 + tcp));
	memcpy(f + (family == 6 ? 18 : 16), &v, 2);
	memset(f + (family == 6 ? 22 : 26), 0x21, family == 6 ? 32 : 8);
	s = (struct xtcp_addr){ .w = { 0, 0, htonl(0xffff), 0x21212121 } };
	if (family == 6)
		memset(&s, 0x21, sizeof(s));
	d = s;
	f[l4 + 12] = 0x50;
	sum = csum_fold(csum_pseudo(s.b, d.b, 6, tcp));
	memcpy(f + l4 + 16, &sum, 2);
	*p = packet(f, l4 + tcp + 6, 0); /* six bytes of padding that must not count */
	memset(f + l4 + tcp, 0x77, 6);
	p->has_meta = 1;
	p->meta = (struct xtcp_meta){
		.magic = XTCP_META_MAGIC, .l3_off = 14, .l4_off = (uint16_t)l4, .flags = XTCP_META_F_TCP_PARTIAL
	};
	return tcp;
}

static void test_pcap_partial_checksum_is_completed(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 6, 1001, 1460 };
	uint8_t f[2048], before[2048];
	struct pcap_pkthdr *h;
	const uint8_t *got;
	struct pcap_tap *t;
	struct io_pkt p;
	pcap_t *in;
	uint32_t i;
	int family;

	for (i = 0; i < 10; i++) {
		family = i & 1 ? 6 : 4;
		uint32_t tcp = partial_segment(f, family, sizes[i / 2], &p), l4 = p.meta.l4_off;
		struct xtcp_addr a = { .w = { 0x21212121, 0x21212121, 0x21212121, 0x21212121 } };

		if (family == 4)
			a = (struct xtcp_addr){ .w = { 0, 0, htonl(0xffff), 0x21212121 } };
		memcpy(before, f, sizeof(f));
		assert_int_equal(pcap_tap_open(&t, path), 0);
		pcap_tap_frame(t, &p, WALL_NS);
		assert_int_equal(pcap_tap_close(t), 0);
		assert_memory_equal(before, f, sizeof(f)); /* the frame itself is left alone */
		in = read_back();
		assert_int_equal(pcap_next_ex(in, &h, &got), 1);
		assert_int_equal(h->caplen, p.len);
		assert_int_equal(csum_fold(csum_pseudo(a.b, a.b, 6, tcp) + csum_partial(got + l4, tcp)), 0xffff);
		pcap_close(in);
	}
}

static void test_pcap_without_partial_flag_is_verbatim(void **state)
{
	struct pcap_pkthdr *h;
	const uint8_t *got;
	struct pcap_tap *t;
	struct io_pkt p;
	uint8_t f[2048];
	pcap_t *in;

	partial_segment(f, 4, 100, &p);
	p.meta.flags = XTCP_META_F_TCP_CSUM_OK;
	assert_int_equal(pcap_tap_open(&t, path), 0);
	pcap_tap_frame(t, &p, WALL_NS);
	assert_int_equal(pcap_tap_close(t), 0);
	in = read_back();
	assert_int_equal(pcap_next_ex(in, &h, &got), 1);
	assert_memory_equal(got, f, p.len);
	pcap_close(in);
}

/* Offsets come from the other half: even wild ones touch nothing outside the frame. */
static void test_pcap_wild_offsets_are_ignored(void **state)
{
	static const uint16_t wild[][2] = { { 14, 1990 }, { 65535, 65535 }, { 40, 14 }, { 14, 140 }, { 150, 152 } };
	struct pcap_pkthdr *h;
	const uint8_t *got;
	struct pcap_tap *t;
	struct io_pkt p;
	uint8_t f[2048];
	pcap_t *in;
	size_t i;

	assert_int_equal(pcap_tap_open(&t, path), 0);
	for (i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		partial_segment(f, 4, 100, &p);
		p.meta.l3_off = wild[i][0];
		p.meta.l4_off = wild[i][1];
		pcap_tap_frame(t, &p, WALL_NS);
	}
	assert_int_equal(pcap_tap_close(t), 0);
	in = read_back();
	for (i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		assert_int_equal(pcap_next_ex(in, &h, &got), 1);
		assert_memory_equal(got, f, p.len);
	}
	pcap_close(in);
}

static void test_pcap_full_disk_is_told(void **state)
{
	static uint8_t frame[60000];
	struct io_pkt p = packet(frame, sizeof(frame), 0);
	struct pcap_tap *t;
	int i;

	if (access("/dev/full", W_OK))
		skip();
	assert_int_equal(pcap_tap_open(&t, "/dev/full"), 0);
	for (i = 0; i < 3; i++)
		pcap_tap_frame(t, &p, WALL_NS);
	assert_int_equal(pcap_tap_flush(t), -ENOSPC);
	assert_non_null(strstr(fail_text(), "No space left"));
	assert_int_equal(pcap_tap_close(t), -ENOSPC);
}

static void test_pcap_unopenable_path_fails_with_a_sentence(void **state)
{
	struct pcap_tap *t;

	assert_int_equal(pcap_tap_open(&t, "/nonexistent/dir/x.pcap"), -ENOENT);
	assert_non_null(strstr(fail_text(), "/nonexistent/dir/x.pcap"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pcap_two_fragments_are_read_back_as_one_frame),
		cmocka_unit_test(test_pcap_partial_checksum_is_completed),
		cmocka_unit_test(test_pcap_without_partial_flag_is_verbatim),
		cmocka_unit_test(test_pcap_wild_offsets_are_ignored),
		cmocka_unit_test(test_pcap_full_disk_is_told),
		cmocka_unit_test(test_pcap_unopenable_path_fails_with_a_sentence),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
