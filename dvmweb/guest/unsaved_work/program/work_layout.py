"""Decides which layouts of a Git folder are known (docs/reference/unsaved-work-check.md); anything else is reported."""

from __future__ import annotations

import os
import re
import stat

from work_file import children_of, read_plain, reason, resolved

POINTER_BYTES = 8192  # limit of a file that contains a path
EXTENSIONS = frozenset(
    {
        "noop",
        "noop-v1",
        "preciousobjects",
        "partialclone",
        "worktreeconfig",
        "objectformat",
        "compatobjectformat",
        "refstorage",
        "relativeworktrees",
        "submodulepathconfig",
    }
)
VALUES = {
    "objectformat": ("sha1", "sha256"),
    "compatobjectformat": ("sha1", "sha256"),
    "refstorage": ("files", "reftable"),
}
HEAD = re.compile(rb"ref:[ \t]*(refs/[^\n\0]+?)\s*|([0-9a-f]{40}|[0-9a-f]{64})\s*")


class UnknownLayout(Exception):
    """A layout that dvm does not know, and its place."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(why)
        self.place, self.why = place, why


def is_git_dir(path: str) -> bool:
    """Whether Git treats it as the Git folder of a repository or a linked work tree."""
    if not os.path.lexists(f"{path}/HEAD"):
        return False
    if os.path.isfile(f"{path}/commondir"):
        return True
    return os.path.isdir(f"{path}/objects") and os.path.isdir(f"{path}/refs")


def target_of_git_file(path: str) -> str:
    """The real path of the Git folder that a .git file or link points to. Raises UnknownLayout."""
    top = path[: -len("/.git")] or "/"
    try:
        if os.path.isdir(path):  # a link to a folder
            return _folder(path, top)
        data = read_plain(path, POINTER_BYTES)
    except FileNotFoundError:
        raise UnknownLayout(top, "its .git points to a folder that does not exist") from None
    except OSError as error:
        raise UnknownLayout(path, f"cannot be read: {reason(error)}") from None
    if not data.startswith(b"gitdir: "):
        raise UnknownLayout(top, "its .git file was not written by Git")
    return _folder(os.path.join(top, _path_in(data[len(b"gitdir: ") :])), top)


def _folder(path: str, top: str) -> str:
    found = resolved(path)
    if not found:
        raise UnknownLayout(top, "its .git points to a folder that does not exist")
    return found


def _path_in(data: bytes) -> str:
    return os.fsdecode(data.rstrip(b"\r\n"))


def common_of(git_dir: str) -> str:
    """The Git folder with the commits: `git_dir` itself, or that of the main work tree. Raises UnknownLayout."""
    pointer = f"{git_dir}/commondir"
    if not os.path.lexists(pointer):
        return git_dir
    try:
        named = _path_in(read_plain(pointer, POINTER_BYTES))
    except OSError as error:
        raise UnknownLayout(pointer, f"cannot be read: {reason(error)}") from None
    common = resolved(os.path.join(git_dir, named)) if named else ""
    if not common or not is_git_dir(common):
        raise UnknownLayout(pointer, "does not point to a repository")
    if os.path.dirname(git_dir) != f"{common}/worktrees":
        raise UnknownLayout(pointer, "points to a repository that does not have this work tree")
    return common


def linked_of(git_dir: str) -> list[str]:
    """The Git folders of a repository's linked work trees. Raises UnknownLayout."""
    folder = f"{git_dir}/worktrees"
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            raise UnknownLayout(folder, "is not a folder")
        return children_of(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UnknownLayout(folder, f"cannot be read: {reason(error)}") from None


def work_tree_of(admin: str) -> str:
    """The path of the linked work tree of a Git folder, "" if it was deleted. Raises UnknownLayout."""
    if os.path.islink(admin) or not os.path.isdir(admin):
        raise UnknownLayout(admin, "is not the Git folder of a linked work tree")
    try:
        named = _path_in(read_plain(f"{admin}/gitdir", POINTER_BYTES))
        head_of(admin)
    except OSError as error:
        raise UnknownLayout(admin, f"its gitdir cannot be read: {reason(error)}") from None
    if not named.endswith("/.git") or "\0" in named:
        raise UnknownLayout(admin, "its gitdir does not name a .git")
    top = os.path.join(admin, named)[: -len("/.git")] or "/"
    try:
        os.lstat(f"{top}/.git")
    except (FileNotFoundError, NotADirectoryError):
        # Its files were deleted; its commits and references are reported with the repository. If it was moved, its
        # own .git points here: the search of the code folder or of the home folder finds it.
        if os.path.lexists(f"{admin}/locked"):
            why = f"its work tree does not exist, but is locked (git worktree unlock): {top}"
            raise UnknownLayout(admin, why) from None
        return ""
    except OSError as error:
        raise UnknownLayout(top, f"this work tree cannot be checked: {reason(error)}") from None
    found = resolved(top)
    if not found:
        raise UnknownLayout(top, "this work tree cannot be checked")
    return found


def head_of(git_dir: str) -> tuple[str, str]:
    """(reference, "") or ("", commit) of HEAD. Raises UnknownLayout."""
    try:
        if os.path.islink(f"{git_dir}/HEAD"):  # by very old versions of Git
            target = os.readlink(f"{git_dir}/HEAD")
            if target.startswith("refs/"):
                return target, ""
        found = HEAD.fullmatch(read_plain(f"{git_dir}/HEAD", POINTER_BYTES))
    except OSError as error:
        raise UnknownLayout(f"{git_dir}/HEAD", f"cannot be read: {reason(error)}") from None
    if not found:
        raise UnknownLayout(f"{git_dir}/HEAD", "has unknown content")
    return os.fsdecode(found[1] or b""), os.fsdecode(found[2] or b"")


def check_format(place: str, values: list[tuple[str, str | None]]) -> bool:
    """Whether the references are in reftables; `values`: the repository's config. Raises UnknownLayout."""
    has_reftable = False
    for key, value in values:
        if key == "core.repositoryformatversion" and value not in ("0", "1"):
            raise UnknownLayout(place, f"has repositoryformatversion {value}, which dvm does not know")
        if not key.startswith("extensions."):
            continue  # another setting
        name = key[len("extensions.") :]
        if name not in EXTENSIONS:
            raise UnknownLayout(place, f"has the extension {name}, which dvm does not know")
        if name in VALUES and value not in VALUES[name]:
            raise UnknownLayout(place, f"has the extension {name} = {value}, which dvm does not know")
        has_reftable |= name == "refstorage" and value == "reftable"
    return has_reftable
