# make lists what there is to make. A machine needs Python 3.11 or newer, git and make; the rest goes into .venv.

.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
PORT ?= 6789
EDGE_PORT ?= 6790

# Asked from /, because in here .python-version makes pyenv insist on one that may not be installed.
PYTHON ?= $(shell cd / && for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.version_info >= (3, 11) or sys.exit(1); print(sys.executable)' 2>/dev/null && break; done)

# In memory, because these only read the code.
ON_PAPER := ENV=local DATABASE_URL=sqlite://:memory:
IN_PRODUCTION := ENV=production ALLOWED_HOSTS=switchyard.example DATABASE_URL=postgres://nobody@localhost/nothing \
	SECRET_KEY=a-key-of-sixty-characters-that-only-make-check-ever-sees-0001
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

# These ask no database more than others do, or none: the first run has said all about them.
ON_ONE_DATABASE := $(addprefix tests/,app benchmarks browser decisions/test_edge.py engine sdks test_architecture.py test_roles.py \
	$(addprefix protocols/,abetterchoice go_feature_flag growthbook ofrep test_bad_input.py test_contract.py \
	test_growthbook_api.py test_health.py test_same_user_same_variant.py test_walls.py))

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-11s %s\n' "$$name" "$$text"; done

setup: .venv/.dev ## install everything that developing needs

run: .venv/.runtime ## migrate, make the demo project and serve on PORT (6789), DATABASE_URL or SQLite
	@ENV="$${ENV:-local}" PORT="$(PORT)" && export ENV PORT && \
	$(BIN)/python manage.py migrate --noinput --verbosity 0 && \
	$(BIN)/python manage.py bootstrap && \
	$(BIN)/python manage.py demo && \
	exec $(BIN)/gunicorn app.asgi:application -c gunicorn.conf.py

edge: .venv/.runtime ## serve decisions alone on EDGE_PORT (6790), a process a core, from the database of `make run`
	@ENV="$${ENV:-local}" BIND="$${BIND:-127.0.0.1}" PORT="$(EDGE_PORT)" && \
	WEB_CONCURRENCY="$${WEB_CONCURRENCY:-$$(getconf _NPROCESSORS_ONLN)}" && \
	export ENV BIND PORT WEB_CONCURRENCY && exec $(BIN)/gunicorn decisions.edge:application -c gunicorn.conf.py

test: .venv/.dev ## run the tests on SQLite and on PostgreSQL; ARGS="-k name" for some
	env -u DATABASE_URL TEST_DATABASE=sqlite $(BIN)/pytest $(ARGS)
	env -u DATABASE_URL TEST_DATABASE=postgres $(BIN)/pytest $(ON_ONE_DATABASE:%=--ignore=%) $(ARGS)

sdks: .venv/.dev ## try other versions of the SDKs, and those for Node, each in an environment of its own
	env -u DATABASE_URL TEST_DATABASE=sqlite $(BIN)/pytest -n 0 tests/sdks/old/*_versions.py $(ARGS)

lint: .venv/.dev ## style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint ## lint, production's settings, migrations and the OpenAPI schema
	env -u DJANGO_SETTINGS_MODULE $(IN_PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	env -u DJANGO_SETTINGS_MODULE $(ON_PAPER) $(BIN)/python manage.py makemigrations --check --dry-run
	env -u DJANGO_SETTINGS_MODULE $(ON_PAPER) $(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

bench: .venv/.dev ## measure ourselves beside floors and rivals: about half an hour
	$(BIN)/python -m benchmarks $(ARGS)

bench-quick: .venv/.dev ## the main figures in under two minutes
	$(BIN)/python -m benchmarks --quick $(ARGS)

screenshots: .venv/.dev ## take the pictures in docs/screenshots/ anew
	$(BIN)/python -m tests.browser.screenshots $(ARGS)

lock: .venv/.dev ## compile requirements*.in; ARGS=--upgrade for newer versions
	$(COMPILE) $(ARGS) --output-file requirements.txt requirements.in
	$(COMPILE) $(ARGS) --output-file requirements-dev.txt requirements-dev.in

clean: ## remove .venv, caches and collected files; var/ with its data stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer found: install one, or name it with make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv .venv

# The stamps are newer than the lists they were installed from, so a second run installs nothing.
.venv/.runtime: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/.dev: requirements-dev.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ .venv/.runtime

.PHONY: help setup run edge test sdks lint check bench bench-quick screenshots lock clean
