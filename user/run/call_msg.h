/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* call_msg.h - what recvmsg() has beside data. See call_msg.c. */
#ifndef RUN_CALL_MSG_H
#define RUN_CALL_MSG_H

#include "run/calls.h"

enum { CALL_STAMP_US = 1, CALL_STAMP_NS = 2 }; /* SO_TIMESTAMP, SO_TIMESTAMPNS */

/* n bytes were received: names, flags and control messages. */
void call_msg_received(int fd, struct msghdr *msg, ssize_t n, int flags);
/* Under the lock: a send() with MSG_ZEROCOPY is complete. */
void call_msg_copied(uint32_t ref);
/* MSG_ERRQUEUE; msg NULL: of recv(). */
ssize_t call_msg_errors(int fd, struct msghdr *msg);

#endif
