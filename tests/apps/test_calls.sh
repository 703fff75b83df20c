#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Every call from every thread at once, with bad arguments among them: nothing crashes, hangs, or leaves the run broken. And two threads at
# one descriptor that is just becoming ours: what both did is done. With one engine, and with two.
. "$(dirname "$0")/lib.sh"
QUEUES=2 ns_pair
prog=$BUILD/tests/apps/stress_calls
spawn peer in_a "$BUILD/tests/apps/forks" peer "$A4" 7000
spawn knock in_a "$prog" knock "$B4"
wait_listen in_a 7000
eq "the kernel" "$(in_b timeout 30 "$prog" run "$A4" 7000 "$B4" 1 1 2>"$LOGS/kernel.err")" 'done'
race=$BUILD/tests/apps/sock_race
in_b timeout 60 "$race" "$A4" 7000 "$B4" >"$LOGS/race0.out"
for n in 1 2; do
	opened=$(opens_b)
	XRUN_OPTS="--queues $n" xrun calls timeout -k 1 30 "$prog" run "$A4" 7000 "$B4" "${SECONDS_OF_CALLS:-2}" "${SEED:-2}"
	wait_exit calls 40
	rc=$?
	eq "--queues $n: $(grep forks "$LOGS/calls.err")" "$rc $(cat "$LOGS/calls.out")" '0 done'
	no_match "nobody died in the middle of a turn" "$(cat "$LOGS/calls.err")" 'xtcp: run:'
	# A wildcard listener is both: a knock that comes when one of the two listens, and the other not yet or no more, may be the kernel's.
	le "none of xtcp's were the kernel's, but for a knock or two" "$(opens_b)" $((opened + 3))
	XRUN_OPTS="--queues $n" xrun "race$n" timeout -k 1 60 "$race" "$A4" 7000 "$B4"
	wait_exit "race$n" 70
	eq "--queues $n: races end" $? 0
	same "--queues $n: what two threads did at a time is done as with the kernel" "$LOGS/race0.out" "$LOGS/race$n.out"
done
