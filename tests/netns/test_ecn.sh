#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Congestion marks instead of losses: Linux and xtcp agree on ECN (RFC 3168) or Accurate ECN (RFC 9768) in every way they can, a
# router between them marks a part of what is ECN-capable, both sides see it, and the bytes are equal.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

rand_file "$LOGS/up" 900001 31
rand_file "$LOGS/down" 1100007 32
ns_relay --mark 10 --delay 2 --rate 30 --seed 1

[ -n "$(in_a sysctl -n net.ipv4.tcp_ecn 2>/dev/null)" ] || skip "this kernel has no net.ipv4.tcp_ecn"
accurate=1
in_a sysctl -qw net.ipv4.tcp_ecn=3 2>/dev/null || accurate=

# What the kernel in A has counted: marked packets received, and ours delivered marked by the peer's word.
kernel_counts() {
	in_a nstat -asz 2>/dev/null |
		awk '/^IpExtInCEPkts|^Ip6InCEPkts/ { ce += $2 } /^TcpExtTCPDeliveredCE/ { d = $2 } END { print ce + 0, d + 0 }'
}

# info FIELD [END]: what the xtcp there says of its connection's ECN.
info() {
	sed -n '$p' "$LOGS/${2:-x}.err" | jq -r ".ecn.$1"
}

# above WHAT A B: more than.
above() {
	if [ "${2:-0}" -gt "$3" ]; then pass "$1"; else fail "$1" "$2 is not above $3"; fi
}

# judge WHAT MODE: the transfer has ended; both ends must have seen marks, or neither.
judge() {
	local what=$1 mode=$2 ce delivered ss_line
	ends "$what: xtcp ends well" x 20 0
	ends "... and so does the peer" nc 5 0
	same "... what xtcp received" "$LOGS/x.out" "$LOGS/up"
	same "... what the peer received" "$LOGS/got" "$LOGS/down"
	eq "... agreed on" "$(info mode)" "$mode"
	read -r ce delivered < <(kernel_counts)
	ce=$((ce - ce_before)) delivered=$((delivered - delivered_before))
	ss_line=$(cat "$LOGS/ss")
	if [ "$mode" = none ]; then
		eq "... nobody saw a mark" "$ce $delivered $(info received_ce) $(info delivered_ce)" "0 0 0 0"
		no_match "... the kernel's connection has no ECN" "$ss_line" ' ecn '
		return
	fi
	match "... the kernel's connection has ECN" "$ss_line" ' ecn '
	match "... and has seen it used" "$ss_line" ' ecnseen '
	above "... the kernel received marks" "$ce" 20
	above "... and was told of its own" "$delivered" 20
	above "... xtcp received marks" "$(info received_ce)" 20
	above "... was told of its own" "$(info delivered_ce)" 20
	above "... and reduced its window for them" "$(info reductions)" 2
	if [ "$mode" = accurate ]; then # its feedback is exact: but for retransmissions and what a last ACK could not tell any more
		above "... the kernel was told of almost all that xtcp received" $((delivered + 5)) "$(info received_ce)"
		above "... and xtcp of almost all that the kernel received" $(($(info delivered_ce) + 5)) "$ce"
		above "... and of no more than that" $((ce + 5)) "$(info delivered_ce)"
	fi
}

# peek: what ss says of A's connection while it is busy.
peek() {
	wait_for "[ \"\$(stat -c %s '$LOGS/got' 2>/dev/null || echo 0)\" -gt 300000 ]" 10
	in_a ss -tinoH >"$LOGS/ss" 2>/dev/null
}

# listen WHAT SYSCTL MODE [OPTION...]: Linux connects over IPv4.
listens() {
	local what=$1 sysctl=$2 mode=$3
	shift 3
	in_a sysctl -qw net.ipv4.tcp_ecn="$sysctl"
	read -r ce_before delivered_before < <(kernel_counts)
	: >"$LOGS/got"
	x_listen x 7000 --json "$@" <"$LOGS/down" || return
	nc_send nc in_a "$B4" 7000 "$LOGS/up" "$LOGS/got"
	peek
	judge "listen, $what" "$mode"
}

# connects WHAT SYSCTL MODE [OPTION...]: xtcp connects over IPv6.
connects() {
	local what=$1 sysctl=$2 mode=$3
	shift 3
	in_a sysctl -qw net.ipv4.tcp_ecn="$sysctl"
	read -r ce_before delivered_before < <(kernel_counts)
	: >"$LOGS/got"
	peer_serve nc in_a "$A6" 7001 "$LOGS/up" "$LOGS/got"
	x_connect x "[$A6]:7001" --json "$@" <"$LOGS/down"
	peek
	judge "connect, $what" "$mode"
}

listens "by default, from a peer that asks for ECN" 1 classic
listens "off, from a peer that asks" 1 none --ecn off
connects "on" 2 classic --ecn on
connects "DCTCP, which asks for accurate ECN, to a peer that knows RFC 3168 only" 2 classic --cc dctcp
if [ -n "$accurate" ]; then
	listens "by default, from a peer that asks for accurate ECN" 3 accurate
	listens "on, from the same" 3 classic --ecn on
	connects "accurate" 5 accurate --ecn accurate
	connects "accurate, with DCTCP" 3 accurate --cc dctcp
else
	echo "# this kernel does not know accurate ECN"
fi

# Accurate ECN between two of us, whatever the kernel knows.
both() {
	local end
	spawn y in_a "$XTCP" listen -i va --json 7002 <"$LOGS/up"
	wait_line "$LOGS/y.err" '^xtcp: listening on ' 8 || return
	x_connect x "$A4:7002" --json --ecn accurate --cc dctcp <"$LOGS/down"
	ends "xtcp to xtcp, accurate: one ends well" x 20 0
	ends "... and the other" y 5 0
	same "... what one received" "$LOGS/x.out" "$LOGS/up"
	same "... what the other received" "$LOGS/y.out" "$LOGS/down"
	for end in x y; do
		eq "... agreed on" "$(info mode $end)" accurate
		above "... marks received" "$(info received_ce $end)" 20
		above "... window reduced" "$(info reductions $end)" 2
	done
	# What the last ACKs tell may get lost with them. DCTCP's own ACKs are marked too, of which it hears with the next data
	# only: so it is the bytes that must agree.
	above "... one knows of marks that the other saw" "$(info delivered_ce x)" 20
	le "... and of no more" "$(info delivered_ce x)" $(($(info received_ce y) + 3))
	le "... bytes as well" "$(info received_ce_bytes y)" $(($(info delivered_ce_bytes x) + 6000))
	le "... and the other way" "$(info received_ce x)" $(($(info delivered_ce y) + 3))
	le "... and no more" "$(info delivered_ce y)" $(($(info received_ce x) + 3))
}
both
no_xdp vb
