// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* engines.c - see engines.h. */
#include "cli/engines.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cpus.h"
#include "cli/report.h"
#include "cli/stop.h"
#include "ctl/ctl.h"

/* Receive queues of the interface; or -1, and it has been told why not. */
static int count_queues(const struct opts *o)
{
	int queues = ctl_link_queues(o->conf.ifname);

	if (queues < 0) {
		report_fail("%s", xtcp_errmsg());
	} else if ((uint32_t)queues < o->engines) {
		report_fail("--queues %u: %s has %d receive queue%s; ethtool -L %s adds some, where the driver can",
			    o->engines, o->conf.ifname, queues, queues == 1 ? "" : "s", o->conf.ifname);
		return -1;
	}
	return queues;
}

/* The options for the engine with that number: its share of the queues. */
static struct opts share(const struct opts *o, uint32_t number, uint32_t queues, char *pcap, size_t size)
{
	struct opts mine = *o;

	mine.conf.first_queue = number * queues / o->engines;
	mine.conf.queues = (number + 1) * queues / o->engines - mine.conf.first_queue;
	if (number && o->conf.pcap) {
		snprintf(pcap, size, "%s.%u", o->conf.pcap, number);
		mine.conf.pcap = pcap;
	}
	return mine;
}

static int open_several(struct engines *g)
{
	const struct opts *o = g->opts;
	int queues = count_queues(o), rc = queues < 0 ? EXIT_FAILED : EXIT_DONE;

	for (uint32_t i = 0; i < o->engines && rc == EXIT_DONE; i++) {
		char pcap[4096];
		struct opts mine = share(o, i, (uint32_t)queues, pcap, sizeof(pcap));

		rc = start_engine_beside(&g->slot[i].s, &mine, i ? g->slot[0].s.x : NULL);
		g->slot[i].s.opts = o;
		g->n += rc == EXIT_DONE;
	}
	return rc;
}

int engines_open(struct engines *g, const struct opts *o)
{
	int rc;

	*g = (struct engines){ .opts = o, .slot = calloc(o->engines, sizeof(*g->slot)) };
	if (!g->slot)
		return report_fail("out of memory");
	for (uint32_t i = 0; i < o->engines; i++) {
		g->slot[i].number = i;
		g->slot[i].all = g;
	}
	if (o->engines > 1)
		return open_several(g);
	rc = start_engine(&g->slot[0].s, o);
	g->n = rc == EXIT_DONE;
	return rc;
}

int engines_listen(struct engines *g, const struct xtcp_addr *addr, uint16_t port)
{
	int rc = EXIT_DONE;

	for (uint32_t i = 0; i < g->n && rc == EXIT_DONE; i++)
		rc = start_listening_quietly(&g->slot[i].s, addr, port, &g->slot[i].l);
	if (rc == EXIT_DONE)
		start_tell_listening(&g->slot[0].s, addr, port);
	return rc;
}

static void *work(void *arg)
{
	struct engine_slot *slot = arg;
	const struct engines *g = slot->all;

	if (g->opts->cpus && cpus_pin(g->opts->cpu_list[slot->number]))
		slot->rc = report_fail("--cpus: engine %u cannot run on CPU %u", slot->number,
				       g->opts->cpu_list[slot->number]);
	else
		slot->rc = g->fn(slot, g->arg);
	if (slot->rc != EXIT_DONE)
		stop_ask();
	return NULL;
}

int engines_run(struct engines *g, int (*fn)(struct engine_slot *slot, void *arg), void *arg)
{
	pthread_t *thread = calloc(g->n, sizeof(*thread));
	uint32_t started = 1;
	int rc = EXIT_DONE;

	if (!thread)
		return report_fail("out of memory");
	if (g->n > 1)
		report_first_only();
	g->fn = fn;
	g->arg = arg;
	for (; started < g->n; started++) {
		int err = pthread_create(&thread[started], NULL, work, &g->slot[started]);

		if (!err)
			continue;
		rc = report_fail("no thread for engine %u: %s", started, strerror(err));
		stop_ask();
		break;
	}
	if (rc == EXIT_DONE)
		work(&g->slot[0]);
	for (uint32_t i = 0; i < started; i++) {
		if (i)
			pthread_join(thread[i], NULL);
		if (rc == EXIT_DONE)
			rc = g->slot[i].rc;
	}
	free(thread);
	return rc;
}

void engines_close(struct engines *g)
{
	for (uint32_t i = 0; i < g->n; i++)
		start_undo(&g->slot[i].s);
	free(g->slot);
	g->slot = NULL;
	g->n = 0;
}

void engines_wake(const struct engines *g)
{
	for (uint32_t i = 0; i < g->n; i++)
		xtcp_wake(g->slot[i].s.x);
}

uint32_t engines_share(const struct engines *g, uint32_t number, uint32_t of)
{
	return of / g->n + (number < of % g->n);
}

json_t *engines_counters(const struct engines *g)
{
	json_t *o = json_object();
	struct xtcp_stat s;

	for (unsigned int i = 0; g->n && xtcp_stat_get(g->slot[0].s.x, i, &s) == 0; i++) {
		uint64_t sum = s.value;

		if (strcmp(s.half, "engine") != 0)
			continue;
		for (uint32_t n = 1; n < g->n; n++)
			if (xtcp_stat_get(g->slot[n].s.x, i, &s) == 0)
				sum += s.value;
		if (sum)
			json_object_set_new(o, s.name, json_integer((json_int_t)sum));
	}
	return o;
}

json_t *engines_json(const struct engines *g)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < g->n; i++) {
		struct xtcp *x = g->slot[i].s.x;
		struct xtcp_engine_info info;

		memset(&info, 0, sizeof(info));
		xtcp_engine_info(x, &info);
		json_array_append_new(list, json_pack("{s:I, s:I, s:I, s:o}", "engine", (json_int_t)info.engine,
						      "first_queue", (json_int_t)info.first_queue, "queues",
						      (json_int_t)info.queues, "counters", report_counters(x)));
	}
	return list;
}
