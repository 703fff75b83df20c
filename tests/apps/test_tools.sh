#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Small programs: netcat of both kinds, socat, openssl, iperf3.
. "$(dirname "$0")/lib.sh"
need nc.openbsd nc.traditional socat openssl iperf3
ns_pair

# to PORT CLIENT: to a server in B that takes one connection: it is there once it does not refuse one.
# shellcheck disable=SC2317 # called by wait_for
to() {
	wait_for "in_a timeout 20 $2 <$LOGS/in 2>$LOGS/to.err" 20 || fail "a client reaches port $1" "$(head -n 1 "$LOGS/to.err")"
}
rand_file "$LOGS/in" 5000000 3

program "netcat (OpenBSD)"
xrun s nc.openbsd -l -N "$B4" 4000 </dev/null
to 4000 'nc.openbsd -N $B4 4000'
wait_exit s 10
same "OpenBSD's netcat takes" "$LOGS/s.out" "$LOGS/in"
spawn k in_a nc.openbsd -l -N "$A4" 4001 </dev/null
wait_listen in_a 4001
x nc.openbsd -N "$A4" 4001 <"$LOGS/in"
wait_exit k 10
same "... and gives" "$LOGS/k.out" "$LOGS/in"
program "netcat (traditional)"
spawn k in_a socat -u TCP-LISTEN:4002,bind="$A4" - </dev/null
wait_listen in_a 4002
x timeout 20 nc.traditional -q 0 "$A4" 4002 <"$LOGS/in"
wait_exit k 10
same "the traditional netcat gives" "$LOGS/k.out" "$LOGS/in"
xrun s nc.traditional -l -p 4003 -s "$B4" -q 3 </dev/null
to 4003 'socat -u - TCP:$B4:4003'
wait_exit s 10
same "... and takes" "$LOGS/s.out" "$LOGS/in"
program socat
xrun s socat "TCP-LISTEN:4004,bind=$B4,reuseaddr,fork" EXEC:cat
to 4004 'socat -t 5 - TCP:$B4:4004' >"$LOGS/got"
same "socat forks for each connection" "$LOGS/got" "$LOGS/in"
in_a timeout 20 socat -t 5 - "TCP:$B4:4004" <"$LOGS/in" >"$LOGS/got"
same "... again" "$LOGS/got" "$LOGS/in"
stop s TERM

program "openssl s_server"
tls_key
cd "$LOGS" || exit 1
xrun s openssl s_server -quiet -accept "$B4:4433" -key "$LOGS/key" -cert "$LOGS/cert" -HTTP
cd "$ROOT" || exit 1
wait_open "$B4" 4433 20
in_a timeout 30 curl -sSk --http0.9 -o "$LOGS/got" "https://$B4:4433/in" 2>/dev/null
same "openssl s_server -HTTP" "$LOGS/got" "$LOGS/in"
stop s INT
# Its input comes after the handshake: s_server reads, and waits for good, when both are there at the same time.
xrun s openssl s_server -quiet -naccept 1 -accept "$B4:4434" -key "$LOGS/key" -cert "$LOGS/cert" < <(
	until [ -e "$LOGS/go" ]; do sleep 0.05; done
	cat "$LOGS/in"
)
sleep 1
spawn c in_a timeout 20 openssl s_client -quiet -connect "$B4:4434" < <(sleep 20)
wait_line "$LOGS/c.err" 'verify return' 10
sleep 0.3
touch "$LOGS/go"
wait_exit s 10
wait_exit c 5
mv "$LOGS/c.out" "$LOGS/got"
same "openssl s_server sends over TLS" "$LOGS/got" "$LOGS/in"
program "openssl s_client"
spawn k in_a openssl s_server -quiet -naccept 1 -accept "$A4:4435" -key "$LOGS/key" -cert "$LOGS/cert" < <(sleep 3)
wait_listen in_a 4435
(cat "$LOGS/in"; sleep 1) | x openssl s_client -quiet -connect "$A4:4435" >/dev/null 2>&1
wait_for "[ \$(stat -c %s $LOGS/k.out) -ge 5000000 ]" 10
same "openssl s_client sends" "$LOGS/k.out" "$LOGS/in"
stop k TERM

program iperf3
for how in '-R' '-P 8'; do
	xrun s iperf3 -s -1 -p 5201 --forceflush
	wait_line "$LOGS/s.out" listening 20
	# shellcheck disable=SC2086
	match "iperf3 -s, client $how" "$(in_a timeout 20 iperf3 -c "$B4" -t 1 $how 2>&1)" 'iperf Done'
	stop s TERM
	spawn k in_a iperf3 -s -1 -p 5202
	wait_listen in_a 5202
	# shellcheck disable=SC2086
	match "iperf3 -c $how" "$(x timeout 20 iperf3 -c "$A4" -p 5202 -t 1 $how 2>&1)" 'iperf Done'
	stop k TERM
done
on_xtcp
no_xdp vb
