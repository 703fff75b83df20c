#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Several engines on one interface, one each receive queue: passive and active opens, segments that arrive at the wrong
# engine, one that leaves, one that is killed, and what is refused.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

CHECK=$BUILD/tests/netns/queues_check
[ -x "$CHECK" ] || { fail "build/tests/netns/queues_check is built"; exit 1; }
QUEUES=2 ns_pair
# A peer that waited long for us does not try another queue: queues change below, where they are told to.
in_a sysctl -qw net.core.txrehash=0

# engines NAME FIELD: the counter of each engine in the summary, one a line; 0 where it did not move.
engines() {
	jq -r ".engines[] | .counters.$2 // 0" <"$LOGS/$1.out"
}

sum() {
	local n total=0
	while read -r n; do total=$((total + n)); done
	echo "$total"
}

# --- One port over both queues ---

for mode in native generic; do
	x_server x echo -p 7000 --mode $mode --queues 2 --json
	for addr in "$B4" "$B6"; do
		eq "$mode: 100 connections at once to $addr, byte by byte" "$(in_a $PEER echo "$addr" 7000 100 50000 2>&1)" '100 connections 0 failed'
	done
	eq "$mode: one connection, a lot of data" "$(in_a $PEER echo "$B4" 7000 1 20000000 2>&1)" '1 connections 0 failed'
	stop x INT
	eq "$mode: SIGINT ends both engines well" $? 0
	eq "$mode: ... without a complaint" "$(complaints x)" ''
	read -r c0 c1 < <(engines x passive_opens | paste -s -d' ')
	le "$mode: engine 0 has some of the connections" 20 "$c0"
	# Generic XDP on veth sees every frame of a peer with two queues on queue 0.
	[ $mode = generic ] || le "$mode: engine 1 has some" 20 "$c1"
	eq "$mode: together all" $((c0 + c1)) 201
	eq "$mode: every byte was counted by one engine" "$(engines x in_bytes | sum)" 30000000
	eq "$mode: each engine has its queue" "$(jq -c '[.engines[] | [.engine, .first_queue, .queues]]' <"$LOGS/x.out")" '[[0,0,1],[1,1,1]]'
	eq "$mode: no ring was full" "$(engines x handover_full | sum)" 0
done
no_xdp vb
no_pins "no pins are left"

# --- Memory: an engine's region is mapped once, and its own ---

x_server x echo -p 7000 --queues 2
eq "two engines have two regions" "$(grep -c 'memfd:.*xtcp' "/proc/$(pid_of x)/maps")" 2
eq "... of different files" "$(awk '/memfd:.*xtcp/ { print $5 }' "/proc/$(pid_of x)/maps" | sort -u | wc -l)" 2
eq "two threads" "$(find "/proc/$(pid_of x)/task" -mindepth 1 -maxdepth 1 | wc -l)" 2
stop x INT

# --- xtcp status: each engine, from outside ---

x_server x echo -p 7000 --queues 2 --json
spawn c in_a $PEER echo "$B4" 7000 30 100 20
wait_line "$LOGS/c.out" '30 connections 0 failed' 8
text=$(in_b "$XTCP" status -i vb --json)
# told WHAT FILTER
told() {
	if jq -e ".[0].engines | $2" <<<"$text" >/dev/null 2>&1; then pass "status: $1"; else fail "status: $1" "not $2: $(head -c 900 <<<"$text")"; fi
}
told "two engines with a queue each" 'map([.engine, .first_queue, .queues]) == [[0,0,1],[1,1,1]]'
told "... in this process" "all(.pid == $(pid_of x))"
told "... with all connections" 'map(.connections) | add == 30'
told "... which each of them has some of" 'all(.connections > 0 and .counters.passive_opens == .connections)'
told "... frames, and nothing handed over or dropped" 'all(.counters.rx_frames > 0 and .counters.tx_frames > 0 and
	.counters.in_handed_over == 0 and .counters.out_handed_over == 0 and .counters.handover_full == 0 and .drops == 0)'
kill -STOP "$(pid_of x)"
eq "status in text: a line for each engine, of one that is stopped too" \
	"$(in_b "$XTCP" status | grep -cE "^  engine [01]: process $(pid_of x), receive queue [01], [0-9]+ connections, ")" 2
kill -CONT "$(pid_of x)"
text=$(in_b unshare --pid --fork --mount-proc "$XTCP" status -i vb --json)
told "engines that cannot be seen are not said to be none" '. == null'
match "... and why" "$(jq -r '.[0].engines_why' <<<"$text")" 'not in a process that can be looked into'
stop c KILL
stop x INT
eq "what status told of passive opens is what the engines tell" "$(engines x passive_opens | sum)" 30
ok "attached without an engine" in_b "$XTCP" attach -i vb
text=$(in_b "$XTCP" status -i vb --json)
told "no engine" '. == []'
ok "... and detached" in_b "$XTCP" detach -i vb

# --- Segments that arrive at the wrong engine: the peer changes its queues under way ---

x_server x echo -p 7000 --queues 2 --json
spawn c in_a $PEER echo "$B4" 7000 40 3000000
spawn c6 in_a $PEER echo "$B6" 7000 40 1000000
for ((i = 0; i < 20; i++)); do
	in_a ethtool -L va tx $((1 + i % 2)) || { fail "the peer can change its queues"; break; }
	sleep 0.05
	[ -d "/proc/$(pid_of c)" ] || break
