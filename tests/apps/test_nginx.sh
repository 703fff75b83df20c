#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# nginx, one worker and two, with and without sendfile, under curl, wrk and ab; reload and graceful stop.
. "$(dirname "$0")/lib.sh"
need nginx curl wrk ab
ns_pair
www
program nginx
for how in '1 on' '1 off' '2 on'; do
	# shellcheck disable=SC2086
	nginx_conf $how
	xrun nginx nginx -c "$LOGS/nginx.conf"
	wait_open "$B4" 80 20
	in_a curl -sS -o "$LOGS/got" "http://$B4/big"
	same "nginx, workers and sendfile $how" "$LOGS/got" "$dir/big"
	in_a curl -sS -o "$LOGS/got" "http://[$B6]/big"
	same "... over IPv6" "$LOGS/got" "$dir/big"
	out=$(in_a wrk -t1 -c64 -d1 "http://$B4/small")
	no_match "... under wrk" "$out" 'Socket errors|Non-2xx'
	match "... which was served" "$out" 'requests in'
	match "... under ab, a connection each" "$(in_a ab -q -c 32 -n 2000 "http://$B4/small" 2>&1)" 'Failed requests: *0$'
	if [ "$how" = '2 on' ]; then
		kill -HUP "$(cat "$LOGS/nginx.pid")"
		sleep 0.5
		in_a curl -sS -o "$LOGS/got" "http://$B4/small"
		same "... after a reload" "$LOGS/got" "$dir/small"
		kill -QUIT "$(cat "$LOGS/nginx.pid")"
	else
		kill -TERM "$(pid_of nginx)"
	fi
	wait_exit nginx 10
	eq "... ends" $? 0
done

on_xtcp
no_xdp vb
