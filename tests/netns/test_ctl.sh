#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# ctl on a real veth pair: attach and detach, pins and their keeper, addresses, links, neighbours, routes, reserved ports.
. "$(dirname "$0")/lib.sh"

CHECK=$BUILD/tests/netns/ctl_check
PINS=/sys/fs/bpf/xtcp
[ -x "$CHECK" ] || { fail "ctl_check is built" "$CHECK"; exit 1; }

# Hold an interface: hold NAME in_a IFACE [MODE]; then `say NAME LINE` gives it a command and prints the answer.
declare -A pipe=()
hold() {
	local name=$1 fd
	mkfifo "$LOGS/$name.cmd" 2>/dev/null
	exec {fd}<>"$LOGS/$name.cmd"
	pipe[$name]=$fd
	spawn "$name" "$2" "$CHECK" "${@:3}" <"$LOGS/$name.cmd"
	wait_line "$LOGS/$name.out" '^open' 5
}
say() {
	local name=$1 out=$LOGS/$1.out before
	before=$(wc -l <"$out")
	echo "${*:2}" >&"${pipe[$name]}"
	wait_for "tail -n +$((before + 1)) $out | grep -q ^done" 5 || echo "no answer"
	tail -n +$((before + 1)) "$out" | grep -v '^done'
}
declare -A from=() # events are looked for from this line on
mark() {
	from[$1]=$(($(wc -l <"$LOGS/$1.out") + 1))
}
news() { # WHAT NAME REGEX [SECONDS]: the event comes
	if wait_for "tail -n +${from[$2]:-1} $LOGS/$2.out | grep -qE -- $(printf %q "$3")" "${4:-3}"; then
		pass "$1"
	else
		fail "$1" "no /$3/"
	fi
}
pins_of() {
	sed -nE 's/^open .* pins ([^ ]+).*/\1/p' "$LOGS/$1.out"
}
pinned_id() {
	bpftool -j prog show pinned "$1/prog" 2>/dev/null | jq .id
}
has_xdp() {
	"$1" ip -d link show dev "$2" | grep -q 'prog/xdp'
}
mac_of() {
	"$1" ip -j link show dev "$2" | jq -r '.[0].address'
}
no_pins() { # the directory is gone, or is another program's by now
	local id=${2:-}
	wait_for "! [ -e $1 ] || { [ -n '$id' ] && [ \"\$(pinned_id $1)\" != '$id' ]; }" 3
}

ns_pair
# Pins carry the interface's name; another test's va may be alive, so the directory is asked for, not assumed.
hold one in_a va native
match "attaches in native mode" "$(cat "$LOGS/one.out")" '^open native driver veth queues 1 virtual pins /sys/fs/bpf/xtcp/va'
dir=$(pins_of one)
id=$(pinned_id "$dir")
ok "the program is on the interface" has_xdp in_a va
eq "program and maps are pinned" "$(cd "$dir" && ls -I flow_table | tr '\n' ' ')" "addrs events flows ports prog stats xsks "
why=$("$XTCP" doctor 2>/dev/null | sed -n 's/^note  flow table iterator *//p')
if [ -z "$why" ]; then
	ok "the flow table can be read by cat" cat "$dir/flow_table"
else
	skip_one "the flow table can be read by cat" "$why"
fi
match "the addresses are reported" "$(cat "$LOGS/one.out")" "event addr added $A4 index 0"
match "the IPv6 addresses too" "$(cat "$LOGS/one.out")" "event addr added $A6 index"
eq "the link's MTU and MAC are reported" "$(sed -n 's/^event link //p' "$LOGS/one.out" | head -n 1)" \
	"mtu 1500 mac $(mac_of in_a va) up"

