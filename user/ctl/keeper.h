/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* keeper.h - a child that puts things right when we are gone, however that comes. */
#ifndef CTL_KEEPER_H
#define CTL_KEEPER_H

#include <sys/types.h>

#define KEEPER_FILES 2
#define KEEPER_TEXT 24

struct keeper {
	pid_t pid; /* 0: none */
	int pipe;  /* its other end reads; -1: none */
};
#define KEEPER_NONE ((struct keeper){ .pipe = -1 })

/* What it does then: remove pins, or write to files what they held. */
struct keeper_job {
	int dir;	  /* of pins; -1: none */
	const char *path; /* its name */
	int files;
	int file[KEEPER_FILES]; /* open for writing */
	char text[KEEPER_FILES][KEEPER_TEXT];
};

/* The descriptors of job stay the caller's. 0 or -errno with fail(). */
int keeper_start(struct keeper *k, const struct keeper_job *job);
/* Dismissed: we put it right ourselves. */
void keeper_stop(struct keeper *k);

#endif
