// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sock_opts.c - descriptors, names, processes and options, a line each: run once on the kernel's sockets and once on xtcp's, the two must print
 * the same. See peer.h.
 */
#undef _FORTIFY_SOURCE
#define _FORTIFY_SOURCE 2 /* so that the calls it makes are __read_chk and the like */
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <linux/close_range.h>
#include <linux/tcp.h>

#include "peer_socks.h"

extern char **environ;

/* ---- what is no file ---- */

static void no_file(void)
{
	char buf[10];
	struct iovec v = { buf, sizeof(buf) };
	struct stat st;
	int fd = connected(), other;

	show(preadv(fd, &v, 1, 0));
	show(pwritev(fd, &v, 1, 0));
	show(pread(fd, buf, 1, 5));
	show(pwrite(fd, buf, 1, 5));
	show(lseek(fd, 0, SEEK_CUR));
	show(ftruncate(fd, 0));
	show(fsync(fd));
	show(fdatasync(fd));
	show(posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL));
	show(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	show(isatty(fd));
	printf("/%s", strerrorname_np(errno));
	show(fstat(fd, &st));
	printf(" %d", S_ISSOCK(st.st_mode) != 0);
	show(fchdir(fd));
	other = open("/dev/zero", O_RDONLY);
	show(copy_file_range(other, NULL, fd, NULL, 10, 0));
	close(other);
	tell('s', 6);
	settle(fd);
	v.iov_len = 4;
	show(preadv2(fd, &v, 1, -1, 0));
	show(preadv2(fd, &v, 1, -1, RWF_NOWAIT));
	show(preadv2(fd, &v, 1, -1, RWF_NOWAIT));
	show(preadv2(fd, &v, 1, 0, 0));
	show(pwritev2(fd, &v, 1, -1, 0));
	close(fd);
}

static void descriptors(void)
{
	char c;
	int fd = connected(), copy, low;

	show(ioctl(fd, FIOCLEX));
	show(fcntl(fd, F_GETFD));
	show(ioctl(fd, FIONCLEX));
	show(fcntl(fd, F_GETFD));
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 300);
	printf(" %d %d", copy == 300, fcntl(copy, F_GETFD));
	show(dup3(fd, 301, O_CLOEXEC) == 301);
	show(fcntl(301, F_GETFD));
	show(dup3(fd, fd, 0));
	show(close_range(301, 301, CLOSE_RANGE_CLOEXEC));
	show(fcntl(301, F_GETFD));
	show(close_range(300, 301, 0));
	show(fcntl(300, F_GETFD));
	show(fcntl(301, F_GETFD));
	show(close_range(5, 4, 0));
	tell('s', 1);
	settle(fd);
	show(read(fd, &c, 1));
	low = dup(fd);
	show(syscall(SYS_close_range, low, low, 0));
	show(fcntl(low, F_GETFD));
	show(fcntl(fd, F_SETFL, O_NONBLOCK));
	show(read(fd, &c, 1));
	close(fd);
	show(read(fd, &c, 1));
	show(fcntl(-1, F_GETFL));
	show(close(-1));
}

/* ---- names ---- */

static void names(void)
{
	struct sockaddr_in a = { 0 }, b = { 0 };
	socklen_t len = sizeof(a);
	int fd = bound(), l, got;

	show(getsockname(fd, (struct sockaddr *)&a, &len));
	printf(" %d", a.sin_port != 0);
	show(connect(fd, (struct sockaddr *)&peer, sizeof(peer)));
	tell('a', 0);
	len = sizeof(b);
	show(getsockname(fd, (struct sockaddr *)&b, &len));
	printf(" %d %d", b.sin_port == a.sin_port, tell('p', 0) == ntohs(a.sin_port));
	tell('r', 0);
	nap(10);
	show(getpeername(fd, (struct sockaddr *)&b, &len));
	show(getsockname(fd, (struct sockaddr *)&b, &len));
	printf(" %d", b.sin_port == a.sin_port);
	close(fd);
	l = listening(&a);
	tell_to('c', 0, &a, sizeof(a));
	got = accept(l, NULL, NULL);
	show(got < 0 ? -1 : 0);
	show(tell('s', 3));
	close(got);
	tell_to('c', 0, &a, sizeof(a));
	len = 4;
	got = accept(l, (struct sockaddr *)&b, &len);
	printf(" %d", (int)len);
	close(got);
	close(l);
}

