"""What the tab *Files* shows: the entries of one folder in the guest. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlencode

from dvmweb.ages import age
from dvmweb.guest.copies.tally import FILE, FOLDER
from dvmweb.guest_text import visible
from dvmweb.verbs.copies.folder_listing import Folder, FolderEntry


@dataclass(frozen=True)
class FileRow:
    """One entry."""

    text: str
    icon: str
    query: str  # of the page that lists it, "" for anything but a folder
    path: str  # to download it, "" if that is not possible
    size: int | None  # bytes
    age: str
    note: str


@dataclass(frozen=True)
class Crumb:
    """One folder on the way to the one that is shown."""

    text: str
    query: str  # "" for the last one


@dataclass(frozen=True)
class FolderView:
    """A folder and what it holds."""

    text: str
    path: str  # to upload into and to download, "" if an address cannot hold it
    crumbs: tuple[Crumb, ...]
    rows: tuple[FileRow, ...]
    more: int  # entries that are not shown


def folder_view(folder: Folder, now: float) -> FolderView:
    """The folder as the page shows it; all text of the guest is made visible."""
    is_text = _is_text(folder.path)
    rows = tuple(_row(folder, entry, now, is_text=is_text) for entry in folder.entries)
    parts = PurePosixPath(folder.path).parts if is_text else ()
    paths = [str(PurePosixPath(*parts[: count + 1])) for count in range(len(parts))]
    crumbs = tuple(Crumb(visible(PurePosixPath(path).name, 60) or "/", query_of(path)) for path in paths)
    here = tuple(Crumb(one.text, "") for one in crumbs[-1:])
    return FolderView(
        text=visible(folder.path, 500),
        path=folder.path if is_text else "",
        crumbs=(*crumbs[:-1], *here),
        rows=rows,
        more=folder.count - len(rows),
    )


def _row(folder: Folder, entry: FolderEntry, now: float, *, is_text: bool) -> FileRow:
    """`is_text`: the folder's path is UTF-8."""
    path = folder.inside(entry.name) if is_text and _is_text(entry.name) else ""
    is_folder, is_file = entry.kind == FOLDER, entry.kind == FILE
    notes = [
        "link" if entry.is_link else "",
        "" if is_folder or is_file else "neither a file nor a folder",
        "" if path else "its name is not UTF-8: use dvm cp",
    ]
    return FileRow(
        text=visible(entry.name, 255),
        icon="folder" if is_folder else "file",
        query=query_of(path) if is_folder and path else "",
        path=path if is_folder or is_file else "",
        size=entry.size if is_file else None,
        age=age(entry.changed, now) if entry.changed else "",
        note=", ".join(note for note in notes if note),
    )


def query_of(path: str) -> str:
    """The query string of the page that lists this folder."""
    return "?" + urlencode({"tab": "files", "path": path})


def _is_text(path: str) -> bool:
    """Whether it is UTF-8, so that an address can hold it."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace") == path
