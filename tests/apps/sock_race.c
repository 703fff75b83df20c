// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sock_race.c - a socket is connected, or begins to listen, in one thread, while another makes a call on the same descriptor: whichever
 * comes first, both have been done afterwards. Each kind ROUNDS times, the second call a little later each time.
 *
 *	sock_race ADDR PORT OWN		a peer there echoes; listen on OWN
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 200
#define STEPS 100

static struct sockaddr_in there = { .sin_family = AF_INET }, own = { .sin_family = AF_INET };
static atomic_uint begun, ended; /* rounds, of the second call */
static atomic_bool done;
static int fd, ep, copy, hold[2];
static pid_t child;
static in_addr_t own_addr;
static bool listened;
enum { LISTENS = 1, SHARED = 2, WILDCARD = 4 };
static void (*second)(void);
static uint64_t step_ns; /* later than in the round before */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* ---- the second call ---- */

static void limit(void)
{
	struct timeval soon = { 0, 1000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
}

static void flag(void)
{
	fcntl(fd, F_SETFL, O_NONBLOCK);
}

static void flag_ioctl(void)
{
	int on = 1;

	ioctl(fd, FIONBIO, &on);
}

static void watch(void)
{
	struct epoll_event ev = { .events = EPOLLOUT, .data.u32 = 7 };

	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}

static void take_copy(void)
{
	copy = dup(fd);
}

static void listen_too(void)
{
	listened = !listen(fd, 8);
}

static void shut(void)
{
	close(fd);
}

static void *other(void *unused)
{
	for (unsigned int round = 1;; round++) {
		uint64_t begin;

		while (begun < round)
			if (done)
				return unused;
			else
				sched_yield();
		begin = now_ns();
		while (now_ns() - begin < (round - 1) % STEPS * step_ns)
			;
		second();
		ended = round;
	}
}

/* ---- what is so afterwards ---- */

static bool nothing_to_read(void)
{
	char byte;

	return recv(fd, &byte, 1, 0) < 0 && errno == EAGAIN;
}

static bool is_watched(void)
{
	struct epoll_event ev[2];

	return epoll_wait(ep, ev, 2, 10000) == 1 && ev[0].data.u32 == 7 && ev[0].events == EPOLLOUT;
}

static bool is_copied(void)
{
	char byte = 0;

	close(fd);
	fd = copy;
	return write(fd, "c", 1) == 1 && read(fd, &byte, 1) == 1 && byte == 'c';
}

/* Both were told so, and the kernel's half of a wildcard listener is there too. */
static bool listens(void)
{
	struct sockaddr_in a = own;
	int on = 0, c = -1;
	socklen_t len = sizeof(on);
	bool is = listened && !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) && on;

	if (is && a.sin_addr.s_addr == INADDR_ANY) {
		c = socket(AF_INET, SOCK_STREAM, 0);
		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		is = !connect(c, (struct sockaddr *)&a, sizeof(a));
		close(c);
	}
	return is;
}

static bool anything(void)
{
	return true;
}

/* Another process has it as well, until the pipe is closed. */
static void be_shared(void)
{
	char byte;

	if (pipe(hold))
		exit(1);
	child = fork();
	if (child)
		return;
	close(hold[1]);
	(void)!read(hold[0], &byte, 1);
	_exit(0);
}

static bool start(uint32_t flags)
{
	int on = 1;

	fd = socket(AF_INET, SOCK_STREAM, 0);
	ep = epoll_create1(0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	own.sin_addr.s_addr = flags & WILDCARD ? INADDR_ANY : own_addr;
	if (flags & LISTENS && bind(fd, (struct sockaddr *)&own, sizeof(own)))
		return false;
	if (flags & SHARED) {
		watch();
		be_shared();
	}
	return fd >= 0 && ep >= 0;
}

static void finish(uint32_t flags)
{
	close(ep);
	if (!(flags & SHARED))
		return;
	close(hold[0]);
	close(hold[1]);
	waitpid(child, NULL, 0);
}

/* O_NONBLOCK may have come first. */
static bool connects(void)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	if (!connect(fd, (struct sockaddr *)&there, sizeof(there)))
		return true;
	return errno == EINPROGRESS && poll(&p, 1, 10000) == 1 && p.revents == POLLOUT;
}

static unsigned int one_kind(uint32_t flags, bool (*good)(void))
{
	unsigned int bad = 0;
	pthread_t t;

	begun = ended = 0;
	done = false;
	if (pthread_create(&t, NULL, other, NULL))
		exit(1);
	for (unsigned int round = 1; round <= ROUNDS; round++) {
		bool is = start(flags);

		begun = round;
		is &= flags & LISTENS ? !listen(fd, 8) : connects();
		while (ended < round)
			sched_yield();
		bad += good != anything && !(is && good());
		if (good != anything)
			close(fd);
		finish(flags);
	}
	done = true;
	pthread_join(t, NULL);
	return bad;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		uint32_t flags, step_ns;
		void (*second)(void);
		bool (*good)(void);
	} kind[] = {
		{ "connect, SO_RCVTIMEO", 0, 800, limit, nothing_to_read },
		{ "connect, O_NONBLOCK", 0, 800, flag, nothing_to_read },
		{ "connect, FIONBIO", 0, 800, flag_ioctl, nothing_to_read },
		{ "connect, epoll_ctl", 0, 800, watch, is_watched },
		{ "connect, dup", 0, 800, take_copy, is_copied },
		{ "connect, close", 0, 800, shut, anything },
		{ "listen, close", LISTENS, 800, shut, anything },
		{ "listen, listen", LISTENS, 800, listen_too, listens },
		{ "listen, listen on all addresses", LISTENS | WILDCARD, 800, listen_too, listens },
		{ "connect of a shared one, close", SHARED, 10000, shut, anything },
		{ "listen of a shared one, close", LISTENS | SHARED, 10000, shut, anything },
	};

	if (argc != 4 || inet_pton(AF_INET, argv[1], &there.sin_addr) != 1 ||
	    inet_pton(AF_INET, argv[3], &own.sin_addr) != 1)
		return 2;
	there.sin_port = htons((uint16_t)atoi(argv[2]));
	own_addr = own.sin_addr.s_addr;
	own.sin_port = htons(7200);
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(kind) / sizeof(kind[0]); i++) {
		second = kind[i].second;
		step_ns = kind[i].step_ns;
		alarm(20);
		printf("%s: %u of %d not done\n", kind[i].name, one_kind(kind[i].flags, kind[i].good), ROUNDS);
	}
	return 0;
}
