# Every command that a developer needs. POSIX sh and GNU Make 3.81 (the one of macOS).
# PYTHON=COMMAND chooses the Python that makes .venv; without it scripts/find-python looks.

SHELL = /bin/sh
VENV = .venv
IN_VENV = $(VENV)/bin/python
# Two stages: what the dashboard needs, and on top of it what tests and checks need.
STAMP = $(VENV)/set-up-in
TESTED = $(VENV)/tests-set-up
VENDOR = static/vendor/made-from
AXE = tests/browser/vendor/axe.min.js
SHELL_FILES = $(wildcard recipes/*.sh recipes/*/*.sh dvmweb/guest/scripts/*.sh dvmweb/guest/*/program/*.sh) scripts/find-python scripts/tour.sh tests/roots/boot.sh .ci/run

# A Python of another project must not leak into this one. Compiled modules are kept (.gitignore has them): without
# them pytest compiles all tests anew in each worker, and each dvm that a test starts compiles dvmweb.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

.PHONY: help setup run tour demo test test-slow test-browser test-recipes test-bare check bench screenshots reference lock formula clean

help:
	@echo "Use it"
	@echo "  make run     the dashboard in the browser, on Lima if it is installed, else on the demo engine (PORT=N)"
	@echo "  make tour    the main job from the command line, on the demo engine, in a temporary home"
	@echo "  make demo    a browser creates, uses and deletes a VM on the demo engine, at the speed of a person; without"
	@echo "               a display it writes pictures (ARGS=\"--pictures FOLDER\"; more: ARGS=--help)"
	@echo "Test it"
	@echo "  make test           all tests except those of the next four"
	@echo "  make test-slow      tests that wait or compare for long: every state with every verb, the recorded answers of Lima"
	@echo "  make test-browser   slow tests in a real browser: every page, hostile sites, keyboards"
	@echo "  make test-recipes   recipes in real Debian systems (Linux, root, mmdebstrap, slirp4netns)"
	@echo "  make test-bare      make run and make test in fresh minimal Debians (needs the same; BARE=13-tmpfs: one of them)"
	@echo "  make check          ruff, mypy, shellcheck, the import table"
	@echo "  make bench          the cost of dvm and its dashboard, as ratios within one run"
	@echo "Maintain it"
	@echo "  make setup         create .venv from the lock files (the others do it when needed)"
	@echo "  make reference     write the generated parts of docs/reference from the code"
	@echo "  make screenshots   the pictures of the docs (ARGS=\"--all FOLDER\": every page, five widths, both themes)"
	@echo "  make lock          write requirements/*.txt from pyproject.toml (UPGRADE=1: newest versions)"
	@echo "  make formula       write packaging/homebrew/dvmweb.rb from the lock; at a release with SDIST=dist/dvmweb-N.tar.gz"
	@echo "  make clean         remove .venv, static/vendor and everything that tools made"

setup: $(TESTED) $(VENDOR) $(AXE)

# The stamp is written last and holds the folder, so .venv is made again after an interrupted set-up, a moved checkout
# or a removed Python.
ifneq ($(shell test -x $(IN_VENV) && cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif
$(STAMP): pyproject.toml requirements/run.txt
	@python=$$(scripts/find-python) || exit 1; \
	echo "Setting up $(VENV) with $$python, once."; \
	rm -rf $(VENV) && "$$python" -m venv $(VENV)
	@$(IN_VENV) scripts/install.py requirements/run.txt
	@$(IN_VENV) scripts/vendor.py
	@$(IN_VENV) -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@printf '%s\n' "$(CURDIR)" > $@

$(TESTED): $(STAMP) requirements/dev.txt
	@$(IN_VENV) scripts/install.py requirements/dev.txt
	@touch $@

# The browser's libraries, and axe for the browser tests; nothing is fetched twice.
$(VENDOR): package.json package-lock.json scripts/vendor.py | $(STAMP)
	@$(IN_VENV) scripts/vendor.py
$(AXE): $(VENDOR) | $(TESTED)
	@$(IN_VENV) scripts/vendor.py --with-tests && mkdir -p $(@D) && touch $@

run: $(STAMP) $(VENDOR)
	@echo "The dvm command of this checkout: $(CURDIR)/$(VENV)/bin/dvm"
	@echo "To put it on your PATH:  export PATH=\"$(CURDIR)/$(VENV)/bin:\$$PATH\""
	@$(VENV)/bin/dvm web $(if $(filter command%,$(origin PORT)),--port $(PORT)) $(ARGS)

tour: $(STAMP) $(VENDOR)
	@scripts/tour.sh

demo: setup
	@$(IN_VENV) -m tests.browser.demo $(ARGS)

test: setup
	$(IN_VENV) -m pytest -n auto --maxprocesses 4 --dist loadgroup -m "not slow_browser and not slow" $(ARGS)

test-slow: setup
	$(IN_VENV) -m pytest -n auto --maxprocesses 4 --dist loadgroup -m slow $(ARGS)

test-browser: setup
	$(IN_VENV) -m pytest tests/browser -n auto --maxprocesses 4 --dist loadgroup -m slow_browser $(ARGS)

# Real Debian systems in namespaces: Linux, as root, with mmdebstrap and slirp4netns. Not part of `test`.
test-recipes: setup
	DVM_TEST_ROOTS=1 $(IN_VENV) -m pytest tests/roots tests/guest/agent -n 2 --dist loadgroup $(ARGS)

# `make run` and `make test` as README describes them: fresh Debians with only what it names, as an ordinary user.
test-bare: setup
	DVM_TEST_BARE="$(or $(BARE),all)" $(IN_VENV) -m pytest tests/bare -n 0 -s $(ARGS)

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
	$(IN_VENV) -m tests.bench.floods

reference: setup
	@$(IN_VENV) scripts/reference.py

screenshots: setup
	$(IN_VENV) scripts/screenshots.py $(ARGS)

lock:
	@python=$$(PYTHON="$${PYTHON:-python3.11}" scripts/find-python) || exit 1; \
	"$$python" scripts/lock.py $(if $(UPGRADE),--upgrade)

# After a change of the lock: pip looks for the source package of each library, which takes minutes.
formula: setup
	$(IN_VENV) scripts/formula.py $(SDIST)

clean:
	rm -rf $(VENV) static/vendor tests/browser/vendor build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find dvmweb tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
