/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * local.h - a process of a run, from within: which of its descriptors are ours, and how its threads wait. The calls of
 * calls.h are built on it.
 */
#ifndef RUN_LOCAL_H
#define RUN_LOCAL_H

#include "run/real.h"
#include "run/run.h"

#define LOCAL_HIDDEN 0x7fffffffu /* in the table: ours, and none of the program's business */
#define LOCAL_NEVER UINT64_MAX
#define LOCAL_OWNER 8	 /* of opts: F_SETOWN, F_SETSIG */
#define LOCAL_SHARED 512 /* of opts: another process may have made it ours meanwhile */

/* A socket is named by its engine and its reference there; a listener, which is in each engine, by that in the first. */
#define LOCAL_ENGINE_SHIFT 25
#define LOCAL_REF ((1u << LOCAL_ENGINE_SHIFT) - 1)
_Static_assert((uint64_t)RUN_ENGINES << LOCAL_ENGINE_SHIFT <= RUN_EPOLL, "a name is no epoll instance");

struct local {
	struct run_member m[RUN_ENGINES]; /* of each engine */
	uint32_t engines;
	nfds_t fds_at[RUN_ENGINES +
		      1]; /* where the descriptors of each are in what a thread polls; the last: what there are */
	bool on;
	struct run_rules rules; /* of this program's environment */
	bool sandboxed;		/* seccomp forbids what turns need: the keeper runs them */
	pid_t pid;
	_Atomic uint32_t alone; /* the thread that local_alone() was called by */
	uint64_t alone_ns;	/* since when */
	uint32_t size;		/* of tab */
	uint32_t *tab;		/* by descriptor: 0, a socket's name, RUN_EPOLL | epoll instance, LOCAL_HIDDEN */
	uint32_t *count
		[RUN_ENGINES]; /* by socket: descriptors of this process; of a listener those of the first engine count */
	uint32_t *twin
		[RUN_ENGINES]; /* by listener of the first engine: the same in the others, while this process has it */
	uint32_t fresh;	       /* no descriptor from here on was ever a fresh socket (early.h) */
	uint16_t *opts;	       /* by descriptor: which options were set while it was the kernel's (call_opt.c) */
	int bell[RUN_EPOLLS + 1];	/* by epoll instance: see call_epoll.c */
	uint32_t bells[RUN_EPOLLS + 1]; /* descriptors of it in this process */
};
extern struct local local;
/* A thread's own, found without a call: the library is there from the start. Handlers need it to be so, and every call counts. */
#define LOCAL_TLS __thread __attribute__((tls_model("initial-exec")))
/* The engine whose lock this thread holds; NULL: none. */
extern LOCAL_TLS struct run_member *local_here;
/* Handlers that have run in this thread since it last began to wait: 1 one with SA_RESTART, 2 one without. */
extern LOCAL_TLS volatile sig_atomic_t local_interrupted;

/* Engines in which this thread was told of a connection that waits though it is not at home there: its epoll instance came from a process that is. */
extern LOCAL_TLS uint64_t local_told;

/* This thread has a lock, or waits for one: no handler may run. It waits without: a handler that runs now has to end that (local_poke). */
extern LOCAL_TLS volatile sig_atomic_t local_held, local_sleeps;
void local_poke(void);
/* Of preload_signal.c: handlers that were put off run now. */
extern void (*local_resume_handlers)(void);

static inline uint32_t local_entry(int fd)
{
	return (uint32_t)fd < local.size ? __atomic_load_n(&local.tab[fd], __ATOMIC_RELAXED) : 0;
}

/* In opts. Any thread may, whatever another does with the same descriptor; what it reads after that is not older. */
static inline void local_mark(int fd, uint16_t bits)
{
	if ((uint32_t)fd < local.size)
		__atomic_fetch_or(&local.opts[fd], bits, __ATOMIC_SEQ_CST);
}

static inline void local_unmark(int fd, uint16_t bits)
{
	if ((uint32_t)fd < local.size)
		__atomic_fetch_and(&local.opts[fd], (uint16_t)~bits, __ATOMIC_SEQ_CST);
}

/* Of shared.c: what local_sock() is to say of a descriptor that is marked. */
uint32_t local_adopt(int fd);

/* The socket of a descriptor, 0: it is the kernel's. */
static inline uint32_t local_sock(int fd)
{
	uint32_t e = local_entry(fd);

	if (!e && (uint32_t)fd < local.size && local.opts[fd] & LOCAL_SHARED)
		return local_adopt(fd);
	return e < LOCAL_HIDDEN ? e : 0;
}

static inline uint32_t local_name(uint32_t engine, uint32_t ref)
{
	return engine << LOCAL_ENGINE_SHIFT | ref;
}

static inline uint32_t local_engine(uint32_t name)
{
	return name >> LOCAL_ENGINE_SHIFT;
}

static inline uint32_t local_ref(uint32_t name)
{
	return name & LOCAL_REF;
}

static inline struct run_sock *local_at(uint32_t name)
{
	return run_sock_at(local.m[local_engine(name)].r, local_ref(name));
}

/* Under its lock: it has not been closed while that was given back, nor has another taken its place. */
static inline bool local_is(uint32_t name, uint64_t inode)
{
	return local_at(name)->kind != RUN_FREE && local_at(name)->inode == inode;
}

/* The same listener in another engine. */
static inline uint32_t local_twin(uint32_t name, uint32_t engine)
{
	return engine ? local_name(engine, local.twin[engine][name]) : name;
}

/* Of what fd stands for; 0: not for this any more. It tells whether name is still that, later. */
static inline uint64_t local_inode(int fd, uint32_t name)
{
	uint64_t inode = local_at(name)->inode;

	return local_sock(fd) == name ? inode : 0;
}

