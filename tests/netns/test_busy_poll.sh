#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# --busy-poll: the interface's interrupts are deferred while it is polled, and as before afterwards, however the end came.
. "$(dirname "$0")/lib.sh"

ns_pair

# in_sys CMD...: in A, with a /sys that shows its interfaces
in_sys() {
	ip netns exec "$NS_A" "$@"
}

setting() {
	in_sys cat /sys/class/net/va/napi_defer_hard_irqs /sys/class/net/va/gro_flush_timeout | tr '\n' ' '
}

polled() {
	wait_for '[ "$(setting)" = "2 200000 " ]' 5
}

start() {
	spawn echo ip netns exec "$NS_A" "$XTCP" echo -i va -p 7 -v "$@"
	wait_line "$LOGS/echo.err" listening 5
}

# The program behind `ip netns exec`, which becomes it.
echoes() {
	eq "$1: it echoes" "$(echo hello | in_b timeout 5 nc -N "$A4" 7)" hello
}

start --wait latency
eq 'a veth is left alone' "$(setting)" '0 0 '
match 'and the reason is told' "$(cat "$LOGS/echo.err")" 'not polled: .*no interrupts'
stop echo

start --wait latency --busy-poll on
ok 'asked for: interrupts are deferred' polled
match 'asked for: it is told' "$(cat "$LOGS/echo.err")" 'polled in place of its interrupts'
echoes 'polled'
stop echo
eq 'they are put back at the end' "$(setting)" '0 0 '

start --wait latency --busy-poll on
ok 'again: deferred' polled
stop echo KILL
ok 'after kill -9 they are put back too' wait_for '[ "$(setting)" = "0 0 " ]' 5

in_sys sh -c 'echo 1 >/sys/class/net/va/napi_defer_hard_irqs'
start --wait latency --busy-poll on
ok 'with one setting of somebody else: deferred' polled
stop echo
eq 'it has its old value' "$(setting)" '1 0 '

in_sys sh -c 'echo 7000 >/sys/class/net/va/gro_flush_timeout'
start --wait latency --busy-poll on
eq 'with both settings of somebody else: left alone' "$(setting)" '1 7000 '
echoes 'with settings of somebody else'
stop echo
eq 'and afterwards' "$(setting)" '1 7000 '

not_ok 'it needs waiting for latency' in_sys "$XTCP" echo -i va -p 7 --busy-poll on
not_ok 'what is no way is refused' in_sys "$XTCP" echo -i va -p 7 --wait latency --busy-poll often
in_a timeout 5 "$XTCP" echo -i va -p 7 --wait latency --busy-poll on 2>"$LOGS/err"
eq 'where /sys shows other interfaces it fails' $? 1
eq '... in one line' "$(wc -l <"$LOGS/err")" 1
match '... which says why' "$(cat "$LOGS/err")" 'another network namespace'
