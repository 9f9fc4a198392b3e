"""A private HTML file that redirects a browser to the login address, so that it appears in no command line."""

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
    """Write the file (0600, with an unguessable name) where the user's browser can read it."""
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
    """Delete the file where it is one of ours. Never raises."""
    with suppress(OSError):
        if re.fullmatch(r"dvm-login-[0-9a-f]{16}\.html", Path(path).name):
            Path(path).unlink()


def _place(home: Path, state: Path) -> Path:
    """The folder for it.

    A Snap browser has its own /tmp and cannot read hidden folders of the home; a Flatpak browser can only read the
    download folder. So on Linux it is the download folder, otherwise the home. On macOS browsers are not confined like
    this, and a terminal needs the user's permission to write to Downloads: it is the state folder.
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
        text = read_bounded(home / ".config" / "user-dirs.dirs", 10_000, follow=True).decode("utf-8", "replace")
        found = re.search(r'^XDG_DOWNLOAD_DIR="\$HOME/([^"\n]+)"', text, re.MULTILINE)
        if found:
            return home / found[1]
    return home / "Downloads"
