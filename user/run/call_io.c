// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * call_io.c - data in and out.
 *
 * Sending on a non-blocking socket leaves the segments to the next turn, so that a round of an event loop shares one doorbell: its
 * next wait, or a second call in a row that finds nothing to do, runs it, the keeper within a millisecond otherwise. A blocking socket's
 * leave at once, for nobody knows what the program does next.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "run/call_msg.h"
#include "run/call_oob.h"
#include "run/calls.h"
#include "run/guard.h"
#include "engine/engine.h"
#include "io/clock.h"

#define FLUSH_BYTES (256u << 10) /* queued by one call: a turn at once, the peer can begin */
#define SPLICE_BYTES (64u << 10)
#define USER_END ((uintptr_t)SSIZE_MAX) /* no program has memory there, on any processor */
#define PIECE_BYTES (64u << 10)		/* of the program's memory: looked at, then copied */
#define PEEK_NS 1000000ull

static bool blocks(const struct run_sock *s, int flags)
{
	return !s->nonblock && !(flags & MSG_DONTWAIT);
}

static size_t total(const struct iovec *iov, int n)
{
	size_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += iov[i].iov_len;
	return sum;
}

/* As the kernel judges a list, before it looks at what is there. 0 or an errno. */
static int bad_list(const struct iovec *iov, size_t n, int too_many)
{
	if (n > IOV_MAX)
		return too_many;
	if (!guard_read(iov, n * sizeof(*iov)))
		return EFAULT;
	for (size_t i = 0; i < n; i++) {
		if (iov[i].iov_len > SSIZE_MAX)
			return EINVAL;
		if ((uintptr_t)iov[i].iov_base > USER_END - iov[i].iov_len && iov[i].iov_len)
			return EFAULT;
	}
	return 0;
}

/* The connection's end is told once, as the kernel does; later: ended, which is 0 or EPIPE. */
static int take_error(struct run_sock *s, int ended)
{
	int err = s->error;

	s->error = 0;
	return err ? -err : ended;
}

/* ---- sending ---- */

static unsigned int send_flags(const struct run_sock *s, int flags)
{
	return (flags & MSG_MORE || s->cork ? XTCP_MORE : 0) | (flags & MSG_OOB ? XTCP_URGENT : 0);
}

/* As much as there is room for. Bytes, or -errno. */
static ssize_t send_some(struct run_sock *s, const struct iovec *iov, int n, size_t skip, int flags)
{
	ssize_t done = 0;

	for (int i = 0; i < n;) {
		const uint8_t *at = (const uint8_t *)iov[i].iov_base + skip;
		size_t len = iov[i].iov_len - skip, piece = len < PIECE_BYTES ? len : PIECE_BYTES;
		bool last = i + 1 == n && piece == len;
		ssize_t got;

		if (skip >= iov[i].iov_len) {
			skip -= iov[i++].iov_len;
			continue;
		}
		if (!guard_read(at, piece))
			return done ? done : -EFAULT;
		got = xtcp_send(local_here->x, s->handle, at, piece,
				last ? send_flags(s, flags) : send_flags(s, flags & ~MSG_OOB) | XTCP_MORE);
		if (got < 0)
			return done ? done : got;
		done += got;
		if ((size_t)got < piece)
			break;
		skip += piece;
	}
	return done;
}

static int may_send(struct run_sock *s)
{
	if (s->error)
		return take_error(s, 0);
	if (s->kind == RUN_LISTENER || s->shut & 2)
		return -EPIPE;
	if (s->connecting)
		return s->nonblock ? -EAGAIN : 0;
	if (!s->opened)
		return -EPIPE;
	return 0;
}

static ssize_t send_all(uint32_t ref, const struct iovec *iov, int n, int flags)
{
	size_t want = total(iov, n), done = 0;
	uint64_t limit = local_until(local_at(ref)->sndtimeo_ns);
	int rc = 0;

	for (;;) {
		struct run_sock *s = local_at(ref);
		ssize_t got = may_send(s);

		if (got && got != -EAGAIN) {
			rc = (int)got;
			break;
		}
		if (!got)
			got = s->connecting ? -EAGAIN : send_some(s, iov, n, done, flags);
		if (got < 0 && got != -EAGAIN) {
			rc = got == -EFAULT ? -EFAULT : take_error(s, -EPIPE);
			break;
		}
		done += got > 0 ? (size_t)got : 0;
		if (done == want)
			break;
		local_turn();
		if (!blocks(s, flags)) {
			ssize_t more = got == -EAGAIN ? send_some(s, iov, n, done, flags) : -EAGAIN;

			done += more > 0 ? (size_t)more : 0;
			rc = -EAGAIN;
			break;
		}
		rc = local_wait_one(ref, POLLOUT, limit);
		if (rc <= 0) {
			rc = rc ? rc : -EAGAIN;
			if (rc == -EIO)
				return rc;
			break;
		}
	}
	if (done && (blocks(local_at(ref), flags) || done >= FLUSH_BYTES))
		local_turn();
	return done ? (ssize_t)done : rc;
}

