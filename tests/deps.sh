#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# tests/deps.sh [bench|apps] - install what Debian packages are missing to build, run and test, or for the benchmark or all programs of
# tests/apps too; say nothing when none is. Servers among them are not started.
set -eu

packages=(
	# build
	gcc libc6-dev linux-libc-dev clang llvm libclang-rt-14-dev bpftool pkg-config binutils diffutils
	libbpf-dev libxdp-dev libmnl-dev nettle-dev libpcap-dev libjansson-dev libhttp-parser-dev libelf-dev zlib1g-dev
	# test
	libcmocka-dev libasan8 libubsan1 iproute2 nftables iputils-ping procps kmod ethtool netcat-openbsd curl socat tcpdump tshark openssl jq wrk
	python3 util-linux ca-certificates
	wget iperf3 netcat-traditional nginx apache2-utils liburing2
	# lint
	clang-format clang-tidy cppcheck shellcheck
)
case ${1:-} in
bench) packages+=(valgrind redis-server redis-tools memcached) ;;
apps) packages+=(nodejs redis-server redis-tools memcached openssh-client openssh-server rsync git postgresql postgresql-contrib) ;;
esac

missing=()
while read -r name status; do
	[ "$status" = installed ] || missing+=("$name")
done < <(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${packages[@]}" 2> >(sed -n 's/.*no packages found matching \(.*\)/\1 missing/p') || true)

[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
	echo "deps: missing packages: ${missing[*]}; run 'sudo make deps'" >&2
	exit 1
fi
echo "deps: installing ${missing[*]}" >&2
log=$(mktemp)
# What installs a server would start it: it is told not to, unless there is such a rule already.
policy=/usr/sbin/policy-rc.d
if [ -e $policy ]; then policy=; else printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy; fi
trap 'rm -f "$log" ${policy:+"$policy"}' EXIT
export DEBIAN_FRONTEND=noninteractive
for try in 1 2 3; do
	if { apt-get -q update && apt-get -q -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "${missing[@]}"; } </dev/null >"$log" 2>&1; then
		exit 0
	fi
	[ "$try" = 3 ] || sleep 5
done
tail -n 20 "$log" >&2
echo "deps: apt-get could not install: ${missing[*]}" >&2
exit 1
