"""A home with a VM of every kind and a dashboard on it, for tests that only look at it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from tests.browser.conftest import Dashboard, end_keepers
from tests.journey.conftest import House, remove

LONG = "a-name-as-long-as-a-name-may-be"  # 31 characters
HOSTILE = "</title><img src=x onerror=alert(1)>" + "W" * 160  # no place to break, and markup
WORK = r"""
git init -q -b main; git config user.email a@b; git config user.name A
mkdir -p .dvm; printf 'echo hook\n' > .dvm/sync.sh; git add .; git commit -qm one
printf x > "$(printf 'W%.0s' $(seq 1 180)).txt"; printf y > '<img src=x onerror=alert(1)>.txt'
"""


@dataclass(frozen=True)
class Town:
    """The dashboard, and what a browser that is logged in to it keeps."""

    dashboard: Dashboard
    root: str  # address of the secret path, no slash at its end
    storage: Any
    jobs: dict[str, str]  # state of a job -> id of one


def _config(house: House, name: str, text: str) -> None:
    file = house.paths.vm_config(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _settle(house: House) -> None:
    """VMs: running with work at risk, stopped and clean, not created, broken, unmanaged; a job that failed."""
    failing = house.paths.config / "recipes" / "failing.sh"
    failing.parent.mkdir(parents=True, exist_ok=True)
    failing.write_text("echo 'no such package'; exit 9\n")
    _config(house, "risky", "cpus: 2\nports: [3000, 5173]\nrecipes: [git, tmux]\n")
    house.ok("sync", "risky")
    house.guest("risky", WORK)
    house.dvm("work", "risky")
    house.ok("ssh-key", "risky")
    _config(house, "still", "cpus: 1\nrecipes: [failing]\n")
    house.dvm("sync", "still")
    house.ok("stop", "still")
    _config(house, LONG, f"repo: https://{'w' * 60}.example/{'r' * 90}.git\nrecipes: [python]\n")
    _config(house, "mended", f"cpus: -1\n{'w' * 200}: {json.dumps(HOSTILE)}\n")
    (house.paths.lima_home / ("unmanaged-" + "w" * 40)).mkdir(parents=True)


@contextmanager
def settled(browser: Browser) -> Iterator[Town]:
    """Make it, log in once, and take all of it away in the end."""
    house = House(Path(tempfile.mkdtemp(prefix="dvm-")))
    dashboard = Dashboard(house)
    try:
        _settle(house)
        dashboard.start()
        context = browser.new_context()
        page = context.new_page()
        page.goto(dashboard.address())
        page.get_by_role("heading", level=1).filter(has_text="VMs").wait_for()
        root = page.url.rstrip("/")
        storage = context.storage_state()
        context.close()
        yield Town(dashboard, root, storage, {job["state"]: job["id"] for job in house.jobs()})
    finally:
        if dashboard.process is not None and dashboard.process.poll() is None:
            dashboard.end()
        end_keepers(house)
        if house.paths.lima_home.is_dir():
            house.end()
        remove(house.home)
