/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* mime.h - the Content-Type of a file, by its name. */
#ifndef CLI_MIME_H
#define CLI_MIME_H

const char *mime_type(const char *path);

#endif
