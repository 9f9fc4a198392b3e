"""A guest for the sandbox around agents: this machine's own /usr with users, homes and a launcher of its own.

It is a mount namespace, made by root: what is mounted in it nobody else sees. Where the tests do not run as root, or
bubblewrap is missing, the tests of the sandbox are skipped. `make test` runs some, `make test-recipes` all of them.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from tests import places

PROGRAM = places.AGENT
MAIN, AGENT = 4001, 4002
CODE = "/home/ada/code/app"
LAUNCHER = "/usr/local/lib/dvm/agent/launcher.py"

SET_UP = f"""set -euo pipefail
umask 022
mount -t tmpfs -o mode=755 tmpfs /home
mount -t tmpfs -o mode=755 tmpfs /usr/local/lib
mount -t tmpfs -o mode=755 tmpfs /usr/local/bin
mkdir -p /usr/local/lib/dvm/agent /home/ada/code /home/dvm-agent /home/.etc
cp "$PROGRAM"/*.py /usr/local/lib/dvm/agent
chmod 755 /usr/local/lib/dvm/agent/*.py
cp -a /usr/local/lib/dvm/agent /home/.true
printf 'ada:x:{MAIN}:{MAIN}::/home/ada:/bin/bash\\ndvm-agent:x:{AGENT}:{AGENT}::/home/dvm-agent:/bin/bash\\n' |
  cat /etc/passwd - >/home/.etc/passwd
mount --bind /home/.etc/passwd /etc/passwd
echo "dvm-agent ada {CODE}" >/usr/local/lib/dvm/agent/setting
for name in claude vibe; do
  printf '#!/bin/bash\\nlauncher={LAUNCHER}\\nexec "$launcher" test {{}}\\n' |
    sed "s/{{}}/$([ $name = vibe ] && echo mistral || echo $name)/" >/usr/local/bin/$name
  chmod 755 /usr/local/bin/$name
done
mkdir -m 700 /home/ada/.ssh
echo key >/home/ada/.ssh/id_ed25519
echo history >/home/ada/.bash_history
chown -R {MAIN}:{MAIN} /home/ada
chown {AGENT}:{AGENT} /home/dvm-agent
chmod 700 /home/ada /home/dvm-agent
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p -m 755 /run/user /run/systemd/private /run/user/{MAIN}/bus
mount -t tmpfs -o mode=1777 tmpfs /tmp
echo ready
exec cat
"""


@dataclass(frozen=True)
class Guest:
    """One guest; each command is a process in its mounts."""

    pid: int

    def words(self, argv: tuple[str, ...], user: int = 0) -> tuple[str, ...]:
        drop = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups") if user else ()
        return ("nsenter", f"--target={self.pid}", "--mount", "--wd=/", *drop, *argv)

    def run(
        self, *argv: str, user: int = 0, text: str = "", environment: Mapping[str, str] = {}
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(argv, user),
            input=text,
            env=ENVIRONMENT | {"HOME": "/home/ada" if user == MAIN else "/root"} | dict(environment),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def main(self, script: str) -> str:
        """Run a bash script as the main user, in the project; it must succeed."""
        done = self.run("bash", "-euc", f"umask 022; cd {CODE}; {script}", user=MAIN)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def root(self, script: str) -> str:
        done = self.run("bash", "-euc", script)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def agent(self, script: str, folder: str = CODE) -> subprocess.CompletedProcess[str]:
        """A stand-in agent: a bash script in the sandbox."""
        return self.launched(folder, "--", "bash", "-c", script)

    def launched(self, folder: str, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(LAUNCHER, "run", folder, "", *words, environment={"SECRET": "of the user"})

    @contextmanager
    def started(self, *program: str) -> Iterator[subprocess.Popen[str]]:
        """An agent that runs on meanwhile."""
        words = self.words((LAUNCHER, "run", CODE, "", "--", *program))
        none, pipe = subprocess.DEVNULL, subprocess.PIPE
        with subprocess.Popen(words, env=ENVIRONMENT, text=True, stdin=none, stdout=pipe, stderr=pipe) as process:
            try:
                yield process
            finally:
                process.kill()

    def sandbox(self, name: str = "claude") -> list[str]:
        return self.run(LAUNCHER, "test", name).stdout.splitlines()

    def change(self, file: str, old: str, new: str) -> None:
        """A mutant of the launcher; `fresh` puts the true one back."""
        place = f"/usr/local/lib/dvm/agent/{file}"
        text = self.run("cat", place).stdout
        assert old in text, f"{file} does not hold {old!r}"
        done = self.run("tee", place, text=text.replace(old, new))
        assert done.returncode == 0, done.stderr

    def fresh(self, project: str) -> None:
        """The true launcher, and the project as a folder of templates has it."""
        self.root(
            "rm -rf /home/ada/code /home/dvm-agent/* /usr/local/lib/dvm/agent/__pycache__; mkdir /home/ada/code\n"
            f"chown {MAIN}:{MAIN} /home/ada/code; cp -a /home/.true/*.py /usr/local/lib/dvm/agent\n"
            f"cp -a {project} {CODE}"
        )


def some(values: list[str], count: int) -> list[ParameterSet]:
    """All values for `make test-recipes`; the first few for `make test`, which must be fast."""
    is_all = os.environ.get("DVM_TEST_ROOTS") == "1"
    skip = pytest.mark.skipif(not is_all, reason="make test-recipes tries all of them")
    return [pytest.param(value, marks=() if index < count else skip) for index, value in enumerate(values)]


ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "TERM": "dumb", "PYTHONDONTWRITEBYTECODE": "1"}


def missing() -> str:
    if os.geteuid() != 0:
        return "the sandbox is built by root, and these tests do not run as root"
    needed = ("/usr/bin/bwrap", "/usr/bin/python3", "/usr/bin/git", "/usr/bin/nsenter", "/usr/bin/setpriv")
    absent = [program for program in needed if not Path(program).exists()]
    return f"{', '.join(absent)} is missing (apt-get install bubblewrap python3 git util-linux)" if absent else ""


@pytest.fixture(scope="session")
def made_guest() -> Iterator[Guest]:
    if reason := missing():
        pytest.skip(reason)
    process = subprocess.Popen(
        ("unshare", "--mount", "--propagation=private", "bash", "-c", SET_UP),
        env=ENVIRONMENT | {"PROGRAM": str(PROGRAM)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stderr is not None
    if process.stdout.readline() != "ready\n":
        pytest.skip(f"this machine lets nobody make a guest of mounts: {process.stderr.read()}")
    guest = Guest(process.pid)
    guest.root(f"mkdir -p /home/.empty {CODE}; chown {MAIN}:{MAIN} /home/.empty {CODE}")
    guest.main(PROJECT)
    guest.root(f"cp -a {CODE} /home/.project")
    yield guest
    process.stdin.close()
    process.wait(10)


@pytest.fixture
def guest(made_guest: Guest) -> Guest:
    """With an empty project and the true launcher."""
    made_guest.fresh("/home/.empty")
    return made_guest


@pytest.fixture
def project(made_guest: Guest) -> Guest:
    """With everything in the project that the main user's tools would obey."""
    made_guest.fresh("/home/.project")
    return made_guest


GIT = "git -c user.name=Ada -c user.email=ada@example.org -c protocol.file.allow=always"
PROJECT = f"""
git init -q -b main . && echo a >file && mkdir .husky .dvm && echo 'true' >.husky/pre-commit && echo x >.envrc
echo true >.dvm/sync.sh && git config core.hooksPath .husky && git config include.path ../.gitmore
echo >.gitmore && git add -A && {GIT} commit -q -m one --no-verify
git init -q -b main ../other && (cd ../other && echo b >b && git add b && {GIT} commit -q -m two)
{GIT} submodule --quiet add ../other 'sub' && {GIT} commit -q -m sub --no-verify
{GIT} worktree add -q linked && git init -q --bare bare.git && git init -q 'nested/-odd
 name' && rm -rf ../other
"""
