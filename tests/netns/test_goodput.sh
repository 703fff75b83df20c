#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Goodput over a lossy wire beside Linux's own with the same algorithm: 1 % loss and 20 ms each way, both ways; xtcp sends to
# Linux, Linux sends to xtcp, and Linux to Linux is the yardstick. The receiver measures. Many connections at once, so that
# the luck of single losses averages out; BBR fills the wire with few.
# alone: it compares rates
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"
. "$(dirname "$0")/goodput.sh"

seconds=5 # of each of the six runs
ns_relay --loss 1 --delay 20 --rate 300 --limit 1500000 --seed 11

in_range() {
	awk -v r="$1" 'BEGIN { exit !(r >= 0.8 && r <= 1.25) }'
}

# within WHAT FUNCTION CC CONNECTIONS: 0.8 to 1.25 times Linux to Linux. One run outside may be luck: then two more are made,
# each beside a yardstick of its own, and the median counts.
within() {
	local what=$1 run=$2 cc=$3 conns=$4 got r
	got=$($run "$cc" "$conns" | tail -n 1)
	r=$(ratio "$got" "$yard")
	echo "# $what: $got kbit/s, $r of Linux to Linux ($yard)"
	if ! in_range "$r"; then
		r=$(for _ in 1 2; do
			ratio "$($run "$cc" "$conns" | tail -n 1)" "$(linux_to_linux "$cc" "$conns" | tail -n 1)"
			echo
		done | cat - <(echo "$r") | sort -n | sed -n 2p)
		echo "# $what: $r is the median of three"
	fi
	if in_range "$r"; then pass "$what"; else fail "$what" "$r of Linux to Linux"; fi
}

# beside CC CONNECTIONS
beside() {
	yard=$(linux_to_linux "$1" "$2" | tail -n 1)
	within "$1: xtcp to Linux" xtcp_to_linux "$1" "$2"
	within "$1: Linux to xtcp" linux_to_xtcp "$1" "$2"
}

beside cubic 24
why=$(linux_lacks bbr)
if [ -z "$why" ]; then
	stop relay
	spawn relay in_r "$RELAY" --loss 1 --delay 20 --rate 100 --limit 500000 --seed 12 ra rb
	wait_line "$LOGS/relay.out" ready 5 || fail "the relay runs"
	beside bbr 4
else
	skip_one "bbr beside Linux" "$why"
fi

# One line for each algorithm there is, against a sink that takes any number of connections.
spawn any in_a socat -u TCP4-LISTEN:7002,fork,reuseaddr OPEN:/dev/null
wait_listen in_a 7002
table=$(in_b "$XTCP" bench source -i vb --cc all --seconds 0.5 --warmup 0.2 "$A4:7002" 2>&1)
eq "a line for each algorithm" "$(sed -n '2,$s/ .*//p' <<<"$table" | tr '\n' ' ')" \
	"$(in_b "$XTCP" bench source -i vb --cc all --seconds 0.1 --warmup 0 --json "$A4:7002" | jq -r .cc | tr '\n' ' ')"
match "cubic among them" "$table" '^cubic +1 '
match "none without a figure" "$table" '^reno +1 +[0-9.]+ '
no_xdp vb
