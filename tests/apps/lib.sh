# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# The harness of tests with programs that nobody here wrote: that of tests/netns, and
#
#	xrun NAME CMD...	`xtcp run -i vb -- CMD` in B, in the background, as spawn does it; XRUN_OPTS
#	x CMD...		the same in the foreground
#	need PROGRAM...		skip the test if one is not installed
#	on_xtcp			B's kernel has opened no TCP connection since ns_pair: all went over xtcp
#	program NAME		what is asserted from here on is about NAME, as tests/apps/list.sh has it
#	www			files to serve, big and small, in $dir
#	nginx_conf WORKERS SENDFILE	$LOGS/nginx.conf: $dir on port 80 of B
#	both_have WHAT LEAST FIELD	each of two engines has so much of it in its status
#	tls_key			$LOGS/key and $LOGS/cert
. "$(dirname "${BASH_SOURCE[0]}")/../netns/lib.sh"

need() {
	local p
	for p; do
		command -v "$p" >/dev/null || skip "$p is not installed (bash tests/deps.sh apps)"
	done
}

xrun() {
	local name=$1
	shift
	# shellcheck disable=SC2086 # options are words
	spawn "$name" in_b "$XTCP" run -i vb ${XRUN_OPTS:-} -- "$@"
}

x() {
	# shellcheck disable=SC2086
	in_b "$XTCP" run -i vb ${XRUN_OPTS:-} -- "$@"
}

opens_b() {
	in_b cat /proc/net/snmp | awk '/^Tcp:/ && $6 ~ /[0-9]/ { print $6 + $7 }'
}

on_xtcp() {
	eq "${1:-all of it went over xtcp}" "$(opens_b)" 0
}

# Wait until a kernel client in A can connect there.
wait_open() { # ADDR PORT SECONDS
	wait_for "in_a nc -z -w 1 $1 $2" "$3"
}

program() {
	echo "# program $1"
}

www() {
	dir=$LOGS/www
	mkdir -p "$dir"
	chmod 755 "$LOGS" "$dir"
	rand_file "$dir/big" 20000000 1
	rand_file "$dir/small" 1000 2
	chmod 644 "$dir"/*
}

nginx_conf() {
	cat >"$LOGS/nginx.conf" <<CONF
worker_processes $1; user root; pid $LOGS/nginx.pid; error_log $LOGS/nginx.log info; daemon off;
events { worker_connections 4096; }
http { access_log off; sendfile $2; keepalive_requests 1000000; server { listen $B4:80; listen [$B6]:80; root $dir; } }
CONF
}

tls_key() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -keyout "$LOGS/key" -out "$LOGS/cert" 2>/dev/null
}

both_have() {
	local c0 c1
	read -r c0 c1 < <(in_b "$XTCP" status -i vb --json | jq -r ".[0].engines[] | $3" | paste -s -d' ')
	le "$1: engine 0 has some" "$2" "$c0"
	le "$1: engine 1 has some" "$2" "$c1"
}
