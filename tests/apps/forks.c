// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * forks.c - processes that share a connection in the middle of a transfer, against a peer that echoes: nothing is lost, nothing comes twice, all
 * of it is in order.
 *
 *	forks send ADDR PORT		parent and children send slices in turn, while a thread of the parent reads all that comes back
 *	forks recv ADDR PORT		they read slices in turn, while a thread of the parent sends
 *	forks both ADDR PORT		the parent sends, its child reads
 *	forks all ADDR PORT		four processes send at once, and read at once: each byte is read once
 *	forks exec ADDR PORT		slices are sent by programs that vfork, posix_spawn and clone have started, by clone's child itself
 *	forks dlopen ADDR PORT		the connection is that of a library which was opened at run time
 *	forks busy ADDR PORT		threads that call on a connection all the time, until SIGTERM; then it works still
 *	forks slice FD AT LEN		for exec
 *	forks peer ADDR PORT		the peer, on the kernel's sockets. Not socat's PIPE, which waits for itself once its pipe is full
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLICES 24u
#define SLICE 150001u
#define ALL (SLICES * SLICE)
#define WORKERS 4u

static int fd;
static char *self;

static void die(const char *what)
{
	fprintf(stderr, "forks: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static uint8_t pattern(size_t at)
{
	return (uint8_t)((at * 2654435761u) >> 13);
}

static int connect_to(const char *addr, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int c = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_port = htons((uint16_t)atoi(port));
	if (inet_pton(AF_INET, addr, &a.sin_addr) != 1 || connect(c, (struct sockaddr *)&a, sizeof(a)))
		die("connect");
	return c;
}

static void send_slice(size_t at, size_t len)
{
	uint8_t *buf = malloc(len);
	size_t done = 0;

	for (size_t i = 0; i < len; i++)
		buf[i] = pattern(at + i);
	while (done < len) {
		ssize_t n = write(fd, buf + done, len - done);

		if (n < 0)
			die("write");
		done += (size_t)n;
	}
	free(buf);
}

static void recv_slice(size_t at, size_t len)
{
	static __thread uint8_t buf[65536];

	while (len) {
		ssize_t n = read(fd, buf, len < sizeof(buf) ? len : sizeof(buf));

		if (n <= 0)
			die(n ? "read" : "the end has come too early");
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != pattern(at + (size_t)i)) {
				errno = EBADMSG;
				die("what comes back is not what was sent");
			}
		at += (size_t)n;
		len -= (size_t)n;
	}
}

static void *send_all(void *unused)
{
	(void)unused;
	send_slice(0, ALL);
	return NULL;
}

static void *recv_all(void *unused)
{
	(void)unused;
	recv_slice(0, ALL);
	return NULL;
}

static pthread_t thread(void *(*fn)(void *))
{
	pthread_t t;

	if (pthread_create(&t, NULL, fn, NULL))
		die("pthread_create");
	return t;
}

static void child_ends(pid_t pid)
{
	int status;

	if (pid < 0)
		die("no child");
	if (waitpid(pid, &status, 0) != pid || status) {
		fprintf(stderr, "forks: a child has failed: %#x\n", (unsigned int)status);
		_exit(1);
	}
}

static int in_turn(void (*slice)(size_t, size_t), void *(*meanwhile)(void *))
{
	pthread_t t = thread(meanwhile);

	for (uint32_t i = 0; i < SLICES; i++) {
		pid_t pid = i % 2 ? fork() : 0;

		if (!pid)
			slice(i * SLICE, SLICE);
		if (i % 2 && !pid)
			_exit(0);
		if (pid)
			child_ends(pid);
	}
	pthread_join(t, NULL);
	return 0;
}

static int both(void)
{
	pid_t pid = fork();

	if (!pid) {
		recv_slice(0, ALL);
		_exit(0);
	}
	send_slice(0, ALL);
	child_ends(pid);
	return 0;
}

/* ---- all at once ---- */

struct sum {
	uint64_t bytes, values;
};

static struct sum read_some(void)
{
	struct sum s = { 0, 0 };
	uint8_t buf[5000];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		s.bytes += (uint64_t)n;
		for (ssize_t i = 0; i < n; i++)
			s.values += buf[i];
	}
	if (n < 0)
		die("read");
	return s;
}

