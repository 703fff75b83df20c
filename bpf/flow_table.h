/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow_table.h - the iterator program that prints map "flows", one line per
 * flow: `cat` of a file it is pinned to shows the table. The XDP program does
 * not need it; a loader may leave it out (bpf_program__set_autoload).
 */
#ifndef XTCP_BPF_FLOW_TABLE_H
#define XTCP_BPF_FLOW_TABLE_H

SEC("iter/bpf_map_elem")
int xtcp_flow_table(struct bpf_iter__bpf_map_elem *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	const struct xtcp_flow *f = ctx->value;
	__u16 lport, rport;
	__u32 engine, conn;

	if (!f || !(f->conn & XTCP_FLOW_CONN))
		return 0;
	engine = f->conn >> XTCP_FLOW_ENGINE_SHIFT;
	conn = (f->conn & XTCP_FLOW_CONN) - 1;
	lport = wire_swap16(f->local_port);
	rport = wire_swap16(f->remote_port);
	if (wire_addr_is_ip4(&f->local))
		BPF_SEQ_PRINTF(seq, "%pI4:%u %pI4:%u conn %u engine %u\n", &f->local.w[3], lport, &f->remote.w[3],
			       rport, conn, engine);
	else
		BPF_SEQ_PRINTF(seq, "[%pI6]:%u [%pI6]:%u conn %u engine %u\n", &f->local, lport, &f->remote, rport,
			       conn, engine);
	return 0;
}

#endif /* XTCP_BPF_FLOW_TABLE_H */
