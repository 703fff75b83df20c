/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xtcp.h - TCP in user space, fed by XDP. The public interface of libxtcp.
 *
 * An engine (struct xtcp) serves one network interface, or some of its receive queues (xtcp_join). It owns the TCP ports
 * that were opened through it, and nothing else: all other traffic stays with the kernel.
 *
 * How a program uses it:
 *
 *     struct xtcp_conf conf = XTCP_CONF_INIT;
 *     xtcp_listener l;
 *     struct xtcp *x;
 *     conf.ifname = "eth0";
 *     if (xtcp_open(&x, &conf) < 0)
 *             errx(1, "%s", xtcp_errmsg());
 *     xtcp_listen(x, NULL, 7, NULL, &l);
 *     for (;;) {
 *             struct xtcp_event ev[64];
 *             int n = xtcp_wait(x, ev, 64, -1);
 *             ... for each: xtcp_accept, xtcp_recv, xtcp_send, xtcp_close ...
 *     }
 *
 * Rules for every call, unless its comment says otherwise:
 *   - Threads: an engine belongs to one thread at a time; the caller serialises. Different engines are independent.
 *     xtcp_wake() and xtcp_errmsg() may be called from any thread.
 *   - Blocking: no call blocks but xtcp_wait(), xtcp_drain() and xtcp_open(); the others return -EAGAIN.
 *   - Return: 0 or a count, or a negative errno value. xtcp_errmsg() then tells this thread's last failure in a sentence.
 *   - Handles: connections and listeners are 64-bit numbers, never 0, never reused while anyone could still hold them (a
 *     generation is part of the number). A stale or foreign handle gives -EBADF and harms nothing.
 *   - Nothing is sent inside a call: segments leave in the next turn (xtcp_turn, xtcp_wait), so that many small sends
 *     share one doorbell (RFC 9293 3.7.4 and MUST-58).
 *
 * RFC numbers in the comments name where the behaviour is specified.
 */
#ifndef XTCP_H
#define XTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct xtcp;

typedef uint64_t xtcp_conn;	/* a connection */
typedef uint64_t xtcp_listener; /* a passive OPEN */

/* ---- engine ---- */

enum xtcp_mode {
	XTCP_MODE_AUTO,	   /* native where the driver has it, else generic */
	XTCP_MODE_NATIVE,  /* XDP in the driver, or fail */
	XTCP_MODE_GENERIC, /* XDP in the kernel's receive path; keeps TSO/GSO of the peer on veth */
};

/* What the ports are opened for. It decides what XTCP_MODE_AUTO takes; xtcp doctor tells what that is on an interface, and why. */
enum xtcp_prefer {
	XTCP_PREFER_LATENCY, /* short requests and answers: native XDP */
	XTCP_PREFER_BULK, /* long transfers: generic XDP on a veth, which brings what the peer sends in super-segments */
};

/* How to wait: the trade between latency and processor time. */
enum xtcp_waiting {
	XTCP_WAIT_BALANCED, /* spin for spin_us after the last frame where, as far as it has been learned, the next is likely
			       to arrive by then; where it is not, sleep at once */
	XTCP_WAIT_LATENCY, /* never sleep while any connection is open, nor for a second after the last frame */
	XTCP_WAIT_POWER,   /* sleep at once */
};

/*
 * Polling the device in place of its interrupts (SO_PREFER_BUSY_POLL, Linux 5.11), with XTCP_WAIT_LATENCY. The interface's
 * napi_defer_hard_irqs and gro_flush_timeout are set for it unless they are already, and put back at the end, also after kill -9.
 */
enum xtcp_busy_poll {
	XTCP_BUSY_POLL_AUTO, /* where the driver has interrupts and the kernel can; xtcp_engine_info tells */
	XTCP_BUSY_POLL_OFF,
	XTCP_BUSY_POLL_ON, /* or fail */
};

/*
 * Who sums what is sent: the kernel, or with zero-copy the device (AF_XDP's TX metadata, Linux 6.11), or we while copying. Other
 * ways than AF_XDP (super-segments) leave it to the device in any case.
 */
enum xtcp_tx_csum {
	XTCP_TX_CSUM_AUTO, /* the device where it does it for zero-copy; otherwise we, which is no slower; xtcp_engine_info tells */
	XTCP_TX_CSUM_OFF, /* we */
	XTCP_TX_CSUM_ON,  /* kernel or device, or fail */
};

/* Path MTU discovery by the fate of segments (RFC 4821), besides ICMP, which is always listened to. */
enum xtcp_mtu_probing {
	XTCP_MTU_PROBING_AUTO, /* from when full segments are lost again and again without an ICMP error: a black hole */
	XTCP_MTU_PROBING_OFF,  /* never */
	XTCP_MTU_PROBING_ALWAYS, /* from the start, with packets of 1,280 bytes at first */
};

/* Explicit congestion notification: what is asked for when opening actively, and accepted from who opens to us. */
enum xtcp_ecn {
	XTCP_ECN_PASSIVE, /* ask for none, accept Accurate ECN (RFC 9768) and ECN (RFC 3168), whichever the peer asks for */
	XTCP_ECN_OFF,	  /* none, either way */
	XTCP_ECN_ON,	  /* RFC 3168: ask for it, accept it */
	XTCP_ECN_ACCURATE, /* ask for RFC 9768, which falls back to RFC 3168; accept both */
};

