#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Run a folder of packetdrill scripts against libxtcp-packetdrill.so, each in a network namespace of its own, where the
# settings that they make touch nothing but that namespace. Prints passed, failed and unsupported, with the reason.
#   run.sh SO PACKETDRILL SCRIPTS      JOBS=n (2), LIMIT=seconds (20), FAMILY="v4 v6 mapped", UPDATE=1
# expected.tsv beside this script lists what does not pass, and why; UPDATE=1 brings it up to date (expected.awk).
# Exit code: 0 nothing failed that is not listed; 1 something did; 2 usage.
set -u

limit=${LIMIT:-20}
family=${FAMILY:-v4 v6 mapped}

args_of() { # FAMILY SCRIPT; addresses of the script's own come first, but that they are IPv4
	local drop=^$
	[ "$1" = v6 ] || drop=$(grep -oE '^--(local|remote)_ip=' "$2" | paste -sd'|')
	family_args "$1" | tr ' ' '\n' | grep -vE -- "${drop:-^$}" | paste -sd' '
}

family_args() { # FAMILY
	case $1 in
	v4) echo "--ip_version=ipv4 --local_ip=192.168.0.1 --gateway_ip=192.168.0.1 --netmask_ip=255.255.0.0 --remote_ip=192.0.2.1 -D TFO_COOKIE=3021b9d889017eeb -D CODE=host_unreachable -D CMSG_LEVEL_IP=SOL_IP -D CMSG_TYPE_RECVERR=IP_RECVERR" ;;
	v6) echo "--ip_version=ipv6 --mtu=1520 --local_ip=fd3d:0a0b:17d6::1 --gateway_ip=fd3d:0a0b:17d6:8888::1 --remote_ip=fd3d:fa7b:d17d::1 -D TFO_COOKIE=c1d1e9742a47a9bc -D CMSG_LEVEL_IP=SOL_IPV6 -D CMSG_TYPE_RECVERR=IPV6_RECVERR" ;;
	mapped) echo "--ip_version=ipv4-mapped-ipv6 --local_ip=192.168.0.1 --gateway_ip=192.168.0.1 --netmask_ip=255.255.0.0 --remote_ip=192.0.2.1 -D TFO_COOKIE=3021b9d889017eeb -D CODE=host_unreachable -D CMSG_LEVEL_IP=SOL_IPV6 -D CMSG_TYPE_RECVERR=IPV6_RECVERR" ;;
	esac
}

flags_of() { # FAMILY SCRIPT
	echo -n "local=192.168.0.1,local=fd3d:0a0b:17d6::1"
	if [ "$1" = v6 ] && ! grep -q "mss 1440" "$2"; then
		echo -n ",mtu=1520" # so the MSS is the same
	fi
}

one() { # FAMILY SCRIPT
	local out rc why kind note
	note=$(mktemp)
	# Scripts have commands for a sh that is bash.
	# shellcheck disable=SC2046
	out=$(cd "$(dirname "$2")" && timeout -k 2 "$limit" unshare -n -m bash -c \
		'mount --bind "$BASH" /bin/sh; ip tuntap add dev tun0 mode tun && ip link set tun0 up; PATH=$BIN:$PATH XTCP_FLUSHED='"$note"' LD_PRELOAD="$SO" exec "$@"' - "$PD" --send_omit_free --so_filename="$SO" \
		--so_flags="$(flags_of "$1" "$2")" $(args_of "$1" "$2") "$(basename "$2")" 2>&1 </dev/null)
	rc=$?
	rm -f "$note"
	if [ $rc = 0 ]; then kind=passed why=
	elif why=$(grep -m1 -oE 'xtcp: unsupported: .*' <<<"$out"); then kind=unsupported why=${why#*unsupported: }
	elif why=$(grep -m1 -oE 'Unknown system call.*|cap_set call:.*' <<<"$out"); then kind=unsupported
	elif [ $rc = 124 ] || [ $rc = 137 ]; then kind=failed why="not done in $limit s"
	else kind=failed why=$(grep -m1 'pkt:[0-9]' <<<"$out")$(grep -m1 -o 'AssertionError: .*' <<<"$out"); why=${why:-$(tail -1 <<<"$out")}
	fi
	printf '%-11s %-6s %s%s\n' "$kind" "$1" "${2#"$DIR"/}" "${why:+: $why}"
}

if [ "${1-}" = --one ]; then
	one "$2" "$3"
	exit
fi
[ $# = 3 ] && [ -e "$1" ] && [ -x "$2" ] && [ -d "$3" ] || { echo "usage: run.sh SO PACKETDRILL SCRIPTS" >&2; exit 2; }
SO=$(realpath "$1") PD=$(realpath "$2") DIR=$(realpath "$3")
BIN=$(mktemp -d) # before the others in PATH: ip, which tells us too what is meant for the host's TCP
export SO PD DIR BIN LIMIT=$limit
log=$(mktemp)
trap 'rm -rf "$log" "$log.new" "$BIN"' EXIT
printf '#!/bin/sh\ncase "$*" in "tcp_metrics flush"*) echo >>"$XTCP_FLUSHED" ;; esac\nexec %s "$@"\n' "$(command -v ip)" >"$BIN/ip"
chmod +x "$BIN/ip"
find "$DIR" -name '*.pkt' | sort | while read -r s; do
	for f in $family; do
		case $f:$s in v4:*v6.pkt | mapped:*v6.pkt | v6:*v4.pkt) continue ;; esac
		printf -- '--one\0%s\0%s\0' "$f" "$s"
	done
done | xargs -0 -n3 -P "${JOBS:-2}" bash "$0" | tee "$log"
here=$(dirname "$0")
sub=
case $DIR/ in */net/tcp/*) sub=${DIR##*/net/tcp} sub=${sub#/} sub=${sub:+$sub/} ;; esac
judge() { # AWK-OPTION...
	awk -v prefix="$sub" "$@" -f "$here/expected.awk" "$here/expected.tsv" "$log"
}
if [ "${UPDATE-}" = 1 ]; then
	judge -v update=1 >"$log.new" 2>/dev/null && cat "$log.new" >"$here/expected.tsv"
fi
judge
