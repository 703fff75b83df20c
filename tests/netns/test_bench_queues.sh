#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# xtcp bench with several engines: connections spread over them, one window, one result, and counters that show who did what.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"
. "$(dirname "$0")/bench.sh"
QUEUES=2 ns_pair

# server NAME ROLE OPTION...: in B; returns when it is ready.
server() {
	local name=$1 role=$2
	shift 2
	spawn "$name" in_b "$XTCP" bench -i vb "$role" -p 7000 --json --queues 2 "$@"
	wait_line "$LOGS/$name.out" '^ready$' 8 || fail "$name is ready" "$(head -c 300 "$LOGS/$name.err")"
}

# client ROLE OPTION...: in A; one JSON object, or nothing.
client() {
	local role=$1
	shift
	in_a "$XTCP" bench -i va "$role" "$B4:7000" --json --queues 2 "$@" 2>"$LOGS/client.err"
}

# --- Requests and answers: engine to engine, nothing between the engines of one end ---

own='(.engines | length) == 2 and all(.engines[]; .counters.rx_frames > 0 and .counters.tx_frames > 0 and
	(.counters | has("in_handed_over") or has("out_handed_over") or has("handover_full") | not))'
server b serve
r=$(client rr --connections 9 --seconds 0.6 --warmup 0.1)
is "rr: both engines' answers make one result" "$r" '.rate > 0 and .errors == 0 and .connections == 9 and .seconds >= 0.6 and .seconds < 0.8 and
	.p50_us > 0 and .p50_us <= .p99_us and .p99_us <= .max_us'
is "... the connections are spread" "$r" '[.engines[].counters.active_opens] == [5, 4] and .counters.active_opens == 9'
is "... each engine has its queue, its frames, and none of the other's" "$r" "$own and [.engines[].first_queue] == [0, 1]"
# Every answer is a segment in; those of the window are not more than all there were, but more than one engine's.
is "... the figure is that of both" "$r" '(.rate * .seconds) as $n | $n <= .counters.in_segs and all(.engines[]; $n > .counters.in_segs)'
r=$(client rr --connections 5 --rate 600 --seconds 1 --warmup 0.1)
is "rr in an open loop: both together make the rate" "$r" '.target_rate == 600 and .corrected and .rate > 500 and .rate < 700'
r=$(client rr --connections 8 --in-flight 2 --seconds 0.2 --warmup 0)
is "... in turns" "$r" '.rate > 0 and .errors == 0'
r=$(client crr --connections 6 --seconds 0.4 --warmup 0.1)
is "crr" "$r" '.rate > 0 and .errors == 0 and all(.engines[]; .counters.active_opens > 3)'
kill -STOP "$(pid_of b)"
no_figure "--limit" 1 'not measured: --limit has passed' client rr --connections 2 --seconds 20 --limit 0.4
kill -CONT "$(pid_of b)"
spawn load in_a "$XTCP" bench -i va rr "$B4:7000" --json --queues 2 --connections 4 --seconds 20
sleep 0.5
stop load INT
eq "interrupted: exit code" $? 1
eq "... one line, although two engines stop" "$(grep -v 'listening' "$LOGS/load.err")" 'xtcp: interrupted: not measured'
stop b INT
eq "the server ends cleanly" $? 0
r=$(grep '^{' "$LOGS/b.out")
is "it tells what both engines did" "$r" '.role == "serve" and .errors == 0 and .peak_connections >= 9 and
	.counters.in_bytes >= .bytes_in and .counters.in_bytes < .bytes_in + 100000 and .counters.in_bytes == ([.engines[].counters.in_bytes] | add) and .requests > 1000 and .bytes_per_connection > 0'
# What belongs to no connection any more, the end of crr, goes round among the engines.
is "... each with its own connections" "$r" 'all(.engines[]; .counters.passive_opens > 9 and (.counters.in_handed_over // 0) * 100 < .counters.in_segs)'
no_figure "nobody listens" 1 'connection refused' client rr --connections 4 --seconds 0.2

# --- Bulk ---

# What each end says when the other outlives it, in $sink and $source.
bulk() {
	server b sink --seconds 0.3 --warmup 0.1
	spawn load in_a "$XTCP" bench -i va source "$B4:7000" --seconds 20 "$@"
	wait_exit b 8
	sink=$(grep '^{' "$LOGS/b.out")
	stop load INT
	server b sink --seconds 20
	source=$(in_a "$XTCP" bench -i va source "$B4:7000" --json --seconds 0.3 --warmup 0.05 "$@" 2>"$LOGS/client.err")
	stop b INT
}

bulk --queues 2 --connections 3
is "sink: two engines, one figure" "$sink" '.gbps > 0 and .connections == 3 and .seconds >= 0.3 and .seconds < 0.5'
is "... and its counters" "$sink" '.counters.passive_opens == 3 and .bytes <= .counters.in_bytes and
	.counters.in_bytes == ([.engines[].counters.in_bytes] | add)'
is "... the bytes are those of both" "$sink" '.bytes as $n | all(.engines[]; .counters.in_bytes > 0)'
is "source: the same" "$source" '.gbps > 0 and .connections == 3 and [.engines[].counters.active_opens] == [2, 1] and .counters.out_bytes >= .bytes'
bulk --connections 2
is "sink: an engine that gets nothing waits with the other" "$sink" '.gbps > 0 and [.engines[].counters.passive_opens] == [2, null]'
is "source: one engine has its counters too" "$source" '.gbps > 0 and .counters.active_opens == 2 and (.engines | length) == 1'
server b sink --seconds 20
in_a sh -c "head -c 10000 /dev/zero | nc -N -w 5 $B4 7000"
ends "sink: the peer closes too early: both engines end" b 5 1
eq "... one line" "$(grep -v 'listening' "$LOGS/b.err")" 'xtcp: the peer closed before the time to be measured was over'

# --- What is refused, one line each ---

no_figure "more engines than queues" 1 '--queues 3: va has 2 receive queues; ethtool -L va' client rr --queues 3 --connections 3
no_figure "a CPU that is not there" 2 '--cpus: CPU 900 is not there' client rr --cpus 0,900
no_figure "too few CPUs" 2 '--cpus: 1 CPU for 2 engines' client rr --cpus 0
no_figure "--cpu beside --cpus" 2 '--cpu and --cpus: give one' client rr --queues 1 --cpus 0 --cpu 0
no_figure "fewer connections than engines" 2 'rr: --connections 1 for 2 engines' client rr
no_figure "fewer in flight than engines" 2 'rr: --in-flight 1 for 2 engines' client rr --connections 4 --in-flight 1
no_figure "hold" 2 'hold: one engine holds them all' client hold --connections 4
no_xdp va
no_xdp vb
