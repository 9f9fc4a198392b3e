"""New VM and edit in the browser: drawn from the model, every error at its field, nothing overwritten."""

from __future__ import annotations

import base64
import errno
import json
import os
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from dvmweb import files
from dvmweb.config.model import form_fields
from dvmweb.config.store import ConfigStore
from dvmweb.errors import NoEngine
from dvmweb.jobs import starting
from dvmweb.verbs.drafts import Drafts
from dvmweb.verbs.vms import Vms
from tests.web.conftest import Browser
from tests.web.drawn import Drawn

HOSTILE = ["-f", "--debug", "-oProxyCommand=x", "a b", "a;b", "$(x)", "a\n", "a\0", "..", ".", "a/b", "A", "é", "а"]
HOSTILE += [
    "x" * 31,
    "lima:x",
    "x:y",
    "{{.Home}}",
    "a\u202eb",
    "a\u2028b",
    '"><script>alert(1)</script>',
    "app\r\nX: y",
]

FIELD_HOSTILE = [value for value in HOSTILE if value != "x" * 31]  # that one is long for a name only


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What jobs the forms start, none of which runs."""
    started: list[tuple[Any, ...]] = []

    def note(self: Vms, name: str, verb: str, options: Any, secrets: Any) -> Any:
        started.append((name, verb, dict(options), dict(secrets)))
        return type("Job", (), {"id": "0" * 32})()

    monkeypatch.setattr(Vms, "start_job", note)
    return started


def recipe(vms: Vms, name: str, *header: str, body: str = "true") -> None:
    """A local recipe with these header lines."""
    vms.paths.local_recipes.mkdir(parents=True, exist_ok=True)
    lines = ("#!/usr/bin/env bash", "# /// recipe", *(f"# {line}" for line in header), "# ///", body)
    (vms.paths.local_recipes / f"{name}.sh").write_text("\n".join(lines) + "\n")


def defaults(vms: Vms, text: str) -> None:
    vms.paths.config.mkdir(parents=True, exist_ok=True)
    vms.paths.config_file.write_text(text)


def write(vms: Vms, name: str, text: str) -> Path:
    path = vms.paths.vm_config(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def errors(answer: TestResponse) -> list[str]:
    return [unescape(text) for text in re.findall(r'<p class="error">([^<]*)</p>', answer.text)]


def errors_at(answer: TestResponse, field_id: str) -> list[str]:
    found = re.search(rf'<div id="{field_id}-error">(.*?)</div>', answer.text, re.DOTALL)
    return [unescape(text) for text in re.findall(r'<p class="error">([^<]*)</p>', found[1])] if found else []


def title(answer: TestResponse) -> str:
    found = re.search("<title>(.*?)</title>", answer.text)
    return unescape(found[1]) if found else ""


def edit_form(client: Browser, name: str) -> Drawn:
    answer = client.get(f"/vms/{name}/edit")
    assert answer.status_code == 200
    return Drawn(answer.text, "vm-form")


def fields_of(vms: Vms, name: str) -> dict[str, object]:
    """What the file itself says."""
    return dict(Drafts(vms.paths, vms.environ).source(name).document.data)


# -- drawn ---------------------------------------------------------------------------------------------------------


def test_the_form_has_an_input_for_every_field_with_its_help(client: Browser) -> None:
    answer = client.get("/new-vm")
    form = Drawn(answer.text, "vm-form")
    names = {name for tag, given in form.tags if tag in ("input", "select") and (name := given.get("name"))}
    for about in form_fields():
        if len(about.choices) == 1 or about.kind == "params":
            continue
        assert ("recipe" if about.name == "recipes" else about.name) in names, about.name
        if about.name != "recipes":
            assert about.help in unescape(answer.text)
    assert "params.node.corepack_version" in names
    assert title(answer) == "New VM · dvm"
    assert errors(answer) == []


def test_every_input_has_a_label_and_ids_stand_once(client: Browser, vms: Vms) -> None:
    recipe(vms, "one", "summary: x", "params: {token: {secret: true}}")
    recipe(vms, "two", "summary: x", "params: {token: {secret: true}}")
    form = Drawn(client.get("/new-vm").text, "vm-form")
    labels = {given["for"] for tag, given in form.tags if tag == "label"}
    inputs = [given for tag, given in form.tags if tag in ("input", "select") and given.get("type") != "hidden"]
    assert all(given["id"] in labels for given in inputs)
    assert len(form.ids) == len(set(form.ids))
    described = {part for given in inputs for part in (given.get("aria-describedby") or "").split()}
    assert described <= set(form.ids)


def test_nothing_is_inline(client: Browser) -> None:
    text = client.get("/new-vm").text
    assert not re.search(r"<[^>]* (style|on[a-z]+)=", text)
    assert not re.search(r"<script(?![^>]* src=)", text)
    assert not re.search("<style", text)


def test_inherited_values_are_shown_with_their_place(client: Browser, vms: Vms) -> None:
    defaults(vms, "memory: 8GiB\nparams:\n  node:\n    corepack_version: '0.33.0'\n")
    text = unescape(client.get("/new-vm").text)
    assert "Default from config.yaml: 8GiB." in text
    assert "Default: 2." in text
    assert "Default from config.yaml: 0.33.0." in text


def test_the_options_of_a_select_name_the_default_as_other_fields_do(client: Browser, vms: Vms) -> None:
    text = client.get("/new-vm").text
    assert ">yes (default)</option>" in text
    assert ">fedora (default)</option>" in text
    assert "Default: vm." in text
    defaults(vms, "kind: llama\nbaseline: false\nimage: debian\n")
    text = client.get("/new-vm").text
    assert ">no (default from config.yaml)</option>" in text
    assert ">debian (default from config.yaml)</option>" in text
    assert "Default from config.yaml: llama." in text


def test_errors_of_config_yaml_are_on_top_and_block_a_save(client: Browser, vms: Vms) -> None:
    defaults(vms, "cpus: lots\n")
    assert client.get("/new-vm").status_code == 200
    answer = client.post("/new-vm", data={"name": "app"})
    assert answer.status_code == 422
    assert "config.yaml:1" in answer.text
    assert not vms.paths.vm_config("app").exists()


def test_recipe_headers_draw_their_params_help_and_needs(client: Browser, vms: Vms) -> None:
    recipe(vms, "claude", "summary: An agent", "category: agent", "needs: [agent-user]", "ports: [9000]")
    recipe(vms, "agent-user", "summary: A second user", "params: {shell: {label: Its shell, default: bash, help: Any}}")
    text = unescape(client.get("/new-vm").text)
    assert "Requires agent-user. Listens on port 9000 in the guest." in text
    assert "agent, local" in text
    assert "Its shell" in text
    assert "Default: bash." in text


def test_c13_a_bad_header_is_an_error_on_that_recipe_only(client: Browser, vms: Vms) -> None:
    recipe(vms, "evil", 'summary: <b>"><script>alert(1)</script>', "params: {p: {label: '\"><script>x'}}")
    recipe(vms, "circle", "summary: x", "needs: [circle]")
    answer = client.get("/new-vm")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert answer.text.count("invalid</span>") == 2
    good = client.post("/new-vm", data={"name": "app", "recipe": ["node"]})
    assert good.status_code == 303
    bad = client.post("/new-vm", data={"name": "web", "recipe": ["node", "evil"]})
    assert bad.status_code == 422
    assert not vms.paths.vm_config("web").exists()


# -- saving --------------------------------------------------------------------------------------------------------


def test_save_writes_only_what_was_typed(client: Browser, vms: Vms) -> None:
    form = Drawn(client.get("/new-vm").text, "vm-form")
    data = form.values(name="shop-api", cpus="4", memory="8 gib", ports="3000, 8080:80", repo="git@example.org:a/b")
    answer = client.post("/new-vm", data={**data, "recipe": ["node"], "do": "save"})
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith("/vms/shop-api")
    assert fields_of(vms, "shop-api") == {
        "cpus": 4,
        "memory": "8GiB",
        "ports": [3000, "8080:80"],
        "repo": "git@example.org:a/b",
        "recipes": ["node"],
    }
    assert ConfigStore(vms.paths).read("shop-api").memory == 8 * 2**30


def test_save_and_sync_starts_the_job(client: Browser, vms: Vms, jobs: list[tuple[Any, ...]]) -> None:
    answer = client.post("/new-vm", data={"name": "app", "do": "sync"})
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith(f"/jobs/{'0' * 32}")
    assert jobs == [("app", "sync", {}, {})]
    assert vms.paths.vm_config("app").exists()


def test_enter_in_a_field_saves_and_starts_nothing(client: Browser) -> None:
    assert Drawn(client.get("/new-vm").text, "vm-form").buttons[0] == ("do", "save")


def test_a_second_post_of_the_same_form_makes_no_second_vm(client: Browser, vms: Vms) -> None:
    assert client.post("/new-vm", data={"name": "app"}).status_code == 303
    before = vms.paths.vm_config("app").read_bytes()
    answer = client.post("/new-vm", data={"name": "app", "cpus": "9"})
    assert answer.status_code == 422
    assert errors_at(answer, "f-name") == ["There is a VM app already. Choose another name, or edit that VM."]
    assert vms.paths.vm_config("app").read_bytes() == before


def test_a_sync_that_cannot_start_says_that_the_config_is_saved(
    client: Browser, vms: Vms, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_engine(*_: object) -> None:
        raise NoEngine("limactl is not installed.", "Install Lima.")

    monkeypatch.setattr(starting, "start", no_engine)
    answer = client.post("/new-vm", data={"name": "app", "do": "sync"})
    assert answer.status_code == 503
    assert "The config of app was saved, but the sync could not start. limactl is not installed." in answer.text
    assert vms.paths.vm_config("app").exists()


def test_a_busy_vm_is_saved_and_not_synced(client: Browser, vms: Vms) -> None:
    write(vms, "app", "cpus: 1\n")
    form = edit_form(client, "app")
    folder = files.private_folder(vms.paths.vm_state("app"))
    lock = files.try_lock(folder / "lock")
    assert lock is not None
    try:
        answer = client.post("/vms/app/edit", data=form.values(cpus="3", do="sync"))
    finally:
        lock.release()
    assert answer.status_code == 409
    assert "was saved" in answer.text
    assert "Nothing was changed" not in answer.text
    assert fields_of(vms, "app") == {"cpus": 3}


def test_a_post_without_the_csrf_token_is_refused(client: Browser, stranger: Browser, vms: Vms) -> None:
    write(vms, "app", "cpus: 1\n")
    for path in ("/new-vm", "/vms/app/edit"):
        assert client.post(path, data={"name": "x"}, csrf=False).status_code == 403
        assert stranger.post(path, data={"name": "x"}).status_code == 401
        assert stranger.get(path).status_code == 401
    assert ConfigStore(vms.paths).names() == ("app",)
    assert ConfigStore(vms.paths).read("app").cpus == 1


def test_every_form_carries_the_token(client: Browser, vms: Vms) -> None:
    write(vms, "app", "cpus: 1\n")
    for path in ("/new-vm", "/vms/app/edit"):
        sent = dict(Drawn(client.get(path).text, "vm-form").sent)
        assert sent["csrf"] == client.sessions.csrf_token(client.session)


# -- hostile values --------------------------------------------------------------------------------------------------


def test_c01_a_hostile_name_is_refused(client: Browser, vms: Vms) -> None:
    for name in (*HOSTILE, ""):
        answer = client.post("/new-vm", data={"name": name, "do": "sync"})
        assert answer.status_code == 422, name
        assert len(errors_at(answer, "f-name")) == 1, name
        assert "<script>alert" not in answer.text
    assert not (vms.paths.config / "vms").exists()
    assert not vms.paths.jobs.exists()


FIELDS = ["cpus", "memory", "disk", "image", "arch", "user", "code_dir", "ports", "repo", "baseline"]


@pytest.mark.parametrize("field", FIELDS)
def test_c02_a_hostile_value_is_refused_at_its_field(client: Browser, vms: Vms, field: str) -> None:
    """All of them for all fields: tests/config. Here each stands in some field, and each field has four."""
    for value in FIELD_HOSTILE[FIELDS.index(field) % 4 :: 4]:
        answer = client.post("/new-vm", data={"name": "app", field: value})
        assert answer.status_code == 422, value
        assert errors_at(answer, f"f-{field}"), value
        assert "<script>alert" not in answer.text
        if field not in ("arch", "baseline") and value.isprintable():
            assert dict(Drawn(answer.text, "vm-form").sent)[field] == value
    assert not vms.paths.vm_config("app").exists()


def test_c02_a_hostile_recipe_is_refused(client: Browser, vms: Vms) -> None:
    for value in FIELD_HOSTILE:
        answer = client.post("/new-vm", data={"name": "app", "recipe": ["node", value]})
        assert answer.status_code == 422, value
        assert errors(answer), value
        assert "<script>alert" not in answer.text
    assert not vms.paths.vm_config("app").exists()


def test_c02_a_hostile_param_is_refused_at_its_input(client: Browser, vms: Vms) -> None:
    for value in ("a\0", "a\n", "{{.Home}}", "a\u202eb", "a\u2028b", "x" * 501):
        data = {"name": "app", "recipe": ["node"], "params.node.corepack_version": value}
        answer = client.post("/new-vm", data=data)
        assert answer.status_code == 422, value
        assert errors_at(answer, "f-params-node-corepack_version"), value
    assert not vms.paths.vm_config("app").exists()


def test_c05_a_param_is_the_same_text_in_the_file(client: Browser, vms: Vms) -> None:
    for value in ("1e3", "0o17", "y", "no", "~", "null", ".inf", "1:20", "012", "=", "2026-11-24"):
        data = {"name": "app", "recipe": ["node"], "params.node.corepack_version": value}
        assert client.post("/new-vm", data=data).status_code == 303
        assert ConfigStore(vms.paths).read("app").params == {"node": {"corepack_version": value}}
        vms.paths.vm_config("app").unlink()


def test_c05_a_param_cannot_smuggle_a_field(client: Browser, vms: Vms) -> None:
    for value in ("*a", "!x", "a: b", "# x", '"', "x\nmounts: [{location: /}]"):
        data = {"name": "app", "recipe": ["node"], "params.node.corepack_version": value}
        answer = client.post("/new-vm", data=data)
        if answer.status_code == 303:
            assert ConfigStore(vms.paths).read("app").params == {"node": {"corepack_version": value}}
            vms.paths.vm_config("app").unlink()
        else:
            assert answer.status_code == 422


def test_params_with_odd_names_are_not_taken(client: Browser, vms: Vms) -> None:
    data = {"name": "app", "params.../x.y": "1", "params.node.": "1", "params.node.A": "1", "mounts": "/", "kind": "vm"}
    assert client.post("/new-vm", data=data).status_code == 303
    assert fields_of(vms, "app") == {"kind": "vm"}


def test_c16_a_port_that_is_taken_or_forbidden_is_refused(client: Browser, vms: Vms) -> None:
    write(vms, "web", "ports: [3000]\n")
    for port in ("8722", "8723", "3000:22", "22", "0", "70000", "3000"):
        answer = client.post("/new-vm", data={"name": "app", "ports": f"{port}, 4000"})
        assert answer.status_code == 422, port
        assert errors_at(answer, "f-ports"), port
    assert not vms.paths.vm_config("app").exists()


def test_c12_all_errors_come_at_once_and_all_values_stay(client: Browser, vms: Vms) -> None:
    typed = {"name": "A", "cpus": "-1", "disk": "1e9GiB", "memory": "4", "ports": "0, 70000, 3000:22", "user": "root"}
    data = {**typed, "recipe": ["node", "nothing"], "params.node.corepack_version": "a\u202e", "baseline": "no"}
    answer = client.post("/new-vm", data=data)
    assert answer.status_code == 422
    for field in typed:
        assert errors_at(answer, f"f-{field}"), field
    assert len(errors_at(answer, "f-ports")) == 3
    assert errors_at(answer, "f-params-node-corepack_version")
    assert any("nothing" in text for text in errors(answer))
    assert title(answer) == "10 values to fix · New VM · dvm"
    sent = Drawn(answer.text, "vm-form").values()
    assert {name: sent[name] for name in typed} == {name: [value] for name, value in typed.items()}
    assert sent["recipe"] == ["node", "nothing"]
    assert sent["baseline"] == ["no"]


def test_a_near_name_is_suggested(client: Browser) -> None:
    answer = client.post("/new-vm", data={"name": "Shop API"})
    assert errors_at(answer, "f-name")[0].endswith("Try: shop-api")


# -- recipes, needs, bundles, params, secrets ----------------------------------------------------------------------


def test_needs_come_along_and_are_shown(client: Browser, vms: Vms) -> None:
    recipe(vms, "claude", "summary: x", "needs: [agent-user]")
    recipe(vms, "agent-user", "summary: x", "needs: [baseline]")
    answer = client.post("/new-vm", data={"name": "app", "recipe": ["claude"], "do": "preview"})
    assert answer.status_code == 200
    assert "Added: required by claude." in answer.text
    steps = re.findall(r"<span>(Recipe [^<]*|Baseline)</span>", answer.text)
    assert steps == ["Baseline", "Recipe agent-user", "Recipe claude"]
    client.post("/new-vm", data={"name": "app", "recipe": ["claude"]})
    assert fields_of(vms, "app") == {"recipes": ["claude"]}  # the file says what was chosen, no more


def test_bundles_can_be_chosen(client: Browser, vms: Vms) -> None:
    defaults(vms, "bundles:\n  web: [node, tmux]\n")
    answer = client.post("/new-vm", data={"name": "app", "recipe": ["web"], "do": "preview"})
    assert "Added: part of web." in answer.text
    assert "node, tmux" in answer.text
    assert client.post("/new-vm", data={"name": "app", "recipe": ["web"]}).status_code == 303
    assert fields_of(vms, "app") == {"recipes": ["web"]}
    assert ConfigStore(vms.paths).read("app").recipes == ("node", "tmux")


def test_inherited_recipes_are_chosen_and_not_written(client: Browser, vms: Vms) -> None:
    defaults(vms, "recipes: [tmux, git]\n")
    form = Drawn(client.get("/new-vm").text, "vm-form")
    assert sorted(form.values()["recipe"]) == ["git", "tmux"]
    client.post("/new-vm", data=form.values(name="same"))
    assert "recipes" not in fields_of(vms, "same")
    client.post("/new-vm", data={**form.values(name="less"), "recipe": ["git"]})
    assert fields_of(vms, "less")["recipes"] == ["git"]
    client.post("/new-vm", data={**form.values(name="none"), "recipe": []})
    assert fields_of(vms, "none")["recipes"] == []
    assert ConfigStore(vms.paths).read("none").recipes == ()


def test_chosen_recipes_keep_the_order_of_the_file(client: Browser, vms: Vms) -> None:
    write(vms, "app", "recipes: [tmux, git]  # tmux first\n")
    form = edit_form(client, "app")
    client.post("/vms/app/edit", data={**form.values(), "recipe": ["git", "node", "tmux"]})
    assert vms.paths.vm_config("app").read_text() == "recipes: [tmux, git, node]  # tmux first\n"


def test_params_are_set_changed_and_cleared(client: Browser, vms: Vms) -> None:
    write(vms, "app", "recipes: [node, git]\nparams:\n  git:\n    user_name: Ada  # hers\n    user_email: a@b.org\n")
    form = edit_form(client, "app")
    changed = {"params.git.user_email": "", "params.node.corepack_version": "latest"}
    client.post("/vms/app/edit", data=form.values(**changed))
    assert fields_of(vms, "app")["params"] == {"git": {"user_name": "Ada"}, "node": {"corepack_version": "latest"}}
    assert "user_name: Ada  # hers" in vms.paths.vm_config("app").read_text()
    form = edit_form(client, "app")
    client.post("/vms/app/edit", data=form.values(**{"params.git.user_name": "", "params.node.corepack_version": ""}))
    assert fields_of(vms, "app") == {"recipes": ["node", "git"]}


def test_a_param_that_no_recipe_has_can_be_cleared(client: Browser, vms: Vms) -> None:
    write(vms, "app", "recipes: [node]\nparams:\n  node:\n    old_name: x\n")
    answer = client.get("/vms/app/edit")
    assert errors_at(answer, "f-params-node-old_name")
    form = Drawn(answer.text, "vm-form")
    assert client.post("/vms/app/edit", data=form.values(cpus="3")).status_code == 422
    assert client.post("/vms/app/edit", data=form.values(**{"params.node.old_name": ""})).status_code == 303
    assert fields_of(vms, "app") == {"recipes": ["node"]}


CANARY = "s3cret-canary-7f"


def test_g06_a_secret_goes_to_the_job_and_nowhere_else(
    client: Browser, vms: Vms, jobs: list[tuple[Any, ...]], home: Path
) -> None:
    recipe(vms, "agent", "summary: x", "params: {token: {label: Token, secret: true}}")
    page = client.get("/new-vm")
    assert 'name="secret.token" autocomplete="new-password"' in page.text
    data = {"name": "app", "recipe": ["agent"], "secret.token": CANARY, "secret.other": "x"}
    refused = client.post("/new-vm", data={**data, "cpus": "0", "do": "sync"})
    assert refused.status_code == 422
    shown = client.post("/new-vm", data={**data, "do": "preview"})
    assert client.post("/new-vm", data={**data, "do": "sync"}).status_code == 303
    assert jobs == [("app", "sync", {}, {"token": CANARY.encode()})]
    edited = client.get("/vms/app/edit")
    assert all(CANARY not in answer.text for answer in (refused, shown, edited))
    written = [path for path in home.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert written == []


def test_g06_a_saved_form_needs_no_secret_and_a_preview_carries_none(client: Browser, vms: Vms) -> None:
    recipe(vms, "agent", "summary: x", "params: {token: {secret: true}}")
    page = client.get("/new-vm")
    (kept_back,) = re.findall('hx-params="not ([^"]*)"', page.text)
    assert {"secret.token", "secret.cloudflared_token", "secret.tailscale_authkey"} == set(kept_back.split(","))
    answer = client.post("/new-vm", data={"name": "app", "recipe": ["agent"], "secret.token": CANARY, "do": "save"})
    assert answer.status_code == 303
    assert fields_of(vms, "app") == {"recipes": ["agent"]}


def test_a_secret_of_a_recipe_that_is_not_chosen_is_not_passed(
    client: Browser, vms: Vms, jobs: list[tuple[Any, ...]]
) -> None:
    recipe(vms, "agent", "summary: x", "params: {token: {secret: true}}")
    client.post("/new-vm", data={"name": "app", "secret.token": CANARY, "do": "sync"})
    assert jobs == [("app", "sync", {}, {})]


# -- preview ---------------------------------------------------------------------------------------------------------

HTMX = {"HX-Request": "true"}


def test_a_preview_is_parts_and_writes_nothing(client: Browser, vms: Vms) -> None:
    answer = client.post("/new-vm", data={"name": "app", "cpus": "4", "do": "preview"}, headers=HTMX)
    assert answer.status_code == 200
    assert answer.text.strip().startswith('<section id="vm-preview"')
    assert answer.text.strip().endswith("</textarea>")
    assert answer.text.count("<section") == 1
    assert "HX-Request" in answer.headers["Vary"]
    assert "vms/app.yaml" in answer.text
    assert "cpus: 4" in answer.text
    assert "limactl create --tty=false --name=dvm-app" in answer.text
    assert not (vms.paths.config / "vms").exists()


def test_a_preview_without_a_name_yet_is_no_error(client: Browser) -> None:
    answer = client.post("/new-vm", data={"name": "", "cpus": "4", "do": "preview"}, headers=HTMX)
    assert "callout" not in answer.text
    assert "vms/….yaml" in answer.text
    assert "limactl start" in answer.text


def test_a_preview_lists_what_is_wrong_and_leads_there(client: Browser) -> None:
    answer = client.post("/new-vm", data={"name": "app", "cpus": "99", "do": "preview"}, headers=HTMX)
    assert answer.status_code == 200
    assert '<a href="#f-cpus">CPUs is 99. Write a number from 1 to 64.</a>' in answer.text
    assert "limactl" not in answer.text


def test_without_script_the_preview_is_the_page_with_everything_typed(client: Browser, vms: Vms) -> None:
    data = {"name": "app", "cpus": "4", "recipe": ["git"], "do": "preview"}
    answer = client.post("/new-vm", data=data)
    assert answer.status_code == 200
    sent = Drawn(answer.text, "vm-form").values()
    assert (sent["name"], sent["cpus"], sent["recipe"]) == (["app"], ["4"], ["git"])
    assert not (vms.paths.config / "vms").exists()


def test_the_preview_of_an_edit_shows_the_lines_that_change(client: Browser, vms: Vms) -> None:
    write(vms, "app", "# mine\ncpus: 1\ndisk: 20GiB\n")
    form = edit_form(client, "app")
    answer = client.post("/vms/app/edit", data=form.values(cpus="3", do="preview"), headers=HTMX)
    lines = re.findall(r'<span class="(add|del|same)">([^<]*)</span>', answer.text)
    assert ("del", "- cpus: 1") in lines
    assert ("add", "+ cpus: 3") in lines
    idle = client.post("/vms/app/edit", data=form.values(do="preview"), headers=HTMX)
    assert "The file does not change." in idle.text
    assert fields_of(vms, "app")["cpus"] == 1


def test_a_preview_shows_hidden_characters_as_marks(client: Browser, vms: Vms) -> None:
    write(vms, "app", "cpus: 1  # \u202e evil\n")
    form = edit_form(client, "app")
    answer = client.post("/vms/app/edit", data=form.values(cpus="2", do="preview"), headers=HTMX)
    seen, _, text = answer.text.partition("<textarea")  # what is typed into must stay what it is
    assert "\u202e" not in seen
    assert "+ cpus: 2  # \\u202e evil" in seen
    assert "Line 1: cpus: 2  # \\u202e evil" in seen
    assert "cpus: 2  # \u202e evil" in text


# -- edit ------------------------------------------------------------------------------------------------------------

OWN = """# my VM
cpus: 3   # three
memory: 6GiB
ports: [3000, "8080:80"]  # web
recipes:
  - node  # for the page
  - git
