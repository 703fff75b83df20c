// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * local.c - joining a run, the table of descriptors, forks. See local.h.
 *
 * The program's descriptors are the kernel's: behind each of ours is a kernel socket, idle, whose number nobody else can get, and
 * whose inode tells what it is after exec and SCM_RIGHTS. The table says so without a system call.
 */
#include "run/local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "engine/engine.h"
#include "io/clock.h"
#include "lib/fail.h"

#define BATCH_NS 100000ull /* what is sent waits no longer for company */
#define SIZE_MAX_FDS (1u << 20)
_Static_assert(RUN_PROCS == 512, "what in_child() says");
#define ALONE_S 1
#define HIDE_BELOW 192 /* of the limit of descriptors: enough for sockets of threads */

struct local local;

/* ---- the lock, as this process has it ---- */

__thread volatile sig_atomic_t local_held;
void (*local_resume_handlers)(void);

static __thread int cancel_state; /* what a turn calls on would be a cancellation point */

static void hold_back(void)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	local_held = 1;
	atomic_signal_fence(memory_order_seq_cst);
}

static void let_handlers_run(void)
{
	local_held = 0;
	atomic_signal_fence(memory_order_seq_cst);
	pthread_setcancelstate(cancel_state, NULL);
	if (local_resume_handlers)
		local_resume_handlers();
}

static uint32_t this_thread(void)
{
	return (uint32_t)((uintptr_t)&local_held >> 2) | 1;
}

/* Another thread is about to end the process. Unless that waits for this one: a library's destructor may. */
static void stand_aside(uint32_t ender)
{
	const struct timespec ts = { .tv_sec = ALONE_S };

	local_unlock();
	real.syscall(SYS_futex, &local.alone, FUTEX_WAIT_PRIVATE, ender, &ts, NULL, 0);
	hold_back();
}

bool local_lock(void)
{
	bool aside = false;

	hold_back();
	while (run_lock(&local.m)) {
		uint32_t ender = __atomic_load_n(&local.alone, __ATOMIC_RELAXED);

		if (!ender || aside || ender == this_thread())
			return true;
		stand_aside(ender);
		aside = true;
	}
	let_handlers_run();
	errno = EIO;
	return false;
}

void local_alone(void)
{
	if (!local.on || local_held)
		return;
	__atomic_store_n(&local.alone, this_thread(), __ATOMIC_RELAXED);
	run_pass(&local.m, ALONE_S);
}

void local_not_alone(void)
{
	if (local.alone != this_thread())
		return;
	__atomic_store_n(&local.alone, 0, __ATOMIC_RELAXED);
	real.syscall(SYS_futex, &local.alone, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void local_unlock(void)
{
	run_unlock(&local.m);
	let_handlers_run();
}

bool local_lock_on(int fd, uint32_t ref)
{
	if (!local_lock())
		return false;
	if (ref && local_sock(fd) == ref)
		return true;
	local_unlock();
	errno = EBADF;
	return false;
}

void local_turn(void)
{
	uint64_t now = clock_now_ns();
	struct engine *e = api_engine(local.m.x);

	if (!xsk_rx_waiting(api_port(local.m.x)) && engine_deadline(e) > now && !engine_frames(e)->in_tx)
		return;
	if (local.sandboxed)
		run_kick_keeper(&local.m);
	else
		run_turn(&local.m, now);
}

/*
 * An event loop that reads each of its sockets until there is nothing shares one doorbell for what it sends meanwhile, as long as it
 * goes from socket to socket. One that asks the same again is not going to wait: a turn.
 */
void local_look(uint32_t ref)
{
	static __thread uint32_t asked;
	uint64_t now = clock_now_ns();

	if (ref == asked || local.sandboxed || now - local.m.r->turn_ns > BATCH_NS) {
		asked = 0;
		local_turn();
		return;
	}
	asked = ref;
	if (xsk_rx_waiting(api_port(local.m.x)))
		run_take_in(&local.m, now);
}

/* ---- the table ---- */

static uint32_t limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) || l.rlim_max > SIZE_MAX_FDS)
		return SIZE_MAX_FDS;
	return (uint32_t)l.rlim_max;
}

int local_hide(int fd)
{
	struct rlimit l;
	int base, to;

	if (fd < 0)
		return fd;
	base = getrlimit(RLIMIT_NOFILE, &l) || l.rlim_cur > 65536 ? 65536 : (int)l.rlim_cur;
	base = base > 2 * HIDE_BELOW ? base - HIDE_BELOW : base / 2;
	to = real.fcntl(fd, F_DUPFD_CLOEXEC, base);
	if (to < 0)
		to = fd;
	else
		real.close(fd);
	if ((uint32_t)to < local.size)
		local.tab[to] = LOCAL_HIDDEN;
	return to;
}

