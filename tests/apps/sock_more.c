// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sock_more.c - data, descriptors, options and streams, a line each: run once on the kernel's sockets and once on xtcp's, the two must print
 * the same. See peer.h.
 */
#undef _FORTIFY_SOURCE
#define _FORTIFY_SOURCE 2 /* so that the calls it makes are __read_chk and the like */
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <linux/errqueue.h>
#include <linux/sockios.h>
#include <linux/tcp.h>

#include "peer_socks.h"

static volatile size_t some = 100; /* the compiler need not know */

static void text(const char *buf, ssize_t n)
{
	show(n);
	if (n > 0)
		printf(":%.*s", (int)n, buf);
}

/* ---- flags of recv() ---- */

static void waitall(void)
{
	char buf[100];
	int fd = connected();

	tell('s', 5);
	tell('S', 5);
	text(buf, recv(fd, buf, 10, MSG_WAITALL | MSG_PEEK));
	text(buf, recv(fd, buf, 10, MSG_WAITALL));
	tell('s', 5);
	tell('F', 0);
	text(buf, recv(fd, buf, 10, MSG_WAITALL | MSG_PEEK));
	text(buf, recv(fd, buf, 10, MSG_WAITALL));
	text(buf, recv(fd, buf, 10, MSG_WAITALL));
	close(fd);
}

static void trunc_peek(void)
{
	char buf[100];
	int fd = connected();

	tell('s', 10);
	settle(fd);
	show(recv(fd, NULL, 4, MSG_TRUNC | MSG_PEEK));
	show(recv(fd, NULL, 100, MSG_TRUNC | MSG_PEEK));
	show(recv(fd, NULL, 4, MSG_TRUNC));
	text(buf, recv(fd, buf, some, MSG_DONTWAIT));
	show(recv(fd, NULL, 4, MSG_TRUNC | MSG_PEEK | MSG_DONTWAIT));
	close(fd);
}

static void timeouts(void)
{
	struct timeval tv = { 0, 30000 }, bad = { 0, 2000000 }, got;
	socklen_t len = sizeof(got);
	struct sockaddr_in a;
	int fd = connected(), l = listening(&a);
	char buf[65536];
	ssize_t n;

	show(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	show(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	show(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	show(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bad, sizeof(bad)));
	show(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, 4));
	show(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &got, &len));
	printf(" %d", (int)got.tv_usec > 0);
	show(recv(fd, buf, some, 0));
	show(read(fd, buf, some));
	show(accept(l, NULL, NULL));
	memset(buf, 0, sizeof(buf));
	do
		n = send(fd, buf, sizeof(buf), 0);
	while (n > 0);
	show(n);
	close(fd);
	close(l);
}

/* ---- urgent data ---- */

static void urgent_state(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLPRI, 0 };
	int n = -1;

	poll(&p, 1, 0);
	printf(" [%#x", (unsigned int)p.revents);
	ioctl(fd, FIONREAD, &n);
	printf(" %d %d]", n, sockatmark(fd));
}

static void urgent(bool is_inline, bool take)
{
	char buf[100];
	int fd = connected();

	if (is_inline)
		set_int(fd, SOL_SOCKET, SO_OOBINLINE, 1);
	urgent_state(fd);
	show(recv(fd, buf, 1, MSG_OOB));
	tell('u', 4);
	tell('s', 3);
	nap(10);
	urgent_state(fd);
	if (take) {
		text(buf, recv(fd, buf, 1, MSG_OOB | MSG_PEEK));
		text(buf, recv(fd, buf, 10, MSG_OOB));
		show(recv(fd, buf, 1, MSG_OOB));
		urgent_state(fd);
	}
	text(buf, recv(fd, buf, some, MSG_PEEK));
	text(buf, recv(fd, buf, some, 0));
	urgent_state(fd);
	text(buf, recv(fd, buf, some, MSG_PEEK | MSG_DONTWAIT));
	text(buf, recv(fd, buf, some, MSG_DONTWAIT));
	urgent_state(fd);
	show(recv(fd, buf, 1, MSG_OOB));
	close(fd);
}

static void urgent_left(void)
{
	urgent(false, false);
}

static void urgent_taken(void)
{
	urgent(false, true);
}

static void urgent_inline(void)
{
	urgent(true, true);
}

