// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ctl_check.c - holds one interface through ctl for test_ctl.sh: prints each
 * event as a line, and does what the lines on its standard input say.
 *
 *   ctl_check IFACE [auto|native|generic]
 *
 * (Programs of this folder that include xtcp.h, or say so, are linked with libxtcp.a.)
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "lib/addr.h"
#include "lib/fail.h"

static void on_link(void *arg, const struct ctl_link *l)
{
	(void)arg;
	printf("event link mtu %u mac %02x:%02x:%02x:%02x:%02x:%02x %s%s\n", l->mtu, l->mac[0], l->mac[1], l->mac[2],
	       l->mac[3], l->mac[4], l->mac[5], l->up ? "up" : "down", l->gone ? " gone" : "");
}

static void on_addr(void *arg, const struct xtcp_addr *addr, uint32_t index, bool added)
{
	char text[ADDR_TEXT];

	(void)arg;
	printf("event addr %s %s index %u\n", added ? "added" : "removed", addr_text(addr, text), index);
}

static void print_mac(const char *what, const struct xtcp_addr *addr, const uint8_t *m)
{
	char text[ADDR_TEXT];

	addr_text(addr, text);
	if (m)
		printf("%s %s %02x:%02x:%02x:%02x:%02x:%02x\n", what, text, m[0], m[1], m[2], m[3], m[4], m[5]);
	else
		printf("%s %s none\n", what, text);
}

static void on_neigh(void *arg, const struct xtcp_addr *addr, const uint8_t mac[6])
{
	(void)arg;
	print_mac("event neigh", addr, mac);
}

static void on_routes(void *arg)
{
	(void)arg;
	printf("event routes\n");
}

static void do_route(struct ctl *ctl, const struct xtcp_addr *dst)
{
	char text[ADDR_TEXT], src[ADDR_TEXT], hop[ADDR_TEXT];
	struct host_route r;
	int err = ctl_host_ops.route(ctl, dst, NULL, &r);

	addr_text(dst, text);
	if (err)
		printf("route %s error %d %s\n", text, -err, fail_text());
	else
		printf("route %s src %s hop %s mtu %u initcwnd %u\n", text, addr_text(&r.src, src),
		       addr_text(&r.next_hop, hop), r.mtu, r.initcwnd);
}

static void do_neigh(struct ctl *ctl, const struct xtcp_addr *addr)
{
	char text[ADDR_TEXT];
	uint8_t mac[6];
	int err = ctl_host_ops.neigh(ctl, addr, mac);

	if (!err)
		print_mac("neigh", addr, mac);
	else
		printf("neigh %s error %d %s\n", addr_text(addr, text), -err, err == -EAGAIN ? "" : fail_text());
}

static void do_reserve(struct ctl *ctl, const struct xtcp_addr *addr, int port)
{
	int rc = ctl_host_ops.reserve(ctl, addr, (uint16_t)port);

	if (rc < 0)
		printf("reserve %d error %d %s\n", port, -rc, fail_text());
	else
		printf("reserve %d got %d\n", port, rc);
}

static void do_stats(struct ctl *ctl)
{
	struct xtcp_xdp_stats s;

	if (ctl_xdp_stats(ctl, &s))
		printf("stats error %s\n", fail_text());
	else
		printf("stats not_our_port %llu no_socket %llu\n", (unsigned long long)s.pass_not_our_port,
		       (unsigned long long)s.pass_no_socket);
}

/* One line of input; false: the end. */
static bool command(struct ctl *ctl, const char *line)
{
	char verb[16] = "", text[64] = "";
	struct xtcp_addr addr;
	int a = 0, b = 0, n = sscanf(line, "%15s %63s %d %d", verb, text, &a, &b);
	bool has_addr = n > 1 && !addr_parse(text, &addr);

	if (!strcmp(verb, "quit"))
		return false;
	if (!strcmp(verb, "stats"))
		do_stats(ctl);
	else if (!strcmp(verb, "steer"))
		ctl_host_ops.steer(ctl, (uint32_t)atoi(text), (uint16_t)a, b, b);
	else if (!has_addr)
		printf("what? %s\n", line);
	else if (!strcmp(verb, "route"))
		do_route(ctl, &addr);
	else if (!strcmp(verb, "neigh"))
		do_neigh(ctl, &addr);
	else if (!strcmp(verb, "reserve"))
		do_reserve(ctl, &addr, a);
	else if (!strcmp(verb, "release"))
		ctl_host_ops.release(ctl, &addr, (uint16_t)a);
	printf("done %s\n", verb);
	return true;
}

static int serve(struct ctl *ctl)
{
	struct pollfd p[2] = { { .fd = 0, .events = POLLIN }, { .fd = ctl_fd(ctl), .events = POLLIN } };
	char buf[256];
	size_t have = 0;
	ssize_t n;

	while (poll(p, 2, -1) >= 0 || errno == EINTR) {
		if (p[1].revents && ctl_process(ctl) == -ENODEV) {
			printf("gone %s\n", fail_text());
			return 0;
		}
		if (!p[0].revents)
			continue;
		n = read(0, buf + have, 1); /* a line at a time is fast enough here */
		if (n <= 0)
			return 0;
		if (buf[have] != '\n') {
			have += have < sizeof(buf) - 1;
			continue;
		}
		buf[have] = '\0';
		have = 0;
		if (!command(ctl, buf))
			return 0;
	}
	return 1;
}

int main(int argc, char **argv)
{
	struct ctl_conf conf = {
		.ifname = argc > 1 ? argv[1] : "",
		.pin = true,
		.events = { on_link, on_addr, on_neigh, on_routes },
	};
	struct ctl *ctl;
	int rc;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2)
		conf.mode = !strcmp(argv[2], "native")	  ? CTL_MODE_NATIVE
			    : !strcmp(argv[2], "generic") ? CTL_MODE_GENERIC
							  : CTL_MODE_AUTO;
	rc = ctl_open(&ctl, &conf);
	if (rc) {
		printf("open error %d %s\n", -rc, fail_text());
		return 1;
	}
	printf("open %s driver %s queues %u %s pins %s%s%s%s\n",
	       ctl_mode(ctl) == CTL_MODE_NATIVE ? "native" : "generic", ctl_link(ctl)->driver, ctl_link(ctl)->queues,
	       ctl_link(ctl)->virtual_link ? "virtual" : "real", ctl_pin_path(ctl), ctl_adopted(ctl) ? " adopted" : "",
	       ctl_mode_why(ctl)[0] ? " why " : "", ctl_mode_why(ctl));
	rc = serve(ctl);
	ctl_close(ctl);
	return rc;
}
