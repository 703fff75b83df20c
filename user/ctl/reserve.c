// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * reserve.c - our ports in the kernel's eyes: each addr:port is held by a bound
 * TCP socket that never listens. Without SO_REUSEADDR nobody else can bind it,
 * and the kernel's choice of ephemeral ports passes over it. One reservation is
 * counted as often as it was asked for, by whichever engine of the interface.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/private.h"
#include "lib/addr.h"
#include "lib/fail.h"

#define RANDOM_TRIES 64
#define RANGE_FILE "/proc/sys/net/ipv4/ip_local_port_range"

static struct reservation **find(struct ctl_group *g, const struct xtcp_addr *addr, uint16_t port)
{
	struct reservation **p = &g->reserved[addr_hash(addr, port) % RESERVE_BUCKETS];

	while (*p && !((*p)->port == port && addr_eq(&(*p)->addr, addr)))
		p = &(*p)->next;
	return p;
}

static socklen_t fill(const struct ctl *ctl, const struct xtcp_addr *addr, uint16_t port, struct sockaddr_storage *ss)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	if (addr_is_v4(addr)) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		in->sin_addr.s_addr = addr->w[3];
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, addr->b, 16);
	if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
		in6->sin6_scope_id = (uint32_t)ctl->link.ifindex;
	return sizeof(*in6);
}

/*
 * Bind a port that only connections of the kernel's in TIME-WAIT still hold, as servers do with SO_REUSEADDR. A socket
 * bound that way would let others with SO_REUSEADDR in beside it; one that has listened and has SO_REUSEADDR off again
 * does not. Listening lasts for one system call; nobody can be accepted.
 */
static int bind_past_time_wait(int fd, const struct sockaddr *sa, socklen_t len)
{
	int one = 1, zero = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) || bind(fd, sa, len) || listen(fd, 0) ||
	    shutdown(fd, SHUT_RDWR) || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &zero, sizeof(zero)))
		return -errno;
	return 0;
}

/* A bound socket (port 0: of the kernel's choice), or -errno. */
static int bound_socket(const struct ctl *ctl, const struct xtcp_addr *addr, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = fill(ctl, addr, port, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1, err;

	if (fd < 0)
		return -errno;
	if (ss.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (!bind(fd, (struct sockaddr *)&ss, len))
		return fd;
	err = errno;
	if (err == EADDRINUSE && port && !bind_past_time_wait(fd, (struct sockaddr *)&ss, len))
		return fd;
	close(fd);
	return -err;
}

static int explain(const struct ctl *ctl, int err, const struct xtcp_addr *addr, uint16_t port)
{
	char text[ADDR_TEXT];

	addr_text(addr, text);
	switch (err) {
	case -EADDRINUSE:
		if (!port)
			return fail(EADDRINUSE, "no free port on %s in %s (%u to %u)", text, RANGE_FILE,
				    ctl->group->port_low, ctl->group->port_high);
		return fail(EADDRINUSE, "port %u on %s is taken by another program (see ss -tanp); choose another",
			    port, text);
	case -EADDRNOTAVAIL:
	case -ENODEV:
		return fail(EADDRNOTAVAIL,
			    "%s is not an address of this host, or is not usable yet; see: ip addr show dev %s", text,
			    ctl->link.name);
	case -EACCES:
		return fail(
			EACCES,
			"port %u needs a privilege: run as root or with CAP_NET_BIND_SERVICE, or use a port from 1024 on",
			port);
	case -EMFILE:
	case -ENFILE: return fail(EMFILE, "no file descriptor left to reserve a port on %s: raise 'ulimit -n'", text);
	default: return fail(-err, "port %u on %s cannot be reserved: %s", port, text, strerror(-err));
	}
}

static int keep(struct ctl *ctl, const struct xtcp_addr *addr, uint16_t port, int fd)
{
	struct reservation **p = find(ctl->group, addr, port);
	struct reservation *r = calloc(1, sizeof(*r));

	if (!r) {
		close(fd);
		return fail(ENOMEM, "out of memory");
	}
	r->addr = *addr;
	r->port = port;
	r->fd = fd;
	r->refs = 1;
	r->next = *p;
	*p = r;
	return port;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 in6 = { 0 }; /* the port is at the same place in both families */
	socklen_t len = sizeof(in6);

	_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port), "ports");
	return getsockname(fd, (struct sockaddr *)&in6, &len) ? 0 : ntohs(in6.sin6_port);
}

