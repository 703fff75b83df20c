#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Every call from every thread at once, with bad arguments among them: nothing crashes, hangs, or leaves the run broken. With one engine, and with two.
. "$(dirname "$0")/lib.sh"
QUEUES=2 ns_pair
prog=$BUILD/tests/apps/stress_calls
spawn peer in_a "$BUILD/tests/apps/forks" peer "$A4" 7000
spawn knock in_a "$prog" knock "$B4"
wait_listen in_a 7000
eq "the kernel" "$(in_b timeout 30 "$prog" run "$A4" 7000 "$B4" 1 1 2>"$LOGS/kernel.err")" 'done'
opened=$(opens_b)
for n in 1 2; do
	XRUN_OPTS="--queues $n" xrun calls timeout -k 1 30 "$prog" run "$A4" 7000 "$B4" "${SECONDS_OF_CALLS:-2}" "${SEED:-2}"
	wait_exit calls 40
	rc=$?
	eq "--queues $n: $(grep forks "$LOGS/calls.err")" "$rc $(cat "$LOGS/calls.out")" '0 done'
	no_match "nobody died in the middle of a turn" "$(cat "$LOGS/calls.err")" 'xtcp: run:'
done
# A wildcard listener is both: a knock that comes when one of the two listens, and the other not yet or no more, may be the kernel's.
le "none of xtcp's were the kernel's, but for a knock or two" "$(opens_b)" $((opened + 3))
