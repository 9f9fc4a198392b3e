"""Puts files and links of a rescue below a folder, over no link and never into a Git folder."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable

from dvmweb.guest.copies.tally import DIRECTORY

Problem = Callable[[str, str], None]


class BadPath(Exception):
    """A path of the archive cannot be used; the argument says why."""


def checked_parts(path: object) -> list[str]:
    """The names in a relative path. Raises BadPath for one that leads out of its folder or into a Git folder."""
    parts = path.split("/") if isinstance(path, str) else [""]
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise BadPath("its path leads out of the folder")
    if any(part.casefold() == ".git" for part in parts):
        raise BadPath("its path leads into a Git folder")
    return parts


def folder_below(top: str, parts: list[str]) -> int:
    """A descriptor of a folder below `top`; makes what is missing. Raises OSError at a link or a file."""
    here = os.open(top, DIRECTORY)
    for name in parts:
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=here)
            inner = os.open(name, DIRECTORY, dir_fd=here)
        finally:
            os.close(here)
        here = inner
    return here


def move_files(source: str, top: str, problem: Problem) -> None:
    """Move every file below `source`, a folder that we unpacked, to the same path below `top`."""
    for folder, _, names in os.walk(source):
        for name in names:
            whole = f"{folder}/{name}"
            path = whole[len(source) + 1 :]
            try:
                *folders, last = checked_parts(path)
                into = folder_below(top, folders)
                try:
                    os.replace(whole, last, dst_dir_fd=into)
                finally:
                    os.close(into)
            except BadPath as error:
                problem(path, f"not restored: {error}")
            except OSError as error:
                problem(path, f"not restored: {os.strerror(error.errno or 0)}")


def put_links(links: object, top: str, problem: Problem) -> None:
    """Make the links `[path, target]` below `top`, after all files: nothing is written through them."""
    for entry in links if isinstance(links, list) else ():
        path, target = (str(part) for part in entry)
        try:
            *folders, last = checked_parts(path)
            into = folder_below(top, folders)
            try:
                if _is_replaceable(last, into):
                    os.unlink(last, dir_fd=into)
                os.symlink(target, last, dir_fd=into)
            finally:
                os.close(into)
        except BadPath as error:
            problem(path, f"not restored: {error}")
        except (OSError, ValueError) as error:
            problem(path, f"not restored: {error}")


def _is_replaceable(name: str, folder: int) -> bool:
    try:
        return not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False
