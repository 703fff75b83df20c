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

# A transfer that is under way when the device loses TSO goes on in frames.
spawn sink in_b sh -c 'exec nc -4 -l 7010 >/dev/null' </dev/null
wait_listen in_b 7010
spawn src in_a sh -c "timeout 3 cat /dev/zero | '$XTCP' connect -i va --json $B4:7010"
sleep 1
ok 'under way: the other end gets native XDP' in_b "$XTCP" attach -i vb --mode native
wait_exit src 10
eq 'under way: the transfer goes on' $? 0
cp "$LOGS/src.out" "$LOGS/cli.out"
cp "$LOGS/src.err" "$LOGS/cli.err"
le 'under way: super-segments first' 200 "$(counted tx_supers)"
le 'under way: then a frame for each segment' 5000 $(($(counted tx_frames) - $(counted tx_supers)))
stop sink
in_b "$XTCP" detach -i vb

# take WHAT OPTION...: from B's kernel to xtcp in A, at $to
to=$A4
take() {
	local what=$1
	shift
	spawn lis in_a "$XTCP" listen -i va --json -v "$@" 7005
	wait_line "$LOGS/lis.err" listening 5
	nc_send snd in_b "$to" 7005 "$LOGS/data"
	wait_exit lis 10
	eq "$what: xtcp listen succeeds" $? 0
	wait_exit snd 5
	same "$what: what was sent arrived" "$LOGS/data" <(head -c 8000000 "$LOGS/lis.out")
	cp "$LOGS/lis.err" "$LOGS/cli.err"
	: >"$LOGS/cli.out"
}

take 'preferring bulk' --prefer bulk
match 'preferring bulk: generic XDP, and why' "$(cat "$LOGS/lis.err")" 'chose generic XDP: .*super-segments'
le 'preferring bulk: super-segments arrive whole' "$(counted rx_frames)" 2500
to=$A6
take 'preferring bulk, IPv6' --prefer bulk
le 'preferring bulk, IPv6: super-segments arrive whole' "$(counted rx_frames)" 2500
to=$A4
take 'preferring latency'
match 'preferring latency: native XDP' "$(cat "$LOGS/lis.err")" 'native XDP'
le 'preferring latency: every segment is a frame' 5500 "$(counted rx_frames)"
in_a "$XTCP" doctor -i va >"$LOGS/doctor"
match 'the doctor tells what bulk takes' "$(grep 'auto, bulk' "$LOGS/doctor")" 'generic XDP: .*super-segments'
match 'the doctor tells how bulk is sent' "$(grep '^ok *super-segments' "$LOGS/doctor")" 'past AF_XDP: TSO is on'
not_ok 'what is neither is refused' in_a "$XTCP" listen -i va --prefer speed 7006

for end in a b; do
	"in_$end" ip link set "v$end" mtu 1400
done
send 'MTU 1400, IPv4' -4 "$B4" 7007
le 'MTU 1400, IPv4: super-segments were sent' 20 "$(counted tx_supers)"
send 'MTU 1400, IPv6' -6 "[$B6]" 7008
le 'MTU 1400, IPv6: super-segments were sent' 20 "$(counted tx_supers)"
