"""The unsaved-work check with the newest git and Python: the documented layouts of Git, in a root of Debian sid."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.places import TOP
from tests.roots import base
from tests.roots.root import started

PACKAGES = ("git", "python3", "python3-pytest", "python3-hypothesis", "tar")
FILES = (
    "dvmweb",
    "recipes",
    "docs/reference/unsaved-work-check.md",
    "tests/__init__.py",
    "tests/conftest.py",
    "tests/needs.py",
    "tests/places.py",
    "tests/guest/__init__.py",
    "tests/guest/unsaved_work",
)
# sid's lists are valid for a week: a clock that is ahead, as on a machine without the time, must not stop this.
NO_CLOCK = '--aptopt=Acquire::Check-Valid-Until "false"'


def sid(where: base.Place) -> Path:
    """A tree of Debian sid with git; one each day."""
    tree = where.tree("sid", "git", *PACKAGES)
    if not tree.exists():
        new = tree.with_suffix(".new")
        argv = (
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            NO_CLOCK,
            f"--include={','.join(PACKAGES)}",
            "sid",
            str(new),
        )
        for _ in range(base.TRIES):
            base.remove(new)
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=900
            )
            if done.returncode == 0:
                break
        assert done.returncode == 0, done.stderr[-2000:]
        new.rename(tree)
    return tree


def packed() -> bytes:
    """What the tests need of this checkout."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name in FILES:
            tar.add(TOP / name, name, filter=lambda member: None if "__pycache__" in member.name else member)
    return data.getvalue()


@pytest.mark.timeout(1800)
def test_the_work_check_with_the_newest_git(where: base.Place) -> None:
    with where.lock():
        tree = sid(where)
    with started(tree, where.folder, systemd=False) as machine:
        machine.run(("mkdir", "/tmp/dvm"), "root").check_returncode()
        machine.run(("tar", "-xf", "-", "-C", "/tmp/dvm"), "root", stdin=packed()).check_returncode()
        tests = (
            "cd /tmp/dvm && git version && exec python3 -m pytest -q -rs -p no:cacheprovider tests/guest/unsaved_work"
        )
        done = machine.run(("sh", "-c", tests), "root", timeout=1500)
    print(done.stdout[-4000:])
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "test_layouts.py" not in done.stdout, "the newest git understands all of them: none is skipped"