/* Without a cookie the SYN asks for one. */
void call_send_first(uint32_t ref, struct call_first *first)
{
	struct run_sock *s = local_at(ref);
	const struct tcp_conn *c;
	ssize_t n;

	if (xtcp_setopt(local_here->x, s->handle, XTCP_FASTOPEN_CONNECT, 1))
		return;
	c = engine_conn(api_engine(local_here->x), s->handle);
	n = c->fastopen & TCP_FO_HOLD ? send_some(s, first->iov, first->n, 0, first->flags) : 0;
	first->taken = n > 0 ? (size_t)n : 0;
}

static int tell(ssize_t rc, int flags)
{
	if (rc == -EPIPE && !(flags & MSG_NOSIGNAL))
		raise(SIGPIPE);
	errno = (int)-rc;
	return -1;
}

/* What the kernel would copy at once is not there: then nothing is sent of what is. */
static bool there(const struct iovec *iov, int n)
{
	size_t left = PIECE_BYTES;

	for (int i = 0; i < n && left; i++) {
		size_t len = iov[i].iov_len < left ? iov[i].iov_len : left;

		if (!guard_read(iov[i].iov_base, len))
			return false;
		left -= len;
	}
	return true;
}

ssize_t call_send(int fd, const struct iovec *iov, int n, int flags)
{
	uint32_t ref = local_sock(fd);
	ssize_t rc;

	if (!there(iov, n))
		return call_error(EFAULT);
	if (!local_lock_on(fd, ref))
		return -1;
	rc = send_all(ref, iov, n, flags);
	if (rc == -EIO)
		return call_error(EIO);
	if (rc > 0 && flags & MSG_ZEROCOPY)
		call_msg_copied(ref);
	local_unlock();
	return rc < 0 ? tell(rc, flags) : rc;
}

ssize_t call_write(int fd, const void *buf, size_t n)
{
	struct iovec iov = { (void *)(uintptr_t)buf, n };

	if (!local_sock(fd))
		return real.write(fd, buf, n);
	return n > SSIZE_MAX ? call_error(EINVAL) : call_send(fd, &iov, 1, 0);
}

ssize_t call_writev(int fd, const struct iovec *iov, int n)
{
	int err = bad_list(iov, (size_t)n, EINVAL);

	return err ? call_error(err) : call_send(fd, iov, n, 0);
}

ssize_t call_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	int err;

	if (!local_sock(fd))
		return call_send_rights(fd, msg, flags);
	if (!guard_read(msg, sizeof(*msg)))
		return call_error(EFAULT);
	err = bad_list(msg->msg_iov, msg->msg_iovlen, EMSGSIZE);
	if (err)
		return call_error(err);
	return call_send(fd, msg->msg_iov, (int)msg->msg_iovlen, flags);
}

/* ---- receiving ---- */

/* Can have bytes be put there, behind the first skip? If not, none is taken. */
static bool place(const struct iovec *iov, int n, size_t skip, size_t have)
{
	for (int i = 0; i < n && have; i++) {
		size_t len = iov[i].iov_len;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		len = len - skip < have ? len - skip : have;
		if (!guard_write((uint8_t *)iov[i].iov_base + skip, len))
			return false;
		have -= len;
		skip = 0;
	}
	return true;
}

/* Copy without taking; skip bytes of iov are full already. */
static ssize_t peek_some(struct run_sock *s, const struct iovec *iov, int n)
{
	struct iovec span[2];
	ssize_t have = xtcp_peek(local_here->x, s->handle, span), done = 0;
	size_t at[2] = { 0, 0 };
	int k = 0;

	if (have <= 0)
		return have;
	if (!place(iov, n, 0, (size_t)have))
		return -EFAULT;
	for (int i = 0; i < n; i++) {
		size_t filled = 0;

		while (filled < iov[i].iov_len && done < have && k < 2) {
			size_t len;

			if (at[k] == span[k].iov_len) {
				k++;
				continue;
			}
			len = span[k].iov_len - at[k];
			len = len < iov[i].iov_len - filled ? len : iov[i].iov_len - filled;
			memcpy((uint8_t *)iov[i].iov_base + filled, (uint8_t *)span[k].iov_base + at[k], len);
			at[k] += len;
			filled += len;
			done += (ssize_t)len;
		}
	}
	return done;
}

