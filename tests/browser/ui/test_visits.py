"""Every page of the app is among the visits by which the browser tests check axe, widths and names of a guest."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from urllib.parse import urlsplit

from dvmweb.paths import from_environment
from dvmweb.verbs.vms import Vms
from dvmweb.web.app import create_app
from dvmweb.web.server.sessions import Sessions
from tests.browser.sample_vms import addresses

# GET, and no page that a user sees by its address.
NO_PAGES = {
    "static": "files",
    "list_pages.health": "for a monitor",
    "list_pages.cards": "a part of the page of VMs",
    "overview_overview_pages.inside": "a part of the page of a VM",
    "overview_load_pages.part": "a part of the page of a VM",
    "list_selected_pages.rows": "a part of the page of a verb on several VMs",
    "tabs_port_pages.listening": "a part of the tab Ports",
    "tabs_log_pages.lines": "a part of the tab Logs",
    "tabs_log_pages.download": "a file",
    "jobs_pages.part": "a part of the page of a job",
    "jobs_pages.log": "lines of a log",
    "jobs_pages.download": "a file",
    "terminals_list_pages.rows": "a part of the page of terminals",
    "attention_pages.rows": "a part of the page Needs attention",
    "host_doctor_pages.findings": "a part of the page Doctor",
    "list_palette_pages.palette": "the entries of the command palette",
    "attention_pages.needing": "a number in the navigation",
    "terminals_pages.open_terminals": "a part of the page of a terminal",
    "terminals_pages.carried": "a WebSocket",
    "terminals_upload_pages.received": "a WebSocket",
    "ui_login_pages.login_page": "without a session; test_before_and_after_a_session visits it",
}


def test_every_get_route_is_visited(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "DVM_ENGINE": "demo"}
    app = create_app(Vms(from_environment(environ), environ), Sessions(tmp_path / "web"))
    routes = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    match = app.url_map.bind("dashboard").match
    visited = {match(urlsplit(path).path)[0] for path in addresses(_AnyJob()).values() if path != "/nothing"}
    assert routes - visited == set(NO_PAGES), "add a line to `addresses` of sample_vms.py"


class _AnyJob(defaultdict[str, str]):
    def __missing__(self, state: str) -> str:
        return "0" * 32
