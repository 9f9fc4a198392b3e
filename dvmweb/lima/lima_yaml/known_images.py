"""The names of images that a config can have: those of the installed Lima, else those that Lima had at our release."""

from __future__ import annotations

import os
from pathlib import Path

from dvmweb.config.fields import is_image_name
from dvmweb.lima.engine import Engine

PLAIN = ("fedora", "debian", "ubuntu")  # each is one of the versions below, which Lima or dvm chooses
# Of Lima 2.2.0, newest first.
SHIPPED = (
    *("fedora-43", "fedora-42", "debian-13", "debian-12"),
    *("ubuntu-lts", "ubuntu-25.10", "ubuntu-24.04", "ubuntu-22.04"),
)
TEMPLATES = Path("share", "lima", "templates", "_images")


def known_images(engine: Engine | None) -> tuple[str, ...]:
    """Return the plain names first, then each version; reads one folder of Lima and runs nothing."""
    found = _installed(Path(os.path.realpath(engine.limactl[0]))) if engine and engine.kind == "lima" else ()
    return tuple(dict.fromkeys((*PLAIN, *(found or SHIPPED))))


def _installed(limactl: Path) -> tuple[str, ...]:
    """Return the supported images of the Lima that `limactl` belongs to; () if its templates are elsewhere."""
    try:
        names = sorted(entry.name for entry in os.scandir(limactl.parent.parent / TEMPLATES))
    except OSError:
        return ()
    stems = [name.removesuffix(".yaml") for name in names if name.endswith(".yaml")]
    versions = {stem for stem in stems if is_image_name(stem)}
    return tuple(name for family in _families(versions) for name in family)


def _families(versions: set[str]) -> tuple[list[str], ...]:
    """Return the versions of each distribution, newest first."""
    kinds = sorted({name.partition("-")[0] for name in versions}, key=("fedora", "debian", "ubuntu").index)
    return tuple(sorted((one for one in versions if one.startswith(kind)), reverse=True) for kind in kinds)
