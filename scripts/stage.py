"""A temporary home with demo VMs in every state, for the screenshots."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stage_load import add_load

from dvmweb.paths import Paths, from_environment
from dvmweb.terminals import client
from dvmweb.verbs.vms import Vms
from dvmweb.web.server.http_server import listen

PATIENCE = 120.0  # seconds; reached only on a failure

CONFIGS = {
    "shop-api": "ports: [3000, 5173]\nrecipes: [git, node, claude]\n",
    "thesis": "image: debian\ncpus: 1\nmemory: 2GiB\nrecipes: [git, python]\n",
    "infra": "memory: 8GiB\nrecipes: [git, tmux, fixtures]\nports: [8080]\n",
    "ml-sandbox": "cpus: 4\nmemory: 4GiB\ndisk: 60GiB\nrecipes: [python, tmux]\n",
    "payments": "image: ubuntu-24.04\nrecipes: [git, node, schema]\nports: [5432]\n",
    "website": "recipes: [git, node, zsh]\nports: [4321]\nrepo: https://github.com/me/website.git\n",
}
# Local recipes: one that is still running when the pictures are taken, one that fails.
RECIPES = {
    "fixtures": """#!/usr/bin/env bash
# /// recipe
# summary: Loads the test data of the project
# category: service
# ///
set -euo pipefail
echo "reading fixtures/orders.sql"
for part in $(seq 1 14); do printf 'orders  part %2d of 400  \\033[32mok\\033[0m\\n' "$part"; done
printf '\\033[33mpart 15 holds 2 orders without a customer, left out\\033[0m\\n'
for part in $(seq 16 31); do printf 'orders  part %2d of 400  \\033[32mok\\033[0m\\n' "$part"; done
exec sleep 3600
""",
    # A stand-in for an agent, which reports that it waits.
    "claude": """#!/usr/bin/env bash
# /// recipe
# summary: Claude Code
# category: agent
# ///
mkdir -p ~/.local/bin
printf '#!/bin/sh\\necho "The tests pass. Shall I commit?"; echo waits >"$DVM_TELL"; exec cat\\n' >~/.local/bin/claude
chmod +x ~/.local/bin/claude
grep -qs local/bin ~/.profile || echo 'PATH=~/.local/bin:$PATH' >>~/.profile
""",
    "schema": """#!/usr/bin/env bash
# /// recipe
# summary: Brings the test database to the newest schema
# category: service
# ///
set -euo pipefail
echo "schema 41: add column invoice.currency"
echo "schema 42: drop table invoice_old"
echo "error: table invoice_old is still used by view open_invoices" >&2
exit 3
""",
}
# Work in the guests. The remotes are never contacted; Git only has to know their addresses.
BEGIN = """
export GIT_AUTHOR_NAME=Jo GIT_AUTHOR_EMAIL=jo@example.org GIT_COMMITTER_NAME=Jo GIT_COMMITTER_EMAIL=jo@example.org
export GIT_AUTHOR_DATE=2026-03-02T09:00:00Z GIT_COMMITTER_DATE=2026-03-02T09:00:00Z
begin() { # NAME: a repository whose first commit is on its remote
  mkdir -p ~/code/"$1"; cd ~/code/"$1"; git init -q -b main; mkdir src .dvm
  printf '# %s\\n' "$1" > README.md; printf 'export const rate = 0.19;\\n' > src/tax.js; printf 'tools/\\n' > .gitignore
  printf '#!/bin/sh\\n# Runs after each sync, as the main user.\\nnpm install\\n' > .dvm/sync.sh
  git add .; git commit -qm "First version"
  git remote add origin "git@github.com:me/$1.git"; git update-ref refs/remotes/origin/main HEAD
}
commit() { printf '// %s\\n' "$1" >> src/tax.js; git commit -qam "$1"; }
"""
WORK = {
    "shop-api": """begin shop-api; git switch -qc fix/rounding
