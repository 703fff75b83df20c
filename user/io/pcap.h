/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* pcap.h - frames into a capture file with nanosecond stamps, through libpcap; readable by tshark. */
#ifndef IO_PCAP_H
#define IO_PCAP_H

#include <stdbool.h>
#include <stdint.h>
#include "io/port.h"

struct pcap_tap;

/* "-" is standard output. 0 or -errno with fail(). */
int pcap_tap_open(struct pcap_tap **out, const char *path);
/*
 * Write one frame, all fragments. A received frame whose checksum the virtual link left
 * partial is written with the checksum filled in, so that tshark finds no bad one.
 * wall_ns: nanoseconds since the epoch.
 */
void pcap_tap_frame(struct pcap_tap *tap, const struct io_pkt *pkt, uint64_t wall_ns);
/* Flush to the file. 0, or -errno of the first write that failed. */
int pcap_tap_flush(struct pcap_tap *tap);
int pcap_tap_close(struct pcap_tap *tap);

#endif
