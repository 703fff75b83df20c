// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * keeper.c - see keeper.h. Two threads: this one has the turns, netlink, and the ends of processes; the other (clerk.c) answers questions
 * and newcomers.
 *
 * While a thread of the programs watches the AF_XDP sockets (run.watcher) the keeper sleeps. While none does, because all that are awake
 * compute, it looks every TICK_NS whether a turn is due that nobody has run: an ACK, a retransmission, data given to send() by a program
 * that then did something else. Of several engines it looks at each, one after the other.
 */
#include "run/keeper.h"
#include "run/async.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "ctl/ctl.h"
#include "engine/engine.h"
#include "engine/sisters.h"
#include "io/clock.h"
#include "lib/fail.h"
#include "run/clerk.h"
#include "run/proc.h"

#define TICK_NS 1000000ull
#define DUE_NS 750000ull     /* a turn is due: with a tick, less than two milliseconds */
#define LATE_NS 2000000ull   /* no turn for so long: whoever is awake has other things to do */
#define LOOK_NS 100000000ull /* it looks this often in any case */
#define LATES 4		     /* turns in a row, each so soon after the other, late not by chance: */
#define LATES_NS 100000000ull
#define PROMPT_NS 1000000000ull /* for so long the watch is handed over at once */
#define QUIET_NS 100000000ull	/* nothing for so long, and somebody watches: no ticks */
#define LONG_NS 1000000000ull
#define JOIN_NS 10000000000ull /* nobody has joined for so long: nobody will */
#define BORN_NS 2000000000ull  /* a fork that was not heard of again has failed */
#define HOME_NS 5000000	       /* as in wait.c */

/* ---- opening ---- */

static int open_door(struct keeper *k)
{
	struct sockaddr_un sun;
	socklen_t len = run_door(k->m[0].r->name, &sun);

	k->door_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (k->door_fd < 0 || bind(k->door_fd, (struct sockaddr *)&sun, len) || listen(k->door_fd, 64))
		return fail(errno, "no socket for the programs of the run: %s", strerror(errno));
	return 0;
}

static int open_fds(struct keeper *k)
{
	int keeper_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int send_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (uint32_t i = 0; i < k->engines; i++) {
		k->m[i].keeper_fd = keeper_fd;
		k->m[i].send_fd = send_fd;
	}
	k->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (keeper_fd < 0 || k->stop_fd < 0 || send_fd < 0)
		return fail(errno, "no descriptors for the keeper: %s", strerror(errno));
	return open_door(k);
}

static int share_out(struct keeper_engine *e)
{
	const struct sisters *s = api_sisters(e->m->x);
	int pair[2], n;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return fail(errno, "socketpair: %s", strerror(errno));
	e->rpc_fd = pair[0];
	e->rpc_peer_fd = pair[1];
	n = api_share(e->m->x, &e->m->r->share, e->fds + RUN_FD_API, RUN_FDS_MAX - RUN_FD_API);
	if (n < 0)
		return n;
	e->fds[RUN_FD_RUN] = e->run_fd;
	e->fds[RUN_FD_RPC] = e->rpc_peer_fd;
	e->fds[RUN_FD_KEEPER] = e->m->keeper_fd;
	e->fds[RUN_FD_SISTERS] = s->fd;
	e->fds[RUN_FD_WAKE] = s->wake_fd[e->m->r->share.seat];
	e->nfds = RUN_FD_API + n - (e->fds[RUN_FD_API + n - 1] < 0);
	return 0;
}

static void fill(struct run *r, struct xtcp *x, const struct keeper_conf *c, uint32_t number, uint32_t engines)
{
	snprintf(r->ifname, sizeof(r->ifname), "%s", c->ifname);
	snprintf(r->name, sizeof(r->name), "xtcp-run-%d", (int)getpid());
	r->keeper_pid = getpid();
	r->number = number;
	r->engines = engines;
	r->spin_us = c->spin_us;
	r->waiting = (uint32_t)c->waiting;
	r->last = RUN_KEEPER;
	r->gap_ns = 1000000;
	r->index = (uint32_t)ctl_link(api_host(x))->ifindex;
	for (int v6 = 0; v6 < 2; v6++)
		r->queue_known[v6] = ctl_queue_known(api_host(x), v6);
	if (c->rules)
		r->rules = *c->rules;
}

static int init_ctl_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t a;
	int err = pthread_mutexattr_init(&a);

	if (!err)
		err = pthread_mutexattr_settype(&a,
						PTHREAD_MUTEX_RECURSIVE); /* news of netlink may ask the host again */
	if (!err)
		err = pthread_mutex_init(lock, &a);
	return err ? fail(err, "no lock: %s", strerror(err)) : 0;
}

