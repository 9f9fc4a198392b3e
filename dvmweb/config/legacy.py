"""Finds the config files of bash DVM, which only `dvm import` reads."""

from __future__ import annotations

from pathlib import Path

from dvmweb.guest_text import visible
from dvmweb.paths import Paths

SHOWN = 3  # file names in the hint


def bash_config_hint(paths: Paths) -> str:
    """A sentence about the bash DVM config in the config folder, "" if there is none."""
    shared, vm_files = bash_files(paths.config)
    found = [*([shared] if shared else []), *vm_files]
    if not found:
        return ""
    shown = ", ".join(visible(str(path.relative_to(paths.config))) for path in found[:SHOWN])
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return (
        f"{paths.config} contains the config of bash DVM ({shown}{more}), which is not read. "
        "Import it: `dvm import --dry-run` shows what it becomes."
    )


def bash_files(folder: Path) -> tuple[Path | None, tuple[Path, ...]]:
    """config.sh of bash DVM in a folder, None for none, and the files of its VMs."""
    shared, vms = folder / "config.sh", folder / "vms"
    found = sorted(vms.glob("*.sh")) if vms.is_dir() else []
    return shared if shared.is_file() else None, tuple(path for path in found if path.is_file())
