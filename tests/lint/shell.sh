#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Every shell script, each by itself: following lib.sh from every test took ten times as long. Not asked: whether a function that a
# trap or a harness calls is reachable.
. "$(dirname "$0")/lib.sh"
exec shellcheck -S warning -e SC1090,SC1091,SC2034,SC2154 .ci/run {tests,vmlinux,bpf}/*.sh tests/*/*.sh
