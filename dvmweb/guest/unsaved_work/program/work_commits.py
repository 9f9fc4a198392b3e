"""Finds stashes, commits that were not pushed, and commits of which it is not known whether they were pushed."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import work_config as config
from work_file import read_plain, reason
from work_layout import NotUnderstood, head_of, linked_of
from work_look import Failed, Look
from work_refspec import targets_of, why_unknown
from work_say import MOST_NAMES
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

    def __init__(self, look: Look) -> None:
        self.all = config.remotes_of(look.values)
        rewrites, push_rewrites = config.rewrites_of(look.values)
        rewrites, push_rewrites = look.git.rewrites + rewrites, look.git.push_rewrites + push_rewrites
        self.away: dict[str, config.Remote] = {}
        self.local: list[str] = []
        for name, remote in self.all.items():
            # A pattern in the name would match references of other remotes.
            if not set("*?[\\") & set(name) and look.addresses.is_remote(remote.addresses, rewrites, push_rewrites):
                self.away[name] = remote
            else:
                self.local.append(name)


def tell_stashes(look: Look) -> None:
    """Report the number of stashes. Raises Failed."""
    count = _in_reftable(look) if look.has_reftable else _in_files(look)
    if count:
        look.facts += ["stashes", str(count)]
        look.said.say("stashes", min(count, MOST_COMMITS))


def _in_reftable(look: Look) -> int:
    if not look.ask("for-each-ref", "--format=%(objectname)", "refs/stash"):
        return 0
    counted = look.ask("rev-list", "-g", "--count", "refs/stash", "--").strip()
    return max(1, int(counted)) if counted.isdigit() else 1


def _in_files(look: Look) -> int:
    logged = _read(look, f"{look.common}/logs/refs/stash").count(b"\n")
    if logged:
        return logged
    # A stash without a reflog is still a stash.
    if os.path.lexists(f"{look.common}/refs/stash"):
        return 1
    return int(b" refs/stash\n" in _read(look, f"{look.common}/packed-refs"))


def _read(look: Look, path: str) -> bytes:
    try:
        return read_plain(path, PACKED_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return b""  # does not exist
    except OSError as error:
        look.said.problem(path, reason(error))
        raise Failed from None


def tell_commits(look: Look) -> None:
    """Report the commits that no remote outside this VM is known to have. Raises Failed, NotUnderstood."""
    remotes = Remotes(look)
    if not remotes.away:
        look.said.say("no-remote")
    for name in remotes.local[:MOST_SHOWN]:
        look.said.say("local-remote", name)
    if max(len(remotes.away), len(remotes.local)) > MOST_REMOTES:
        look.said.problem(look.path, f"more than {MOST_REMOTES} remotes")
        raise Failed
    known = _known_references(look, remotes)
    tags = _tags_made_here(look)
    # %S is the reference by which a commit was found: each commit is counted once. Most tags are of others and come
    # back with a fetch; refs/prefetch is a copy of the remote made by `git maintenance`.
    said = look.ask(
        "log",
        *("--no-show-signature", "--no-decorate", "--no-notes", "--no-mailmap", "--no-color", "-s"),
        f"--max-count={MOST_COMMITS + 1}",
        "--format=tformat:%H%x00%S%x00%s%x00",
        *("--exclude=refs/tags/*", "--exclude=refs/remotes/*", "--exclude=refs/prefetch/*", "--exclude=refs/stash"),
        "--all",
        *tags,
        *_elsewhere(look),
        "--not",
        *known,
        "--",
    )
    fields = os.fsdecode(said).split("\0")
    commits = [(fields[at].lstrip("\n"), fields[at + 1], fields[at + 2]) for at in range(0, len(fields) - 3, 3)]
    _tell(look, remotes, commits)


def _tell(look: Look, remotes: Remotes, commits: list[tuple[str, str, str]]) -> None:
    prefix = "refs/heads/"
    branches: dict[str, int] = {}
    why: dict[str, tuple[str, str, str]] = {}
    upstreams = config.upstreams_of(look.values)
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
    look.facts += ["unpushed", *(commit for commit, _, _ in commits), *sorted(f"{name}\0{why[name]}" for name in why)]
    if unknown_count < len(commits):
        look.said.say("unpushed", len(commits) - unknown_count)
    if unknown_count:
        look.said.say("unknown", unknown_count)
    for commit, _, subject in commits[:MOST_SHOWN]:
        look.said.say("commit", commit[:12], subject)
    names = sorted(branches, key=os.fsencode)
    for name in [name for name in names if name not in why][:MOST_NAMES]:
        look.said.say("branch", name, branches[name])
    for name in [name for name in names if name in why][:MOST_NAMES]:
        look.said.say("unsure", name, branches[name], *why[name])


def _tags_made_here(look: Look) -> list[str]:
    """Tags on commits that were made here; a reference to no commit is reported as a problem. Raises Failed."""
    made = _made_here(look)
    usual = _USUAL if made else (*_USUAL, "tags")
    if not look.has_reftable and not _has_references_beside(look, usual):
        return []
    form = "--format=%(objecttype) %(*objecttype) %(objectname) %(*objectname) %(refname)"
    tags = []
    for line in os.fsdecode(look.ask("for-each-ref", form)).split("\n")[:-1]:
        kind, peeled, commit, below, name = line.split(" ", 4)
        if name.startswith("refs/tags/"):
            tags += [name] if (below or commit) in made else []
        elif "commit" not in (kind, peeled) and not name.startswith(("refs/remotes/", "refs/prefetch/")):
            look.said.problem(look.path, f"{name} does not point to a commit; whether it exists elsewhere is not known")
    return tags


def _has_references_beside(look: Look, usual: Sequence[str]) -> bool:
    try:
        names = set(os.listdir(f"{look.common}/refs")).difference(usual)
    except OSError as error:
        raise NotUnderstood(f"{look.common}/refs", reason(error)) from None
    if any(leaves(look, f"{look.common}/refs/{name}") for name in names):
        return True
    lines = os.fsdecode(_read(look, f"{look.common}/packed-refs")).split("\n")
    packed = (line.partition(" refs/")[2] for line in lines if line[:1] not in ("#", "^"))
    return any(name and name.split("/", 1)[0] not in usual for name in packed)


def _made_here(look: Look) -> set[str]:
    """The commits of HEAD's reflog that were created here."""
    made = set()
    for place in (look.common, *linked_of(look.common)):
        for commit, why in _log_in_reftable(look, place) if look.has_reftable else _log_in_file(look, place):
            if why and not _GOES.match(why):
                made.add(commit)
    return made


