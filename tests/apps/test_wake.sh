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
# A program that was idle, answers and then computes: the keeper sends it, and another thread watches the wire meanwhile.
xrun late python3 "$(dirname "$0")/late.py" serve "$B4"
wait_open "$B4" 7300 20
read -r first second < <(in_a timeout 30 python3 "$(dirname "$0")/late.py" ask "$B4")
le "an answer leaves while its program computes" "${first:-9999}" 150
le "... and its other thread answers" "${second:-9999}" 150
stop late
on_xtcp
