"""The list of VMs: what each card says, filters without script, the poll, first visit, hostile names."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from dvmweb.cli.json_output import vm_facts
from dvmweb.cli.tables import vm_table
from dvmweb.config.model import VmConfig
from dvmweb.errors import DvmError, NoEngine
from dvmweb.guest.unsaved_work import LooseFiles, Names, RepositoryReport, UnsavedWorkReport, failed_report
from dvmweb.jobs.job_record import Failure, Job, StepRecord
from dvmweb.lima.instances import Instance
from dvmweb.lima.lima_yaml.differences import Difference
from dvmweb.lima.lima_yaml.ports import PortState
from dvmweb.lima.watching import Snapshot
from dvmweb.records.guest_status import GuestStatus
from dvmweb.verbs.vms import Vm
from dvmweb.web.list.card import card as card_of
from dvmweb.web.list.filters import ListQuery
from dvmweb.web.list.views import ListPage, list_page, seen
from dvmweb.web.ui import context as shared
from dvmweb.web.vms import status
from dvmweb.web.vms.work_line import work_line
from tests.web.conftest import Browser
from tests.web.demo import DvmHome, dvm_home, eventually  # noqa: F401

NOW = 1_700_000_000.0
GIB = 1 << 30
EVERYTHING = ListQuery()
HOSTILE = "\"><img src=x onerror=alert(1)>{{7*7}}\u202e\x1b[31m' hx-get=/x"


def config(name: str = "app", **values: object) -> VmConfig:
    return VmConfig.from_values({"name": name, **values})


def running(name: str = "app", **changes: object) -> Vm:
    instance = Instance(f"dvm-{name}", "Running", cpus=2, memory=4 * GIB, disk=20 * GIB)
    plain = Vm(name, "managed", "Running", config(name), instance, "", GuestStatus(True, NOW - 5), None, None)
    return replace(plain, **changes)  # type: ignore[arg-type]


def stopped(name: str = "app", **changes: object) -> Vm:
    return running(name, status="Stopped", reach=None, **changes)


def busy(verb: str, **changes: object) -> Job:
    steps = (
        StepRecord("Check instance", ("x",), "done"),
        StepRecord("Recipe just", ("y",), "running", started=NOW - 72),
    )
    return replace(Job("a" * 32, "app", verb, state="running", steps=steps), **changes)  # type: ignore[arg-type]


UNPUSHED = UnsavedWorkReport(
    NOW - 40,
    "/home/dev/code/app",
    (RepositoryReport(".", "worktree", "fix/rounding", unpushed=3, stashes=1), RepositoryReport("tools", "worktree")),
)


@pytest.mark.parametrize(
    ("vm", "tone", "word"),
    [
        (running(), "ok", "Reachable"),
        (running(reach=None), "idle", "Running"),
        (running(reach=GuestStatus(False, NOW - 5)), "bad", "Running, not reachable"),
        (running(reach=GuestStatus(True, NOW - 3600)), "idle", "Running"),
        (running(reach=GuestStatus(True, NOW + 7200)), "idle", "Running"),  # R18: the clock was set back
        (stopped(), "idle", "Stopped"),
        (running(status="Broken"), "bad", "Broken"),
        (running(status=""), "bad", "Not readable by Lima"),
        (running(status="Hibernating"), "warn", "Hibernating"),
        (running(kind="not created", status="", instance=None), "idle", "Not created"),
        (running(kind="unmanaged", config=None), "idle", "Unmanaged, Running"),
        (running(job=busy("sync")), "info", "Syncing"),
        (running(job=busy("delete")), "info", "Deleting"),
        (running(job=busy("sync", state="queued")), "info", "Waiting for another VM"),
    ],
)
def test_the_word_for_a_state(vm: Vm, tone: str, word: str) -> None:
    badge = status.badge(vm, NOW)
    assert (badge.tone, badge.word) == (tone, word)


def test_running_is_never_reachable_without_a_fresh_answer() -> None:
    badge = status.badge(running(reach=GuestStatus(True, NOW - 300)), NOW)
    assert badge.word == "Running"
    assert badge.age == "reachable 5 min ago"


@pytest.mark.parametrize(
    ("vm", "tone", "word"),
    [
        (running(work=UnsavedWorkReport(NOW - 60, "/c")), "safe", "No unsaved work found"),
        (running(work=UNPUSHED), "risk", "Unsaved work: 3 commits not pushed and 1 stash"),
        (
            running(work=UnsavedWorkReport(NOW, "/c", loose=LooseFiles(2, 10, ("a", "b")))),
            "risk",
            "Unsaved work: 2 loose files",
        ),
        (running(work=failed_report("git did not answer")), "blind", "Check failed"),
        (running(), "blind", "Not checked yet"),
        (running(kind="unmanaged", config=None), "blind", "Not checked"),
    ],
)
def test_the_work_line(vm: Vm, tone: str, word: str) -> None:
    line = work_line(vm, NOW)
    assert line is not None
    assert (line.tone, line.word) == (tone, word)


CLEAN = UnsavedWorkReport(NOW - 240, "/c")
SINCE = failed_report("the guest did not respond in time", checked_at=NOW - 20)


@pytest.mark.parametrize(
    ("vm", "tone", "words"),
    [
        (
            running(work=UNPUSHED, failed_check=SINCE),
            "risk",
            ["3 commits not pushed", "last check failed 20 s ago"],
        ),
        (
            running(work=CLEAN, failed_check=SINCE),
            "blind",
            ["Not known", "checked 4 min", "last check failed"],
        ),
        (running(work=CLEAN, since="used"), "blind", ["Used since", "no unsaved work found then"]),
        (running(work=CLEAN, since="in use"), "blind", ["In use now"]),
        (running(work=CLEAN, since="ran"), "blind", ["Not checked since it was started"]),
        (stopped(work=CLEAN, since="ran"), "blind", ["Not checked since it last ran"]),
        (stopped(work=CLEAN, since="used"), "blind", ["Used since"]),
        (running(work=UNPUSHED, since="used"), "risk", ["3 commits not pushed", "fix/rounding; used since"]),
        (
            running(work=CLEAN, failed_check=replace(UNPUSHED, problems=("x: no",))),
            "risk",
            ["3 commits not pushed", "x: no"],
        ),
        (
            running(work=replace(UNPUSHED, problems=("x: no",))),
            "risk",
            ["3 commits not pushed", "incomplete", "x: no"],
        ),
        (
            running(work=replace(CLEAN, outside=Names(5, ("~/a", "~/b", "~/c", "~/d", "~/e")))),
            "safe",
            ["~/c and 2 more"],
        ),
        (running(work=replace(CLEAN, is_outside_cut=True)), "safe", ["search of the home folder did not finish"]),
        (stopped(work=CLEAN), "safe", ["No unsaved work found", "before it was stopped"]),
    ],
)
def test_only_a_clean_report_that_is_the_last_word_is_green(vm: Vm, tone: str, words: list[str]) -> None:
    card = card_of(vm, NOW)
    assert card.work is not None
    text = f"{card.work.word} {card.work.age} {card.work.detail}"
    assert [word for word in words if word not in text] == [], text
    assert (card.work.tone, "clean" in card.tags, "unsaved" in card.tags) == (tone, tone == "safe", tone == "risk")
    (row,) = vm_table([vm])[1]
    facts = vm_facts(vm)["work"]
    assert facts["verdict"] == {"safe": "clean", "risk": "unsaved work", "blind": "not known"}[tone]
    assert any("not known" in cell for cell in row) == (tone == "blind") or "x: no" in text
    heading = page(vm).heading
    assert (
        heading
        == {
            "safe": "1 VM, no unsaved work found",
            "risk": "1 VM, 1 with unsaved work",
            "blind": "1 VM, 1 not known",
        }[tone]
    )
    assert page(vm).title.startswith("1 with unsaved work") == (tone == "risk")


def test_the_work_line_says_where_and_when() -> None:
    line = work_line(running(work=UNPUSHED), NOW)
    assert line is not None
    assert line.detail == "/home/dev/code/app on fix/rounding"
    assert line.age == "checked 40 s ago"


@pytest.mark.parametrize(
    ("vm", "texts"),
    [
        (running(), ["Terminal", "Sync", "Stop"]),
        (running(reach=GuestStatus(False, NOW)), ["Wait for the guest", "Stop"]),
        (stopped(), ["Start", "Sync"]),
        (running(status="Broken", instance=Instance("dvm-app", "Broken", config={})), ["Force stop"]),
        (running(kind="not created", status="", instance=None), ["Create and sync", "Edit"]),
        (running(kind="unmanaged", config=None), []),
        (running(job=busy("sync")), ["Job", "Terminal"]),
        (running(job=busy("delete")), ["Job"]),
        (running(config=None, problem="app.yaml:1: cpus: is -1"), ["Fix config"]),
    ],
)
def test_the_buttons_fit_the_state_and_one_is_primary(vm: Vm, texts: list[str]) -> None:
    actions = card_of(vm, NOW).actions
    assert [action.text for action in actions] == texts
    assert sum(action.tone == "primary" for action in actions) <= 1


def test_what_is_not_known_is_a_question_mark() -> None:
    unknown = Vm("app", "managed", "", None, Instance("dvm-app", ""), "bad", None, None, None)
    assert [meter.text for meter in card_of(unknown, NOW).meters] == ["?", "?", "?"]
    assert [meter.text for meter in card_of(running(), NOW, 9 * GIB).meters] == ["2", "4 GiB", "9 / 20 GiB"]


@pytest.mark.parametrize(
    ("instance", "what", "buttons"),
    [
        (Instance("dvm-app", "Broken", errors=("it died",), config={}), "app is Broken: it died.", ["Force stop"]),
        (Instance("dvm-app", "Broken", "/l/dvm-app"), "dvm-app is a folder without a lima.yaml", []),
        (
            Instance("dvm-app", "", "/l/dvm-app", errors=("[1:7] bad",)),
            "Lima cannot read /l/dvm-app/lima.yaml: [1:7]",
            ["Delete app"],
        ),
        (Instance("dvm-app", "Installing", config={}), "app is Installing", ["Force stop"]),
        (Instance("dvm-app", "Stopped", config={}), "", ["Start", "Sync"]),
    ],
)
def test_a_vm_that_cannot_be_started_says_why_and_offers_only_what_helps(
    instance: Instance, what: str, buttons: list[str]
) -> None:
    card = card_of(running(status=instance.status, reach=None, instance=instance), NOW)
    assert card.trouble[0].startswith(what)
    assert bool(card.trouble[0]) == bool(card.trouble[1]) == bool(what)
    assert [action.text for action in card.actions] == buttons


def test_a_failed_sync_of_what_is_not_created_is_told_on_its_card() -> None:
    failure = Failure(
        "LimaError", "`limactl create` failed: no space left on device (exit code 1).\n  more", "Free some."
    )
    failed = replace(busy("sync", state="failed"), failure=failure)
    line = card_of(running(kind="not created", status="", instance=None, reach=None, failed=failed), NOW).failed
    assert line is not None
    assert line.text == "Last sync failed: limactl create failed: no space left on device (exit code 1)"
    assert not line.is_refused


def test_what_was_refused_is_told_by_its_reason_not_by_the_title_of_a_step() -> None:
    steps = (StepRecord("Check instance", state="done"), StepRecord("Check ports", state="failed"))
    failure = Failure("PortTaken", "Port 80 of the host is in use by nginx. app was not started.\nmore")
    refused = replace(busy("sync", state="failed", steps=steps), failure=failure, outcome="refused")
    line = card_of(running(kind="not created", status="", instance=None, reach=None, failed=refused), NOW).failed
    assert line is not None
    assert line.text == "Last sync was refused: Port 80 of the host is in use by nginx"
    assert line.is_refused, "it is amber: nothing was changed"


def test_a_change_that_waits_for_a_restart_is_told_with_both_values() -> None:
    told = card_of(running(pending=(Difference("cpus", "2", "4"),)), NOW).pending
    assert told == ("Waiting for a restart: cpus 2 → 4",)
    assert card_of(stopped(pending=(Difference("cpus", "2", "4"),)), NOW).pending == (
        "The next start changes: cpus 2 → 4",
    )
    assert card_of(running(), NOW).pending == ()


def test_a_failed_sync_is_told_on_the_card_until_another_job_runs() -> None:
    failed = Job("b" * 32, "app", "sync", state="failed", failure=Failure("DvmError", "Cloning failed: \u202ex."))
    line = card_of(running(failed=failed), NOW).failed
    assert line == status.FailedLine("b" * 32, "Last sync failed: Cloning failed: \\u202ex")
    interrupted = card_of(running(failed=replace(failed, state="interrupted", failure=None)), NOW).failed
    assert interrupted is not None
    assert interrupted.text == "Last sync was interrupted"
    needs = replace(failed, failure=Failure("SecretNeeded", "Recipe `claude` needs a secret: token."))
    asks = card_of(running(failed=needs), NOW).failed
    assert asks is not None
    assert asks.text == "Last sync failed: Recipe claude needs a secret: token"
    assert card_of(running(failed=failed, job=busy("sync")), NOW).failed is None
    assert card_of(running(), NOW).failed is None


def test_a_fresh_answer_tells_the_use_and_an_old_one_does_not() -> None:
    vm = running(reach=GuestStatus(True, NOW - 5, 96, 31 * GIB // 10))
    meters = card_of(vm, NOW).meters
    assert [meter.text for meter in meters] == ["96 % of 2", "3.1 / 4 GiB", "20 GiB"]
    assert [(meter.has_bar, meter.is_high) for meter in meters] == [(True, True), (True, False), (False, False)]
    for reach in (GuestStatus(True, NOW - 300, 96, GIB), GuestStatus(False, NOW - 5, 96, GIB), None):
        assert [meter.text for meter in card_of(running(reach=reach), NOW).meters] == ["2", "4 GiB", "20 GiB"]


def test_the_line_of_a_running_job() -> None:
    line = status.job_line(busy("sync"), NOW)
    assert line is not None
    assert line.text == "Step 2 of 2: Recipe just · 1 min 12 s"
    assert (line.done, line.total) == (1, 2)


def test_links_to_ports_name_the_vm_and_are_there_only_while_it_holds_them() -> None:
    held = (PortState(3000, 3000, "open", is_held=True), PortState(8080, 80, "open", is_held=True))
    open_ports = status.ports(replace(running(), ports=held))
    assert [port.url for port in open_ports] == ["http://app.localhost:3000/", "http://app.localhost:8080/"]
    assert [port.text for port in open_ports] == ["3000", "8080 → 80"]
    others = tuple(PortState(3000, 3000, state, "node (process 7)") for state in ("taken", "refused", "waits", "quiet"))
    assert not any(port.url for port in status.ports(replace(running(), ports=others)))
    met = (PortState(3000, 3000, "open", is_held=True, met_first="node (process 7)"),)
    (port,) = status.ports(replace(running(), ports=met))
    assert (port.url, port.address) == ("", "127.0.0.1:3000")
    assert [port.is_lost for port in status.ports(replace(running(), ports=others))] == [True, True, False, False]


# -- the page ----------------------------------------------------------------------------------------------------------


def page(*vms: Vm, problem: DvmError | None = None, asked: ListQuery = EVERYTHING, generation: int = 1) -> ListPage:
    snapshot = Snapshot(tuple(vms), NOW - 3, problem, generation)
    return list_page(snapshot, asked, NOW, {}, 32 * GIB)


def test_headings_say_the_answer() -> None:
    two = page(running(work=UNPUSHED), running("b", work=UnsavedWorkReport(NOW, "/c")))
    assert two.heading == "2 VMs, 1 with unsaved work"
    assert two.title == "1 with unsaved work · dvm"
    assert two.lead == "2 running · 8 GiB of 32 GiB memory allocated"
    blind = page(running(work=failed_report("x")))
    assert "1 not known" in blind.heading
    assert "No VMs yet" in page().heading
    assert page(generation=0).title == "? VMs · dvm"


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (ListQuery(), ["a", "b", "c"]),
        (ListQuery(show="unsaved"), ["a"]),
        (ListQuery(show="clean"), ["b"]),
        (ListQuery(show="running"), ["a", "b"]),
        (ListQuery(query="B"), ["b"]),
        (ListQuery(query="code/app"), ["a"]),
        (ListQuery(query="3000"), ["c"]),
        (ListQuery(query="a nothing"), []),
    ],
)
def test_filters_and_search_without_script(asked: ListQuery, names: list[str]) -> None:
    every = (
        running("a", work=UNPUSHED),
        running("b", work=UnsavedWorkReport(NOW, "/c")),
        replace(stopped("c", config=config("c", ports=[3000])), ports=(PortState(3000, 3000, "down"),)),
    )
    shown = page(*every, asked=asked)
    assert [card.name for card in shown.cards] == names


def test_an_unknown_filter_is_none_and_a_long_search_is_cut() -> None:
    asked = ListQuery.of({"show": "evil", "q": "x" * 9000})
    assert asked.show == ""
    assert len(asked.query) == 200


def test_a_poll_is_answered_only_when_the_page_would_change() -> None:
    snapshot = Snapshot((running(),), NOW, None, 4)
    assert seen(snapshot, NOW) == seen(snapshot, NOW + 1)
    assert seen(snapshot, NOW) != seen(replace(snapshot, generation=5), NOW)
    assert seen(snapshot, NOW) != seen(snapshot, NOW + 10)
    assert seen(snapshot, NOW) != seen(replace(snapshot, problem=DvmError("x")), NOW)


def test_an_old_list_says_its_age_and_why() -> None:
    told = page(running(), problem=DvmError("`limactl list` has not finished for 9 s.", "wait", "limactl list")).problem
    assert told is not None
    assert told.what == "`limactl list` has not finished for 9 s. The list below was made just now."
    assert told.command == "limactl list"
    missing = page(problem=NoEngine("x")).problem
    assert missing is not None
    assert missing.tone == "info"


def put(client: Browser, snapshot: Snapshot[Vm], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the watch say this."""
    watch = type("Still", (), {"snapshot": lambda self, *_, **__: snapshot})()
    monkeypatch.setattr(shared, "watch", lambda: watch)


