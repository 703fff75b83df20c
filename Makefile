# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Sources are found by wildcard: add a file, and it is built. Nothing here runs a tool while this file is read (other than
# grep and the shell), so that `sudo make demo` and `sudo make check` work on a machine that has only make: both run `deps`
# first and build in a second make.
#
#   O=DIR      where to build (default build; the BPF object and its skeleton are in build/ always)
#   V=1        show the commands       WERROR=0   warnings do not stop the build
#   LTO=0      no optimisation across files in what is installed and measured (tests do without in any case)
#   DIRS=...   folders of user/ that go into the library (default all), to build part of an unfinished tree
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
SHELL := /bin/bash

VERSION := 0.1.0
SOVERSION := 0
O ?= build
V ?= 0
WERROR ?= 1
SAN ?= 0
DIRS ?= lib tcp engine io ctl api run

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
DESTDIR ?=

CC := gcc
CLANG := clang
LLVM_STRIP := llvm-strip
BPFTOOL := $(firstword $(wildcard /usr/sbin/bpftool /sbin/bpftool /usr/bin/bpftool) bpftool)

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)';)

# Flags. XFLAGS is for the person at the keyboard.
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes $(if $(filter 1,$(WERROR)),-Werror)
INCLUDES := -Iinclude -Iuser -Ibuild
DEFS := -D_GNU_SOURCE -DXTCP_VERSION='"$(VERSION)"'
OPT := -O2 -g
# The library's objects hold both machine code, which tests link, and what the link-time optimiser wants.
LTO ?= 1
ifeq ($(SAN),1)
LTO := 0
OPT := -O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
endif
CFLAGS := -std=gnu11 $(OPT) $(WARN) -fno-strict-aliasing -fPIC -pthread $(DEFS) $(INCLUDES) $(XFLAGS)
LTO_CFLAGS := $(if $(filter 1,$(LTO)),-flto -ffat-lto-objects)
LTO_LDFLAGS := $(if $(filter 1,$(LTO)),-flto=2 -fno-semantic-interposition)
# Tests: cmocka hands every case a state that few use.
TEST_CFLAGS := $(CFLAGS) -Wno-unused-parameter -Itests
LDFLAGS := $(OPT) -pthread -Wl,--as-needed
LDLIBS := -lxdp -lbpf -lmnl -lnettle -lpcap -ljansson -lhttp_parser -lelf -lz -lm
BPF_CFLAGS := -O2 -g -Wall -Wextra -Werror -target bpf -mcpu=v3 -Iinclude -Ivmlinux -Ibpf

