"""Finds the config files of bash DVM, which only `dvm import` reads."""

from __future__ import annotations

from pathlib import Path

from dvmweb.guest_text import visible
from dvmweb.paths import Paths

SHOWN = 3  # file names in the hint


def bash_folder(paths: Paths) -> Path:
    """The folder in which bash DVM has its config; that of the demo engine lies inside it."""
    is_outside = (
        paths.is_demo and bash_files(paths.config) == (None, ()) and bash_files(paths.config.parent) != (None, ())
    )
    return paths.config.parent if is_outside else paths.config


def bash_config_hint(paths: Paths) -> str:
    """A sentence about the config of bash DVM, "" if there is none."""
    folder = bash_folder(paths)
    shared, vm_files = bash_files(folder)
    found = [*([shared] if shared else []), *vm_files]
    if not found:
        return ""
    shown = ", ".join(visible(str(path.relative_to(folder))) for path in found[:SHOWN])
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return (
        f"{folder} contains the config of bash DVM ({shown}{more}), which is not read. "
        "Import it: `dvm import --dry-run` shows what it becomes."
    )


def bash_files(folder: Path) -> tuple[Path | None, tuple[Path, ...]]:
    """config.sh of bash DVM in a folder, None for none, and the files of its VMs."""
    shared, vms = folder / "config.sh", folder / "vms"
    found = sorted(vms.glob("*.sh")) if vms.is_dir() else []
    return shared if shared.is_file() else None, tuple(path for path in found if path.is_file())
