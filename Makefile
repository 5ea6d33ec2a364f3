# Each target runs one command of the project. `make` without a target lists all targets.
PYTHON := .venv/bin/python
# The commands must work on machines that set neither variable. Containers often set both, which hides faults.
unexport PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE
UV := .venv/bin/uv
# A mirror of the package index can be slow. By default, uv waits only 30 seconds for it.
export UV_HTTP_TIMEOUT ?= 180
# The lock contains no package index, so that it works with any index or mirror.
COMPILE := UV_CUSTOM_COMPILE_COMMAND='make lock' $(UV) pip compile --quiet --universal --no-annotate --no-emit-index-url $(if $(UPGRADE),--upgrade)
REGISTRY_TESTS := tests/unit/registry tests/unit/emulation tests/unit/workers

.PHONY: help up down preview docs test test-worker test-plans test-sandboxes test-shared-sandbox test-units test-registry test-clients test-packages test-container test-kills test-systemd test-long test-fuzz test-workflow clients-page conformance lint lint-style lint-words lint-imports lint-types lint-worker bench setup lock

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: setup  ## start the whole network on this machine with `pulumi up`, and publish sample packages
	@$(PYTHON) -m local up

down: setup  ## destroy the network, and end all its processes
	@$(PYTHON) -m local down

preview: setup  ## show what `pulumi up` would do to each stack, and check the policies
	@$(PYTHON) -m previews

docs: setup  ## build the documentation site in site/; a broken link fails
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict

test: setup  ## run all tests
	@$(PYTHON) -m local.prerequisites
	@echo "six runs, four at once, as sandboxes wait more than they compute; each is shown when it is over"
	@$(MAKE) --no-print-directory --keep-going --jobs=4 --output-sync=target test-sandboxes test-shared-sandbox test-units test-plans test-registry test-worker

test-worker: workers/edge/node_modules/.package-lock.json
	npm test --prefix workers/edge

# Simultaneous test runs must not use the same loopback addresses.
test-plans:
	$(PYTHON) -m pytest tests/e2e -m "plans and not nightly"

test-sandboxes:
	$(PYTHON) -m pytest tests/e2e -m "not shares_a_sandbox and not plans and not nightly"

test-shared-sandbox:
	$(PYTHON) -m pytest tests/e2e tests/clients -m "shares_a_sandbox and (quick or not cell) and not nightly"

test-units:
	$(PYTHON) -m pytest --ignore tests/e2e --ignore tests/clients --ignore tests/conformance --ignore tests/container --ignore tests/chaos --ignore tests/workflows --ignore tests/second_opinions --ignore tests/scans --ignore tests/systemd $(REGISTRY_TESTS:%=--ignore %)

# The other unit tests share the stacks that they deploy, so they stay in one process.
test-registry:
	$(PYTHON) -m pytest $(REGISTRY_TESTS)

test-clients: setup  ## run every real client against the network of `make up`, and compare with docs/clients.md
	$(PYTHON) -m tests.clients.programs
	$(PYTHON) -m pytest tests/clients

test-packages: setup  ## the same for clients of npm and Python packages only, with real trees of packages
	$(PYTHON) -m tests.clients.programs
	$(PYTHON) -m pytest tests/clients/test_npm.py tests/clients/test_python.py tests/clients/test_trees.py

test-container: setup  ## build the container with a real docker daemon, and run the commands of docs/container.md (12 min, 15 GB)
	$(PYTHON) -m pytest tests/container

test-kills: setup  ## kill `pulumi up` and `destroy` at 50 moments, and repair the state each time (30 to 50 min)
	@$(PYTHON) -m local.prerequisites
	$(PYTHON) -m pytest tests/chaos

test-miniflare: setup  ## run the edge worker in Miniflare, Cloudflare's own simulator (1 min)
	npm run build --prefix workers/edge
	npm ci --no-audit --no-fund --prefix workers/edge/miniflare
	npm test --prefix workers/edge/miniflare

test-second-opinions: setup  ## run the contract tests of metadata and objects on servers that others wrote (7 min; needs Go)
	npm ci --no-audit --no-fund --ignore-scripts --prefix tests/second_opinions
	GOBIN=$(CURDIR)/tests/second_opinions/bin go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
	GOBIN=$(CURDIR)/tests/second_opinions/bin go install github.com/fsouza/fake-gcs-server@v1.56.1
	$(PYTHON) -m pytest tests/second_opinions

