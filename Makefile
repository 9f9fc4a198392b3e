# Every command that a developer needs. POSIX sh and GNU Make 3.81 (the one of macOS).
# PYTHON=COMMAND chooses the Python that makes .venv; without it scripts/find-python looks.

SHELL = /bin/sh
VENV = .venv
IN_VENV = $(VENV)/bin/python
STAMP = $(VENV)/set-up-in
VENDOR = static/vendor/made-from
AXE = tests/browser/vendor/axe.min.js
SHELL_FILES = $(wildcard recipes/*.sh) scripts/find-python scripts/tour.sh tests/roots/boot.sh .ci/run

# A Python of another project must not leak into this one.
unexport PYTHONPATH PYTHONHOME

.PHONY: help setup run tour test test-recipes check bench screenshots lock clean

help:
	@echo "make setup   make .venv once, from the lock (the others do it by themselves)"
	@echo "make run     the dashboard, in the browser: on Lima where it is installed, else on the demo engine"
	@echo "make tour    the main job from the command line, on the demo engine, in a throwaway home"
	@echo "make test    all tests"
	@echo "make test-recipes   recipes in real Debian roots (Linux, root, mmdebstrap, slirp4netns)"
	@echo "make check   ruff, mypy, shellcheck, the import table"
	@echo "make bench   what dvm and its dashboard cost, as ratios in one run"
	@echo "make screenshots   the pictures of README.md (ARGS=\"--all FOLDER\": every page, five widths, both themes)"
	@echo "make lock    requirements/dev.txt anew from pyproject.toml (UPGRADE=1: newest versions)"
	@echo "make clean   remove .venv, static/vendor and everything that tools made"

setup: $(STAMP) $(VENDOR) $(AXE)

# The stamp comes last and holds the folder: a set-up that was interrupted, a checkout that was moved and a Python that
# was removed are all made again.
ifneq ($(shell test -x $(IN_VENV) && cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif
$(STAMP): pyproject.toml requirements/dev.txt
	@python=$$(scripts/find-python) || exit 1; \
	echo "Setting up $(VENV) with $$python; this takes a minute, once."; \
	rm -rf $(VENV) && "$$python" -m venv $(VENV)
	@$(IN_VENV) -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements/dev.txt
	@$(IN_VENV) -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@printf '%s\n' "$(CURDIR)" > $@

# The browser's libraries, and axe for the browser tests; nothing is fetched that is there already. Installing dvmweb
# above has made the former, without the latter.
$(VENDOR): package.json package-lock.json scripts/vendor.py | $(STAMP)
	@$(IN_VENV) scripts/vendor.py --with-tests
$(AXE): | $(VENDOR)
	@$(IN_VENV) scripts/vendor.py --with-tests && mkdir -p $(@D) && touch $@

run: setup
	@echo "The commands dvm and dvmweb of this checkout are in $(CURDIR)/$(VENV)/bin"
	@$(VENV)/bin/dvm web $(ARGS)

tour: setup
	@scripts/tour.sh

test: setup
	$(IN_VENV) -m pytest -n auto --maxprocesses 4 --dist loadgroup $(ARGS)

# Real Debian systems in namespaces: Linux, as root, with mmdebstrap and slirp4netns. Not part of `test`.
test-recipes: setup
	DVM_TEST_ROOTS=1 $(IN_VENV) -m pytest tests/roots tests/wall -n 2 --dist loadgroup $(ARGS)

check: setup
	$(IN_VENV) -m ruff check .
	$(IN_VENV) -m ruff format --check .
	$(IN_VENV) -m mypy
	@if command -v shellcheck >/dev/null 2>&1; then \
		echo "shellcheck $(SHELL_FILES)"; shellcheck -x -P recipes $(SHELL_FILES); \
	elif [ "$${CI:-}" = true ]; then echo "shellcheck is missing, and CI must not go on without it." >&2; exit 1; \
	else echo "shellcheck: not run, it is not installed (package shellcheck)."; fi
	$(IN_VENV) -m pytest -n 0 tests/project/test_imports.py

bench: setup
	$(IN_VENV) tests/bench/bench.py $(ARGS)
	$(IN_VENV) -m tests.bench.web_bench

screenshots: setup
	$(IN_VENV) scripts/screenshots.py $(ARGS)

lock:
	@python=$$(PYTHON="$${PYTHON:-python3.11}" scripts/find-python) || exit 1; \
	"$$python" scripts/lock.py $(if $(UPGRADE),--upgrade)

clean:
	rm -rf $(VENV) static/vendor tests/browser/vendor build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find dvmweb tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