/* Size-versioned: set size (XTCP_CONF_INIT does); new fields are appended; 0 or NULL means the default. */
struct xtcp_conf {
	size_t size;		   /* sizeof(struct xtcp_conf) */
	const char *ifname;	   /* interface; required */
	enum xtcp_mode mode;	   /* default XTCP_MODE_AUTO */
	enum xtcp_waiting waiting; /* default XTCP_WAIT_BALANCED */
	uint32_t spin_us;	   /* longest spin of XTCP_WAIT_BALANCED, microseconds; default 50; 1..1,000,000 */
	uint32_t max_conns;	   /* connections, all states but TIME-WAIT; default 65,536; 16..4,194,304 */
	uint32_t max_listeners;	   /* default 64; 1..4,096 */
	uint32_t max_time_wait;	   /* TIME-WAIT table; default 32,768; 16..4,194,304; when full the oldest goes */
	uint64_t buffer_bytes;	   /* memory for all send and receive buffers; default 1 GiB (sparse); 1 MiB..1 TiB */
	uint32_t sndbuf_max;	   /* largest send buffer of a connection, bytes; default 4 MiB; 4 KiB..1 GiB */
	uint32_t rcvbuf_max; /* largest receive buffer, bytes; default 4 MiB; 4 KiB..1 GiB; also bounds the window */
	uint32_t
		chunks; /* frame chunks of 2,048 or 4,096 bytes (chunk_bytes below); default 8,192; 256..262,144, rounded up to a power of two */
	uint32_t time_wait_ms; /* 2 MSL, milliseconds; default 60,000 (RFC 9293 3.4.2); 1..240,000 */
	uint32_t syn_queue;    /* half-open connections of one listener; default 1,024; 1..65,536 */
	const char *cc;	       /* congestion control for new connections: xtcp_cc_name() lists them; default "cubic" */
	int64_t isn;	       /* >= 0: fixed initial sequence number of every connection, for teaching only;
				     default -1: keyed SipHash and a clock (RFC 6528) */
	bool no_pin;	       /* do not pin maps under bpffs */
	bool force_copy;       /* do not use zero-copy even where the driver has it */
	const char *pcap;      /* capture file, pcap with nanosecond stamps; "-" standard output; default none */
	uint32_t first_queue;  /* first receive queue served; default 0; XTCP_QUEUE_ANY: see xtcp_join() */
	uint32_t queues;       /* receive queues served; default 0: all from first_queue on; xtcp_join(): 1 */
	enum xtcp_mtu_probing mtu_probing; /* default XTCP_MTU_PROBING_AUTO */
	enum xtcp_ecn ecn; /* default XTCP_ECN_PASSIVE; but "dctcp", Reno without marks, asks for RFC 9768 then */
	uint32_t
		rcvbuf_init; /* receive buffer that a connection begins with, bytes; default 128 KiB; 4 KiB..rcvbuf_max;
				  it grows to twice what the application reads in a round trip, up to rcvbuf_max */
	/*
	 * Marks of buffer_bytes in use, like Linux's tcp_mem; mem_low <= mem_pressure <= mem_high <= buffer_bytes. From
	 * mem_pressure until less than mem_low is in use no window and no buffer grows. From mem_high on memory is won
	 * back: out-of-order data is dropped and refused, then connections that the application has closed are
	 * aborted, the largest first, then connections whose peers keep their windows shut (zero_window_probes).
	 */
	uint64_t mem_low;	 /* bytes; default buffer_bytes / 2 */
	uint64_t mem_pressure;	 /* bytes; default 5/8 of buffer_bytes */
	uint64_t mem_high;	 /* bytes; default 7/8 of buffer_bytes */
	uint32_t orphan_retries; /* window probes that a closed connection's peer may answer without opening its
					window, before it is aborted (RFC 6429); default 8 (51 s at the least RTO); 1..255 */
	uint32_t r1;		 /* retransmissions in a row until XTCP_EV_SOFT_ERROR, and until route and neighbour
					are asked for again (RFC 9293 3.8.3); default 3 (SHLD-10); 1..255 */
	uint32_t r2_ms;		 /* R2: give up when nothing is acknowledged for so long; milliseconds; default
					900,000 (SHLD-11: at least 100,000); 1,000..2^32 - 1; see XTCP_USER_TIMEOUT_MS */
	uint32_t syn_r2_ms;	 /* the same for SYN; default 180,000 (MUST-23); 1,000..2^32 - 1 */
	bool uto;		 /* the user timeout option (RFC 5482) on every connection; default false;
					see XTCP_USER_TIMEOUT_OPT */
	uint32_t uto_low_s;	 /* L_LIMIT, seconds; default 100; 1..uto_high_s */
	uint32_t uto_high_s;	 /* U_LIMIT: no peer makes us wait longer; seconds; default 3,600; 1..1,966,020 */
	uint32_t
		zero_window_probes; /* the same as orphan_retries for an open connection, which only then may be aborted, with
					ETIMEDOUT, when memory is past mem_high; default 8; 1..256, 256: never */
	uint32_t
		fin_wait2_ms; /* how long a closed connection waits for the peer's FIN, milliseconds; default 60,000; 1..2^32 - 1 */
	uint32_t
		mss_min; /* a peer's MSS option that is smaller counts as this, bytes; default 536, IPv6 1,220, which every
				host can receive (RFC 9293 3.7.1); 48..536, for peers that mean it */
	bool pacing;	 /* XTCP_PACING on every connection; default false */
	bool idle_restart; /* after a pause longer than the RTO cwnd is the initial window again (RFC 5681 4.1), as on Linux.
				  default false: it is kept for five minutes, and paced until it is validated (RFC 7661) */
	enum xtcp_prefer prefer;       /* what XTCP_MODE_AUTO chooses for; default XTCP_PREFER_LATENCY */
	enum xtcp_busy_poll busy_poll; /* default XTCP_BUSY_POLL_AUTO */
	enum xtcp_tx_csum tx_csum;     /* default XTCP_TX_CSUM_AUTO */
	bool huge_pages;	       /* the region in huge pages, or fail; default false */
};
#define XTCP_CONF_INIT                                      \
	{                                                   \
		.size = sizeof(struct xtcp_conf), .isn = -1 \
	}

