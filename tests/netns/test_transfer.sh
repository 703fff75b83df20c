#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Whole files against Linux TCP: MTU x mode x the peer's checksums (left to the device, or computed), and in each of these both
# roles, with IPv4 and IPv6 and the direction of the data in turn. TEST_FULL=1 runs every combination.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

ns_pair
rand_file "$LOGS/up" 2500001 11
rand_file "$LOGS/down" 3000017 12
: >"$LOGS/nothing"

# transfer ROLE FAMILY SHAPE MODE: one connection; in: data to xtcp, out: data from it, both: at the same time.
transfer() {
	local role=$1 family=$2 shape=$3 mode=$4 up=$LOGS/up down=$LOGS/down addr=$B4 rc_x rc_peer
	local what="MTU $mtu, $mode, peer's tx checksum $tx: $role over IPv$family, $shape"
	case $shape in
	in) down=$LOGS/nothing ;;
	out) up=$LOGS/nothing ;;
	esac
	rm -f "$LOGS/got"
	if [ "$role" = listen ]; then
		x_listen x 7000 --mode "$mode" <"$down" || return
		[ "$family" = 4 ] || addr=$B6
		nc_send peer in_a "$addr" 7000 "$up" "$LOGS/got"
	else
		addr=$A4
		[ "$family" = 4 ] || addr=$A6
		peer_serve peer in_a "$addr" 7001 "$up" "$LOGS/got"
		[ "$family" = 4 ] || addr="[$A6]"
		x_connect x "$addr:7001" --mode "$mode" <"$down"
	fi
	wait_exit x 20
	rc_x=$?
	wait_exit peer 5
	rc_peer=$?
	if [ $rc_x != 0 ] || [ $rc_peer != 0 ]; then
		fail "$what" "exit codes: xtcp $rc_x, peer $rc_peer; $(complaints x | head -n 3)"
		stop x KILL
		stop peer KILL
	elif ! cmp -s "$LOGS/x.out" "$up"; then
		fail "$what" "xtcp gave $(stat -c %s "$LOGS/x.out") bytes of $(stat -c %s "$up"): $(cmp "$LOGS/x.out" "$up" 2>&1 | head -n 1)"
	elif ! cmp -s "$LOGS/got" "$down"; then
		fail "$what" "the peer got $(stat -c %s "$LOGS/got") bytes of $(stat -c %s "$down"): $(cmp "$LOGS/got" "$down" 2>&1 | head -n 1)"
	else
		pass "$what"
	fi
}

shapes=(in out both)
n=0
for mtu in 1280 1500 9000 65000; do
	in_a ip link set va mtu $mtu
	in_b ip link set vb mtu $mtu
	for tx in on off; do
		in_a ethtool -K va tx $tx >/dev/null 2>&1
		for mode in native generic; do
			for role in listen connect; do
				if [ -n "${TEST_FULL:-}" ]; then
					for family in 4 6; do
						for shape in "${shapes[@]}"; do
							transfer $role $family "$shape" $mode
						done
					done
				else
					family=$((4 + 2 * ((n + n / 2 + n / 4) % 2)))
					transfer $role $family "${shapes[n % 3]}" $mode
				fi
				n=$((n + 1))
			done
		done
	done
done
no_xdp vb
# What was not asked for was not changed.
match "the peer's segmentation offload is as it was" "$(in_a ethtool -k va)" 'generic-segmentation-offload: on'