/* The peer connects to l, by this address: if it is let in, with what name? */
static void who_comes(int l, const void *to, size_t bytes)
{
	struct sockaddr_in6 a;
	socklen_t len = sizeof(a);
	char name[64];
	int fd;

	show(tell_to('c', 0, to, bytes));
	nap(10);
	fd = accept(l, (struct sockaddr *)&a, &len);
	show(fd < 0 ? -1 : 0);
	if (fd >= 0)
		printf(" %s", inet_ntop(AF_INET6, &a.sin6_addr, name, sizeof(name)));
	close(fd);
}

static void v6only(void)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 };
	struct sockaddr_in to = own;
	struct sockaddr_in6 to6 = own6;
	socklen_t len = sizeof(a);

	for (int only = 0; only < 2; only++) {
		int l = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);

		set_int(l, IPPROTO_IPV6, IPV6_V6ONLY, only);
		memset(&a, 0, sizeof(a));
		a.sin6_family = AF_INET6;
		show(bind(l, (struct sockaddr *)&a, sizeof(a)));
		show(listen(l, 8));
		len = sizeof(a);
		getsockname(l, (struct sockaddr *)&a, &len);
		to.sin_port = to6.sin6_port = a.sin6_port;
		who_comes(l, &to, sizeof(to));
		who_comes(l, &to6, sizeof(to6));
		close(l);
	}
}

/* Two processes on one port: between them they get all. */
static void reuseport(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int first = socket(AF_INET, SOCK_STREAM, 0), p[2], total = 0;
	char got[40];
	pid_t child[2];
	ssize_t n;

	set_int(first, SOL_SOCKET, SO_REUSEPORT, 1);
	show(bind(first, (struct sockaddr *)&own, sizeof(own)));
	getsockname(first, (struct sockaddr *)&a, &len);
	if (pipe(p))
		die("pipe");
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		child[i] = fork();
		if (child[i])
			continue;
		int l = socket(AF_INET, SOCK_STREAM, 0), fd;

		set_int(l, SOL_SOCKET, SO_REUSEPORT, 1);
		if (bind(l, (struct sockaddr *)&a, sizeof(a)) || listen(l, 64) || write(p[1], "r", 1) != 1)
			_exit(1);
		while ((fd = accept(l, NULL, NULL)) >= 0) {
			if (write(p[1], i ? "1" : "0", 1) != 1)
				_exit(1);
			nap(2);
			close(fd);
		}
		_exit(0);
	}
	for (int i = 0; i < 2; i++)
		show(read(p[0], got, 1));
	for (int i = 0; i < 30; i++)
		tell_to('k', 0, &a, sizeof(a));
	int by[2] = { 0, 0 };
	while (total < 30 && (n = read(p[0], got, sizeof(got))) > 0)
		for (ssize_t i = 0; i < n; i++, total++)
			by[got[i] - '0']++;
	printf(" %d %d %d", by[0] + by[1], by[0] > 0, by[1] > 0);
	for (int i = 0; i < 2; i++) {
		kill(child[i], SIGTERM); /* SIGKILL in the middle of a turn would end all */
		waitpid(child[i], NULL, 0);
	}
	close(p[0]);
	close(p[1]);
	close(first);
}

/* ---- processes ---- */

/* The child has the socket, and the parent has closed it before the child is up. */
static void spawned(void)
{
	posix_spawn_file_actions_t fa;
	char *argv[] = { (char *)(uintptr_t) "cat", NULL };
	int fd = connected(), status;
	pid_t pid;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, fd, 0);
	posix_spawn_file_actions_adddup2(&fa, fd, 1);
	posix_spawn_file_actions_addclose(&fa, fd);
	show(posix_spawnp(&pid, "cat", &fa, NULL, argv, environ));
	close(fd);
	tell('s', 10);
	tell('f', 0);
	show(waitpid(pid, &status, 0) == pid);
	printf(" %d", status);
	nap(10);
	show(tell('d', 0));
	show(posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, environ));
	posix_spawn_file_actions_destroy(&fa);
}

/* ---- options ---- */

static void option(int fd, const char *name, int level, int opt, int v)
{
	int got = -1, rc;
	socklen_t len = sizeof(got);

	rc = getsockopt(fd, level, opt, &got, &len);
	printf(" %s", name);
	show(rc);
	if (opt != SO_INCOMING_CPU && opt != SO_INCOMING_NAPI_ID)
		printf("=%d", got);
	show(setsockopt(fd, level, opt, &v, sizeof(v)));
	len = sizeof(got);
	got = -1;
	rc = getsockopt(fd, level, opt, &got, &len);
	show(rc);
	printf("=%d/%d", got, (int)len);
}

