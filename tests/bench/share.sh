#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/bench/share.sh [PAIRS]
#
# What would nginx gain by a TCP that costs nothing? As in the row run-nginx, on the kernel and on xtcp in turn, and of the latter how much
# of the server's processor, which is full, was in xtcp's own code, by perf: libxtcp-preload.so, the keeper, and libc's memcpy, memset
# and mutexes, also those that nginx itself calls. The rest is nginx, its system calls for the file, and the kernel that carries
# frames to the client's TCP: no TCP in user space changes it, but for what more room in the caches would.
#
# Environment: BENCH_SECONDS (3), BENCH_CPUS, as in run.sh.
if [ "$(id -u)" != 0 ]; then
	echo "share: needs root, for namespaces and XDP: sudo tests/bench/share.sh" >&2
	exit 1
fi
if [ -z "${XTCP_BENCH_GUARDED:-}" ]; then
	XTCP_BENCH_GUARDED=1 exec timeout --foreground -k 15 900 bash "$0" "$@"
fi
XTCP_TEST_GUARDED=1
here=$(dirname "$0")
. "$here/../netns/lib.sh"
. "$here/lib.sh"
. "$here/apps.sh"

die() {
	echo "share: $*" >&2
	n_ok=1
	rm -rf "${LOGS:?}"/*
	exit 2
}

kind=nginx pairs=${1:-6} seconds=${BENCH_SECONDS:-3} warmup=0.3 limit=14
family=4 mode=auto verbose='' BIN=$BUILD/tests/bench
grep -qE '^[1-9][0-9]?$' <<<"$pairs" || die "PAIRS is 1 to 99"
command -v perf >/dev/null || die "perf is not installed: apt-get install linux-perf"
[ -x "$XTCP" ] || die "$XTCP is not built: make"
mapfile -t cpus < <(allowed_cpus)
[ -z "${BENCH_CPUS:-}" ] || IFS=, read -ra cpus <<<"$BENCH_CPUS"
cpu_a=${cpus[0]} cpu_b=${cpus[1]:-${cpus[0]}} port=7000
mkdir -p "$LOGS/www"
printf ok >"$LOGS/www/index.html"

# measure run|plain: the rate, in rate, and what perf saw of the server's processor meanwhile, in $LOGS/perf.data
measure() {
	local cmd
	want=([conns]=64 [size]=2 [seconds]=$seconds [path]=index.html)
	clean_links
	start_server "$1" nginx || die "$reason"
	command_of wrk web va || die "$reason"
	spawn cli in_a "${cmd[@]}"
	sleep 0.7
	perf record -q -C "$cpu_b" -F 2000 -o "$LOGS/perf.data" -- sleep 1.5 >/dev/null 2>&1 || die "perf cannot record here"
	wait "${pids[cli]}"
	stop srv
	port=$((port + 1))
	rate=$(wrk_json | jq -r .rate)
	[ -n "$rate" ] || die "$1: $(why)"
}

# Per cent of the samples.
share() {
	perf report -i "$LOGS/perf.data" --no-children --sort dso,sym 2>/dev/null | awk '/^#/ { next }
		/libxtcp-preload/ || $2 == "xtcp" || (/libc\.so/ && /memmove|memcpy|memset|pthread_mutex|setcancelstate|errno_location/) { sum += $1 }
		END { printf "%.1f\n", sum }'
}

median() {
	sort -n | awk '{ v[NR] = $1 } END { printf "%.2f\n", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

QUEUES=1 ns_pair 1500
addr_b=$B4
echo "requests/s on the kernel, on xtcp; the ratio; xtcp's share of the server's processor; the ratio if that were nothing"
for ((i = 0; i < pairs; i++)); do
	measure plain
	plain=$rate
	measure run
	awk -v p="$plain" -v r="$rate" -v s="$(share)" \
		'BEGIN { printf "%10.0f %10.0f %6.2f %6.1f %% %6.2f\n", p, r, r / p, s, r / p / (1 - s / 100) }' | tee -a "$LOGS/rounds"
done
echo "medians: $(awk '{ print $3 }' "$LOGS/rounds" | median), share $(awk '{ print $4 }' "$LOGS/rounds" | median) %, if it were nothing $(awk '{ print $6 }' "$LOGS/rounds" | median)"
n_ok=1
rm -rf "${LOGS:?}"/*
