"""The result of the sandbox test on the host: read strictly, kept with its time, never green where nobody looked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from dvmweb.cli.json_output import vm_facts
from dvmweb.cli.tables import vm_table
from dvmweb.errors import CheckFailed, DvmError
from dvmweb.guest.agent import sandbox_report
from dvmweb.guest.agent.sandbox_report import FAILED, PASSED, UNKNOWN, AgentResult, Finding, SandboxReport
from dvmweb.guest.state import Applied
from dvmweb.jobs.checks import registry as checks
from dvmweb.jobs.checks import sandbox as sandbox_check
from dvmweb.jobs.checks.outcome import Outcome
from dvmweb.lima.client import Lima
from dvmweb.lima.instances import Instance
from dvmweb.lima.process import Finished
from dvmweb.paths import Paths, from_environment
from dvmweb.plans import DesiredRecipe, Options, PlanInput, plan
from dvmweb.recipes import Recipe
from dvmweb.records.last_use import Use
from dvmweb.verbs.vms import Vm
from dvmweb.web.vms.sandbox_view import sandbox_line
from tests.plans.given import HASH, STATE, config, instance, plan_input
from tests.plans.test_plans import titles

NONCE = "d" * 32
BOTH = ("claude", "codex")
HOSTILE = "<b>\x1b[2J\u202e"


def answer(*records: Sequence[str | bytes], nonce: str = NONCE) -> bytes:
    """What `sandbox_test.sh` prints."""
    parts: list[str | bytes] = ["dvm-answer", "sandbox", "1", nonce]
    for tag, *fields in (*records, ("end", nonce)):
        parts += [tag, str(len(fields)), *fields]
    return b"".join((part if isinstance(part, bytes) else part.encode()) + b"\0" for part in parts)


def agent(name: str, result: str, checks: int = 40) -> tuple[tuple[str, ...], ...]:
    return ("agent", name, result), ("count", name, str(checks))


HELD = answer(*agent("claude", PASSED), *agent("codex", PASSED, 41))
READS = ("found", "codex", FAILED, f"it can read ~/.ssh {HOSTILE}")
HOLED = answer(*agent("claude", PASSED), *agent("codex", FAILED), READS)


def test_an_answer_in_which_no_attack_worked_holds() -> None:
    report = sandbox_report.parse_report(HELD, NONCE, BOTH)
    assert report.result == PASSED
    assert report.summary() == "passed (81 checks)"
    assert sandbox_report.from_json(report.to_json()) == report


def test_one_hole_is_a_hole_and_its_words_are_made_safe() -> None:
    report = sandbox_report.parse_report(HOLED, NONCE, BOTH)
    assert report.result == FAILED
    assert "FAILED for codex: it can read ~/.ssh <b>" in report.summary()
    for line in report.lines():
        assert "\x1b" not in line
        assert "\u202e" not in line


def test_an_agent_that_could_not_be_tested_is_not_known() -> None:
    blind = answer(*agent("claude", PASSED), *agent("codex", UNKNOWN, 0), ("found", "codex", UNKNOWN, "not installed"))
    report = sandbox_report.parse_report(blind, NONCE, BOTH)
    assert report.result == UNKNOWN
    assert report.summary() == "not tested: codex: not installed"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        answer(*agent("claude", PASSED)),  # codex is missing
        answer(*agent("claude", PASSED), *agent("codex", PASSED), *agent("vibe", PASSED)),  # nobody asked for it
        answer(*agent("claude", PASSED), *agent("claude", PASSED), *agent("codex", PASSED)),
        answer(*agent("claude", PASSED, 0), *agent("codex", PASSED)),  # nothing was attacked
        answer(("agent", "claude", PASSED), *agent("codex", PASSED)),
        answer(*agent("claude", PASSED), *agent("codex", PASSED), ("found", "codex", FAILED, "it can")),
        answer(*agent("claude", PASSED), *agent("codex", PASSED), ("found", "codex", UNKNOWN, "not made")),
        answer(*agent("claude", PASSED), *agent("codex", FAILED)),  # which one?
        answer(*agent("claude", PASSED), *agent("codex", UNKNOWN), ("found", "codex", FAILED, "it can")),
        answer(*agent("claude", PASSED), *agent("codex", "fine")),
        answer(*agent("claude", PASSED), ("agent", "codex", PASSED), ("count", "codex", "many")),
        answer(*agent("claude", PASSED), *agent("codex", FAILED), *(("found", "codex", FAILED, "x"),) * 21),
        answer(*agent("claude", PASSED), *agent("codex", FAILED), ("found", "codex", FAILED, "x" * 201)),
        answer(*agent("claude", PASSED), *agent("codex", PASSED), ("odd", "codex", "x")),
        answer(*agent("claude", PASSED), *agent("codex", PASSED), nonce="e" * 32),
        HELD[:-40],
    ],
)
def test_what_is_not_whole_or_contradicts_itself_is_no_answer(said: bytes) -> None:
    with pytest.raises(CheckFailed):
        sandbox_report.parse_report(said, NONCE, BOTH)


# -- in a sync ---------------------------------------------------------------------------------------------------------


def desired(name: str, digest: str = HASH) -> DesiredRecipe:
    return DesiredRecipe(Recipe(name, Path(f"/r/{name}.sh"), "true", False, category="agent", probe="true"), digest, {})


def with_agents(digest: str = HASH, *, is_demo: bool = False) -> PlanInput:
    names = ("agent-user", "claude", "codex")
    applied = {name: Applied(HASH, "done", 1) for name in names}
    guest = replace(STATE, applied=applied, probes=dict.fromkeys(names, "ok"), is_demo=is_demo)
    wanted_recipes = (desired("agent-user"), desired("claude"), desired("codex", digest))
    found = plan_input(config(recipes=["claude", "codex"]), recipes=wanted_recipes, guest=guest, is_listed=True)
    return replace(found, instance=instance(), scripts={**found.scripts, "sandbox_test.sh": "true"})


def test_every_sync_of_a_vm_with_agents_tests_the_sandbox_and_no_other_does() -> None:
    assert titles(plan("sync", with_agents(), Options()))[-1] == "Test agent sandbox"
    without = plan("sync", plan_input(is_listed=True, instance=instance()), Options())
    assert "Test agent sandbox" not in titles(without, run_only=False)
    [step] = [one for one in plan("sync", with_agents(), Options()) if one.title == "Test agent sandbox"]
    assert step.script is not None
    assert step.script.variables["DVM_AGENTS"] == "claude\ncodex"


def test_the_demo_has_no_sandbox_and_says_so() -> None:
    [step] = [one for one in plan("sync", with_agents(is_demo=True), Options()) if one.title == "Test agent sandbox"]
    assert step.skip_reason == "not run in the demo"


@dataclass
class Bench:
    """The tools of a job on folders of a test."""

    paths: Paths
    options: Options = field(default_factory=Options)
    job_id: str = "0123456789abcdef"
    verb = "sync"
    use: Use = field(default_factory=Use)

    def end_connections(self) -> None:
        raise AssertionError

    @property
    def lima(self) -> Lima:
        raise AssertionError

    def test(self, said: bytes, code: int = 0, ended: str = "exit") -> Outcome:
        return sandbox_check.tested(self, with_agents(), Finished(("ssh",), code, said, b"lost\x1b[2J", 1.0, ended))

    def read(self) -> SandboxReport | None:
        return sandbox_check.read(self.paths, "app", instance())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(from_environment({"HOME": str(tmp_path), "PATH": ""}))


def test_results_in_the_words_of_dvm_0_1_stay_readable() -> None:
    facts = {"tested": [{"name": "claude", "result": "hole", "checks": 3, "found": [{"kind": "hole", "text": "x"}]}]}
    failed = sandbox_report.from_json(json.dumps({**facts, "problem": "", "at": 1.0}))
    assert (failed.result, failed.tested[0].found[0].kind) == ("failed", "failed")
    facts = {"tested": [{"name": "claude", "result": "holds", "checks": 3, "found": []}]}
    assert sandbox_report.from_json(json.dumps({**facts, "problem": "", "at": 1.0})).result == "passed"


def test_a_sandbox_that_holds_is_kept(bench: Bench) -> None:
    assert bench.test(HELD).reason.startswith("passed (81 checks)")
    kept = bench.read()
    assert kept is not None
    assert kept.result == PASSED


def test_a_hole_fails_the_sync_and_is_kept(bench: Bench) -> None:
    with pytest.raises(DvmError) as caught:
        bench.test(HOLED)
    assert "FAILED for codex: it can read ~/.ssh" in caught.value.what
    assert "Do not run an agent in app" in caught.value.todo
    kept = bench.read()
    assert kept is not None
    assert kept.result == FAILED


@pytest.mark.parametrize(
    ("said", "code", "ended", "why"),
    [
        (b"", 0, "exit", "did not answer the sandbox question"),
        (HELD, 1, "exit", "exit code 1"),
        (HELD, 124, "deadline", "in time"),
    ],
)
def test_no_answer_replaces_a_sandbox_that_held(bench: Bench, said: bytes, code: int, ended: str, why: str) -> None:
    bench.test(HELD)
    outcome = bench.test(said, code, ended)
    assert outcome.reason.startswith("not tested: ")
    assert why in outcome.reason
    kept = bench.read()
    assert kept is not None
    assert kept.result == UNKNOWN


@pytest.mark.parametrize(("said", "code"), [(b"", 0), (HELD, 1), (HELD[:-9], 0)])
def test_a_hole_survives_every_test_that_could_not_look(bench: Bench, said: bytes, code: int) -> None:
    with pytest.raises(DvmError):
        bench.test(HOLED)
    with pytest.raises(DvmError, match="FAILED for codex"):
        bench.test(said, code)
    kept = bench.read()
    assert kept is not None
    assert kept.result == FAILED
    assert bench.test(HELD).reason.startswith("passed (")
    kept = bench.read()
    assert kept is not None
    assert kept.result == PASSED


def test_a_hole_survives_the_recipe_that_shall_mend_it_until_it_is_tested(bench: Bench) -> None:
    with pytest.raises(DvmError):
        bench.test(HOLED)
    checks.state(bench, with_agents(digest="e" * 64), Finished((), 0, b"", b"", 0.0, "exit"))
    kept = bench.read()
    assert kept is not None
    assert [one.name for one in kept.tested] == ["codex"]
    assert kept.result == FAILED


def test_a_recipe_of_an_agent_that_runs_again_makes_the_old_test_worthless(bench: Bench) -> None:
    bench.test(HELD)
    checks.state(bench, with_agents(), Finished((), 0, b"", b"", 0.0, "exit"))
    assert bench.read() is not None, "nothing of the sandbox has changed"
    checks.state(bench, with_agents(digest="e" * 64), Finished((), 0, b"", b"", 0.0, "exit"))
    assert bench.read() is None


def test_a_test_of_another_vm_of_the_same_name_is_none(bench: Bench, tmp_path: Path) -> None:
    bench.test(HELD)
    (tmp_path / "lima-version").write_text("2.2.0")
    other = replace(instance(), directory=str(tmp_path))
    assert sandbox_check.read(bench.paths, "app", other) is None
    assert sandbox_check.read(bench.paths, "app", None) is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"mark": "", "report": "{}"}', '{"mark": 1, "report": "{\\"tested\\": [1]}"}', "[" * 100_000],
    ids=range(6),
)
def test_a_file_that_is_damaged_is_no_test(bench: Bench, text: str) -> None:
    bench.test(HELD)
    (bench.paths.vm_state("app") / sandbox_check.FILE).write_text(text)
    assert bench.read() is None


# -- as it is shown ----------------------------------------------------------------------------------------------------

NOW = 1_000_000.0


def vm(report: SandboxReport | None, *recipes: str) -> Vm:
    config_ = config(recipes=list(recipes))
    return Vm(
        "app", "managed", "Running", config_, Instance("dvm-app", "Running"), "", None, None, None, sandbox=report
    )


def report(result: str, *found: Finding, names: Sequence[str] = ("claude",)) -> SandboxReport:
    return SandboxReport(tuple(AgentResult(name, result, 40, found) for name in names), at=NOW - 120)


@pytest.mark.parametrize(
    ("known", "recipes", "word", "tone", "cell"),
    [
        (None, ("node",), "", "", ""),
        (None, ("claude",), "Agent sandbox: not tested", "blind", "not tested"),
        (report(PASSED), ("claude",), "Agent sandbox: passed (40 checks)", "safe", "passed"),
        (report(PASSED), ("claude", "codex"), "Agent sandbox: not known", "blind", "not known"),
        (report(FAILED, Finding(FAILED, "x")), ("claude", "codex"), "Agent sandbox: FAILED", "bad", "FAILED"),
        (report(UNKNOWN, Finding(UNKNOWN, "x")), ("claude",), "Agent sandbox: not known", "blind", "not known"),
        (sandbox_report.failed_report("no"), ("claude",), "Agent sandbox: not known", "blind", "not known"),
        (report(PASSED, names=()), ("claude",), "Agent sandbox: not known", "blind", "not known"),
    ],
)
def test_card_and_list_are_green_only_for_a_sandbox_that_was_tested_and_held(
    known: SandboxReport | None, recipes: tuple[str, ...], word: str, tone: str, cell: str
) -> None:
    line = sandbox_line(vm(known, *recipes), NOW)
    assert (line.word, line.tone) == (word, tone) if line else (word, tone) == ("", "")
    head, rows = vm_table([vm(known, *recipes)])
    assert ("SANDBOX" in head) == bool(cell)
    if cell:
        assert rows[0][3].startswith(cell)


def test_json_tells_the_result_for_the_config_of_now() -> None:
    facts = vm_facts(vm(report(PASSED), "claude", "codex"))["sandbox"]
    assert facts["result"] == UNKNOWN
    assert json.loads(json.dumps(facts))["tested"][0]["name"] == "claude"
    assert vm_facts(vm(None, "claude"))["sandbox"] is None
