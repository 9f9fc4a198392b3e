"""The JSON Schema that editors read: printed, written beside the configs, and kept up to date."""

from __future__ import annotations

import json

from tests.config.json_schema import faults
from tests.journey.driver import User


def test_a_new_config_brings_the_schema_that_its_first_line_names(user: User) -> None:
    printed = user.dvm("schema").succeeds().out
    file = user.paths.schema_file
    assert not file.exists()
    user.dvm("init app").succeeds()
    first = user.vm("app").config.read_text().splitlines()[0]
    named = user.vm("app").config.parent / first.removeprefix("# yaml-language-server: $schema=")
    assert named.resolve() == file.resolve()
    assert file.read_text() == printed
    schema = json.loads(printed)
    assert "node" in schema["properties"]["recipes"]["items"]["anyOf"][0]["enum"]
    assert faults(schema, {"cpus": 4, "recipes": ["node", "mine"]}) == []
    assert faults(schema, {"cpu": 4}) == [".cpu: refused"]


def test_ls_brings_the_file_up_to_date_and_never_fails_for_it(user: User) -> None:
    user.dvm("ls").succeeds()
    file = user.paths.schema_file
    assert not file.exists()  # no config names it
    user.dvm("init app").succeeds()
    printed = file.read_text()
    file.write_text("{}")
    user.dvm("ls").succeeds()
    assert file.read_text() == printed
    user.has_recipe("mine", "true")
    user.dvm("ls").succeeds()
    assert '"mine"' in file.read_text()
    file.unlink()
    file.mkdir()
    user.dvm("ls").succeeds().prints("app")
    user.dvm("schema").succeeds()
