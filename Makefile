# Front door of pg_herald: finds what is needed, decides flags and variants, and recurses.
# Everything that is made lands in build/; `make help` lists the targets.

HERALD_VERSION := 1.0

PG_CONFIG ?= pg_config
CFLAGS ?= -O2 -g
TOP := $(CURDIR)

# Builds of one tree: plain is what gets installed; asan holds the daemons and test programs under
# ASan and UBSan; trap is an extension that stops at undefined behaviour and failed assertions; fuzz
# is the template engine for clang's fuzzer; coverage is the engine and its tests, counting lines.
VARIANT := plain
B := $(TOP)/build$(if $(filter-out plain,$(VARIANT)),/$(VARIANT))

warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
	-Wcast-qual -Wundef -Wvla $(if $(WERROR),-Werror)
language := -std=c11 -D_GNU_SOURCE -DHERALD_VERSION='"$(HERALD_VERSION)"'
sanitize_plain := -D_FORTIFY_SOURCE=2
sanitize_asan := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
sanitize_fuzz := $(sanitize_asan) -fsanitize=fuzzer-no-link
sanitize_trap := -fsanitize=undefined -fsanitize-undefined-trap-on-error -DUSE_ASSERT_CHECKING
sanitize_coverage := -O0 --coverage
# Places where tests let the daemons die (core/failpoint.h).
failpoints_asan := -DHERALD_FAILPOINTS

# What every sub-make gets. HERALD_CFLAGS is a name of our own because PGXS sets CFLAGS itself.
Q := $(if $(V),,@)
export TOP B HERALD_VERSION VARIANT PG_CONFIG CC Q
export HERALD_CFLAGS = $(language) $(CFLAGS) $(warnings) -fstack-protector-strong \
	$(sanitize_$(VARIANT)) $(failpoints_$(VARIANT))

# Parallel unless told otherwise.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif

sub = +@$(MAKE) --no-print-directory

.PHONY: all liquid extension dispatcher sql install install-extension install-daemons tests asan \
	trap pgroot fuzz fuzz-one-by-one coverage count-lines deps test test-sdk demo bench bench-liquid \
	bench-long ledger lint format clean fresh help

all: extension dispatcher

liquid: ; $(sub) -C dispatcher liquid
dispatcher: liquid ; $(sub) -C dispatcher daemons
tests: dispatcher ; $(sub) -C tests
sql: ; $(sub) -C sql
extension: liquid sql ; $(sub) -C extension

install: install-extension install-daemons
install-extension: extension ; $(sub) -C extension install
install-daemons: dispatcher ; $(sub) -C dispatcher install

# A private copy of PostgreSQL with the extension in it: tests and demo never write into the system.
pgroot: extension ; $(sub) -C extension pgroot

asan: ; $(sub) VARIANT=asan dispatcher tests
trap: ; $(sub) VARIANT=trap pgroot

# Each fuzzer for FUZZ_SECONDS.
fuzz: ; $(sub) VARIANT=fuzz CC=clang fuzz-one-by-one
fuzz-one-by-one: liquid ; $(sub) -C tests fuzz

# Which lines of the template engine its tests run.
coverage: ; $(sub) VARIANT=coverage CC=gcc count-lines
count-lines: liquid
	$(sub) -C tests
	@tests/liquid/coverage $(B)

# The commands that work as the first thing ever run on a fresh machine.
test: deps
	$(sub) all asan trap
	@tests/run $(T)
test-sdk: deps
	@command -v npm >/dev/null || .ci/deps nodejs npm
	$(sub) all pgroot
	@tests/sdk/run $(T)
demo: deps
	$(sub) all pgroot
	@tests/demo/run
bench: deps
	$(sub) all tests pgroot
	@tests/bench/run $(T)
bench-liquid: deps
	@command -v npm >/dev/null || .ci/deps nodejs npm
	$(sub) tests
	@tests/bench/liquid/run $(T)
bench-long: deps
	$(sub) all tests pgroot
	@tests/bench/long $(T)

# COUNT messages, KILLS faults; a seed replays its faults.
COUNT ?= 50000
KILLS ?= 20
SEED ?= $(shell shuf -i 1-999999999 -n 1)
ledger: deps
	$(sub) all tests pgroot
	@tests/ledger/run $(COUNT) $(KILLS) $(SEED)

deps: ; @.ci/deps

lint: ; @tests/lint/run

format:
	clang-format-14 -i $$(git ls-files -co --exclude-standard '*.c' '*.h')

fresh: ; @.ci/fresh $(SUITE)

clean: ; rm -rf build

help:
	@echo 'make              build the extension and the daemons into build/'
	@echo 'make deps         install missing Debian packages'
	@echo 'make install      install into the system; install-extension, install-daemons: one half'
	@echo 'make test         run all tests; T="unit pgtap tap/send" runs some of them'
	@echo 'make test-sdk     requests beside those of the official clients; T="twilio smtp" sends some messages'
	@echo 'make demo         send through local doubles of the providers and show what arrived'
	@echo 'make bench        measure; T="drain send" runs some parts'
	@echo 'make bench-long   what takes an hour; T="sustained flat backlog failing growth soak"'
	@echo 'make bench-liquid measure the template engine beside LiquidJS; T="sms mail table partials parse"'
	@echo 'make ledger       send COUNT (50000) messages under KILLS (20) faults, and compare records'
	@echo 'make lint         check the sources;  make format  lays out C'
	@echo 'make asan         daemons and test programs under ASan and UBSan, in build/asan'
	@echo 'make fuzz         fuzz the template engine for FUZZ_SECONDS (60); FUZZ_CASES=FILE.json starts from more'
	@echo 'make coverage     lines of the template engine that its tests run'
	@echo 'make fresh        demo and test, each in a bare Debian (SUITE=bookworm or trixie)'
	@echo 'make clean        remove build/'
	@echo 'Variables: CC, CFLAGS, V=1, WERROR=1, PG_CONFIG, PREFIX, DESTDIR'
