"""`dvm web`, also installed as `dvmweb`: starts the dashboard, or prints a fresh address of the one that runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click

from dvmweb.vms import Vms


@click.command()
@click.option("--port", type=click.IntRange(1024, 65535), help="Default: 8722, and 8723 with the demo engine.")
@click.option("--no-open", is_flag=True, help="Do not open a browser; the address is printed anyway.")
@click.option("--ipv4", is_flag=True, help="Listen on 127.0.0.1 in place of [::1].")
@click.option("--url", "wants_url", is_flag=True, help="Print a fresh login address of the dashboard that runs.")
@click.pass_obj
def web(vms: Vms, port: int | None, no_open: bool, ipv4: bool, wants_url: bool) -> None:
    """Start the dashboard for the browser; it serves this computer only."""
    if wants_url:
        from dvmweb.web.running import fresh_address

        click.echo(fresh_address(vms.paths))
        return
    from dvmweb.web import dashboard

    opener = None if no_open or not _has_screen(vms.environ) else _open_file
    dashboard.run(vms, dashboard.Face(click.echo, opener), port or 0, ipv4=ipv4)


def _has_screen(environ: Mapping[str, str]) -> bool:
    """Where there is none, a browser for text would take the terminal."""
    return sys.platform == "darwin" or any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def _open_file(path: Path) -> None:
    import webbrowser

    webbrowser.open(path.as_uri())  # the file's name stands in the process list, the address does not


def main() -> None:
    """The program `dvmweb`: `dvm web` by another name."""
    from dvmweb.cli.main import main as dvm

    dvm(["web", *sys.argv[1:]], prog_name="dvm")
