# `make quickstart` and `make test` need only Python >= 3.11 and a package registry.

PYTHON ?= python3
# Tests that run at once; many of them wait for servers most of the time.
JOBS ?= 2
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: quickstart test test-vllm check format clean

quickstart: $(INSTALLED)
	$(BIN)/firstfault quickstart

test: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadgroup

# Against a real vLLM; the first time it makes the environment that the engine uses.
test-vllm: $(INSTALLED)
	$(BIN)/python -m pytest -m vllm -rs

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv

# torch goes first and alone: asked for by its exact version it resolves to the build that fits
# the machine; asked for together with the rest it may pull gigabytes of GPU libraries.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "firstfault needs Python >= 3.11; name one with: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt -e '.[local,review,calibrate,service,ray,dev]'
	touch $@
