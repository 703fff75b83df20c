// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * keeper.c - see keeper.h. Two threads: one has the turns, netlink, and the ends of processes; the other answers questions
 * and newcomers, and takes no lock of the run, for who asks holds it.
 *
 * While a thread of the programs watches the AF_XDP sockets (run.watcher) the keeper sleeps. While none does, because all that are awake
 * compute, it looks every TICK_NS whether a turn is due that nobody has run: an ACK, a retransmission, data given to send() by a program
 * that then did something else.
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
#include "io/clock.h"
#include "lib/fail.h"

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

struct keeper {
	struct run_member m; /* first */
	int run_fd;
	int door_fd, rpc_fd, rpc_peer_fd, stop_fd;
	int fds[RUN_FDS_MAX]; /* what newcomers get */
	int nfds;
	pthread_t clerk;
	bool clerk_runs;
	pthread_mutex_t ctl_lock; /* of netlink's state: both threads use it */
	int pidfd[RUN_PROCS];
	uint64_t looked_ns; /* when it had the lock last */
	uint64_t seen_ns;   /* when a turn of others was last seen */
	uint64_t seen_turn_ns;
	uint64_t deadline; /* of the engine, when last looked at */
	uint32_t watcher;  /* likewise */
	uint32_t eager;	   /* likewise */
	uint64_t late_ns;  /* when a turn was late last */
	uint32_t lates;	   /* how often */
	uint64_t wait_ns;  /* until it looks again */
};

/* ---- the host, for both threads ---- */

static int host_route(void *host, const struct xtcp_addr *dst, const struct xtcp_addr *src, struct host_route *out)
{
	struct keeper *k = host;
	int rc;

	pthread_mutex_lock(&k->ctl_lock);
	rc = ctl_host_ops.route(api_host(k->m.x), dst, src, out);
	pthread_mutex_unlock(&k->ctl_lock);
	return rc;
}

static int host_neigh(void *host, const struct xtcp_addr *next_hop, uint8_t mac[6])
{
	struct keeper *k = host;
	int rc;

	pthread_mutex_lock(&k->ctl_lock);
	rc = ctl_host_ops.neigh(api_host(k->m.x), next_hop, mac);
	pthread_mutex_unlock(&k->ctl_lock);
	return rc;
}

static int host_reserve(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	struct keeper *k = host;

	if (port && port == k->m.held_port)
		return port;
	return ctl_host_ops.reserve(api_host(k->m.x), addr, port);
}

static void host_release(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	struct keeper *k = host;

	ctl_host_ops.release(api_host(k->m.x), addr, port);
}

static void host_steer(void *host, uint32_t addr_index, uint16_t port, bool owned, bool listening)
{
	struct keeper *k = host;

	pthread_mutex_lock(&k->ctl_lock);
	ctl_host_ops.steer(api_host(k->m.x), addr_index, port, owned, listening);
	pthread_mutex_unlock(&k->ctl_lock);
}

static const struct host_ops keeper_host_ops = {
	.route = host_route,
	.neigh = host_neigh,
	.reserve = host_reserve,
	.release = host_release,
	.steer = host_steer,
};

/* ---- the clerk ---- */

static void answer(struct keeper *k, const struct run_question *q, struct run_answer *a)
{
	memset(a, 0, sizeof(*a));
	a->serial = q->serial;
	switch (q->what) {
	case RUN_ASK_ROUTE: a->rc = host_route(k, &q->a, q->has_b ? &q->b : NULL, &a->route); break;
	case RUN_ASK_NEIGH: a->rc = host_neigh(k, &q->a, a->mac); break;
	case RUN_ASK_RESERVE: a->rc = host_reserve(k, &q->a, q->port); break;
	case RUN_ASK_RELEASE: host_release(k, &q->a, q->port); break;
	case RUN_ASK_STEER: host_steer(k, q->a.w[0], q->port, q->flag, q->flag2); break;
	default: a->rc = fail(EINVAL, "xtcp run does not know question %u", q->what); break;
	}
	if (a->rc < 0)
		snprintf(a->text, sizeof(a->text), "%s", fail_text());
}