/*
 * Open an engine: maps the region, loads and attaches the XDP half, opens the AF_XDP sockets.
 * Needs CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_PERFMON (root has them), and CAP_IPC_LOCK or an RLIMIT_MEMLOCK
 * that holds the frames. May block for some tens of milliseconds.
 *   -EINVAL a field is out of range · -ENODEV no such interface · -EPERM · -EBUSY another XDP program or
 *   another xtcp has the interface or queue · -ENOTSUP the kernel or driver lacks something · -ENOMEM ·
 *   -EMSGSIZE MTU too large for the mode · any errno of opening the pcap file
 */
int xtcp_open(struct xtcp **out, const struct xtcp_conf *conf);

/*
 * One more engine on the interface of first, which may be any engine that is there: N engines on N receive queues, each
 * with its own memory, connections, timers and thread. They share the XDP program, its maps and the reserved ports, and
 * nothing that a segment passes. conf NULL: the defaults, on the first receive queue that no engine serves yet; or with
 * first_queue XTCP_QUEUE_ANY there. conf.ifname and mode must be first's, or NULL and auto. The first engine must leave
 * queues free: set its conf.queues to 1. Handles of one engine mean nothing to another.
 *
 * A listener is an engine's own. The same address and port can be listened to on each: a SYN is the engine's at whose
 * queue it arrives (as SO_REUSEPORT has it), or if that one does not listen, another's that does. The hash of the driver
 * (RSS) spreads connections over queues; on veth that is the sender's choice of a transmit queue. An active OPEN chooses a
 * local port whose answers arrive at its own queue where the driver tells its Toeplitz key and table (ethtool -x).
 * Wherever a segment arrives, it gets to the engine that has its connection, by a copy between the engines when that is
 * another (counters in_handed_over, out_handed_over, handover_full). So all queues of the interface should be served:
 * what arrives on one without an engine is not seen (SYNs are refused by the kernel, other segments are dropped).
 *
 * May be called while first runs in another thread, not while it is being destroyed. Engines may be destroyed in any
 * order; the last one detaches. Blocks as xtcp_open() does.
 *   -EBUSY the queue is served already, here or by another program, or none is left · -EINVAL another interface or mode,
 *   or the interface has no such queue · as xtcp_open()
 */
int xtcp_join(struct xtcp **out, struct xtcp *first, const struct xtcp_conf *conf);
#define XTCP_QUEUE_ANY UINT32_MAX

/*
 * Close an engine. Connections still open are aborted (RST, RFC 9293 3.10.5); call xtcp_drain() first for an orderly end.
 * Gives every port back; the last engine of the interface detaches and unpins. NULL is allowed.
 */
void xtcp_destroy(struct xtcp *x);

/*
 * Run turns until every closed connection has sent its data and its FIN has been acknowledged,
 * or timeout_ms passed. Blocks. TIME-WAIT is not waited for. 0, or -ETIMEDOUT.
 */
int xtcp_drain(struct xtcp *x, int timeout_ms);

/* The last failure of this thread, one line without newline: what, where, why, how to mend it. */
const char *xtcp_errmsg(void);

/* Library version, "0.1.0". */
const char *xtcp_version(void);

struct xtcp_engine_info {
	char ifname[16];
	int ifindex;
	uint8_t mac[6];
	uint32_t mtu;	      /* bytes */
	enum xtcp_mode mode;  /* what was got */
	const char *mode_why; /* why AUTO took generic; "" if it did not. Valid while the engine lives */
	bool zero_copy;
	bool multi_buffer;
	bool link_up;
	uint32_t queues;
	const char *pin_path; /* "" when nothing is pinned */
	uint32_t conns;	      /* open connections */
	uint32_t time_waits;
	uint64_t buffer_used; /* bytes of buffer memory in use */
	uint64_t frames_lost; /* chunks missing from the accounts; always 0 */
	uint64_t buffer_peak; /* most bytes of buffer memory that ever were in use */
	bool mem_pressed;     /* buffer memory is under pressure */
	uint64_t
		region_bytes; /* memory of the engine's region that is in use: frames, connections, buffers, all tables */
	uint64_t map_bytes;   /* memory of the XDP half's two large tables (ports, flows), of fixed size */
	/* "": bulk data leaves as super-segments (GSO), past AF_XDP; else why it does not. It may change with the link */
	const char *no_supers_why;
	const char *no_busy_poll_why; /* "": the device is polled; else why it is not */
	uint32_t first_queue;	      /* of its receive queues */
	uint32_t engine; /* its number among the engines of the interface (xtcp_join), as in the flow table */
	uint32_t
		chunk_bytes; /* of each of the frame chunks: 2,048 in native mode up to an MTU of 1,770, 4,096 otherwise */
	const char *no_tx_csum_why; /* "": checksums of frames are left to kernel or device; else why they are not */
};
void xtcp_engine_info(struct xtcp *x, struct xtcp_engine_info *out);

/* ---- events ---- */

#define XTCP_EV_ACCEPT 0x01u   /* listener: a connection waits in the accept queue */
#define XTCP_EV_OPEN 0x02u     /* connection: ESTABLISHED */
#define XTCP_EV_READABLE 0x04u /* data, or the peer's FIN, can be received */
#define XTCP_EV_WRITABLE 0x08u /* there is room in the send buffer again */
#define XTCP_EV_PEER_FIN 0x10u /* the peer has closed its direction (RFC 9293 3.6) */
#define XTCP_EV_ERROR 0x20u  /* reset, timed out or unreachable: error tells which; the handle stays until xtcp_close */
#define XTCP_EV_CLOSED 0x40u /* both directions closed cleanly */
#define XTCP_EV_URGENT 0x80u /* urgent data arrived (RFC 6093); xtcp_urgent_mark tells where */
/* Something is wrong, the connection goes on (RFC 9293 3.9.1.8): an ICMP error came, or conf.r1 retransmissions were
   in vain (error is ETIMEDOUT then). XTCP_SOFT_ERRORS turns it off. */
#define XTCP_EV_SOFT_ERROR 0x100u

