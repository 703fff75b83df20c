// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * call_poll.c - poll and select over descriptors of ours and of the kernel in one set.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "run/calls.h"
#include "run/guard.h"
#include "io/clock.h"

#define ON_STACK 64

uint64_t call_until(const struct timespec *limit)
{
	uint64_t now;

	if (!limit)
		return LOCAL_NEVER;
	now = clock_now_ns();
	if ((uint64_t)limit->tv_sec > (LOCAL_NEVER - now) / 2000000000ull)
		return LOCAL_NEVER;
	return now + (uint64_t)limit->tv_sec * 1000000000ull + (uint64_t)limit->tv_nsec;
}

/* One poll(): the sockets of ours among its descriptors, and those of the kernel, listeners at wildcard addresses in both. */
struct polling {
	struct pollfd *fds;
	nfds_t n;
	struct local_item *item;
	struct pollfd *kernel; /* with local_wait_head() entries in front */
	nfds_t *where;	       /* of each in kernel: its place in fds */
	int items;
	nfds_t room; /* for items */
	nfds_t kernels;
};

/* A listener is an item in each engine, if it was one already when the room was measured. */
static void watch_one(struct polling *p, nfds_t i, uint32_t name)
{
	uint32_t want = (uint16_t)p->fds[i].events;
	uint64_t inode = local_at(name)->inode;
	int n = 1;

	if (p->room - (nfds_t)p->items >= local.engines + (p->n - i - 1))
		n = local_items(name, inode, want, &p->item[p->items]);
	else
		p->item[p->items] = (struct local_item){ .sock = name, .want = want, .inode = inode };
	for (; n > 0; n--)
		p->item[p->items++].place = (uint32_t)i;
}

static void sort_out(struct polling *p)
{
	nfds_t head = local_wait_head();

	for (nfds_t i = 0; i < p->n; i++) {
		uint32_t ref = local_sock(p->fds[i].fd), e = local_entry(p->fds[i].fd);

		if (ref)
			watch_one(p, i, ref);
		else if (e & RUN_EPOLL && e != LOCAL_HIDDEN)
			call_epoll_nest(e & ~RUN_EPOLL);
		if (ref && !local_at(ref)->kernel_too)
			continue;
		p->where[p->kernels] = i;
		p->kernel[head + p->kernels++] = (struct pollfd){ .fd = p->fds[i].fd, .events = p->fds[i].events };
	}
}

/*
 * By the sockets that stood there when it began: other threads may have closed a descriptor, or put another in its place. -EIO: the run has
 * ended.
 */
static int count_ready(struct polling *p)
{
	nfds_t head = local_wait_head();
	int n = 0;

	for (nfds_t i = 0; i < p->n; i++)
		p->fds[i].revents = 0;
	for (int i = 0; i < p->items; i++) {
		const struct local_item *it = &p->item[i];

		if (!local_go(local_engine(it->sock)))
			return -EIO;
		p->fds[it->place].revents |= local_item_closed(it) ? POLLNVAL
								   : (short)(local_poll(it->sock, it->want) &
									     (it->want | POLLERR | POLLHUP));
	}
	for (nfds_t i = 0; i < p->kernels; i++)
		p->fds[p->where[i]].revents |= p->kernel[head + i].revents;
	for (nfds_t i = 0; i < p->n; i++)
		n += p->fds[i].revents != 0;
	return n;
}

static void ask_kernel(struct polling *p)
{
	static const struct timespec now = { 0, 0 };

	if (p->kernels)
		real.ppoll(p->kernel + local_wait_head(), p->kernels, &now, NULL);
}

/* A turn of each engine that is waited for. */
static bool turns(const struct polling *p)
{
	uint64_t done = 0;

	if (local.engines == 1 || !p->items)
		local_turn();
	for (int i = 0; i < p->items && local.engines > 1; i++) {
		uint32_t k = local_engine(p->item[i].sock);

		if (done >> k & 1)
			continue;
		done |= 1ull << k;
		if (!local_go(k))
			return false;
		local_turn();
	}
	return true;
}

/* The number of ready descriptors, or -errno; with -EIO the lock is not held any more. */
static int poll_locked(struct polling *p, const struct timespec *limit, const sigset_t *mask)
{
	struct local_wait w = { .item = p->item,
				.items = p->items,
				.kernel = p->kernel,
				.kernels = p->kernels,
				.until_ns = call_until(limit),
				.mask = mask };
	int n, rc = 1;

	if (!turns(p))
		return -EIO;
	call_epoll_tidy();
	if (!local_here)
		return -EIO;
	ask_kernel(p);
	while (!(n = count_ready(p)) && rc > 0 && !(limit && !limit->tv_sec && !limit->tv_nsec))
		rc = local_wait(&w);
	if (rc == -EIO || n == -EIO)
		return -EIO;
	return n || rc >= 0 ? n : rc;
}

