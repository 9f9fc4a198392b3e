"""Lists repositories in the home folder outside the code folder, without checking them: a bounded search by names."""

from __future__ import annotations

import os
import time
from collections import deque

from work_file import O_FOLDER
from work_found import Found
from work_records import Records

MOST_FOLDERS, MOST_DEEP, MOST_PATHS, MOST_SECONDS = 20_000, 12, 20, 4.0
# Folders of downloads that programs can download again: paths below the home folder, and names anywhere in it.
FETCHED = frozenset(
    """.cache .npm .nvm .cargo .rustup .pyenv .rbenv .asdf .sdkman .bun .deno .gradle .m2 .ivy2 .vscode-server
    .cursor-server .windsurf-server .vscode .oh-my-zsh .fzf .tmux/plugins .vim/plugged .local/share/nvim
    .local/share/pnpm .local/share/mise .local/share/uv .local/share/virtualenv .local/share/Trash .local/lib
    .local/pipx .local/share/containers .config/nvim/pack go/pkg .linuxbrew .nix-profile snap""".split()
)
ANYWHERE = frozenset("node_modules .venv __pycache__ .tox .nox .mypy_cache .ruff_cache .pytest_cache".split())


def report_outside(home: str, found: Found, records: Records) -> list[str]:
    """Report the repositories, and whether the search finished. Returns them for the checksum."""
    names, is_whole = _search(os.path.realpath(home), found) if os.path.isabs(home) else ([], False)
    names += sorted(found.far)
    if names:
        records.add("outside", len(names), *names[:MOST_PATHS])
    if not is_whole:
        records.add("outside-cut")
    return [*names, str(is_whole)]


def _search(home: str, found: Found) -> tuple[list[str], bool]:
    """The repositories, breadth first, and whether the search finished; "~/x/.git" or a bare repository's folder."""
    names: list[str] = []
    waiting, seen, until, is_whole = deque([("", 0)]), 0, time.monotonic() + MOST_SECONDS, True
    while waiting:
        below, depth = waiting.popleft()
        path = f"{home}/{below}" if below else home
        if found.is_inside(path) or path in found.tops:
            continue  # checked already
        seen += 1
        if seen > MOST_FOLDERS or time.monotonic() > until or len(names) > MOST_PATHS:
            return names, False
        listed = _list(path)
        if listed is None:
            is_whole = False
            continue  # reported as incomplete
        folders, others = listed
        if ".git" in folders or ".git" in others:
            names.append(f"~/{below}/.git" if below else "~/.git")
        elif "HEAD" in others and "objects" in folders and "refs" in folders:
            names.append(f"~/{below}")
            continue  # the whole folder is listed
        if depth == MOST_DEEP:
            is_whole = is_whole and not folders
            continue  # reported as incomplete
        for name in folders:
            deeper = f"{below}/{name}" if below else name
            if name != ".git" and name not in ANYWHERE and deeper not in FETCHED:
                waiting.append((deeper, depth + 1))
    return names, is_whole


def _list(path: str) -> tuple[list[str], list[str]] | None:
    """The names of the folders in a folder, and of its other entries; None if it cannot be read."""
    folders: list[str] = []
    others: list[str] = []
    try:
        fd = os.open(path, O_FOLDER)
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    (folders if entry.is_dir(follow_symlinks=False) else others).append(entry.name)
        finally:
            os.close(fd)
    except (FileNotFoundError, NotADirectoryError):
        return [], []  # deleted since its parent was read
    except OSError:
        return None
    return sorted(folders, key=os.fsencode), others