static void worker(uint32_t i, int go, int report)
{
	struct sum s;
	char c;

	if (read(go, &c, 1) != 1)
		die("go");
	for (uint32_t k = 0; k < SLICES; k++)
		if (k % WORKERS == i)
			send_slice(k * SLICE, SLICE);
	if (write(report, "", 1) != 1)
		die("report");
	s = read_some();
	if (write(report, &s, sizeof(s)) != sizeof(s))
		die("report");
	_exit(0);
}

/* Who reads only after it has sent may not wait for another that cannot send: the parent reads from the start. */
static int at_once(void)
{
	int go[2], report[WORKERS][2];
	pid_t pid[WORKERS];
	struct sum sum, want = { ALL, 0 };
	char c;

	if (pipe(go))
		die("pipe");
	for (uint32_t i = 0; i < WORKERS; i++) {
		if (pipe(report[i]))
			die("pipe");
		pid[i] = fork();
		if (!pid[i])
			worker(i, go[0], report[i][1]);
	}
	pid_t closer = fork();

	if (!closer) { /* the end, when all have sent */
		for (uint32_t i = 0; i < WORKERS; i++)
			if (read(report[i][0], &c, 1) != 1)
				die("nobody has sent");
		_exit(shutdown(fd, SHUT_WR) != 0);
	}
	if (write(go[1], "1234", WORKERS) != WORKERS)
		die("go");
	sum = read_some();
	child_ends(closer);
	for (uint32_t i = 0; i < WORKERS; i++) {
		struct sum s;

		if (read(report[i][0], &s, sizeof(s)) != sizeof(s))
			die("no report");
		child_ends(pid[i]);
		sum.bytes += s.bytes;
		sum.values += s.values;
	}
	for (size_t i = 0; i < ALL; i++)
		want.values += pattern(i);
	if (sum.bytes == want.bytes && sum.values == want.values)
		return 0;
	fprintf(stderr, "forks: %llu bytes of %llu\n", (unsigned long long)sum.bytes, (unsigned long long)want.bytes);
	return 1;
}

/* ---- other ways to start a process ---- */

static char words[3][24];
static char *slice_argv[] = { NULL, "slice", words[0], words[1], words[2], NULL };
extern char **environ;

static int by_exec(void *unused)
{
	(void)unused;
	execv(self, slice_argv);
	_exit(9);
}

static int by_itself(void *at)
{
	send_slice(*(size_t *)at, SLICE);
	return 0;
}

