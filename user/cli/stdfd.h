/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stdfd.h - stdin and stdout that never block the stack, whatever they are,
 * and without leaving O_NONBLOCK behind on what others share.
 */
#ifndef CLI_STDFD_H
#define CLI_STDFD_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

struct stdfd {
	int fd;
	bool always; /* a file: never waits, not for poll() */
	bool socket; /* MSG_DONTWAIT instead of O_NONBLOCK */
	bool ready;  /* worth trying; false after -EAGAIN until poll() says otherwise */
};

/* Take descriptor 0 (to read) or 1 (to write) over. */
void stdfd_open(struct stdfd *f, int fd);
/* Bytes, 0 at the end, or -errno; -EAGAIN clears ready. */
ssize_t stdfd_read(struct stdfd *f, const struct iovec *iov, int count);
ssize_t stdfd_write(struct stdfd *f, const struct iovec *iov, int count);
/* Give borrowed flags back; async-signal-safe. */
void stdfd_restore(void);

#endif
