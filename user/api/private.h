/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* private.h - what the files of api share: an engine with its port, its host and its way of waiting. */
#ifndef API_PRIVATE_H
#define API_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include "xtcp.h"
#include "ctl/ctl.h"
#include "engine/engine.h"
#include "engine/sisters.h"
#include "io/pcap.h"
#include "io/xsk.h"

#define NS_PER_MS 1000000ull

struct xtcp {
	struct engine *engine;
	struct ctl *ctl;
	struct sisters *sisters; /* the engines of this interface, this one included */
	uint32_t seat;		 /* among them */
	struct io_port *port;
	struct pcap_tap *pcap;
	struct {
		int from_fd, to_fd; /* if there is any */
		uint8_t *frame;
		pthread_t thread;
		bool serves; /* this process opened the engine, and others run it, too */
	} relay;
	struct xsk_info xsk;
	const char *no_tx_csum; /* why checksums are not left to kernel or device; "": they are */
	char no_busy_poll[160]; /* why the device is not polled; "": it is */
	xtcp_trace_fn trace;
	void *trace_arg;
	enum xtcp_waiting waiting;
	uint64_t spin_ns;
	uint64_t busy_ns;	   /* when the last frame went in or out */
	uint64_t rx_seen, tx_seen; /* frames counted then */
	int64_t gap_ns[2];	   /* from then until something arrives, a mean: nothing had been sent; something had */
	bool sent;		   /* which of them counts now */
	uint64_t ctl_ns;	   /* when netlink was last looked at */
	uint32_t tx_waits;	   /* sleeps in a row with frames not yet sent or completed */
	int ready;		   /* events that wait in the engine */
	bool gone;		   /* the interface has been removed */
	atomic_bool woken;
	int port_fds[XTCP_MAX_QUEUES];
	int n_port_fds;
	bool dozing;  /* sisters_doze() has been called: they wake this engine when they hand over */
	bool ep_port; /* ep_fd watches the port's descriptors too: somebody sleeps on xtcp_fd */
	int ep_fd;    /* the two below, netlink's, and perhaps the port's */
	int wake_fd;  /* eventfd */
	int timer_fd; /* for those who sleep on xtcp_fd */
};

/* ---- open.c, join.c ---- */

/* The caller's configuration, checked and with its defaults. */
int api_copy_conf(struct xtcp_conf *to, const struct xtcp_conf *from);
/* With first NULL the interface's first engine; else one more. c has been checked. */
int api_open(struct xtcp **out, const struct xtcp_conf *c, struct xtcp *first);

/* ---- addr.c ---- */

/* sockaddr_in or sockaddr_in6 to address and port (host order). 0, -EINVAL, -EAFNOSUPPORT with fail(). */
int api_addr_get(const struct sockaddr *sa, struct xtcp_addr *addr, uint16_t *port);
/* port in network order. */
void api_addr_put(const struct xtcp_addr *addr, uint16_t port_be, struct sockaddr_storage *out);

/* ---- tap.c ---- */

struct tap_time {
	uint64_t ns;	  /* CLOCK_MONOTONIC */
	uint64_t wall_ns; /* since the epoch */
};

struct tap_seg {
	uint32_t seq, ack, len;
	uint16_t wnd, flags;
};

/* Tell the engine whether anyone looks at its frames. */
void api_tap_update(struct xtcp *x);
/* One frame, and its segment if it is one. */
void api_tap_take(struct xtcp *x, const struct tap_time *when, bool out, const struct io_pkt *pkt,
		  const struct xtcp_addr *laddr, uint16_t lport, const struct xtcp_addr *raddr, uint16_t rport,
		  const struct tap_seg *seg);

/* ---- relay.c ---- */

/* Who opened the engine: if anyone looks, frames come by a socket from now on, relay.from_fd, from all processes. 0 or -errno with fail(). */
int api_relay_open(struct xtcp *x);
/* What is under way has been taken. */
void api_relay_close(struct xtcp *x);
/* Frames of this process's turns go there. */
void api_relay_from(struct xtcp *x, int fd);

/* ---- wait.c ---- */

int api_wait_open(struct xtcp *x);
void api_wait_close(struct xtcp *x);

/* Number of a congestion control, or -EINVAL with the names that there are. */
int api_find_cc(const char *name);

#endif
