// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sock_wait.c - ways to be told that a socket is ready, a line each: run once on the kernel's sockets and once on xtcp's, the two must
 * print the same. See peer.h.
 */
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "peer_socks.h"

/* ---- epoll before the socket is anything ---- */

static void early(uint32_t flags)
{
	int ep = epoll_create1(0), fd = non_blocking();

	watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT | (flags & EPOLLEXCLUSIVE ? 0 : EPOLLRDHUP) | flags, 7);
	start_connect(fd);
	ask(ep, 1000);
	ask(ep, 0);
	tell('s', 5);
	nap(10);
	ask(ep, 0);
	if (!(flags & EPOLLEXCLUSIVE))
		watch(ep, EPOLL_CTL_MOD, fd, EPOLLIN | flags, 8);
	ask(ep, 0);
	tell('f', 0);
	nap(10);
	ask(ep, 0);
	show(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
	show(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
	close(fd);
	close(ep);
}

static void early_level(void)
{
	early(0);
}

static void early_edge(void)
{
	early(EPOLLET);
}

static void early_once(void)
{
	early(EPOLLONESHOT);
}

static void early_exclusive(void)
{
	early(EPOLLEXCLUSIVE);
}

/* A connect() that fails, and one that does not: the instance is not told anew. */
static void early_again(uint32_t flags, bool taken)
{
	int ep = epoll_create1(0), fd = non_blocking(), err = 0;
	struct sockaddr_in shut = peer;
	socklen_t len = sizeof(err);

	shut.sin_port = htons(1);
	watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | flags, 7);
	show(connect(fd, (struct sockaddr *)&shut, sizeof(shut)));
	nap(20);
	ask(ep, 1000);
	if (taken) {
		show(getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len));
		printf(" error %d", err);
	}
	show(connect(fd, (struct sockaddr *)&peer, sizeof(peer)));
	start_connect(fd);
	ask(ep, 1000);
	tell('s', 5);
	nap(10);
	ask(ep, 0);
	watch(ep, EPOLL_CTL_MOD, fd, EPOLLIN | flags, 8);
	ask(ep, 0);
	show(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
	show(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
	close(fd);
	close(ep);
}

static void early_refused(void)
{
	early_again(0, false);
}

static void early_refused_taken(void)
{
	early_again(0, true);
}

static void early_refused_edge(void)
{
	early_again(EPOLLET, true);
}

/* Changed, removed and added again before it connects; in two instances. */
static void early_changes(void)
{
	int a = epoll_create1(0), b = epoll_create1(0), fd = non_blocking(), copy;

	watch(a, EPOLL_CTL_ADD, fd, EPOLLOUT, 1);
	watch(a, EPOLL_CTL_MOD, fd, EPOLLIN, 2);
	watch(b, EPOLL_CTL_ADD, fd, EPOLLOUT, 3);
	watch(b, EPOLL_CTL_DEL, fd, 0, 0);
	watch(b, EPOLL_CTL_ADD, fd, EPOLLOUT, 4);
	copy = dup(fd);
	watch(b, EPOLL_CTL_ADD, copy, EPOLLOUT, 5);
	watch(b, EPOLL_CTL_ADD, copy, EPOLLOUT, 5);
	start_connect(fd);
	ask(a, 0);
	ask(b, 1000);
	tell('s', 1);
	nap(10);
	ask(a, 0);
	close(fd);
	ask(b, 0);
	close(copy);
	ask(b, 0);
	close(a);
	close(b);
}

/* Disarmed by EPOLLONESHOT before it connects: it stays so. */
static void early_disarmed(void)
{
	int ep = epoll_create1(0), fd = non_blocking();

	watch(ep, EPOLL_CTL_ADD, fd, EPOLLOUT | EPOLLONESHOT, 1);
	ask(ep, 0);
	start_connect(fd);
	ask(ep, 0);
	watch(ep, EPOLL_CTL_MOD, fd, EPOLLOUT | EPOLLONESHOT, 1);
	ask(ep, 0);
	close(fd);
	close(ep);
}

static void early_listen(void)
{
	int ep = epoll_create1(0), fd = bound(), got;
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	unblock(fd);
	watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN, 1);
	show(listen(fd, 8));
	ask(ep, 0);
	getsockname(fd, (struct sockaddr *)&a, &len);
	tell_to('c', 0, &a, sizeof(a));
	nap(10);
	ask(ep, 1000);
	got = accept(fd, NULL, NULL);
	ask(ep, 0);
	close(got);
	close(fd);
	close(ep);
}