/* Where this process makes its connections, and looks first. */
static inline uint32_t local_home(void)
{
	return run_home(local.m[0].r, local.m[0].slot);
}

/* Join the run that XTCP_RUN names, if it does. Once, before any other call. */
void local_join(void);
/* The same by name, without a word: 0 or -errno with fail(). */
int local_join_run(const char *name);
/* The process is about to end in good order. */
void local_bye(void);
/*
 * The process is about to end, or to become another program, and its other threads with it: none of them may be in the middle of a turn by
 * then, so none begins another, and this one waits for that which has. Not under the lock. local_not_alone: it has not come to that.
 */
void local_alone(void);
void local_not_alone(void);
/* A descriptor for ourselves: moved out of the program's way. */
int local_hide(int fd);

/* Under the socket's lock, for a listener any: fd stands for the socket from now on; fd does not stand for anything of ours any more. */
void local_enter(int fd, uint32_t ref);
void local_forget(int fd);
/* A socket is held before fd stands for it; given back by local_forget(), or if it never comes to that by local_drop(). _keep: once more. */
void local_hold(uint32_t name);
void local_keep(uint32_t name);
void local_drop(uint32_t name);
/* Around what makes a descriptor stand for a socket that it did not stand for, and its close() meanwhile: one comes first. */
void local_becoming(void);
void local_became(void);
/* fd is a copy of a descriptor of ours. */
void local_copy(int from, int to);

/* ---- waiting, under the lock ---- */

struct local_item {
	uint32_t sock;
	uint32_t want; /* POLL* */
	uint32_t watch;
	uint32_t place; /* the caller's */
	uint64_t inode; /* of the socket when the wait began: another may have its place since */
};

/* Another thread has closed what this one waits for. */
static inline bool local_item_closed(const struct local_item *it)
{
	const struct run_sock *s = local_at(it->sock);

	return s->kind == RUN_FREE || (it->inode && s->inode != it->inode);
}

struct local_wait {
	struct local_item *item;
	int items;
	uint32_t epoll; /* or: an epoll instance */
	struct pollfd *
		kernel; /* descriptors of the kernel's that count too; local_wait_head() entries before them are ours */
	nfds_t kernels;
	uint64_t until_ns;
	const sigset_t *mask;
	/* wait.c's: sets of engines */
	uint64_t engines;  /* it depends on */
	uint64_t adopted;  /* nobody else looks at */
	uint64_t asleep;   /* in which the thread is marked asleep */
	uint64_t watching; /* whose AF_XDP sockets it looks at for all */
	uint64_t left;	   /* likewise, until just now */
	uint64_t fresh;	   /* in which it has not looked since it began, or slept */
	uint64_t wake_ns;
};
#define LOCAL_WAIT_HEAD (2 + XTCP_MAX_QUEUES + RUN_ENGINES)
nfds_t local_wait_head(void);
bool local_become_waiter(void);
/*
 * With a lock held, and the same after it. > 0: something may be ready, look again; 0: it is time; -EINTR; -EBADF: another thread has
 * closed a socket; -EIO: the run has ended, and none is held.
 */
int local_wait(struct local_wait *w);
/* One socket: until any of want holds. */
int local_wait_one(uint32_t name, uint32_t want, uint64_t until_ns);
/* The same for any, of a call that begins again after handlers with SA_RESTART. */
int local_wait_again(struct local_wait *w);
/* The run has ended: -1 with EIO, after a nap, for some programs ask again and again whatever they are told. */
int local_wait_ended(void);
/* When a wait of a socket's own limit is over (SO_RCVTIMEO, SO_SNDTIMEO); 0: never. */
uint64_t local_until(uint64_t timeout_ns);
/* POLL* of those wanted that hold for a socket of this engine, for this process. */
uint32_t local_poll(uint32_t name, uint32_t want);
/* What a socket is to be waited for with; how many. inode: as local_inode() gave it. room: for as many as there are engines. */
int local_items(uint32_t name, uint64_t inode, uint32_t want, struct local_item *room);
/* A turn, if there is anything for it to do. */
void local_turn(void);
/* A call that does not block has found nothing at the socket: false, nothing has come meanwhile, for any. */
bool local_look(uint32_t name);

/* Around posix_spawn(): the child is of the run before it is born. pid 0: it was not. */
uint32_t local_before_spawn(void);
void local_after_spawn(uint32_t slot, pid_t pid);

/* Frames of this engine's connections may have come to queues that nobody looks at: turns there, with no lock held. */
void local_help(uint32_t engine);

/* The calling thread can wait from now on without creating anything. */
void local_prepare_sandbox(void);
void local_sandboxed(void); /* it is done */

/* That of a socket's engine. False: the run has ended (errno is EIO), or a signal's handler is refused. */
bool local_lock(uint32_t name);
void local_unlock(void);
/* From one engine's lock to another's; no handler runs in between. False: the run has ended, and nothing is held. */
bool local_go(uint32_t engine);
/* To that of a listener's twin. *twin 0: it is not in this engine, or has been closed by another thread. */
bool local_go_twin(uint32_t name, uint64_t inode, uint32_t engine, uint32_t *twin);
/* The engines, home first: for (i = 0; i < local.engines; i++) local_nth(i). */
static inline uint32_t local_nth(uint32_t i)
{
	return (local_home() + i) % local.engines;
}
/* The lock for a call on fd, which stood for this socket a moment ago. False: it does not any more, or there is no lock; errno is set. */
bool local_lock_on(int fd, uint32_t name);

#endif
