// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * open.c - an engine made and unmade: the region, the XDP half (ctl), the AF_XDP
 * port (io), joined. What the caller asked for is checked here, once, field by field.
 */
#include "api/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io/clock.h"
#include "lib/fail.h"
#include "tcp/tcp.h"

const char *xtcp_errmsg(void)
{
	return fail_text();
}

const char *xtcp_version(void)
{
	return XTCP_VERSION;
}

/* ---- the configuration ---- */

/* 0 becomes the default; then the range is checked. */
static int field(const char *name, uint64_t *value, uint64_t dflt, uint64_t lo, uint64_t hi)
{
	if (!*value)
		*value = dflt;
	if (*value < lo || *value > hi)
		return fail(EINVAL, "conf.%s is %llu; it must be %llu to %llu", name, (unsigned long long)*value,
			    (unsigned long long)lo, (unsigned long long)hi);
	return 0;
}

static int field32(const char *name, uint32_t *value, uint32_t dflt, uint32_t lo, uint32_t hi)
{
	uint64_t v = *value;
	int err = field(name, &v, dflt, lo, hi);

	*value = (uint32_t)v;
	return err;
}

static int check_enums(struct xtcp_conf *c)
{
	int err;

	if (!c->ifname || !*c->ifname)
		return fail(EINVAL, "conf.ifname is missing: name the interface to serve");
	if (c->mode > XTCP_MODE_GENERIC)
		return fail(EINVAL, "conf.mode %d is none of auto, native, generic", c->mode);
	if (c->waiting > XTCP_WAIT_POWER)
		return fail(EINVAL, "conf.waiting %d is none of balanced, latency, power", c->waiting);
	if (c->prefer > XTCP_PREFER_BULK)
		return fail(EINVAL, "conf.prefer %d is none of latency, bulk", c->prefer);
	if (c->busy_poll > XTCP_BUSY_POLL_ON)
		return fail(EINVAL, "conf.busy_poll %d is none of auto, off, on", c->busy_poll);
	if (c->busy_poll == XTCP_BUSY_POLL_ON && c->waiting != XTCP_WAIT_LATENCY)
		return fail(EINVAL, "conf.busy_poll is on, which needs conf.waiting to be latency");
	if (c->tx_csum > XTCP_TX_CSUM_ON)
		return fail(EINVAL, "conf.tx_csum %d is none of auto, off, on", c->tx_csum);
	if (c->mtu_probing > XTCP_MTU_PROBING_ALWAYS)
		return fail(EINVAL, "conf.mtu_probing %d is none of auto, off, always", c->mtu_probing);
	if (c->ecn > XTCP_ECN_ACCURATE)
		return fail(EINVAL, "conf.ecn %d is none of off, passive, on, accurate", c->ecn);
	if (c->isn > UINT32_MAX)
		return fail(EINVAL, "conf.isn %lld is no sequence number: 0 to 4294967295", (long long)c->isn);
	if (!c->cc)
		c->cc = "cubic";
	err = api_find_cc(c->cc);
	return err < 0 ? err : 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Memory, and patience. */
static int check_limits(struct xtcp_conf *c)
{
	int err;

	if ((err = field("mem_high", &c->mem_high, c->buffer_bytes / 8 * 7, 1, c->buffer_bytes)) ||
	    (err = field("mem_pressure", &c->mem_pressure, smaller(c->buffer_bytes / 8 * 5, c->mem_high), 1,
			 c->mem_high)) ||
	    (err = field("mem_low", &c->mem_low, smaller(c->buffer_bytes / 2, c->mem_pressure), 1, c->mem_pressure)) ||
	    (err = field32("orphan_retries", &c->orphan_retries, 8, 1, 255)))
		return err;
	if ((err = field32("r1", &c->r1, 3, 1, 255)) || (err = field32("r2_ms", &c->r2_ms, 900000, 1000, UINT32_MAX)) ||
	    (err = field32("syn_r2_ms", &c->syn_r2_ms, 180000, 1000, UINT32_MAX)))
		return err;
	if ((err = field32("uto_high_s", &c->uto_high_s, 3600, 1, 1966020)) ||
	    (err = field32("uto_low_s", &c->uto_low_s, c->uto_high_s < 100 ? c->uto_high_s : 100, 1, c->uto_high_s)))
		return err;
	if ((err = field32("fin_wait2_ms", &c->fin_wait2_ms, 60000, 1, UINT32_MAX)) ||
	    (c->mss_min && (err = field32("mss_min", &c->mss_min, 0, TCP_MSS_FLOOR, TCP_MSS_DEFAULT_V4))))
		return err;
	return field32("zero_window_probes", &c->zero_window_probes, 8, 1, 256);
}

static int check_conf(struct xtcp_conf *c)
{
	int err = check_enums(c);

	if (err || (err = field32("spin_us", &c->spin_us, 50, 1, 1000000)) ||
	    (err = field32("max_conns", &c->max_conns, 65536, 16, 4194304)) ||
	    (err = field32("max_listeners", &c->max_listeners, 64, 1, 4096)) ||
	    (err = field32("max_time_wait", &c->max_time_wait, 32768, 16, 4194304)) ||
	    (err = field("buffer_bytes", &c->buffer_bytes, 1ull << 30, 1 << 20, 1ull << 40)) ||
	    (err = field32("sndbuf_max", &c->sndbuf_max, 4 << 20, 4096, 1 << 30)) ||
	    (err = field32("rcvbuf_max", &c->rcvbuf_max, 4 << 20, 4096, 1 << 30)) ||
	    (err = field32("rcvbuf_init", &c->rcvbuf_init, c->rcvbuf_max < 131072 ? c->rcvbuf_max : 131072, 4096,
			   c->rcvbuf_max)) ||
	    (err = field32("chunks", &c->chunks, 8192, 256, 262144)) ||
	    (err = field32("time_wait_ms", &c->time_wait_ms, 60000, 1, 240000)) ||
	    (err = field32("syn_queue", &c->syn_queue, 1024, 1, 65536)))
		return err;
	while (c->chunks & (c->chunks - 1))
		c->chunks += c->chunks & -c->chunks; /* up to a power of two */
	return check_limits(c);
}

/* The caller's struct may be older (shorter) than ours. */
int api_copy_conf(struct xtcp_conf *to, const struct xtcp_conf *from)
{
	static const struct xtcp_conf dflt = XTCP_CONF_INIT;

	if (!from || from->size < offsetof(struct xtcp_conf, mode))
		return fail(EINVAL, "conf.size is not set: begin with XTCP_CONF_INIT");
	*to = dflt;
	memcpy(to, from, from->size < sizeof(*to) ? from->size : sizeof(*to));
	to->size = sizeof(*to);
	return check_conf(to);
}

/* ---- news from the host ---- */

static void on_link(void *arg, const struct ctl_link *l)
{
	struct xtcp *x = arg;

	x->gone = x->gone || l->gone;
	if (l->gone)
		return;
	if (x->port)
		xsk_set_gso(x->port, !ctl_no_supers(l), l->tx_queues > 1);
	engine_host_link(x->engine, l->mac, l->mtu, l->up);
}

static void on_addr(void *arg, const struct xtcp_addr *addr, uint32_t index, bool added)
{
	engine_host_addr(((struct xtcp *)arg)->engine, addr, index, added);
}

static void on_neigh(void *arg, const struct xtcp_addr *next_hop, const uint8_t mac[6])
{
	engine_host_neigh(((struct xtcp *)arg)->engine, next_hop, mac);
}

static void on_routes(void *arg)
{
	engine_host_routes_changed(((struct xtcp *)arg)->engine);
}

/* ---- the parts ---- */

static const uint8_t mtu_probing[] = {
	[XTCP_MTU_PROBING_AUTO] = 1,
	[XTCP_MTU_PROBING_OFF] = 0,
	[XTCP_MTU_PROBING_ALWAYS] = 2,
};

static int make_engine(struct xtcp *x, const struct xtcp_conf *c)
{
	struct engine_conf ec = {
		.max_conns = c->max_conns,
		.max_listeners = c->max_listeners,
		.max_time_wait = c->max_time_wait,
		.max_dsts = c->max_conns < 1024 ? 1024 : c->max_conns, /* peers never run out before connections */
		.buffer_bytes = c->buffer_bytes,
		.mem_low = c->mem_low,
		.mem_pressure = c->mem_pressure,
		.mem_high = c->mem_high,
		.chunks = c->chunks,
		.chunk_size = XSK_CHUNK_MAX, /* until make_port() knows better */
		.syn_queue = c->syn_queue,
		.huge_pages = c->huge_pages,
		.partial_csum_ok = true, /* the XDP half says so only where the link is virtual */
	};
	int err;

	if (c->huge_pages && (err = ctl_check_huge_pages()))
		return err;
	tcp_conf_default(&ec.tcp);
	ec.tcp.sndbuf_max = c->sndbuf_max;
	ec.tcp.rcvbuf_max = c->rcvbuf_max;
	ec.tcp.rcvbuf_init = c->rcvbuf_init;
	ec.tcp.orphan_retries = c->orphan_retries;
	ec.tcp.r1 = (uint8_t)c->r1;
	ec.tcp.uto = c->uto;
	ec.tcp.uto_low_s = c->uto_low_s;
	ec.tcp.uto_high_s = c->uto_high_s;
	ec.tcp.r2_ns = c->r2_ms * NS_PER_MS;
	ec.tcp.syn_timeout_ns = c->syn_r2_ms * NS_PER_MS;
	ec.tcp.mss_min = (uint16_t)c->mss_min;
	ec.tcp.zero_window_probes = c->zero_window_probes;
	ec.tcp.fin_wait2_ns = c->fin_wait2_ms * NS_PER_MS;
	ec.tcp.time_wait_ns = c->time_wait_ms * NS_PER_MS;
	ec.tcp.fixed_isn = c->isn;
	ec.tcp.mtu_probing = mtu_probing[c->mtu_probing];
	ec.tcp.ecn = (uint8_t)c->ecn;
	ec.tcp.cc = (uint8_t)tcp_cc_find(c->cc);
	ec.tcp.pacing = c->pacing;
	ec.tcp.idle_restart = c->idle_restart;
	if (getrandom(ec.seed, sizeof(ec.seed), 0) != sizeof(ec.seed))
		return fail(errno, "no random numbers from the kernel: %s", strerror(errno));
	return engine_create(&x->engine, &ec);
}

static int make_ctl(struct xtcp *x, const struct xtcp_conf *c, struct xtcp *first)
{
	struct ctl_conf cc = {
		.ifname = c->ifname,
		.mode = c->mode == XTCP_MODE_NATIVE    ? CTL_MODE_NATIVE
			: c->mode == XTCP_MODE_GENERIC ? CTL_MODE_GENERIC
						       : CTL_MODE_AUTO,
		.pin = !c->no_pin,
		.bulk = c->prefer == XTCP_PREFER_BULK,
		.events = { .link = on_link, .addr = on_addr, .neigh = on_neigh, .routes_changed = on_routes },
		.arg = x,
	};

	return first ? ctl_join(&x->ctl, first->ctl, &cc) : ctl_open(&x->ctl, &cc);
}

/* Checksums are left to kernel or device where that was to be; why not is kept, and where it had to be is an error. */
static int judge_tx_csum(struct xtcp *x, const struct xtcp_conf *c)
{
	const struct ctl_link *l = ctl_link(x->ctl);

	if (x->xsk.tx_csum)
		x->no_tx_csum = "";
	else if (c->tx_csum == XTCP_TX_CSUM_OFF)
		x->no_tx_csum = "it is turned off";
	else
		x->no_tx_csum = ctl_no_tx_csum(l, x->xsk.zero_copy, c->tx_csum == XTCP_TX_CSUM_ON);
	if (!x->no_tx_csum)
		x->no_tx_csum = "this kernel has no TX metadata for AF_XDP (Linux 6.11)";
	if (c->tx_csum == XTCP_TX_CSUM_ON && !x->xsk.tx_csum)
		return fail(EOPNOTSUPP, "%s: checksums can't be left to kernel or device: %s; leave conf.tx_csum auto",
			    l->name, x->no_tx_csum);
	return 0;
}

static int make_port(struct xtcp *x, const struct xtcp_conf *c)
{
	const struct ctl_link *l = ctl_link(x->ctl);
	struct xsk_conf xc = {
		.ifname = l->name,
		.ifindex = l->ifindex,
		.mode = ctl_mode(x->ctl) == CTL_MODE_GENERIC ? XSK_MODE_GENERIC : XSK_MODE_NATIVE,
		.mtu = l->mtu,
		.queue = c->first_queue,
		.queues = c->queues,
		.force_copy = c->force_copy,
		.gso = true,
		.xsks_map_fd = ctl_xsks_fd(x->ctl),
		.frames = engine_frames(x->engine),
		.area = engine_area(x->engine),
	};
	int err;

	for (int zero_copy = 0; zero_copy < 2; zero_copy++)
		xc.tx_csum[zero_copy] = c->tx_csum != XTCP_TX_CSUM_OFF &&
					!ctl_no_tx_csum(l, zero_copy, c->tx_csum == XTCP_TX_CSUM_ON);
	if (c->first_queue >= l->queues || c->queues > l->queues - c->first_queue)
		return fail(EINVAL, "%s has %u receive queues, 0 to %u; queues %u to %u were asked for", l->name,
			    l->queues, l->queues - 1, c->first_queue, c->first_queue + (c->queues ? c->queues : 1) - 1);
	if (!xc.queues)
		xc.queues = l->queues - c->first_queue;
	if (xc.queues > XTCP_MAX_QUEUES)
		xc.queues = XTCP_MAX_QUEUES;
	xc.frames->chunk_size = xsk_chunk_size(xc.mode, xc.mtu); /* the region has room for the largest: it is sparse */
	err = ctl_claim_queues(x->ctl, xc.queue, xc.queues);
	if (!err)
		err = xsk_open(&x->port, &xc, &x->xsk);
	if (!err)
		xsk_set_gso(x->port, !ctl_no_supers(l), l->tx_queues > 1);
	return err ? err : judge_tx_csum(x, c);
}

/* Poll the device, where that is asked for. */
static int poll_device(struct xtcp *x, const struct xtcp_conf *c)
{
	const char *why = c->busy_poll == XTCP_BUSY_POLL_OFF	? "it is turned off"
			  : c->waiting != XTCP_WAIT_LATENCY	? "only waiting for latency is worth it"
			  : c->busy_poll == XTCP_BUSY_POLL_AUTO ? ctl_no_busy_poll(ctl_link(x->ctl))
								: NULL;
	int err = 0;

	if (!why) {
		err = xsk_busy_poll(x->port);
		if (!err)
			err = ctl_defer_interrupts(x->ctl);
		why = err ? fail_text() : "";
	}
	snprintf(x->no_busy_poll, sizeof(x->no_busy_poll), "%s", why);
	return c->busy_poll == XTCP_BUSY_POLL_ON ? err : 0;
}

/* A seat among the engines of the interface, before there is any connection. */
static int make_seat(struct xtcp *x, struct xtcp *first)
{
	struct sisters *s = first ? first->sisters : sisters_new();
	int seat = s ? sisters_sit(s) : -ENOMEM;

	if (seat < 0) {
		if (s && !first)
			sisters_detach(s);
		return fail(-seat, "no seat for one more engine on this interface: %s", strerror(-seat));
	}
	x->sisters = s;
	x->seat = (uint32_t)seat;
	engine_set_sisters(x->engine, s, x->seat);
	return 0;
}

/* Who it is, for those who look into the region from outside (xtcp status). */
static void tell_place(const struct xtcp *x)
{
	struct stat ns;
	struct engine_place place = {
		.netns = stat("/proc/thread-self/ns/net", &ns) ? 0 : ns.st_ino,
		.ifindex = ctl_link(x->ctl)->ifindex,
		.pid = getpid(),
		.engine = x->seat,
		.first_queue = x->xsk.queue,
		.queues = x->xsk.queues,
	};

	engine_set_place(x->engine, &place);
}

int api_open(struct xtcp **out, const struct xtcp_conf *c, struct xtcp *first)
{
	struct xtcp *x = calloc(1, sizeof(*x));
	int err;

	if (!x)
		return fail(ENOMEM, "no memory");
	x->ep_fd = x->wake_fd = x->timer_fd = -1;
	x->waiting = c->waiting;
	x->spin_ns = c->spin_us * 1000ull;
	if ((err = make_engine(x, c)) || (err = make_seat(x, first)) || (err = make_ctl(x, c, first)) ||
	    (err = make_port(x, c)) || (err = poll_device(x, c)))
		goto out;
	engine_attach(x->engine, x->port, &ctl_host_ops, x->ctl);
	engine_set_flows(x->engine, ctl_flows(x->ctl), ctl_flow_key(x->ctl));
	if (c->pcap && (err = pcap_tap_open(&x->pcap, c->pcap)))
		goto out;
	api_tap_update(x);
	err = api_wait_open(x);
	if (err)
		goto out;
	tell_place(x);
	engine_turn(x->engine, clock_now_ns()); /* calls before the first turn of the caller's need the time */
	*out = x;
	return 0;
out:
	xtcp_destroy(x);
	return err;
}

int xtcp_open(struct xtcp **out, const struct xtcp_conf *conf)
{
	struct xtcp_conf c = XTCP_CONF_INIT;
	int err = api_copy_conf(&c, conf);

	return err ? err : api_open(out, &c, NULL);
}

/* Every connection still open is reset, and the RSTs leave. */
static void abort_all(struct xtcp *x)
{
	if (x->gone)
		return;
	engine_abort_all(x->engine);
	for (int i = 0; i < 64 && engine_deadline(x->engine) == 0; i++)
		if (engine_turn(x->engine, clock_now_ns()) < 0)
			break;
}

void xtcp_destroy(struct xtcp *x)
{
	if (!x)
		return;
	if (x->port && x->ctl && x->engine)
		abort_all(x);
	api_wait_close(x);
	api_relay_close(x);
	if (x->pcap)
		pcap_tap_close(x->pcap);
	if (x->engine)
		engine_attach(x->engine, NULL, NULL, NULL);
	if (x->port)
		x->port->ops->close(x->port);
	if (x->engine)
		engine_destroy(x->engine); /* gives its ports back to ctl */
	if (x->ctl)
		ctl_close(x->ctl);
	if (x->sisters)
		sisters_leave(x->sisters, x->seat);
	free(x);
}