# Sources
LIB_SRC := $(sort $(filter-out user/run/preload%.c,$(wildcard $(DIRS:%=user/%/*.c))))
PRELOAD_SRC := $(sort $(wildcard user/run/preload*.c))
CLI_SRC := $(sort $(wildcard user/cli/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
BPFTEST_SRC := $(sort $(wildcard tests/bpf/*.c))
SIM_SRC := $(sort $(wildcard tests/sim/*.c))
BENCH_SRC := $(sort $(wildcard tests/bench/*.c))
NETNS_SRC := $(sort $(wildcard tests/netns/*.c))
APPS_SRC := $(sort $(wildcard tests/apps/*.c))
FUZZ_SRC := $(sort $(filter-out tests/fuzz/replay.c,$(wildcard tests/fuzz/*.c)))
REPLAY_SRC := $(FUZZ_SRC) tests/fuzz/replay.c
PACKETDRILL_SRC := $(sort $(wildcard tests/packetdrill/*.c)) tests/sim/simport.c tests/sim/simgso.c
MAN1 := $(sort $(wildcard user/cli/*.1))
MAN3 := $(sort $(wildcard include/*.3 include/man/*.3 user/api/*.3))

obj = $(patsubst %.c,$(O)/obj/%.o,$(1))
LIB_OBJ := $(call obj,$(LIB_SRC))
PRELOAD_OBJ := $(call obj,$(PRELOAD_SRC))
CLI_OBJ := $(call obj,$(CLI_SRC))
TEST_SRC := $(UNIT_SRC) $(BPFTEST_SRC) $(SIM_SRC) $(BENCH_SRC) $(NETNS_SRC) $(APPS_SRC) $(REPLAY_SRC)
ALL_OBJ := $(LIB_OBJ) $(PRELOAD_OBJ) $(CLI_OBJ) $(call obj,$(TEST_SRC) $(filter tests/packetdrill/%,$(PACKETDRILL_SRC)))

LIBA := $(O)/libxtcp.a
LIBSO := $(O)/libxtcp.so
PRELOAD := $(if $(PRELOAD_SRC),$(O)/libxtcp-preload.so)
CLI := $(if $(CLI_SRC),$(O)/xtcp)
BPF := $(if $(wildcard bpf/xtcp.bpf.c),build/xtcp.bpf.o)
SKEL := $(if $(BPF),build/xtcp.skel.h)
# In unit/ and bpf/ each test_*.c is a program; what else is there is linked into every one of them.
UNIT_BIN := $(patsubst tests/unit/%.c,$(O)/tests/unit/%,$(filter tests/unit/test_%,$(UNIT_SRC)))
BPFTEST_BIN := $(patsubst tests/bpf/%.c,$(O)/tests/bpf/%,$(filter tests/bpf/test_%,$(BPFTEST_SRC)))
SIM_BIN := $(if $(SIM_SRC),$(O)/tests/sim)
BENCH_BIN := $(patsubst tests/bench/%.c,$(O)/tests/bench/%,$(BENCH_SRC))
YARDSTICKS := $(addprefix $(O)/tests/bench/,kernel_http kernel_tcp raw_xsk)
NETNS_BIN := $(patsubst tests/netns/%.c,$(O)/tests/netns/%,$(NETNS_SRC))
APPS_BIN := $(patsubst tests/apps/%.c,$(O)/tests/apps/%,$(APPS_SRC))
FUZZ_BIN := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(filter tests/fuzz/fuzz_%,$(FUZZ_SRC)))
REPLAY_BIN := $(patsubst tests/fuzz/fuzz_%.c,$(O)/tests/replay/%,$(filter tests/fuzz/fuzz_%,$(FUZZ_SRC)))
replay_common := $(call obj,$(filter-out tests/fuzz/fuzz_%,$(REPLAY_SRC)))
unit_common := $(call obj,$(filter-out tests/unit/test_%,$(UNIT_SRC)))
bpf_common := $(call obj,$(filter-out tests/bpf/test_%,$(BPFTEST_SRC)))

.PHONY: all requirements help deps demo check check-apps apps bench bench-cc bench-core bench-share sim sim-long sim-table fuzz asan lint unit bpf corpus netns install clean vmlinux bpf-obj tests \
	tests-unit tests-bpf tests-sim tests-bench tests-netns tests-apps tests-fuzz tests-yardsticks tests-replay packetdrill packetdrill-so tidy-stamps format-stamps format FORCE

all: $(BPF) $(SKEL) $(LIBA) $(LIBSO) $(PRELOAD) $(CLI) ## build everything into build/ (the default)

help: ## this list
	@echo 'make TARGET [V=1] [O=DIR] [-jN]'
	@sed -nE 's/^([a-z -]+):.*## (.*)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r t d; do printf '  %-22s %s\n' "$$t" "$$d"; done

# --- The kernel half ---

$(shell mkdir -p $(O) build)

build/xtcp.bpf.o: bpf/xtcp.bpf.c $(wildcard bpf/*.h include/xtcp/* vmlinux/*.h) Makefile
	$(call say,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -idirafter /usr/include/$$($(CC) -print-multiarch) -c $< -o $@.$$$$ && \
		$(LLVM_STRIP) -g $@.$$$$ && mv $@.$$$$ $@

build/xtcp.skel.h: build/xtcp.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name xtcp_bpf > $@.$$$$ && mv $@.$$$$ $@

bpf-obj: $(BPF) $(SKEL)

vmlinux: ## regenerate vmlinux/vmlinux.h from this kernel's BTF
	$(Q)bash vmlinux/regenerate.sh

# --- Objects. Each output is written beside its place and moved there, so that two makes at once do no harm. ---

skel_users := $(shell grep -ls '[<"]xtcp\.skel\.h[">]' user/*/*.[ch] tests/*/*.[ch])
$(if $(filter %.h,$(skel_users)),$(ALL_OBJ),$(filter $(call obj,$(skel_users)),$(ALL_OBJ))): | $(SKEL)

define compile_c
$(call say,CC,$<)
$(Q)mkdir -p $(@D) && $(CC) $(1) -MMD -MP -MF $(@:.o=.d) -MT $@ -c $< -o $@.$$$$ && mv $@.$$$$ $@
endef

$(O)/obj/user/%.o: user/%.c Makefile
	$(call compile_c,$(CFLAGS) $(LTO_CFLAGS))

$(O)/obj/tests/%.o: tests/%.c Makefile
	$(call compile_c,$(TEST_CFLAGS))

-include $(ALL_OBJ:.o=.d)

# Rewritten only when the list changes: a source that goes away must leave the library too.
$(O)/lib.list: FORCE
	@mkdir -p $(@D); echo '$(LIB_OBJ)' | cmp -s - $@ || echo '$(LIB_OBJ)' > $@

# Without what the link-time optimiser wants, which who links it would be made to use.
$(LIBA): $(LIB_OBJ) $(O)/lib.list
	$(call say,AR,$@)
	$(Q)rm -f $@.$$$$; ar rcsD $@.$$$$ $(LIB_OBJ) && objcopy -D -w -R '.gnu.lto_*' -R '.gnu.debuglto_*' $@.$$$$ && mv $@.$$$$ $@

# What it is made of, and the optimiser's flags: $(LTO_LDFLAGS), or nothing.
define link
$(call say,LD,$@)
$(Q)mkdir -p $(@D) && $(CC) $(LDFLAGS) $(2) -o $@.$$$$ $(1) && mv $@.$$$$ $@
endef

$(LIBSO): $(LIB_OBJ) $(O)/lib.list user/api/libxtcp.map
	$(call link,-shared -Wl$(comma)-soname$(comma)libxtcp.so.$(SOVERSION) \
		-Wl$(comma)--version-script=user/api/libxtcp.map $(LIB_OBJ) $(LDLIBS),$(LTO_LDFLAGS))
	$(Q)ln -sf libxtcp.so $(O)/libxtcp.so.$(SOVERSION)

# One self-contained file: the library's own names stay inside it.
$(O)/libxtcp-preload.so: $(PRELOAD_OBJ) $(LIBA) $(wildcard user/run/preload.map)
	$(call link,-shared -Wl$(comma)--exclude-libs$(comma)ALL \
		$(addprefix -Wl$(comma)--version-script=,$(wildcard user/run/preload.map)) $(PRELOAD_OBJ) $(LIBA) $(LDLIBS) -ldl)

$(O)/xtcp: $(CLI_OBJ) $(LIB_OBJ) $(O)/lib.list
	$(call link,$(CLI_OBJ) $(LIB_OBJ) $(LDLIBS),$(LTO_LDFLAGS))

comma := ,

# --- Test programs ---

tests: tests-unit tests-bpf tests-sim tests-netns tests-apps
tests-unit: $(UNIT_BIN)
tests-bpf: $(BPFTEST_BIN)
tests-sim: $(SIM_BIN)
tests-bench: $(BENCH_BIN)
tests-yardsticks: $(YARDSTICKS) $(call obj,$(BENCH_SRC))
tests-replay: $(REPLAY_BIN)
tests-netns: $(NETNS_BIN)
tests-apps: $(APPS_BIN)

$(UNIT_BIN): $(O)/tests/unit/%: $(O)/obj/tests/unit/%.o $(unit_common) $(LIBA)
	$(call link,$(filter %.o,$^) $(LIBA) -lcmocka $(LDLIBS))

$(BPFTEST_BIN): $(O)/tests/bpf/%: $(O)/obj/tests/bpf/%.o $(bpf_common) $(LIBA)
	$(call link,$(filter %.o,$^) $(LIBA) -lcmocka $(LDLIBS))

$(SIM_BIN): $(call obj,$(SIM_SRC)) $(LIBA)
	$(call link,$(filter %.o,$^) $(LIBA) $(LDLIBS))

$(filter-out $(YARDSTICKS),$(BENCH_BIN)): $(O)/tests/bench/%: $(O)/obj/tests/bench/%.o $(LIB_OBJ) $(O)/lib.list
	$(call link,$< $(LIB_OBJ) $(LDLIBS),$(LTO_LDFLAGS))

# They know nothing of xtcp.
$(YARDSTICKS): $(O)/tests/bench/%: $(O)/obj/tests/bench/%.o
	$(call link,$< $(LDLIBS))

# A fuzz target that reads its inputs from files, in the sanitizers' build.
$(REPLAY_BIN): $(O)/tests/replay/%: $(O)/obj/tests/fuzz/fuzz_%.o $(replay_common) $(LIBA)
	$(call link,$(filter %.o,$^) $(LIBA) $(LDLIBS))

# Programs that use the library name it here; the others are built even when the library does not build.
$(O)/tests/netns/xsk_check $(O)/tests/netns/ctl_check $(O)/tests/netns/fastopen_check \
	$(O)/tests/netns/steps_check $(O)/tests/netns/queues_check: $(LIBA)
$(NETNS_BIN): $(O)/tests/netns/%: $(O)/obj/tests/netns/%.o
	$(call link,$< $(if $(findstring xtcp.h,$(shell grep -s 'include.*xtcp\.h' tests/netns/$*.c)),$(LIBA) $(LDLIBS)))

# They know nothing of xtcp, but for the one that is named.
$(O)/tests/apps/sock_api: $(LIBA)
$(APPS_BIN): $(O)/tests/apps/%: $(O)/obj/tests/apps/%.o
	$(call link,$< $(if $(filter sock_api,$*),$(LIBA) $(LDLIBS)) -pthread)

# packetdrill finds three names in it (getsockopt: info.c, sendfile: sendfile.c), the rest stays inside.
$(O)/libxtcp-packetdrill.so: $(call obj,$(PACKETDRILL_SRC)) $(LIBA) tests/packetdrill/packetdrill.map
	$(call link,-shared -Wl$(comma)--version-script=tests/packetdrill/packetdrill.map $(filter %.o,$^) $(LIBA) $(LDLIBS))

# --- Fuzzing: the library again, by clang, with coverage. Each fuzz_*.c is a target; what else is there joins each. ---

FUZZ_CFLAGS := -std=gnu11 -O1 -g -Wall -fno-strict-aliasing -fno-omit-frame-pointer -pthread -fsanitize=address,undefined \
	-fno-sanitize-recover=all $(DEFS) $(INCLUDES) -Itests -DXTCP_FUZZ
fuzz_obj = $(patsubst %.c,build/fuzz/obj/%.o,$(1))
FUZZ_LIB_OBJ := $(call fuzz_obj,$(LIB_SRC))
fuzz_common := $(call fuzz_obj,$(filter-out tests/fuzz/fuzz_%,$(FUZZ_SRC)))

build/fuzz/obj/%.o: %.c Makefile | $(SKEL)
	$(call say,FUZZCC,$<)
	$(Q)mkdir -p $(@D) && $(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -MF $(@:.o=.d) -MT $@ -c $< -o $@.$$$$ && \
		mv $@.$$$$ $@

-include $(patsubst %.o,%.d,$(FUZZ_LIB_OBJ) $(call fuzz_obj,$(FUZZ_SRC)))

build/fuzz/libxtcp.a: $(FUZZ_LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@.$$$$; ar rcsD $@.$$$$ $^ && mv $@.$$$$ $@

$(FUZZ_BIN): build/fuzz/%: build/fuzz/obj/tests/fuzz/%.o $(fuzz_common) build/fuzz/libxtcp.a
	$(call say,LD,$@)
	$(Q)$(CLANG) -g -pthread -fsanitize=fuzzer,address,undefined -Wl,--as-needed -o $@.$$$$ $^ $(LDLIBS) && mv $@.$$$$ $@

tests-fuzz: $(FUZZ_BIN)

# --- What people run ---

SEEDS ?= $(or $(SEED),1..100)
FUZZ_SECONDS ?= 20

deps: ## install the Debian packages that are missing
	@bash tests/deps.sh

demo: deps ## the stack at work in two namespaces, with a ladder of its segments
	@$(MAKE) -j$$(nproc) all build/tests/netns/relay
	@rc=0; bash tests/demo/demo.sh || rc=$$?; bash tests/check.sh --give-back; exit $$rc

check: deps ## every test; ends with 'N passed, N failed, N skipped'
	@bash tests/check.sh $(if $(T),-f '$(T)') lint unit bpf sim asan corpus netns apps requirements

check-apps: ## every program of the compatibility list on xtcp; installs them
	@bash tests/deps.sh apps
	@CHECK_NETNS_JOBS=1 bash tests/check.sh $(if $(T),-f '$(T)') apps-all

unit bpf corpus netns apps: ## one group of tests (T=REGEX chooses among them)
	@bash tests/check.sh $(if $(T),-f '$(T)') $@

lint: ## format, static analysis, layering, purity of the core, sizes, licences
	@bash tests/check.sh $(if $(T),-f '$(T)') lint

requirements: tests-unit ## each MUST, SHOULD and MAY of RFC 9293 with the test that shows it
	@python3 tests/requirements/run.py

sim: $(SIM_BIN) ## two engines over simulated links: SEED=n or SEEDS=a..b
	$(if $(SIM_BIN),$(SIM_BIN) --seeds $(SEEDS),@echo 'no tests/sim yet')

sim-long: $(SIM_BIN) ## 100,000 seeds over all processors (SEEDS=a..b), with progress: minutes
	@bash tests/sim/long.sh $(SIM_BIN) $(if $(filter command line environment,$(origin SEEDS)),$(SEEDS),1..100000)

sim-table: $(SIM_BIN) ## goodput against loss and delay for each congestion control (or T=NAME), beside theory
	$(SIM_BIN) --table $(T)

packetdrill-so: $(O)/libxtcp-packetdrill.so

packetdrill: packetdrill-so ## run packetdrill's scripts on the core: PACKETDRILL=PROGRAM SCRIPTS=DIR
	@bash tests/packetdrill/run.sh $(O)/libxtcp-packetdrill.so '$(PACKETDRILL)' '$(SCRIPTS)'

bench: ## xtcp beside raw AF_XDP and the kernel's TCP: build/bench.json, build/bench.svg; BENCH='--rows REGEX --peer "CMD"', see tests/bench/run.sh
	@bash tests/deps.sh bench
	@$(MAKE) -j$$(nproc) all tests-bench
	@bash tests/bench/run.sh $(BENCH)

bench-cc: deps ## goodput over a bad wire, for each congestion control, beside Linux's own: WIRE='--loss 1 ...' ROUNDS=3 NAMES='reno bbr'
	@$(MAKE) -j$$(nproc) all tests-bench tests-netns
	@bash tests/bench/cc.sh $(NAMES)

bench-core: ## instructions of the core for a segment (needs valgrind)
	@$(MAKE) -j$$(nproc) tests-bench
	@bash tests/bench/core.sh $(NAMES)

bench-share: deps ## nginx: xtcp's own share of the server's processor, and the ratio left if that were nothing (needs perf): PAIRS=6
	@$(MAKE) -j$$(nproc) all
	@bash tests/bench/share.sh $(PAIRS)

fuzz: ## run each fuzzer for FUZZ_SECONDS (20); T=NAME for one
	@$(MAKE) -j$$(nproc) tests-fuzz
	@bash tests/check.sh $(if $(T),-f '$(T)') fuzz

asan: ## unit tests and simulation under address and undefined-behaviour sanitizers
	@$(MAKE) -j$$(nproc) O=build/asan SAN=1 all
	@bash tests/check.sh $(if $(T),-f '$(T)') asan

install: all ## PREFIX=/usr/local DESTDIR=
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)
	$(if $(CLI),install -m 755 $(CLI) $(DESTDIR)$(BINDIR)/)
	install -m 644 $(LIBA) $(DESTDIR)$(LIBDIR)/
	install -m 755 $(LIBSO) $(DESTDIR)$(LIBDIR)/libxtcp.so.$(VERSION)
	ln -sf libxtcp.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libxtcp.so.$(SOVERSION)
	ln -sf libxtcp.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libxtcp.so
	$(if $(PRELOAD),install -m 755 $(PRELOAD) $(DESTDIR)$(LIBDIR)/)
	$(if $(wildcard include/xtcp.h),install -m 644 include/xtcp.h $(DESTDIR)$(INCLUDEDIR)/)
	printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$(LIBDIR)' 'includedir=$(INCLUDEDIR)' '' 'Name: xtcp' \
		'Description: TCP in user space over XDP and AF_XDP' 'Version: $(VERSION)' 'Cflags: -I$${includedir}' \
		'Libs: -L$${libdir} -lxtcp' 'Libs.private: $(LDLIBS) -pthread' > $(DESTDIR)$(LIBDIR)/pkgconfig/xtcp.pc
	$(if $(MAN1),install -d $(DESTDIR)$(MANDIR)/man1 && install -m 644 $(MAN1) $(DESTDIR)$(MANDIR)/man1/)
	$(if $(MAN3),install -d $(DESTDIR)$(MANDIR)/man3 && install -m 644 $(MAN3) $(DESTDIR)$(MANDIR)/man3/)

clean: ## remove build/
	rm -rf build $(filter-out build build/%,$(O))

# --- Lint: stamps, so that only what changed is looked at again ---

TIDY_SRC := $(LIB_SRC) $(PRELOAD_SRC) $(CLI_SRC)
FORMAT_SRC := $(sort $(wildcard bpf/*.[ch] include/*.h include/xtcp/*.h user/*/*.[ch] tests/*/*.[ch]))
tidy-stamps: $(TIDY_SRC:%=build/lint/tidy/%.ok)
format-stamps: build/lint/format.ok

# The object stands for all headers that the source includes.
# How far the analyser follows a function. With clang's own limit, 225000, all of them take ten times as long: now and then, by hand.
TIDY_NODES ?= 20000
build/lint/tidy/%.c.ok: build/obj/%.o .clang-tidy
	$(call say,TIDY,$*.c)
	$(Q)mkdir -p $(@D) && clang-tidy --quiet --warnings-as-errors='*' $*.c -- -std=gnu11 -fno-strict-aliasing $(DEFS) $(INCLUDES) \
		-Xclang -analyzer-config -Xclang max-nodes=$(TIDY_NODES) \
		2> >(grep -v 'warnings generated' >&2) && touch $@

# What is newer than the last look, in one go.
build/lint/format.ok: $(FORMAT_SRC) .clang-format
	$(Q)mkdir -p $(@D) && clang-format --dry-run -Werror $(if $(filter .clang-format,$?),$(FORMAT_SRC),$(filter %.c %.h,$?)) && touch $@

format: ## rewrite all C in the project's format
	$(Q)clang-format -i $(FORMAT_SRC)
