#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# tests/apps/list.sh LOGS - the compatibility list: a line for each program, from the logs of tests/apps/test_*.sh in LOGS.
#
# What a log says after `# program NAME` is about NAME, until the next one or its end.
logs=$1
here=$(dirname "$0")
programs=(curl wget 'ssh, scp, sftp' sshd 'openssl s_server' 'openssl s_client' nginx redis-server memcached iperf3 socat
	'netcat (OpenBSD)' 'netcat (traditional)' 'Python http.server' 'Python asyncio' Node.js git rsync PostgreSQL)

# Why nothing is known of a program: its test ended before, was skipped, or was not asked for.
absent() {
	local t log last
	t=$(grep -lE "program (\"$1\"|'$1'|$1)\$" "$here"/test_*.sh | head -n 1)
	log=$logs/apps-$(basename "${t:-test_none}" .sh | sed 's/^test_//').log
	[ -s "$log" ] || { echo 'not run'; return; }
	last=$(tail -n 1 "$log")
	echo "no result: ${last:0:100}"
}

# All logs; what one begins with is about no program.
told() {
	local log
	for log in "$logs"/apps-*.log; do
		echo '# program'
		tr -d '\000' <"$log"
		echo
	done 2>/dev/null
}

echo 'Programs on xtcp run:'
for p in "${programs[@]}"; do
	found=$(told | awk -v p="$p" '
		/^# program/ { on = substr($0, 11) == p; next }
		!on { next }
		/^ok .*# SKIP/ { next }
		/^ok / { n++ }
		/^not ok / { bad++; if (!why) why = substr($0, 10) }
		END { if (bad) printf "FAILS %d of %d: %s", bad, n + bad, why; else if (n) printf "ok, %d cases", n }')
	printf '  %-22s %s\n' "$p" "${found:-$(absent "$p")}"
done
