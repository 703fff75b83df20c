// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * load.c - the skeleton: load the program with its configuration, or open what
 * somebody has loaded before. The skeleton itself is let go at once; descriptors
 * are all that is kept. libbpf is kept from printing (XTCP_DEBUG shows it).
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ctl/half.h"
#include "lib/fail.h"

#ifdef __clang_analyzer__
/* For clang-tidy, which can't see that libbpf frees the skeleton. */
static inline void analyzer_destroy(struct bpf_object_skeleton *s)
{
	free(s);
}
#define bpf_object__destroy_skeleton analyzer_destroy
#endif
#include "xtcp.skel.h"

#define LOG_TAIL 2048
static __thread char load_log[LOG_TAIL]; /* the last bytes of what libbpf said */

const char *half_load_log(void)
{
	return load_log;
}

static int keep_print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[LOG_TAIL];
	size_t n, have = strlen(load_log);
	va_list again;

	va_copy(again, ap);
	if (getenv("XTCP_DEBUG"))
		vfprintf(stderr, fmt, again);
	va_end(again);
	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), fmt, ap);
	n = strlen(line);
	if (n >= sizeof(load_log))
		n = sizeof(load_log) - 1;
	if (have + n >= sizeof(load_log)) {
		size_t cut = have + n - sizeof(load_log) + 1;

		memmove(load_log, load_log + cut, have - cut);
		have -= cut;
	}
	memcpy(load_log + have, line, n);
	load_log[have + n] = '\0';
	return 0;
}

static int load_skeleton(struct xtcp_bpf **out, const struct xtcp_xdp_conf *conf, bool with_iter)
{
	struct xtcp_bpf *skel = xtcp_bpf__open();
	int err;

	if (!skel)
		return -errno;
	memcpy((void *)&skel->rodata->xtcp_conf, conf, sizeof(*conf));
	bpf_program__set_autoload(skel->progs.xtcp_flow_table, with_iter);
	err = xtcp_bpf__load(skel);
	if (err) {
		xtcp_bpf__destroy(skel);
		return err;
	}
	*out = skel;
	return 0;
}

static int keep_fd(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* The iterator is a BPF link too; pinned, it prints the flow table. Without it all else works. */
static int make_iter(struct xtcp_bpf *skel)
{
	union bpf_iter_link_info info = { .map.map_fd = (__u32)bpf_map__fd(skel->maps.flows) };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));
	struct bpf_link *link = bpf_program__attach_iter(skel->progs.xtcp_flow_table, &opts);
	int fd = -1;

	if (link) {
		fd = keep_fd(bpf_link__fd(link));
		bpf_link__destroy(link);
	}
	return fd;
}

static int take_fds(struct half *h, struct xtcp_bpf *skel, bool with_iter)
{
	struct bpf_map *const maps[HALF_MAPS] = {
		[HALF_PORTS] = skel->maps.ports, [HALF_ADDRS] = skel->maps.addrs, [HALF_XSKS] = skel->maps.xsks,
		[HALF_FLOWS] = skel->maps.flows, [HALF_STATS] = skel->maps.stats, [HALF_EVENTS] = skel->maps.events,
	};

	h->prog = keep_fd(bpf_program__fd(skel->progs.xtcp_xdp));
	if (h->prog < 0)
		return -errno;
	for (int i = 0; i < HALF_MAPS; i++) {
		h->map[i] = keep_fd(bpf_map__fd(maps[i]));
		if (h->map[i] < 0)
			return -errno;
	}
	h->prog_id = prog_id_of(h->prog);
	if (with_iter)
		h->flow_iter = make_iter(skel);
	return 0;
}

static bool kernel_too_old(char *release, size_t size)
{
	struct utsname u;
	int major = 0, minor = 0;

	if (uname(&u) || sscanf(u.release, "%d.%d", &major, &minor) != 2)
		return false;
	snprintf(release, size, "%.60s", u.release);
	return major < 6 || (major == 6 && minor < 1);
}

static int explain(int err)
{
	char release[64];

	if (kernel_too_old(release, sizeof(release)))
		return fail(ENOTSUP, "the XDP program does not load: Linux 6.1 or later is needed, this is %s",
			    release);
	if (err == -EPERM || (err == -EACCES && geteuid()))
		return fail(EPERM, "loading the XDP program is not permitted: run as root, or with " HALF_CAPS);
	if (err == -E2BIG)
		return fail(E2BIG, "the kernel's verifier found the XDP program too complex; details with -v");
	if (err == -EINVAL || err == -EACCES)
		return fail(-err, "the kernel's verifier refused the XDP program (%s); details with -v",
			    strerror(-err));
	return fail(-err, "the XDP program does not load: %s; details with -v", strerror(-err));
}

