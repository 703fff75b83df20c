/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * maps.h - the maps and the read-only configuration, as shared.h describes them.
 *
 * Keys and values are given as types, so that all maps carry BTF and
 * `bpftool map dump` prints field names. The engine writes "ports" and "flows"
 * through mmap with plain stores; nothing here writes them.
 */
#ifndef XTCP_BPF_MAPS_H
#define XTCP_BPF_MAPS_H

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, XTCP_MAX_ADDRS);
	__type(key, struct xtcp_addr);
	__type(value, struct xtcp_addr_entry);
} addrs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, XTCP_PORTS);
	__type(key, __u32);
	__type(value, struct xtcp_port_entry);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, XTCP_FLOWS);
	__type(key, __u32);
	__type(value, struct xtcp_flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, XTCP_MAX_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xtcp_xdp_stats);
} stats SEC(".maps");

/* Drops since the last one reported, for sampling. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} unreported SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

const volatile struct xtcp_xdp_conf xtcp_conf = {};

#endif /* XTCP_BPF_MAPS_H */
