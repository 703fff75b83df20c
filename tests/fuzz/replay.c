// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * replay.c - a fuzz target without a fuzzer: replay DIRECTORY gives it each file there, once. An input that takes longer than
 * LIMIT_S, or that the target or a sanitizer objects to, ends it; its name is the last line on stderr then.
 */
#include <dirent.h>
#include <err.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

#define LIMIT_S 10
#define INPUT_MAX (1u << 20)

static int replay(const char *path)
{
	uint8_t *data = malloc(INPUT_MAX), *exact;
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!data || !f)
		err(2, "%s", path);
	n = fread(data, 1, INPUT_MAX, f);
	fclose(f);
	exact = malloc(n ? n : 1); /* so that a byte too far is seen */
	if (!exact)
		err(2, "%s", path);
	memcpy(exact, data, n);
	free(data);
	fprintf(stderr, "%s\n", path);
	alarm(LIMIT_S);
	LLVMFuzzerTestOneInput(exact, n);
	alarm(0);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
	int n = 0;

	if (!d)
		err(2, "usage: replay DIRECTORY");
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
		replay(path);
		n++;
	}
	closedir(d);
	printf("%d inputs\n", n);
	return n == 0;
}
