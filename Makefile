# `make` alone prints what there is. Every target makes the environment it needs; longer recipes live in tools/.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
PY := $(BIN)/python
SOURCES := synthlab generation evaluation annotation
PYTHON_FILES := $(SOURCES) tests tools bench manage.py
WORKERS ?= 2
# ARGS is handed on to pytest or to the command that runs.
ARGS ?=

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup env node
setup: env node ## make .venv and node_modules and nothing else
env:
	@./tools/venv.sh
node: env
	@./tools/npm.sh

## --- use -------------------------------------------------------------------------------------------

.PHONY: demo up smoke
demo: setup ## start a demonstration with real images (TRAIN=1 trains instead of loading the shipped generator)
	@$(BIN)/synthlab demo $(ARGS)
up: setup ## start web, worker and model service on this machine
	@$(BIN)/synthlab up $(ARGS)
smoke: setup ## drive the whole path over REST on an empty home; the last line is a JSON summary
	@$(BIN)/synthlab smoke $(ARGS)

## --- check -----------------------------------------------------------------------------------------

.PHONY: test test-all test-python test-js lint types fmt
test: lint test-js test-python ## lint, types, then all tests but the slow ones on both databases

test-all: lint test-js ## the same with the slow tests
	@./tools/pytest.sh all $(ARGS)

test-python: setup
	@./tools/pytest.sh quick $(ARGS)
test-js: setup
	@./tools/js.sh test

lint: setup types ## every check that runs no test: style, types, imports, templates, migrations, licences
	@./tools/lint.sh

types: setup ## mypy --strict and tsc --checkJs --strict
	@$(BIN)/mypy $(PYTHON_FILES)
	@./tools/js.sh types

fmt: setup ## put code and templates into shape
	@$(BIN)/ruff check --fix --quiet $(PYTHON_FILES) || true
	@$(BIN)/ruff format $(PYTHON_FILES)
	@git ls-files -z 'templates/*.html' | xargs -0 --no-run-if-empty $(BIN)/djade --target-version 5.2 || true

## --- measure ---------------------------------------------------------------------------------------

.PHONY: bench bench-full
bench: setup ## one benchmark (B=name) or all of up to 5 minutes; QUICK=1 for a glance
	@$(PY) -m $(if $(B),bench.$(B),bench)
bench-full: setup ## all benchmarks, going on where an interrupted run stopped; writes docs/benchmarks.md
	@$(PY) -m bench --full

## --- tidy ------------------------------------------------------------------------------------------

.PHONY: clean
clean: ## remove environments, packages and caches; var/ with its data stays
	@rm -rf .venv .tools node_modules staticfiles build dist ./*.egg-info
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find $(SOURCES) tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
