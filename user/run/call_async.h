/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* call_async.h - how a program asks for signals of readiness. See call_async.c. */
#ifndef RUN_CALL_ASYNC_H
#define RUN_CALL_ASYNC_H

#include "run/calls.h"

/* Under the lock: a socket becomes ours with what was set before. */
void call_async_take(int fd, struct run_sock *s);
/* Under the lock of the engine of `to`: the same listener there. */
void call_async_copy(struct run_sock *to, const struct run_sock *from);
/* O_ASYNC, or one of these, was set at the kernel's socket behind a descriptor of ours. */
void call_async_changed(int fd, uint32_t ref);
bool call_async_fcntl(int cmd);
bool call_async_ioctl(unsigned long request);

#endif
