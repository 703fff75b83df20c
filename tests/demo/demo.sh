#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# make demo: xtcp at work between two network namespaces of its own. Four parts, each checked; the last line is
# `demo: ok (SECONDS s)` and the exit code 0 only if all of it held. Whatever happens, everything it made is removed.
#
#	BUILD=DIR (build)   DEMO_MIB=N (256)   DEMO_MODE=auto|native|generic   NO_COLOR=1
set -u
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
BUILD=${BUILD:-$ROOT/build}
XTCP=$BUILD/xtcp
MIB=${DEMO_MIB:-256}
MODE=${DEMO_MODE:-auto}
NS_A=xtcp-demo-$$-a NS_B=xtcp-demo-$$-b
A4=10.9.0.1 A6=fd09::1 B4=10.9.0.2 B6=fd09::2
begin=${EPOCHREALTIME/./}

# --- How it looks ---

bold='' dim='' green='' red='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

part() {
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

tell() {
	printf '   %s\n' "$@"
}

# What a reader could type; the namespaces are left out.
shown() {
	printf '   %s%s%s\n' "$bold" "\$ $*" "$plain"
}

held() {
	printf '   %sok%s  %s\n' "$green" "$plain" "$*"
}

die() {
	local log
	printf '   %sNOT ok%s  %s\n' "$red" "$plain" "$*"
	for log in "$TMP"/*.err; do
		[ -s "$log" ] || continue
		echo "   --- ${log##*/}"
		tail -n 15 "$log" | sed 's/^/   | /'
	done
	echo "demo: failed: $*"
	exit 1
}

# --- What it makes, and how that goes away ---

TMP=''
pids=()

# shellcheck disable=SC2329
remove() {
	local pid ns i
	for pid in "${pids[@]}"; do
		kill -TERM "$pid" 2>/dev/null
	done
	for ns in "$NS_A" "$NS_B"; do
		[ -e "/run/netns/$ns" ] || continue
		for ((i = 0; i < 50; i++)); do
			[ -n "$(ip netns pids "$ns" 2>/dev/null)" ] || break
			sleep 0.02
		done
		for pid in $(ip netns pids "$ns" 2>/dev/null); do
			kill -KILL "$pid" 2>/dev/null
		done
		ip netns delete "$ns"
	done
	for pid in "${pids[@]}"; do
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	pids=()
	[ -z "$TMP" ] || rm -rf "$TMP"
}
trap 'rc=$?; trap "" INT TERM; remove; exit $rc' EXIT
# A trap may run while a function's stdout is a file.
exec 3>&1
trap 'echo >&3; echo "demo: interrupted" >&3; exit 130' INT
trap 'echo >&3; echo "demo: terminated" >&3; exit 143' TERM

in_a() {
	nsenter --net="/run/netns/$NS_A" -- "$@"
}

in_b() {
	nsenter --net="/run/netns/$NS_B" -- "$@"
}

# run NAME in_a|in_b COMMAND...: in the background; stdin and stdout as given, stderr in NAME.err; its pid is then in $pid.
run() {
	local err=$TMP/$1.err ns=$NS_A
	[ "$2" = in_a ] || ns=$NS_B
	shift 2
	: >"$err"
	(exec nsenter --net="/run/netns/$ns" -- "$@" 2>"$err" 3>&-) <&0 &
	pid=$!
	pids+=("$pid")
}

# within SECONDS COMMAND...: until it holds.
within() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@"; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep 0.02
	done
}

listens() {
	grep -qs '^xtcp: listening' "$TMP/$1.err"
}

ended() {
	local state
	state=$(ps -o stat= -p "$1")
	[[ -z $state || $state = Z* ]]
}

# finish SECONDS NAME PID: it ends in time, and well.
finish() {
	within "$1" ended "$3" || die "$2 did not end within $1 s"
	wait "$3" || die "$2 ended with exit code $?"
}

