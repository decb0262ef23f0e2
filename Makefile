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

chaos: $(VENV)/.installed  ## kill, flood, revoke, fill: the long runs, 20 minutes (CHAOS_PERCENT=10: a tenth of the rounds)
	$(BIN)/python -m pytest -m chaos -s

bench: $(VENV)/.installed  ## measure the gateway beside its peers (needs wrk, nginx, redis-server; nginx's Lua to compare with it)
	$(BIN)/python -m benchmarks

bench-analytics: $(VENV)/.installed  ## time every page of Analytics over millions of rows (ROWS=50000000: 20 GB of disk, half an hour)
	$(BIN)/python -m benchmarks.analytics --rows $(or $(ROWS),5000000)

bench-pages: $(VENV)/.installed  ## measure what a page of 50 keys costs
	$(BIN)/python -m benchmarks.pages

screenshots: $(VENV)/.installed  ## take the pictures of docs/screenshots anew (needs chromium; ONLY="alerts keys": some)
	$(BIN)/python -m tests.browser.screenshots $(ONLY)

# Sorted by file; no line numbers, which would change with every edit, and no obsolete messages.
messages: $(VENV)/.installed  ## extract what is to be translated, and compile what is (needs GNU gettext)
	$(BIN)/python manage.py makemessages --all --no-wrap --no-obsolete --add-location file --ignore .venv --ignore var --ignore tests --ignore benchmarks
	$(BIN)/python manage.py compilemessages --ignore .venv --ignore var

lint: $(VENV)/.installed  ## style, types, architecture, templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	DATABASE_URL=postgres://types@localhost/types $(BIN)/mypy .  # its plugin reads the settings; nothing connects
	git ls-files -z 'templates/*.html' | xargs -0 $(BIN)/djade --check --target-version 5.2

check-production: $(VENV)/.installed  ## migrations, deployment checks, static files as production has them
	DEBUG=1 $(BIN)/python manage.py makemigrations --check --dry-run
	@env DEBUG=0 SECRET_KEY="$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(60))')" \
		KEY_PEPPERS="1:$$(head -c 32 /dev/urandom | base64)" KEY_MASTER_KEYS="1:$$(head -c 32 /dev/urandom | base64)" \
		DATABASE_URL=postgres://latchkey@localhost/latchkey ALLOWED_HOSTS=dashboard.example.com \
		sh -ec '$(BIN)/python manage.py check --deploy --fail-level WARNING && $(BIN)/python manage.py collectstatic --noinput --verbosity 0 --clear && rm -rf staticfiles'

check: test lint check-production  ## what CI runs

lock: $(VENV)/.installed  ## write requirements*.txt anew from requirements*.in
	$(BIN)/python -m pip install --quiet uv
	for name in requirements requirements-dev; do $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --universal \
		--python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links --no-annotate $$name.in -o $$name.txt; done

clean:  ## remove the demo's data
	rm -rf var

.PHONY: help install demo traffic test chaos bench bench-analytics bench-pages screenshots messages lint check-production check lock clean
