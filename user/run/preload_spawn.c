// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * preload_spawn.c - posix_spawn(), which calls no fork handlers. The child may inherit sockets of ours, and its parent close its own at once:
 * so the child is a process of the run, and holds what its parent holds, before there is one. What it does not have after exec it
 * gives up (local.c); if it never joins, the keeper does when it ends.
 */
#include <spawn.h>

#include "run/calls.h"

#define EXPORT __attribute__((visibility("default")))

typedef int spawn_fn(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
		     char *const[], char *const[]);

static int spawn(spawn_fn *fn, pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	uint32_t slot = local_before_spawn();
	pid_t child = 0;
	int err = fn(&child, path, actions, attr, argv, envp);

	local_after_spawn(slot, err ? 0 : child);
	if (!err && pid)
		*pid = child;
	return err;
}

EXPORT int posix_spawn(pid_t *restrict pid, const char *restrict path,
		       const posix_spawn_file_actions_t *restrict actions, const posix_spawnattr_t *restrict attr,
		       char *const argv[restrict], char *const envp[restrict])
{
	real_init();
	return spawn(real.posix_spawn, pid, path, actions, attr, argv, envp);
}

EXPORT int posix_spawnp(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	real_init();
	return spawn(real.posix_spawnp, pid, path, actions, attr, argv, envp);
}
