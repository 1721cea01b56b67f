# `make example` runs the example with a real model. `make test` runs the tests except the slow ones. `make slow` runs the slow
# tests. Each command creates its own virtual environment and needs no other setup.
# `make docs` builds the documentation into docs/_build and fails at a broken link. `make pictures` draws its pictures again.
# `make test COVERAGE=yes` also measures coverage, which takes twice as long, and fails if the coverage is too low.

PYTHON ?= python3
COVERAGE ?=
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
# One process for each core; a process that has finished takes tests from another one.
PARALLEL := -n auto --dist worksteal

.PHONY: example test slow docs pictures lint clean

$(VENV)/.package: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[local]"
	touch $@

$(VENV)/.installed: $(VENV)/.package
	$(BIN)/python -m pip install --quiet --editable ".[local,topic]" --group test --group lint --group docs --group browser
	$(BIN)/python -m pip install --quiet --upgrade --no-deps --target $(VENV)/neighbours --group neighbours
	$(BIN)/python -m pip install --quiet --upgrade --no-deps --target $(VENV)/mocks --group mocks
	touch $@

example: $(VENV)/.package
	$(BIN)/duolog local pull
	PATH="$(BIN):$$PATH" sh example_project/live.sh

test: $(VENV)/.installed
	$(BIN)/duolog local pull
ifeq ($(COVERAGE),)
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow"
else
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PARALLEL) -m "not slow"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
endif

slow: $(VENV)/.installed
	$(BIN)/duolog local pull
	$(BIN)/python -m pytest $(PARALLEL) -m slow

docs: $(VENV)/.installed
	$(BIN)/sphinx-build --fresh-env --fail-on-warning --quiet docs docs/_build

pictures: $(VENV)/.installed
	$(BIN)/python docs/pictures/make.py

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache docs/_build docs/generated
