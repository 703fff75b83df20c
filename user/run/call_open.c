// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * call_open.c - listen, accept, connect, shutdown, and names.
 *
 * A socket is the kernel's until listen() or connect() decides: what the route says goes through our interface, and no rule excludes,
 * is ours from then on. bind() is left to the kernel altogether, whose bound socket keeps the port for us. A listener on
 * a wildcard address is both: the kernel's stack listens for all other interfaces.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <netinet/in.h>
#include <unistd.h>

#include "api/private.h"
#include "run/call_async.h"
#include "run/calls.h"
#include "run/guard.h"
#include "run/early.h"
#include "run/rules.h"
#include "run/shared.h"
#include "engine/engine.h"
#include "io/clock.h"
#include "lib/addr.h"

/* ---- whose is it? ---- */

static bool is_tcp(int fd)
{
	int proto = 0, type = 0;
	socklen_t len = sizeof(proto);

	if (real.getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &proto, &len) || proto != IPPROTO_TCP)
		return false;
	len = sizeof(type);
	return !real.getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_STREAM;
}

static bool allowed(const struct xtcp_addr *addr, uint16_t port)
{
	return rules_allow(&local.m[0].r->rules, addr, port) && rules_allow(&local.rules, addr, port);
}

static bool to_addr(const struct sockaddr *sa, socklen_t len, struct xtcp_addr *addr, uint16_t *port)
{
	if (len < sizeof(struct sockaddr_in) || (sa->sa_family == AF_INET6 && len < sizeof(struct sockaddr_in6)))
		return false;
	return !api_addr_get(sa, addr, port);
}

static bool own_address(const struct xtcp_addr *a)
{
	return engine_has_addr(api_engine(local_here->x), a);
}

/* Once fd stands for it: another thread that sets a flag meanwhile either is seen here, or sees that. */
static void note_flags(int fd, struct run_sock *s)
{
	int flags = real.fcntl(fd, F_GETFL, 0), before;

	do {
		before = flags;
		s->nonblock = (flags & O_NONBLOCK) != 0;
		flags = real.fcntl(fd, F_GETFL, 0);
	} while (flags >= 0 && flags != before);
	if (flags & O_ASYNC || ((uint32_t)fd < local.size && local.opts[fd] & LOCAL_OWNER))
		call_async_take(fd, s);
}

/* SO_BINDTODEVICE, and not to our interface. */
static bool other_device(int fd)
{
	int index = 0;
	socklen_t len = sizeof(index);

	return !real.getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, &len) && index &&
	       (uint32_t)index != local.m[0].r->index;
}

/* ---- listen ---- */

static int bound_to(int fd, struct sockaddr_storage *ss, struct xtcp_addr *addr, uint16_t *port)
{
	socklen_t len = sizeof(*ss);

	if (real.getsockname(fd, (struct sockaddr *)ss, &len))
		return -1;
	return to_addr((struct sockaddr *)ss, len, addr, port) ? 0 : -1;
}

/* The same in each of the other engines. */
static int make_twins(uint32_t ref)
{
	for (uint32_t k = 1; k < local.engines; k++) {
		const struct run_sock *first = local_at(ref);
		struct run_sock *s;
		uint32_t twin;
		int err;

		if (!local_go(k))
			return -EIO;
		twin = run_sock_new(local_here->r, RUN_LISTENER, first->inode);
		if (!twin)
			return -ENFILE;
		local.twin[k][ref] = twin;
		local.count[k][twin] = 1;
		run_sock_hold(local_here, local_here->slot, twin);
		s = run_sock_at(local_here->r, twin);
		s->v6 = first->v6;
		s->kernel_too = first->kernel_too;
		s->v6only = first->v6only;
		s->port = first->port;
		s->addr = first->addr;
		s->backlog = first->backlog;
		s->fastopen = first->fastopen;
		s->defer_s = first->defer_s;
		call_async_copy(s, first);
		err = run_listen(local_here, twin);
		if (err)
			return err;
		local_turn();
	}
	return local_go(0) ? 0 : -EIO;
}

static bool is_v6only(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return !real.getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, &len) && on;
}

