#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# xtcp run itself: exit status, signals, what goes where, a second run, bad input, and its own death.
. "$(dirname "$0")/lib.sh"
ns_pair

# --- the program's end is ours ---
x sh -c 'exit 7'
eq "the exit status is the program's" $? 7
x sh -c 'kill -TERM $$' 2>/dev/null
eq "... or 128 and the signal that ended it" $? 143
eq "arguments are the program's own" "$(x echo -i --json -- x 2>&1)" '-i --json -- x'
out=$(x /nonexistent/program 2>&1)
eq "what is not there: 127" $? 127
match "... with a line that says so" "$out" 'cannot run /nonexistent/program'
out=$(x no-such-program-here 2>&1)
eq "... nor in PATH: 1" $? 1
match "... likewise" "$out" 'no program no-such-program-here'
xrun t sh -c 'trap "echo got; exit 3" TERM; echo up; while :; do sleep 0.1; done'
wait_line "$LOGS/t.out" up 10
kill -TERM "$(pid_of t)"
wait_exit t 10
eq "SIGTERM goes on to the program" "$? $(tail -n 1 "$LOGS/t.out")" '3 got'

# A daemon: its parent, the program, has ended.
xrun d sh -c '(trap "echo got; exit 0" TERM; echo up; while :; do sleep 0.1; done) & sleep 0.2; exit 5'
wait_line "$LOGS/d.out" up 10
wait_for "! ps -o comm= --ppid $(pid_of d) | grep -qx sh" 5
sleep 0.1
ok "xtcp run stays as long as anything of the run is left" kill -0 "$(pid_of d)"
kill -TERM "$(pid_of d)"
wait_exit d 10
eq "... which SIGTERM goes on to then, and the status is still the program's" "$? $(tail -n 1 "$LOGS/d.out")" '5 got'
xrun d sh -c '(trap "" HUP; echo up; sleep 0.7) & exit 6'
wait_line "$LOGS/d.out" up 10
sleep 0.2
kill -HUP "$(pid_of d)"
wait_exit d 10
eq "... and it ends with the last of them, a signal or not" $? 6

# Daemons whose parents end at once, heard of or not: on one processor the child is late.
cpu=$(taskset -cp $$ | sed 's/.*: //; s/[,-].*//')
spawn ear in_a socat -u TCP-LISTEN:4100,bind="$A4",reuseaddr,fork OPEN:"$LOGS/heard",creat,append
wait_listen in_a 4100
for i in 1 2 3 4 5 6; do
	x taskset -c "$cpu" python3 -c "
import os, socket, time
if os.fork():
    os._exit(0)
time.sleep(0.1)
socket.create_connection(('$A4', 4100)).sendall(b'x')"
done
wait_for "[ \$(wc -c <\$LOGS/heard) = 6 ]" 5
eq "a run lasts as long as daemons that had only been forked when the program ended" "$(cat "$LOGS/heard")" xxxxxx
stop ear

# --- what goes where ---
cat >"$LOGS/where.py" <<'PY'
import socket, sys
l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); l.bind(('', 4000)); l.listen()
print('up', flush=True)
for i in range(2):
    c, a = l.accept()
    c.sendall(a[0].encode() + b'\n')
    c.close()
PY
xrun w python3 "$LOGS/where.py"
wait_line "$LOGS/w.out" up 10
before=$(opens_b)
eq "a listener on a wildcard address: the interface" "$(in_a nc -w 2 "$B4" 4000 </dev/null)" "$A4"
eq "... by xtcp" "$(opens_b)" "$before"
eq "... and loopback, by the kernel" "$(in_b nc -w 2 127.0.0.1 4000 </dev/null)" 127.0.0.1
wait_exit w 10
eq "... both were accepted" $? 0
spawn k in_a socat TCP-LISTEN:4001,bind="$A4",reuseaddr,fork SYSTEM:'echo hello'
wait_listen in_a 4001
before=$(opens_b)
eq "a connection through the interface" "$(x nc -w 2 "$A4" 4001 </dev/null)" hello
eq "... goes over xtcp" "$(opens_b)" "$before"
eq "--exclude leaves it to the kernel" "$(XRUN_OPTS="--exclude $A4:4001" x nc -w 2 "$A4" 4001 </dev/null)" hello
eq "... and so it did" "$(opens_b)" $((before + 1))
eq "--port of another port, too" "$(XRUN_OPTS="--port 80" x nc -w 2 "$A4" 4001 </dev/null)" hello
eq "... so it did" "$(opens_b)" $((before + 2))
eq "--port of this one does not" "$(XRUN_OPTS="--port 4001" x nc -w 2 "$A4" 4001 </dev/null)" hello
eq "... so it did not" "$(opens_b)" $((before + 2))
eq "XTCP_EXCLUDE" "$(XTCP_EXCLUDE="80,$A4/24:4001" x nc -w 2 "$A4" 4001 </dev/null)" hello
eq "... leaves it to the kernel" "$(opens_b)" $((before + 3))
eq "XTCP_PORT of one program" "$(x sh -c "XTCP_PORT=80 nc -w 2 $A4 4001; nc -w 2 $A4 4001" </dev/null | paste -s)" $'hello\thello'
eq "... leaves its own to the kernel, and no other's" "$(opens_b)" $((before + 4))
match "a bad one" "$(XTCP_PORT=80,x x true 2>&1)" "^xtcp: XTCP_PORT: 'x' is none of PORT, ADDR, ADDR/LEN, ADDR:PORT$"
match "... that a program has" "$(x env XTCP_EXCLUDE=y true 2>&1)" "^xtcp: this program is left to the kernel: XTCP_EXCLUDE: 'y' is none of"
names() {
	nm -D --defined-only "$1" | awk '{ sub("@.*", "", $3); print $3 }' | sort -u
}
libc=$(ldd "$BUILD/libxtcp-preload.so" | awk '/libc\.so/ { print $3 }')
eq "the library shadows names of the C library, and no others" "$(comm -23 <(names "$BUILD/libxtcp-preload.so") <(names "$libc"))" ''
for bad in '--port x' '--exclude 10.9.0.1/99' '--exclude ::1:' '--fallback maybe'; do
	out=$(XRUN_OPTS=$bad x true 2>&1)
	eq "$bad: usage" $? 2
	match "... one line" "$out" "^xtcp: run: ${bad%% *}: .*$"
