#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The three names of waiting: who sleeps when, and what 10,000 idle connections cost.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

ns_pair

# Processor time of a process, in hundredths of a second.
ticks() {
	awk '{ t = $14 + $15 } END { print t + 0 }' "/proc/$(pid_of "$1")/stat" 2>/dev/null
}

# serve NAME PORT OPTION...
serve() {
	local name=$1 port=$2
	shift 2
	spawn "$name" in_b "$XTCP" bench -i vb serve -p "$port" --json "$@"
	wait_line "$LOGS/$name.out" '^ready$' 8 || fail "$name is ready" "$(head -c 300 "$LOGS/$name.err")"
}

# used NAME SECONDS: its processor time in so many seconds from now.
used() {
	local t0
	t0=$(ticks "$1")
	sleep "$2"
	echo $(($(ticks "$1") - t0))
}

# sleeps FILE
sleeps() {
	grep -h '^{' "$1" | jq '.counters.sleeps // 0'
}

# --- Idle, and a server that nobody has connected to ---

for wait in balanced power latency; do
	serve idle 7000 --wait $wait
	sleep 1.2
	le "$wait: an idle server uses next to nothing in a second" "$(used idle 1)" 5
	if [ $wait = latency ]; then
		spawn conn in_a "$XTCP" bench -i va hold "$B4:7000" --seconds 20 --wait power
		wait_for '[ "$(ticks idle)" -ge 30 ]' 10
		eq "latency: it spins as long as a connection is open, a second after the last frame too" $? 0
		sleep 1.5
		le "latency: ... and goes on spinning" 10 "$(used idle 1)"
		stop conn INT
	fi
	stop idle INT
	le "$wait: it has slept" 1 "$(sleeps "$LOGS/idle.out")"
	le "$wait: ... and not been woken for nothing" "$(sleeps "$LOGS/idle.out")" 400
done

# --- A request at a time: who sleeps for each ---

for wait in balanced power latency; do
	serve srv 7000 --wait $wait
	r=$(in_a "$XTCP" bench -i va rr "$B4:7000" --wait $wait --rate 200 --seconds 1 --warmup 0.2 --json -v 2>/dev/null)
	stop srv INT
	echo "# $wait, 200 requests a second: $(jq -c '{p50_us, p99_us, cpu_s, sleeps: .counters.sleeps}' <<<"$r")"
	if [ $wait = latency ]; then
		le "latency: no end sleeps for a request" "$(sleeps "$LOGS/srv.out")" 100
	else
		le "$wait: the server sleeps for each of 200 requests a second" 150 "$(sleeps "$LOGS/srv.out")"
		le "$wait: the client sleeps between them" 150 "$(sleeps - <<<"$r")"
	fi
done

# --- The other commands wait as asked for too ---

rand_file "$LOGS/there" 300000 1
rand_file "$LOGS/back" 200000 2
for wait in latency balanced power; do
	x_spawn x listen -i vb --wait $wait 7001 < <(cat "$LOGS/back"; sleep 0.3; echo late)
	wait_line "$LOGS/x.err" '^xtcp: listening on ' 8
	peer_got=$(in_a nc -N -w 20 "$B4" 7001 <"$LOGS/there" | sha256sum)
	ends "listen --wait $wait ends well" x 10 0
	same "listen --wait $wait: what the peer sent arrives" "$LOGS/x.out" "$LOGS/there"
	eq "listen --wait $wait: what stdin gave, early and late, arrives" "$peer_got" "$( (cat "$LOGS/back"; echo late) | sha256sum)"
done
x_server e echo -p 7002 --wait power
eq "echo --wait power" "$(in_a nc -N -w 20 "$B4" 7002 <"$LOGS/there" | sha256sum)" "$(sha256sum <"$LOGS/there")"
stop e INT
no_w=$(in_b "$XTCP" echo -i vb -p 7002 --wait nap 2>&1)
eq "a name that there is not: exit code" $? 2
match "... and the three there are" "$no_w" "'nap' is none of latency, balanced, power"

# --- 10,000 connections that do nothing ---

serve many 7000 --ports 4 --connections 10000
spawn hold in_a "$XTCP" bench -i va hold "$B4:7000" --connections 10000 --ports 4 --seconds 5 --warmup 0.5 --json
wait_for '[ "$(ticks many)" -ge 10 ]' 10
sleep 2.5
got=$(used many 2)
wait_exit hold 20
eq "10,000 connections are held" "$?" 0
echo "# 10,000 idle connections, balanced: server $got hundredths of a second in 2 s," \
	"client $(jq -c '{open_rate, idle_cpu_percent, bytes_per_connection}' "$LOGS/hold.out")"
le "10,000 idle connections cost the server next to nothing" "$got" 10
le "... and the client" "$(jq '.idle_cpu_percent | ceil' "$LOGS/hold.out")" 5
stop many INT
eq "the server had them all" "$(grep '^{' "$LOGS/many.out" | jq .peak_connections)" 10000