/* MSG_TRUNC: thrown away. */
static ssize_t discard_some(struct run_sock *s, size_t n)
{
	struct iovec span[2];
	ssize_t have = xtcp_peek(local_here->x, s->handle, span);

	if (have <= 0)
		return have;
	if ((size_t)have > n)
		have = (ssize_t)n;
	xtcp_consume(local_here->x, s->handle, (size_t)have);
	return have;
}

static ssize_t recv_some(struct run_sock *s, const struct iovec *iov, int n, size_t skip, int flags)
{
	ssize_t done = 0;

	if (flags & MSG_PEEK && flags & MSG_TRUNC) {
		size_t have = xtcp_recv_queued(local_here->x, s->handle), most = total(iov, n);

		if (have)
			return (ssize_t)(have < most ? have : most);
	}
	if (flags & MSG_PEEK)
		return peek_some(s, iov, n);
	if (flags & MSG_TRUNC)
		return discard_some(s, total(iov, n) - skip);
	if (!place(iov, n, skip, xtcp_recv_queued(local_here->x, s->handle)))
		return -EFAULT;
	for (int i = 0; i < n; i++) {
		size_t len = iov[i].iov_len;
		ssize_t got;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		got = xtcp_recv(local_here->x, s->handle, (uint8_t *)iov[i].iov_base + skip, len - skip);
		if (got <= 0)
			return done ? done : got;
		done += got;
		if ((size_t)got < len - skip)
			break;
		skip = 0;
	}
	return done;
}

static ssize_t recv_once(uint32_t ref, const struct iovec *iov, int n, size_t skip, int flags)
{
	struct run_sock *s = local_at(ref);
	ssize_t got;

	if (s->kind == RUN_LISTENER)
		return -ENOTCONN;
	if (!s->opened && !s->connecting) /* it could not connect */
		return take_error(s, 0);
	if (s->connecting)
		return -EAGAIN;
	if (!total(iov, n))
		return xtcp_recv_queued(local_here->x, s->handle)	       ? 0
		       : run_poll(local_here, local_ref(ref), POLLIN) & POLLIN ? take_error(s, 0)
									       : -EAGAIN;
	if (call_oob_before(s) >= 0)
		got = call_oob_recv(s, iov, n, skip, total(iov, n) - skip, flags);
	else
		got = recv_some(s, iov, n, skip, flags);
	if (got == -EAGAIN && s->shut & 1)
		return 0;
	if (got < 0 && got != -EAGAIN && got != -EFAULT)
		return take_error(s, 0);
	return got;
}

/* How much there has to be for a call to return. */
static size_t least(const struct run_sock *s, size_t want, int flags)
{
	return flags & MSG_WAITALL || want < s->rcvlowat ? want : s->rcvlowat;
}

/* MSG_PEEK leaves what was seen: there is no event for more than that. */
static int wait_more(uint32_t ref, size_t seen, int flags, uint64_t limit)
{
	uint64_t soon = clock_now_ns() + PEEK_NS;
	int rc;

	if (!(flags & MSG_PEEK) || !seen)
		return local_wait_one(ref, POLLIN | POLLRDHUP, limit);
	if (run_poll(local_here, local_ref(ref), POLLRDHUP) & (POLLRDHUP | POLLERR))
		return 0;
	rc = local_wait_one(ref, 0, soon < limit ? soon : limit);
	return rc || soon >= limit ? rc : 1;
}