static void answer_one(struct keeper *k)
{
	struct run_question q;
	struct run_answer a;

	if (recv(k->rpc_fd, &q, sizeof(q), MSG_DONTWAIT) != (ssize_t)sizeof(q))
		return;
	answer(k, &q, &a);
	if (send(k->rpc_fd, &a, sizeof(a), MSG_NOSIGNAL) < 0)
		return; /* the asker has died */
}

/* The keeper's own user, root, and whoever is of the run already and has become another user since: by exec of a setuid program, say. */
static bool welcome(const struct keeper *k, int fd)
{
	struct ucred c;
	socklen_t len = sizeof(c);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len))
		return false;
	if (c.uid == geteuid() || c.uid == 0)
		return true;
	for (uint32_t i = 0; i < RUN_PROCS;
	     i++) /* what is read here without the lock was written before that process knocked */
		if (k->m.r->proc[i].pid == c.pid && k->m.r->proc[i].state != RUN_PROC_FREE)
			return true;
	return false;
}

static void let_in(struct keeper *k)
{
	char buf[CMSG_SPACE(sizeof(int) * RUN_FDS_MAX)] = { 0 };
	struct iovec iov = { "", 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf };
	size_t bytes = (size_t)k->nfds * sizeof(int);
	int fd = accept4(k->door_fd, NULL, NULL, SOCK_CLOEXEC);
	struct cmsghdr *c;

	if (fd < 0)
		return;
	msg.msg_controllen = CMSG_SPACE(bytes);
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(c), k->fds, bytes);
	if (welcome(k, fd) && sendmsg(fd, &msg, MSG_NOSIGNAL) < 0)
		perror("xtcp: run: handing the descriptors over");
	close(fd);
}

static void *clerk(void *arg)
{
	struct keeper *k = arg;
	struct pollfd p[] = { { .fd = k->rpc_fd, .events = POLLIN },
			      { .fd = k->door_fd, .events = POLLIN },
			      { .fd = k->stop_fd, .events = POLLIN } };

	for (;;) {
		if (poll(p, 3, -1) < 0 && errno != EINTR)
			return NULL;
		if (p[2].revents)
			return NULL;
		if (p[0].revents)
			answer_one(k);
		if (p[1].revents)
			let_in(k);
	}
}

/* ---- opening ---- */

static int open_door(struct keeper *k)
{
	struct sockaddr_un sun;
	socklen_t len = run_door(k->m.r->name, &sun);

	k->door_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (k->door_fd < 0 || bind(k->door_fd, (struct sockaddr *)&sun, len) || listen(k->door_fd, 64))
		return fail(errno, "no socket for the programs of the run: %s", strerror(errno));
	return 0;
}

static int open_fds(struct keeper *k)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return fail(errno, "socketpair: %s", strerror(errno));
	k->rpc_fd = pair[0];
	k->rpc_peer_fd = pair[1];
	k->m.keeper_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	k->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	k->m.send_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (k->m.keeper_fd < 0 || k->stop_fd < 0 || k->m.send_fd < 0)
		return fail(errno, "no descriptors for the keeper: %s", strerror(errno));
	return open_door(k);
}

static int share_out(struct keeper *k)
{
	int n;

	k->fds[0] = k->run_fd;
	k->fds[1] = k->rpc_peer_fd;
	k->fds[2] = k->m.keeper_fd;
	n = api_share(k->m.x, &k->m.r->share, k->fds + 3, RUN_FDS_MAX - 3);
	if (n < 0)
		return n;
	k->nfds = 3 + n - (k->fds[3 + n - 1] < 0);
	return 0;
}

