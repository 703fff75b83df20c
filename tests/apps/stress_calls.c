// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stress_calls.c - every call from every thread at once: THREADS of them make calls at random on descriptors that they share, of connections,
 * listeners, epoll instances and others, open, closed or just being closed, with bad pointers and lengths among the arguments; some
 * fork. What they return does not matter. No call may wait for long, and afterwards all is as good as new.
 *
 *	stress_calls run ADDR PORT OWN SECONDS SEED	a peer there echoes; listen on OWN, ports 7100 and up
 *	stress_calls knock OWN				the other end: connects to those ports all the time, until killed
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/sockios.h>

#define THREADS 8
#define SLOTS 48u
#define PORTS 4u
#define WAIT_US 3000
#define PAGE 65536u

static struct sockaddr_in there = { .sin_family = AF_INET }, own = { .sin_family = AF_INET };
static atomic_int slot[SLOTS];
static atomic_bool over;
static atomic_ulong calls, forks;
static char *gone, *read_only;
static int file = -1;

struct thread {
	pthread_t id;
	uint64_t rng;
	char buf[PAGE];
};

static void die(const char *what)
{
	fprintf(stderr, "stress_calls: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint32_t roll(struct thread *t, uint32_t n)
{
	t->rng ^= t->rng << 13;
	t->rng ^= t->rng >> 7;
	t->rng ^= t->rng << 17;
	return (uint32_t)(t->rng >> 33) % n;
}

/* ---- arguments ---- */

static int any(struct thread *t)
{
	static const int none[] = { -1, 0x7fffffff, 1000000 };

	return roll(t, 50) ? slot[roll(t, SLOTS)] : none[roll(t, 3)];
}

static void *place(struct thread *t)
{
	switch (roll(t, 40)) {
	case 0: return NULL;
	case 1: return (void *)8;
	case 2: return gone;
	case 3: return gone - 100;
	case 4: return read_only;
	case 5: return (void *)0xffff880000000000ul;
	default: return t->buf + roll(t, PAGE / 2);
	}
}

static size_t length(struct thread *t)
{
	return roll(t, 30) ? roll(t, roll(t, 4) ? 300 : PAGE / 2) : roll(t, 2) ? SIZE_MAX - roll(t, 3) : 0;
}

/* A length that is good for what place() gives; a larger one would be written behind the buffer. */
static size_t room(struct thread *t)
{
	return roll(t, roll(t, 4) ? 300 : PAGE / 2);
}

static int flags(struct thread *t)
{
	static const int f[] = { 0, MSG_PEEK, MSG_TRUNC, MSG_MORE, MSG_OOB, MSG_WAITALL, MSG_DONTWAIT, 0, 0 };

	return f[roll(t, 9)] | f[roll(t, 9)] | MSG_NOSIGNAL;
}

static void list(struct thread *t, struct iovec v[4])
{
	for (int i = 0; i < 4; i++)
		v[i] = (struct iovec){ place(t), room(t) };
}

static void put(struct thread *t, int fd)
{
	int old;

	if (fd < 0)
		return;
	old = atomic_exchange(&slot[roll(t, SLOTS)], fd);
	if (old >= 0)
		close(old);
}

/* ---- opening and closing ---- */

static int fresh(struct thread *t)
{
	struct timeval soon = { 0, WAIT_US };
	int fd = socket(AF_INET, SOCK_STREAM | (roll(t, 2) ? SOCK_NONBLOCK : 0), 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return fd;
}

static void open_one(struct thread *t)
{
	struct sockaddr_in a = own;
	int fd;

	switch (roll(t, 8)) {
	case 0: put(t, epoll_create1(0)); return;
	case 1: put(t, dup(any(t))); return;
	case 2:
		fd = fresh(t);
		a.sin_port = htons((uint16_t)(7100 + roll(t, PORTS)));
		bind(fd, (struct sockaddr *)&a, sizeof(a));
		listen(fd, 8);
		put(t, fd);
		return;
	case 3: put(t, fresh(t)); return;
	default:
		fd = fresh(t);
		connect(fd, (struct sockaddr *)&there, sizeof(there));
		put(t, fd);
	}
}

static void close_one(struct thread *t)
{
	int fd = atomic_exchange(&slot[roll(t, SLOTS)], -1);
	int to = roll(t, 4) ? -1 : atomic_exchange(&slot[roll(t, SLOTS)], -1);

	if (fd >= 0 && to >= 0)
		put(t, dup2(fd, to));
	else if (to >= 0)
		close(to);
	if (fd >= 0)
		close(fd);
}

/* ---- calls ---- */

static void out(struct thread *t, int fd)
{
	struct iovec v[4];
	struct mmsghdr m[2] = { { .msg_hdr = { .msg_iov = v, .msg_iovlen = 4 } },
				{ .msg_hdr = { .msg_iov = v, .msg_iovlen = roll(t, 5) } } };
	off_t at = roll(t, 100);

	list(t, v);
	switch (roll(t, 9)) {
	case 0: (void)!write(fd, place(t), room(t)); break;
	case 1: (void)!writev(fd, roll(t, 20) ? v : place(t), (int)roll(t, 5)); break;
	case 2: sendmsg(fd, roll(t, 20) ? &m[0].msg_hdr : NULL, flags(t)); break;
	case 3: sendmmsg(fd, m, 2, flags(t)); break;
	case 4: sendto(fd, place(t), room(t), flags(t), NULL, 0); break;
	case 5: sendfile(fd, roll(t, 8) ? file : any(t), roll(t, 8) ? &at : NULL, room(t)); break;
	case 6: (void)!write(fd, roll(t, 2) ? gone : NULL, length(t)); break;
	default: send(fd, place(t), room(t), flags(t)); break;
	}
}

static void in(struct thread *t, int fd)
{
	struct iovec v[4];
	struct mmsghdr m[2] = { { .msg_hdr = { .msg_iov = v, .msg_iovlen = 4 } },
				{ .msg_hdr = { .msg_iov = v, .msg_iovlen = roll(t, 5) } } };

	list(t, v);
	switch (roll(t, 7)) {
	case 0: (void)!read(fd, place(t), room(t)); break;
	case 1: (void)!readv(fd, roll(t, 20) ? v : NULL, (int)roll(t, 5)); break;
	case 2: recvmsg(fd, roll(t, 20) ? &m[0].msg_hdr : NULL, flags(t)); break;
	case 3: recvmmsg(fd, m, 2, flags(t) | MSG_DONTWAIT, NULL); break;
	case 4: (void)!read(fd, roll(t, 2) ? gone : NULL, length(t)); break;
	default: recv(fd, place(t), room(t), flags(t)); break;
	}
}

static void wait_for_some(struct thread *t, int fd)
{
	struct pollfd p[6];
	struct timeval soon = { 0, (suseconds_t)roll(t, WAIT_US) };
	struct epoll_event ev[4] = { { .events = roll(t, 2) ? EPOLLIN | EPOLLET : EPOLLIN | EPOLLOUT | EPOLLONESHOT } };
	fd_set r, w;

	FD_ZERO(&r);
	FD_ZERO(&w);
	for (int i = 0; i < 6; i++)
		p[i] = (struct pollfd){ .fd = any(t), .events = (short)(roll(t, 2) ? POLLIN : POLLIN | POLLOUT) };
	for (int i = 0; i < 6; i++)
		if (p[i].fd >= 0 && p[i].fd < FD_SETSIZE)
			FD_SET(p[i].fd, i % 2 ? &r : &w);
	switch (roll(t, 7)) {
	case 0: poll(roll(t, 20) ? p : place(t), 6, (int)roll(t, 3)); break;
	case 1: select(256, &r, roll(t, 20) ? &w : (void *)8, NULL, &soon); break;
	case 2:
	case 3: epoll_wait(fd, roll(t, 10) ? ev : place(t), 1 + (int)roll(t, 4), (int)roll(t, 3)); break;
	case 4: epoll_ctl(fd, EPOLL_CTL_DEL, any(t), NULL); break;
	case 5: epoll_ctl(fd, EPOLL_CTL_MOD, any(t), roll(t, 10) ? ev : place(t)); break;
	default: epoll_ctl(fd, EPOLL_CTL_ADD, any(t), roll(t, 10) ? ev : place(t)); break;
	}
}

static void options(struct thread *t, int fd)
{
	static const struct {
		int level, name;
	} o[] = { { SOL_SOCKET, SO_ERROR },	 { SOL_SOCKET, SO_KEEPALIVE }, { SOL_SOCKET, SO_RCVBUF },
		  { SOL_SOCKET, SO_SNDBUF },	 { SOL_SOCKET, SO_RCVLOWAT },  { IPPROTO_TCP, TCP_NODELAY },
		  { IPPROTO_TCP, TCP_CORK },	 { IPPROTO_TCP, TCP_INFO },    { IPPROTO_TCP, TCP_CONGESTION },
		  { IPPROTO_TCP, TCP_MAXSEG },	 { IPPROTO_TCP, 9999 },	       { IPPROTO_TCP, TCP_QUICKACK },
		  { IPPROTO_IP, 1 /* IP_TOS */ } };
	uint32_t i = roll(t, sizeof(o) / sizeof(o[0]));
	struct linger l = { (int)roll(t, 2), 0 };
	socklen_t len = roll(t, 20) ? roll(t, 256) : (socklen_t)-1;
	int v = roll(t, 4) ? (int)roll(t, 2) : (int)roll(t, 100000);
	char *to = place(t);

	switch (roll(t, 4)) {
	case 0: setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)); break;
	case 1:
		setsockopt(fd, o[i].level, o[i].name, roll(t, 4) ? (void *)&v : to, roll(t, 4) ? sizeof(v) : len);
		break;
	default: getsockopt(fd, o[i].level, o[i].name, to, roll(t, 30) ? &len : place(t)); break;
	}
}

static void names(struct thread *t, int fd)
{
	socklen_t len = roll(t, 200);
	struct sockaddr_in a = there;
	struct sockaddr *to = place(t);
	int n = 0;

	switch (roll(t, 12)) {
	case 0: getsockname(fd, to, roll(t, 20) ? &len : NULL); break;
	case 1: getpeername(fd, to, roll(t, 20) ? &len : NULL); break;
	case 2: ioctl(fd, FIONREAD, roll(t, 10) ? (void *)&n : to); break;
	case 3: ioctl(fd, SIOCOUTQ, roll(t, 10) ? (void *)&n : to); break;
	case 4: put(t, fcntl(fd, roll(t, 2) ? F_DUPFD_CLOEXEC : F_DUPFD, (int)roll(t, 200))); break;
	case 5: fcntl(fd, F_GETFL); break;
	case 6: shutdown(fd, (int)roll(t, 4)); break;
	case 7: connect(fd, roll(t, 4) ? (void *)&a : to, roll(t, 4) ? sizeof(a) : len); break;
	case 8: bind(fd, roll(t, 4) ? (void *)&a : to, sizeof(a)); break;
	case 9: listen(fd, (int)roll(t, 9)); break;
	default:
		put(t, accept4(fd, roll(t, 4) ? NULL : to, roll(t, 10) ? &len : NULL, roll(t, 2) ? SOCK_NONBLOCK : 0));
		break;
	}
}

static void one(struct thread *t)
{
	int fd = any(t);

	switch (roll(t, 20)) {
	case 0: open_one(t); break;
	case 1: close_one(t); break;
	case 2:
	case 3: names(t, fd); break;
	case 4:
	case 5: options(t, fd); break;
	case 6:
	case 7:
	case 8:
	case 9: wait_for_some(t, fd); break;
	case 10:
	case 11:
	case 12:
	case 13: in(t, fd); break;
	default: out(t, fd); break;
	}
	calls++;
}

static void fork_one(struct thread *t)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		for (int i = 0; i < 100; i++)
			one(t);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
		fprintf(stderr, "stress_calls: a child has failed: %#x\n", (unsigned int)status);
		exit(1);
	}
	forks++;
}

