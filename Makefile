# The two commands: `make demo` and `make test`. Each sets up what it needs first, once.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
SEED ?= 1
LOG ?=
DEMO_FLAGS := --seed $(SEED) $(if $(LOG),--log $(LOG)) $(if $(FRESH),--fresh)
SYSTEM_PACKAGES := chromium postgresql prometheus prometheus-alertmanager kcat
export OMP_NUM_THREADS ?= 1
export MPLBACKEND := Agg

.DEFAULT_GOAL := help
.PHONY: help demo golden test test-slow test-mlflow bench-monitor bench-serving bench-gpu bench-gates bench-retrain faults check format generate system-packages clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: $(VENV)/.ready ## the whole loop on this machine, about five minutes: SEED=7 LOG=kafka://host:port FRESH=1
	@$(BIN)/python -m standalone demo $(DEMO_FLAGS)

test: $(VENV)/.ready system-packages ## all tests but the slow ones
	@$(BIN)/python -m pytest -q

test-slow: $(VENV)/.ready system-packages ## the slow tests
	@$(BIN)/python -m pytest -q -m slow

MLFLOW := .cache/mlflow
test-mlflow: $(VENV)/.ready $(MLFLOW)/.ready ## the mirror against a real MLflow, installed beside the repository's packages for it
	@KEEPSIGHT_TEST_MLFLOW=$(CURDIR)/$(MLFLOW)/bin/mlflow $(BIN)/python -m pytest -q tests/integration/test_mlflow.py

$(MLFLOW)/.ready:
	@$(PYTHON) -m venv $(MLFLOW)
	@$(MLFLOW)/bin/python -m pip install -q --disable-pip-version-check 'mlflow==3.17.2'
	@touch $@

bench-monitor: $(VENV)/.ready ## how good the monitor is, beside its peers: QUICK=1 PARTS="labels cost"
	@$(BIN)/python -m benchmarks.monitor $(if $(QUICK),--quick) $(PARTS)

bench-gpu: $(VENV)/.ready ## our runtime beside bare ONNX Runtime on this machine's GPU (needs keepsight[gpu] in .venv): QUICK=1 PARTS="latency"
	@$(BIN)/python -m benchmarks.gpu $(if $(QUICK),--quick) $(PARTS)

bench-serving: $(VENV)/.ready ## serving beside its peers and under load: QUICK=1 PARTS="throughput swap"
	@$(BIN)/python -m benchmarks.serving $(if $(QUICK),--quick) $(PARTS)

bench-gates: $(VENV)/.ready ## how often the gates of a retraining err; docs/gates.md is made of it: QUICK=1
	@$(BIN)/python -m benchmarks.gates $(if $(QUICK),--quick) $(PARTS)
	@$(BIN)/python docs/generate.py

bench-retrain: $(VENV)/.ready ## what a retraining brings, beside the loops that people write: QUICK=1 PARTS="speed" (garments by apt)
	@test -d /usr/share/datasets/fashion-mnist || apt-get install -y -qq dataset-fashion-mnist >/dev/null || echo "could not install dataset-fashion-mnist"
	@$(BIN)/python -m benchmarks.retrain $(if $(QUICK),--quick) $(PARTS)

FAULT_FLAGS := --seed $(SEED) $(if $(LOG),--log $(LOG)) $(if $(QUICK),--minutes 2,--out benchmarks/results)
faults: $(VENV)/.ready ## ten minutes of the full stack under load and faults, every frame accounted for: QUICK=1 SEED=7 LOG=kafka
	@$(BIN)/python -m benchmarks.faults $(FAULT_FLAGS)

check: $(VENV)/.ready ## ruff, mypy strict, import-linter, generated files up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/generate.py --check
	PYTHONPATH=. $(BIN)/python helm/generate.py --check
	$(BIN)/python -m dashboards.grafana --check

format: $(VENV)/.ready ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

generate: $(VENV)/.ready ## write the generated references in docs/ and the dashboards
	$(BIN)/python docs/generate.py
	$(BIN)/python -m dashboards.grafana
	PYTHONPATH=. $(BIN)/python helm/generate.py

golden: $(VENV)/.ready ## write the golden files of the chart anew; then read what git diff says
	@KEEPSIGHT_TEST_WRITE_GOLDEN=1 $(BIN)/python -m pytest -q tests/unit/helm/test_manifests.py

# A browser for the tests that look at pages, a database server, Prometheus and Alertmanager with their tools, kcat: installed where apt may be used, and
# the tests that need them skip by name elsewhere. PostgreSQL's server programs are not on the path. Debian starts its servers when it installs them and
# at every boot: a policy forbids the one while we install (unless there is one), and the other is turned off. Tests start their own.
POLICY := /usr/sbin/policy-rc.d
system-packages:
	@missing=""; for p in $(SYSTEM_PACKAGES); do command -v $$p >/dev/null 2>&1 || ls /usr/lib/$$p/*/bin/postgres >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	    echo "installing$$missing for the tests (apt)"; \
	    if [ ! -e $(POLICY) ]; then printf '#!/bin/sh\nexit 101\n' >$(POLICY) && chmod 755 $(POLICY) && trap 'rm -f $(POLICY)' EXIT; fi; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null || echo "could not install$$missing: tests that need it will skip"; \
	    for p in $$missing; do [ ! -d /run/systemd/system ] || systemctl disable --quiet $$p.service 2>/dev/null || true; done; \
	  else echo "missing$$missing: tests that need it will skip (install with: apt-get install$$missing)"; fi; \
	fi

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "Python 3.11 is needed, found '$(PYTHON)'. Name it: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@echo "setting up $(VENV): some 200 packages, once, about two minutes; every line of pip is in $(VENV)/pip.log"
	@$(PYTHON) -m venv $(VENV)
	@{ PYTHONUNBUFFERED=1 $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt \
	    -e '.[cpu,train,report,postgres,kubernetes,tracing,demo,dev]' --config-settings editable_mode=compat 2>&1; echo "pip ended with $$?"; } \
	  | tee $(VENV)/pip.log | { n=0; while IFS= read -r line; do case "$$line" in \
	    Collecting*) n=$$((n + 1)); ! [ -t 1 ] || printf '\r  %d packages found' $$n;; \
	    "Installing collected"*) ! [ -t 1 ] || printf '\r'; printf '  %d packages found, installing them\n' $$n;; \
	    WARNING*) printf '\n%s\n' "$$line";; esac; done; }
	@tail -n 1 $(VENV)/pip.log | grep -qx 'pip ended with 0' || { sed -n '/^ *\(ERROR\|error\)/,$$p' $(VENV)/pip.log | sed '$$d'; \
	  echo "pip could not set up $(VENV); all that it said is in $(VENV)/pip.log. Mend the cause (network? HTTPS_PROXY? PIP_INDEX_URL?) and say make again: it goes on"; exit 1; }
	@touch $@

clean: ## remove the environment and everything generated outside git
	rm -rf $(VENV) out .cache .mypy_cache .ruff_cache .pytest_cache
