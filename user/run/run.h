/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * run.h - one stack shared by all processes of one `xtcp run`.
 *
 * The keeper (keeper.c, the process of `xtcp run` itself) opens the engine. Each process of the run maps the engine's region, the
 * rings of its AF_XDP sockets and this struct run, and whichever thread needs progress runs the engine's turn in place, under
 * one robust lock. The keeper runs it only while everyone computes or sleeps, answers what only the host knows (host.c), and cleans
 * up after the dead.
 *
 * With --queues there are several engines, and all of this once for each: a region, a struct run, a lock. Processes whose connections
 * are in different engines do not wait for each other. What belongs to the whole run is in the first one, the registry: processes,
 * the numbers of waiters and of epoll instances, which are the same in each. Nobody takes a second lock while holding one, but a fork,
 * which takes all in the engines' order. See engines.c.
 *
 * Everything here lies in one memfd and is linked by indices: a reference is index + 1, 0 is none. All of it is changed under the
 * lock only, but for what is said to be atomic.
 */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "api/share.h"

#define RUN_MAGIC 0x787463702072756eull /* "xtcp run" */
#define RUN_VERSION 1
#define RUN_PROCS 512	 /* processes at a time */
#define RUN_WAITERS 2048 /* threads that have ever waited, at a time */
#define RUN_EPOLLS 2048	 /* epoll instances with connections of ours in them */
#define RUN_OPTS 20	 /* options that are the engine's */
#define RUN_RULES 32	 /* --port and --exclude */

enum run_sock_kind {
	RUN_FREE,
	RUN_LISTENER,
	RUN_CONN,
};

/* What a descriptor of ours stands for. */
struct run_sock {
	uint64_t handle;  /* of the engine; 0: it is gone, error says why */
	uint64_t inode;	  /* of the kernel's socket behind the descriptor: how it is found after exec and SCM_RIGHTS */
	uint32_t next;	  /* in the chain of its inode; also: free list */
	uint32_t carried; /* messages under way that carry a descriptor of it: each counts as a process */
	uint32_t procs;	  /* processes that hold it, and messages that carry it */
	uint32_t watches; /* who waits for it: list by next_sock */
	int32_t error;	  /* pending, positive errno (SO_ERROR); taken once */
	uint8_t kind;	  /* enum run_sock_kind */
	uint8_t v6;	  /* the program's address family is AF_INET6 */
	uint8_t nonblock; /* O_NONBLOCK, atomic enough: a byte */
	uint8_t connecting;
	uint8_t opened;	    /* has been connected */
	uint8_t shut;	    /* 1: SHUT_RD, 2: SHUT_WR */
	uint8_t kernel_too; /* a listener that the kernel's stack serves as well */
	uint8_t cork;
	uint8_t linger_on;
	uint8_t asked; /* connect() answered EINPROGRESS: the next one tells how it went */
	uint16_t port; /* of a listener, host order */
	uint32_t backlog;
	uint32_t fastopen;     /* of a listener: TCP_FASTOPEN, how many at once; 0: none */
	uint32_t defer_s;      /* of a listener: TCP_DEFER_ACCEPT */
	uint32_t home_watches; /* of a listener: by processes that are at home in this engine */
	uint32_t sibling;      /* listeners that share one of the engine's: the next, in a ring; 0: none */
	struct xtcp_addr addr; /* of a listener */
	int32_t opt[RUN_OPTS]; /* as set, by the table of call_opt.c; bit n of opts_set: it was */
	uint32_t opts_set;
	uint32_t linger_s;
	uint32_t rcvlowat;
	uint32_t zc_next, zc_told; /* MSG_ZEROCOPY: the next call's number, the first whose end is not yet told */
	uint32_t urg_up;	   /* of the urgent octet that was read last */
	uint8_t urg_read, oobinline;
	uint8_t zerocopy; /* SO_ZEROCOPY */
	uint8_t inq;	  /* TCP_INQ */
	uint8_t stamps;	  /* SO_TIMESTAMP, SO_TIMESTAMPNS */
	uint8_t v6only;
	char cc[16];			   /* TCP_CONGESTION, if it was set */
	uint8_t async;			   /* O_ASYNC */
	uint8_t own_type;		   /* F_OWNER_* */
	uint8_t own_sig;		   /* F_SETSIG; 0: SIGIO */
	int32_t own_pid;		   /* whom to tell; 0: nobody */
	int32_t own_tgid;		   /* the process of that */
	int32_t async_fd;		   /* as the owner knows it */
	uint64_t rcvtimeo_ns, sndtimeo_ns; /* 0: none */
};

