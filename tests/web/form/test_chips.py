"""The chips of a form: chosen recipes in run order, what they bring along, and an order that can be changed."""

from __future__ import annotations

import re

from dvmweb.verbs.vms import Vms
from tests.web.conftest import Browser
from tests.web.drawn import Drawn
from tests.web.form.test_forms import HTMX, defaults, edit_form, fields_of, recipe, write


def chips(text: str) -> list[str]:
    """The chips as they are read; a chosen one with its brackets."""
    found = re.findall(r'<li class="chip (?:chosen( bad)?" data-chip="([^"]*)"|quiet"[^>]*>([^<]*)<)', text)
    return [f"[{name}]{bad}" if name else quiet for bad, name, quiet in found]


def test_chips_stand_in_the_order_in_which_a_sync_runs_them(client: Browser, vms: Vms) -> None:
    write(vms, "app", "recipes: [claude, git, node]\n")
    text = client.get("/vms/app/edit").text
    assert chips(text) == ["baseline, always first", "[node]", "agent-user, for claude", "[claude]", "[git]"]
    assert re.findall(r"<span>Recipe ([a-z-]+)</span>", text) == ["node", "agent-user", "claude", "git"]
    assert edit_form(client, "app").values()["order"] == ["", "claude", "git", "node"], "as the config lists them"


def test_a_moved_recipe_is_moved_in_the_config(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", "recipes: [tmux, git, zsh]  # three\n")
    data = edit_form(client, "app").values()
    assert client.post("/vms/app/edit", data={**data, "order": ["", "zsh", "tmux", "git"]}).status_code == 303
    assert path.read_text() == "recipes: [zsh, tmux, git]  # three\n"
    data = edit_form(client, "app").values()
    odd = ["git", "nobody", "", "git", "zsh"]  # of a form that is not ours
    assert client.post("/vms/app/edit", data={**data, "order": odd}).status_code == 303
    assert fields_of(vms, "app")["recipes"] == ["git", "zsh", "tmux"]


def test_the_answer_to_a_choice_has_its_chips(client: Browser) -> None:
    data = {"name": "app", "recipe": ["codex"], "do": "preview"}
    text = client.post("/new-vm", data=data, headers=HTMX).text
    assert chips(text) == ["baseline, always first", "node, for codex", "agent-user, for codex", "[codex]"]


def test_bundles_kinds_and_what_cannot_run(client: Browser, vms: Vms) -> None:
    defaults(vms, "bundles:\n  web: [node, tmux]\n")
    recipe(vms, "bad", "summary: <b>")
    write(vms, "app", "kind: tailscale\nrecipes: [bad, web, nobody]\n")
    assert chips(client.get("/vms/app/edit").text) == [
        *("baseline, always first", "[web]", "node, for web", "tmux, for web", "tailscale, for the kind"),
        *("[bad] bad", "[nobody] bad"),
    ]


def test_a_moved_recipe_survives_a_change_of_the_file(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", "recipes: [git, tmux]\n")
    data = edit_form(client, "app").values()
    path.write_text("recipes: [git, tmux, zsh]\n")
    answer = client.post("/vms/app/edit", data={**data, "order": ["tmux", "git"]})
    assert answer.status_code == 409
    again = Drawn(answer.text, "vm-form").values()
    assert client.post("/vms/app/edit", data=again).status_code == 303
    assert fields_of(vms, "app")["recipes"] == ["tmux", "git", "zsh"]


def test_recipes_stand_in_groups_by_their_category(client: Browser, vms: Vms) -> None:
    defaults(vms, "bundles:\n  web: [node, tmux]\n")
    recipe(vms, "mine", "summary: x", "category: language")
    recipe(vms, "odd", "summary: x")
    text = client.get("/new-vm").text
    groups = re.split(r'<h3 id="f-group-\d+">', text)[1:]
    found = {group.partition("<")[0]: re.findall(r'data-recipe="([^"]*)"', group) for group in groups}
    assert list(found) == ["Bundles", "Agents", "Languages", "Shell", "Editors", "Git", "Services", "Other"]
    assert found["Languages"] == ["mine", "go", "node", "python", "rust"]
    assert found["Agents"][-1] == "agent-user"
    assert "chezmoi" in found["Shell"]
    assert "tailscale" in found["Services"]
    assert found["Bundles"] == ["web"]
    assert found["Other"] == ["odd", "example"]


def test_the_folded_part_opens_when_a_value_is_set_or_wrong(client: Browser, vms: Vms) -> None:
    closed = '<details class="advanced" id="f-advanced">'
    assert closed in client.get("/new-vm").text
    assert closed not in client.post("/new-vm", data={"name": "app", "user": "root"}).text
    write(vms, "app", "code_dir: ~/x\n")
    assert closed not in client.get("/vms/app/edit").text
