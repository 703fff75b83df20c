// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * adapter.c - packetdrill_interface_init: the whole engine behind the table of calls that packetdrill wants from a
 * shared object. The profile makes what the scripts were written against: buffers as large as those of a Linux that
 * is set up for them, which gives a window scale of 8.
 *
 * Flags (--so_flags): key=value, separated by commas: local=ADDR (again for IPv6), mtu=BYTES of
 * the link (1500).
 */
#include <stdio.h>
#include <stdlib.h>
#include "pd.h"

#define START_NS 1000000000000ull

static void take_flag(struct xtcp_addr *local, uint32_t *locals, uint32_t *mtu, const char *key)
{
	if (!strncmp(key, "mtu=", 4))
		*mtu = (uint32_t)atoi(key + 4);
	else if (!strncmp(key, "local=", 6) && *locals < 8 && !addr_parse(key + 6, &local[*locals]))
		++*locals;
	else
		fprintf(stderr, "xtcp: the flag '%s' means nothing\n", key);
}

static void profile(struct engine_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	conf->max_conns = 256;
	conf->max_time_wait = 256;
	conf->buffer_bytes = 64u << 20;
	conf->chunks = 4096;
	conf->chunk_size = 16384;
	conf->syn_queue = 64;
	tcp_conf_default(&conf->tcp);
	conf->tcp.rcvbuf_max = 15u << 20;
	conf->tcp.mss_min = 48; /* as Linux has it */
	conf->tcp.idle_restart = true;
	for (int i = 0; i < 8; i++)
		conf->seed[i] = 0x9e3779b97f4a7c15ull * (uint64_t)(i + 1);
}

static void pd_free(void *arg)
{
	struct pd *p = arg;

	pd_info_of(NULL);
	engine_attach(p->e, NULL, NULL, NULL);
	engine_destroy(p->e);
	free(p->out);
	free(p);
}

static struct pd *pd_new(const char *flags)
{
	struct xtcp_addr local[8];
	struct pd *p = calloc(1, sizeof(*p));
	struct engine_conf conf;
	uint32_t locals = 0, mtu = 1500;
	char *text = strdup(flags ? flags : ""), *save = NULL;

	profile(&conf);
	for (char *k = strtok_r(text, ",", &save); k; k = strtok_r(NULL, ",", &save))
		take_flag(local, &locals, &mtu, k);
	free(text);
	if (!p || engine_create(&p->e, &conf) < 0) {
		fprintf(stderr, "xtcp: no memory for an engine\n");
		exit(1);
	}
	p->out = calloc(PD_OUT, sizeof(*p->out));
	p->now_ns = START_NS;
	p->owner = pthread_self();
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->moved, NULL);
	pthread_cond_init(&p->looked, NULL);
	simport_open(&p->port, engine_frames(p->e), engine_area(p->e), mtu, 512, 1000);
	p->port.send = pd_sent;
	p->port.arg = p;
	engine_attach(p->e, &p->port.port, &pd_host_ops, p);
	engine_host_link(p->e, pd_mac, mtu, true);
	engine_turn(p->e, p->now_ns);
	for (uint32_t i = 0; i < locals; i++)
		pd_local(p, &local[i]);
	return p;
}

void packetdrill_interface_init(const char *flags, struct pd_calls *calls)
{
	memset(calls, 0, sizeof(*calls));
	calls->arg = pd_new(flags);
	pd_info_of(calls->arg);
	calls->free = pd_free;
	calls->packet_in = pd_packet_in;
	calls->packet_out = pd_packet_out;
	calls->usleep = pd_usleep;
	calls->gettimeofday = pd_gettimeofday;
	pd_calls_sockets(calls);
	pd_calls_data(calls);
	pd_calls_opts(calls);
	pd_calls_ready(calls);
	pd_calls_epoll(calls);
	pd_calls_splice(calls);
	pd_sendfile_to(calls);
}
