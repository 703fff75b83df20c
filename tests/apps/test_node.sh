#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# An HTTP server on Node.js.
# full: it needs packages that make check does not install
. "$(dirname "$0")/lib.sh"
need node curl wrk
ns_pair
www
program Node.js

cat >"$LOGS/s.js" <<'JS'
const http = require('http'), fs = require('fs');
http.createServer((q, r) => fs.createReadStream(process.argv[3] + q.url).pipe(r)).listen(8005, process.argv[2]);
JS
xrun node node "$LOGS/s.js" "$B4" "$dir"
wait_open "$B4" 8005 20
in_a curl -sS -o "$LOGS/got" "http://$B4:8005/big"
same "Node.js serves it" "$LOGS/got" "$dir/big"
no_match "... under wrk" "$(in_a wrk -t1 -c32 -d1 "http://$B4:8005/small")" 'Socket errors|Non-2xx'
stop node INT
on_xtcp
no_xdp vb
