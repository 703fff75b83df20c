#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The AF_XDP port on a real veth pair: both modes, MTUs up to 65,000, a taken queue, a link that goes down and away.
. "$(dirname "$0")/lib.sh"

CHECK=$BUILD/tests/netns/xsk_check
[ -x "$CHECK" ] || { fail "xsk_check is built" "$CHECK"; exit 1; }
timeout 60 "$CHECK" >"$LOGS/xsk.out" 2>"$LOGS/xsk.err"
rc=$?
[ $rc != 77 ] || skip "$(sed -n 's/^skip - //p' "$LOGS/xsk.out" | tail -n 1)"
while read -r line; do
	case $line in
	"ok - "*) pass "${line#ok - }" ;;
	"not ok - "*) fail "${line#not ok - }" ;;
	esac
done <"$LOGS/xsk.out"
eq "xsk_check ends by itself" $rc 0
