# `make help` lists what there is. Paths are relative, so a checkout may lie below a folder with spaces.

.DEFAULT_GOAL := help
.SUFFIXES:
.PHONY: help run stop test test-live check audit renewals chaos chaos-long rolling migration-drill point-in-time bench bench-full browser clients lighthouse screenshots sync clean pace fairness

PYTEST_OPTIONS ?= -n 2 --dist loadscope --no-loadscope-reorder

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: .venv/.synced-run ## Start everything on this machine: database, queue, sandbox, web, worker
	@.venv/bin/python app.py

stop: ## Stop what `make run` started in another terminal
	@if [ -x .venv/bin/python ]; then .venv/bin/python app.py stop; else echo "Nothing is running here."; fi

test: .venv/.synced-dev ## Run every test, those in the browser included
	@BALLAST_CHROMIUM="$$(.venv/bin/python -m ballast.local.chromium)" && export BALLAST_CHROMIUM && \
	  env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m pytest $(PYTEST_OPTIONS)

test-live: .venv/.synced-dev ## Run the conformance suite against the processors' own sandboxes, with the test keys of the environment
	@.venv/bin/python -m tests.processors.live

check: .venv/.synced-dev ## Format, lint, types, imports, templates, migrations, links: the first failure ends it
	@.venv/bin/python -m scripts.check

audit: .venv/.synced-dev ## Ask PyPI whether a package of uv.lock has a known vulnerability (needs the network; no part of `check`)
	@.venv/bin/python -m scripts.audit

renewals: .venv/.synced-dev ## Charge 10,000 renewals with a worker that is killed three times on the way; takes minutes
	@BALLAST_RENEWALS=10000 .venv/bin/python -m pytest tests/subscriptions/test_killed.py -s

pace: .venv/.synced-dev ## Charge 10,000 renewals with two workers that share one pace; takes minutes
	@BALLAST_PACED=10000 .venv/bin/python -m pytest tests/subscriptions/test_shared_pace.py -s

fairness: .venv/.synced-dev ## Ten organizations with 10 rows due beside one with 100,000 (ROWS=…): how long the ten wait; takes minutes
	@BALLAST_ROWS=$(or $(ROWS),100000) .venv/bin/python -m pytest -p tests.conftest bench/fairness.py -s -q

chaos: .venv/.synced-dev ## Pay while everything is killed, paused and lied to, then explain every cent; some minutes
	@.venv/bin/python -m tests.chaos.campaign $(if $(SEED),--seed $(SEED))

chaos-long: .venv/.synced-dev ## The same at length: SEED=… PAYMENTS=20000 KILLS=200
	@.venv/bin/python -m tests.chaos.campaign --payments $(or $(PAYMENTS),20000) --kills $(or $(KILLS),200) $(if $(SEED),--seed $(SEED))

rolling: .venv/.synced-dev ## Restart web, workers and cron in turn under load: no request lost, nothing charged twice; RATE=200 SECONDS=60 RENEWALS=600 PAUSE=5
	@.venv/bin/python -m tests.deploy.rolling $(if $(RATE),--rate $(RATE)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(RENEWALS),--renewals $(RENEWALS)) $(if $(PAUSE),--pause $(PAUSE))

migration-drill: .venv/.synced-dev ## Migrate an older release's data while it serves: FROM=<its commit>
	@.venv/bin/python -m tests.deploy.migrating $(FROM)

point-in-time: .venv/.synced-dev ## Back up a server, make a mistake, restore the moment before it
	@.venv/bin/python -m tests.deploy.point_in_time

bench: .venv/.synced-dev ## Measure the table of docs/performance.md: creates, deliveries, renewals, memory; under five minutes
	@.venv/bin/python -m bench

bench-full: .venv/.synced-dev ## The same at length, with ten thousand renewals and the pages of a million payments
	@.venv/bin/python -m bench --full

browser: .venv/.synced-dev ## Find a Chromium for the tests, or install one; prints where it is
	@.venv/bin/python -m ballast.local.chromium

clients: .venv/.synced-dev ## Write the generated parts of clients/python and clients/node from the API's description
	@BALLAST_ENV=test .venv/bin/python -m scripts.write_clients

lighthouse: .venv/.synced-dev ## Have Lighthouse judge the first pages, on a desktop and a phone (needs Node)
	@.venv/bin/python -m scripts.lighthouse

screenshots: .venv/.synced-dev ## Take pictures of the main screens, light, dark and on a phone, into screenshots/
	@.venv/bin/python -m scripts.screenshots

sync: .venv/.synced-dev ## Bring .venv to what uv.lock says, tools for development included

clean: stop ## Back to a fresh clone: removes .venv, caches and .ballast with its demo data
	rm -rf .venv .ballast .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.synced-run: pyproject.toml uv.lock
	@scripts/sync $@ --no-default-groups --group local

.venv/.synced-dev: pyproject.toml uv.lock
	@scripts/sync $@
	@touch .venv/.synced-run
