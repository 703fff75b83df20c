#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# curl and wget as clients; Python's http.server and asyncio as servers.
. "$(dirname "$0")/lib.sh"
need curl wget python3
ns_pair
www

# --- clients ---
spawn kernel in_a python3 -m http.server -d "$dir" --bind "$A4" 8000
wait_listen in_a 8000
program curl
x curl -sS -o "$LOGS/got" "http://$A4:8000/big"
same "curl gets a large file" "$LOGS/got" "$dir/big"
x curl -sS --parallel -o "$LOGS/p#1" "http://$A4:8000/{big,small,big,small,big}"
same "curl --parallel" "$LOGS/pbig" "$dir/big"
cat >"$LOGS/put.py" <<'PY'
import http.server, sys
class Put(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        with open(sys.argv[2], 'wb') as f:
            f.write(self.rfile.read(int(self.headers['Content-Length'])))
        self.send_response(201)
        self.end_headers()
http.server.HTTPServer((sys.argv[1], 8002), Put).serve_forever()
PY
spawn put in_a python3 "$LOGS/put.py" "$A4" "$LOGS/put"
wait_listen in_a 8002
eq "curl uploads" "$(x curl -sS -m 20 -o "$LOGS/said" -w '%{http_code}' -T "$dir/big" "http://$A4:8002/x")" 201
same "... all of it" "$LOGS/put" "$dir/big"
program wget
x wget -q -O "$LOGS/got" "http://$A4:8000/big"
same "wget gets it" "$LOGS/got" "$dir/big"

# --- Python ---
program "Python http.server"
xrun py python3 -m http.server -d "$dir" --bind "$B4" 8003
wait_open "$B4" 8003 20
in_a curl -sS -o "$LOGS/got" "http://$B4:8003/big"
same "Python's http.server serves it" "$LOGS/got" "$dir/big"
stop py INT
program "Python asyncio"
cat >"$LOGS/aio.py" <<'PY'
import asyncio, sys
async def serve(r, w):
    while True:
        data = await r.read(65536)
        if not data:
            break
        w.write(data)
        await w.drain()
    w.close()
async def main():
    s = await asyncio.start_server(serve, sys.argv[1], 8004)
    async with s:
        await s.serve_forever()
asyncio.run(main())
PY
xrun aio python3 "$LOGS/aio.py" "$B4"
wait_open "$B4" 8004 20
in_a timeout 20 nc -N "$B4" 8004 <"$dir/big" >"$LOGS/got"
same "asyncio echoes" "$LOGS/got" "$dir/big"
stop aio INT

on_xtcp
no_xdp vb
