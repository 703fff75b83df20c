#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Every source names its licence in its first three lines.
. "$(dirname "$0")/lib.sh"
for f in Makefile .ci/run {bpf,vmlinux}/*.[ch] include/*.h include/xtcp/* user/*/*.[ch1] {tests,vmlinux,bpf}/*.{sh,py} \
	tests/*/*.{c,h,sh,py,pkt}; do
	head -n 3 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause' || found "$f: no SPDX line"
done
finish
