#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# iperf3: both ends, both directions, 1 and 8 streams; both netcats and socat in the directions that test_tools.sh has not.
# full: it takes half a minute
. "$(dirname "$0")/lib.sh"
need iperf3 socat nc.openbsd nc.traditional
ns_pair

program iperf3
for how in '' '-R' '-P 8' '-P 8 -R' '--bidir'; do
	xrun s iperf3 -s -1 -p 5201 --forceflush
	wait_line "$LOGS/s.out" listening 20
	# shellcheck disable=SC2086
	out=$(in_a timeout 20 iperf3 -c "$B4" -t 1 $how 2>&1)
	match "iperf3 -s, client ${how:-plain}" "$out" 'iperf Done'
	no_match "... every stream moves" "$(grep -E 'receiver$' <<<"$out")" ' 0\.00 '
	stop s TERM
	spawn k in_a iperf3 -s -1 -p 5202
	wait_listen in_a 5202
	# shellcheck disable=SC2086
	out=$(x timeout 20 iperf3 -c "$A4" -p 5202 -t 1 $how 2>&1)
	match "iperf3 -c ${how:-plain}" "$out" 'iperf Done'
	no_match "... every stream moves" "$(grep -E 'receiver$' <<<"$out")" ' 0\.00 '
	stop k TERM
done

rand_file "$LOGS/in" 5000000 3
for kind in openbsd traditional; do
	program "netcat ($([ $kind = openbsd ] && echo OpenBSD || echo traditional))"
	serve=(-N -l "$B4" 4000)
	[ $kind = openbsd ] || serve=(-q 0 -l -s "$B4" -p 4000)
	xrun s nc.$kind "${serve[@]}" <"$LOGS/in"
	rm -f "$LOGS/got"
	wait_for 'in_a timeout 20 socat -u TCP:$B4:4000 CREATE:$LOGS/got 2>/dev/null' 20
	same "nc.$kind -l gives" "$LOGS/got" "$LOGS/in"
	wait_exit s 10
	spawn k in_a socat -U TCP-LISTEN:4001,bind="$A4",reuseaddr - <"$LOGS/in"
	wait_listen in_a 4001
	x timeout 20 nc.$kind "$A4" 4001 </dev/null >"$LOGS/got"
	same "nc.$kind takes, as a client" "$LOGS/got" "$LOGS/in"
	stop k
done
program socat
spawn k in_a socat TCP-LISTEN:4005,bind="$A4",reuseaddr EXEC:cat
wait_listen in_a 4005
x timeout 20 socat -t 5 - "TCP:$A4:4005" <"$LOGS/in" >"$LOGS/got"
same "socat as a client, both ways" "$LOGS/got" "$LOGS/in"
stop k

on_xtcp
no_xdp vb
