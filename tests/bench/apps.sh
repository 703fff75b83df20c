# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# Unmodified programs: the server is one on xtcp (`run`), or the same on the kernel (`plain`); its client is one that measures,
# always on the kernel: wrk, redis-benchmark (`redis`), iperf3 that receives (`iperf`), ask.c (`ask`). Beside those whose goal is out of reach
# stands what the same client gets from the raw AF_XDP loop, which turns each segment round and knows no connections (`raw`, raw_tcp.h):
# no server on AF_XDP can be faster. The rows with RPS have each end do its own receiving, as between two machines: on a veth alone
# the client's processor does the kernel's TCP of the server, and the server's that of the client. Sourced by run.sh.

# app_command run|plain KIND DEV CPU: the server's command line, in cmd.
app_command() {
	case $2 in
	nginx)
		cat >"$LOGS/bench-nginx.conf" <<-CONF
			worker_processes 1; user root; pid $LOGS/bench-nginx.pid; error_log $LOGS/bench-nginx.log warn; daemon off;
			events { worker_connections 4096; }
			http { access_log off; keepalive_requests 100000000; ${want[cache]:+open_file_cache max=16;}
				server { listen $addr_b:$port; root $LOGS/www; } }
		CONF
		cmd=(nginx -c "$LOGS/bench-nginx.conf")
		;;
	redis) cmd=(redis-server --port "$port" --bind "$addr_b" --protected-mode no --save '' --dir "$LOGS") ;;
	memcached) cmd=(memcached -u root -l "$addr_b" -p "$port" -U 0 -t 1) ;;
	iperf) cmd=(iperf3 -s -B "$addr_b" -p "$port") ;;
	esac
	command -v "${cmd[0]}" >/dev/null || { reason="${cmd[0]} is not installed: bash tests/deps.sh apps" && return 1; }
	[ "$1" = plain ] || cmd=("$XTCP" run -i "$3" -v -- "${cmd[@]}")
	cmd=(taskset -c "$4" "${cmd[@]}")
}

# app_client redis|iperf|ask CPU KIND: likewise.
app_client() {
	case $1 in
	ask)
		cmd=("$BIN/ask" "$3" --addr "$addr_b" --port "$port" --conns "${want[conns]}" --size "${want[size]}" --cpu "$2"
			--seconds "${want[seconds]}" --warmup "$warmup")
		return
		;;
	redis) cmd=(redis-benchmark -h "$addr_b" -p "$port" -c "${want[conns]}" -n "${want[requests]:-100000}" -t "${want[commands]:-get}" --csv) ;;
	iperf) cmd=(iperf3 -c "$addr_b" -p "$port" -R -J -t "$(awk -v s="${want[seconds]}" 'BEGIN { printf "%d", s + 0.999 }')") ;;
	esac
	command -v "${cmd[0]}" >/dev/null || { reason="${cmd[0]} is not installed: bash tests/deps.sh apps" && return 1; }
	cmd=(taskset -c "$2" "${cmd[@]}")
}

# What they say, as JSON.
app_json() {
	case $1 in
	redis)
		awk -F'"' '$4 > 0 { rate[$2] = $4 }
			END { if (rate["GET"]) printf "{\"rate\":%s,\"set_rate\":%s,\"p50_us\":%.3f}\n", rate["GET"], rate["SET"] + 0, 1e6 / rate["GET"] }' "$LOGS/cli.out"
		;;
	iperf) jq -c 'select(.end.sum_received) | { gbps: (.end.sum_received.bits_per_second / 1e9) }' "$LOGS/cli.out" 2>/dev/null ;;
	esac
}

# Is the server there? It may listen in no way that ss shows.
app_ready() {
	in_a timeout 1 bash -c ": </dev/tcp/$addr_b/$port" 2>/dev/null
}

rows_apps() {
	if row run-nginx 1500 nginx 'conns=64 path=index.html' wrk:run wrk:plain wrk:raw; then
		compare 'nginx under wrk, 64 connections, 2 B' requests/s .rate wrk:run 'nginx on the kernel' '>= 1.5' wrk:plain
		compare 'raw AF_XDP under wrk, 64 connections' requests/s .rate wrk:raw 'nginx on the kernel' '' wrk:plain
	fi
	if row run-nginx-rps 1500 nginx 'conns=64 path=index.html rps=1' wrk:run wrk:plain wrk:raw; then
		compare 'nginx under wrk, RPS' requests/s .rate wrk:run 'nginx on the kernel' '>= 1.5' wrk:plain
		compare 'raw AF_XDP under wrk, RPS' requests/s .rate wrk:raw 'nginx on the kernel' '' wrk:plain
	fi
	if row run-nginx-cache 1500 nginx 'conns=64 path=index.html cache=1' wrk:run wrk:plain; then
		compare 'nginx under wrk, open_file_cache' requests/s .rate wrk:run 'nginx on the kernel' '>= 1.5' wrk:plain
	fi
	if row run-redis 1500 redis 'conns=50 commands=set,get' redis:run redis:plain redis:raw; then
		compare 'redis-benchmark GET, 50 clients' requests/s .rate redis:run 'redis on the kernel' '>= 1.5' redis:plain
		compare 'redis-benchmark SET, 50 clients' requests/s .set_rate redis:run 'redis on the kernel' '>= 1.5' redis:plain
		compare 'raw AF_XDP under redis-benchmark, 50 clients' requests/s .rate redis:raw 'redis on the kernel' '' redis:plain
	fi
	if row run-redis-1 1500 redis 'conns=1 requests=20000' redis:run redis:plain redis:raw; then
		compare 'redis-benchmark GET, 1 client' us .p50_us redis:run 'redis on the kernel' '<= 0.5' redis:plain
		compare 'raw AF_XDP under redis-benchmark, 1 client' us .p50_us redis:raw 'redis on the kernel' '' redis:plain
	fi
	if row run-redis-ask 1500 redis 'conns=50 size=3' ask:run ask:plain; then
		compare 'redis GET, 50 lean clients' requests/s .rate ask:run 'redis on the kernel' '' ask:plain
	fi
	if row run-memcached 1500 memcached 'conns=50' ask:run ask:plain ask:raw:kind=echo; then
		compare 'memcached get, 50 clients' requests/s .rate ask:run 'memcached on the kernel' '>= 1.5' ask:plain
		compare 'raw AF_XDP under 50 clients of memcached' requests/s .rate ask:raw:kind=echo 'memcached on the kernel' '' ask:plain
	fi
	if row run-memcached-rps 1500 memcached 'conns=50 rps=1' ask:run ask:plain ask:raw:kind=echo; then
		compare 'memcached get, 50 clients, RPS' requests/s .rate ask:run 'memcached on the kernel' '>= 1.5' ask:plain
		compare 'raw AF_XDP, 50 clients of memcached, RPS' requests/s .rate ask:raw:kind=echo 'memcached on the kernel' '' ask:plain
	fi
	if row run-iperf 1500 iperf '' iperf:run iperf:plain; then
		compare 'iperf3 sends to a kernel receiver' Gbit/s .gbps iperf:run 'iperf3 on the kernel' '>= 1' iperf:plain
	fi
}