void local_enter(int fd, uint32_t ref)
{
	if ((uint32_t)fd >= local.size)
		return;
	if (!local.count[ref]++)
		run_sock_hold(&local.m, local.m.slot, ref);
	local.tab[fd] = ref;
}

static void forget_epoll(int fd, uint32_t ep)
{
	local.tab[fd] = 0;
	if (--local.bells[ep])
		return;
	run_epoll_drop(local.m.r, local.m.slot, ep);
	local.tab[local.bell[ep]] = 0;
	real.close(local.bell[ep]);
}

void local_forget(int fd)
{
	uint32_t ref = local_sock(fd), e = local_entry(fd);

	if (e & RUN_EPOLL)
		forget_epoll(fd, e & ~RUN_EPOLL);
	if (!ref)
		return;
	local.tab[fd] = 0;
	if (!--local.count[ref])
		run_sock_drop(&local.m, local.m.slot, ref, false);
}

void local_copy(int from, int to)
{
	uint32_t e = local_entry(from);

	if (to < 0 || (uint32_t)to >= local.size || e == LOCAL_HIDDEN)
		return;
	if (e & RUN_EPOLL) {
		local.bells[e & ~RUN_EPOLL]++;
		local.tab[to] = e;
	} else if (e) {
		local_enter(to, e);
	}
}

/* ---- forks and sandboxes ---- */

void local_prepare_sandbox(void)
{
	if (!local.on || !local_lock())
		return;
	local_become_waiter();
	local_unlock();
}

static __thread uint32_t child_slot; /* RUN_PROCS: none was left */
static __thread bool fork_locked;

/* What a process holds, its forked child holds too. */
static void copy_holdings(uint32_t from_slot, uint32_t to_slot)
{
	struct run *r = local.m.r;
	uint64_t *from = run_bits(r, from_slot), *to = run_bits(r, to_slot);

	for (uint32_t i = 0; i < (r->sock_fresh + 63) / 64; i++) {
		to[i] = from[i];
		for (uint64_t b = from[i]; b; b &= b - 1)
			run_sock_at(r, i * 64 + (uint32_t)__builtin_ctzll(b) + 1)->procs++;
	}
	for (uint32_t i = 0; i < RUN_EPOLLS / 64; i++) {
		r->epoll_bits[to_slot][i] = r->epoll_bits[from_slot][i];
		for (uint64_t b = r->epoll_bits[from_slot][i]; b; b &= b - 1)
			r->epoll[i * 64 + (uint32_t)__builtin_ctzll(b)].procs++;
	}
}

/* The child is a process of the run from its first moment. The lock is held over the fork, so that it gets tables in good order. */
static void before_fork(void)
{
	child_slot = RUN_PROCS;
	fork_locked = local.on && local_lock();
	if (!fork_locked)
		return;
	child_slot = run_proc_new(local.m.r, 0, RUN_PROC_BORN, clock_now_ns());
	if (child_slot != RUN_PROCS)
		copy_holdings(local.m.slot, child_slot);
}

static void in_parent(void)
{
	if (!fork_locked)
		return;
	local_unlock();
	run_kick_keeper(&local.m);
}

static void in_child(void)
{
	static const char full[] =
		"xtcp: a forked process has lost its connections: a run has room for 512 at a time\n";

	if (!local.on)
		return;
	local_held = 0; /* the parent's fork() has it */
	pthread_setcancelstate(cancel_state, NULL);
	local.alone = 0;
	local.pid = getpid();
	if (child_slot == RUN_PROCS) {
		local.on = false; /* what it has of ours is closed to it */
		local.size = 0;
		(void)!real.write(2, full, sizeof(full) - 1);
		return;
	}
	local.m.slot = child_slot;
	local.m.r->proc[child_slot].pid = local.pid;
	__atomic_store_n(&local.m.r->proc[child_slot].state, RUN_PROC_LIVE, __ATOMIC_RELEASE);
	run_kick_keeper(&local.m);
	local_prepare_sandbox(); /* it may take itself the right to open descriptors before it says so */
}

/* The child was faster than its parent. */
static bool joined(pid_t pid)
{
	for (uint32_t i = 0; i < RUN_PROCS; i++)
		if (local.m.r->proc[i].pid == pid && local.m.r->proc[i].state != RUN_PROC_FREE)
			return true;
	return false;
}