static void early_wildcard(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET }, to = own;
	int ep = epoll_create1(0), fd = non_blocking(), got;
	socklen_t len = sizeof(a);

	watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, 1);
	show(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	show(listen(fd, 8));
	ask(ep, 0); /* an edge of before */
	ask(ep, 0);
	getsockname(fd, (struct sockaddr *)&a, &len);
	to.sin_port = a.sin_port;
	tell_to('c', 0, &to, sizeof(to));
	nap(10);
	ask(ep, 1000);
	ask(ep, 0);
	got = accept(fd, NULL, NULL);
	close(got);
	close(fd);
	close(ep);
}

/* A closed number that is taken anew has nothing of the old one's. */
static void early_closed(void)
{
	int ep = epoll_create1(0), fd = non_blocking(), again;

	watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT, 1);
	close(fd);
	again = non_blocking();
	printf(" %d", again == fd);
	start_connect(again);
	ask(ep, 0);
	close(again);
	close(ep);
}

static void early_forked(void)
{
	int ep = epoll_create1(0), fd = non_blocking();

	watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT, 1);
	printf(" |");
	fflush(stdout);
	if (fork() == 0) {
		start_connect(fd);
		ask(ep, 1000);
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	close(fd);
	close(ep);
}

/* ---- ours beside the kernel's ---- */

static void beside_epoll(void)
{
	struct itimerspec soon = { .it_value.tv_nsec = 20000000 };
	int ep = epoll_create1(0), fd = connected(), ev = eventfd(0, EFD_NONBLOCK), t, s, p;
	uint64_t one = 1;
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s = signalfd(-1, &set, SFD_NONBLOCK);
	t = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		nap(20);
		_exit(0);
	}
	p = (int)syscall(SYS_pidfd_open, pid, 0);
	watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN, 1);
	watch(ep, EPOLL_CTL_ADD, ev, EPOLLIN, 2);
	watch(ep, EPOLL_CTL_ADD, t, EPOLLIN, 3);
	watch(ep, EPOLL_CTL_ADD, s, EPOLLIN, 4);
	watch(ep, EPOLL_CTL_ADD, p, EPOLLIN, 5);
	ask(ep, 0);
	show(write(ev, &one, sizeof(one)));
	ask(ep, 1000);
	show(read(ev, &one, sizeof(one)));
	kill(getpid(), SIGUSR2);
	ask(ep, 1000);
	timerfd_settime(t, 0, &soon, NULL);
	waitpid(pid, NULL, 0);
	nap(30);
	tell('s', 3);
	nap(10);
	ask(ep, 1000);
	close(s);
	close(t);
	close(p);
	close(ev);
	ask(ep, 1000);
	close(fd);
	close(ep);
	signal(SIGUSR2, SIG_IGN); /* the one that is pending */
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void beside_poll(void)
{
	int fd = connected(), ev = eventfd(0, EFD_NONBLOCK), pipes[2];
	struct pollfd p[4];

	if (pipe(pipes))
		die("pipe");
	p[0] = (struct pollfd){ fd, POLLIN, 0 };
	p[1] = (struct pollfd){ ev, POLLIN | POLLOUT, 0 };
	p[2] = (struct pollfd){ pipes[0], POLLIN, 0 };
	p[3] = (struct pollfd){ -1, POLLIN, 77 };
	show(poll(p, 4, 1000));
	p[1].events = POLLIN;
	show(poll(p, 4, 10));
	tell('S', 3);
	show(poll(p, 4, 1000));
	printf(" %#x %#x %#x %#x", p[0].revents, p[1].revents, p[2].revents, p[3].revents);
	close(pipes[1]);
	show(poll(p, 4, 1000));
	printf(" %#x %#x %#x %#x", p[0].revents, p[1].revents, p[2].revents, p[3].revents);
	p[3].fd = 555;
	show(poll(p, 4, 1000));
	printf(" %#x", p[3].revents);
	close(pipes[0]);
	close(ev);
	close(fd);
}

