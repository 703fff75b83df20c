// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sock_semantics.c - what each call does in each state of a TCP socket, a line each: result, errno, events. Run once on the kernel's
 * sockets and once on xtcp's, the two must print the same.
 *
 *	sock_semantics peer PATH		the other end, always on the kernel's sockets, told what to do over a UNIX socket
 *	sock_semantics run PATH ADDR PEER	ADDR: to listen on; PEER: where the peer is
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <linux/sockios.h>

#include "peer.h"

#define SETTLE_MS 10
#define ALARM_MS 20
#define EVERY (POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM)

/* ---- states ---- */

static int fresh(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		die("socket");
	return fd;
}

static int bound(void)
{
	int fd = fresh();

	if (bind(fd, (struct sockaddr *)&own, sizeof(own)))
		die("bind");
	return fd;
}

static int listening(void)
{
	int fd = bound();

	if (listen(fd, 8))
		die("listen");
	return fd;
}

static void finish(int fd)
{
	struct pollfd p = { fd, POLLOUT, 0 };

	if (poll(&p, 1, 3000) != 1)
		die("a connection is not made");
}

static int connected(void)
{
	int fd = fresh();

	if (connect(fd, (struct sockaddr *)&peer, sizeof(peer)) && errno != EINPROGRESS)
		die("connect");
	finish(fd);
	if (tell('a', 0))
		die("the peer's accept");
	return fd;
}

static int accepted(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int l = listening(), fd;

	if (getsockname(l, (struct sockaddr *)&a, &len))
		die("getsockname");
	if (tell_to('c', 0, &a, sizeof(a)))
		die("the peer's connect");
	nap(SETTLE_MS);
	fd = accept4(l, NULL, NULL, SOCK_NONBLOCK);
	if (fd < 0)
		die("accept");
	close(l);
	return fd;
}

