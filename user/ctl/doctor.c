// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * doctor.c - what this machine and user can do; doctor_link.c looks at the
 * interface. BAD prevents xtcp from running; NOTE costs something; each says
 * how to mend it.
 */
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ctl/half.h"
#include "ctl/pin.h"
#include "ctl/probe.h"
#include "lib/fail.h"

#define CAP_BIT(n) (1ull << (n))
#define CAP_NET_BIND CAP_BIT(10)
#define CAP_NET_ADMIN_ CAP_BIT(12)
#define CAP_NET_RAW_ CAP_BIT(13)
#define CAP_IPC_LOCK_ CAP_BIT(14)
#define CAP_SYS_ADMIN_ CAP_BIT(21)
#define CAP_PERFMON_ CAP_BIT(38)
#define CAP_BPF_ CAP_BIT(39)

#define MEMLOCK_NEEDED (33ull << 20) /* bytes: an engine's frames and rings */
#define MEMLOCK_WANTED (64ull << 20) /* room for a second one */

void finding(struct findings *f, enum ctl_health health, const char *what, const char *mend, const char *fmt, ...)
{
	struct ctl_finding *out;
	va_list ap;

	if (f->n >= f->max)
		return;
	out = &f->out[f->n++];
	memset(out, 0, sizeof(*out));
	out->health = health;
	snprintf(out->what, sizeof(out->what), "%s", what);
	snprintf(out->mend, sizeof(out->mend), "%s", health == CTL_OK ? "" : mend);
	va_start(ap, fmt);
	vsnprintf(out->found, sizeof(out->found), fmt, ap);
	va_end(ap);
}

static void look_kernel(struct findings *f)
{
	struct utsname u;
	int major = 0, minor = 0;

	if (uname(&u) || sscanf(u.release, "%d.%d", &major, &minor) != 2)
		return;
	finding(f, major > 6 || (major == 6 && minor >= 1) ? CTL_OK : CTL_BAD, "kernel",
		"Linux 6.1 or later is needed (Debian 12 has it)", "Linux %.80s on %.40s", u.release, u.machine);
	finding(f, CTL_OK, "kernel BTF", "", "%s",
		access("/sys/kernel/btf/vmlinux", R_OK) ? "absent; not needed" : "present; not needed");
}

static void look_user(struct findings *f)
{
	uint64_t caps = probe_caps();
	char missing[96];

	snprintf(missing, sizeof(missing), "%s%s%s%s", caps & CAP_NET_ADMIN_ ? "" : " CAP_NET_ADMIN",
		 caps & CAP_NET_RAW_ ? "" : " CAP_NET_RAW", caps & (CAP_BPF_ | CAP_SYS_ADMIN_) ? "" : " CAP_BPF",
		 caps & (CAP_PERFMON_ | CAP_SYS_ADMIN_) ? "" : " CAP_PERFMON");
	if (missing[0])
		finding(f, CTL_BAD, "privileges", "run as root, or with " HALF_CAPS, "user %u lacks%s", geteuid(),
			missing);
	else
		finding(f, CTL_OK, "privileges", "", "user %u has " HALF_CAPS, geteuid());
	if (!missing[0] && !(caps & CAP_SYS_ADMIN_))
		finding(f, CTL_NOTE, "lookups by id", "give CAP_SYS_ADMIN, or run as root",
			"no CAP_SYS_ADMIN: programs of others can't be named, nor pinned ones adopted");
	if (!(caps & CAP_NET_BIND))
		finding(f, CTL_NOTE, "low ports", "give CAP_NET_BIND_SERVICE", "ports below 1024 can't be reserved");
}

static void look_limits(struct findings *f)
{
	struct rlimit lim;
	unsigned int low = 32768, high = 60999;
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

	if (!getrlimit(RLIMIT_MEMLOCK, &lim)) {
		if (lim.rlim_cur == RLIM_INFINITY || (probe_caps() & CAP_IPC_LOCK_))
			finding(f, CTL_OK, "locked memory", "", "no limit for this user");
		else
			finding(f,
				lim.rlim_cur < MEMLOCK_NEEDED	? CTL_BAD
				: lim.rlim_cur < MEMLOCK_WANTED ? CTL_NOTE
								: CTL_OK,
				"locked memory", "ulimit -l unlimited, or give CAP_IPC_LOCK", "at most %llu KB",
				(unsigned long long)lim.rlim_cur / 1024);
	}
	if (file) {
		if (fscanf(file, "%u %u", &low, &high) != 2)
			low = 0;
		fclose(file);
	}
	finding(f, high - low < 1000 ? CTL_NOTE : CTL_OK, "ephemeral ports",
		"sysctl -w net.ipv4.ip_local_port_range='32768 60999'", "%u to %u", low, high);
	if (!getrlimit(RLIMIT_NOFILE, &lim))
		finding(f, lim.rlim_max < 4096 ? CTL_NOTE : CTL_OK, "open files", "raise it: ulimit -Hn 65536",
			"up to %llu; one for each reserved port", (unsigned long long)lim.rlim_max);
}

