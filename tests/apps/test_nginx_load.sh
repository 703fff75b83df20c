#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# nginx reloads, and stops gracefully, under load: no connection is cut, every response is complete.
# full: it takes half a minute
. "$(dirname "$0")/lib.sh"
need nginx curl wrk
ns_pair
www
program nginx
flows=8

# A large file again and again, each by a connection of its own, slowly enough to be in the middle of it whenever something happens.
downloads() { # TIMES
	local i
	rm -f "$LOGS"/d.*
	for ((i = 0; i < flows; i++)); do
		spawn "down$i" in_a curl -sS --limit-rate 20M -o "$LOGS/d.$i.#1" -w '%{http_code}\n' -H 'Connection: close' "http://$B4/big?[1-$1]"
	done
	# shellcheck disable=SC2016
	wait_for '[ "$(find "$LOGS" -name "d.*.1" -size +100k | wc -l)" = $flows ]' 10
}

downloaded() { # WHAT TIMES
	local i bad='' f
	for ((i = 0; i < flows; i++)); do
		wait_exit "down$i" 40 || bad+="curl $i: $(<"$LOGS/down$i.err"); "
	done
	for f in "$LOGS"/d.*; do
		cmp -s "$f" "$dir/big" || bad+="${f##*/}: $(stat -c %s "$f") bytes; "
	done
	eq "$1: all is there" "$bad$(find "$LOGS" -name 'd.*' | wc -l)" $((flows * $2))
}

workers() { # of the master, which has the pid file
	pgrep -P "$(cat "$LOGS/nginx.pid")" | sort | paste -sd ' '
}

for n in 1 2; do
	nginx_conf $n on
	xrun nginx nginx -c "$LOGS/nginx.conf"
	wait_open "$B4" 80 20
	downloads 6
	first=$(workers)
	spawn wrk in_a wrk -t1 -c16 -d4 -H 'Connection: close' "http://$B4/small"
	for i in 1 2 3; do
		sleep 0.9
		kill -HUP "$(cat "$LOGS/nginx.pid")"
	done
	wait_exit wrk 10
	out=$(<"$LOGS/wrk.out")
	match "nginx, $n workers, three reloads under wrk" "$out" 'requests in'
	no_match "... not one connection failed" "$out" 'Socket errors|Non-2xx'
	downloaded "... $flows downloads across them" 6
	no_match "... by new workers" " $(workers) " " ($(tr ' ' '|' <<<"$first")) "

	downloads 1
	kill -QUIT "$(cat "$LOGS/nginx.pid")"
	sleep 0.2
	ok "nginx, $n workers, stops gracefully: it waits" kill -0 "$(pid_of nginx)"
	not_ok "... and takes nothing new" in_a curl -sS -m 2 -o /dev/null "http://$B4/small" 2>/dev/null
	downloaded "... $flows downloads under way" 1
	wait_exit nginx 10
	eq "... ends" $? 0
done

on_xtcp
no_xdp vb