/* Somebody waits for a socket: a thread (target of the thread), or an epoll instance for good. */
struct run_watch {
	uint32_t sock;
	uint32_t next_sock, prev_sock;
	uint32_t target;     /* waiter, or RUN_EPOLL | epoll */
	uint32_t next, prev; /* of the target's; next also: free list */
	uint32_t ready_next, ready_prev;
	uint32_t events; /* EPOLL*, as given */
	int32_t fd;
	uint64_t data;
	uint8_t ready;	  /* in the epoll instance's list */
	uint8_t disabled; /* EPOLLONESHOT has fired */
	uint8_t home;	  /* of a process that is at home in this engine */
	uint8_t by_bell; /* of an epoll instance whose threads do not sleep in this engine: the bell of call_epoll.c tells them */
};
#define RUN_EPOLL 0x80000000u
#define RUN_BELLS 8 /* datagrams for an instance that is polled: each is an edge */

/* A thread that can wait, and be woken by a datagram to the socket of its number. */
struct run_waiter {
	uint32_t next_free;
	uint32_t epoll;	       /* the instance that it sleeps in; 0: none */
	uint32_t next_sleeper; /* in it */
	int32_t pid;
	uint8_t used;
	uint8_t kicked; /* something it waits for has happened */
	uint8_t asleep;
	uint8_t home; /* asleep, and of a process that is at home in this engine */
};

struct run_epoll {
	uint32_t next_free;
	uint32_t watches; /* list by next */
	uint32_t ready_head, ready_tail;
	uint32_t sleepers; /* waiters, list by next_sleeper */
	uint32_t procs;	   /* that hold it, by the bits of each */
	uint8_t used;
	uint8_t signalled; /* datagrams under way, of this engine's */
	uint8_t nested;	   /* it is itself polled: its descriptor has to say when something is ready; the registry's */
	_Atomic uint64_t engines; /* whose turns it depends on; the registry's */
};

/* A signal that is due: see async.c. */
struct run_signal {
	int32_t pid, tgid, fd;
	uint8_t type, sig, code;
	uint16_t band;
};
#define RUN_SIGNALS 32
struct run_signals {
	uint32_t n;
	struct run_signal at[RUN_SIGNALS];
};

enum run_proc_state {
	RUN_PROC_FREE,
	RUN_PROC_BORN, /* forked, and not yet heard of */
	RUN_PROC_LIVE,
	RUN_PROC_BYE, /* ends in good order: its connections close as they would in the kernel */
};

struct run_proc {
	int32_t pid;
	uint32_t state;
	uint64_t since_ns;
	uint32_t watched; /* the keeper has a pidfd of it */
};

struct run_rule { /* a port, or an address prefix and perhaps a port, that is, or is not, ours */
	struct xtcp_addr addr;
	uint8_t bits; /* of 128; 0: any address */
	uint8_t exclude;
	uint16_t port; /* 0: any */
};

struct run_rules { /* see rules.h */
	struct run_rule rule[RUN_RULES];
	uint32_t n;
	uint32_t ports; /* of them that are no exclusions: nothing else is ours */
};

