# Each target is one line into the code; `make` alone lists them.
PYTHON := .venv/bin/python

.PHONY: help setup test lint

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/installed  ## the Python packages of the project (1.3 GB, about 90 s)

test: setup workers/edge/node_modules/.package-lock.json  ## all tests; builds the Pulumi engine on a machine that has none (5 min, once)
	npm test --prefix workers/edge
	$(PYTHON) -m pytest

lint: setup  ## style and types
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/pyright

workers/edge/node_modules/.package-lock.json: workers/edge/package.json workers/edge/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing; on Debian: apt-get install nodejs npm" >&2; exit 1; }
	@echo "installing the edge worker's packages"
	@npm ci --prefix workers/edge --no-audit --no-fund --loglevel=error
	@touch $@

.venv/installed: requirements.txt requirements-dev.txt constraints.txt
	@echo "installing Python packages into .venv (1.3 GB, about 90 s)"
	@python3 -m venv .venv || { echo "python3 cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements-dev.txt
	@touch $@
