#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# clang-tidy over user/, one stamp for each source.
. "$(dirname "$0")/lib.sh"
exec make -k -j2 tidy-stamps