struct xtcp_event {
	uint64_t handle; /* xtcp_conn or xtcp_listener */
	void *user;	 /* as given to xtcp_set_user or xtcp_connect; NULL before */
	uint32_t events; /* XTCP_EV_*; edge-triggered: each is reported when it becomes true. After ERROR or CLOSED the
			    handle lives until xtcp_close, and what was received can still be read */
	int32_t error; /* positive errno with XTCP_EV_ERROR or XTCP_EV_SOFT_ERROR: ECONNRESET, ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH ... */
};

/*
 * One turn without waiting: receive a burst, run input, timers, output, transmit. Returns the number of events now ready,
 * or -ENODEV when the interface has been removed. A link that is down is no error: it is waited for.
 *
 * An acknowledgement with nothing else to send, of text or a FIN that an event has just told of, waits until the next turn, so that
 * the answer can carry it: who takes long over his events delays it by as much. Holes, every second full segment, and the
 * handshake are acknowledged at once.
 */
int xtcp_turn(struct xtcp *x);

/* Take up to max ready events. Returns how many; 0 when none. Does not run a turn. */
int xtcp_events(struct xtcp *x, struct xtcp_event *ev, int max);

/*
 * Turns until an event is ready, timeout_ms passed (-1: no limit, 0: one turn) or xtcp_wake() was called. Waits as
 * conf.waiting says. Returns the number of events stored, 0 on timeout or wake, -EINTR when a signal arrived,
 * -ENODEV when the interface has been removed.
 */
int xtcp_wait(struct xtcp *x, struct xtcp_event *ev, int max, int timeout_ms);

/*
 * The same until a time, of CLOCK_MONOTONIC in nanoseconds: for what must happen sooner than in a millisecond.
 * UINT64_MAX: no limit. XTCP_WAIT_BALANCED spins for the last 30 us before it, so as not to be late by a wake-up.
 */
int xtcp_wait_until(struct xtcp *x, struct xtcp_event *ev, int max, uint64_t ns);

/*
 * A descriptor that polls readable when xtcp_turn() has work: for poll, epoll and event loops of others. Before
 * sleeping on it call xtcp_arm(), which sets its timer to the next deadline and returns 1 if it is safe to sleep, 0 if
 * there is work already, or conf.waiting says to spin: then run another turn. From the first xtcp_fd() on each frame also
 * runs the wake-up of this descriptor: programs that only use xtcp_wait() do not call it. A descriptor, or -errno of epoll_ctl(2).
 */
int xtcp_fd(struct xtcp *x);
int xtcp_arm(struct xtcp *x);

/* Make a sleeping or the next xtcp_wait return. Any thread; async-signal-safe. */
void xtcp_wake(struct xtcp *x);

/* ---- opening and closing (RFC 9293 3.9.1) ---- */

/*
 * Passive OPEN. addr NULL or unspecified: every address of the interface (an unspecified IPv4 address: every IPv4
 * one), those added later too. port in host order, 0: the kernel chooses one (all addresses get the same).
 * backlog of the accept queue: see opts. The port is reserved in the kernel.
 *   -EADDRINUSE here or in the kernel · -EADDRNOTAVAIL not an address of the interface · -EINVAL multicast or broadcast
 *   (MUST-46) · -EMFILE too many listeners
 */
struct xtcp_listen_opts {
	size_t size;
	uint32_t backlog;   /* accept queue; default 1,024; 1..65,536 */
	uint32_t syn_queue; /* default from conf */
	uint32_t fastopen;  /* TCP Fast Open (RFC 7413): the data of a SYN whose cookie is ours can be received, and
			       answered, before the handshake is over (the accepted connection is in SYN-RECEIVED), as long
			       as no more than so many are in that state; past it, and without a cookie, the handshake is an
			       ordinary one. Such data may be delivered twice, when a SYN is duplicated in the network
			       (6.1): for requests that may be repeated only. Default 0: off; ..65,536 */
	uint32_t maxseg;    /* as XTCP_MAXSEG on each connection, and announced in its SYN; default 0: by MTU */
	uint32_t v6only;    /* 1: on a wildcard address of IPv6, no connections by IPv4 (IPV6_V6ONLY); default 0 */
	uint32_t defer_ms; /* > 0: a connection can be accepted when its first data or FIN is there, or when so long has
			       passed since the handshake; until then it takes a place of syn_queue. Default 0: at once */
};
int xtcp_listen(struct xtcp *x, const struct sockaddr *addr, uint16_t port, const struct xtcp_listen_opts *opts,
		xtcp_listener *out);
int xtcp_listen_close(struct xtcp *x, xtcp_listener l);	 /* connections not yet accepted are reset */
int xtcp_listener_port(struct xtcp *x, xtcp_listener l); /* host order */

/* Next connection of the accept queue; -EAGAIN when empty. */
int xtcp_accept(struct xtcp *x, xtcp_listener l, xtcp_conn *out);

/*
 * Active OPEN. remote holds address and port. local NULL: the kernel's choice of source address and a random port
 * (RFC 6056). Returns at once; XTCP_EV_OPEN or XTCP_EV_ERROR follows.
 *   -EINVAL multicast, broadcast or port 0 (MUST-46) · -ENETUNREACH, -EHOSTUNREACH no route through this interface ·
 *   -EADDRINUSE, -EADDRNOTAVAIL local address or port · -EMFILE connection limit · -EAGAIN no free port
 */
int xtcp_connect(struct xtcp *x, const struct sockaddr *remote, const struct sockaddr *local, void *user,
		 xtcp_conn *out);

/*
 * TCP MD5 signatures (RFC 2385), for BGP and the like, as Linux's TCP_MD5SIG_EXT: every segment to and from peers whose address
 * begins with the first prefix_len bits of peer's (its port does not matter; 0..32 or 0..128; the longest prefix counts) is signed
 * with key, of len bytes, 1..80; len 0 takes the key away. For connections and listeners of this engine, those opened
 * from now on; a new key for the same prefix counts at once. What is not signed as it must be is dropped and counted, RSTs
 * too. At most 64 keys. Timestamps leave no room for SACK blocks beside a signature, and Fast Open is not used.
 *   -EINVAL len or prefix_len out of range · -EAFNOSUPPORT · -ENOSPC · -ENOENT there was none to take away
 */
