"""What the question for an idle guest counts as use, and that a list that cannot be read is never "nothing runs"."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dvmweb.guest.running_programs import parse_idle
from tests.guest.conftest import NONCE, Guest

# Lists the question itself, and one more process as one of root.
STAT = """#!/bin/sh
for one; do
  if tr '\\0' ' ' <"$one/cmdline" 2>/dev/null | grep -q main.sh; then echo "1000 $one"; fi
done
echo "0 /proc/$SEEN"
"""


@contextmanager
def of_root(folder: Path, name: str) -> Iterator[int]:
    shutil.copy(shutil.which("sleep") or "", folder / name)
    # Not a child of the test, which is also the parent of the question.
    words = ("sh", "-c", '"$0" 600 >/dev/null 2>&1 & echo $!', str(folder / name))
    pid = int(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)
    while Path(f"/proc/{pid}/comm").read_text() != f"{name[:15]}\n":
        pass  # not yet become it
    yield pid
    os.kill(pid, signal.SIGKILL)


def stand_in(folder: Path, text: str) -> dict[str, str]:
    (folder / "stat").write_text(text)
    (folder / "stat").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("containerd-shim-runc-v2", (b"containerd-shim",)),
        ("conmon", (b"conmon",)),
        ("sudo", (b"sudo",)),
        ("dockerd", ()),
        ("sleep", ()),
    ],
)
def test_a_container_and_sudo_are_use_and_a_service_of_the_system_is_none(
    guest: Guest, tmp_path: Path, name: str, found: tuple[bytes, ...]
) -> None:
    with of_root(tmp_path, name) as pid:
        done = guest.run("idle", stand_in(tmp_path, STAT) | {"SEEN": str(pid)})
    assert done.returncode == 0, done.stderr
    assert parse_idle(done.stdout, NONCE) == found


def test_a_guest_whose_processes_cannot_be_listed_does_not_say_that_it_is_idle(guest: Guest, tmp_path: Path) -> None:
    done = guest.run("idle", stand_in(tmp_path, "#!/bin/sh\nexit 126\n"))
    assert done.returncode != 0
    assert b"\0end\0" not in done.stdout
