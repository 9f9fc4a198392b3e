"""Drafts and what a form says of a file: values as typed, plans for VMs as listed, nothing lost on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvmweb import plans
from dvmweb.config import yaml_editor, yaml_reader
from dvmweb.config.model import Defaults, VmConfig, form_fields
from dvmweb.config.typed import value_of
from dvmweb.errors import ConfigError, Problem
from dvmweb.files import ChangedOnDisk
from dvmweb.lima.instances import Instance
from dvmweb.lima.lima_yaml.rendering import desired_instance, port_rules
from dvmweb.verbs.drafts import Drafts, Source, instance_of
from dvmweb.verbs.vms import Vms
from dvmweb.web.form.input import Typed, changes_of, merged, of_post, of_values
from dvmweb.web.form.messages import placed, suggestion
from tests.config.given import CONFIGS

FIELDS = form_fields()


class Post(dict[str, list[str]]):
    """A posted form."""

    def get(self, key: str, default: str) -> str:  # type: ignore[override]
        return self[key][0] if key in self else default

    def getlist(self, key: str) -> list[str]:
        return dict.get(self, key, [])


@pytest.fixture
def drafts(vms: Vms) -> Drafts:
    (vms.paths.config / "vms").mkdir(parents=True)
    return Drafts(vms.paths, vms.environ)


def listed(config: VmConfig, status: str = "Running", **more: Any) -> Instance:
    """The instance as a sync of `config` left it."""
    desired = desired_instance(config)
    facts = Instance(desired.instance, status, cpus=desired.cpus, memory=desired.memory_bytes, disk=desired.disk_bytes)
    return replace(facts, config={"portForwards": port_rules(desired.ports)}, **more)


@given(values=CONFIGS)
@settings(max_examples=60)
def test_a_form_that_nobody_touched_changes_nothing(values: dict[str, object]) -> None:
    was = of_values("app", values, Defaults(), FIELDS)
    post = Post({name: [text] for name, text in was.texts.items()})
    post["recipe"] = list(reversed(was.recipes))
    post |= {f"params.{recipe}.{param}": [text] for (recipe, param), text in was.params.items()}
    typed = of_post(post, FIELDS, was, "app")
    assert changes_of(typed, was, values, Defaults(), FIELDS) == {}


@given(values=CONFIGS)
@settings(max_examples=60)
def test_what_is_typed_anew_means_the_same(values: dict[str, object]) -> None:
    empty = of_values("app", {}, Defaults(), FIELDS)
    typed = of_values("app", values, Defaults(), FIELDS)
    changes = changes_of(typed, empty, {}, Defaults(), FIELDS)
    want, got = (VmConfig.from_values({**given_values, "name": "app"}) for given_values in (values, changes))
    assert replace(got, params={}) == replace(want, params={})


@given(mine=CONFIGS, theirs=CONFIGS, base=CONFIGS)
@settings(max_examples=60)
def test_a_merge_takes_each_change_of_one_side(mine: Any, theirs: Any, base: Any) -> None:
    typed, disk, was = (of_values("app", values, Defaults(), FIELDS) for values in (mine, theirs, base))
    both = merged(typed, was, disk)
    for name in was.texts:
        mine_text, disk_text, was_text = typed.texts[name], disk.texts[name], was.texts[name]
        assert both.texts[name] == (disk_text if mine_text == was_text else mine_text)
    assert merged(was, was, disk).recipes == disk.recipes
    assert merged(typed, was, was).texts == typed.texts


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("number", "4", 4),
        ("number", "04", "04"),
        ("number", "４", "４"),
        ("number", "9" * 30, "9" * 30),
        ("size", "8 gib", "8GiB"),
        ("size", "8G", "8GiB"),
        ("size", "8", "8"),
        ("size", "1e9GiB", "1e9GiB"),
        ("list", "3000, 8080:80  x", [3000, "8080:80", "x"]),
        ("list", " , ", []),
        ("list", "None", []),
        ("yes-no", "no", False),
        ("yes-no", "perhaps", "perhaps"),
        ("text", "12", "12"),
        ("text", "", None),
    ],
)
def test_values_as_they_are_typed(kind: str, text: str, value: object) -> None:
    assert value_of(kind, text) == value


def test_numbers_and_yes_in_params_stay_what_they_are() -> None:
    values: dict[str, object] = {"params": {"node": {"a": 1, "b": True, "c": "x"}}}
    was = of_values("app", values, Defaults(), FIELDS)
    params = {("node", "a"): "2", ("node", "b"): "no", ("node", "c"): "3"}
    typed = Typed("app", was.texts, was.recipes, params)
    changes = changes_of(typed, was, values, Defaults(), FIELDS)
    assert changes == {"params": {"node": {"a": 2, "b": False, "c": "3"}}}
    assert [type(value) for value in changes["params"]["node"].values()] == [int, bool, str]  # type: ignore[index]


@pytest.mark.parametrize(
    ("typed", "near"),
    [("Shop API", "shop-api"), ("app", ""), ("--", ""), ("1st app!", "st-app"), ("é", ""), ("a" * 40, "a" * 30)],
)
def test_the_nearest_name(typed: str, near: str) -> None:
    assert suggestion(typed) == near


def test_a_problem_stands_at_the_nearest_input() -> None:
    drawn = {"ports": "Ports", "recipes": "Recipes", "recipe.node": "node", "params.node.v": "V"}
    problems = [
        Problem("ports.1", "is 1", "Write 2.", "/config/vms/app.yaml", 3),
        Problem("params.node.v", "this is too long", "Cut it."),
        Problem("params.node.gone", "no such param", "Remove it."),
        Problem("params.other.x", "no such recipe", "Remove it."),
        Problem("needs", "needs itself", "Remove it.", "/shelf/node.sh", 4),
        Problem("cpus", "is bad", "Mend it.", "/config/config.yaml", 3),
        Problem("colour", "is not a field of a config", "Write color."),
    ]
    found = placed(problems, drawn, lambda _: "")
    assert found["ports"] == {"Ports is 1. Write 2.": 3}
    assert found["params.node.v"] == {"This is too long. Cut it.": 0}
    assert len(found["recipe.node"]) == 2
    assert found["recipes"] == {"No such recipe. Remove it.": 0}
    assert list(found[""]) == [
        "/config/config.yaml:3: cpus: is bad. Mend it.",
        "colour: is not a field of a config. Write color.",
    ]


def test_a_draft_of_a_bad_value_still_knows_the_good_rest(drafts: Drafts) -> None:
    draft = drafts.draft(Source("app"), {"cpus": 99, "recipes": ["node"], "ports": [1]})
    assert [problem.field for problem in draft.problems] == ["cpus", "ports.1"]
    assert draft.config is not None
    assert [recipe.name for recipe in draft.recipes] == ["baseline", "node"]
    with pytest.raises(ConfigError):
        drafts.save(draft)
    assert list((drafts.paths.config / "vms").iterdir()) == []


def test_the_plan_of_a_new_vm_is_that_of_its_first_sync(drafts: Drafts, vms: Vms) -> None:
    draft = drafts.draft(Source("app"), {"recipes": ["node"], "repo": "https://example.org/a.git"})
    steps = drafts.steps(draft, None, plans.Options())
    drafts.save(draft)
    saved = vms.dry_run("app", {})
    assert [(step.title, step.skip_reason) for step in steps] == [(step.title, step.skip_reason) for step in saved]
    assert [step.argv[:4] for step in steps] == [step.argv[:4] for step in saved]


def test_the_text_of_a_new_vm_is_what_its_file_says(drafts: Drafts) -> None:
    draft = drafts.draft(Source("app"), {"cpus": 3, "ports": ["8080:80"]})
    drafts.save(draft)
    written = drafts.paths.vm_config("app").read_text().splitlines()
    assert [line for line in written if line and not line.startswith("#")] == draft.text.splitlines()


def test_a_running_vm_waits_for_leave_to_restart(drafts: Drafts) -> None:
    draft = drafts.draft(Source("app"), {"cpus": 3})
    assert draft.config is not None
    instance = replace(listed(draft.config), cpus=1)
    notes = {step.title: step.skip_reason for step in drafts.steps(draft, instance, plans.Options())}
    assert notes["Change cpus"].startswith("needs a restart")
    titles = [step.title for step in drafts.steps(draft, instance, plans.Options(restart=True))]
    assert titles.index("Stop VM to change it") < titles.index("Change cpus") < titles.index("Start VM")


def test_a_disk_cannot_get_smaller(drafts: Drafts) -> None:
    draft = drafts.draft(Source("app"), {"disk": "40GiB"})
    assert draft.config is not None
    instance = listed(draft.config)
    smaller = drafts.draft(Source("app"), {"disk": "20GiB"}, instance)
    assert [(problem.field, problem.todo) for problem in smaller.problems] == [("disk", "Write 40GiB or more.")]
    assert drafts.draft(Source("app"), {"disk": "40GiB"}, instance).problems == ()


def test_the_instance_of_a_vm_is_found_also_without_a_config() -> None:
    instances = [Instance("dvm-app", "Running"), None, Instance("app", "Running")]
    assert instance_of("app", instances) == instances[0]
    assert instance_of("App", instances) is None
    assert instance_of("web", instances) is None


def test_a_broken_config_of_another_vm_stops_no_draft(drafts: Drafts) -> None:
    drafts.paths.vm_config("bad").write_text("cpus: [\n")
    drafts.paths.vm_config("web").write_text("ports: [3000]\n")
    problems = drafts.draft(Source("app"), {"ports": [3000]}).problems
    assert [problem.what for problem in problems] == ["host port 3000 is also declared by the VM web"]


def test_a_draft_is_told_what_a_sync_would_be_told(drafts: Drafts) -> None:
    drafts.paths.config_file.write_text("bundles:\n  node: [git]\n  all: [nothing]\n")
    desired = {"cpus": 99, "image": "/no/image.qcow2", "recipes": ["all", "tmux"], "params": {"gone": {"x": 1}}}
    draft = drafts.draft(Source("app"), desired)
    found = {problem.field: (problem.file.rpartition("/")[2], problem.line) for problem in draft.problems}
    shared, own = "config.yaml", "app.yaml"
    assert found == {
        "bundles.node": (shared, 2),
        "bundles.all.1": (shared, 3),
        "cpus": (own, 1),
        "image": (own, 2),
        "params.gone": (own, 7),
    }
    assert len(draft.problems) == len(found)
    assert [recipe.name for recipe in draft.recipes] == ["baseline", "tmux"]
    assert draft.config is not None


def test_an_empty_bundle_is_told_once(drafts: Drafts) -> None:
    drafts.paths.config_file.write_text("bundles:\n  web: []\n")
    draft = drafts.draft(Source("app"), {"cpus": 3, "recipes": ["web"]})
    assert [(problem.field, problem.line) for problem in draft.problems] == [("bundles.web", 2)]
    assert draft.config is not None
    assert draft.config.cpus == 3


def test_r12_a_draft_of_an_old_file_is_not_written(drafts: Drafts) -> None:
    path = drafts.paths.vm_config("app")
    path.write_text("cpus: 1\n")
    draft = drafts.draft(drafts.source("app"), {"cpus": 2})
    path.write_text("cpus: 7\n")
    with pytest.raises(ChangedOnDisk):
        drafts.save(draft)
    path.unlink()
    with pytest.raises(ChangedOnDisk):
        drafts.save(draft)
    new = drafts.draft(Source("app"), {"cpus": 2})
    path.write_text("cpus: 9\n")
    with pytest.raises(ChangedOnDisk):
        drafts.save(new)
    assert path.read_text() == "cpus: 9\n"


def test_fields_in_braces_are_said_to_be_out_of_reach(drafts: Drafts) -> None:
    drafts.paths.vm_config("app").write_text("{cpus: 1}\n")
    draft = drafts.draft(drafts.source("app"), {"cpus": 2})
    assert "in braces" in draft.problems[0].what


@given(texts=st.lists(st.text(max_size=30), min_size=3, max_size=4))
@settings(max_examples=60)
def test_any_typed_text_can_be_judged_and_written_as_lines(texts: list[str]) -> None:
    post = Post({"memory": texts[:1], "ports": texts[1:2], "cpus": texts[2:3], "recipe": texts})
    empty = of_values("", {}, Defaults(), FIELDS)
    changes = changes_of(of_post(post, FIELDS, empty), empty, {}, Defaults(), FIELDS)
    desired = {name: value for name, value in changes.items() if value is not None}
    lines = [line for name, value in desired.items() for line in yaml_editor.field_lines(name, value)]
    try:
        read = yaml_reader.read("\n".join(lines).encode("utf-8", "surrogatepass"), "x").data
    except ConfigError:  # the file that it would make is refused by the reader: never read as something else
        return
    assert read == desired
