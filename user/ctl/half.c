// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* half.c - descriptors and mappings of the XDP half. See half.h. */
#include "ctl/half.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/fail.h"

const char *const half_map_name[HALF_MAPS] = {
	[HALF_PORTS] = "ports", [HALF_ADDRS] = "addrs", [HALF_XSKS] = "xsks",
	[HALF_FLOWS] = "flows", [HALF_STATS] = "stats", [HALF_EVENTS] = "events",
};

#define PORTS_BYTES (XTCP_PORTS * sizeof(struct xtcp_port_entry))
#define FLOWS_BYTES (XTCP_FLOWS * sizeof(struct xtcp_flow))

void half_init(struct half *h)
{
	memset(h, 0, sizeof(*h));
	for (int i = 0; i < HALF_MAPS; i++)
		h->map[i] = -1;
	h->prog = h->flow_iter = h->link = -1;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void half_close(struct half *h)
{
	if (h->ports)
		munmap(h->ports, PORTS_BYTES);
	if (h->flows)
		munmap(h->flows, FLOWS_BYTES);
	h->ports = NULL;
	h->flows = NULL;
	close_fd(&h->link);
	close_fd(&h->flow_iter);
	close_fd(&h->prog);
	for (int i = 0; i < HALF_MAPS; i++)
		close_fd(&h->map[i]);
}

static void *map_shared(int fd, size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

int half_mmap(struct half *h)
{
	int err;

	h->ports = map_shared(h->map[HALF_PORTS], PORTS_BYTES);
	if (h->ports)
		h->flows = map_shared(h->map[HALF_FLOWS], FLOWS_BYTES);
	if (h->ports && h->flows)
		return 0;
	err = errno;
	return fail(err, "BPF maps 'ports' and 'flows' cannot be mapped: %s", strerror(err));
}

uint32_t prog_id_of(int fd)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

int half_stats(const struct half *h, struct xtcp_xdp_stats *out)
{
	int cpus = libbpf_num_possible_cpus();
	const size_t words = sizeof(*out) / sizeof(__u64);
	__u64 *each, *sum = (__u64 *)out;
	__u32 zero = 0;
	int err = 0;

	memset(out, 0, sizeof(*out));
	if (cpus < 1)
		return fail(EIO, "the number of CPUs cannot be told");
	each = calloc((size_t)cpus * words, sizeof(*each));
	if (!each)
		return fail(ENOMEM, "out of memory");
	if (bpf_map_lookup_elem(h->map[HALF_STATS], &zero, each)) {
		err = errno;
		err = fail(err, "the XDP counters cannot be read: %s", strerror(err));
	}
	for (size_t i = 0; !err && i < words * (size_t)cpus; i++)
		sum[i % words] += each[i];
	free(each);
	return err;
}
