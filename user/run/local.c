// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * local.c - joining a run, the table of descriptors, forks. See local.h.
 *
 * The program's descriptors are the kernel's: behind each of ours is a kernel socket, idle, whose number nobody else can get, and
 * whose inode tells what it is after exec and SCM_RIGHTS. The table says so without a system call.
 */
#include "run/local.h"
#include "run/rules.h"
#include "run/shared.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
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
LOCAL_TLS struct run_member *local_here;
LOCAL_TLS uint64_t local_told;

/* ---- the lock, as this process has it ---- */

LOCAL_TLS volatile sig_atomic_t local_held;
void (*local_resume_handlers)(void);

static LOCAL_TLS int cancel_state; /* what a turn calls on would be a cancellation point */

static void hold_back(void)
{
	if (local_held)
		return;
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

/* Not for good: who ends the process may wait for this thread, as a library's destructor does. */
static bool stands_aside(void)
{
	uint32_t who = local.alone;

	return who && who != this_thread() && clock_now_ns() - local.alone_ns < ALONE_S * 1000000000ull;
}

static bool enter(uint32_t engine)
{
	hold_back();
	if (run_lock(&local.m[engine])) {
		local_here = &local.m[engine];
		return true;
	}
	let_handlers_run();
	errno = EIO;
	return false;
}

bool local_lock(uint32_t name)
{
	if (!local_here) {
		if (local.engines > 1 && !local.sandboxed)
			local_help(local_engine(name));
		return enter(local_engine(name));
	}
	errno = EIO; /* a handler that could not be put off, in the middle of a call */
	return false;
}

static void leave(void)
{
	struct run_member *m = local_here;

	local_here = NULL;
	if (m)
		run_unlock(m);
}

void local_alone(void)
{
	if (!local.on || local_held)
		return;
	local.alone_ns = clock_now_ns();
	local.alone = this_thread();
	for (uint32_t k = 0; k < local.engines; k++)
		run_pass(&local.m[k], ALONE_S);
}

void local_not_alone(void)
{
	if (local.alone == this_thread())
		local.alone = 0;
}

void local_unlock(void)
{
	leave();
	let_handlers_run();
}

static pthread_mutex_t becoming = PTHREAD_MUTEX_INITIALIZER; /* within an engine's lock, or without any */

void local_becoming(void)
{
	hold_back();
	pthread_mutex_lock(&becoming);
}

void local_became(void)
{
	pthread_mutex_unlock(&becoming);
	if (!local_here)
		let_handlers_run();
}

bool local_go(uint32_t engine)
{
	if (local_here == &local.m[engine])
		return true;
	leave();
	return enter(engine);
}

bool local_go_twin(uint32_t name, uint64_t inode, uint32_t engine, uint32_t *twin)
{
	const struct run_sock *s;

	if (!local_go(engine))
		return false;
	*twin = local_twin(name, engine);
	if (!local_ref(*twin))
		*twin = 0;
	s = *twin ? local_at(*twin) : NULL;
	if (s && (s->kind != RUN_LISTENER || s->inode != inode))
		*twin = 0;
	return true;
}

bool local_lock_on(int fd, uint32_t name)
{
	if (!local_lock(name))
		return false;
	if (name && local_sock(fd) == name)
		return true;
	local_unlock();
	errno = EBADF;
	return false;
}

static void note_home(uint64_t now)
{
	if (local.engines > 1 && run_at_home(local_here))
		local_here->r->home_ns = now;
}

static bool turn_at(uint64_t now)
{
	struct engine *e = api_engine(local_here->x);

	note_home(now);
	if (!xsk_rx_waiting(api_port(local_here->x)) && engine_deadline(e) > now && !engine_frames(e)->in_tx)
		return false;
	if (local.sandboxed)
		run_kick_keeper(local_here);
	else
		run_turn(local_here, now);
	return true;
}

void local_turn(void)
{
	turn_at(clock_now_ns());
}

/*
 * An event loop that reads each of its sockets until there is nothing shares one doorbell for what it sends meanwhile, as long as it
 * goes from socket to socket. One that asks the same again is not going to wait: a turn.
 */
bool local_look(uint32_t name)
{
	static LOCAL_TLS uint32_t asked;
	uint64_t now = clock_now_ns();

	if (name == asked || local.sandboxed || now - local_here->r->turn_ns > BATCH_NS) {
		asked = 0;
		return turn_at(now);
	}
	asked = name;
	note_home(now);
	if (!xsk_rx_waiting(api_port(local_here->x)))
		return false;
	run_take_in(local_here, now);
	return true;
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

/* A process that has a listener has it in each engine. */
static bool enter_twins(uint32_t name)
{
	uint64_t inode = local_at(name)->inode;

	for (uint32_t k = 1; k < local.engines; k++) {
		uint32_t ref;

		if (!local_go(k))
			return false;
		ref = run_sock_by_inode(local_here->r, inode);
		if (!ref)
			continue;
		local.twin[k][name] = ref;
		local.count[k][ref] = 1;
		run_sock_hold(local_here, local_here->slot, ref);
	}
	return true;
}

void local_hold(uint32_t name)
{
	local.count[local_engine(name)][local_ref(name)] = 1;
	run_sock_hold(local_here, local_here->slot, local_ref(name));
}

void local_keep(uint32_t name)
{
	uint32_t k = local_engine(name);

	if (local.count[k][local_ref(name)]) {
		local.count[k][local_ref(name)]++;
		return;
	}
	local_hold(name);
	if (local_at(name)->kind == RUN_LISTENER && local.engines > 1 && enter_twins(name))
		local_go(k);
}

void local_enter(int fd, uint32_t name)
{
	if ((uint32_t)fd >= local.size)
		return;
	local_keep(name);
	local.tab[fd] = name;
}

static void forget_epoll(int fd, uint32_t ep)
{
	uint32_t k = (uint32_t)(local_here - local.m);

	local.tab[fd] = 0;
	if (--local.bells[ep])
		return;
	local.tab[local.bell[ep]] = 0;
	real.close(local.bell[ep]);
	if (local.engines == 1) {
		run_epoll_drop(local_here, local_here->slot, ep);
		return;
	}
	leave();
	run_epoll_leave(local.m, local.m[0].slot, ep);
	local_go(k);
}

static void drop_twins(uint32_t name)
{
	for (uint32_t k = 1; k < local.engines; k++) {
		uint32_t ref = local.twin[k][name];

		local.twin[k][name] = 0;
		if (!ref)
			continue;
		local.count[k][ref] = 0;
		if (!local_go(k))
			return;
		run_sock_drop(local_here, local_here->slot, ref, false);
	}
}

void local_forget(int fd)
{
	uint32_t name = local_sock(fd), e = local_entry(fd);

	if (e & RUN_EPOLL)
		forget_epoll(fd, e & ~RUN_EPOLL);
	if (!name)
		return;
	local.tab[fd] = 0;
	local_drop(name);
}

void local_drop(uint32_t name)
{
	uint32_t k = local_engine(name), here = (uint32_t)(local_here - local.m);

	if (--local.count[k][local_ref(name)])
		return;
	if (local_at(name)->kind == RUN_LISTENER)
		drop_twins(name);
	if (!local_go(k))
		return;
	run_sock_drop(local_here, local_here->slot, local_ref(name), false);
	local_go(here);
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

/* ---- forks ---- */

static __thread uint32_t child_slot; /* RUN_PROCS: none was left */
static __thread bool fork_locked;

/* What a process holds in an engine, its forked child holds too. */
static void copy_holdings(struct run *r, uint32_t from_slot, uint32_t to_slot)
{
	uint64_t *from = run_bits(r, from_slot), *to = run_bits(r, to_slot);

	for (uint32_t i = 0; i < (r->sock_fresh + 63) / 64; i++) {
		to[i] = from[i];
		for (uint64_t b = from[i]; b; b &= b - 1)
			run_sock_at(r, i * 64 + (uint32_t)__builtin_ctzll(b) + 1)->procs++;
	}
	if (r->number)
		return;
	for (uint32_t i = 0; i < RUN_EPOLLS / 64; i++) {
		r->epoll_bits[to_slot][i] = r->epoll_bits[from_slot][i];
		for (uint64_t b = r->epoll_bits[from_slot][i]; b; b &= b - 1)
			r->epoll[i * 64 + (uint32_t)__builtin_ctzll(b)].procs++;
	}
}

static void unlock_all(void)
{
	local_here = NULL;
	for (uint32_t k = local.engines; k-- > 0;)
		run_unlock(&local.m[k]);
	let_handlers_run();
}

/* The child is a process of the run from its first moment. The locks are held over the fork, so that it gets tables in good order. */
static void before_fork(void)
{
	child_slot = RUN_PROCS;
	fork_locked = false;
	if (!local.on || local_here)
		return;
	shared_fork();
	hold_back();
	fork_locked = run_lock_all(local.m);
	if (!fork_locked) {
		let_handlers_run();
		return;
	}
	local_here = &local.m[0];
	local_becoming();
	child_slot = run_proc_new(local.m[0].r, 0, RUN_PROC_BORN, clock_now_ns());
	for (uint32_t k = 0; k < local.engines && child_slot != RUN_PROCS; k++)
		copy_holdings(local.m[k].r, local.m[0].slot, child_slot);
}

static void in_parent(void)
{
	if (!fork_locked)
		return;
	local_became();
	unlock_all();
	run_kick_keeper(&local.m[0]);
}

static void in_child(void)
{
	static const char full[] =
		"xtcp: a forked process has lost its connections: a run has room for 512 at a time\n";

	if (fork_locked)
		pthread_mutex_unlock(&becoming);
	local_here = NULL;
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
	for (uint32_t k = 0; k < local.engines; k++)
		local.m[k].slot = child_slot;
	local.m[0].r->proc[child_slot].pid = local.pid;
	__atomic_store_n(&local.m[0].r->proc[child_slot].state, RUN_PROC_LIVE, __ATOMIC_RELEASE);
	run_kick_keeper(&local.m[0]);
	local_prepare_sandbox(); /* it may take itself the right to open descriptors before it says so */
}

/* The child was faster than its parent. */
static bool joined(pid_t pid)
{
	for (uint32_t i = 0; i < RUN_PROCS; i++)
		if (local.m[0].r->proc[i].pid == pid && local.m[0].r->proc[i].state != RUN_PROC_FREE)
			return true;
	return false;
}

/* No lock is held meanwhile, for that may take a while: the child is one that was born, and is waited for. */
uint32_t local_before_spawn(void)
{
	uint32_t slot;

	if (!local.on || !local_lock(0))
		return RUN_PROCS;
	slot = run_proc_new(local.m[0].r, 0, RUN_PROC_BORN, clock_now_ns());
	for (uint32_t k = 0; k < local.engines && slot != RUN_PROCS; k++)
		if (local_go(k))
			copy_holdings(local.m[k].r, local.m[0].slot, slot);
	local_unlock();
	return slot;
}

/* A slot that nobody has come for. */
static void give_up(uint32_t slot)
{
	hold_back();
	run_bury(local.m, slot, false);
	let_handlers_run();
}

void local_after_spawn(uint32_t slot, pid_t pid)
{
	int err = errno;
	bool live;

	if (slot == RUN_PROCS || !local_lock(0))
		return;
	live = pid && !joined(pid);
	if (live) {
		local.m[0].r->proc[slot].pid = pid;
		local.m[0].r->proc[slot].state = RUN_PROC_LIVE;
	}
	local_unlock();
	if (!live)
		give_up(slot);
	run_kick_keeper(&local.m[0]);
	errno = err;
}

/* ---- joining ---- */

/* What was inherited through exec: sockets whose inode this engine knows. Of a listener the descriptors count in the first. */
static void inherit(uint32_t k)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	struct stat st;

	while (d && (e = readdir(d))) {
		int fd = atoi(e->d_name);
		uint32_t ref;

		if (fd == dirfd(d) || local_entry(fd) || fstat(fd, &st) || !S_ISSOCK(st.st_mode))
			continue;
		ref = run_sock_by_inode(local.m[k].r, st.st_ino);
		if (ref && (!k || run_sock_at(local.m[k].r, ref)->kind != RUN_LISTENER))
			local_enter(fd, local_name(k, ref));
	}
	if (d)
		closedir(d);
}

/* What a process that has called exec does not have any more is given up. */
static void drop_the_rest(uint32_t k)
{
	struct run *r = local.m[k].r;
	uint64_t *bits = run_bits(r, local.m[k].slot);

	for (uint32_t s = 1; s <= r->sock_fresh; s++)
		if (bits[(s - 1) / 64] >> ((s - 1) & 63) & 1 && !local.count[k][s])
			run_sock_drop(&local.m[k], local.m[k].slot, s, false);
}

/* It keeps its slot. Another gets one; RUN_PROCS: there is none. */
static uint32_t find_slot(struct run *r, bool *had)
{
	for (uint32_t i = 0; i < RUN_PROCS; i++)
		if (r->proc[i].pid == local.pid && r->proc[i].state != RUN_PROC_FREE) {
			r->proc[i].state = RUN_PROC_LIVE;
			*had = true;
			return i;
		}
	*had = false;
	return run_proc_new(r, local.pid, RUN_PROC_LIVE, clock_now_ns());
}

/* Under an engine's lock for the first time. */
static bool arrive(uint32_t k, uint32_t slot)
{
	local.m[k].slot = RUN_PROCS; /* nobody's yet: the state of the port is imported */
	if (!local_go(k))
		return false;
	local.m[k].slot = slot;
	local.m[k].r->last = slot;
	return true;
}

static bool take_slot(void)
{
	uint32_t slot = RUN_PROCS;
	bool had = false;

	if (!arrive(0, RUN_PROCS))
		return false;
	slot = find_slot(local.m[0].r, &had);
	local.m[0].slot = slot;
	local.m[0].r->last = slot;
	local_unlock();
	if (slot == RUN_PROCS)
		return false;
	for (uint32_t k = 1; k < local.engines; k++)
		if (!arrive(k, slot))
			return false;
	if (local_here)
		local_unlock();
	if (had && !run_epoll_leave_all(local.m, slot)) /* nothing tells them apart after exec */
		return false;
	for (uint32_t k = local.engines; had && k-- > 0;) { /* exec ended its threads, in a wait perhaps */
		if (!local_go(k))
			return false;
		run_waiters_drop(local_here, local.pid);
	}
	for (uint32_t k = 0; k < local.engines; k++) {
		if (!local_go(k))
			return false;
		inherit(k);
		if (had && local_go(k))
			drop_the_rest(k);
	}
	local_unlock();
	return true;
}

static void *table(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Tables of each engine, and where its descriptors go in what a thread polls: AF_XDP sockets, and what sisters wake it by. */
static int make_tables(void)
{
	nfds_t at = 2;

	for (uint32_t k = 0; k < local.engines; k++) {
		size_t bytes = ((size_t)local.m[k].r->socks + 1) * sizeof(uint32_t);

		local.count[k] = table(bytes);
		local.twin[k] = table(bytes);
		if (!local.count[k] || !local.twin[k])
			return fail(ENOMEM, "no memory for a table of sockets");
		local.fds_at[k] = at;
		at += local.m[k].r->share.xsk.queues + (local.engines > 1);
	}
	local.fds_at[local.engines] = at;
	return 0;
}

static int join(const char *name)
{
	uint32_t size = limit();
	int err = rules_of_environment(&local.rules);

	if (err)
		return err;
	local.tab = table(size * sizeof(*local.tab));
	local.opts = table(size * sizeof(*local.opts));
	if (!local.tab || !local.opts)
		return fail(ENOMEM, "no memory for a table of descriptors");
	local.size = size;
	err = run_attach(local.m, name, local_hide);
	if (err)
		return err;
	local.engines = local.m[0].r->engines;
	run_stands_aside = stands_aside;
	for (uint32_t k = 0; k < local.engines; k++)
		local.m[k].ends = &local.alone;
	err = make_tables();
	if (err)
		return err;
	local.pid = getpid();
	local.on = take_slot();
	if (!local.on && local.m[0].slot == RUN_PROCS)
		return fail(EMFILE, "an xtcp run serves %d processes at a time, no more", RUN_PROCS);
	run_kick_keeper(&local.m[0]);
	return local.on ? 0 : fail(EIO, "xtcp run has ended");
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
	for (uint32_t k = 0; k < local.engines; k++)
		local.m[k].quiet = true;
}

void local_bye(void)
{
	if (!local.on || local.pid != getpid())
		return;
	__atomic_store_n(&local.m[0].r->proc[local.m[0].slot].state, RUN_PROC_BYE, __ATOMIC_RELEASE);
	local_alone();
}
