// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sock_bad.c - what calls on TCP sockets make of bad input, a line each: result and errno. Run once on the kernel's sockets and once on
 * xtcp's, the two must print the same.
 *
 *	sock_bad ADDR PORT BACK		an echo server is there; who connects to PORT + 1 there is connected back to our port BACK
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_in there = { .sin_family = AF_INET }, back = { .sin_family = AF_INET };
static char *page;		/* of its own, nothing after it */
static char *read_only;		/* "0000..." */
static volatile int below = -1; /* the compiler knows what is wrong with it */
static size_t size;		/* of a page */

static void die(const char *what)
{
	fprintf(stderr, "sock_bad: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void told(const char *what, const char *how, long rc)
{
	printf("%s %s: %ld %s\n", what, how, rc, rc < 0 ? strerrorname_np(errno) : "-");
}

/* ---- sockets ---- */

static int connected(uint16_t port)
{
	struct sockaddr_in a = there;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_port = htons((uint16_t)(ntohs(a.sin_port) + port));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
		die("connect");
	return fd;
}

static void fill(int fd, int n)
{
	char buf[4096] = { 'x' };
	int have = 0;

	if (ioctl(fd, FIONREAD, &have) || (have < n && write(fd, buf, (size_t)(n - have)) < 0))
		die("write");
	for (int i = 0; have < n && i < 500; i++) {
		usleep(1000);
		if (ioctl(fd, FIONREAD, &have))
			die("FIONREAD");
	}
}

static void drain(int fd)
{
	char buf[4096];

	usleep(20000);
	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

/* All that was sent so far comes back, and nothing else. */
static void echo(int fd, const char *when)
{
	char buf[5] = "";
	ssize_t n;

	drain(fd);
	if (write(fd, "hello", 5) != 5)
		die("write");
	n = recv(fd, buf, 5, MSG_WAITALL);
	printf("%s: %zd %.5s\n", when, n, buf);
}

static int listening(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&back, sizeof(back)) || listen(fd, 16))
		die("listen");
	return fd;
}

/* ---- bad pointers ---- */

static void in(int fd, const char *how, void *p)
{
	struct iovec one = { p, 100 }, two[2] = { { page, 10 }, { p, 100 } };
	struct msghdr msg = { .msg_iov = &one, .msg_iovlen = 1 };
	struct mmsghdr mm = { .msg_hdr = msg };

	fill(fd, 1000);
	told("read", how, read(fd, p, 100));
	told("recv", how, recv(fd, p, 100, 0));
	told("recv, peek", how, recv(fd, p, 100, MSG_PEEK));
	told("recvfrom", how, recvfrom(fd, p, 100, 0, NULL, NULL));
	told("readv", how, readv(fd, &one, 1));
	told("recvmsg", how, recvmsg(fd, &msg, 0));
	told("recvmmsg", how, recvmmsg(fd, &mm, 1, MSG_DONTWAIT, NULL));
	told("readv, the second", how, readv(fd, two, 2) >= 0 ? 0 : -1);
}

static void out(int fd, const char *how, void *p)
{
	struct iovec one = { p, 100 }, two[2] = { { page, 10 }, { p, 100 } };
	struct msghdr msg = { .msg_iov = &one, .msg_iovlen = 1 };
	struct mmsghdr mm = { .msg_hdr = msg };

	told("write", how, write(fd, p, 100));
	told("send", how, send(fd, p, 100, 0));
	told("sendto", how, sendto(fd, p, 100, 0, NULL, 0));
	told("writev", how, writev(fd, &one, 1));
	told("writev, the second", how, writev(fd, two, 2));
	told("sendmsg", how, sendmsg(fd, &msg, 0));
	told("sendmmsg", how, sendmmsg(fd, &mm, 1, 0));
}

static void structures(int fd, int l, int file, const char *how, void *p)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct msghdr msg = { .msg_iov = p, .msg_iovlen = 1 };
	struct timeval now = { 0, 0 };
	int v = 1, back_conn = connected(1);
	struct pollfd pf = { .fd = l, .events = POLLIN };

	fill(fd, 1000);
	told("readv, the list", how, readv(fd, p, 1));
	told("recvmsg, the list", how, recvmsg(fd, &msg, 0));
	told("recvmsg, the message", how, recvmsg(fd, p, 0));
	told("recvmmsg, the messages", how, recvmmsg(fd, p, 1, MSG_DONTWAIT, NULL));
	told("getsockname, the name", how, getsockname(fd, p, &len));
	told("getsockname, the length", how, getsockname(fd, (struct sockaddr *)&ss, p));
	told("getpeername, the name", how, getpeername(fd, p, &len));
	told("getpeername, the length", how, getpeername(fd, (struct sockaddr *)&ss, p));
	told("SO_ERROR, the value", how, getsockopt(fd, SOL_SOCKET, SO_ERROR, p, &len));
	told("SO_ERROR, the length", how, getsockopt(fd, SOL_SOCKET, SO_ERROR, &v, p));
	told("TCP_INFO, the value", how, getsockopt(fd, IPPROTO_TCP, TCP_INFO, p, &len));
	told("TCP_NODELAY, the value", how, getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, p, &len));
	told("FIONREAD", how, ioctl(fd, FIONREAD, p));
	told("poll", how, poll(p, 1, 0));
	told("select, the set", how, select(fd + 1, p, NULL, NULL, &now));
	if (poll(&pf, 1, 2000) != 1)
		die("nobody has connected back");
	told("accept, the name", how, accept(l, p, &len));
	while ((v = accept4(l, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(v);
	close(back_conn);
	lseek(file, 0, SEEK_SET);
	told("sendfile, the offset", how, sendfile(fd, file, p, 10));
	drain(fd);
}

/* What is only read there. */
static void given(int fd, const char *how, void *p)
{
	struct msghdr msg = { .msg_iov = p, .msg_iovlen = 1 };
	int fresh = socket(AF_INET, SOCK_STREAM, 0), ep = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLIN };

	told("writev, the list", how, writev(fd, p, 1));
	told("sendmsg, the list", how, sendmsg(fd, &msg, 0));
	told("sendmsg, the message", how, sendmsg(fd, p, 0));
	told("sendmmsg, the messages", how, sendmmsg(fd, p, 1, 0));
	told("connect", how, connect(fresh, p, sizeof(struct sockaddr_in)));
	told("connect again", how, connect(fd, p, sizeof(struct sockaddr_in)));
	told("bind", how, bind(fresh, p, sizeof(struct sockaddr_in)));
	told("TCP_NODELAY", how, setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, p, sizeof(int)));
	told("SO_RCVTIMEO", how, setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, p, sizeof(struct timeval)));
	told("TCP_CONGESTION", how, setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, p, 5));
	told("FIONBIO", how, ioctl(fd, FIONBIO, p));
	told("epoll_ctl, add", how, epoll_ctl(ep, EPOLL_CTL_ADD, fd, p));
	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		die("epoll_ctl");
	told("epoll_ctl, mod", how, epoll_ctl(ep, EPOLL_CTL_MOD, fd, p));
	close(ep);
	close(fresh);
}