# --- The keeper ---
keeper=$(pgrep -P "$(pid_of one)" -x xtcp-keeper)
kill -TERM "$keeper"
kill -INT "$keeper"
kill -HUP "$keeper"
sleep 0.05
ok "the keeper of the pins ignores TERM, INT and HUP" kill -0 "$keeper"
eq "it holds two descriptors" "$(find "/proc/$keeper/fd" -mindepth 1 | wc -l)" 2
eq "it holds no shared mapping" "$(awk '$2 ~ /s$/' "/proc/$keeper/maps" | wc -l)" 0

# --- One xtcp per interface ---
match "a second xtcp is refused, and told who is there" "$(in_a "$CHECK" va)" \
	"^open error 16 another xtcp \(process $(pid_of one)\) is on va already.*stop it: kill $(pid_of one)\$"
# Nobody answers who it is: then it is not "process 0", whom one had better not kill.
spawn crowd in_a python3 -c '
import socket, sys, time
held = []
try:
    while len(held) < 10000:
        s = socket.socket(socket.AF_UNIX); s.setblocking(False)
        s.connect("\0xtcp/" + sys.argv[1]); held.append(s)
except BlockingIOError:
    print("full", flush=True)
time.sleep(60)' "$(in_a cat /proc/net/unix | sed -n 's,.*@xtcp/,,p' | head -n 1)"
wait_line "$LOGS/crowd.out" full 10
match "... or where to look, if that cannot be seen" "$(in_a "$CHECK" va)" \
	'^open error 16 another xtcp is on va already.*stop it: ss -xlp .*@xtcp/[0-9]+$'
stop crowd KILL

# --- Neighbours, of a peer that has been silent ---
in_a ip neigh flush dev va
in_b ip neigh flush dev vb
b_mac=$(mac_of in_b vb)
resolves() { # WHAT ADDR
	local got
	got=$(say one neigh "$2" | grep '^neigh')
	case $got in
	"neigh $2 $b_mac") pass "$1" ;;
	"neigh $2 error 11"*) news "$1" one "^event neigh $2 $b_mac" ;;
	*) fail "$1" "$got" ;;
	esac
}
resolves "an IPv4 neighbour is resolved" $B4
resolves "an IPv6 neighbour is resolved" $B6
match "then known at once" "$(say one neigh $B4)" "^neigh $B4 $b_mac"
match "a neighbour that is not there is waited for" "$(say one neigh 10.9.0.77)" 'error 11'
match "in IPv6 too" "$(say one neigh fd09::77)" 'error 11'
in_a ip neigh replace $B4 lladdr 02:00:00:00:00:99 dev va nud reachable
news "a neighbour's new MAC is reported" one "^event neigh $B4 02:00:00:00:00:99"
in_a ip neigh replace $B4 lladdr "$b_mac" dev va nud stale
news "and its return" one "^event neigh $B4 $b_mac"
match "a stale neighbour is usable" "$(say one neigh $B4)" "^neigh $B4 $b_mac"
confirms() { # the kernel is poked at most once a second
	say one neigh $B4 >/dev/null
	! in_a ip neigh show $B4 dev va | grep -q STALE
}
ok "using it has the kernel confirm it" wait_for confirms 3
mark one
in_a ip neigh del $B4 dev va
news "a neighbour that goes is reported" one "^event neigh $B4 none"
resolves "and resolved again when asked for" $B4

# --- Addresses ---
in_a sysctl -qw net.ipv6.conf.va.accept_dad=1 net.ipv6.conf.va.dad_transmits=1
in_a ip address add fd09::55/64 dev va
in_a ip address add 10.9.0.55/24 dev va
news "an added address is reported" one 'event addr added 10.9.0.55 index [0-9]+'
match "a tentative one is not yet" "$(grep -c fd09::55 "$LOGS/one.out")" '^0$'
eq "and is in the map" "$(bpftool -j map dump pinned "$dir/addrs" | jq length)" \
	"$(in_a ip -j address show dev va | jq '[.[0].addr_info[] | select(.tentative | not)] | length')"
