# airpocket: make lists itself.
SHELL := bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.ready
BENCH_VENV := .venv-bench
AIRPOCKET_DATA ?= ../shared/data
export AIRPOCKET_DATA

.PHONY: help env demo test lint format bench slow slow-sample faults soak lock clean

help: ## list the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

env: $(STAMP) ## make the environment (.venv) from the lock

# uv if it is there or can be installed (seconds), else venv and pip (a minute).
$(STAMP): requirements.lock pyproject.toml
	@set -e; python=$$(command -v python3 || command -v python); \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "airpocket needs Python 3.11 or newer, found $$("$$python" --version)"; exit 1; }; \
	uv=$$(command -v uv || true); \
	if [ -z "$$uv" ]; then \
	  "$$python" -m venv .venv-uv && .venv-uv/bin/python -m pip install -q --disable-pip-version-check uv \
	    2>/dev/null && uv=.venv-uv/bin/uv || uv=""; \
	fi; \
	if [ -n "$$uv" ]; then \
	  "$$uv" venv -q --clear --python "$$python" $(VENV); \
	  "$$uv" pip install -q --compile-bytecode --python $(PY) --require-hashes -r requirements.lock; \
	  "$$uv" pip install -q --compile-bytecode --python $(PY) --no-deps -e .; \
	else \
	  "$$python" -m venv --clear $(VENV); \
	  $(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock; \
	  $(PY) -m pip install -q --disable-pip-version-check --no-deps -e .; \
	fi; \
	touch $@

demo: $(STAMP) ## play a small tape that airpocket makes itself, from frames to alerts
	@$(VENV)/bin/airpocket demo

test: $(STAMP) ## run the tests (those that need recordings say so if they are not there)
	$(PY) -m pytest -n auto -m "not slow"

lint: $(STAMP) ## ruff, mypy --strict, import-linter
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: $(STAMP) ## let ruff format the code
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix -q .

bench: $(BENCH_VENV)/.ready ## measure beside peers; figures are ratios of one run
	$(BENCH_VENV)/bin/python -m benchmarks

faults: $(STAMP) ## play the faults F01 to F50 on every venue, and print a line each
	$(PY) -m tests.faults

soak: $(STAMP) ## ten minutes of faults: memory, descriptors, threads and tasks stay flat
	$(PY) -m pytest -n 0 -m slow tests/live/test_soak.py

slow: $(STAMP) ## the long tests: fuzzing, kills, power loss, faults x 20 seeds, soak (hours)
	$(PY) -m pytest -n auto -m slow
	AIRPOCKET_EXAMPLES=500 $(PY) -m pytest -n auto -m "not slow" tests/alerts tests/cascade tests/detection tests/leverage tests/market tests/venues

slow-sample: $(STAMP) ## the sample of the long tests that CI runs
	$(PY) -m pytest -n auto -m slow tests/venues/binance tests/venues/okx tests/venues/hyperliquid
	$(PY) -m pytest -n auto -m slow tests/faults -k "seeds and F09 and bybit"
	$(PY) -m pytest -n auto -m slow tests/faults -k planted

$(BENCH_VENV)/.ready: requirements-bench.lock pyproject.toml $(STAMP)
	@set -e; uv=$$(command -v uv || echo .venv-uv/bin/uv); \
	if "$$uv" --version >/dev/null 2>&1; then \
	  "$$uv" venv -q --clear --python $(PY) $(BENCH_VENV); \
	  "$$uv" pip install -q --compile-bytecode --python $(BENCH_VENV)/bin/python --require-hashes -r requirements-bench.lock; \
	  "$$uv" pip install -q --compile-bytecode --python $(BENCH_VENV)/bin/python --no-deps -e .; \
	else \
	  $(PY) -m venv --clear $(BENCH_VENV); \
	  $(BENCH_VENV)/bin/python -m pip install -q --require-hashes -r requirements-bench.lock; \
	  $(BENCH_VENV)/bin/python -m pip install -q --no-deps -e .; \
	fi; touch $@

lock: ## compile the locks anew (hashes, no addresses)
	.venv-uv/bin/uv pip compile --universal --generate-hashes --no-header --no-annotate -q \
	  --extra dev pyproject.toml -o requirements.lock
	.venv-uv/bin/uv pip compile --universal --generate-hashes --no-header --no-annotate -q \
	  --extra dev --extra bench pyproject.toml -o requirements-bench.lock

clean: ## remove environments and caches
	rm -rf $(VENV) $(BENCH_VENV) .venv-uv .mypy_cache .ruff_cache .pytest_cache .hypothesis
