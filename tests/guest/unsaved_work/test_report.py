"""The host's side: only a whole answer of the right guest to this question can mean clean (D11, H03)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.errors import CheckFailed
from dvmweb.guest.protocol import MAX_BYTES
from dvmweb.guest.unsaved_work import (
    NOT_CHECKED,
    LooseFiles,
    Names,
    RepositoryReport,
    UnsavedWorkReport,
    Verdict,
    failed_report,
    from_json,
    parse_report,
)

NONCE = "0123456789abcdef0123456789abcdef"
IDENTITY = "dvm-app 00112233445566778899aabbccddeeff"
DIGEST = b"0" * 64
Fields = tuple[str | bytes, ...]

CLEAN: tuple[Fields, ...] = (
    ("identity", *IDENTITY.split()),
    ("checked", "/home/dev/code", "/home/dev/code"),
    ("skipped", "ignored", "node_modules"),
    ("skipped", "loose", ".venv"),
    ("repository", "app", "worktree", "main"),
    ("loose", "0", "0"),
    ("digest", DIGEST),
)
RISKY: tuple[Fields, ...] = (
    *CLEAN[:5],
    ("untracked", "2", "a", b"\xff\n"),
    ("stashes", "1"),
    ("unpushed", "3"),
    ("commit", "abc", "subject"),
    ("branch", "main", "3"),
    ("local-remote", "origin"),
    ("no-remote",),
    ("operation", "rebase"),
    ("locked",),
    ("repository", "lib", "submodule", ""),
    ("hidden", "1", "x"),
    ("loose", "2", "30", "note", "list"),
    ("digest", DIGEST),
)


def raw(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def record(fields: Fields) -> bytes:
    return b"".join(raw(part) + b"\0" for part in (fields[0], str(len(fields) - 1), *fields[1:]))


def answer(*records: Fields, nonce: str = NONCE) -> bytes:
    return f"dvm-answer\0work\x001\0{nonce}\0".encode() + b"".join(map(record, (*records, ("end", nonce))))


def parsed(*records: Fields) -> UnsavedWorkReport:
    return parse_report(answer(*records), NONCE, IDENTITY, checked_at=5.0)


def test_clean() -> None:
    report = parsed(*CLEAN)
    assert report.verdict is Verdict.CLEAN
    assert report.summary() == "no unsaved work found"
    assert report.lines() == ("/home/dev/code: no unsaved work found.", NOT_CHECKED)
    assert (report.checked_at, report.skipped_ignored, report.skipped_loose) == (5.0, ("node_modules",), (".venv",))


def test_at_risk() -> None:
    report = parsed(*RISKY)
    assert report.verdict is Verdict.UNSAVED_WORK
    assert report.repositories == (
        RepositoryReport(
            "app",
            "worktree",
            "main",
            untracked=Names(2, ("a", "\udcff\n")),
            stashes=1,
            unpushed=3,
            commits=(("abc", "subject"),),
            branches=(("main", 3),),
            local_remotes=("origin",),
            has_remote=False,
            operation="rebase",
            is_locked=True,
        ),
        RepositoryReport("lib", "submodule", hidden=Names(1, ("x",))),
    )
    assert report.loose == LooseFiles(2, 30, ("note", "list"))
    assert report.summary() == (
        "3 commits not pushed, 1 stash, 2 untracked files, 1 file hidden from Git and 1 unfinished rebase "
        "in 2 repositories, and 2 loose files"
    )
    assert "  untracked files: a, \\xff\\x0a" in report.lines()
    assert "  … and 2 commits more" in report.lines()
    assert "lib (submodule, detached HEAD): 1 file hidden from Git" in report.lines()


def test_one_problem_is_enough_and_the_rest_is_still_shown() -> None:
    report = parsed(*CLEAN[:5], ("untracked", "1", "a"), ("problem", "./x", "Permission \x1bdenied"))
    assert report.verdict is Verdict.CHECK_FAILED
    assert report.summary() == "check failed: ./x: Permission \\x1bdenied"
    assert "  untracked files: a" in report.lines()


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"nothing of ours",
        answer(*CLEAN, nonce="f" * 32),
        answer(*CLEAN)[:-1],
        answer(*CLEAN)[: -len(record(("end", NONCE)))],
        answer(*CLEAN).replace(b"work\x001", b"work\x002"),
        answer(*CLEAN).replace(b"\0work\0", b"\0state\0"),
        answer(*CLEAN) + b"x" * MAX_BYTES,
        answer(*CLEAN).replace(b"dvm-app", b"dvm-old"),
        answer(*CLEAN[1:]),
        answer(CLEAN[1], CLEAN[0], *CLEAN[2:]),
        answer(("identity", "", ""), *CLEAN[1:]),
    ],
)
def test_not_the_answer_to_this_question(output: bytes) -> None:
    with pytest.raises(CheckFailed):
        parse_report(output, NONCE, IDENTITY)


@pytest.mark.parametrize(
    ("told", "known", "words"),
    [
        (("", ""), "dvm-app", "no sync has reached that step"),
        (("", ""), IDENTITY, "no sync has reached that step"),
        (IDENTITY.split(), "dvm-app ", "does not know the identity"),
        (("dvm-b", IDENTITY.split()[1]), "dvm-app ", "another guest"),
        (("dvm-app", "f" * 32), IDENTITY, "another guest"),
    ],
)
def test_what_is_wrong_with_an_identity_is_told_as_it_is(told: Sequence[str], known: str, words: str) -> None:
    with pytest.raises(CheckFailed, match=words):
        parse_report(answer(("identity", *told), *CLEAN[1:]), NONCE, known)


@pytest.mark.parametrize("identity", ["", "dvm-app", "dvm-app x y", "dvm-app 00112233445566778899aabbccddeefe"])
def test_an_identity_that_the_host_does_not_know(identity: str) -> None:
    for told in (IDENTITY.split(), ["", ""]):
        with pytest.raises(CheckFailed):
            parse_report(answer(("identity", *told), *CLEAN[1:]), NONCE, identity)


@pytest.mark.parametrize("missing", range(1, len(CLEAN)))
def test_a_gap_is_not_clean(missing: int) -> None:
    """Only the repository may be missing: a code folder may hold none."""
    records = CLEAN[:missing] + CLEAN[missing + 1 :]
    if CLEAN[missing][0] == "repository":
        assert parsed(*records).verdict is Verdict.CLEAN
    else:
        with pytest.raises(CheckFailed):
            parsed(*records)


@pytest.mark.parametrize(
    "extra",
    [
        ("unheard-of",),
        ("identity", *IDENTITY.split()),
        ("checked", "/home/dev/code"),
        ("repository", "app", "castle", "main"),
        ("repository", "app", "worktree"),
        ("repository", "x" * 301, "worktree", "main"),
        ("untracked", "-1"),
        ("untracked", "1e3"),
        ("untracked", "9" * 16, "a"),
        ("untracked", "0", "a"),
        ("untracked", "2", "a"),
        ("untracked", "21", *"abcdefghijklmnopqrstu"),
        ("unpushed", "10002"),
        ("unpushed", ""),
        ("stashes", "1", "2"),
        ("stashes", "0"),
        ("untracked", "0"),
        ("operation", "party"),
        ("commit", "abc"),
        ("no-remote", "x"),
        ("loose", "0", "0"),
        ("skipped", "loose", "x"),
        ("skipped", "all", "x"),
        ("digest", DIGEST),
        ("digest", "0"),
    ],
)
def test_what_is_not_understood_is_never_clean(extra: Fields) -> None:
    with pytest.raises(CheckFailed):
        parsed(*CLEAN, extra)


def test_a_fact_twice_or_without_a_repository() -> None:
    for records in ((*CLEAN, ("stashes", "1"), ("stashes", "0")), (*CLEAN[:4], ("stashes", "1"), *CLEAN[5:])):
        with pytest.raises(CheckFailed):
            parsed(*records)


def test_more_repositories_than_the_script_looks_at() -> None:
    with pytest.raises(CheckFailed):
        parsed(*CLEAN, *(("repository", str(index), "bare", "") for index in range(2000)))


RISKS: tuple[Fields, ...] = (("stashes", "1"), ("unpushed", "3"), ("staged", "1", "a"), ("operation", "merge"))
WHOLE = [answer(*RISKY), *(answer(*CLEAN[:5], risk, *CLEAN[5:]) for risk in RISKS)]


@given(st.sampled_from(WHOLE), st.floats(0, 1), st.binary(max_size=6) | st.just(b"0"), st.integers(0, 6))
def test_a_changed_answer_is_never_clean(whole: bytes, place: float, change: bytes, cut: int) -> None:
    """Whatever happens to some bytes of a report with work at risk, it never turns into a clean one."""
    start = int(place * len(whole))
    changed = whole[:start] + change + whole[start + cut :]
    try:
        report = parse_report(changed, NONCE, IDENTITY, checked_at=5.0)
    except CheckFailed:
        return
    assert report.verdict is not Verdict.CLEAN


@given(st.binary(max_size=300))
def test_any_bytes_are_never_clean(output: bytes) -> None:
    for whole in (output, answer()[:-44] + output):
        with pytest.raises(CheckFailed):
            parse_report(whole, NONCE, IDENTITY)


texts = st.binary(max_size=12).map(lambda value: value.decode("utf-8", "surrogateescape"))
names = st.lists(texts, max_size=3).map(lambda found: Names(len(found), tuple(found)))
repositories = st.builds(
    RepositoryReport,
    path=texts,
    kind=st.sampled_from(("worktree", "bare")),
    branch=texts,
    staged=names,
    hidden=names,
    stashes=st.integers(0, 3),
    unpushed=st.integers(0, 3),
    commits=st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
    branches=st.lists(st.tuples(texts, st.integers(0, 9)), max_size=2).map(tuple),
    operation=st.sampled_from(("", "merge")),
    has_remote=st.booleans(),
    local_remotes=st.lists(texts, max_size=2).map(tuple),
    is_locked=st.booleans(),
)
reports = st.builds(
    UnsavedWorkReport,
    checked_at=st.floats(0, 4e9),
    code_dir=texts,
    repositories=st.lists(repositories, max_size=3).map(tuple),
    loose=st.builds(LooseFiles, st.integers(0, 9), st.integers(0, 9), st.lists(texts, max_size=2).map(tuple)),
    problems=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    digest=texts,
)


@given(reports)
def test_stored_and_read_back(report: UnsavedWorkReport) -> None:
    text = report.to_json()
    assert text.isascii()
    assert from_json(text) == report
    assert json.loads(text)["version"] == 3
    assert all(line.isprintable() for line in report.lines()[:-1] if not report.problems)


@given(reports)
def test_hash_of_the_facts(report: UnsavedWorkReport) -> None:
    """H01: neither the time, nor sizes, nor a lock; everything else."""
    assert replace(report, checked_at=9.0, loose=replace(report.loose, bytes=77)).facts_hash() == report.facts_hash()
    changes: tuple[Callable[[UnsavedWorkReport], UnsavedWorkReport], ...] = (
        lambda known: replace(known, digest=known.digest + "x"),
        lambda known: replace(known, problems=(*known.problems, "x")),
        lambda known: replace(known, repositories=(*known.repositories, RepositoryReport("x", "bare"))),
        lambda known: replace(known, loose=replace(known.loose, count=known.loose.count + 1)),
    )
    assert all(change(report).facts_hash() != report.facts_hash() for change in changes)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 2}', '{"version": 1}', '{"version": 3}', "null", "[" * 100_000]
)
def test_a_stored_report_that_is_damaged(text: str) -> None:
    with pytest.raises(CheckFailed):
        from_json(text)


def test_could_not_look() -> None:
    report = failed_report("The VM is \x07stopped.", "~/code", checked_at=7.0)
    assert (report.checked_at, report.verdict) == (7.0, Verdict.CHECK_FAILED)
    assert report.summary() == "check failed: The VM is \\x07stopped."
