#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# No wake-up is lost, however threads wait and however many they are: reading, poll, select, epoll by level, edge and one-shot.
# full: it takes most of a minute
. "$(dirname "$0")/lib.sh"
ns_pair
wake=$BUILD/tests/apps/wake
rounds=${WAKE_ROUNDS:-1500}
port=5000
for wait in balanced power latency; do
	for way in read poll select level edge oneshot; do
		for threads in 1 4; do
			conns=8
			[ $way != read ] || conns=$threads # a thread for each
			port=$((port + 1))
			XRUN_OPTS="--wait $wait" xrun s "$wake" serve "$B4" $port $way $threads
			wait_line "$LOGS/s.out" ready 20
			match "$wait, $way, $threads threads" "$(in_a timeout 60 "$wake" ask "$B4" $port $conns "$rounds" 2>&1)" "all $rounds rounds"
			stop s TERM
		done
	done
done
on_xtcp