[ "$(id -u)" = 0 ] || { echo "demo: needs root for network namespaces and XDP: sudo make demo" >&2; exit 1; }
[ -x "$XTCP" ] || { echo "demo: no $XTCP; run: make" >&2; exit 1; }
TMP=$(mktemp -d "${TMPDIR:-/tmp}/xtcp-demo.XXXXXX") || exit 1
free=$(df -Pm "$TMP" | awk 'END { print $4 }')
[ "$free" -gt $((2 * MIB + 16)) ] || die "$TMP has $free MiB free, $((2 * MIB + 16)) are needed; give another TMPDIR"

echo "${bold}xtcp: TCP in user space, fed by XDP${plain}"
tell "Two network namespaces, A and B, joined by a virtual cable:" "" \
	"    A   va $A4 $A6   ----------   vb $B4 $B6   B"
for ns in "$NS_A" "$NS_B"; do
	ip netns add "$ns" || die "no network namespace can be made"
done
in_a sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 2>/dev/null
in_b sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 2>/dev/null
ip link add va netns "$NS_A" type veth peer name vb netns "$NS_B" || die "no veth pair can be made"
in_a ip address add "$A4/24" dev va && in_a ip address add "$A6/64" dev va nodad && in_a ip link set va up || die "no address in A"
in_b ip address add "$B4/24" dev vb && in_b ip address add "$B6/64" dev vb nodad && in_b ip link set vb up || die "no address in B"
in_a ip link set lo up
in_b ip link set lo up

# --- 1: the ladder ---

# The contract's part of each line: "--> [SYN] SEQ: 1000, ACK: -".
ladder() {
	sed -nE 's/^ *[0-9]+\.[0-9]{3} ms +[^ ]+ (-->|<--) [^ ]+ +(\[.*)$/\1 \2/p' "$TMP/$1.err"
}

# What a segment says, in words: the receiver of a number always says which byte it expects next.
explain() {
	awk -v dim="$dim" -v plain="$plain" '
	function say(text) { if (text != "") printf "   %s               %s%s\n", dim, text, plain }
	!/ ms .*SEQ: / { next }
	{
		print "   " $0
		who = /-->/ ? "A" : "B"
		match($0, /SEQ: [0-9]+/); seq = substr($0, RSTART + 5, RLENGTH - 5) + 0
		ack = match($0, /ACK: [0-9]+/) ? substr($0, RSTART + 5, RLENGTH - 5) + 0 : -1
		len = match($0, /LEN: [0-9]+/) ? substr($0, RSTART + 5, RLENGTH - 5) + 0 : 0
	}
	/\[SYN\]/ { say(who ": this carries number " seq "; have you got it, then ask me for " seq + 1 " next."); next }
	/\[SYN\+ACK\]/ { say(who ": got " ack - 1 ", " ack " is expected next. This carries " seq "; ask me for " seq + 1 " next."); next }
	len { say(who ": bytes " seq " to " seq + len - 1 ".") }
	/FIN/ { say(who ": that was all; the end itself has number " seq + len "."); next }
	!len { say(who ": everything before " ack " is here, " ack " is expected next.") }
	' "$1"
}

part '1  Two ends of xtcp shake hands, say a line each, and close'
shown 'B: xtcp listen  -i vb --isn 2000 --trace 4000'
shown "A: xtcp connect -i va --isn 1000 --trace $B4:4000"
# Each speaks when the ladder shows that it is its turn.
seen() {
	within 5 grep -qsE -- "$2" "$TMP/$1.err"
}
run b in_b "$XTCP" listen -i vb --mode "$MODE" --isn 2000 --trace 4000 >"$TMP/heard_b" < <(
	seen b '<-- .*LEN: ' && sleep 0.1 && echo 'hello A, this is B'
	exec sleep 0.1 2>/dev/null
)
pid_b=$pid
within 5 listens b || die "the end in B does not listen"
run a in_a "$XTCP" connect -i va --mode "$MODE" --isn 1000 --trace "$B4:4000" >"$TMP/heard_a" < <(
	seen a '--> .*\[ACK\]' && sleep 0.05 && echo 'hello B, this is A'
	seen a '<-- .*FIN' && exec sleep 0.1 2>/dev/null
)
finish 10 'the end in A' "$pid"
finish 10 'the end in B' "$pid_b"
tell '' 'What A saw (its own end on the left):' ''
explain "$TMP/a.err"
tell '' 'What B saw of the same:' ''
grep ' ms ' "$TMP/b.err" | sed 's/^/   /'
echo
figure='--> [SYN] SEQ: 1000, ACK: -
<-- [SYN+ACK] SEQ: 2000, ACK: 1001
--> [ACK] SEQ: 1001, ACK: 2001'
mirrored='<-- [SYN] SEQ: 1000, ACK: -
--> [SYN+ACK] SEQ: 2000, ACK: 1001
<-- [ACK] SEQ: 1001, ACK: 2001'
[ "$(ladder a | head -n 3)" = "$figure" ] || die "the handshake in A has other numbers"
[ "$(ladder b | head -n 3)" = "$mirrored" ] || die "the handshake in B has other numbers"
held "the numbers of the handshake are the textbook's, at both ends"
[ "$(cat "$TMP/heard_a")" = 'hello A, this is B' ] || die "A heard '$(head -c 100 "$TMP/heard_a")'"
[ "$(cat "$TMP/heard_b")" = 'hello B, this is A' ] || die "B heard '$(head -c 100 "$TMP/heard_b")'"
held "A heard '$(cat "$TMP/heard_a")', B heard '$(cat "$TMP/heard_b")'"