int xtcp_md5_key(struct xtcp *x, const struct sockaddr *peer, unsigned int prefix_len, const void *key, size_t len);

/*
 * TCP-AO, the TCP Authentication Option (RFC 5925), which takes the place of MD5 signatures: every segment to and from
 * peers whose address begins with the first prefix_len bits of peer's is signed, and what is not signed as it must be is
 * dropped and counted (in_ao_*), RSTs too. For connections and listeners of this engine, those opened from now on; where
 * there is an MD5 key as well TCP-AO is used (8). The keys are the master key tuples of 3.1: several may fit one peer, so
 * that a connection can change from one to another while it is open. A new connection begins with the one of the longest
 * prefix, of several such the oldest; a passive one with what its peer's SYN asks for.
 */
enum xtcp_ao_alg {
	XTCP_AO_HMAC_SHA_1_96,	/* with KDF_HMAC_SHA1 (RFC 5926): every TCP-AO has it */
	XTCP_AO_AES_128_CMAC_96 /* with KDF_AES_128_CMAC */
};

enum xtcp_ao_flag {
	XTCP_AO_NO_OPTIONS = 1, /* the MAC leaves out the other TCP options, for a middlebox that changes them (9.1) */
	XTCP_AO_ICMP = 2	/* believe ICMP errors as without TCP-AO (7.8) */
};
struct xtcp_ao_key {
	size_t size;		     /* of this struct */
	const struct sockaddr *peer; /* its port: the peer's, 0 any */
	uint32_t prefix_len;	     /* 0..32 or 0..128 */
	uint16_t local_port;	     /* host order; 0: any */
	uint8_t send_id;	     /* KeyID of segments sent; any value. What the peer calls RecvID */
	uint8_t recv_id;	     /* KeyID of segments received */
	uint32_t alg;		     /* enum xtcp_ao_alg; like flags the same at the peer */
	uint32_t flags;		     /* XTCP_AO_NO_OPTIONS, XTCP_AO_ICMP */
	const void *key;	     /* the master key, copied */
	size_t len;		     /* of it, 1..80 bytes; 0: take away the key with this peer, these ports and IDs */
};
/*
 * Add a key, or take it away. At most 64; what Linux calls TCP_AO_ADD_KEY and TCP_AO_DEL_KEY. There is room for one SACK
 * block beside timestamps and a MAC; Fast Open is not used. Once such a connection is synchronised ICMP errors that a
 * protocol or port is unreachable or prohibited, and IPv4's "fragmentation needed", are ignored (in_ao_icmp) but with
 * XTCP_AO_ICMP: a smaller path MTU is then found by probing. The RST of a peer that has lost its keys, having been started
 * anew, cannot be believed: have XTCP_KEEPALIVE on such connections (7.7).
 *   -EINVAL len, prefix_len, alg, flags or size out of range · -EAFNOSUPPORT · -ENOSPC · -EEXIST another key that fits some of
 *   these peers has one of the IDs (RFC 5925 3.1) · -ENOENT there was none to take away · -EBUSY an open connection uses it
 */
int xtcp_ao_key(struct xtcp *x, const struct xtcp_ao_key *k);

/*
 * The keys that a connection is to use from now on (RFC 5925 7.1). send_id, the SendID of current_key: signs what we send,
 * until the peer asks for another one. recv_id, the RecvID of rnext_key: what we ask the peer to use, in every segment
 * (RNextKeyID). -1 leaves one as it is. To change keys add the new one on both sides, then select its recv_id on each; once
 * nobody uses the old one any more (xtcp_ao_info) take it away.
 *   -EBADF · -EOPNOTSUPP it is not signed with TCP-AO · -ENOENT no such key for its peer · -EINVAL below -1 or above 255
 */
int xtcp_ao_select(struct xtcp *x, xtcp_conn c, int send_id, int recv_id);

struct xtcp_ao_info {
	uint8_t send_id;	   /* SendID of current_key */
	uint8_t rnext_id;	   /* RecvID of rnext_key */
	int16_t got_key_id;	   /* KeyID of the newest segment accepted; -1: none yet */
	int16_t got_rnext_id;	   /* its RNextKeyID, likewise */
	uint32_t snd_sne, rcv_sne; /* sequence number extensions (RFC 5925 6.2): how often the numbers have wrapped */
};
/* What TCP-AO a connection uses (RFC 5925 7.1). -EBADF · -EOPNOTSUPP it is not signed with TCP-AO */
int xtcp_ao_info(struct xtcp *x, xtcp_conn c, struct xtcp_ao_info *out);

/*
 * Segments with TCP-AO of peers for whom there is no key: dropped (in_ao_unexpected), or, the default, taken as if they had none
 * (in_ao_ignored; RFC 5925 7.3). 0.
 */
int xtcp_ao_unmatched(struct xtcp *x, bool drop);

/* No more data from us: FIN after what is queued (RFC 9293 3.6). Receiving goes on. 0, -ENOTCONN. */
int xtcp_shutdown(struct xtcp *x, xtcp_conn c);

/*
 * The application is done with the connection; the handle is gone. Queued data and FIN are still delivered;
 * if received data was left unread a RST tells the peer (RFC 9293 3.6.1, SHLD-3; RFC 2525 2.17).
 */
int xtcp_close(struct xtcp *x, xtcp_conn c);

/* ABORT: RST to the peer, all queues dropped, the handle is gone (RFC 9293 3.10.5). */
int xtcp_abort(struct xtcp *x, xtcp_conn c);

int xtcp_set_user(struct xtcp *x, uint64_t handle, void *user);

/* ---- data (RFC 9293 3.8) ---- */

