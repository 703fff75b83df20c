// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * napi.c - while a program polls an interface itself (SO_PREFER_BUSY_POLL) its interrupts only get in the way. The
 * kernel keeps them off for as long as it is polled, if the interface says how often and how long
 * (napi_defer_hard_irqs, gro_flush_timeout; Documentation/networking/napi.rst). Both are set, and put back at the end:
 * by us, or should we be killed by a keeper. Settings of somebody else's are left alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/private.h"
#include "lib/fail.h"

static const struct {
	const char *name, *value;
} settings[KEEPER_FILES] = {
	{ "napi_defer_hard_irqs", "2" },
	{ "gro_flush_timeout", "200000" }, /* nanoseconds: when nobody has polled for so long interrupts are back */
};

void napi_init(struct napi *n)
{
	*n = (struct napi){ .keeper = KEEPER_NONE };
}

static int open_file(const struct ctl_link *link, const char *name, int flags)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", link->name, name);
	return open(path, flags | O_CLOEXEC);
}

/* A line without its end into text. 0 or -errno. */
static int read_text(int fd, char text[KEEPER_TEXT])
{
	ssize_t n = pread(fd, text, KEEPER_TEXT - 1, 0);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

/* /sys may show another network namespace, with an interface of the same name. */
static int check_sysfs(const struct ctl_link *link)
{
	char text[KEEPER_TEXT] = "";
	int fd = open_file(link, "ifindex", O_RDONLY);
	int err = fd < 0 ? -errno : read_text(fd, text);

	if (fd >= 0)
		close(fd);
	if (!err && atoi(text) != link->ifindex)
		err = -ENOENT;
	return err ? fail(-err,
			  "the interrupts of %s cannot be deferred: /sys shows another network namespace; use ip netns exec",
			  link->name)
		   : 0;
}

static void close_files(struct napi *n)
{
	while (n->files)
		close(n->file[--n->files]);
}

static int open_files(struct napi *n, const struct ctl_link *link)
{
	int err = check_sysfs(link);

	for (int i = 0; !err && i < KEEPER_FILES; i++) {
		int fd = open_file(link, settings[i].name, O_RDWR);

		if (fd < 0) {
			err = fail(errno, "the interrupts of %s cannot be deferred: %s: %s", link->name,
				   settings[i].name, strerror(errno));
			break;
		}
		n->file[n->files++] = fd;
		err = read_text(fd, n->was[i]);
	}
	return err;
}

static bool set_already(const struct napi *n)
{
	for (int i = 0; i < n->files; i++)
		if (!strcmp(n->was[i], "0"))
			return false;
	return true;
}

static int write_all(struct napi *n, const struct ctl_link *link)
{
	for (int i = 0; i < n->files; i++)
		if (pwrite(n->file[i], settings[i].value, strlen(settings[i].value), 0) < 0)
			return fail(errno, "the interrupts of %s cannot be deferred: writing %s: %s", link->name,
				    settings[i].name, strerror(errno));
	return 0;
}

int napi_defer(struct napi *n, const struct ctl_link *link)
{
	struct keeper_job job = { .dir = -1 };
	int err;

	if (n->files)
		return 0; /* by another engine of ours */
	err = open_files(n, link);
	if (err || set_already(n)) {
		close_files(n);
		return err;
	}
	job.files = n->files;
	memcpy(job.file, n->file, sizeof(job.file));
	memcpy(job.text, n->was, sizeof(job.text));
	err = keeper_start(&n->keeper, &job);
	if (!err)
		err = write_all(n, link);
	if (err)
		napi_restore(n, true);
	return err;
}

void napi_restore(struct napi *n, bool owner)
{
	if (!owner) {
		if (n->keeper.pipe >= 0)
			close(n->keeper.pipe);
		close_files(n);
		return;
	}
	for (int i = 0; i < n->files; i++)
		if (pwrite(n->file[i], n->was[i], strlen(n->was[i]), 0) < 0)
			continue; /* the interface is gone, and its settings */
	close_files(n);
	keeper_stop(&n->keeper);
}
