"""Detects config files of bash DVM in the config folder, which this dvm does not read."""

from __future__ import annotations

from pathlib import Path

from dvmweb.guest_text import visible
from dvmweb.paths import Paths

SHOWN = 3  # file names in the hint


def bash_config_hint(paths: Paths) -> str:
    """A sentence about the bash DVM config in the config folder, "" if there is none."""
    found = [path for path in (paths.config / "config.sh", *_vm_files(paths.config / "vms")) if path.is_file()]
    if not found:
        return ""
    shown = ", ".join(visible(str(path.relative_to(paths.config))) for path in found[:SHOWN])
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return (
        f"{paths.config} contains the config of bash DVM ({shown}{more}), which is not read. "
        "Write a config for each of its VMs with `dvm init NAME`."
    )


def _vm_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.sh")) if folder.is_dir() else []
