#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/bench/run.sh [--rows REGEX] [--mode auto|native|generic] [--list] [--verbose]
#
# xtcp beside what one would use instead, over a veth pair between two namespaces, one end on each of two processors:
# the raw AF_XDP loop for the same frames (raw_xsk.c), which is the limit of the path, and the kernel's TCP
# (kernel_tcp.c), once sleeping in epoll and once spinning, of which the better counts.
#
# A row runs all that it compares in turn, A B C A B C, each time with new processes, in a pair of namespaces of its own.
# Figures are medians over the rounds; a ratio is the median of the ratios of each round, its range stands beside
# it. Results go to build/bench.json too: an array of objects {row, unit, xtcp, against, other, ratio, goal, met, ratios}.
# What could not be measured says so, has null for every figure, and makes the exit code 1; a goal missed does not.
#
# Environment: BENCH_SECONDS (2) and BENCH_WARMUP (0.3) of each measurement, BENCH_ROUNDS (3), BENCH_CPUS (the
# first two allowed: "0,1"), BENCH_FAMILY (4, or 6), BENCH_JSON (build/bench.json), BENCH_LIMIT (1800 s for all).

if [ "$(id -u)" != 0 ]; then
	echo "bench: needs root, for namespaces and XDP: sudo make bench" >&2
	exit 1
fi
# --foreground: ^C must reach us under make too; what we start has limits of its own.
if [ -z "${XTCP_BENCH_GUARDED:-}" ]; then
	XTCP_BENCH_GUARDED=1 exec timeout --foreground -k 15 "${BENCH_LIMIT:-1800}" bash "$0" "$@"
fi
XTCP_TEST_GUARDED=1
. "$(dirname "$0")/../netns/lib.sh"

BIN=$BUILD/tests/bench
JSON=${BENCH_JSON:-$BUILD/bench.json}
seconds=${BENCH_SECONDS:-2}
warmup=${BENCH_WARMUP:-0.3}
rounds=${BENCH_ROUNDS:-3}
family=${BENCH_FAMILY:-4}
mode=auto filter=. list='' verbose='' port=7000

die() {
	echo "bench: $*" >&2
	n_ok=1
	exit 2
}

while [ $# -gt 0 ]; do
	case $1 in
	--rows) filter=${2:?a regular expression is missing} && shift ;;
	--mode) mode=${2:?a mode is missing} && shift ;;
	--list) list=1 ;;
	--verbose | -v) verbose=1 ;;
	*) die "unknown option $1; see the head of tests/bench/run.sh" ;;
	esac
	shift
done
grep -qE '^[0-9]+(\.[0-9]+)?$' <<<"$seconds" && grep -qE '^[0-9]+(\.[0-9]+)?$' <<<"$warmup" || die "BENCH_SECONDS and BENCH_WARMUP are seconds"
grep -qE '^[1-9][0-9]?$' <<<"$rounds" || die "BENCH_ROUNDS is 1 to 99"
case $mode in auto | native | generic) ;; *) die "--mode is auto, native or generic" ;; esac
limit=$(awk -v s="$seconds" -v w="$warmup" 'BEGIN { printf "%d", s + w + 6 }')

# --- The processors ---

# The first two that we may run on, as "0 1".
allowed_cpus() {
	sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status | tr ',' '\n' |
		awk -F- '{ for (i = $1; i <= ($2 == "" ? $1 : $2) && n < 2; i++) { print i; n++ } }'
}

if [ -n "${BENCH_CPUS:-}" ]; then
	grep -qE '^[0-9]+,[0-9]+$' <<<"$BENCH_CPUS" || die "BENCH_CPUS is two numbers, as in 0,1"
	cpu_a=${BENCH_CPUS%,*} cpu_b=${BENCH_CPUS#*,}
else
	mapfile -t cpus < <(allowed_cpus)
	cpu_a=${cpus[0]} cpu_b=${cpus[1]:-${cpus[0]}}
fi

# --- One measurement ---

# command WHO ROLE va|vb ARGUMENT...: the command line, in the array cmd.
command_of() {
	local who=$1 role=$2 dev=$3 cpu=$cpu_a
	shift 3
	[ "$dev" = va ] || cpu=$cpu_b
	case $who in
	xtcp) cmd=("$BIN/xtcp_load" "$role" --iface "$dev" --mode "$mode" --spin --verbose) ;;
	xtcp-sleep) cmd=("$BIN/xtcp_load" "$role" --iface "$dev" --mode "$mode") ;;
	raw)
		role=${role/#serve/echo}
		cmd=("$BIN/raw_xsk" "${role/#rr/ping}" --iface "$dev" --mode "$mode")
		;;
	kernel) cmd=("$BIN/kernel_tcp" "$role") ;;
	kernel-spin) cmd=("$BIN/kernel_tcp" "$role" --spin) ;;
	esac
	cmd=(timeout -k 2 $((limit + 2)) "${cmd[@]}" --cpu "$cpu" --limit "$limit" --seconds "$seconds" --warmup "$warmup" "$@")
}

