// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ends.c - processes that end while other threads of theirs are busy on a connection: in the middle of a turn, as often as not. What they
 * shared with their parent must work afterwards. Against a peer that echoes.
 *
 *	ends ADDR PORT [TIMES]		all the ways a process ends, so many times each
 *	ends alive			for exec
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BUSY 3u

static char *self;
static struct sockaddr_in peer = { .sin_family = AF_INET };

static void die(const char *what)
{
	fprintf(stderr, "ends: %s: %s\n", what, strerror(errno));
	_exit(99);
}

static void nap(long ms)
{
	const struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

static int connected(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&peer, sizeof(peer)))
		die("connect");
	return fd;
}

/* Each byte comes back. */
static void *busy(void *unused)
{
	int fd = connected();
	char c = 'x';

	(void)unused;
	while (send(fd, &c, 1, MSG_NOSIGNAL) == 1 && recv(fd, &c, 1, 0) == 1)
		;
	die("a busy thread");
	return NULL;
}

/* ---- the ways ---- */

static void by_exit(void)
{
	exit(3);
}

static void by_exit_at_once(void)
{
	_exit(3);
}

static void by_abort(void)
{
	abort();
}

static void by_fault(void)
{
	raise(SIGSEGV);
}

static void by_signal(void)
{
	kill(getpid(), SIGTERM);
	pause();
}

static void by_alarm(void)
{
	alarm(1);
	pause();
}

static void leave(int sig)
{
	_exit(sig);
}

static void by_handler(void)
{
	signal(SIGUSR1, leave);
	kill(getpid(), SIGUSR1);
	pause();
}

static void by_handler_once(void)
{
	struct sigaction a = { .sa_handler = leave };

	a.sa_flags = (int)SA_RESETHAND;
	sigaction(SIGUSR1, &a, NULL);
	kill(getpid(), SIGUSR1);
	pause();
}

static void by_exec(void)
{
	if (execl("/nonexistent", "none", (char *)NULL) == -1)
		nap(2);
	execlp(self, self, "alive", (char *)NULL);
	die("exec");
}

static void by_main_thread(void)
{
	pthread_exit(NULL); /* the others go on */
}

static const struct {
	const char *name;
	void (*end)(void);
	int killed_by_parent;
	int times; /* at most */
} way[] = {
	{ "exit", by_exit, 0, 1000 },
	{ "_exit", by_exit_at_once, 0, 1000 },
	{ "abort", by_abort, 0, 10 },
	{ "fault", by_fault, 0, 10 },
	{ "signal", by_signal, 0, 1000 },
	{ "alarm", by_alarm, 0, 1 },
	{ "handler", by_handler, 0, 1000 },
	{ "handler, once", by_handler_once, 0, 1000 },
	{ "exec", by_exec, 0, 1000 },
	{ "killed", NULL, SIGTERM, 1000 },
	{ "killed, main thread gone", by_main_thread, SIGHUP, 1000 },
};

/* ---- threads that are cancelled ---- */

static void *sleeps(void *fd)
{
	char c;

	while (recv(*(int *)fd, &c, 1, 0) > 0)
		;
	die("a thread that was to be cancelled");
	return NULL;
}

static void cancel(void *(*fn)(void *), void *arg)
{
	pthread_t t;
	void *got;

	if (pthread_create(&t, NULL, fn, arg))
		die("thread");
	nap(2);
	if (pthread_cancel(t) || pthread_join(t, &got) || got != PTHREAD_CANCELED)
		die("cancel");
}

/* ---- signals to a thread that is busy: each of them comes, and as it was sent ---- */

#define SIGNALS 300
static volatile sig_atomic_t came, as_sent;

static void count(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	came++;
	as_sent += info->si_code == SI_TKILL && info->si_pid == getpid();
}

static void signals(void)
{
	struct sigaction a = { .sa_sigaction = count };
	pthread_t t;

	a.sa_flags = SA_SIGINFO | SA_RESTART;
	sigaction(SIGRTMIN, &a, NULL);
	if (pthread_create(&t, NULL, busy, NULL))
		die("thread");
	for (int i = 0; i < SIGNALS; i++) {
		const struct timespec ts = { .tv_nsec = 100000 };

		if (pthread_kill(t, SIGRTMIN))
			die("pthread_kill");
		nanosleep(&ts, NULL);
	}
	nap(50);
	pthread_cancel(t);
	pthread_join(t, NULL);
	printf("signals: %d came, %d as they were sent\n", (int)came, (int)as_sent);
}

/* ---- all of it ---- */

static int one(size_t w, long after_ms)
{
	pid_t pid;
	int status = 0;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		pthread_t t;

		for (unsigned i = 0; i < BUSY; i++)
			if (pthread_create(&t, NULL, busy, NULL))
				die("thread");
		if (way[w].end) {
			nap(after_ms);
			way[w].end();
		}
		pause();
		_exit(98);
	}
	if (way[w].killed_by_parent) {
		nap(after_ms + 1);
		kill(pid, way[w].killed_by_parent);
	}
	if (waitpid(pid, &status, 0) != pid)
		die("wait");
	return status & ~0x80; /* whether it left a core is the machine's affair */
}

static void echo(int fd, const char *after)
{
	char c = 'y';

	if (send(fd, &c, 1, MSG_NOSIGNAL) != 1 || recv(fd, &c, 1, 0) != 1)
		die(after);
}

int main(int argc, char **argv)
{
	int times = argc > 3 ? atoi(argv[3]) : 10, fd;

	if (argc == 2 && !strcmp(argv[1], "alive"))
		return 4;
	if (argc < 3 || inet_pton(AF_INET, argv[1], &peer.sin_addr) != 1)
		return 2;
	self = argv[0];
	peer.sin_port = htons((uint16_t)atoi(argv[2]));
	fd = connected();
	for (size_t w = 0; w < sizeof(way) / sizeof(way[0]); w++) {
		printf("%s:", way[w].name);
		for (int i = 0; i < times && i < way[w].times; i++) {
			printf(" %x", (unsigned)one(w, 2 + i % 5));
			echo(fd, way[w].name);
		}
		printf("\n");
	}
	for (int i = 0; i < times; i++) {
		cancel(sleeps, &fd);
		cancel(busy, NULL);
		echo(fd, "cancel");
	}
	printf("cancelled\n");
	signals();
	return 0;
}