static struct keeper *make(struct xtcp *const *x, uint32_t engines)
{
	struct keeper *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->engines = engines;
	k->door_fd = k->stop_fd = k->child_fd = -1;
	for (int i = 0; i < RUN_PROCS; i++)
		k->pidfd[i] = -1;
	for (uint32_t i = 0; i < engines; i++) {
		k->m[i] = (struct run_member){
			.x = x[i], .slot = RUN_KEEPER, .rpc_fd = -1, .keeper_fd = -1, .send_fd = -1
		};
		k->e[i] = (struct keeper_engine){ .m = &k->m[i], .run_fd = -1, .rpc_fd = -1, .rpc_peer_fd = -1 };
	}
	return k;
}

static int open_engine(struct keeper *k, uint32_t i, const struct keeper_conf *conf)
{
	struct keeper_engine *e = &k->e[i];
	int err = run_create(&e->m->r, &e->run_fd, engine_max_conns(api_engine(e->m->x)));

	if (err)
		return err;
	e->m->reg = k->m[0].r;
	fill(e->m->r, e->m->x, conf, i, k->engines);
	return init_ctl_lock(&e->ctl_lock);
}

int keeper_open(struct keeper **out, struct xtcp *const *x, uint32_t engines, const struct keeper_conf *conf)
{
	struct keeper *k = make(x, engines);
	int err = 0;

	if (!k)
		return fail(ENOMEM, "out of memory");
	*out = k;
	for (uint32_t i = 0; i < engines && !err; i++)
		err = open_engine(k, i, conf);
	if (!err)
		err = open_fds(k);
	for (uint32_t i = 0; i < engines && !err; i++)
		err = share_out(&k->e[i]);
	if (err)
		return err;
	for (uint32_t i = 0; i < engines; i++) {
		api_export(x[i], &k->m[i].r->xsk);
		api_set_host(x[i], &keeper_host_ops, &k->e[i]);
	}
	err = pthread_create(&k->clerk, NULL, keeper_clerk, k);
	k->clerk_runs = !err;
	return err ? fail(err, "no thread for the keeper's clerk: %s", strerror(err)) : 0;
}

const char *keeper_name(const struct keeper *k)
{
	return k->m[0].r->name;
}

/* ---- processes ---- */

static int pidfd_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Newcomers get a pidfd. gone: those that are gone already, or whose fork failed. How many of these. The registry is locked. */
static uint32_t watch_processes(struct keeper *k, uint32_t *gone)
{
	struct run *r = k->m[0].r;
	uint64_t now = clock_now_ns();
	uint32_t n = 0;

	for (uint32_t i = 0; i < RUN_PROCS; i++) {
		struct run_proc *p = &r->proc[i];

		if (p->state == RUN_PROC_BORN && now - p->since_ns > BORN_NS)
			gone[n++] = i;
		if (k->pidfd[i] >= 0 && !p->watched) { /* the slot was taken anew */
			close(k->pidfd[i]);
			k->pidfd[i] = -1;
		}
		if (p->state < RUN_PROC_LIVE || k->pidfd[i] >= 0)
			continue;
		k->pidfd[i] = pidfd_of(p->pid);
		if (k->pidfd[i] < 0) {
			gone[n++] = i;
			continue;
		}
		p->watched = 1;
		if (k->pidfds <= i)
			k->pidfds = i + 1;
	}
	return n;
}

/* If an engine is broken, it is done once that is mended: the slot is still taken, and has no pidfd. */
static void bury(struct keeper *k, uint32_t slot)
{
	const struct run_proc *p = &k->m[0].r->proc[slot];

	if (k->pidfd[slot] >= 0)
		close(k->pidfd[slot]);
	k->pidfd[slot] = -1;
	if (p->state != RUN_PROC_FREE)
		run_bury(k->m, slot, p->state != RUN_PROC_BYE && p->state != RUN_PROC_BORN);
}

/* It may have been heard of since it was found to be gone. */
static bool still_gone(const struct keeper *k, uint32_t slot)
{
	const struct run_proc *p = &k->m[0].r->proc[slot];
	uint32_t state = __atomic_load_n(&p->state, __ATOMIC_ACQUIRE);
	int fd = state >= RUN_PROC_LIVE ? pidfd_of(p->pid) : -1;

	if (fd >= 0)
		close(fd);
	return state != RUN_PROC_FREE && fd < 0;
}

