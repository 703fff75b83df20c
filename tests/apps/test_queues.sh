#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# xtcp run --queues 2: an engine for each receive queue, one listening port over both; processes that are killed. See test_queues_more.sh.
. "$(dirname "$0")/lib.sh"
need nginx ab curl python3 jq
QUEUES=2 ns_pair
www
nginx_conf 2 on
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
import os, signal, socket, sys, time
all = [socket.create_connection((sys.argv[1], 81), 5) for n in range(8)]
pids = [int(s.makefile().readline()) for s in all]
for pid in pids[::2]:
    time.sleep(0.1) # until all of them sleep: one in the middle of a turn would take others along
    os.kill(pid, signal.SIGKILL)
said = []
for n, s in enumerate(all):
    try:
        if n % 2: s.sendall(b'alive')
        said.append(s.recv(10).decode() or 'end')
    except ConnectionResetError:
        said.append('reset')
print(' '.join(said))
PY
XRUN_OPTS="--queues 2 --mode native"

# --- two workers ---
xrun nginx nginx -c "$LOGS/nginx.conf"
wait_open "$B4" 80 20
eq "ab, keep-alive, nothing fails" "$(in_a timeout 30 ab -q -k -c 32 -n 20000 "http://$B4/small" 2>&1 | awk '/^Failed/ { print $3 }')" 0
eq "ab, a connection each" "$(in_a timeout 30 ab -q -c 32 -n 2000 "http://$B4/small" 2>&1 | awk '/^Failed/ { print $3 }')" 0
for i in 1 2 3 4 5 6; do
	in_a timeout 10 curl -s "http://$B4/big" -o "$LOGS/got$i"
	cmp -s "$LOGS/got$i" "$dir/big" || fail "file $i is whole"
done
both_have "connections over both queues" 200 .counters.passive_opens
stop nginx TERM

# --- killed: only their connections are reset ---
xrun two python3 "$LOGS/two.py" "$B4"
wait_line "$LOGS/two.out" up 20
eq "four of eight processes killed" "$(in_a timeout 20 python3 "$LOGS/peer.py" "$B4" 2>&1)" 'reset alive reset alive reset alive reset alive'
wait_exit two 10

match "more engines than queues" "$(in_b "$XTCP" run -i vb --queues 3 -- true 2>&1)" '^xtcp: --queues 3: vb has 2 receive queues;'
match "no number" "$(in_b "$XTCP" run -i vb --queues x -- true 2>&1)" "--queues: 'x' is no number"
no_xdp vb
