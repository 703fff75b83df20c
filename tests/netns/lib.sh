# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# The harness of tests in network namespaces. A test is a script that sources this first, makes a topology, and asserts:
#
#	. "$(dirname "$0")/lib.sh"
#	ns_pair
#	spawn server in_a "$XTCP" listen -i va 4000
#	wait_line "$LOGS/server.err" listening 5 || fail "listens"
#	eq "what was sent arrives" "$(echo hello | in_b nc -N 10.9.0.1 4000)" hello
#
# It needs no last line: when the script ends, what it started is stopped, its namespaces are removed, and the exit code is
# 1 if an assertion failed, none was made, or the script itself failed. Two runs at once do not disturb each other.
#
# Topologies, addresses in A and B alike in both:
#	ns_pair [MTU]		A: va 10.9.0.1 fd09::1  ---  B: vb 10.9.0.2 fd09::2
#	ns_relay [OPTION...]	A: va  ---  R: ra, relay, rb  ---  B: vb; options are those of tests/netns/relay.c; RELAY_MTU
#				(1500); RELAY_GSO=1 leaves A's and B's segmentation offloads on (then a loss is up to 64 KB)
# Running things:
#	in_a CMD... in_b in_r	in a namespace, sharing the mounts, so that pins in bpffs are seen
#	spawn NAME [in_a] CMD...	in the background; $LOGS/NAME.out and .err; stdin as given: spawn x in_a nc ... <file
#	pid_of NAME | stop NAME [SIGNAL] | wait_exit NAME SECONDS	(both return its exit code; 124: it did not end)
#	wait_for 'CONDITION' SECONDS | wait_line FILE REGEX SECONDS | wait_listen in_b PORT
#	nc_serve NAME in_b PORT [IN [OUT]] | nc_send NAME in_a ADDR PORT [IN [OUT]]	a kernel TCP peer, IN sent, OUT received; NC=-6 serves IPv6
#	Limits of time are for a machine that has time for us: as long as processes here wait for a processor, they run slower.
# Asserting, one line of output each:
#	ok WHAT [CMD...] | not_ok WHAT CMD... | fail WHAT [WHY] | eq WHAT GOT WANT | le WHAT SMALL LARGE
#	match WHAT TEXT REGEX | no_match WHAT TEXT REGEX | same WHAT FILE FILE | no_xdp va | skip REASON | skip_one WHAT REASON
# Data:	rand_file PATH BYTES [SEED] (the same for the same seed) | sha FILE

if [ -z "${XTCP_TEST_GUARDED:-}" ]; then
	XTCP_TEST_GUARDED=1 exec timeout -k 10 "${TEST_SECONDS:-150}" bash "$0" "$@"
fi

set -u
export LC_ALL=C.UTF-8
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-$ROOT/build}
XTCP=$BUILD/xtcp
RELAY=$BUILD/tests/netns/relay
NS_A=xtcp-$$-a NS_B=xtcp-$$-b NS_R=xtcp-$$-r
A4=10.9.0.1 B4=10.9.0.2 A6=fd09::1 B6=fd09::2

# --- Assertions ---

n_ok=0 n_fail=0 n_skip=0

pass() {
	n_ok=$((n_ok + 1))
	echo "ok - $1"
}

fail() {
	n_fail=$((n_fail + 1))
	echo "not ok - $1"
	[ $# -lt 2 ] || echo "    $2"
	return 1
}

ok() {
	local what=$1 rc
	shift
	[ $# -gt 0 ] || { pass "$what"; return; }
	"$@"
	rc=$?
	if [ $rc = 0 ]; then pass "$what"; else fail "$what" "exit code $rc: $*"; fi
}

not_ok() {
	local what=$1
	shift
	if "$@"; then fail "$what" "exit code 0: $*"; else pass "$what"; fi
}

eq() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "got '${2:0:300}', wanted '${3:0:300}'"; fi
}

le() {
	if [ "$2" -le "$3" ]; then pass "$1"; else fail "$1" "$2 is more than $3"; fi
}

match() {
	if grep -qE -- "$3" <<<"$2"; then pass "$1"; else fail "$1" "no /$3/ in '${2:0:600}'"; fi
}

no_match() {
	if grep -qE -- "$3" <<<"$2"; then fail "$1" "/$3/ in '${2:0:600}'"; else pass "$1"; fi
}

sha() {
	sha256sum <"$1" | cut -d' ' -f1
}

same() {
	if cmp -s "$2" "$3"; then
		pass "$1"
	else
		fail "$1" "$2 ($(stat -c %s "$2" 2>&1) bytes) and $3 ($(stat -c %s "$3" 2>&1) bytes): $(cmp "$2" "$3" 2>&1 | head -n 1)"
	fi
}

# no_xdp IFACE: no XDP program is left on it. The namespace follows from the name: va, vb, ra, rb.
no_xdp() {
	local where=in_${1:1:1} link
	case $1 in
	va | vb) ;;
	*) where=in_r ;;
	esac
	if link=$($where ip -d link show dev "$1"); then
		no_match "no XDP program is left on $1" "$link" '(^|[ /])xdp(generic|drv|offload|multi)?([ /]|$)'
	else
		fail "no XDP program is left on $1" "no such interface"
	fi
}

