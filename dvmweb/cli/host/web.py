"""`dvm web` (also installed as `dvmweb`) starts the dashboard; `dvm open` opens a port of a VM in the browser."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click

from dvmweb.verbs.vms import Vms


@click.command()
@click.option(
    "--port",
    type=click.IntRange(1024, 65535),
    metavar="N",
    help="Port to listen on. Default: 8722; 8723 with the demo engine.",
)
@click.option("--no-open", is_flag=True, help="Print the address without opening a browser.")
@click.option("--ipv4", is_flag=True, help="Listen on 127.0.0.1 instead of [::1].")
@click.option("--url", "wants_url", is_flag=True, help="Print a new login address of the running dashboard.")
@click.option("--no-login", is_flag=True, help="Print no login address; for a service, whose output is kept.")
@click.option("--install-service", "verb", flag_value="install", help="Start it at each login, by systemd or launchd.")
@click.option("--uninstall-service", "verb", flag_value="uninstall", help="Stop that service and remove its file.")
@click.pass_obj
def web(vms: Vms, /, port: int | None, verb: str | None, **flags: bool) -> None:
    """Start the dashboard, for browsers on the host.

    As a service it prints no login address: dvm web --url prints one.
    """
    if verb:
        from dvmweb.cli.host import web_service

        options = (*(("--port", str(port)) if port else ()), *(("--ipv4",) if flags["ipv4"] else ()))
        web_service.change(vms, verb, options)
    else:
        _run(vms, port, **flags)


def _run(vms: Vms, port: int | None, *, no_open: bool, ipv4: bool, wants_url: bool, no_login: bool) -> None:
    if wants_url:
        from dvmweb.web.server.running_dashboard import fresh_address

        click.echo(fresh_address(vms.paths))
        return
    from dvmweb.web import dashboard

    opener = None if no_open or no_login or not _has_screen(vms.environ) else _open_file
    dashboard.run(vms, dashboard.Face(click.echo, opener, not no_login), port or 0, ipv4=ipv4)


@click.command("open")
@click.argument("name")
@click.argument("port", type=click.IntRange(1, 65535), required=False)
@click.option("--print", "only_prints", is_flag=True, help="Print the address without opening a browser.")
@click.pass_obj
def open_port(vms: Vms, name: str, port: int | None, only_prints: bool) -> None:
    """Open a port of the VM in the browser.

    PORT is the port in the VM or on this computer; without it, the first one of the config.
    """
    from dvmweb.verbs.ports.forwarded import address_of

    found = address_of(vms, name, port)
    click.echo(found.address)
    if found.note:
        click.echo(found.note, err=True)
    if not only_prints and _has_screen(vms.environ):
        import webbrowser

        webbrowser.open(found.address)


def _has_screen(environ: Mapping[str, str]) -> bool:
    """Without a screen, a text browser would take over the terminal."""
    return sys.platform == "darwin" or any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def _open_file(path: Path) -> None:
    import webbrowser

    webbrowser.open(path.as_uri())  # the process list shows the file's name, not the address
