/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* start.h - from parsed options to an engine that listens, and back. */
#ifndef CLI_START_H
#define CLI_START_H

#include "cli/opts.h"
#include "cli/trace.h"

struct session {
	struct xtcp *x;
	struct trace trace;
	const struct opts *opts;
};

/* Signals, engine, trace; says which mode was got. EXIT_DONE, or EXIT_FAILED with a line. */
int start_engine(struct session *s, const struct opts *o);

/* Listen, and say so on stderr so that scripts can wait for it. EXIT_DONE, or EXIT_FAILED with a line. */
int start_listening(struct session *s, const struct xtcp_addr *addr, uint16_t port, xtcp_listener *out);

/* The same for one more engine on the interface of first; NULL: for the first. o is used during the call only. */
int start_engine_beside(struct session *s, const struct opts *o, struct xtcp *first);
/* Listening without a word, and the word. */
int start_listening_quietly(struct session *s, const struct xtcp_addr *addr, uint16_t port, xtcp_listener *out);
void start_tell_listening(const struct session *s, const struct xtcp_addr *addr, uint16_t port);

/* Destroy the engine. */
void start_undo(struct session *s);

#endif