struct run {
	uint64_t magic;
	uint32_t version;
	uint32_t header_bytes;
	uint64_t bytes;
	char ifname[16];
	char name[32];		  /* of its sockets in the abstract namespace */
	uint32_t index;		  /* of the interface */
	uint32_t number, engines; /* this one, and how many there are */
	uint8_t queue_known[2];	  /* of IPv4, of IPv6: the card's choice of a receive queue can be told */
	int32_t keeper_pid;
	uint32_t spin_us;
	uint32_t waiting; /* enum xtcp_waiting */
	struct run_rules rules;

	struct api_share share;
	pthread_mutex_t lock;
	_Atomic uint32_t busy;	  /* under the lock: something is half done */
	_Atomic uint32_t broken;  /* somebody died meanwhile: the keeper mends it */
	_Atomic uint32_t closed;  /* the keeper is gone */
	uint32_t last;		  /* process (slot + 1) that had the lock last; RUN_KEEPER */
	uint32_t watcher;	  /* waiter that looks at the AF_XDP sockets for all, asleep */
	uint32_t sleepers;	  /* threads asleep, the watcher too */
	uint32_t home_sleepers;	  /* of processes that are at home here */
	uint64_t home_ns;	  /* when one of those last looked */
	uint8_t fastopen_key[16]; /* of all engines' listeners; the registry's */
	uint32_t said_uring;	  /* of io_uring, to the user; the registry's */
	uint32_t eager; /* the keeper looks at the AF_XDP sockets for all: somebody waits by means that are not ours */
	uint64_t turn_ns; /* when the last turn was */
	uint64_t busy_ns; /* when frames last came or went */
	uint64_t frames_seen;
	uint64_t prompt_ns;    /* until then the watch is handed over at once: who was awake ran no turns */
	uint32_t told;	       /* watches that an event was for, ever */
	uint32_t keeper_rests; /* it looks less often than every tick */
	int64_t gap_ns;	       /* mean time until the next frame */
	struct xsk_state xsk;
	struct run_signals left; /* to the keeper: whoever ran the turn may not send them */

	uint32_t socks, watches; /* how many there can be */
	uint32_t sock_fresh, sock_free, sock_used;
	uint32_t watch_fresh, watch_free;
	uint32_t waiter_fresh, waiter_free;
	uint32_t epoll_fresh, epoll_free;
	uint32_t inode_mask;
	uint64_t off_socks, off_watches, off_bits, off_inodes;
	struct run_proc proc[RUN_PROCS];
	struct run_waiter waiter[RUN_WAITERS];
	struct run_epoll epoll[RUN_EPOLLS];
	uint64_t epoll_bits[RUN_PROCS][RUN_EPOLLS / 64]; /* bit n: the process holds epoll[n] */
};
#define RUN_KEEPER UINT32_MAX

static inline struct run_sock *run_sock_at(struct run *r, uint32_t ref)
{
	return (struct run_sock *)((uint8_t *)r + r->off_socks) + (ref - 1);
}

static inline struct run_watch *run_watch_at(struct run *r, uint32_t ref)
{
	return (struct run_watch *)((uint8_t *)r + r->off_watches) + (ref - 1);
}

/* Bit n of a process's: it holds the socket of reference n + 1. */
static inline uint64_t *run_bits(struct run *r, uint32_t slot)
{
	return (uint64_t *)((uint8_t *)r + r->off_bits) + (uint64_t)slot * ((r->socks + 63) / 64);
}

/* ---- share.c: making and mapping it ---- */

int run_create(struct run **out, int *fd, uint32_t socks);
int run_map(struct run **out, int fd);

/* ---- lock.c: the lock, and turns under it ---- */

