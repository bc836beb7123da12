# Entry points for developers. `make` alone lists the targets; .ci/deps installs what they need and prints it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test build quick package docs fmt lint ceilings bench new-detector deps clean

# Arguments of `make run`: make run ARGS="replay FILE"
ARGS ?= run
# Further arguments of `make test`: make test TEST_ARGS="--test scenarios syn_flood"
TEST_ARGS ?=
# Name and class of the detector that `make new-detector` writes.
NAME ?=
CLASS ?= flood
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
# Tools that .ci/deps fetched for this checkout only (promtool, Prometheus, Alertmanager).
export PATH := $(abspath $(TARGET_DIR))/tools:$(PATH)

help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: build ## build, then run pegel $(ARGS); ARGS is "run" unless given: make run ARGS="replay FILE"
	$(TARGET_DIR)/release/pegel $(ARGS)

test: ## run all tests, or those that TEST_ARGS names; tests on live interfaces need root and skip themselves without it
	@.ci/deps test
	cargo test --locked --no-fail-fast $(TEST_ARGS)

build: ## build the release binary
	@.ci/deps build
	cargo build --release --locked

quick: ## build a release binary for yourself: as fast within a few percent, and rebuilt in less than half the time
	@.ci/deps build
	cargo build --profile quick --locked --bin pegel

package: build ## build the Debian package from the release binary
	@.ci/deps package
	deploy/debian/package.sh

docs: ## build the book in docs/ with mdBook
	@.ci/deps docs
	mdbook build docs
	@echo "the book: $(TARGET_DIR)/book/index.html"

fmt: ## format the source
	cargo fmt

lint: ## check format, clippy, rustdoc, licences, bans and sources
	@.ci/deps lint
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked
	cargo deny --locked check bans licenses sources

ceilings: ## measure which floods stay silent, and write the table of the book (some minutes)
	@.ci/deps test
	PEGEL_SEARCH_CEILINGS=1 cargo test --locked --test ceilings

bench: ## run the benchmarks
	@.ci/deps build
	cargo bench --locked

new-detector: ## write the skeleton of a detector with its scenarios: make new-detector NAME=x CLASS=flood
	@.ci/deps build
	.ci/new-detector "$(NAME)" "$(CLASS)"

deps: ## install everything that the other targets need
	@.ci/deps build test lint

clean: ## remove build output
	cargo clean