static void *work(void *arg)
{
	struct thread *t = arg;

	while (!over) {
		one(t);
		if (!roll(t, 4000))
			fork_one(t);
	}
	return NULL;
}

/* ---- all is as good as new ---- */

static const char *volatile stage = "the calls\n";

/* Told to end, for it takes too long. */
static void tell_stage(int sig)
{
	const char *said = stage;

	(void)!(write(2, "stress_calls: did not end: ", 27) < 0 || write(2, said, strlen(said)) < 0);
	_exit(sig);
}

static void echo(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char buf[1000] = "", got[1000];

	memset(buf, 'e', sizeof(buf));
	if (connect(fd, (struct sockaddr *)&there, sizeof(there)) || write(fd, buf, sizeof(buf)) != sizeof(buf))
		die("a fresh connection");
	if (recv(fd, got, sizeof(got), MSG_WAITALL) != sizeof(got) || memcmp(buf, got, sizeof(got)) != 0)
		die("what it echoes");
	close(fd);
}

static void be_knocked_at(void)
{
	struct sockaddr_in a = own;
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1, c;

	a.sin_port = htons(7100 + PORTS);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 8))
		die("a fresh listener");
	c = accept(fd, NULL, NULL);
	if (c < 0 || write(c, "x", 1) != 1)
		die("accept");
	close(c);
	close(fd);
}

