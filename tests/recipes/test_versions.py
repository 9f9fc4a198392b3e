"""scripts/versions.py against a real server on loopback, and the table of releases that we ship."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.places import RECIPES, TOP, recipe

SCRIPT = TOP / "scripts/versions.py"
DATA = b"the program"
GOOD, BAD = hashlib.sha256(DATA).hexdigest(), "b" * 64


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address under which it is served."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "tool.tar.gz").write_bytes(DATA)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def run(table: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = (sys.executable, str(SCRIPT), "--table", str(table), *words)
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def table_of(tmp_path: Path, address: str, sha256: str, *, source: str = "-") -> Path:
    table = tmp_path / "versions.tsv"
    row = ("tool", "1.0", "x86_64", sha256, f"{address}/tool.tar.gz", f"{address}/sums", source)
    table.write_text("# a comment\n" + "\t".join(row) + "\n")
    return table


def release(*assets: object) -> str:
    return json.dumps({"assets": assets})


@pytest.mark.parametrize(
    "published",
    [
        f"{GOOD}\n",
        f"{BAD}  other.tar.gz\n{GOOD}  tool.tar.gz\n",
        f"{GOOD.upper()} *./tool.tar.gz\n",
        release({"name": "a", "digest": None}, {"name": "tool.tar.gz", "digest": f"sha256:{GOOD}"}),
    ],
)
def test_fill_writes_what_is_published_with_its_source(tmp_path: Path, site: tuple[Path, str], published: str) -> None:
    folder, address = site
    (folder / "sums").write_text(published)
    table = table_of(tmp_path, address, "unknown")
    done = run(table, "fill", "tool")
    assert (done.returncode, done.stdout) == (0, "tool 1.0 x86_64: filled\n"), done.stderr
    comment, line = table.read_text().splitlines()
    row = line.split("\t")
    assert (comment, row[3], row[6]) == ("# a comment", GOOD, f"{address}/sums")
    checked = run(table, "check")
    assert (checked.returncode, "which its makers publish" in checked.stdout) == (0, True)


@pytest.mark.parametrize(
    ("published", "said"),
    [
        ("", "no sha256 of tool.tar.gz is published there"),
        (f"{GOOD}  other.tar.gz\n", "no sha256 of tool.tar.gz"),
        (f"{GOOD}  tool.tar.gz\n{BAD}  tool.tar.gz\n", "no sha256 of tool.tar.gz"),
        ("d41d8cd98f00b204e9800998ecf8427e  tool.tar.gz\n", "no sha256 of tool.tar.gz"),
        (release({"name": "tool.tar.gz", "digest": None}), "no sha256 of tool.tar.gz"),
        (release({"name": "tool.tar.gz", "digest": f"sha512:{GOOD}"}), "no sha256 of tool.tar.gz"),
        (release("text"), "no release of GitHub"),
        ("{", "no release of GitHub"),
        (f"{BAD}  tool.tar.gz\n", f"tool.tar.gz has the checksum {GOOD}"),
        (None, "/sums could not be read"),
    ],
)
def test_a_checksum_is_never_made_up(tmp_path: Path, site: tuple[Path, str], published: str | None, said: str) -> None:
    folder, address = site
    if published is not None:
        (folder / "sums").write_text(published)
    table = table_of(tmp_path, address, "unknown")
    before = table.read_text()
    done = run(table, "fill")
    assert (done.returncode, said in done.stderr) == (1, True), done.stderr
    assert table.read_text() == before
    assert run(table, "check").returncode == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site", "versions.tsv"]


@pytest.mark.parametrize(
    ("sha256", "published", "code", "said"),
    [
        (GOOD, None, 0, "not compared with its makers"),
        (BAD, GOOD, 1, f"has the checksum {GOOD}, and the table has {BAD}"),
        (GOOD, BAD, 1, f"gives {BAD}, and the table has {GOOD}"),
    ],
)
def test_check(
    tmp_path: Path, site: tuple[Path, str], sha256: str, published: str | None, code: int, said: str
) -> None:
    folder, address = site
    if published:
        (folder / "sums").write_text(published)
    table = table_of(tmp_path, address, sha256)
    done = run(table, "check")
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True)


def test_a_dead_mirror_is_named(tmp_path: Path, site: tuple[Path, str]) -> None:
    folder, address = site
    (folder / "tool.tar.gz").unlink()
    done = run(table_of(tmp_path, address, GOOD), "check")
    assert done.returncode == 1
    assert f"{address}/tool.tar.gz could not be downloaded: HTTP Error 404" in done.stderr


def test_a_file_is_no_published_checksum(tmp_path: Path, site: tuple[Path, str]) -> None:
    (tmp_path / "sums").write_text(f"{GOOD}\n")
    table = table_of(tmp_path, site[1], "unknown")
    table.write_text(table.read_text().replace(f"{site[1]}/sums", (tmp_path / "sums").as_uri()))
    done = run(table, "fill")
    assert (done.returncode, "is no web address" in done.stderr) == (1, True)


def test_an_unknown_name_changes_nothing(tmp_path: Path) -> None:
    table = table_of(tmp_path, "http://127.0.0.1:1", "unknown")
    done = run(table, "fill", "nothing")
    assert (done.returncode, done.stderr) == (2, "No such release: nothing. There are: tool.\n")


def test_our_table_is_in_order() -> None:
    rows = [line.split("\t") for line in (RECIPES / "_versions.tsv").read_text().splitlines() if line[0] != "#"]
    assert {len(row) for row in rows} == {7}
    pairs = [(row[0], row[2]) for row in rows]
    assert pairs == [(name, arch) for name in sorted({row[0] for row in rows}) for arch in ("x86_64", "aarch64")]
    for name, version, arch, sha256, url, published, source in rows:
        assert recipe(name).is_file()
        assert version in url, name
        assert re.search({"x86_64": "x86_64|amd64|x64", "aarch64": "aarch64|arm64"}[arch], url), name
        assert url.startswith("https://")
        assert published.startswith("https://")
        assert (sha256 == "unknown") == (source == "-"), "a checksum has its source beside it"
        assert sha256 == "unknown" or re.fullmatch("[0-9a-f]{64}", sha256)
    known = [row[3] for row in rows if row[3] != "unknown"]
    assert len(set(known)) == len(known)
