#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# xtcp serve against curl, nc and two thousand connections at once.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

ns_pair
dir=$LOGS/www
mkdir -p "$dir/sub" "$dir/empty"
echo '<h1>hello</h1>' >"$dir/index.html"
echo 'sub' >"$dir/sub/index.html"
echo 'a b' >"$dir/a file.txt"
echo '{}' >"$dir/x.json"
: >"$dir/zero.bin"
rand_file "$dir/small.bin" 1000 81
rand_file "$dir/big.bin" 20000000 82
echo secret >"$LOGS/secret"
ln -s "$LOGS/secret" "$dir/link"
for type in css js png svg jpg txt pdf wasm; do
	echo x >"$dir/t.$type"
done

get() {
	in_a curl -sS --max-time 10 "$@" 2>&1
}
status() {
	in_a curl -sS -o /dev/null -w '%{http_code}' --max-time 10 "$@" 2>&1
}
header() { # NAME URL: of the answer to HEAD
	get -I "$2" | tr -d '\r' | sed -n "s/^$1: //Ip"
}
raw() { # requests as printf has them
	printf '%b' "$1" | in_a nc -N -w 5 "$B4" 80
}

x_server x serve -p 80 "$dir"
for url in "http://$B4" "http://[$B6]"; do
	eq "$url/ is index.html" "$(get "$url/")" '<h1>hello</h1>'
	get "$url/small.bin" >"$LOGS/got"
	same "... a small file" "$LOGS/got" "$dir/small.bin"
	get "$url/big.bin" >"$LOGS/got"
	same "... a large file" "$LOGS/got" "$dir/big.bin"
	eq "... what is not there" "$(status "$url/nothing")" 404
done
url=http://$B4
eq "an empty file" "$(get "$url/zero.bin" | wc -c) $(status "$url/zero.bin")" '0 200'
eq "a name with a space" "$(get "$url/a%20file.txt")" 'a b'
eq "a folder's index.html" "$(get "$url/sub/")" sub
match "a folder without its slash" "$(status "$url/sub")" '^(301|308|200)$'
eq "... which curl follows" "$(get -L "$url/sub")" sub
match "a folder without index.html" "$(status "$url/empty/")" '^(403|404)$'
eq "a query is no part of the name" "$(get "$url/?a=b")" '<h1>hello</h1>'

for method in POST PUT DELETE; do
	eq "$method: 405" "$(status -X $method "$url/")" 405
done
match "... which says what is allowed" "$(get -D - -o /dev/null -X DELETE "$url/")" '^Allow: .*GET'
eq "HEAD has the length" "$(header Content-Length "$url/big.bin")" 20000000
eq "... and no body" "$(raw 'HEAD /small.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' | sed '1,/^\r$/d' | wc -c)" 0

match "types: html" "$(header Content-Type "$url/")" '^text/html'
for pair in css=text/css js=javascript png=image/png svg=image/svg jpg=image/jpeg txt=text/plain pdf=application/pdf \
	wasm=application/wasm; do
	match "types: ${pair%=*}" "$(header Content-Type "$url/t.${pair%=*}")" "${pair#*=}"
done
match "types: what is not known" "$(header Content-Type "$url/small.bin")" '^application/octet-stream'

# Ranges (RFC 9110 14).
get -r 100-199 "$url/small.bin" >"$LOGS/got"
same "a range" "$LOGS/got" <(tail -c +101 "$dir/small.bin" | head -c 100)
eq "... is 206" "$(status -r 100-199 "$url/small.bin")" 206
match "... and says which" "$(get -r 100-199 -D - -o /dev/null "$url/small.bin" | tr -d '\r')" '^Content-Range: bytes 100-199/1000$'
get -r -50 "$url/small.bin" >"$LOGS/got"
same "a range from the end" "$LOGS/got" <(tail -c 50 "$dir/small.bin")
get -r 19999000- "$url/big.bin" >"$LOGS/got"
same "a range to the end" "$LOGS/got" <(tail -c 1000 "$dir/big.bin")
eq "a range past the end: 416" "$(status -r 1000- "$url/small.bin")" 416
match "... which says how long it is" "$(get -r 1000- -D - -o /dev/null "$url/small.bin")" 'Content-Range: bytes \*/1000'

# One connection for many requests.
text=$(get -v "$url/" "$url/small.bin" -o /dev/null "$url/x.json" -o /dev/null)
eq "keep-alive: one connection for three" "$(grep -c 'Re-using existing connection' <<<"$text")" 2
one='GET /x.json HTTP/1.1\r\nHost: x\r\n\r\nGET /sub/ HTTP/1.1\r\nHost: x\r\n\r\n'
two='GET /nothing HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
text=$(raw "$one$two")
eq "pipelined: answers in order" "$(tr -d '\r' <<<"$text" | grep -aE '^(HTTP|\{\}|sub)' | cut -d' ' -f1,2 | tr '\n' ';')" \
	'HTTP/1.1 200;{};HTTP/1.1 200;sub;HTTP/1.1 404;HTTP/1.1 200;'
match "HTTP/1.0 is answered and closed" "$(raw 'GET /x.json HTTP/1.0\r\n\r\n')" '\{\}'
match "HTTP/1.1 without Host: 400" "$(raw 'GET / HTTP/1.1\r\n\r\n')" '^HTTP/1.1 400'
match "nonsense: 400" "$(raw 'hello\r\n\r\n')" '^HTTP/1.[01] 400'
match "a header without end: 431 or 400" "$(raw "GET / HTTP/1.1\r\nHost: x\r\nX: $(head -c 100000 /dev/zero | tr '\0' a)")" '^HTTP/1.1 4(31|00)'
eq "a request in pieces" "$({
	printf 'GET /x.js'
	sleep 0.1
	printf 'on HTTP/1.1\r\nHost: x\r\nConnec'
	sleep 0.1
	printf 'tion: close\r\n\r\n'
} | in_a nc -N -w 5 "$B4" 80 | tail -n 1)" '{}'

# No way out of the folder.
for path in /../secret /sub/../../secret /%2e%2e/secret /..%2fsecret /%2e%2e%2fsecret //../secret /sub/..%2f..%2fsecret \
	'/..\secret' /link; do
	text=$(get --path-as-is -w '%{http_code}' "$url$path")
	match "no way out: $path" "$text" '(400|403|404)$'
	no_match "... nothing comes out" "$text" secret
done

# Two thousand at once, all open before the first asks.
in_a $PEER http "$B4" 80 /small.bin 2000 >"$LOGS/many.out" 2>"$LOGS/many.err"
match "2,000 connections are open at once" "$(cat "$LOGS/many.out")" '^2000 open at once'
match "... and all are answered" "$(cat "$LOGS/many.out" "$LOGS/many.err")" "2000 x HTTP/1.1 200 OK $(sha "$dir/small.bin")"
eq "... and it lives on" "$(get "$url/x.json")" '{}'
for i in 1 2 3 4 5 6; do
	in_a curl -sS --max-time 15 -o "$LOGS/par$i" "http://[$B6]/big.bin" &
	jobs[i]=$!
done
wait "${jobs[@]}"
eq "six large files at once" "$(sha256sum "$LOGS"/par? | cut -d' ' -f1 | sort | uniq -c | tr -s ' ')" " 6 $(sha "$dir/big.bin")"
stop x INT
eq "SIGINT ends it well" $? 0
no_xdp vb