done

# --- a descriptor that is passed on ---
cat >"$LOGS/pass.py" <<'PY'
import array, os, socket, sys
up, down = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
if os.fork() == 0: # has never had the connection
    up.close()
    msg, anc, flags, addr = down.recvmsg(10, socket.CMSG_SPACE(4))
    c = socket.socket(fileno=array.array('i', anc[0][2])[0])
    c.sendall(c.recv(100).upper())
    c.close()
    os._exit(0)
down.close()
c = socket.create_connection((sys.argv[1], 4002), 5)
c.settimeout(None) # blocking, for the one who gets it, too
up.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [c.fileno()]))])
c.close()
os.wait()
PY
spawn e in_a sh -c "(echo hello; sleep 1) | nc -l -w 3 $A4 4002"
wait_listen in_a 4002
before=$(opens_b)
x python3 "$LOGS/pass.py" "$A4"
wait_exit e 10
eq "SCM_RIGHTS passes a connection on" "$(cat "$LOGS/e.out")" HELLO
eq "... of xtcp's" "$(opens_b)" "$before"

# --- a second run, and none at all ---
xrun first sleep 100
wait_for "in_b ip link show vb | grep -q prog/xdp" 10
out=$(x true 2>&1)
eq "a second run on the interface fails" $? 1
match "... and says who has it, and what to do" "$out" "process $(pid_of first)\) is on vb already.*stop it: kill $(pid_of first)\$"
eq "... or goes on without it, if asked to" "$(XRUN_OPTS='--fallback kernel' x echo on 2>/dev/null)" on
stop first TERM

# --- the death of xtcp run itself ---
cat >"$LOGS/last.py" <<'PY'
import socket, sys
c = socket.create_connection((sys.argv[1], 4003), 5)
print('up', flush=True)
try:
    c.recv(1)
    print('data?', flush=True)
except OSError as e:
    print('ended', e.errno, flush=True)
PY
spawn s in_a sh -c "sleep 20 | nc -l $A4 4003"
wait_listen in_a 4003
cat >"$LOGS/cc.py" <<'PY'
import socket, sys
s = socket.socket()
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b'reno')
s.connect((sys.argv[1], 4004))
print(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b'\0').decode())
PY
spawn cc in_a sh -c "sleep 5 | nc -l $A4 4004"
wait_listen in_a 4004
eq "a congestion control that was chosen before connect()" "$(x python3 "$LOGS/cc.py" "$A4" 2>&1)" reno
xrun last python3 "$LOGS/last.py" "$A4"
wait_line "$LOGS/last.out" up 10
kill -KILL "$(pid_of last)"
wait_line "$LOGS/last.out" ended 5
match "kill -9 of xtcp run: its programs are told" "$(cat "$LOGS/last.out")" 'ended 5'
cat >"$LOGS/again.py" <<'PY'
import select, socket, sys, time
e = select.epoll(); s = socket.create_connection((sys.argv[1], 4100)); e.register(s, select.EPOLLIN)
print('up', flush=True)
told = 0
until = time.monotonic() + 10
while time.monotonic() < until:
    try:
        e.poll(10)
    except OSError:
        until = until if told else time.monotonic() + 0.5
        told += 1
print('told', told)
PY
spawn ear in_a socat -u TCP-LISTEN:4100,bind="$A4",reuseaddr OPEN:/dev/null
wait_listen in_a 4100
xrun again python3 "$LOGS/again.py" "$A4"
wait_line "$LOGS/again.out" up 10
kill -KILL "$(pid_of again)"
wait_line "$LOGS/again.out" told 12
le "... one that asks again and again is told" 2 "$(sed -n "s/told //p" "$LOGS/again.out")"
le "... and does not fill its processor with that" "$(sed -n "s/told //p" "$LOGS/again.out")" 60
wait_for '! in_b ip link show vb | grep -q prog/xdp' 5
no_xdp vb