static void fill(struct run *r, struct xtcp *x, const struct keeper_conf *c)
{
	snprintf(r->ifname, sizeof(r->ifname), "%s", c->ifname);
	snprintf(r->name, sizeof(r->name), "xtcp-run-%d", (int)getpid());
	r->keeper_pid = getpid();
	r->spin_us = c->spin_us;
	r->waiting = (uint32_t)c->waiting;
	r->last = RUN_KEEPER;
	r->gap_ns = 1000000;
	r->index = (uint32_t)ctl_link(api_host(x))->ifindex;
	for (uint32_t i = 0; i < c->rules && i < RUN_RULES; i++) {
		r->rule[r->rules++] = c->rule[i];
		r->port_rules += !c->rule[i].exclude;
	}
}

static int init_ctl_lock(struct keeper *k)
{
	pthread_mutexattr_t a;
	int err = pthread_mutexattr_init(&a);

	if (!err)
		err = pthread_mutexattr_settype(&a,
						PTHREAD_MUTEX_RECURSIVE); /* news of netlink may ask the host again */
	if (!err)
		err = pthread_mutex_init(&k->ctl_lock, &a);
	return err ? fail(err, "no lock: %s", strerror(err)) : 0;
}

int keeper_open(struct keeper **out, struct xtcp *x, const struct keeper_conf *conf)
{
	struct keeper *k = calloc(1, sizeof(*k));
	struct xtcp_engine_info info;
	int err;

	if (!k)
		return fail(ENOMEM, "out of memory");
	xtcp_engine_info(x, &info);
	k->m.x = x;
	k->m.slot = RUN_KEEPER;
	k->run_fd = k->door_fd = k->rpc_fd = k->rpc_peer_fd = k->stop_fd = k->m.send_fd = k->m.keeper_fd = k->m.rpc_fd =
		-1;
	for (int i = 0; i < RUN_PROCS; i++)
		k->pidfd[i] = -1;
	*out = k;
	err = run_create(&k->m.r, &k->run_fd, engine_max_conns(api_engine(x)));
	if (!err) {
		fill(k->m.r, x, conf);
		err = init_ctl_lock(k);
	}
	if (!err)
		err = open_fds(k);
	if (!err)
		err = share_out(k);
	if (err)
		return err;
	api_export(x, &k->m.r->xsk);
	api_set_host(x, &keeper_host_ops, k);
	err = pthread_create(&k->clerk, NULL, clerk, k);
	k->clerk_runs = !err;
	return err ? fail(err, "no thread for the keeper's clerk: %s", strerror(err)) : 0;
}

const char *keeper_name(const struct keeper *k)
{
	return k->m.r->name;
}

/* ---- processes ---- */

static int pidfd_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Newcomers get a pidfd; those that are gone already, or whose fork failed, are given up. */
static void watch_processes(struct keeper *k, uint64_t now)
{
	struct run *r = k->m.r;

	for (uint32_t i = 0; i < RUN_PROCS; i++) {
		struct run_proc *p = &r->proc[i];

		if (p->state == RUN_PROC_BORN && now - p->since_ns > BORN_NS)
			run_proc_drop(&k->m, i, false);
		if (k->pidfd[i] >= 0 && !p->watched) { /* the slot was taken anew */
			close(k->pidfd[i]);
			k->pidfd[i] = -1;
		}
		if (p->state < RUN_PROC_LIVE || k->pidfd[i] >= 0)
			continue;
		k->pidfd[i] = pidfd_of(p->pid);
		if (k->pidfd[i] >= 0)
			p->watched = 1;
		else
			run_proc_drop(&k->m, i, p->state != RUN_PROC_BYE);
	}
}

static void bury(struct keeper *k, uint32_t slot)
{
	struct run_proc *p = &k->m.r->proc[slot];

	close(k->pidfd[slot]);
	k->pidfd[slot] = -1;
	if (p->state != RUN_PROC_FREE)
		run_proc_drop(&k->m, slot, p->state != RUN_PROC_BYE);
}