skip() {
	echo "$*"
	exit 77
}

skip_one() {
	n_skip=$((n_skip + 1))
	echo "ok - $1 # SKIP $2"
}

# --- Processes ---

declare -A pids=()

in_ns() {
	local ns=$1
	shift
	nsenter --net="/run/netns/$ns" -- "$@"
}

in_a() {
	in_ns "$NS_A" "$@"
}

in_b() {
	in_ns "$NS_B" "$@"
}

in_r() {
	in_ns "$NS_R" "$@"
}

ns_of() {
	case $1 in
	in_a) echo "$NS_A" ;;
	in_b) echo "$NS_B" ;;
	in_r) echo "$NS_R" ;;
	*) return 1 ;;
	esac
}

spawn() {
	local name=$1 ns enter=()
	shift
	if ns=$(ns_of "$1"); then
		enter=(nsenter --net="/run/netns/$ns" --)
		shift
	fi
	: >"$LOGS/$name.out"
	: >"$LOGS/$name.err"
	# exec: the pid is the command's own. <&0: what the caller redirected, not the /dev/null of a background job.
	(exec "${enter[@]}" "$@") <&0 >"$LOGS/$name.out" 2>"$LOGS/$name.err" &
	pids[$name]=$!
}

pid_of() {
	echo "${pids[$1]}"
}

# How long some process of this machine has been waiting for a processor, microseconds.
stalled() {
	local line=
	{ read -r line </proc/pressure/cpu; } 2>/dev/null
	case $line in
	*total=*) echo "${line##*total=}" ;;
	*) echo 0 ;;
	esac
}

# limit SECONDS, then `expired` from time to time: the time is over, without that in which the machine was short of processors;
# five times as long is enough in any case.
limit() {
	limit_us=$(($1 * 1000000)) limit_began=${EPOCHREALTIME/./} limit_stalled=$(stalled)
}

expired() {
	local took=$((${EPOCHREALTIME/./} - limit_began))
	[ $took -ge $limit_us ] || return 1
	[ $took -ge $((5 * limit_us)) ] || [ $((took - $(stalled) + limit_stalled)) -ge $limit_us ]
}

# The exit code of a background process, 124 when it has not ended after so many seconds.
wait_exit() {
	local pid=${pids[$1]} state limit_us limit_began limit_stalled
	limit "${2:-10}"
	while :; do
		state=$(ps -o stat= -p "$pid")
		case $state in
		'' | Z*) break ;;
		esac
		! expired || return 124
		sleep 0.02
	done
	wait "$pid"
}

stop() {
	kill -"${2:-TERM}" "${pids[$1]}" 2>/dev/null
	wait_exit "$1" "${3:-5}"
}

wait_for() {
	local limit_us limit_began limit_stalled
	limit "${2:-10}"
	until eval "$1"; do
		! expired || return 1
		sleep 0.02
	done
}

wait_line() {
	local file=$1 regex=$2
	wait_for "grep -qsE -- $(printf %q "$regex") $(printf %q "$file")" "${3:-10}"
}

# A kernel socket listens on PORT.
wait_listen() {
	wait_for "$1 ss -Hltn 'sport = :$2' | grep -q ." "${3:-5}"
}

nc_serve() {
	local name=$1 where=$2 port=$3 out=${5:-/dev/null}
	spawn "$name" "$where" sh -c "exec nc ${NC:-} -N -l $port >'$out'" <"${4:-/dev/null}"
	wait_listen "$where" "$port"
}

nc_send() {
	local name=$1 where=$2 addr=$3 port=$4 out=${6:-/dev/null}
	spawn "$name" "$where" sh -c "exec nc -N -w 30 $addr $port >'$out'" <"${5:-/dev/null}"
}

# Random bytes, the same for the same seed, a gigabyte a second.
rand_file() {
	head -c "$2" /dev/zero | openssl enc -aes-128-ctr -K "$(printf '%032x' "${3:-1}")" -iv 00000000000000000000000000000000 >"$1"
}

