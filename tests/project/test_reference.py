"""docs/reference says what the code has: commands, options, fields, keys of --json, exit codes, recipes, states."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from dvmweb.cli import json_output
from dvmweb.cli.config import output as config_output
from dvmweb.cli.guest import exposure
from dvmweb.cli.recipe import output
from dvmweb.cli.vms import base_output, checkpoint_output, importing, several, syncing, trash_output
from dvmweb.config.bash_dvm.conversion import Row
from dvmweb.config.model import FIELDS
from dvmweb.errors import ExitCode, Problem
from dvmweb.guest.agent.sandbox_report import AgentResult, Finding, SandboxReport
from dvmweb.guest.exposure import ExposureReport
from dvmweb.guest.exposure import Finding as ExposureFinding
from dvmweb.guest.unsaved_work import UnsavedWorkReport, Verdict
from dvmweb.guest.unsaved_work.facts import RepositoryReport
from dvmweb.jobs.job_record import STATES, Job, StepRecord
from dvmweb.lima import ledger
from dvmweb.lima.instances import Instance
from dvmweb.lima.lima_yaml import overlay
from dvmweb.lima.lima_yaml.differences import Difference
from dvmweb.lima.lima_yaml.ports import PortState
from dvmweb.plans.model import Step
from dvmweb.recipes import Recipe, header, header_fields
from dvmweb.recipes.bases import Base, BaseRecipe
from dvmweb.recipes.checking import Checked
from dvmweb.records.checkpoint_records import CheckpointRecord
from dvmweb.records.trash_records import TrashRecord, Work
from dvmweb.states import State
from dvmweb.terminals.client import TerminalFacts
from dvmweb.verbs import doctor
from dvmweb.verbs.bases import ListedBase
from dvmweb.verbs.checkpoints import Checkpoint
from dvmweb.verbs.config_values import Setting
from dvmweb.verbs.recipes import Entry
from dvmweb.verbs.trash import Entry as TrashEntry
from dvmweb.verbs.vm import Vm
from tests.places import RECIPES, TOP


def load_script() -> Any:
    """scripts/reference.py, which is part of no package."""
    spec = importlib.util.spec_from_file_location("reference", TOP / "scripts" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = load_script()
PAGES = sorted(reference.pages())
ITEM = re.compile(r"^- ((?:`[^`]+`(?:, )?)+):", re.M)


def page(name: str) -> str:
    return (TOP / "docs" / "reference" / name).read_text("utf-8")


def section(text: str, heading: str) -> str:
    """What stands under a heading, down to the next one."""
    _, _, rest = text.partition(f"\n{heading}\n")
    assert rest, f"there is no heading {heading}"
    return re.split(r"^#+ ", rest, maxsplit=1, flags=re.M)[0]


def items(text: str) -> list[str]:
    """The names that the items of a list begin with."""
    return [name for found in ITEM.findall(text) for name in re.findall(r"`([^`]+)`", found)]


# -- what is generated -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_generated_parts_are_those_of_the_code(path: Path) -> None:
    text = path.read_text("utf-8")
    assert {name for name, _ in reference.PART.findall(text)} == set(reference.parts(path.name))
    assert reference.written(path.name, text) == text, "run: make reference"


def test_every_command_field_and_state_has_its_part() -> None:
    assert {"dvm init", "dvm sync", "dvm recipe test"} <= set(reference.commands())
    config = page("config.md")
    assert [name for name in FIELDS if f"\n### `{name}`\n" not in config] == ["name"]
    assert set(reference.SHOWN) == set(State)
    assert all(facts.state is state for state, facts in reference.SHOWN.items())


# -- what is written by hand -----------------------------------------------------------------------------------------


def test_every_exit_code_is_named() -> None:
    codes = re.findall(r"^\| (\d+) \|", section(page("cli.md"), "## Exit codes"), re.M)
    assert [int(code) for code in codes] == sorted(int(code) for code in ExitCode)


def test_every_key_of_the_users_lima_yaml_is_named() -> None:
    rows = re.findall(r"^\| (`.*?) \|", section(page("config.md"), "## Settings of Lima"), re.M)
    named = {name for row in rows for name in re.findall(r"`([\w.]+)`", row)}
    assert named == set(_paths(overlay.SCHEMA))


def _paths(schema: Mapping[str, Any]) -> Iterator[str]:
    for name, below in schema.items():
        if not isinstance(below, dict):
            yield name
        elif set(below) == set(overlay.ARCHES):
            yield f"{name}.ARCH"
        else:
            yield from (f"{name}.{rest}" for rest in _paths(below))


def test_every_variable_of_the_environment_is_named() -> None:
    named = set(re.findall(r"^\| `(DVM_\w+)` \|", section(page("cli.md"), "## Environment"), re.M))
    sources = "".join((TOP / "dvmweb" / path).read_text("utf-8") for path in ("paths.py", "lima/engine.py"))
    assert named == set(re.findall(r"\bDVM_[A-Z_]+\b", sources)) - {"DVM_GUEST_NETWORK"}


def test_every_field_of_a_recipe_header_is_named() -> None:
    text = page("recipe-header.md")
    assert items(section(text, "## Fields")) == list(dict.fromkeys(items(section(text, "## Fields"))))
    assert set(items(section(text, "## Fields"))) == set(header.FIELDS)
    assert set(items(section(text, "## Fields of a param"))) == set(header_fields.PARAM_FIELDS)


def test_every_function_that_the_page_of_headers_names_is_in_the_library() -> None:
    library = "".join(path.read_text("utf-8") for path in RECIPES.glob("_*.sh"))
    named = [words.split()[0] for words in items(section(page("recipe-header.md"), "## Functions of `_lib.sh`"))]
    assert len(named) > 20
    assert not [name for name in named if not re.search(rf"^{name}\(\)", library, re.M)]


def _keys(kind: type) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


JOB = Job("1" * 32, "app", "sync", steps=(StepRecord("Start VM"),))
REPORT = UnsavedWorkReport(0.0, "", repositories=(RepositoryReport(".", "worktree"),))
WORK = json.loads(REPORT.to_json())
VM = json_output.vm_facts(
    Vm(
        *("app", "managed", "Running", None, None, "", None, REPORT, None),
        failed=JOB,
        sandbox=SandboxReport(()),
        ports=(PortState(3000, 3000, "open"),),
        pending=(Difference("cpus", "2", "4"),),
    )
)
JOB_FACTS = json_output.job_facts(JOB)
TRASH = trash_output.facts(
    TrashEntry(TrashRecord("app-1a2b3c4d", work=Work("clean", "", 1.0, ())), Instance("dvmtrash-app-1a2b3c4d", ""), 0)
)
MADE = Base("1a2b3c4d", "debian-13", "default", "dev", 2, 1, 1, (BaseRecipe("git"),))
BASE = base_output.facts(ListedBase("1a2b3c4d", MADE, Instance("dvmbase-1a2b3c4d", ""), 0, ()))
CHECKPOINT = checkpoint_output.facts(
    Checkpoint(CheckpointRecord("app-1a2b3c4d"), Instance("dvmcheck-app-1a2b3c4d", ""), 0)
)
RECIPE = Recipe("git", Path("git.sh"), "", is_local=False)
EXPOSURE = exposure.facts("app", ExposureReport((ExposureFinding("user", "vms", "none", ""),), 0.0))
OBJECTS = {
    "## `dvm ls --json`": set(VM),
    "### `work`": set(VM["work"]) - set(WORK) | {"verdict", "summary"},
    "### `sandbox`": set(VM["sandbox"]),
    "### `failed`": set(VM["failed"]),
    "### `pending`": set(VM["pending"][0]),
    "### `ports`": set(VM["ports"][0]),
    "## `dvm diff --json`": {"version", "kind", "name", "actual", "wanted", "way"},  # see journey/jobs/test_diff.py
    "## `dvm doctor --json`": set(doctor.Finding("disk", doctor.State.OK, "").facts()),
    "## `dvm trash ls --json`": set(TRASH),
    "### `work` of an entry": set(TRASH["work"]),
    "## `dvm base ls --json`": set(BASE),
    "### `recipes` of a base": set(BASE["recipes"][0]),
    "## `dvm checkpoint ls --json`": set(CHECKPOINT),
    "## `dvm work --json`": {"name", *WORK},
    "### `repositories`": set(WORK["repositories"][0]),
    "## `dvm exposure --json`": set(EXPOSURE),
    "### `findings`": set(EXPOSURE["findings"][0]),
    "## `dvm jobs --json`": set(JOB_FACTS),
    "### `steps`": set(JOB_FACTS["steps"][0]),
    "## `dvm log --commands --json`": set(json_output.command_facts(ledger.Entry(("limactl", "list")))),
    "## `dvm sync --dry-run --json`": set(syncing.step_facts("app", Step("Start VM"))),
    "## `dvm import --json`": set(importing.row_facts(Row("config.sh", 1, 1, "", "imported", ""))),
    "## `dvm start --json`": set(several.Task("app", iter(())).facts()),
    "## `dvm terminals --json`": {"version", *_keys(TerminalFacts)},
    "## `dvm config get --json`": set(config_output.facts("app", Setting("cpus", 2, "default"))),
    "## `dvm config validate --json`": set(config_output.problem_facts("app", Problem("cpus", "", ""))),
    "## `dvm recipe ls --json`": set(output.facts(Entry("git", "bundled", RECIPE.path, RECIPE))),
    "## `dvm recipe check --json`": set(output.check_facts(Checked("git", (), ()))),
}


@pytest.mark.parametrize("heading", OBJECTS)
def test_every_key_of_json_is_named(heading: str) -> None:
    assert sorted(items(section(page("json.md"), heading))) == sorted(OBJECTS[heading])


def test_every_object_of_json_is_compared() -> None:
    assert set(re.findall(r"^##+ .*$", page("json.md"), re.M)) == set(OBJECTS)


def test_the_values_of_json_are_those_of_the_code() -> None:
    text = page("json.md")
    states = section(text, "## `dvm jobs --json`")
    assert all(f"`{state}`" in states for state in STATES)
    assert all(f"`{verdict.value}`" in section(text, "## `dvm work --json`") for verdict in Verdict)
    assert all(f"`{name}`" in section(text, "### `sandbox`") for name in (*_keys(AgentResult), *_keys(Finding)))