/* A process's side of a run. */
struct run_member {
	struct run *r;
	struct run *reg; /* the registry */
	struct xtcp *x;
	uint32_t slot;		/* of run.proc; RUN_KEEPER: the keeper */
	int rpc_fd;		/* to the keeper; one question at a time, under the lock */
	int keeper_fd;		/* eventfd: wakes it */
	int send_fd;		/* datagrams to waiters */
	bool quiet;		/* read(2) and write(2) only: the process is in a sandbox */
	struct run_signals due; /* under the lock; sent after it */
	uint16_t held_port;	/* under way: the kernel's socket of the program holds this port already */
	uint32_t serving;	/* under way: a turn of a thread that then looks at this epoll instance itself */
	bool stuck_said;	/* the keeper: that all wait for a stopped process */
	const _Atomic uint32_t
		*ends; /* not 0: this process is about to end; run_stands_aside() says whose turn it is not */
};

/* The engine in which a process has its own connections, and looks first. */
static inline uint32_t run_home(const struct run *r, uint32_t slot)
{
	return slot % r->engines;
}

static inline bool run_at_home(const struct run_member *m)
{
	return m->slot < RUN_PROCS && run_home(m->r, m->slot) == m->r->number;
}

/* False: the run has ended, or is beyond repair; nothing is held. */
bool run_lock(struct run_member *m);
/* 0: it is about to be mended, or the process about to end, and nothing is held; -1: the run has ended. */
int run_lock_once(struct run_member *m);
/* Those of all engines; m: of the first. */
bool run_lock_all(struct run_member *m);
/* Of local.c: another thread is about to end this process, so none begins anything. */
extern bool (*run_stands_aside)(void);
/* Wait until who has the lock gives it back, for so long at most. */
void run_pass(struct run_member *m, int seconds);
void run_unlock(struct run_member *m);
/* One turn, and its events to whom they concern. Under the lock. */
void run_turn(struct run_member *m, uint64_t now_ns);
/* What has arrived, and its events; nothing is sent. */
void run_take_in(struct run_member *m, uint64_t now_ns);
void run_kick_keeper(struct run_member *m);

/* ---- sock.c: sockets of the run, under the lock ---- */

uint32_t run_sock_new(struct run *r, enum run_sock_kind kind, uint64_t inode);
uint32_t run_sock_by_inode(struct run *r, uint64_t inode);
/* A process begins, ceases to hold it; the last one closes it. */
void run_sock_hold(struct run_member *m, uint32_t slot, uint32_t ref);
void run_sock_drop(struct run_member *m, uint32_t slot, uint32_t ref, bool reset);
/* A descriptor of it leaves in a message (SCM_RIGHTS); it has arrived, or was not sent. */
void run_sock_carry(struct run *r, uint32_t ref);
void run_sock_delivered(struct run_member *m, uint32_t ref);
void run_sock_hash(struct run *r, uint32_t ref);
/* A listener whose address, port and backlog are set begins to listen; beside another, if that has the same. 0 or -errno. */
int run_listen(struct run_member *m, uint32_t ref);
/* Its TCP_FASTOPEN and TCP_DEFER_ACCEPT; also of one that listens already. */
void run_listen_as(struct run_member *m, uint32_t ref, uint32_t fastopen, uint32_t defer_s);
/* It does not listen any more; others at its port do. */
void run_listen_end(struct run_member *m, uint32_t ref);
/* All that a process held in this engine; reset: it was killed. */
void run_proc_drop(struct run_member *m, uint32_t slot, bool reset);
uint32_t run_proc_new(struct run *r, pid_t pid, enum run_proc_state state, uint64_t now_ns);

/* ---- ready.c: readiness, under the lock ---- */

