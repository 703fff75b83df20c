#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The harness itself, kernel to kernel: what later tests blame on the stack is not the relay's doing.
. "$(dirname "$0")/lib.sh"

ns_relay --delay 2 --jitter 1 --loss 1 --dup 1 --reorder 2 --corrupt 1 --rate 400 --seed 7
rand_file "$LOGS/data" 3000000 1
eq "random data follows from its seed" "$(sha "$LOGS/data" | cut -c1-16)" 0ed8e1cbb3fd082d

for addr in "$B4" "$B6"; do
	case $addr in
	*:*) listen="-6" ;;
	*) listen="-4" ;;
	esac
	spawn server in_b sh -c "exec nc $listen -N -l 5000 >'$LOGS/got'"
	wait_listen in_b 5000
	nc_send client in_a "$addr" 5000 "$LOGS/data"
	wait_exit client 40
	eq "the sender to $addr ends" $? 0
	wait_exit server 5
	eq "the receiver on $addr ends" $? 0
	same "data arrives whole at $addr over a bad wire" "$LOGS/data" "$LOGS/got"
done
match "a ping takes twice the delay" "$(in_a ping -c 20 -i 0.02 -W 1 "$B4")" 'time=[4-7]\.'
kill -USR1 "$(pid_of relay)"
not_ok "a black hole lets nothing through" in_a ping -c 1 -W 1 -q "$B4"
kill -USR1 "$(pid_of relay)"
ok "and closes again" in_a ping -c 5 -i 0.02 -W 1 -q "$B4"
no_xdp va
no_xdp rb
stop relay
eq "the relay ends on SIGTERM" $? 0
counts=$(cat "$LOGS/relay.out")
for what in lost duplicated reordered corrupted; do
	match "the relay has $what frames" "$counts" "ab .* $what [1-9]"
done
match "the relay could send every frame" "$counts" "ab .* failed 0"
