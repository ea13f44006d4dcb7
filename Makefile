# `make` lists the targets. A target creates the environment that it needs on first use: .venv for
# daily work, .venvs/NAME where other versions are needed.
.DEFAULT_GOAL := help

PYTHON ?= python3
# What is tested: this checkout, or a wheel (`make test PACKAGE=dist/*.whl`).
PACKAGE ?= --editable .

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- Environments ---------------------------------------------------------------------------------

# pip learned `--group` in 25.1.
NEW_PIP := "pip>=25.1"

# The demo needs the package and a few libraries. Everything else also needs the development tools.
$(VENV)/.demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade $(NEW_PIP)
	$(PIP) install $(PACKAGE) --group demo
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(PIP) install --group dev
	@touch $@

# Create the environment in the folder of the target. $(1): its Python. $(2): what pip installs.
define environment
$(1) -m venv --clear $(@D)
$(@D)/bin/python -m pip --quiet --disable-pip-version-check install --upgrade $(NEW_PIP)
$(@D)/bin/python -m pip --quiet --disable-pip-version-check install $(2)
@touch $@
endef

# Command of a Python by its version. The shims of pyenv take the version from PYENV_VERSION.
python = PYENV_VERSION=$(1) python$(1)

# --- Tests ----------------------------------------------------------------------------------------

.PHONY: demo
demo: $(VENV)/.demo ## stream a recorded answer through the real anthropic client, offline
	@$(BIN)/python -m chunkview demo

.PHONY: test
test: $(VENV)/.dev ## run the tests
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

.PHONY: fuzz
fuzz: $(VENV)/.dev ## run the properties with 1,000 examples each (it takes long)
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -m hypothesis --numprocesses auto

# The core has every branch covered, by examples that do not hang on what Hypothesis draws. The rest
# may not fall more than a point below what it has today.
# Without pytest's check of finalizers, which `make test` has: in a test of deep recursion, the tracer
# of coverage itself may run out of stack in a finalizer.
CORE := */chunkview/_model/*,*/chunkview/_chunks/*,*/chunkview/_rules/*,*/chunkview/_stream/*
CORE := $(CORE),*/chunkview/errors.py,*/chunkview/common.py,*/chunkview/_repr.py
REST_FLOOR := 98

.PHONY: coverage
coverage: $(VENV)/.dev ## the tests with branch coverage: the core at 100%, the rest above a floor
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q --numprocesses auto -p no:unraisableexception
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include='$(CORE)' --fail-under=100
	$(BIN)/coverage report --omit='$(CORE)' --fail-under=$(REST_FLOOR)

.PHONY: mutate
mutate: .venvs/mutate/.test ## mutation testing of the core (it takes long)
	HYPOTHESIS_PROFILE=mutate $(<D)/bin/mutmut run
	$(<D)/bin/mutmut results

# Without chunkview: the tests have to import the changed copy of it that mutmut makes in mutants/.
.venvs/mutate/.test: pyproject.toml
	$(call environment,$(PYTHON),"attrs>=23.1" --group mutate)

# --- Tests on other versions ----------------------------------------------------------------------

# `make test-all PYTHONS="3.12 3.13"` runs fewer. A Python that is not installed is skipped.
PYTHONS := 3.10 3.11 3.12 3.13 3.14
TEST_PYTHONS := $(PYTHONS:%=test-python-%)

.PHONY: test-all $(TEST_PYTHONS)
test-all: $(TEST_PYTHONS) ## the tests on each installed Python from 3.10 to 3.14

$(TEST_PYTHONS): test-python-%:
	@if $(call python,$*) --version >/dev/null 2>&1; then \
		$(MAKE) --no-print-directory .venvs/python$*/.test && \
		.venvs/python$*/bin/python --version && \
		.venvs/python$*/bin/python -m pytest -q --numprocesses auto; \
	else \
		echo "python$*: skipped, not installed"; \
	fi

.venvs/python%/.test: pyproject.toml
	$(call environment,$(call python,$*),--editable . --group test)

# The marker `sdk` selects the tests that use the SDK; tests/conftest.py sets it. Left out are the
# comparisons with what the SDK accumulates and accepts: an old release loses fields.
NOT_ON_OLD_SDKS := not accumulate_agrees and not give_the_message_of_the_sdk \
	and not official_sdk_accepts
SDKS := 0.40.0 0.60.0 0.84.0 1.0.0 1.17.0 2.12.0 2.14.0
TEST_SDKS := $(SDKS:%=test-sdk-%)

.PHONY: test-sdks $(TEST_SDKS)
test-sdks: $(TEST_SDKS) ## the tests that use the anthropic SDK, on releases from 0.40 on

