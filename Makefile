.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

help: ## list all targets
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

$(VENV)/.ready: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -r requirements-dev.txt
	@touch $@

setup: $(VENV)/.ready ## make the virtual environment

demo: $(VENV)/.ready ## run everything here: embedded servers, simulators, API, worker, pages (RESET=1 starts anew)
	@if command -v npm > /dev/null; then $(MAKE) -s h5 console; \
	 else echo "Without Node.js 20 the API runs alone: no pages at / and /console."; fi
	@exec $(BIN)/python -m server demo $(if $(RESET),--reset)

h5: $(VENV)/.ready ## build the residents' pages for a browser; the API serves them at /
	@node scripts/build-once.mjs miniprogram build:h5 dist/build/h5

weapp: $(VENV)/.ready ## build the mini-program for WeChat (VITE_API_URL: the API's address)
	@node scripts/build-once.mjs miniprogram build:mp-weixin dist/build/mp-weixin

front-check: $(VENV)/.ready h5 weapp ## types, sizes, both of WeChat's compilers, pages in WeChat's engine
	@cd miniprogram && npm run -s check && npm test -s

console: $(VENV)/.ready ## build the staff console; the API serves it at /console
	@node scripts/build-once.mjs console build dist

browser: ## install what the browser tests need (Chromium, a Chinese font) where it is missing
	@scripts/install-browser

test: $(VENV)/.ready browser ## run every test, files side by side (WORKERS=2)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: $(VENV)/.ready ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lighthouse: $(VENV)/.ready h5 ## accessibility of every residents' page by Lighthouse (installs it: 201 packages)
	@cd miniprogram/scripts/lighthouse && npm ci --no-audit --no-fund --loglevel=error
	@$(BIN)/python -m tests.front.lighthouse

bench: $(VENV)/.ready ## print the measurements of docs/performance.md
	$(BIN)/python -m bench

bench-nlp: $(VENV)/.ready ## print the measurements of docs/matching.md (DATA=folder of public texts)
	$(BIN)/python -m bench.nlp $(if $(DATA),--data $(DATA))

.PHONY: help setup demo h5 weapp front-check console browser test check lighthouse bench bench-nlp