static int run(int seconds, uint64_t seed)
{
	static struct thread t[THREADS];

	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, tell_stage);
	gone = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	read_only = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (gone == MAP_FAILED || read_only == MAP_FAILED || mprotect(gone + PAGE, PAGE, PROT_NONE))
		die("mmap");
	gone += PAGE;
	file = open("/proc/self/exe", O_RDONLY);
	for (uint32_t i = 0; i < SLOTS; i++)
		slot[i] = -1;
	for (int i = 0; i < THREADS; i++) {
		t[i].rng = (seed + 1) * 0x9e3779b97f4a7c15ull + (uint64_t)i * 0xbf58476d1ce4e5b9ull;
		for (int k = 0; k < 6; k++)
			open_one(&t[i]);
	}
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&t[i].id, NULL, work, &t[i]))
			die("pthread_create");
	for (time_t end = time(NULL) + seconds; time(NULL) < end;)
		usleep(50000);
	over = true;
	stage = "the threads\n";
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i].id, NULL);
	for (uint32_t i = 0; i < SLOTS; i++)
		if (slot[i] >= 0)
			close(slot[i]);
	stage = "a fresh connection\n";
	echo();
	stage = "a fresh listener\n";
	be_knocked_at();
	fprintf(stderr, "%lu calls, %lu forks\n", atomic_load(&calls), atomic_load(&forks));
	puts(calls > 1000 ? "done" : "hardly any calls");
	return 0;
}

__attribute__((noreturn)) static void knock(void)
{
	struct timeval soon = { 0, 100000 };
	char buf[1000];

	signal(SIGPIPE, SIG_IGN);
	for (uint32_t i = 0;; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		own.sin_port = htons((uint16_t)(7100 + i % (PORTS + 1)));
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon));
		if (!connect(fd, (struct sockaddr *)&own, sizeof(own)))
			(void)!(write(fd, "knock, knock", 12) < 0 || recv(fd, buf, sizeof(buf), 0) < 0);
		close(fd);
		usleep(2000);
	}
}

int main(int argc, char **argv)
{
	if (argc == 3 && inet_pton(AF_INET, argv[2], &own.sin_addr) == 1)
		knock();
	if (argc != 7 || inet_pton(AF_INET, argv[2], &there.sin_addr) != 1 ||
	    inet_pton(AF_INET, argv[4], &own.sin_addr) != 1)
		return 2;
	there.sin_port = htons((uint16_t)atoi(argv[3]));
	return run(atoi(argv[5]), (uint64_t)atol(argv[6]));
}
