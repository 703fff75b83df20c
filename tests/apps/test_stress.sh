#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# More processes with epoll instances than a run has room for at a time, one after the other; signal handlers that call on the socket
# which the call they interrupt is about; sockets that are closed while another thread listens or connects.
. "$(dirname "$0")/lib.sh"
need socat
QUEUES=2 ns_pair
stress=$BUILD/tests/apps/stress
spawn peer in_a socat "TCP-LISTEN:7000,bind=$A4,reuseaddr,fork" PIPE
wait_listen in_a 7000
eq "2,500 processes, each with an epoll instance" "$(x timeout 60 "$stress" epolls "$A4" 7000 2500 2>&1)" 'done'
out=$(x timeout 60 "$stress" many "$A4" 7000 600 2>&1)
match "600 processes at a time: those past 512 say that they have nothing of ours" "$out" 'room for 512 at a time'
eq "... and all others go on" "$(tail -n 1 <<<"$out")" 'done'
for wait in balanced power latency; do
	eq "handlers that call on the socket, --wait $wait" \
		"$(XRUN_OPTS="--wait $wait" x timeout 30 "$stress" handler "$A4" 7000 3000 2>&1)" 'done'
done
for n in 1 2; do
	eq "closed while it listens, or connects, --queues $n" \
		"$(XRUN_OPTS="--queues $n" x timeout 30 "$stress" race "$A4" 7000 3000 2>&1)" 'done'
done
on_xtcp