# The reason why a measurement failed.
why() {
	local text
	text=$(cat "$LOGS"/cli.err "$LOGS"/srv.err 2>/dev/null | grep -vE '^(xdp|engine) |mode, ' | head -n 2 | tr '\n' ';')
	echo "${text:-no result}"
}

# An XDP program left behind would take the kernel's offloads away.
clean_links() {
	wait_for '! { in_a ip link show va; in_b ip link show vb; } | grep -q "prog/xdp"' 3
}

# measure KIND CLIENT SERVER ARGUMENT...: one line of JSON in $result, or the reason in $reason and 1. The server is in B;
# of bulk data the receiver measures, and is the server, of all else the client.
measure() {
	local kind=$1 client=$2 server=$3 serve=serve ask=$1 by=cli cmd first
	shift 3
	[ "$kind" != bulk ] || serve=sink ask=source by=srv
	result='' reason=''
	clean_links || { reason="an XDP program is left on va or vb"; return 1; }
	# The kernel may still hold connections to the last server's port.
	port=$((port >= 9000 ? 7000 : port + 16))
	set -- --addr "$addr_b" --port $port "$@"
	command_of "$server" $serve vb "$@"
	spawn srv in_b "${cmd[@]}"
	if ! wait_line "$LOGS/srv.out" '^ready' 5; then
		reason="$server $serve: $(: >"$LOGS/cli.err"; why)"
		stop srv
		return 1
	fi
	command_of "$client" "$ask" va "$@"
	spawn cli in_a "${cmd[@]}"
	# Not wait_exit: it would look every 20 ms, on the processors that are measured.
	wait -n -p first "${pids[cli]}" "${pids[srv]}"
	if [ "${first:-}" != "${pids[$by]}" ]; then
		sleep 0.3
		stop $by
	fi
	result=$(grep -a '^{' "$LOGS/$by.out")
	stop cli
	stop srv
	[ -z "$verbose" ] || grep -hE '^(xdp|engine) ' "$LOGS"/{cli,srv}.err >&2
	mode_got=$(sed -n 's/.*: \(.*\), MTU.*/\1/p' "$LOGS"/{cli,srv}.err | sort -u | head -n 1)
	[ -z "$mode_got" ] || modes[$mode_got]=1
	[ -n "$result" ] || { reason="$client to $server: $(why)"; return 1; }
}

# --- Rows ---

declare -A values=() reasons=() modes=()
objects=() unmeasured=0 shown=0

# What of a result is the figure of a unit.
figure() {
	case $1 in
	us) jq -r '.p50_us' <<<"$result" ;;
	Gbit/s) jq -r '.gbps' <<<"$result" ;;
	*) jq -r '.rate' <<<"$result" ;;
	esac
}

ns_drop() {
	local ns
	for ns in "${namespaces[@]}"; do
		ip netns delete "$ns"
	done
	namespaces=()
}

prepare() {
	local i
	ns_pair "$1"
	for i in in_a in_b; do
		# A connection's port is free again after one second, in xtcp_load.c too.
		$i sysctl -qw net.ipv4.tcp_tw_reuse=1 net.ipv4.tcp_max_tw_buckets=262144 net.ipv4.ip_local_port_range='10000 65535'
	done
	addr_b=$B4
	[ "$family" = 4 ] || addr_b=$B6
}

