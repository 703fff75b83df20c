#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# xtcp run --queues 2: an engine for each receive queue, one listening port over both; processes that are killed.
# full: 40 s
. "$(dirname "$0")/lib.sh"
need nginx ab curl iperf3 socat python3 jq
QUEUES=2 ns_pair
dir=$LOGS/www
mkdir -p "$dir"
chmod 755 "$LOGS" "$dir"
rand_file "$dir/f" 3000000 1
rand_file "$dir/small" 1000 2
chmod 644 "$dir"/*
cat >"$LOGS/nginx.conf" <<CONF
worker_processes 2; user root; pid $LOGS/nginx.pid; error_log $LOGS/nginx.log warn; daemon off;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000; server { listen $B4:80; root $dir; } }
CONF
cat >"$LOGS/two.py" <<'PY'
import os, socket, sys
l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); l.bind((sys.argv[1], 81)); l.listen()
print('up', flush=True)
kids = []
for n in range(8):
    c, a = l.accept()
    kids.append(os.fork())
    if kids[-1] == 0:
        l.close()
        c.sendall(b'%d\n' % os.getpid())
        while d := c.recv(100): c.sendall(d)
        os._exit(0)
    c.close()
for k in kids: os.waitpid(k, 0)
PY
cat >"$LOGS/peer.py" <<'PY'
import os, signal, socket, sys
all = [socket.create_connection((sys.argv[1], 81), 5) for n in range(8)]
pids = [int(s.makefile().readline()) for s in all]
for pid in pids[::2]: os.kill(pid, signal.SIGKILL)
said = []
for n, s in enumerate(all):
    try:
        if n % 2: s.sendall(b'alive')
        said.append(s.recv(10).decode() or 'end')
    except ConnectionResetError:
        said.append('reset')
print(' '.join(said))
PY
engines() { # FIELD: of each engine
	in_b "$XTCP" status -i vb --json | jq -r ".[0].engines[] | $1" | paste -s -d' '
}
both_have() { # WHAT LEAST FIELD
	local c0 c1
	read -r c0 c1 < <(engines "$3")
	le "$1: engine 0 has some" "$2" "$c0"
	le "$1: engine 1 has some" "$2" "$c1"
}

for mode in native generic; do
	XRUN_OPTS="--queues 2 --mode $mode"

	# --- two workers ---
	xrun nginx nginx -c "$LOGS/nginx.conf"
	wait_open "$B4" 80 20
	eq "$mode: ab, keep-alive, nothing fails" "$(in_a timeout 30 ab -q -k -c 32 -n 20000 "http://$B4/small" 2>&1 | awk '/^Failed/ { print $3 }')" 0
	eq "$mode: ab, a connection each" "$(in_a timeout 30 ab -q -c 32 -n 2000 "http://$B4/small" 2>&1 | awk '/^Failed/ { print $3 }')" 0
	for i in 1 2 3 4 5 6; do
		in_a timeout 10 curl -s "http://$B4/f" -o "$LOGS/got$i"
		cmp -s "$LOGS/got$i" "$dir/f" || fail "$mode: file $i is whole"
	done
	# Generic XDP on veth sees every frame of a peer with two queues on queue 0.
	[ $mode = generic ] || both_have "$mode: connections over both queues" 200 .counters.passive_opens
	stop nginx TERM

	# --- one process serves both ---
	xrun py python3 -m http.server --bind "$B4" --directory "$dir" 8000
	wait_open "$B4" 8000 20
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		in_a timeout 10 curl -s "http://$B4:8000/f" -o "$LOGS/got$i"
		cmp -s "$LOGS/got$i" "$dir/f" || fail "$mode: one process: file $i is whole"
	done
	[ $mode = generic ] || both_have "$mode: one process" 1 .counters.passive_opens
	stop py TERM

	# --- from inside ---
	spawn out in_a python3 -m http.server --bind "$A4" --directory "$dir" 8001
	wait_for "in_b nc -z -w 1 $A4 8001" 10
	for i in 1 2 3 4; do
		x timeout 10 curl -s "http://$A4:8001/f" -o "$LOGS/got$i"
		cmp -s "$LOGS/got$i" "$dir/f" && pass "$mode: curl from inside, $i" || fail "$mode: curl from inside, $i"
	done
	stop out KILL

	# --- iperf3, socat ---
	xrun iperf iperf3 -s -B "$B4" -p 5201
	wait_open "$B4" 5201 10
	for dir_of in '' -R; do
		# shellcheck disable=SC2086
		le "$mode: iperf3 $dir_of with 4 streams, Mbit/s" 50 "$(in_a timeout 20 iperf3 -c "$B4" -t 2 -P 4 -J $dir_of | jq '.end.sum_received.bits_per_second / 1e6 | floor')"
	done
	stop iperf TERM
	xrun socat socat "TCP-LISTEN:7001,bind=$B4,fork,reuseaddr" EXEC:cat
	wait_open "$B4" 7001 10
	for i in 1 2 3 4 5 6; do
		eq "$mode: socat forks, $i" "$(in_a timeout 10 socat -t 5 - "TCP:$B4:7001" <"$dir/small" | cmp - "$dir/small" && echo same)" same
	done
	stop socat TERM

	# --- killed: only their connections are reset ---
	xrun two python3 "$LOGS/two.py" "$B4"
	wait_line "$LOGS/two.out" up 20
	eq "$mode: four of eight processes killed" "$(in_a timeout 20 python3 "$LOGS/peer.py" "$B4" 2>&1)" 'reset alive reset alive reset alive reset alive'
	wait_exit two 10
done

match "more engines than queues" "$(in_b "$XTCP" run -i vb --queues 3 -- true 2>&1)" '^xtcp: --queues 3: vb has 2 receive queues;'
match "no number" "$(in_b "$XTCP" run -i vb --queues x -- true 2>&1)" "--queues: 'x' is no number"
no_xdp vb