static int make_listener(int fd, const struct sockaddr_storage *ss, const struct xtcp_addr *addr, uint16_t port,
			 int backlog)
{
	uint32_t ref = run_sock_new(local_here->r, RUN_LISTENER, early_inode(fd));
	struct run_sock *s;
	int err;

	if (!ref)
		return -ENFILE;
	s = local_at(ref);
	s->v6 = ss->ss_family == AF_INET6;
	s->kernel_too = addr_is_any(addr);
	s->v6only = s->v6 && s->kernel_too && is_v6only(fd);
	note_flags(fd, s);
	s->port = port;
	s->addr = *addr;
	s->backlog = backlog <= 0 ? 1 : backlog > 65535 ? 65535 : (uint32_t)backlog;
	call_take_options(fd, ref);
	err = run_listen(local_here, ref);
	local_hold(ref);
	if (!err && local.engines > 1)
		err = make_twins(ref);
	if (err) {
		if (err != -EIO)
			local_drop(ref);
		return err;
	}
	err = early_become(fd, ref);
	if (err)
		return err;
	note_flags(fd, s);
	if (s->kernel_too) /* so that accept() never waits in the kernel */
		real.fcntl(fd, F_SETFL, real.fcntl(fd, F_GETFL, 0) | O_NONBLOCK);
	return early_ours(fd, ref);
}

/* A listener may change its backlog: taken note of for a new start only. */
static int listen_again(int fd, int backlog)
{
	struct run_sock *s = local_at(local_sock(fd));

	if (s->kind != RUN_LISTENER || !s->handle)
		return call_error(EINVAL);
	return s->kernel_too ? real.listen(fd, backlog) : 0;
}

int call_listen(int fd, int backlog)
{
	struct sockaddr_storage ss;
	struct xtcp_addr addr;
	struct shared with;
	bool faster = false;
	uint16_t port;
	int err = 0;

	if (local_sock(fd))
		return listen_again(fd, backlog);
	if (!local.on || local_entry(fd) || (uint32_t)fd >= local.size || !is_tcp(fd))
		return real.listen(fd, backlog);
	if (bound_to(fd, &ss, &addr, &port) || (!addr_is_any(&addr) && addr_is_loopback(&addr)))
		return real.listen(fd, backlog);
	if (!port) { /* the kernel chooses one */
		if (real.listen(fd, backlog))
			return -1;
		if (bound_to(fd, &ss, &addr, &port))
			return 0;
	}
	if (!allowed(&addr, port) || other_device(fd))
		return real.listen(fd, backlog);
	shared_find(fd, &with);
	if (!local_lock(0))
		return -1;
	if (local_entry(fd)) { /* another thread was here */
		local_unlock();
		return call_listen(fd, backlog);
	}
	if (!addr_is_any(&addr) && !own_address(&addr)) {
		local_unlock();
		return real.listen(fd, backlog);
	}
	err = addr_is_any(&addr) && real.listen(fd, backlog) ? -errno : 0;
	if (!err) {
		err = make_listener(fd, &ss, &addr, port, backlog);
		faster = err == -EBADF && local_entry(fd);
		if (err && err != -EBADF &&
		    addr_is_any(&addr)) /* not half of it; a number that was closed is another's */
			real.shutdown(fd, SHUT_RD);
		if (!err)
			shared_hold(local_entry(fd), &with);
		if (local_here)
			local_turn();
	}
	local_unlock();
	if (faster) /* another thread, between two engines */
		return call_listen(fd, backlog);
	return err ? call_error(-err) : 0;
}

/* ---- names ---- */

static void put_name(const struct run_sock *s, const struct xtcp_addr *addr, uint16_t port_be, struct sockaddr *to,
		     socklen_t *len)
{
	struct sockaddr_storage ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
	socklen_t n;

	memset(&ss, 0, sizeof(ss));
	if (s->v6) { /* an IPv4 address is mapped there */
		in6->sin6_family = AF_INET6;
		in6->sin6_port = port_be;
		memcpy(&in6->sin6_addr, addr->b, 16);
		if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
			in6->sin6_scope_id = local.m[0].r->index;
	} else {
		api_addr_put(addr, port_be, &ss);
	}
	n = s->v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	memcpy(to, &ss, *len < n ? *len : n);
	*len = n;
}

/* Is there a place for a name? */
static bool place(struct sockaddr *addr, socklen_t *len)
{
	return guard_write(len, sizeof(*len)) &&
	       guard_write(addr, *len < sizeof(struct sockaddr_in6) ? *len : sizeof(struct sockaddr_in6));
}

