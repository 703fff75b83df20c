#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Every way a connection ends: half-closed from either side, both at once, reset, aborted, refused, never answered.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

ns_relay --delay 20
rand_file "$LOGS/data" 500003 31

# The peer closes first; xtcp goes on sending after it has seen the FIN.
x_listen x 7000 < <(
	sleep 0.5
	cat "$LOGS/data"
)
nc_send nc in_a "$B4" 7000 /dev/null "$LOGS/got"
ends "the peer closed its side first: xtcp sends on, and ends well" x 10 0
ends "... the peer ends well" nc 5 0
same "... all of it arrives" "$LOGS/got" "$LOGS/data"

# xtcp closes first; the peer goes on sending.
peer_serve nc in_a "$A6" 7001 <(
	sleep 0.5
	cat "$LOGS/data"
) "$LOGS/got"
x_connect x "[$A6]:7001" </dev/null
ends "xtcp closed its side first: it receives on, and ends well" x 10 0
ends "... the peer ends well" nc 5 0
same "... all of it arrives" "$LOGS/x.out" "$LOGS/data"

# Both at the same time: with 20 ms on the way, FINs that leave within a few milliseconds cross. Whether they did is in the
# ladder: ours left before theirs came, and theirs does not acknowledge ours.
told() {
	until [ -e "$LOGS/go" ]; do sleep 0.002; done 2>/dev/null
}
crossed=0
for ((try = 0; try < 4 && !crossed; try++)); do
	rm -f "$LOGS/go"
	x_listen x 7000 --trace < <(told)
	nc_send nc in_a "$B4" 7000 <(told)
	wait_line "$LOGS/x.err" '<-- .*\[ACK\]' 5
	touch "$LOGS/go"
	ends "both close at the same time: xtcp ends well" x 10 0
	ends "... and so does the peer" nc 5 0
	out=$(grep -n -- '--> .*FIN' "$LOGS/x.err" | head -n 1)
	in=$(grep -n -- '<-- .*FIN' "$LOGS/x.err" | head -n 1)
	[[ $out =~ SEQ:\ ([0-9]+) ]] && fin=${BASH_REMATCH[1]}
	[[ $in =~ ACK:\ ([0-9]+) ]] && acked=${BASH_REMATCH[1]}
	if [ "${out%%:*}" -lt "${in%%:*}" ] && [ "$acked" = "$fin" ]; then crossed=1; fi
done
eq "... and the FINs did cross" "$crossed" 1

# The peer resets, once with data before it.
for n in 0 5000; do
	x_listen x 7000 < <(
		echo hello
		hold 5
	)
	in_a $PEER reset "$B4" 7000 $n
	ends "the peer resets after $n bytes: exit code 1" x 5 1
	err_line "... and says so" x "$A4:[0-9]+: connection reset by peer"
	eq "... what came before is delivered" "$(stat -c %s "$LOGS/x.out")" $n
done
spawn server in_a $PEER reset-server :: 7002 3
wait_line "$LOGS/server.err" ready 5
x_connect x "[$A6]:7002" < <(
	echo hello
	hold 5
)
ends "a server resets: exit code 1" x 5 1
err_line "... and says so" x "\[$A6\]:7002: connection reset by peer"
stop server

# We abort: nobody reads our stdout any more.
exec {hole}> >(:)
wait $!
# shellcheck disable=SC2261
in_b "$XTCP" listen -i vb 7000 2>"$LOGS/abort.err" >&"$hole" < <(hold 5) &
abort=$!
exec {hole}>&-
wait_line "$LOGS/abort.err" listening 5
rand_file "$LOGS/big" 3000000 32
in_a $PEER reset "$B4" 7000 100000 >"$LOGS/abort.peer" 2>&1
wait $abort
eq "stdout is gone: exit code 1" $? 1
err_line "... and says so" abort 'cannot write to standard output: Broken pipe'
match "... and the peer gets a reset" "$(cat "$LOGS/abort.peer")" 'reset by peer'

# Refused, both ways round.
for addr in "$A4" "[$A6]"; do
	x_connect x "$addr:7999" </dev/null
	ends "connect to a closed port of $addr: exit code 1" x 3 1
	err_line "... and says so" x 'connection refused'
done
x_listen x 7000 < <(hold 5)
match "a port that is not ours is refused by the kernel" "$(in_a $PEER connect-bound 0.0.0.0 0 "$B4" 7998)" ECONNREFUSED
spawn first in_a $PEER read-reset "$B4" 7000
wait_for 'in_a ss -Htn state established | grep -q ":7000"' 5
match "listen takes one connection, the second is refused" "$(in_a $PEER connect-bound 0.0.0.0 0 "$B4" 7000)" ECONNREFUSED
kill -INT "$(pid_of x)"
ends "SIGINT ends a connection: exit code 1" x 4 1
err_line "... and says so" x interrupted
stop first

# No answer at all: an address that nobody has, but whose neighbour entry says otherwise; and one that no neighbour answers for.
in_b ip neighbour replace 10.9.0.77 lladdr "$(in_a ip -j link show dev va | jq -r '.[0].address')" dev vb nud permanent
x_connect x 10.9.0.77:7000 --trace </dev/null
wait_line "$LOGS/x.err" '--> .*\[SYN\]' 5
not_ok "connect to a silent host goes on trying" wait_exit x 2
# At 0 and 1 s, and, where the machine was short of processors and the limit patient, at 3 s, 7 s, ...; any of them late, none early.
gaps=$(awk '/--> .*\[SYN\]/ { if (n) print ($1 - last >= 1000 * 2 ^ (n - 1) - 1 ? "later" : "early"); n++; last = $1 }' "$LOGS/x.err")
match "... it has sent its SYN again after a second" "$gaps" later
no_match "... then after twice as long each time" "$gaps" early
kill -INT "$(pid_of x)"
ends "... until SIGINT" x 2 1
eq "... and says so" "$(grep -c '^xtcp: interrupted' "$LOGS/x.err")" 1
# What the link layer finds out is a soft error: it may end the attempt or leave it to the user.
x_connect x 10.9.0.78:7000 </dev/null
wait_exit x 4 || kill -INT "$(pid_of x)" 2>/dev/null
ends "connect to a neighbour that is not there: exit code 1, by itself or by SIGINT" x 2 1
err_line "... and one line" x '10.9.0.78.*(no route to host|does not answer)|interrupted'

# The peer vanishes in the middle: what is in flight is sent again and again, and a signal still ends it at once.
x_listen x 7000 --trace < <(peer throttle "$LOGS/data" 100000)
spawn nc in_a nc -N -w 30 "$B4" 7000 </dev/null
wait_line "$LOGS/x.err" '--> .*LEN' 5
kill -USR1 "$(pid_of relay)"
lines=$(grep -c -- '--> .*LEN' "$LOGS/x.err")
not_ok "the peer vanishes: xtcp keeps trying" wait_exit x 2
le "... segments are sent again" $((lines + 2)) "$(grep -c -- '--> .*LEN' "$LOGS/x.err")"
kill -TERM "$(pid_of x)"
ends "... until SIGTERM" x 6 1
no_xdp vb
