/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* call_fast.h - MSG_FASTOPEN. See call_fast.c. */
#ifndef RUN_CALL_FAST_H
#define RUN_CALL_FAST_H

#include "run/calls.h"

ssize_t call_fast_send(int fd, const struct iovec *iov, int n, int flags, const struct sockaddr *addr, socklen_t len);

#endif