static int name_of(int fd, bool peer, struct sockaddr *addr, socklen_t *len)
{
	uint32_t ref = local_sock(fd);
	struct run_sock *s;
	struct tcp_conn *c;
	int err = 0;

	if (!ref || (local_at(ref)->kind == RUN_LISTENER))
		return peer ? real.getpeername(fd, addr, len) : real.getsockname(fd, addr, len);
	if (!local_lock_on(fd, ref))
		return -1;
	s = local_at(ref);
	c = s->handle ? engine_conn(api_engine(local_here->x), s->handle) : NULL;
	if (!c || (peer && (s->connecting || c->state == TCP_CLOSED)))
		err = ENOTCONN;
	else if (!place(addr, len))
		err = EFAULT;
	else if (peer)
		put_name(s, &c->raddr, c->rport, addr, len);
	else
		put_name(s, &c->laddr, c->lport, addr, len);
	local_unlock();
	return err ? call_error(err) : 0;
}

int call_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	return name_of(fd, false, addr, len);
}

int call_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	return name_of(fd, true, addr, len);
}

/* ---- accept ---- */

/* Of a connection that waits there, in this engine. A descriptor, or -errno. */
static int accept_here(uint32_t lref, uint32_t twin, struct sockaddr *addr, socklen_t *len, int flags)
{
	const struct run_sock *l = local_at(twin), *first = local_at(lref); /* options are the first one's */
	struct run_sock *s;
	uint32_t ref;
	int at;

	if (l->kind != RUN_LISTENER || !l->handle) /* shut, or closed, by another thread: there will be none */
		return -EINVAL;
	if (!engine_accept_queue(api_engine(local_here->x), l->handle))
		return -EAGAIN;
	if (addr && !place(addr, len)) /* and the connection waits on */
		return -EFAULT;
	at = real.socket(l->v6 ? AF_INET6 : AF_INET, SOCK_STREAM | (flags & (SOCK_CLOEXEC | SOCK_NONBLOCK)), 0);
	if (at < 0)
		return -errno;
	ref = run_sock_new(local_here->r, RUN_CONN, early_inode(at));
	if (!ref) {
		real.close(at);
		return -ENFILE;
	}
	ref = local_name(local_here->r->number, ref);
	s = local_at(ref);
	xtcp_accept(local_here->x, l->handle, &s->handle);
	xtcp_set_user(local_here->x, s->handle, (void *)(uintptr_t)local_ref(ref));
	s->v6 = l->v6;
	s->opened = 1;
	s->nonblock = (flags & SOCK_NONBLOCK) != 0;
	local_enter(at, ref);
	call_inherit_options(at, s, first);
	if (addr) {
		struct tcp_conn *c = engine_conn(api_engine(local_here->x), s->handle);

		put_name(s, &c->raddr, c->rport, addr, len);
	}
	return at;
}

/* From the home engine first. Those of another are for who is at home there, as long as any of these watches, unless this thread was told. */
static int accept_ours(uint32_t lref, uint64_t inode, struct sockaddr *addr, socklen_t *len, int flags)
{
	int at = -EAGAIN;

	for (uint32_t i = 0; i < local.engines && at == -EAGAIN; i++) {
		uint32_t k = local_nth(i), twin = local_twin(lref, k);

		if (!local_ref(twin))
			continue;
		if (i && __atomic_load_n(&local_at(twin)->home_watches, __ATOMIC_RELAXED) && !(local_told >> k & 1))
			continue;
		if (!local_go_twin(lref, inode, k, &twin))
			return -EIO;
		if (!twin)
			return -EINVAL;
		local_turn();
		at = accept_here(lref, twin, addr, len, flags);
		if (at == -EAGAIN)
			local_told &= ~(1ull << k);
	}
	return at;
}

/* Of the kernel's stack, which listens at a wildcard address too. */
static int accept_kernel(int fd, const struct run_sock *l, struct sockaddr *addr, socklen_t *len, int flags)
{
	int at;

	if (!l->kernel_too)
		return -EAGAIN;
	at = real.accept4(fd, addr, len, flags);
	return at < 0 ? -errno : at;
}

