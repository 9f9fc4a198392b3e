"""`dvm config`: values are read and changed by keys, all problems are listed, and an editor is followed by a check."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dvmweb.files import ChangedOnDisk
from dvmweb.verbs.config_values import change
from dvmweb.verbs.drafts import Draft, Drafts
from tests.journey.driver import User

CONFIG = """# mine
memory: 8GiB  # enough
recipes:
  - git
  # node later

ports: [3000, "8080:80"]
"""
CHANGED = """# mine
memory: 6GiB  # enough
recipes:
  - git
  - node
  # node later

ports: [3000]
params:
  node:
    corepack_version: "0.34.0"
baseline: false
"""


@pytest.fixture
def app(user: User) -> Path:
    """The file of a config with comments."""
    return user.vm("app").has_config(CONFIG).config


def test_a_value_is_printed_for_scripts(user: User, app: Path) -> None:
    user.paths.config_file.write_text("cpus: 3\nparams: {node: {corepack_version: '1'}}\n")
    printed = {
        "memory": "8GiB\n",
        "cpus": "3\n",
        "baseline": "true\n",
        "ports": "3000\n8080:80\n",
        "ports.2": "8080:80\n",
        "recipes": "git\n",
        "params.node.corepack_version": "1\n",
        "params": 'node:\n  corepack_version: "1"\n',
        "code_dir": "~/code/app\n",
        "repo": "\n",
    }
    for key, text in printed.items():
        assert user.dvm(f"config get app {key}").succeeds().out == text, key
    user.dvm("config get app").succeeds().prints("memory", "8GiB", "config.yaml")


def test_a_value_as_json_has_its_place(user: User, app: Path) -> None:
    user.paths.config_file.write_text("cpus: 3\n")
    (ports,) = user.dvm("config get app ports.2 --json").succeeds().json
    assert (ports["value"], ports["origin"], ports["file"], ports["line"]) == ("8080:80", "config", str(app), 7)
    rows = {row["key"]: row for row in user.dvm("config get app --json").succeeds().json}
    assert (rows["cpus"]["value"], rows["cpus"]["origin"]) == (3, "config.yaml")
    assert (rows["disk"]["value"], rows["disk"]["origin"], rows["disk"]["file"]) == ("20GiB", "default", None)
    assert (rows["ports"]["value"], rows["params"]["value"]) == ([3000, "8080:80"], {})


def test_a_key_without_a_value(user: User, app: Path) -> None:
    user.dvm("config get app ports.3").exits("not found", "ports.3 is not set.")
    user.dvm("config get app params.node.x").exits("not found", "is not set.")
    user.dvm("config get app memroy").exits("usage error", "memroy is not a field of a config.\nWrite memory.")
    user.dvm("config get app name").exits("usage error", "The name of a VM is the name of its file.")
    user.dvm("config get nope").exits("not found", "There is no VM nope.")
    app.write_text("cpus: 99\n")
    user.dvm("config get app cpus").exits("usage error", f"{app}:1: cpus: is 99.")


def test_a_change_keeps_comments_and_order(user: User, app: Path) -> None:
    app.chmod(0o640)
    user.dvm("config set app memory 6gib").succeeds().prints("memory: 8GiB -> 6GiB\nNext: dvm sync app")
    user.dvm("config set app recipes git node").succeeds()
    user.dvm("config set app ports 3000").succeeds()
    user.dvm("config set app params.node.corepack_version 0.34.0").succeeds()
    user.dvm("config set app baseline no").succeeds().prints("baseline: not set -> false")
    assert app.read_text() == CHANGED
    assert app.stat().st_mode & 0o777 == 0o640
    user.dvm("config set app baseline --unset").succeeds().prints("baseline: false -> not set")
    user.dvm("config set app params.node.corepack_version --unset").succeeds()
    assert "params" not in app.read_text()
    user.dvm("config set app ports none").succeeds().prints("ports: [3000] -> []")


def test_a_change_of_nothing_writes_nothing(user: User, app: Path) -> None:
    before = app.stat()
    user.dvm("config set app memory 8GiB").succeeds().prints("memory was 8GiB already. Nothing was written.")
    user.dvm("config set app cpus --unset").succeeds().prints("Nothing was written.")
    after = app.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


REFUSED = {
    "cpus 99": "cpus: is 99. Write a number from 1 to 64.",
    "cpus many": "cpus: is text, not a whole number. Write it without quotes and unit, like 2.",
    "memory 4": "memory: '4' is not a size.",
    "ports 3000 22": "ports.2: host port 22 is below 1024.",
    "ports 4000": "host port 4000 is also declared by the VM other.",
    "recipes git nope": "nope",
    "params.git.nope 1": "params.git.nope: ",
    "params.nope.x 1": "there is no such recipe",
    "params.node 1": "params.node is not the key of a param.",
    "ports.1 3000": "Set all of it: dvm config set app ports",
    "cpus 1 2": "cpus has one value, not 2.",
    "cpus": "There is no value.",
    "cpus 1 --unset": "Give a value, or --unset.",
    "repo ''": "The value is empty.",
    "repo https://me:secret@h/a": "contains a user name or password",
    "user root": "root is an account or group of the system.",
    "image '{{.Home}}'": "contains {{, which Lima would expand.",
    "name web": "The name of a VM is the name of its file.",
    "memroy 4GiB": "Write memory.",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_would_not_be_valid_is_refused(user: User, app: Path, words: str) -> None:
    user.vm("other").has_config("ports: [4000]\n")
    refused = user.dvm(f"config set app {words}").exits("usage error").prints_nothing()
    refused.warns(REFUSED[words])
    refused.never_says(f"{app}:")  # the file does not contain the value
    assert app.read_text() == CONFIG


def test_a_problem_elsewhere_in_the_file_is_named_with_its_line(user: User, app: Path) -> None:
    app.write_text(f"{CONFIG}memroy: 4GiB\n")
    user.dvm("config set app cpus 4").exits("usage error").warns(f"{app}:8: memroy: is not a field of a config.")
    assert "cpus" not in app.read_text()


def test_a_file_that_changes_meanwhile_is_not_overwritten(
    user: User, app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Drafts.save

    def late(self: Drafts, draft: Draft) -> None:
        app.write_text("cpus: 1\n")
        save(self, draft)

    monkeypatch.setattr(Drafts, "save", late)
    with pytest.raises(ChangedOnDisk, match="changed"):
        change(Drafts(user.paths, os.environ), "app", "cpus", ["4"])
    assert app.read_text() == "cpus: 1\n"


def test_validate_lists_all_problems_with_their_lines(user: User, app: Path) -> None:
    user.dvm("config validate").succeeds().prints("No problems found: app.")
    app.write_text("cpus: 99\nrecipes:\n  - git\n  - nope\nports: [4000]\n")
    bad = user.vm("bad").has_config("a: [\n").config
    user.vm("web").has_config("ports: [4000]\n")
    user.paths.config_file.write_text("memroy: 4\n")
    user.paths.vm_config("App").write_text("")
    found = user.dvm("config validate").exits("usage error")
    found.prints(f"{app}:1: cpus: is 99.", f"{app}:4: recipes.2: ", f"{bad}:")
    found.prints(f"{user.paths.config_file}:1: memroy: is not a field", "App.yaml: ")
    assert found.out.count("memroy") == 1  # not once for each VM
    one = user.dvm("config validate web").exits("usage error").out
    assert "cpus" not in one
    assert "App.yaml" not in one
    rows = json.loads(user.dvm("config validate --json").exits("usage error").out)
    assert {(row["name"], row["line"], row["field"]) for row in rows} >= {
        ("app", 1, "cpus"),
        ("app", 4, "recipes.2"),
        (None, 1, "memroy"),
    }
    user.dvm("config validate nope").exits("not found")


def test_validate_compares_configs(user: User, app: Path) -> None:
    web = user.vm("web").has_config("cpus: 2\nports: [3000]\n").config
    found = user.dvm("config validate web").exits("usage error")
    found.prints(f"{web}:2: ports.1: host port 3000 is also declared by the VM app.")


def test_validate_without_configs(user: User) -> None:
    user.dvm("config validate").succeeds().prints("No configs yet.")
    assert user.dvm("config validate --json").succeeds().json == []


def test_edit_opens_the_editor_and_checks(user: User, app: Path) -> None:
    editor = user.home.paths.home / "editor"
    editor.write_text('#!/bin/sh\ngrep -q "cpus: 99" "$1" && echo "cpus: 4" > "$1" || echo "cpus: 99" > "$1"\n')
    editor.chmod(0o755)
    user.dvm("config edit app").exits("usage error", "An editor needs a terminal.", str(app))
    user.dvm("config edit nope").exits("not found")
    user.home.environ["VISUAL"] = str(editor)
    edited = user.at_terminal("config edit app")
    assert "cpus: is 99" in edited.waits_for("Edit it again?")
    edited.types("")
    edited.ends(0).prints("No problems found: app.", "Next: dvm sync app")
    assert app.read_text() == "cpus: 4\n"
    edited = user.at_terminal("config edit app")
    edited.waits_for("Edit it again?")
    edited.types("n")
    edited.ends("usage error")
