#!/usr/bin/env python3
"""Check and fill recipes/_versions.tsv, the table of pinned releases, on a computer with internet.

    scripts/versions.py check [NAME...]   does each download have its checksum, and do the makers publish the same?
    scripts/versions.py fill [NAME...]    reads the unknown checksums where the makers publish them

A checksum is written only when somebody published it and the download has it; none is made from a download alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import unquote, urlsplit

TABLE = Path(__file__).resolve().parent.parent / "recipes" / "_versions.tsv"
UNKNOWN = "unknown"
HEX = re.compile(r"[0-9a-f]{64}")
TIMEOUT = 60.0
PUBLISHED_BYTES, DOWNLOAD_BYTES = 5_000_000, 500_000_000  # more is no list of checksums, or no program


class Wrong(Exception):
    """One row cannot be checked or filled; the text is the reason."""


@dataclass(frozen=True)
class Row:
    """One release for one processor. `published` is where its makers give checksums, `source` where ours is from."""

    name: str
    version: str
    arch: str
    sha256: str
    url: str
    published: str
    source: str

    @property
    def file(self) -> str:
        return unquote(urlsplit(self.url).path).rsplit("/", 1)[-1]

    def __str__(self) -> str:
        return f"{self.name} {self.version} {self.arch}"


def parse(text: str) -> list[Row | str]:
    """Rows, and comment lines as they are."""
    return [line if line.startswith("#") or not line.strip() else Row(*line.split("\t")) for line in text.splitlines()]


def unparse(lines: Sequence[Row | str]) -> str:
    return "".join((line if isinstance(line, str) else "\t".join(astuple(line))) + "\n" for line in lines)


def published_checksum(text: str, file: str) -> str:
    """The sha256 of `file` in what its makers publish.

    It is the JSON of a GitHub release, a list as sha256sum writes it, or one lone checksum. Raises Wrong.
    """
    if text.lstrip().startswith("{"):
        found = _from_release(text, file)
    else:
        rows = [line.split() for line in text.splitlines() if line.strip()]
        found = [row[0].lower() for row in rows if len(row) == 2 and row[1].lstrip("*").removeprefix("./") == file]
        if len(rows) == 1 and len(rows[0]) == 1:
            found = [rows[0][0].lower()]
    if len(set(found)) != 1 or not HEX.fullmatch(found[0]):
        raise Wrong(f"no sha256 of {file} is published there")
    return found[0]


def _from_release(text: str, file: str) -> list[str]:
    try:
        assets = json.loads(text)["assets"]
        return [
            str(asset["digest"]).removeprefix("sha256:")
            for asset in assets
            if asset["name"] == file and str(asset.get("digest")).startswith("sha256:")
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Wrong("what is published there is no release of GitHub") from None


def ask(url: str) -> HTTPResponse:
    """Open `url`. Raises Wrong for anything but a web address, and for a redirect from https to http."""
    if urlsplit(url).scheme not in ("https", "http"):
        raise Wrong(f"{url} is no web address; put the one of the makers into the table")
    answer: HTTPResponse = urllib.request.urlopen(url, timeout=TIMEOUT)  # noqa: S310
    if urlsplit(answer.url).scheme != urlsplit(url).scheme:
        answer.close()
        raise Wrong(f"{url} leads to {answer.url}, which is not as safe; put the address of the makers into the table")
    return answer


def read_published(url: str) -> str:
    """The text at `url`. Raises Wrong with the address that failed."""
    try:
        with ask(url) as answer:
            data = answer.read(PUBLISHED_BYTES + 1)
    except (OSError, ValueError, HTTPException) as error:
        raise Wrong(f"{url} could not be read: {error}; try again later, or open it in a browser") from None
    if len(data) > PUBLISHED_BYTES:
        raise Wrong(f"{url} is too long for a list of checksums")
    return data.decode("utf-8", "replace")


def downloaded_checksum(url: str) -> str:
    """The sha256 of the download, which is not kept. Raises Wrong with the address that failed."""
    digest, size = hashlib.sha256(), 0
    try:
        with ask(url) as answer:
            while data := answer.read(1 << 20):
                digest.update(data)
                size += len(data)
                if size > DOWNLOAD_BYTES:
                    raise Wrong(f"{url} is longer than any release")
    except (OSError, ValueError, HTTPException) as error:
        raise Wrong(f"{url} could not be downloaded: {error}; try again later, or open it in a browser") from None
    return digest.hexdigest()


def check(row: Row) -> str:
    """The result for a row whose checksum is known. Raises Wrong."""
    if row.sha256 == UNKNOWN:
        raise Wrong(f"no checksum yet; run: scripts/versions.py fill {row.name}")
    found = downloaded_checksum(row.url)
    if found != row.sha256:
        raise Wrong(f"{row.url} has the checksum {found}, and the table has {row.sha256}")
    try:
        published = published_checksum(read_published(row.published), row.file)
    except Wrong as error:
        return f"the download has its checksum; not compared with its makers: {error}"
    if published != row.sha256:
        raise Wrong(f"{row.published} gives {published}, and the table has {row.sha256}")
    return "the download has its checksum, which its makers publish"


def fill(row: Row) -> Row:
    """The row with the checksum that its makers publish and its download has. Raises Wrong."""
    published = published_checksum(read_published(row.published), row.file)
    found = downloaded_checksum(row.url)
    if found != published:
        raise Wrong(f"{row.url} has the checksum {found}, and {row.published} gives {published}")
    return replace(row, sha256=published, source=row.published)


def save(table: Path, text: str) -> None:
    """Write the table completely or not at all."""
    with tempfile.NamedTemporaryFile("w", dir=table.parent, prefix=f".{table.name}.", delete=False) as new:
        new.write(text)
    Path(new.name).chmod(table.stat().st_mode & 0o777)
    Path(new.name).replace(table)


def run(verb: str, names: Sequence[str], table: Path) -> int:
    """Check or fill; prints a line for each row. 0: all is well, 1: something is wrong or still unknown, 2: usage."""
    lines, code = parse(table.read_text("utf-8")), 0
    known = {line.name for line in lines if isinstance(line, Row)}
    if unknown := set(names) - known:
        sys.stderr.write(f"No such release: {', '.join(sorted(unknown))}. There are: {', '.join(sorted(known))}.\n")
        return 2
    for index, row in enumerate(lines):
        if isinstance(row, str) or (names and row.name not in names) or (verb == "fill" and row.sha256 != UNKNOWN):
            continue
        try:
            if verb == "fill":
                lines[index] = fill(row)
                save(table, unparse(lines))
            sys.stdout.write(f"{row}: {'filled' if verb == 'fill' else check(row)}\n")
        except Wrong as error:
            sys.stderr.write(f"{row}: {error}\n")
            code = 1
    return code


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("verb", choices=("check", "fill"))
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--table", type=Path, default=TABLE)
    given = parser.parse_args(arguments)
    return run(given.verb, given.names, given.table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