# --- 2: bulk, both ways, against Linux ---

part "2  Linux and xtcp: $MIB MiB of random bytes each way at the same time"
head -c "${MIB}M" /dev/urandom >"$TMP/from_a" && head -c "${MIB}M" /dev/urandom >"$TMP/from_b" || die "no random bytes"
sum() {
	sha256sum | cut -d' ' -f1
}
sum <"$TMP/from_a" >"$TMP/sum_from_a" &
sum <"$TMP/from_b" >"$TMP/sum_from_b"
wait $!
shown 'B: xtcp listen -i vb 7000 <from_b | sha256sum'
shown "A: nc -N $B4 7000 <from_a | sha256sum      # an ordinary program on the kernel's TCP"
mkfifo "$TMP/to_a" "$TMP/to_b"
sum <"$TMP/to_a" >"$TMP/sum_to_a" &
sum_a=$!
sum <"$TMP/to_b" >"$TMP/sum_to_b" &
sum_b=$!
pids+=("$sum_a" "$sum_b")
run bulk_b in_b "$XTCP" listen -i vb --mode "$MODE" 7000 <"$TMP/from_b" >"$TMP/to_b"
pid_b=$pid
within 5 listens bulk_b || die "the end in B does not listen"
from=${EPOCHREALTIME/./}
run bulk_a in_a nc -N "$B4" 7000 <"$TMP/from_a" >"$TMP/to_a"
finish 60 'nc in A' "$pid"
finish 10 'xtcp in B' "$pid_b"
wait "$sum_a" "$sum_b"
us=$((${EPOCHREALTIME/./} - from))
rate=$(awk "BEGIN { printf \"%.2f s, %.0f MB/s each way\", $us / 1e6, $MIB * 1048576 / $us }")
tell '' "A sent         $(cat "$TMP/sum_from_a")" "xtcp received  $(cat "$TMP/sum_to_b")" \
	"xtcp sent      $(cat "$TMP/sum_from_b")" "A received     $(cat "$TMP/sum_to_a")" ''
[ "$(cat "$TMP/sum_from_a")" = "$(cat "$TMP/sum_to_b")" ] || die "what xtcp received is not what A sent"
[ "$(cat "$TMP/sum_from_b")" = "$(cat "$TMP/sum_to_a")" ] || die "what A received is not what xtcp sent"
held "both SHA-256 sums match; $rate, both being summed meanwhile"

# --- 3: a web page ---

part '3  curl fetches a page from xtcp serve, while the kernel keeps the rest of the interface'
mkdir "$TMP/www"
cat >"$TMP/www/index.html" <<'HTML'
<!doctype html>
<title>xtcp</title>
<p>This page came out of a TCP that lives in a process.</p>
HTML
shown 'B: xtcp serve -i vb -p 80 www'
run serve in_b "$XTCP" serve -i vb --mode "$MODE" -p 80 "$TMP/www" </dev/null >/dev/null
pid_serve=$pid
within 5 listens serve || die "xtcp serve does not listen"
for url in "http://$B4/" "http://[$B6]/"; do
	shown "A: curl $url"
	in_a curl -gsS --max-time 10 "$url" >"$TMP/page" 2>"$TMP/curl.err" || die "curl $url"
	cmp -s "$TMP/page" "$TMP/www/index.html" || die "$url is not the page"
	sed 's/^/     /' "$TMP/page"
