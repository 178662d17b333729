# PYTHON=/path/to/python   the interpreter for the environment, in place of the first suitable one
# TORCH_INDEX=URL          an index of wheels to take torch from, such as https://download.pytorch.org/whl/cpu
VENV := .venv
STAMP := $(VENV)/.installed
# --no-compile: Python compiles modules when it imports them; compiling all of torch beforehand takes longer than the
# rest of the installation.
PIP = $(VENV)/bin/python -m pip install --disable-pip-version-check --no-compile
INSTALL = $(PIP) -c constraints.txt
# torch comes first and without its dependencies, so that nothing else is taken from that index. A wheel for CPUs has a
# version like 2.13.0+cpu, which satisfies the pinned 2.13.0.
INSTALL_TORCH = $(if $(TORCH_INDEX),$(INSTALL) --no-deps --index-url $(TORCH_INDEX) torch)
OUT := results/runs/quick

# Packages are installed uncompiled (below): each process would compile them anew if Python might not keep the result.
unexport PYTHONDONTWRITEBYTECODE

# Real corpora are read from here before anything is downloaded. A whole path, for tests that work in another folder.
ifndef BENCH_MIRROR
ifneq ($(wildcard ../shared/data),)
export BENCH_MIRROR := $(CURDIR)/../shared/data
endif
endif

.DEFAULT_GOAL := help
.PHONY: help bench lint test test-all browser browser-test reliability reproduce clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

bench: $(STAMP) ## run the quick suite and write its report; run it again to continue where it stopped
	$(VENV)/bin/bench suite quick --lang en,zh --out $(OUT)

lint: $(STAMP) ## check format, style and types
	$(VENV)/bin/ruff format --check bench models tests
	$(VENV)/bin/ruff check bench models tests
	$(VENV)/bin/mypy

# One process for each core and one thread for each process; all tests of a file run in one process, since they share
# what is made once for the file.
PYTEST = OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n auto --maxprocesses 4 --dist loadscope

test: $(STAMP) ## run the fast tests, at most five minutes on two cores
	$(PYTEST) -m "not slow"

test-all: $(STAMP) ## run all tests, those of the page in a browser where there is one
	$(PYTEST)

# Any Chromium will do; else Playwright's own build is installed, else Debian's package. The last line says which one it is.
CHROMIUM := $(VENV)/bin/python tests/browser/chromium.py

browser: $(STAMP) ## install a headless Chromium where there is none, and the driver for it
	$(INSTALL) -e '.[browser]'
	@$(CHROMIUM) >/dev/null 2>&1 || $(VENV)/bin/python -m playwright install chromium || true
	@$(CHROMIUM) >/dev/null 2>&1 || test "$$(id -u)" != 0 || ! command -v apt-get || \
	  { apt-get update && apt-get install -y --no-install-recommends chromium; } || true
	@$(CHROMIUM)

browser-test: browser ## check the report's page in Chromium
	$(VENV)/bin/python -m pytest tests/browser

reliability: $(STAMP) ## break runs on purpose and write results/reference/reliability.md; 20 minutes on two cores
	$(VENV)/bin/python -m tests.reliability.table

reproduce: $(STAMP) ## make the results in results/reference anew, in results/runs/reproduced; a night on two cores
	@for script in results/reference/*/reproduce.sh; do echo "$$script"; sh "$$script" || exit 1; done
	$(VENV)/bin/bench report results/runs/reproduced/*/ --out results/runs/reproduced-page --lang en,zh --first-page
	$(VENV)/bin/bench ledger results/runs/reproduced/*/ --out results/runs/reproduced

clean: ## delete the environment and caches; results and downloaded data stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache

# Each candidate must print its version, since a name on the path may be a launcher without an interpreter. An environment
# whose interpreter is missing or too old is made again.
SUITABLE := import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))

$(STAMP): pyproject.toml constraints.txt
	@if ! $(VENV)/bin/python -c '$(SUITABLE)' 2>/dev/null; then \
	  for candidate in $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3); do \
	    if "$$candidate" -c '$(SUITABLE)' 2>/dev/null; then python="$$candidate"; break; fi; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "make: no Python 3.11 or newer with its venv module$(if $(PYTHON), at $(PYTHON)); install one (on Debian and Ubuntu also python3-venv), or name it: make PYTHON=/path/to/python3" >&2; \
	    exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$("$$python" --version)"; \
	  "$$python" -m venv --clear $(VENV); \
	fi
	@echo "Installing the packages pinned in constraints.txt, torch among them: 200 MB for CPUs, several GB with CUDA on Linux." \
	  $(if $(TORCH_INDEX),"torch comes from $(TORCH_INDEX).","For a machine without a GPU: make TORCH_INDEX=https://download.pytorch.org/whl/cpu")
	$(INSTALL_TORCH)
	$(INSTALL) -e '.[dev]'
	@touch $@