static void urgent_alone(void)
{
	char buf[100];
	int fd = connected();
	struct msghdr m = { 0 };
	struct iovec v = { buf, 1 };

	m.msg_iov = &v;
	m.msg_iovlen = 1;
	tell('u', 1);
	nap(10);
	urgent_state(fd);
	show(recv(fd, buf, some, MSG_DONTWAIT));
	urgent_state(fd);
	tell('u', 1);
	nap(10);
	show(recvmsg(fd, &m, MSG_OOB));
	printf(" %#x", (unsigned int)m.msg_flags);
	tell('s', 2);
	nap(10);
	text(buf, recv(fd, buf, some, MSG_DONTWAIT));
	show(send(fd, "abc", 3, MSG_OOB));
	close(fd);
}

/* ---- corks ---- */

static void corked(void)
{
	FILE *f = tmpfile();
	int fd = connected();

	if (!f || fwrite("0123456789", 1, 10, f) != 10 || fflush(f))
		die("a file");
	set_int(fd, IPPROTO_TCP, TCP_CORK, 1);
	show(send(fd, "abc", 3, 0));
	nap(20);
	show(tell('d', 0));
	lseek(fileno(f), 0, SEEK_SET);
	show(sendfile(fd, fileno(f), NULL, 10));
	nap(20);
	show(tell('d', 0));
	set_int(fd, IPPROTO_TCP, TCP_CORK, 0);
	nap(20);
	show(tell('d', 0));
	show(send(fd, "abc", 3, MSG_MORE));
	nap(20);
	show(tell('d', 0));
	show(send(fd, "abc", 3, 0));
	nap(20);
	show(tell('d', 0));
	fclose(f);
	close(fd);
}

static void files(void)
{
	FILE *f = tmpfile();
	off_t off = 2, negative = -1;
	int fd = connected(), wr, p[2];

	if (!f || fwrite("0123456789", 1, 10, f) != 10 || fflush(f) || pipe(p))
		die("a file");
	wr = open("/dev/null", O_WRONLY);
	show(sendfile(fd, fileno(f), &off, 100));
	printf(" %d", (int)off);
	show(sendfile(fd, fileno(f), &off, 100));
	show(sendfile(fd, fileno(f), &negative, 100));
	show(sendfile(fd, fileno(f), NULL, 0));
	show(sendfile(fd, fd, NULL, 10));
	show(sendfile(fd, wr, NULL, 10));
	show(sendfile(fd, -1, NULL, 10));
	show(sendfile(fileno(f), fd, NULL, 10));
	close(wr);
	close(p[0]);
	close(p[1]);
	fclose(f);
	close(fd);
}

static void splices(void)
{
	char buf[100];
	off64_t off = 0;
	FILE *f = tmpfile();
	struct iovec v = { buf, 5 };
	int fd = connected(), p[2], q[2];

	if (!f || pipe(p) || pipe(q))
		die("a pipe");
	show(write(p[1], "hello", 5));
	show(tee(p[0], q[1], 3, 0));
	show(splice(p[0], NULL, fd, NULL, 100, 0));
	show(splice(q[0], NULL, fd, NULL, 100, SPLICE_F_MORE));
	nap(10);
	show(tell('d', 0) > 0);
	show(splice(p[0], NULL, fd, NULL, 100, SPLICE_F_NONBLOCK));
	tell('s', 5);
	settle(fd);
	show(splice(fd, NULL, p[1], NULL, 3, 0));
	show(read(p[0], buf, some));
	show(splice(fd, NULL, p[1], NULL, 100, SPLICE_F_NONBLOCK));
	unblock(fd);
	show(splice(fd, NULL, p[1], NULL, 100, 0));
	show(splice(fd, &off, p[1], NULL, 100, 0));
	show(splice(fd, NULL, p[1], &off, 100, 0));
	show(splice(p[0], &off, fd, NULL, 100, 0));
	show(splice(p[0], NULL, fd, &off, 100, 0));
	show(splice(fd, NULL, fd, NULL, 100, 0));
	show(splice(fd, NULL, fileno(f), NULL, 100, 0));
	show(splice(fd, NULL, p[1], NULL, 0, 0));
	show(splice(fd, NULL, p[1], NULL, 10, 256));
	show(splice(fd, NULL, -1, NULL, 10, 0));
	show(tee(fd, p[1], 3, 0));
	show(vmsplice(fd, &v, 1, 0));
	tell('f', 0);
	nap(10);
	show(splice(fd, NULL, q[1], NULL, 100, 0));
	close(p[0]);
	close(p[1]);
	close(q[0]);
	close(q[1]);
	fclose(f);
	close(fd);
}

