#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# xtcp echo under many connections; what bpftool and cat see of it; and that it sleeps when nothing happens.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

ns_pair

# Clock ticks (10 ms) of a process so far.
ticks() {
	awk '{ print $14 + $15 }' <(sed 's/.*) //; s/^/1 (x) /' "/proc/$(pid_of "$1")/stat")
}

for mode in native generic; do
	x_server x echo -p 7000 --mode $mode
	for addr in "$B4" "$B6"; do
		eq "$mode: 200 connections at once to $addr" "$(in_a $PEER echo "$addr" 7000 200 50000 2>&1)" '200 connections 0 failed'
	done
	eq "$mode: one connection, a lot of data" "$(in_a $PEER echo "$B4" 7000 1 20000000 2>&1)" '1 connections 0 failed'
	text=$(for i in 1 2 3 4 5; do in_a $PEER echo "$B6" 7000 20 1; done 2>&1)
	eq "$mode: many one after the other" "$(sort -u <<<"$text")" '20 connections 0 failed'
	spawn idle in_a $PEER echo "$B4" 7000 100 100 30
	wait_line "$LOGS/idle.out" '100 connections 0 failed' 5
	sleep 0.5
	t0=$(ticks x)
	sleep 2.5
	le "$mode: 100 idle connections cost less than 1 % of a core" $(($(ticks x) - t0)) 2
	if [ $mode = native ]; then
		# What is seen from outside, with connections open.
		dir=$(pins vb)
		if [ -n "$dir" ]; then
			dump=$(in_b bpftool map dump pinned "$dir/stats")
			match "bpftool prints the counters by name" "$dump" '"redirect_tcp": [1-9]'
			match "... drop reasons too" "$dump" '"drop_tcp_csum": 0'
			match "the owned port by name" "$(in_b bpftool map lookup pinned "$dir/ports" key hex 58 1b 00 00)" '"listening": [1-9]'
			match "our addresses" "$(in_b bpftool map dump pinned "$dir/addrs")" '"index": 0'
			why=$(no_flow_table)
			if [ -z "$why" ]; then
				flows=$(in_b cat "$dir/flow_table")
				le "cat of the pinned flow table shows the 100 connections" 100 "$(grep -c "^$B4:7000 $A4:[0-9]* conn [0-9]* engine 0$" <<<"$flows")"
			else
				skip_one "cat of the pinned flow table" "$why"
			fi
			match "the program says its name" "$(in_b bpftool prog show pinned "$dir/prog")" 'xdp  name xtcp_xdp'
		else
			fail "maps are pinned" "nothing in /sys/fs/bpf/xtcp"
		fi
	fi
	stop x INT
	eq "$mode: SIGINT ends it well, connections and all" $? 0
	eq "$mode: ... without a complaint" "$(complaints x)" ''
	stop idle KILL
done
# The same of listen, with a connection that does nothing and a stdin that is open.
x_listen x 7000 < <(hold 9)
t0=$(ticks x)
sleep 1
spawn idle in_a $PEER read-reset "$B4" 7000
sleep 1.2
le "listen waits, and holds an idle connection, for less than 1 % of a core" $(($(ticks x) - t0)) 2
stop x INT
stop idle
no_xdp vb
no_pins "no pins are left"
x_spawn x echo -i vb -p 7000 --json </dev/null
x_ready x
in_a $PEER echo "$B4" 7000 10 1000 >/dev/null
stop x INT
match "--json: a summary" "$(cat "$LOGS/x.out" "$LOGS/x.err")" '"connections": ?10,.*"bytes_in": ?10000,'
