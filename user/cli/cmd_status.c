// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd_status.c - xtcp status: on which interfaces the XDP half is, the engines that run there, and what each has counted. Engines
 * are looked at from outside (ctl_engines_find): one that hangs tells as much as one that does not.
 */
#include "cli/cli.h"

#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <stdio.h>

#include "cli/opts.h"
#include "cli/report.h"
#include "ctl/ctl.h"
#include "lib/fail.h"

static const struct opts_use use = {
	.name = "status",
	.takes = OPT_INTERFACE | OPT_JSON | OPT_VERBOSE,
};

static const char *mode_word(const struct ctl_status *s)
{
	return s->mode == CTL_MODE_GENERIC ? "generic" : "native";
}

static const struct {
	const char *kind, *name, *text;
} counters[] = {
#define XTCP_XDP_STAT(kind, name, text) { #kind, #name, text },
#include "xtcp/stats.def"
};
#define COUNTERS (sizeof(counters) / sizeof(counters[0]))
_Static_assert(sizeof(struct xtcp_xdp_stats) == COUNTERS * sizeof(__u64), "one __u64 for each counter");

/* ---- the engines ---- */

enum { PASS, REDIR, DROP, COUNT };
static const struct {
	const char *name, *text;
	bool drop;
} engine_counters[] = {
#define XTCP_USER_STAT(kind, name, text) [XTCP_USER_##name] = { #name, text, (kind) == DROP },
#include "xtcp/stats.def"
};
#define ENGINE_COUNTERS (sizeof(engine_counters) / sizeof(engine_counters[0]))
_Static_assert(ENGINE_COUNTERS == XTCP_USER_STATS, "one for each counter");

/* Told even when it is 0. */
static bool always(size_t counter)
{
	return counter == XTCP_USER_rx_frames || counter == XTCP_USER_tx_frames ||
	       counter == XTCP_USER_in_handed_over || counter == XTCP_USER_out_handed_over ||
	       counter == XTCP_USER_handover_full;
}

static uint64_t drops(const struct engine_look *l)
{
	uint64_t n = 0;

	for (size_t i = 0; i < ENGINE_COUNTERS; i++)
		n += engine_counters[i].drop ? l->stats[i] : 0;
	return n;
}

static void print_engine(const struct ctl_engine *e, bool all)
{
	const struct engine_place *p = &e->look.place;
	char queues[48];

	if (p->queues == 1)
		snprintf(queues, sizeof(queues), "receive queue %u", p->first_queue);
	else
		snprintf(queues, sizeof(queues), "receive queues %u to %u", p->first_queue,
			 p->first_queue + p->queues - 1);
	printf("  engine %u: process %d, %s, %u connection%s, %u in TIME-WAIT\n", p->engine, e->pid, queues,
	       e->look.conns, e->look.conns == 1 ? "" : "s", e->look.time_waits);
	printf("    %-20s %10llu  all that this engine has dropped\n", "drops", (unsigned long long)drops(&e->look));
	for (size_t i = 0; i < ENGINE_COUNTERS; i++)
		if (e->look.stats[i] || all || always(i))
			printf("    %-20s %10llu  %s\n", engine_counters[i].name, (unsigned long long)e->look.stats[i],
			       engine_counters[i].text);
}

static json_t *engine_json(const struct ctl_engine *e)
{
	const struct engine_place *p = &e->look.place;
	json_t *stats = json_object();

	for (size_t i = 0; i < ENGINE_COUNTERS; i++)
		if (e->look.stats[i] || always(i))
			json_object_set_new(stats, engine_counters[i].name, json_integer((json_int_t)e->look.stats[i]));
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "engine", (json_int_t)p->engine, "pid",
			 (json_int_t)e->pid, "first_queue", (json_int_t)p->first_queue, "queues", (json_int_t)p->queues,
			 "connections", (json_int_t)e->look.conns, "time_waits", (json_int_t)e->look.time_waits,
			 "listeners", (json_int_t)e->look.listeners, "drops", (json_int_t)drops(&e->look), "counters",
			 stats);
}

/* Why nothing is seen of engines that must be there; NULL: there is none, or they are seen. */
static const char *unseen(const struct ctl_status *s, const struct ctl_engines *e, char *text, size_t size)
{
	for (uint32_t i = 0; i < e->n; i++)
		if (e->list[i].look.place.ifindex == s->ifindex)
			return NULL;
	if (!s->locked)
		return NULL;
	if (e->other_version)
		snprintf(text, size, "process %d is another version of xtcp; use its own status command",
			 e->other_version);
	else
		snprintf(text, size,
			 "an xtcp runs here, but not in a process that can be looked into: "
			 "run as root, in its PID namespace");
	return text;
}

