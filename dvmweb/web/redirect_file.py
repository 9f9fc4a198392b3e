"""A small private page that sends a browser to the login address: the address never stands in a command line."""

from __future__ import annotations

import html
import os
import re
import secrets
import sys
from contextlib import suppress
from pathlib import Path

from dvmweb.errors import UsageError
from dvmweb.files import read_bounded

NAME = "dvm-login-{}.html"


def write_redirect(home: Path, state: Path, address: str) -> Path:
    """Write the file (0600, a name that nobody can guess) where the user's browser may read it."""
    path = _place(home, state) / NAME.format(secrets.token_hex(8))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        shown = html.escape(address)
        file.write(
            f'<!doctype html><meta charset="utf-8"><title>dvm</title><meta name="referrer" content="no-referrer">'
            f'<meta http-equiv="refresh" content="0; url={shown}"><p><a href="{shown}">Open the dashboard</a></p>\n'
        )
    return path


def remove_redirect(path: str | Path) -> None:
    """Remove a file of ours; anything else is left alone. Never raises."""
    with suppress(OSError):
        if re.fullmatch(r"dvm-login-[0-9a-f]{16}\.html", Path(path).name):
            Path(path).unlink()


def _place(home: Path, state: Path) -> Path:
    """The folder for it.

    A browser from Snap sees no hidden folder of the home and a /tmp of its own; one from Flatpak sees the download
    folder only. So on Linux it is the download folder, else the home. macOS has no such walls around a browser, and
    asks the user before a terminal may write to Downloads: the state folder.
    """
    if sys.platform == "darwin":
        return state
    for folder in (_downloads(home), home):
        with suppress(OSError):
            facts = folder.stat()
            if folder.is_dir() and facts.st_uid == os.geteuid() and not facts.st_mode & 0o022:
                return folder
    return state


def _downloads(home: Path) -> Path:
    with suppress(OSError, UsageError):
        text = read_bounded(home / ".config" / "user-dirs.dirs", 10_000).decode("utf-8", "replace")
        found = re.search(r'^XDG_DOWNLOAD_DIR="\$HOME/([^"\n]+)"', text, re.MULTILINE)
        if found:
            return home / found[1]
    return home / "Downloads"