# --- Topologies ---

namespaces=()

ns_new() {
	ip netns add "$1" || skip "no network namespaces here"
	namespaces+=("$1")
	in_ns "$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.default.router_solicitations=0 2>/dev/null
	in_ns "$1" ip link set lo up
}

ns_address() {
	in_ns "$1" ip address add "$3/24" dev "$2"
	in_ns "$1" ip address add "$4/64" dev "$2" nodad
	in_ns "$1" ip link set "$2" up
}

ns_pair() {
	local mtu=${1:-1500} q=${QUEUES:-1}
	ns_new "$NS_A"
	ns_new "$NS_B"
	ip link add va numrxqueues "$q" numtxqueues "$q" mtu "$mtu" netns "$NS_A" type veth \
		peer name vb numrxqueues "$q" numtxqueues "$q" mtu "$mtu" netns "$NS_B" || skip "no veth here"
	ns_address "$NS_A" va "$A4" "$A6"
	ns_address "$NS_B" vb "$B4" "$B6"
}

ns_relay() {
	local mtu=${RELAY_MTU:-1500} i
	ns_new "$NS_A"
	ns_new "$NS_R"
	ns_new "$NS_B"
	in_r sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	ip link add va mtu "$mtu" netns "$NS_A" type veth peer name ra mtu "$mtu" netns "$NS_R" || skip "no veth here"
	ip link add vb mtu "$mtu" netns "$NS_B" type veth peer name rb mtu "$mtu" netns "$NS_R"
	if [ -z "${RELAY_GSO:-}" ]; then
		in_a ethtool -K va tso off gso off 2>/dev/null
		in_b ethtool -K vb tso off gso off 2>/dev/null
	fi
	for i in ra rb; do
		in_r ip link set "$i" arp off up
	done
	ns_address "$NS_A" va "$A4" "$A6"
	ns_address "$NS_B" vb "$B4" "$B6"
	spawn relay in_r "$RELAY" "$@" ra rb
	wait_line "$LOGS/relay.out" ready 5 || { cat "$LOGS/relay.err"; fail "the relay runs"; exit 1; }
	ns_settle
}

# Linux joins the multicast groups of a new link's addresses up to a second late, and answers no neighbour until then.
ns_settle() {
	local i to
	for to in "$A6" "$B6"; do
		for ((i = 0; i < 30; i++)); do
			if [ "$to" = "$A6" ]; then in_b ping -6 -q -c 1 -W 0.3 "$to"; else in_a ping -6 -q -c 1 -W 0.3 "$to"; fi &&
				break
		done >/dev/null 2>&1
	done
}

# --- The end ---

cleanup() {
	local rc=$? name ns pid i
	trap - EXIT
	trap '' INT TERM
	for name in "${!pids[@]}"; do
		kill -TERM "${pids[$name]}" 2>/dev/null
	done
	for name in "${!pids[@]}"; do
		for ((i = 0; i < 100; i++)); do
			kill -0 "${pids[$name]}" 2>/dev/null || break
			sleep 0.02
		done
		kill -KILL "${pids[$name]}" 2>/dev/null
		wait "${pids[$name]}" 2>/dev/null
	done
	# What they in turn started: all that still runs in a namespace that is ours.
	for ns in "${namespaces[@]}"; do
		for pid in $(ip netns pids "$ns" 2>/dev/null); do
			kill -KILL "$pid" 2>/dev/null
		done
		ip netns delete "$ns" 2>/dev/null
	done
	if [ "$rc" != 77 ]; then
		if [ $((n_ok + n_fail)) = 0 ] && [ "$rc" = 0 ]; then
			echo "not ok - asserts something"
			n_fail=1
		fi
		[ "$n_fail" = 0 ] || [ "$rc" != 0 ] || rc=1
		if [ "$rc" != 0 ]; then
			for name in "$LOGS"/*.out "$LOGS"/*.err; do
				[ -s "$name" ] || continue
				echo "# --- ${name##*/}"
				tail -n 20 "$name" | tr -cd '\11\12\40-\176' | cut -c1-200 | sed 's/^/# /'
			done
		fi
	fi
	if [ -n "${KEEP:-}" ]; then echo "# kept $LOGS"; else rm -rf "$LOGS"; fi
	exit "$rc"
}

[ "$(id -u)" = 0 ] || skip "needs root"
LOGS=$(mktemp -d "${TMPDIR:-/tmp}/xtcp-test.XXXXXX")
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