static void events(int fd, const char *how, void *p)
{
	int ep = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = 7 };

	fill(fd, 10);
	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		die("epoll_ctl");
	told("epoll_wait", how, epoll_wait(ep, p, 1, 1000));
	ev.data.u32 = 0;
	told("epoll_wait after it", how, epoll_wait(ep, &ev, 1, 1000));
	printf("its data %s: %u\n", how, ev.data.u32);
	told("epoll_wait, none", how, epoll_wait(ep, &ev, 0, 0));
	close(ep);
}

static void pointers(int fd, int l)
{
	struct {
		const char *how;
		void *p;
		bool readable;
	} bad[] = { { "null", NULL, false },
		    { "8", (void *)8, false },
		    { "nothing there", page + size, false },
		    { "of the kernel", (void *)0xffff880000000000ul, false },
		    { "read-only", read_only, true } };
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		void *p = bad[i].p;

		in(fd, bad[i].how, p);
		if (!bad[i].readable) {
			out(fd, bad[i].how, p);
			if (p)
				given(fd, bad[i].how, p);
		}
		if (p)
			structures(fd, l, file, bad[i].how, p);
		events(fd, bad[i].how, p);
		echo(fd, bad[i].how);
	}
	close(file);
	/* The edge of what is there. */
	fill(fd, 100);
	told("read, up to the end", "", read(fd, page + size - 50, 50));
	told("read, past it", "", read(fd, page + size - 10, 50));
	told("write, up to the end", "", write(fd, page + size - 50, 50));
	told("write, past it", "", write(fd, page + size - 10, 50));
	echo(fd, "the edge");
}

/* ---- lists and lengths ---- */

