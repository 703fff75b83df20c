// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sysctl.c - what a script sets of the host. It does so by commands, in the network namespace that packetdrill runs in; we
 * read it there, when a socket is made, listens or connects, as Linux does. Not the congestion control: all scripts want
 * CUBIC, which a kernel may refuse to a namespace, and which is our default.
 *
 * What a script asks of the host by the command ip, to forget what is known of peers, run.sh notes in a file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "pd.h"

static bool text_of(const char *name, char *out, size_t size)
{
	char path[96];
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	f = fopen(path, "re");
	if (!f)
		return false;
	ok = fgets(out, (int)size, f);
	fclose(f);
	if (ok)
		out[strcspn(out, "\n")] = 0;
	return ok;
}

long pd_sysctl(const char *name, long otherwise)
{
	char text[128];

	return text_of(name, text, sizeof(text)) ? strtol(text, NULL, 0) : otherwise;
}

/* a-b-c-d, each a little-endian word in hexadecimal; the first of two keys. */
bool pd_sysctl_fastopen_key(uint8_t key[16])
{
	char text[128];
	unsigned int w[4];

	if (!text_of("tcp_fastopen_key", text, sizeof(text)) ||
	    sscanf(text, "%x-%x-%x-%x", &w[0], &w[1], &w[2], &w[3]) != 4)
		return false;
	for (int i = 0; i < 16; i++)
		key[i] = (uint8_t)(w[i / 4] >> 8 * (i % 4));
	return true;
}

/* "ip tcp_metrics flush" adds to the file. */
static void forget(struct pd *p)
{
	const char *path = getenv("XTCP_FLUSHED");
	struct stat st;

	if (!path || stat(path, &st) || st.st_size == p->flushed)
		return;
	p->flushed = st.st_size;
	engine_fastopen_forget(p->e);
}

void pd_sysctls(struct pd *p)
{
	static const uint8_t ecn[] = { TCP_ECN_OFF, TCP_ECN_ON, TCP_ECN_PASSIVE, TCP_ECN_ACCURATE };
	struct tcp_conf *conf = &engine_env(p->e)->conf;
	long v = pd_sysctl("tcp_ecn", 0);

	conf->ecn = ecn[v >= 0 && v < 4 ? v : 0];
	conf->timestamps = pd_sysctl("tcp_timestamps", 1);
	forget(p);
}
