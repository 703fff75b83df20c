// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fastopen_check.c - xtcp as the active side of TCP Fast Open, for test_fastopen.sh: some connections one after the
 * other through one engine, which keeps the peer's cookie; prints each answer, then its counters.
 *
 *   fastopen_check IFACE ADDR PORT CONNECTIONS
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xtcp.h"

#define PATIENCE 50 /* waits of 100 ms */

static struct sockaddr_storage parse(const char *addr, const char *port)
{
	struct sockaddr_storage ss = { .ss_family = AF_INET };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ss;

	v4->sin_port = htons((uint16_t)atoi(port)); /* at the same place in both */
	if (inet_pton(AF_INET, addr, &v4->sin_addr) == 1)
		return ss;
	ss.ss_family = AF_INET6;
	if (inet_pton(AF_INET6, addr, &v6->sin6_addr) != 1)
		errx(2, "%s is no address", addr);
	return ss;
}

static void ask(struct xtcp *x, const struct sockaddr_storage *to, int n)
{
	char text[32], got[32] = "";
	int len = snprintf(text, sizeof(text), "request %d", n);
	struct xtcp_event ev[8];
	ssize_t have = 0, r;
	xtcp_conn c;

	if (xtcp_connect(x, (const struct sockaddr *)to, NULL, NULL, &c) || xtcp_setopt(x, c, XTCP_FASTOPEN_CONNECT, 1))
		errx(1, "%s", xtcp_errmsg());
	if (xtcp_send(x, c, text, (size_t)len, 0) != len)
		errx(1, "the request is not taken");
	for (int i = 0; i < PATIENCE && have < len; i++) {
		xtcp_wait(x, ev, 8, 100);
		r = xtcp_recv(x, c, got + have, sizeof(got) - 1 - (size_t)have);
		if (r < 0 && r != -EAGAIN)
			errx(1, "%s", strerror((int)-r));
		have += r > 0 ? r : 0;
	}
	printf("%s\n", got);
	xtcp_close(x, c);
	xtcp_drain(x, 2000);
}

int main(int argc, char **argv)
{
	struct xtcp_conf conf = XTCP_CONF_INIT;
	struct sockaddr_storage to;
	struct xtcp_stat s;
	struct xtcp *x;

	if (argc != 5)
		errx(2, "usage: fastopen_check IFACE ADDR PORT CONNECTIONS");
	conf.ifname = argv[1];
	to = parse(argv[2], argv[3]);
	if (xtcp_open(&x, &conf))
		errx(1, "%s", xtcp_errmsg());
	for (int i = 0; i < atoi(argv[4]); i++)
		ask(x, &to, i);
	for (unsigned int i = 0; !xtcp_stat_get(x, i, &s); i++)
		if (!strncmp(s.name, "fastopen_active", 15))
			printf("%s %llu\n", s.name, (unsigned long long)s.value);
	xtcp_destroy(x);
	return 0;
}