$(TEST_SDKS): test-sdk-%: .venvs/sdk%/.test
	$(<D)/bin/python -m pytest -q --numprocesses auto -m sdk -k "$(NOT_ON_OLD_SDKS)"

.venvs/sdk%/.test: pyproject.toml
	$(call environment,$(PYTHON),--editable . --group test "anthropic==$*")

# What the official SDK does when a rule is broken decides how bad that is. The oldest and the newest
# of SDKS are asked.
MEASURED_SDKS := $(firstword $(SDKS)) $(lastword $(SDKS))

.PHONY: severities
severities: $(VENV)/.dev $(MEASURED_SDKS:%=.venvs/sdk%/.test) ## measure how bad each broken rule is
	$(BIN)/python .ci/severities.py $(MEASURED_SDKS:%=.venvs/sdk%/bin/python)
	$(BIN)/python .ci/rules_page.py

.PHONY: pages
pages: $(VENV)/.dev ## write the pages about the rules and about the requests of check
	$(BIN)/python .ci/rules_page.py

# The oldest versions that pyproject.toml allows, on the oldest Python. Left out is also a test of
# shrinking: an old Hypothesis shrinks less.
OLDEST := $(firstword $(PYTHONS))

.PHONY: test-oldest
test-oldest: .venvs/oldest/.test ## the tests on the oldest versions that pyproject.toml allows
	$(<D)/bin/python -m pytest -q --numprocesses auto -k "$(NOT_ON_OLD_SDKS) and not body_shrinks"

.venvs/oldest/.test: pyproject.toml .ci/oldest.py
	@mkdir -p build
	$(PYTHON) .ci/oldest.py > build/oldest.txt
	$(call environment,$(call python,$(OLDEST)),--editable . --group test \
		--constraint build/oldest.txt)

# --- The picture of a stream -----------------------------------------------------------------------

# Chromium and its driver are not installed here: apt install chromium chromium-driver
.PHONY: browser
browser: $(VENV)/.dev ## the tests of `chunkview show --html` in a headless Chromium
	REQUIRE_BROWSER=1 $(BIN)/python -m pytest -q tests/browser

.PHONY: screenshot
screenshot: $(VENV)/.dev ## take the screenshot of docs/picture.md
	$(BIN)/python .ci/screenshot.py docs/picture.webp

# --- Clusters -------------------------------------------------------------------------------------

# `make test` runs one of these tests, on a few hundred recordings.
.PHONY: engines
engines: $(VENV)/.dev ## `chunkview stats --dask` on a cluster, with 10,000 recordings
	REQUIRE_ENGINES=1 $(BIN)/python -m pytest -q tests/engines/test_cluster.py

# --- Servers that imitate the API ----------------------------------------------------------------

# The answers of LiteLLM differ between releases. tests/engines/test_litellm.py has those of this one.
# Some releases had malicious code (1.82.7, 1.82.8, 1.107.0). Read about a release before you take it.
LITELLM := 1.106.12

.PHONY: check-litellm
check-litellm: $(VENV)/.dev .venvs/litellm/.$(LITELLM) ## `chunkview check` on a LiteLLM proxy
	REQUIRE_ENGINES=1 $(BIN)/python -m pytest -q tests/engines/test_litellm.py

# From wheels alone, so that no code of a package runs while it is installed.
.venvs/litellm/.$(LITELLM):
	$(call environment,$(PYTHON),--only-binary :all: "litellm[proxy]==$(LITELLM)")

# --- Checks and documents -------------------------------------------------------------------------

.PHONY: lint
lint: $(VENV)/.dev ## ruff, mypy --strict, pyright, verifytypes; zizmor on the workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --warnings
	@$(MAKE) --no-print-directory verifytypes
	$(BIN)/zizmor --offline --quiet .github

# Here pyright looks for the package in the environment of the first `python` in PATH.
.PHONY: verifytypes
verifytypes: $(VENV)/.dev ## pyright: every public name has a type
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pyright --verifytypes chunkview --ignoreexternal

.PHONY: format
format: $(VENV)/.dev ## format and fix with ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A warning is an error. tests/test_docs.py checks that the reference has every public name.
.PHONY: docs
docs: $(VENV)/.dev ## the site, with the API reference, to site/
	rm -rf site
	$(BIN)/python -m sphinx --fresh-env --fail-on-warning --keep-going --quiet docs site

.PHONY: reference
reference: $(VENV)/.dev ## write the lists of names in docs/reference/
	$(BIN)/python .ci/reference.py

# It needs the network.
.PHONY: links
links: $(VENV)/.dev ## check that the links of the site lead somewhere
	$(BIN)/python -m sphinx --builder linkcheck --quiet docs build/links

