"""Finds stashes, commits that were not pushed, and commits of which it is not known whether they were pushed."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import work_config as config
from work_check import Check, Failed
from work_file import read_plain, reason
from work_layout import UnknownLayout, head_of, linked_of
from work_records import MOST_NAMES
from work_refspec import targets_of, why_unknown
from work_status import leaves

MOST_COMMITS = 10_000
MOST_SHOWN = 10
MOST_REMOTES = 100
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
PACKED_BYTES = 64 << 20
OWN_OF_A_WORK_TREE = ("bisect", "rewritten", "worktree")
_USUAL = ("heads", "remotes", "stash", "prefetch", *OWN_OF_A_WORK_TREE)
# Messages in the reflog of HEAD for moves to a commit that existed already.
_GOES = re.compile(r"checkout:|clone:|reset:|branch:|rebase [^:]*\(start\)|[^:]*: Fast-forward$")


class Remotes:
    """The remotes of a repository, split into those outside and inside this VM."""

    def __init__(self, check: Check) -> None:
        self.all = config.remotes_of(check.values)
        rewrites, push_rewrites = config.rewrites_of(check.values)
        rewrites, push_rewrites = check.git.rewrites + rewrites, check.git.push_rewrites + push_rewrites
        self.away: dict[str, config.Remote] = {}
        self.local: list[str] = []
        for name, remote in self.all.items():
            # A pattern in the name would match references of other remotes.
            if not set("*?[\\") & set(name) and check.addresses.is_remote(remote.addresses, rewrites, push_rewrites):
                self.away[name] = remote
            else:
                self.local.append(name)


def report_stashes(check: Check) -> None:
    """Report the number of stashes. Raises Failed."""
    count = _in_reftable(check) if check.has_reftable else _in_files(check)
    if count:
        check.facts += ["stashes", str(count)]
        check.records.add("stashes", min(count, MOST_COMMITS))


def _in_reftable(check: Check) -> int:
    if not check.query("for-each-ref", "--format=%(objectname)", "refs/stash"):
        return 0
    counted = check.query("rev-list", "-g", "--count", "refs/stash", "--").strip()
    return max(1, int(counted)) if counted.isdigit() else 1


def _in_files(check: Check) -> int:
    logged = _read(check, f"{check.common}/logs/refs/stash").count(b"\n")
    if logged:
        return logged
    # A stash without a reflog is still a stash.
    if os.path.lexists(f"{check.common}/refs/stash"):
        return 1
    return int(b" refs/stash\n" in _read(check, f"{check.common}/packed-refs"))


def _read(check: Check, path: str) -> bytes:
    try:
        return read_plain(path, PACKED_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return b""  # does not exist
    except OSError as error:
        check.records.problem(path, reason(error))
        raise Failed from None


def report_commits(check: Check) -> None:
    """Report the commits that no remote outside this VM is known to have. Raises Failed, UnknownLayout."""
    remotes = Remotes(check)
    if not remotes.away:
        check.records.add("no-remote")
    for name in remotes.local[:MOST_SHOWN]:
        check.records.add("local-remote", name)
    if max(len(remotes.away), len(remotes.local)) > MOST_REMOTES:
        check.records.problem(check.path, f"more than {MOST_REMOTES} remotes")
        raise Failed
    known = _known_references(check, remotes)
    tags = _tags_made_here(check)
    # %S is the reference by which a commit was found: each commit is counted once. Most tags are of others and come
    # back with a fetch; refs/prefetch is a copy of the remote made by `git maintenance`.
    output = check.query(
        "log",
        *("--no-show-signature", "--no-decorate", "--no-notes", "--no-mailmap", "--no-color", "-s"),
        f"--max-count={MOST_COMMITS + 1}",
        "--format=tformat:%H%x00%S%x00%s%x00",
        *("--exclude=refs/tags/*", "--exclude=refs/remotes/*", "--exclude=refs/prefetch/*", "--exclude=refs/stash"),
        "--all",
        *tags,
        *elsewhere(check),
        "--not",
        *known,
        "--",
    )
    fields = os.fsdecode(output).split("\0")
    commits = [(fields[at].lstrip("\n"), fields[at + 1], fields[at + 2]) for at in range(0, len(fields) - 3, 3)]
    _report(check, remotes, commits)


def _report(check: Check, remotes: Remotes, commits: list[tuple[str, str, str]]) -> None:
    prefix = "refs/heads/"
    branches: dict[str, int] = {}
    why: dict[str, tuple[str, str, str]] = {}
    upstreams = config.upstreams_of(check.values)
    for _, reference, _ in commits:
        name = reference[len(prefix) :] if reference.startswith(prefix) else reference
        if name not in branches:
            unknown = why_unknown(name, reference, remotes.away, upstreams)
            if unknown:
                why[name] = unknown
        branches[name] = branches.get(name, 0) + 1
    if not commits:
        return
    unknown_count = sum(branches[name] for name in why)
    check.facts += ["unpushed", *(commit for commit, _, _ in commits), *sorted(f"{name}\0{why[name]}" for name in why)]
    if unknown_count < len(commits):
        check.records.add("unpushed", len(commits) - unknown_count)
    if unknown_count:
        check.records.add("unknown", unknown_count)
    for commit, _, subject in commits[:MOST_SHOWN]:
        check.records.add("commit", commit[:12], subject)
    names = sorted(branches, key=os.fsencode)
    for name in [name for name in names if name not in why][:MOST_NAMES]:
        check.records.add("branch", name, branches[name])
    for name in [name for name in names if name in why][:MOST_NAMES]:
        check.records.add("unsure", name, branches[name], *why[name])


def _tags_made_here(check: Check) -> list[str]:
    """Tags on commits that were made here; a reference to no commit is reported as a problem. Raises Failed."""
    made = _made_here(check)
    usual = _USUAL if made else (*_USUAL, "tags")
    if not check.has_reftable and not _has_references_beside(check, usual):
        return []
    form = "--format=%(objecttype) %(*objecttype) %(objectname) %(*objectname) %(refname)"
    tags = []
    for line in os.fsdecode(check.query("for-each-ref", form)).split("\n")[:-1]:
        kind, peeled, commit, below, name = line.split(" ", 4)
        if name.startswith("refs/tags/"):
            tags += [name] if (below or commit) in made else []
        elif "commit" not in (kind, peeled) and not name.startswith(("refs/remotes/", "refs/prefetch/")):
            check.records.problem(
                check.path, f"{name} does not point to a commit; whether it exists elsewhere is not known"
            )
    return tags


def _has_references_beside(check: Check, usual: Sequence[str]) -> bool:
    try:
        names = set(os.listdir(f"{check.common}/refs")).difference(usual)
    except OSError as error:
        raise UnknownLayout(f"{check.common}/refs", reason(error)) from None
    if any(leaves(check, f"{check.common}/refs/{name}") for name in names):
        return True
    lines = os.fsdecode(_read(check, f"{check.common}/packed-refs")).split("\n")
    packed = (line.partition(" refs/")[2] for line in lines if line[:1] not in ("#", "^"))
    return any(name and name.split("/", 1)[0] not in usual for name in packed)


def _made_here(check: Check) -> set[str]:
    """The commits of HEAD's reflog that were created here."""
    made = set()
    for place in (check.common, *linked_of(check.common)):
        for commit, why in _log_in_reftable(check, place) if check.has_reftable else _log_in_file(check, place):
            if why and not _GOES.match(why):
                made.add(commit)
    return made


