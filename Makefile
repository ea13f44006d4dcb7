# `make` lists the targets. The first use of a target creates .venv and installs what it needs.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

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

fuzz: $(VENV)/.dev ## run the properties thoroughly (minutes)
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -m "not slow_process"

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

build: $(VENV)/.dev ## a wheel and an sdist, checked
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*

clean: ## remove what the targets made, the environments included
	rm -rf $(VENV) .venvs build dist site htmlcov mutants .coverage .hypothesis .benchmarks \
		.mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
