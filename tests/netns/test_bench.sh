#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# xtcp bench as a load generator: figures that agree with a wire of known delay, a server that stalls, and no figure without a
# whole measurement.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"
. "$(dirname "$0")/bench.sh"

# serve NAME PORT OPTION...: in B; returns when it is ready.
serve() {
	local name=$1 port=$2
	shift 2
	spawn "$name" in_b "$XTCP" bench -i vb serve -p "$port" "$@"
	wait_line "$LOGS/$name.out" '^ready$' 8 || fail "$name is ready" "$(head -c 300 "$LOGS/$name.err")"
}

# client ROLE PORT OPTION...: in A; one JSON object, or nothing.
client() {
	local role=$1 port=$2
	shift 2
	in_a "$XTCP" bench -i va "$role" "$B4:$port" --json "$@" 2>"$LOGS/client.err"
}

# --- A wire of 5 ms each way ---

ns_relay --delay 5 --seed 3
serve slow 7000
r=$(client rr 7000 --connections 8 --seconds 1 --warmup 0.3)
fields='has("role") and has("connections") and has("size") and has("response") and has("pipeline") and has("rate") and
	has("target_rate") and has("seconds") and has("p50_us") and has("p90_us") and has("p99_us") and has("p999_us") and
	has("p9999_us") and has("max_us") and has("mean_us") and has("errors")'
is "rr has all its fields" "$r" "$fields"
is "no answer comes sooner than the wire lets it" "$r" '.p50_us >= 10000 and .mean_us >= 10000'
is "most come not much later" "$r" '.p50_us < 30000'
is "percentiles rise" "$r" '.p50_us <= .p90_us and .p90_us <= .p99_us and .p99_us <= .p999_us and .p999_us <= .p9999_us and
	.p9999_us <= .max_us and .mean_us <= .max_us'
is "eight closed loops over 10 ms make no more than 800/s" "$r" '.rate <= 808 and .rate > 80'
is "a closed loop is not corrected, and says so" "$r" '.corrected == false and .target_rate == null'
r=$(client rr 7000 --connections 2 --pipeline 8 --seconds 1 --warmup 0.3)
is "sixteen in flight make more than two closed loops can, and no more than 1600/s" "$r" '.rate > 202 and .rate <= 1616'
r=$(client rr 7000 --connections 4 --pipeline 4 --in-flight 2 --seconds 1 --warmup 0.3)
is "two in flight on all make no more than 200/s" "$r" '.rate <= 202 and .rate > 20'
r=$(client crr 7000 --connections 8 --seconds 1 --warmup 0.3)
is "crr needs two round trips" "$r" '.p50_us >= 20000 and .rate <= 404 and .errors == 0'
r=$(client hold 7000 --connections 50 --seconds 0.5 --warmup 0.1 --active 10)
is "hold tells its rates, and five of fifty are active" "$r" '.active == 5 and .open_rate > 0 and .bytes_per_connection > 0 and
	.rate <= 505 and .p50_us >= 10000 and .held_seconds >= 0.5'
r=$(client hold 7000 --connections 50 --seconds 0.2)
is "hold without active ones has no latency to tell" "$r" '.active == 0 and (has("p50_us") | not) and (has("rate") | not)'
stop slow INT
eq "a server ends cleanly on SIGINT" $? 0
match "with its summary" "$(tail -n 1 "$LOGS/slow.out")" '^[0-9]+ connections, 50 at once at most, [0-9]+ requests'
stop relay
no_xdp va
no_xdp vb
for ns in "${namespaces[@]}"; do ip netns delete "$ns"; done
namespaces=()

# --- Sizes and content ---

ns_pair
serve sized 7000 --size 3000 --response 70000 --json
r=$(client rr 7000 --connections 3 --pipeline 2 --size 3000 --response 70000 --seconds 0.5 --warmup 0.1)
is "answers longer than their requests are the right ones" "$r" '.rate > 0 and .response == 70000 and .size == 3000'
no_figure "sizes that disagree" 1 "the answer is not the one|the server sends more" \
	client rr 7000 --size 3000 --response 69999 --seconds 0.5 --warmup 0 --limit 5
r=$(client crr 7000 --size 3000 --response 70000 --connections 2 --seconds 0.3 --warmup 0.1)
is "the same on a connection for each" "$r" '.rate > 0 and .errors == 0'
stop sized INT
is "the server tells what it did as JSON" "$(grep '^{' "$LOGS/sized.out")" \
	'.role == "serve" and .requests > 0 and .errors == 0 and .peak_connections == 3 and .bytes_out > .bytes_in'
