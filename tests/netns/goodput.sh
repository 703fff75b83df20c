# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# Goodput through the relay, A to B and back, of xtcp (in B) and of Linux (in both); sourced after xtcp.sh. The receiver measures,
# for $seconds after $warmup.
#
#	linux_to_linux CC CONNECTIONS | xtcp_to_linux ... | linux_to_xtcp ... | xtcp_to_xtcp ...	kbit/s in the last line, or nothing
#	linux_lacks CC		why Linux here cannot be measured with it, or nothing
#	ratio GOT YARDSTICK

LOAD=$BUILD/tests/bench/kernel_tcp
[ -x "$LOAD" ] || { fail "build/tests/bench/kernel_tcp is built"; exit 1; }
seconds=6 warmup=2 port=7100

# The receiver's figure in kbit/s, when it ends; the sender is stopped.
figure() {
	wait_exit sink $((${seconds%.*} + ${warmup%.*} + 7)) || fail "$1: the receiver measures" "$(tail -n 1 "$LOGS/sink.err")"
	stop src
	grep -a '^{' "$LOGS/sink.out" | jq '.gbps * 1e6 | round'
}

# kernel_sink in_a|in_b
kernel_sink() {
	port=$((port + 1))
	spawn sink "$1" "$LOAD" sink --addr 0.0.0.0 --port $port --limit 30 --seconds "$seconds" --warmup "$warmup"
	wait_line "$LOGS/sink.out" ready 5
}

kernel_source() {
	spawn src in_a "$LOAD" source --addr "$B4" --port $port --conns "$2" --cc "$1" --limit 30
}

# xtcp in B.
xtcp_sink() {
	port=$((port + 1))
	x_spawn sink bench sink -i vb -p $port --json --seconds "$seconds" --warmup "$warmup"
	x_ready sink
}

linux_to_linux() {
	kernel_sink in_b
	kernel_source "$1" "$2"
	figure "Linux to Linux, $1"
}

xtcp_to_linux() {
	kernel_sink in_a
	x_spawn src bench source -i vb --cc "$1" --connections "$2" --seconds 30 "$A4:$port"
	figure "xtcp to Linux, $1"
}

linux_to_xtcp() {
	xtcp_sink
	kernel_source "$1" "$2"
	figure "Linux to xtcp, $1"
}

xtcp_to_xtcp() {
	xtcp_sink
	spawn src in_a "$XTCP" bench source -i va --cc "$1" --connections "$2" --seconds 30 "$B4:$port"
	figure "xtcp to xtcp, $1"
}

linux_lacks() {
	modprobe -q "tcp_$1" 2>/dev/null
	grep -qw "$1" /proc/sys/net/ipv4/tcp_available_congestion_control || echo "this kernel has no $1 to compare with"
}

ratio() {
	awk -v x="${1:-0}" -v y="${2:-0}" 'BEGIN { printf "%.2f", y ? x / y : 0 }'
}
