# `make` lists the targets. The first use of a target creates .venv and installs what it needs.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

MIRASCOPE := .venvs/mirascope
LAPS ?= 9
BENCH_OPTIONS := -q --benchmark-columns=min,median --benchmark-sort=min --benchmark-max-time=0.05

.PHONY: help demo test fuzz lint format coverage bench bench-quick bench-check mutate test-all \
	test-sdks docs build clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.created:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade "pip>=25.1"
	@touch $@

# What the demo needs; everything else needs the development tools as well.
$(VENV)/.demo: pyproject.toml | $(VENV)/.created
	$(PIP) install --editable . --group demo
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.demo | $(VENV)/.created
	$(PIP) install --group dev
	@touch $@

demo: $(VENV)/.demo ## stream a recorded answer through the real anthropic client, offline
	@$(BIN)/python -m chunkview demo

test: $(VENV)/.dev ## run the tests
	$(BIN)/python -m pytest

fuzz: $(VENV)/.dev ## run the properties thoroughly (about ten minutes)
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest tests/test_invariants.py \
		tests/test_machines.py tests/test_json.py tests/testing/test_strategies.py

lint: $(VENV)/.dev ## ruff, mypy --strict, pyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --warnings

format: $(VENV)/.dev ## let ruff format and fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

coverage: $(VENV)/.dev ## the tests with branch coverage
	$(BIN)/coverage run -m pytest -q
	$(BIN)/coverage report

bench: $(VENV)/.dev $(MIRASCOPE)/.created ## measure against peers, write benchmarks/RESULTS.md
	mkdir -p build/bench
	$(BIN)/python -m pytest benchmarks $(BENCH_OPTIONS) --laps=$(LAPS) \
		--benchmark-json=build/bench/main.json
	$(MIRASCOPE)/bin/python -m pytest benchmarks/test_wrapper.py $(BENCH_OPTIONS) --laps=$(LAPS) \
		--benchmark-json=build/bench/mirascope.json
	$(BIN)/python -m benchmarks.report build/bench/main.json build/bench/mirascope.json

# The reference wrapper needs an SDK of its time.
$(MIRASCOPE)/.created: pyproject.toml
	$(PYTHON) -m venv $(MIRASCOPE)
	$(MIRASCOPE)/bin/python -m pip install --quiet --disable-pip-version-check --editable . \
		"mirascope[anthropic]==1.25.7" pytest pytest-benchmark
	@touch $@

bench-quick: $(VENV)/.dev ## compare the hot paths with the last saved run
	$(BIN)/python -m pytest -q benchmarks/test_decode.py benchmarks/test_wire.py \
		benchmarks/test_accumulate.py -k "chunkview and not one_event_in and not one_byte" \
		-W default::pytest_benchmark.logger.PytestBenchmarkWarning --benchmark-max-time=0.2 \
		--benchmark-autosave --benchmark-compare --benchmark-columns=min,median \
		--benchmark-sort=name

bench-check: $(VENV)/.dev ## run each benchmark once, untimed
	$(BIN)/python -m pytest benchmarks --benchmark-disable -q

build: $(VENV)/.dev ## a wheel and an sdist, checked
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*

clean: ## remove what the targets made, the environments included
	rm -rf $(VENV) .venvs build dist site htmlcov mutants .coverage .hypothesis .benchmarks \
		.mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
