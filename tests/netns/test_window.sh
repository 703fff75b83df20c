#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Windows of 64 MiB and more, with the scale of 14 (RFC 7323), over a wire so long that they are used: what is in flight, and what
# is advertised, as seen on the wire.
# alone: a late process drops what does not fit
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

WANT=$((64 << 20))
BYTES=200000000
DELAY=250
RELAY_MTU=9000 ns_relay --delay $DELAY
rand_file "$LOGS/data" $BYTES 41
# Linux's buffers may be as large; slow start without a guess when to leave it.
in_a sysctl -qw net.ipv4.tcp_rmem='4096 1048576 1073741824' net.ipv4.tcp_wmem='4096 1048576 1073741824' \
	net.ipv4.tcp_congestion_control=reno net.ipv4.tcp_no_metrics_save=1

# Where either end's frames enter the wire.
record() {
	spawn dump in_r tcpdump -i any -Q in -s 120 -B 65536 -w "$LOGS/$1.pcap" 'tcp'
	wait_line "$LOGS/dump.err" 'listening on' 5
}

# seen NAME PORT: the scale in the SYN of who has the port, the largest window it advertised, and the most that was in
# flight to it: an acknowledgement counts when it has come through the wire.
seen() {
	tcpdump -tt -nn -r "$LOGS/$1.pcap" 2>/dev/null | awk -v port="[.]$2:?$" -v delay=$DELAY '
	{
		end = ack = win = ""
		for (i = 8; i < NF; i++) {
			if ($i == "seq") { split($(i + 1), seq, "[:,]"); end = seq[2] }
			if ($i == "ack") ack = $(i + 1) + 0
			if ($i == "win") win = $(i + 1) + 0
			if ($i ~ /wscale$/ && $5 ~ port) scale = $(i + 1) + 0
		}
		if ($5 ~ port && $0 !~ /Flags \[S/) {
			came[++last] = $1 + delay / 1000
			acked[last] = ack
			if (win * 2 ^ scale > most) most = win * 2 ^ scale
		}
		while (next_ack < last && came[next_ack + 1] <= $1) una = acked[++next_ack]
		if ($7 ~ port && $0 !~ /Flags \[S/ && end - una > flight) flight = end - una
	}
	END { printf "%d %d %d\n", scale, most, flight }'
}

# judge NAME PORT WHOSE
judge() {
	local scale window flight
	read -r scale window flight < <(seen "$1" "$2")
	eq "... $3 SYN has the scale of 14" "$scale" 14
	le "... it advertises 64 MiB and more ($window)" $WANT "$window"
	le "... which are in flight ($flight)" $WANT "$flight"
}

record in
x_listen x 7000 --rcvbuf 1G </dev/null
nc_send nc in_a "$B4" 7000 "$LOGS/data"
ends "Linux sends $BYTES bytes: xtcp ends well" x 60 0
ends "... so does the peer" nc 5 0
same "... all arrives" "$LOGS/x.out" "$LOGS/data"
stop dump
judge in 7000 "xtcp's"

record out
nc_serve nc in_a 7001 /dev/null "$LOGS/got"
x_connect x "$A4:7001" --sndbuf 512M --cc reno --json <"$LOGS/data"
ends "xtcp sends $BYTES bytes: it ends well" x 60 0
ends "... so does the peer" nc 5 0
same "... all arrives" "$LOGS/got" "$LOGS/data"
stop dump
judge out 7001 "Linux's"
no_xdp vb