def _log_in_file(check: Check, place: str) -> list[tuple[str, str]]:
    lines = [line.partition("\t") for line in os.fsdecode(_read(check, f"{place}/logs/HEAD")).split("\n")]
    return [(facts.split(" ")[1], why) for facts, _, why in lines if why]


def _log_in_reftable(check: Check, place: str) -> list[tuple[str, str]]:
    git_dir = (f"--git-dir={place}", f"--work-tree={check.work}/empty")
    if check.git.run((*check.silent, *git_dir, "rev-parse", "-q", "--verify", "HEAD^{commit}")).code == 1:
        return []  # no commit yet
    words = ("log", "-g", "-s", "--no-show-signature", "--no-decorate", "--no-notes", "--no-mailmap", "--no-color")
    output = os.fsdecode(check.query(*words, "--format=tformat:%H%x00%gs", "HEAD", "--", place=git_dir))
    return [(commit, why) for commit, _, why in (line.partition("\0") for line in output.split("\n"))]


def elsewhere(check: Check) -> list[str]:
    """Commits with references only in another work tree, which Git does not show in this one."""
    admins = linked_of(check.common)
    found: list[str] = []
    for place in (check.common, *admins) if admins else ():
        commit = head_of(place)[1]
        if commit:
            found.append(commit)
        if place == check.git_dir:
            continue  # Git shows these
        if check.has_reftable:
            found += _in_reftable_of(check, place)
        for name in OWN_OF_A_WORK_TREE:
            found += _commits_in(check, f"{place}/refs/{name}")
    return found


