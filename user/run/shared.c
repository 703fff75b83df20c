// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * shared.c - a socket that several processes have while it is nothing yet: it was forked, or went by in a message (SCM_RIGHTS). Then one of
 * them connects it, or lets it listen, and it is ours. It is all of theirs: who does that holds it for the others, too, and each of these
 * finds out when it next does anything with its descriptor.
 *
 * Such descriptors are marked (LOCAL_SHARED), so that no other has to be looked up. Who has the socket is read from /proc: a process that
 * may not read another's holds it for itself alone.
 */
#include "run/shared.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/early.h"

void shared_fork(void)
{
	for (uint32_t fd = 0; fd < local.fresh; fd++)
		if (local.opts[fd] & EARLY_FRESH && !local.tab[fd])
			local_mark((int)fd, LOCAL_SHARED);
}

void shared_sent(int fd)
{
	if ((uint32_t)fd < local.fresh && local.opts[fd] & EARLY_FRESH)
		local_mark(fd, LOCAL_SHARED);
}

/* A TCP socket of the kernel's that is neither connected nor listens? */
static bool is_nothing(int fd)
{
	int proto = 0;
	struct tcp_info info;
	socklen_t len = sizeof(proto);

	if (real.getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &proto, &len) || proto != IPPROTO_TCP)
		return false;
	len = sizeof(info);
	return !real.getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) && info.tcpi_state == TCP_CLOSE;
}

void shared_came(int fd)
{
	if ((uint32_t)fd >= local.size || !is_nothing(fd))
		return;
	local.opts[fd] = EARLY_FRESH | LOCAL_SHARED;
	if (local.fresh <= (uint32_t)fd)
		local.fresh = (uint32_t)fd + 1;
}

/* ---- for the others ---- */

static bool has(pid_t pid, uint64_t inode)
{
	char path[32], want[40], is[40];
	bool found = false;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	snprintf(want, sizeof(want), "socket:[%llu]", (unsigned long long)inode);
	d = opendir(path);
	while (d && !found && (e = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, is, sizeof(is) - 1);

		is[n > 0 ? n : 0] = '\0';
		found = !strcmp(is, want);
	}
	if (d)
		closedir(d);
	return found;
}

void shared_find(int fd, struct shared *with)
{
	const struct run_proc *proc = local.m[0].r->proc;
	struct stat st;

	memset(with, 0, sizeof(*with));
	if ((uint32_t)fd >= local.size || !(local.opts[fd] & LOCAL_SHARED) || fstat(fd, &st))
		return;
	for (uint32_t i = 0; i < RUN_PROCS; i++)
		if (proc[i].state == RUN_PROC_LIVE && i != local.m[0].slot && has(proc[i].pid, st.st_ino)) {
			with->slots[i / 64] |= 1ull << (i & 63);
			with->any = true;
		}
}

static void hold_here(uint32_t name, const struct shared *with)
{
	for (uint32_t i = 0; i < RUN_PROCS; i++)
		if (with->slots[i / 64] >> (i & 63) & 1 && local.m[0].r->proc[i].state == RUN_PROC_LIVE)
			run_sock_hold(local_here, i, local_ref(name));
}

void shared_hold(uint32_t name, const struct shared *with)
{
	uint64_t inode = local_at(name)->inode;
	uint32_t twin;

	if (!with->any)
		return;
	hold_here(name, with);
	if (local_at(name)->kind != RUN_LISTENER)
		return;
	for (uint32_t k = 1; k < local.engines; k++) {
		if (!local_go_twin(name, inode, k, &twin))
			return;
		if (twin)
			hold_here(twin, with);
	}
	local_go(local_engine(name));
}

/* ---- by the others ---- */

/* A listener is found in the first engine. */
static uint32_t find(uint64_t inode)
{
	for (uint32_t k = 0; k < local.engines; k++) {
		uint32_t ref;

		if (!local_go(k))
			return 0;
		ref = run_sock_by_inode(local_here->r, inode);
		if (ref)
			return local_name(k, ref);
	}
	return 0;
}

static void adopt(int fd, uint64_t inode)
{
	uint32_t name = local_entry(fd) ? 0 : find(inode);

	if (!name)
		return;
	local_keep(name);
	if (local_here && !early_become(fd, name))
		early_ours(fd, name);
}

uint32_t local_adopt(int fd)
{
	int err = errno;
	struct stat st;
	bool over;

	if (local_here || local_held || !local.on)
		return 0;
	over = fstat(fd, &st) || !S_ISSOCK(st.st_mode);
	if (!over && local_lock(0)) {
		adopt(fd, st.st_ino);
		local_unlock();
		over = local_entry(fd) || !is_nothing(fd);
	}
	if (over)
		local_unmark(fd, LOCAL_SHARED);
	errno = err;
	return local_entry(fd) < LOCAL_HIDDEN ? local_entry(fd) : 0;
}
