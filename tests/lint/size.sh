#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Functions of at most 70 lines and files of at most 700, in bpf, user and include. A function may be longer when a comment
# with `long: reason` stands right before it, a file when one of its first 40 lines says `long file: reason`.
. "$(dirname "$0")/lib.sh"
exec awk -v max_fn=70 -v max_file=700 '
	function file_end() {
		if (file != "" && lines > max_file && !file_reason) {
			printf "%s: %d lines, more than %d\n", file, lines, max_file; bad = 1
		}
	}
	FNR == 1 { file_end(); file = FILENAME; file_reason = 0; start = 0; reason = 0; in_comment = 0; body = 0 }
	{ lines = FNR }
	FNR <= 40 && /long file: ./ { file_reason = 1 }
	/(\/\*|\*).*long: ./ { reason = 1 }
	# In the kernel style a body opens and closes with a brace in the first column.
	/^\{/ && !body { body = FNR; next }
	/^\}/ {
		if (body && FNR - body - 1 > max_fn && !reason) {
			printf "%s:%d: a function of %d lines, more than %d: %s\n", file, body, FNR - body - 1, max_fn, name; bad = 1
		}
		if (body) reason = 0
		body = 0
		next
	}
	/^[a-zA-Z_].*\(/ { name = $0 }
	END { file_end(); exit bad }
' bpf/*.[ch] include/*.h include/xtcp/*.h user/*/*.[ch] /dev/null
