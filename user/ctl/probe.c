// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* probe.c - ask the kernel by trying; nothing is left behind. See probe.h. */
#include "ctl/probe.h"
#include "ctl/ctl.h"
#include "lib/fail.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SHMEM_HUGE "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69
#endif

#define BUSY_TRIES 30
#define BUSY_PAUSE_NS 10000000
#define UMEM_FRAMES 64
#define FRAME_BYTES 4096
#define UMEM_BYTES ((size_t)UMEM_FRAMES * FRAME_BYTES)

static int set_rings(int fd, void *umem)
{
	struct xdp_umem_reg reg = {
		.addr = (uintptr_t)umem,
		.len = UMEM_BYTES,
		.chunk_size = FRAME_BYTES,
	};
	static const int rings[] = { XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING, XDP_TX_RING };
	int size = UMEM_FRAMES;

	if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)))
		return -errno;
	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++)
		if (setsockopt(fd, SOL_XDP, rings[i], &size, sizeof(size)))
			return -errno;
	return 0;
}

static int try_bind(int ifindex, uint16_t bind_flags)
{
	struct sockaddr_xdp sxdp = {
		.sxdp_family = AF_XDP,
		.sxdp_ifindex = (uint32_t)ifindex,
		.sxdp_flags = bind_flags,
	};
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	void *umem;
	int err;

	if (fd < 0)
		return -errno;
	umem = mmap(NULL, UMEM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	err = umem == MAP_FAILED ? -errno : set_rings(fd, umem);
	if (!err && bind(fd, (struct sockaddr *)&sxdp, sizeof(sxdp)))
		err = -errno;
	close(fd);
	if (umem != MAP_FAILED)
		munmap(umem, UMEM_BYTES);
	return err;
}

int probe_tx_metadata(void)
{
	struct xdp_uapi_umem_reg reg = { .len = UMEM_BYTES,
					 .chunk_size = FRAME_BYTES,
					 .flags = XDP_UMEM_TX_METADATA_LEN,
					 .tx_metadata_len = XDP_UAPI_TX_META_LEN };
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0), err;
	void *umem;

	if (fd < 0)
		return -errno;
	umem = mmap(NULL, UMEM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.addr = (uintptr_t)umem;
	err = umem == MAP_FAILED || setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) ? -errno : 0;
	close(fd);
	if (umem != MAP_FAILED)
		munmap(umem, UMEM_BYTES);
	return err;
}

/* A queue is let go by a kernel worker, a moment after its socket was closed. */
int probe_xsk(int ifindex, uint16_t bind_flags)
{
	const struct timespec pause = { .tv_nsec = BUSY_PAUSE_NS };
	int err = try_bind(ifindex, bind_flags);

	for (int i = 0; err == -EBUSY && i < BUSY_TRIES; i++) {
		nanosleep(&pause, NULL);
		err = try_bind(ifindex, bind_flags);
	}
	return err;
}

int probe_xsk_socket(void)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int probe_busy_poll(void)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	int one = 1, err = 0;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &one, sizeof(one)))
		err = -errno;
	close(fd);
	return err;
}

int probe_shmem_huge(void)
{
	char text[128] = "";
	FILE *f = fopen(SHMEM_HUGE, "re");
	int rc;

	if (!f)
		return -errno;
	rc = fgets(text, sizeof(text), f) ? 0 : -EIO;
	fclose(f);
	if (rc)
		return rc;
	if (strstr(text, "[always]") || strstr(text, "[force]"))
		return 2;
	return strstr(text, "[advise]") || strstr(text, "[within_size]") ? 1 : 0;
}

int ctl_check_huge_pages(void)
{
	int rc = probe_shmem_huge();

	if (rc > 0)
		return 0;
	return fail(ENOTSUP, "no huge pages for shared memory: %s; echo advise >" SHMEM_HUGE,
		    rc ? strerror(-rc) : "the kernel is told never to");
}

int probe_ringbuf(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "probe", 0, 0, 4096, NULL);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

uint64_t probe_caps(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long caps = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (f)
		fclose(f);
	return caps;
}

int probe_offload(const char *ifname, uint32_t cmd)
{
	struct ethtool_value value = { .cmd = cmd };
	struct ifreq ifr = { .ifr_data = (void *)&value };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	memcpy(ifr.ifr_name, ifname, strnlen(ifname, IFNAMSIZ - 1));
	err = ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
	close(fd);
	if (err)
		return err;
	return cmd == ETHTOOL_GFLAGS ? !!(value.data & ETH_FLAG_LRO) : !!value.data;
}