static ssize_t recv_all(uint32_t ref, const struct iovec *iov, int n, int flags)
{
	size_t want = total(iov, n), done = 0;
	struct run_sock *s = local_at(ref);
	uint64_t limit = local_until(s->rcvtimeo_ns);
	bool turned = false;

	if (flags & MSG_OOB)
		return s->kind == RUN_LISTENER ? -ENOTCONN : call_oob_take(s, iov, n, flags);
	for (;;) {
		ssize_t got = recv_once(ref, iov, n, flags & MSG_PEEK ? 0 : done, flags);
		int rc;

		if (got >= 0 || (got != -EAGAIN && !done))
			done = (flags & MSG_PEEK ? 0 : done) + (got > 0 ? (size_t)got : 0);
		if (got == 0 || (got < 0 && got != -EAGAIN))
			return done ? (ssize_t)done : got;
		if (done && (done >= least(s, want, flags) || call_oob_before(s) == 0))
			return (ssize_t)done;
		if (!turned) { /* perhaps it has come meanwhile */
			turned = true;
			if (blocks(s, flags))
				local_turn();
			else if (!local_look(ref))
				return done ? (ssize_t)done : -EAGAIN;
			continue;
		}
		if (!blocks(s, flags))
			return done ? (ssize_t)done : -EAGAIN;
		rc = wait_more(ref, done, flags, limit);
		s = local_at(ref);
		if (rc == -EIO)
			return rc;
		if (rc <= 0)
			return done ? (ssize_t)done : rc ? rc : -EAGAIN;
	}
}

ssize_t call_recv(int fd, const struct iovec *iov, int n, int flags)
{
	uint32_t ref = local_sock(fd);
	ssize_t rc;

	if (flags & MSG_ERRQUEUE)
		return call_msg_errors(fd, NULL);
	if (!local_lock_on(fd, ref))
		return -1;
	rc = recv_all(ref, iov, n, flags);
	if (rc == -EIO)
		return call_error(EIO);
	local_unlock();
	return rc < 0 ? call_error((int)-rc) : rc;
}

ssize_t call_read(int fd, void *buf, size_t n)
{
	struct iovec iov = { buf, n };

	if (!local_sock(fd))
		return real.read(fd, buf, n);
	if (n > SSIZE_MAX)
		return call_error(EINVAL);
	return n ? call_recv(fd, &iov, 1, 0) : 0;
}

ssize_t call_readv(int fd, const struct iovec *iov, int n)
{
	int err = bad_list(iov, (size_t)n, EINVAL);

	return err ? call_error(err) : call_recv(fd, iov, n, 0);
}

ssize_t call_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t n;
	int err;

	if (!local_sock(fd))
		return call_recv_rights(fd, msg, flags);
	if (!guard_write(msg, sizeof(*msg)))
		return call_error(EFAULT);
	err = bad_list(msg->msg_iov, msg->msg_iovlen, EMSGSIZE);
	if (err)
		return call_error(err);
	if (flags & MSG_ERRQUEUE)
		return call_msg_errors(fd, msg);
	n = call_recv(fd, msg->msg_iov, (int)msg->msg_iovlen, flags);
	if (n >= 0)
		call_msg_received(fd, msg, n, flags);
	return n;
}

/* ---- files and pipes ---- */

static bool is_kind(int fd, mode_t kind)
{
	struct stat st;

	return fstat(fd, &st) || (st.st_mode & S_IFMT) == kind;
}

/* From the page cache straight into the send buffer. Bytes, 0 at the end of the file, -errno. */
static ssize_t send_file_some(struct run_sock *s, int in, off_t *off, size_t want, unsigned int flags)
{
	struct iovec span[2];
	ssize_t room = xtcp_reserve(local_here->x, s->handle, want, span), got;

	if (room < 0)
		return room;
	if (span[0].iov_len > (size_t)room)
		span[0].iov_len = (size_t)room;
	got = off ? real.pread(in, span[0].iov_base, span[0].iov_len, *off)
		  : real.read(in, span[0].iov_base, span[0].iov_len);
	if (got <= 0)
		return got ? -errno : 0;
	xtcp_commit(local_here->x, s->handle, (size_t)got, (size_t)got < want ? flags | XTCP_MORE : flags);
	if (off)
		*off += got;
	return got;
}

static ssize_t send_file(uint32_t ref, int in, off_t *off, size_t n)
{
	uint64_t limit = local_until(local_at(ref)->sndtimeo_ns);
	size_t done = 0;
	ssize_t got = 0;

	while (done < n) {
		struct run_sock *s = local_at(ref);
		size_t want = n - done < INT_MAX ? n - done : INT_MAX;

		got = may_send(s);
		if (!got && s->connecting)
			got = -EAGAIN;
		if (!got)
			got = send_file_some(s, in, off, want, s->cork ? XTCP_MORE : 0);
		if (got > 0) {
			done += (size_t)got;
			continue;
		}
		if (got != -EAGAIN)
			break;
		local_turn();
		if (s->nonblock)
			break;
		got = local_wait_one(ref, POLLOUT, limit);
		if (got == -EIO)
			return got;
		if (got <= 0)
			break;
	}
	/* A short file: what was promised to follow does not. */
	if (done && !local_at(ref)->cork)
		api_uncork(local_here->x, local_at(ref)->handle);
	if (done && (!local_at(ref)->nonblock || done >= FLUSH_BYTES))
		local_turn();
	return done ? (ssize_t)done : got;
}

