# Each target is one line into the code; `make` alone lists them.
PYTHON := .venv/bin/python

.PHONY: help up down preview test test-worlds test-shared-world test-units lint bench setup

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: setup  ## the whole network on this machine, provisioned by `pulumi up`, with packages to install from it
	@$(PYTHON) -m local up

down: setup  ## destroy it, and end every process
	@$(PYTHON) -m local down

preview: setup  ## what `pulumi up` would do to each stack, and whether the policies allow it
	@$(PYTHON) -m previews

test: setup  ## all tests
	@$(PYTHON) -m local.prerequisites
	npm test --prefix workers/edge
	@echo "three runs, two at once, as worlds wait more than they compute; each is shown when it is over"
	@$(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=target test-worlds test-shared-world test-units

test-worlds:
	$(PYTHON) -m pytest tests/world -m "not shares_a_world"

test-shared-world:
	$(PYTHON) -m pytest tests/world -m shares_a_world

test-units:
	$(PYTHON) -m pytest --ignore tests/world

lint: setup  ## style, direction of imports, and types
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/lint-imports && .venv/bin/pyright

bench: setup  ## how previews grow with regions, and how fast packages are imported (20 min)
	$(PYTHON) -m bench.regions
	$(PYTHON) -m bench.import_packages

setup: .venv/installed workers/edge/node_modules/.package-lock.json  ## the packages of the project (1.4 GB, about 2 min)

workers/edge/node_modules/.package-lock.json: workers/edge/package.json workers/edge/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing; on Debian: apt-get install nodejs npm" >&2; exit 1; }
	@echo "installing the edge worker's packages (150 MB, about 20 s)"
	@npm ci --prefix workers/edge --no-audit --no-fund --loglevel=error
	@touch $@

.venv/installed: requirements.txt requirements-dev.txt constraints.txt
	@echo "installing Python packages into .venv (1.3 GB, about 90 s)"
	@python3 -m venv .venv || { echo "python3 cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements-dev.txt
	@touch $@
