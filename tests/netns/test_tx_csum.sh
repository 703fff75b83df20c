#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# --tx-csum: checksums left to the kernel by AF_XDP's TX metadata, to every kind of receiver, over both IP versions: the data arrives,
# and on a device that fills in none the kernel does, right. By default we sum, and the doctor says why.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

QUEUES=2 ns_pair
rand_file "$LOGS/data" 1200001 81
# No super-segments, which go past AF_XDP.
in_a ethtool -K va tso off gso off 2>/dev/null
in_b ethtool -K vb tso off gso off 2>/dev/null

doctor=$(in_b "$XTCP" doctor -i vb)
if ! grep -q '^ok *AF_XDP TX metadata *works' <<<"$doctor"; then
	match 'the doctor tells that the kernel has none' "$doctor" '^note *AF_XDP TX metadata .*summed while copying'
	x_connect cli "$A4:7000" --tx-csum on </dev/null
	ends 'asked for where there is none: it fails' cli 5 1
	err_line '... in one line' cli 'TX metadata'
	exit
fi
match 'the doctor tells who sums on a veth, and why' "$doctor" '^ok *sent checksums .*while copying: in copy mode .*gains nothing'

# counted NAME COUNTER: in the object that it printed
counted() {
	grep -ah '^{' "$LOGS/$1.err" | tail -n 1 | jq -r ".counters.$2 // 0"
}

# What A's XDP half has recognised as left to be filled in.
recognised() {
	in_a "$XTCP" status -i va --json | jq '.[0].counters.partial_csum'
}

# sums WHAT FILE: tshark finds segments with text of ours in the capture, and no wrong checksum
sums() {
	local seen
	command -v tshark >/dev/null || { skip_one "$1" 'needs tshark'; return; }
	seen=$(tshark -n -r "$2" -d tcp.port==7000,data -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE \
		-Y 'tcp.dstport == 7000 && tcp.len > 0' -T fields -e tcp.checksum.status 2>/dev/null | sort | uniq -c)
	match "$1" "$(tr -s ' \n' ' ' <<<"$seen")" '^ ?[0-9]{3,} 1 ?$'
}

# transfer WHAT RECEIVER FAMILY OPTION...: xtcp connect in B sends to an xtcp listen, or the kernel, in A
transfer() {
	local what=$1 receiver=$2 family=$3 at=$A4 to=$A4
	shift 3
	[ "$family" = 4 ] || { at=$A6 to="[$A6]"; }
	if [ "$receiver" = kernel ]; then
		peer_serve rcv in_a "$at" 7000 /dev/null "$LOGS/got"
	else
		spawn rcv in_a "$XTCP" listen -i va 7000 </dev/null
		wait_line "$LOGS/rcv.err" listening 8
	fi
	x_connect cli "$to:7000" --json -v "$@" <"$LOGS/data"
	ends "$what: it ends" cli 20 0
	wait_exit rcv 10
	[ "$receiver" = kernel ] || cp "$LOGS/rcv.out" "$LOGS/got"
	same "$what: the data arrives" "$LOGS/got" "$LOGS/data"
}

# left WHAT: all frames of the last transfer went so, and it was told
left() {
	match "$1: it is told" "$(cat "$LOGS/cli.err")" 'checksums are left to the kernel'
	eq "$1: every frame went so" "$(counted cli tx_csum_left)" "$(counted cli tx_frames)"
	le "$1: there were many" 100 "$(counted cli tx_csum_left)"
}

# Programs that stay attached count over several receivers, and save the time of attaching.
for mode in native generic; do
	in_a "$XTCP" attach -i va --mode $mode >/dev/null 2>&1
	in_b "$XTCP" attach -i vb --mode $mode >/dev/null 2>&1
	for family in 4 6; do
		before=$(recognised)
		transfer "$mode, IPv$family" xtcp $family --tx-csum on --pcap "$LOGS/ours.pcap"
		left "$mode, IPv$family"
		le "$mode, IPv$family: recognised by the other end" 700 $(($(recognised) - before))
	done
	in_a "$XTCP" detach -i va
	transfer "$mode, to the kernel" kernel 4 --tx-csum on
	left "$mode, to the kernel"
	[ $mode = native ] || break
	transfer "$mode, IPv6, to the kernel" kernel 6 --tx-csum on
	left "$mode, IPv6, to the kernel"
	in_b "$XTCP" detach -i vb
done
sums 'our own capture has no wrong checksum' "$LOGS/ours.pcap"

# A device that fills in none: the kernel does.
in_b ethtool -K vb tx off >/dev/null
spawn dump in_a tcpdump --immediate-mode -i va -s 0 -U -c 700 -w "$LOGS/peer.pcap" 'tcp port 7000'
wait_line "$LOGS/dump.err" 'listening on' 5
transfer 'without the offload' kernel 4 --tx-csum on
left 'without the offload'
stop dump INT
sums "the kernel's sums are right" "$LOGS/peer.pcap"
in_b ethtool -K vb tx on tso off gso off >/dev/null 2>&1

# Frames of several buffers.
in_b "$XTCP" detach -i vb
in_a ip link set va mtu 9000
in_b ip link set vb mtu 9000
in_a "$XTCP" attach -i va --mode native >/dev/null
in_b "$XTCP" attach -i vb --mode native >/dev/null
transfer 'MTU 9000' xtcp 6 --tx-csum on
left 'MTU 9000'
le 'MTU 9000: recognised by the other end' 100 "$(recognised)"

transfer 'by default' xtcp 4
eq 'by default: we sum' "$(counted cli tx_csum_left)" 0
match 'by default: it is told why' "$(cat "$LOGS/cli.err")" 'summed while copying: .*gains nothing'
x_connect cli "$A4:7009" -v --tx-csum off </dev/null
wait_exit cli 5
match 'turned off: it is told' "$(cat "$LOGS/cli.err")" 'summed while copying: it is turned off'
not_ok 'what is neither is refused' in_b "$XTCP" connect -i vb --tx-csum maybe "$A4:7000" 2>/dev/null
in_a "$XTCP" detach -i va
in_b "$XTCP" detach -i vb
