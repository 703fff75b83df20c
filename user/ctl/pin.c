// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * pin.c - program and maps under /sys/fs/bpf/xtcp/IFNAME, for bpftool and `cat`.
 * "prog" is pinned first: a directory without it, or whose program is on no
 * interface any more, is what a dead process left, and is removed.
 */
#include "ctl/pin.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "lib/fail.h"

#define LOCK_TRIES 100
#define LOCK_PAUSE_NS 10000000
#define BPFFS_MAGIC 0xcafe4a11

static bool is_bpffs(void)
{
	struct statfs s;

	return !statfs(PIN_FS, &s) && (uint32_t)s.f_type == BPFFS_MAGIC;
}

int pins_mount(void)
{
	int fd, err = 0;

	if (is_bpffs())
		return 0;
	/* Two that start at once must not mount twice: the second mount would hide the first's pins. */
	fd = open(PIN_FS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		err = errno;
		return fail(err, "no directory " PIN_FS ": %s", strerror(err));
	}
	flock(fd, LOCK_EX);
	if (!is_bpffs() && mount("bpf", PIN_FS, "bpf", 0, "mode=0700"))
		err = errno;
	close(fd);
	return err ? fail(err, "bpffs cannot be mounted: %s; run: mount -t bpf bpf " PIN_FS, strerror(err)) : 0;
}

static unsigned long netns_inode(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) ? 0 : (unsigned long)st.st_ino;
}

/*
 * The two directories an interface of this name may have: n 0 and 1. bpffs takes no dots: they
 * become colons, which no interface's name has.
 */
static void candidate(const char *ifname, int n, char path[PIN_PATH])
{
	if (n)
		snprintf(path, PIN_PATH, PIN_ROOT "/%s@%lu", ifname, netns_inode());
	else
		snprintf(path, PIN_PATH, PIN_ROOT "/%s", ifname);
	for (char *c = path + sizeof(PIN_ROOT); *c; c++)
		if (*c == '.')
			*c = ':';
}

static uint32_t pinned_prog(const char *dir)
{
	char path[PIN_PATH + 16];
	uint32_t id;
	int fd;

	snprintf(path, sizeof(path), "%s/prog", dir);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	id = prog_id_of(fd);
	close(fd);
	return id;
}

bool pins_find(const char *ifname, uint32_t prog_id, char path[PIN_PATH])
{
	for (int n = 1; n >= 0; n--) {
		candidate(ifname, n, path);
		if (prog_id && pinned_prog(path) == prog_id)
			return true;
	}
	path[0] = '\0';
	return false;
}

bool pins_hold_link(const char *dir)
{
	char path[PIN_PATH + 16];

	snprintf(path, sizeof(path), "%s/link", dir);
	return !access(path, F_OK);
}

void pins_remove(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
	rmdir(path);
	rmdir(PIN_ROOT); /* when it was the last */
}

/* A directory is alive while its program is on some interface. */
static bool alive(const char *path)
{
	uint32_t id = pinned_prog(path);

	return id && hook_link_of(id);
}

/* A fresh, empty directory; what a dead instance left under either name is removed. */
static int make_dir(const char *ifname, char path[PIN_PATH])
{
	for (int n = 1; n >= 0; n--) {
		candidate(ifname, n, path);
		if (!alive(path))
			pins_remove(path);
	}
	if (mkdir(PIN_ROOT, 0700) && errno != EEXIST)
		return -errno;
	for (int n = 0; n < 2; n++) {
		candidate(ifname, n, path);
		if (!mkdir(path, 0700))
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static int pin_one(int fd, const char *dir, const char *name)
{
	char path[PIN_PATH + 16];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

static int pin_all(const char *dir, const struct half *h, bool with_link)
{
	int err = pin_one(h->prog, dir, "prog");

	for (int i = 0; !err && i < HALF_MAPS; i++)
		err = pin_one(h->map[i], dir, half_map_name[i]);
	if (!err && h->flow_iter >= 0)
		pin_one(h->flow_iter, dir, "flow_table"); /* a convenience */
	if (!err && with_link)
		err = pin_one(h->link, dir, "link");
	return err;
}

/*
 * One at a time looks for what is dead and pins: half-made pins look dead. Whoever can open the
 * directory could hold the lock for ever, so it is not waited for without end.
 */
static int lock_dir(void)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	int fd = open(PIN_FS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; fd >= 0 && i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB); i++)
		nanosleep(&pause, NULL);
	return fd;
}

int pins_make(struct pins *p, const char *ifname, const struct half *h, bool with_link)
{
	int lock, err = pins_mount();

	p->path[0] = '\0';
	if (err)
		return err;
	lock = lock_dir();
	/* -ENOENT: a dead predecessor's keeper has just removed the directory. */
	for (int tries = 0; tries < 3; tries++) {
		err = make_dir(ifname, p->path);
		if (!err)
			err = pin_all(p->path, h, with_link);
		if (err != -ENOENT)
			break;
	}
	if (lock >= 0)
		close(lock);
	if (!err)
		return 0;
	pins_remove(p->path);
	p->path[0] = '\0';
	return fail(-err, "the XDP half cannot be pinned under " PIN_ROOT ": %s", strerror(-err));
}

int pins_keep(struct pins *p)
{
	struct keeper_job job = { .path = p->path };
	int err;

	if (!p->path[0])
		return 0;
	job.dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (job.dir < 0)
		return fail(errno, "the pins in %s cannot be looked after: %s", p->path, strerror(errno));
	err = keeper_start(&p->keeper, &job);
	close(job.dir);
	return err;
}

void pins_drop(struct pins *p)
{
	if (p->path[0])
		pins_remove(p->path);
	p->path[0] = '\0';
	keeper_stop(&p->keeper);
}