commit "Round half to even"; commit "Test cases for negative amounts"; commit "Use it in invoices"
printf '// decimal?\\n' >> src/tax.js; git stash -qm "try decimal"
printf 'ask Kim about the rate of 2027\\n' > notes.txt
git init -q -b main tools; cd tools; printf 'echo generate\\n' > gen.sh; git add .; git commit -qm "Generator"
""",
    "thesis": "begin thesis; git rm -qr .dvm; git commit -qm 'No hook'; git update-ref refs/remotes/origin/main HEAD",
    "ml-sandbox": "begin ml-sandbox; mkdir data; chmod 000 data",
    "payments": "begin payments; printf 'select 1;\\n' > check.sql",
}


@dataclass
class Stage:
    """One temporary home, the `dvm` in it, and its dashboard while one is running."""

    home: Path
    environ: dict[str, str]
    dashboard: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def paths(self) -> Paths:
        return from_environment(self.environ)

    def run(self, *words: str, may_fail: bool = False, stdin: str = "") -> str:
        """Run `dvm` to its end and return what it printed; raises SystemExit where it fails and must not."""
        argv = (sys.executable, "-P", "-m", "dvmweb", *words)
        done = subprocess.run(argv, env=self.environ, input=stdin, capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode and not may_fail:
            raise SystemExit(f"dvm {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def limactl(self, *words: str) -> None:
        """What a user does with plain limactl beside dvm."""
        argv = (sys.executable, "-P", "-m", "dvmweb.demo", "limactl", *words)
        environ = {**self.environ, "LIMA_HOME": str(self.paths.lima_home)}
        subprocess.run(argv, env=environ, check=False, capture_output=True, timeout=PATIENCE)

    def guest(self, vm: str, script: str) -> None:
        """Run a script in a guest, in its code folder."""
        self.run("ssh", vm, "--", "bash", "-ec", script)

    def open_terminals(self) -> None:
        """Open an agent that is waiting for the user, and two shells."""
        vms = Vms(self.paths, self.environ)
        client.open_terminal(vms, "shop-api", command="claude")
        until = time.monotonic() + PATIENCE
        while not any(one.state == "waits" and not one.guess for one in client.list_terminals(vms)):
            if time.monotonic() > until:
                raise SystemExit("The agent does not report that it waits.")
            time.sleep(0.1)
        client.open_terminal(vms, "payments", name="dev server")
        client.open_terminal(vms, "shop-api")  # the newest: the page of terminals comes back to it

    def job(self, vm: str, verb: str) -> dict[str, Any]:
        """The newest job of a VM with this verb."""
        found: list[dict[str, Any]] = json.loads(self.run("jobs", "--json"))
        return next(job for job in found if (job["vm"], job["verb"]) == (vm, verb))

    def faults(self, **faults: dict[str, Any]) -> None:
        """Make the demo engine fail in the named commands from now on."""
        folder = self.paths.lima_home / "_demo"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "faults.json").write_text(json.dumps(faults))

    def furnish(self) -> None:
        """Make the VMs: with unsaved work, stopped, in a job, not created, with a failed check, failed, unmanaged."""
        (self.paths.config / "vms").mkdir(parents=True)
        self.paths.local_recipes.mkdir(parents=True)
        for name, text in RECIPES.items():
            (self.paths.local_recipes / f"{name}.sh").write_text(text)
        for name, text in CONFIGS.items():
            self.paths.vm_config(name).write_text(text)
        for name in ("shop-api", "thesis", "ml-sandbox", "payments"):
            self.run("sync", name, may_fail=name == "payments")
            self.guest(name, BEGIN + WORK[name])
            self.run("work", name, may_fail=True)
        self.run("stop", "thesis")
        self._keep_copies()
        self.run("sync", "shop-api")  # it finds a project hook, which waits for the user
        self.limactl("create", "--tty=false", "--name=default", str(self.paths.vm_state("thesis") / "lima.yaml"))
        self.open_terminals()
        for seed, name in enumerate(("shop-api", "payments", "ml-sandbox")):
            add_load(self.paths, name, seed)

    def _keep_copies(self) -> None:
        """Make a base, checkpoints and an entry of the trash."""
        self.run("base", "build", "git", "node")
        self.run("checkpoint", "thesis", "--note", "before the new template")
        self.run("checkpoint", "thesis")
        for name in ("old-api", "trial-db"):
            self.paths.vm_config(name).write_text("recipes: [git]\n")
            self.run("sync", name)
            self.run("rm", name, "--yes", "--force", "--config")

    def begin_long_job(self) -> str:
        """A sync of infra that goes on until the end; return its id once its recipe prints."""
        # The job outlives the `dvm` that shows it.
        shown = subprocess.Popen(
            (sys.executable, "-P", "-m", "dvmweb", "sync", "infra"),
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        assert shown.stdout  # noqa: S101
        until(lambda: b"part 31" in self._log_of("infra"))
        shown.kill()
        shown.wait()
        return str(self.job("infra", "sync")["id"])

    def _log_of(self, vm: str) -> bytes:
        """What the newest job of a VM has printed, b"" before there is one."""
        found = sorted(self.paths.jobs.glob("*/job.json"), key=lambda path: path.stat().st_mtime)
        mine = [path for path in found if json.loads(path.read_text())["vm"] == vm]
        log = mine[-1].parent / "log" if mine else None
        return log.read_bytes() if log and log.exists() else b""

    # -- the dashboard ------------------------------------------------------------------------------------------------

    def open(self) -> str:
        """Start the dashboard on a free port; return its one-use login address."""
        argv = (sys.executable, "-P", "-m", "dvmweb", "web", "--no-open", "--port", str(_free_port()))
        self.dashboard = subprocess.Popen(argv, env=self.environ, stdout=subprocess.PIPE, text=True)
        assert self.dashboard.stdout  # noqa: S101
        for line in self.dashboard.stdout:
            if "/login#" in line:
                return line.strip()
        raise SystemExit("The dashboard did not start.")

    def end(self) -> None:
        """Leave no process behind: the dashboard, the jobs, the terminals, the guests."""
        if self.dashboard is not None:
            self.dashboard.terminate()
            self.dashboard.wait(20)
        self.faults()
        for job in json.loads(self.run("jobs", "--json", may_fail=True) or "[]"):
            if job["state"] in ("queued", "running"):
                self.run("cancel", job["id"], may_fail=True)
        instances = [entry.name for entry in self.paths.lima_home.iterdir() if not entry.name.startswith("_")]
        if instances:
            self.limactl("delete", "-f", *instances)


@contextmanager
def stage() -> Iterator[Stage]:
    """A home that is removed afterwards, with every process that was started in it."""
    # Short on purpose: the path of an ssh socket below it must fit.
    home = Path(tempfile.mkdtemp(prefix="dvm-", dir="/tmp"))
    path = os.environ.get("PATH", os.defpath)
    made = Stage(home, {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "DVM_ENGINE": "demo"})
    try:
        yield made
    finally:
        with suppress(FileNotFoundError):
            made.end()
        subprocess.run(("chmod", "-R", "u+rwX", "--", str(home)), stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(home, ignore_errors=True)


def until(is_so: Callable[[], bool]) -> None:
    """Wait for a fact that another process brings about; raises SystemExit when it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > deadline:
            raise SystemExit("It did not happen in time.")
        time.sleep(0.05)


def _free_port() -> int:
    with listen(0) as listening:
        return int(listening.getsockname()[1])
