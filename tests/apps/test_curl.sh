#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# curl and wget as clients; Python's http.server and asyncio as servers.
. "$(dirname "$0")/lib.sh"
need curl wget python3
ns_pair
dir=$LOGS/www
mkdir -p "$dir"
chmod 755 "$LOGS" "$dir"
rand_file "$dir/big" 20000000 1
rand_file "$dir/small" 1000 2
chmod 644 "$dir"/*

# --- clients ---
spawn kernel in_a python3 -m http.server -d "$dir" --bind "$A4" 8000
wait_listen in_a 8000
x curl -sS -o "$LOGS/got" "http://$A4:8000/big"
same "curl gets a large file" "$LOGS/got" "$dir/big"
x curl -sS --parallel -o "$LOGS/p#1" "http://$A4:8000/{big,small,big,small,big}"
same "curl --parallel" "$LOGS/pbig" "$dir/big"
x wget -q -O "$LOGS/got" "http://$A4:8000/big"
same "wget gets it" "$LOGS/got" "$dir/big"
spawn put in_a socat -u TCP-LISTEN:8002,bind="$A4",reuseaddr "CREATE:$LOGS/put"
wait_listen in_a 8002
x curl -sS -m 3 -T "$dir/small" "http://$A4:8002/x" >/dev/null 2>&1
wait_for "[ -s $LOGS/put ]" 5
eq "curl uploads" "$(tail -c 1000 "$LOGS/put" | sha256sum)" "$(sha256sum <"$dir/small")"

# --- Python ---
xrun py python3 -m http.server -d "$dir" --bind "$B4" 8003
wait_open "$B4" 8003 20
in_a curl -sS -o "$LOGS/got" "http://$B4:8003/big"
same "Python's http.server serves it" "$LOGS/got" "$dir/big"
stop py INT
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