in_a ip address del 10.9.0.55/24 dev va
news "a removed address is reported" one 'event addr removed 10.9.0.55 index'
news "the tentative one once it may be used" one 'event addr added fd09::55' 5

# --- The link ---
in_a ip link set dev va mtu 1400
news "a new MTU is reported" one '^event link mtu 1400 .* up$'
in_a ip link set dev va address 02:00:00:00:00:11
news "a new MAC is reported" one '^event link mtu 1400 mac 02:00:00:00:00:11'
in_b ip link set dev vb down
news "carrier lost is reported" one '^event link .* down$'
in_b ip link set dev vb up
in_b ip address replace $B6/64 dev vb nodad
wait_line "$LOGS/one.out" '^event link .* up$' 2

# --- Routes ---
in_a ip link add vx type veth peer name vy
in_a ip address add 203.0.113.1/24 dev vx
in_a ip link set vx up
in_a ip link set vy up
in_a ip address replace $A6/64 dev va nodad
mark one
in_a ip route add 198.51.100.0/24 via $B4 mtu 1300 initcwnd 7
in_a ip route add unreachable 192.0.2.0/25
in_a ip route add blackhole 192.0.2.128/25
in_a ip -6 route add fd55::/64 via $B6
news "changed routes are reported" one '^event routes'
match "a route on link" "$(say one route $B4)" "src $A4 hop $B4 mtu 0"
match "in IPv6" "$(say one route $B6)" "src fd09::[0-9]+ hop $B6"
match "through a gateway, with its metrics" "$(say one route 198.51.100.9)" "src $A4 hop $B4 mtu 1300 initcwnd 7"
match "through an IPv6 gateway" "$(say one route fd55::9)" "hop $B6"
match "to a link-local address" "$(say one route fe80::1234)" 'src fe80::[0-9a-f:]+ hop fe80::1234'
match "through another interface: its name is told" "$(say one route 203.0.113.9)" 'error 113 .* reached through vx, not va'
match "to ourselves" "$(say one route $A4)" "error 113 $A4 is an address of this host"
match "no route" "$(say one route 8.8.8.8)" 'error 101 no route to 8.8.8.8'
match "an unreachable route" "$(say one route 192.0.2.1)" 'error 113 '
match "a blackhole" "$(say one route 192.0.2.200)" 'error 101 '

# --- Ports ---
listens() { # nc would go on listening, so 124 says that it could
	in_a timeout 0.1 nc "$@" >/dev/null 2>&1 </dev/null
	[ $? = 124 ]
}
match "a port is reserved" "$(say one reserve $A4 4000)" 'got 4000'
not_ok "a local program cannot bind it" listens -l $A4 4000
not_ok "nor bind it on all addresses" listens -l 4000
ok "another port is free" listens -l $A4 4001
say one reserve $A4 4000 >/dev/null
say one release $A4 4000 >/dev/null
not_ok "a reservation is counted" listens -l $A4 4000
say one release $A4 4000 >/dev/null
ok "and given back" listens -l $A4 4000
match "in IPv6 too" "$(say one reserve $A6 4000)" 'got 4000'
not_ok "and held there" listens -l $A6 4000
ll=$(in_a ip -j address show dev va | jq -r '.[0].addr_info[] | select(.scope == "link") | .local')
match "on a link-local address" "$(say one reserve "$ll" 4002)" 'got 4002'
nc_serve taken in_a 4005
match "a port another program has" "$(say one reserve $A4 4005)" \
	"error 98 port 4005 on $A4 is taken by another program"
match "port 0: one of the ephemeral range" "$(say one reserve $A4 0)" 'got (3[2-9]|[45][0-9]|60)[0-9]{3}$'
match "an address that is not here" "$(say one reserve 10.9.0.200 80)" 'error 99 '
in_a sysctl -qw net.ipv4.ip_local_port_range='40000 40001'
say one reserve $A4 40000 >/dev/null
eq "the kernel passes over it" "$(in_a python3 -c "
import socket
s = socket.socket()
s.setblocking(False)
s.connect_ex(('$B4', 9))
print(s.getsockname()[1])")" 40001