ssize_t call_sendfile(int out, int in, off_t *off, size_t n)
{
	uint32_t ref = local_sock(out);
	ssize_t rc;

	if (!ref)
		return local_sock(in) ? call_error(EINVAL) : real.sendfile(out, in, off, n);
	if (local_sock(in))
		return call_error(EINVAL);
	if (off && !guard_write(off, sizeof(*off)))
		return call_error(EFAULT);
	if (!off && !is_kind(in, S_IFREG) && !is_kind(in, S_IFBLK)) /* with an offset, reading there says so */
		return call_error((real.fcntl(in, F_GETFL, 0) & O_ACCMODE) == O_WRONLY ? EBADF : EINVAL);
	if (!local_lock_on(out, ref))
		return -1;
	rc = send_file(ref, in, off, n);
	if (rc == -EIO)
		return call_error(EIO);
	local_unlock();
	return rc < 0 ? tell(rc, 0) : rc;
}

static bool pipe_ready(int fd, short want)
{
	const struct timespec now = { 0, 0 };
	struct pollfd p = { fd, want, 0 };

	return real.ppoll(&p, 1, &now, NULL) > 0;
}

/* Between a pipe and a socket of ours there is no way around a copy. */
static ssize_t pipe_to_sock(int in, int out, size_t n, unsigned int flags)
{
	char buf[SPLICE_BYTES];
	struct iovec iov = { buf, 0 };
	uint32_t ref = local_sock(out);
	bool waits;
	size_t room;
	ssize_t got;

	if (!local_lock_on(out, ref))
		return -1;
	local_turn();
	room = xtcp_send_space(local_here->x, local_at(ref)->handle);
	waits = !local_at(ref)->nonblock;
	local_unlock();
	if (!room && !waits)
		return call_error(EAGAIN);
	if (flags & SPLICE_F_NONBLOCK && !pipe_ready(in, POLLIN))
		return call_error(EAGAIN);
	n = n < sizeof(buf) ? n : sizeof(buf);
	if (room && room < n)
		n = room;
	got = real.read(in, buf, n);
	if (got <= 0)
		return got;
	iov.iov_len = (size_t)got;
	return call_send(out, &iov, 1, MSG_NOSIGNAL | (flags & SPLICE_F_MORE ? MSG_MORE : 0));
}

/* What a pipe takes without making us wait, if it takes anything: a page in any case. */
static size_t pipe_room(int out)
{
	int held = 0, size = real.fcntl(out, F_GETPIPE_SZ, 0);

	return size > 0 && !real.ioctl(out, FIONREAD, &held) && !held ? (size_t)size : 4096;
}

static ssize_t sock_to_pipe(int in, int out, size_t n, unsigned int flags)
{
	char buf[SPLICE_BYTES];
	struct iovec iov = { buf, n < sizeof(buf) ? n : sizeof(buf) };
	ssize_t got, put;

	if (flags & SPLICE_F_NONBLOCK && !pipe_ready(out, POLLOUT))
		return call_error(EAGAIN);
	if (iov.iov_len > pipe_room(out))
		iov.iov_len = pipe_room(out);
	got = call_recv(in, &iov, 1, MSG_PEEK);
	if (got <= 0)
		return got;
	put = real.write(out, buf, (size_t)got);
	if (put > 0) {
		iov.iov_len = (size_t)put;
		call_recv(in, &iov, 1, MSG_TRUNC);
	}
	return put;
}

ssize_t call_splice(int in, off64_t *in_off, int out, off64_t *out_off, size_t n, unsigned int flags)
{
	int other;

	if (!local_sock(in) && !local_sock(out))
		return real.splice(in, in_off, out, out_off, n, flags);
	if (!n)
		return 0;
	other = local_sock(in) ? out : in;
	if (real.fcntl(other, F_GETFD, 0) < 0)
		return -1;
	if (flags & ~15u || local_sock(other) || real.fcntl(other, F_GETPIPE_SZ, 0) < 0)
		return call_error(EINVAL);
	if (other == in ? in_off : out_off)
		return call_error(ESPIPE);
	if (in_off || out_off)
		return call_error(EINVAL);
	return local_sock(out) ? pipe_to_sock(in, out, n, flags) : sock_to_pipe(in, out, n, flags);
}
