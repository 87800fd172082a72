# Two commands set everything up on a fresh machine: `make demo` and `make test`.
# Needs Python 3.11+ and make. Uses uv where it is installed, else venv + pip.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help demo test test-live check format bench screenshots proto build lock clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

# The stamps make a second run start at once; a changed lock or pyproject reinstalls.
$(VENV)/.python:
ifneq ($(UV),)
	@$(UV) venv --quiet --allow-existing --python '>=3.11' $(VENV)
else
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "coder-tui needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
endif
	@touch $@

$(VENV)/.runtime: $(VENV)/.python requirements.lock pyproject.toml
	@echo "installing into $(VENV) ..."
ifneq ($(UV),)
	@$(UV) pip install --quiet --python $(BIN)/python -r requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps -e .
else
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
endif
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@echo "installing test tools into $(VENV) ..."
ifneq ($(UV),)
	@$(UV) pip install --quiet --python $(BIN)/python -r requirements-dev.lock
else
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
endif
	@touch $@

demo: $(VENV)/.runtime ## real agents on an embedded hub, in the cockpit
	@$(BIN)/coder-tui demo

test: $(VENV)/.dev ## the whole suite
	@$(BIN)/python -m pytest -n auto --dist worksteal

test-live: $(VENV)/.dev ## the client against a real deployment: needs CODER_URL and CODER_SESSION_TOKEN
	@test -n "$$CODER_URL" && test -n "$$CODER_SESSION_TOKEN" || { echo "set CODER_URL and CODER_SESSION_TOKEN"; exit 2; }
	@CODER_TUI_LIVE=1 $(BIN)/python -m pytest -rs tests/live/test_live.py

check: $(VENV)/.dev ## lint, format, types, import contracts
	@$(BIN)/ruff check src tests benchmarks screenshots
	@$(BIN)/ruff format --check src tests benchmarks screenshots
	@$(BIN)/mypy
	@PYTHONPATH=src $(BIN)/lint-imports

format: $(VENV)/.dev ## rewrite to the house style
	@$(BIN)/ruff check --fix src tests benchmarks screenshots
	@$(BIN)/ruff format src tests benchmarks screenshots

bench: $(VENV)/.dev ## every figure, one line of JSON each
	@for script in benchmarks/*.py; do case $$script in */_*) ;; *) $(BIN)/python $$script || exit 1;; esac; done

screenshots: $(VENV)/.dev ## render the real app to screenshots/
	@$(BIN)/python screenshots/render.py

# The oldest compiler whose code every protobuf runtime that pyproject allows can load (6.31.1); thrown away afterwards.
proto: ## make the protobuf modules anew from their .proto texts
	@$(PYTHON) -m venv .proto-venv
	@.proto-venv/bin/python -m pip install --quiet --disable-pip-version-check grpcio-tools==1.78.0 mypy-protobuf==5.1.0
	@cd src && PATH="$(CURDIR)/.proto-venv/bin:$$PATH" python -m grpc_tools.protoc -I. \
	  --python_out=. --mypy_out=quiet,readable_stubs:. coder_tui/wire/tailnet/*.proto
	@rm -rf .proto-venv

build: $(VENV)/.dev ## wheel and sdist into dist/
	@$(BIN)/python -m build --quiet

lock: ## renew the lock files (needs uv)
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url pyproject.toml -o requirements.lock
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --group dev --extra shots --extra bench --extra mcp pyproject.toml -o requirements-dev.lock

clean: ## remove what make made
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