class Tags(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_d01_hostile_names_are_text_on_the_list(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = RepositoryReport(HOSTILE, "worktree", HOSTILE, unpushed=1, untracked=Names(1, (HOSTILE,)))
    every = (
        running(work=UnsavedWorkReport(NOW, HOSTILE, (repository,))),
        Vm(HOSTILE, "unmanaged", HOSTILE, None, Instance(HOSTILE, HOSTILE, vm_type=HOSTILE), "", None, None, None),
        running("b", work=failed_report(HOSTILE)),
        running("c", config=None, problem=HOSTILE),
    )
    put(client, Snapshot(every, NOW, None, 1), monkeypatch)
    answer = client.get("/")
    assert answer.status_code == 200
    tags = Tags(answer.text).tags
    assert not [tag for tag, _ in tags if tag == "img"]
    gets = {attributes["hx-get"] for _, attributes in tags if "hx-get" in attributes}
    assert all(str(get).startswith(client.sessions.prefix) for get in gets)
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on") or name == "style"]
    assert "\u202e" not in answer.text
    assert "\x1b" not in answer.text
    assert "49" not in re.sub(r"[0-9a-f]{16,}|\d{5,}", "", answer.text), "no template was run"
    ids = [attributes["id"] for _, attributes in tags if attributes.get("id")]
    assert len(ids) == len(set(ids))


def test_the_first_visit_says_what_to_do(client: Browser) -> None:
    text = eventually(lambda: (t := client.get("/").text) and "No VMs yet" in t and t)
    assert 'href="' + client.sessions.prefix + '/new-vm"' in text
    assert "Try it with an example project" in text
    assert "This is the demo engine" in text


def test_without_limactl_the_page_says_what_to_install(
    client: Browser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = NoEngine("limactl is not installed, or not on PATH.", "Install Lima: brew install lima.")
    put(client, Snapshot((), 0, error, 0), monkeypatch)
    text = client.get("/").text
    assert "limactl is not installed" in text
    assert "Install Lima" in text
    assert "Can&#39;t list VMs" in text
    assert "No VMs yet" not in text, "nobody has looked"


def test_a_bash_dvm_config_and_odd_files_are_hinted_at(dvm_home: DvmHome, client: Browser) -> None:  # noqa: F811
    folder = dvm_home.paths.config / "vms"
    folder.mkdir(parents=True)
    (folder / "old.sh").write_text("cpus=2\n")
    (folder / "Shop.yaml").write_text("cpus: 2\n")
    text = client.get("/").text
    assert "bash DVM" in text
    assert "Shop.yaml" in text


def test_a_broken_config_is_told_and_the_other_cards_stay(dvm_home: DvmHome, client: Browser) -> None:  # noqa: F811
    dvm_home.ok("init", "good")
    dvm_home.paths.vm_config("bad").write_text("cpus: -1\n")
    text = eventually(lambda: (t := client.get("/").text) and "card" in t and "bad" in t and t)
    assert "The config has errors" in text
    assert "cpus: is -1" in text
    assert 'id="good-sync"' in text


def test_the_poll_brings_cards_heading_and_filters_or_nothing(dvm_home: DvmHome, client: Browser) -> None:  # noqa: F811
    dvm_home.ok("init", "app")
    eventually(lambda: 'id="vm-app"' in client.get("/cards").text)
    text = client.get("/cards").text
    assert text.strip().startswith("<section id=")
    assert text.count('hx-swap-oob="true"') == 3
    assert "<html" not in text
    eventually(lambda: _is_unchanged(client))
    assert client.get("/cards?seen=nonsense").status_code == 200


def _is_unchanged(client: Browser) -> bool:
    found = re.search(r'hx-vals=.{"seen": "([^"]*)"}', client.get("/cards").text)
    assert found
    answer = client.get(f"/cards?seen={found[1]}")
    return answer.status_code == 204 and answer.data == b""


def test_every_form_has_a_csrf_field_and_nothing_is_inline(dvm_home: DvmHome, client: Browser) -> None:  # noqa: F811
    dvm_home.ok("init", "app")
    eventually(lambda: 'id="vm-app"' in client.get("/").text)
    for path in ("/", "/help", "/jobs", "/vms/app", "/vms/app?tab=config"):
        text = client.get(path).text
        forms = re.findall(r"<form[^>]*method=\"post\".*?</form>", text, re.S)
        assert all('name="csrf"' in form for form in forms)
        assert "<style" not in text
        assert " style=" not in text
        assert not re.search(r"<script(?![^>]*src=)", text)


def test_the_help_page_names_engine_and_folders(dvm_home: DvmHome, client: Browser) -> None:  # noqa: F811
    text = client.get("/help").text
    for word in (str(dvm_home.paths.config), str(dvm_home.paths.state), "Search", "The demo runs the whole workflow"):
        assert word in text


@pytest.mark.parametrize(("platform", "has_guide"), [("linux", True), ("darwin", False)])
def test_on_linux_limas_own_page_comes_before_homebrew(
    client: Browser, monkeypatch: pytest.MonkeyPatch, platform: str, has_guide: bool
) -> None:
    monkeypatch.setattr("dvmweb.web.list.pages.sys.platform", platform)
    page = client.get("/help").text
    link = '<a href="https://lima-vm.io/docs/installation/" target="_blank" rel="noopener noreferrer">'
    assert (link in page) is has_guide
    assert page.index("brew install lima") > page.find(link)