static int wait_accept(int fd, uint32_t ref, uint64_t inode, uint64_t limit)
{
	struct pollfd p[LOCAL_WAIT_HEAD + 1];
	struct local_item it[RUN_ENGINES];
	struct local_wait w = { .item = it, .items = local_items(ref, inode, POLLIN, it), .until_ns = limit };
	int rc;

	if (local_at(ref)->kernel_too) {
		w.kernel = p;
		w.kernels = 1;
		p[local_wait_head()] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	rc = local_wait_again(&w);
	return rc > 0 ? 0 : rc ? rc : -EAGAIN;
}

int call_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	uint32_t ref = local_sock(fd);
	uint64_t limit, inode;
	int at;

	if (!ref)
		return real.accept4(fd, addr, len, flags);
	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK) || local_at(ref)->kind != RUN_LISTENER)
		return call_error(EINVAL);
	if (!local_lock(local_name(local_home(), 0)))
		return -1;
	inode = local_inode(fd, ref);
	if (!inode) {
		local_unlock();
		return call_error(EBADF);
	}
	limit = local_until(local_at(ref)->rcvtimeo_ns);
	for (;;) {
		at = accept_ours(ref, inode, addr, len, flags);
		if (at == -EAGAIN)
			at = accept_kernel(fd, local_at(ref), addr, len, flags);
		if (at == -EIO)
			return call_error(EIO);
		if (at != -EAGAIN || local_at(ref)->nonblock)
			break;
		at = wait_accept(fd, ref, inode, limit);
		if (at == -EIO)
			return call_error(EIO);
		if (at)
			break;
	}
	local_unlock();
	return at < 0 ? call_error(-at) : at;
}

/* ---- connect ---- */

static bool ended(const struct run_sock *s)
{
	const struct tcp_conn *c = s->handle ? engine_conn(api_engine(local_here->x), s->handle) : NULL;

	return !c || c->state == TCP_CLOSED || c->state == TCP_TIME_WAIT;
}

static int outcome(struct run_sock *s)
{
	int err = s->error;

	s->error = 0;
	return err ? -err : 0;
}

static int wait_connected(uint32_t ref)
{
	struct run_sock *s = local_at(ref);
	int rc = 0;

	if (s->nonblock)
		return -EINPROGRESS;
	while (s->connecting && rc >= 0) {
		rc = local_wait_one(ref, POLLOUT, local_until(s->sndtimeo_ns));
		if (!rc)
			return -EINPROGRESS;
	}
	return rc < 0 ? rc : outcome(s);
}

/* A connect of a socket that has been connected, or is being, or has failed. */
static int connect_again(int fd, uint32_t ref, struct early_watch *kept, uint32_t *n)
{
	struct run_sock *s = local_at(ref);
	int err;

	if (s->kind == RUN_LISTENER)
		return -EISCONN;
	if (s->connecting)
		return s->nonblock ? -EALREADY : wait_connected(ref);
	if (s->opened && !(s->asked && ended(s))) {
		err = s->asked ? 0 : -EISCONN; /* the first connect after success says so */
		s->asked = 0;
		return err;
	}
	err = s->error ? s->error : ECONNABORTED;
	*n = early_watches(fd, ref, kept);
	local_forget(fd); /* it is as it was before, and may try again */
	return -err;
}

static int connect_ours(int fd, const struct sockaddr *addr, uint32_t *out)
{
	struct sockaddr_storage bound = { 0 };
	struct xtcp_addr laddr = { 0 };
	uint16_t lport = 0;
	bool is_bound = !bound_to(fd, &bound, &laddr, &lport) && lport;
	uint32_t ref = run_sock_new(local_here->r, RUN_CONN, early_inode(fd));
	struct run_sock *s;
	int err;

	if (!ref)
		return -ENFILE;
	ref = local_name(local_here->r->number, ref);
	s = local_at(ref);
	s->v6 = addr->sa_family == AF_INET6;
	local_here->held_port = lport;
	err = xtcp_connect(local_here->x, addr,
			   is_bound || (!addr_is_any(&laddr) && bound.ss_family == addr->sa_family)
				   ? (struct sockaddr *)&bound
				   : NULL,
			   (void *)(uintptr_t)local_ref(ref), &s->handle);
	local_here->held_port = 0;
	local_hold(ref);
	if (err) {
		local_drop(ref);
		if (err == -EADDRINUSE) /* a connection to the same peer has the port: as connect(2) says it */
			return -EADDRNOTAVAIL;
		return err == -ENFILE ? err : -EHOSTUNREACH; /* the kernel may know better */
	}
	err = early_become(fd, ref);
	if (err)
		return err;
	note_flags(fd, s);
	s->connecting = 1;
	call_take_options(fd, ref);
	*out = ref;
	return early_ours(fd, ref);
}

