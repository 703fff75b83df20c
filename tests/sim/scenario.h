/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * scenario.h - what a seed means: the two engines, the link between them, the
 * faults, and what each application does. Made once from the seed, read only then.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "aqm.h"
#include "engine/engine.h"

#define SIM_PAIRS 20
#define SIM_PAIRS_MAX 100 /* in a crowd */
#define SIM_BLACKOUTS 3
#define SIM_MS 1000000ull
#define SIM_S 1000000000ull
#define SIM_NEVER UINT64_MAX

/*
 * A seed means what its generation makes of it: what is added to the scenarios later is for later generations only, so that
 * seeds which failed once (seeds.txt) keep their meaning.
 *   1  links, faults, engines, applications
 *   2  and boxes on the way (boxes.c)
 *   3  and themes (themes.c)
 *   4  and signatures (TCP-AO)
 *   5  and super-segments (GSO)
 *   6  and devices that send them by another transmit queue than the rest
 *   7  and checksums left to the port
 */
#define SIM_GENERATION 7

struct link_conf { /* one direction */
	uint64_t delay_ns;
	uint64_t jitter_ns;
	uint64_t bits_per_s; /* 0: no limit */
	uint32_t queue_bytes;
	struct aqm_conf aqm; /* of the queue */
	uint32_t hop_mtu;    /* of a router on the way; 0: none */
	uint64_t hop_from;   /* since when */
	bool hop_tells;	     /* by ICMP */
	uint32_t shrink_ppm; /* a box makes the announced window smaller, until quiet_ns */
	bool ecn_random;     /* a box on the way sets the ECN field as it likes, to CE too, until quiet_ns */
	bool ecn_bleach;     /* ... sets it to Not-ECT, always */
	/* faults, until quiet_ns; chances in parts per million of frames */
	uint32_t loss_ppm;
	uint32_t burst_ppm;	/* a burst begins */
	uint32_t burst_end_ppm; /* a burst ends, per frame; in it all are lost */
	uint32_t reorder_ppm;
	uint64_t reorder_ns; /* longest extra delay */
	uint32_t dup_ppm;
	uint32_t corrupt_ppm;
	uint32_t blackouts;
	uint64_t dark_from[SIM_BLACKOUTS], dark_to[SIM_BLACKOUTS];
};

enum strip_how { STRIP_NOP, STRIP_ZERO, STRIP_UNKNOWN }; /* STRIP_ZERO ends the list of options there */

/* What boxes do to the segments of one direction, for ever. */
struct box_conf {
	uint16_t mss_max;     /* a larger MSS option becomes this; 0: no */
	bool strip_sack_ok;   /* SACK-permitted is taken out of SYNs */
	bool strip_sack;      /* SACK blocks */
	bool strip_accecn;    /* the AccECN option, of all segments */
	bool ecn_syn_clear;   /* AE, CWR and ECE of SYNs are cleared */
	bool ecn_clear;	      /* ... of the other segments */
	bool drop_unknown;    /* segments with an option that a firewall of old does not know are dropped */
	bool drop_syn_text;   /* SYNs with text are dropped */
	uint32_t split_ppm;   /* a segment is cut into pieces */
	uint32_t split_bytes; /* ... of so much text */
	uint64_t merge_ns;    /* a segment waits so long for the next, and both become one; 0: no */
};

enum end_close {
	END_SHUT_FIRST,	     /* FIN as soon as all is written */
	END_SHUT_AFTER_PEER, /* FIN when the peer's has come */
	END_CLOSE_EARLY,     /* let go of the handle when all is written and read, without waiting for the FIN */
	END_CLOSE_LATE,	     /* FIN first, and the handle is kept until XTCP_EV_CLOSED */
};

enum {			      /* end_conf.flags */
       END_RESERVE = 1u << 0, /* reserve/commit instead of send */
       END_PEEK = 1u << 1,    /* peek/consume instead of recv */
       END_NODELAY = 1u << 2,
       END_MORE = 1u << 3, /* XTCP_MORE on all but the last write */
       END_KEEPALIVE = 1u << 4,
       END_QUICKACK = 1u << 5,
       END_URGENT = 1u << 6,	   /* a write now and then is urgent */
       END_MISUSE = 1u << 7,	   /* calls that must fail are made, and must fail */
       END_RST_BY_CLOSE = 1u << 8, /* abort by closing with data unread */
       END_FASTOPEN = 1u << 9,	   /* its SYN may carry text */
       END_LINGER = 1u << 10,	   /* lets go as soon as all is written, with linger_ms */
       END_HUGE = 1u << 11,	   /* a receive buffer of 1 GiB */
       END_TS_WRAP = 1u << 12,	   /* its timestamps wrap soon */
};

