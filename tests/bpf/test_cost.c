// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_cost.c - what one frame costs in the XDP program, in ns, as
 * BPF_PROG_TEST_RUN measures it. Fails only when a cost is absurd.
 *
 * Of repeated runs only the first few find room for metadata, so the 24 bytes
 * that are then written are not in the figures; all else is.
 */
#include <string.h>
#include "kit.h"
#include "xtcp/flow.h"

#define REPEAT 1000000
#define ABSURD_NS 5000

static struct kit plain, virt;
static const uint8_t local4[4] = { 10, 0, 0, 1 }, remote4[4] = { 10, 0, 0, 2 };
static const uint8_t local6[16] = { 0xfd, [15] = 1 }, remote6[16] = { 0xfd, [15] = 2 };

static uint32_t best_of_five(struct kit *k, const struct frame *f)
{
	uint32_t best = UINT32_MAX;

	for (int i = 0; i < 5; i++) {
		uint32_t ns = kit_cost(k, f, REPEAT);

		best = ns < best ? ns : best;
	}
	return best;
}

static void measure(const char *what, struct kit *k, int family, uint8_t flags, uint16_t dport, size_t payload)
{
	static struct frame f;
	struct frame_spec s = { .family = family, .sport = 40000, .dport = dport, .flags = flags, .payload = payload };
	uint32_t ns;

	s.src = family == 4 ? remote4 : remote6;
	s.dst = family == 4 ? local4 : local6;
	s.tcp_opts = flags & 2 ? 20 : 12;
	frame_tcp(&f, &s);
	ns = best_of_five(k, &f);
	printf("# %-38s IPv%d %4u ns\n", what, family, ns);
	assert_in_range(ns, 1, ABSURD_NS);
}

static void add_flow(struct kit *k, int family)
{
	struct xtcp_flow flow = { .conn = 1 };

	put16((uint8_t *)&flow.local_port, 80);
	put16((uint8_t *)&flow.remote_port, 40000);
	kit_addr(&flow.local, family, family == 4 ? local4 : local6);
	kit_addr(&flow.remote, family, family == 4 ? remote4 : remote6);
	k->flows[xtcp_flow_hash(&flow.local, &flow.remote, flow.local_port, flow.remote_port, KIT_KEY) &
		 (XTCP_FLOWS - 1)] = flow;
}

static void test_cost_per_frame(void **state)
{
	for (int family = 4; family <= 6; family += 2) {
		measure("not our port, passed", &plain, family, 16, 79, 1000);
		measure("data, flow unknown", &plain, family, 16, 80, 1000);
		measure("SYN, checksum verified", &plain, family, 2, 80, 0);
		measure("SYN|FIN, dropped", &plain, family, 3, 80, 0);
		add_flow(&plain, family);
		add_flow(&virt, family);
		measure("data, flow known", &plain, family, 16, 80, 1000);
		measure("data, flow known, virtual link", &virt, family, 16, 80, 1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cost_per_frame) };
	int rc = kit_open(&plain, (struct xtcp_xdp_conf){ .flow_key = KIT_KEY });

	if (!rc)
		rc = kit_open(&virt, (struct xtcp_xdp_conf){ .flow_key = KIT_KEY, .partial_csum_ok = 1 });
	if (rc)
		return rc;
	for (struct kit *k = &plain; k; k = k == &plain ? &virt : NULL) {
		if (kit_own_addr(k, 4, local4, 0) || kit_own_addr(k, 6, local6, 1))
			return 1;
		kit_own_port(k, 80, 3);
	}
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	kit_close(&virt);
	kit_close(&plain);
	return rc;
}
