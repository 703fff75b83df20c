#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Who may include whom: cli -> run -> api -> engine -> {tcp, io}, ctl -> engine; everyone may use lib and include/. A layer that
# may call another may name what that one is made of, but nothing above it.
. "$(dirname "$0")/lib.sh"
declare -A may=(
	[lib]='lib'
	[tcp]='tcp lib'
	[io]='io tcp lib'
	[engine]='engine tcp io lib'
	[ctl]='ctl engine tcp io lib'
	[api]='api ctl engine tcp io lib'
	[run]='run api ctl engine tcp io lib'
	[cli]='cli run api ctl engine tcp io lib'
)
freestanding=' stdint.h stddef.h stdbool.h limits.h stdalign.h stdarg.h string.h linux/types.h linux/errno.h '

for f in user/*/*.[ch]; do
	dir=${f#user/} dir=${dir%%/*}
	[ -n "${may[$dir]:-}" ] || { found "$f: no such layer as user/$dir (tests/lint/layers.sh)"; continue; }
	while IFS=: read -r line name; do
		case $name in
		*/*)
			top=${name%%/*}
			if [ -d "user/$top" ] && [[ " ${may[$dir]} " != *" $top "* ]]; then
				found "$f:$line: user/$dir may not include $name"
			fi
			;;
		esac
		if [ "$dir" = tcp ]; then
			case $name in
			xtcp/* | tcp/* | lib/*) ;;
			*) [[ $freestanding == *" $name "* ]] || found "$f:$line: the core may not include $name" ;;
			esac
		fi
	done < <(sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]([^>"]+)[>"].*/\1/;T;=;p' "$f" | paste -d: - -)
done
for f in include/xtcp.h include/xtcp/*; do
	grep -nE '#[[:space:]]*include[[:space:]]*"(lib|tcp|io|engine|ctl|api|run|cli)/' "$f" && found "$f: include/ may not include user/"
done
finish
