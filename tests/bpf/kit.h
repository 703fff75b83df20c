/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * kit.h - the real XDP program, loaded and fed through BPF_PROG_TEST_RUN.
 *
 * Every run is compared with all counters: a test names the one counter that
 * must move (its kind in stats.def gives the verdict), and no other may.
 */
#ifndef XTCP_TESTS_BPF_KIT_H
#define XTCP_TESTS_BPF_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "xtcp/shared.h"
#include "frame.h"

#define KIT_KEY 0x0123456789abcdefull /* flow_key in tests */

struct xtcp_bpf;

struct kit {
	struct xtcp_bpf *skel;
	bool has_iter;		       /* the kernel let the flow table's iterator in */
	int prog;		       /* descriptors */
	int xsk;		       /* an AF_XDP socket, bound to nothing: enough to be redirected to */
	struct xtcp_port_entry *ports; /* mapped, as the engine has them */
	struct xtcp_flow *flows;
};

struct kit_result {
	uint32_t verdict;
	uint64_t moved[XTCP_XDP_STATS]; /* by how much each counter went up */
	int has_meta;
	struct xtcp_meta meta;
	size_t len; /* bytes that came out, without metadata */
	uint8_t out[FRAME_MAX + 256];
};

/* 0, or 77 with a reason printed when this kernel or user cannot run these tests. */
int kit_open(struct kit *k, struct xtcp_xdp_conf conf);
void kit_close(struct kit *k);

/* An address of ours (4 or 16 bytes) with its index; 0 or -errno. */
int kit_own_addr(struct kit *k, int family, const uint8_t *addr, uint32_t index);
void kit_own_port(struct kit *k, uint16_t port, uint64_t mask);
int kit_socket(struct kit *k, int present);
void kit_addr(struct xtcp_addr *a, int family, const uint8_t *addr);

/* Feeds n bytes, with meta bytes of metadata in front; 0 or -errno. */
int kit_run(struct kit *k, const uint8_t *frame, size_t n, size_t meta, struct kit_result *r);

/* One frame must move counter `stat`, and `also` if that is not negative, by one each, and get the verdict of its kind. */
void kit_expect_at(struct kit *k, const struct frame *f, int stat, int also, struct kit_result *r, const char *file,
		   int line);
#define kit_expect(k, f, stat) kit_expect_at(k, f, XTCP_XDP_##stat, -1, NULL, __FILE__, __LINE__)
#define kit_expect_also(k, f, stat, also, r) kit_expect_at(k, f, XTCP_XDP_##stat, also, r, __FILE__, __LINE__)

/* Mean cost of one run in ns. */
uint32_t kit_cost(struct kit *k, const struct frame *f, uint32_t repeat);

extern const char *const kit_stat_name[];
extern uint64_t kit_seen[XTCP_XDP_STATS]; /* how often each counter moved in this process */

#endif /* XTCP_TESTS_BPF_KIT_H */