# row NAME MTU KIND UNIT 'ARGUMENTS' CLIENT:SERVER...: measures them in turn. 1: the row is not wanted.
row() {
	local name=$1 mtu=$2 kind=$3 unit=$4 args=$5 way r value
	shift 5
	grep -qE -- "$filter" <<<"$name" || return 1
	shown=1
	if [ -n "$list" ]; then
		echo "$name"
		return 1
	fi
	values=() reasons=()
	prepare "$mtu"
	for ((r = 1; r <= rounds; r++)); do
		for way in "$@"; do
			[ -z "${reasons[$way]:-}" ] || continue
			# shellcheck disable=SC2086 # arguments are words
			if measure "$kind" "${way%:*}" "${way#*:}" $args; then
				value=$(figure "$unit")
				values[$way]+="$value "
				[ ! -t 2 ] && [ -z "$verbose" ] || printf '  %-14s round %d  %-24s %s %s\n' "$name" "$r" "$way" "$value" "$unit" >&2
			else
				reasons[$way]=$reason
				[ ! -t 2 ] && [ -z "$verbose" ] || printf '  %-14s round %d  %-24s %s\n' "$name" "$r" "$way" "$reason" >&2
			fi
		done
	done
	ns_drop
}

# The better of several ways, by the median.
better() {
	local unit=$1 way best='' best_value='' value sign
	shift
	for way in "$@"; do
		[ -z "${reasons[$way]:-}" ] || return 1
		# shellcheck disable=SC2086 # numbers are words
		value=$(printf '%s\n' ${values[$way]} | jq -s 'sort | (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2')
		sign='>'
		[ "$unit" != us ] || sign='<'
		if [ -z "$best" ] || [ "$(jq -n "$value $sign $best_value")" = true ]; then
			best=$way best_value=$value
		fi
	done
	echo "$best"
}

