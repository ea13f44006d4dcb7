# `make` lists the targets. The first use of a target creates .venv and installs what it needs.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

LAPS ?= 7
BENCH_OPTIONS := -q --benchmark-columns=min,median --benchmark-sort=min --benchmark-max-time=0.1

# In an environment of its own: $(1) is the Python, $(2) what pip installs.
define environment
$(1) -m venv --clear $(@D)
$(@D)/bin/python -m pip --quiet install --upgrade "pip>=25.1"
$(@D)/bin/python -m pip --quiet --disable-pip-version-check install $(2)
@touch $@
endef

.PHONY: help demo test fuzz lint format coverage bench bench-quick bench-check mutate test-all \
	test-sdks test-oldest docs build check-wheel clean

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
	$(BIN)/python -m pytest --numprocesses auto

fuzz: $(VENV)/.dev ## run the properties thoroughly (in less than ten minutes)
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -m hypothesis

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

.venvs/mutate/.test: pyproject.toml
	$(call environment,$(PYTHON),"attrs>=23.1" --group mutate)

mutate: .venvs/mutate/.test ## change the core here and there: do the tests notice? (ten minutes)
	HYPOTHESIS_PROFILE=mutate $(<D)/bin/mutmut run
	$(<D)/bin/mutmut results

bench: $(VENV)/.dev .venvs/mirascope/.bench ## measure against peers, write benchmarks/RESULTS.md
	@$(call for_each_python,.venvs/bench$$python/.bench .venvs/mirascope$$python/.bench)
	rm -rf build/bench
	mkdir -p build/bench
	$(call measure,$(VENV),main)
	$(call measure,.venvs/mirascope,main-mirascope,/test_wrapper.py)
	@$(call for_each_python,build/bench/python$$python.json)
	$(BIN)/python -m benchmarks.report build/bench

define measure
$(1)/bin/python -m pytest benchmarks$(3) $(BENCH_OPTIONS) --laps=$(LAPS) \
	--benchmark-json=build/bench/$(2).json
endef

# Pythons whose figures stand beside those of $(VENV), where they are here and another version.
BENCH_PYTHONS := 3.13

define for_each_python
for python in $(BENCH_PYTHONS); do \
	if $(BIN)/python --version | grep -q " $$python\."; then continue; fi; \
	if ! PYENV_VERSION=$$python python$$python --version >/dev/null 2>&1; then \
		echo "python$$python: skipped, it is not here"; continue; \
	fi; \
	$(MAKE) --no-print-directory $(1) || exit 1; \
done
endef

build/bench/python%.json: .venvs/bench%/.bench .venvs/mirascope%/.bench
	@mkdir -p $(@D)
	$(call measure,.venvs/bench$*,python$*)
	$(call measure,.venvs/mirascope$*,python$*-mirascope,/test_wrapper.py)

.venvs/bench%/.bench: pyproject.toml
	$(call environment,PYENV_VERSION=$* python$*,--editable . --group bench)

# The reference wrapper needs an SDK of its time, and so an environment of its own.
MIRASCOPE := "mirascope[anthropic]==1.25.7" pytest pytest-benchmark

.venvs/mirascope/.bench: pyproject.toml | $(VENV)/.created
	$(call environment,$(BIN)/python,--editable . $(MIRASCOPE))

.venvs/mirascope%/.bench: pyproject.toml
	$(call environment,PYENV_VERSION=$* python$*,--editable . $(MIRASCOPE))

# Else make would take these for files by the way, and remove them.
.PRECIOUS: .venvs/bench%/.bench .venvs/mirascope%/.bench

bench-quick: $(VENV)/.dev ## compare the hot paths with the last saved run
	$(BIN)/python -m pytest -q benchmarks/test_decode.py benchmarks/test_wire.py \
		benchmarks/test_accumulate.py -k "chunkview and not one_event_in and not one_byte" \
		-W default::pytest_benchmark.logger.PytestBenchmarkWarning --benchmark-max-time=0.2 \
		--benchmark-autosave --benchmark-compare --benchmark-columns=min,median \
		--benchmark-sort=name

bench-check: $(VENV)/.dev ## run each benchmark once, untimed
	$(BIN)/python -m pytest benchmarks --benchmark-disable -q

