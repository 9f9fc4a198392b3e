"""Archives that a hostile guest has made: nothing leads out of the folder, replaces a file or fills the disk."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvmweb.guest.copies import entries, packing, unpacking
from dvmweb.guest.copies.tally import FILE, FOLDER, Incomplete, Tally, Unusable
from dvmweb.guest.copies.unpacking import Exists, Plan, unpack

Folders = pytest.TempPathFactory
Member = tuple[tarfile.TarInfo, bytes]


def member(
    name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, **facts: object
) -> tuple[tarfile.TarInfo, bytes]:
    header = tarfile.TarInfo(name)
    header.type, header.size = kind, len(data)
    for fact, value in facts.items():
        setattr(header, fact, value)
    return header, data


def archive(*members: Member, form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for header, data in members:
            tar.addfile(header, io.BytesIO(data))
    return out.getvalue()


class Target:
    """A folder into which archives are unpacked, with a secret beside it."""

    def __init__(self, top: Path) -> None:
        self.top, self.folder, self.secret = top, top / "here", top / "secret"
        self.folder.mkdir()
        self.secret.write_text("mine")

    def take(
        self, data: bytes, name: str = "copy", kind: str = FOLDER, *, is_forced: bool = False, most: int = 1 << 20
    ) -> Tally:
        parent = os.open(self.folder, os.O_RDONLY)
        try:
            return unpack(io.BytesIO(data), Plan(parent, name, kind, is_forced, others=0, most_bytes=most))
        finally:
            os.close(parent)
            assert self.secret.read_text() == "mine"
            assert stat.S_IMODE(self.secret.stat().st_mode) == self.mode
            assert sorted(path.name for path in self.top.iterdir()) == ["here", "secret"]

    @property
    def mode(self) -> int:
        return 0o666 & ~umask()

    @property
    def tree(self) -> dict[str, bytes | None]:
        """Every path below the folder; None for a folder."""
        found = sorted(self.folder.rglob("*"))
        assert not [path for path in found if path.is_symlink()]
        return {str(path.relative_to(self.folder)): None if path.is_dir() else path.read_bytes() for path in found}


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path)


@contextmanager
def free_descriptors() -> Iterator[None]:
    """Nothing that is opened meanwhile stays open."""
    before = set(Path("/dev/fd").iterdir())
    yield
    assert len(set(Path("/dev/fd").iterdir()) - before) == 0


# -- what is copied ----------------------------------------------------------------------------------------------------


def test_a_tree_is_the_same_at_the_other_end(target: Target) -> None:
    source = target.folder / "source"
    (source / "a/b").mkdir(parents=True)
    (source / "empty").mkdir()
    (source / "a/b/data").write_bytes(bytes(range(256)) * 3000)
    (source / "run.sh").write_text("#!/bin/sh\n")
    (source / "run.sh").chmod(0o755)
    (source / "ümläut " / "x").parent.mkdir()
    (source / "ümläut " / "x").write_text("y")
    (source / os.fsdecode(b"not \xff utf-8")).write_text("z")
    (source / ("n" * 200)).mkdir()
    (source / ("n" * 200) / ("m" * 200)).write_text("long")
    (source / "link").symlink_to("/etc/passwd")
    os.mkfifo(source / "pipe")
    out, sent = io.BytesIO(), Tally()
    packing.pack(str(source), out, sent)
    assert dict(sent.skipped) == {"link": "is a link", "pipe": "is a named pipe"}
    counted = packing.survey(str(source))
    assert (counted.files, counted.bytes, counted.skipped) == (sent.files, sent.bytes, sent.skipped)

    with free_descriptors():
        tally = target.take(out.getvalue(), most=1 << 30)
    assert (tally.files, tally.bytes, tally.skipped) == (sent.files, sent.bytes, [])
    for path in (source / "link", source / "pipe"):
        path.unlink()
    there = {name.partition("/")[2]: data for name, data in target.tree.items() if name.startswith("copy/")}
    here = {name.partition("/")[2]: data for name, data in target.tree.items() if name.startswith("source/")}
    assert there == here
    assert stat.S_IMODE((target.folder / "copy/run.sh").stat().st_mode) == 0o700
    assert stat.S_IMODE((target.folder / "copy/a/b/data").stat().st_mode) == 0o600


def test_a_file_that_shrinks_while_it_is_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"x" * 1000)
    real = os.fstat

    def larger(descriptor: int) -> os.stat_result:
        facts = list(real(descriptor))
        facts[6] = 5000
        return os.stat_result(facts)

    monkeypatch.setattr(os, "fstat", larger)
    out, tally = io.BytesIO(), Tally()
    packing.pack(str(file), out, tally)
    assert tally.skipped == [("file", "changed while it was read")]
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as tar:
        (entry,) = tar.getmembers()
        assert entry.size == 5000


def test_a_single_file_keeps_what_has_its_name(target: Target) -> None:
    data = archive(member(FILE, b"new"))
    assert target.take(data, "a.txt", FILE).files == 1
    with pytest.raises(Exists):
        target.take(archive(member(FILE, b"newer")), "a.txt", FILE)
    assert target.tree == {"a.txt": b"new"}
    target.take(archive(member(FILE, b"newer")), "a.txt", FILE, is_forced=True)
    assert target.tree == {"a.txt": b"newer"}


def test_a_link_with_the_name_of_the_copy_is_not_followed(target: Target) -> None:
    (target.folder / "a.txt").symlink_to(target.secret)
    with pytest.raises(Exists):
        target.take(archive(member(FILE, b"x")), "a.txt", FILE)
    target.take(archive(member(FILE, b"x")), "a.txt", FILE, is_forced=True)
    assert target.tree == {"a.txt": b"x"}


def test_a_forced_folder_is_merged_and_links_in_it_lead_nowhere(target: Target) -> None:
    (target.folder / "copy/sub").mkdir(parents=True)
    (target.folder / "copy/kept").write_text("kept")
    (target.folder / "copy/sub/old").write_text("old")
    (target.folder / "copy/out").symlink_to(target.top)
    (target.folder / "copy/one").symlink_to(target.secret)
    data = archive(
        member("sub/old", b"new"),
        member("out/planted", b"x"),
        member("one", b"y"),
        member("kept/x", b"z"),
        member("sub"),
    )
    tally = target.take(data, is_forced=True)
    assert dict(tally.skipped).keys() == {"out/planted", "kept/x", "sub"}
    (target.folder / "copy/out").unlink()
    assert target.tree == {
        "copy": None, "copy/kept": b"kept", "copy/one": b"y", "copy/sub": None, "copy/sub/old": b"new",
    }  # fmt: skip


def test_a_file_does_not_replace_a_folder(target: Target) -> None:
    (target.folder / "copy").mkdir()
    with pytest.raises(Unusable, match="is a folder"):
        target.take(archive(member(FILE, b"x")), "copy", FILE, is_forced=True)


# -- F01: names and types ----------------------------------------------------------------------------------------------

HOSTILE = {
    "up": (member("../planted", b"x"),),
    "up behind a folder": (member("a/../../planted", b"x"),),
    "absolute": (member("/tmp/dvm-planted", b"x"),),
    "dots": (member("..", kind=tarfile.DIRTYPE),),
    "through a link": (member("a", kind=tarfile.SYMTYPE, linkname=".."), member("a/planted", b"x")),
    "hard link": (member("a", kind=tarfile.LNKTYPE, linkname="../secret"), member("a", b"x")),
    "hard link to a link": (
        member("a/b/l", kind=tarfile.SYMTYPE, linkname="../../secret"),
        member("h", kind=tarfile.LNKTYPE, linkname="a/b/l"),
    ),
    "pipe": (member("p", kind=tarfile.FIFOTYPE),),
    "device": (member("d", kind=tarfile.CHRTYPE, devmajor=1, devminor=3),),
    "newline": (member("a\nb", b"x"),),
    "escape": (member("a\x1b[2Jb", b"x"),),
    "a file, then a folder of it": (member("a", b"x"), member("a/b", b"y")),
    "twice": (member("a", b"x"), member("a", b"y")),
    "too deep": (member("/".join("d" * 200), b"x"),),
}  # fmt: skip


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT], ids=["pax", "gnu"])
@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
def test_f01_what_leads_out_or_is_no_plain_file_is_skipped_and_listed(
    target: Target, members: tuple[Member, ...], form: int
) -> None:
    with free_descriptors():
        tally = target.take(archive(*members, member("good", b"ok"), form=form))
    assert tally.skipped_count >= 1
    assert target.tree["copy/good"] == b"ok"
    assert set(target.tree.values()) <= {None, b"x", b"ok"}
    assert not Path("/tmp/dvm-planted").exists()


def test_f01_a_name_that_a_second_header_overrides_is_the_one_that_counts(target: Target) -> None:
    tally = target.take(archive(member("fine", b"x", pax_headers={"path": "../../planted"})))
    assert tally.skipped == [("../../planted", "leads out of the folder")]
    assert target.tree == {"copy": None}


def test_f01_a_file_that_was_asked_for_comes_alone(target: Target) -> None:
    data = archive(member("other", b"1"), member(FILE, b"2"), member("file/x", b"3"))
    assert target.take(data, "a", FILE).skipped_count == 2
    assert target.tree == {"a": b"2"}
    with pytest.raises(Incomplete):
        target.take(archive(member("other", b"1")), "b", FILE)
    assert target.tree == {"a": b"2"}


def test_f04_modes_owners_and_times_are_not_the_senders(target: Target) -> None:
    target.take(
        archive(member("s", b"x", mode=0o6777, uid=0, gid=0, mtime=-86400), member("d", kind=tarfile.DIRTYPE, mode=0))
    )
    target.take(archive(member(FILE, b"x", mode=0o644, mtime=16725225600)), "future", FILE)
    facts = (target.folder / "copy/s").stat()
    assert (stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_mtime) == (0o700, os.geteuid(), 0)
    assert stat.S_IMODE((target.folder / "copy/d").stat().st_mode) == 0o700
    assert (target.folder / "future").stat().st_mtime <= time.time()


# -- F03, F06: sizes and ends ------------------------------------------------------------------------------------------


def test_f03_a_file_that_is_larger_than_the_disk_is_refused_by_its_header(target: Target) -> None:
    header, _ = member("big", b"")
    header.size = 1 << 40
    with pytest.raises(Unusable, match="not enough space"):
        target.take(archive(member("small", b"x")[0:2])[:1024] + header.tobuf())
    assert target.tree == {}


def test_f03_what_is_not_copied_has_a_limit_too(target: Target) -> None:
    header, _ = member("../a")
    header.size = 1 << 32
    with pytest.raises(Unusable, match="too much"):
        target.take(header.tobuf())
    assert target.tree == {}


def test_f03_entries_have_a_limit(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "MOST_ENTRIES", 20)
    with pytest.raises(Unusable, match="more than 20"):
        target.take(archive(*(member(f"f{number}") for number in range(30))))
    assert target.tree == {}


def test_f03_a_header_without_end_is_not_read_into_memory(target: Target) -> None:
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 1 << 30
    with pytest.raises(Unusable, match="header"):
        target.take(header.tobuf() + bytes(1 << 20))
    assert target.tree == {}


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_f06_an_archive_that_is_cut_leaves_nothing(tmp_path_factory: Folders, data: st.DataObject) -> None:
    whole = archive(member("a", b"x" * 700), member("b", kind=tarfile.DIRTYPE), member("b/ü", b"y"))
    end = len(whole.rstrip(b"\0"))
    end += -end % 512  # what follows is the mark of the end
    cut = data.draw(st.one_of(st.sampled_from(range(0, end + 1, 512)), st.integers(0, end)))
    target = Target(tmp_path_factory.mktemp("cut"))
    with free_descriptors(), pytest.raises(Incomplete):
        target.take(whole[:cut])
    assert target.tree == {}


@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_any_bytes_stay_below_the_folder_or_are_refused(tmp_path_factory: Folders, data: st.DataObject) -> None:
    whole = bytearray(archive(member("a", b"x" * 30), member("b/c", b"y", pax_headers={"path": "d/é"})))
    for _ in range(data.draw(st.integers(1, 12))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    target = Target(tmp_path_factory.mktemp("odd"))
    try:
        target.take(bytes(whole))
    except Unusable:
        assert target.tree == {}


def test_the_rest_of_a_copy_that_was_killed_is_removed_by_the_next(target: Target) -> None:
    left, young = (target.folder / f".dvm-partial-{digit * 16}" for digit in "ab")
    for folder in (left, young):
        (folder / "x").mkdir(parents=True)
    old = time.time() - unpacking.LEFT_SECONDS - 5
    os.utime(left, (old, old))
    target.take(archive(member("a", b"x")))
    assert sorted(path.name for path in target.folder.iterdir()) == [young.name, "copy"]
