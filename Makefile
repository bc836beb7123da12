# Pegel's front door. `make` alone lists the targets; .ci/deps installs what they need and says so.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test build package docs fmt lint bench deps clean

# What `make run` passes on: make run ARGS="replay FILE"
ARGS ?= run
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
# Tools that .ci/deps fetched for this checkout alone (promtool, Prometheus, Alertmanager).
export PATH := $(abspath $(TARGET_DIR))/tools:$(PATH)

help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: build ## build, then run pegel $(ARGS); ARGS is "run" unless given: make run ARGS="replay FILE"
	$(TARGET_DIR)/release/pegel $(ARGS)

test: ## run all tests; those on live interfaces need root and skip themselves without
	@.ci/deps test
	cargo test --locked

build: ## build the release binary
	@.ci/deps build
	cargo build --release --locked

package: build ## build the Debian package from the release binary
	@.ci/deps package
	deploy/debian/package.sh

docs: ## build the book in docs/ with mdBook
	@.ci/deps docs
	mdbook build docs
	@echo "the book: $(TARGET_DIR)/book/index.html"

fmt: ## format the source
	cargo fmt

lint: ## check format, clippy, licences, bans and sources
	@.ci/deps lint
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	cargo deny --locked check bans licenses sources

bench: ## run the benchmarks
	@.ci/deps build
	cargo bench --locked

deps: ## install all that the other targets need
	@.ci/deps build test lint

clean: ## remove what was built
	cargo clean
