// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* share.c - the memory that all processes of a run share: made by the keeper, mapped by the others. */
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>
#include "lib/fail.h"

static uint64_t align64(uint64_t v)
{
	return (v + 63) & ~63ull;
}

static void layout(struct run *head, uint32_t socks)
{
	uint32_t buckets = 1;

	while (buckets < socks)
		buckets *= 2;
	head->socks = socks;
	head->watches = 2 * socks;
	head->inode_mask = buckets - 1;
	head->off_socks = align64(sizeof(*head));
	head->off_watches = align64(head->off_socks + (uint64_t)socks * sizeof(struct run_sock));
	head->off_bits = align64(head->off_watches + (uint64_t)head->watches * sizeof(struct run_watch));
	head->off_inodes = align64(head->off_bits + (uint64_t)RUN_PROCS * ((socks + 63) / 64) * 8);
	head->bytes = align64(head->off_inodes + (uint64_t)buckets * 4);
}

static int init_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t a;
	int err = pthread_mutexattr_init(&a);

	if (!err)
		err = pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	if (!err)
		err = pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	if (!err) /* a signal handler that calls us while its thread holds the lock is refused, and does not wait for itself */
		err = pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
	return err ? err : pthread_mutex_init(lock, &a);
}

int run_create(struct run **out, int *fd, uint32_t socks)
{
	static struct run head; /* it is large; there is one keeper */
	int err;

	memset(&head, 0, sizeof(head));
	layout(&head, socks);
	head.magic = RUN_MAGIC;
	head.version = RUN_VERSION;
	head.header_bytes = sizeof(head);
	if (getrandom(head.fastopen_key, sizeof(head.fastopen_key), 0) != (ssize_t)sizeof(head.fastopen_key))
		return fail(errno, "getrandom: %s", strerror(errno));
	*fd = memfd_create("xtcp-run", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return fail(errno, "memfd_create: %s", strerror(errno));
	if (ftruncate(*fd, (off_t)head.bytes) || pwrite(*fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return fail(errno, "no memory for what the processes of a run share: %s", strerror(errno));
	fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	err = run_map(out, *fd);
	if (err)
		return err;
	err = init_lock(&(*out)->lock);
	return err ? fail(err, "no lock that outlives its owner: %s", strerror(err)) : 0;
}

int run_map(struct run **out, int fd)
{
	struct {
		uint64_t magic;
		uint32_t version, header_bytes;
		uint64_t bytes;
	} head;
	void *p;

	_Static_assert(offsetof(struct run, bytes) == 16, "how a run begins");
	if (pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) || head.magic != RUN_MAGIC)
		return fail(EINVAL, "not the memory of an xtcp run");
	if (head.version != RUN_VERSION || head.header_bytes != sizeof(struct run))
		return fail(EINVAL,
			    "xtcp run and libxtcp-preload.so are of different versions: install both from one build");
	p = mmap(NULL, head.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (p == MAP_FAILED)
		return fail(errno, "cannot map the memory of an xtcp run: %s", strerror(errno));
	*out = p;
	return 0;
}
