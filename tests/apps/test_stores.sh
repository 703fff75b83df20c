#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Servers that hold data: redis with pipelining, memcached with threads, PostgreSQL that forks for each connection.
# full: it needs packages that make check does not install
. "$(dirname "$0")/lib.sh"
need redis-server redis-benchmark memcached pgbench psql
ns_pair

program redis-server
xrun redis redis-server --port 6379 --bind "$B4" --protected-mode no --save '' --dir "$LOGS"
wait_open "$B4" 6379 20
eq "redis: set" "$(in_a redis-cli -h "$B4" set key value)" OK
eq "redis: get" "$(in_a redis-cli -h "$B4" get key)" value
out=$(in_a timeout 60 redis-benchmark -h "$B4" -c 50 -n 20000 -t get,set --csv 2>&1)
match "redis-benchmark, 50 clients" "$out" '^"GET","[0-9]+'
out=$(in_a timeout 60 redis-benchmark -h "$B4" -c 50 -P 16 -n 50000 -t get,set --csv 2>&1)
match "... with pipelining" "$out" '^"GET","[0-9]+'
rand_file "$LOGS/value" 20000000 5
in_a redis-cli -h "$B4" -x set large <"$LOGS/value" >/dev/null
in_a redis-cli -h "$B4" --raw get large | head -c 20000000 >"$LOGS/got"
same "... a value of 20 MB there and back" "$LOGS/got" "$LOGS/value"
seq 1 50000 | awk '{ printf "SET n%d %d\r\n", $1, $1 * 7 }' | in_a timeout 60 redis-cli -h "$B4" --pipe >/dev/null
eq "... 50,000 piped" "$(in_a redis-cli -h "$B4" mget n1 n7777 n50000 | paste -sd ' ')" '7 54439 350000'
stop redis TERM

program memcached
xrun mc memcached -u root -l "$B4" -p 11211 -t 2
wait_open "$B4" 11211 20
cat >"$LOGS/mc.py" <<'PY'
import socket, sys, threading
bad = []
def client(n):
    s = socket.create_connection((sys.argv[1], 11211))
    f = s.makefile('rwb')
    for i in range(200):
        v = (b'%d-%d' % (n, i)) * (1 + i)
        f.write(b'set k%d 0 0 %d\r\n%s\r\n' % (n, len(v), v)); f.flush()
        if f.readline() != b'STORED\r\n': bad.append(n)
        f.write(b'get k%d\r\n' % n); f.flush()
        f.readline()
        if f.read(len(v)) != v: bad.append(n)
        f.readline(); f.readline()
    s.close()
t = [threading.Thread(target=client, args=(n,)) for n in range(32)]
[x.start() for x in t]; [x.join() for x in t]
print('bad', len(bad))
PY
eq "memcached, two threads, 32 clients" "$(in_a timeout 60 python3 "$LOGS/mc.py" "$B4" 2>&1)" 'bad 0'
stop mc TERM

program PostgreSQL
pg=$(echo /usr/lib/postgresql/*/bin)
chmod 755 "$LOGS"
mkdir "$LOGS/pg" && chown postgres "$LOGS/pg"
setpriv --reuid postgres --regid postgres --clear-groups "$pg/initdb" -D "$LOGS/pg" -A trust >/dev/null 2>&1
echo "host all all $A4/32 trust" >>"$LOGS/pg/pg_hba.conf"
xrun pg setpriv --reuid postgres --regid postgres --clear-groups "$pg/postgres" -D "$LOGS/pg" -h "$B4" -k "$LOGS/pg" -p 5432
wait_open "$B4" 5432 30
in_a pgbench -q -i -h "$B4" -U postgres postgres >/dev/null 2>"$LOGS/pgi"
match "PostgreSQL: pgbench -i" "$(cat "$LOGS/pgi")" 'done in'
match "... and 8 clients" "$(in_a timeout 60 pgbench -h "$B4" -U postgres -c 8 -t 50 postgres 2>&1)" 'processed: 400/400'
in_a psql -h "$B4" -U postgres -qAtc "copy (select i, md5(i::text) from generate_series(1, 200000) i) to stdout" postgres >"$LOGS/rows"
eq "... a result of 200,000 rows is right" "$(awk -F'\t' '{ s += $1; n += length($2) } END { printf "%.0f %.0f", s, n }' "$LOGS/rows")" '20000100000 6400000'
stop pg INT
on_xtcp
no_xdp vb
