// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stress.c - what programs may do at odd moments, against a peer that echoes.
 *
 *	stress epolls ADDR PORT N	N children, one after the other, each with an epoll instance that the connection is in, which
 *					none of them closes; then there must be room for one more, and the connection be as good as new
 *	stress many ADDR PORT N		N children at a time; the connection is as good as new for who has it still
 *	stress handler ADDR PORT N	N echoes, while a signal handler calls on the same socket again and again
 *	stress race ADDR PORT N		N sockets that a thread closes just when another listens, or connects; the next one that gets the
 *					number must be a fresh one
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVERY_US 40

static int fd;

static void die(const char *what)
{
	fprintf(stderr, "stress: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void echo(void)
{
	char out = 'x', in = 0;
	ssize_t n;

	do
		n = write(fd, &out, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		die("write");
	do
		n = read(fd, &in, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1 || in != out)
		die("read");
}

static void with_epoll(void)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT, .data.u64 = 9 }, got;
	int ep = epoll_create1(0);

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		die("epoll_ctl");
	if (epoll_wait(ep, &got, 1, 1000) != 1 || got.data.u64 != 9 || !(got.events & EPOLLOUT))
		die("epoll_wait");
}

static int epolls(int n)
{
	for (int i = 0; i < n; i++) {
		int status;
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid) {
			with_epoll();
			_exit(0);
		}
		if (waitpid(pid, &status, 0) != pid || status) {
			fprintf(stderr, "stress: child %d failed\n", i);
			return 1;
		}
	}
	with_epoll();
	echo();
	return 0;
}

static int many(int n)
{
	int p[2], born = 0;
	char c;

	if (pipe(p))
		die("pipe");
	while (born < n) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid) {
			close(p[1]);
			_exit(read(p[0], &c, 1) != 0);
		}
		born++;
	}
	echo();
	close(p[1]);
	while (born--)
		wait(NULL);
	echo();
	return 0;
}

static volatile sig_atomic_t calls, refused;

static void handler(int sig)
{
	int err = errno;
	char c;

	(void)sig;
	refused += recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EIO;
	refused += send(fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EIO;
	calls++;
	errno = err;
}

static int handlers(int n)
{
	struct sigaction a = { .sa_handler = handler, .sa_flags = SA_RESTART };
	struct itimerval every = { .it_interval.tv_usec = EVERY_US, .it_value.tv_usec = EVERY_US };

	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	for (int i = 0; i < n; i++)
		echo();
	if (!calls || refused) {
		fprintf(stderr, "stress: %d handlers have run, %d calls were refused\n", (int)calls, (int)refused);
		return 1;
	}
	return 0;
}

/* ---- closed meanwhile ---- */

static pthread_barrier_t both;
static int racing;

static void *closer(void *arg)
{
	int n = *(int *)arg;

	for (int i = 0; i < n; i++) {
		pthread_barrier_wait(&both);
		for (volatile int k = 0; k < i * 37 % 4000; k++)
			;
		close(racing);
		pthread_barrier_wait(&both);
	}
	return NULL;
}

static int race(int n, const struct sockaddr_in *peer)
{
	struct sockaddr_in own;
	socklen_t len = sizeof(own);
	pthread_t t;
	int on = 1;

	if (getsockname(fd, (struct sockaddr *)&own, &len))
		die("getsockname");
	own.sin_port = htons(7200);
	if (pthread_barrier_init(&both, NULL, 2) || pthread_create(&t, NULL, closer, &n))
		die("a thread");
	for (int i = 0; i < n; i++) {
		struct sockaddr_in a = own;

		a.sin_port = i % 2 ? a.sin_port : 0;
		racing = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		setsockopt(racing, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(racing, (struct sockaddr *)&a, sizeof(a)))
			die("a fresh socket");
		pthread_barrier_wait(&both);
		if (i % 2)
			listen(racing, 8);
		else
			connect(racing, (const struct sockaddr *)peer, sizeof(*peer));
		pthread_barrier_wait(&both);
	}
	pthread_join(t, NULL);
	echo();
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int rc;

	if (argc != 5)
		return 2;
	a.sin_port = htons((uint16_t)atoi(argv[3]));
	inet_pton(AF_INET, argv[2], &a.sin_addr);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
		die("connect");
	rc = !strcmp(argv[1], "epolls") ? epolls(atoi(argv[4]))
	     : !strcmp(argv[1], "many") ? many(atoi(argv[4]))
	     : !strcmp(argv[1], "race") ? race(atoi(argv[4]), &a)
					: handlers(atoi(argv[4]));
	if (!rc)
		puts("done");
	return rc;
}