static void look_huge_pages(struct findings *f)
{
	static const char *const what[] = { "never for shared memory", "for shared memory that asks (--huge-pages)",
					    "for all shared memory" };
	int rc = probe_shmem_huge();

	finding(f, rc > 0 ? CTL_OK : CTL_NOTE, "huge pages",
		"echo advise >/sys/kernel/mm/transparent_hugepage/shmem_enabled, if --huge-pages is wanted", "%s",
		rc < 0 ? strerror(-rc) : what[rc]);
}

static void look_bpf(struct findings *f)
{
	struct xtcp_xdp_conf conf = { 0 };
	struct half half;
	int err = probe_ringbuf();

	finding(f, err ? CTL_BAD : CTL_OK, "BPF ring buffer",
		err == -EPERM ? "run as root" : "a kernel with CONFIG_BPF_SYSCALL is needed", "%s",
		err ? strerror(-err) : "works");
	err = pins_mount();
	finding(f, err ? CTL_NOTE : CTL_OK, "bpffs", "mount -t bpf bpf /sys/fs/bpf", "%s",
		err ? "not mounted; xtcp runs, but bpftool sees no pins" : "mounted at /sys/fs/bpf");
	half_init(&half);
	err = half_load(&half, &conf);
	if (err)
		finding(f, CTL_BAD, "XDP program", "see the line above, or: XTCP_DEBUG=1 xtcp doctor", "%.180s",
			fail_text());
	else
		finding(f, CTL_OK, "XDP program", "", "the verifier accepts it");
	if (!err && half.flow_iter < 0)
		finding(f, CTL_NOTE, "flow table iterator", "nothing: use bpftool map dump instead",
			"this kernel lacks it or does not let it load; 'cat' of the pinned flow table is not possible");
	half_close(&half);
}

static void look_xsk(struct findings *f)
{
	int lo = (int)if_nametoindex("lo");
	int err = probe_xsk_socket();

	if (err) {
		finding(f, CTL_BAD, "AF_XDP",
			err == -EPERM ? "run as root, or with CAP_NET_RAW"
				      : "a kernel with CONFIG_XDP_SOCKETS=y is needed",
			"no AF_XDP socket: %s", strerror(-err));
		return;
	}
	finding(f, CTL_OK, "AF_XDP", "", "sockets can be made");
	err = probe_busy_poll();
	finding(f, err ? CTL_NOTE : CTL_OK, "busy polling", "Linux 5.11 or later, and CAP_NET_ADMIN",
		"SO_PREFER_BUSY_POLL %s", err ? strerror(-err) : "is accepted");
	err = probe_tx_metadata();
	finding(f, err ? CTL_NOTE : CTL_OK, "AF_XDP TX metadata", "Linux 6.11 or later, if --tx-csum on is wanted",
		"%s", err ? "not in this kernel: checksums are summed while copying" : "works");
	err = probe_xsk(lo, XDP_COPY | XDP_USE_NEED_WAKEUP);
	if (err == -ENETDOWN || err == -EBUSY)
		return; /* nothing to try it on; the interface is asked next */
	finding(f, err ? CTL_NOTE : CTL_OK, "AF_XDP need_wakeup", "Linux 5.4 or later", "%s",
		err ? strerror(-err) : "works");
	err = probe_xsk(lo, XDP_COPY | XDP_USE_SG);
	finding(f, err ? CTL_NOTE : CTL_OK, "AF_XDP multi-buffer",
		"Linux 6.6 or later, or keep the MTU at 3,000 or less", "%s",
		err ? "not in this kernel: frames larger than one buffer can't be carried" : "works");
}

int ctl_doctor(const char *ifname, struct ctl_finding *out, int max)
{
	struct findings f = { out, 0, max };

	look_kernel(&f);
	look_user(&f);
	look_limits(&f);
	look_huge_pages(&f);
	look_bpf(&f);
	look_xsk(&f);
	if (ifname)
		doctor_link(&f, ifname);
	return f.n;
}