/* ---- many messages ---- */

static void many(void)
{
	struct timespec limit = { 0, 20000000 }, bad = { 0, -1 };
	char a[4][5];
	struct iovec v[4];
	struct mmsghdr m[4];
	int fd = connected();

	memset(m, 0, sizeof(m));
	for (int i = 0; i < 4; i++) {
		v[i] = (struct iovec){ a[i], sizeof(a[i]) };
		m[i].msg_hdr.msg_iov = &v[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	tell('s', 12);
	settle(fd);
	show(recvmmsg(fd, m, 4, MSG_WAITFORONE, NULL));
	printf(" %u %u %u", m[0].msg_len, m[1].msg_len, m[2].msg_len);
	tell('S', 12);
	show(recvmmsg(fd, m, 2, 0, &limit)); /* the time is looked at after a message only */
	printf(" %d", limit.tv_sec == 0);
	limit = (struct timespec){ 0, 20000000 };
	show(recvmmsg(fd, m, 4, MSG_DONTWAIT, &limit));
	show(recvmmsg(fd, m, 4, MSG_DONTWAIT, &limit));
	show(recvmmsg(fd, m, 4, MSG_DONTWAIT, &bad));
	show(recvmmsg(fd, m, 0, MSG_DONTWAIT, NULL));
	for (int i = 0; i < 4; i++)
		v[i].iov_len = (size_t)i;
	show(sendmmsg(fd, m, 4, 0));
	printf(" %u %u %u %u", m[0].msg_len, m[1].msg_len, m[2].msg_len, m[3].msg_len);
	tell('f', 0);
	for (int i = 0; i < 4; i++)
		v[i].iov_len = 5;
	show(recvmmsg(fd, m, 2, 0, NULL));
	printf(" %u %u", m[0].msg_len, m[1].msg_len);
	close(fd);
}

/* ---- closing ---- */

static void lingers(void)
{
	struct linger now = { 1, 0 }, five = { 1, 5 };
	struct timespec began, ended;
	int fd = connected();

	show(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	close(fd);
	nap(10);
	show(tell('d', 0) == -ECONNRESET);
	for (int i = 0; i < 2; i++) {
		fd = connected();
		if (i)
			unblock(fd);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &five, sizeof(five));
		show(send(fd, "hello", 5, 0));
		clock_gettime(CLOCK_MONOTONIC, &began);
		show(close(fd));
		clock_gettime(CLOCK_MONOTONIC, &ended);
		printf(" %d", ended.tv_sec - began.tv_sec < 2);
		show(tell('d', 0));
		nap(5);
		show(tell('d', 0));
	}
}

/* ---- zero-copy sends, and what else recvmsg() tells ---- */

static ssize_t from_queue(int fd, int *info, int *data)
{
	union {
		char buf[200];
		struct cmsghdr align;
	} u;
	struct msghdr m = { 0 };
	struct sock_extended_err ee;
	struct cmsghdr *c;
	ssize_t n;

	m.msg_control = u.buf;
	m.msg_controllen = sizeof(u.buf);
	n = recvmsg(fd, &m, MSG_ERRQUEUE);
	if (n < 0)
		return n;
	c = CMSG_FIRSTHDR(&m);
	if (!c)
		return -2;
	memcpy(&ee, CMSG_DATA(c), sizeof(ee));
	printf(" (%d %d %d %d %#x %d)", c->cmsg_level, c->cmsg_type, (int)c->cmsg_len, (int)ee.ee_origin,
	       (unsigned int)m.msg_flags, (int)ee.ee_errno);
	*info = (int)ee.ee_info;
	*data = (int)ee.ee_data;
	return n;
}

static void zerocopy(void)
{
	int fd = connected(), lo = -1, hi = -1, next = 0;
	struct pollfd p = { fd, POLLIN, 0 };
	static char data[20000];
	char buf[10];

	show(send(fd, data, 10, MSG_ZEROCOPY)); /* not asked for: an ordinary one */
	nap(5);
	show(poll(&p, 1, 0));
	show(recv(fd, buf, sizeof(buf), MSG_ERRQUEUE));
	set_int(fd, SOL_SOCKET, SO_ZEROCOPY, 1);
	show(from_queue(fd, &lo, &hi));
	for (int i = 0; i < 3; i++)
		show(send(fd, data, sizeof(data), MSG_ZEROCOPY));
	nap(10);
	tell('d', 0);
	nap(10);
	show(poll(&p, 1, 1000));
	printf(" %#x", (unsigned int)p.revents);
	show(from_queue(fd, &lo, &hi));
	next = hi + 1;
	printf(" from %d", lo);
	while (next < 3) {
		nap(10);
		if (from_queue(fd, &lo, &hi) == 0)
			next = hi + 1;
	}
	printf(" to %d", next);
	show(from_queue(fd, &lo, &hi));
	show(poll(&p, 1, 0));
	show(send(fd, data, 10, MSG_ZEROCOPY));
	nap(5);
	while (tell('d', 0) > 0)
		nap(5);
	nap(5);
	show(recv(fd, buf, sizeof(buf), MSG_ERRQUEUE));
	show(send(fd, data, 0, MSG_ZEROCOPY));
	nap(5);
	show(recv(fd, buf, sizeof(buf), MSG_ERRQUEUE));
	close(fd);
}

static void told(void)
{
	union {
		char buf[200];
		struct cmsghdr align;
	} u;
	char data[10];
	int fd = connected();

	set_int(fd, IPPROTO_TCP, TCP_INQ, 1);
	set_int(fd, SOL_SOCKET, SO_TIMESTAMP, 1);
	nap(20);
	tell('s', 20);
	settle(fd);
	for (int i = 0; i < 3; i++) {
		struct iovec v = { data, 8 };
		struct msghdr m = { 0 };

		m.msg_iov = &v;
		m.msg_iovlen = 1;
		m.msg_control = u.buf;
		m.msg_controllen = i == 2 ? 20 : sizeof(u.buf);
		show(recvmsg(fd, &m, MSG_DONTWAIT));
		printf(" %#x", (unsigned int)m.msg_flags);
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
			int v32;

			memcpy(&v32, CMSG_DATA(c), sizeof(v32));
			printf(" (%d %d %d %d)", c->cmsg_level, c->cmsg_type, (int)c->cmsg_len,
			       c->cmsg_level == IPPROTO_TCP ? v32 : 0);
		}
	}
	close(fd);
}

static void fast_open(void)
{
	struct msghdr m = { 0 };
	struct iovec v = { (void *)(uintptr_t) "hello", 5 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	show(sendto(fd, "hello", 5, MSG_FASTOPEN, (struct sockaddr *)&peer, sizeof(peer)));
	tell('a', 0);
	nap(10);
	show(tell('d', 0));
	show(sendto(fd, "hello", 5, MSG_FASTOPEN, (struct sockaddr *)&peer, sizeof(peer)));
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	m.msg_iov = &v;
	m.msg_iovlen = 1;
	m.msg_name = &peer;
	m.msg_namelen = sizeof(peer);
	show(sendmsg(fd, &m, MSG_FASTOPEN));
	tell('a', 0);
	nap(10);
	show(tell('d', 0));
	show(send(fd, "hello", 5, 0));
	nap(10);
	show(tell('d', 0));
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	set_int(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
	show(connect(fd, (struct sockaddr *)&peer, sizeof(peer)));
	show(send(fd, "hello", 5, 0));
	tell('a', 0);
	nap(10);
	show(tell('d', 0));
	close(fd);
}

/* ---- streams ---- */

static void print_to(int fd, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	show(vdprintf(fd, format, ap));
	va_end(ap);
}

static void streams(void)
{
	int fd = connected();
	FILE *f = fdopen(fd, "r+"), *p;
	char *line = NULL, buf[100];
	size_t room = 0;

	printf(" %d", fileno(f) == fd);
	show(fprintf(f, "%d\n", 12345));
	nap(5);
	show(tell('d', 0));
	show(fflush(f));
	nap(5);
	show(tell('d', 0));
	setvbuf(f, NULL, _IONBF, 0);
	show(fputs("now", f) >= 0);
	nap(5);
	show(tell('d', 0));
	tell('s', 26);
	settle(fd);
	show(fgetc(f));
	show(ungetc('x', f));
	show((long)fread(buf, 1, 3, f));
	printf(" %.3s", buf);
	show(fseek(f, 0, SEEK_SET));
	show(ftell(f));
	p = popen("echo beside", "r");
	show(fgets(buf, sizeof(buf), p) != NULL);
	printf(" %.6s", buf);
	show(pclose(p));
	print_to(fd, "%s %d", "abc", 7);
	show(dprintf(fd, "%s", "def"));
	nap(5);
	show(tell('d', 0));
	tell('f', 0);
	show(getline(&line, &room, f));
	printf(" %d %d", feof(f) != 0, ferror(f) != 0);
	show(getline(&line, &room, f));
	free(line);
	show(fclose(f));
	show(fcntl(fd, F_GETFD));
	fd = connected();
	f = fdopen(fd, "nonsense");
	show(f ? 0 : -1);
	f = fdopen(fd, "r");
	show(fputs("no", f));
	printf(" %d", ferror(f) != 0);
	tell('r', 0);
	nap(5);
	clearerr(f);
	show(fgetc(f));
	printf(" %d", ferror(f) != 0);
	fclose(f);
}

/* ---- the same calls by number, as libuv closes ---- */

static void by_number(void)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 1 };
	int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0), ep = epoll_create1(0), copy;
	struct pollfd p = { fd, POLLIN, 0 };
	struct timespec soon = { 1, 0 };
	uint64_t usr1 = 1 << (SIGUSR1 - 1);
	char buf[100];

	show(syscall(SYS_connect, fd, &peer, sizeof(peer)));
	tell('a', 0);
	show(syscall(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, fd, &ev));
	tell('s', 5);
	show(syscall(SYS_epoll_pwait, ep, &ev, 1, 1000, &usr1, sizeof(usr1)));
	show(syscall(SYS_epoll_pwait, ep, &ev, 1, 1000, &usr1, 3L));
	show(syscall(SYS_ppoll, &p, 1L, &soon, &usr1, sizeof(usr1)));
	text(buf, syscall(SYS_recvfrom, fd, buf, some, MSG_PEEK, NULL, NULL));
	text(buf, syscall(SYS_read, fd, buf, some));
	show(syscall(SYS_write, fd, "hello", 5L));
	copy = (int)syscall(SYS_dup, fd);
	show(syscall(SYS_close, fd));
	show(syscall(SYS_fcntl, copy, F_SETFL, O_NONBLOCK));
	show(syscall(SYS_read, copy, buf, some));
	show(syscall(SYS_shutdown, copy, SHUT_RDWR));
	show(syscall(SYS_close, copy));
	show(syscall(SYS_close, copy));
	nap(10);
	show(tell('d', 0));
	close(ep);
}