params:
  node:
    corepack_version: "0.34.0"
baseline: yes
kind: vm
"""


def test_the_form_as_it_was_drawn_changes_nothing(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", OWN)
    facts = path.stat()
    form = edit_form(client, "app")
    assert client.post("/vms/app/edit", data=form.values(do="save")).status_code == 303
    assert path.read_text() == OWN
    assert path.stat().st_mtime_ns == facts.st_mtime_ns


def test_an_edit_changes_its_lines_and_keeps_all_others(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", OWN)
    form = edit_form(client, "app")
    client.post("/vms/app/edit", data=form.values(cpus="5", memory="", baseline="no"))
    want = OWN.replace("cpus: 3   # three", "cpus: 5   # three").replace("memory: 6GiB\n", "")
    assert path.read_text() == want.replace("baseline: yes", "baseline: false")


def test_r10_a_linked_config_stays_a_link(client: Browser, vms: Vms, home: Path) -> None:
    target = home / "dotfiles.yaml"
    target.write_text("cpus: 1\n")
    write(vms, "x", "")
    path = vms.paths.vm_config("app")
    path.symlink_to(target)
    form = edit_form(client, "app")
    client.post("/vms/app/edit", data=form.values(cpus="2"))
    assert path.is_symlink()
    assert target.read_text() == "cpus: 2\n"


def test_a_config_with_wrong_values_can_be_mended_in_the_form(client: Browser, vms: Vms) -> None:
    write(vms, "app", "cpus: lots\ndisk: 5\nports: [x]\n")
    answer = client.get("/vms/app/edit")
    assert answer.status_code == 200
    assert all(errors_at(answer, f"f-{name}") for name in ("cpus", "disk", "ports"))
    form = Drawn(answer.text, "vm-form")
    assert form.values()["cpus"] == ["lots"]
    answer = client.post("/vms/app/edit", data=form.values(cpus="2", disk="30GiB", ports=""))
    assert answer.status_code == 303
    assert fields_of(vms, "app") == {"cpus": 2, "disk": "30GiB"}


def test_a_file_that_is_no_yaml_can_be_mended_in_the_form(client: Browser, vms: Vms) -> None:
    write(vms, "app", "# mine\ncpus: 1\n\tmemory: 4GiB\n")
    form = edit_form(client, "app")
    assert "<b>Line 3.</b> A tab indents this line. Use spaces." in client.get("/vms/app/edit").text
    assert client.post("/vms/app/edit", data=form.values(cpus="2")).status_code == 422
    mended = form.values(yaml="# mine\r\ncpus: 1\r\nmemory: 4GiB\r\n")
    assert client.post("/vms/app/edit", data=mended).status_code == 303
    assert vms.paths.vm_config("app").read_text() == "# mine\ncpus: 1\nmemory: 4GiB\n"


@pytest.mark.parametrize("data", [b"cpus: 1\0\n", b"\xff\xfec\0", b"\xef\xbb\xbfcpus: 1\n", b"cpus: \xe9\n"])
def test_c10_a_file_that_is_no_text_is_a_page(client: Browser, vms: Vms, data: bytes) -> None:
    write(vms, "app", "").write_bytes(data)
    answer = client.get("/vms/app/edit")
    assert answer.status_code == 422
    assert "app.yaml:1" in answer.text


def test_c03_an_unknown_vm_is_not_found(client: Browser, vms: Vms) -> None:
    write(vms, "app", "cpus: 1\n")
    assert client.get("/vms/nobody/edit").status_code == 404
    for name in ("..%2fapp", "%00", "A", "x" * 40, "app.yaml"):
        assert client.get(f"/vms/{name}/edit").status_code == 404, name
        assert client.post(f"/vms/{name}/edit", data={"cpus": "2"}).status_code == 404, name


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_r11_a_write_that_fails_keeps_what_was_typed(
    client: Browser, vms: Vms, monkeypatch: pytest.MonkeyPatch, fault: int
) -> None:
    path = write(vms, "app", "cpus: 1\n")
    form = edit_form(client, "app")

    def full(*_: object, **__: object) -> None:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(files, "write_whole", full)
    for address, data in (("/vms/app/edit", form.values(cpus="7")), ("/new-vm", {"name": "web", "cpus": "7"})):
        answer = client.post(address, data=data)
        assert answer.status_code == 500
        assert os.strerror(fault) in answer.text
        assert Drawn(answer.text, "vm-form").values()["cpus"] == ["7"]
    assert path.read_text() == "cpus: 1\n"


def test_r11_a_folder_that_is_a_file_keeps_what_was_typed(client: Browser, vms: Vms) -> None:
    vms.paths.config.mkdir(parents=True)
    (vms.paths.config / "vms").write_text("")
    answer = client.post("/new-vm", data={"name": "app", "cpus": "7"})
    assert answer.status_code in (422, 500)
    assert "app" in answer.text


# -- R12: the file changed meanwhile -----------------------------------------------------------------------------


def columns(answer: TestResponse) -> dict[str, str]:
    found = re.findall(r'<div><h2>([^<]*)</h2><pre class="cmd" tabindex="0">(.*?)</pre>', answer.text, re.DOTALL)
    return {name: unescape(text) for name, text in found}


def rows(answer: TestResponse) -> dict[str, list[str]]:
    found = re.findall(r'<th scope="row">([^<]*?) ?(?:<span.*?</span>)?</th>(.*?)</tr>', answer.text, re.DOTALL)
    return {
        name: [unescape(cell) for cell in re.findall(r'<td class="mono">(.*?)</td>', cells)] for name, cells in found
    }


def test_r12_another_field_changed_on_the_disk(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", "cpus: 1\nmemory: 4GiB\n")
    form = edit_form(client, "app")
    path.write_text("cpus: 1\nmemory: 8GiB\n")
    answer = client.post("/vms/app/edit", data=form.values(cpus="5", do="sync"))
    assert answer.status_code == 409
    assert path.read_text() == "cpus: 1\nmemory: 8GiB\n"
    assert columns(answer) == {
        "Yours": "cpus: 5\nmemory: 4GiB",
        "On disk": "cpus: 1\nmemory: 8GiB",
        "Original": "cpus: 1\nmemory: 4GiB",
    }
    assert rows(answer) == {"CPUs": ["5", "1", "1"], "Memory": ["4GiB", "8GiB", "4GiB"]}
    again = Drawn(answer.text, "vm-form")
    assert (again.values()["cpus"], again.values()["memory"]) == (["5"], ["8GiB"])
    assert client.post("/vms/app/edit", data=again.values()).status_code == 303
    assert path.read_text() == "cpus: 5\nmemory: 8GiB\n"


def test_r12_the_same_field_changed_on_the_disk(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", "cpus: 1\n")
    form = edit_form(client, "app")
    path.write_text("cpus: 7\n")
    answer = client.post("/vms/app/edit", data=form.values(cpus="5"))
    assert answer.status_code == 409
    assert path.read_text() == "cpus: 7\n"
    assert "both changed" in answer.text
    assert "On disk: 7" in answer.text
    assert Drawn(answer.text, "vm-form").values()["cpus"] == ["5"]
    assert title(answer) == "app: file changed · Edit app · dvm"


def test_r12_recipes_and_params_of_both_sides_come_together(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", "recipes: [git, tmux]\n")
    form = edit_form(client, "app")
    path.write_text("recipes: [git, tmux, zsh]\nparams:\n  git:\n    user_name: Ada\n")
    data = {**form.values(**{"params.node.corepack_version": "latest"}), "recipe": ["git", "node"]}
    again = Drawn(client.post("/vms/app/edit", data=data).text, "vm-form")
    assert client.post("/vms/app/edit", data=again.values()).status_code == 303
    fields = fields_of(vms, "app")
    assert fields["recipes"] == ["git", "zsh", "node"]
    assert fields["params"] == {"git": {"user_name": "Ada"}, "node": {"corepack_version": "latest"}}


@pytest.mark.parametrize("how", ["deleted", "renamed"])
def test_r12_the_file_is_gone(client: Browser, vms: Vms, how: str) -> None:
    path = write(vms, "app", "cpus: 1\nmemory: 4GiB\n")
    form = edit_form(client, "app")
    if how == "deleted":
        path.unlink()
    else:
        path.rename(vms.paths.vm_config("web"))
    answer = client.post("/vms/app/edit", data=form.values(cpus="5"))
    assert answer.status_code == 409
    assert not path.exists()
    assert columns(answer)["On disk"] == "(deleted)"
    again = Drawn(answer.text, "vm-form")
    assert again.action.endswith("/new-vm")
    assert again.values()["name"] == ["app"]
    assert client.post("/new-vm", data=again.values()).status_code == 303
    assert fields_of(vms, "app") == {"cpus": 5, "memory": "4GiB"}


def test_r12_the_file_broke(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", "cpus: 1\n")
    form = edit_form(client, "app")
    path.write_text("cpus: 1\n\tmemory: x\n")
    answer = client.post("/vms/app/edit", data=form.values(cpus="5"))
    assert answer.status_code == 409
    assert columns(answer)["Yours"] == "cpus: 5"
    assert "a tab indents this line" in answer.text
    assert path.read_text() == "cpus: 1\n\tmemory: x\n"


@pytest.mark.parametrize("base", ["", "%%%", base64.b64encode(b"cpus: 60\n").decode(), "A" * 2000])
def test_r12_a_base_that_is_not_the_one_of_the_digest_is_not_shown(client: Browser, vms: Vms, base: str) -> None:
    path = write(vms, "app", "cpus: 1\n")
    form = edit_form(client, "app")
    path.write_text("cpus: 7\n")
    answer = client.post("/vms/app/edit", data=form.values(cpus="5", base=base))
    assert answer.status_code == 409
    assert columns(answer)["Original"] == "(not known)"
    assert path.read_text() == "cpus: 7\n"


def test_r12_a_post_without_a_digest_never_overwrites(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", "cpus: 1\n")
    for digest in ("", "0" * 64, "x"):
        assert client.post("/vms/app/edit", data={"cpus": "5", "digest": digest}).status_code == 409
    assert path.read_text() == "cpus: 1\n"


def test_r12_a_write_between_look_and_save_is_seen(client: Browser, vms: Vms, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(vms, "app", "cpus: 1\n")
    form = edit_form(client, "app")
    real = Drafts.save

    def overtaken(self: Drafts, draft: Any) -> None:
        path.write_text("cpus: 9\n")
        real(self, draft)

    monkeypatch.setattr(Drafts, "save", overtaken)
    answer = client.post("/vms/app/edit", data=form.values(cpus="5"))
    assert answer.status_code == 409
    assert path.read_text() == "cpus: 9\n"


def test_r12_a_new_vm_is_overtaken_by_another(client: Browser, vms: Vms, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Drafts.save

    def overtaken(self: Drafts, draft: Any) -> None:
        write(vms, "app", "cpus: 9\n")
        real(self, draft)

    monkeypatch.setattr(Drafts, "save", overtaken)
    answer = client.post("/new-vm", data={"name": "app", "cpus": "5"})
    assert answer.status_code == 409
    assert errors_at(answer, "f-name")
    assert Drawn(answer.text, "vm-form").values()["cpus"] == ["5"]
    assert fields_of(vms, "app") == {"cpus": 9}


def test_r12_a_live_preview_of_a_changed_file_stays_a_part(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", "cpus: 1\n")
    form = edit_form(client, "app")
    path.write_text("cpus: 7\n")
    answer = client.post("/vms/app/edit", data=form.values(cpus="5", do="preview"), headers=HTMX)
    assert answer.status_code == 200
    assert answer.text.strip().startswith('<section id="vm-preview"')


# -- the job for real ------------------------------------------------------------------------------------------------


@pytest.fixture
def ended(vms: Vms) -> Iterator[None]:
    """Leave no job behind."""
    yield
    for job in vms.jobs():
        while vms.job(job.id).is_open:
            starting.wait_for_change(vms.paths, job.id, (0, 0), 0.1)


@pytest.mark.usefixtures("ended")
def test_save_and_sync_starts_a_job_that_reads_the_saved_file(client: Browser, vms: Vms) -> None:
    (vms.paths.lima_home / "_demo").mkdir(parents=True)
    (vms.paths.lima_home / "_demo" / "faults.json").write_text(json.dumps({"create": {"exit": 1}}))
    answer = client.post("/new-vm", data={"name": "app", "cpus": "3", "do": "sync"})
    assert answer.status_code == 303
    job = vms.job(answer.headers["Location"].rpartition("/")[2])
    assert (job.vm, job.verb) == ("app", "sync")
    assert fields_of(vms, "app") == {"cpus": 3}