int half_load(struct half *h, const struct xtcp_xdp_conf *conf)
{
	libbpf_print_fn_t old = libbpf_set_print(keep_print);
	struct xtcp_bpf *skel = NULL;
	bool with_iter = true;
	int err;

	load_log[0] = '\0';
	err = load_skeleton(&skel, conf, with_iter);
	if (err) {
		with_iter = false;
		load_log[0] = '\0';
		err = load_skeleton(&skel, conf, with_iter);
	}
	if (err) {
		err = explain(err);
		goto out;
	}
	err = take_fds(h, skel, with_iter);
	if (err)
		err = fail(-err, "out of file descriptors for the BPF maps: raise 'ulimit -n'");
	h->conf = *conf;
	xtcp_bpf__destroy(skel);
out:
	libbpf_set_print(old);
	return err;
}

/* Bytes of a value, as this build has them; 0: any. */
static const uint32_t value_bytes[HALF_MAPS] = {
	[HALF_PORTS] = sizeof(struct xtcp_port_entry),
	[HALF_ADDRS] = sizeof(struct xtcp_addr_entry),
	[HALF_XSKS] = sizeof(__u32),
	[HALF_FLOWS] = sizeof(struct xtcp_flow),
	[HALF_STATS] = sizeof(struct xtcp_xdp_stats),
	[HALF_EVENTS] = 0,
};

/* Bytes of our own program's .rodata; 0 when it can't be told. */
static uint32_t rodata_bytes(void)
{
	libbpf_print_fn_t old = libbpf_set_print(keep_print);
	struct xtcp_bpf *skel = xtcp_bpf__open();
	uint32_t n = skel ? bpf_map__value_size(skel->maps.rodata) : 0;

	xtcp_bpf__destroy(skel);
	libbpf_set_print(old);
	return n;
}

/* The configuration a program was loaded with. It stands first; the rest of .rodata are the program's strings. */
static int read_conf(struct half *h, int fd, uint32_t value_size)
{
	__u32 zero = 0;
	void *value;
	int err = 0;

	if (value_size < sizeof(h->conf) || value_size != rodata_bytes())
		return -ESTALE;
	value = malloc(value_size);
	if (!value)
		return -ENOMEM;
	if (bpf_map_lookup_elem(fd, &zero, value))
		err = -errno;
	else
		memcpy(&h->conf, (char *)value + offsetof(struct xtcp_bpf__rodata, xtcp_conf), sizeof(h->conf));
	free(value);
	return err;
}

/* Keep a map of the program if it is one of ours, and read the configuration. -ESTALE: of another version. */
static int adopt_map(struct half *h, int fd)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	size_t n;

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	n = strlen(info.name);
	if (n >= 7 && !strcmp(info.name + n - 7, ".rodata"))
		return read_conf(h, fd, info.value_size);
	for (int i = 0; i < HALF_MAPS; i++) {
		if (strcmp(info.name, half_map_name[i]))
			continue;
		if (value_bytes[i] && info.value_size != value_bytes[i])
			return -ESTALE;
		h->map[i] = keep_fd(fd);
	}
	return 0;
}

static int adopt_maps(struct half *h)
{
	__u32 ids[32];
	struct bpf_prog_info info = { .map_ids = (__u64)(uintptr_t)ids, .nr_map_ids = 32 };
	__u32 len = sizeof(info);
	int err, fd;

	if (bpf_obj_get_info_by_fd(h->prog, &info, &len))
		return -errno;
	for (__u32 i = 0; i < info.nr_map_ids && i < 32; i++) {
		fd = bpf_map_get_fd_by_id(ids[i]);
		if (fd < 0)
			return -errno;
		err = adopt_map(h, fd);
		close(fd);
		if (err)
			return err;
	}
	for (int i = 0; i < HALF_MAPS; i++)
		if (h->map[i] < 0)
			return -ESTALE;
	return 0;
}

int half_adopt(struct half *h, uint32_t prog_id, enum ctl_mode mode)
{
	int err;

	h->prog = bpf_prog_get_fd_by_id(prog_id);
	err = h->prog < 0 ? -errno : adopt_maps(h);
	if (err == -ESTALE)
		return fail(ESTALE,
			    "the pinned XDP program (id %u) is of another version of xtcp: "
			    "run 'xtcp detach', then 'xtcp attach'",
			    prog_id);
	if (err)
		return fail(-err, "the pinned XDP program (id %u) cannot be opened: %s", prog_id, strerror(-err));
	h->prog_id = prog_id;
	h->mode = mode;
	return 0;
}
