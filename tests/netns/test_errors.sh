#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Bad input: one clear line on stderr, the right exit code, nothing on stdout, nothing left on the interface.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

ns_pair
chmod 711 "$LOGS"

# bad CODE REGEX ARG...: xtcp ARG... in B; AS: what to put in front of it.
bad() {
	local code=$1 regex=$2 rc text what="xtcp ${*:3}"
	shift 2
	# shellcheck disable=SC2086
	in_b timeout 10 ${AS:-} "$XTCP" "$@" >"$LOGS/bad.out" 2>"$LOGS/bad.err" </dev/null
	rc=$?
	text=$(cat "$LOGS/bad.err")
	if [ $rc != "$code" ]; then
		fail "$what" "exit code $rc, wanted $code: '${text:0:300}'"
	elif [ "$(wc -l <"$LOGS/bad.err")" != 1 ] || ! grep -qE -- "^xtcp: .*($regex)" <<<"$text"; then
		fail "$what" "wanted one line /^xtcp: .*($regex)/: '${text:0:600}'"
	elif [ -s "$LOGS/bad.out" ]; then
		fail "$what" "something on stdout: '$(head -c 200 "$LOGS/bad.out")'"
	else
		pass "$what: ${text#xtcp: }"
	fi
}

# Usage: 2.
bad 2 'no command given'
bad 2 "no command 'lisen'" lisen
bad 2 "no option '--swift'" listen -i vb --swift 7000
bad 2 "no option '-x'" connect -i vb -x 10.9.0.1:1
bad 2 '-i .*needed' listen 7000
bad 2 '-p .*needed' echo -i vb
bad 2 'needs a value' echo -i vb -p
bad 2 'argument is missing' listen -i vb
bad 2 'argument is missing' serve -i vb -p 80
bad 2 'too many arguments' listen -i vb 7000 7001
bad 2 'port' listen -i vb 0x10
bad 2 'port' listen -i vb 65536
bad 2 'port' listen -i vb -- -1
bad 2 'port' echo -i vb -p 0
bad 2 'port' connect -i vb 10.9.0.1:
bad 2 'port' connect -i vb 10.9.0.1:http
bad 2 'address' connect -i vb 10.9.0.256:80
bad 2 'bracket' connect -i vb fd09::1:80
bad 2 'ADDR' connect -i vb 7000
bad 2 'address' connect -i vb '[fd09::zz]:80'
bad 2 'address' echo -i vb -p 80 -a nonsense
bad 2 'auto, native, generic' listen -i vb --mode turbo 7000
bad 2 'isn' listen -i vb --isn 4294967296 7000
bad 2 'isn' listen -i vb --isn abc 7000
bad 2 'size from 4K to 1G' listen -i vb --rcvbuf 64MB 7000
bad 2 'size from 4K to 1G' connect -i vb --sndbuf 2G 10.9.0.1:1
bad 2 'pcap' listen -i vb --pcap - 7000
bad 2 'no option' status --isn 3

# Things that are not there: 1.
bad 1 "no interface 'nothere'" listen -i nothere 7000
bad 1 "no interface" attach -i nothere
bad 1 "no interface" status -i nothere
bad 1 "no interface.*15 characters" echo -i averyveryverylongname -p 7
bad 1 'no-such-dir' serve -i vb -p 80 "$LOGS/no-such-dir"
bad 1 '/nowhere/x.pcap' listen -i vb --pcap /nowhere/x.pcap 7000
bad 1 'address' listen -i vb 10.9.0.77:7000
bad 1 'route' connect -i vb 192.0.2.1:80
bad 1 'another host' connect -i vb "$B4:80"
bad 1 'multicast' connect -i vb 224.0.0.1:80
bad 1 'broadcast' connect -i vb 10.9.0.255:80
bad 1 "no congestion control 'cubicle'; there is: reno, cubic" listen -i vb --cc cubicle 7000
bad 1 'nothing of xtcp' detach -i vb
# Huge pages, as the kernel has been told.
if grep -qE '\[(never|deny)\]' /sys/kernel/mm/transparent_hugepage/shmem_enabled; then
	bad 1 'no huge pages.*echo advise' echo -i vb -p 7000 --huge-pages
else
	spawn x in_b "$XTCP" echo -i vb -p 7000 --huge-pages
	x_ready x
	ok "with --huge-pages it runs"
	stop x INT
