"""Take screenshots of the dashboard: the pictures of the docs, or with `--all FOLDER` every page.

Run by `make screenshots`. A real dashboard serves a temporary home of demo VMs (stage.py) to a real Chromium. `--all`
takes each page at five widths in both themes, and reports pages that are wider than their window.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from page_acts import (
    Act,
    fill_badly,
    fill_form,
    nothing,
    open_columns,
    open_palette,
    post,
    restart_none,
    select_two,
    show_cards,
    show_table,
    work_in_terminal,
)
from playwright.sync_api import Browser, Page, expect, sync_playwright
from small_png import small_png
from stage import Stage, stage

TOP = Path(__file__).resolve().parent.parent
PICTURES = TOP / "docs" / "pictures"
MOST_BYTES = 150_000  # of a picture in Git
WIDTHS = (320, 390, 768, 1280, 2560)
HEIGHTS = {320: 640, 390: 800, 768: 1000, 1280: 900, 2560: 1300}
THEMES = ("light", "dark")


@dataclass(frozen=True)
class Shot:
    """One picture: where it is taken, and what is done first."""

    name: str
    path: str  # below the secret prefix
    act: Act = nothing
    theme: str = "light"
    size: tuple[int, int] = (1280, 860)


@dataclass(frozen=True)
class Order:
    """What is wanted of `--all`."""

    folder: Path
    only: tuple[str, ...]  # how the names of the pages begin


def readme_shots(job: str) -> tuple[Shot, ...]:
    """The pictures of README.md and docs."""
    return (
        Shot("vms-light", "/", size=(1280, 1050)),
        Shot("vms-dark", "/", theme="dark", size=(1280, 1050)),
        Shot("new", "/new-vm", fill_form, size=(1280, 1000)),
        Shot("job", f"/jobs/{job}", size=(1280, 1000)),
        Shot("delete", "/vms/shop-api/delete", size=(1280, 1090)),
        Shot("terminal", "/vms/shop-api/terminal", work_in_terminal, size=(1280, 640)),
        Shot("terminals", "/terminals", size=(1280, 560)),
        Shot("recipe", "/recipes/node", size=(1280, 860)),
    )


def page_shots(made: Stage, job: str) -> tuple[Shot, ...]:
    """Every page in its states."""
    failed, waits = made.job("payments", "sync")["id"], made.job("shop-api", "sync")["id"]
    tabs = ("load", "files", "ports", "logs", "recipes", "config", "jobs", "commands", "key")

    def change_meanwhile(page: Page) -> None:
        page.locator("input[name=cpus]").fill("3")
        file = made.paths.vm_config("website")
        text = file.read_text()
        file.write_text(text.replace("4321", "4322") if "4321" in text else text.replace("4322", "4321"))
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("#vm-conflict")).to_be_visible()

    fork = made.paths.local_recipes / "git.sh"
    if not fork.exists():
        made.run("recipe", "fork", "git")
        fork.write_text(fork.read_text().replace("pull.ff only", "pull.rebase true") + 'echo "$DVM_NOBODY"; cd $HOME\n')

    def change_recipe(page: Page) -> None:
        page.get_by_label("Script").fill("echo mine\n")
        file = made.paths.local_recipes / "schema.sh"
        file.write_text(f"{file.read_text()}# changed\n")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("#conflict")).to_be_visible()

    return (
        Shot("vms", "/"),
        *(
            Shot(name, f"/{name}")
            for name in ("attention", "terminals", "jobs", "trash", "checkpoints", "bases", "recipes")
        ),
        *(Shot(name, f"/{name}") for name in ("doctor", "settings")),
        Shot("palette", "/", open_palette),
        Shot("vms-searched", "/?q=nothing+has+this"),
        *(Shot(f"vm-{name}", f"/vms/{name}") for name in ("shop-api", "thesis", "infra", "website", "ml-sandbox")),
        *(Shot(f"vm-shop-api-{tab}", f"/vms/shop-api?tab={tab}") for tab in tabs),
        Shot("vm-shop-api-load-day", "/vms/shop-api?tab=load&span=day"),
        Shot("vm-shop-api-console", "/vms/shop-api?tab=logs&source=ha.stderr.log&q=port"),
        Shot("vm-shop-api-change", "/vms/shop-api?tab=ports&change=3000"),
        Shot("force-stop", "/vms/shop-api/force-stop"),
        Shot("clone", "/vms/shop-api/clone"),
        Shot("rename", "/vms/thesis/rename"),
        Shot("vm-payments-recipes", "/vms/payments?tab=recipes&ask=1"),
        Shot("new", "/new-vm"),
        Shot("new-filled", "/new-vm", fill_form),
        Shot("new-errors", "/new-vm", fill_badly),
        Shot("edit", "/vms/shop-api/edit"),
        Shot("edit-conflict", "/vms/website/edit", change_meanwhile),
        Shot("job-running", f"/jobs/{job}"),
        Shot("job-failed", f"/jobs/{failed}"),
        Shot("job-succeeded", f"/jobs/{waits}"),
        Shot("delete-nothing", "/vms/thesis/delete"),
        Shot("delete-at-risk", "/vms/shop-api/delete"),
        Shot("delete-blind", "/vms/ml-sandbox/delete"),
        Shot("checkpoint", "/vms/shop-api/checkpoint"),
        Shot("terminal", "/vms/shop-api/terminal", work_in_terminal),
        Shot("recipe", "/recipes/node"),
        Shot("recipe-yours", "/recipes/git?check=1"),
        Shot("recipe-edit", "/recipes/schema/edit?saved=1"),
        Shot("recipe-conflict", "/recipes/schema/edit", change_recipe),
        Shot("recipe-delete", "/recipes/schema/delete"),
        Shot("terminal-stopped", "/vms/thesis/terminal"),
        Shot("hook", "/vms/shop-api/hook"),
        Shot("exposure", "/vms/shop-api/exposure", post("/vms/shop-api/exposure")),
        Shot("help", "/help"),
        Shot("list-selected", "/", select_two),
        Shot("list-table", "/", show_table),
        Shot("list-table-selected", "/", select_two),
        Shot("list-columns", "/", open_columns),
        Shot("delete-several", "/delete-several?vm=shop-api&vm=thesis&vm=ml-sandbox"),
        Shot("selected", "/", restart_none),
        Shot("list-cards", "/", show_cards),
        Shot("patterns", "/patterns"),
        Shot("problem-404", "/vms/nobody"),
        Shot("problem-409", "/help", post("/vms/infra/sync")),
    )


class Camera:
    """A browser at one dashboard."""

    def __init__(self, browser: Browser, made: Stage) -> None:
        self._browser, address = browser, made.open()
        self._root = address.partition("/login#")[0]
        page = browser.new_page()
        page.goto(address)
        page.wait_for_url(self._root + "/")
        self._session = page.context.storage_state()
        page.context.close()

    @contextmanager
    def page(self, shot: Shot, theme: str, *, has_session: bool = True) -> Iterator[Page]:
        """The page of a shot in a theme, ready for its screenshot."""
        context = self._browser.new_context(
            storage_state=self._session if has_session else None,
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
            viewport={"width": shot.size[0], "height": shot.size[1]},
        )
        page = context.new_page()
        page.goto(self._root + shot.path)
        shot.act(page)
        page.wait_for_load_state("networkidle")
        yield page
        context.close()

    def take(self, shot: Shot, folder: Path) -> None:
        """Take one picture, as large as its window. Raises SystemExit for one that is too large for Git."""
        with self.page(shot, shot.theme) as page:
            file = folder / f"{shot.name}.png"
            file.write_bytes(small_png(self._browser, page.screenshot()))
        if file.stat().st_size > MOST_BYTES:
            raise SystemExit(f"{file} has {file.stat().st_size} bytes, more than {MOST_BYTES}.")
        print(f"{file.relative_to(TOP)}  {file.stat().st_size // 1000} kB")  # noqa: T201

    def take_all(self, shots: Iterable[Shot], order: Order, *, has_session: bool = True) -> None:
        """Take pages at each width in both themes, in full length; report those wider than their window."""
        for shot, theme in product(shots, THEMES):
            if not shot.name.startswith(order.only):
                continue
            with self.page(shot, theme, has_session=has_session) as page:
                for width in WIDTHS:
                    page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
                    page.screenshot(path=order.folder / f"{shot.name}-{width}-{theme}.png", full_page=True)
                    wide = page.evaluate("document.documentElement.scrollWidth")
                    if wide > width:
                        print(f"{shot.name} at {width}: the page is {wide} px wide")  # noqa: T201


def for_readme(browser: Browser) -> None:
    """The pictures of README.md and docs."""
    PICTURES.mkdir(exist_ok=True)
    with stage() as made:
        made.furnish()
        job = made.begin_long_job()
        camera = Camera(browser, made)
        for shot in readme_shots(job):
            camera.take(shot, PICTURES)


def for_us(browser: Browser, order: Order) -> None:
    """Every page: a home without Lima, one with nothing in it, and a furnished one."""
    order.folder.mkdir(parents=True, exist_ok=True)
    with stage() as made:
        made.environ |= {"DVM_ENGINE": "lima", "DVM_LIMACTL": "", "PATH": str(made.home)}
        Camera(browser, made).take_all((Shot("no-lima", "/"), Shot("no-lima-help", "/help")), order)
    with stage() as made:
        made.paths.config.mkdir(parents=True)
        (made.paths.config / "config.sh").write_text("DVM_CODE_DIR=code\n")  # a bash DVM was here
        camera = Camera(browser, made)
        camera.take_all(_strangers(made), order, has_session=False)
        camera.take_all((Shot("first", "/"), Shot("example", "/example"), Shot("jobs-none", "/jobs")), order)
    with stage() as made:
        made.furnish()
        job = made.begin_long_job()
        camera = Camera(browser, made)
        camera.take_all(page_shots(made, job), order)
        fault = {"exit": 1, "stderr": 'level=fatal msg="the disk is full"'}
        made.faults(list=fault, shell=fault, ssh=fault)
        camera.take_all((Shot("problem-list", "/"), Shot("problem-500", "/vms/shop-api/hook")), order)


def _strangers(made: Stage) -> tuple[Shot, ...]:
    """The pages for who has no session, and the last one of who had one."""

    def log_out(page: Page) -> None:
        page.goto("about:blank")  # else only the fragment would change
        page.goto(made.run("web", "--url").strip())
        page.get_by_role("button", name="Log out", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("logged out")

    used = "/login#" + "0" * 43
    return (Shot("login", "/login"), Shot("login-refused", used), Shot("logged-out", "/login", log_out))


def main() -> None:
    """The pictures of README.md, or every page."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--all", metavar="FOLDER", type=Path, help="every page, at five widths in both themes")
    words.add_argument(
        "--only",
        metavar="NAME",
        default="",
        help="with --all: only pages whose name starts with one of NAME,...",
    )
    asked = words.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    flags = ["--disable-lcd-text", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        if asked.all:
            for_us(browser, Order(asked.all, tuple(asked.only.split(","))))
        else:
            for_readme(browser)
        browser.close()


if __name__ == "__main__":
    main()