/* items: for how many there is room. */
static int poll_ours(struct pollfd *fds, nfds_t n, const struct timespec *limit, const sigset_t *mask, void *room,
		     nfds_t items)
{
	struct polling p = { .fds = fds, .n = n, .room = items };
	int rc;

	p.where = room;
	p.kernel = (struct pollfd *)(p.where + n);
	p.item = (struct local_item *)(p.kernel + local_wait_head() + n);
	if (!local_lock(local_name(local_home(), 0)))
		return local_wait_ended();
	sort_out(&p);
	rc = poll_locked(&p, limit, mask);
	if (rc == -EIO)
		return local_wait_ended();
	local_unlock();
	if (!rc && mask && !limit->tv_sec &&
	    !limit->tv_nsec) /* a signal that the mask lets through comes all the same */
		rc = real.ppoll(NULL, 0, limit, mask) < 0 ? -errno : 0;
	return rc < 0 ? call_error(-rc) : rc;
}

#define ROOM(n, items)                                                            \
	((LOCAL_WAIT_HEAD + (n)) * sizeof(struct pollfd) + (n) * sizeof(nfds_t) + \
	 (items) * sizeof(struct local_item) + 64)

/* A listener is an item in each engine. */
static nfds_t items_of(const struct pollfd *fds, nfds_t n)
{
	nfds_t items = n;

	for (nfds_t i = 0; i < n && local.engines > 1; i++)
		if (local_sock(fds[i].fd) && local_at(local_sock(fds[i].fd))->kind == RUN_LISTENER)
			items += local.engines - 1;
	return items;
}

int call_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *limit, const sigset_t *mask)
{
	uint64_t room[ROOM(ON_STACK, ON_STACK) / 8 + 1];
	bool ours = false;
	nfds_t items;
	void *more;
	int rc;

	if (!local.on || n > INT_MAX || !guard_write(fds, n * sizeof(*fds)) ||
	    (limit && !guard_read(limit, sizeof(*limit))) || call_bad_limit(limit))
		return real.ppoll(fds, n, limit, mask);
	for (nfds_t i = 0; i < n && !ours; i++) /* nested epoll instances of ours too */
		ours = local_entry(fds[i].fd) != 0 && local_entry(fds[i].fd) != LOCAL_HIDDEN;
	if (!ours)
		return real.ppoll(fds, n, limit, mask);
	items = items_of(fds, n);
	if (items <= ON_STACK)
		return poll_ours(fds, n, limit, mask, room, items);
	more = malloc(ROOM(n, items));
	if (!more)
		return call_error(ENOMEM);
	rc = poll_ours(fds, n, limit, mask, more, items);
	free(more);
	return rc;
}

/* ---- select ---- */

static bool there(fd_set *s, int n)
{
	const size_t bits = 8 * sizeof(long);

	return !s || n <= 0 || guard_write(s, ((size_t)n + bits - 1) / bits * sizeof(long));
}

static bool has(const fd_set *s, int fd)
{
	const unsigned long *bits = (const unsigned long *)s; /* sets larger than FD_SETSIZE are allowed */

	return s && bits[fd / (8 * (int)sizeof(long))] >> (fd % (8 * (int)sizeof(long))) & 1;
}

static void put(fd_set *s, int fd, bool on)
{
	unsigned long *bits = (unsigned long *)s, bit = 1ul << (fd % (8 * (int)sizeof(long)));

	if (!s)
		return;
	bits += fd / (8 * (int)sizeof(long));
	*bits = on ? *bits | bit : *bits & ~bit;
}

static int to_sets(const struct pollfd *p, nfds_t n, fd_set *in, fd_set *out, fd_set *except)
{
	int total = 0;

	for (nfds_t i = 0; i < n; i++)
		if (p[i].revents & POLLNVAL)
			return call_error(EBADF);
	for (nfds_t i = 0; i < n; i++) {
		bool r = has(in, p[i].fd) && p[i].revents & (POLLIN | POLLRDNORM | POLLHUP | POLLERR);
		bool w = has(out, p[i].fd) && p[i].revents & (POLLOUT | POLLWRNORM | POLLERR);
		bool e = has(except, p[i].fd) && p[i].revents & POLLPRI;

		put(in, p[i].fd, r);
		put(out, p[i].fd, w);
		put(except, p[i].fd, e);
		total += r + w + e;
	}
	return total;
}

bool call_select_ours(int n, fd_set *in, fd_set *out, fd_set *except)
{
	if (!there(in, n) || !there(out, n) || !there(except, n)) /* the kernel says so */
		return false;
	for (int fd = 0; fd < n; fd++)
		if (local_entry(fd) && (has(in, fd) || has(out, fd) || has(except, fd)))
			return true;
	return false;
}

int call_pselect(int n, fd_set *in, fd_set *out, fd_set *except, const struct timespec *limit, const sigset_t *mask)
{
	struct pollfd *p;
	nfds_t fds = 0;
	int rc;

	if (!call_select_ours(n, in, out, except) || (limit && !guard_read(limit, sizeof(*limit))) ||
	    call_bad_limit(limit))
		return real.pselect(n, in, out, except, limit, mask);
	p = malloc((size_t)n * sizeof(*p));
	if (!p)
		return call_error(ENOMEM);
	for (int fd = 0; fd < n; fd++) {
		short ev = (short)((has(in, fd) ? POLLIN : 0) | (has(out, fd) ? POLLOUT : 0) |
				   (has(except, fd) ? POLLPRI : 0));

		if (ev)
			p[fds++] = (struct pollfd){ .fd = fd, .events = ev };
	}
	rc = call_ppoll(p, fds, limit, mask);
	if (rc >= 0)
		rc = to_sets(p, fds, in, out, except);
	free(p);
	return rc;
}
