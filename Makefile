# `make example` runs the example with a real model. `make test` runs the tests except the slow ones. `make slow` runs the slow
# tests. Each command creates its own virtual environment and needs no other setup.
# `make docs` builds the documentation into docs/_build. It fails at a broken link between pages, and at what makes a page hard to
# read for some people. `make links` asks the network for the links to other sites. `make pictures` draws the pictures again.
# `make compat` tries the package beside other pytest plugins, and writes docs/neighbours.md.
# `make test COVERAGE=yes` also measures coverage, which takes twice as long, and fails if the coverage is too low.

PYTHON ?= python3
COVERAGE ?=
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
# One process for each core; a process that has finished takes tests from another one.
PARALLEL := -n auto --dist worksteal

.PHONY: example test slow docs links pictures compat lint clean

$(VENV)/.package: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[local]"
	touch $@

$(VENV)/.installed: $(VENV)/.package
	$(BIN)/python -m pip install --quiet --editable ".[local,topic,mcp]" --group test --group lint --group docs --group browser
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

$(VENV)/.clusters: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --group clusters
	touch $@

slow: $(VENV)/.clusters
	$(BIN)/duolog local pull
	$(BIN)/python -m pytest $(PARALLEL) -m slow

docs: $(VENV)/.installed
	$(BIN)/sphinx-build --fresh-env --fail-on-warning --quiet docs docs/_build
	$(BIN)/python docs/accessible.py docs/_build

links: $(VENV)/.installed
	$(BIN)/sphinx-build -b linkcheck --quiet docs docs/_build/links

pictures: $(VENV)/.installed
	$(BIN)/python docs/pictures/make.py

compat: $(VENV)/.installed
	$(BIN)/python benchmarks/compat.py

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache docs/_build docs/generated