static void print_engines(const struct ctl_status *s, const struct ctl_engines *e, bool all)
{
	char text[160];
	const char *why = unseen(s, e, text, sizeof(text));

	if (why)
		printf("  engines: %s\n", why);
	for (uint32_t i = 0; i < e->n; i++)
		if (e->list[i].look.place.ifindex == s->ifindex)
			print_engine(&e->list[i], all);
}

static void add_engines(const struct ctl_status *s, const struct ctl_engines *e, json_t *to)
{
	char text[160];
	const char *why = unseen(s, e, text, sizeof(text));
	json_t *list = why ? json_null() : json_array();

	for (uint32_t i = 0; i < e->n; i++)
		if (e->list[i].look.place.ifindex == s->ifindex)
			json_array_append_new(list, engine_json(&e->list[i]));
	json_object_set_new(to, "engines", list);
	if (why)
		json_object_set_new(to, "engines_why", json_string(why));
}

/* ---- the XDP half ---- */

/* Only what has happened, unless all is asked for. */
static void print_text(const struct ctl_status *s, bool all)
{
	const __u64 *v = (const __u64 *)&s->stats;

	printf("%s: %s mode, program id %u, %s%s\n", s->ifname, mode_word(s), s->prog_id,
	       s->pinned	? "pinned in "
	       : s->pin_path[0] ? "held by a running xtcp, maps in "
				: "held by a running xtcp, or pinned out of sight",
	       s->pin_path);
	for (size_t i = 0; i < COUNTERS; i++)
		if (v[i] || all)
			printf("  %-20s %12llu  %s\n", counters[i].name, (unsigned long long)v[i], counters[i].text);
}

static json_t *to_json(const struct ctl_status *s)
{
	const __u64 *v = (const __u64 *)&s->stats;
	json_t *stats = json_object();

	for (size_t i = 0; i < COUNTERS; i++)
		json_object_set_new(stats, counters[i].name, json_integer((json_int_t)v[i]));
	return json_pack("{s:s, s:s, s:b, s:I, s:I, s:s, s:o}", "interface", s->ifname, "mode", mode_word(s), "pinned",
			 s->pinned, "prog_id", (json_int_t)s->prog_id, "link_id", (json_int_t)s->link_id, "pins",
			 s->pin_path, "counters", stats);
}

/* ---- all of it ---- */

struct look {
	const struct opts *o;
	struct ctl_engines engines;
	json_t *list;
	int shown;
};

static void show(struct look *k, const struct ctl_status *s)
{
	json_t *one;

	k->shown++;
	if (!k->o->json) {
		print_text(s, k->o->verbose);
		print_engines(s, &k->engines, k->o->verbose);
		return;
	}
	one = to_json(s);
	add_engines(s, &k->engines, one);
	json_array_append_new(k->list, one);
}

/* Every interface of this namespace that has ours. 0 or -errno with fail(). */
static int show_all(struct look *k)
{
	struct if_nameindex *all = if_nameindex();
	struct ctl_status s;
	int err = 0;

	if (!all)
		return fail(errno, "the interfaces cannot be listed");
	for (struct if_nameindex *i = all; i->if_name && !err; i++) {
		err = ctl_status_get(i->if_name, &s);
		if (!err)
			show(k, &s);
		else if (err == -ENOENT || err == -ENODEV)
			err = 0; /* nothing of ours, or gone meanwhile */
	}
	if_freenameindex(all);
	return err;
}

static int show_wanted(struct look *k)
{
	struct ctl_status s;
	int err = ctl_engines_find(&k->engines);

	if (err)
		return err;
	if (!k->o->conf.ifname)
		return show_all(k);
	err = ctl_status_get(k->o->conf.ifname, &s);
	if (!err)
		show(k, &s);
	return err;
}

int cmd_status(int argc, char **argv)
{
	struct opts o;
	struct look k = { .o = &o };
	int err, rc = opts_parse(&o, &use, argc, argv);

	if (rc != OPTS_GO)
		return rc;
	k.list = json_array();
	err = show_wanted(&k);
	if (!err && o.json) {
		json_dumpf(k.list, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (!err && !k.shown) {
		printf("xtcp is attached to no interface here\n");
	}
	json_decref(k.list);
	ctl_engines_free(&k.engines);
	return err ? report_fail("%s", fail_text()) : EXIT_DONE;
}
