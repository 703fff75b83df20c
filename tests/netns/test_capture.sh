#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What --pcap writes, read by tshark: no malformed segment, no bad checksum, nanosecond stamps, and on a clean link nothing is
# sent twice; what the peer's kernel captured agrees.
# alone: a late process looks like a lost segment
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

command -v tshark >/dev/null || skip "needs tshark"
ns_pair
rand_file "$LOGS/up" 1500001 71
rand_file "$LOGS/down" 1300007 72
# A peer that is patient: when this machine is busy, our acknowledgements may be late for its timers.
in_a sysctl -qw net.ipv4.tcp_early_retrans=0
in_a ip route change 10.9.0.0/24 dev va src "$A4" rto_min 5s
in_a ip -6 route replace fd09::/64 dev va proto kernel metric 256 rto_min 5s

# The peer's window may well fill up, and a closing window is no fault.
WRONG='_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0 || tcp.checksum.status == 2 || ip.checksum.status == 2
 || tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment || tcp.analysis.out_of_order || _ws.expert.severity == error'
TWICE='tcp.analysis.retransmission || tcp.analysis.spurious_retransmission'
BAD="${WRONG//$'\n'/} || $TWICE"
OVERTAKEN="tcp.analysis.out_of_order && (ip.src == $A4 || ipv6.src == $A6)"

# read_capture FILE FILTER: one line for each frame that matches.
read_capture() {
	# The payload is random: no dissector should find a meaning in it.
	tshark -n -r "$1" -d tcp.port==7000,data -d tcp.port==7001,data -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE \
		-Y "$2" -T fields -e frame.number -e tcp.flags.str -e tcp.len -e _ws.expert.message 2>"$LOGS/tshark.err" | head -n 8
}

transfer() {
	local role=$1 family=$2 mode=$3 file=$4 to=$B4
	if [ "$role" = listen ]; then
		[ "$family" = 4 ] || to=$B6
		x_listen x 7000 --mode "$mode" --pcap "$file" <"$LOGS/down"
		nc_send nc in_a "$to" 7000 "$LOGS/up" "$LOGS/got"
	else
		if [ "$family" = 4 ]; then to=$A4; else to=$A6; fi
		peer_serve nc in_a "$to" 7001 "$LOGS/up" "$LOGS/got"
		[ "$family" = 4 ] || to="[$A6]"
		x_connect x "$to:7001" --mode "$mode" --pcap "$file" <"$LOGS/down"
	fi
	ends "$role, IPv$family, $mode, with --pcap" x 10 0
	wait_exit nc 5
}

# One transfer in which something was sent twice may be the fault of a busy machine; three are not. The same for segments of the
# peer that have overtaken each other: its kernel queues them on the processor that sends them.
capture() {
	local file=$LOGS/$1$2$3.pcap all try
	for try in 1 2 3; do
		transfer "$@" "$file"
		[ -n "$(read_capture "$file" "$TWICE || ($OVERTAKEN)")" ] || break
		echo "# try $try: something was sent twice, or overtaken on the peer's side"
	done
	same "... data arrives" "$LOGS/x.out" "$LOGS/up"
	match "... it has nanosecond stamps" "$(head -c 4 "$file" | od -An -tx1)" '4d 3c b2 a1'
	eq "... tshark finds nothing bad in it" "$(read_capture "$file" "$BAD")" ''
	eq "... nor to complain of itself" "$(grep -v 'Running as user' "$LOGS/tshark.err")" ''
	all=$(tshark -n -r "$file" -T fields -e tcp.len -e tcp.srcport -e tcp.flags 2>/dev/null |
		awk '{ len[$2] += $1; n++ } $3 ~ /2$/ { syn++ } END { for (p in len) print p, len[p]; print "syn", syn + 0 }')
	match "... all data that came is in it" "$all" ' 1500001$'
	match "... and all that left" "$all" ' 1300007$'
	match "... and the handshake" "$all" '^syn [12]$'
}
capture listen 4 native
capture connect 6 native
capture connect 4 generic
capture listen 6 generic

# A frame with a wrong checksum is found: the readers above can fail.
spawn dump in_a tcpdump --immediate-mode -i va -s 0 -U -w "$LOGS/peer.pcap" 'tcp port 7000'
wait_line "$LOGS/dump.err" 'listening on' 5
x_listen x 7000 </dev/null
in_a nc -N "$B4" 7000 </dev/null >/dev/null
wait_exit x 5
wait_for '[ "$(stat -c %s "$LOGS/peer.pcap")" -gt 500 ]' 5 # six segments
stop dump
eq "the peer's own capture of our segments has nothing bad" "$(read_capture "$LOGS/peer.pcap" "tcp.srcport == 7000 && ($BAD)")" ''
le "... and there are some" 2 "$(tshark -n -r "$LOGS/peer.pcap" -Y "tcp.srcport == 7000" 2>/dev/null | wc -l)"
printf '\125' | dd of="$LOGS/peer.pcap" bs=1 seek=$((24 + 16 + 14 + 20 + 16)) conv=notrunc 2>/dev/null
match "a checksum that we spoil is found" "$(read_capture "$LOGS/peer.pcap" "$BAD")" '^1'
