"""Reports the files of one work tree (changed, untracked, ignored, hidden from Git) and unfinished operations."""

from __future__ import annotations

import os

from work_check import Check, Failed, first_line
from work_file import leaves_of, reason
from work_lfs import unchanged_by_lfs
from work_loose import files_below, starts_below

# Folders that tools can recreate: not unsaved work if Git ignores them.
REMADE = (
    "node_modules bower_components .venv venv __pycache__ .cache .tox .nox .mypy_cache .pytest_cache .ruff_cache "
    ".hypothesis .gradle .next .nuxt .svelte-kit .turbo .parcel-cache .vite .angular .terraform .nyc_output target "
    "dist build out coverage htmlcov"
).split()
_REMADE = frozenset(REMADE)
# Data of Git extensions that a push does not include.
KEPT = {
    "annex/objects": "git-annex files; it is not known whether they have a copy elsewhere (git annex drop)",
    "patches": "patches that are in no commit",
}
LISTS = ("conflicts", "staged", "unstaged", "untracked", "ignored", "hidden")


class Files:
    """The lists of files of one work tree."""

    def __init__(self) -> None:
        self.lists: dict[str, list[str]] = {name: [] for name in LISTS}
        self.in_remade: list[str] = []  # ignored, below a folder that tools can recreate
        self.doubtful: list[tuple[str, str]] = []  # (name, blob in the index) of files with only changed content

    def add(self, name: str, path: str) -> None:
        self.lists[name].append(path)


def read_files(check: Check) -> Files:
    """The status and index of a work tree. Raises Failed."""
    files = Files()
    _read_status(check, files)
    _read_index(check, files)
    return files


def report_files(check: Check) -> None:
    """Report the status and index of a work tree. Raises Failed."""
    files = read_files(check)
    clean = unchanged_by_lfs(check, files.doubtful)
    files.lists["unstaged"] = [name for name in files.lists["unstaged"] if name not in clean]
    check.report()
    for name in LISTS:
        check.names(name, files.lists[name])


def _read_status(check: Check, files: Files) -> None:
    # A collapsed folder could hide files next to the repositories in it.
    fold = "all" if check.path in check.found.above else "normal"
    output = check.query(
        "status",
        "--porcelain=v2",
        "-z",
        "--branch",
        "--no-ahead-behind",
        "--no-renames",
        "--ignore-submodules=dirty",
        f"--untracked-files={fold}",
        "--ignored=matching",
    )
    for entry in os.fsdecode(output).split("\0")[:-1]:
        kind, _, rest = entry.partition(" ")
        if kind == "#":
            if rest.startswith("branch.head "):
                check.branch = rest[len("branch.head ") :]
        elif kind == "?":
            if not (rest.endswith("/") and _is_reported_elsewhere(check, rest)):
                files.add("untracked", rest)
        elif kind == "!":
            if rest.endswith("/") and _is_reported_elsewhere(check, rest):
                continue  # reported there
            (files.in_remade if _is_remade(check, rest) else files.lists["ignored"]).append(rest)
        elif kind == "u" and rest.count(" ") >= 9:
            files.add("conflicts", rest.split(" ", 9)[9])
        elif kind == "1" and rest.count(" ") >= 7:
            _read_change(rest.split(" ", 7), files)
        else:
            check.records.problem(check.path, "git status: unknown output")
            raise Failed
    if check.branch == "(detached)":
        check.branch = ""


def _read_change(fields: list[str], files: Files) -> None:
    states, _, _, in_index, in_folder, _, blob, name = fields
    if states[0] != ".":
        files.add("staged", name)
    if states[1] != ".":
        files.add("unstaged", name)
        if states[1] == "M" and in_index == in_folder:
            files.doubtful.append((name, blob))


def _is_reported_elsewhere(check: Check, name: str) -> bool:
    """Whether a folder contains only repositories that have their own records."""
    folder = f"{check.path}/{name[:-1]}"
    if folder in check.found.tops:
        return True
    if folder not in check.found.above:
        return False
    return not any(True for _ in files_below(starts_below(folder, check.found), check.found))


def _is_remade(check: Check, name: str) -> bool:
    """Whether an ignored name is, or is in, a folder that tools can recreate, or a link with such a name."""
    *folders, last = name.split("/")
    return not _REMADE.isdisjoint(folders) or (last in _REMADE and os.path.islink(f"{check.path}/{name}"))


