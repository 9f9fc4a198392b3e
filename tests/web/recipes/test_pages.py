"""The pages of recipes: list, one recipe, fork, edit with findings, delete; nothing is written outside the folder."""

from __future__ import annotations

import html
from pathlib import Path

import pytest

from dvmweb.files import RECIPE_BYTES, digest
from dvmweb.recipes.checking import Checked, Finding
from dvmweb.verbs.recipes import Entry, Standing, Use
from dvmweb.verbs.vms import Vms
from dvmweb.web.recipes import views as recipe_views
from tests.needs import needs
from tests.web.conftest import Browser
from tests.web.drawn import Drawn

TOOL = "#!/usr/bin/env bash\n# /// recipe\n# summary: A tool\n# params:\n#   colour: {default: red}\n# ///\n"
SCRIPT = f'{TOOL}echo "<script>$DVM_COLOUR</script>"\n'


def put(vms: Vms, name: str, text: str) -> Path:
    file = vms.paths.local_recipes / f"{name}.sh"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_text(text)
    return file


def config(vms: Vms, name: str, text: str) -> None:
    file = vms.paths.vm_config(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def form(text: str, form_id: str) -> Drawn:
    return Drawn(text, form_id)


def test_the_list_tells_what_there_is_and_who_uses_it(client: Browser, vms: Vms) -> None:
    put(vms, "tool", SCRIPT)
    put(vms, "odd", "# /// recipe\n# needs: [odd]\n# ///\n")
    put(vms, "Bad.sh", "x")
    config(vms, "app", "recipes: [tool]\n")
    page = client.get("/recipes").text
    assert "1 cannot be used" in page
    assert "2 local" in page
    assert "Bad.sh" in page
    for words in ('href="/recipes', "A tool", "Cannot be used", "app"):
        assert words.replace('"/recipes', f'"{client.sessions.prefix}/recipes') in page
    assert 'aria-current="page">Recipes' in page


def test_a_recipe_with_all_that_it_says(client: Browser, vms: Vms) -> None:
    put(vms, "tool", SCRIPT)
    config(vms, "app", "recipes: [tool]\n")
    page = client.get("/recipes/tool").text
    assert "<script>$DVM" not in page
    assert html.escape("<script>$DVM_COLOUR</script>") in page
    for words in ("colour", "DVM_COLOUR", "red", "Used by 1 VM", "Not applied", "the VM is not created"):
        assert words in page
    assert "Customize" in client.get("/recipes/node").text
    assert "Customize" not in page


@pytest.mark.parametrize("name", ["nothing", "..", "X", "a%2Fb", "_lib", "-f"])
def test_what_is_no_recipe_is_not_found(client: Browser, name: str) -> None:
    for path in (f"/recipes/{name}", f"/recipes/{name}/edit", f"/recipes/{name}/delete"):
        assert client.get(path).status_code == 404
    assert client.post(f"/recipes/{name}/fork").status_code == 404
    assert client.post(f"/recipes/{name}/delete").status_code == 404


def test_hidden_characters_of_a_script_are_seen(client: Browser, vms: Vms) -> None:
    put(vms, "tool", "# x\necho '\u202e'\n")
    assert "\\u202e" in client.get("/recipes/tool").text


def test_fork_edit_check_and_save(client: Browser, vms: Vms) -> None:
    answer = client.post("/recipes/node/fork")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{client.sessions.prefix}/recipes/node/edit")
    page = client.get("/recipes/node/edit").text
    drawn = form(page, "recipe-form")
    text = drawn.values()["text"][0]
    assert "# dvm fork of node" in text

    typed = text.replace("0.34.0", "0.99.0") + 'echo "$DVM_NOBODY"\r\n'
    checked = client.post("/recipes/node/edit", data=drawn.values(text=typed, do="check"))
    assert (checked.status_code, "DVM_NOBODY is not a param" in checked.text) == (200, True)
    file = vms.paths.local_recipes / "node.sh"
    assert "0.99.0" not in file.read_text()  # a check saves nothing
    assert form(checked.text, "recipe-form").values()["text"] == [typed]

    saved = client.post("/recipes/node/edit", data=drawn.values(text=typed, do="save"))
    assert saved.status_code == 303
    assert file.read_bytes() == typed.replace("\r\n", "\n").encode()
    after = client.get(saved.headers["Location"].removeprefix(client.sessions.prefix)).text
    assert "<b>Saved</b>" in after
    assert "DVM_NOBODY is not a param" in after
    shown = client.get("/recipes/node").text
    assert "Changes to the bundled recipe" in shown
    assert "Customized from dvm" in shown
    assert client.post("/recipes/node/fork").status_code == 422  # never over a file


@needs("shellcheck")
def test_shellchecks_findings_stand_with_their_line(client: Browser, vms: Vms) -> None:
    put(vms, "tool", f"{SCRIPT}cd $DVM_COLOUR\n")
    page = client.get("/recipes/tool?check=1").text
    assert "SC2164" in page
    assert '<code class="line">cd $DVM_COLOUR</code>' in page


def test_what_could_not_be_checked_is_no_green_light(
    client: Browser, vms: Vms, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(vms, "tool", SCRIPT)
    monkeypatch.setitem(vms.environ, "PATH", "/nowhere")
    page = client.get("/recipes/tool?check=1").text
    assert "shellcheck was not run" in page
    assert 'class="state ok"' not in page


def test_a_file_that_changed_on_disk_stays_and_so_does_what_was_typed(client: Browser, vms: Vms) -> None:
    file = put(vms, "tool", SCRIPT)
    drawn = form(client.get("/recipes/tool/edit").text, "recipe-form")
    file.write_text(f"{SCRIPT}echo theirs\n")
    answer = client.post("/recipes/tool/edit", data=drawn.values(text="echo mine", do="save"))
    assert answer.status_code == 409
    assert "changed while this page was open" in answer.text
    assert "- echo theirs" in answer.text
    again = form(answer.text, "recipe-form")
    assert again.values()["text"][0].strip() == "echo mine"
    assert "theirs" in file.read_text()
    assert client.post("/recipes/tool/edit", data=again.values(do="save")).status_code == 303  # knowingly
    assert file.read_text() == "echo mine\n"


def test_a_file_that_went_from_disk_can_be_saved_again(client: Browser, vms: Vms) -> None:
    file = put(vms, "tool", SCRIPT)
    drawn = form(client.get("/recipes/tool/edit").text, "recipe-form")
    file.unlink()
    answer = client.post("/recipes/tool/edit", data=drawn.values(text="echo mine", do="save"))
    assert (answer.status_code, "was deleted while" in answer.text) == (409, True)
    assert client.post("/recipes/tool/edit", data=form(answer.text, "recipe-form").values(do="save")).status_code == 303
    assert file.read_text() == "echo mine\n"


@pytest.mark.parametrize("text", ["", "\n \n", "a\0b", "x" * (RECIPE_BYTES + 1)])
def test_what_no_guest_can_run_is_not_saved_and_comes_back(client: Browser, vms: Vms, text: str) -> None:
    file = put(vms, "tool", SCRIPT)
    data = {"digest": digest(SCRIPT.encode()), "text": text, "do": "save"}
    answer = client.post("/recipes/tool/edit", data=data)
    assert answer.status_code == 422
    assert "Nothing was saved" in answer.text
    assert file.read_text() == SCRIPT


def test_more_than_a_form_may_hold_is_refused(client: Browser, vms: Vms) -> None:
    file = put(vms, "tool", SCRIPT)
    assert client.post("/recipes/tool/edit", data={"text": "x" * 600_000, "do": "save"}).status_code == 413
    assert file.read_text() == SCRIPT


def test_a_link_is_never_written_read_or_deleted(client: Browser, vms: Vms, tmp_path: Path) -> None:
    target = tmp_path / "profile"
    target.write_text("private words\n")
    put(vms, "tool", SCRIPT).unlink()
    (vms.paths.local_recipes / "tool.sh").symlink_to(target)
    seen = digest(b"private words\n")
    assert "private words" not in client.get("/recipes/tool").text
    assert client.get("/recipes/tool/edit").status_code == 422
    assert client.post("/recipes/tool/edit", data={"digest": seen, "text": "x", "do": "save"}).status_code == 422
    assert client.post("/recipes/tool/delete", data={"digest": seen}).status_code == 422
    assert target.read_text() == "private words\n"


def test_a_new_one(client: Browser, vms: Vms) -> None:
    answer = client.post("/recipes", data={"name": " my-tool "})
    assert answer.headers["Location"] == f"{client.sessions.prefix}/recipes/my-tool/edit"
    file = vms.paths.local_recipes / "my-tool.sh"
    assert "DVM_MY_TOOL_VERSION" in file.read_text()
    for name in ("my-tool", "node", "../x", "", "A b"):
        again = client.post("/recipes", data={"name": name})
        assert again.status_code == 422
        assert 'aria-invalid="true"' in again.text
        assert f'value="{html.escape(name.strip())}"' in again.text
    assert [one.name for one in vms.paths.local_recipes.iterdir()] == ["my-tool.sh"]


def test_delete_says_what_counts_then(client: Browser, vms: Vms) -> None:
    file = put(vms, "tool", SCRIPT)
    config(vms, "app", "recipes: [tool]\n")
    page = client.get("/recipes/tool/delete").text
    assert "VMs that use it: app." in page
    drawn = form(page, "delete-form")
    file.write_text(f"{SCRIPT}true\n")
    answer = client.post("/recipes/tool/delete", data=drawn.values())
    assert (answer.status_code, file.exists()) == (409, True)
    assert client.post("/recipes/tool/delete", data=form(answer.text, "delete-form").values()).status_code == 303
    assert not file.exists()


def test_delete_of_one_over_a_bundled_one_names_the_configs_that_it_would_break(client: Browser, vms: Vms) -> None:
    put(vms, "git", SCRIPT)
    config(vms, "app", "recipes: [git]\nparams: {git: {colour: blue}}\n")
    page = client.get("/recipes/git/delete").text
    assert "The bundled recipe is used instead; it differs." in page
    assert "does not accept the params set in app" in page


@pytest.mark.parametrize("path", ["/recipes", "/recipes/node/fork", "/recipes/node/edit", "/recipes/node/delete"])
def test_every_act_needs_a_session_and_a_token(client: Browser, stranger: Browser, vms: Vms, path: str) -> None:
    data = {"name": "mine", "text": "true", "do": "save", "digest": ""}
    assert client.post(path, data=data, csrf=False).status_code == 403
    assert client.post(path, data=data, headers={"Origin": "http://127.0.0.1:3000"}).status_code == 403
    assert stranger.post(path, data=data).status_code in (401, 403, 404)
    assert not vms.paths.local_recipes.exists()


def test_no_get_writes(client: Browser, vms: Vms) -> None:
    for path in ("/recipes", "/recipes/node", "/recipes/node?check=1", "/recipes/node/edit", "/recipes/node/delete"):
        client.get(path)
    assert client.get("/recipes/node/fork").status_code == 405
    assert not vms.paths.local_recipes.exists()


def test_how_it_stands_is_a_word_an_icon_and_a_colour() -> None:
    words = ("applied", "changed since it was applied", "not applied", "not run in the demo", "not known")
    badges = [recipe_views.use_view(Use("app", "by name", Standing(word))).badge for word in words]
    assert [badge.tone for badge in badges] == ["ok", "warn", "idle", "blind", "blind"]
    assert len({badge.word for badge in badges}) == 5


def test_a_check_is_green_only_where_all_was_looked_at() -> None:
    def tone(*findings: Finding, not_run: tuple[str, ...] = ()) -> str:
        return recipe_views.check_view(Checked("a", findings, not_run), "x").tone

    assert tone() == "ok"
    assert tone(Finding("note", "bash", "x")) == "ok"
    assert tone(not_run=("no shellcheck",)) == "blind"
    assert tone(Finding("warning", "bash", "x")) == "warn"
    assert tone(Finding("error", "bash", "x"), not_run=("no shellcheck",)) == "bad"


def test_after_a_delete_nothing_is_hidden() -> None:
    path = Path("/x/tool.sh")
    assert recipe_views.after_delete(Entry("tool", "local", path, None), ()) == (
        "There is no bundled recipe to fall back to.",
        "No VM uses it.",
    )
    assert recipe_views.after_delete(Entry("tool", "local over bundled", path, None), ()) == (
        "The bundled recipe is used instead. It does the same.",
    )
