"""A guest's code folder built with real git, and the real `work.sh` run over it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dvmweb.guest.unsaved_work import RepositoryReport, UnsavedWorkReport, parse_report
from tests.places import WORK_CHECK

SCRIPT = WORK_CHECK / "work.sh"
NONCE = "0123456789abcdef0123456789abcdef"
IDENTITY = "dvm-app 00112233445566778899aabbccddeeff"
NOBODY = 65534
URL = "https://forge.example/app.git"
GIT_ENVIRONMENT = {
    "PATH": os.defpath,
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example",
    "GIT_ALLOW_PROTOCOL": "file",
}


@dataclass(frozen=True)
class Guest:
    """A home with a code folder; `look` asks the script and reads its answer."""

    home: Path
    extra: dict[str, str] = field(default_factory=dict)
    script: Path = SCRIPT  # most tests have a compiled copy, which starts in two thirds of the time
    made: Path | None = None  # what `repository` makes without options, to copy

    @property
    def code(self) -> Path:
        return self.home / "code"

    def git(self, folder: Path, *arguments: str, fails: bool = False) -> str:
        settings = ("-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", "-c", "core.fsync=none")
        done = subprocess.run(
            ("git", *settings, *arguments), cwd=folder, env=GIT_ENVIRONMENT, capture_output=True, check=False
        )
        assert (done.returncode != 0) == fails, done.stderr
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def repository(self, name: str = "app", *options: str, url: str = URL) -> Path:
        """A repository with one commit and one file `file`, pushed to `url` (no remote where it is empty)."""
        folder = self.code / name
        if self.made and not options and url == URL:
            shutil.copytree(self.made, folder, symlinks=True)
            self.git(folder, "update-index", "-q", "--refresh")
            return folder
        folder.mkdir(parents=True)
        self.git(folder, "init", "-q", *options)
        self.commit(folder, "file")
        if url:
            self.git(folder, "remote", "add", "origin", url)
            self.push(folder)
        return folder

    def commit(self, folder: Path, name: str, subject: str = "work") -> None:
        (folder / name).write_text(f"{name} {subject}\n")
        self.git(folder, "add", "--", name)
        self.git(folder, "commit", "-qm", subject)

    def push(self, folder: Path) -> None:
        """What a push leaves behind here: the remote's reference at our commit."""
        self.git(folder, "update-ref", "refs/remotes/origin/main", "HEAD")

    def answer(self, environment: Mapping[str, str] = {}, command: tuple[str, ...] = ()) -> bytes:
        identity = self.home / "identity"
        identity.write_text(IDENTITY + "\n")
        told = {
            "PATH": os.defpath,
            "HOME": str(self.home),
            "DVM_NONCE": NONCE,
            "DVM_CODE_DIR": str(self.code),
            "DVM_IDENTITY_FILE": str(identity),
            "DVM_WORK_AS_ROOT": "1",
            **self.extra,
            **environment,
        }
        done = subprocess.run(
            (*command, "bash", str(self.script)),
            env=told,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=60,
            cwd="/",
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == b""
        return done.stdout

    def check(self, environment: Mapping[str, str] = {}, command: tuple[str, ...] = ()) -> UnsavedWorkReport:
        return parse_report(self.answer(environment, command), NONCE, IDENTITY, checked_at=1.0)

    def look_at(self, path: str = "app") -> RepositoryReport:
        """The facts of one repository, in a look that had no problems."""
        report = self.check()
        assert report.problems == ()
        (found,) = (repository for repository in report.repositories if repository.path == path)
        return found


@pytest.fixture(scope="session")
def compiled_script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The check with its modules compiled by the Python that runs it."""
    copy = tmp_path_factory.mktemp("work-check") / "program"
    shutil.copytree(SCRIPT.parent, copy)
    if python := shutil.which("python3", path="/usr/bin:/bin:/usr/local/bin"):  # where work.sh looks
        subprocess.run((python, "-I", "-m", "compileall", "-q", str(copy)), check=True)
    return copy / SCRIPT.name


@pytest.fixture(scope="session")
def made_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `repository` makes, for copies: six programs less in most tests."""
    return Guest(tmp_path_factory.mktemp("made")).repository()


@pytest.fixture
def guest(tmp_path: Path, compiled_script: Path, made_repository: Path) -> Guest:
    (tmp_path / "code").mkdir()
    return Guest(tmp_path, script=compiled_script, made=made_repository)


@pytest.fixture
def open_guest() -> Iterator[Guest]:
    """A guest that every user may enter (pytest's own folders are closed); its script runs as another user."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to act as another user")
    home = Path(tempfile.mkdtemp(prefix="dvm-work-"))
    home.chmod(0o755)
    (home / "code").mkdir()
    script = home / "script" / SCRIPT.name  # the checkout may lie where only root may go
    script.parent.mkdir()
    for part in SCRIPT.parent.glob("work*"):
        shutil.copyfile(part, script.parent / part.name)
    yield Guest(home, {"DVM_WORK_AS_ROOT": ""}, script)
    shutil.rmtree(home)


AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


@pytest.fixture
def as_nobody() -> tuple[str, ...]:
    return AS_NOBODY
