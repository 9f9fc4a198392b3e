"""What the user's Git would obey in a repository, read without Git and without following anything."""

from __future__ import annotations

import os
import re
import stat

O_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
O_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
MOST_CONFIG = 100_000  # bytes
# Lines of a config that make Git run nothing and send nothing elsewhere.
HARMLESS = re.compile(
    rb"""\s*([#;].*)?
    |\s*\[(core|user|init|pull|push|(remote|branch|submodule)\ "[\w./ -]*")\]\s*
    |\s*(repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks|autocrlf|eol
        |name|email|defaultbranch|ff|rebase|default|autosetupremote|url|fetch|merge|remote|active)\s*=\s*
        [\w+*:/.@~^?=&%\ -]*""",
    re.X | re.I,
)
RUNS = ("config", "config.worktree", "hooks")  # of every repository
LEADS = ("commondir", "gitdir")  # where Git finds the rest of a linked work tree


def is_git_folder(names: list[str]) -> bool:
    """Git takes a folder with these for a repository, a linked work tree's part of one, or what is common to them."""
    is_store = {"objects", "refs"}.issubset(names)  # a commondir that leads here asks for no HEAD
    return is_store or ("HEAD" in names and not {"objects", "commondir", "gitdir"}.isdisjoint(names))


def content(folder: int, name: str) -> bytes | None:
    """The bytes of a small plain file; None for anything else."""
    try:
        file = os.open(name, O_FILE, dir_fd=folder)
    except OSError:
        return None
    with os.fdopen(file, "rb") as opened:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return None
        text = opened.read(MOST_CONFIG + 1)
    return text if len(text) <= MOST_CONFIG else None


def trouble(folder: int, path: str, names: list[str]) -> str:
    """Why the user's Git may not read a repository that the agent made; "" when nothing stands against it."""
    is_work_tree = re.search(r"(^|/)worktrees/[^/]+$", path) and content(folder, "commondir") == b"../..\n"
    if "commondir" in names and not is_work_tree:
        return "a commondir"
    if "config.worktree" in names:
        return "a config.worktree"
    if "config" in names:
        text = content(folder, "config")
        if text is None or not all(HARMLESS.fullmatch(line) for line in text.split(b"\n")):
            return "settings of its own"
    if "hooks" in names:
        try:
            hooks = os.open("hooks", O_FOLDER, dir_fd=folder)
        except OSError:
            return "hooks"
        with os.scandir(hooks) as found:
            is_bare = all(entry.name.endswith(".sample") for entry in found)
        os.close(hooks)
        return "" if is_bare else "hooks"
    return ""


def named_by(folder: int, work_tree: str, name: str) -> set[str]:
    """Places in the project from which a repository's config takes hooks or more config."""
    places = set()
    text = (content(folder, name) or b"").decode("utf-8", "replace")
    for key, value in re.findall(r'(?im)^\s*(hooksPath|path)\s*=\s*"?([^"\n#;]+)', text):
        start = work_tree if key.lower() == "hookspath" else os.path.join(work_tree, ".git")
        path = os.path.normpath(os.path.join(start, value.strip()))
        if not path.startswith(("/", "~", "../")) and path not in ("", ".", "..", ".git"):
            # What husky puts into its folder `_` runs what lies beside it.
            places.add(re.sub(r"(^|/)\.husky/.*", r"\1.husky", path))
    return places
