#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# zc_probe.sh - is there an interface for the row on a driver with zero-copy? One line of JSON: {"row", "skip"} with the reason.
#
# Traffic of a benchmark may not leave the machine, so only an interface whose other end is here too counts: that is a virtual one, and
# of those none but a veth pair made by the benchmark is its own to load. What is here is only read from sysfs: nothing is attached.
set -u
row='bulk on a driver with zero-copy'
here=()
for d in /sys/class/net/*/device/driver; do
	[ -e "$d" ] || continue
	i=${d%/device/driver}
	here+=("${i##*/} ($(basename "$(readlink -f "$d")"))")
done
if [ ${#here[@]} -gt 0 ]; then
	list=$(IFS=,; echo "${here[*]}")
	why="${list//,/, } leads out of this machine, where no benchmark may send; veth, which stays inside, has no zero-copy"
else
	why='no interface here has a driver of its own; veth, which stays inside, has no zero-copy'
fi
jq -cn --arg row "$row" --arg skip "$why" '{ row: $row, skip: $skip }'