static pid_t start(uint32_t how, size_t at)
{
	static char stack[5][1 << 18] __attribute__((aligned(16)));
	char *top = stack[how] + sizeof(stack[how]);
	pid_t pid;

	snprintf(words[0], sizeof(words[0]), "%d", fd);
	snprintf(words[1], sizeof(words[1]), "%zu", at);
	snprintf(words[2], sizeof(words[2]), "%u", SLICE);
	slice_argv[0] = self;
	switch (how) {
	case 0:		       /* what vfork's child may do, and no more */
		pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
		if (!pid)
			by_exec(NULL);
		return pid;
	case 1: return posix_spawn(&pid, self, NULL, NULL, slice_argv, environ) ? -1 : pid;
	case 2: return clone(by_exec, top, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	case 3: return clone(by_exec, top, SIGCHLD, NULL);
	default: return clone(by_itself, top, SIGCHLD, &at);
	}
}

static int execs(void)
{
	pthread_t t = thread(recv_all);

	for (uint32_t i = 0; i < SLICES; i++) {
		if (i % 6 == 5)
			send_slice(i * SLICE, SLICE);
		else
			child_ends(start(i % 6, i * SLICE));
	}
	pthread_join(t, NULL);
	return 0;
}

/* ---- a library opened at run time ---- */

static int opened(const char *addr, const char *port)
{
	void *lib = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
	void *(*new_connect)(const char *);
	int (*put)(void *, const void *, int), (*get)(void *, void *, int);
	char to[64], buf[16] = "";
	void *bio;

	if (!lib) {
		puts("no libcrypto.so.3");
		return 0;
	}
	*(void **)&new_connect = dlsym(lib, "BIO_new_connect");
	*(void **)&put = dlsym(lib, "BIO_write");
	*(void **)&get = dlsym(lib, "BIO_read");
	snprintf(to, sizeof(to), "%s:%s", addr, port);
	bio = new_connect(to);
	if (!bio || put(bio, "opened", 6) != 6 || get(bio, buf, 6) != 6 || memcmp(buf, "opened", 6) != 0) {
		fprintf(stderr, "forks: libcrypto's connection: '%s'\n", buf);
		return 1;
	}
	return 0;
}

/* ---- busy ---- */

static volatile sig_atomic_t over;

static void enough(int sig)
{
	over = sig;
}

static void *ask(void *unused)
{
	char c;

	while (!over)
		recv(fd, &c, 1, MSG_DONTWAIT);
	return unused;
}

static int busy(void)
{
	pthread_t t[WORKERS];

	signal(SIGTERM, enough);
	puts("up");
	fflush(stdout);
	for (uint32_t i = 0; i < WORKERS; i++)
		t[i] = thread(ask);
	for (uint32_t i = 0; i < WORKERS; i++)
		pthread_join(t[i], NULL);
	send_slice(0, 1000);
	recv_slice(0, 1000);
	return 0;
}

/* ---- the peer ---- */

__attribute__((noreturn)) static void echo(int c)
{
	static char buf[65536];
	ssize_t n;

	while ((n = read(c, buf, sizeof(buf))) > 0)
		for (ssize_t put = 0, done = 0; done < n; done += put) {
			put = send(c, buf + done, (size_t)(n - done), MSG_NOSIGNAL);
			if (put < 0)
				_exit(1);
		}
	_exit(n < 0);
}

static int peer(const char *addr, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int l = socket(AF_INET, SOCK_STREAM, 0), on = 1, c;

	a.sin_port = htons((uint16_t)atoi(port));
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (inet_pton(AF_INET, addr, &a.sin_addr) != 1 || bind(l, (struct sockaddr *)&a, sizeof(a)) || listen(l, 64))
		die("listen");
	signal(SIGCHLD, SIG_IGN);
	while ((c = accept(l, NULL, NULL)) >= 0) {
		if (!fork())
			echo(c);
		close(c);
	}
	return 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int rc = 2;

	self = argv[0];
	if (argc == 5 && !strcmp(what, "slice")) {
		fd = atoi(argv[2]);
		send_slice((size_t)atol(argv[3]), (size_t)atol(argv[4]));
		return 0;
	}
	if (argc != 4)
		return 2;
	if (!strcmp(what, "peer"))
		return peer(argv[2], argv[3]);
	if (strcmp(what, "dlopen") != 0)
		fd = connect_to(argv[2], argv[3]);
	if (!strcmp(what, "send"))
		rc = in_turn(send_slice, recv_all);
	else if (!strcmp(what, "recv"))
		rc = in_turn(recv_slice, send_all);
	else if (!strcmp(what, "both"))
		rc = both();
	else if (!strcmp(what, "all"))
		rc = at_once();
	else if (!strcmp(what, "exec"))
		rc = execs();
	else if (!strcmp(what, "dlopen"))
		rc = opened(argv[2], argv[3]);
	else if (!strcmp(what, "busy"))
		rc = busy();
	if (!rc)
		puts("done");
	return rc;
}