/* ---- epoll in epoll ---- */

static void nested(uint32_t outer_flags, uint32_t inner_flags, bool late)
{
	int outer = epoll_create1(0), inner = epoll_create1(0), fd = connected();
	struct pollfd p = { inner, POLLIN, 0 };

	if (!late)
		watch(inner, EPOLL_CTL_ADD, fd, EPOLLIN | inner_flags, 1);
	watch(outer, EPOLL_CTL_ADD, inner, EPOLLIN | outer_flags, 2);
	if (late)
		watch(inner, EPOLL_CTL_ADD, fd, EPOLLIN | inner_flags, 1);
	ask(outer, 0);
	for (int i = 0; i < 3; i++) {
		printf(" |");
		tell('s', 3);
		nap(5);
		ask(outer, 1000);
		ask(inner, 0);
		ask(outer, 0);
	}
	drain(fd);
	ask(outer, 0);
	show(poll(&p, 1, 0));
	ask(inner, 0);
	tell('S', 3);
	show(poll(&p, 1, 1000));
	ask(outer, 1000);
	ask(inner, 0);
	close(fd);
	ask(outer, 0);
	close(inner);
	close(outer);
}

static void nested_level(void)
{
	nested(0, 0, false);
}

static void nested_edge(void)
{
	nested(EPOLLET, 0, false);
}

static void nested_edges(void)
{
	nested(EPOLLET, EPOLLET, false);
}

static void nested_inner_edge(void)
{
	nested(0, EPOLLET, false);
}

static void nested_late(void)
{
	nested(0, 0, true);
}

/* Each event is an edge, whether the inner one has been asked meanwhile or not. */
static void nested_unasked(void)
{
	int outer = epoll_create1(0), inner = epoll_create1(0), fd = connected();

	watch(inner, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, 1);
	watch(outer, EPOLL_CTL_ADD, inner, EPOLLIN | EPOLLET, 2);
	for (int i = 0; i < 3; i++) {
		tell('s', 3);
		nap(5);
		ask(outer, 100);
		ask(outer, 0);
	}
	ask(inner, 0);
	ask(outer, 0);
	close(fd);
	close(inner);
	close(outer);
}

/* Ours in both, and the inner has its first one before it is nested. */
static void nested_both(void)
{
	int outer = epoll_create1(0), inner = epoll_create1(0), fd = connected();

	watch(inner, EPOLL_CTL_ADD, fd, EPOLLIN, 1);
	watch(outer, EPOLL_CTL_ADD, fd, EPOLLOUT, 2);
	watch(outer, EPOLL_CTL_ADD, inner, EPOLLIN, 3);
	ask(outer, 0);
	tell('S', 3);
	watch(outer, EPOLL_CTL_MOD, fd, EPOLLIN, 4);
	ask(outer, 1000);
	ask(inner, 1000);
	drain(fd);
	ask(outer, 0);
	close(fd);
	close(inner);
	close(outer);
}

/* ---- select ---- */

static void select_limit(void)
{
	struct timeval tv = { 1, 0 };
	int fd = connected(), pipes[2];
	fd_set in;

	FD_ZERO(&in);
	FD_SET(fd, &in);
	tell('S', 1);
	show(select(fd + 1, &in, NULL, NULL, &tv)); /* what is left is said */
	printf(" %d", tv.tv_sec == 0 && tv.tv_usec > 500000 && tv.tv_usec < 999999);
	drain(fd);
	tv = (struct timeval){ 0, 10000 };
	FD_SET(fd, &in);
	show(select(fd + 1, &in, NULL, NULL, &tv));
	printf(" %d %d %d", (int)tv.tv_sec, (int)tv.tv_usec, FD_ISSET(fd, &in) != 0);
	if (pipe(pipes))
		die("pipe");
	tv = (struct timeval){ 0, 10000 };
	FD_ZERO(&in);
	FD_SET(pipes[0], &in);
	show(select(pipes[0] + 1, &in, NULL, NULL, &tv));
	printf(" %d %d", (int)tv.tv_sec, (int)tv.tv_usec);
	tv = (struct timeval){ -1, 0 };
	FD_ZERO(&in);
	FD_SET(fd, &in);
	show(select(fd + 1, &in, NULL, NULL, &tv));
	tv = (struct timeval){ 0, -1 };
	show(select(fd + 1, &in, NULL, NULL, &tv));
	tv = (struct timeval){ 0, 1010000 }; /* more than a second's */
	FD_CLR(fd, &in);
	FD_SET(fd, &in);
	tell('S', 1);
	show(select(fd + 1, &in, NULL, NULL, &tv));
	show(select(-1, &in, NULL, NULL, &tv));
	close(fd);
	show(select(fd + 1, &in, NULL, NULL, &tv));
	close(pipes[0]);
	close(pipes[1]);
}