done
wait_exit c 60
eq "queues change under way: every connection goes on, byte by byte" "$(cat "$LOGS/c.out")" '40 connections 0 failed'
wait_exit c6 60
eq "... over IPv6 too" "$(cat "$LOGS/c6.out")" '40 connections 0 failed'
in_a ethtool -L va tx 2
stop x INT
le "... frames were handed over" 1 "$(engines x in_handed_over | sum)"
eq "... each that one engine gave the other got" "$(engines x in_handed_over | sum)" "$(engines x out_handed_over | sum)"
eq "... nobody was reset" "$(engines x estab_resets | sum)" 0

# --- Active opens ---

spawn s in_a $PEER echo-server "$A4" 7001
wait_line "$LOGS/s.err" ready 5
text=$(in_b "$CHECK" vb 2 "$A4" 7001 20 200000 2>&1)
eq "active opens: 20 connections of each engine to a kernel server" "$(grep -c ' ok 20 failed 0 ' <<<"$text")" 2 || echo "$text"
match "... whose answers come as they like" "$text" 'in_handed_over [1-9]'
text=$(in_b "$CHECK" vb 2 "$A6" 7002 5 100000 2>&1)
eq "... a port where nobody listens" "$(grep -c ' ok 0 failed 5 ' <<<"$text")" 2 || echo "$text"
stop s
spawn s in_a "$XTCP" echo -i va -p 7001 --queues 2 --json </dev/null
wait_line "$LOGS/s.err" '^xtcp: listening on ' 8
text=$(in_b "$CHECK" vb 2 "$A4" 7001 20 200000 2>&1)
eq "20 connections of each engine to two engines" "$(grep -c ' ok 20 failed 0 ' <<<"$text")" 2 || echo "$text"
text=$(in_b "$CHECK" vb 2 "$A4" 7001 10 1000000 early 2>&1)
eq "an engine that is destroyed leaves the other's connections alone" "$(grep -c ' ok 10 failed 0 ' <<<"$text")" 2 || echo "$text"
stop s INT
eq "... the peer saw no reset" "$(engines s estab_resets | sum)" 0

# --- The end, however it comes ---

x_server x echo -p 7000 --queues 2
spawn idle in_a $PEER echo "$B4" 7000 20 100 30
wait_line "$LOGS/idle.out" '20 connections 0 failed' 5
stop x KILL
wait_for '! in_b ip link show dev vb | grep -q xdp' 2
no_xdp vb
no_pins "kill -9: no pins are left"
ok "kill -9: the port is free" in_b $PEER bind "$B4" 7000
stop idle KILL
mkdir "$LOGS/dir"
rand_file "$LOGS/dir/f" 300000
x_server x serve --queues 2 -p 8000 --json "$LOGS/dir"
eq "serve: 50 GETs from two engines" "$(in_a $PEER http "$B4" 8000 /f 50 2>&1 | tail -n 1 | grep -c '50')" 1
stop x INT
le "serve: both have answered" 1 "$(engines x passive_opens | sort -n | head -n 1)"

# --- What is refused, one line each ---

refused() {
	local what=$1 regex=$2 code=$3
	shift 3
	x_spawn bad echo -i vb -p 7000 "$@" </dev/null
	ends "$what" bad 5 "$code"
	err_line "... says why" bad "$regex"
}

refused "more engines than queues" '--queues 3: vb has 2 receive queues; ethtool -L vb' 1 --queues 3
refused "an interface that is not there" "no interface 'nope'" 1 --queues 2 -i nope
refused "no number of queues" "--queues: '0' is no number from 1 to 64" 2 --queues 0
refused "a CPU that is not there" '--cpus: CPU 900 is not there, or not for this process; there are' 2 --queues 2 --cpus 0,900
refused "too few CPUs" '--cpus: 1 CPU for 2 engines' 2 --queues 2 --cpus 0
refused "a list that is none" "--cpus: '0;1' is no list of CPUs like 0,2-3" 2 --queues 2 --cpus '0;1'
x_server x echo -p 7000 --queues 2
refused "an interface whose queues are taken" 'another xtcp \(process [0-9]+\) is on vb already' 1 --queues 2
in_a ping -q -c 1 -W 2 "$B4" >/dev/null || fail "the kernel still answers"
stop x INT

text=$(in_b "$CHECK" vb bad 2>&1)
match "join: a queue that is served" "$text" '^taken: EBUSY \(receive queue 0 of vb is served by another engine'
match "join: no such queue" "$text" '^no such queue: EINVAL \(vb has 2 receive queues, 0 to 1; queues 2 to 2'
match "join: more queues than there are" "$text" '^too many: EINVAL \(vb has 2 receive queues'
match "join: another interface" "$text" '^other interface: EINVAL \(conf.ifname is lo, but'
match "join: another mode" "$text" '^other mode: EINVAL \(conf.mode is not that of'
match "join: a field out of range" "$text" '^bad field: EINVAL \(conf.max_conns is 1;'
match "join: no size" "$text" '^no size: EINVAL \(conf.size is not set'
match "join: more engines than queues" "$text" '^none left: EBUSY \(no receive queue of vb is left for one more engine: it has 2; ethtool -L vb'
match "join: the queue of one that has left can be had" "$text" '^0 is free again: 0'
match "join: by any engine that is there" "$text" '^taken by the second: EBUSY'
no_xdp vb
