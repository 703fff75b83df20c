/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* call_oob.h - urgent data; all under the lock. See call_oob.c. */
#ifndef RUN_CALL_OOB_H
#define RUN_CALL_OOB_H

#include "run/calls.h"

/* Bytes before the urgent octet; negative: there is none, or it is behind. */
ssize_t call_oob_before(const struct run_sock *s);
/* FIONREAD. */
int call_oob_readable(const struct run_sock *s);
/* recv() while there is one; room: how many bytes are asked for. Bytes, 0 at the end, or -errno. */
ssize_t call_oob_recv(struct run_sock *s, const struct iovec *iov, int n, size_t skip, size_t room, int flags);
/* MSG_OOB */
ssize_t call_oob_take(struct run_sock *s, const struct iovec *iov, int n, int flags);

#endif
