"""A home with a VM of every kind and a dashboard on it, for tests that only read."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page

from dvmweb.verbs.several import record
from dvmweb.verbs.several.record import Part
from tests.browser.dashboard import Dashboard, at_home
from tests.browser.driver.terminal import Terminal
from tests.journey.conftest import DvmHome, until

LONG = "a-name-as-long-as-a-name-gets-x"[:30]  # no VM has a longer one
HOSTILE = "</title><img src=x onerror=alert(1)>" + "W" * 160  # no place to break, and markup
WORK = r"""
git init -q -b main; git config user.email a@b; git config user.name A
mkdir -p .dvm; printf 'echo hook\n' > .dvm/sync.sh; git add .; git commit -qm one
printf x > "$(printf 'W%.0s' $(seq 1 180)).txt"; printf y > '<img src=x onerror=alert(1)>.txt'
"""


@dataclass(frozen=True)
class SampleVms:
    """The dashboard, and what a browser that is logged in to it keeps."""

    dashboard: Dashboard
    root: str  # address of the secret path, no slash at its end
    storage: Any
    jobs: dict[str, str]  # state of a job -> id of one


def addresses(jobs: Mapping[str, str]) -> dict[str, str]:
    """Every page and state that needs no more than an address.

    `jobs`: state of a job -> id of one; also "trash", "checkpoint" and "selected".
    """
    return {
        "cards": "/",
        "no card fits": "/?q=nothing",
        "new": "/new-vm",
        "attention": "/attention",
        "terminals": "/terminals",
        "jobs": "/jobs",
        "job done": f"/jobs/{jobs['succeeded']}",
        "job failed": f"/jobs/{jobs['failed']}",
        "job running": f"/jobs/{jobs['running']}",
        "edit": "/vms/risky/edit",
        "delete at risk": "/vms/risky/delete",
        "delete check failed": "/vms/still/delete",
        "trash": "/trash",
        "trash entry": f"/trash/{jobs['trash']}/delete",
        "checkpoints": "/checkpoints",
        "delete several": "/delete-several?vm=risky&vm=still",
        "selected": f"/selected/{jobs['selected']}",
        "checkpoint to delete": f"/checkpoints/{jobs['checkpoint']}/delete",
        "rewind": f"/checkpoints/{jobs['checkpoint']}/rewind",
        "checkpoint of a running VM": "/vms/risky/checkpoint",
        "checkpoint of a stopped VM": "/vms/still/checkpoint",
        "bases": "/bases",
        "doctor": "/doctor?now=1",
        "settings": "/settings",
        "example": "/example",
        "hook": "/vms/risky/hook",
        "ports": "/vms/risky/ports",
        "exposure": "/vms/risky/exposure",
        "patterns": "/patterns",
        "no terminal": "/vms/still/terminal",
        "help": "/help",
        "not found": "/nothing",
        "errors": "/vms/mended",
        "not created": f"/vms/{LONG}",
        "config to remove": f"/vms/{LONG}/remove",
        "service": "/vms/gate",
        "service log": "/vms/gate/log",
        "log searched": "/vms/risky?tab=logs&source=serial.log&q=e&follow=1",
        "force stop": "/vms/risky/force-stop",
        "clone": "/vms/still/clone",
        "clone of a running VM": "/vms/risky/clone",
        "rename": "/vms/still/rename",
        "edit a service": "/vms/gate/edit",
        **{
            f"tab {tab}": f"/vms/risky?tab={tab}"
            for tab in ("overview", "files", "ports", "logs", "recipes", "config", "jobs", "key")
        },
        "tab load": "/vms/risky?tab=load",
        "load of a day": "/vms/risky?tab=load&span=day",
        "load of a VM that is stopped": "/vms/still?tab=load",
        "tab commands": "/vms/risky?tab=commands&all=1",
        "recipes": "/recipes",
        "recipes searched": "/recipes?q=language",
        "recipe": "/recipes/node",
        "recipe of the user's": "/recipes/git?check=1",
        "recipe to edit": "/recipes/broken/edit?saved=1",
        "recipe that cannot be used": "/recipes/broken",
        "recipe to delete": "/recipes/failing/delete",
        "plan": "/vms/risky?tab=recipes&ask=1",
    }


def visits(sample_vms: SampleVms) -> dict[str, Callable[[Page], object]]:
    """Every page and state that a page may be in, and how to get there."""

    def go(path: str) -> Callable[[Page], object]:
        return lambda page: page.goto(sample_vms.root + path)

    return {
        **{name: go(path) for name, path in addresses(sample_vms.jobs).items()},
        "terminal": _terminal(sample_vms),
        "edit with errors": _errors(sample_vms),
        "conflict": _conflict(sample_vms),
        "stop asks": _stop(sample_vms),
        "recipe conflict": _recipe_conflict(sample_vms),
    }


def _terminal(sample_vms: SampleVms) -> Callable[[Page], None]:
    def visit(page: Page) -> None:
        page.goto(f"{sample_vms.root}/vms/risky/terminal")
        page.wait_for_function("() => document.querySelector('[data-terminal]')?.link?.isOpen()")
        page.locator("#terminal-settings summary").click()

    return visit


def _stop(sample_vms: SampleVms) -> Callable[[Page], None]:
    def visit(page: Page) -> None:
        page.goto(f"{sample_vms.root}/vms/risky/terminal")
        Terminal.on(page).open().type("printf 'now-%s' it; cat").shows("now-it")
        page.goto(f"{sample_vms.root}/vms/risky")
        page.get_by_role("button", name="Stop", exact=True).click()
        page.get_by_role("heading", name="Stop risky?").wait_for()

    return visit


def _errors(sample_vms: SampleVms) -> Callable[[Page], None]:
    def visit(page: Page) -> None:
        page.goto(f"{sample_vms.root}/vms/risky/edit")
        page.locator("label[for=f-size-custom]").click()
        page.get_by_label("CPUs", exact=True).fill("w" * 190)
        page.locator("input[name=repo]").fill(HOSTILE)
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_text("Nothing was saved").wait_for()

    return visit


def _conflict(sample_vms: SampleVms) -> Callable[[Page], None]:
    def visit(page: Page) -> None:
        page.goto(f"{sample_vms.root}/vms/still/edit")
        page.locator("label[for=f-size-custom]").click()
        page.get_by_label("CPUs", exact=True).fill("3")
        file = sample_vms.dashboard.dvm_home.paths.vm_config("still")
        file.write_text(f"{file.read_text()}# {HOSTILE}\n")
        page.get_by_role("button", name="Save", exact=True).click()
        page.locator("#vm-conflict").wait_for()

    return visit


def _recipe_conflict(sample_vms: SampleVms) -> Callable[[Page], None]:
    def visit(page: Page) -> None:
        page.goto(f"{sample_vms.root}/recipes/failing/edit")
        page.get_by_label("Script").fill(f"echo '{HOSTILE}'")
        file = sample_vms.dashboard.dvm_home.paths.local_recipes / "failing.sh"
        file.write_text(f"{file.read_text()}# {HOSTILE}\n")
        page.get_by_role("button", name="Save", exact=True).click()
        page.locator("#conflict").wait_for()

    return visit


def _config(dvm_home: DvmHome, name: str, text: str) -> None:
    file = dvm_home.paths.vm_config(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _settle(dvm_home: DvmHome) -> None:
    """VMs: running with unsaved work, stopped and clean, not created, broken, unmanaged; a job that failed."""
    catalog = dvm_home.paths.config / "recipes"
    catalog.mkdir(parents=True, mode=0o700)
    dvm_home.ok("recipe", "fork", "git")
    fork = catalog / "git.sh"
    fork.write_text(f"{fork.read_text()}echo ${{DVM_NOBODY:-}} '{HOSTILE}'\n")
    (catalog / "broken.sh").write_text(f"# /// recipe\n# {'w' * 90}: x\n# summary: {HOSTILE}\n# ///\nif true\n")
    (catalog / "failing.sh").write_text(f"printf '\\033[31m%s\\033[0m\\n' '{HOSTILE}'; exit 9\n")
    (catalog / "endless.sh").write_text("echo waits; while :; do sleep 1; done\n")
    _config(dvm_home, "risky", "cpus: 2\nports: [3000, 5173]\nrecipes: [git, tmux]\n")
    dvm_home.ok("sync", "risky")
    dvm_home.guest("risky", WORK)
    dvm_home.dvm("work", "risky")
    dvm_home.ok("ssh-key", "risky")
    _config(dvm_home, "still", "cpus: 1\nrecipes: [failing]\n")
    dvm_home.dvm("sync", "still")
    dvm_home.ok("stop", "still")
    dvm_home.ok("checkpoint", "still", "--note", f"{HOSTILE} {'w' * 90}"[:200])
    still = dvm_home.paths.vm_config("still")
    still.write_text(f"{still.read_text()}# {HOSTILE}\n")
    _config(dvm_home, "gone", "cpus: 1\n")
    dvm_home.ok("sync", "gone")
    dvm_home.ok("base", "build", "git")
    dvm_home.guest("gone", WORK)
    dvm_home.ok("rm", "gone", "--yes", "--force", "--config")
    _config(dvm_home, "a-name-that-is-too-long-to-be-a-vm", "")
    _config(dvm_home, LONG, f"repo: https://{'w' * 60}.example/{'r' * 90}.git\nrecipes: [python]\n")
    _config(dvm_home, "gate", "kind: tailscale\nparams: {tailscale: {tailscale_funnel: '3000'}}\n")
    _config(dvm_home, "mended", f"cpus: -1\n{'w' * 200}: {json.dumps(HOSTILE)}\n")
    _config(dvm_home, "busy", "recipes: [endless]\n")
    following = dvm_home.popen("sync", "busy")
    until(lambda: b"waits" in b"".join(log.read_bytes() for log in dvm_home.paths.state.glob("jobs/*/log")))
    following.kill()  # the job goes on
    following.communicate()
    (dvm_home.paths.lima_home / ("unmanaged-" + "w" * 40)).mkdir(parents=True)


def _run_of_several(dvm_home: DvmHome, ids: Mapping[str, str]) -> str:
    """A run of a dashboard that has ended: one VM done, one failed, one left out, one that never had its turn."""
    parts = (
        Part("risky", "done", job=ids["succeeded"]),
        Part("still", "failed", HOSTILE, ids["failed"]),
        Part(LONG, "skipped", "It was not created."),
        Part("gate", "waiting", left=("sync",)),
    )
    record.write(dvm_home.paths, record.Record("5" * 32, "sync", time.time(), None, parts))
    return "5" * 32


@contextmanager
def settled(browser: Browser) -> Iterator[SampleVms]:
    """Make it, log in once, and take all of it away in the end."""
    with at_home() as dashboard:
        _settle(dashboard.dvm_home)
        dashboard.start()
        context = browser.new_context()
        page = context.new_page()
        page.goto(dashboard.address())
        page.get_by_role("heading", level=1).filter(has_text="VMs").wait_for()
        root = page.url.rstrip("/")
        storage = context.storage_state()
        context.close()
        (entry,) = json.loads(dashboard.dvm_home.ok("trash", "ls", "--json"))
        ids = {job["state"]: job["id"] for job in dashboard.dvm_home.jobs()} | {"trash": entry["entry"]}
        (kept,) = json.loads(dashboard.dvm_home.ok("checkpoint", "ls", "--json"))
        ids["checkpoint"] = kept["checkpoint"]
        ids["selected"] = _run_of_several(dashboard.dvm_home, ids)
        yield SampleVms(dashboard, root, storage, ids)