struct end_conf {
	uint64_t bytes; /* to write */
	uint32_t write_chunk;
	uint32_t read_chunk;
	uint64_t write_pause_ns; /* after each write; 0: none */
	uint64_t read_pause_ns;
	uint64_t accept_pause_ns;
	uint64_t stall_at; /* after so many bytes read ... */
	uint64_t stall_ns; /* ... it reads nothing for so long; 0: no */
	uint32_t flags;	   /* END_* */
	uint32_t linger_ms;
	uint32_t user_timeout_ms; /* 0: not set */
	enum end_close close;
	uint64_t abort_after; /* bytes read and written; SIM_NEVER: no */
};

enum pair_kind { PAIR_NORMAL, PAIR_SIMULTANEOUS, PAIR_REFUSED };

struct pair_conf {
	enum pair_kind kind;
	bool v6;
	uint8_t client; /* engine that connects */
	uint32_t again; /* n: with the four-tuple of pair n - 1, as soon as that is done; 0: no */
	uint64_t start_ns;
	struct end_conf end[2]; /* [0] the client's */
};

struct scenario {
	uint64_t seed;
	uint32_t generation;
	uint64_t start_ns;
	uint64_t quiet_ns; /* faults stop */
	bool clean;	   /* nothing is ever lost, late or twice */
	bool eager;	   /* all read at once what there is */
	struct engine_conf engine[2];
	uint32_t mtu[2];
	uint32_t backlog[2];
	uint64_t turn_ns[2];	  /* what a turn costs */
	uint64_t neigh_ns[2];	  /* how long a neighbour takes to resolve; 0: known */
	uint32_t tx_max[2];	  /* chunks in the transmit ring */
	uint32_t rx_fill[2];	  /* chunks in the fill ring */
	uint8_t meta;		  /* 0: no metadata; 1: offsets; 2: with random connection hints */
	struct link_conf link[2]; /* [n]: frames sent by engine n */
	uint32_t strip;		  /* bit n: option of kind n is taken out of SYNs */
	enum strip_how strip_how;
	struct box_conf box[2]; /* [n]: for frames sent by engine n */
	uint32_t shift[2]; /* a firewall before B adds this to the sequence numbers of engine n, for the other's eyes */
	bool shift_sack;   /* ... and knows SACK */
	uint32_t forged;   /* frames that a third party sends until quiet_ns */
	uint32_t mtu_later[2]; /* the link's MTU from half-time on */
	uint32_t mtu_first[2]; /* ... at the start */
	uint64_t returns_ns;   /* engine B is started again, and knows nothing; SIM_NEVER: not */
	uint64_t dies_ns;      /* engine B stops for ever; SIM_NEVER: it does not */
	uint64_t limit_ns;     /* the applications must be done; 0: as oracle.c thinks */
	uint32_t theme;	       /* 0: none */
	uint32_t fastopen;     /* listeners take SYNs with text, so many pending; 0: not */
	uint64_t stop_ns;      /* the run is cut off here; 0: it runs to its end */
	uint64_t measure_ns;   /* then goodput counts from here */
	uint32_t check_every;  /* turns between two checks of all invariants */
	bool mem_kills;	       /* connections may be ended for their memory */
	uint32_t gso_bytes[2]; /* most text of a super-segment; 0: none are made */
	bool tx_csum[2];       /* checksums are left to the port */
	bool ao;	       /* all is signed with TCP-AO, and keys change */

	bool apart[2];		 /* the device has two transmit queues (device.c) */
	uint64_t queue_ns[2][2]; /* ... which take so long: [][0] the ring's, [][1] that of super-segments */

	uint32_t pairs;
	struct pair_conf pair[SIM_PAIRS_MAX];
};

void scenario_make(struct scenario *s, uint32_t generation, uint64_t seed);
void scenario_print(const struct scenario *s, FILE *f);
/* ---- boxes.c ---- */

void boxes_make(struct scenario *s);
void boxes_print(const struct scenario *s, int i, FILE *f);

/* ---- themes.c ---- */

void themes_make(struct scenario *s);
const char *themes_name(const struct scenario *s);

/* Bytes that all applications write. */
uint64_t scenario_bytes(const struct scenario *s);

#endif
