#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Processes that end by each way there is, while other threads of theirs are in the middle of turns: only their own connections end. With one
# engine, and with two.
. "$(dirname "$0")/lib.sh"
QUEUES=2 ns_pair
spawn peer in_a "$BUILD/tests/apps/forks" peer "$A4" 7000
wait_listen in_a 7000
ulimit -c 0
kernel=$(in_b timeout 40 "$BUILD/tests/apps/ends" "$A4" 7000 2>&1)
opened=$(opens_b)
for n in 1 2; do
	XRUN_OPTS="--queues $n" xrun ends timeout 40 "$BUILD/tests/apps/ends" "$A4" 7000
	wait_exit ends 45
	eq "--queues $n: processes end" $? 0
	eq "... as on the kernel" "$(cat "$LOGS/ends.out")" "$kernel"
	no_match "... and none in the middle of a turn" "$(cat "$LOGS/ends.err")" 'died in the middle'
done
eq "all of it went over xtcp" "$(opens_b)" "$opened"
