// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sock_async.c - signals, and limits of time, where a socket is waited for, a line each: run once on the kernel's sockets and once on xtcp's, the two must
 * print the same. See peer.h.
 */
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "peer_socks.h"

/* ---- limits of time, and masks ---- */

static volatile sig_atomic_t signals, signal_fd, signal_band;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	signals++;
	if (info->si_code >= POLL_IN && info->si_code <= POLL_HUP) {
		signal_fd = info->si_fd;
		signal_band |= (int)info->si_band;
	}
}

static void handle(int sig, int flags)
{
	struct sigaction a = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags };

	sigaction(sig, &a, NULL);
	signals = 0;
	signal_fd = signal_band = -1;
	signal_band = 0;
}

static long long now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ll + ts.tv_nsec / 1000;
}

static void limits(void)
{
	struct timespec ts = { 0, 20000000 }, bad = { 0, 2000000000 }, past = { -1, 0 };
	int ep = epoll_create1(0), fd = connected();
	struct pollfd p = { fd, POLLIN, 0 };
	struct epoll_event ev;
	long long began;

	watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN, 1);
	began = now_us();
	show(epoll_pwait2(ep, &ev, 1, &ts, NULL));
	show(ppoll(&p, 1, &ts, NULL));
	show(poll(&p, 1, 20));
	show(epoll_wait(ep, &ev, 1, 20));
	began = now_us() - began;
	printf(" %d", began >= 80000 && began < 400000);
	show(epoll_pwait2(ep, &ev, 1, &bad, NULL));
	show(ppoll(&p, 1, &bad, NULL));
	show(epoll_pwait2(ep, &ev, 1, &past, NULL));
	show(ppoll(&p, 1, &past, NULL));
	show(epoll_wait(ep, &ev, 0, 0));
	show(epoll_wait(fd, &ev, 1, 0));
	close(fd);
	close(ep);
	ep = epoll_create1(0);
	ts.tv_nsec = 500000;
	began = now_us();
	for (int i = 0; i < 4; i++)
		epoll_pwait2(ep, &ev, 1, &ts, NULL);
	began = now_us() - began;
	printf(" %d", began >= 2000);
	close(ep);
}

static void masks(void)
{
	struct timespec zero = { 0, 0 }, second = { 1, 0 };
	int ep = epoll_create1(0), fd = connected();
	struct pollfd p = { fd, POLLIN, 0 };
	struct epoll_event ev;
	sigset_t block, none;
	fd_set in;

	handle(SIGUSR1, SA_RESTART);
	sigemptyset(&none);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, NULL);
	watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN, 1);
	for (int i = 0; i < 2; i++) { /* without, and with time */
		printf(" |");
		kill(getpid(), SIGUSR1);
		show(ppoll(&p, 1, i ? &second : &zero, &none));
		printf(" %d", (int)signals);
		kill(getpid(), SIGUSR1);
		FD_ZERO(&in);
		FD_SET(fd, &in);
		show(pselect(fd + 1, &in, NULL, NULL, i ? &second : &zero, &none));
		printf(" %d", (int)signals);
		kill(getpid(), SIGUSR1);
		show(epoll_pwait(ep, &ev, 1, i ? 1000 : 0, &none));
		printf(" %d", (int)signals);
	}
	tell('s', 1);
	nap(10);
	kill(getpid(), SIGUSR1);
	printf(" | ready");
	show(ppoll(&p, 1, &second, &none));
	show(epoll_pwait(ep, &ev, 1, 1000, &none));
	show(pselect(fd + 1, &in, NULL, NULL, &second, &none));
	sigprocmask(SIG_UNBLOCK, &block, NULL);
	printf(" %d", signals > 0);
	close(fd);
	close(ep);
}

/* ---- readiness, by signal ---- */

static void expect(const char *what)
{
	sigset_t set, old;
	struct timespec second = { 1, 0 };

	sigemptyset(&set);
	sigaddset(&set, SIGALRM); /* nothing */
	sigprocmask(SIG_BLOCK, &set, &old);
	for (int i = 0; i < 100 && !signals; i++) {
		second = (struct timespec){ 0, 10000000 };
		nanosleep(&second, NULL);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	printf(" %s %d", what, signals > 0);
	signals = 0;
}

static void quiet(const char *what)
{
	nap(20);
	printf(" %s %d", what, (int)signals > 0);
	signals = 0;
}

static void async_data(void)
{
	int fd = connected();

	handle(SIGIO, SA_RESTART);
	tell('s', 1);
	quiet("before");
	show(fcntl(fd, F_SETOWN, getpid()));
	show(fcntl(fd, F_GETOWN) == getpid());
	show(fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK));
	printf(" %#x", fcntl(fd, F_GETFL));
	tell('s', 1);
	expect("data");
	tell('s', 1);
	expect("more");
	drain(fd);
	quiet("drained");
	tell('f', 0);
	expect("fin");
	show(fcntl(fd, F_SETFL, 0));
	tell('x', 0);
	quiet("after");
	close(fd);
}

