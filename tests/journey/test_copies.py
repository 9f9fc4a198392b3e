"""Files go into a VM and come out of one with `dvm cp`; what a hostile guest sends stays below the named folder."""

from __future__ import annotations

import io
import os
import shlex
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dvmweb.errors import NotNow
from dvmweb.guest.copies.unpacking import PARTIAL
from dvmweb.verbs.copies import GuestPath, copy_in, copy_out
from dvmweb.verbs.uploads import pipe
from dvmweb.verbs.vms import Vms
from tests.journey.cli.home import until
from tests.journey.driver import User, Vm

# What a guest answers before the archive.
READY = (
    'printf "%s\\0" dvm-answer copy_out 1 "$DVM_NONCE" ready 3 "$DVM_HOST" "$DVM_INSTANCE" "$DVM_ID" '
    "total 3 {kind} 1 5 archive 0"
)
END = 'printf "%s\\0" done 1 0 end 1 "$DVM_NONCE"'


@contextmanager
def guest_answers(vm: Vm, script: str, archive: bytes = b"") -> Iterator[None]:
    """In the guest, `python3` is this script; `archive` is in the file $ARCHIVE."""
    folder = vm.instance / "guest/local/bin"
    (folder / "archive").write_bytes(archive)
    program = folder / "python3"
    program.write_text(f'#!/bin/sh\nARCHIVE="${{0%/*}}/archive"\n{script}\n')
    program.chmod(0o755)
    try:
        yield
    finally:
        program.unlink()
        (folder / "archive").unlink()


