# Two commands are enough: `make run` opens the console on the built-in simulated exchange,
# `make test` passes every test. Both set everything up first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run setup test siege long check bench snapshots docs lock clean

run: setup
	$(BIN)/quarterdeck

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Quarterdeck needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	touch $@

test: setup
	$(BIN)/pytest -n 4 --dist worksteal

siege: setup
	$(BIN)/pytest -m siege tests/siege
	$(BIN)/python -m tests.siege --processes 2

long: siege
	$(BIN)/pytest -n 2 -m siege

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m benchmarks

snapshots: setup
	$(BIN)/pytest -n 2 tests/console --snapshot-update

docs: setup
	$(BIN)/python -m console.keys_page > docs/keys.md

lock: setup
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --extra dev --no-emit-index-url --no-annotate --no-header pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
