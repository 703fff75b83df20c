#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# --trace, --pcap and --json of a run: segments of all its processes, in order, none left out.
. "$(dirname "$0")/lib.sh"
need nginx ab curl tshark jq python3
QUEUES=2 ns_pair
www
nginx_conf 2 on

# Bytes of payload in a ladder: all, and without those that were sent again.
cat >"$LOGS/sum.py" <<'PY'
import re, sys
total, streams, born = 0, {}, {}
for line in open(sys.argv[1]):
    m = re.search(r'(\S+) <-- (\S+)  \[SYN\]', line)
    if m: # its ports may have been another connection's
        born[m.group(1, 2)] = born.get(m.group(1, 2), 0) + 1
    m = re.search(r'(\S+) (-->|<--) (\S+)  \[.*\] SEQ: (\d+),.* LEN: (\d+)$', line.rstrip())
    if m:
        seq, n = int(m[4]), int(m[5])
        total += n
        streams.setdefault(m.group(1, 2, 3) + (born.get(m.group(1, 3)),), []).append((seq, seq + n))
once = 0
for ranges in streams.values():
    end = 0
    for a, b in sorted(ranges):
        once += max(0, b - max(a, end))
        end = max(end, b)
print(total, once)
PY
payload() { # PCAP...
	local f
	for f; do
		tshark -r "$f" -T fields -e tcp.len 2>/dev/null
	done | awk '{ n += $1 } END { print n + 0 }'
}

# --- the handshake, the chapter's way ---
spawn www in_a python3 -m http.server --bind "$A4" --directory "$dir" 8000
wait_listen in_a 8000
XRUN_OPTS="--trace --isn 1000" xrun curl curl -s "http://$A4:8000/small" -o "$LOGS/got"
wait_exit curl 20
same "curl under --trace" "$LOGS/got" "$dir/small"
mapfile -t ladder < <(grep -o '\(-->\|<--\) .*' "$LOGS/curl.err" | sed 's/\(-->\|<--\) [^ ]* */\1 /')
eq "the first segment" "${ladder[0]}" '--> [SYN] SEQ: 1000, ACK: -'
match "the second" "${ladder[1]}" '^<-- \[SYN\+ACK\] SEQ: [0-9]+, ACK: 1001$'
match "the third" "${ladder[2]}" '^--> \[ACK\] SEQ: 1001, ACK: [0-9]+$'

# --- two workers, which are killed by and by; one engine and two ---
for n in 1 2; do
	XRUN_OPTS="--queues $n --isn 1000 --trace --json --pcap $LOGS/all$n" xrun nginx nginx -c "$LOGS/nginx.conf"
	wait_open "$B4" 80 20
	eq "--queues $n: ab fails" "$(in_a timeout 30 ab -q -c 8 -n 400 "http://$B4/small" 2>&1 | awk '/^Failed/ { print $3 }')" 0
	in_a curl -s "http://$B4/big" -o "$LOGS/got"
	same "... a big file" "$LOGS/got" "$dir/big"
	kill -QUIT "$(cat "$LOGS/nginx.pid")"
	wait_exit nginx 20
	json=$(grep '^{' "$LOGS/nginx.err")
	bytes=$(jq '.counters | .in_bytes + .out_bytes' <<<"$json")
	eq "... the JSON object has the exit status" "$(jq .exit <<<"$json")" 0
	eq "... and the counters of each engine" "$(jq '[.engines[].counters.in_bytes] | add == '"$(jq .counters.in_bytes <<<"$json")" <<<"$json")" true
	le "... of all that nginx sent" 20000000 "$(jq .counters.out_bytes <<<"$json")"
	read -r total once < <(python3 "$LOGS/sum.py" "$LOGS/nginx.err")
	eq "... every byte is in the ladder" "$once" "$bytes"
	eq "... and every segment of it in the capture" "$(payload "$LOGS/all$n"*)" "$total"
	for f in "$LOGS/all$n"*; do
		eq "... whose checksums are good" "$(tshark -r "$f" -o tcp.check_checksum:TRUE -Y tcp.checksum.status==0 2>/dev/null | wc -l)" 0
	done
done

match "standard output is the program's" "$(in_b "$XTCP" run -i vb --pcap - -- true 2>&1)" "^xtcp: run: --pcap -: stdout is the program's; give a file"
match "no such directory" "$(in_b "$XTCP" run -i vb --pcap /nonexistent/f -- true 2>&1)" '^xtcp: capture file /nonexistent/f: cannot open it: '
on_xtcp "all of nginx's and curl's went over xtcp"
no_xdp vb
