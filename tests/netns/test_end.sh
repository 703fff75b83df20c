#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# How connections to Linux end when nobody closes them in good order: keepalive, the user timeout, linger, abort, and the limits of
# what nobody waits for any more; and how they go on half-closed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

CHECK=$BUILD/tests/netns/steps_check
[ -x "$CHECK" ] || { fail "build/tests/netns/steps_check is built"; exit 1; }
ns_pair
port=7000

# linux NAME ADDR STEP...: a server of Linux's on the next port, $port.
linux() {
	local name=$1 addr=$2
	port=$((port + 1))
	shift 2
	spawn "$name" in_a "$PY" -I "$ROOT/tests/netns/steps.py" listen "$addr" $port "$@"
	wait_line "$LOGS/$name.err" ready 5
}

# xtcp STEP...: what steps_check prints, one line; without the words that are always there.
xtcp() {
	in_b "$CHECK" vb "$@" 2>&1 | grep -vE '^(open|clock|use|waited)' | tr '\n' ',' | sed 's/,$//; s/,/, /g'
}

# said NAME: the same of Linux, when it has ended.
said() {
	wait_exit "$1" 10
	tr '\n' ',' <"$LOGS/$1.out" | sed 's/,$//; s/,/, /g'
}

# between WHAT TEXT NAME LEAST MOST: TEXT is "NAME MS"; a busy machine may take 0.9 s more.
between() {
	local ms=${2##* } most=$(($5 + 900))
	if [ "${2% *}" = "$3" ] && [ "$ms" -ge "$4" ] && [ "$ms" -le $most ]; then
		pass "$1: $2 ms"
	else
		fail "$1" "'$2', wanted '$3' and from $4 to $most ms"
	fi
}

# --- Black-holed: nothing passes any more, and nobody says so. All at the same time, in one engine. ---

first=$((port + 1))
for i in 0 1 2 3 4 5 6; do
	linux peer$i "$A4" wait "$LOGS/over"
done
keep() {
	echo "connect $A4 $((first + $1)) set keepidle $2 set keepintvl $3 set keepcnt $4 set keepalive 1"
}
# shellcheck disable=SC2046 # words
spawn x in_b "$CHECK" vb $(keep 0 1 1 3) $(keep 1 2 1 1) $(keep 2 1 2 1) $(keep 3 1 1 100) set user_timeout 3000 \
	connect "$A4" $((first + 4)) set user_timeout 2000 connect "$A4" $((first + 5)) connect "$A4" $((first + 6)) \
	use 0 quiet 2500 stat keepalive_probes clock wait "$LOGS/hole" use 4 send 5000 clock \
	use 0 error use 1 error use 2 error use 3 error use 4 error use 5 quiet 1 use 6 send 5 quiet 1500 stat keepalive_timeouts
wait_line "$LOGS/x.out" '^keepalive_probes' 10
kept=$(sed -n '/^quiet/p; s/^keepalive_probes //p' "$LOGS/x.out" | tr '\n' ' ')
match "keepalive that is answered keeps the connections" "$kept" '^quiet ([5-9]|1[0-9]) $'
in_a nft -f - <<'EOF'
table inet hole {
	chain input { type filter hook input priority 0; meta l4proto tcp drop; }
	chain output { type filter hook output priority 0; meta l4proto tcp drop; }
}
EOF
touch "$LOGS/hole"
ends "black-holed: steps_check ends" x 20 0
mapfile -t took < <(grep -E '^(E[A-Z]+|none) ' "$LOGS/x.out")
# The last probe that was answered is as old as the time idle, or between probes, at the most.
between "... idle 1 s, 3 probes 1 s apart" "${took[0]}" ETIMEDOUT 2900 4000
between "... idle 2 s, 1 probe, 1 s" "${took[1]}" ETIMEDOUT 900 3000
between "... idle 1 s, 1 probe, 2 s" "${took[2]}" ETIMEDOUT 1900 4000
between "... by the user timeout of 3 s, whatever the count" "${took[3]}" ETIMEDOUT 1900 3000
between "... data in flight, by the user timeout of 2 s" "${took[4]}" ETIMEDOUT 1900 2000
eq "... without either, nothing ends" "$(grep -c '^quiet$' "$LOGS/x.out")" 3
match "... and keepalive counts what it ended" "$(cat "$LOGS/x.out")" '^keepalive_timeouts 4$'
touch "$LOGS/over"
in_a nft delete table inet hole
for i in 0 1 2 3 4 5 6; do
	stop peer$i KILL
done

# --- Linger and abort. ---

linux peer "$A4" recv 100 recv 1
match "linger 0" "$(xtcp connect "$A4" $port send 100 quiet 100 set linger 0 close gone 1000)" '^sent 100, quiet, linger 0, closed, gone [0-9]+$'
eq "... the peer has the data, then a reset" "$(said peer)" 'received 100, ECONNRESET after 0'
linux peer "$A6" recv 100 recv 1
match "abort" "$(xtcp connect "$A6" $port send 100 quiet 100 abort gone 1000)" '^sent 100, quiet, aborted, gone [0-9]+$'
eq "... the peer has the data, then a reset" "$(said peer)" 'received 100, ECONNRESET after 0'
linux peer "$A4" wait "$LOGS/read" eof
out=$(xtcp connect "$A4" $port set sndbuf 4000000 fill set linger 1000 close gone 9000)
between "linger 1 s, the peer does not read: it is aborted" "${out##*, }" gone 950 1000
touch "$LOGS/read"
match "... the peer is told" "$(said peer)" '^waited, ECONNRESET after [0-9]+$'
linux peer "$A4" sleep 0.3 eof
out=$(xtcp connect "$A4" $port send 3000000 set linger 8000 close gone 9000)
match "linger 8 s, the peer reads: nothing is aborted" "$out" 'sent 3000000, linger 8000, closed, gone [0-9]+$'
eq "... all arrives" "$(said peer)" 'slept, end after 3000000'

# --- Half-closed, with data afterwards, in both directions and roles. ---

for addr in "$A4" "$A6"; do
	linux peer "$addr" eof send 300000 shutdown
	eq "xtcp shuts down its side to $addr, and receives on" "$(xtcp connect "$addr" $port send 1000 shutdown send 1 eof close)" \
		'sent 1000, shutdown, EPIPE after 0, end after 300000, closed'
	eq "... the peer" "$(said peer)" 'end after 1000, sent 300000, shutdown'
	linux peer "$addr" send 1000 shutdown eof
	match "the peer at $addr shuts down its side, xtcp sends on" "$(xtcp connect "$addr" $port eof send 300000 shutdown close gone 5000)" \
		'^end after 1000, sent 300000, shutdown, closed, gone [0-9]+$'
	eq "... the peer" "$(said peer)" 'sent 1000, shutdown, end after 300000'
done
spawn x in_b "$CHECK" vb listen 7500 eof send 300000 shutdown close gone 5000
wait_line "$LOGS/x.err" ready 5
eq "a client of Linux shuts down its side" "$(in_a "$PY" -I "$ROOT/tests/netns/steps.py" connect "$B4" 7500 send 1000 shutdown eof | tr '\n' ' ')" \
	'sent 1000 shutdown end after 300000 '
ends "... xtcp sends on, and ends well" x 5 0

# --- Orphans. ---

# The peer acknowledges our FIN, and never closes.
linux peer "$A4" eof wait "$LOGS/late" refused
spawn x in_b "$CHECK" vb fin_wait2_ms=1500 connect "$A4" $port send 10 close gone 9000 wait "$LOGS/done"
wait_line "$LOGS/x.out" '^(gone|left)' 15
between "closed, the peer never closes: FIN-WAIT-2 has its limit" "$(tail -n 1 "$LOGS/x.out")" gone 1450 1500
touch "$LOGS/late"
eq "... then the peer's data meets a reset" "$(said peer)" 'end after 10, waited, EPIPE'
touch "$LOGS/done"
ends "... xtcp ends well" x 5 0
linux peer "$A4" eof refused
match "closed, then data comes: nobody will read it" "$(xtcp connect "$A4" $port send 10 close gone 9000 stat in_data_after_close)" \
	'closed, gone [0-9]+, in_data_after_close 1$'
eq "... the peer is reset" "$(said peer)" 'end after 10, EPIPE'
linux peer "$A4" wait "$LOGS/shut" eof
out=$(xtcp orphan_retries=3 connect "$A4" $port set sndbuf 4000000 fill close gone 20000 stat orphan_timeouts)
match "closed, the peer's window is shut: given up after three probes" "$out" 'gone [0-9]+, orphan_timeouts 1$'
touch "$LOGS/shut"
match "... the peer is told" "$(said peer)" '^waited, ECONNRESET after [0-9]+$'
# Linux's own limit, met by an xtcp that does not close.
in_a sysctl -qw net.ipv4.tcp_fin_timeout=1
linux peer "$A4" recv 10 close
spawn x in_b "$CHECK" vb connect "$A4" $port send 10 eof wait "$LOGS/forgotten" send 10 error
wait_for "in_a ss -Htan state fin-wait-2 | grep -q ':$port '" 5 || fail "Linux waits for our FIN"
ok "Linux gives up waiting for our FIN" wait_for "! in_a ss -Htan | grep -q ':$port '" 8
touch "$LOGS/forgotten"
ends "... and what xtcp sends then" x 10 0
match "... is reset" "$(tail -n 1 "$LOGS/x.out")" '^(ECONNRESET|EPIPE) '
no_xdp vb
