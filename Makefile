# Every target sets up what it needs from nothing and is quick the second time.
#
#   make demo         run examples/quickstart.ipynb on the local profile and show what it did
#   make test         lint, then every test, documentation and examples included (what .ci/run calls)
#   make test-quick   unit tests only
#   make test-lab     the JupyterLab half: its unit tests (jest), then a real JupyterLab in a real browser
#   make test-accounting  limits and the archive on a Slurm with a database: not part of `make test`, since it needs
#                     MariaDB and slurmdbd (Debian: slurmdbd slurm-wlm-mysql-plugin mariadb-server)
#   make lint         ruff (rules and format), mypy --strict, the layer rules; ESLint, Prettier, stylelint, tsc
#   make lab          build the JupyterLab extension and link it into .venv
#   make format       what ruff can put right by itself
#   make docs         build docs/_build/html, warnings are errors
#   make bench        the figures of docs/ measured again
#   make setup        only the environment in .venv
#   make constraints  choose the tested set of versions anew

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help setup lab system accounting demo test test-quick test-lab test-accounting lint lint-lab format docs bench constraints clean

# Relative, so that a clone works in any folder, blanks in its name included.
PY := .venv/bin/python
# A module's tests run in one process and share its clusters; the modules that wait for minutes come first.
MODULES := --dist loadscope --no-loadscope-reorder
NODE := PATH="$$PWD/node_modules/.bin:$$PATH"

help:
	@sed -n 's/^#   //p' Makefile

setup:
	@scripts/setup.sh python

lab: setup
	@scripts/setup.sh lab

system: setup
	@scripts/setup.sh system

accounting: system
	@scripts/setup.sh accounting

demo: setup
	@$(PY) scripts/demo.py

# Lint and quick tests come first: most mistakes are found within a minute.
# The documentation is built by tests/docs. Where processes mostly wait for each other there are more of them than cores.
# In the fault suite fewer: it asks how soon after a death the last job was gone.
test: system lint lint-lab
	@$(NODE) jest --silent
	@$(PY) -m pytest -n 3 $(MODULES) tests/unit tests/docs
	@$(PY) -m tests.support.installed
	@$(PY) -m pytest -n 4 $(MODULES) tests/server
	@$(PY) -m pytest -n 2 $(MODULES) tests/ui tests/packaging
	@$(PY) -m pytest -n 3 $(MODULES) tests/contract tests/faces tests/examples
	@$(PY) -m pytest -n 3 $(MODULES) tests/faults

test-quick: setup
	@$(PY) -m pytest -n 3 $(MODULES) tests/unit

test-lab: system lab
	@$(NODE) jest
	@$(PY) -m tests.support.installed
	@$(PY) -m pytest -n 4 $(MODULES) tests/server
	@$(PY) -m pytest -n 2 $(MODULES) tests/ui tests/packaging

test-accounting: accounting
	@$(PY) -m pytest tests/accounting

lint: setup
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check --quiet . || { echo 'lint: not formatted, run make format' >&2; exit 1; }
	@$(PY) -m mypy
	@$(PY) -c 'from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True, no_logo=True))'

lint-lab: lab
	@$(NODE) eslint --max-warnings 0 labextension
	@$(NODE) prettier --log-level warn --check 'labextension/**/*.{ts,tsx,css,json}'
	@$(NODE) stylelint 'labextension/style/**/*.css'
	@$(NODE) tsc --noEmit --project tsconfig.test.json

format: setup
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format --quiet .

docs: setup
	@$(PY) -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs: docs/_build/html/index.html"

bench: system
	@$(PY) benchmarks/run.py

constraints:
	@scripts/constraints.sh

clean:
	@rm -rf .cache docs/_build docs/generated .mypy_cache .ruff_cache .pytest_cache