static int inherited(void) /* accepted, with what was set on the listener before and after listen() */
{
	struct timeval tv = { 7, 0 };
	struct linger l = { 1, 9 };
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int lfd = bound(), fd;

	set_int(lfd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_int(lfd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_int(lfd, IPPROTO_TCP, TCP_KEEPIDLE, 77);
	setsockopt(lfd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(lfd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	if (listen(lfd, 8))
		die("listen");
	set_int(lfd, SOL_SOCKET, SO_RCVLOWAT, 3);
	if (getsockname(lfd, (struct sockaddr *)&a, &len) || tell_to('c', 0, &a, sizeof(a)))
		die("the peer's connect");
	nap(SETTLE_MS);
	fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK);
	if (fd < 0)
		die("accept");
	close(lfd);
	return fd;
}

static int pending(void) /* a listener with a connection that waits */
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int l = listening();

	if (getsockname(l, (struct sockaddr *)&a, &len) || tell_to('c', 0, &a, sizeof(a)))
		die("the peer's connect");
	return l;
}

static int refused(void)
{
	struct sockaddr_in to = peer;
	int fd = fresh();

	to.sin_port = htons(1);
	connect(fd, (struct sockaddr *)&to, sizeof(to));
	nap(SETTLE_MS);
	return fd;
}

static int with_data(void)
{
	int fd = connected();

	tell('s', 10);
	return fd;
}

static int with_fin(void)
{
	int fd = connected();

	tell('f', 0);
	return fd;
}

static int data_and_fin(void)
{
	int fd = with_data();

	tell('f', 0);
	return fd;
}

static int peer_closed(void)
{
	int fd = connected();

	tell('x', 0);
	return fd;
}

static int was_reset(void)
{
	int fd = connected();

	tell('r', 0);
	return fd;
}

static int reset_after_data(void)
{
	int fd = with_data();

	nap(SETTLE_MS);
	tell('r', 0);
	return fd;
}

static int shut(int (*state)(void), int how)
{
	int fd = state();

	if (shutdown(fd, how))
		die("shutdown");
	return fd;
}

static int shut_wr(void)
{
	return shut(connected, SHUT_WR);
}

static int shut_rd(void)
{
	return shut(connected, SHUT_RD);
}

static int shut_both(void)
{
	return shut(connected, SHUT_RDWR);
}

static int shut_rd_data(void)
{
	return shut(with_data, SHUT_RD);
}

static int fin_both(void)
{
	return shut(with_fin, SHUT_WR);
}

static const struct {
	const char *name;
	int (*make)(void);
} states[] = {
	{ "fresh", fresh },
	{ "bound", bound },
	{ "listening", listening },
	{ "pending", pending },
	{ "refused", refused },
	{ "connected", connected },
	{ "accepted", accepted },
	{ "inherited", inherited },
	{ "data", with_data },
	{ "fin", with_fin },
	{ "data+fin", data_and_fin },
	{ "peer-closed", peer_closed },
	{ "reset", was_reset },
	{ "data+reset", reset_after_data },
	{ "shut-wr", shut_wr },
	{ "shut-rd", shut_rd },
	{ "shut-rd+data", shut_rd_data },
	{ "shut-both", shut_both },
	{ "fin-both", fin_both },
};

/* ---- calls ---- */

static volatile int negative = -1; /* the compiler need not know */

static void do_poll(int fd)
{
	struct pollfd p = { fd, EVERY, 0 };

	show(poll(&p, 1, 0));
	printf(" %#x", (unsigned int)p.revents);
}

static void do_poll_nothing(int fd)
{
	struct pollfd p = { fd, 0, 0 };

	show(poll(&p, 1, 0));
	printf(" %#x", (unsigned int)p.revents);
}

static void do_select(int fd)
{
	struct timeval tv = { 0, 0 };
	fd_set r, w, e;

	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&e);
	FD_SET(fd, &r);
	FD_SET(fd, &w);
	FD_SET(fd, &e);
	show(select(fd + 1, &r, &w, &e, &tv));
	printf(" %d%d%d", FD_ISSET(fd, &r) != 0, FD_ISSET(fd, &w) != 0, FD_ISSET(fd, &e) != 0);
}

static void epoll_with(int fd, uint32_t flags)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | flags, .data.u64 = 77 }, got;
	int ep = epoll_create1(0);

	show(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	show(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	for (int i = 0; i < 2; i++) {
		memset(&got, 0, sizeof(got));
		show(epoll_wait(ep, &got, 1, 0));
		printf(" %#x/%d", got.events, (int)got.data.u64);
	}
	show(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev));
	memset(&got, 0, sizeof(got));
	show(epoll_wait(ep, &got, 1, 0));
	printf(" %#x", got.events);
	show(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
	show(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
	close(ep);
}

static void do_epoll(int fd)
{
	epoll_with(fd, 0);
}

static void do_epoll_edge(int fd)
{
	epoll_with(fd, EPOLLET);
}

static void do_epoll_once(int fd)
{
	epoll_with(fd, EPOLLONESHOT);
}

static void do_send(int fd)
{
	show(send(fd, "hello", 5, MSG_NOSIGNAL));
	nap(2);
	show(send(fd, "hello", 5, MSG_NOSIGNAL));
}

static void do_send_nothing(int fd)
{
	show(send(fd, "", 0, MSG_NOSIGNAL));
}

static void do_write(int fd)
{
	show(write(fd, "hello", 5));
}

static void do_writev(int fd)
{
	struct iovec v[3] = { { (void *)(uintptr_t) "ab", 2 }, { NULL, 0 }, { (void *)(uintptr_t) "cde", 3 } };

	show(writev(fd, v, 3));
	show(writev(fd, v, negative));
}

static void do_recv(int fd)
{
	char buf[100];

	for (int i = 0; i < 3; i++)
		show(recv(fd, buf, sizeof(buf), 0));
}

static void do_recv_some(int fd)
{
	char buf[100];

	show(recv(fd, buf, 4, 0));
	show(recv(fd, buf, 4, MSG_DONTWAIT));
	show(recv(fd, buf, 0, MSG_DONTWAIT));
	show(recv(fd, buf, 4, MSG_DONTWAIT));
	show(recv(fd, buf, 4, MSG_DONTWAIT));
}

static void do_peek(int fd)
{
	char buf[100];

	show(recv(fd, buf, 4, MSG_PEEK));
	show(recv(fd, buf, 100, MSG_PEEK));
	show(recv(fd, buf, 100, 0));
}

static void do_trunc(int fd)
{
	show(recv(fd, NULL, 6, MSG_TRUNC));
	show(recv(fd, NULL, 100, MSG_TRUNC));
}

static void do_waitall(int fd)
{
	char buf[100];

	show(recv(fd, buf, 100, MSG_WAITALL | MSG_DONTWAIT));
}

static void do_oob(int fd)
{
	char c;

	show(recv(fd, &c, 1, MSG_OOB));
}

static void do_readv(int fd)
{
	char a[3], b[100];
	struct iovec v[2] = { { a, sizeof(a) }, { b, sizeof(b) } };

	show(readv(fd, v, 2));
	show(read(fd, b, 1));
}

static void do_recvmsg(int fd)
{
	char a[6];
	struct iovec v = { a, sizeof(a) };
	struct sockaddr_in from = { 0 };
	struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &v, .msg_iovlen = 1 };

	show(recvmsg(fd, &m, 0));
	printf(" %d %#x", (int)m.msg_namelen, (unsigned int)m.msg_flags);
}

static void do_names(int fd)
{
	struct sockaddr_in a = { 0 };
	socklen_t len = sizeof(a);

	show(getsockname(fd, (struct sockaddr *)&a, &len));
	printf(" %d %d %s", (int)len, (int)a.sin_family, inet_ntoa(a.sin_addr));
	memset(&a, 0, sizeof(a));
	len = sizeof(a);
	show(getpeername(fd, (struct sockaddr *)&a, &len));
	printf(" %d %s", (int)a.sin_family, inet_ntoa(a.sin_addr));
	len = 4;
	show(getsockname(fd, (struct sockaddr *)&a, &len));
	printf(" %d", (int)len);
}

static void do_error(int fd)
{
	int v = -1;
	socklen_t len = sizeof(v);

	for (int i = 0; i < 2; i++) {
		show(getsockopt(fd, SOL_SOCKET, SO_ERROR, &v, &len));
		printf(" %d", v);
	}
}

static void get(int fd, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	show(getsockopt(fd, level, name, &v, &len));
	printf("=%d/%d", v, (int)len);
}

static void do_get(int fd)
{
	get(fd, SOL_SOCKET, SO_TYPE);
	get(fd, SOL_SOCKET, SO_DOMAIN);
	get(fd, SOL_SOCKET, SO_PROTOCOL);
	get(fd, SOL_SOCKET, SO_ACCEPTCONN);
	get(fd, SOL_SOCKET, SO_REUSEADDR);
	get(fd, SOL_SOCKET, SO_KEEPALIVE);
	get(fd, SOL_SOCKET, SO_RCVLOWAT);
	get(fd, IPPROTO_TCP, TCP_NODELAY);
	get(fd, IPPROTO_TCP, TCP_CORK);
	get(fd, IPPROTO_TCP, TCP_KEEPIDLE);
	get(fd, IPPROTO_IP, IP_TTL);
	get(fd, SOL_SOCKET, SO_LINGER);
	get(fd, SOL_SOCKET, SO_RCVTIMEO);
	get(fd, IPPROTO_TCP, 12345);
}

static void set(int fd, int level, int name, int v)
{
	show(setsockopt(fd, level, name, &v, sizeof(v)));
	get(fd, level, name);
}

static void do_set(int fd)
{
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 0);
	set(fd, IPPROTO_TCP, TCP_KEEPCNT, 200);
	set(fd, IPPROTO_IP, IP_TOS, 16);
	set(fd, IPPROTO_IP, IP_TTL, 300);
	set(fd, SOL_SOCKET, SO_SNDBUF, 50000);
	set(fd, SOL_SOCKET, SO_RCVLOWAT, 5);
	show(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, NULL, 4));
	show(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, "", 1));
}