serve echo 7000 --ports 3
spawn kernel in_a sh -c "head -c 300000 /dev/zero | tr '\\0' x | nc -N -w 20 $B4 7002 | sha256sum"
wait_exit kernel 20
eq "an answer as long as its request is the request" "$(cut -c1-64 "$LOGS/kernel.out")" \
	"$(head -c 300000 /dev/zero | tr '\0' x | sha256sum | cut -c1-64)"
r=$(client rr 7000 --connections 2 --rate 500 --seconds 1 --warmup 0.2)
is "an open loop makes the rate that was asked for" "$r" '.target_rate == 500 and .corrected and .rate > 400 and .rate < 600'

r=$(in_a "$XTCP" bench -i va rr "[$B6]:7001" --connections 2 --seconds 0.3 --warmup 0.1 --json 2>"$LOGS/client.err")
is "over IPv6, to another of its ports" "$r" '.rate > 0 and .errors == 0'
r=$(client hold 7000 --connections 20 --active 100 --rate 400 --seconds 0.5 --warmup 0.1)
is "hold in an open loop" "$r" '.active == 20 and .corrected and .rate > 300 and .rate < 500'

# --- Addresses and ports in turn ---

for i in 65 66; do in_a ip address add 10.9.0.$i/24 dev va; done
ladder=$(in_a "$XTCP" bench -i va rr "$B4:7000" --connections 6 --ports 3 --source 10.9.0.64/30 --trace --seconds 0.05 --warmup 0 \
	2>&1 >/dev/null | grep -F '[SYN]' | sed -E 's/.* (10[0-9.]*):[0-9]+ --> ([0-9.:]+) .*/\1 \2/' | sort -u)
eq "each source meets each port" "$ladder" "$(for i in 65 66; do for p in 0 1 2; do echo "10.9.0.$i 10.9.0.2:700$p"; done; done)"
no_figure "a source that is not ours" 1 "not of this interface" client rr 7000 --source 10.9.0.99 --seconds 0.2

# --- A server that stalls: the open loop charges it with all that was due ---

# stall NAME: SIGSTOP for 200 ms.
stall() {
	kill -STOP "$(pid_of "$1")"
	sleep 0.2
	kill -CONT "$(pid_of "$1")"
}

for rate in 1000 ''; do
	spawn load in_a "$XTCP" bench -i va rr "$B4:7000" --connections 4 --seconds 3 --warmup 0 --json ${rate:+--rate $rate}
	wait_for '[ "$(in_b "$XTCP" status -i vb --json | jq "[.[0].engines[].connections] | add")" = 4 ]' 10
	sleep 0.5
	stall echo
	wait_exit load 20
	r=$(cat "$LOGS/load.out")
	if [ -n "$rate" ]; then
		is "open loop: a stall of 200 ms in 3 s is in the 99th percentile" "$r" '.max_us >= 190000 and .p99_us >= 100000'
		is "open loop: what was due and not answered is not forgotten" "$r" '.rate * .seconds + .unanswered > 2900'
	else
		is "closed loop: only four requests see the stall" "$r" '.max_us >= 190000 and .p99_us < 100000'
	fi
done
stop echo

# --- No whole window, no figure ---

no_figure "nobody listens" 1 "connection refused" client rr 7777 --seconds 0.2
no_figure "nobody listens, crr" 1 "connection refused" client crr 7777 --seconds 0.2
serve dies 7000
spawn load in_a "$XTCP" bench -i va rr "$B4:7000" --seconds 20 --warmup 0.1 --json
sleep 0.5
stop dies INT
ends "a server that goes away: the client fails" load 8 1
eq "... without a figure" "$(cat "$LOGS/load.out")" ''
serve late 7000
no_figure "--limit before the window is over" 1 "not measured: --limit has passed" client rr 7000 --seconds 20 --limit 0.5
spawn load in_a "$XTCP" bench -i va hold "$B4:7000" --seconds 20 --json --connections 5
sleep 0.3
stop load INT
eq "interrupted: exit code" $? 1
match "... and why" "$(cat "$LOGS/load.err")" 'interrupted: not measured'
no_figure "a processor that is not there" 1 "--cpu 1023: cannot run there" client rr 7000 --cpu 1023
no_figure "no such role" 2 "none of source, sink, serve, rr, crr, hold" client tcp_rr 7000
no_figure "crr with --pipeline" 2 "no --pipeline" client crr 7000 --pipeline 2
no_figure "ports past the last" 2 "--ports 1000: port 65535" client rr 65000 --ports 1000
no_figure "a source that is no address" 2 "no IPv4 or IPv6 address" client rr 7000 --source here
stop late
