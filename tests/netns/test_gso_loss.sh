#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Segments lost out of the middle of super-segments: xtcp in A sends to the kernel in B over a bridge in R whose far side has no
# segmentation offload, so that it cuts them up. In front of the kernel chosen segments are dropped, once each, by their sequence
# numbers, which wrap on the way. Exactly those are sent again, each alone, and the text is the same byte for byte.
. "$(dirname "$0")/lib.sh"

ISN=4291000000 SEGMENTS=5000
# The segments that are lost, counted from 0: alone, two and five in a row, first and last of 45, far apart and close together.
LOST="40 41 300 301 302 303 304 1000 1045 1500 1502 1504 1506 2000 2044 2089 2090 2700 3333 3334 4000 4001 4500 4960"

bridged() {
	ns_new "$NS_A"
	ns_new "$NS_R"
	ns_new "$NS_B"
	in_r sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	ip link add va netns "$NS_A" type veth peer name ra netns "$NS_R" || skip "no veth here"
	ip link add vb netns "$NS_B" type veth peer name rb netns "$NS_R"
	in_r ip link add br0 type bridge 2>/dev/null || skip "no bridge here"
	in_r ethtool -K rb tso off gso off
	in_r ip link set ra master br0
	in_r ip link set rb master br0
	in_r ip link set br0 up
	in_r ip link set ra up
	in_r ip link set rb up
	ns_address "$NS_A" va "$A4" "$A6"
	ns_address "$NS_B" vb "$B4" "$B6"
	in_b nft -f - <<-END || skip "no nftables at ingress here"
		table netdev t {
			set lose {
				typeof tcp sequence
				flags dynamic
				size 256
			}
			counter lost { }
			chain c {
				type filter hook ingress device vb priority 0;
				tcp sequence @lose delete @lose { tcp sequence } counter name lost drop
			}
		}
	END
	ns_settle
}

# What the segments' sequence numbers are when each holds $1 bytes.
numbers() {
	local n
	for n in $LOST; do
		echo $(((ISN + 1 + n * $1) % 4294967296))
	done | paste -sd,
}

# Reads tcpdump's lines of what A sent with segments of $1 bytes: how many frames held several; which segments were sent more than
# once; which of those just once more, alone; and how many of those had been part of a larger frame before.
resent() {
	awk -v isn=$ISN -v mss="$1" '
		match($0, / seq [0-9]+:[0-9]+/) {
			split(substr($0, RSTART + 5, RLENGTH - 5), s, ":")
			from = s[1] - isn - 1
			if (from < 0) from += 4294967296
			len = s[2] - s[1]
			if (len < 0) len += 4294967296
			supers += len > mss
			for (n = int(from / mss); n * mss < from + len; n++)
				if (++times[n] == 1) within[n] = len > mss
				else if (times[n] == 2) alone[n] = len == mss
		}
		END {
			for (n = 0; n in times; n++)
				if (times[n] > 1) {
					again = again " " n
					if (alone[n] && times[n] == 2) { well = well " " n; parts += within[n] }
				}
			print supers; print substr(again, 2); print substr(well, 2); print parts + 0
		}'
}

# send WHAT NC-OPTION ADDRESS PORT BYTES-OF-A-SEGMENT
send() {
	local what=$1 mss=$5 supers again well parts
	head -c $((SEGMENTS * mss)) "$LOGS/data" >"$LOGS/part"
	in_b nft reset counter netdev t lost >/dev/null
	in_b nft add element netdev t lose "{ $(numbers "$mss") }"
	NC=$2 nc_serve "srv$4" in_b "$4" /dev/null "$LOGS/got"
	in_a "$XTCP" connect -i va --isn $ISN --pcap "$LOGS/pcap" --json "$3:$4" <"$LOGS/part" >"$LOGS/cli.out" 2>"$LOGS/cli.err"
	eq "$what: xtcp connect succeeds" $? 0
	wait_exit "srv$4" 5
	same "$what: what was sent arrived" "$LOGS/part" "$LOGS/got"
	eq "$what: all that was chosen got lost" "$(in_b nft -j list counter netdev t lost | jq '.nftables[].counter.packets // empty')" "$(wc -w <<<"$LOST")"
	{ read -r supers; read -r again; read -r well; read -r parts; } < <(tcpdump -nSr "$LOGS/pcap" "dst port $4" 2>/dev/null | resent "$mss")
	le "$what: super-segments were sent" 100 "$supers"
	eq "$what: what was lost is sent again, and nothing else" "$again" "$LOST"
	eq "$what: ... once, and alone" "$well" "$LOST"
	le "$what: ... after it had been part of a super-segment" 16 "$parts" # not of one when cwnd has become small
}

bridged
rand_file "$LOGS/data" $((SEGMENTS * 1460))
send IPv4 -4 "$B4" 7001 1448
send IPv6 -6 "[$B6]" 7002 1428