# compare 'WHAT' UNIT WAY 'AGAINST' 'GOAL' OTHER-WAY...: a line of the table and an object; GOAL as '<= 2', or ''.
compare() {
	local what=$1 unit=$2 mine=$3 against=$4 goal=$5 other='' why_not='' way object
	shift 5
	for way in "$mine" "$@"; do
		[ -z "${reasons[$way]:-}" ] || why_not=${why_not:-${reasons[$way]}}
	done
	if [ -z "$why_not" ]; then
		other=$(better "$unit" "$@")
		[ $# = 1 ] || against="$against ($([ "${other%-spin}" = "$other" ] && echo blocking || echo spinning))"
	fi
	object=$(jq -cn --arg row "$what" --arg unit "$unit" --arg against "$against" --arg goal "$goal" --arg why "$why_not" \
		--argjson x "[$(tr -s ' ' ',' <<<"${values[$mine]:-}" | sed 's/,*$//')]" \
		--argjson o "[$([ -z "$other" ] || tr -s ' ' ',' <<<"${values[$other]}" | sed 's/,*$//')]" '
		def median: sort | (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2;
		def met($r): ($goal | split(" ")) as $g | ($g[1] | tonumber) as $n |
			if $g[0] == "<=" then $r <= $n elif $g[0] == ">=" then $r >= $n else $r > $n end;
		def r3: . * 1000 | round / 1000;
		{ row: $row, unit: $unit, xtcp: null, against: $against, other: null, ratio: null,
			goal: (if $goal == "" then null else $goal end), met: null } |
		if $why != "" then . + { met: (if .goal then false else null end), ratios: [], why: $why }
		else ([$x, $o] | transpose | map(.[0] / .[1])) as $ratios | ($ratios | median) as $r |
			. + { xtcp: ($x | median | r3), other: ($o | median | r3), ratio: ($r | r3),
				met: (if .goal then met($r) else null end), ratios: ($ratios | map(r3)) }
		end')
	objects+=("$object")
	if [ -n "$why_not" ]; then
		unmeasured=$((unmeasured + 1))
		printf '%-42s not measured: %s\n' "$what" "$why_not"
		return
	fi
	jq -r 'def f: if . >= 1000 then round elif . >= 100 then . * 10 | round / 10 else . * 100 | round / 100 end | tostring;
		[.row, .unit, (.xtcp | f), (.other | f), .against, (.ratio | tostring), "\(.ratios | min)..\(.ratios | max)",
		.goal // "-", if .met == null then "" elif .met then "met" else "MISSED" end] | @tsv' <<<"$object" |
		{
			IFS=$'\t' read -r a b c d e f g h i
			printf '%-42s %-13s %9s %9s  %-27s %6s  %-14s %-7s %s\n' "$a" "$b" "$c" "$d" "$e" "$f" "$g" "$h" "$i"
		}
}

kernels='kernel:kernel kernel-spin:kernel-spin'

# shellcheck disable=SC2086 # $kernels are words
rows() {
	local mtu size what
	if row rr-1 1500 rr us '--conns 1 --size 64' xtcp:xtcp raw:raw $kernels; then
		what='64 B request/response, 1 connection'
		compare "$what" us xtcp:xtcp 'raw AF_XDP' '<= 2' raw:raw
		compare "$what" us xtcp:xtcp 'kernel' '' $kernels
	fi
	if row rr-64 1500 rr requests/s '--conns 64 --size 64' xtcp:xtcp raw:raw $kernels; then
		what='64 B request/response, 64 connections'
		compare "$what" requests/s xtcp:xtcp 'raw AF_XDP' '' raw:raw
		compare "$what" requests/s xtcp:xtcp 'kernel' '> 1' $kernels
	fi
	if row crr 1500 crr connections/s '--conns 16 --size 64 --ports 8' xtcp:xtcp $kernels; then
		compare 'connect, 64 B each way, close; 16 at once' connections/s xtcp:xtcp 'kernel' '' $kernels
	fi
	for mtu in 1500 9000; do
		# The payload that a segment with timestamps carries, so that the raw loop sends frames of the same length.
		size=$((mtu - (family == 4 ? 52 : 72)))
		if row bulk-$mtu $mtu bulk Gbit/s "--size $size" xtcp:xtcp raw:raw kernel:xtcp xtcp:kernel $kernels; then
			compare "bulk, xtcp to xtcp, MTU $mtu" Gbit/s xtcp:xtcp 'raw AF_XDP' '>= 0.6' raw:raw
			compare "bulk, xtcp to xtcp, MTU $mtu" Gbit/s xtcp:xtcp 'kernel to kernel' '' $kernels
			compare "bulk, kernel to xtcp, MTU $mtu" Gbit/s kernel:xtcp 'kernel to kernel' '' $kernels
			compare "bulk, xtcp to kernel, MTU $mtu" Gbit/s xtcp:kernel 'kernel to kernel' '' $kernels
		fi
	done
}

# --- All of it ---

if [ -n "$list" ]; then
	rows
	n_ok=1
	exit 0
fi
for i in raw_xsk kernel_tcp xtcp_load; do
	[ -x "$BIN/$i" ] || die "$BIN/$i is not built: make tests-bench"
done
command -v jq >/dev/null || die "jq is missing: make deps"

virt=$(systemd-detect-virt 2>/dev/null)
echo "machine: $(sed -n 's/^model name.*: //p;T;q' /proc/cpuinfo), $(nproc) processors${virt:+, $virt}; kernel $(uname -r);" \
	"xtcp $(git -C "$ROOT" describe --always --dirty 2>/dev/null)"
echo "options: veth, IPv$family, XDP mode $mode, $rounds rounds of $seconds s after $warmup s, ends on processors $cpu_a and $cpu_b," \
	"load before: $(cut -d' ' -f1 /proc/loadavg)"
[ "$cpu_a" != "$cpu_b" ] || echo "warning: both ends share one processor; spinning costs the other end its time"
awk '{ exit !($1 > 0.5) }' /proc/loadavg && echo "warning: other programs are running; figures will be noisy"
echo
printf '%-42s %-13s %9s %9s  %-27s %6s  %-14s %-7s\n' row unit xtcp other against ratio range goal
rows
[ -n "$shown" ] && [ ${#objects[@]} -gt 0 ] || die "no row matches '$filter'; see --list"
printf '%s\n' "${objects[@]}" | jq -s . >"$JSON.$$" && mv "$JSON.$$" "$JSON"
echo
[ ${#modes[@]} = 0 ] || echo "xtcp ran in: $(IFS=';'; echo "${!modes[*]}")"
echo "written: $JSON"
n_ok=1
rm -f "$LOGS"/*
if [ "$unmeasured" != 0 ]; then
	echo "bench: $unmeasured comparisons could not be measured" >&2
	exit 1
fi
