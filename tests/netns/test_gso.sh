#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Bulk to a kernel peer leaves as super-segments while the device has TSO, over both IP versions, and arrives byte for byte. Once the
# other end of the veth has native XDP the device has lost it, and every segment is a frame of its own.
. "$(dirname "$0")/lib.sh"

ns_pair
rand_file "$LOGS/data" 8000000

# send WHAT NC-OPTION ADDRESS PORT: what xtcp counted is in $LOGS/cli.out
send() {
	NC=$2 nc_serve "srv$4" in_b "$4" /dev/null "$LOGS/got"
	in_a "$XTCP" connect -i va --json "$3:$4" <"$LOGS/data" >"$LOGS/cli.out" 2>"$LOGS/cli.err"
	eq "$1: xtcp connect succeeds" $? 0
	wait_exit "srv$4" 5
	same "$1: what was sent arrived" "$LOGS/data" "$LOGS/got"
}

counted() {
	tail -n 1 "$LOGS/cli.err" "$LOGS/cli.out" | grep -a '^{' | jq -r ".counters.$1 // 0"
}

send 'IPv4' -4 "$B4" 7001
le 'IPv4: super-segments were sent' 20 "$(counted tx_supers)"
le 'IPv4: as few frames' "$(counted tx_frames)" 2000
send 'IPv6' -6 "[$B6]" 7002
le 'IPv6: super-segments were sent' 20 "$(counted tx_supers)"

ok 'the other end gets native XDP' in_b "$XTCP" attach -i vb --mode native
send 'without TSO' -4 "$B4" 7003
eq 'without TSO: no super-segment' "$(counted tx_supers)" 0
le 'without TSO: a frame for each segment' 5500 "$(counted tx_frames)"
ok 'the other end lets go of it' in_b "$XTCP" detach -i vb
send 'with TSO again' -4 "$B4" 7004
le 'with TSO again: super-segments were sent' 20 "$(counted tx_supers)"
