# Two commands matter: `make demo` and `make test`. Each makes its own environment (.venv) from nothing.
# PYTHON chooses the interpreter: make demo PYTHON=python3.12. WORKERS says how many files are tested at a time.

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
READY := $(VENV)/.ready

.PHONY: help demo test quick lint docs bench clean
.DEFAULT_GOAL := help

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-6s %s\n", $$1, $$2}' Makefile

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "openprima needs Python 3.11 or newer; found: $$($(PYTHON) --version 2>&1). Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "Making the environment in $(VENV) (a few minutes the first time)"
	@$(PYTHON) -m venv $(VENV) || { echo "No environment made. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(PIP) install -c constraints.txt torch
	@$(PIP) install -c constraints.txt -e '.[dev,docs]'
	@touch $(READY)

demo: $(READY)  ## make up a patient with a subdural hematoma, read the study, and say where the report is
	@rm -rf demo
	@$(BIN)/prima simulate demo/hospital -n 1 --seed 7 --only trauma_subdural_hematoma --subtlety 1
	@$(BIN)/prima predict demo/hospital/studies --out demo/out
	@echo "Open the report in a browser: file://$$(find '$(CURDIR)/demo/out' -name report.html)"

test: lint docs  ## every check: lint, types, rooms, documentation, tests
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

quick: lint  ## for work in hand: lint, types, rooms and the tests that are not slow (make test runs all)
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not slow" -q tests

lint: $(READY)  ## style, types and who may import whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)  ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(READY)  ## time the main job, stage by stage (11.5 GB in build/bench)
	$(BIN)/python benchmarks/predict.py --scratch build/bench

clean:  ## remove the environment, the demo and everything built
	rm -rf $(VENV) demo site dist build .mypy_cache .ruff_cache .import_linter_cache