/* Also one that was forked and has not been heard of yet: a daemon, whose parent does not wait for that. */
static bool anybody(const struct keeper *k)
{
	for (uint32_t i = 0; i < k->pidfds; i++)
		if (k->pidfd[i] >= 0)
			return true;
	for (uint32_t i = 0; i < RUN_PROCS; i++)
		if (__atomic_load_n(&k->m[0].r->proc[i].state, __ATOMIC_RELAXED) != RUN_PROC_FREE)
			return true;
	return false;
}

/* ---- the loop ---- */

#define POLL_FIXED 3
#define POLL_FRAMES (XTCP_MAX_QUEUES * 2)
#define POLL_MOST (POLL_FIXED + RUN_ENGINES + RUN_PROCS + POLL_FRAMES)

/* While somebody waits by means that are not ours (run.eager), for frames, too. How many there are now. */
static nfds_t fill_frames(const struct keeper *k, struct pollfd *p, uint32_t *slot, nfds_t n)
{
	nfds_t most = n + POLL_FRAMES;

	for (uint32_t i = 0; i < k->engines; i++) {
		struct io_port *port = api_port(k->m[i].x);
		int fds[XTCP_MAX_QUEUES], have = k->e[i].eager ? port->ops->fds(port, fds, XTCP_MAX_QUEUES) : 0;

		for (int j = 0; j < have && n < most; j++) {
			slot[n] = RUN_PROCS;
			p[n++] = (struct pollfd){ .fd = fds[j], .events = POLLIN };
		}
	}
	return n;
}

/* Each tick: no more is touched than there is. */
static nfds_t fill_poll(struct keeper *k, struct pollfd *p, uint32_t *slot, int stop_fd)
{
	nfds_t n = POLL_FIXED;

	p[0] = (struct pollfd){ .fd = stop_fd, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = k->m[0].keeper_fd, .events = POLLIN };
	p[2] = (struct pollfd){ .fd = k->child_fd, .events = POLLIN };
	for (uint32_t i = 0; i < k->engines; i++)
		p[n++] = (struct pollfd){ .fd = api_ctl_fd(k->m[i].x), .events = POLLIN };
	for (uint32_t i = 0; i < k->pidfds; i++)
		if (k->pidfd[i] >= 0) {
			slot[n] = i;
			p[n++] = (struct pollfd){ .fd = k->pidfd[i], .events = POLLIN };
		}
	return fill_frames(k, p, slot, n);
}

/* How long until somebody has to look at an engine. */
static uint64_t patience(const struct keeper_engine *e, uint64_t now)
{
	if (now - e->seen_ns < QUIET_NS)
		return TICK_NS;
	if (e->watcher)
		return LONG_NS;
	if (e->deadline <= now + TICK_NS)
		return TICK_NS;
	return e->deadline - now < 10 * TICK_NS ? e->deadline - now : 10 * TICK_NS;
}

/* Without the lock: the others are at it, and nothing else has happened. To ask them for it every tick would only stop them. */
static bool others_turn(struct keeper_engine *e, uint64_t now)
{
	struct run *r = e->m->r;

	if (atomic_load(&r->broken) || now - e->looked_ns > LOOK_NS ||
	    now - __atomic_load_n(&r->turn_ns, __ATOMIC_RELAXED) >= DUE_NS)
		return false;
	e->seen_ns = now;
	return true;
}

static bool anything(const struct pollfd *p, nfds_t n)
{
	for (nfds_t i = 0; i < n; i++)
		if (p[i].revents)
			return true;
	return false;
}

static uint64_t shortest(const struct keeper *k)
{
	uint64_t least = LONG_NS;

	for (uint32_t i = 0; i < k->engines; i++)
		least = k->e[i].wait_ns < least ? k->e[i].wait_ns : least;
	return least;
}

/* Is a turn due that nobody else has run? */
static bool turn_due(const struct keeper_engine *e, uint64_t now)
{
	const struct run_member *m = e->m;

	if (e->eager && xsk_rx_waiting(api_port(m->x)))
		return true;
	if (now - m->r->turn_ns < DUE_NS)
		return false;
	return engine_deadline(api_engine(m->x)) <= now || xsk_rx_waiting(api_port(m->x)) ||
	       engine_frames(api_engine(m->x))->in_tx;
}

/*
 * Whoever died under the lock may have left anything behind. Its connections and all others of this engine end: the peers are told by the
 * RST that answers their next segment. Those who wait for the lock meanwhile go on with the new engine.
 */
