# Needs GNU make and a Python 3.11 or newer; scripts/make_environment.py brings the rest into .venv.
# Another Python: make PYTHON=python3.13 …   More arguments for pytest: make test ARGS="-k disable -x"
PYTHON ?= python3
ARGS ?=
PORT ?= 8000
IN_VENV := .venv/bin/python
# Each module of tests stays in one process, and slow ones go first (tests/support/parallel.py); ARGS="-n 0" for one.
WORKERS := -n auto --dist loadfile --no-loadscope-reorder

# What `make coverage` wants whole: every rule, and everything that a module does for its verbs.
WHOLE := app/kernel/*,app/accounts/*,app/audit/*,app/mail/*,app/admin/*,app/clients/*,app/login/*,app/password_reset/*,app/email_change/*,app/profile/*,app/key_rotation/*,app/tokens/*,app/two_factor/*
# The folders of tests/ that mirror app/, less those that start other processes.
MODULE_TESTS := $(addprefix tests/,accounts admin audit authentication cli clients console database email_change http kernel key_rotation login mail password_reset profile security tokens two_factor webhooks test_worker.py)

# The tests start hundreds of Pythons; each would compile anew what the first one has compiled.
unexport PYTHONDONTWRITEBYTECODE

# The targets are verbs, not files; and two of them at once in one clone are kept in order by the scripts.
.PHONY: help env run test test-long test-faults check lock fast-argon2 openapi clients reference docs format bench coverage mutants removals image-check clean
.DEFAULT_GOAL := help

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## /\1|/p' Makefile | while IFS='|' read -r name does; do printf '  make %-12s %s\n' "$$name" "$$does"; done

env:  ## .venv from the hash-locked requirements; every other target calls it
	@$(PYTHON) scripts/make_environment.py

run: env  ## the whole service on this machine, with its own Postgres and a demo account (PORT=8000)
	@exec $(IN_VENV) -m app dev --port $(PORT) $(ARGS)

test: env  ## every test that is quick, in several processes over one Postgres of its own; says what it skipped
	@$(IN_VENV) -m pytest tests $(WORKERS) $(ARGS)

test-long: env  ## the same and the long forms: more examples, more rounds of each race
	@TWOKEYS_TEST_LONG=1 $(IN_VENV) -m pytest tests $(WORKERS) -o faulthandler_timeout=3600 $(ARGS)

test-faults: env  ## kills, cuts and overload for minutes; what docs/evidence/reliability.md reports
	@TWOKEYS_TEST_FAULTS=1 $(IN_VENV) -m pytest tests -m faults -o faulthandler_timeout=3600 $(ARGS)

check: env  ## style, types, boundaries between the modules, stale files; changes nothing
	@$(IN_VENV) scripts/check.py

lock: env  ## requirements/*.txt from pyproject.toml (ARGS=--upgrade for newer versions)
	@$(IN_VENV) scripts/lock.py $(ARGS)
	@$(PYTHON) scripts/make_environment.py

fast-argon2: env  ## Argon2 built for CPUs with AVX2, in .venv beside the wheel's (needs a C compiler)
	@bash scripts/build_argon2.sh .venv

openapi: env  ## openapi/openapi.json and openapi/events.schema.json from the code
	@$(IN_VENV) -m app openapi --output openapi/openapi.json
	@$(IN_VENV) -m app events schema --output openapi/events.schema.json

clients: env  ## the generated part of clients/python and clients/typescript (ARGS=python for one)
	@$(IN_VENV) -m scripts.clients $(ARGS)

reference: env  ## the pages of docs/ that are made from the code: settings, metrics, command line, defences
	@$(IN_VENV) -m scripts.reference

docs: env  ## the site of docs/ in site/, links checked
	@$(IN_VENV) scripts/docs.py $(ARGS)

format: env  ## writes the code the way `make check` wants it
	@$(IN_VENV) -m ruff check --fix-only --quiet .
	@$(IN_VENV) -m ruff format .

bench: env  ## the timings of bench/
	@$(IN_VENV) -m bench $(ARGS)

coverage: env  ## which branches the tests of this process run; fails where the kernel or a module has one that none runs
	@$(IN_VENV) -m coverage run -m pytest $(MODULE_TESTS) tests/journeys $(ARGS)
	@$(IN_VENV) -m coverage report
	@echo "Of these must be whole:"
	@$(IN_VENV) -m coverage report --include="$(WHOLE)" --fail-under=100

mutants: env  ## changes the rules one small thing at a time and tells which changes no pure test notices
	@$(IN_VENV) scripts/mutants.py $(ARGS)

removals: env  ## takes each defence away in a copy and tells whether a test notices (ARGS="Guessing" for one chapter)
	@$(IN_VENV) -m tests.removals $(ARGS)

image-check: env  ## builds the image for real with buildah on a debootstrap base and runs the story in it (root)
	@bash scripts/image_check.sh $(ARGS)

clean:  ## what the tools left; the database of `make run` (.twokeys) stays
	@rm -rf .venv .venv-docs .venv-mutants site .venv.lock .console-types .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache mutants
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
