#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Frames lie in chunks of half a page where the link's MTU and the XDP mode allow it, which halves the memory that is pinned for them.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

ns_pair

# region_kb PID: of its memory region, which all frames are pinned in, what is there
region_kb() {
	local fd kb=0 n
	for fd in /proc/"$1"/fd/*; do
		[[ $(readlink "$fd") == /memfd:* ]] || continue
		n=$(stat -L -c %b "$fd")
		kb=$((n / 2 > kb ? n / 2 : kb))
	done
	echo "$kb"
}

# chunks WHAT MODE MTU BYTES: of an xtcp echo in B, and the memory of its frames
chunks() {
	local kb
	in_a ip link set va mtu "$3"
	in_b ip link set vb mtu "$3"
	x_server x echo -p 7 -v --mode "$2"
	match "$1: chunks of $4 bytes" "$(cat "$LOGS/x.err")" "MTU $3, chunks of $4 bytes"
	kb=$(region_kb "$(pid_of x)")
	le "$1: all its frames are in memory" $((8192 * $4 / 1024)) "$kb"
	le "$1: and little else" "$kb" $((8192 * $4 / 1024 + 4096))
	eq "$1: it echoes" "$(head -c 100000 "$LOGS/data" | in_a timeout 5 nc -N "$B4" 7 | sha256sum)" \
		"$(head -c 100000 "$LOGS/data" | sha256sum)"
	stop x
}

rand_file "$LOGS/data" 100000 91
chunks 'native' native 1500 2048
chunks 'native, the largest MTU for it' native 1770 2048
chunks 'native, a larger one' native 1771 4096
chunks 'native, several chunks to a frame' native 9000 4096
chunks 'generic' generic 1500 4096
match 'the doctor tells' "$(in_b "$XTCP" doctor -i vb)" '^ok *frame memory *chunks of 2048 bytes in native mode, of 4096 in generic'