static void mend(struct keeper *k, struct keeper_engine *e)
{
	struct run *r = e->m->r;

	if (k->engines == 1)
		fprintf(stderr,
			"xtcp: run: a process died in the middle of a turn: all connections are reset, the engine starts anew\n");
	else
		fprintf(stderr,
			"xtcp: run: a process died in the middle of a turn: all connections of engine %u are reset, it starts anew\n",
			r->number);
	pthread_mutex_lock(&e->ctl_lock);
	run_mend(e->m);
	api_restart(e->m->x);
	r->last = RUN_KEEPER;
	atomic_store(&r->broken, 0);
	pthread_mutex_unlock(&e->ctl_lock);
	run_resume(e->m);
}

/* A turn, if one is late; true: it was. Nobody watches, and who is awake has other things to do: one of those who sleep has to. */
static bool catch_up(struct keeper_engine *e, bool news, uint64_t now)
{
	struct run *r = e->m->r;
	bool idle = now - r->turn_ns >= LATE_NS, due = turn_due(e, now);

	if (due || news || engine_deadline(api_engine(e->m->x)) == 0)
		run_turn(e->m, now);
	if (!idle || r->watcher || !r->sleepers)
		return due;
	if (due) {
		e->lates = now - e->late_ns < LATES_NS ? e->lates + 1 : 1;
		e->late_ns = now;
		if (e->lates >= LATES)
			r->prompt_ns = now + PROMPT_NS;
	}
	run_hand_over_watch(e->m);
	return due;
}

/* Locked. True: frames come here, and nobody is about to look. */
static bool look_at(struct keeper *k, struct keeper_engine *e, bool news)
{
	struct run *r = e->m->r;
	uint64_t now = clock_now_ns(); /* the engine's time does not go back: no earlier than the lock */
	bool due;

	if (atomic_load(&r->broken))
		mend(k, e);
	if (news) {
		pthread_mutex_lock(&e->ctl_lock);
		if (api_ctl_process(e->m->x) == -ENODEV)
			engine_link_gone(api_engine(e->m->x));
		pthread_mutex_unlock(&e->ctl_lock);
	}
	if (r->turn_ns != e->seen_turn_ns)
		e->seen_ns = now;
	due = catch_up(e, news, now);
	e->looked_ns = now;
	e->seen_turn_ns = r->turn_ns;
	e->deadline = engine_deadline(api_engine(e->m->x));
	e->watcher = r->watcher;
	e->eager = r->eager;
	run_async_adopt(e->m);
	e->wait_ns = patience(e, now);
	r->keeper_rests = e->wait_ns > TICK_NS;
	return due && !r->watcher && (int64_t)(now - r->home_ns) > HOME_NS;
}

/* Who watches another engine is woken, to adopt one that nobody looks at. */
static void call_for_help(struct keeper *k)
{
	for (uint32_t i = 0; i < k->engines; i++) {
		bool called = false;

		if (!run_lock(&k->m[i]))
			return;
		if (k->m[i].r->watcher) {
			run_wake(&k->m[i], k->m[i].r->watcher);
			called = true;
		}
		run_unlock(&k->m[i]);
		if (called)
			return;
	}
}

static bool look_at_engine(struct keeper *k, uint32_t i, bool news, bool *help)
{
	if (!run_lock(&k->m[i]))
		return false;
	*help |= look_at(k, &k->e[i], news);
	run_unlock(&k->m[i]);
	return true;
}

/* The dead are buried, and what they leave behind is sent. */
static bool look_at_processes(struct keeper *k, const struct pollfd *p, const uint32_t *slot, nfds_t n, bool *help)
{
	uint32_t gone[RUN_PROCS], ngone;
	bool buried = false;

	if (!run_lock(&k->m[0]))
		return false;
	ngone = watch_processes(k, gone);
	run_unlock(&k->m[0]);
	for (nfds_t i = POLL_FIXED + k->engines; i < n; i++)
		if (p[i].revents && slot[i] < RUN_PROCS && k->pidfd[slot[i]] == p[i].fd) {
			bury(k, slot[i]);
			buried = true;
		}
	for (uint32_t i = 0; i < ngone; i++)
		if (still_gone(k, gone[i])) {
			bury(k, gone[i]);
			buried = true;
		}
	for (uint32_t i = 0; buried && i < k->engines; i++)
		if (!look_at_engine(k, i, false, help))
			return false;
	return true;
}

