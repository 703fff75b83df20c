#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# doctor on a veth, with and without privileges; attach, status, detach, and an engine on an attached half.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

ns_pair
x() {
	in_b "$XTCP" "$@"
}

out=$(x doctor -i vb 2>&1)
eq "doctor finds vb fit" $? 0
for what in kernel privileges AF_XDP 'XDP program' bpffs vb MTU; do
	match "... says something of $what" "$out" "$what"
done
no_match "... without a complaint" "$out" '^ *(bad|BAD|FAIL)'
ok "doctor --json is JSON" jq -e 'length > 0' <<<"$(x doctor -i vb --json)"
ok "doctor without an interface" x doctor
out=$(x doctor -i nothere 2>&1)
eq "doctor of an interface that is not there: exit code 1" $? 1
match "... names it" "$out" nothere
chmod 711 "$LOGS"
cp "$XTCP" "$LOGS/xtcp"
out=$(in_b setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$LOGS/xtcp" doctor -i vb 2>&1)
eq "doctor as nobody: exit code 1" $? 1
match "... and how to mend it" "$out" 'CAP_NET_ADMIN'
no_xdp vb

match "status before anything" "$(x status)" 'no interface'
out=$(x attach -i vb)
eq "attach" $? 0
match "... says where it is pinned" "$out" '^vb: attached in native mode, program id [0-9]+, pinned in /sys/fs/bpf/xtcp/vb'
dir=${out##* }
match "... and it outlives the command" "$(in_b ip link show dev vb)" xdp
match "status shows it" "$(x status)" '^vb: native mode'
eq "status --json has its counters" \
	"$(x status -i vb --json | jq -c '.[0] | [.interface, .mode, (.counters | has("redirect_tcp"))]')" '["vb","native",true]'
in_a ping -q -c 3 -i 0.02 -W 2 "$B4" >/dev/null
ok "the kernel's traffic passes" in_a ping -q -c 2 -i 0.02 -W 2 "$B6"
match "... and is counted" "$(x status -i vb)" 'pass_'
ok "bpftool reads the pinned map" in_b bpftool map dump pinned "$dir/stats"
text=$(x attach -i vb 2>&1)
eq "attach again: exit code 1" $? 1
match "... says that it is there" "$text" '^xtcp: .*attached already'

# An engine adopts what is attached, and leaves it.
x_server e echo -p 7000
eq "echo on an attached half" "$(in_a $PEER echo "$B4" 7000 20 10000 2>&1)" '20 connections 0 failed'
eq "detach under it: exit code 1" "$(x detach -i vb >/dev/null 2>&1; echo $?)" 1
stop e INT
eq "... SIGINT ends it well" $? 0
match "... and the half stays" "$(x status -i vb)" 'pinned in'
x_server e echo -p 7000
kill -KILL "$(pid_of e)"
wait_exit e 2
x_server e echo -p 7001
eq "after kill -9 another adopts it" "$(in_a $PEER echo "$B4" 7001 5 1000 2>&1)" '5 connections 0 failed'
match "... and the dead one's port is the kernel's again" "$(in_a $PEER connect-bound 0.0.0.0 0 "$B4" 7000)" ECONNREFUSED
stop e INT
eq "detach: exit code 0" "$(x detach -i vb 2>&1; echo $?)" 0
no_xdp vb
no_pins "... no pins"
text=$(x detach -i vb 2>&1)
eq "detach again: exit code 1" $? 1
match "... says that nothing is there" "$text" '^xtcp: nothing of xtcp is attached to vb'
out=$(x attach -i vb --mode generic)
match "attach in generic mode" "$out" 'generic mode'
x_server e echo -p 7000
eq "echo on it" "$(in_a $PEER echo "$B6" 7000 20 10000 2>&1)" '20 connections 0 failed'
stop e INT
ok "detach" x detach -i vb
no_xdp vb
