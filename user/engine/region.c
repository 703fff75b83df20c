// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* region.c - layout, mapping and pools. See region.h. */
#include "engine/region.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "lib/fail.h"

#define PAGE 4096u

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

static uint32_t power_of_two(uint32_t n)
{
	uint32_t p = 1;

	while (p < n)
		p *= 2;
	return p;
}

static uint64_t place(uint64_t *end, uint64_t bytes, uint64_t align)
{
	uint64_t at = round_up(*end, align);

	*end = at + bytes;
	return at;
}

static void place_pool(uint64_t *end, struct pool *p, uint32_t cap, size_t stride, size_t link)
{
	p->cap = cap;
	p->stride = (uint32_t)stride;
	p->link = (uint32_t)link;
	p->off = place(end, (uint64_t)cap * stride, PAGE);
}

/* Fills in the offsets; returns the region's size. */
static uint64_t layout(struct region *r, const struct engine_conf *c)
{
	uint64_t end = sizeof(*r);

	r->demux_mask = power_of_two(2 * (c->max_conns + c->max_time_wait)) - 1;
	r->dst_mask = power_of_two(c->max_dsts) - 1;
	place_pool(&end, &r->conns, c->max_conns, sizeof(struct conn), offsetof(struct conn, next));
	r->off_colds = place(&end, (uint64_t)c->max_conns * sizeof(struct tcp_cold), PAGE);
	r->off_aos = place(&end, ((uint64_t)c->max_conns + c->max_time_wait) * sizeof(struct ao_conn), PAGE);
	r->off_demux = place(&end, ((uint64_t)r->demux_mask + 1) * sizeof(struct demux_slot), PAGE);
	place_pool(&end, &r->tws, c->max_time_wait, sizeof(struct tw), offsetof(struct tw, next));
	place_pool(&end, &r->listeners, c->max_listeners, sizeof(struct listener), offsetof(struct listener, next));
	place_pool(&end, &r->dsts, c->max_dsts, sizeof(struct dst), offsetof(struct dst, chain));
	place_pool(&end, &r->helds, HELD_MAX, sizeof(struct held), offsetof(struct held, next));
	r->off_listen_heads = place(&end, XTCP_PORTS * sizeof(uint32_t), PAGE);
	r->off_dst_heads = place(&end, ((uint64_t)r->dst_mask + 1) * sizeof(uint32_t), PAGE);
	r->off_port_use = place(&end, (uint64_t)XTCP_MAX_ADDRS * XTCP_PORTS * sizeof(struct port_use), PAGE);
	r->off_frames = place(&end, sizeof(struct io_frames) + (uint64_t)c->chunks * sizeof(uint32_t), PAGE);
	r->off_area = place(&end, (uint64_t)c->chunks * c->chunk_size, PAGE);
	r->off_mem = place(&end, mem_size(c->buffer_bytes), PAGE);
	return round_up(end, PAGE);
}

static int conf_check(const struct engine_conf *c)
{
	if (!c->max_conns || c->max_conns > 1u << 24 || !c->max_time_wait || c->max_time_wait > 1u << 24)
		return fail(EINVAL, "engine: max_conns and max_time_wait must be 1 to 16,777,216");
	if (!c->max_listeners || c->max_listeners > 65535 || !c->max_dsts || c->max_dsts > 1u << 24)
		return fail(EINVAL, "engine: max_listeners must be 1 to 65,535, max_dsts 1 to 16,777,216");
	if (!c->chunks || c->chunk_size < 2048 || c->chunk_size & (c->chunk_size - 1))
		return fail(EINVAL, "engine: chunk_size must be a power of two of at least 2,048 bytes");
	if (c->buffer_bytes < 65536 || c->buffer_bytes > 1ull << 40)
		return fail(EINVAL, "engine: buffer_bytes must be 64 KiB to 1 TiB");
	return 0;
}