# --- Steering ---
say one steer 0 4100 1 >/dev/null
in_b nc -z -w 1 $A4 4100
match "a steered port without a socket goes on to the kernel" "$(say one stats)" 'no_socket [1-9]'
from[one]=1
news "a neighbour that does not answer is reported" one '^event neigh 10.9.0.77 none' 5
news "in IPv6 too" one '^event neigh fd09::77 none' 5
match "and remembered" "$(say one neigh fd09::77)" 'error (113 fd09::77 does not answer|11)'

# --- News that overflow ---
mark one
kill -STOP "$(pid_of one)"
for ((i = 0; i < 6000; i++)); do
	echo "route add 100.64.$((i / 250)).$((i % 250)) via $B4"
done >"$LOGS/batch"
in_a ip -batch "$LOGS/batch"
in_a ip address add 10.9.0.66/24 dev va
in_a ip link set dev va mtu 1450
kill -CONT "$(pid_of one)"
news "after an overflow the addresses are asked again" one 'event addr added 10.9.0.66'
news "and the link" one 'event link mtu 1450'

# --- The same name in another namespace ---
in_b ip link add va type veth peer name vz
in_b ip link set va up
hold other in_b va
other=$(pins_of other)
other_id=$(pinned_id "$other")
match "the same interface name in another namespace has pins" "$other" "^$PINS/va@$(in_b stat -Lc %i /proc/self/ns/net)$|^$PINS/va$"
not_ok "of its own" [ "$other" = "$dir" ]

# --- kill -9 ---
kill -9 "$(pid_of one)"
wait_exit one 2 2>/dev/null
ok "after kill -9 no program is left" wait_for '! has_xdp in_a va' 2
ok "and no pins" no_pins "$dir" "$id"
ok "and the reserved port is free" listens -l $A6 4000
ok "the other namespace's pins are still there" test -e "$other/prog"
stop other
ok "until it ends" no_pins "$other" "$other_id"

# --- kill -9 and a start at once, many times ---
bad=0
for i in 1 2 3 4 5; do
	hold "again$i" in_a va
	grep -q '^open native .* pins /sys' "$LOGS/again$i.out" || bad=$((bad + 1))
	grep -q adopted "$LOGS/again$i.out" && bad=$((bad + 1))
	kill -9 "$(pid_of "again$i")"
done
hold last in_a va
dir=$(pins_of last)
id=$(pinned_id "$dir")
sleep 0.2
eq "a start right after kill -9 works and keeps its pins" "$bad $(ls "$dir/prog")" "0 $dir/prog"
keeper=$(pgrep -P "$(pid_of last)" -x xtcp-keeper)
kill -9 "$keeper" "$(pid_of last)"
wait_exit last 2 2>/dev/null
ok "with the keeper killed too, pins stay" test -e "$dir/prog"
hold heir in_a va generic
match "and the next one removes them; generic mode" "$(cat "$LOGS/heir.out")" "^open generic .* pins $PINS/va"
[ "$(pins_of heir)" = "$dir" ] || ok "under its other name" no_pins "$dir" "$id"
dir=$(pins_of heir)
id=$(pinned_id "$dir")
echo quit >&"${pipe[heir]}"
wait_exit heir 3
eq "an orderly end" $? 0
not_ok "leaves no program" has_xdp in_a va
not_ok "and no pins" [ "$(pinned_id "$dir")" = "$id" ] # another test may have taken the name meanwhile