def _in_reftable_of(check: Check, place: str) -> list[str]:
    names = [f"refs/{name}" for name in OWN_OF_A_WORK_TREE]
    git_dir = (f"--git-dir={place}", f"--work-tree={check.work}/empty")
    output = check.query("for-each-ref", "--format=%(objectname)", *names, place=git_dir).decode().split()
    head = check.git.run((*check.silent, *git_dir, "rev-parse", "-q", "--verify", "HEAD^{commit}"))
    if head.code not in (0, 1):
        raise UnknownLayout(place, "its HEAD cannot be read")
    return output + ([head.out.decode().strip()] if head.code == 0 else [])  # 1: no commit yet


def _commits_in(check: Check, folder: str) -> list[str]:
    found = []
    for leaf in leaves(check, folder):
        try:
            commit = os.fsdecode(read_plain(leaf, 4096).split(b"\n", 1)[0])
        except OSError as error:
            raise UnknownLayout(leaf, reason(error)) from None
        if not COMMIT.fullmatch(commit):
            raise UnknownLayout(leaf, "unknown content of a reference")
        found.append(commit)
    return found


def _known_references(check: Check, remotes: Remotes) -> list[str]:
    """Arguments for Git: the references that record what each remote has."""
    words: list[str] = []
    # The state of a remote inside this VM may be recorded under another remote's name.
    notes = [target for name in remotes.local for target in targets_of(remotes.all[name])]
    pointers = _pointers(check) if remotes.away else []
    for name in remotes.away:
        for other in pointers:
            words += [f"--exclude={other}", f"--exclude={other}/*"]
        words += [f"--exclude={target}" for target in notes]
        words += [f"--exclude=refs/remotes/{other}/*" for other in remotes.local if other.startswith(f"{name}/")]
        words.append(f"--glob=refs/remotes/{name}/*")
    return words


def _pointers(check: Check) -> list[str]:
    """Symbolic references of remotes, which do not record a push."""
    found = []
    for leaf in leaves(check, f"{check.common}/refs/remotes"):
        try:
            is_pointer = os.path.islink(leaf) or read_plain(leaf, 1 << 20).startswith(b"ref:")
        except OSError as error:
            raise UnknownLayout(leaf, reason(error)) from None
        if is_pointer:
            found.append(leaf[len(check.common) + 1 :])
    if check.has_reftable:
        for line in os.fsdecode(check.query("for-each-ref", "--format=%(symref) %(refname)", "refs/remotes")).split(
            "\n"
        ):
            target, _, name = line.partition(" ")
            if target:
                found.append(name)
    return found
