// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ao.c - keys of TCP-AO (RFC 5925) from the command line and files. See ao.h. */
#include "cli/ao.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/peerkey.h"
#include "cli/report.h"
#include "lib/fail.h"

#define ID_DEFAULT 1

/* What the argument says besides peer and file. */
struct spec {
	struct xtcp_ao_key k;
	uint16_t port;
};

/* One of NAME=VALUE. */
struct word {
	const char *name, *value;
	int name_len, value_len;
};

static bool is(const char *text, int len, const char *word)
{
	return (size_t)len == strlen(word) && !memcmp(text, word, (size_t)len);
}

static int number(const struct word *w, unsigned long max, unsigned long *out)
{
	char *end;

	*out = strtoul(w->value, &end, 10);
	if (w->value[0] < '0' || w->value[0] > '9' || end != w->value + w->value_len || *out > max)
		return fail(EINVAL, "%.*s: '%.*s' is no number from 0 to %lu", w->name_len, w->name, w->value_len,
			    w->value, max);
	return 0;
}

/* One of two words. */
static int either(const struct word *w, const char *no, const char *yes, bool *out)
{
	*out = is(w->value, w->value_len, yes);
	if (!*out && !is(w->value, w->value_len, no))
		return fail(EINVAL, "%.*s: '%.*s' is neither %s nor %s", w->name_len, w->name, w->value_len, w->value,
			    no, yes);
	return 0;
}

static int set_flag(struct spec *s, const struct word *w, const char *off, const char *on, uint32_t flag)
{
	bool yes;
	int err = either(w, off, on, &yes);

	if (!err && yes)
		s->k.flags |= flag;
	return err;
}

static int set_port(uint16_t *port, const struct word *w)
{
	unsigned long n;
	int err = number(w, 65535, &n);

	if (!err)
		*port = (uint16_t)n;
	return err;
}

static int set_ids(struct spec *s, const struct word *w, bool send, bool recv)
{
	unsigned long n;
	int err = number(w, 255, &n);

	if (err)
		return err;
	if (send)
		s->k.send_id = (uint8_t)n;
	if (recv)
		s->k.recv_id = (uint8_t)n;
	return 0;
}

static int set(struct spec *s, const struct word *w)
{
	bool aes;
	int err;

	if (is(w->name, w->name_len, "id"))
		return set_ids(s, w, true, true);
	if (is(w->name, w->name_len, "sendid"))
		return set_ids(s, w, true, false);
	if (is(w->name, w->name_len, "recvid"))
		return set_ids(s, w, false, true);
	if (is(w->name, w->name_len, "port"))
		return set_port(&s->port, w);
	if (is(w->name, w->name_len, "lport"))
		return set_port(&s->k.local_port, w);
	if (is(w->name, w->name_len, "options"))
		return set_flag(s, w, "yes", "no", XTCP_AO_NO_OPTIONS);
	if (is(w->name, w->name_len, "icmp"))
		return set_flag(s, w, "no", "yes", XTCP_AO_ICMP);
	if (!is(w->name, w->name_len, "alg"))
		return fail(EINVAL, "'%.*s' is none of id, sendid, recvid, alg, port, lport, options, icmp",
			    w->name_len, w->name);
	err = either(w, "hmac-sha1", "aes-cmac", &aes);
	s->k.alg = aes ? XTCP_AO_AES_128_CMAC_96 : XTCP_AO_HMAC_SHA_1_96;
	return err;
}

/* The words behind the peer; *at is left at the '=' before FILE. */
static int words(struct spec *s, const char **at)
{
	while (**at == ',') {
		struct word w = { .name = *at + 1 };
		int err;

		w.name_len = (int)strcspn(w.name, "=,");
		if (w.name[w.name_len] != '=')
			return fail(EINVAL, "'%.*s': give NAME=VALUE", w.name_len, w.name);
		w.value = w.name + w.name_len + 1;
		w.value_len = (int)strcspn(w.value, "=,");
		err = set(s, &w);
		if (err)
			return err;
		*at = w.value + w.value_len;
	}
	return 0;
}

int ao_add(struct xtcp *x, const char *arg)
{
	struct spec s = { .k = { .size = sizeof(s.k), .send_id = ID_DEFAULT, .recv_id = ID_DEFAULT } };
	const char *at = arg + strcspn(arg, ",=");
	struct sockaddr_storage ss;
	char key[PEERKEY_MAX + 2];
	struct xtcp_addr addr;
	int n = peerkey_peer(arg, (size_t)(at - arg), &addr, &s.k.prefix_len);

	if (n < 0)
		return n;
	n = words(&s, &at);
	if (n < 0)
		return n;
	if (*at != '=')
		return fail(EINVAL, "'%s': give ADDR[/LEN][,NAME=VALUE]...=FILE", arg);
	n = peerkey_read(at + 1, key);
	if (n < 0)
		return n;
	ss = report_sockaddr(&addr, s.port);
	s.k.peer = (struct sockaddr *)&ss;
	s.k.key = key;
	s.k.len = (size_t)n;
	return xtcp_ao_key(x, &s.k);
}
