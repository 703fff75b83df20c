// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* report.c - lines and JSON for the user. See report.h. */
#include "cli/report.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static atomic_bool first_only, told;

void report_first_only(void)
{
	atomic_store(&first_only, true);
}

int report_fail(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (atomic_exchange(&told, true) && atomic_load(&first_only))
		return EXIT_FAILED;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "xtcp: %s\n", text);
	return EXIT_FAILED;
}

int report_engine(struct xtcp *x, int err)
{
	struct xtcp_engine_info i;

	if (err != -ENODEV)
		return report_fail("%s", *xtcp_errmsg() ? xtcp_errmsg() : strerror(-err));
	memset(&i, 0, sizeof(i));
	xtcp_engine_info(x, &i);
	return report_fail("%s: %s", i.ifname, report_error(ENODEV));
}

const char *report_error(int err)
{
	switch (err) {
	case ECONNREFUSED: return "connection refused";
	case ECONNRESET: return "connection reset by peer";
	case ETIMEDOUT: return "connection timed out: the peer does not answer";
	case EHOSTUNREACH: return "no route to host";
	case ENETUNREACH: return "network is unreachable";
	case ENODEV: return "the interface has been removed";
	case EADDRNOTAVAIL: return "the local address has been removed";
	case ECONNABORTED: return "connection aborted";
	default: return strerror(err);
	}
}

const char *report_addr(const struct sockaddr_storage *ss, char *out)
{
	struct xtcp_addr a = { 0 };
	uint16_t port = 0;

	if (ss->ss_family == AF_INET) {
		const struct sockaddr_in *sin = (const void *)ss;

		a = addr_from_v4(sin->sin_addr.s_addr);
		port = ntohs(sin->sin_port);
	} else if (ss->ss_family == AF_INET6) {
		const struct sockaddr_in6 *sin6 = (const void *)ss;

		a = addr_from_v6(&sin6->sin6_addr);
		port = ntohs(sin6->sin6_port);
	}
	if (addr_is_any(&a))
		snprintf(out, ADDR_TEXT, "*:%u", port);
	else
		addr_port_text(&a, port, out);
	return out;
}

struct sockaddr_storage report_sockaddr(const struct xtcp_addr *addr, uint16_t port)
{
	struct sockaddr_storage ss = { 0 };

	if (addr_is_v4(addr)) {
		struct sockaddr_in *sin = (void *)&ss;

		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		sin->sin_addr.s_addr = addr->w[3];
	} else {
		struct sockaddr_in6 *sin6 = (void *)&ss;

		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(port);
		memcpy(&sin6->sin6_addr, addr->b, 16);
	}
	return ss;
}

void report_json(FILE *to, struct json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	if (text)
		fprintf(to, "%s\n", text);
	fflush(to);
	free(text);
	json_decref(o);
}

json_t *report_counters(struct xtcp *x)
{
	json_t *o = json_object();
	struct xtcp_stat s;

	for (unsigned int i = 0; xtcp_stat_get(x, i, &s) == 0; i++)
		if (s.value && !strcmp(s.half, "engine"))
			json_object_set_new(o, s.name, json_integer((json_int_t)s.value));
	return o;
}

static json_t *ecn_json(const struct xtcp_info *i)
{
	static const char *const modes[] = { "none", "classic", "accurate" };

	return json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "mode", modes[i->ecn], "ect", i->ecn_ect,
			 "received_ce", (json_int_t)i->received_ce, "received_ce_bytes",
			 (json_int_t)i->received_ce_bytes, "received_e0_bytes", (json_int_t)i->received_e0_bytes,
			 "delivered_ce", (json_int_t)i->delivered_ce, "delivered_ce_bytes",
			 (json_int_t)i->delivered_ce_bytes, "reductions", (json_int_t)i->ecn_reductions);
}

void report_conn_json(struct xtcp *x, xtcp_conn c, const char *result)
{
	struct xtcp_info i;
	char local[ADDR_TEXT], remote[ADDR_TEXT];

	memset(&i, 0, sizeof(i));
	if (xtcp_get_info(x, c, sizeof(i), &i) < 0)
		return;
	report_json(stderr,
		    json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
			      "result", result, "state", xtcp_state_name(i.state), "local",
			      report_addr(&i.local, local), "remote", report_addr(&i.remote, remote), "bytes_in",
			      (json_int_t)i.bytes_received, "bytes_out", (json_int_t)i.bytes_sent,
			      "bytes_retransmitted", (json_int_t)i.bytes_retrans, "retransmits", (json_int_t)i.retrans,
			      "timeouts", (json_int_t)i.rto_count, "segments_in", (json_int_t)i.segs_in, "segments_out",
			      (json_int_t)i.segs_out, "srtt_us", (json_int_t)(i.srtt_ns / 1000), "mss",
			      (json_int_t)i.mss, "pmtu", (json_int_t)i.pmtu, "counters", report_counters(x), "ecn",
			      ecn_json(&i)));
}

FILE *report_summary_to(const struct xtcp_conf *conf)
{
	return conf->pcap && !strcmp(conf->pcap, "-") ? stderr : stdout;
}

void report_server_add(struct report_server *sum, const struct report_server *one)
{
	sum->conns += one->conns;
	sum->errors += one->errors;
	sum->bytes_in += one->bytes_in;
	sum->bytes_out += one->bytes_out;
	sum->requests += one->requests;
	sum->http = one->http;
}

void report_server_json(FILE *to, const struct report_server *s)
{
	json_t *o = json_pack("{s:I, s:I, s:I, s:I}", "connections", (json_int_t)s->conns, "errors",
			      (json_int_t)s->errors, "bytes_in", (json_int_t)s->bytes_in, "bytes_out",
			      (json_int_t)s->bytes_out);

	if (o && s->engines)
		json_object_set_new(o, "engines", s->engines);
	if (o && s->http)
		json_object_set_new(o, "requests", json_integer((json_int_t)s->requests));
	report_json(to, o);
}
