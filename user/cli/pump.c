// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * pump.c - stdin to a connection, the connection to stdout.
 *
 * Bytes are read straight into the send buffer and written straight out of the
 * receive buffer. Nothing is consumed that stdout has not taken, so that a slow
 * reader closes the window, and nothing is read that the send buffer cannot
 * hold. The end of stdin closes our direction (RFC 9293 3.6); receiving goes on.
 *
 * However it ends - reset, signal, interface gone - what was received, and so
 * acknowledged, is written out first; only a stdout that takes nothing for
 * STALL_MS ends that.
 */
#include "cli/pump.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "cli/report.h"
#include "cli/stdfd.h"
#include "cli/stop.h"

#define CHUNK (256u * 1024) /* bytes moved between two turns */
#define STALL_MS 5000
#define WATCH_MS 20
#define GRACE_MS 200 /* after a signal, for the peer's FIN when ours is acknowledged */

enum pump_end { GOING, CLEAN, CONN_ERROR, ENGINE_ERROR, IN_ERROR, OUT_ERROR, INTERRUPTED };

struct pump {
	struct xtcp *x;
	xtcp_conn c;
	struct stdfd in, out;
	bool in_done;	/* stdin ended, our FIN is queued */
	bool peer_done; /* all that the peer sent is written, and its FIN seen */
	bool closed;	/* both directions closed */
	bool graced;	/* stop_ms was brought forward */
	enum pump_end end;
	int error;	  /* positive errno behind end */
	uint64_t stop_ms; /* when interrupted: give up then; else 0 */
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* The first reason counts. */
static void ends(struct pump *p, enum pump_end end, ssize_t err)
{
	if (p->end != GOING)
		return;
	p->end = end;
	p->error = (int)-err;
}

/* At most max bytes of the spans; returns how many spans are used. */
static int limit(struct iovec iov[2], size_t max)
{
	if (iov[0].iov_len >= max) {
		iov[0].iov_len = max;
		return 1;
	}
	if (iov[1].iov_len > max - iov[0].iov_len)
		iov[1].iov_len = max - iov[0].iov_len;
	return iov[1].iov_len ? 2 : 1;
}

static void finish_sending(struct pump *p)
{
	if (!p->in_done)
		xtcp_shutdown(p->x, p->c);
	p->in_done = true;
}

/* True: something moved, and more may. */
static bool move_in(struct pump *p)
{
	struct iovec iov[2] = { 0 };
	ssize_t room, n;

	if (p->in_done || !p->in.ready)
		return false;
	room = xtcp_reserve(p->x, p->c, CHUNK, iov);
	if (room <= 0) {
		if (room < 0 && room != -EAGAIN)
			ends(p, CONN_ERROR, room);
		return false;
	}
	n = stdfd_read(&p->in, iov, limit(iov, (size_t)room));
	if (n > 0)
		xtcp_commit(p->x, p->c, (size_t)n, 0);
	else if (n == 0)
		finish_sending(p);
	else if (n != -EAGAIN && n != -EINTR)
		ends(p, IN_ERROR, n);
	return n >= 0;
}

/* True: something moved, and more - or the peer's FIN - may be there. */
static bool move_out(struct pump *p)
{
	struct iovec iov[2] = { 0 };
	ssize_t have, n;

	if (p->peer_done || !p->out.ready)
		return false;
	have = xtcp_peek(p->x, p->c, iov);
	if (have <= 0) {
		p->peer_done = have == 0;
		if (have < 0 && have != -EAGAIN)
			ends(p, CONN_ERROR, have);
		return false;
	}
	n = stdfd_write(&p->out, iov, limit(iov, (size_t)have < CHUNK ? (size_t)have : CHUNK));
	if (n > 0)
		xtcp_consume(p->x, p->c, (size_t)n);
	else if (n != -EAGAIN && n != -EINTR)
		ends(p, OUT_ERROR, n ? n : -EIO);
	return n > 0;
}

static void take_events(struct pump *p)
{
	struct xtcp_event ev[16];
	int n;

	while ((n = xtcp_events(p->x, ev, 16)) > 0) {
		for (int i = 0; i < n; i++) {
			if (ev[i].handle != p->c)
				continue;
			if (ev[i].events & XTCP_EV_ERROR)
				ends(p, CONN_ERROR, -ev[i].error);
			if (ev[i].events & XTCP_EV_CLOSED)
				p->closed = true;
		}
	}
}

/* Events that came before we held the connection are gone: its state tells. */
static enum xtcp_state look(struct pump *p)
{
	struct xtcp_info i;