def _log_in_file(look: Look, place: str) -> list[tuple[str, str]]:
    lines = [line.partition("\t") for line in os.fsdecode(_read(look, f"{place}/logs/HEAD")).split("\n")]
    return [(facts.split(" ")[1], why) for facts, _, why in lines if why]


def _log_in_reftable(look: Look, place: str) -> list[tuple[str, str]]:
    git_dir = (f"--git-dir={place}", f"--work-tree={look.work}/empty")
    if look.git.run((*look.silent, *git_dir, "rev-parse", "-q", "--verify", "HEAD^{commit}")).code == 1:
        return []  # no commit yet
    words = ("log", "-g", "-s", "--no-show-signature", "--no-decorate", "--no-notes", "--no-mailmap", "--no-color")
    said = os.fsdecode(look.ask(*words, "--format=tformat:%H%x00%gs", "HEAD", "--", place=git_dir))
    return [(commit, why) for commit, _, why in (line.partition("\0") for line in said.split("\n"))]


def _elsewhere(look: Look) -> list[str]:
    """Commits with references only in another work tree, which Git does not show in this one."""
    admins = linked_of(look.common)
    found: list[str] = []
    for place in (look.common, *admins) if admins else ():
        commit = head_of(place)[1]
        if commit:
            found.append(commit)
        if place == look.git_dir:
            continue  # Git shows these
        if look.has_reftable:
            found += _in_reftable_of(look, place)
        for name in OWN_OF_A_WORK_TREE:
            found += _commits_in(look, f"{place}/refs/{name}")
    return found


def _in_reftable_of(look: Look, place: str) -> list[str]:
    names = [f"refs/{name}" for name in OWN_OF_A_WORK_TREE]
    git_dir = (f"--git-dir={place}", f"--work-tree={look.work}/empty")
    said = look.ask("for-each-ref", "--format=%(objectname)", *names, place=git_dir).decode().split()
    head = look.git.run((*look.silent, *git_dir, "rev-parse", "-q", "--verify", "HEAD^{commit}"))
    if head.code not in (0, 1):
        raise NotUnderstood(place, "its HEAD cannot be read")
    return said + ([head.out.decode().strip()] if head.code == 0 else [])  # 1: no commit yet


def _commits_in(look: Look, folder: str) -> list[str]:
    found = []
    for leaf in leaves(look, folder):
        try:
            commit = os.fsdecode(read_plain(leaf, 4096).split(b"\n", 1)[0])
        except OSError as error:
            raise NotUnderstood(leaf, reason(error)) from None
        if not COMMIT.fullmatch(commit):
            raise NotUnderstood(leaf, "unknown content of a reference")
        found.append(commit)
    return found


def _known_references(look: Look, remotes: Remotes) -> list[str]:
    """Arguments for Git: the references that record what each remote has."""
    words: list[str] = []
    # The state of a remote inside this VM may be recorded under another remote's name.
    notes = [target for name in remotes.local for target in targets_of(remotes.all[name])]
    pointers = _pointers(look) if remotes.away else []
    for name in remotes.away:
        for other in pointers:
            words += [f"--exclude={other}", f"--exclude={other}/*"]
        words += [f"--exclude={target}" for target in notes]
        words += [f"--exclude=refs/remotes/{other}/*" for other in remotes.local if other.startswith(f"{name}/")]
        words.append(f"--glob=refs/remotes/{name}/*")
    return words


def _pointers(look: Look) -> list[str]:
    """Symbolic references of remotes, which do not record a push."""
    found = []
    for leaf in leaves(look, f"{look.common}/refs/remotes"):
        try:
            is_pointer = os.path.islink(leaf) or read_plain(leaf, 1 << 20).startswith(b"ref:")
        except OSError as error:
            raise NotUnderstood(leaf, reason(error)) from None
        if is_pointer:
            found.append(leaf[len(look.common) + 1 :])
    if look.has_reftable:
        for line in os.fsdecode(look.ask("for-each-ref", "--format=%(symref) %(refname)", "refs/remotes")).split("\n"):
            target, _, name = line.partition(" ")
            if target:
                found.append(name)
    return found
