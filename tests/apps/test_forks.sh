#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Programs that fork in the middle of a transfer, by each way there is: nothing is lost. A process that is stopped in the middle of a
# turn stops the run: that is said, and goes by.
. "$(dirname "$0")/lib.sh"
ns_pair
forks=$BUILD/tests/apps/forks
spawn peer in_a "$forks" peer "$A4" 7000
wait_listen in_a 7000
modes='send recv both all exec dlopen'
for mode in $modes; do
	eq "the kernel: $mode" "$(in_b timeout 20 "$forks" "$mode" "$A4" 7000 2>&1)" 'done'
done
opened=$(opens_b)
for mode in $modes; do
	eq "xtcp: $mode" "$(x timeout 20 "$forks" "$mode" "$A4" 7000 2>&1)" 'done'
done

# --- stopped in the middle of a turn ---
xrun busy "$forks" busy "$A4" 7000
wait_line "$LOGS/busy.out" up 20
pid=$(pgrep -x -P "$(pid_of busy)" forks)
for _ in 1 2 3 4 5 6 7 8; do
	kill -STOP "$pid"
	sleep 2.2
	! grep -q 'is stopped' "$LOGS/busy.err" || break
	kill -CONT "$pid"
	sleep 0.1
done
match "a process that is stopped in the middle of a turn is named" "$(cat "$LOGS/busy.err")" "all wait for process $pid \(forks\), which is stopped"
sleep 1.2
eq "... once" "$(grep -c 'is stopped' "$LOGS/busy.err")" 1
kill -CONT "$pid"
sleep 0.3
kill "$pid"
wait_exit busy 10
eq "... and goes on afterwards, with its connection" "$? $(tail -n 1 "$LOGS/busy.out")" '0 done'
eq "all of it went over xtcp" "$(opens_b)" "$opened"
