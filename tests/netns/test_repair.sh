#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Single losses and a pause of the wire, against Linux: a lost tail, a lost retransmission, a timeout that was needless. Each is
# repaired without a timeout, or the timeout is undone; xtcp's own counters tell, not the time it took.
# alone: a late process looks like a late segment
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

ns_relay
port=7000

# Frames from B, where xtcp sends, are meddled with.
wire() {
	stop relay
	spawn relay in_r "$RELAY" --delay 10 --only ba "$@" ra rb
	wait_line "$LOGS/relay.out" ready 5 || fail "the relay runs with $*"
}

# send WHAT BYTES: xtcp sends so much to Linux, and waits a second with its FIN. Its report is in $report.
send() {
	port=$((port + 1))
	rand_file "$LOGS/data" "$2" 31
	nc_serve nc in_a $port /dev/null "$LOGS/got"
	x_connect x --json "$A4:$port" < <(cat "$LOGS/data"; sleep 1)
	ends "$1: xtcp ends well" x 20 0
	ends "... and so does the peer" nc 5 0
	same "... what was sent arrives" "$LOGS/data" "$LOGS/got"
	report=$(grep -a '^{' "$LOGS/x.err")
}

# counted NAME: how often, by the report.
counted() {
	jq -r ".counters.$1 // 0" <<<"$report"
}

# without_timeout WHAT BYTES WIRE...: one timeout may be the fault of a machine that is busy; three are not.
without_timeout() {
	local try
	for try in 1 2 3; do
		wire "${@:3}"
		send "$1" "$2"
		[ "$(jq .timeouts <<<"$report")" != 0 ] || break
		echo "# try $try: there was a timeout"
	done
}

without_timeout "a lost tail" 28100 --lose 28000:1
eq "... there was no timeout" "$(jq .timeouts <<<"$report")" 0
le "... a probe found it" 1 "$(counted loss_probes)"
le "... little was sent again" "$(jq .retransmits <<<"$report")" 2

without_timeout "a lost retransmission" 400000 --lose 100000:2
eq "... there was no timeout" "$(jq .timeouts <<<"$report")" 0
eq "... the retransmission was found lost" "$(counted lost_retransmits)" 1
eq "... in one recovery" "$(counted fast_recoveries)" 1
le "... little was sent again" "$(jq .retransmits <<<"$report")" 4

wire --stall 300000:600
send "the wire pauses, timestamps" 3000000
le "... the timer fired" 1 "$(jq .timeouts <<<"$report")"
le "... that was undone" 1 "$(counted spurious_rtos)"
le "... little was sent again" "$(jq .retransmits <<<"$report")" 6

in_a sysctl -qw net.ipv4.tcp_sack=0 net.ipv4.tcp_timestamps=0
wire --stall 300000:350
send "the wire pauses, neither timestamps nor SACK" 3000000
eq "... the timer fired" "$(jq .timeouts <<<"$report")" 1
eq "... F-RTO found that needless" "$(counted frto_detections)" 1
le "... little was sent again" "$(jq .retransmits <<<"$report")" 2
no_xdp vb
