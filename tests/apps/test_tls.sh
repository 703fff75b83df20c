#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# openssl at both ends: 1 GiB each way at a time while both change their keys (TLS 1.3), and renegotiation (TLS 1.2).
# full: it takes a minute
. "$(dirname "$0")/lib.sh"
need openssl python3
ns_pair
tls_key
gib=$((1 << 30))
feed=$(dirname "$0")/feed.py

# tls SERVER-IN CLIENT-IN ADDR PORT BYTES LETTER EVERY BACK OPTION...: both ends send, and what each got is what the other sent.
# The client's are the letters (K: new keys for me, and I ask for yours; R: a new handshake); back: what the server sends.
# $traced: the keys that the client changed, and saw changed. $letters: how often it was told to.
tls() {
	local server=$1 client=$2 addr=$3 port=$4 bytes=$5 letter=$6 every=$7 back=$8 sent got told said
	local run_s=() run_c=()
	shift 8
	[ "$server" = in_a ] || run_s=("$XTCP" run -i vb --)
	[ "$client" = in_a ] || run_c=("$XTCP" run -i vb --)
	mkfifo "$LOGS/trace"
	grep -oE '^(>>>|<<<) .*(KeyUpdate|ServerHello)' "$LOGS/trace" | sort | uniq -c >"$LOGS/traced" &
	told=$!
	spawn srv "$server" python3 "$feed" 1 "$back" - 0 "$bytes" "${run_s[@]}" openssl s_server -quiet -naccept 1 \
		-accept "$addr:$port" -key "$LOGS/key" -cert "$LOGS/cert" -client_renegotiation "$@"
	sleep 1.5 # one connection is all that it takes
	$client timeout 100 python3 "$feed" 2 "$bytes" "$letter" "$every" "$back" "${run_c[@]}" openssl s_client -brief -nbio \
		-connect "$addr:$port" -msg -msgfile "$LOGS/trace" "$@" >"$LOGS/cli.out" 2>"$LOGS/cli.err"
	wait_exit srv 20
	wait "$told"
	rm -f "$LOGS/trace"
	traced=$(<"$LOGS/traced")
	read -r sent got letters <"$LOGS/cli.out"
	said=$(<"$LOGS/srv.out")
	eq "... what the client sent has arrived" "$(cut -d' ' -f2 <<<"$said")" "${sent:-nothing}"
	eq "... and what the server sent" "${got:-nothing}" "$(cut -d' ' -f1 <<<"$said")"
}

# changed PATTERN LEAST: how often it was seen
changed() {
	le "... $1: $2 times at least" "$2" "$(grep -E "$1" <<<"$traced" | awk '{ n += $1 } END { print n + 0 }')"
}

for end in s_server s_client; do
	program "openssl $end"
	where=(in_b in_a "$B4")
	[ "$end" = s_server ] || where=(in_a in_b "$A4")
	echo "# 1 GiB each way, TLS 1.3, $end on xtcp"
	tls "${where[@]}" 4433 "$gib" K $((gib / 64)) "$gib" -tls1_3
	eq "... the client is told to change its keys" "${letters:-0}" 64
	changed '>>> .*KeyUpdate' 64
	changed '<<< .*KeyUpdate' 32
	echo "# 256 MiB, TLS 1.2 with renegotiation, $end on xtcp"
	tls "${where[@]}" 4434 $((gib / 4)) R $((gib / 32)) 0 -tls1_2
	changed '<<< .*ServerHello' 8
done

on_xtcp
no_xdp vb
