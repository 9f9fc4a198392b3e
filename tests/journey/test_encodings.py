"""B44: a text in another encoding is told as what it is, with its line and how to mend it, by every reader of files."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journey.driver import User

CONFIG = "cpus: 2\nmemory: 2GiB\n"
BOM = codecs.BOM_UTF8
CASES: list[tuple[Callable[[str], bytes], int, str, str]] = [
    (lambda text: BOM + text.encode(), 1, "begins with a byte order mark (BOM)", "Save it as UTF-8 without BOM"),
    (lambda text: text.replace("\n", "\n\ufeff", 1).encode(), 2, "contains a byte order mark (BOM)", "Delete that"),
    (lambda text: text.encode("utf-16"), 1, "is UTF-16 or UTF-32 text", "Save it as UTF-8"),
    (lambda text: text.encode("utf-16-le"), 1, "is UTF-16 or UTF-32 text", "Save it as UTF-8"),
    (lambda text: text.encode("utf-16-be"), 1, "is UTF-16 or UTF-32 text", "Save it as UTF-8"),
    (lambda text: text.encode("utf-32"), 1, "is UTF-16 or UTF-32 text", "Save it as UTF-8"),
    (lambda text: text.encode() + b"# caf\xe9\n", 0, "is not UTF-8 here", "Save the file as UTF-8"),
]


def each_is_told(user: User, path: Path, text: str, line: str) -> None:
    """Each case says its line, what it is and what to do; the text itself is good."""
    for written, number, what, todo in CASES:
        path.write_bytes(written(text))
        refused = user.dvm(line).says(f"{number or text.count(chr(10)) + 1}: ", what, todo).never_says("Traceback")
        assert refused.code in (1, 2), refused
    path.write_bytes(text.encode())
    user.dvm(line).succeeds()


def test_b44_a_config(user: User) -> None:
    each_is_told(user, user.vm("app").has_config(CONFIG).config, CONFIG, "sync app --dry-run")


@pytest.mark.parametrize(("name", "text"), [("config.yaml", CONFIG), ("lima.yaml", "nestedVirtualization: true\n")])
def test_b44_the_files_for_all_vms(user: User, name: str, text: str) -> None:
    user.dvm("init app").succeeds()
    each_is_told(user, user.paths.config / name, text, "sync app --dry-run")


def test_b44_a_recipe(user: User) -> None:
    path = user.has_recipe("hello", "echo hello")
    text = path.read_text()
    each_is_told(user, path, text, "recipe check hello")
    path.write_bytes(text.replace("\n", "\r\n").encode())
    found = user.dvm("recipe check hello")
    found.prints("hello:1: error: has Windows line endings.", "Save it with Unix line endings")
    path.write_bytes(text.encode() + b"\0\n")
    user.dvm("recipe check hello").prints("hello:6: error: contains a NUL byte.")
