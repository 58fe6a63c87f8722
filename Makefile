# Every target makes the environment it needs. PYTHON picks the interpreter: make demo PYTHON=python3.12
PYTHON ?= python3
VENV ?= .venv
VARIANT ?= cpu
IMAGE ?= streamrank:$(VARIANT)
BIN := $(VENV)/bin
SHELL := /bin/bash

.DEFAULT_GOAL := help
.PHONY: help demo test chromium prometheus helm test-gpu compose-test image lint format bench chaos lock docs build sbom audit-dependencies clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

# One stamp per set of requirements; a set is installed again when its lock file changes.
$(VENV)/%.installed: requirements/%.txt pyproject.toml
	@$(PYTHON) scripts/environment.py --venv $(VENV) --requirements $<
	@touch $@

demo: $(VENV)/demo.installed ## unseen races through a broker, a model and the service, on this machine (ARGS="--keep" goes on)
	@$(BIN)/streamrank demo $(ARGS)

# Two files at a time: most of the tests wait for brokers. What is required beside Python is installed first.
REQUIRED = $(if $(filter 1,$(REQUIRE_CHROMIUM)),chromium) $(if $(filter 1,$(REQUIRE_PROMETHEUS)),prometheus) $(if $(filter 1,$(REQUIRE_HELM)),helm)
test: $(VENV)/dev.installed $(REQUIRED) ## all tests (ARGS="-k batcher" picks some)
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

chromium: ## the browser for the tests of the page, where there is none (needs root, on Debian)
	@scripts/chromium.sh

helm: ## helm for the tests of the chart, where there is none (built with Go, minutes, once)
	@scripts/helm.sh >/dev/null

prometheus: ## Prometheus and promtool for their tests, where there are none (no root, on Debian)
	@scripts/prometheus.sh

test-gpu: ## the tests that need a GPU (makes an environment of its own in .venv-gpu, 7 GB)
	@$(MAKE) --no-print-directory .venv-gpu/dev-gpu.installed VENV=.venv-gpu
	@.venv-gpu/bin/python -m pytest -m gpu $(ARGS)

image: ## the Docker image, labelled with version and commit (VARIANT=gpu for NVIDIA, IMAGE=registry/name:tag)
	@docker build --tag $(IMAGE) --build-arg VARIANT=$(VARIANT) --build-arg REVISION="$$(git rev-parse HEAD)" \
		--build-arg VERSION="$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)" $(ARGS) .

compose-test: $(VENV)/dev.installed ## the committed compose file on a real Docker engine: ten minutes (ARGS="--keep")
	@$(BIN)/python -m tests.deploy.live $(ARGS)

lint: $(VENV)/dev.installed ## formatting, style, types, layers, Docker files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml docker-compose.gpu.yml

format: $(VENV)/dev.installed ## mend what a tool can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/dev.installed ## StreamRank beside its alternatives, on one Kafka (ARGS="--runs 7")
	@$(BIN)/python -m benchmarks $(ARGS)

chaos: $(VENV)/dev.installed ## workers and broker killed, frozen and cut off for an hour and a half (ARGS="--quick")
	@$(BIN)/python -m tests.chaos $(ARGS)

docs: $(VENV)/dev.installed ## write what is generated (tables, dashboard, parts of the chart), and the documentation as a site in build/site
	@$(BIN)/python scripts/tables.py
	@$(BIN)/python scripts/dashboard.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

lock: ## resolve the requirement files again (needs uv)
	@scripts/lock.sh

build: $(VENV)/dev.installed ## the wheel and the source archive, in dist/; the same bytes each time
	@PYTHON=$(abspath $(BIN))/python scripts/build.sh dist

sbom: $(VENV)/dev.installed ## the packages of both images, in dist/, as CycloneDX
	@$(BIN)/python scripts/sbom.py requirements/cpu.txt --output dist/streamrank-cpu.cdx.json
	@$(BIN)/python scripts/sbom.py requirements/gpu.txt --output dist/streamrank-gpu.cdx.json

audit-dependencies: $(VENV)/dev.installed ## ask a public service what is wrong with the locked packages (ARGS="--service osv")
	@$(BIN)/python scripts/vulnerabilities.py requirements/cpu.txt requirements/gpu.txt $(ARGS)

clean: ## remove the environment and what the tools left
	rm -rf $(VENV) .venv-gpu .pytest_cache .ruff_cache .mypy_cache .import_linter_cache build dist
