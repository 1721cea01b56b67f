# `make example` shows the plugin at work on a real model, `make test` runs its tests except the slow ones, and
# `make coverage` runs all of them and measures what they cover. Each makes its own virtual environment; nothing else has to be set up.

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin

.PHONY: example test coverage lint clean

$(VENV)/.package: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[local]"
	touch $@

$(VENV)/.installed: $(VENV)/.package
	$(BIN)/python -m pip install --quiet --editable ".[local,topic]" --group test --group lint
	$(BIN)/python -m pip install --quiet --upgrade --no-deps --target $(VENV)/neighbours --group neighbours
	$(BIN)/python -m pip install --quiet --upgrade --no-deps --target $(VENV)/mocks --group mocks
	touch $@

example: $(VENV)/.package
	$(BIN)/duolog local pull
	PATH="$(BIN):$$PATH" sh example_project/live.sh

test: $(VENV)/.installed
	$(BIN)/duolog local pull
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow"

coverage: $(VENV)/.installed
	$(BIN)/duolog local pull
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n auto --dist worksteal
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
