/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pd.h - an engine under the control of packetdrill, which loads it as a shared object.
 *
 * packetdrill calls from two threads: its own, which owns the time, and one for calls that block. One lock guards all.
 * The clock is virtual and moves only when the first thread waits, asks for the time or receives; whenever something
 * may have changed, it lets the blocked call look again and waits until it has (clock.c).
 */
#ifndef PACKETDRILL_PD_H
#define PACKETDRILL_PD_H

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include "engine/engine.h"
#include "lib/addr.h"
#include "sim/simport.h"

#define PD_SOCKS 64
#define PD_OPTS 32	/* options set on one socket before it has a connection */
#define PD_OUT 4096	/* packets that wait to be received */
#define PD_PACKET 9100	/* bytes of the largest of ours */
#define PD_JOINED 16000 /* ... and of the largest that comes, as a network card has joined it */

/* What packetdrill_interface_init fills: the order is the contract. Errors: -1 and errno. */
struct pd_calls {
	void *arg;
	void (*free)(void *arg);
	int (*socket)(void *arg, int domain, int type, int protocol);
	int (*bind)(void *arg, int fd, const struct sockaddr *sa, socklen_t len);
	int (*listen)(void *arg, int fd, int backlog);
	int (*accept)(void *arg, int fd, struct sockaddr *sa, socklen_t *len);
	int (*connect)(void *arg, int fd, const struct sockaddr *sa, socklen_t len);
	ssize_t (*read)(void *arg, int fd, void *buf, size_t n);
	ssize_t (*readv)(void *arg, int fd, const struct iovec *iov, int n);
	ssize_t (*recv)(void *arg, int fd, void *buf, size_t n, int flags);
	ssize_t (*recvfrom)(void *arg, int fd, void *buf, size_t n, int flags, struct sockaddr *sa, socklen_t *len);
	ssize_t (*recvmsg)(void *arg, int fd, struct msghdr *msg, int flags);
	ssize_t (*write)(void *arg, int fd, const void *buf, size_t n);
	ssize_t (*writev)(void *arg, int fd, const struct iovec *iov, int n);
	ssize_t (*send)(void *arg, int fd, const void *buf, size_t n, int flags);
	ssize_t (*sendto)(void *arg, int fd, const void *buf, size_t n, int flags, const struct sockaddr *sa,
			  socklen_t len);
	ssize_t (*sendmsg)(void *arg, int fd, const struct msghdr *msg, int flags);
	int (*fcntl)(void *arg, int fd, int cmd, ...);
	int (*ioctl)(void *arg, int fd, unsigned long request, ...);
	int (*close)(void *arg, int fd);
	int (*shutdown)(void *arg, int fd, int how);
	int (*getsockopt)(void *arg, int fd, int level, int name, void *value, socklen_t *len);
	int (*setsockopt)(void *arg, int fd, int level, int name, const void *value, socklen_t len);
	int (*poll)(void *arg, struct pollfd *fds, nfds_t n, int timeout_ms);
	int (*packet_in)(void *arg, const void *data, size_t n);
	int (*packet_out)(void *arg, void *data, size_t *n, long long *time_us);
	int (*usleep)(void *arg, useconds_t us);
	int (*gettimeofday)(void *arg, struct timeval *tv, struct timezone *tz);
	int (*epoll_create)(void *arg, int size);
	int (*epoll_ctl)(void *arg, int epfd, int op, int fd, struct epoll_event *ev);
	int (*epoll_wait)(void *arg, int epfd, struct epoll_event *ev, int max, int timeout_ms);
	int (*pipe)(void *arg, int fds[2]);
	ssize_t (*splice)(void *arg, int in, loff_t *in_off, int out, loff_t *out_off, size_t n, unsigned int flags);
};
void packetdrill_interface_init(const char *flags, struct pd_calls *calls);

#define PD_NOTES 64

/* A send whose fate is followed (errq.c). */
struct pd_note {
	uint32_t end;	 /* sequence number behind it */
	uint32_t stamps; /* SOF_TIMESTAMPING_TX_* still to come */
	uint32_t key;
	uint32_t id;
	bool zerocopy;
};

/* What waits in the error queue. */
struct pd_notice {
	uint64_t at_ns;
	uint32_t info, data;
	uint8_t origin;
};

struct pd_sock {
	enum { PD_FREE, PD_NEW, PD_LISTEN, PD_CONN } kind;
	int fd; /* a real one */
	int domain;
	bool nonblock, connected_once;
	bool rd_shut;  /* SHUT_RD: what comes can be read, nothing is waited for */
	bool deferred; /* TCP_FASTOPEN_CONNECT: the SYN waits for the first write */
	int backlog;
	bool keyed;
	uint8_t key[16]; /* TCP_FASTOPEN_KEY */
	uint32_t woken;	 /* EPOLL*: what happened in this turn */
	struct pd_note note[PD_NOTES];
	struct pd_notice notice[PD_NOTES];
	uint32_t notes, notices;
	uint32_t written;    /* bytes, since keys of time stamps are counted */
	uint32_t zerocopies; /* the next one's number */
	uint64_t handle;
	uint64_t pending; /* listener: accepted by us, not yet by the script */
	struct xtcp_addr addr;
	uint16_t port; /* host order; 0: not bound */
	bool cork;     /* TCP_CORK: what is written is pushed, but a partial segment waits */
	struct {
		int level, name, value;
	} opt[PD_OPTS];
	uint32_t opts;
};

struct pd_packet {
	uint64_t at_ns;
	uint32_t len;
	uint8_t data[PD_PACKET];
};