/*
 * Copy into the send buffer. Returns bytes taken (1..len), -EAGAIN when the buffer is full or the connection is not yet
 * open (XTCP_EV_WRITABLE or XTCP_EV_OPEN follows), -EPIPE after xtcp_shutdown, -ECONNRESET, -ETIMEDOUT, ... after an error.
 * flags: XTCP_MORE: more follows at once: no PSH, and no partial segment yet; XTCP_URGENT: the last byte is urgent (RFC 6093;
 * there for old protocols: new ones should not use it, SHLD-13); XTCP_EOR: a record ends with buf, no segment goes on past it
 * (-EAGAIN also when 16 such ends have not been sent yet; not when fewer than len bytes were taken: then it goes with the rest).
 */
#define XTCP_MORE 0x1u
#define XTCP_URGENT 0x2u
#define XTCP_EOR 0x4u
ssize_t xtcp_send(struct xtcp *x, xtcp_conn c, const void *buf, size_t len, unsigned int flags);

/* Copy from the receive buffer. Bytes, 0 at the peer's FIN, -EAGAIN when nothing is there, -ECONNRESET, ... after an error. */
ssize_t xtcp_recv(struct xtcp *x, xtcp_conn c, void *buf, size_t len);

/*
 * Without copying: xtcp_peek gives up to two spans of received bytes, valid until the next call on this connection or turn;
 * xtcp_consume frees the first n of them. Returns bytes in the spans, 0 at the peer's FIN, -EAGAIN.
 */
ssize_t xtcp_peek(struct xtcp *x, xtcp_conn c, struct iovec iov[2]);
int xtcp_consume(struct xtcp *x, xtcp_conn c, size_t n);

/*
 * Without copying: xtcp_reserve gives up to two spans of free send buffer of up to want bytes together, valid until
 * the next call on this connection or turn; xtcp_commit queues the first n bytes written there.
 * Returns bytes reserved, which may be fewer than want, or what xtcp_send would; XTCP_EV_WRITABLE follows only after -EAGAIN.
 */
ssize_t xtcp_reserve(struct xtcp *x, xtcp_conn c, size_t want, struct iovec iov[2]);
int xtcp_commit(struct xtcp *x, xtcp_conn c, size_t n, unsigned int flags);

size_t xtcp_recv_queued(struct xtcp *x, xtcp_conn c); /* bytes that xtcp_recv would give; 0 for a bad handle */
size_t xtcp_send_queued(struct xtcp *x, xtcp_conn c); /* bytes not yet acknowledged; 0 for a bad handle */
size_t xtcp_send_space(struct xtcp *x, xtcp_conn c);  /* bytes that xtcp_send would take; 0 for a bad handle */

/* Bytes until the urgent mark, counted from the next byte to be received; -EINVAL when no urgent data is due (MUST-33). */
ssize_t xtcp_urgent_mark(struct xtcp *x, xtcp_conn c);

/* ---- options and state of a connection ---- */

enum xtcp_opt {
	XTCP_NODELAY,	      /* 1: Nagle's algorithm off (RFC 9293 3.7.4, MUST-17); default 0 */
	XTCP_KEEPALIVE,	      /* 1: probes on an idle connection (RFC 9293 3.8.4); default 0 (MUST-25) */
	XTCP_KEEPIDLE_S,      /* seconds idle before the first probe; default 7,200 (MUST-28); 1..32,767 */
	XTCP_KEEPINTVL_S,     /* seconds between probes; default 75; 1..32,767 */
	XTCP_KEEPCNT,	      /* unanswered probes before giving up; default 9; 1..127 */
	XTCP_USER_TIMEOUT_MS, /* R2 (RFC 9293 3.8.3, MUST-21): give up when data, a SYN, or keepalive probes stay
				 unanswered so long, milliseconds; default 0: conf.r2_ms, conf.syn_r2_ms, XTCP_KEEPCNT */
	XTCP_TCLASS,	      /* DSCP bits of outgoing segments (MUST-48), 0..255; the ECN bits are ours; default 0 */
	XTCP_TTL,	      /* TTL or hop limit (MUST-49); default 64; 1..255 */
	XTCP_SNDBUF, /* send buffer, bytes; 4 KiB..1 GiB; set: exactly this; before: by cwnd, up to conf.sndbuf_max */
	XTCP_RCVBUF, /* receive buffer, bytes; 4 KiB..1 GiB; set: this and no more tuning, and after the SYN it only grows;
			before: tuned, from conf.rcvbuf_init to conf.rcvbuf_max. Past 64 KiB the window needs a scale, which
			the SYN carries: by conf.rcvbuf_max, or by this if it is set right after xtcp_connect() */
	XTCP_MAXSEG,	    /* upper bound of the segments we send, bytes; right after xtcp_connect of those we ask for
			       too; default by MTU; 48..65,495 */
	XTCP_QUICKACK,	    /* 1: no delayed ACK; default 0 */
	XTCP_LINGER_MS,	    /* >= 0: after xtcp_close, abort if not done in time; -1 (default): no limit */
	XTCP_NOTSENT_LOWAT, /* > 0: xtcp_send takes no more than so many bytes beyond what has been sent, and
			       XTCP_EV_WRITABLE comes as they leave; 0 (default): no such limit */
	XTCP_ECN, /* enum xtcp_ecn; default conf.ecn; only between xtcp_connect() and the next turn, then -EISCONN */
	XTCP_MAX_PACING_RATE,  /* data leaves no faster than so many bytes/s, whatever the congestion control allows;
				 0 (default): no limit; 0..2,147,483,647; bursts of 1 ms, or two segments if that is more;
				 with a limit cwnd is paced as by XTCP_PACING */
	XTCP_SOFT_ERRORS,      /* 1 (default): XTCP_EV_SOFT_ERROR is reported (MUST-47); 0: not (SHLD-20) */
	XTCP_USER_TIMEOUT_OPT, /* 1: tell the peer our user timeout, and obey its own within conf.uto_low_s and
				  conf.uto_high_s, unless XTCP_USER_TIMEOUT_MS is set (RFC 5482); default conf.uto */
	XTCP_KEEPOCTET, /* 1: keepalive probes carry an octet of garbage, for old peers (MAY-6); default 0 (SHLD-12) */
	XTCP_FASTOPEN_CONNECT, /* 1: TCP Fast Open (RFC 7413), set right after xtcp_connect(), before any turn (else
				  -EISCONN). From then on xtcp_send() takes data. With a cookie of that peer in the engine's cache the
				  SYN waits for the first xtcp_send() or xtcp_shutdown() and carries what was queued, as far as it
				  fits; without one it asks for a cookie, and the data follows the handshake. After a lost SYN
				  the option is not used towards that peer for a minute, doubling up to 17 hours.
				  Default 0; not to be taken back. xtcp_getopt: 1 if it was set */
	XTCP_PACING, /* 1: data is spread over the round trip: at twice cwnd for each while it doubles, later at 1.2 times; not
			with "bbr", which has a rate of its own; default conf.pacing. XTCP_MAX_PACING_RATE implies it */
	XTCP_SYN_RETRIES, /* > 0: give up after so many retransmissions of the SYN, not by conf.syn_r2_ms; 0 (default)..255 */
	XTCP_FIN_WAIT2_MS, /* > 0: how long to wait for a FIN after xtcp_close, ms; 0 (default): conf.fin_wait2_ms */
};
int xtcp_setopt(struct xtcp *x, xtcp_conn c, enum xtcp_opt opt, int value); /* -EINVAL out of range, -ENOPROTOOPT */
int xtcp_getopt(struct xtcp *x, xtcp_conn c, enum xtcp_opt opt, int *value);