/* The lock is not held meanwhile, for that may take a while: the child is one that was born, and is waited for. */
uint32_t local_before_spawn(void)
{
	uint32_t slot;

	if (!local.on || !local_lock())
		return RUN_PROCS;
	slot = run_proc_new(local.m.r, 0, RUN_PROC_BORN, clock_now_ns());
	if (slot != RUN_PROCS)
		copy_holdings(local.m.slot, slot);
	local_unlock();
	return slot;
}

void local_after_spawn(uint32_t slot, pid_t pid)
{
	int err = errno;

	if (slot == RUN_PROCS || !local_lock())
		return;
	if (pid && !joined(pid)) {
		local.m.r->proc[slot].pid = pid;
		local.m.r->proc[slot].state = RUN_PROC_LIVE;
	} else {
		run_proc_drop(&local.m, slot, false);
	}
	local_unlock();
	run_kick_keeper(&local.m);
	errno = err;
}

/* ---- joining ---- */

/* What was inherited through exec: sockets whose inode the run knows. */
static void inherit(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	struct stat st;

	while (d && (e = readdir(d))) {
		int fd = atoi(e->d_name);
		uint32_t ref;

		if (fd == dirfd(d) || local_entry(fd) || fstat(fd, &st) || !S_ISSOCK(st.st_mode))
			continue;
		ref = run_sock_by_inode(local.m.r, st.st_ino);
		if (ref)
			local_enter(fd, ref);
	}
	if (d)
		closedir(d);
}

/* A process that has called exec keeps its slot, and what it does not have any more is given up. */
static bool take_slot(void)
{
	struct run *r = local.m.r;
	uint64_t *bits;

	for (uint32_t i = 0; i < RUN_PROCS; i++)
		if (r->proc[i].pid == local.pid && r->proc[i].state != RUN_PROC_FREE) {
			local.m.slot = i;
			r->proc[i].state = RUN_PROC_LIVE;
			run_epoll_drop_all(r, i); /* nothing tells them apart after exec */
			inherit();
			bits = run_bits(r, i);
			for (uint32_t s = 1; s <= r->sock_fresh; s++)
				if (bits[(s - 1) / 64] >> ((s - 1) & 63) & 1 && !local.count[s])
					run_sock_drop(&local.m, i, s, false);
			return true;
		}
	local.m.slot = run_proc_new(r, local.pid, RUN_PROC_LIVE, clock_now_ns());
	if (local.m.slot == RUN_PROCS)
		return false;
	inherit();
	return true;
}

static void *table(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int join(const char *name)
{
	uint32_t size = limit();
	int err;

	local.tab = table(size * sizeof(*local.tab));
	local.opts = table(size * sizeof(*local.opts));
	if (!local.tab || !local.opts)
		return fail(ENOMEM, "no memory for a table of descriptors");
	local.size = size;
	err = run_attach(&local.m, name, local_hide);
	if (err)
		return err;
	local.count = table(((size_t)local.m.r->socks + 1) * sizeof(*local.count));
	if (!local.count)
		return fail(ENOMEM, "no memory for a table of sockets");
	local.pid = getpid();
	local.m.slot = RUN_PROCS; /* nobody's yet: the state of the port is imported */
	if (!run_lock(&local.m))
		return fail(EIO, "xtcp run has ended");
	local.on = take_slot();
	local.m.r->last = local.m.slot;
	run_unlock(&local.m);
	run_kick_keeper(&local.m);
	return local.on ? 0 : fail(EMFILE, "an xtcp run serves %d processes at a time, no more", RUN_PROCS);
}

int local_join_run(const char *name)
{
	int err;

	real_init();
	err = join(name);
	if (err)
		local.size = 0;
	else
		pthread_atfork(before_fork, in_parent, in_child);
	return err;
}

void local_join(void)
{
	const char *name = getenv("XTCP_RUN");

	real_init();
	if (name && *name && local_join_run(name))
		fprintf(stderr, "xtcp: this program is left to the kernel: %s\n", fail_text());
}

void local_sandboxed(void)
{
	local.sandboxed = true;
	local.m.quiet = true;
}

void local_bye(void)
{
	if (!local.on || local.pid != getpid())
		return;
	__atomic_store_n(&local.m.r->proc[local.m.slot].state, RUN_PROC_BYE, __ATOMIC_RELEASE);
	local_alone();
}
