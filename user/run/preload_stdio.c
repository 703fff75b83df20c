// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * preload_stdio.c - stdio over a socket of ours. The C library's streams make their system calls by themselves, past us: so a
 * stream over a descriptor of ours is one with functions of our own, and the standard streams are put in place of
 * those that were inherited, or made by dup2().
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/calls.h"
#include "run/stdio.h"

#define EXPORT __attribute__((visibility("default")))

/* A stream of ours. They are few; fileno() looks for them only if there are any. */
struct stream {
	struct stream *next;
	FILE *file;
	int fd;
};
static struct stream *streams;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static ssize_t stream_read(void *cookie, char *buf, size_t n)
{
	return read(((struct stream *)cookie)->fd, buf, n);
}

static ssize_t stream_write(void *cookie, const char *buf, size_t n)
{
	ssize_t put = write(((struct stream *)cookie)->fd, buf, n);

	return put < 0 ? 0 : put; /* as fopencookie(3) wants it */
}

static int stream_close(void *cookie)
{
	struct stream *s = cookie, **p = &streams;
	int rc;

	pthread_mutex_lock(&lock);
	while (*p && *p != s)
		p = &(*p)->next;
	if (*p)
		*p = s->next;
	pthread_mutex_unlock(&lock);
	rc = close(s->fd);
	free(s);
	return rc;
}

static int stream_seek(void *cookie, off64_t *at, int whence)
{
	(void)cookie;
	(void)at;
	(void)whence;
	errno = ESPIPE;
	return -1;
}

static FILE *make(int fd, const char *mode)
{
	static const cookie_io_functions_t calls = {
		.read = stream_read, .write = stream_write, .seek = stream_seek, .close = stream_close
	};
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->fd = fd;
	s->file = fopencookie(s, mode, calls);
	if (!s->file) {
		free(s);
		return NULL;
	}
	pthread_mutex_lock(&lock);
	s->next = streams;
	streams = s;
	pthread_mutex_unlock(&lock);
	return s->file;
}

EXPORT FILE *fdopen(int fd, const char *mode)
{
	real_init();
	return local_sock(fd) ? make(fd, mode) : real.fdopen(fd, mode);
}

static int number(const FILE *f)
{
	int fd = -1;

	pthread_mutex_lock(&lock);
	for (const struct stream *s = streams; s; s = s->next)
		if (s->file == f)
			fd = s->fd;
	pthread_mutex_unlock(&lock);
	return fd;
}

EXPORT int fileno(FILE *f)
{
	int fd = streams ? number(f) : -1;

	real_init();
	return fd >= 0 ? fd : real.fileno(f);
}

EXPORT int fileno_unlocked(FILE *f)
{
	return fileno(f);
}

/* ---- the standard streams ---- */

static FILE *plain[3], *ours[3];

void stdio_follow(int fd)
{
	FILE **stream = fd == 0 ? &stdin : fd == 1 ? &stdout : &stderr;
	bool is = local_sock(fd) != 0;

	if (fd < 0 || fd > 2)
		return;
	if (is && *stream != ours[fd]) {
		if (!ours[fd])
			ours[fd] = make(fd, fd ? "w" : "r");
		if (!ours[fd])
			return;
		if (fd == 2)
			setvbuf(ours[fd], NULL, _IONBF, 0);
		plain[fd] = *stream;
		*stream = ours[fd];
	} else if (!is && ours[fd] && *stream == ours[fd]) {
		*stream = plain[fd];
	}
}