#define OPTION(level, name, v) option(fd, #name, level, name, v)

static void options(int fd)
{
	OPTION(SOL_SOCKET, SO_TYPE, 1);
	OPTION(SOL_SOCKET, SO_DOMAIN, 1);
	OPTION(SOL_SOCKET, SO_PROTOCOL, 1);
	OPTION(SOL_SOCKET, SO_ACCEPTCONN, 1);
	OPTION(SOL_SOCKET, SO_BUSY_POLL, 50);
	OPTION(SOL_SOCKET, SO_PRIORITY, 5);
	OPTION(SOL_SOCKET, SO_MARK, 7);
	OPTION(SOL_SOCKET, SO_MAX_PACING_RATE, 1 << 30);
	OPTION(SOL_SOCKET, SO_TIMESTAMP, 1);
	OPTION(SOL_SOCKET, SO_TIMESTAMPNS, 1);
	OPTION(SOL_SOCKET, SO_ZEROCOPY, 1);
	OPTION(SOL_SOCKET, SO_ZEROCOPY, 2);
	OPTION(SOL_SOCKET, SO_OOBINLINE, 1);
	OPTION(SOL_SOCKET, SO_DONTROUTE, 0);
	OPTION(SOL_SOCKET, SO_BROADCAST, 1);
	OPTION(SOL_SOCKET, SO_REUSEPORT, 1);
	OPTION(SOL_SOCKET, SO_RCVLOWAT, 0);
	OPTION(SOL_SOCKET, SO_SNDLOWAT, 1);
	OPTION(SOL_SOCKET, 9999, 1);
	OPTION(IPPROTO_TCP, TCP_DEFER_ACCEPT, 5);
	OPTION(IPPROTO_TCP, TCP_SYNCNT, 3);
	OPTION(IPPROTO_TCP, TCP_SYNCNT, 1000);
	OPTION(IPPROTO_TCP, TCP_LINGER2, 5);
	OPTION(IPPROTO_TCP, TCP_NOTSENT_LOWAT, 10000);
	OPTION(IPPROTO_TCP, TCP_QUICKACK, 1);
	OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT, 5000);
	OPTION(IPPROTO_TCP, TCP_INQ, 1);
	OPTION(IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1);
	OPTION(IPPROTO_TCP, TCP_SAVE_SYN, 1);
	OPTION(IPPROTO_IP, IP_RECVERR, 1);
	OPTION(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	OPTION(IPPROTO_IP, IP_FREEBIND, 1);
	OPTION(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	OPTION(IPPROTO_IPV6, IPV6_V6ONLY, 1);
	show(setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 3));
	show(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "nonsense", 8));
	show(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
}

static void options_fresh(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	options(fd);
	OPTION(IPPROTO_TCP, TCP_WINDOW_CLAMP, 20000);
	OPTION(IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
	OPTION(IPPROTO_TCP, TCP_FASTOPEN, 5);
	close(fd);
}

static void options_connected(void)
{
	int fd = connected();

	options(fd);
	close(fd);
}

static void options_accepted(void)
{
	int fd = accepted();

	options(fd);
	close(fd);
}

static void options_listening(void)
{
	struct sockaddr_in a;
	int fd = listening(&a);

	options(fd);
	OPTION(IPPROTO_TCP, TCP_FASTOPEN, 5);
	close(fd);
}

/* To a device: the one there is, and one that is not. */
static void device(void)
{
	char name[16] = "";
	socklen_t len = sizeof(name);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	show(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "vb", 3));
	show(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len));
	printf(" %.10s", name);
	show(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "nothing", 8));
	show(connect(fd, (struct sockaddr *)&peer, sizeof(peer)));
	tell('a', 0);
	drain(fd);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	show(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
	show(connect(fd, (struct sockaddr *)&peer, sizeof(peer)));
	close(fd);
}

static const struct peer_case cases[] = {
	{ "no-file", no_file },
	{ "descriptors", descriptors },
	{ "names", names },
	{ "v6only", v6only },
	{ "reuseport", reuseport },
	{ "spawned", spawned },
	{ "options-fresh", options_fresh },
	{ "options-connected", options_connected },
	{ "options-accepted", options_accepted },
	{ "options-listening", options_listening },
	{ "device", device },
};

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	return peer_main(argc, argv, cases, COUNT(cases));
}
