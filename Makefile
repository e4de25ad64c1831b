# make study   the study `quick` over four zoos, from nothing to a report
# make check   what needs no framework: format, lint, types, layers and most tests
# make test    that, then the other tests, up to the first tier that fails
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# A file at a time on each process, since the tests of a file share their workers; one by
# one with PYTEST_ARGS=.
# A process that a hanging test ended is not started again: it would begin with the same test.
# Files keep the order that their tier gives them, the longest first.
PYTEST_ARGS ?= --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder --max-worker-restart 0
# Tests of `check` wait for time limits more than they compute; frameworks need memory and cores.
PROCESSES := 2
check: PROCESSES := 3
# What needs a framework, in the order of tests/support/tiers.py. The values of pytest's options are
# joined with `=`: of an option that it does not know yet, it takes a value that is a file for a test.
TIERS := onnx frameworks commands
DURATIONS := .test_durations.tsv
SECONDS ?= 3600
FOLDER ?= fuzz

# Every tier reads the test modules again; what was compiled is kept between them.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install environments study check test test-all durations faults fuzz lint docs bench cases clean

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "zoodiff needs Python 3.11 or newer; name one with: make PYTHON=python3.11 ..."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[all,dev,docs]'
	@touch $@

install: $(VENV)/.installed ## Make .venv with zoodiff, the frameworks and the test tools.

environments: install ## Make the virtual environments of the zoos that need one of their own.
	$(BIN)/zoodiff env create tfmg
	$(BIN)/zoodiff env create kerashub
	$(BIN)/zoodiff env create kecam

study: install environments ## Run the study `quick`; the last line names the report.
	@$(BIN)/zoodiff run quick --results results --report report

check: lint ## Run format check, lint, types, layers and the tests that need no framework.
	$(BIN)/python -m pytest --tier=check --durations-file=$(DURATIONS) $(PYTEST_ARGS)

test: check environments ## Run `check`, then the other tests, up to the first tier that fails.
	@for tier in $(TIERS); do \
	  echo "tests of the tier $$tier"; \
	  $(BIN)/python -m pytest --tier=$$tier --durations-file=$(DURATIONS) $(PYTEST_ARGS) || exit 1; \
	done
	@$(BIN)/python tools/compare_durations.py docs/test_durations.tsv $(DURATIONS)

durations: ## Keep the durations of the last `make test` in docs/test_durations.tsv.
	cp $(DURATIONS) docs/test_durations.tsv

# Describing every network of a zoo is one test, so each has longer here.
test-all: install environments ## Run the full matrices too (much longer).
	$(BIN)/zoodiff env create paddle
	$(BIN)/python -m pytest -m "" --timeout 3600 -o faulthandler_timeout=3700 $(PYTEST_ARGS)

faults: install ## Inject 200 faults into runs and compare what comes of them (about 15 minutes).
	PYTHONPATH=tests $(BIN)/python -m support.faults.campaign --count 200

fuzz: install ## Fuzz every parser of foreign bytes for SECONDS in all (3600), into FOLDER.
	-$(PIP) install --quiet --constraint constraints.txt --editable '.[fuzz]'
	PYTHONPATH=tests nice -n 19 $(BIN)/python -m support.fuzzing.run --seconds $(SECONDS) --folder $(FOLDER)

lint: install ## Format check, lint, types, layers.
	$(BIN)/ruff format --check src tests tools benchmarks
	$(BIN)/ruff check src tests tools benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: install ## Build the documentation into build/docs; a broken link is an error.
	$(BIN)/sphinx-build -W --keep-going -q -b html docs build/docs

bench: install environments ## Measure what the issues promise; prints a table.
	$(BIN)/python benchmarks/run.py

# Other programs are installed into environments of their own, in the user's cache.
cases: install ## Rebuild reported discrepancies, ask zoodiff and other programs; writes docs/cases.md.
	$(BIN)/python -m benchmarks.cases --write docs/cases.md

clean: ## Remove the environments and everything that was measured.
	rm -rf $(VENV) results report
