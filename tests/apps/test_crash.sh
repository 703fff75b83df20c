#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Processes of a run die: one takes its own connections with it, one that dies in the middle of a turn those of all; the run goes on.
. "$(dirname "$0")/lib.sh"
need nginx wrk python3
ns_pair
www
nginx_conf 2 on

# --- two processes, one is killed: its peer gets RST, the other's does not ---
cat >"$LOGS/two.py" <<'PY'
import os, socket, sys, time
l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); l.bind((sys.argv[1], 81)); l.listen()
print('up', flush=True)
for n in range(2):
    c, a = l.accept()
    if os.fork() == 0:
        l.close()
        c.sendall(b'%d\n' % os.getpid())
        while True:
            d = c.recv(100)
            if not d: break
            c.sendall(d)
        os._exit(0)
    c.close()
while True: time.sleep(1)
PY
cat >"$LOGS/peer.py" <<'PY'
import os, signal, socket, sys, time
def one():
    s = socket.create_connection((sys.argv[1], 81), 5)
    return s, int(s.makefile().readline())
a, pa = one(); b, pb = one()
time.sleep(0.3) # until all of them sleep: in the middle of a turn it would be the next test
os.kill(pa, signal.SIGKILL)
try:
    print('killed:', repr(a.recv(10)))
except ConnectionResetError:
    print('killed: reset')
b.sendall(b'alive'); print('other:', b.recv(10).decode())
PY
xrun two python3 "$LOGS/two.py" "$B4"
wait_line "$LOGS/two.out" up 20
out=$(in_a timeout 20 python3 "$LOGS/peer.py" "$B4" 2>&1)
match "the peer of a killed process gets RST" "$out" 'killed: reset'
match "... and nobody else" "$out" 'other: alive'
kill "$(pid_of two)"
pkill -P "$(pid_of two)"
wait_exit two 10

# --- killed in the middle of a turn ---
xrun nginx nginx -c "$LOGS/nginx.conf"
wait_open "$B4" 80 20
spawn wrk in_a wrk -t1 -c64 -d20 "http://$B4/small"
for i in $(seq 40); do
	sleep 0.3
	worker=$(pgrep -P "$(cat "$LOGS/nginx.pid")" | head -n 1)
	[ -z "$worker" ] || kill -KILL "$worker"
	! grep -q 'starts anew' "$LOGS/nginx.err" || break
done
match "a worker was killed in the middle of a turn ($i tries)" "$(cat "$LOGS/nginx.err")" 'starts anew'
wait_for "in_a curl -sS -m 2 -o $LOGS/got http://$B4/small" 10
same "... and nginx serves on" "$LOGS/got" "$dir/small"
no_match "... without falling to the kernel" "$(cat "$LOGS/nginx.err")" 'cannot start|has ended'
stop wrk
kill -TERM "$(pid_of nginx)"
wait_exit nginx 10
eq "... and ends" $? 0
no_xdp vb