static bool look(struct keeper *k, const struct pollfd *p, const uint32_t *slot, nfds_t n)
{
	uint64_t count, now = clock_now_ns();
	bool help = false, any = anything(p, n), looked = any;

	if (p[1].revents && read(k->m[0].keeper_fd, &count, sizeof(count)) > 0)
		for (uint32_t i = 0; i < k->engines; i++)
			k->e[i].seen_ns = now;
	for (uint32_t i = 0; i < k->engines; i++) {
		if (!any && others_turn(&k->e[i], now))
			continue;
		looked = true;
		if (!look_at_engine(k, i, p[POLL_FIXED + i].revents, &help))
			return false;
	}
	for (uint32_t i = 0; i < k->engines; i++) /* by one that was looked at later */
		if (api_handed_over(k->m[i].x) && !k->e[i].watcher && !look_at_engine(k, i, false, &help))
			return false;
	if (looked && !look_at_processes(k, p, slot, n, &help))
		return false;
	if (help && k->engines > 1)
		call_for_help(k);
	return true;
}

/* The program that was started has ended, and its status is here. */
static bool reap(struct keeper *k, pid_t child, bool told)
{
	if ((k->child_fd >= 0 && !told) || waitpid(child, &k->status, WNOHANG) != child)
		return false;
	if (k->child_fd >= 0)
		close(k->child_fd);
	k->child_fd = -1;
	return true;
}

static void begin(struct keeper *k, pid_t child)
{
	if (k->begun)
		return;
	k->begun = true;
	k->status = -1;
	k->child_fd = child ? pidfd_of(child) : -1;
}

int keeper_serve(struct keeper *k, pid_t child, int stop_fd)
{
	struct pollfd p[POLL_MOST];
	uint32_t slot[POLL_MOST];
	uint64_t began = clock_now_ns();

	begin(k, child);
	for (;;) {
		uint64_t wait_ns = shortest(k);
		struct timespec ts = { .tv_sec = (time_t)(wait_ns / 1000000000ull),
				       .tv_nsec = (long)(wait_ns % 1000000000ull) };
		nfds_t n = fill_poll(k, p, slot, stop_fd);

		if (ppoll(p, n, &ts, NULL) < 0)
			for (nfds_t i = 0; i < n; i++)
				p[i].revents = 0;
		if (p[0].revents)
			return -1;
		if (!look(k, p, slot, n))
			return -1;
		if (!k->reaped && (child ? reap(k, child, p[2].revents) : anybody(k)))
			k->reaped = true;
		if (k->reaped && !anybody(k))
			return k->status;
		if (!child && !k->reaped && clock_now_ns() - began > JOIN_NS)
			return k->status;
	}
}

static bool is_ours(const struct keeper *k, pid_t pid)
{
	for (uint32_t i = 0; i < k->pidfds; i++)
		if (k->pidfd[i] >= 0 && k->m[0].r->proc[i].pid == pid)
			return true;
	return false;
}

bool keeper_outlives(const struct keeper *k)
{
	return k->reaped;
}

void keeper_signal(struct keeper *k, int sig)
{
	if (k->child_fd >= 0) {
		syscall(SYS_pidfd_send_signal, k->child_fd, sig, NULL, 0);
		return;
	}
	for (uint32_t i = 0; i < k->pidfds; i++)
		if (k->pidfd[i] >= 0 && !is_ours(k, proc_status(k->m[0].r->proc[i].pid, "PPid:")))
			syscall(SYS_pidfd_send_signal, k->pidfd[i], sig, NULL, 0);
}

void keeper_close(struct keeper *k)
{
	uint64_t one = 1;

	for (uint32_t i = 0; i < RUN_PROCS && k->m[0].r; i++)
		if (k->m[0].r->proc[i].state != RUN_PROC_FREE)
			run_bury(k->m, i, true);
	for (uint32_t i = 0; i < k->engines; i++)
		if (k->m[i].r && run_lock(&k->m[i])) {
			atomic_store(&k->m[i].r->closed, 1);
			run_unlock(&k->m[i]);
		}
	if (k->clerk_runs && write(k->stop_fd, &one, sizeof(one)) > 0)
		pthread_join(k->clerk, NULL);
	for (uint32_t i = 0; i < k->engines; i++)
		api_set_host(k->m[i].x, &ctl_host_ops, api_host(k->m[i].x));
	for (int i = 0; i < RUN_PROCS; i++)
		if (k->pidfd[i] >= 0)
			close(k->pidfd[i]);
	if (k->child_fd >= 0)
		close(k->child_fd);
	free(k);
}
