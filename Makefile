# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0

# The verbs of this repository. Each sets up what it needs, in $(VENV).

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
RUN    := $(VENV)/.run.stamp
DEV    := $(VENV)/.dev.stamp
# charmcraft has an environment of its own. On Debian and Ubuntu it needs the system's python3-apt,
# and so the system's Python.
CHARMCRAFT := .venv-charmcraft/bin/charmcraft
SYSTEM_PYTHON := $(firstword $(wildcard /usr/bin/python3) $(PYTHON))
CODE   := workload/src src lib docs tests benchmarks tools
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help demo test test-cluster test-integration test-charm lint format bench charm rock dist lock clean

help: ## Show the verbs
	@printf 'Usage: make VERB [ARGS="..."]\n\n'
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-17s %s\n", $$1, $$2}'
	@printf '\nPYTHON=%s (3.11 or later) makes the environment in VENV=%s.\n' '$(PYTHON)' '$(VENV)'

demo: $(RUN) ## Run the proxy on an embedded stand-in for a cluster; Ctrl-C ends it
	@PYTHONPATH=workload/src exec $(BIN)/python -m metrics_proxy demo $(ARGS)

test: $(DEV) ## Run the fast tests (about two minutes)
	@$(BIN)/python -m pytest $(ARGS)

test-cluster: $(DEV) ## Run the tests that need a real kube-apiserver, etcd and Prometheus (builds them once)
	@$(BIN)/python tests/cluster/controlplane/build.py
	@$(BIN)/python -m pytest tests/cluster $(ARGS)

test-integration: $(DEV) ## Run the tests that need a real Juju controller; says what is missing
	@$(BIN)/python -m pytest tests/integration --timeout=0 $(ARGS)

lint: $(DEV) $(CHARMCRAFT) ## Check style, types, import layers and the lock files
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy $(CODE)
	@$(BIN)/lint-imports --config pyproject.toml
	@$(BIN)/python tools/lock.py --check
	@CRAFT_STATE_DIR=$$(mktemp -d) $(CHARMCRAFT) expand-extensions > /dev/null

format: $(DEV) ## Format the code, and mend what ruff can
	@$(BIN)/ruff check --fix-only --quiet $(CODE)
	@$(BIN)/ruff format $(CODE)

bench: $(DEV) ## Measure CPU, latency and memory per scrape beside a floor (and --rival PATH)
	@$(BIN)/python -m benchmarks $(ARGS)

charm: $(DEV) $(CHARMCRAFT) ## Pack the charm into dist/
	@$(BIN)/python tools/charm/pack.py --charmcraft $(CHARMCRAFT) $(ARGS)

test-charm: charm ## Run the packed charm against a real Pebble, in a sandbox (needs Go and bubblewrap)
	@$(BIN)/python tests/rehearsal dist/*.charm

rock: ## Pack the rock, where rockcraft is
	@command -v rockcraft > /dev/null || { echo 'make: rockcraft is missing; run: sudo snap install rockcraft --classic'; exit 1; }
	@rockcraft pack $(ARGS)

dist: $(DEV) ## Build the wheel and the source archive into dist/
	@$(BIN)/python -m build --no-isolation --outdir dist workload

lock: $(DEV) ## Make the lock files anew from the pyproject.toml files
	@$(BIN)/python tools/lock.py

clean: ## Remove what the verbs made here
	rm -rf .venv* dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is older than Python 3.11; say make PYTHON=python3.12 (or later)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUN): workload/requirements.txt workload/pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r workload/requirements.txt
	touch $@

$(DEV): requirements-dev.txt workload/pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e workload
	touch $@ $(RUN)

$(CHARMCRAFT): requirements-charmcraft.txt
	$(SYSTEM_PYTHON) -m venv .venv-charmcraft
	.venv-charmcraft/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-charmcraft.txt
	touch $@
