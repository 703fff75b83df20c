#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# clang-format agrees with all C; `make format` mends.
. "$(dirname "$0")/lib.sh"
exec make -k -j2 format-stamps
