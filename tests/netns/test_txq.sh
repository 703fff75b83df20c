#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Super-segments on an interface with several transmit queues: they leave by another queue than the rest (AF_PACKET's choice, not that
# of AF_XDP), and still each connection's text arrives in order. So that the queues differ in time, the super-segments are
# steered into queue 2 (XPS), and the kernel at the other end takes what comes from it on another processor (RPS).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

# queue WHERE FILE VALUE: an interface's queues, in the /sys of its namespace.
queue() {
	ip netns exec "$(ns_of "$1")" sh -c "echo $3 >/sys/class/net/v${1#in_}/queues/$2" 2>/dev/null
}

# Two processors of ours, as masks; nothing when there is one.
masks() {
	local text cpus=()
	text=$(taskset -pc $$ | sed 's/.*: //; s/-/../; s/,/ /g')
	for text in $text; do
		case $text in
		*..*) mapfile -t -O ${#cpus[@]} cpus < <(seq "${text%..*}" "${text#*..}") ;;
		*) cpus+=("$text") ;;
		esac
	done
	[ ${#cpus[@]} -lt 2 ] || [ "${cpus[1]}" -gt 31 ] || printf '%x %x\n' $((1 << cpus[0])) $((1 << cpus[1]))
}

# Segments that came to the kernel at a wrong place, since `nstat -n`.
out_of_order() {
	in_a nstat -asz 2>/dev/null | awk '$1 == "TcpExtTCPOFOQueue" { print $2 }'
}

counted() {
	jq -r ".engines[0].counters.$1 // 0" <"$LOGS/x.out"
}

# What the kernel got in order, and what of it the engine made super-segments: at least so many, and so many that followed them.
in_order() {
	eq "$1: everything arrived in order" "$(out_of_order)" 0
	le "$1: super-segments were sent" "$2" "$(counted tx_supers)"
	le "$1: ... and single segments the same way behind them" "$3" "$(counted tx_supers_followed)"
	eq "$1: none got lost" "$(counted tx_supers_lost)" 0
}

mkdir "$LOGS/dir"
rand_file "$LOGS/dir/f" 30001
rand_file "$LOGS/data" 8000000
QUEUES=4 ns_pair
eq 'there are four transmit queues' "$(in_b ethtool -l vb | awk '/^TX:/ { n = $2 } END { print n }')" 4
read -r one two < <(masks)

for mode in native generic; do
	if [ -z "${two:-}" ] || ! queue in_b tx-2/xps_cpus "$(printf %x $((0x$one | 0x$two)))"; then
		skip_one 'queues that differ in time' 'one processor, or no XPS'
		one=0 two=0
	fi
	# A frame from transmit queue N > 0 counts as one of receive queue N - 1.
	queue in_a rx-0/rps_cpus "$one"
	queue in_a rx-1/rps_cpus "$two"
	in_a nstat -n
	x_server x serve -p 8000 --mode $mode --json "$LOGS/dir"
	match "$mode: 300 GETs" "$(in_a $PEER http "$B4" 8000 /f 300 2>&1)" "^300 x HTTP/1.1 200 OK $(sha "$LOGS/dir/f")"
	stop x INT
	in_order "$mode, GETs" 300 300
	in_a nstat -n
	x_server x echo -p 7000 --mode $mode --json
	eq "$mode: 20 connections, byte by byte" "$(in_a $PEER echo "$B4" 7000 20 300000 2>&1)" '20 connections 0 failed'
	stop x INT
	in_order "$mode, echo" 50 10
	read -r two one <<<"$one $two"
done

# --- Bulk, from a pipe, whatever the number of queues ---

# send WHAT NC-OPTION ADDRESS PORT
send() {
	NC=$2 nc_serve "srv$4" in_a "$4" /dev/null "$LOGS/got"
	in_a nstat -n
	in_b "$XTCP" connect -i vb --json -v "$3:$4" <"$LOGS/data" >"$LOGS/cli.out" 2>"$LOGS/cli.err"
	eq "$1: xtcp connect succeeds" $? 0
	wait_exit "srv$4" 5
	same "$1: what was sent arrived" "$LOGS/data" "$LOGS/got"
	no_match "$1: nothing keeps it from super-segments" "$(cat "$LOGS/cli.err")" 'no super-segments'
	cat "$LOGS/cli.out" "$LOGS/cli.err" | grep -a '^{' | jq -c '{ engines: [.] }' >"$LOGS/x.out"
	in_order "$1" 20 0
}

send 'four queues, IPv4' -4 "$A4" 7001
send 'four queues, IPv6' -6 "[$A6]" 7002
match 'the doctor tells how' "$(in_b "$XTCP" doctor -i vb)" 'super-segments .*several transmit queues'
for end in a b; do "in_$end" ethtool -L v$end rx 2 tx 2; done
send 'two queues' -4 "$A4" 7003
for end in a b; do "in_$end" ethtool -L v$end rx 1 tx 1; done
send 'one queue' -4 "$A4" 7004
eq 'one queue: nothing need follow' "$(counted tx_supers_followed)" 0
