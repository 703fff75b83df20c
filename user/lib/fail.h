/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fail.h - errors with a sentence. Functions of io, ctl, engine and api return
 * 0 or -errno; the one that finds an error also leaves one line for the user:
 * what failed, on what, why, and how to mend it. The text is per thread.
 * Not for user/tcp: the core counts reasons instead.
 */
#ifndef LIB_FAIL_H
#define LIB_FAIL_H

/* Keep a message; returns -err (err is a positive errno). No newline in fmt. */
int fail(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The last message of this thread; "" when there was none. */
const char *fail_text(void);

#endif