/*
 * The congestion control of one connection, by name; before: conf.cc. At any time: the new one begins with the window as it is.
 * xtcp_set_cc returns 0, -EINVAL (no such name) or -EBADF. xtcp_get_cc: its name, a constant; NULL for a bad handle.
 * xtcp_cc_name lists all there are: index 0, 1, ... until NULL. It may be called from any thread; none of them blocks.
 */
int xtcp_set_cc(struct xtcp *x, xtcp_conn c, const char *name);
const char *xtcp_get_cc(struct xtcp *x, xtcp_conn c);
const char *xtcp_cc_name(unsigned int index);

/* RFC 9293 3.3.2. */
enum xtcp_state {
	XTCP_CLOSED,
	XTCP_LISTEN,
	XTCP_SYN_SENT,
	XTCP_SYN_RECEIVED,
	XTCP_ESTABLISHED,
	XTCP_FIN_WAIT_1,
	XTCP_FIN_WAIT_2,
	XTCP_CLOSE_WAIT,
	XTCP_CLOSING,
	XTCP_LAST_ACK,
	XTCP_TIME_WAIT,
};
const char *xtcp_state_name(enum xtcp_state state); /* "SYN-RECEIVED" */

struct xtcp_info {
	enum xtcp_state state;
	int error;	/* positive errno that ended it; 0 none */
	int soft_error; /* last ICMP error since something was acknowledged, positive errno; 0 none (RFC 9293 3.9.2.2) */
	struct sockaddr_storage local, remote;
	uint32_t mss;	  /* bytes of payload in a full segment we send */
	uint32_t rcv_mss; /* MSS we announced */
	uint8_t snd_wscale, rcv_wscale;
	bool timestamps, sack, wscale_ok;
	uint64_t srtt_ns, rttvar_ns, rto_ns;
	uint32_t cwnd, ssthresh;   /* bytes */
	uint32_t snd_wnd, rcv_wnd; /* bytes */
	uint32_t snd_una, snd_nxt, rcv_nxt, iss, irs;
	uint32_t in_flight; /* bytes */
	uint64_t bytes_sent, bytes_received, bytes_retrans, bytes_acked;
	uint32_t segs_out, segs_in, retrans, rto_count;

	/* The rest of what Linux's TCP_INFO tells (tcpi_*), by its names; times in nanoseconds, amounts in bytes. */
	char cc[16];			/* congestion control in force */
	uint32_t pmtu;			/* largest IP packet on the path */
	uint32_t unacked, sacked, lost; /* sent and not yet acknowledged; of that SACKed; of that taken for lost */
	uint32_t notsent;		/* queued and never sent */
	uint32_t rcv_queued;		/* received in order and not yet read */
	uint32_t sndbuf, rcvbuf;	/* largest the buffers may become now */
	uint32_t retransmits;		/* timeouts since something was last acknowledged */
	uint32_t backoff;		/* doublings of the RTO in force */
	uint32_t probes;		/* window or keepalive probes unanswered */
	uint32_t rto_recoveries;	/* recoveries that a timeout began */
	uint64_t rto_time_ns;		/* spent from a timeout to the next acknowledgement of something new */
	uint64_t min_rtt_ns;		/* smallest of the last minutes; 0: no sample yet */
	uint32_t data_segs_out, data_segs_in; /* segments with payload, retransmitted ones too */
	uint32_t rcv_ooopack;		      /* segments that came out of order and were kept */
	uint64_t last_data_sent_ns;	      /* since new data was last sent ... */
	uint64_t last_data_recv_ns;	      /* ... received; UINT64_MAX: never */
	uint64_t last_ack_recv_ns;	      /* since the last acknowledgement came; UINT64_MAX: never */
	uint64_t busy_ns;		      /* something was unsent or unacknowledged ... */
	uint64_t rwnd_limited_ns;	      /* ... held back by the peer's window */
	uint64_t sndbuf_limited_ns;	      /* ... by a send buffer too small to give more */
	uint64_t memory;		      /* bytes of buffer memory that it holds */
	uint32_t reordering;		 /* the farthest that a segment came late to the peer, segments; 3 at least */
	uint32_t reord_seen;		 /* segments of ours that came late to the peer */
	uint32_t dsack_dups;		 /* segments that the peer says it had twice (RFC 2883) */
	uint32_t unacked_segs;		 /* unacked, in segments; of that ... */
	uint32_t sacked_segs, lost_segs; /* ... SACKed; taken for lost, and not yet sent again */
	uint32_t retrans_segs;		 /* ... sent again, and neither SACKed nor lost since */

