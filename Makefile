# What can be done here? `make` lists it.

BIN := .venv/bin
PROJECTS := $(wildcard libs/*/pyproject.toml services/*/pyproject.toml deploy/*/pyproject.toml)
INSTALLED := .venv/.installed
BESIDE := --numprocesses 2 --dist loadfile  # half of the tests' time is waiting; each process has servers of its own, a file's tests stay together
NODE := deploy/node/node_modules/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo up down status logs import token test fuzz lint format watching contract client docs lock bench chaos clean

help: ## list what can be done (this)
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' Makefile | awk -F '\t' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(INSTALLED) ## make .venv with everything, from the locks (PYTHON=… chooses the interpreter)

$(INSTALLED): deploy/setup.sh requirements/bootstrap.txt requirements/dev.txt $(PROJECTS)
	@PYTHON="$(PYTHON)" deploy/setup.sh

$(NODE): $(INSTALLED) deploy/node/setup.sh deploy/node/package-lock.json
	@deploy/node/setup.sh

demo: up ## start the stack, fill it with a made-up company, and show one customer's whole story
	@$(BIN)/crm-import demo

up: $(INSTALLED) ## start PostgreSQL, Kafka and the services; writes build/stack.env (ARGS=--fresh-ports if ports are taken)
	@$(BIN)/crm-local up $(ARGS)

down: $(INSTALLED) ## stop the stack; data stays in build/stack
	@$(BIN)/crm-local down

status: $(INSTALLED) ## show what runs, where, and whether it is ready
	@$(BIN)/crm-local status

logs: $(INSTALLED) ## show the stack's last log lines (NAME=tickets for one process, FOLLOW=1 to keep watching)
	@$(BIN)/crm-local logs $(NAME) $(if $(FOLLOW),--follow)

import: $(INSTALLED) ## bring in HELPDESK=helpdesk.csv.gz and/or CDNOW=cdnow.txt.gz through the public API
	@$(if $(HELPDESK)$(CDNOW),,echo "Name a file: make import HELPDESK=… and/or CDNOW=…" >&2; exit 2)
	@$(BIN)/crm-import all $(if $(HELPDESK),"HELPDESK=$(HELPDESK)") $(if $(CDNOW),"CDNOW=$(CDNOW)")

token: $(INSTALLED) ## print a development token (SCOPES="tickets:read self", CUSTOMER=<id>, DAYS=30)
	@$(BIN)/crm-local token $(if $(SCOPES),--scopes "$(SCOPES)") $(if $(CUSTOMER),--customer "$(CUSTOMER)") $(if $(DAYS),--days "$(DAYS)")

test: $(INSTALLED) $(NODE) ## run every test, on a real PostgreSQL and a real Kafka of their own
	@deploy/tools.sh
	@$(BIN)/python -m pytest $(BESIDE) $(ARGS)

fuzz: $(INSTALLED) ## send odd and broken requests to every operation of the running stack (CASES=100 an operation, SEED=1)
	@CASES="$(CASES)" SEED="$(SEED)" $(BIN)/python tests/support/fuzzing.py

lint: $(INSTALLED) $(NODE) ## check style, types, layers, the compose file, the documents of API and events, and who would break by a schema
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	@deploy/node/lint.sh
	@deploy/node/asyncapi.sh check
	@$(BIN)/crm-contract schemas

format: $(INSTALLED) ## rewrite the code in the project's format
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

watching: $(INSTALLED) ## write the page of metrics, the alert rules and the dashboards anew from the code
	@$(BIN)/crm-watching write

contract: $(INSTALLED) ## write the API's documents and the catalogue of events anew from the code; names what would break a client and then refuses (ARGS=--breaks)
	@$(BIN)/crm-contract write $(ARGS)

client: $(INSTALLED) $(NODE) ## make the TypeScript client from the API's documents, in build/client
	@deploy/node/client.sh

docs: $(INSTALLED) $(NODE) ## write all pages as one site that needs no network, build/site, and check its links
	@$(BIN)/crm-site
	@deploy/node/asyncapi.sh page build/site/docs/events/asyncapi.html

lock: $(INSTALLED) ## resolve requirements/*.in anew into hashed locks
	deploy/lock.sh

bench: .venv/.rivals ## measure against rivals, on servers of its own (ONLY=append for one); writes build/bench.json
	@PYTHONPATH=tests:tests/support $(BIN)/python -m benchmarks $(ONLY)

.venv/.rivals: $(INSTALLED) requirements/bench.txt
	@deploy/setup.sh requirements/bench.txt && touch $@

chaos: $(INSTALLED) ## break real processes under load and check that nothing is lost, doubled or out of order (ONLY=relay, SEEDS="1 2", MINUTES=60)
	@PYTHONPATH=tests:tests/support $(BIN)/python -m chaos $(if $(ONLY),--only $(ONLY)) $(if $(SEEDS),--seeds "$(SEEDS)") $(if $(MINUTES),--minutes $(MINUTES))

clean: ## stop the stack and remove build/ and .venv (Kafka's archives stay in the user's cache)
	@if [ -x $(BIN)/crm-local ]; then $(BIN)/crm-local down; fi
	rm -rf build .venv deploy/node/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