def archive(*names: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in names:
            header = tarfile.TarInfo(name)
            header.size = 4
            tar.addfile(header, io.BytesIO(b"evil"))
    return out.getvalue()


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_files_and_folders_go_both_ways_and_nothing_is_replaced_unasked(user: User, app: Vm, tmp_path: Path) -> None:
    notes, tree = tmp_path / "notes.txt", tmp_path / "tree"
    notes.write_text("first\n")
    (tree / "sub").mkdir(parents=True)
    (tree / "sub/run.sh").write_text("#!/bin/sh\necho run\n")
    (tree / "sub/run.sh").chmod(0o755)
    (tree / "link").symlink_to("/etc/passwd")

    user.dvm(f"cp {notes} app:").succeeds().warns("1 file, 6 B: app:~/code/app/notes.txt")
    user.dvm(f"cp {notes} app:").exits("usage error", "app:~/code/app/notes.txt exists already.", "--force")
    assert app.runs("cat notes.txt") == "first\n"
    notes.write_text("second\n")
    user.dvm(f"cp --force {notes} app:").succeeds()
    user.dvm(f"cp {tree} app:").exits("usage error", "is a folder", "-r")
    user.dvm(f"cp -r {tree} app:").succeeds().warns("Not copied: link is a link")
    assert app.runs("tree/sub/run.sh; ls tree") == "run\nsub\n"

    out = tmp_path / "out"
    user.dvm(f"cp app:tree {out}").exits("usage error", "app:tree is a folder.", "-r")
    user.dvm(f"cp -r app:tree {out}").succeeds().warns(f"1 file, 19 B: {out}")
    assert names(out) == ["sub", "sub/run.sh"]
    assert stat.S_IMODE((out / "sub/run.sh").stat().st_mode) == 0o700
    lists = user.paths.ledger.read_text().count('"list"')
    user.dvm(f"cp app:notes.txt app:tree/sub/run.sh {out}").succeeds()
    assert user.paths.ledger.read_text().count('"list"') == lists + 1, "one list for all sources"
    assert ((out / "notes.txt").read_text(), (out / "run.sh").exists()) == ("second\n", True)
    user.dvm(f"cp app:notes.txt {out}").exits("usage error", "notes.txt exists already.")
    app.runs("rm tree/sub/run.sh; mkdir tree/new; echo x > tree/new/file; echo y > tree/notes.txt")
    user.dvm(f"cp -r app:tree {out}").succeeds()  # into the folder, as it exists
    assert (out / "tree/new/file").exists()
    user.dvm(f"cp -r --force app:tree {tmp_path / 'tree'}").succeeds()
    assert (tmp_path / "tree/tree/notes.txt").read_text() == "y\n"

    assert user.dvm("cp app:notes.txt -").succeeds().out == "second\n"
    user.dvm("cp - app:~/typed.txt", typed="from a pipe").succeeds().warns("1 file, 11 B: app:~/typed.txt")
    assert user.dvm("cp app:~/typed.txt -").succeeds().out == "from a pipe"
    user.dvm("cp - app:", typed="x").exits("usage error", "app: is a folder, and a stream has no name.")
    assert not list(tmp_path.rglob(".dvm-*"))
    app.runs("test -z \"$(find ~ -name '.dvm-*' -path '*partial*')\"")


def test_wrong_words_and_places_are_refused_with_what_helps(user: User, app: Vm, tmp_path: Path) -> None:
    here = tmp_path / "a"
    here.write_text("x")
    for words, how, texts in (
        (f"cp {here} {tmp_path}/b", "usage error", ("Neither path is in a VM.",)),
        ("cp app:a app:b", "usage error", ("Both paths are in VMs",)),
        (f"cp other:a {tmp_path}", "not found", ("There is no VM other.", "./other:a")),
        (f"cp app:none {tmp_path}", "not found", ("There is no app:none.",)),
        (f"cp {tmp_path}/none app:", "not found", ("There is no", "none")),
        (f"cp {here} app:no/such/b", "not found", ("app:no/such/b", "Create it first.")),
        (f"cp app:~/.bashrc {tmp_path}/no/b", "usage error", ("There is no folder", "mkdir -p")),
        (f"cp - {here} app:", "usage error", ("A stream is copied alone.",)),
        (f"cp app:a app:b {here}", "usage error", ("is not a folder, and there are several sources.",)),
        (f"cp app:a {user.home.home}/.ssh/x", "usage error", ("Nothing from a VM is written to",)),
        (f"cp app:a {user.home.home}/.bashrc", "usage error", ("Nothing from a VM is written to",)),
        (f"cp -r app: {user.paths.config}/recipes", "usage error", ("Nothing from a VM is written to",)),
        (f"cp -r --force app:x {user.home.home}/.Config", "usage error", ("Nothing from a VM is written to",)),
        (f"cp -r --force app:{user.home.home.name} {user.home.home.parent}", "usage error", ("Nothing from a VM",)),
        ("cp app:/dev/null -", "usage error", ("app:/dev/null cannot be copied: it is a device.",)),
    ):
        user.dvm(words).exits(how, *texts)
    user.dvm("stop app").succeeds()
    user.dvm(f"cp {here} app:").exits("check failed", "app is Stopped.", "dvm start app")
    assert names(tmp_path) == ["a"]


def test_f01_f06_a_guest_that_sends_anything_else_writes_nothing_else(user: User, app: Vm, tmp_path: Path) -> None:
    into, secret = tmp_path / "into", tmp_path / "secret"
    into.mkdir()
    secret.write_text("mine")
    folder, file = READY.format(kind="folder"), READY.format(kind="file")
    with guest_answers(app, f'{folder}; cat "$ARCHIVE"; {END}', archive("../secret", "good", "a\nb")):
        user.dvm(f"cp -r app:x {into}/1").fails("Not copied: ../secret leads out of the folder", "control characters")
        listed = user.dvm("cp -r app:x - ").fails("../secret").out
    assert names(into) == ["1", "1/good"]
    assert "../secret" not in listed
    with guest_answers(app, f'{file}; cat "$ARCHIVE"; {END}', archive("other")):
        user.dvm(f"cp app:x {into}/2").fails("The copy is incomplete")
    with guest_answers(app, f'{folder}; head -c 700 "$ARCHIVE"', archive("good", "more")):
        user.dvm(f"cp -r app:x {into}/3").fails("The copy is incomplete")
    with guest_answers(app, f'{folder}; cat "$ARCHIVE"', archive("good")):
        user.dvm(f"cp -r app:x {into}/4").exits("check failed", "answer is incomplete")
    with guest_answers(app, f'DVM_ID={"0" * 32}; {folder}; cat "$ARCHIVE"; {END}', archive("good")):
        user.dvm(f"cp -r app:x {into}/5").exits("check failed", "The guest that answered is not app")
    assert not [name for name in names(into) if name[0] not in "14"]
    assert secret.read_text() == "mine"


@pytest.mark.slow
def test_f06_a_guest_that_stands_still_is_given_up(
    user: User, app: Vm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipe, "STALL", 0.5)
    vms = Vms(user.paths, user.home.environ)
    big = tmp_path / "big"
    big.write_bytes(bytes(1 << 20))
    with guest_answers(app, f"{READY.format(kind='file')}; exec sleep 600"), pytest.raises(NotNow, match="No progress"):
        copy_out(vms, GuestPath("app", "x"), tmp_path / "copy")
    with guest_answers(app, "exec yes"), pytest.raises(NotNow, match="No progress"):
        copy_out(vms, GuestPath("app", "x"), tmp_path / "copy")
    with guest_answers(app, "exec 4<stream; exec sleep 600"), pytest.raises(NotNow, match="No progress"):
        copy_in(vms, big, GuestPath("app", ""))
    assert names(tmp_path) == ["big"]


def test_a_copy_that_is_killed_leaves_what_the_next_one_removes(user: User, app: Vm, tmp_path: Path) -> None:
    app.runs("head -c 3000000 /dev/zero > data")
    with guest_answers(app, f"{READY.format(kind='folder')}; exec sleep 600"):
        copying = user.starts(shlex.join(("cp", "-r", "app:x", str(tmp_path / "copy"))))
        until(lambda: any(tmp_path.iterdir()))
        copying.is_killed()
        (left,) = tmp_path.iterdir()
        assert PARTIAL.fullmatch(left.name)
        os.utime(left, (0, 0))  # a young one can be about to be used
        copying = user.starts(shlex.join(("cp", "-r", "app:x", str(tmp_path / "copy"))))
        until(lambda: not left.exists() and any(tmp_path.iterdir()))
        copying.is_interrupted().ends()
    assert not any(tmp_path.iterdir())
    user.dvm(f"cp app:data {tmp_path}").succeeds()
    assert [one.stat().st_size for one in tmp_path.iterdir()] == [3_000_000]