.PHONY: pictures
pictures: $(VENV)/.dev ## take the pictures of the command line: docs/pictures/*.svg
	$(BIN)/python .ci/pictures.py

.PHONY: build
build: $(VENV)/.dev ## a wheel and an sdist, checked
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*

# The pip of .venv installs into .venvs/wheel, which then holds nothing but the wheel and its needs.
.PHONY: check-wheel
check-wheel: build ## the wheel works alone with attrs
	$(PYTHON) -m venv --clear --without-pip .venvs/wheel
	$(PIP) --python .venvs/wheel install dist/*.whl
	.venvs/wheel/bin/python -I .ci/check_wheel.py

# --- Benchmarks -----------------------------------------------------------------------------------

LAPS ?= 7
# Times are CPU time: what other programs do meanwhile does not count.
BENCH_OPTIONS := -q --benchmark-columns=min,median --benchmark-sort=min --benchmark-max-time=0.1 \
	--benchmark-timer=time.thread_time
# The report has a second column of figures, from this Python, if it is installed and not .venv's.
BENCH_PYTHONS := 3.13

# Run benchmarks into a file of figures. $(1): environment. $(2): the file. $(3): which benchmarks.
define measure
$(1)/bin/python -m pytest benchmarks$(3) $(BENCH_OPTIONS) --laps=$(LAPS) \
	--benchmark-json=build/bench/$(2).json
endef

# Make a target for each of BENCH_PYTHONS. $(1): the target, with $$python for the version.
define for_each_python
for python in $(BENCH_PYTHONS); do \
	if $(BIN)/python --version | grep -q " $$python\."; then continue; fi; \
	if ! PYENV_VERSION=$$python python$$python --version >/dev/null 2>&1; then \
		echo "python$$python: skipped, not installed"; continue; \
	fi; \
	$(MAKE) --no-print-directory $(1) || exit 1; \
done
endef

# All environments are made first: an installation during the measurements would disturb them.
.PHONY: bench
bench: $(VENV)/.dev .venvs/mirascope/.bench ## measure against peers, write benchmarks/RESULTS.md
	@$(call for_each_python,.venvs/bench$$python/.bench .venvs/mirascope$$python/.bench)
	rm -rf build/bench
	mkdir -p build/bench
	$(call measure,$(VENV),main)
	@mkdir -p build/bench/workloads
	$(BIN)/python -m chunkview bench benchmarks.peers:httpx_sse_body --json \
		> build/bench/workloads/main.json
	$(call measure,.venvs/mirascope,main-mirascope,/test_wrapper.py)
	@$(call for_each_python,build/bench/python$$python.json)
	$(BIN)/python -m benchmarks.report build/bench

build/bench/python%.json: .venvs/bench%/.bench .venvs/mirascope%/.bench
	@mkdir -p $(@D)
	$(call measure,.venvs/bench$*,python$*)
	$(call measure,.venvs/mirascope$*,python$*-mirascope,/test_wrapper.py)

.venvs/bench%/.bench: pyproject.toml
	$(call environment,$(call python,$*),--editable . --group bench)

# Mirascope needs an older SDK, and so an environment of its own.
MIRASCOPE := "mirascope[anthropic]==1.25.7" pytest pytest-benchmark

.venvs/mirascope/.bench: pyproject.toml | $(VENV)/.demo
	$(call environment,$(BIN)/python,--editable . $(MIRASCOPE))

.venvs/mirascope%/.bench: pyproject.toml
	$(call environment,$(call python,$*),--editable . $(MIRASCOPE))

# make would delete these as intermediate files.
.PRECIOUS: .venvs/bench%/.bench .venvs/mirascope%/.bench

# The hot paths against their peers, without what takes long.
.PHONY: bench-quick
bench-quick: $(VENV)/.dev ## measure the hot paths in a minute or two, print the figures
	rm -rf build/bench-quick
	mkdir -p build/bench-quick
	$(BIN)/python -m pytest benchmarks/test_decode.py benchmarks/test_wire.py benchmarks/test_stream.py \
		-k "not growth and not one_event_in and not one_byte" $(BENCH_OPTIONS) \
		--benchmark-json=build/bench-quick/main.json >build/bench-quick/log || (cat build/bench-quick/log; exit 1)
	$(BIN)/python -m benchmarks.report --print build/bench-quick

.PHONY: bench-check
bench-check: $(VENV)/.dev ## run each benchmark once, untimed
	$(BIN)/python -m pytest benchmarks --benchmark-disable -q

# --------------------------------------------------------------------------------------------------

.PHONY: clean
clean: ## remove everything that the targets made, the environments included
	rm -rf $(VENV) .venvs build dist site htmlcov mutants .coverage .coverage.* .hypothesis \
		.benchmarks .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
