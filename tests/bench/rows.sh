# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2086 # kernels are words
#
# The rows: what is measured beside what, and the goals. Sourced by run.sh; the language is that of lib.sh and report.sh.

kernels='kernel:kernel kernel-spin:kernel-spin'

# The payload that a segment with timestamps carries, so that the raw loop sends frames of the same length.
payload() {
	echo $(($1 - (family == 4 ? 52 : 72)))
}

# --- Requests and answers ---

rows_rr() {
	local what
	if row rr-1 1500 rr 'size=64' xtcp:xtcp raw:raw $kernels kernel-direct:kernel-direct; then
		what='64 B request/response, 1 connection'
		compare "$what" us .p50_us xtcp:xtcp 'raw AF_XDP' '<= 1.25' raw:raw
		compare "$what" us .p50_us xtcp:xtcp 'kernel' '<= 0.1667' $kernels kernel-direct:kernel-direct
	fi
	if row rr-64 1500 rr 'conns=64 size=64' xtcp:xtcp raw:raw $kernels; then
		what='64 B request/response, 64 connections'
		compare "$what" requests/s .rate xtcp:xtcp 'raw AF_XDP' '>= 0.75' raw:raw
		compare "$what" requests/s .rate xtcp:xtcp 'kernel' '>= 5' $kernels
	fi
	# As many in flight as there, so that it is the connections which differ; they take turns.
	if row rr-10000 1500 rr 'size=64 conns=64 patience=15' xtcp:xtcp:conns=10000,inflight=64 xtcp:xtcp; then
		compare '64 B request/response, 10,000 connections' requests/s .rate xtcp:xtcp:conns=10000,inflight=64 \
			'itself at 64 connections' '>= 0.8' xtcp:xtcp
	fi
	if row crr 1500 crr 'conns=16 size=64 ports=8' xtcp:xtcp raw:raw $kernels; then
		what='connect, 64 B each way, close; 16 at once'
		compare "$what" connections/s .rate xtcp:xtcp 'raw AF_XDP' '' raw:raw
		compare "$what" connections/s .rate xtcp:xtcp 'kernel' '>= 8' $kernels
	fi
}

# --- Many connections ---

