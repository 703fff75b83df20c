# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# What tests of the program xtcp share; sourced after lib.sh.
#
#	x_listen NAME PORT [OPTION...] [<IN]	xtcp listen in B on vb, in the background; returns when it listens
#	x_connect NAME ADDR:PORT [OPTION...] [<IN]	xtcp connect in B
#	x_server NAME echo|serve ARG...	xtcp echo or serve in B on vb; returns when it listens
#	peer_serve NAME in_a ADDR PORT [IN [OUT]]	a kernel TCP server which, unlike nc -l, sends on when the client's side is closed
#	peer COMMAND...			peer.py in this process's namespace: $PEER is the same for in_a and spawn
#	err_line WHAT NAME REGEX	the process NAME said exactly one line of complaint, "xtcp: ...", that matches
#	ends WHAT NAME SECONDS CODE	it ends in time, with that exit code
#	hold SECONDS			a stdin that stays open: x_listen x 7000 < <(hold 5)
#	no_flow_table			the reason why this kernel has no pinned flow table, or nothing
#	pins IFACE | no_pins WHAT	the pin directory of the xtcp on it; assert that those that were are gone

# Why the pinned flow table cannot be there: what the doctor says, or nothing.
no_flow_table() {
	"$XTCP" doctor 2>/dev/null | sed -n 's/^note  flow table iterator *//p'
}

[ -x "$XTCP" ] || { fail "build/xtcp is built"; exit 1; }
PY=/usr/bin/python3
[ -x "$PY" ] || PY=python3
PEER="$PY -I $ROOT/tests/netns/peer.py"

# shellcheck disable=SC2086
peer() {
	$PEER "$@"
}

peer_serve() {
	local name=$1 where=$2
	shift 2
	spawn "$name" "$where" $PEER serve "$@"
	wait_line "$LOGS/$name.err" ready 5
}

hold() {
	exec sleep "$1" 2>/dev/null
}

declare -A x_pins=() # directory -> the program in it

x_spawn() {
	local name=$1
	shift
	spawn "$name" in_b "$XTCP" "$@"
}

x_ready() {
	wait_line "$LOGS/$1.err" '^xtcp: listening on ' 8 || { fail "$1 listens" "$(head -c 300 "$LOGS/$1.err")"; return 1; }
	local pin id
	if read -r pin id < <(in_b "$XTCP" status --json 2>/dev/null | jq -r '.[0] | select(.pins != "") | "\(.pins) \(.prog_id)"'); then
		x_pins[$pin]=$id
	fi
}

x_listen() {
	local name=$1 port=$2
	shift 2
	x_spawn "$name" listen -i vb "$@" "$port"
	x_ready "$name"
}

x_connect() {
	local name=$1 to=$2
	shift 2
	x_spawn "$name" connect -i vb "$@" "$to"
}

x_server() {
	local name=$1 command=$2
	shift 2
	x_spawn "$name" "$command" -i vb "$@" </dev/null
	x_ready "$name"
}

# What is news is no complaint.
complaints() {
	grep -avE '^xtcp: listening on |: fell back to generic XDP: ' "$LOGS/$1.err"
}

err_line() {
	local text
	text=$(complaints "$2")
	if [ "$(grep -c '' <<<"$text")" != 1 ] || ! grep -qE -- "^xtcp: .*($3)" <<<"$text"; then
		fail "$1" "wanted the one line /^xtcp: .*($3)/, got '${text:0:600}'"
		return 1
	fi
	pass "$1"
}

ends() {
	local rc
	wait_exit "$2" "$3"
	rc=$?
	if [ "$rc" = "$4" ]; then
		pass "$1"
	else
		fail "$1" "$2 ended with $rc, wanted $4 (124: not within $3 s); it said '$(complaints "$2" | tail -n 3)'"
	fi
}

pins() {
	local where=in_${1:1:1}
	$where "$XTCP" status -i "$1" --json 2>/dev/null | jq -r '.[0].pins // ""'
}

# What the xtcp of this test had pinned is gone, or the name is another program's by now: tests may run side by side.
no_pins() {
	local pin
	[ ${#x_pins[@]} -gt 0 ] || { fail "$1" "nothing was ever pinned"; return; }
	for pin in "${!x_pins[@]}"; do
		wait_for "[ \"\$(bpftool -j prog show pinned '$pin/prog' 2>/dev/null | jq .id)\" != '${x_pins[$pin]}' ]" 2 ||
			{ fail "$1" "$pin is left"; return; }
	done
	pass "$1"
}

if ! grep -q ' /sys/fs/bpf bpf ' /proc/mounts; then
	mount -t bpf bpf /sys/fs/bpf 2>/dev/null
fi