static void async_pause(void)
{
	int fd = connected();
	long long began;

	handle(SIGIO, 0);
	fcntl(fd, F_SETOWN, getpid());
	fcntl(fd, F_SETFL, O_ASYNC);
	tell('S', 1);
	began = now_us();
	show(pause());
	began = now_us() - began;
	printf(" %d %d", (int)signals, began < 200000);
	drain(fd);
	close(fd);
}

/* At once, and not when somebody happens to look, though nobody has done anything for a while. */
static void async_soon(void)
{
	struct timespec second = { 1, 0 };
	int fd = connected(), soon = 0;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fcntl(fd, F_SETOWN, getpid());
	fcntl(fd, F_SETFL, O_ASYNC);
	for (int i = 0; i < 3; i++) {
		long long began;

		nap(120);
		began = now_us();
		tell('s', 1);
		sigtimedwait(&set, NULL, &second);
		soon += now_us() - began < 3000;
	}
	printf(" %d", soon > 0); /* a machine that is busy may be late */
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	close(fd);
}

static void async_wait(void)
{
	struct timespec second = { 2, 0 };
	int fd = connected();
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, NULL);
	show(fcntl(fd, F_SETSIG, SIGRTMIN + 3));
	show(fcntl(fd, F_GETSIG) == SIGRTMIN + 3);
	fcntl(fd, F_SETOWN, getpid());
	fcntl(fd, F_SETFL, O_ASYNC);
	tell('S', 1);
	memset(&info, 0, sizeof(info));
	show(sigtimedwait(&set, &info, &second) == SIGRTMIN + 3);
	printf(" %d %d %#x", info.si_code, info.si_fd == fd, (unsigned int)info.si_band);
	tell('F', 0);
	show(sigtimedwait(&set, &info, &second) == SIGRTMIN + 3);
	printf(" %d %d %#x", info.si_code, info.si_fd == fd, (unsigned int)info.si_band);
	close(fd);
	while (sigtimedwait(&set, &info, &(struct timespec){ 0, 0 }) > 0)
		;
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void async_listener(void)
{
	struct sockaddr_in a;
	int l = listening(&a), fd, on = 1;

	handle(SIGIO, SA_RESTART);
	unblock(l);
	show(ioctl(l, FIOASYNC, &on));
	printf(" %#x", fcntl(l, F_GETFL));
	fcntl(l, F_SETOWN, getpid());
	tell_to('c', 0, &a, sizeof(a));
	expect("connection");
	fd = accept(l, NULL, NULL);
	show(fd < 0 ? -1 : 0);
	printf(" %#x", fcntl(fd, F_GETFL));
	tell('s', 3);
	quiet("not inherited");
	on = 0;
	show(ioctl(l, FIOASYNC, &on));
	printf(" %#x", fcntl(l, F_GETFL));
	close(fd);
	close(l);
}

/* Set before it is anything; told of the connection. */
static void async_early(void)
{
	int fd = non_blocking();

	handle(SIGIO, SA_RESTART);
	fcntl(fd, F_SETOWN, getpid());
	fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK);
	show(connect(fd, (struct sockaddr *)&peer, sizeof(peer)));
	expect("connected");
	tell('a', 0);
	nap(10);
	signals = 0;
	tell('s', 1);
	expect("data");
	close(fd);
}

/* The owner is another process. */
static void async_other(void)
{
	int fd = connected(), status = 0, up[2];
	char byte;
	pid_t pid;

	if (pipe(up))
		die("pipe");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		handle(SIGIO, 0);
		if (write(up[1], "x", 1) != 1)
			_exit(9);
		for (int i = 0; i < 100 && !signals; i++)
			nap(10);
		_exit(signals > 0);
	}
	if (read(up[0], &byte, 1) != 1)
		die("pipe");
	handle(SIGIO, 0);
	fcntl(fd, F_SETOWN, pid);
	fcntl(fd, F_SETFL, O_ASYNC);
	tell('s', 1);
	show(waitpid(pid, &status, 0) == pid);
	printf(" %d %d", WEXITSTATUS(status), (int)signals);
	close(fd);
	close(up[0]);
	close(up[1]);
}

