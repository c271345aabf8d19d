.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

help: ## list all targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(VENV)/.ready: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -r requirements-dev.txt
	@touch $@

setup: $(VENV)/.ready ## make the virtual environment

demo: $(VENV)/.ready ## run everything here: embedded servers, simulators, API, worker (RESET=1 starts anew)
	@exec $(BIN)/python -m server demo $(if $(RESET),--reset)

test: $(VENV)/.ready ## run every test
	$(BIN)/python -m pytest

check: $(VENV)/.ready ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.ready ## print the measurements of docs/performance.md
	$(BIN)/python -m bench

.PHONY: help setup demo test check bench
