/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* web.h - HTTP over xtcp connections: requests in, files out, timeouts. */
#ifndef CLI_WEB_H
#define CLI_WEB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>
#include "cli/files.h"
#include "cli/http_cond.h"
#include "cli/pool.h"
#include "cli/reply.h"
#include "cli/report.h"

/* What a connection waits for, each with its own limit; 0 must be IDLE. */
enum web_wait {
	WEB_IDLE,   /* a request */
	WEB_HEAD,   /* the rest of a request's header; does not start anew with each byte */
	WEB_SEND,   /* room to send, or the rest of a request's body */
	WEB_LINGER, /* the peer's FIN behind ours */
	WEB_WAITS
};

struct web_conn {
	TAILQ_ENTRY(web_conn) link; /* in the queue of its wait */
	xtcp_conn c;
	struct file *file; /* being sent, a reference; NULL none */
	uint64_t off;	   /* next byte of file */
	uint64_t left;	   /* bytes of file to send */
	char *spill;	   /* part of an answer that did not fit the send buffer; NULL none */
	uint32_t spill_len, spill_off;
	uint32_t skip;	  /* bytes of request body to throw away */
	uint32_t scanned; /* see http_head_len() */
	uint8_t wait;	  /* enum web_wait */
	bool last;	  /* close after this answer */
	time_t since;	  /* of the wait; seconds, CLOCK_MONOTONIC */
};

struct web {
	struct xtcp *x;
	struct files files;
	struct pool pool;
	TAILQ_HEAD(web_queue, web_conn) queue[WEB_WAITS]; /* longest waiting first */
	uint32_t conns;
	bool ending; /* no further requests */
	time_t now;  /* seconds, CLOCK_MONOTONIC */
	time_t date_of;
	char date[HTTP_DATE];
	struct report_server sum;
};

/* For the files below dir; w->x is to be set before anything else. 0 or -errno with fail(). */
int web_init(struct web *w, const char *dir);
void web_fini(struct web *w);
/* Read the clocks; once for each batch of events. */
void web_tick(struct web *w);
void web_accept(struct web *w, xtcp_conn c);
/* An event of connection wc, which must be open. */
void web_event(struct web *w, struct web_conn *wc, const struct xtcp_event *ev);
/* Close what waited too long. */
void web_expire(struct web *w);
/* Take no more requests; connections close when their answers are out. */
void web_end(struct web *w);

/* For web.c: answer the request r at the front. Refusals have a status, files 0. See web_answer.c. */
void web_answer(struct web *w, struct web_conn *wc, const struct http_request *r, int status);

#endif