fi
# Permissions.
cp "$XTCP" "$LOGS/xtcp"
chmod 755 "$LOGS/xtcp"
root=$XTCP
XTCP=$LOGS/xtcp
nobody='setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all'
AS=$nobody bad 1 'permi' listen -i vb 7000
AS=$nobody bad 1 'permi' connect -i vb 10.9.0.1:7000
AS=$nobody bad 1 'permi' attach -i vb
AS=$nobody bad 1 "no interface" listen -i nothere 7000
# With just the capabilities it names, and leave to lock memory, it runs; without one of them it says so.
just() {
	echo "setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all,$1 --inh-caps=$1 --ambient-caps=$1"
}
AS=$(just +net_admin,+net_raw,+bpf) bad 1 'not permitted.*CAP_PERFMON' listen -i vb 7000
little="prlimit --memlock=1000000:1000000 $(just +net_admin,+net_raw,+bpf,+perfmon)"
AS=$little bad 1 'ulimit -l' listen -i vb 7000
# shellcheck disable=SC2086
match "... and doctor knows" "$(in_b $little "$XTCP" doctor -i vb 2>&1)" '^bad +locked memory'
# shellcheck disable=SC2046
spawn x in_b $(just +net_admin,+net_raw,+bpf,+perfmon,+ipc_lock) "$XTCP" echo -i vb -p 7000
x_ready x
eq "with these capabilities, as nobody, it runs" "$(in_a $PEER echo "$B4" 7000 5 1000 2>&1)" '5 connections 0 failed'
stop x INT
eq "... and ends well" $? 0
XTCP=$root
no_xdp vb

# Done without: bpffs, where it cannot be mounted; XDP in the driver, where there is none.
spawn x in_b unshare -m sh -c "umount /sys/fs/bpf; exec setpriv --bounding-set=-sys_admin --inh-caps=-all '$XTCP' echo -i vb -p 7000"
x_ready x
eq "without bpffs it runs" "$(in_a $PEER echo "$B4" 7000 5 1000 2>&1)" '5 connections 0 failed'
stop x INT
eq "... and ends well" $? 0
bad 1 'no native XDP.*lo.*--mode generic' listen -i lo --mode native 7000
spawn x in_b "$XTCP" echo -i lo -p 7000
x_ready x
match "auto falls back, and says so" "$(cat "$LOGS/x.err")" '^xtcp: lo: fell back to generic XDP: .'
stop x TERM
eq "... and ends well" $? 0
no_xdp vb

# Taken.
x_server first echo -p 7000
bad 1 "another xtcp.*$(pid_of first).*vb" echo -i vb -p 7001
bad 1 'another xtcp' listen -i vb 7000
bad 1 'another xtcp' connect -i vb 10.9.0.1:7000
bad 1 'another xtcp|attached already' attach -i vb
ok "the first goes on working" in_a $PEER echo "$B4" 7000 3 1000
stop first INT
eq "... and ends well" $? 0

# Somebody else's program: native and generic.
cat >"$LOGS/other.c" <<'C'
#include <linux/bpf.h>
#define SEC(name) __attribute__((section(name), used))
SEC("xdp") int somebody(struct xdp_md *ctx) { return XDP_PASS; }
char _license[] SEC("license") = "GPL";
C
if clang -O2 -target bpf -idirafter "/usr/include/$(gcc -print-multiarch)" -c "$LOGS/other.c" -o "$LOGS/other.o" 2>/dev/null; then
	for mode in xdpdrv xdpgeneric; do
		in_b ip link set dev vb $mode obj "$LOGS/other.o" sec xdp
		bad 1 'vb.*XDP program.*somebody|somebody' listen -i vb 7000
		bad 1 'XDP program' listen -i vb --mode generic 7000
		bad 1 'XDP program' attach -i vb
		bad 1 'nothing of xtcp' detach -i vb
		match "... $mode, which is still there" "$(in_b ip -d link show dev vb)" 'prog/xdp.*somebody|xdp'
		in_b ip link set dev vb $mode off
	done
else
	fail "another XDP program can be built"
fi

# Help.
for command in '' doctor listen connect echo serve attach detach status; do
	# shellcheck disable=SC2086
	text=$("$XTCP" $command --help 2>"$LOGS/help.err")
	eq "xtcp $command --help: exit code 0" $? 0
	match "... and a usage line" "$text" "usage: xtcp ${command:-COMMAND}"
	eq "... nothing on stderr" "$(cat "$LOGS/help.err")" ''
done
match "--version" "$("$XTCP" --version)" '^xtcp [0-9]+\.[0-9]+\.[0-9]+$'
no_xdp vb
no_pins "no pins are left"
