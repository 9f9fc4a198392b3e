"""What a user means by `app:path`, `path` and `-`, and where a copy may be written on this computer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dvmweb.errors import NotFound, UsageError
from dvmweb.names import RUN_WHEN_OPENED, VM_PATTERN
from dvmweb.paths import Paths

STREAM = "-"  # stdin or stdout
# Below the home folder: what lies there is run by a shell, a desktop or ssh, or is a key.
CLOSED = (".ssh", ".gnupg", ".config/autostart", ".config/systemd", ".config/fish", "Library/LaunchAgents")


@dataclass(frozen=True)
class GuestPath:
    """A path in a VM: absolute, below ~, or below the code folder."""

    vm: str
    path: str

    @property
    def name(self) -> str:
        """The name that a copy gets in a folder; "" for the code folder and for paths that end in `..`."""
        name = PurePosixPath(self.path).name
        return "" if name in ("", "..", "~") else name


@dataclass(frozen=True)
class HostTarget:
    """The folder and the name that a copy gets on this computer."""

    folder: Path
    name: str


def endpoint(text: str, is_vm: Callable[[str], bool]) -> GuestPath | Path | str:
    """Read one argument of `dvm cp`: `STREAM`, a path in a VM, or a path here. Raises UsageError, NotFound."""
    vm, colon, path = text.partition(":")
    if text == STREAM:
        return STREAM
    if not text or "\0" in text:
        raise UsageError("One of the paths is empty.", "Give one, such as `app:notes.txt` or `./notes.txt`.")
    if not colon or not VM_PATTERN.fullmatch(vm):
        return Path(text).expanduser()
    if is_vm(vm):
        return GuestPath(vm, path)
    raise NotFound(f"There is no VM {vm}.", f"List VMs with `dvm ls`. If you mean a file here: `./{text}`")


def check_pair(source: GuestPath | Path | str, target: GuestPath | Path | str) -> None:
    """Raise UsageError unless exactly one side is in a VM."""
    sides = [isinstance(one, GuestPath) for one in (source, target)]
    if sides == [False, False]:
        raise UsageError("Neither path is in a VM.", "Name one as `VM:path`, such as `app:notes.txt`.")
    if sides == [True, True]:
        todo = "Copy to this computer first, or push to a Git server that both VMs reach."
        raise UsageError("Both paths are in VMs, which do not reach each other.", todo)


def host_target(paths: Paths, target: Path, name: str) -> HostTarget:
    """Where a copy named `name` goes: into a folder that exists, else under the name `target`.

    Raises UsageError for a missing folder, and for places from which programs run what they find.
    """
    place = HostTarget(target, name) if target.is_dir() else HostTarget(target.parent, target.name)
    if not place.name or place.name == "..":
        raise UsageError("The copy needs a name here.", f"Give one: `{target}/NAME`")
    folder, home = place.folder.resolve(), paths.home.resolve()
    closed = [home / one for one in CLOSED]
    closed += [one.resolve() for one in (paths.config, paths.state, paths.lima_home)]
    whole = folder / place.name
    is_started = folder == home and runs_when_opened(place.name)
    if is_started or any(_overlap(whole, one) for one in closed):
        raise UsageError(
            f"Nothing from a VM is written to {whole}: programs run or trust what is there.",
            "Copy it to another folder, read it, then move it.",
        )
    if not place.folder.is_dir():
        raise UsageError(f"There is no folder {place.folder}.", f"Create it: `mkdir -p {place.folder}`")
    return HostTarget(folder, place.name)


def _overlap(one: Path, other: Path) -> bool:
    """Whether a path is another one, lies in it or contains it; case counts nowhere, as on macOS."""
    first, second = (tuple(part.casefold() for part in path.parts) for path in (one, other))
    return first[: len(second)] == second or second[: len(first)] == first


def runs_when_opened(name: str) -> bool:
    """Whether a tool executes what has this name when its folder is opened, such as `.git` and `.envrc`."""
    return name.casefold() in RUN_WHEN_OPENED
