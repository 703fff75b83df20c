// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* kit.c - see kit.h. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include "kit.h"
#include "xtcp.skel.h"

const char *const kit_stat_name[] = {
#define XTCP_XDP_STAT(kind, name, text) #name,
#include "xtcp/stats.def"
};

enum { KIND_PASS = XDP_PASS, KIND_REDIR = XDP_REDIRECT, KIND_DROP = XDP_DROP, KIND_COUNT = -1 };
static const int stat_verdict[] = {
#define XTCP_XDP_STAT(kind, name, text) KIND_##kind,
#include "xtcp/stats.def"
};

uint64_t kit_seen[XTCP_XDP_STATS];

static int kit_skip(const char *what, int err)
{
	printf("1..0 # SKIP %s: %s\n%s: %s\n", what, strerror(-err), what, strerror(-err));
	return 77;
}

static int load(struct kit *k, const struct xtcp_xdp_conf *conf, bool with_iter)
{
	k->skel = xtcp_bpf__open();
	if (!k->skel)
		return -errno;
	memcpy((void *)(uintptr_t)&k->skel->rodata->xtcp_conf, conf, sizeof(*conf));
	bpf_program__set_autoload(k->skel->progs.xtcp_flow_table, with_iter);
	return xtcp_bpf__load(k->skel);
}