	memset(&i, 0, sizeof(i));
	if (xtcp_get_info(p->x, p->c, sizeof(i), &i) < 0)
		return XTCP_CLOSED;
	if (i.error)
		ends(p, CONN_ERROR, -i.error);
	else if (i.state == XTCP_TIME_WAIT || (i.state == XTCP_CLOSED && p->in_done))
		p->closed = true;
	return i.state;
}

/* A signal: no more from stdin; flush and close, but not for long. */
static void check_stop(struct pump *p)
{
	uint64_t now;
	enum xtcp_state state;

	if (!stop_asked())
		return;
	now = now_ms();
	if (!p->stop_ms) {
		p->stop_ms = now + STOP_MS;
		finish_sending(p);
		return;
	}
	state = look(p);
	if (!p->graced && (state == XTCP_FIN_WAIT_2 || state == XTCP_TIME_WAIT)) {
		p->graced = true;
		if (p->stop_ms > now + GRACE_MS)
			p->stop_ms = now + GRACE_MS;
	}
	if (now >= p->stop_ms || p->closed)
		ends(p, INTERRUPTED, 0);
}

static bool has_work(struct pump *p)
{
	if (p->out.ready && !p->peer_done && xtcp_recv_queued(p->x, p->c))
		return true;
	return !p->in_done && p->in.ready && xtcp_send_space(p->x, p->c);
}

static void sleep_until_work(struct pump *p)
{
	struct pollfd fds[4] = { { xtcp_fd(p->x), POLLIN, 0 } };
	struct stdfd *std[4] = { 0 };
	int timeout = -1, n = 1;

	if (!p->stop_ms)
		fds[n++] = (struct pollfd){ stop_fd(), POLLIN, 0 };
	if (!p->in_done && !p->in.ready && xtcp_send_space(p->x, p->c)) {
		std[n] = &p->in;
		fds[n++] = (struct pollfd){ p->in.fd, POLLIN, 0 };
	}
	if (!p->out.ready) {
		std[n] = &p->out;
		fds[n++] = (struct pollfd){ p->out.fd, POLLOUT, 0 };
	}
	if (p->stop_ms) {
		uint64_t now = now_ms();

		/* Now and then look whether our FIN has been acknowledged. */
		timeout = p->stop_ms > now + WATCH_MS ? WATCH_MS : p->stop_ms > now ? (int)(p->stop_ms - now) : 0;
	}
	if (!xtcp_arm(p->x))
		timeout = 0; /* there is work, or --wait has it spin */
	if (poll(fds, (nfds_t)n, timeout) <= 0)
		return;
	for (int i = 1; i < n; i++)
		if (std[i] && fds[i].revents)
			std[i]->ready = true;
}

static void carry(struct pump *p)
{
	look(p);
	while (p->end == GOING) {
		bool moved = move_in(p);
		int rc;

		moved |= move_out(p);
		rc = xtcp_turn(p->x);
		if (rc < 0)
			ends(p, ENGINE_ERROR, rc);
		take_events(p);
		check_stop(p);
		if (p->closed && p->in_done && p->peer_done)
			ends(p, p->stop_ms ? INTERRUPTED : CLEAN, 0);
		if (p->end == GOING && !moved && rc == 0 && !has_work(p))
			sleep_until_work(p);
	}
}

/* Write what is still in the receive buffer, without a turn: nothing more is acknowledged. Returns what was left. */
static size_t flush_out(struct pump *p)
{
	struct pollfd fd = { .events = POLLOUT };
	enum pump_end why = p->end;
	int error = p->error;

	if (why == OUT_ERROR)
		return 0;
	p->end = GOING;
	while (p->end == GOING && !p->peer_done && xtcp_recv_queued(p->x, p->c)) {
		move_out(p);
		fd.fd = p->out.fd;
		if (p->out.ready)
			continue;
		/* The first signal may break in here; a second one ends the program. */
		if (poll(&fd, 1, STALL_MS) == 0)
			break;
		p->out.ready = true;
	}
	if (p->end != OUT_ERROR) {
		p->end = why;
		p->error = error;
	}
	return p->end == OUT_ERROR ? 0 : xtcp_recv_queued(p->x, p->c);
}

static int tell(struct pump *p, const char *peer, size_t lost)
{
	char tail[96] = "";

	if (lost)
		snprintf(tail, sizeof(tail), "; standard output is stuck, %zu bytes received are lost", lost);
	switch (p->end) {
	case CONN_ERROR: return report_fail("%s: %s%s", peer, report_error(p->error), tail);
	case ENGINE_ERROR: return report_engine(p->x, -p->error);
	case IN_ERROR: return report_fail("cannot read standard input: %s", strerror(p->error));
	case OUT_ERROR: return report_fail("cannot write to standard output: %s", strerror(p->error));
	case INTERRUPTED: return report_fail("interrupted%s", tail);
	default: return EXIT_DONE;
	}
}

static const char *const end_names[] = { "open",	"closed",	"error",      "interface-error",
					 "input-error", "output-error", "interrupted" };

int pump_run(struct xtcp *x, xtcp_conn c, bool json)
{
	struct pump p = { .x = x, .c = c };
	struct xtcp_info info;
	char peer[ADDR_TEXT];
	size_t lost;
	int rc;

	memset(&info, 0, sizeof(info));
	xtcp_get_info(x, c, sizeof(info), &info);
	report_addr(&info.remote, peer);
	stop_restores(stdfd_restore);
	stdfd_open(&p.in, 0);
	stdfd_open(&p.out, 1);
	carry(&p);
	lost = flush_out(&p);
	rc = tell(&p, peer, lost);
	if (json)
		report_conn_json(x, c, end_names[p.end]);
	if (p.end == IN_ERROR || p.end == OUT_ERROR)
		xtcp_abort(x, c);
	else
		xtcp_close(x, c);
	/* The last acknowledgement, or the RST, leaves in a turn. */
	if (p.end == ENGINE_ERROR)
		return rc;
	if (p.end == CLEAN && xtcp_drain(x, STOP_MS) < 0)
		rc = report_fail("%s: the last data was not acknowledged in time", peer);
	xtcp_turn(x);
	stdfd_restore();
	return rc;
}