static void do_info(int fd)
{
	struct tcp_info i;
	socklen_t len = sizeof(i);

	memset(&i, 0, sizeof(i));
	show(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len));
	printf(" state %d", i.tcpi_state);
}

static void do_ioctl(int fd)
{
	int n = -1;

	show(ioctl(fd, FIONREAD, &n));
	printf("=%d", n);
	n = -1;
	show(ioctl(fd, SIOCATMARK, &n));
	n = 0;
	show(ioctl(fd, FIONBIO, &n));
	printf(" nonblock %d", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	n = 1;
	show(ioctl(fd, FIONBIO, &n));
	printf(" nonblock %d", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
}

static void do_accept(int fd)
{
	struct sockaddr_in a = { 0 };
	socklen_t len = sizeof(a);
	int got = accept4(fd, (struct sockaddr *)&a, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	show(got < 0 ? got : 0);
	if (got < 0)
		return;
	printf(" %d %s %d %d", (int)len, inet_ntoa(a.sin_addr), (fcntl(got, F_GETFL) & O_NONBLOCK) != 0,
	       fcntl(got, F_GETFD));
	close(got);
	got = accept(fd, NULL, NULL);
	show(got < 0 ? got : 0);
}

static void do_bind(int fd)
{
	show(bind(fd, (struct sockaddr *)&own, sizeof(own)));
}

static void do_listen(int fd)
{
	show(listen(fd, 1));
	do_poll(fd);
}

static void do_connect(int fd)
{
	struct sockaddr_in to = peer;
	int rc, err;

	to.sin_port = htons(1);
	rc = connect(fd, (struct sockaddr *)&to, sizeof(to));
	err = errno;
	show(rc);
	if (rc && err == EINPROGRESS)
		finish(fd); /* refused */
	nap(SETTLE_MS);
	show(connect(fd, (struct sockaddr *)&to, sizeof(to)));
}

static void do_connect_bad(int fd)
{
	show(connect(fd, (struct sockaddr *)&peer, 3));
	show(connect(fd, NULL, sizeof(peer)));
}

static void do_shutdown(int fd)
{
	show(shutdown(fd, 7));
	show(shutdown(fd, SHUT_RD));
	show(shutdown(fd, SHUT_WR));
	show(shutdown(fd, SHUT_WR));
	show(shutdown(fd, SHUT_RDWR));
}

static void do_dup(int fd)
{
	char c;
	int copy = dup(fd), other = fcntl(fd, F_DUPFD_CLOEXEC, 100);

	show(copy < 0 ? copy : 0);
	printf(" %d %d", other >= 100, fcntl(other, F_GETFD));
	close(fd);
	show(recv(copy, &c, 1, MSG_PEEK | MSG_DONTWAIT));
	show(recv(fd, &c, 1, MSG_DONTWAIT));
	show(dup2(copy, fd) < 0 ? -1 : 0);
	show(recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT));
	close(copy);
	close(other);
}

static void do_misc(int fd)
{
	char c;

	show(lseek(fd, 0, SEEK_SET));
	show(pread(fd, &c, 1, 0));
	show(read(fd, NULL, 0));
}

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

/* A blocking read, interrupted by a handler, then sent something; another handler is set the other way. */
static void interrupted(int fd, int flags, int others)
{
	struct sigaction a = { .sa_handler = on_alarm, .sa_flags = flags },
			 other = { .sa_handler = on_alarm, .sa_flags = others }, got;
	struct itimerval once = { .it_value.tv_usec = ALARM_MS * 1000 };
	char buf[100];

	sigaction(SIGALRM, &a, NULL);
	sigaction(SIGUSR1, &other, NULL);
	sigaction(SIGALRM, NULL, &got);
	printf(" %d %d", got.sa_handler == on_alarm, (got.sa_flags & SA_RESTART) != 0);
	alarms = 0;
	fcntl(fd, F_SETFL, 0);
	tell('S', 10);
	setitimer(ITIMER_REAL, &once, NULL);
	show(read(fd, buf, sizeof(buf)));
	printf(" alarms %d", (int)alarms);
	nap(PEER_LATER_MS + ALARM_MS);
}

static void do_restart(int fd)
{
	interrupted(fd, SA_RESTART, 0);
}

static void do_interrupt(int fd)
{
	interrupted(fd, 0, SA_RESTART);
}

static const struct {
	const char *name;
	void (*call)(int fd);
} calls[] = {
	{ "poll", do_poll },
	{ "poll-none", do_poll_nothing },
	{ "select", do_select },
	{ "epoll", do_epoll },
	{ "epoll-edge", do_epoll_edge },
	{ "epoll-oneshot", do_epoll_once },
	{ "send", do_send },
	{ "send-nothing", do_send_nothing },
	{ "write", do_write },
	{ "writev", do_writev },
	{ "recv", do_recv },
	{ "recv-some", do_recv_some },
	{ "peek", do_peek },
	{ "trunc", do_trunc },
	{ "waitall", do_waitall },
	{ "oob", do_oob },
	{ "readv", do_readv },
	{ "recvmsg", do_recvmsg },
	{ "names", do_names },
	{ "error", do_error },
	{ "get", do_get },
	{ "set", do_set },
	{ "info", do_info },
	{ "ioctl", do_ioctl },
	{ "accept", do_accept },
	{ "bind", do_bind },
	{ "listen", do_listen },
	{ "connect", do_connect },
	{ "connect-bad", do_connect_bad },
	{ "shutdown", do_shutdown },
	{ "dup", do_dup },
	{ "misc", do_misc },
	{ "restart", do_restart },
	{ "interrupt", do_interrupt },
};

static void run_all(void)
{
	signal(SIGPIPE, SIG_IGN);
	for (size_t s = 0; s < COUNT(states); s++)
		for (size_t c = 0; c < COUNT(calls); c++) {
			int fd;

			/* These take their time: where there is something to wait for, and once where there is not. */
			if (calls[c].call == do_restart || calls[c].call == do_interrupt
				    ? states[s].make != connected && states[s].make != with_data
				    : 0)
				continue;
			fd = states[s].make();

			nap(SETTLE_MS);
			printf("%s: %s:", states[s].name, calls[c].name);
			calls[c].call(fd);
			printf("\n");
			fflush(stdout);
			close(fd);
			tell('x', 0);
		}
}

int main(int argc, char **argv)
{
	int rc = peer_begin(argc, argv);

	if (rc >= 0)
		return rc;
	run_all();
	return 0;
}
