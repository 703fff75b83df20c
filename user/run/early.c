// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * early.c - what programs do to a socket before connect() or listen() makes it ours. It is the kernel's until then, and what they watch by
 * epoll is an idle kernel's socket; once it is ours, each registration moves over. Descriptors that were copied meanwhile come along. After a
 * connect() that failed it is the kernel's again, until the next.
 *
 * A table for each process, a few entries of sockets that are nothing yet, under the lock of the first engine; a forked child has a copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/early.h"

struct entry {
	int epfd, fd;
	struct epoll_event ev;
};
static struct entry *entries;
static uint32_t count, room;

/* ---- descriptors ---- */

void early_socket(int fd, int domain, int type)
{
	if (fd < 0 || (uint32_t)fd >= local.size)
		return;
	local.opts[fd] = (domain == AF_INET || domain == AF_INET6) && (type & 0xf) == SOCK_STREAM ? EARLY_FRESH : 0;
	if (local.opts[fd] && local.fresh <= (uint32_t)fd)
		local.fresh = (uint32_t)fd + 1;
}

void early_copied(int from, int to)
{
	uint16_t opts;

	if ((uint32_t)to >= local.size || (uint32_t)from >= local.size)
		return;
	opts = local.opts[from] & (uint16_t) ~(EARLY_WATCHED | EARLY_WATCHING);
	local.opts[to] = opts & EARLY_FRESH ? opts | EARLY_COPIED : opts;
	if (opts & EARLY_FRESH) /* after that of the copy, which who makes it ours then finds */
		local_mark(from, EARLY_COPIED);
}

uint64_t early_inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

int early_become(int fd, uint32_t name)
{
	uint64_t inode = local_at(name)->inode; /* 0: it was closed already when that was asked for */
	bool is;

	local_becoming();
	is = inode && !local_entry(fd) && early_inode(fd) == inode;
	if (is)
		local.tab[fd] = name;
	local_became();
	if (!is)
		local_drop(name);
	return is ? 0 : -EBADF;
}

/* ---- the table, under the lock ---- */

static void take_out(uint32_t i)
{
	entries[i] = entries[--count];
}

static void forget(int fd, bool as_instance)
{
	for (uint32_t i = count; i > 0; i--)
		if (entries[i - 1].fd == fd || (as_instance && entries[i - 1].epfd == fd))
			take_out(i - 1);
}

static void put(int epfd, int fd, const struct epoll_event *ev)
{
	for (uint32_t i = 0; i < count; i++)
		if (entries[i].epfd == epfd && entries[i].fd == fd) {
			entries[i].ev = *ev;
			return;
		}
	if (count == room) {
		uint32_t more = room ? 2 * room : 16;
		struct entry *e = realloc(entries, more * sizeof(*e));

		if (!e)
			return; /* it stays with the kernel's socket */
		entries = e;
		room = more;
	}
	entries[count++] = (struct entry){ epfd, fd, *ev };
}

void early_ctl(int epfd, int op, int fd, const struct epoll_event *ev)
{
	if ((uint32_t)fd >= local.size || (uint32_t)epfd >= local.size)
		return;
	if (op == EPOLL_CTL_ADD)
		local_mark(fd, EARLY_WATCHED);
	if (!(local.opts[fd] & EARLY_FRESH) || !local_lock(0))
		return;
	if (op == EPOLL_CTL_DEL) {
		for (uint32_t i = count; i > 0; i--)
			if (entries[i - 1].fd == fd && entries[i - 1].epfd == epfd)
				take_out(i - 1);
	} else if (!local_entry(fd)) { /* it has become ours: call_epoll_ctl() sees to that */
		local_mark(epfd, EARLY_WATCHING);
		put(epfd, fd, ev);
	}
	local_unlock();
}

void early_closed(int fd)
{
	if ((uint32_t)fd >= local.size)
		return;
	if (local.opts[fd] & (EARLY_WATCHING | EARLY_WATCHED) && count && local_lock(0)) {
		forget(fd, true);
		local_unlock();
	}
	local.opts[fd] = 0;
}

