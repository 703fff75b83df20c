// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* sock_ring.c - asks for io_uring twice, in two processes, and uses the ring if there is one: a program that xtcp run warns of. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/io_uring.h>

static int ring(void)
{
	struct io_uring_params p;
	long fd;

	memset(&p, 0, sizeof(p));
	fd = syscall(SYS_io_uring_setup, 4, &p);
	if (fd < 0)
		return errno;
	return syscall(SYS_io_uring_enter, fd, 0, 0, 0, NULL, 0L) == 0 ? 0 : errno;
}

int main(void)
{
	int rc = ring(), status = 0;

	if (fork() == 0)
		_exit(ring());
	wait(&status);
	printf("%s %s %s\n", strerrorname_np(rc), strerrorname_np(WEXITSTATUS(status)), strerrorname_np(ring()));
	return 0;
}