def _made_by_hand(tracked: list[str]) -> set[str]:
    """Folders with such a name that contain tracked files: they are not recreated by tools."""
    found: set[str] = set()
    for name in tracked:
        *folders, last = name.split("/")
        if not _REMADE.isdisjoint(folders) and not last.startswith(".") and last != "README.md":
            found.update("/".join(folders[: at + 1]) for at, folder in enumerate(folders) if folder in _REMADE)
    return found


def _is_in_one(name: str, by_hand: set[str]) -> bool:
    """Whether every folder with such a name around an ignored file has tracked files."""
    *folders, last = name.split("/")
    if not last and folders[-1] in _REMADE:
        return False  # Git ignores the folder itself
    around = ["/".join(folders[: at + 1]) for at, folder in enumerate(folders) if folder in _REMADE]
    return bool(around) and all(folder in by_hand for folder in around)


def _read_index(check: Check, files: Files) -> None:
    """Find existing files that Git is set to ignore changes in, and files that it does not report."""
    tracked = []
    for entry in os.fsdecode(check.query("ls-files", "-v", "-s", "-z")).split("\0")[:-1]:
        head, _, name = entry.partition("\t")
        tracked.append(name)
        if head[1:].startswith(" 160000 "):
            _read_left_over(check, name, files)
        # H: in the index, M: in a conflict; Git reports changes of both.
        if head[0] not in "HM" and os.path.lexists(f"{check.path}/{name}"):
            files.add("hidden", name)
    if files.in_remade:
        by_hand = _made_by_hand(tracked)
        files.lists["ignored"] += [name for name in files.in_remade if _is_in_one(name, by_hand)]


def _read_left_over(check: Check, name: str, files: Files) -> None:
    """Files in the folder of a submodule without a repository, which Git does not report."""
    folder = f"{check.path}/{name}"
    if not os.path.isdir(folder) or os.path.islink(folder) or os.path.lexists(f"{folder}/.git"):
        return  # nothing there, or a repository with its own records
    starts = starts_below(folder, check.found)
    for path, _ in files_below(starts, check.found):
        files.add("untracked", path[len(check.path) + 1 :])


def report_staged(check: Check) -> None:
    """Report staged files of a repository without a work tree (`git --git-dir X --work-tree Y add`)."""
    if os.path.lexists(f"{check.git_dir}/index"):
        output = check.query("diff", "--cached", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv", "-z")
        check.names("staged", os.fsdecode(output).split("\0")[:-1])


def report_extension_data(check: Check) -> None:
    """Report data of Git extensions as problems. Raises Failed if it cannot be read."""
    for name, why in KEPT.items():
        if leaves(check, f"{check.common}/{name}"):
            check.records.problem(check.path, f"{name} in its Git folder: {why}")


def report_operation(check: Check) -> None:
    """Report an unfinished operation, and a lock of the index."""
    word = _operation(check.git_dir)
    if word:
        check.records.add("operation", word)
    if os.path.lexists(f"{check.git_dir}/index.lock"):
        check.records.add("locked")


def _operation(git_dir: str) -> str:
    def has(*names: str) -> bool:
        return any(os.path.lexists(f"{git_dir}/{name}") for name in names)

    if has("rebase-apply/applying"):
        return "am"
    if has("rebase-apply", "rebase-merge"):
        return "rebase"
    if has("MERGE_HEAD", "MERGE_AUTOSTASH"):
        return "merge"
    if has("CHERRY_PICK_HEAD"):
        return "cherry-pick"
    if has("REVERT_HEAD"):
        return "revert"
    if has("sequencer"):  # between two commits there is no *_HEAD file
        return "revert" if first_line(f"{git_dir}/sequencer/todo").startswith("revert") else "cherry-pick"
    return "bisect" if has("BISECT_LOG") else ""


def leaves(check: Check, path: str) -> list[str]:
    """All files below a folder of Git. Raises Failed."""
    try:
        return list(leaves_of(path))
    except (FileNotFoundError, NotADirectoryError):
        return []  # no such references
    except OSError as error:
        check.records.problem(path, reason(error))
        raise Failed from None
