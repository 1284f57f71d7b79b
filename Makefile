# make chat                open the app          make test        every check (at most 8 minutes)
# make ask Q="..."         one answer            make test-slow   the long runs (at most 25 minutes)
# Each sets up what it needs, once: a virtual environment in .venv, the package, the default model.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
Q ?= What is photosynthesis?
export Q

.DEFAULT_GOAL := help
.PHONY: help chat ask setup test test-slow check format benchmarks screenshots clean

help:
	@sed -n 's/^# //p' Makefile

chat: $(VENV)/.installed
	@$(BIN)/chatterm

ask: $(VENV)/.installed
	@$(BIN)/chatterm ask -- "$$Q"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "chatterm needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 2; }
	@echo "making $(VENV) and installing chatterm into it (torch is large: this takes a minute or more)" >&2
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@$(INSTALL) -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(INSTALL) -e ".[dev]"
	@touch $@

setup: $(VENV)/.installed-dev
	@$(BIN)/chatterm models pull > /dev/null

check: setup
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Each file's tests stay together: they share what is slow to make.
WORKERS = -n 2 --dist loadfile

test: check
	$(BIN)/python -m pytest $(WORKERS)

test-slow: setup
	$(BIN)/python -m pytest $(WORKERS) -m slow --timeout 900

format: $(VENV)/.installed-dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

benchmarks: setup
	$(BIN)/python benchmarks/compare_llama_cpp.py
	$(BIN)/python benchmarks/perplexity.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/batching.py
	$(BIN)/python benchmarks/reading.py
	$(BIN)/python benchmarks/support.py
	$(BIN)/python benchmarks/host.py
	$(BIN)/python benchmarks/app.py
	$(BIN)/python benchmarks/checks.py
	$(BIN)/python benchmarks/sentiment.py
	$(BIN)/python benchmarks/search.py
	$(BIN)/python benchmarks/start_up.py

screenshots: setup
	$(BIN)/python assets/make_screenshots.py

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
