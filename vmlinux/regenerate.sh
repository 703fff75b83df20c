#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Writes vmlinux.h beside itself from the running kernel's BTF, reduced to the
# types that bpf/ uses. Needed only when bpf/ begins to use another type: add
# its name below, run `make vmlinux`, and commit the result. Needs bpftool and
# /sys/kernel/btf/vmlinux; the ordinary build needs neither.
set -euo pipefail

cd "$(dirname "$0")"
btf=${1:-/sys/kernel/btf/vmlinux}
bpftool=$(PATH=$PATH:/usr/sbin:/sbin command -v bpftool)
all=$(mktemp)
trap 'rm -f "$all" vmlinux.h.new' EXIT
"$bpftool" btf dump file "$btf" format c > "$all"

# block START: the declaration whose first line is START, up to its closing brace.
block() {
	awk -v start="$1 {" '$0 == start { on = 1 } on { print } on && /^};/ { found = 1; exit }
		END { exit !found }' "$all" || { echo "regenerate.sh: '$1' is not in $btf" >&2; return 1; }
	echo
}

# constant NAME: an enumerator of an anonymous enum, as an enum of its own.
constant() {
	local value
	value=$(sed -nE "s/^\t$1 = ([0-9]+),.*/\1/p" "$all" | head -n 1)
	[ -n "$value" ] || { echo "regenerate.sh: '$1' is not in $btf" >&2; return 1; }
	printf 'enum { %s = %s };\n\n' "$1" "$value"
}

{
	cat <<'END'
/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * vmlinux.h - the kernel types that bpf/ uses, and no others. Written by
 * vmlinux/regenerate.sh from a kernel's BTF; do not edit.
 *
 * User-space ABI comes first: it never moves, so the XDP program needs no
 * relocation and loads on a kernel without BTF. What follows it is internal
 * to the kernel and relocated at load time (CO-RE).
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;

END
	block 'enum bpf_map_type'
	constant BPF_F_MMAPABLE
	block 'enum xdp_action'
	block 'struct xdp_md'
	cat <<'END'
#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#endif

struct seq_file;
struct bpf_map;

END
	block 'struct bpf_iter_meta'
	block 'struct bpf_iter__bpf_map_elem'
	cat <<'END'
#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
END
} > vmlinux.h.new
mv vmlinux.h.new vmlinux.h