/* Past FD_SETSIZE: a set that is large enough serves. */
static void select_far(void)
{
	static fd_set many[2]; /* FD_SET() is for the first, of its size */
	unsigned long *bits = (unsigned long *)many;
	struct timeval tv = { 1, 0 };
	int fd = connected(), far = fcntl(fd, F_DUPFD, 1500);

	if (far < 1500) {
		printf(" no such descriptor");
		return;
	}
	memset(many, 0, sizeof(many));
	bits[far / 64] |= 1ul << (far % 64);
	tell('S', 1);
	show(select(far + 1, many, NULL, NULL, &tv));
	printf(" %d", (int)(bits[far / 64] >> (far % 64) & 1));
	drain(far);
	tv = (struct timeval){ 0, 10000 };
	show(select(far + 1, many, NULL, NULL, &tv));
	printf(" %d", (int)(bits[far / 64] >> (far % 64) & 1));
	close(far);
	close(fd);
}

/* ---- a low-water mark ---- */

static void low_water(void)
{
	int ep = epoll_create1(0), fd = connected();
	struct pollfd p = { fd, POLLIN, 0 };

	set_int(fd, SOL_SOCKET, SO_RCVLOWAT, 5);
	watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, 1);
	tell('s', 3);
	nap(5);
	show(poll(&p, 1, 0));
	ask(ep, 0);
	tell('S', 3);
	ask(ep, 1000);
	show(poll(&p, 1, 0));
	drain(fd);
	tell('s', 2);
	tell('F', 0);
	show(poll(&p, 1, 1000));
	ask(ep, 1000);
	close(fd);
	close(ep);
}

static void low_water_blocks(void)
{
	int fd = connected();
	char buf[100];

	set_int(fd, SOL_SOCKET, SO_RCVLOWAT, 5);
	tell('s', 3);
	nap(5);
	tell('S', 6);
	show(recv(fd, buf, sizeof(buf), 0));
	tell('s', 3);
	nap(5);
	show(recv(fd, buf, 2, 0));
	show(recv(fd, buf, sizeof(buf), MSG_DONTWAIT));
	close(fd);
}

static const struct peer_case cases[] = {
	{ "early-level", early_level },
	{ "early-edge", early_edge },
	{ "early-once", early_once },
	{ "early-exclusive", early_exclusive },
	{ "early-changes", early_changes },
	{ "early-disarmed", early_disarmed },
	{ "early-refused", early_refused },
	{ "early-refused-taken", early_refused_taken },
	{ "early-refused-edge", early_refused_edge },
	{ "early-listen", early_listen },
	{ "early-wildcard", early_wildcard },
	{ "early-closed", early_closed },
	{ "early-forked", early_forked },
	{ "beside-epoll", beside_epoll },
	{ "beside-poll", beside_poll },
	{ "nested-level", nested_level },
	{ "nested-edge", nested_edge },
	{ "nested-edges", nested_edges },
	{ "nested-inner-edge", nested_inner_edge },
	{ "nested-late", nested_late },
	{ "nested-unasked", nested_unasked },
	{ "nested-both", nested_both },
	{ "select-limit", select_limit },
	{ "select-far", select_far },
	{ "low-water", low_water },
	{ "low-water-blocks", low_water_blocks },
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	return peer_main(argc, argv, cases, COUNT(cases));
}
