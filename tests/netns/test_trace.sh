#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The ladder: two xtcp ends whose numbers are known say exactly what a textbook says, at both ends.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/xtcp.sh"

ns_pair

# The part of a ladder that is a contract, with the arrow: "--> [SYN] SEQ: 1000, ACK: -".
ladder() {
	sed -nE 's/^ *[0-9]+\.[0-9]{3} ms +[^ ]+ (-->|<--) [^ ]+ +(\[.*)$/\1 \2/p' "$LOGS/$1.err"
}

# ends_of FAMILY: one connection, a line each way.
ends_of() {
	local to=$B4:4000 lines
	[ "$1" = 4 ] || to="[$B6]:4000"
	x_listen b 4000 --isn 2000 --trace < <(echo 'hello from B'; hold 0.3) || return
	spawn a in_a "$XTCP" connect -i va --isn 1000 --trace "$to" < <(echo 'hello from A'; hold 0.3)
	ends "IPv$1: the end in A ends well" a 5 0
	ends "IPv$1: the end in B ends well" b 5 0
	eq "... A received B's line" "$(cat "$LOGS/a.out")" 'hello from B'
	eq "... B received A's line" "$(cat "$LOGS/b.out")" 'hello from A'
	eq "... A's ladder begins with the three of the handshake" "$(ladder a | head -n 3)" \
		"--> [SYN] SEQ: 1000, ACK: -
<-- [SYN+ACK] SEQ: 2000, ACK: 1001
--> [ACK] SEQ: 1001, ACK: 2001"
	lines=$(ladder b | head -n 3)
	# B's data may overtake its look at the third: what it receives is the same.
	eq "... B's begins with the same, seen from there" "$(ladder b | grep -v LEN | head -n 3)" \
		"<-- [SYN] SEQ: 1000, ACK: -
--> [SYN+ACK] SEQ: 2000, ACK: 1001
<-- [ACK] SEQ: 1001, ACK: 2001"
	match "... A's data has its length" "$(ladder a)" '^--> \[PSH\+ACK\] SEQ: 1001, ACK: 20[0-9]+, LEN: 13$'
	match "... B's too" "$(ladder a)" '^<-- \[PSH\+ACK\] SEQ: 2001, ACK: 10[0-9]+, LEN: 13$'
	match "... A's FIN counts one behind its 13 bytes" "$(ladder a)" '^--> \[FIN(\+PSH)?\+ACK\] SEQ: 1014, ACK: 20[0-9]+$'
	match "... and is acknowledged" "$(ladder a)" '^<-- \[.*ACK\] SEQ: 20[0-9]+, ACK: 1015$'
	match "... B's FIN is acknowledged" "$(ladder a)" '^--> \[.*ACK\] SEQ: 10[0-9]+, ACK: 2015$'
	eq "... both ends saw the same segments" "$(ladder b | sed 's/^-->/x/; s/^<--/-->/; s/^x/<--/' | sort)" "$(ladder a | sort)"
	eq "... every line on stderr is of the ladder, or says that it listens" \
		"$(grep -hvcE '^xtcp: listening on|^ *[0-9]+\.[0-9]{3} ms ' "$LOGS/a.err" "$LOGS/b.err" | tr '\n' ' ')" '0 0 '
}
ends_of 4
ends_of 6

# Numbers pass 2^32 between SYN and data.
x_listen b 4000 --isn 4294967295 --trace < <(echo hello; hold 0.3)
spawn a in_a "$XTCP" connect -i va --isn 4294967290 --trace "$B4:4000" < <(echo 'hello from A'; hold 0.3)
ends "numbers wrap: the end in A ends well" a 5 0
ends "... and that in B" b 5 0
eq "... data arrives" "$(cat "$LOGS/a.out" "$LOGS/b.out")" 'hello
hello from A'
match "... B's first byte is number 0" "$(ladder a)" '^<-- \[PSH\+ACK\] SEQ: 0, ACK: .*LEN: 6$'
match "... A's FIN is at 8" "$(ladder a)" '^--> \[FIN.*\] SEQ: 8, ACK: '

# Without --isn nobody can guess.
isns=
for ((i = 0; i < 3; i++)); do
	spawn a in_a "$XTCP" connect -i va --trace "$B4:4999" </dev/null
	wait_exit a 5
	isns+=$(ladder a | sed -n 's/^--> \[SYN\] SEQ: \([0-9]*\),.*/\1 /p' | head -n 1)
done
eq "without --isn every connection has its own number" "$(tr ' ' '\n' <<<"$isns" | sort -u | grep -c .)" 3
