// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * engines.c - the engines that run on this machine, found from outside: a process that has an engine has its region open, a memfd
 * that says by itself which engine it is (engine_look). Nothing is asked of the process.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "lib/fail.h"

#define REGION_LINK "/memfd:xtcp " /* and " (deleted)" */

/* A region may be open in several processes, after a fork: the one that made it counts, or the first. */
static struct ctl_engine *find(const struct ctl_engines *e, const struct stat *st)
{
	for (uint32_t i = 0; i < e->n; i++)
		if (e->list[i].dev == st->st_dev && e->list[i].ino == st->st_ino)
			return &e->list[i];
	return NULL;
}

static int add(struct ctl_engines *e, int pid, const struct stat *st, const struct engine_look *look)
{
	struct ctl_engine *one = find(e, st);

	if (one) {
		if (look->place.pid == pid)
			one->pid = pid;
		return 0;
	}
	one = realloc(e->list, (e->n + 1) * sizeof(*one));
	if (!one)
		return fail(ENOMEM, "out of memory");
	e->list = one;
	e->list[e->n++] = (struct ctl_engine){ .pid = pid, .look = *look, .dev = st->st_dev, .ino = st->st_ino };
	return 0;
}

/* A descriptor that may be of a region. */
static int look(struct ctl_engines *e, int pid, int dir, const char *name, uint64_t netns)
{
	struct engine_look l;
	struct stat st;
	char to[32];
	ssize_t n = readlinkat(dir, name, to, sizeof(to));
	int fd, err;

	if (n < (ssize_t)strlen(REGION_LINK) || strncmp(to, REGION_LINK, strlen(REGION_LINK)) != 0)
		return 0;
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return 0; /* closed meanwhile, or not for us */
	err = fstat(fd, &st) ? -ENOENT : engine_look(fd, &l);
	close(fd);
	if (err == -EPROTO)
		e->other_version = pid;
	return err || l.place.netns != netns ? 0 : add(e, pid, &st, &l);
}

static int look_at_process(struct ctl_engines *e, const char *pid, uint64_t netns)
{
	char path[64];
	struct dirent *d;
	DIR *dir;
	int err = 0;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return 0; /* it has ended, or is not for us */
	while (!err && (d = readdir(dir)))
		err = look(e, atoi(pid), dirfd(dir), d->d_name, netns);
	closedir(dir);
	return err;
}

static int by_place(const void *a, const void *b)
{
	const struct engine_place *x = &((const struct ctl_engine *)a)->look.place;
	const struct engine_place *y = &((const struct ctl_engine *)b)->look.place;

	if (x->ifindex != y->ifindex)
		return x->ifindex < y->ifindex ? -1 : 1;
	return (x->engine > y->engine) - (x->engine < y->engine);
}

int ctl_engines_find(struct ctl_engines *out)
{
	struct dirent *d;
	struct stat ns;
	DIR *proc;
	int err = 0;

	*out = (struct ctl_engines){ 0 };
	proc = opendir("/proc");
	if (!proc || stat("/proc/thread-self/ns/net", &ns)) {
		err = errno;
		if (proc)
			closedir(proc);
		return fail(err, "running engines cannot be looked for: /proc: %s", strerror(err));
	}
	while (!err && (d = readdir(proc)))
		if (d->d_name[0] >= '1' && d->d_name[0] <= '9')
			err = look_at_process(out, d->d_name, ns.st_ino);
	closedir(proc);
	if (out->n)
		qsort(out->list, out->n, sizeof(*out->list), by_place);
	return err;
}

void ctl_engines_free(struct ctl_engines *e)
{
	free(e->list);
	*e = (struct ctl_engines){ 0 };
}
