#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Processes that end by each way there is, while other threads of theirs are in the middle of turns: only their own connections end. With one
# engine, and with two.
. "$(dirname "$0")/lib.sh"
QUEUES=2 ns_pair
spawn peer in_a "$BUILD/tests/apps/forks" peer "$A4" 7000
wait_listen in_a 7000
ulimit -c 0
kernel=$(in_b timeout 40 "$BUILD/tests/apps/ends" "$A4" 7000 2>&1)
opened=$(opens_b)
for n in 1 2; do
	XRUN_OPTS="--queues $n" xrun ends timeout 40 "$BUILD/tests/apps/ends" "$A4" 7000
	wait_exit ends 45
	eq "--queues $n: processes end" $? 0
	eq "... as on the kernel" "$(cat "$LOGS/ends.out")" "$kernel"
	no_match "... and none in the middle of a turn" "$(cat "$LOGS/ends.err")" 'died in the middle'
done

# --- exec, while another thread sleeps, and watches for all: it does not any more ---
cat >"$LOGS/exec.py" <<'PY'
import os, socket, sys, threading, time
if len(sys.argv) > 2:
    s, worst = socket.socket(fileno=int(sys.argv[2])), 0
    for i in range(5):
        time.sleep(0.05)
        began = time.monotonic()
        s.sendall(b'x')
        s.recv(1)
        worst = max(worst, time.monotonic() - began)
    print(int(worst * 1000))
    sys.exit()
a, b = (socket.create_connection((sys.argv[1], 7000)) for i in range(2))
threading.Thread(target=lambda: a.recv(1), daemon=True).start()
time.sleep(0.2)
b.set_inheritable(True)
os.execv(sys.executable, [sys.executable, *sys.argv, str(b.fileno())])
PY
for n in 1 2; do
	le "--queues $n: what waits after exec is woken, ms" \
		"$(XRUN_OPTS="--queues $n --wait power" x timeout 20 python3 "$LOGS/exec.py" "$A4" 2>&1)" 200
done
eq "all of it went over xtcp" "$(opens_b)" "$opened"