test-scans: setup  ## check the HTTP/2 and TLS of a PoP machine's NGINX with h2spec and sslyze (2 min; needs Go)
	@$(PYTHON) -m local.prerequisites
	GOBIN=$(CURDIR)/tests/scans/bin go install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible
	$(UV) venv --quiet --allow-existing tests/scans/bin/sslyze
	$(UV) pip install --quiet --python tests/scans/bin/sslyze sslyze==6.3.1
	$(PYTHON) -m pytest tests/scans

test-systemd: setup  ## boot a PoP machine and a shield with the real systemd (3 min; needs root, and systemd)
	@$(PYTHON) -m local.prerequisites
	unshare --net sh -c 'ip link set lo up && exec $(PYTHON) -m pytest tests/systemd'

test-long: setup  ## run the end-to-end tests that take longest, such as those of the runbooks (30 min)
	@$(PYTHON) -m local.prerequisites
	$(PYTHON) -m pytest tests/e2e -m nightly

test-fuzz: setup  ## try 100,000 random paths, headers, tokens and policies on the worker and the registry (1 min)
	FUZZ_CASES=80000 npm run fuzz --prefix workers/edge
	FUZZ_CASES=20000 $(PYTHON) -m pytest tests/fuzz

test-workflow: setup  ## run the jobs of the workflow "check" as a new user who is not root (needs root; about 1 h)
	$(PYTHON) -m pytest tests/workflows

clients-page: setup  ## write docs/clients.md from the results of the same tests
	$(PYTHON) -m tests.clients.programs
	$(PYTHON) -m pytest tests/clients --write-matrix

conformance: setup  ## conformance suites against the network of `make up`; reports in dist/conformance/
	$(PYTHON) -m tests.clients.programs
	$(PYTHON) -m pytest -s tests/conformance

# .pre-commit-config.yaml calls each of the five targets when files of its kind change.
lint: lint-style lint-words lint-imports lint-types lint-worker  ## check style, words, import directions and types

lint-style: setup
	.venv/bin/ruff check . && .venv/bin/ruff format --check .

lint-words: setup
	$(PYTHON) -m wording

lint-imports: setup
	.venv/bin/lint-imports

lint-types: setup
	.venv/bin/pyright

lint-worker: setup
	npm run typecheck --prefix workers/edge

bench: setup  ## measure previews, imports, hits at the edge, own PoPs, and installs with a dead shield or prediction (75 min; needs wrk)
	$(PYTHON) -m bench.regions
	$(PYTHON) -m bench.import_packages
	$(PYTHON) -m bench.dead_shield
	$(PYTHON) -m bench.edge_hits
	$(PYTHON) -m bench.edge_path
	$(PYTHON) -m tests.bench.pop_hits
	$(PYTHON) -m tests.bench.pop_floods
	$(PYTHON) -m tests.bench.pop_streams
	$(PYTHON) -m tests.bench.pop_connections
	$(PYTHON) -m tests.bench.predicted_installs

setup: .venv/installed workers/edge/node_modules/.package-lock.json  ## install the packages of the project (1.4 GB, about 1 min)

workers/edge/node_modules/.package-lock.json: workers/edge/package.json workers/edge/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing; on Debian: apt-get install nodejs npm" >&2; exit 1; }
	@echo "installing the edge worker's packages (150 MB, about 20 s)"
	@npm ci --prefix workers/edge --no-audit --no-fund --loglevel=error
	@touch $@

# pip installs only uv, and uv installs the rest. Both check the hashes in the lock.
.venv/installed: pyproject.toml requirements.lock
	@echo "installing Python packages into .venv (1.3 GB, about 1 min)"
	@python3 -m venv .venv || { echo "python3 cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock | \
		$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement /dev/stdin
	@$(UV) pip sync --quiet --compile-bytecode --python .venv --require-hashes requirements.lock || \
		{ echo "uv takes the address of another package index from UV_DEFAULT_INDEX, not from pip's settings" >&2; exit 1; }
	@$(UV) pip install --quiet --python .venv --no-deps --editable .
	@touch $@

lock: .venv/installed  ## write requirements.lock and requirements.txt from pyproject.toml; UPGRADE=1 also upgrades indirect packages
	@$(COMPILE) --group dev --generate-hashes --output-file requirements.lock pyproject.toml
	@echo '--editable .' | $(COMPILE) --constraint requirements.lock --output-file requirements.txt -
