# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# What the lint scripts share: they run at the top of the tree; a finding is printed, and makes the script fail.
set -u
shopt -s nullglob
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

findings=0
found() {
	echo "$*"
	findings=$((findings + 1))
}
finish() {
	[ "$findings" = 0 ] || exit 1
	exit 0
}