static void lists(int fd)
{
	static struct iovec v[IOV_MAX + 1];
	struct msghdr msg = { .msg_iov = v, .msg_iovlen = IOV_MAX + 1 };
	ssize_t n;

	for (int i = 0; i <= IOV_MAX; i++)
		v[i] = (struct iovec){ page, i % 2 };
	told("writev", "one too many", writev(fd, v, IOV_MAX + 1));
	told("readv", "one too many", readv(fd, v, IOV_MAX + 1));
	told("writev", "-1", writev(fd, v, below));
	told("readv", "-1", readv(fd, v, below));
	told("writev", "none", writev(fd, v, 0));
	told("sendmsg", "one too many", sendmsg(fd, &msg, 0));
	told("recvmsg", "one too many", recvmsg(fd, &msg, 0));
	told("writev", "as many as there may be, every second empty", writev(fd, v, IOV_MAX));
	fill(fd, IOV_MAX / 2);
	told("readv", "as many as there may be, every second empty", readv(fd, v, IOV_MAX));
	v[0].iov_len = SIZE_MAX;
	told("writev", "a length below 0", writev(fd, v, 2));
	told("readv", "a length below 0", readv(fd, v, 2));
	v[0].iov_len = v[1].iov_len = SSIZE_MAX;
	fill(fd, 10);
	n = readv(fd, v, 2);
	told("readv", "a sum too large", n > 0 ? 0 : n);
	v[0].iov_len = 0;
	v[1].iov_len = 0;
	told("writev", "two of nothing", writev(fd, v, 2));
	told("write", "nothing", write(fd, page, 0));
	told("recv", "nothing", recv(fd, page, 0, MSG_DONTWAIT) < 0 ? 0 : 0);
	told("epoll_wait", "-1 events", epoll_wait(epoll_create1(0), NULL, below, 0));
	told("poll", "no descriptors", poll(NULL, 0, 0));
	echo(fd, "lists");
}

/* ---- descriptors that are none, or of something else ---- */

static void foreign(const char *how, int fd, int conn)
{
	struct sockaddr_in a = there;
	socklen_t len = sizeof(a);
	struct iovec v = { page, 1 };
	struct msghdr msg = { .msg_iov = &v, .msg_iovlen = 1 };
	struct epoll_event ev = { .events = EPOLLIN };
	struct pollfd pf = { .fd = fd, .events = POLLIN };
	int ep = epoll_create1(0), n = 0;

	told("listen", how, listen(fd, 1));
	told("accept", how, accept(fd, NULL, NULL));
	told("connect", how, connect(fd, (struct sockaddr *)&a, sizeof(sa_family_t)));
	told("shutdown", how, shutdown(fd, 7));
	told("getpeername", how, getpeername(fd, (struct sockaddr *)&a, &len));
	told("getsockopt", how, getsockopt(fd, SOL_SOCKET, SO_ERROR, &n, &len));
	told("setsockopt", how, setsockopt(fd, IPPROTO_TCP, 9999, &n, sizeof(n)));
	told("recv", how, recv(fd, page, 1, MSG_DONTWAIT));
	told("send", how, send(fd, page, 0, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 0);
	told("recvmsg", how, recvmsg(fd, &msg, MSG_DONTWAIT));
	told("writev", how, writev(fd, &v, below));
	told("fcntl", how, fcntl(fd, F_GETFD) < 0 ? -1 : 0);
	told("dup2", how, dup2(fd, fd) < 0 ? -1 : 0);
	told("dup2 onto -1", how, dup2(fd, -1));
	told("dup3 onto itself", how, dup3(fd, fd, 0));
	told("epoll_ctl", how, epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev));
	told("epoll_ctl in it", how, epoll_ctl(fd, EPOLL_CTL_ADD, conn, &ev));
	told("epoll_wait", how, epoll_wait(fd, &ev, 1, 0));
	told("poll", how, poll(&pf, 1, 0) >= 0 && pf.revents & POLLNVAL);
	told("splice", how, splice(fd, NULL, conn, NULL, 1, SPLICE_F_NONBLOCK) < 0 ? -1 : 0);
	told("sendfile from it", how, sendfile(conn, fd, NULL, 1) < 0 ? -1 : 0);
	close(ep);
}

static void descriptors(int conn)
{
	int p[2], gone = dup(conn), udp = socket(AF_INET, SOCK_DGRAM, 0), file = open("/dev/null", O_RDONLY);

	if (pipe2(p, O_NONBLOCK))
		die("pipe");
	close(gone);
	foreign("-1", -1, conn);
	foreign("closed", gone, conn);
	foreign("2147483647", INT_MAX, conn);
	foreign("a file", file, conn);
	foreign("a pipe", p[0], conn);
	foreign("UDP", udp, conn);
	close(epoll_create1(0)); /* at its number */
	told("close twice", "", close(gone));
	close(p[0]);
	close(p[1]);
	close(udp);
	close(file);
	echo(conn, "descriptors");
}

