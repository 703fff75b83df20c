# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# What xtcp bench tells: asserting on its JSON, and that there is none. $LOGS/client.err is the client's. Sourced after lib.sh.

# is WHAT JSON FILTER
is() {
	if jq -e "$3" <<<"$2" >/dev/null 2>&1; then pass "$1"; else fail "$1" "not $3: '$2' $(head -c 300 "$LOGS/client.err")"; fi
}

# no_figure WHAT CODE REGEX COMMAND...: exit code, nothing on stdout, one line on stderr.
no_figure() {
	local what=$1 code=$2 regex=$3 out
	shift 3
	out=$("$@" 2>"$LOGS/client.err")
	eq "$what: exit code" $? "$code"
	eq "$what: no figure" "$out" ''
	match "$what: one line says why" "$(grep -v '^xtcp: listening' "$LOGS/client.err")" "^xtcp: .*$regex"
	eq "$what: one line only" "$(grep -c '' "$LOGS/client.err")" 1
}
