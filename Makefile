# The commands of this project. `make` alone lists them.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
export DEBUG ?= 1

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(VENV)/.installed: requirements-dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Latchkey needs Python 3.11 or newer.")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

install: $(VENV)/.installed  ## make the virtual environment

demo: $(VENV)/.installed  ## run everything here, with demo data
	@exec $(BIN)/python manage.py demo --die-with-parent

traffic: $(VENV)/.installed  ## send requests to the demo's gateway
	@exec $(BIN)/python manage.py traffic

test: $(VENV)/.installed  ## run all tests (REQUIRE_ALL=1: nothing may be skipped)
	$(BIN)/python -m pytest -n auto --dist loadgroup

lint: $(VENV)/.installed  ## style, types, architecture, templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy .
	git ls-files -z 'templates/*.html' | xargs -0 $(BIN)/djade --check --target-version 5.2

check: test lint  ## what CI runs
	$(BIN)/python manage.py makemigrations --check --dry-run

lock: $(VENV)/.installed  ## write requirements*.txt anew from requirements*.in
	$(BIN)/python -m pip install --quiet uv
	for name in requirements requirements-dev; do $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --universal \
		--python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links --no-annotate $$name.in -o $$name.txt; done

clean:  ## remove the demo's data
	rm -rf var

.PHONY: help install demo traffic test lint check lock clean