static void exhausted(int conn, int l)
{
	struct rlimit was, few;
	int taken[256], n = 0, fd, other = connected(1);
	struct pollfd pf = { .fd = l, .events = POLLIN };

	getrlimit(RLIMIT_NOFILE, &was);
	few = was;
	few.rlim_cur = 64;
	if (setrlimit(RLIMIT_NOFILE, &few) || poll(&pf, 1, 2000) != 1)
		die("no connection back");
	while (n < 256 && (fd = dup(0)) >= 0)
		taken[n++] = fd;
	told("dup", "none left", fd);
	told("socket", "none left", socket(AF_INET, SOCK_STREAM, 0));
	told("accept", "none left", accept(l, NULL, NULL));
	told("fcntl", "none left", fcntl(conn, F_DUPFD, 0));
	told("epoll_create1", "none left", epoll_create1(0));
	close(taken[--n]);
	fd = accept(l, NULL, NULL);
	told("accept", "one left", fd < 0 ? -1 : 0);
	while (n)
		close(taken[--n]);
	setrlimit(RLIMIT_NOFILE, &was);
	close(fd);
	close(other);
	echo(conn, "exhausted");
}

/* ---- the program's own faults ---- */

static sigjmp_buf again;
static volatile sig_atomic_t caught;

static void with_info(int sig, siginfo_t *info, void *context)
{
	(void)context;
	caught = sig == SIGSEGV && info->si_addr == page + size ? 1 : 2;
	siglongjmp(again, 1);
}

static void plain(int sig)
{
	caught = sig == SIGSEGV ? 3 : 4;
	siglongjmp(again, 1);
}

static void fault(void)
{
	*(volatile char *)(page + size) = 1;
}

static void child(const char *what, void (*fn)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		fn();
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	printf("%s: signal %d exit %d\n", what, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 0);
}

static void fault_with_info(void)
{
	struct sigaction a = { .sa_sigaction = with_info, .sa_flags = SA_SIGINFO }, old;

	if (sigaction(SIGSEGV, &a, &old) || old.sa_handler != SIG_DFL)
		_exit(90);
	if (!sigsetjmp(again, 1))
		fault();
	_exit(10 + caught);
}

static void fault_plain(void)
{
	if (signal(SIGSEGV, plain) != SIG_DFL)
		_exit(90);
	if (!sigsetjmp(again, 1))
		fault();
	if (signal(SIGSEGV, SIG_DFL) != plain)
		_exit(91);
	_exit(10 + caught);
}

static void fault_after_default(void)
{
	signal(SIGSEGV, plain);
	signal(SIGSEGV, SIG_DFL);
	fault();
}

static void sent(void)
{
	raise(SIGSEGV);
}

static void sent_and_ignored(void)
{
	signal(SIGSEGV, SIG_IGN);
	raise(SIGSEGV);
	_exit(20);
}

static void bus(void)
{
	kill(getpid(), SIGBUS);
	usleep(100000);
}

static void faults(void)
{
	child("a fault", fault);
	child("a fault, with a handler", fault_with_info);
	child("a fault, with signal()", fault_plain);
	child("a fault, the default again", fault_after_default);
	child("SIGSEGV is sent", sent);
	child("SIGSEGV is sent and ignored", sent_and_ignored);
	child("SIGBUS is sent", bus);
}

int main(int argc, char **argv)
{
	int fd, l;

	if (argc != 4 || inet_pton(AF_INET, argv[1], &there.sin_addr) != 1)
		return 2;
	there.sin_port = htons((uint16_t)atoi(argv[2]));
	back.sin_port = htons((uint16_t)atoi(argv[3]));
	size = (size_t)sysconf(_SC_PAGESIZE);
	page = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	read_only = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || read_only == MAP_FAILED || mprotect(page + size, size, PROT_NONE))
		die("mmap");
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	l = listening();
	fcntl(l, F_SETFL, O_NONBLOCK);
	fd = connected(0);
	echo(fd, "at first");
	pointers(fd, l);
	lists(fd);
	descriptors(fd);
	exhausted(fd, l);
	faults();
	echo(fd, "in the end");
	return 0;
}
