#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The core is sans-IO: objects of user/tcp name nothing outside user/tcp, user/lib's own pure objects and four functions of
# memory; they keep no writable data; they do no floating-point arithmetic. An object of user/lib is pure when the same
# holds of it.
. "$(dirname "$0")/lib.sh"
sources=(user/tcp/*.c)
[ ${#sources[@]} -gt 0 ] || exit 0
objects=()
for s in "${sources[@]}"; do
	o=build/obj/${s%.c}.o
	if [ -e "$o" ]; then objects+=("$o"); else found "$s: not built"; fi
done
mem='^(memcpy|memmove|memset|memcmp|_GLOBAL_OFFSET_TABLE_)$'

defined() { nm --defined-only -g "$@" 2>/dev/null | awk 'NF == 3 { print $3 }'; }
undefined() { nm -u "$1" | awk '{ print $2 }'; }
# Not by nm, which tells what the link-time optimiser was told. .data.rel.ro holds constants that hold addresses: the loader makes
# it read-only.
writable() {
	readelf -SsW "$1" | awk '
		/^ +\[ *[0-9]+\]/ {
			sub(/^ +\[ */, ""); n = $1 + 0
			if ($8 ~ /W/ && $2 !~ /^\.data\.rel\.ro/) w[n] = 1
			next
		}
		$4 == "OBJECT" && ($7 in w || $7 == "COM") { print $8 }'
}
floats() { objdump -d --no-show-raw-insn "$1" | grep -oE '\b(v?(add|sub|mul|div|sqrt|ucomi|comi)[sp][sd]|v?cvt[a-z0-9]+|f(add|sub|mul|div|ild|ld|stp)[a-z]*)\b' | sort | uniq -c; }

known=$(defined "${objects[@]}")
# user/lib: take the objects that need nothing but the memory functions and one another.
for s in user/lib/*.c; do
	o=build/obj/${s%.c}.o
	[ -e "$o" ] || continue
	[ -z "$(undefined "$o" | grep -vE "$mem")" ] && [ -z "$(writable "$o")" ] && known+=$'\n'$(defined "$o")
done

for o in "${objects[@]}"; do
	while read -r sym; do
		[ -n "$sym" ] && found "$o: calls $sym"
	done < <(undefined "$o" | grep -vE "$mem" | grep -vxFf <(echo "$known"))
	while read -r sym; do
		[ -n "$sym" ] && found "$o: writable data: $sym"
	done < <(writable "$o")
	while read -r line; do
		[ -n "$line" ] && found "$o: floating point: $line"
	done < <(floats "$o")
done
echo "${#objects[@]} objects of user/tcp looked at"
finish
