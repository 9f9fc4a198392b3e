"""The JSON Schema of a config accepts what dvm accepts, and refuses unknown keys, wrong types and wrong values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from dvmweb.config import yaml_reader
from dvmweb.config.model import FIELDS, VmConfig, form_fields
from dvmweb.config.schema import vm_schema, whole
from dvmweb.config.store import SCHEMA_LINE, ConfigStore
from dvmweb.config.validate import judge
from tests.config.given import CONFIGS
from tests.config.json_schema import faults
from tests.config.test_model import C01, NO_PORTS, ODD
from tests.places import TOP

SCHEMA = json.loads(json.dumps(vm_schema(("git", "node"))))  # as an editor reads it


def is_accepted(values: object) -> bool:
    return not faults(SCHEMA, values)


def of_docs() -> Iterator[tuple[str, str]]:
    """The examples of configs in README and docs: indented blocks that begin with a field of a config."""
    block = re.compile(r"(?:^    .*\n|^\n(?=    ))+", re.M)
    for path in (TOP / "README.md", *sorted(TOP.glob("docs/**/*.md"))):
        for found in block.findall(path.read_text("utf-8")):
            text = re.sub(r"^    ", "", found, flags=re.M).strip("\n")
            if text.split(":")[0] in FIELDS:
                yield f"{path.name}: {text.splitlines()[0]}", text


DOCS = dict(of_docs())


def test_there_is_a_property_for_each_field_of_a_file() -> None:
    assert ("name", *SCHEMA["properties"]) == FIELDS
    for field in form_fields():
        if field.name != "name":
            about = SCHEMA["properties"][field.name]
            assert (about["title"], about["description"], about["examples"]) == (
                field.label,
                field.help,
                [field.example],
            )
            assert is_accepted({field.name: field.example})
            assert is_accepted({field.name: about["default"]} if "default" in about else {})
    assert (SCHEMA["additionalProperties"], SCHEMA["properties"]["arch"]["enum"][0]) == (False, "default")


@pytest.mark.parametrize("name", DOCS)
def test_the_configs_in_the_docs(name: str) -> None:
    document = yaml_reader.scan(DOCS[name].encode(), "app.yaml")
    reading = judge("app", document, yaml_reader.empty("config.yaml"))
    assert is_accepted(document.data) == (not reading.problems)


def test_there_are_configs_in_the_docs() -> None:
    assert len(DOCS) >= 5


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CONFIGS)
def test_any_config_that_dvm_accepts(values: dict[str, object]) -> None:
    VmConfig.from_values({**values, "name": "app"})
    assert faults(SCHEMA, values) == []


GOOD: list[dict[str, object]] = [
    {},
    {"ports": ["03000:00080", "65535", "1024:1"]},
    {"ports": [65535, 1024]},
    {"memory": "512MiB", "disk": "16TiB"},
    {"memory": "1048576MiB", "disk": "1024MiB"},
    {"code_dir": "/home/dev/code/x"},
    {"code_dir": "~/code/{name}"},
    {"code_dir": "~/binary"},
    {"code_dir": "~/go/src"},
    {"kind": "llama", "params": {"llama": {"model": ""}}},
    {"image": "/srv/a b é.qcow2"},
    {"recipes": ["git", "git", "one-of-mine"]},
]


@pytest.mark.parametrize("values", GOOD)
def test_what_dvm_accepts_at_its_limits(values: dict[str, object]) -> None:
    VmConfig.from_values({**values, "name": "app"})
    assert faults(SCHEMA, values) == []


def test_an_empty_file() -> None:
    assert is_accepted(None)


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in ODD for value in values])
def test_a_value_that_dvm_refuses(field: str, value: object) -> None:
    if (field, value) == ("code_dir", "/home/other/x"):
        assert is_accepted({field: value})  # the user can be set in config.yaml
    else:
        assert not is_accepted({field: value})


@pytest.mark.parametrize("port", NO_PORTS)
def test_a_port_that_dvm_refuses(port: object) -> None:
    assert not is_accepted({"ports": [5000, port]})


@pytest.mark.parametrize("value", C01)
def test_a_name_that_dvm_refuses(value: str) -> None:
    assert not is_accepted({"recipes": ["node", value]})
    assert not is_accepted({"params": {value: {"a": 1}}})
    assert not is_accepted({"params": {"node": {value: 1}}})


@pytest.mark.parametrize(
    "values",
    [
        {"memroy": "4GiB"},
        {"name": "app"},
        {"bundles": {"web": ["git"]}},
        {"kind": "llama", "repo": "git@h:a"},
        {"ports": [3000, 3000]},
        {"memory": "511MiB"},
        {"disk": "17TiB"},
        {"recipes": ["git"] * 201},
        {"params": {"node": {"a": "x" * 501}}},
        {"params": {"node": {"a": 1.5}}},
        {"params": {"node": {"a": "{{.Home}}"}}},
        [],
        "cpus",
    ],
)
def test_what_else_is_refused(values: object) -> None:
    assert not is_accepted(values)


@pytest.mark.parametrize(("least", "most"), [(1, 64), (7, 7), (512, 1048576), (1024, 65535), (99, 1001), (80, 90)])
def test_a_pattern_of_whole_numbers(least: int, most: int) -> None:
    pattern = re.compile(whole(least, most))
    edges = {number + step for number in (0, 9, 10, 99, 100, 999, 1000, 9999, least, most) for step in (-1, 0, 1)}
    for number in sorted({*edges, *range(0, 70000, 97)}):
        assert bool(pattern.fullmatch(str(number))) == (least <= number <= most), number
    assert not pattern.fullmatch(f"0{least}")


def test_a_new_config_names_the_schema_in_its_first_line(store: ConfigStore) -> None:
    path = store.create("app", {"cpus": 4})
    assert path.read_text().splitlines()[0] == SCHEMA_LINE == "# yaml-language-server: $schema=../vm.schema.json"
    assert (path.parent / SCHEMA_LINE.partition("=")[2]).resolve() == store.paths.schema_file.resolve()
    assert is_accepted(yaml_reader.read(path.read_bytes(), str(path)).data)
