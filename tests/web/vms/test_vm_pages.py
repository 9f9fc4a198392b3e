"""The page of one VM: its tabs, the buttons that start jobs, secrets for one run, and the project hook."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from dvmweb.guest.unsaved_work import LooseFiles, Names, RepositoryReport, UnsavedWorkReport
from dvmweb.jobs import job_record
from dvmweb.jobs.job_record import Job, StepRecord
from dvmweb.lima.instances import Instance
from dvmweb.plans.guest_steps import LATE
from dvmweb.recipes import Recipe
from dvmweb.records import work_reports
from dvmweb.verbs.recipes import Standing
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.vms import tab_views
from tests.needs import needs
from tests.web.conftest import Browser
from tests.web.demo import DvmHome, dvm_home, eventually, finished, guests_work  # noqa: F401

NOW = 1_700_000_000.0
HOSTILE = '"><img src=x>\u202e\x1b[31m'
TAKER = """#!/usr/bin/env bash
# /// recipe
# summary: Takes a secret
# params:
#   token: {label: Access token, secret: true, help: From your account page}
# ///
[ -s "${DVM_TOKEN_FILE:-/dev/null}" ] && echo "it has $(wc -c <"$DVM_TOKEN_FILE") bytes"
exit 0
"""
CANARY = "canary-77aa21"


@pytest.fixture
def created(dvm_home: DvmHome, client: Browser, vms: Vms) -> Browser:  # noqa: F811
    """A config `app` with a recipe; nothing runs."""
    vms.init("app", ("git",))
    return client


TABS = ["overview", "load", "files", "ports", "logs", "recipes", "config", "jobs", "commands", "key"]


@pytest.mark.parametrize("tab", [*TABS, "nonsense"])
def test_each_tab_of_a_vm_that_is_not_created(created: Browser, tab: str) -> None:
    answer = created.get(f"/vms/app?tab={tab}")
    assert answer.status_code == 200
    assert "Not created" in answer.text
    assert answer.text.count('aria-current="page"') == 2, "one of the frame and one tab"


def test_a_service_has_no_key_no_hook_and_no_green_light_for_what_nobody_looked_at(
    client: Browser,
    dvm_home: DvmHome,  # noqa: F811
    vms: Vms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vms.init("llama", kind="llama")
    _shown(
        vms, monkeypatch, instance=Instance("dvm-llama", "Running"), work=UnsavedWorkReport(NOW, "/home/dev/code/llama")
    )
    text = client.get("/vms/llama").text
    assert "service data not checked" in text
    assert "tab=key" not in text
    assert "Project hook" not in text


def test_the_page_of_a_vm_is_not_green_about_a_run_that_nobody_looked_into(
    created: Browser, vms: Vms, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = UnsavedWorkReport(NOW, "/home/dev/code/app")
    _shown(vms, monkeypatch, instance=Instance("dvm-app", "Running"), work=report, since="ran")
    text = created.get("/vms/app").text
    assert "Not checked since it was started" in text
    assert "No unsaved work found" not in text


def test_a_sandbox_that_the_demo_cannot_test_is_not_promised(
    client: Browser,
    dvm_home: DvmHome,  # noqa: F811
    vms: Vms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vms.init("app", ("claude",))
    _shown(vms, monkeypatch, instance=Instance("dvm-app", "Running"))
    text = client.get("/vms/app").text
    assert "no sync has tested it" in text
    assert "The demo has no sandbox." in text


def _shown(vms: Vms, monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    """The one VM as the page is to find it, with what nobody has to run for."""
    from dvmweb.web.ui import context as shared

    one = replace(vms.list_vms()[0], kind="managed", status="Running", **changes)  # type: ignore[arg-type]
    monkeypatch.setattr(Vms, "remembered", lambda _self, _vm: one)  # no instance is behind it
    snapshot = type("S", (), {"vms": (one,), "problem": None, "generation": 1, "at": NOW})
    monkeypatch.setattr(shared, "watch", lambda: type("W", (), {"snapshot": lambda self, *_, **__: snapshot})())


@pytest.mark.parametrize("name", ["nope", "-f", "A", "a%20b", "..%2fx", "%00", "x" * 31, "%D0%B0", "a%0a", "lima:x"])
def test_c01_what_is_no_vm_is_not_found_and_nothing_starts(created: Browser, vms: Vms, name: str) -> None:
    for path in ("", "/hook", "/delete"):
        assert created.get(f"/vms/{name}{path}").status_code == 404
    for verb in ("sync", "start", "stop", "work", "delete", "hook"):
        assert created.post(f"/vms/{name}/{verb}").status_code == 404
    assert vms.jobs() == ()


def test_b09_a_get_starts_nothing(created: Browser, vms: Vms) -> None:
    for verb in ("sync", "start", "stop", "work"):
        assert created.get(f"/vms/app/{verb}").status_code == 405
    assert vms.jobs() == ()


def test_a_verb_that_needs_a_vm_says_that_there_is_none(created: Browser, vms: Vms) -> None:
    job = finished(vms, created.post("/vms/app/stop"))
    assert job.state == "failed"
    text = created.get(f"/jobs/{job.id}").text
    assert "app is not created." in text
    assert "refused" in re.findall("<title>(.*?)</title>", text)[0]


def test_a_config_with_errors_shows_them_all_and_starts_nothing(created: Browser, dvm_home: DvmHome, vms: Vms) -> None:  # noqa: F811
    dvm_home.paths.vm_config("app").write_text("cpus: -1\ndisk: much\nfoo: 1\n")
    text = eventually(lambda: (t := created.get("/vms/app").text) and "has errors" in t and t)
    for word in ("cpus: is -1", "disk", "foo: is not a field"):
        assert word in text
    assert created.post("/vms/app/sync").status_code == 422
    assert vms.jobs() == ()


def test_a_new_config_has_its_page_at_once(client: Browser, dvm_home: DvmHome) -> None:  # noqa: F811
    client.get("/")
    dvm_home.ok("init", "fresh")
    assert client.get("/vms/fresh").status_code == 200


def test_an_instance_that_is_not_ours_is_left_alone(client: Browser, dvm_home: DvmHome, vms: Vms) -> None:  # noqa: F811
    folder = dvm_home.paths.lima_home / "default"
    folder.mkdir(parents=True)
    (folder / "lima.yaml").write_text("cpus: 1\n")
    text = eventually(lambda: (t := client.get("/cards").text) and "default" in t and t)
    assert "not created by dvm" in text
    assert "/vms/default" not in text
    answer = client.get("/vms/default")
    assert answer.status_code == 404
    assert "did not create" in answer.text
    assert client.post("/vms/default/stop").status_code == 404
    assert vms.jobs() == ()


# -- recipes, pure -----------------------------------------------------------------------------------------------------

RECIPES = tuple(Recipe(name, Path(f"/r/{name}.sh"), "", name == "mine") for name in ("baseline", "node", "mine"))
VM = Vm("app", "managed", "Running", None, Instance("dvm-app", "Running"), "", None, None, None)


def job(*steps: StepRecord, verb: str = "sync", state: str = "succeeded") -> Job:
    return Job("a" * 32, "app", verb, state=state, created=NOW - 60, ended=NOW - 50, steps=steps)


def recipe_step(name: str, state: str, reason: str = "") -> StepRecord:
    title = "Baseline" if name == "baseline" else f"Recipe {name}"
    return StepRecord(title, ("x",), state, reason, NOW - 60, NOW - 50)


@pytest.mark.parametrize(
    ("state", "reason", "word"),
    [
        ("done", "", "Applied"),
        ("skipped", "unchanged; its probe passes", "Applied"),
        ("skipped", "unchanged; its probe is not known", "Applied"),
        ("skipped", "unchanged; not run in the demo", "Skipped in the demo"),
        ("not-run", "no packages here", "Skipped in the demo"),
        ("skipped", LATE, "Not known"),
        ("not-run", f"it ran; {LATE}", "Not known"),
        ("failed", "", "Failed"),
        ("waiting", "", "Not applied"),
    ],
)
def test_how_a_recipe_stands(state: str, reason: str, word: str) -> None:
    (row,) = tab_views.recipe_rows(VM, RECIPES[1:2], (job(recipe_step("node", state, reason)),), NOW)
    assert row.badge.word == word
    assert (row.badge.icon == "check") == (word == "Applied" and "not known" not in reason), (
        "a tick only for what is known"
    )


def test_what_is_known_now_counts_more_than_an_older_job() -> None:
    jobs = (job(recipe_step("node", "done")),)
    for word in ("changed since it was applied", "not applied", "not known"):
        (row,) = tab_views.recipe_rows(VM, RECIPES[1:2], jobs, NOW, {"node": Standing(word, "why")})
        assert (row.badge.word.lower(), row.badge.icon != "check", row.note) == (word, True, "why")
    failed = (job(recipe_step("node", "failed")),)
    (row,) = tab_views.recipe_rows(VM, RECIPES[1:2], failed, NOW, {"node": Standing("not known")})
    assert row.badge.word == "Failed"


def test_what_an_earlier_guest_had_does_not_count() -> None:
    jobs = (job(verb="delete"), job(recipe_step("node", "done")))
    (row,) = tab_views.recipe_rows(VM, RECIPES[1:2], jobs, NOW)
    assert row.badge.word == "Not applied"
    none = replace(VM, instance=None)
    (row,) = tab_views.recipe_rows(none, RECIPES[1:2], jobs[1:], NOW)
    assert row.badge.word == "Not applied"


def test_a_key_that_is_no_key_is_told() -> None:
    assert tab_views.key_view("ssh-ed25519 !!!", "").fingerprint == "not readable"
    assert tab_views.key_view("x", "").fingerprint == "not readable"


# -- with a guest ------------------------------------------------------------------------------------------------------


@needs("ssh-keygen")  # a demo guest has the programs of its host
@pytest.mark.usefixtures("guests_work")
def test_from_sync_to_stop_by_the_page(created: Browser, dvm_home: DvmHome, vms: Vms) -> None:  # noqa: F811
    job_done = finished(vms, created.post("/vms/app/sync", data={"fresh": "1", "evil": "1"}))
    assert job_done.state == "succeeded"
    assert dict(job_done.options) == {"fresh": True}
    text = eventually(lambda: (t := created.get("/vms/app").text) and "Reachable" in t and t)
    assert "No unsaved work found" in text
    assert "dvm-app" in text
    key = created.get("/vms/app?tab=key").text
    line = re.findall(r"ssh-ed25519 \S+", key)[0]
    assert dvm_home.ok("ssh-key", "app").startswith(line)
    assert "SHA256:" in key
    assert (
        "Applied" in created.get("/vms/app?tab=recipes").text or "Skipped" in created.get("/vms/app?tab=recipes").text
    )
    assert "limactl create" in created.get("/vms/app?tab=commands").text
    asked = created.get("/vms/app?tab=recipes&ask=1").text
    assert "What sync will do" in asked
    assert "Check instance" in asked
    path = dvm_home.paths.vm_config("app")
    before = path.read_text()
    path.write_text(before + "\ncpus: 3\n")
    text = eventually(lambda: (t := created.get("/vms/app").text) and "Waiting for a restart" in t and t)
    assert "cpus" in text
    assert 'id="sync-restart"' in text
    path.write_text(before)
    eventually(lambda: "Waiting for a restart" not in created.get("/vms/app").text)
    assert job_done.id in created.get("/vms/app?tab=jobs").text
    dvm_home.guest(
        "app",
        "git init -q; git config user.email a@b; git config user.name A; echo x>f; git add f; git commit -qm '<b>one'",
    )
    looked = finished(vms, created.post("/vms/app/work"))
    assert looked.state == "succeeded"
    page = eventually(lambda: (t := created.get("/vms/app").text) and "1 commit not pushed" in t and t)
    assert "&lt;b&gt;one" in page
    assert "/home/dev/code/app" in page
    stopped = finished(vms, created.post("/vms/app/stop"))
    assert stopped.state == "succeeded"
    eventually(lambda: "Stopped" in created.get("/vms/app").text)


@pytest.mark.usefixtures("guests_work")
def test_g06_a_secret_goes_to_one_sync_and_is_nowhere_after(created: Browser, dvm_home: DvmHome, vms: Vms) -> None:  # noqa: F811
    dvm_home.paths.local_recipes.mkdir(parents=True, exist_ok=True)
    (dvm_home.paths.local_recipes / "taker.sh").write_text(TAKER)
    dvm_home.paths.vm_config("app").write_text("recipes: [taker]\n")
    text = eventually(lambda: (t := created.get("/vms/app").text) and "Access token" in t and t)
    assert 'autocomplete="new-password"' in text
    ended = finished(vms, created.post("/vms/app/sync", data={"secret.token": CANARY}))
    assert ended.state == "succeeded", ended.failure
    log = created.get(f"/jobs/{ended.id}/log?from=0").text
    assert f"it has {len(CANARY)} bytes" in log
    for path in ("/vms/app", f"/jobs/{ended.id}", "/jobs", "/vms/app?tab=commands"):
        assert CANARY not in created.get(path).text
    found = [path for path in dvm_home.paths.state.rglob("*") if path.is_file() and CANARY.encode() in _bytes(path)]
    assert not [path for path in found if "lima" not in path.parts]
    refused = created.post("/vms/app/sync", data={"secret.other": "x"})
    assert refused.status_code == 422
    assert "takes a secret" in refused.text


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.usefixtures("guests_work")
def test_a_hook_is_read_whole_and_approved_as_it_was_read(created: Browser, dvm_home: DvmHome, vms: Vms) -> None:  # noqa: F811
    dvm_home.ok("sync", "app")
    assert "No project hook" in created.get("/vms/app/hook").text
    dvm_home.guest("app", "mkdir -p .dvm; printf 'echo <i>one\\n\\techo tab\\n' > .dvm/sync.sh")
    waits = finished(vms, created.post("/vms/app/sync"))
    assert "hook needs your approval" in created.get(f"/jobs/{waits.id}").text
    text = created.get("/vms/app/hook").text
    assert "echo &lt;i&gt;one" in text
    digest = re.findall('name="digest" value="([0-9a-f]{64})"', text)[0]
    dvm_home.guest("app", "echo 'echo two' >> .dvm/sync.sh")
    changed = created.post("/vms/app/hook", data={"digest": digest})
    assert changed.status_code == 409
    assert "changed while you read it" in changed.text
    assert "echo two" in changed.text
    assert not vms.hook("app").is_approved
    digest = re.findall('name="digest" value="([0-9a-f]{64})"', changed.text)[0]
    for wrong in ("", "0" * 64, digest.upper()):
        assert created.post("/vms/app/hook", data={"digest": wrong}).status_code == 409
    ran = finished(vms, created.post("/vms/app/hook", data={"digest": digest, "then": "sync"}))
    assert ran.state == "succeeded"
    assert {step.title: step.state for step in ran.steps}["Run project hook"] == "done"
    assert "You have approved this hook" in created.get("/vms/app/hook").text


HIDES = (
    (r"echo \033[8mhidden", r"\x1b[8mhidden", "it contains hidden characters"),
    (r"echo harmless\rrm -rf x", r"harmless\x0drm", "it contains hidden characters"),
    ("true" + " " * 1000 + "# far to the right", "# far to the right", "a line is longer than"),
)


@pytest.mark.usefixtures("guests_work")
def test_a_hook_that_hides_something_is_shown_whole_and_cannot_be_approved(
    created: Browser,
    dvm_home: DvmHome,  # noqa: F811
    vms: Vms,
) -> None:
    dvm_home.ok("sync", "app")
    for line, shown, why in HIDES:
        dvm_home.guest("app", f"mkdir -p .dvm; printf '{line}\\n' > .dvm/sync.sh")
        text = created.get("/vms/app/hook").text
        assert shown in text, "what is hidden is shown"
        assert f"Cannot be approved: {why}" in text
        assert 'name="digest"' not in text
        refused = created.post("/vms/app/hook", data={"digest": vms.hook("app").digest, "then": "sync"})
        assert refused.status_code == 422
        assert why in refused.text
        assert not vms.hook("app").is_approved
    assert [job.verb for job in vms.jobs()] == ["sync"]


def test_a_hook_of_a_vm_that_does_not_run_is_an_error_with_a_way_out(created: Browser) -> None:
    answer = created.get("/vms/app/hook")
    assert answer.status_code == 404
    assert "not created" in answer.text


@pytest.mark.usefixtures("guests_work")
def test_a_hook_of_a_stopped_vm_is_no_fault(created: Browser, dvm_home: DvmHome) -> None:  # noqa: F811
    dvm_home.ok("sync", "app")
    dvm_home.ok("stop", "app")
    eventually(lambda: "Stopped" in created.get("/cards").text)
    answer = created.get("/vms/app/hook")
    assert answer.status_code == 422
    assert "app is Stopped" in answer.text


def test_d01_a_hostile_report_is_text_on_the_page(created: Browser, vms: Vms, monkeypatch: pytest.MonkeyPatch) -> None:
    from dvmweb.web.ui import context as shared

    many = Names(2, (HOSTILE, "\udce9"))
    repository = RepositoryReport(
        HOSTILE,
        "worktree",
        HOSTILE,
        untracked=many,
        staged=many,
        unpushed=2,
        local_remotes=(HOSTILE,),
        is_locked=True,
        commits=((HOSTILE, HOSTILE),),
        branches=((HOSTILE, 2),),
    )
    report = UnsavedWorkReport(NOW, HOSTILE, (repository,), LooseFiles(1, 1, (HOSTILE,)), (), (HOSTILE,))
    one = replace(vms.list_vms()[0], kind="managed", status="Running", instance=Instance("dvm-app", "Running"))
    work_reports.write(vms.paths, "app", one.instance, "0" * 32, report)
    snapshot = type("S", (), {"vms": (one,), "problem": None, "generation": 1, "at": NOW})
    monkeypatch.setattr(shared, "watch", lambda: type("W", (), {"snapshot": lambda self, *_, **__: snapshot})())
    text = created.get("/vms/app").text
    assert "<img" not in text
    assert not re.search("[\u202e\x1b]", text)
    assert r"\xe9" in text
    assert text.count("&lt;img src=x&gt;") >= 8


def test_a_job_of_the_page_is_the_cli_s(created: Browser, vms: Vms) -> None:
    finished(vms, created.post("/vms/app/start"))
    (only,) = vms.jobs()
    assert job_record.read(vms.paths, only.id).verb == "start"