static bool anybody(const struct keeper *k)
{
	for (int i = 0; i < RUN_PROCS; i++)
		if (k->pidfd[i] >= 0)
			return true;
	return false;
}

/* ---- the loop ---- */

#define POLL_FIXED (3 + XTCP_MAX_QUEUES)

/* While somebody waits by means that are not ours (run.eager), for frames, too. */
static void fill_frames(struct keeper *k, struct pollfd *p)
{
	int fds[XTCP_MAX_QUEUES], n = 0;

	if (k->eager)
		n = api_port(k->m.x)->ops->fds(api_port(k->m.x), fds, XTCP_MAX_QUEUES);
	for (int i = 0; i < XTCP_MAX_QUEUES; i++)
		p[i] = (struct pollfd){ .fd = i < n ? fds[i] : -1, .events = POLLIN };
}

static nfds_t fill_poll(struct keeper *k, struct pollfd *p, uint32_t *slot, int stop_fd)
{
	nfds_t n = POLL_FIXED;

	p[0] = (struct pollfd){ .fd = stop_fd, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = k->m.keeper_fd, .events = POLLIN };
	p[2] = (struct pollfd){ .fd = api_ctl_fd(k->m.x), .events = POLLIN };
	fill_frames(k, p + 3);
	for (uint32_t i = 0; i < RUN_PROCS; i++)
		if (k->pidfd[i] >= 0) {
			slot[n] = i;
			p[n++] = (struct pollfd){ .fd = k->pidfd[i], .events = POLLIN };
		}
	return n;
}

/* How long until somebody has to look. */
static uint64_t patience(const struct keeper *k, uint64_t now)
{
	if (now - k->seen_ns < QUIET_NS)
		return TICK_NS;
	if (k->watcher)
		return LONG_NS;
	if (k->deadline <= now + TICK_NS)
		return TICK_NS;
	return k->deadline - now < 10 * TICK_NS ? k->deadline - now : 10 * TICK_NS;
}

/* Without the lock: the others are at it, and nothing else has happened. To ask them for it every tick would only stop them. */
static bool others_turn(struct keeper *k, const struct pollfd *p, nfds_t n, uint64_t now)
{
	struct run *r = k->m.r;

	for (nfds_t i = 0; i < n; i++)
		if (p[i].revents)
			return false;
	if (atomic_load(&r->broken) || now - k->looked_ns > LOOK_NS ||
	    now - __atomic_load_n(&r->turn_ns, __ATOMIC_RELAXED) >= DUE_NS)
		return false;
	k->seen_ns = now;
	return true;
}

/* Is a turn due that nobody else has run? */
static bool turn_due(const struct keeper *k, uint64_t now)
{
	const struct run *r = k->m.r;

	if (k->eager && xsk_rx_waiting(api_port(k->m.x)))
		return true;
	if (now - r->turn_ns < DUE_NS)
		return false;
	return engine_deadline(api_engine(k->m.x)) <= now || xsk_rx_waiting(api_port(k->m.x)) ||
	       engine_frames(api_engine(k->m.x))->in_tx;
}

/*
 * Whoever died under the lock may have left anything behind. Its connections and all others end: the peers are told by the RST that
 * answers their next segment. Those who wait for the lock meanwhile go on with the new engine.
 */
static void mend(struct keeper *k)
{
	struct run *r = k->m.r;

	fprintf(stderr,
		"xtcp: run: a process died in the middle of a turn: all connections are reset, the engine starts anew\n");
	pthread_mutex_lock(&k->ctl_lock);
	run_mend(r);
	api_restart(k->m.x);
	r->last = RUN_KEEPER;
	atomic_store(&r->broken, 0);
	pthread_mutex_unlock(&k->ctl_lock);
	run_resume(&k->m);
}

