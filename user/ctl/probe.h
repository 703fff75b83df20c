/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* probe.h - questions to the kernel that only trying answers; for doctor. */
#ifndef CTL_PROBE_H
#define CTL_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include "ctl/ctl.h"
#include "io/xdp_uapi.h"

/* Bind a scratch AF_XDP socket to queue 0 with XDP_COPY and the like. 0 or -errno. */
int probe_xsk(int ifindex, uint16_t bind_flags);
/* Is there AF_XDP, and does it take SO_PREFER_BUSY_POLL? 0 or -errno. */
int probe_xsk_socket(void);
int probe_busy_poll(void);
/* May shared memory be in huge pages? 1 if asked for, 2 always, 0 no; -errno: this kernel has none. */
int probe_shmem_huge(void);
/* A UMEM can have TX metadata. 0 or -errno. */
int probe_tx_metadata(void);
/* A ring buffer can be made. 0 or -errno. */
int probe_ringbuf(void);
/* Effective capabilities, bit n: capability n. 0 when unknown. */
uint64_t probe_caps(void);
/* An ethtool flag by its ETHTOOL_G* number: 0, 1, or -errno. */
int probe_offload(const char *ifname, uint32_t cmd);

/* Collects findings. */
struct findings {
	struct ctl_finding *out;
	int n, max;
};
void finding(struct findings *f, enum ctl_health health, const char *what, const char *mend, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void doctor_link(struct findings *f, const char *ifname);

#endif
