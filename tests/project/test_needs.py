"""A test says which programs it needs: no other way to skip for one, no program run without a word, and CI has all."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests import needs
from tests.places import TOP

pytestmark = pytest.mark.xdist_group("needs")  # what is read once is not read in each worker
TESTS = sorted((TOP / "tests").rglob("*.py"))
# What README names, and what every Debian and macOS has (on Debian: essential packages).
EVERYWHERE = {
    *("bash", "cat", "chmod", "cp", "cut", "date", "dd", "echo", "env", "false", "find", "git", "grep", "head", "id"),
    *("kill", "ln", "ls", "make", "mkdir", "mkfifo", "mktemp", "mount", "mv", "nsenter", "perl", "printf", "python3"),
    *("readlink", "rm", "rmdir", "script", "sed", "seq", "setpriv", "sh", "sleep", "sort", "stat", "tail", "tar"),
    *("tee", "test", "touch", "tr", "true", "umount", "uname", "unshare", "wc", "xargs"),
}
# They have rules of their own: a real Lima, real Debians, what is measured.
ROOMS_OF_THEIR_OWN = ("lima", "roots", "bare", "bench", "sandbox")
OURS = ("needs.py", "test_needs.py")
STARTS = ("run", "Popen", "check_output", "check_call")


@cache
def of_tests() -> list[tuple[Path, ast.Module]]:
    rooms = {path: path.relative_to(TOP / "tests").parts[0] for path in TESTS}
    checked_at = [path for path in TESTS if rooms[path] not in ROOMS_OF_THEIR_OWN and path.name not in OURS]
    return [(path, ast.parse(path.read_bytes())) for path in checked_at]


def started(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The programs that `subprocess` is told by name, with their lines."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in STARTS):
            continue
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "subprocess" and node.args):
            continue
        words = node.args[0]
        if isinstance(words, ast.Tuple | ast.List) and words.elts and isinstance(words.elts[0], ast.Constant):
            yield str(words.elts[0].value).removeprefix("/bin/"), node.lineno


def said(tree: ast.Module) -> set[str]:
    """The programs that a module says it needs."""
    names: set[str] = set()
    if not any(isinstance(node, ast.ImportFrom) and node.module == "tests.needs" for node in ast.walk(tree)):
        return names  # a function of its own, by the same name
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in ("needs", "need"):
                names |= {str(one.value) for one in node.args if isinstance(one, ast.Constant)}
    return names


def test_a_program_that_a_test_runs_is_everywhere_or_said() -> None:
    wrong = []
    for path, tree in of_tests():
        known = EVERYWHERE | said(tree)
        wrong += [f"{path.name}:{line}: {name}" for name, line in started(tree) if name not in known]
    assert not wrong, f'say needs("…") there: {wrong}'


def test_what_is_said_is_known() -> None:
    """Else the last lines of a run could not say how to get it."""
    assert not {name for _, tree in of_tests() for name in said(tree)} - set(needs.PACKAGES)


def test_no_test_looks_for_a_program_in_a_way_of_its_own() -> None:
    """A condition of a skip that asks `which` is one that the summary does not understand."""
    wrong = []
    for path, tree in of_tests():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.skipif":
                wrong += [f"{path.name}:{node.lineno}"] if "which" in ast.unparse(node) else []
            if isinstance(node, ast.If) and "shutil.which" in ast.unparse(node.test) and "skip" in ast.unparse(node):
                wrong.append(f"{path.name}:{node.lineno}")
    assert not wrong, f'use needs("…"): {wrong}'


def test_ci_installs_whatever_a_test_may_need() -> None:
    tools = dict(re.findall(r"([a-z0-9.-]+):([a-z0-9.+-]+)", (TOP / ".ci" / "run").read_text()))
    of_programs = {name: package for name, package in needs.PACKAGES.items() if not name.startswith("lib")}
    assert {name: tools.get(name) for name in of_programs} == of_programs


@pytest.mark.parametrize(("programs", "why"), [((), ""), (("sh",), ""), (("sh", "dvm-none"), "needs dvm-none")])
def test_lacking_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, programs: tuple[str, ...], why: str) -> None:
    monkeypatch.setitem(needs.PACKAGES, "dvm-none", "dvm-tools")
    assert needs.lacking(*programs) == (f"{why}; apt-get install dvm-tools" if why else "")


def test_the_last_lines_group_what_was_skipped_and_name_one_command() -> None:
    browser, both = needs.reason(["chromium", "libatomic.so.1"]), needs.reason(["xz", "unzip"])
    found = needs.summary([browser, "needs root", browser, both, browser])
    assert found.lines(is_root=False) == [
        "",
        "Not run here:",
        "      3  needs chromium, libatomic.so.1",
        "      1  needs root",
        "      1  needs unzip, xz",
        "To run what needs a program, as root: apt-get install chromium libatomic1 unzip xz-utils",
    ]
    assert needs.summary([]).lines(is_root=False) == []
    assert needs.summary(["needs root"]).lines(is_root=True) == ["", "Not run here:", "      1  needs root"]


def test_in_ci_nothing_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(needs.PACKAGES, "dvm-none", "dvm-tools")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="dvm-none"):
        needs.need("dvm-none")
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception, match="dvm-none"):
        needs.need("dvm-none")