# The processor time that a process and its threads took, ns; PID is that of the `timeout` before it. Nothing: there is none to be seen.
task_ns() {
	local pid
	pid=$(pgrep -o -P "$1") && cat "/proc/$pid"/task/*/schedstat 2>/dev/null | awk '{ s += $1 } END { if (NR && s) printf "%d", s }'
}

# From 2 s after the client began, for $idle_s: what client and server took of a processor. Until then all has to be open.
idle_s=5
watch_idle() {
	local cli srv cli_to srv_to t
	sleep 2
	cli=$(task_ns "${pids[cli]}") srv=$(task_ns "${pids[srv]}") t=${EPOCHREALTIME/./}
	sleep $idle_s
	cli_to=$(task_ns "${pids[cli]}") srv_to=$(task_ns "${pids[srv]}") t=$((${EPOCHREALTIME/./} - t))
	[ -n "$cli" ] && [ -n "$srv" ] && [ -n "$cli_to" ] && [ -n "$srv_to" ] || return
	watched=$(jq -cn "{ client_percent: (($cli_to - $cli) / $t / 10), server_percent: (($srv_to - $srv) / $t / 10) }")
}

rows_many() {
	local n held=xtcp:xtcp:kind=hold,conns=$million,inflight=64,active=1,ports=64,sources=8,patience=60 watch=''
	n=$(sed -E ':a; s/([0-9])([0-9]{3})($|,)/\1,\2\3/; ta' <<<"$million")
	if row rr-1000000 1500 rr 'size=64 conns=64' $held xtcp:xtcp; then
		compare "64 B request/response, $n connections" requests/s .rate $held 'itself at 64 connections' '>= 0.65' xtcp:xtcp
		bound "memory of an idle connection, $n of them" bytes \
			'[.bytes_per_connection, .server.idle_bytes_per_connection] | max' $held 'a limit of 700 bytes' '<= 1' 700
		bare "opening $n connections" connections/s .open_rate $held
	fi
	watch=watch_idle
	if row idle 1500 hold "conns=10000 seconds=$((idle_s + 3)) patience=5" xtcp+balanced:xtcp+balanced; then
		# Opened before the first look, or it is no figure.
		bound '10,000 idle connections, the busier end' '% of a core' \
			'if .open_seconds < 1.9 and .client_percent and .server_percent then [.client_percent, .server_percent] | max else null end' \
			xtcp+balanced:xtcp+balanced 'a limit of 1 % of a core' '< 1' 1
	fi
}

# --- HTTP ---

rows_http() {
	local what='2 B over HTTP to wrk, 64 connections' peers=()
	[ -z "$peer" ] || peers=(wrk:peer)
	if wanted http >/dev/null && [ -z "$list" ] && ! command -v wrk >/dev/null; then
		reasons=([wrk:xtcp]='wrk is missing: make deps')
		compare "$what" requests/s .rate wrk:xtcp 'kernel epoll server' '>= 1.5' wrk:xtcp
		return
	fi
	if row http 1500 web 'conns=64' wrk:xtcp wrk:kernel wrk:kernel-spin "${peers[@]}"; then
		compare "$what" requests/s .rate wrk:xtcp 'kernel epoll server' '>= 1.5' wrk:kernel wrk:kernel-spin
		[ -z "$peer" ] || compare "$what" requests/s .rate wrk:xtcp "$peer" '' wrk:peer
	fi
}

# --- Bulk ---

rows_bulk() {
	local mtu to=xtcp from=xtcp+generic super='generic'
	if has bench --prefer; then
		to=xtcp+bulk from=xtcp+bulk super='super-segments'
	fi
	for mtu in 1500 9000 65000; do
		if row bulk-$mtu $mtu bulk "size=$(payload $mtu)" xtcp+native:xtcp+native raw:raw; then
			compare "bulk, xtcp to xtcp, native, MTU $mtu" Gbit/s .gbps xtcp+native:xtcp+native 'raw AF_XDP' '>= 0.95' raw:raw
		fi
	done
	if row bulk-to-kernel 1500 bulk "size=$(payload 1500)" $to:kernel $kernels; then
		compare 'bulk, xtcp to kernel' Gbit/s .gbps $to:kernel 'kernel to kernel' '>= 1' $kernels
	fi
	if row bulk-from-kernel 1500 bulk "size=$(payload 1500)" kernel:xtcp+native kernel:$from feed:raw raw:raw $kernels; then
		compare 'bulk, kernel to xtcp, native' Gbit/s .gbps kernel:xtcp+native 'raw AF_XDP from raw AF_XDP' '>= 0.95' raw:raw
		compare 'bulk, kernel to xtcp, native' Gbit/s .gbps kernel:xtcp+native 'raw AF_XDP from kernel UDP' '>= 0.95' feed:raw
		compare 'bulk, kernel to xtcp, native' Gbit/s .gbps kernel:xtcp+native 'kernel to kernel' '' $kernels
		compare "bulk, kernel to xtcp, $super" Gbit/s .gbps kernel:$from 'kernel to kernel' '>= 0.8' $kernels
	fi
}

# --- The core alone ---

# core.sh says {rx_instructions, tx_instructions, rx_ns, tx_ns} of a data segment in and its ACK out, and of an ACK in and data out.
rows_core() {
	wanted core || return
	results=() reasons=()
	if result=$(timeout 300 bash "$here/core.sh" --json 2>"$LOGS/core.err") && jq -e .rx_instructions <<<"$result" >/dev/null 2>&1; then
		results[core]=$result
	else
		reasons[core]="core.sh --json: $(head -n 1 "$LOGS/core.err")"
	fi
	bound 'the core: data segment in, ACK out' instructions .rx_instructions core 'a limit of 400' '<= 1' 400
	bound 'the core: data segment in, ACK out' ns .rx_ns core 'a limit of 100 ns' '<= 1' 100
	bare 'the core: ACK in, data segment out' instructions .tx_instructions core
	bare 'the core: ACK in, data segment out' ns .tx_ns core
}

# --- Ways of waiting, of taking data, of using queues ---

rows_choices() {
	local w n what one two
	if row waiting 1500 rr 'size=64 rate=1000' xtcp:xtcp xtcp+balanced:xtcp+balanced xtcp+power:xtcp+power; then
		for w in balanced power; do
			compare "1,000 requests/s, --wait $w" us .p50_us xtcp+$w:xtcp+$w '--wait latency' '' xtcp:xtcp
			compare "1,000 requests/s, --wait $w, the client" '% of a core' '100 * .cpu_s / .seconds' xtcp+$w:xtcp+$w '--wait latency' '' xtcp:xtcp
		done
	fi
	# The kernel spreads its connections over the queues; wrk shares the first processor with the first engine.
	if row engines 1500 web 'conns=64 engines=2' wrk:xtcp+balanced+engines=2 wrk:xtcp+balanced; then
		compare 'HTTP to wrk, 2 engines on 2 queues' requests/s .rate wrk:xtcp+balanced+engines=2 '1 engine' '' wrk:xtcp+balanced
	fi
	# An engine of the client and one of the server on each processor, a queue for the two: on more processors, more such pairs.
	one=xtcp+balanced+core:xtcp+balanced+core two=xtcp+balanced+engines=2:xtcp+balanced+engines=2
	if row engines-rr 1500 rr 'size=64 conns=64 engines=2' $two $one xtcp+balanced:xtcp+balanced; then
		what='64 B request/response, 64 connections, 2 engines'
		compare "$what" requests/s .rate $two '1 engine, both ends on one processor' '' $one
		compare "$what" requests/s .rate $two '1 engine, a processor for each end' '' xtcp+balanced:xtcp+balanced
		for n in 0 1; do
			bare "2 engines: frames to the server's engine $n" frames ".server.engines[$n].counters.rx_frames" $two
			bare "2 engines: of these, handed to the other" frames ".server.engines[$n].counters.out_handed_over // 0" $two
		done
	fi
	if row api 1500 bulk "size=$(payload 1500)" api:api api:api-zc api-zc:api; then
		compare 'bulk, every byte used, peek/consume' Gbit/s .gbps api:api-zc 'recv' '' api:api
		compare 'bulk, every byte made, reserve/commit' Gbit/s .gbps api-zc:api 'send' '' api:api
	fi
	if wanted zero-copy; then
		if n=$(bash "$here/zc_probe.sh" 2>/dev/null) && [ -n "$n" ]; then
			skip_row "$(jq -r .row <<<"$n")" Gbit/s "$(jq -r .skip <<<"$n")"
		else
			skip_row 'bulk on a driver with zero-copy' Gbit/s 'veth has no zero-copy, and no other interface here is this benchmark'\''s own'
		fi
	fi
}

rows() {
	rows_rr
	rows_many
	rows_http
	rows_bulk
	rows_core
	rows_choices
	rows_apps
}
