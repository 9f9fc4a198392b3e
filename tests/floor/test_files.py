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


@pytest.mark.parametrize("name", ["vms", "jobs", "web"])
def test_s8_a_link_in_place_of_the_folder_above_is_refused_and_nothing_made_behind_it(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / name).symlink_to(tmp_path / "real")
    with pytest.raises(UsageError, match="is a link"):
        files.private_folder(tmp_path / name / "app")
    assert list((tmp_path / "real").iterdir()) == []


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
    files.write_whole(link, b"new", follow=True)
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644


@pytest.mark.parametrize("kind", ["link", "nowhere", "hard", "fifo"])
def test_s8_nothing_of_ours_is_written_through_what_was_planted(tmp_path: Path, kind: str) -> None:
    victim, planted = tmp_path / "victim", tmp_path / "state.json"
    victim.write_text("mine")
    victim.chmod(0o644)

    def plant() -> None:
        planted.unlink(missing_ok=True)
        if kind == "fifo":
            os.mkfifo(planted)
        elif kind == "hard":
            planted.hardlink_to(victim)
        else:
            planted.symlink_to(victim if kind == "link" else tmp_path / "made")

    plant()
    files.write_whole(planted, b"new")
    assert (planted.is_symlink(), planted.read_bytes()) == (False, b"new")
    for flags in (os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND, os.O_RDWR):
        plant()
        with pytest.raises(UsageError, match="is a link, or not a plain file"):
            files.open_own(planted, flags)
    plant()
    with pytest.raises(UsageError):
        files.try_lock(planted)
    assert (victim.read_text(), stat.S_IMODE(victim.stat().st_mode)) == ("mine", 0o644)
    assert not (tmp_path / "made").exists()


LEFT_BY = """
import os, sys
from pathlib import Path
from dvmweb import files
def wait(descriptor):
    print("half", flush=True)
    sys.stdin.read()
os.fsync = wait
files.write_whole(Path(sys.argv[1]), b"half")
"""


def test_s10_what_a_killed_writer_left_goes_with_the_next_write_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    writer = subprocess.Popen((sys.executable, "-c", LEFT_BY, str(path)), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"half\n"
    (left,) = tmp_path.glob(".job.json.*.new")
    os.utime(left, (1, 1))
    others = [tmp_path / name for name in (".other.new", ".x.abc.new", "mine.abcdefgh.new", ".job.json.ABCDEFGH.new")]
    for other in others:
        other.touch()
        os.utime(other, (1, 1))
    files.write_whole(tmp_path / "other.json", b"x")
    assert left.exists()  # it is still being written
    writer.kill()
    writer.communicate()
    now = tmp_path / ".job.json.abcdefgh.new"  # made a moment ago: its writer may not have its lock yet
    now.touch()
    files.write_whole(tmp_path / "other.json", b"x")
    assert not left.exists()
    assert now.exists()
    assert all(other.exists() for other in others)


def test_s10_in_the_users_own_folder_only_what_is_of_the_written_file_goes(tmp_path: Path) -> None:
    for name in (".app.yaml.abcdefgh.new", ".mine.abcdefgh.new"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1, 1))
    files.write_whole(tmp_path / "app.yaml", b"x", follow=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine.abcdefgh.new", "app.yaml"]


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
        files.read_bounded(tmp_path / "link", 100)
    assert files.read_bounded(tmp_path / "link", 100, follow=True) == b"x" * 11
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
