# Every command people type. A bare `make` lists them.
PYTHON ?= python3
VENV := .venv
TOOLS := .deploy-tools
BIN := $(VENV)/bin
ARGS ?=

.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "rocksync needs Python 3.11 or newer: set PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "python3 -m venv failed: on Debian, apt-get install python3-venv" >&2; exit 2; }
	@touch $@

$(VENV)/.run: $(VENV)/.made requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(VENV)/.dev ## make the virtual environment with everything in it

run: $(VENV)/.run ## rocksync demo: Postgres, sandbox, three tenants, the worker (ARGS=--once ends with a summary)
	@$(BIN)/python -m rocksync demo $(ARGS)

# Three lanes keep two cores busy: a good part of the time tests wait for processes, for connections and for locks.
test: $(VENV)/.dev ## all tests, on an embedded Postgres (ARGS="-k name" for some)
	@$(BIN)/python -m pytest -n 3 $(ARGS)

format: $(VENV)/.dev ## format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix-only --quiet .

lint: $(VENV)/.dev ## format check, lint, types, import layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

docs: $(VENV)/.dev ## write the pages that are made from tables in the code
	@$(BIN)/python docs/generate.py

check: lint test ## lint and test: what CI runs

$(VENV)/.deploy: $(VENV)/.dev requirements-deploy.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-deploy.lock
	@touch $@

$(TOOLS)/.made: .ci/debian-tools
	@rm -rf $(TOOLS)
	@.ci/debian-tools $(TOOLS) prometheus prometheus-alertmanager kubernetes-client libfaketime
	@touch $@

check-deploy: $(VENV)/.deploy $(TOOLS)/.made ## dashboards, alerts and deployment files, on Debian; no engine, no cluster
	@PATH="$(CURDIR)/$(TOOLS)/usr/bin:$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -m "debian or not debian" tests/deploy $(ARGS)

image-check: $(VENV)/.run ## build the image twice without an engine and run it: root on Debian, minutes
	@.ci/image-check

picture: $(VENV)/.deploy $(TOOLS)/.made ## draw docs/images/fleet.svg from a worker under load: minutes
	@PATH="$(CURDIR)/$(TOOLS)/usr/bin:$(CURDIR)/$(BIN):$$PATH" PYTHONPATH="$(CURDIR)" $(BIN)/python docs/images/render.py

lock: ## work out the lock files anew (needs uv)
	uv pip compile -q --universal --generate-hashes --no-annotate --no-header --no-emit-index-url --python-version 3.11 --extra speed pyproject.toml -o requirements.lock
	uv pip compile -q --universal --generate-hashes --no-annotate --no-header --no-emit-index-url --python-version 3.11 --extra speed --extra dev pyproject.toml -o requirements-dev.lock
	uv pip compile -q --universal --generate-hashes --no-annotate --no-header --no-emit-index-url --python-version 3.11 --extra speed --extra dev --extra deploy pyproject.toml -o requirements-deploy.lock

bench: $(VENV)/.dev ## measure speed; writes docs/benchmarks.md (ARGS="lag growth" for some scenarios)
	@$(BIN)/python -m tests.benchmarks $(ARGS)

bench-quick: $(VENV)/.dev ## a smaller measure in less than three minutes; writes build/bench, not the docs
	@$(BIN)/python -m tests.benchmarks --quick --out build/bench $(ARGS)

chaos: $(VENV)/.dev $(TOOLS)/.made ## the fault campaign, short, on Debian: less than five minutes (SEEDS=7-9 for other seeds)
	@$(BIN)/python -m tests.chaos short --seeds $(or $(SEEDS),1-3) $(ARGS)

chaos-long: $(VENV)/.dev $(TOOLS)/.made ## the whole fault campaign, for hours; writes the table of docs/reliability.md
	@CHAOS_CASES=12500 $(BIN)/python -m pytest -n 2 tests/chaos/test_hostile.py --timeout 7200
	@$(BIN)/python -m tests.chaos long --seeds $(or $(SEEDS),1-200) --json chaos.jsonl --report docs/reliability.md $(ARGS)

clean: ## remove what can be made anew (not .rocksync, which holds data)
	rm -rf $(VENV) $(TOOLS) .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist

.PHONY: help setup run test format lint docs check check-deploy image-check picture lock bench bench-quick chaos chaos-long clean