/* A turn, if one is late. Nobody watches, and who is awake has other things to do: one of those who sleep has to. */
static void catch_up(struct keeper *k, bool news, uint64_t now)
{
	struct run *r = k->m.r;
	bool idle = now - r->turn_ns >= LATE_NS, due = turn_due(k, now);

	if (due || news)
		run_turn(&k->m, now);
	if (!idle || r->watcher || !r->sleepers)
		return;
	if (due) {
		k->lates = now - k->late_ns < LATES_NS ? k->lates + 1 : 1;
		k->late_ns = now;
		if (k->lates >= LATES)
			r->prompt_ns = now + PROMPT_NS;
	}
	run_hand_over_watch(&k->m);
}

static void look(struct keeper *k, const struct pollfd *p, const uint32_t *slot, nfds_t n)
{
	uint64_t count, now = clock_now_ns();

	if (p[1].revents && read(k->m.keeper_fd, &count, sizeof(count)) > 0)
		k->seen_ns = now;
	if (atomic_load(&k->m.r->broken))
		mend(k);
	watch_processes(k, now);
	for (nfds_t i = POLL_FIXED; i < n; i++)
		if (p[i].revents && k->pidfd[slot[i]] == p[i].fd)
			bury(k, slot[i]);
	if (p[2].revents) {
		pthread_mutex_lock(&k->ctl_lock);
		if (api_ctl_process(k->m.x) == -ENODEV)
			engine_link_gone(api_engine(k->m.x));
		pthread_mutex_unlock(&k->ctl_lock);
	}
	if (k->m.r->turn_ns != k->seen_turn_ns)
		k->seen_ns = now;
	catch_up(k, p[2].revents, now);
	k->looked_ns = now;
	k->seen_turn_ns = k->m.r->turn_ns;
	k->deadline = engine_deadline(api_engine(k->m.x));
	k->watcher = k->m.r->watcher;
	k->eager = k->m.r->eager;
	run_async_adopt(&k->m);
	k->wait_ns = patience(k, now);
	k->m.r->keeper_rests = k->wait_ns > TICK_NS;
}

int keeper_serve(struct keeper *k, pid_t child, int stop_fd)
{
	struct pollfd p[POLL_FIXED + RUN_PROCS];
	uint32_t slot[POLL_FIXED + RUN_PROCS];
	uint64_t began = clock_now_ns();
	int status = -1;
	bool reaped = false;

	for (;;) {
		struct timespec ts = { .tv_sec = (time_t)(k->wait_ns / 1000000000ull),
				       .tv_nsec = (long)(k->wait_ns % 1000000000ull) };
		nfds_t n = fill_poll(k, p, slot, stop_fd);

		if (ppoll(p, n, &ts, NULL) < 0)
			for (nfds_t i = 0; i < n; i++)
				p[i].revents = 0;
		if (p[0].revents)
			return -1;
		if (!others_turn(k, p, n, clock_now_ns())) {
			if (!run_lock(&k->m))
				return -1;
			look(k, p, slot, n);
			run_unlock(&k->m);
		}
		if (!reaped && (child ? waitpid(child, &status, WNOHANG) == child : anybody(k)))
			reaped = true;
		if (reaped && !anybody(k))
			return status;
		if (!child && !reaped && clock_now_ns() - began > JOIN_NS)
			return status;
	}
}

void keeper_close(struct keeper *k)
{
	uint64_t one = 1;

	if (k->m.r && run_lock(&k->m)) {
		for (uint32_t i = 0; i < RUN_PROCS; i++)
			if (k->m.r->proc[i].state != RUN_PROC_FREE)
				run_proc_drop(&k->m, i, true);
		atomic_store(&k->m.r->closed, 1);
		run_unlock(&k->m);
	}
	if (k->clerk_runs && write(k->stop_fd, &one, sizeof(one)) > 0)
		pthread_join(k->clerk, NULL);
	api_set_host(k->m.x, &ctl_host_ops, api_host(k->m.x));
	for (int i = 0; i < RUN_PROCS; i++)
		if (k->pidfd[i] >= 0)
			close(k->pidfd[i]);
	free(k);
}
