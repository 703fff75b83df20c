#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Options that change what happens on the wire: TCP_DEFER_ACCEPT, TCP_SYNCNT, TCP_WINDOW_CLAMP, Fast Open on both sides. A program says the
# same on the kernel's sockets and on xtcp's; the peer's kernel counts the SYNs with data.
. "$(dirname "$0")/lib.sh"
need python3
QUEUES=2 ns_pair
py=$(dirname "$(realpath "$0")")/options.py
dead=10.9.0.77
in_a ip address add "$dead/24" dev va
in_a ip rule add from "$dead" blackhole
in_a sysctl -qw net.ipv4.tcp_fastopen=3
in_b sysctl -qw net.ipv4.tcp_fastopen=3
spawn peer in_a python3 "$py" peer "$A4"
wait_listen in_a 7000
wait_listen in_a 7004
fast() { # FIELD: of A's counters
	in_a cat /proc/net/netstat | awk -v f="$1" '/^TcpExt:/ { if (!n) { for (i = 1; i <= NF; i++) if ($i == f) n = i } else print $n }'
}
both() { # NAME COMMAND...
	local name=$1 in out
	shift
	in=$(fast TCPFastOpenPassive) out=$(fast TCPFastOpenActive)
	timeout -k 5 60 "$@" python3 "$py" run "$A4" "$B4" "$dead" >"$LOGS/$name.txt" 2>"$LOGS/$name.err"
	eq "all cases run on $name" "$? $(cat "$LOGS/$name.err")" '0 '
	le "$name: SYNs with data that A took" 3 $(($(fast TCPFastOpenPassive) - in))
	eq "$name: SYNs with data that A sent, and whose data was taken" $(($(fast TCPFastOpenActive) - out)) 1
	in_a ip tcp_metrics flush >/dev/null 2>&1 # the cookies of B
}
both kernel nsenter --net="/run/netns/$NS_B" --
opened=$(opens_b)
for n in 1 2; do
	both "xtcp-$n" nsenter --net="/run/netns/$NS_B" -- "$XTCP" run -i vb --queues $n --
	said=$(cat "$LOGS/xtcp-$n.txt")
	eq "$n engines: what is said is what is said on the kernel" "$(grep -v clamp <<<"$said")" "$(grep -v clamp "$LOGS/kernel.txt")"
	# The kernel's own tuning of the receive buffer moves the clamp.
	eq "$n engines: TCP_WINDOW_CLAMP holds" "$(grep clamp <<<"$said")" $'clamp: 20000 at most 20000 True\nno clamp: 0 at most 20000 False'
done
eq "none of xtcp's were the kernel's" "$(opens_b)" "$opened"