# Every CPython that the package promises; `make test-all PYTHONS="3.12 3.13"` runs fewer. With
# PYENV_VERSION, a shim of pyenv runs the version it stands for, activated or not.
PYTHONS := 3.10 3.11 3.12 3.13 3.14
OLDEST := $(firstword $(PYTHONS))
TEST_PYTHONS := $(PYTHONS:%=test-python-%)
.PHONY: $(TEST_PYTHONS)

test-all: $(TEST_PYTHONS) ## the tests on each Python from 3.10 to 3.14 that is here

$(TEST_PYTHONS): test-python-%:
	@if PYENV_VERSION=$* python$* --version >/dev/null 2>&1; then \
		$(MAKE) --no-print-directory .venvs/python$*/.test && \
		.venvs/python$*/bin/python --version && \
		.venvs/python$*/bin/python -m pytest -q -n auto; \
	else \
		echo "python$*: skipped, it is not here"; \
	fi

.venvs/python%/.test: pyproject.toml
	$(call environment,PYENV_VERSION=$* python$*,--editable . --group test)

# Releases of the SDK from the oldest that the package promises to the current one, and the tests
# that events, streams or clients of the SDK go through. Left out is the comparison with what the
# SDK accumulates: the older the release, the less it keeps.
SDKS := 0.40.0 0.60.0 0.84.0 1.0.0 1.17.0 2.12.0 2.14.0
TEST_SDKS := $(SDKS:%=test-sdk-%)
SDK_TESTS := tests/test_decode.py tests/stream/test_stream_*.py tests/stream/test_wire_*.py \
	tests/test_anthropic.py tests/test_invariants.py tests/test_sdk.py \
	tests/test_call_response_chunk.py tests/testing/test_replay_*.py -k "not accumulate_agrees"
.PHONY: $(TEST_SDKS)

test-sdks: $(TEST_SDKS) ## the tests that meet the anthropic SDK, on releases from 0.40 on

$(TEST_SDKS): test-sdk-%: .venvs/sdk%/.test
	$(<D)/bin/python -m pytest -q -n auto $(SDK_TESTS)

.venvs/sdk%/.test: pyproject.toml
	$(call environment,$(PYTHON),--editable . --group test "anthropic==$*")

# The oldest versions that pyproject.toml allows, on the oldest Python. Left out are comparisons
# with what the SDK accumulates, as above, and one of what Hypothesis shrinks to: an old release
# shrinks less far.
test-oldest: .venvs/oldest/.test ## the tests on the oldest versions that pyproject.toml allows
	$(<D)/bin/python -m pytest -q -k "not accumulate_agrees and not give_the_message_of_the_sdk \
		and not official_sdk_accepts and not body_shrinks"

.venvs/oldest/.test: pyproject.toml .ci/oldest.py
	@mkdir -p build
	$(PYTHON) .ci/oldest.py > build/oldest.txt
	$(call environment,PYENV_VERSION=$(OLDEST) python$(OLDEST),--editable . --group test \
		--constraint build/oldest.txt)

build: $(VENV)/.dev ## a wheel and an sdist, checked
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*

# pip of another environment installs it, so that nothing is there but the wheel and what it needs.
check-wheel: build ## the wheel works alone with attrs
	$(PYTHON) -m venv --clear --without-pip .venvs/wheel
	$(PIP) --python .venvs/wheel install dist/*.whl
	.venvs/wheel/bin/python -I .ci/check_wheel.py

# pdoc follows `__all__`, in which modules do not stand: they are named here. An annotation that it
# cannot resolve is an error, save for the type variable in what attrs generates.
MODULES := $(wildcard src/chunkview/[a-z]*.py src/chunkview/testing/[a-z]*.py)

docs: $(VENV)/.dev ## the API reference, from the docstrings to site/
	rm -rf site
	$(BIN)/python -W error::UserWarning -W "ignore:Error parsing type annotation ChunkT" \
		.ci/docs.py --docformat google --output-directory site \
		chunkview '!chunkview\.' chunkview.testing $(subst /,.,$(MODULES:src/%.py=%))

clean: ## remove what the targets made, the environments included
	rm -rf $(VENV) .venvs build dist site htmlcov mutants .coverage .hypothesis .benchmarks \
		.mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