static void async_thread(void)
{
	struct f_owner_ex o = { F_OWNER_TID, getpid() }, got = { 0 };
	int fd = connected();

	handle(SIGIO, SA_RESTART);
	show(fcntl(fd, F_SETOWN_EX, &o));
	show(fcntl(fd, F_GETOWN_EX, &got));
	printf(" %d %d", (int)got.type, got.pid == getpid());
	fcntl(fd, F_SETFL, O_ASYNC);
	tell('S', 1);
	expect("data");
	o.type = F_OWNER_PGRP;
	o.pid = getpgrp();
	show(fcntl(fd, F_SETOWN_EX, &o));
	close(fd);
}

static void urgent_signal(void)
{
	int fd = connected();

	handle(SIGURG, SA_RESTART);
	tell('u', 1);
	quiet("nobody's");
	fcntl(fd, F_SETOWN, getpid());
	tell('u', 1);
	expect("urgent");
	close(fd);
}

/* ---- handlers ---- */

static int handled = -1;
static volatile sig_atomic_t got, failed;

static void on_io(int sig)
{
	char buf[100];
	int err = errno;
	ssize_t n = recv(handled, buf, sizeof(buf), MSG_DONTWAIT);

	(void)sig;
	if (n > 0)
		got += (int)n;
	else if (n < 0 && errno != EAGAIN)
		failed = errno;
	errno = err;
}

/* A handler that reads, again and again in the middle of calls on the same socket. */
static void handler_reads(void)
{
	struct sigaction a = { .sa_handler = on_io, .sa_flags = SA_RESTART };
	int fd = connected();

	got = failed = 0;
	handled = fd;
	sigaction(SIGIO, &a, NULL);
	fcntl(fd, F_SETOWN, getpid());
	fcntl(fd, F_SETFL, O_ASYNC);
	for (int i = 0; i < 100; i++) {
		tell('s', 10);
		for (int k = 0; k < 20; k++)
			if (send(fd, "x", 1, 0) != 1)
				die("send");
	}
	nap(30);
	printf(" %d %d", (int)got, (int)failed);
	fcntl(fd, F_SETFL, 0);
	close(fd);
}

static void on_alarm(int sig)
{
	(void)sig;
	signals++;
}

/*
 * Whenever it comes, before the sleep or in it, the call ends. If the processor was another's and it comes before the call, there is a
 * second, that is no fault; nor, once, if the processor was taken just after the clock was read.
 */
static void often(void)
{
	struct sigaction a = { .sa_handler = on_alarm };
	int fd = connected(), ended = 0, lost = 0;
	char c;

	sigaction(SIGALRM, &a, NULL);
	for (int i = 0; i < 60; i++) {
		struct itimerval soon = { .it_value.tv_usec = 200 + i * 5, .it_interval.tv_usec = 200000 };
		long long from = now_us(), set;

		signals = 0;
		setitimer(ITIMER_REAL, &soon, NULL);
		set = now_us();
		ended += recv(fd, &c, 1, 0) < 0 && errno == EINTR;
		lost += signals > 1 && set - from < 100;
	}
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	printf(" %d %d", ended, lost > 1);
	close(fd);
}

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* old programs call it */
/* signal(2) begins calls again, siginterrupt(3) does not let it. */
static void old_signals(void)
{
	struct itimerval soon = { .it_value.tv_usec = 10000 };
	struct pollfd p = { connected(), POLLIN, 0 };
	char c;

	signal(SIGALRM, on_alarm);
	for (int i = 0; i < 3; i++) {
		if (i)
			show(siginterrupt(SIGALRM, i == 1));
		signals = 0;
		setitimer(ITIMER_REAL, &soon, NULL);
		tell('S', 1);
		show(recv(p.fd, &c, 1, 0));
		if (i == 1)
			show(recv(p.fd, &c, 1, 0));
		printf(" %d", (int)signals);
	}
	setitimer(ITIMER_REAL, &soon, NULL);
	show(poll(&p, 1, 1000));
	show(signal(SIGALRM, SIG_DFL) == on_alarm);
	close(p.fd);
}

static const struct peer_case cases[] = {
	{ "limits", limits },
	{ "masks", masks },
	{ "async-data", async_data },
	{ "async-pause", async_pause },
	{ "async-soon", async_soon },
	{ "async-soon", async_soon },
	{ "async-wait", async_wait },
	{ "async-listener", async_listener },
	{ "async-early", async_early },
	{ "async-other", async_other },
	{ "async-thread", async_thread },
	{ "urgent-signal", urgent_signal },
	{ "handler-reads", handler_reads },
	{ "often", often },
	{ "old-signals", old_signals },
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	return peer_main(argc, argv, cases, COUNT(cases));
}
