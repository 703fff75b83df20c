# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# The harness of tests with programs that nobody here wrote: that of tests/netns, and
#
#	xrun NAME CMD...	`xtcp run -i vb -- CMD` in B, in the background, as spawn does it; XRUN_OPTS
#	x CMD...		the same in the foreground
#	need PROGRAM...		skip the test if one is not installed
#	on_xtcp			B's kernel has opened no TCP connection since ns_pair: all went over xtcp
. "$(dirname "${BASH_SOURCE[0]}")/../netns/lib.sh"

need() {
	local p
	for p; do
		command -v "$p" >/dev/null || skip "$p is not installed (bash tests/deps.sh apps)"
	done
}

xrun() {
	local name=$1
	shift
	# shellcheck disable=SC2086 # options are words
	spawn "$name" in_b "$XTCP" run -i vb ${XRUN_OPTS:-} -- "$@"
}

x() {
	# shellcheck disable=SC2086
	in_b "$XTCP" run -i vb ${XRUN_OPTS:-} -- "$@"
}

opens_b() {
	in_b cat /proc/net/snmp | awk '/^Tcp:/ && $6 ~ /[0-9]/ { print $6 + $7 }'
}

on_xtcp() {
	eq "${1:-all of it went over xtcp}" "$(opens_b)" 0
}

# Wait until a kernel client in A can connect there.
wait_open() { # ADDR PORT SECONDS
	wait_for "in_a nc -z -w 1 $1 $2" "$3"
}