# --- Other programs on the hook, other drivers ---
printf '#define S __attribute__((section("xdp"), used))\nS int theirs(void *c) { return 2; }\n' >"$LOGS/theirs.c"
theirs=/sys/fs/bpf/theirs-$$
if clang -O2 -g -target bpf -c "$LOGS/theirs.c" -o "$LOGS/theirs.o" 2>/dev/null &&
	bpftool prog load "$LOGS/theirs.o" "$theirs" type xdp 2>/dev/null; then
	in_a bpftool net attach xdpdrv pinned "$theirs" dev va
	rm "$theirs"
	match "another program on the interface is named" "$(in_a "$CHECK" va)" \
		'^open error 16 va already has an XDP program \(id [0-9]+, name theirs\)'
	in_a ip link set dev va xdp off
fi
in_a ip link add br0 type bridge
in_a ip link set br0 up
match "a driver without native XDP: generic, and why" "$(echo quit | in_a "$CHECK" br0)" \
	'^open generic .* why driver bridge has no native XDP'
match "and a clear refusal when native is asked for" "$(in_a "$CHECK" br0 native)" \
	'^open error 95 driver bridge has no native XDP .*--mode generic'
match "no such interface" "$(in_a "$CHECK" nosuch0)" "^open error 19 no interface 'nosuch0'"

# --- xtcp attach, status, detach ---
if [ -x "$XTCP" ]; then
	match "xtcp attach" "$(in_a "$XTCP" attach -i va)" '^va: attached in native mode'
	match "xtcp status" "$(in_a "$XTCP" status)" '^va: native mode, .* pinned in /sys/fs/bpf/xtcp/va'
	eq "xtcp status --json" "$(in_a "$XTCP" status -i va --json | jq -r '.[0] | .interface, .pinned' | xargs)" "va true"
	dir=$(in_a "$XTCP" status --json | jq -r '.[0].pins')
	id=$(pinned_id "$dir")
	in_a "$XTCP" attach -i va 2>"$LOGS/twice.err"
	eq "a second attach fails" $? 1
	match "with one line" "$(cat "$LOGS/twice.err")" '^xtcp: va is attached already'
	hold adopter in_a va
	match "a pinned program is adopted" "$(cat "$LOGS/adopter.out")" '^open native .* adopted'
	say adopter steer 0 4200 1 >/dev/null
	in_a "$XTCP" detach -i va 2>"$LOGS/detach.err"
	eq "and cannot be detached meanwhile" $? 1
	kill -9 "$(pid_of adopter)"
	wait_exit adopter 2 2>/dev/null
	ok "it survives its adopter" has_xdp in_a va
	hold adopter2 in_a va
	eq "whose ports the next one clears" "$(bpftool -j map lookup pinned $dir/ports key 104 16 0 0 | jq -c .formatted.value.owned)" 0
	stop adopter2
	ok "xtcp detach" in_a "$XTCP" detach -i va
	ok "takes the program away" wait_for '! has_xdp in_a va' 2
	ok "and the pins" no_pins "$dir" "$id"
	in_a "$XTCP" detach -i va 2>/dev/null
	eq "nothing to detach is a failure" $? 1
	in_a "$XTCP" doctor -i va >"$LOGS/doctor.txt"
	eq "xtcp doctor finds that all can run" $? 0
	match "native XDP was tried" "$(cat "$LOGS/doctor.txt")" '^ok +XDP native +attaches'
	in_a "$XTCP" doctor -i nosuch0 >/dev/null 2>&1
	eq "and fails on an interface that is not there" $? 1
	in_a "$XTCP" doctor -i va --json | jq -e .can_run >/dev/null
	eq "xtcp doctor --json" $? 0
	no_xdp va
fi

# --- The interface goes ---
hold gone in_a va
dir=$(pins_of gone)
id=$(pinned_id "$dir")
in_a ip link del va
news "removal is reported" gone '^event link .* gone'
news "and ends it" gone '^gone interface va has been removed'
wait_exit gone 3
eq "in good order" $? 0
ok "without leaving pins" no_pins "$dir" "$id"