/* Not ours, as far as can be said without asking for the route. */
static bool plainly_kernels(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct xtcp_addr a;
	uint16_t port;

	if (!addr || len < sizeof(sa_family_t) || (addr->sa_family != AF_INET && addr->sa_family != AF_INET6))
		return true;
	if (!to_addr(addr, len, &a, &port) || addr_is_loopback(&a) || addr_is_any(&a) || addr_is_multicast(&a) || !port)
		return true;
	return !allowed(&a, port) || !is_tcp(fd) || other_device(fd);
}

static int kernel_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	int rc = real.connect(fd, addr, len), err = errno;

	if (!rc || err == EINPROGRESS)
		early_kernels(fd);
	errno = err;
	return rc;
}

int call_connect_ours(int fd, const struct sockaddr *addr, socklen_t len, struct call_first *first)
{
	struct early_watch kept[EARLY_KEPT];
	uint32_t ref = local_sock(fd), n = 0;
	struct shared with;
	int err;

	if (!local.on || (uint32_t)fd >= local.size || len > sizeof(struct sockaddr_storage) ||
	    !guard_read(addr, len) || (!ref && (local_entry(fd) || plainly_kernels(fd, addr, len))))
		return CALL_KERNELS;
	shared_find(fd, &with);
	if (ref ? !local_lock_on(fd, ref) : !local_lock(local_name(local_home(), 0)))
		return -1;
	if (!ref && local_entry(fd)) { /* another thread was here */
		local_unlock();
		return call_connect_ours(fd, addr, len, first);
	}
	if (ref) {
		err = connect_again(fd, ref, kept, &n);
	} else {
		err = connect_ours(fd, addr, &ref);
		if (err == -EHOSTUNREACH) {
			local_unlock();
			return CALL_KERNELS;
		}
		if (!err) {
			shared_hold(ref, &with);
			if (first)
				call_send_first(ref, first);
			local_turn();
			local_at(ref)->asked = local_at(ref)->nonblock;
			err = wait_connected(ref);
		}
	}
	if (err == -EIO)
		return call_error(EIO);
	local_unlock();
	early_again(fd, kept, n);
	return err ? call_error(-err) : 0;
}

int call_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	int rc = call_connect_ours(fd, addr, len, NULL);

	return rc == CALL_KERNELS ? kernel_connect(fd, addr, len) : rc;
}

/* SHUT_RD ends listening, in each engine. */
static int shut_listener(int fd, uint32_t ref, int how)
{
	uint64_t inode = local_at(ref)->inode;

	if (how == SHUT_WR || !local_at(ref)->handle)
		return -ENOTCONN;
	if (local_at(ref)->kernel_too)
		real.shutdown(fd, how);
	for (uint32_t k = 0; k < local.engines; k++) {
		uint32_t twin;

		if (!local_go_twin(ref, inode, k, &twin))
			return -EIO;
		if (!twin)
			continue;
		run_listen_end(local_here, local_ref(twin));
		run_notify(local_here, local_ref(twin), POLLIN | POLLRDNORM | POLLRDHUP | POLLHUP);
	}
	return 0;
}

int call_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	uint32_t ref = local_sock(fd);
	bool over = !ref;

	if (ref) {
		if (!local_lock_on(fd, ref))
			return -1;
		over = local_at(ref)->kind == RUN_CONN && !local_at(ref)->connecting && ended(local_at(ref));
		local_unlock();
	}
	return over ? real.bind(fd, addr, len) : call_error(EINVAL);
}

int call_shutdown(int fd, int how)
{
	uint32_t ref = local_sock(fd);
	struct run_sock *s;
	int err = 0;

	if (!ref)
		return real.shutdown(fd, how);
	if (how < SHUT_RD || how > SHUT_RDWR)
		return call_error(EINVAL);
	if (!local_lock_on(fd, ref))
		return -1;
	local_turn();
	s = local_at(ref);
	if (s->kind == RUN_LISTENER) {
		err = shut_listener(fd, ref, how);
	} else if (!s->opened || ended(s)) {
		err = -ENOTCONN;
	} else {
		if (how != SHUT_RD && !(s->shut & 2)) {
			s->shut |= 2;
			if (xtcp_shutdown(local_here->x, s->handle) < 0 && how == SHUT_WR)
				err = -ENOTCONN;
		}
		s->asked = 0;
		if (how != SHUT_WR)
			s->shut |= 1;
		local_turn();
		run_notify(local_here, local_ref(ref), POLLIN | POLLRDNORM | POLLRDHUP | POLLHUP | POLLOUT);
	}
	local_unlock();
	return err ? call_error(-err) : 0;
}
