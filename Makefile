# Lockgate. `make help` lists what there is; each target does its own set-up.
.DEFAULT_GOAL := help
.PHONY: help demo test check lint types imports fmt bench bench-quick bench-peers \
	soak soak-quick faults dialects agents .agents lock clean

VENV ?= .venv
BIN := $(VENV)/bin
# The first interpreter that is new enough; `make PYTHON=python3.13 test` picks another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
PYTEST_ARGS ?= -n auto
AGENTS := tests/agents

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.run ## start Lockgate with simulated providers; no key needed
	$(BIN)/lockgate demo

test: $(VENV)/.dev ## run all tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: lint types imports test ## the gate: format, lint, types, import rules, tests

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports

fmt: $(VENV)/.dev ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## measure everything on this machine: the table of the README, some minutes
	$(BIN)/python -m bench --json .bench/results.json --plots .bench

bench-quick: $(VENV)/.dev ## a rough table in about a minute
	$(BIN)/python -m bench --quick

bench-peers: $(VENV)/.dev ## other gateways on the same mock; installs them under .bench/
	$(BIN)/python -m bench.peers

soak: $(VENV)/.dev ## 30 minutes of mixed load with faults: what grows, stays open, is booked
	$(BIN)/python -m bench.soak --minutes 30 --json .bench/soak.json

soak-quick: $(VENV)/.dev ## the same for 3 minutes
	$(BIN)/python -m bench.soak --minutes 3 --json .bench/soak.json

faults: $(VENV)/.dev ## every fault of a provider in every form of answer, against what is promised
	$(BIN)/python -m bench.faults --json .bench/faults.json

dialects: $(VENV)/.dev ## the matrix: each client's format on each provider's, plain and streamed
	$(BIN)/python -m tests.translation.matrix

agents: $(VENV)/.dev .agents ## Claude Code, Codex, opencode, gemini-cli, llm and the Node SDKs on other vendors' models
	$(BIN)/python -m pytest tests/agents $(PYTEST_ARGS)

# Needs node and npm. Of what is installed only two scripts run, which put the programs for this
# platform into their places. `npm ci` would want the packages of all other platforms in the lock.
.agents: $(AGENTS)/node/node_modules/.done $(AGENTS)/.llm/.done

$(AGENTS)/node/node_modules/.done: $(AGENTS)/node/package-lock.json
	cd $(AGENTS)/node && npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
	cd $(AGENTS)/node/node_modules && node @anthropic-ai/claude-code/install.cjs
	cd $(AGENTS)/node/node_modules/opencode-ai && node postinstall.mjs
	@touch $@

$(AGENTS)/.llm/.done: $(AGENTS)/requirements.lock | $(VENV)/bin/python
	$(PYTHON) -m venv $(AGENTS)/.llm
	$(AGENTS)/.llm/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

lock: ## renew requirements*.lock (needs uv)
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 --upgrade pyproject.toml --group build -o requirements.lock
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 --upgrade pyproject.toml --group dev -c requirements.lock \
		-o requirements-dev.lock
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 --upgrade $(AGENTS)/requirements.in -o $(AGENTS)/requirements.lock
	cd $(AGENTS)/node && npm update --save --package-lock-only --omit-lockfile-registry-resolved

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) $(AGENTS)/.llm $(AGENTS)/node/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Lockgate needs Python 3.11 or newer; none was found on PATH." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The locks are complete, so nothing is left to resolve (--no-deps): pip's resolver looks for an extra
# beside its locked package and stumbles as soon as a newer release is out.
$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@touch $@
