"""The record of commands: whole lines, in order, from several processes at once, rotated."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dvmweb.errors import UsageError
from dvmweb.lima import ledger
from dvmweb.lima.ledger import Entry, append, read
from tests.lima.dvm_home import DvmHome
from tests.places import TOP


def test_what_was_written_is_read(dvm_home: DvmHome) -> None:
    first = Entry(("limactl", "list"), time=1.5, seconds=0.25)
    second = Entry(("limactl", "stop", "dvm-é\n"), "app", "j1", 2.5, 3.0, 255, "deadline")
    append(dvm_home.paths, first)
    append(dvm_home.paths, second)
    assert read(dvm_home.paths) == (first, second)
    assert (
        read(dvm_home.paths, vm="app") == read(dvm_home.paths, job="j1") == read(dvm_home.paths, limit=1) == (second,)
    )
    assert read(dvm_home.paths, vm="other") == ()
    assert stat.S_IMODE(dvm_home.paths.ledger.stat().st_mode) == 0o600
    assert stat.S_IMODE(dvm_home.paths.state.stat().st_mode) == 0o700


def test_no_ledger_yet(dvm_home: DvmHome) -> None:
    assert read(dvm_home.paths) == ()


def test_torn_and_foreign_lines_are_left_out(dvm_home: DvmHome) -> None:
    append(dvm_home.paths, Entry(("a",), time=1))
    with dvm_home.paths.ledger.open("ab") as file:
        file.write(b'{"version": 1, "argv"\n[]\n{"argv": "x"}\n\xff\n{"argv": [], "vm": 1}\n')
    append(dvm_home.paths, Entry(("b",), time=2))
    assert [entry.argv for entry in read(dvm_home.paths)] == [("a",), ("b",)]


def test_long_commands_are_shortened_and_stay_readable(dvm_home: DvmHome) -> None:
    append(dvm_home.paths, Entry(("a", "x" * 10_000), time=1))
    append(dvm_home.paths, Entry(("a", *("y" * 3000 for _ in range(100))), time=1))
    one, two = read(dvm_home.paths)
    assert (len(one.argv[1]), one.argv[1][-1]) == (ledger.LONGEST_WORD + 1, "…")
    assert (len(two.argv), two.argv[-1]) == (6, "… (+96 words)")


def test_it_rotates_and_keeps_one_old_file(dvm_home: DvmHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "ROTATE_AT", 1000)
    for number in range(60):
        append(dvm_home.paths, Entry((str(number),), time=1))
    found = [int(entry.argv[0]) for entry in read(dvm_home.paths)]
    assert found == list(range(found[0], 60))
    assert 10 <= len(found) < 60
    assert sorted(path.name for path in dvm_home.paths.state.iterdir()) in (
        ["ledger.jsonl", "ledger.old.jsonl"],
        ["ledger.old.jsonl"],
    )


def test_several_processes_lose_no_line(dvm_home: DvmHome) -> None:
    body = (
        f"import sys; sys.path.insert(0, {str(TOP)!r})\n"
        "from dvmweb.lima.ledger import Entry, append\nfrom dvmweb.paths import from_environment\n"
        f"paths = from_environment({dvm_home.environ!r})\n"
        "for number in range(50): append(paths, Entry((sys.argv[1], str(number)), time=1))\n"
    )
    children = [subprocess.Popen((sys.executable, "-Ic", body, str(number))) for number in range(4)]
    assert [child.wait() for child in children] == [0] * 4
    entries = read(dvm_home.paths, limit=1000)
    assert len(entries) == 200
    for number in "0123":
        assert [int(entry.argv[1]) for entry in entries if entry.argv[0] == number] == list(range(50))


def test_a_link_in_its_place_is_not_followed(dvm_home: DvmHome, tmp_path: Path) -> None:
    append(dvm_home.paths, Entry(("a",)))
    dvm_home.paths.ledger.unlink()
    dvm_home.paths.ledger.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="is a link"):
        append(dvm_home.paths, Entry(("a",)))
    with pytest.raises(UsageError, match="is a link"):
        read(dvm_home.paths)