/* Nobody else closes it: the peer is told, and the number is free for anything. */
static void closed_by_number(void)
{
	int fd = connected(), other;

	show(syscall(SYS_close, fd));
	nap(10);
	show(tell('s', 5)); /* to nobody */
	nap(10);
	show(tell('s', 5));
	other = socket(AF_UNIX, SOCK_DGRAM, 0);
	printf(" %d", other == fd);
	show(bind(other, &(struct sockaddr){ .sa_family = AF_UNIX }, sizeof(sa_family_t)));
	close(other);
}

/* A connection to the same peer has the port: no second one, in no way. */
static void port_again(void)
{
	int first = socket(AF_INET, SOCK_STREAM, 0), second = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	struct sockaddr_in a = own;
	socklen_t len = sizeof(a);

	setsockopt(first, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(second, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	show(bind(first, (struct sockaddr *)&a, sizeof(a)));
	show(getsockname(first, (struct sockaddr *)&a, &len));
	show(connect(first, (struct sockaddr *)&peer, sizeof(peer)));
	tell('a', 0);
	show(bind(second, (struct sockaddr *)&a, sizeof(a)));
	show(connect(second, (struct sockaddr *)&peer, sizeof(peer)));
	close(second);
	close(first);
}

static const struct peer_case cases[] = {
	{ "waitall", waitall },
	{ "trunc-peek", trunc_peek },
	{ "timeouts", timeouts },
	{ "urgent-left", urgent_left },
	{ "urgent-taken", urgent_taken },
	{ "urgent-inline", urgent_inline },
	{ "urgent-alone", urgent_alone },
	{ "corked", corked },
	{ "files", files },
	{ "splices", splices },
	{ "many", many },
	{ "lingers", lingers },
	{ "zerocopy", zerocopy },
	{ "told", told },
	{ "fast-open", fast_open },
	{ "port-again", port_again },
	{ "by-number", by_number },
	{ "closed-by-number", closed_by_number },
	{ "streams", streams },
};

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	return peer_main(argc, argv, cases, COUNT(cases));
}
