# PYTHON=/path/to/python makes the environment with that one instead of the first suitable.
VENV := .venv
STAMP := $(VENV)/.installed
# Python compiles what it imports; to compile all of torch beforehand takes longer than the rest of the installation.
INSTALL = $(VENV)/bin/python -m pip install --disable-pip-version-check --no-compile -c constraints.txt
OUT := results/runs/quick

# Real corpora are read from here before anything is downloaded. A whole path, for tests that work in another folder.
ifndef BENCH_MIRROR
ifneq ($(wildcard ../shared/data),)
export BENCH_MIRROR := $(CURDIR)/../shared/data
endif
endif

.DEFAULT_GOAL := help
.PHONY: help bench test browser browser-test reliability clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

bench: $(STAMP) ## run the quick suite and write its report; run it again to go on where it stopped
	$(VENV)/bin/bench suite quick --out $(OUT)

# A process a core and a thread a process; all tests of a file in one, since they share what is made once a file.
test: $(STAMP) ## run all tests; those of the page in a browser where there is one
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n auto --maxprocesses 4 --dist loadscope

# Whatever Chromium there is will do; else Playwright's own build, else Debian's package. The last line says what is there.
FOUND := $(VENV)/bin/python tests/browser/chromium.py

browser: $(STAMP) ## install a headless Chromium, where there is none, and what drives it
	$(INSTALL) -e '.[browser]'
	@$(FOUND) >/dev/null 2>&1 || $(VENV)/bin/python -m playwright install chromium || true
	@$(FOUND) >/dev/null 2>&1 || test "$$(id -u)" != 0 || ! command -v apt-get || \
	  { apt-get update && apt-get install -y --no-install-recommends chromium; } || true
	@$(FOUND)

browser-test: browser ## check the report's page in that Chromium
	$(VENV)/bin/python -m pytest tests/browser

reliability: $(STAMP) ## break runs on purpose, and write results/reference/reliability.md; sixteen minutes on two cores
	$(VENV)/bin/python -m tests.reliability.table

clean: ## delete the environment and caches; results and downloaded data stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .hypothesis

# The version is asked of each candidate, since a name on the path may be a launcher for an interpreter that is not there.
# An environment whose interpreter has gone or is too old is made anew.
SUITABLE := import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))

$(STAMP): pyproject.toml constraints.txt
	@if ! $(VENV)/bin/python -c '$(SUITABLE)' 2>/dev/null; then \
	  for candidate in $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3); do \
	    if "$$candidate" -c '$(SUITABLE)' 2>/dev/null; then found="$$candidate"; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "make: no Python 3.11 or newer with its venv module$(if $(PYTHON), at $(PYTHON)); install one (on Debian and Ubuntu also python3-venv), or name it: make PYTHON=/path/to/python3" >&2; \
	    exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$("$$found" --version)"; \
	  "$$found" -m venv --clear $(VENV); \
	fi
	$(INSTALL) -e '.[test]'
	@touch $@