struct pd {
	pthread_mutex_t lock;
	pthread_cond_t moved;  /* something may have changed: looks */
	pthread_cond_t looked; /* the blocked call has looked */
	pthread_t owner;       /* the thread that owns the time */
	uint64_t now_ns;
	uint64_t turn, seen;	/* looks asked for, and done */
	bool ended;		/* a blocked call has, and packetdrill may not know yet */
	bool blocked;		/* a call waits in the other thread */
	uint64_t blocked_until; /* when it gives up; TCP_NEVER */
	struct engine *e;
	struct simport port;
	uint8_t refs[2][65536];
	struct xtcp_addr local[XTCP_MAX_ADDRS];
	uint32_t locals;
	uint32_t next_port;
	struct pd_sock sock[PD_SOCKS];
	struct pd_epoll *epolls;
	off_t flushed;	       /* sysctl.c */
	struct pd_packet *out; /* ring of PD_OUT */
	uint32_t out_head, out_count;
	bool broken; /* a checksum of ours was wrong, or the ring was full */
};

/* ---- host.c ---- */
extern const struct host_ops pd_host_ops;
extern const uint8_t pd_mac[6];
void pd_local(struct pd *p, const struct xtcp_addr *a); /* it is ours */

/* ---- clock.c ---- */
/* Let the engine work, and the blocked call look. */
void pd_turn(struct pd *p);
/* To this time, through every timer on the way. */
void pd_run_to(struct pd *p, uint64_t ns);
/* To the next timer; false: there is none, or nothing has come of it for long. */
bool pd_run_next(struct pd *p);
/* Call fn until it gives something other than -EAGAIN, or until the time is over (then -EAGAIN). */
long pd_block(struct pd *p, uint64_t until_ns, long (*fn)(struct pd *p, void *arg), void *arg);
int pd_usleep(void *arg, useconds_t us);
int pd_gettimeofday(void *arg, struct timeval *tv, struct timezone *tz);

/* ---- packets.c ---- */
void pd_sent(void *arg, uint8_t *data, uint32_t len);
int pd_packet_in(void *arg, const void *data, size_t n);
int pd_packet_out(void *arg, void *data, size_t *n, long long *time_us);

/* ---- info.c ---- */
/* Whose descriptors getsockopt(2) of this process knows. NULL: nobody's. */
void pd_info_of(struct pd *p);
/* TCP_INFO, TCP_CC_INFO, SO_MEMINFO; c NULL: no connection. False: it is something else. */
bool pd_info(struct pd *p, const struct tcp_conn *c, int level, int name, void *value, socklen_t *len);

/* ---- sendfile.c ---- */
void pd_sendfile_to(const struct pd_calls *calls); /* the table is whole */

/* ---- sysctl.c ---- */
long pd_sysctl(const char *name, long otherwise); /* net.ipv4.* of this namespace */
bool pd_sysctl_fastopen_key(uint8_t key[16]);
void pd_sysctls(struct pd *p); /* into the engine's configuration, for what is opened from now on */

/* ---- fastopen.c; with the lock held ---- */
struct pd_send {
	const void *buf;
	size_t n;
	const struct sockaddr *sa;
	socklen_t len;
};
void pd_fastopen_listen(struct pd *p, struct pd_sock *s, int backlog); /* it listens, or TCP_FASTOPEN was set */
int pd_fastopen_key(struct pd *p, struct pd_sock *s, const void *value, socklen_t len);
/* connect() with TCP_FASTOPEN_CONNECT: is the SYN to wait for the first write? */
bool pd_fastopen_defers(struct pd *p, struct pd_sock *s);
/* A send that opens the connection. -errno; bytes taken by the SYN, with which a send that does not wait is done; 0: the connection stands. */
long pd_fastopen_send(struct pd *p, struct pd_sock *s, const struct pd_send *m, bool wait);

/* ---- errq.c; with the lock held ---- */
void pd_notes(struct pd *p); /* a turn is over */
void pd_note_sent(struct pd *p, struct pd_sock *s, size_t bytes, int flags);
void pd_stamps_set(struct pd_sock *s, int now, int before); /* SO_TIMESTAMPING */
long pd_errqueue(struct pd_sock *s, struct msghdr *msg);
/* A control message behind those before at; where the next one goes. */
size_t pd_put_int(struct msghdr *msg, size_t at, int level, int type, int v);

/* ---- ready.c, epoll.c; with the lock held ---- */
uint32_t pd_ready(struct pd *p, struct pd_sock *s); /* EPOLL*, which are POLL* too */
void pd_event(struct pd *p, const struct engine_event *ev);
void pd_epoll_wake(struct pd *p);
void pd_epoll_forget(struct pd *p, int fd);
bool pd_epoll_close(struct pd *p, int fd);

/* ---- sockets.c, data.c, opts.c, ready.c: the calls ---- */
struct pd_sock *pd_sock(struct pd *p, int fd); /* NULL: EBADF */
int pd_result(long r);			       /* -errno becomes -1 with errno */
int pd_unsupported(const char *what);	       /* says so; -EOPNOTSUPP */
int pd_accept_pending(struct pd *p, struct pd_sock *s);
void pd_apply(struct pd *p, struct pd_sock *s);
bool pd_opt(const struct pd_sock *s, int level, int name, int *v); /* what was set last; false: nothing */
long pd_connect(struct pd *p, struct pd_sock *s, const struct sockaddr *sa, socklen_t len); /* no SYN yet */
long pd_connected(struct pd *p, void *s); /* 0; -EAGAIN: not yet; or why not */
void pd_calls_sockets(struct pd_calls *c);
void pd_calls_data(struct pd_calls *c);
void pd_calls_opts(struct pd_calls *c);
void pd_calls_ready(struct pd_calls *c);
void pd_calls_epoll(struct pd_calls *c);
void pd_calls_splice(struct pd_calls *c);

#endif