int kit_open(struct kit *k, struct xtcp_xdp_conf conf)
{
	int err, fd;

	memset(k, 0, sizeof(*k));
	k->xsk = socket(AF_XDP, SOCK_RAW, 0);
	if (k->xsk < 0)
		return kit_skip("no AF_XDP socket (needs root)", -errno);
	err = load(k, &conf, true);
	k->has_iter = !err;
	if (err) { /* as ctl does: some kernels let no iterator in, and all else works */
		xtcp_bpf__destroy(k->skel);
		err = load(k, &conf, false);
	}
	if (err == -EPERM)
		return kit_skip("not permitted to load BPF (needs root)", err);
	if (err) {
		fprintf(stderr, "the XDP program does not load: %s\n", strerror(-err));
		return 1;
	}
	k->prog = bpf_program__fd(k->skel->progs.xtcp_xdp);
	fd = bpf_map__fd(k->skel->maps.ports);
	k->ports = mmap(NULL, XTCP_PORTS * sizeof(*k->ports), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fd = bpf_map__fd(k->skel->maps.flows);
	k->flows = mmap(NULL, XTCP_FLOWS * sizeof(*k->flows), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (k->ports == MAP_FAILED || k->flows == MAP_FAILED) {
		perror("mmap of a map");
		return 1;
	}
	return kit_socket(k, 1) ? 1 : 0;
}

void kit_close(struct kit *k)
{
	munmap(k->ports, XTCP_PORTS * sizeof(*k->ports));
	munmap(k->flows, XTCP_FLOWS * sizeof(*k->flows));
	xtcp_bpf__destroy(k->skel);
	close(k->xsk);
}

void kit_addr(struct xtcp_addr *a, int family, const uint8_t *addr)
{
	memset(a, 0, sizeof(*a));
	if (family == 4) {
		a->b[10] = a->b[11] = 0xff;
		memcpy(a->b + 12, addr, 4);
	} else {
		memcpy(a->b, addr, 16);
	}
}

int kit_own_addr(struct kit *k, int family, const uint8_t *addr, uint32_t index)
{
	struct xtcp_addr_entry e = { .index = index };
	struct xtcp_addr a;

	kit_addr(&a, family, addr);
	return bpf_map__update_elem(k->skel->maps.addrs, &a, sizeof(a), &e, sizeof(e), BPF_ANY);
}

void kit_own_port(struct kit *k, uint16_t port, uint64_t mask)
{
	k->ports[port].owned = mask;
}

int kit_socket(struct kit *k, int present)
{
	int fd = bpf_map__fd(k->skel->maps.xsks);
	uint32_t queue = 0;

	return present ? bpf_map_update_elem(fd, &queue, &k->xsk, BPF_ANY) : bpf_map_delete_elem(fd, &queue);
}

static void read_stats(struct kit *k, uint64_t sum[XTCP_XDP_STATS])
{
	int fd = bpf_map__fd(k->skel->maps.stats), cpus = libbpf_num_possible_cpus();
	uint64_t v[cpus][XTCP_XDP_STATS];
	uint32_t zero = 0;

	_Static_assert(sizeof(struct xtcp_xdp_stats) == sizeof(v[0]), "one counter a statistic");
	memset(sum, 0, XTCP_XDP_STATS * sizeof(*sum));
	if (bpf_map_lookup_elem(fd, &zero, v))
		fail_msg("cannot read the counters");
	for (int c = 0; c < cpus; c++)
		for (int i = 0; i < XTCP_XDP_STATS; i++)
			sum[i] += v[c][i];
}

int kit_run(struct kit *k, const uint8_t *frame, size_t n, size_t meta, struct kit_result *r)
{
	static uint8_t in[FRAME_MAX + 256], out[FRAME_MAX + 512];
	struct xdp_md ctx_in = { .data = (uint32_t)meta, .data_end = (uint32_t)(n + meta) }, ctx_out = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = (uint32_t)(n + meta), .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &ctx_in, .ctx_size_in = sizeof(ctx_in), .ctx_out = &ctx_out,
		    .ctx_size_out = sizeof(ctx_out), .repeat = 1);
	uint64_t before[XTCP_XDP_STATS], after[XTCP_XDP_STATS];
	int err;

	memset(in, 0, meta);
	memcpy(in + meta, frame, n);
	memset(r, 0, sizeof(*r));
	read_stats(k, before);
	err = bpf_prog_test_run_opts(k->prog, &opts);
	if (err)
		return -errno;
	read_stats(k, after);
	for (int i = 0; i < XTCP_XDP_STATS; i++) {
		r->moved[i] = after[i] - before[i];
		kit_seen[i] += r->moved[i];
	}
	r->verdict = opts.retval;
	r->len = opts.data_size_out - ctx_out.data;
	memcpy(r->out, out + ctx_out.data, r->len);
	r->has_meta = ctx_out.data - ctx_out.data_meta == meta + sizeof(r->meta);
	if (r->has_meta)
		memcpy(&r->meta, out, sizeof(r->meta));
	return 0;
}

static void check_result(const struct frame *f, int stat, int also, const struct kit_result *r, const char *file,
			 int line)
{
	int wrong = (int)r->verdict != stat_verdict[stat];

	for (int i = 0; i < XTCP_XDP_STATS; i++)
		wrong |= r->moved[i] != (uint64_t)(i == stat || i == also);
	if (wrong) {
		fprintf(stderr, "expected %s%s%s (verdict %d), got verdict %u and", kit_stat_name[stat],
			also >= 0 ? " and " : "", also >= 0 ? kit_stat_name[also] : "", stat_verdict[stat], r->verdict);
		for (int i = 0; i < XTCP_XDP_STATS; i++)
			if (r->moved[i])
				fprintf(stderr, " %s+%llu", kit_stat_name[i], (unsigned long long)r->moved[i]);
		fprintf(stderr, "\n");
		_fail(file, line);
	}
	if (r->len != f->len || memcmp(r->out, f->b, f->len) != 0) {
		fprintf(stderr, "the frame came out changed (%zu bytes of %zu)\n", r->len, f->len);
		_fail(file, line);
	}
	if (r->has_meta != (stat_verdict[stat] == XDP_REDIRECT && also != XTCP_XDP_no_meta)) {
		fprintf(stderr, "metadata: %d\n", r->has_meta);
		_fail(file, line);
	}
}

void kit_expect_at(struct kit *k, const struct frame *f, int stat, int also, struct kit_result *r, const char *file,
		   int line)
{
	static struct kit_result mine;
	int err;

	if (!r)
		r = &mine;
	err = kit_run(k, f->b, f->len, 0, r);
	if (err) {
		fprintf(stderr, "test run of %zu bytes: %s\n", f->len, strerror(-err));
		_fail(file, line);
	}
	check_result(f, stat, also, r, file, line);
}

uint32_t kit_cost(struct kit *k, const struct frame *f, uint32_t repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->b, .data_size_in = (uint32_t)f->len, .repeat = (int)repeat);

	return bpf_prog_test_run_opts(k->prog, &opts) ? 0 : opts.duration;
}
