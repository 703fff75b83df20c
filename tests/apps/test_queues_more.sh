#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# xtcp run --queues 2: programs of one process and of several, both ends, in both modes.
# full: 20 s
. "$(dirname "$0")/lib.sh"
need curl iperf3 socat python3 jq
QUEUES=2 ns_pair
www

for mode in native generic; do
	XRUN_OPTS="--queues 2 --mode $mode"

	# --- one process serves both ---
	xrun py python3 -m http.server --bind "$B4" --directory "$dir" 8000
	wait_open "$B4" 8000 20
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		in_a timeout 10 curl -s "http://$B4:8000/big" -o "$LOGS/got$i"
		cmp -s "$LOGS/got$i" "$dir/big" || fail "$mode: one process: file $i is whole"
	done
	# Generic XDP on veth sees every frame of a peer with two queues on queue 0.
	[ $mode = generic ] || both_have "$mode: one process" 1 .counters.passive_opens
	stop py TERM

	# --- from inside ---
	spawn out in_a python3 -m http.server --bind "$A4" --directory "$dir" 8001
	wait_for "in_b nc -z -w 1 $A4 8001" 10
	for i in 1 2 3 4; do
		x timeout 10 curl -s "http://$A4:8001/big" -o "$LOGS/got$i"
		cmp -s "$LOGS/got$i" "$dir/big" && pass "$mode: curl from inside, $i" || fail "$mode: curl from inside, $i"
	done
	stop out KILL

	# --- iperf3, socat ---
	xrun iperf iperf3 -s -B "$B4" -p 5201
	wait_open "$B4" 5201 10
	for dir_of in '' -R; do
		# shellcheck disable=SC2086
		le "$mode: iperf3 $dir_of with 4 streams, Mbit/s" 50 "$(in_a timeout 20 iperf3 -c "$B4" -t 2 -P 4 -J $dir_of | jq '.end.sum_received.bits_per_second / 1e6 | floor')"
	done
	stop iperf TERM
	xrun socat socat "TCP-LISTEN:7001,bind=$B4,fork,reuseaddr" EXEC:cat
	wait_open "$B4" 7001 10
	for i in 1 2 3 4 5 6; do
		eq "$mode: socat forks, $i" "$(in_a timeout 10 socat -t 5 - "TCP:$B4:7001" <"$dir/small" | cmp - "$dir/small" && echo same)" same
	done
	stop socat TERM
done
no_xdp vb