	/* Explicit congestion notification; the counts begin with the connection, 0 without ECN. */
	uint8_t ecn;					/* agreed on: 0 none, 1 RFC 3168, 2 RFC 9768 */
	bool ecn_ect;					/* what we send is ECN-capable */
	uint32_t received_ce, received_e0, received_e1; /* segments received with CE, ECT(0), ECT(1) */
	uint64_t received_ce_bytes, received_e0_bytes, received_e1_bytes; /* payload of them */
	uint32_t delivered_ce; /* segments of ours that arrived marked, as far as the peer's feedback tells */
	uint64_t delivered_ce_bytes;
	uint64_t delivered_e0_bytes, delivered_e1_bytes; /* by RFC 9768's option only */
	uint32_t ecn_reductions;			 /* of cwnd, for marks */

	/* Delivery. */
	uint64_t delivery_rate;		/* as last measured, bytes/s; 0: no sample yet (draft-ietf-ccwg-bbr 4.1) */
	bool delivery_rate_app_limited; /* the application held it down: the path may carry more */
	uint64_t pacing_rate;		/* in force, bytes/s; 0: unpaced */
	uint64_t bytes_delivered;	/* acknowledged or SACKed */
	uint64_t bytes_lost;		/* ever taken for lost */
};
/* A copy of the first size bytes; the handle may be a connection that has ended but not yet been closed. -EBADF. */
int xtcp_get_info(struct xtcp *x, uint64_t handle, size_t size, struct xtcp_info *out);

/* ---- sockets: the calls of socket(7) ---- */

/*
 * For programs that want sockets, not events: each call does what the C library's does (xtcp_socket(3)), -1 and errno included, from any
 * thread. What is not TCP through the run's interface, and all before the process has joined, is the kernel's. The engine is the run's, shared
 * by all its processes. What was opened here is closed, copied and waited for here. Names taken above end in _fd.
 */
/* Join the run of this name; NULL: that of XTCP_RUN. -ENOENT none · -EALREADY · -EPERM another user's · -EMFILE 512 processes */
int xtcp_run_join(const char *run);
/*
 * Begin a run on conf.ifname and join it. Its keeper is a process of its own, which ends with the last of the run; all queues are
 * served. Forks; blocks as xtcp_open() does. -EALREADY · -EIO see xtcp_errmsg() · -ECHILD the keeper did not come up
 */
int xtcp_run_start(const struct xtcp_conf *conf);
struct pollfd;
struct epoll_event;
int xtcp_socket(int domain, int type, int protocol);
int xtcp_bind(int fd, const struct sockaddr *addr, socklen_t len); /* the port is the kernel's to give */
int xtcp_listen_fd(int fd, int backlog);			   /* at a wildcard address in the kernel too */
int xtcp_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int xtcp_connect_fd(int fd, const struct sockaddr *addr, socklen_t len);
int xtcp_shutdown_fd(int fd, int how);
int xtcp_close_fd(int fd); /* the connection ends with its last descriptor in any process (RFC 9293 3.6) */
int xtcp_dup3(int from, int to, int flags);
int xtcp_fcntl(int fd, int cmd, long arg);
int xtcp_ioctl(int fd, unsigned long request, void *arg); /* FIONBIO, FIONREAD, SIOCATMARK, SIOCOUTQ, SIOCOUTQNSD */
int xtcp_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
int xtcp_getpeername(int fd, struct sockaddr *addr, socklen_t *len);
int xtcp_getsockopt(int fd, int level, int name, void *value, socklen_t *len); /* TCP_INFO in Linux's layout */
int xtcp_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
ssize_t xtcp_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t xtcp_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t xtcp_write(int fd, const void *buf, size_t n);
ssize_t xtcp_read(int fd, void *buf, size_t n);
ssize_t xtcp_sendfile(int out, int in, off_t *off, size_t n);
int xtcp_poll(struct pollfd *fds, unsigned long n, int timeout_ms);
int xtcp_epoll_create1(int flags);
int xtcp_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev);
int xtcp_epoll_wait(int epfd, struct epoll_event *ev, int max, int timeout_ms);

/* ---- looking in ---- */

/* One counter: name as in stats.def, text for people. Returns 0, or -ENOENT past the last index. Both halves, XDP first. */
struct xtcp_stat {
	const char *name;
	const char *text;
	const char *half; /* "xdp" or "engine" */
	const char *kind; /* "pass", "redir", "drop", "count" */
	uint64_t value;
};
int xtcp_stat_get(struct xtcp *x, unsigned int index, struct xtcp_stat *out);

/*
 * See every segment that enters or leaves, as `--trace` does. Called in the engine's turn; must not call back into
 * the engine. NULL turns it off.
 */
struct xtcp_trace_seg {
	uint64_t ns; /* CLOCK_MONOTONIC of the turn */
	bool out;    /* true: sent by us */
	struct sockaddr_storage local, remote;
	uint32_t seq, ack, wnd; /* wnd as on the wire, unscaled */
	uint16_t flags; /* TCP flags: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128, AE 256 (RFC 9768) */
	uint32_t len;	/* payload bytes */
	const uint8_t *options; /* TCP options as on the wire */
	uint32_t options_len;
};
typedef void (*xtcp_trace_fn)(void *arg, const struct xtcp_trace_seg *seg);
void xtcp_set_trace(struct xtcp *x, xtcp_trace_fn fn, void *arg);

#ifdef __cplusplus
}
#endif
#endif /* XTCP_H */