static int reserve_any(struct ctl *ctl, const struct xtcp_addr *addr)
{
	uint32_t span = (uint32_t)ctl->group->port_high - ctl->group->port_low + 1;
	uint16_t random[RANDOM_TRIES];
	int fd = -EADDRINUSE;

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return fail(EIO, "no random numbers");
	for (int i = 0; i < RANDOM_TRIES && fd == -EADDRINUSE; i++) {
		uint16_t port = (uint16_t)(ctl->group->port_low + random[i] % span);

		fd = bound_socket(ctl, addr, port);
		if (fd >= 0)
			return keep(ctl, addr, port, fd);
	}
	if (fd == -EADDRINUSE)
		fd = bound_socket(ctl, addr, 0); /* nearly full: the kernel searches them all */
	if (fd < 0)
		return explain(ctl, fd, addr, 0);
	return keep(ctl, addr, port_of(fd), fd);
}

static int reserve_one(struct ctl *ctl, const struct xtcp_addr *addr, uint16_t port)
{
	struct reservation *r;
	int fd;

	if (!port)
		return reserve_any(ctl, addr);
	r = *find(ctl->group, addr, port);
	if (r) {
		r->refs++;
		return port;
	}
	fd = bound_socket(ctl, addr, port);
	return fd < 0 ? explain(ctl, fd, addr, port) : keep(ctl, addr, port, fd);
}

int reserve_port(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	struct ctl *ctl = host;
	int rc;

	pthread_mutex_lock(&ctl->group->lock);
	rc = reserve_one(ctl, addr, port);
	pthread_mutex_unlock(&ctl->group->lock);
	return rc;
}

void reserve_release(void *host, const struct xtcp_addr *addr, uint16_t port)
{
	struct ctl *ctl = host;
	struct reservation **p, *r;

	pthread_mutex_lock(&ctl->group->lock);
	p = find(ctl->group, addr, port);
	r = *p;
	if (r && !--r->refs) {
		*p = r->next;
		close(r->fd);
		free(r);
	}
	pthread_mutex_unlock(&ctl->group->lock);
}

static void read_range(struct ctl_group *g)
{
	unsigned int low = 0, high = 0;
	FILE *f = fopen(RANGE_FILE, "re");

	if (f) {
		if (fscanf(f, "%u %u", &low, &high) != 2)
			low = 0;
		fclose(f);
	}
	if (low < 1 || high > 65535 || low > high) {
		low = 32768;
		high = 60999;
	}
	g->port_low = (uint16_t)low;
	g->port_high = (uint16_t)high;
}

void reserve_init(struct ctl_group *g)
{
	struct rlimit lim;

	read_range(g);
	/* A descriptor for each reserved port: take what we may. */
	if (getrlimit(RLIMIT_NOFILE, &lim))
		return;
	if (lim.rlim_max < RESERVE_NOFILE) {
		struct rlimit more = { .rlim_cur = RESERVE_NOFILE, .rlim_max = RESERVE_NOFILE };

		if (!setrlimit(RLIMIT_NOFILE, &more)) /* needs CAP_SYS_RESOURCE */
			return;
	}
	if (lim.rlim_cur < lim.rlim_max) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
}

void reserve_close(struct ctl_group *g)
{
	for (int i = 0; i < RESERVE_BUCKETS; i++) {
		while (g->reserved[i]) {
			struct reservation *r = g->reserved[i];

			g->reserved[i] = r->next;
			close(r->fd);
			free(r);
		}
	}
}
