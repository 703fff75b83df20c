#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# cppcheck over user/; what did not change is taken from its build directory.
. "$(dirname "$0")/lib.sh"
sources=(user/*/*.c)
[ ${#sources[@]} -gt 0 ] || exit 0
mkdir -p build/lint/cppcheck
exec cppcheck --quiet --enable=warning,performance,portability --error-exitcode=1 --inline-suppr -j2 --std=c11 \
	--cppcheck-build-dir=build/lint/cppcheck --suppress=missingIncludeSystem --suppress=unknownMacro \
	--suppress='*:build/*' -D__linux__ -D__x86_64__ -DXTCP_VERSION='"0"' -Iinclude -Iuser "${sources[@]}"
