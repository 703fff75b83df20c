/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * files.h - the files below one directory, cached. A file is looked at again
 * when its entry is older than a second; small ones are kept in memory, larger
 * ones as an open descriptor. Nothing outside the directory is ever opened.
 */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include <stdint.h>
#include <sys/queue.h>
#include <time.h>
#include "cli/http.h"

#define FILES_SMALL (64u * 1024) /* kept in memory up to this size, bytes */
#define FILES_HEAD 384

struct file {
	LIST_ENTRY(file) hash;
	TAILQ_ENTRY(file) age;
	char *target; /* as in requests; the key */
	size_t target_len;
	uint32_t hash_value;
	uint32_t refs; /* the cache's own included */
	int fd;	       /* -1: contents in data */
	char *data;    /* NULL: read from fd */
	uint64_t size; /* bytes */
	uint64_t dev, ino;
	struct timespec mtime, ctime;
	time_t checked; /* seconds, of the caller's clock */
	char etag[56];
	char modified[32]; /* mtime as an HTTP date */
	/* Content-Type to Accept-Ranges, ready to send with any answer about this file. */
	char head[FILES_HEAD];
	uint32_t head_len;
};

enum { FILES_BUCKETS = 1024 };

struct files {
	int root;
	uint32_t count;
	uint64_t bytes; /* of all data */
	LIST_HEAD(files_bucket, file) bucket[FILES_BUCKETS];
	TAILQ_HEAD(files_age, file) age; /* least lately used first */
};

/* 0, or -errno with fail(). */
int files_init(struct files *fs, const char *dir);
void files_fini(struct files *fs);

/*
 * The file that a target names, with a reference. 0, or the status to answer
 * with: 301 a directory asked for without its slash, 400, 403, 404, 414, 503.
 */
int files_get(struct files *fs, const struct http_str *target, time_t now, struct file **out);
void files_put(struct file *f);

#endif