/* POLL* that hold for the socket now; want: what the caller waits for. */
uint32_t run_poll(struct run_member *m, uint32_t ref, uint32_t want);
/* Something happened to a socket: tell who watches it. */
void run_notify(struct run_member *m, uint32_t ref, uint32_t events);
/* POLLIN of a listener is for those who are at home in its engine, as long as any of them watches it. */
bool run_for_others(const struct run_member *m, uint32_t ref);
uint32_t run_watch_add(struct run_member *m, uint32_t sock, uint32_t target, uint32_t events);
void run_watch_link(struct run *r, uint32_t ref);
void run_watch_remove(struct run_member *m, uint32_t ref);
void run_watches_of_sock(struct run_member *m, uint32_t sock);
uint32_t run_waiter_new(struct run *r, pid_t pid);
void run_waiter_free(struct run *r, uint32_t ref);
/* Those of a process whose threads have ended; of the registry last. */
void run_waiters_drop(struct run_member *m, pid_t pid);
uint32_t run_epoll_new(struct run *r, uint32_t slot);
/* The process has no descriptor of it any more; the last one ends it. Of the registry. */
void run_epoll_drop(struct run_member *m, uint32_t slot, uint32_t ref);
bool run_epoll_last(const struct run *r, uint32_t slot, uint32_t ref);
/* Nothing of it is left in this engine. */
void run_epoll_clear(struct run_member *m, uint32_t ref);
void run_epoll_ready(struct run *r, uint32_t watch);
void run_epoll_unready(struct run *r, uint32_t watch);
void run_wake(struct run_member *m, uint32_t target);
/* A thread is about to sleep, in an epoll instance or for itself (epoll 0); it is awake again. */
void run_asleep(struct run_member *m, uint32_t waiter, uint32_t epoll);
void run_awake(struct run_member *m, uint32_t waiter);
/* Who watched for all goes on to something else: another sleeper takes its place, now or as soon as it turns out that it has to. */
void run_leave_watch(struct run_member *m);
void run_hand_over_watch(struct run_member *m);

/* ---- engines.c: what concerns all engines of a run. m: of the first, the others behind it. No lock is held before and after. ---- */

/* What a process held is given up in each engine, its slot last. False: the run has ended. */
bool run_bury(struct run_member *m, uint32_t slot, bool reset);
/* It has no descriptor of this epoll instance, of any, any more. */
bool run_epoll_leave(struct run_member *m, uint32_t slot, uint32_t ref);
bool run_epoll_leave_all(struct run_member *m, uint32_t slot);

/* ---- mend.c: a process has died under the lock ---- */

/* What it reads of the registry, without that lock, are entries that stand alone, and others change what they hold here under this lock. */
void run_mend(struct run_member *m);
void run_resume(struct run_member *m);

/* ---- host.c: what only the keeper knows ---- */

enum run_ask { RUN_ASK_ROUTE = 1, RUN_ASK_NEIGH, RUN_ASK_RESERVE, RUN_ASK_RELEASE, RUN_ASK_STEER, RUN_ASK_OWN_QUEUE };
struct run_question {
	uint32_t serial;
	uint32_t what; /* enum run_ask */
	struct xtcp_addr a, b;
	uint16_t port, port2;
	uint8_t has_b, flag, flag2, pad;
};
struct run_answer {
	uint32_t serial;
	int32_t rc;
	struct host_route route;
	uint8_t mac[6];
	char text[200]; /* what went wrong */
};
extern const struct host_ops run_host_ops;

/* ---- attach.c: joining a run ---- */

#define RUN_ENGINES XTCP_MAX_QUEUES
/* Of one engine; each has a message of its own. */
enum { RUN_FD_RUN, RUN_FD_RPC, RUN_FD_KEEPER, RUN_FD_SISTERS, RUN_FD_WAKE, RUN_FD_API };
#define RUN_FDS_MAX (XTCP_MAX_QUEUES + RUN_FD_API + 5)
/*
 * By the name of its socket. m has room for RUN_ENGINES; how many there are is in m[0].r->engines. 0 or -errno with fail(). hide: where
 * descriptors go that the program must not see.
 */
int run_attach(struct run_member *m, const char *name, int (*hide)(int fd));
/* The address of a waiter or epoll instance (RUN_EPOLL | n) in the abstract namespace. */
socklen_t run_address(const struct run *r, uint32_t target, void *sockaddr_un);
socklen_t run_door(const char *name, void *sockaddr_un);

#endif
