"""`dvm cp`: reads its arguments, shows progress and what was not copied."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from dvmweb.errors import ExitCode, UsageError
from dvmweb.guest_text import visible
from dvmweb.transfer_progress import Samples, size
from dvmweb.verbs import copies
from dvmweb.verbs.copies import Copied, GuestPath
from dvmweb.verbs.copies.endpoints import STREAM, runs_when_opened
from dvmweb.verbs.vms import Vms

EVERY = 0.2  # seconds between two lines of progress
MOST_SHOWN = 20  # of the entries that were not copied
NO_FILE = "is "  # reasons that begin so: a link, a pipe, a device; nothing that could be copied


def run(vms: Vms, sources: Sequence[str], target: str, *, recursive: bool, force: bool) -> int:
    """Copy each source; the exit code is 1 where a file could not be copied."""
    to = copies.endpoint(target, vms.has_config)
    pairs = [copies.endpoint(one, vms.has_config) for one in sources]
    for one in pairs:
        copies.check_pair(one, to)
    if len(pairs) > 1 and (STREAM in pairs or to == STREAM):
        raise UsageError("A stream is copied alone.", "Run `dvm cp` once for each.")
    if len(pairs) > 1 and isinstance(to, Path) and not to.is_dir():
        raise UsageError(f"{to} is not a folder, and there are several sources.", f"Create it: `mkdir -p {to}`")
    if len(pairs) > 1 and isinstance(to, GuestPath) and not to.path.endswith("/"):
        to = GuestPath(to.vm, f"{to.path}/" if to.path else "")
    is_all, guests = True, copies.Guests(vms)
    for one in pairs:
        with Progress(str(one.path if isinstance(one, GuestPath) else one)) as progress:
            copied = _copy(vms, one, to, recursive=recursive, force=force, progress=progress.show, guests=guests)
        is_all = _report(copied) and is_all
    return int(ExitCode.OK if is_all else ExitCode.FAILED)


def _copy(
    vms: Vms,
    source: GuestPath | Path | str,
    to: GuestPath | Path | str,
    *,
    recursive: bool,
    force: bool,
    progress: Callable[[int, int], None],
    guests: copies.Guests,
) -> Copied:
    more: dict[str, Any] = {
        "is_recursive": recursive,
        "is_forced": force,
        "on_progress": progress,
        "guests": guests,
    }
    if isinstance(source, GuestPath):
        out = sys.stdout.buffer if isinstance(to, str) else to
        assert not isinstance(out, GuestPath)  # noqa: S101
        return copies.copy_out(vms, source, out, **more)
    assert isinstance(to, GuestPath)  # noqa: S101
    data = sys.stdin.buffer if isinstance(source, str) else source
    return copies.copy_in(vms, data, to, **more)


def _report(copied: Copied) -> bool:
    """Say what was copied and what was not; False where a file is missing that should be there."""
    tally, place = copied.tally, copied.place
    if place:
        files = "1 file" if tally.files == 1 else f"{tally.files} files"
        click.echo(f"{files}, {size(tally.bytes)}: {place}", err=True)
        if runs_when_opened(name := Path(place).name):
            click.echo(f"Programs run {name} when its folder is opened: read it first.", err=True)
    for name, why in tally.skipped[:MOST_SHOWN]:
        click.echo(f"Not copied: {visible(name, 300)} {why}", err=True)
    if tally.skipped_count > MOST_SHOWN:
        click.echo(f"Not copied: {tally.skipped_count - MOST_SHOWN} more", err=True)
    return all(why.startswith(NO_FILE) for _, why in tally.skipped)


class Progress:
    """One line on a terminal that is written anew: bytes, the whole, the time left."""

    def __init__(self, name: str) -> None:
        self._name = visible(name, 60)
        self._samples = Samples().with_one(time.monotonic(), 0)
        self._last = time.monotonic()
        self._is_shown = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_shown:
            click.echo("\r\x1b[K", nl=False, err=True)

    def show(self, done: int, whole: int = 0) -> None:
        """Show it, where there is a terminal and not too often; `whole` is 0 where it is not known."""
        now = time.monotonic()
        if now - self._last < EVERY or not sys.stderr.isatty():
            return
        self._last, self._is_shown = now, True
        self._samples = self._samples.with_one(now, done)
        click.echo(f"\r\x1b[K{self._name}: {self._samples.progress(whole)}", nl=False, err=True)