void early_kernels(int fd)
{
	if ((uint32_t)fd >= local.size || !(local.opts[fd] & EARLY_FRESH))
		return;
	if (local.opts[fd] & EARLY_WATCHED && count && local_lock(0)) {
		forget(fd, false);
		local_unlock();
	}
	local_unmark(fd, EARLY_FRESH);
}

/* EPOLLONESHOT has fired: only the kernel's instance knows. */
static bool disarmed(int epfd, int fd)
{
	char path[64], line[256];
	bool is = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", epfd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		unsigned int events;
		int tfd;

		if (sscanf(line, "tfd: %d events: %x", &tfd, &events) == 2 && tfd == fd)
			is = !(events & 0xffff);
	}
	if (f)
		fclose(f);
	return is;
}

/* With several engines the lock is given back in between, and the table may be another then. */
static bool next_of(int fd, struct entry *e)
{
	if (!local_go(0))
		return false;
	for (uint32_t i = count; i > 0; i--)
		if (entries[i - 1].fd == fd) {
			*e = entries[i - 1];
			take_out(i - 1);
			return true;
		}
	return false;
}

static void move(int fd, uint32_t ref)
{
	struct entry e;
	bool off;

	while (next_of(fd, &e)) {
		off = e.ev.events & EPOLLONESHOT && disarmed(e.epfd, fd);
		if (call_epoll_move(e.epfd, ref, fd, &e.ev, off) == 0 && !local_at(ref)->kernel_too)
			real.epoll_ctl(e.epfd, EPOLL_CTL_DEL, fd, NULL);
	}
}

/* False: another thread has closed all that stood for it, or the run has ended. */
static bool bring(int copy, uint32_t ref, uint64_t inode)
{
	if (!local_go(local_engine(ref)) || !local_is(ref, inode))
		return false;
	local_keep(ref);
	if (!early_become(copy, ref))
		move(copy, ref);
	return local_here;
}

static void bring_copies(int fd, uint32_t ref, uint64_t inode)
{
	for (uint32_t at = 0; at < local.size; at++)
		if (local.opts[at] & EARLY_COPIED && (int)at != fd && !local.tab[at] && early_inode((int)at) == inode &&
		    !bring((int)at, ref, inode))
			return;
}

int early_ours(int fd, uint32_t ref)
{
	uint64_t inode = local_at(ref)->inode;

	if (local.opts[fd] & EARLY_WATCHED)
		move(fd, ref);
	if (local_here && local.opts[fd] & EARLY_COPIED)
		bring_copies(fd, ref, inode);
	if (!local_here || !local_go(local_engine(ref)))
		return -EIO;
	return local_entry(fd) == ref && local_is(ref, inode) ? 0 : -EBADF;
}

uint32_t early_watches(int fd, uint32_t ref, struct early_watch kept[EARLY_KEPT])
{
	struct run *r = local_here->r;
	uint32_t n = 0;

	for (uint32_t w = local_at(ref)->watches; w && n < EARLY_KEPT; w = run_watch_at(r, w)->next_sock) {
		const struct run_watch *at = run_watch_at(r, w);

		if (!(at->target & RUN_EPOLL) || at->fd != fd)
			continue;
		kept[n].epoll = at->target;
		kept[n].ev.events = at->events;
		kept[n++].ev.data.u64 = at->data;
	}
	return n;
}

void early_again(int fd, const struct early_watch *kept, uint32_t n)
{
	if (!n || (uint32_t)fd >= local.size)
		return;
	local_mark(fd, EARLY_FRESH);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t ep = 0; ep < local.size; ep++) {
			struct epoll_event ev = kept[i].ev;

			if (local_entry((int)ep) == kept[i].epoll && !real.epoll_ctl((int)ep, EPOLL_CTL_ADD, fd, &ev)) {
				early_ctl((int)ep, EPOLL_CTL_ADD, fd, &ev);
				break;
			}
		}
}
