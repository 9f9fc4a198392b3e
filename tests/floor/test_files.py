"""Files: whole writes, private folders, bounded reads, locks (threats.md G01-G04, R07, R09-R11)."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dvmweb import files
from dvmweb.errors import UsageError


def test_g01_new_files_and_folders_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = files.private_folder(tmp_path / "state")
        files.write_whole(folder / "note", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "note").stat().st_mode) == 0o600


def test_g02_a_folder_that_others_can_write_is_refused_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(UsageError, match="chmod 700"):
        files.private_folder(tmp_path / "open")


def test_g02_a_link_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(UsageError, match="not a folder"):
        files.private_folder(tmp_path / "link")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of another user")
def test_g02_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir(mode=0o700)
    os.chown(tmp_path / "other", 65534, 65534)
    with pytest.raises(UsageError, match="another user"):
        files.private_folder(tmp_path / "other")


def test_r10_a_linked_config_keeps_its_link_and_its_mode(tmp_path: Path) -> None:
    target = tmp_path / "dotfiles" / "app.yaml"
    target.parent.mkdir()
    target.write_bytes(b"old")
    target.chmod(0o644)
    link = tmp_path / "app.yaml"
    link.symlink_to(target)
    files.write_whole(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644


def test_r12_a_file_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "app.yaml"
    files.write_whole(path, b"one", expected="")
    with pytest.raises(files.ChangedOnDisk):
        files.write_whole(path, b"two", expected=files.digest(b"zero"))
    assert path.read_bytes() == b"one"
    assert [entry.name for entry in tmp_path.iterdir()] == ["app.yaml"]


@pytest.mark.parametrize("call", ["fsync", "fchmod"])
def test_r09_r11_a_failing_call_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "app.yaml"
    path.write_bytes(b"old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space"):
        files.write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["app.yaml"]


def test_c11_only_a_small_plain_file_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "big").write_bytes(b"x" * 11)
    (tmp_path / "link").symlink_to(tmp_path / "big")
    for name, reason in (("fifo", "plain file"), ("folder", "plain file"), ("big", "larger")):
        with pytest.raises(UsageError, match=reason):
            files.read_bounded(tmp_path / name, 10)
    with pytest.raises(UsageError, match="link"):
        files.read_bounded(tmp_path / "link", 100, follow=False)
    with pytest.raises(FileNotFoundError):
        files.read_bounded(tmp_path / "none", 10)


HOLD = """
import sys
from pathlib import Path
from dvmweb import files
lock = files.try_lock(Path(sys.argv[1]))
print("held" if lock else "busy", flush=True)
sys.stdin.read()
"""


def test_r07_the_lock_of_a_killed_holder_is_free_at_once(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = subprocess.Popen((sys.executable, "-c", HOLD, str(path)), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    assert files.try_lock(path) is None
    holder.kill()
    holder.wait()
    lock = files.try_lock(path)
    assert lock is not None
    assert path.exists()
    lock.release()


def test_a_lock_handed_to_a_child_outlives_its_giver(tmp_path: Path) -> None:
    lock = files.try_lock(tmp_path / "lock")
    assert lock is not None
    child = subprocess.Popen(("cat",), stdin=subprocess.PIPE, pass_fds=(lock.descriptor,))
    lock.release()
    assert files.try_lock(tmp_path / "lock") is None
    child.communicate()
    freed = files.try_lock(tmp_path / "lock")
    assert freed is not None
    freed.release()


def test_r09_a_failing_rename_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "app.yaml"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="Read-only"):
        files.write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["app.yaml"]