/* A memfd of fixed size, mapped. */
static int map(uint64_t bytes, bool huge_pages, void **out, int *fd)
{
	void *p;
	int err;

	*fd = memfd_create("xtcp", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return fail(errno, "memfd_create: %s", strerror(errno));
	if (ftruncate(*fd, (off_t)bytes)) {
		err = errno;
		goto out_close;
	}
	fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, *fd, 0);
	if (p == MAP_FAILED) {
		err = errno;
		goto out_close;
	}
	if (huge_pages)
		madvise(p, bytes, MADV_HUGEPAGE); /* it is advice: a region without is as good, if slower */
	*out = p;
	return 0;

out_close:
	close(*fd);
	*fd = -1;
	return fail(ENOMEM, "cannot map a region of %llu MiB: %s", (unsigned long long)(bytes >> 20), strerror(err));
}

/* A region of zeroes becomes that of an engine. */
static void begin(struct region *r, const struct region *head, const struct engine_conf *conf)
{
	struct io_frames *frames;

	*r = *head;
	r->magic = REGION_MAGIC;
	r->version = REGION_VERSION;
	r->header_bytes = sizeof(*r);
	r->conf = *conf;
	r->hash_key[0] = conf->seed[4];
	r->hash_key[1] = conf->seed[5];
	r->random = conf->seed[6];
	r->routes_gen = 1;
	frames = region_at(r, r->off_frames);
	frames->chunk_size = conf->chunk_size;
	frames->chunks = conf->chunks;
	mem_init(region_at(r, r->off_mem), conf->buffer_bytes);
	if (conf->mem_high)
		mem_marks(region_at(r, r->off_mem), conf->mem_low, conf->mem_pressure, conf->mem_high);
}

int region_create(const struct engine_conf *conf, struct region **out, int *fd)
{
	struct region head;
	struct region *r;
	uint64_t bytes;
	void *p = NULL;
	int err = conf_check(conf);

	if (err)
		return err;
	memset(&head, 0, sizeof(head));
	head.bytes = bytes = layout(&head, conf);
	err = map(bytes, conf->huge_pages, &p, fd);
	if (!p)
		return err;
	r = p;
	begin(r, &head, conf);
	*out = r;
	return 0;
}

void region_restart(struct region *r, int fd)
{
	struct engine_conf conf = r->conf;
	struct region head;
	uint64_t area, bytes = r->bytes, area_bytes = (uint64_t)conf.chunks * conf.chunk_size;

	memset(&head, 0, sizeof(head));
	head.bytes = layout(&head, &conf);
	area = head.off_area;
	fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)area);
	fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(area + area_bytes),
		  (off_t)(bytes - area - area_bytes));
	begin(r, &head, &conf);
}

int region_open(int fd, struct region **out)
{
	struct region head;
	void *p;

	if (pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) || head.magic != REGION_MAGIC)
		return fail(EINVAL, "not the region of an engine");
	if (head.version != REGION_VERSION || head.header_bytes != sizeof(head))
		return fail(EINVAL, "the region is of another version of xtcp");
	p = mmap(NULL, head.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (p == MAP_FAILED)
		return fail(ENOMEM, "cannot map the region of an engine: %s", strerror(errno));
	*out = p;
	return 0;
}

void region_destroy(struct region *r, int fd)
{
	munmap(r, r->bytes);
	if (fd >= 0)
		close(fd);
}

static uint32_t *link_of(struct region *r, const struct pool *p, uint32_t ref)
{
	return (uint32_t *)((uint8_t *)pool_at(r, p, ref) + p->link);
}

uint32_t pool_take(struct region *r, struct pool *p)
{
	uint32_t ref = p->free;

	if (ref)
		p->free = *link_of(r, p, ref);
	else if (p->fresh < p->cap)
		ref = ++p->fresh;
	else
		return 0;
	p->used++;
	return ref;
}

void pool_give(struct region *r, struct pool *p, uint32_t ref)
{
	*link_of(r, p, ref) = p->free;
	p->free = ref;
	p->used--;
}

bool pool_check(struct region *r, const struct pool *p)
{
	uint32_t n = 0;

	for (uint32_t ref = p->free; ref; ref = *link_of(r, p, ref))
		if (ref > p->fresh || ++n > p->fresh)
			return false;
	return p->fresh <= p->cap && n + p->used == p->fresh;
}
