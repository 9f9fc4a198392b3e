"""What limactl writes to a terminal while it downloads, recorded from Lima 2.2.0 on Linux with a slow server."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from dvmweb.lima.failures import last_lines
from dvmweb.lima.process import run
from dvmweb.lima.progress_bar import LONGEST, BarReader

MIB = 1 << 20
HEAD = (
    b"\x1b[36mINFO\x1b[0m[0000] Terminal is not available, proceeding without opening an editor \n"
    b"\x1b[36mINFO\x1b[0m[0000] Attempting to download the image              \x1b[36march\x1b[0m=x86_64 "
    b'\x1b[36mdigest\x1b[0m= \x1b[36mlocation\x1b[0m="http://127.0.0.1:18099/a.qcow2"\n'
    b"Downloading the image (a.qcow2)\n"
)
KNOWN = (
    b"\r15.95 MiB / 478.62 MiB [->_________________________________________] 3.33% ? p/s"
    b"\r55.84 MiB / 478.62 MiB [---->_______________________________] 11.67% 66.43 MiB/s"
)
END = (
    b"\r478.62 MiB / 478.62 MiB [----------------------------------] 100.00% 61.53 MiB/s\n"
    b"\x1b[36mINFO\x1b[0m[0012] Downloaded the image from `http://127.0.0.1:18099/a.qcow2` \n"
)
UNKNOWN = (
    b"\r15.53 MiB [---------------------------------------------------------->] ?% ? p/s"
    b"\r59.83 MiB [---------------------------------------------------->] ?% 75.74 MiB/s"
    b"\r478.62 MiB [----------------------------------------------------] ?% 84.29 MiB/s\n"
)


def read(*parts: bytes) -> tuple[list[tuple[str, int, int]], bytes]:
    heard: list[tuple[str, int, int]] = []
    reader = BarReader(lambda *facts: heard.append(facts))
    return heard, b"".join([*(reader.read(part) for part in parts), reader.end()])


def test_a_download_is_counted_and_its_log_has_the_last_bar_alone() -> None:
    heard, shown = read(HEAD, KNOWN, END)
    assert [(what, round(done / MIB), round(whole / MIB)) for what, done, whole in heard] == [
        ("Downloading the image (a.qcow2)", 16, 479),
        ("Downloading the image (a.qcow2)", 56, 479),
        ("Downloading the image (a.qcow2)", 479, 479),
        ("", 0, 0),
    ]
    assert heard[2][1] == heard[2][2]
    assert shown.decode().splitlines() == [
        "INFO[0000] Terminal is not available, proceeding without opening an editor",
        "INFO[0000] Attempting to download the image              arch=x86_64 digest= "
        'location="http://127.0.0.1:18099/a.qcow2"',
        "Downloading the image (a.qcow2)",
        "478.62 MiB / 478.62 MiB [----------------------------------] 100.00% 61.53 MiB/s",
        "INFO[0012] Downloaded the image from `http://127.0.0.1:18099/a.qcow2`",
    ]


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_it_does_not_matter_where_the_reads_end(size: int) -> None:
    data = HEAD + KNOWN + END + HEAD + UNKNOWN
    assert read(*(data[at : at + size] for at in range(0, len(data), size))) == read(data)


def test_without_a_length_from_the_server_there_is_no_whole() -> None:
    heard, _ = read(HEAD, UNKNOWN)
    assert [(round(done / MIB), whole) for _, done, whole in heard] == [(16, 0), (60, 0), (479, 0), (0, 0)]


def test_an_image_of_the_cache_and_a_bar_of_something_else_are_no_download() -> None:
    assert read(HEAD.rpartition(b"Downloading")[0] + b"\x1b[36mINFO\x1b[0m[0000] Using cache `/c/data` \n")[0] == []
    assert read(b"INFO[0001] Converting `disk` to raw\n", KNOWN, END)[0] == []


def test_an_error_behind_an_open_bar_is_a_line_of_its_own() -> None:
    error = b"\x1b[31mFATA\x1b[0m[0003] failed to download `http://a/b`: unexpected EOF \n"
    heard, shown = read(HEAD, KNOWN, error)
    assert heard[-1] == ("", 0, 0)
    assert shown.endswith(b"\nFATA[0003] failed to download `http://a/b`: unexpected EOF\n")
    assert last_lines(shown)[-1] == "fatal: failed to download `http://a/b`: unexpected EOF"
    assert last_lines(b"INFO[0000] plain\nWARN[0000] odd\n") == ("plain", "warning: odd")


def test_whatever_a_server_or_a_program_writes_is_read_to_its_end() -> None:
    data = b"x" * (3 * LONGEST) + b"\nDownloading \x1b]0;t\x07\n\r9999999999.0 MiB / 1.0 MiB [-] 1.0%\r\r\n\n"
    heard, shown = read(data[:LONGEST], data[LONGEST:])
    assert heard == []
    assert shown.startswith(b"x" * (3 * LONGEST))
    heard, _ = read(b"Downloading \x1b]0;title\x07\n", KNOWN)
    assert re.fullmatch(r"[ -~]+", heard[0][0])


def test_a_program_has_a_terminal_for_its_errors_alone() -> None:
    body = (
        "import sys; print(sys.stdin.isatty(), sys.stdout.isatty(), sys.stderr.isatty());"
        "sys.stderr.write('Downloading x\\n\\r1.00 MiB / 4.00 MiB [->__] 25.00% ? p/s\\r');"
        "sys.stderr.write('e' * 100000 + '\\nend'); sys.exit(3)"
    )
    heard: list[tuple[str, int, int]] = []
    output: list[bytes] = []
    finished = run(
        (sys.executable, "-c", body),
        env={"PATH": os.environ["PATH"]},
        timeout=60,
        on_output=output.append,
        bars=BarReader(lambda *facts: heard.append(facts)),
    )
    assert (finished.code, finished.stdout) == (3, b"False False True\n")
    assert heard == [("Downloading x", MIB, 4 * MIB), ("", 0, 0)]
    assert b"".join(output).endswith(b"e\nend")
    assert len(finished.stderr) == 64_000
    assert finished.stderr.endswith(b"e\nend")


def test_a_program_that_cannot_be_started_leaves_no_terminal_open() -> None:
    before = len(list(Path("/dev/fd").iterdir()))
    with pytest.raises(Exception, match="cannot be run"):
        run(("/no/such/program",), env={}, timeout=5, bars=BarReader(lambda *_: None))
    assert len(list(Path("/dev/fd").iterdir())) == before