done
held 'the page came whole over IPv4 and IPv6'
shown "A: ping $B4                                # the kernel answers, same address, same interface"
in_a ping -q -c 3 -i 0.05 -W 2 "$B4" >"$TMP/ping" 2>&1 || die "the kernel does not answer ping beside xtcp"
held "$(grep -m 1 'packets transmitted' "$TMP/ping")"

# --- 4: the counters of the half in the kernel ---

part '4  What the XDP program has counted, read by bpftool'
in_b "$XTCP" status -i vb --json >"$TMP/status.json" 2>"$TMP/status.err" || die "xtcp status finds nothing on vb"
pins=$(jq -r '.[0].pins' "$TMP/status.json")
if [ -n "$pins" ]; then
	map=(pinned "$pins/stats")
else
	# No bpffs here: by its number.
	id=$(bpftool -j prog show id "$(jq '.[0].prog_id' "$TMP/status.json")" | jq -r '.map_ids[]' |
		while read -r m; do bpftool -j map show id "$m" | jq -r 'select(.name == "stats") | .id'; done | head -n 1)
	map=(id "$id")
fi
shown "B: bpftool map dump ${map[*]}"
in_b bpftool -j map dump "${map[@]}" >"$TMP/stats.json" 2>"$TMP/bpftool.err" || die "bpftool cannot read the counters"
tell '(all processors summed, zeroes left out)' ''
# "values" holds one entry for each processor; with BTF, "formatted" carries the field names.
jq -r '(if type == "array" then .[0] else . end) | (.formatted // .) | [.values[].value | to_entries[]] | group_by(.key)[]
	| "\(.[0].key) \(map(.value) | add)"' "$TMP/stats.json" >"$TMP/stats" || die "the counters have no names"
while read -r name text; do
	n=$(sed -n "s/^$name //p" "$TMP/stats")
	[ "${n:-0}" = 0 ] || printf '   %-20s %8s   %s\n' "$name" "$n" "$text"
done < <(sed -nE 's/^XTCP_XDP_STAT\([A-Z]+, *([a-z0-9_]+), *"(.*)"\).*/\1 \2/p' "$ROOT/include/xtcp/stats.def")
echo
n=$(sed -n 's/^redirect_tcp //p' "$TMP/stats")
[ "${n:-0}" -gt 5 ] || die "the XDP program has redirected no segments"
n=$(sed -n 's/^pass_icmp //p' "$TMP/stats")
[ "${n:-0}" -ge 3 ] || die "the XDP program has passed no ping"
[ "$(awk '/^drop_/ { n += $2 } END { print n + 0 }' "$TMP/stats")" = 0 ] || die "the XDP program has dropped segments of Linux"
held 'segments of our port went to xtcp, the rest to the kernel, nothing was dropped'

# --- The end ---

part '5  Everything is removed'
kill -INT "$pid_serve"
finish 5 'xtcp serve' "$pid_serve"
in_b ip -d link show dev vb >"$TMP/link" || die "no vb any more"
! grep -qE '(^|[ /])xdp' "$TMP/link" || die "an XDP program is left on vb"
# Another xtcp may have taken the name since.
if [ -n "$pins" ] && id=$(bpftool -j prog show pinned "$pins/prog" 2>/dev/null | jq .id) &&
	[ "$id" = "$(jq '.[0].prog_id' "$TMP/status.json")" ]; then
	die "pins are left in $pins"
fi
remove
TMP=''
for ns in "$NS_A" "$NS_B"; do
	[ ! -e "/run/netns/$ns" ] || die "the namespace $ns is left"
done
held 'no program on the interface, no namespaces, no files'
echo
awk "BEGIN { printf \"demo: ok (%.1f s)\n\", (${EPOCHREALTIME/./} - $begin) / 1e6 }"
