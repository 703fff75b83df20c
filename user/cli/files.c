// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * files.c - a cache of files below one directory. See files.h.
 *
 * The kernel keeps us inside: openat2(2) with RESOLVE_BENEATH refuses "..",
 * absolute links and links that lead out, whatever is renamed meanwhile. The
 * cache holds one reference to each entry and every answer in progress another,
 * so that an entry may be replaced or evicted at any time.
 */
#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/http_cond.h"
#include "cli/mime.h"
#include "lib/fail.h"

#define COUNT_MAX 1024u
#define BYTES_MAX (32u * 1024 * 1024)
#define RECHECK_S 1
#define OPEN_TRIES 8 /* openat2 gives EAGAIN when a rename races with it */

static int open_beneath(int root, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	for (int i = 0; i < OPEN_TRIES; i++) {
		long fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return -errno;
}

static int status_of(int err)
{
	switch (err) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG: return 404;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case EAGAIN: return 503;
	default: return 403; /* EXDEV, ELOOP: a link that leads out; EACCES */
	}
}

/* Open what path names, a directory's index.html if it ends in a slash. 0 or a status. */
static int open_file(struct files *fs, char *path, size_t room, int *fd, struct stat *st)
{
	size_t len = strlen(path);

	if (len == 0 || path[len - 1] == '/') {
		if (len + sizeof("index.html") > room)
			return 414;
		memcpy(path + len, "index.html", sizeof("index.html"));
	}
	*fd = open_beneath(fs->root, path);
	if (*fd < 0)
		return status_of(-*fd);
	if (fstat(*fd, st) == 0 && S_ISREG(st->st_mode))
		return 0;
	close(*fd);
	if (!S_ISDIR(st->st_mode))
		return 403;
	return len == 0 || path[len] ? 404 : 301;
}

static bool unchanged(const struct file *f, const struct stat *st)
{
	return f->dev == st->st_dev && f->ino == st->st_ino && f->size == (uint64_t)st->st_size &&
	       f->mtime.tv_sec == st->st_mtim.tv_sec && f->mtime.tv_nsec == st->st_mtim.tv_nsec &&
	       f->ctime.tv_sec == st->st_ctim.tv_sec && f->ctime.tv_nsec == st->st_ctim.tv_nsec;
}

/* Read a small file whole. False: it shrank meanwhile, or memory is out. */
static bool load(struct file *f)
{
	size_t done = 0;

	f->data = malloc(f->size ? f->size : 1);
	if (!f->data)
		return false;
	while (done < f->size) {
		ssize_t n = pread(f->fd, f->data + done, f->size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	close(f->fd);
	f->fd = -1;
	return true;
}

static void describe(struct file *f, const struct stat *st, const char *path)
{
	f->dev = st->st_dev;
	f->ino = st->st_ino;
	f->size = (uint64_t)st->st_size;
	f->mtime = st->st_mtim;
	f->ctime = st->st_ctim;
	snprintf(f->etag, sizeof(f->etag), "\"%llx-%llx-%llx\"", (unsigned long long)st->st_ino,
		 (unsigned long long)st->st_size,
		 (unsigned long long)st->st_mtim.tv_sec * 1000000000ull + (unsigned long long)st->st_mtim.tv_nsec);
	http_date(st->st_mtim.tv_sec, f->modified);
	f->head_len =
		(uint32_t)snprintf(f->head, sizeof(f->head),
				   "Content-Type: %s\r\nLast-Modified: %s\r\nETag: %s\r\nAccept-Ranges: bytes\r\n",
				   mime_type(path), f->modified, f->etag);
}

static struct file *file_new(const struct http_str *target, int fd, const struct stat *st, const char *path)
{
	struct file *f = calloc(1, sizeof(*f));

	if (!f) {
		close(fd);
		return NULL;
	}
	f->refs = 1;
	f->fd = fd;
	f->target_len = target->len;
	f->target = malloc(target->len);
	describe(f, st, path);
	if (!f->target || (f->size <= FILES_SMALL && !load(f))) {
		files_put(f);
		return NULL;
	}
	memcpy(f->target, target->at, target->len);
	return f;
}

void files_put(struct file *f)
{
	if (--f->refs)
		return;
	if (f->fd >= 0)
		close(f->fd);
	free(f->data);
	free(f->target);
	free(f);
}

static void forget(struct files *fs, struct file *f)
{
	LIST_REMOVE(f, hash);
	TAILQ_REMOVE(&fs->age, f, age);
	fs->count--;
	fs->bytes -= f->data ? f->size : 0;
	files_put(f);
}

static void remember(struct files *fs, struct file *f, uint32_t hash)
{
	while (fs->count >= COUNT_MAX || fs->bytes > BYTES_MAX)
		forget(fs, TAILQ_FIRST(&fs->age));
	f->hash_value = hash;
	LIST_INSERT_HEAD(&fs->bucket[hash % FILES_BUCKETS], f, hash);
	TAILQ_INSERT_TAIL(&fs->age, f, age);
	fs->count++;
	fs->bytes += f->data ? f->size : 0;
}

/* FNV-1a. A client that makes keys collide is stopped by COUNT_MAX. */
static uint32_t hash_of(const struct http_str *s)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < s->len; i++)
		h = (h ^ (unsigned char)s->at[i]) * 16777619u;
	return h;
}

static struct file *find(struct files *fs, const struct http_str *target, uint32_t hash)
{
	struct file *f;

	LIST_FOREACH(f, &fs->bucket[hash % FILES_BUCKETS], hash)
	if (f->hash_value == hash && f->target_len == target->len && !memcmp(f->target, target->at, target->len))
		return f;
	return NULL;
}

/* Look at the file itself; old is its entry, or NULL. */
static int refresh(struct files *fs, const struct http_str *target, uint32_t hash, struct file *old, struct file **out)
{
	char path[HTTP_TARGET_MAX + 16];
	struct stat st = { 0 };
	int fd, status = http_path(target, path);

	if (!status)
		status = open_file(fs, path, sizeof(path), &fd, &st);
	if (!status && old && unchanged(old, &st)) {
		close(fd);
		TAILQ_REMOVE(&fs->age, old, age);
		TAILQ_INSERT_TAIL(&fs->age, old, age);
		*out = old;
		return 0;
	}
	if (old)
		forget(fs, old);
	if (status)
		return status;
	*out = file_new(target, fd, &st, path);
	if (!*out)
		return 503;
	remember(fs, *out, hash);
	return 0;
}

int files_get(struct files *fs, const struct http_str *target, time_t now, struct file **out)
{
	const char *query = memchr(target->at, '?', target->len);
	struct http_str key = { target->at, query ? (size_t)(query - target->at) : target->len };
	uint32_t hash = hash_of(&key);
	struct file *f = find(fs, &key, hash);

	if (!f || now - f->checked >= RECHECK_S || now < f->checked) {
		int status = refresh(fs, &key, hash, f, &f);

		if (status)
			return status;
		f->checked = now;
	}
	f->refs++;
	*out = f;
	return 0;
}

int files_init(struct files *fs, const char *dir)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return fail(errno, "cannot serve %s: %s", dir, strerror(errno));
	*fs = (struct files){ .root = fd };
	for (int i = 0; i < FILES_BUCKETS; i++)
		LIST_INIT(&fs->bucket[i]);
	TAILQ_INIT(&fs->age);
	return 0;
}

void files_fini(struct files *fs)
{
	struct file *f, *next;

	for (f = TAILQ_FIRST(&fs->age); f; f = next) {
		next = TAILQ_NEXT(f, age);
		forget(fs, f);
	}
	close(fs->root);
}
