"""The settings: looks, keys, notifications, start at login, folders, sessions. Most are stored by /preferences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Response

from dvmweb import __version__
from dvmweb.errors import DvmError
from dvmweb.paths import limactl_program, own_command
from dvmweb.verbs.service import Service
from dvmweb.web.ui import context
from dvmweb.web.ui.preferences import DENSITIES, THEMES

blueprint = Blueprint("host_settings_pages", __name__)


@dataclass(frozen=True)
class Autostart:
    """Whether the dashboard starts at each login, and the command that changes it."""

    is_installed: bool
    file: Path
    command: str


@dataclass(frozen=True)
class Place:
    """A folder or file, and what it has."""

    name: str
    path: str
    is_there: bool


@blueprint.get("/settings")
def index() -> Response:
    """The page. Changes nothing."""
    return context.page(
        "host/settings.html",
        themes=THEMES,
        densities=DENSITIES,
        autostart=_autostart(),
        places=_places(),
        version=__version__,
        limactl=_limactl(),
    )


def _autostart() -> Autostart:
    """A page only shows it: the unit's dashboard could not start beside this one, and a page installs nothing."""
    vms = context.vms()
    service = Service(vms.paths, vms.environ)
    is_installed = service.file.is_file()
    verb = "--uninstall-service" if is_installed else "--install-service"
    return Autostart(is_installed, service.file, f"{own_command(vms.environ)} web {verb}")


def _places() -> tuple[Place, ...]:
    paths = context.vms().paths
    found = (
        ("Defaults of new VMs", paths.config / "config.yaml"),
        ("Configs", paths.config / "vms"),
        ("Your recipes", paths.local_recipes),
        ("Additions to lima.yaml", paths.overlay_file),
        ("Jobs, logs and records", paths.state),
        ("Lima instances", paths.lima_home),
    )
    return tuple(Place(name, str(path), path.exists()) for name, path in found)


def _limactl() -> str:
    try:
        return limactl_program(context.vms().environ)
    except DvmError:
        return ""
