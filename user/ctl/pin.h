/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* pin.h - pins under bpffs, and the lock that says one xtcp per interface. */
#ifndef CTL_PIN_H
#define CTL_PIN_H

#include "ctl/half.h"
#include "ctl/keeper.h"

#define PIN_PATH 128
#define PIN_FS "/sys/fs/bpf"
#define PIN_ROOT PIN_FS "/xtcp"

struct pins {
	char path[PIN_PATH]; /* "" when nothing is pinned */
	struct keeper keeper;
};

/*
 * Pin program and maps (and the link, to outlive us) in /sys/fs/bpf/xtcp/IFNAME,
 * or IFNAME@NETNSINODE when the same name lives in another namespace. 0 or -errno with fail().
 */
int pins_make(struct pins *p, const char *ifname, const struct half *h, bool with_link);
/* Remove the pins and dismiss the keeper. */
void pins_drop(struct pins *p);
/* Fork the process that removes the pins should we die without pins_drop(). */
int pins_keep(struct pins *p);
/* The directory that pins this program, into path; false when there is none in sight. */
bool pins_find(const char *ifname, uint32_t prog_id, char path[PIN_PATH]);
bool pins_hold_link(const char *path);
/* Unlink whatever is pinned in a directory, and the directory. */
void pins_remove(const char *path);
/* Make sure that bpffs is there. 0 or -errno with fail(). */
int pins_mount(void);

/*
 * lock.c: an abstract socket, which is private to the network namespace and vanishes
 * with its last holder. Returns the descriptor, or -EBUSY with fail() naming the holder.
 */
int lock_take(const struct ctl_link *link);
/* Does anybody hold it? */
bool lock_held(int ifindex);

#endif
