"""Checks which files of a repository would make the user's Git run or read something; follows no links, runs no Git."""

from __future__ import annotations

import contextlib
import os
import re
import stat

O_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
O_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
MOST_CONFIG = 100_000  # bytes
# Config lines that make Git neither run a program nor send data elsewhere.
HARMLESS = re.compile(
    rb"""\s*([#;].*)?
    |\s*\[(core|user|init|pull|push|(remote|branch|submodule)\ "[\w./ -]*")\]\s*
    |\s*(repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks|autocrlf|eol
        |name|email|defaultbranch|ff|rebase|default|autosetupremote|url|fetch|merge|remote|active)\s*=\s*
        [\w+*:/.@~^?=&%\ -]*""",
    re.X | re.I,
)
RUNS = ("config", "config.worktree", "hooks")  # can make Git run a program
LEADS = ("commondir", "gitdir")  # point to the rest of a linked work tree


def is_git_folder(names: list[str]) -> bool:
    """Whether Git treats a folder with these entries as a repository, or as part of one."""
    is_store = {"objects", "refs"}.issubset(names)  # the target of a commondir needs no HEAD
    return is_store or ("HEAD" in names and not {"objects", "commondir", "gitdir"}.isdisjoint(names))


def content(folder: int, name: str) -> bytes | None:
    """The bytes of a small plain file, None for anything else."""
    try:
        file = os.open(name, O_FILE, dir_fd=folder)
    except OSError:
        return None
    with os.fdopen(file, "rb") as opened:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return None
        text = opened.read(MOST_CONFIG + 1)
    return text if len(text) <= MOST_CONFIG else None


def is_plain_work_tree(folder: int, path: str) -> bool:
    """Whether this is the Git folder of a linked work tree, where Git puts it."""
    return bool(re.search(r"(^|/)worktrees/[^/]+$", path)) and content(folder, "commondir") == b"../..\n"


def has_samples_only(folder: int) -> bool:
    try:
        hooks = os.open("hooks", O_FOLDER, dir_fd=folder)
    except OSError:
        return False
    try:
        with os.scandir(hooks) as found:
            return all(entry.name.endswith(".sample") for entry in found)
    finally:
        os.close(hooks)


def is_harmless(folder: int, path: str, name: str) -> bool:
    """Whether one of RUNS or LEADS is safe for Git, by any author."""
    if name == "hooks":
        return has_samples_only(folder)
    if name == "commondir":
        return is_plain_work_tree(folder, path)
    text = content(folder, name)
    return text is not None and (name == "gitdir" or all(map(HARMLESS.fullmatch, text.split(b"\n"))))


def trouble(folder: int, path: str, names: list[str]) -> str:
    """Why the user's Git must not read a repository that the agent made; "" if it can."""
    if "commondir" in names and not is_plain_work_tree(folder, path):
        return "a commondir"
    if "config.worktree" in names:
        return "a config.worktree"
    if "config" in names and not is_harmless(folder, path, "config"):
        return "unsafe settings"
    return "hooks" if "hooks" in names and not has_samples_only(folder) else ""


def linked_from(folder: int, path: str, root: str) -> set[str]:
    """Paths in the project at `root` that a repository's config or hooks link to."""
    links = [name for name in RUNS if is_link(folder, name)]
    with contextlib.suppress(OSError):
        hooks = os.open("hooks", O_FOLDER, dir_fd=folder)
        links += [f"hooks/{name}" for name in os.listdir(hooks) if is_link(hooks, name)]
        os.close(hooks)
    places = set()
    for link in links:
        start = os.path.join(root, path, os.path.dirname(link))
        place = os.path.relpath(os.path.join(start, os.readlink(link, dir_fd=folder)), root)
        if not place.startswith(("../", f"{path}/hooks/" if path else "hooks/")) and place not in (".", ".."):
            places.add(place)
    return places


def is_link(folder: int, name: str) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def named_by(folder: int, path: str, name: str, root: str, home: str) -> set[str]:
    """Paths in the project at `root` that the config of the repository at `path` names for hooks or includes."""
    places = set()
    text = (content(folder, name) or b"").decode("utf-8", "replace")
    work_tree = os.path.dirname(path)
    for value in re.findall(r'(?im)^\s*worktree\s*=\s*"?([^"\n#;]+)', text):
        work_tree = os.path.join(path, value.strip())  # of a submodule
    for key, value in re.findall(r'(?im)^\s*(hooksPath|path)\s*=\s*"?([^"\n#;]+)', text):
        start = os.path.join(root, work_tree if key.lower() == "hookspath" else path)
        place = os.path.relpath(os.path.join(start, re.sub("^~/", f"{home}/", value.strip())), root)
        if not place.startswith("../") and place not in (".", "..", path):
            # The scripts in husky's folder `_` run the files next to it.
            places.add(re.sub(r"(^|/)\.husky/.*", r"\1.husky", place))
    return places
