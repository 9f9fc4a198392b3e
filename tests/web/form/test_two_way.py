"""The two sides of the form: whichever was changed counts, nothing typed is lost, and no bad YAML is saved."""

from __future__ import annotations

import os
import re
import time
from html import unescape

import pytest
from werkzeug.test import TestResponse

from dvmweb import files
from dvmweb.config.line_ends import ended_like
from dvmweb.config.store import ConfigStore
from dvmweb.verbs.vms import Vms
from dvmweb.web.form.two_way import Side, mark, print_of_post, side
from tests.web.conftest import Browser
from tests.web.drawn import Drawn
from tests.web.form.test_drafts import Post
from tests.web.form.test_forms import HTMX, columns, defaults, edit_form, errors_at, recipe, title, write

OWN = '# my VM\ncpus: 3   # three\nmemory: 6GiB\nports: [3000, "8080:80"]  # web\n\n# the end\n'


def form_of(answer: TestResponse) -> Drawn:
    return Drawn(answer.text, "vm-form")


def yaml_of(form: Drawn) -> str:
    return form.values()["yaml"][0].replace("\r\n", "\n")


def problems(answer: TestResponse) -> list[str]:
    """What is said below the YAML."""
    found = re.search(r'<div id="vm-problems"[^>]*>(.*?)\n  </div>', answer.text, re.DOTALL)
    lines = re.findall(r"<li[^>]*>(.*?)</li>", found[1], re.DOTALL) if found else []
    return [unescape(re.sub("<[^>]*>", "", line)) for line in lines]


def parts(answer: TestResponse) -> list[str]:
    """The ids of what htmx puts in place."""
    return re.findall(r'id="([^"]*)"[^>]* hx-swap-oob="true"', answer.text)


# -- which side counts ----------------------------------------------------------------------------------------------


def test_the_side_that_was_changed_is_known() -> None:
    was, now = (print_of_post(Post({"cpus": [text]}), ["cpus"]) for text in ("1", "2"))
    drawn = mark(was, "cpus: 1\n")
    assert side(drawn, was, "cpus: 1\r\n") is Side.NEITHER
    assert side(drawn, now, "cpus: 1\n") is Side.FIELDS
    assert side(drawn, was, "cpus: 2\n") is Side.YAML
    assert side(drawn, now, "cpus: 2\n") is Side.TORN
    assert side("", was, "cpus: 1\n") is Side.TORN


def test_blanks_and_the_order_of_recipes_are_no_change() -> None:
    one = Post({"cpus": ["1"], "user": [""], "recipe": ["git", "node"], "params.node.v": ["1"], "secret.x": ["a"]})
    two = Post({"cpus": [" 1"], "recipe": ["node", "git"], "params.node.v": ["1"], "name": ["app"], "restart": ["1"]})
    assert print_of_post(one, ["cpus", "user"]) == print_of_post(two, ["cpus", "user"])


def test_the_form_shows_the_file_as_it_is(client: Browser, vms: Vms) -> None:
    write(vms, "app", "\n" + OWN)
    assert yaml_of(edit_form(client, "app")) == "\n" + OWN


def test_typed_yaml_is_saved_byte_by_byte(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", OWN)
    typed = "\n# new words\ncpus:    5 # five\nports:\n- 3000\n\n...  "
    answer = client.post("/vms/app/edit", data=edit_form(client, "app").values(yaml=typed.replace("\n", "\r\n")))
    assert answer.status_code == 303
    assert path.read_bytes() == typed.encode()


def test_only_comments_were_typed(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", OWN)
    client.post("/vms/app/edit", data=edit_form(client, "app").values(yaml=OWN + "# more\n"))
    assert path.read_text() == OWN + "# more\n"


@pytest.mark.parametrize("typed", ["cpus: 1\r\nmemory: 4GiB\r\n", "cpus: 3\r\n"])
def test_line_ends_stay_those_of_the_file(client: Browser, vms: Vms, typed: str) -> None:
    path = write(vms, "app", "")
    path.write_bytes(b"cpus: 1\r\n")
    assert client.post("/vms/app/edit", data=edit_form(client, "app").values(yaml=typed)).status_code == 303
    assert path.read_bytes() == typed.encode()
    path.write_bytes(b"cpus: 1\nmemory: 4GiB\r\n")
    form = edit_form(client, "app")
    assert client.post("/vms/app/edit", data=form.values()).status_code == 303
    assert path.read_bytes() == b"cpus: 1\nmemory: 4GiB\r\n"


def test_yaml_of_a_new_vm_is_saved_as_typed(client: Browser, vms: Vms) -> None:
    form = form_of(client.get("/new-vm"))
    assert yaml_of(form) == ""
    typed = "# first\ncpus: 4\nrecipes: [git]\n"
    assert client.post("/new-vm", data=form.values(name="app", yaml=typed)).status_code == 303
    assert vms.paths.vm_config("app").read_text() == typed
    assert client.post("/new-vm", data=form.values(name="web", cpus="4")).status_code == 303
    assert "# memory: 4GiB" in vms.paths.vm_config("web").read_text()  # no word of it was typed: it shows all fields


def test_the_yaml_is_read_into_the_fields_without_script(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", OWN)
    typed = "cpus: 7  # seven\nrecipes: [git, node]\nparams:\n  git:\n    user_name: Ada\n"
    answer = client.post("/vms/app/edit", data=edit_form(client, "app").values(yaml=typed, do="yaml"))
    assert answer.status_code == 200
    form = form_of(answer)
    sent = form.values()
    assert (sent["cpus"], sent["memory"], sent["ports"]) == (["7"], [""], [""])
    assert sorted(sent["recipe"]) == ["git", "node"]
    assert sent["params.git.user_name"] == ["Ada"]
    assert yaml_of(form) == typed
    assert path.read_text() == OWN
    client.post("/vms/app/edit", data=form.values(cpus="8", do="save"))
    assert path.read_text() == typed.replace("cpus: 7", "cpus: 8")


def test_fields_are_written_into_the_yaml_that_was_typed(client: Browser, vms: Vms) -> None:
    typed = "# mine\ncpus: 4\n"
    form = form_of(client.post("/new-vm", data={"name": "app", "yaml": typed, "drawn": "", "do": "yaml"}))
    form = form_of(client.post("/new-vm", data=form.values(memory="8 gib", do="preview")))
    assert yaml_of(form) == "# mine\ncpus: 4\nmemory: 8GiB\n"
    assert form.values()["memory"] == ["8 gib"]
    form = form_of(client.post("/new-vm", data=form.values(ports="3000", do="preview")))
    assert client.post("/new-vm", data=form.values(do="save")).status_code == 303
    assert vms.paths.vm_config("app").read_text() == "# mine\ncpus: 4\nmemory: 8GiB\nports:\n  - 3000\n"


def test_fields_of_a_new_vm_stay_in_the_order_of_the_form(client: Browser) -> None:
    form = form_of(client.post("/new-vm", data={"name": "app", "ports": "3000", "do": "preview"}))
    form = form_of(client.post("/new-vm", data=form.values(cpus="4", do="preview")))
    assert yaml_of(form) == "cpus: 4\nports:\n  - 3000\n"


# -- both sides -----------------------------------------------------------------------------------------------------


def torn(client: Browser, vms: Vms, do: str = "save") -> TestResponse:
    write(vms, "app", OWN)
    form = edit_form(client, "app")
    return client.post("/vms/app/edit", data=form.values(cpus="5", yaml=OWN.replace("cpus: 3", "cpus: 9"), do=do))


@pytest.mark.parametrize("do", ["save", "sync"])
def test_both_sides_were_changed(client: Browser, vms: Vms, do: str) -> None:
    answer = torn(client, vms, do)
    assert answer.status_code == 409
    assert vms.paths.vm_config("app").read_text() == OWN
    assert "now differ" in answer.text
    assert title(answer).startswith("Both sides were changed")
    form = form_of(answer)
    assert form.values()["cpus"] == ["5"]
    assert "cpus: 9" in yaml_of(form)
    assert {("do", "yaml"), ("do", "fields")} <= set(form.buttons)
    assert client.post("/vms/app/edit", data=form.values(do=do)).status_code == 409  # it does not wear off


@pytest.mark.parametrize(("do", "cpus"), [("yaml", "9"), ("fields", "5")])
def test_the_user_says_which_side_counts(client: Browser, vms: Vms, do: str, cpus: str) -> None:
    form = form_of(client.post("/vms/app/edit", data=form_of(torn(client, vms)).values(do=do)))
    assert form.values()["cpus"] == [cpus]
    assert yaml_of(form) == OWN.replace("cpus: 3", f"cpus: {cpus}")
    assert client.post("/vms/app/edit", data=form.values(do="save")).status_code == 303
    assert vms.paths.vm_config("app").read_text() == OWN.replace("cpus: 3", f"cpus: {cpus}")


def test_both_sides_were_changed_to_the_same(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", OWN)
    typed = OWN.replace("cpus: 3", "cpus: 5") + "# why\n"
    data = edit_form(client, "app").values(cpus="5", yaml=typed)
    assert client.post("/vms/app/edit", data=data).status_code == 303
    assert path.read_text() == typed


def test_a_post_with_yaml_of_a_form_that_nobody_drew_is_not_guessed(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", OWN)
    for drawn in ("", "x", "." * 200):
        data = {"yaml": "cpus: 1\n", "cpus": "2", "digest": files.digest(OWN.encode()), "drawn": drawn}
        assert client.post("/vms/app/edit", data=data).status_code == 409
    assert path.read_text() == OWN


def test_r12_the_file_changed_while_yaml_was_typed(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", "cpus: 1\n")
    form = edit_form(client, "app")
    path.write_text("cpus: 1\nmemory: 8GiB\n")
    answer = client.post("/vms/app/edit", data=form.values(yaml="cpus: 5 # mine\n"))
    assert answer.status_code == 409
    assert path.read_text() == "cpus: 1\nmemory: 8GiB\n"
    assert columns(answer)["Yours"] == "cpus: 5 # mine"
    again = form_of(answer)
    assert yaml_of(again) == "cpus: 5\nmemory: 8GiB\n"
    assert client.post("/vms/app/edit", data=again.values()).status_code == 303
    assert path.read_text() == "cpus: 5\nmemory: 8GiB\n"


def test_r12_broken_yaml_and_a_changed_file_lose_nothing(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", "cpus: 1\n")
    form = edit_form(client, "app")
    path.write_text("cpus: 7\n")
    answer = client.post("/vms/app/edit", data=form.values(yaml="cpus: [\n"))
    assert answer.status_code == 409
    assert columns(answer)["Yours"] == "cpus: ["
    assert yaml_of(form_of(answer)) == "cpus: 7\n"
    path.unlink()
    answer = client.post("/vms/app/edit", data=form.values(yaml="cpus: [ # mine\n"))
    assert answer.status_code == 409
    assert yaml_of(form_of(answer)) == "cpus: [ # mine\n"
    assert not path.exists()


# -- nothing typed is lost (R12) --------------------------------------------------------------------------------------

LONG = "# " + "w" * 400 + "TAIL"
MINE = f"# my long careful comment\ncpus: 1\nmemory: 6GiB\n{LONG}\n# tab\there\n"


def unsaved(answer: TestResponse) -> dict[str, str]:
    """The texts that are shown to be copied, by what they are called."""
    found = re.findall(r'<label for="(vm-unsaved-\d)">([^<]*)</label>', answer.text)
    areas = {
        name: unescape(text)
        for name, text in re.findall(
            r'<textarea[^>]* id="(vm-unsaved-\d)"[^>]* readonly[^>]*>\n(.*?)</textarea>', answer.text, re.DOTALL
        )
    }
    return {label: areas[name] for name, label in found}


def test_r12_typed_comments_stand_whole_until_a_save_is_done(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", "cpus: 1\n")
    form = edit_form(client, "app")
    path.write_text("cpus: 4\n")
    answer = client.post("/vms/app/edit", data=form.values(yaml=MINE.replace("\n", "\r\n")))
    assert answer.status_code == 409
    assert unsaved(answer) == {"Your YAML": MINE}
    form = form_of(answer)
    assert yaml_of(form) == "cpus: 4\nmemory: 6GiB\n"
    answer = client.post("/vms/app/edit", data=form.values(cpus="many"))
    assert answer.status_code == 422
    assert unsaved(answer) == {"Your YAML": MINE}
    answer = client.post("/vms/app/edit", data=form_of(answer).values(do="preview"))
    assert unsaved(answer) == {"Your YAML": MINE}
    path.write_text("cpus: 5\n")
    answer = client.post("/vms/app/edit", data=form_of(answer).values(yaml="# second\n"))
    assert unsaved(answer) == {"Your YAML": "# second\n", "Your earlier YAML (1)": MINE}
    answer = client.post("/vms/app/edit", data=form_of(answer).values(yaml=MINE, do="preview"))
    assert unsaved(answer) == {"Your YAML": "# second\n"}  # it stands in the YAML again
    assert client.post("/vms/app/edit", data=form_of(answer).values()).status_code == 303
    assert path.read_text() == MINE


def test_r12_fields_alone_are_not_told_twice(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", OWN)
    form = edit_form(client, "app")
    path.write_text(OWN.replace("6GiB", "7GiB"))
    typed = OWN.replace("cpus: 3", "cpus: 5")  # with script the YAML has followed
    answer = client.post("/vms/app/edit", data=form.values(cpus="5", yaml=typed))
    assert answer.status_code == 409
    assert unsaved(answer) == {}
    assert yaml_of(form_of(answer)) == OWN.replace("cpus: 3", "cpus: 5").replace("6GiB", "7GiB")


@pytest.mark.parametrize("on_disk", ["cpus: 4\n", ""])
def test_r12_both_sides_and_the_file_were_changed(client: Browser, vms: Vms, on_disk: str) -> None:
    path = write(vms, "app", "cpus: 1\n")
    form = edit_form(client, "app")
    path.write_text(on_disk) if on_disk else path.unlink()
    typed, address = "cpus: 1\nmemory: 6GiB\n# mine\n", "/vms/app/edit" if on_disk else "/new-vm"
    answer = client.post("/vms/app/edit", data=form.values(yaml=typed, disk="30GiB"))
    for _ in range(2):  # it does not wear off
        assert answer.status_code == 409
        form = form_of(answer)
        assert (form.values()["disk"], yaml_of(form)) == (["30GiB"], typed)
        assert {("do", "yaml"), ("do", "fields")} <= set(form.buttons)
        assert (path.read_text() if path.exists() else "") == on_disk
        answer = client.post(address, data=form.values())
    form = form_of(client.post(address, data=form.values(do="fields")))
    assert client.post(address, data=form.values()).status_code == 303
    assert path.read_text() == f"cpus: {4 if on_disk else 1}\ndisk: 30GiB\n# mine\n"


def test_r12_yaml_that_cannot_be_read_stands_whole(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", "cpus: 1\n")
    form = edit_form(client, "app")
    path.write_text("cpus: 4\n")
    answer = client.post("/vms/app/edit", data=form.values(yaml=f"cpus: [1\n{LONG}\n"))
    assert answer.status_code == 409
    assert unsaved(answer) == {"Your YAML": f"cpus: [1\n{LONG}\n"}
    path.write_text("cpus: [4\n")
    answer = client.post("/vms/app/edit", data=form.values(yaml=MINE, disk="30GiB"))
    assert answer.status_code == 409
    assert unsaved(answer) == {"Your YAML": MINE}
    assert '<td class="mono">30GiB</td>' in answer.text


@pytest.mark.parametrize("what", ["a pipe", "a folder", "too large"])
def test_r12_what_lies_there_is_no_config_any_more(client: Browser, vms: Vms, what: str) -> None:
    path = write(vms, "app", "cpus: 1\n")
    form = edit_form(client, "app")
    path.unlink()
    if what == "a pipe":
        os.mkfifo(path)
    elif what == "a folder":
        path.mkdir()
    else:
        path.write_text("#" * 70_000)
    for do in ("save", "sync"):
        answer = client.post("/vms/app/edit", data=form.values(yaml=MINE, do=do))
        assert answer.status_code == 409
        assert unsaved(answer) == {"Your YAML": MINE}
        said = {"a pipe": "is not a plain file", "a folder": "is a folder", "too large": "is larger than"}
        assert said[what] in answer.text


def test_what_was_typed_is_shown_as_text_and_fits_into_a_post(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", "cpus: 1\n")
    form = edit_form(client, "app")
    path.write_text("cpus: 4\n")
    typed = "# </textarea><script>alert(1)</script>\n"
    answer = client.post("/vms/app/edit", data=form.values(yaml=typed))
    assert unsaved(answer) == {"Your YAML": typed}
    assert "<script>alert" not in answer.text
    answer = client.post("/vms/app/edit", data=form.values(yaml="# " + "x" * 200_000))
    assert len(unsaved(answer)["Your YAML"]) == 200_002
    assert "unsaved_yaml" not in form_of(answer).values()


def test_mixed_line_ends_stay_where_the_line_stays(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", "")
    was = b"# one\r\ncpus: 2\n# three\nmemory: 4GiB\n"
    path.write_bytes(was)
    form = edit_form(client, "app")
    typed = was.decode().replace("\r\n", "\n").replace("4GiB", "5GiB\n# new")
    answer = client.post("/vms/app/edit", data=form.values(yaml=typed.replace("\n", "\r\n"), do="preview"))
    assert "Only these lines change." in answer.text
    assert client.post("/vms/app/edit", data=form_of(answer).values()).status_code == 303
    assert path.read_bytes() == was.replace(b"4GiB", b"5GiB\n# new")
    assert client.post("/vms/app/edit", data=edit_form(client, "app").values(cpus="3")).status_code == 303
    assert path.read_bytes() == was.replace(b"4GiB", b"5GiB\n# new").replace(b"cpus: 2", b"cpus: 3")


@pytest.mark.parametrize(
    ("own", "text", "wanted"),
    [
        ("a\r\nb", "b\nc\n", "b\r\nc\r\n"),
        ("a\r\nb\r\nc\n", "a\nx\nc", "a\r\nx\r\nc"),
        ("a\nb\r\nc", "c\na\nb", "c\na\nb"),
        ("a\r\nb\n", "", ""),
        ("a\u2028\r\nb\n", "a\u2028\nb\nc\n", "a\u2028\r\nb\nc\n"),
    ],
)
def test_line_ends_at_the_edges(own: str, text: str, wanted: str) -> None:
    assert ended_like(own, text) == wanted


# -- YAML that cannot be used -----------------------------------------------------------------------------------------

NO_YAML = {
    "duplicate key": ("cpus: 1\ncpus: 2\n", "Line 2."),
    "alias bomb": ("a: &a [x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "Line 1."),
    "recursive alias": ("a: &a [*a]\n", "Line 1."),
    "depth": ("cpus: " + "[" * 3000, "Line 1."),
    "long number": ("cpus: " + "9" * 5000, "Line 1."),
    "tag": ("repo: !!python/object:os.system x\n", "Line 1."),
    "size": ("# " + "x" * 66_000, ""),
    "byte order mark": ("\ufeffcpus: 1\n", "Line 1."),
    "NUL": ("cpus: 1\nuser: \0\n", "Line 2."),
    "tab": ("recipes:\n\t- git\n", "Line 2."),
    "two documents": ("cpus: 1\n---\ncpus: 2\n", "Line 2."),
    "a list": ("- cpus\n", "Line 1."),
    "script": ('cpus: "</textarea><script>alert(1)</script>"\n', "Line 1."),
    "lone surrogate": ("cpus: \\ud800\n", "Line 1."),
}


@pytest.mark.parametrize("what", NO_YAML)
@pytest.mark.parametrize("is_new", [True, False])
def test_c10_hostile_yaml_is_told_and_not_saved(client: Browser, vms: Vms, what: str, *, is_new: bool) -> None:
    text, line = NO_YAML[what]
    path = vms.paths.vm_config("app") if is_new else write(vms, "app", OWN)
    address = "/new-vm" if is_new else "/vms/app/edit"
    form = form_of(client.get(address))
    for do in ("save", "sync", "preview", "yaml"):
        data = form.values(yaml=text, do=do, **({"name": "app"} if is_new else {}))
        begun = time.perf_counter()
        answer = client.post(address, data=data)
        assert time.perf_counter() - begun < 2  # the reader's own limit is 0.2 s; the rest is the page
        assert answer.status_code == (422 if do in ("save", "sync") else 200)
        assert [said for said in problems(answer) if said.startswith(line)], problems(answer)
        assert all(len(said) < 700 for said in problems(answer))
        assert "<script>alert" not in answer.text
        if "\0" not in text:
            assert yaml_of(form_of(answer)) == text
    assert path.read_text() == OWN if not is_new else not path.exists()
    assert not vms.paths.jobs.exists()


def test_c12_all_errors_of_the_yaml_come_at_once(client: Browser, vms: Vms) -> None:
    write(vms, "app", OWN)
    typed = "cpus: -1\ndisk: 1e9GiB\ncolour: red\nports:\n  - 0\n  - 70000\n  - 22\nrecipes: [node, nothing]\n"
    answer = client.post("/vms/app/edit", data=edit_form(client, "app").values(yaml=typed, do="sync"))
    assert answer.status_code == 422
    assert [said.partition(".")[0] for said in problems(answer)] == [f"Line {line}" for line in (1, 2, 3, 5, 6, 7, 8)]
    assert errors_at(answer, "f-cpus")
    assert errors_at(answer, "f-disk")
    assert len(errors_at(answer, "f-ports")) == 3
    form = form_of(answer)
    assert yaml_of(form) == typed
    mended = client.post("/vms/app/edit", data=form.values(yaml="cpus: 1\n", do="save"))
    assert mended.status_code == 303


def test_an_inherited_error_has_no_line(client: Browser, vms: Vms) -> None:
    defaults(vms, "recipes: [nothing]\n")
    form = form_of(client.get("/new-vm"))
    said = problems(client.post("/new-vm", data=form.values(name="app", yaml="cpus: 1\n")))
    assert len(said) == 1
    assert "Line" not in said[0].partition("config.yaml")[0]


def test_what_stands_in_the_fields_is_kept_while_the_yaml_is_broken(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", OWN)
    form = form_of(client.post("/vms/app/edit", data=edit_form(client, "app").values(yaml=OWN + "[", do="preview")))
    assert form.values()["cpus"] == ["3"]
    form = form_of(client.post("/vms/app/edit", data=form.values(cpus="5", do="preview")))
    assert (form.values()["cpus"], yaml_of(form)) == (["5"], OWN + "[")
    mended = client.post("/vms/app/edit", data=form.values(yaml=OWN, do="save"))  # only the fields are changed then
    assert mended.status_code == 303
    assert path.read_text() == OWN.replace("cpus: 3", "cpus: 5")


def test_the_fields_may_replace_broken_yaml(client: Browser, vms: Vms) -> None:
    write(vms, "app", OWN)
    data = edit_form(client, "app").values(yaml="[", cpus="5", do="fields")
    assert yaml_of(form_of(client.post("/vms/app/edit", data=data))) == OWN.replace("cpus: 3", "cpus: 5")
    write(vms, "web", "cpus: [\n")
    form = form_of(client.post("/vms/web/edit", data=edit_form(client, "web").values(cpus="5", do="fields")))
    assert yaml_of(form) == "cpus: 5\n"


def test_a_value_that_no_file_can_hold_leaves_the_yaml_as_it_is(client: Browser, vms: Vms) -> None:
    path = write(vms, "app", OWN)
    answer = client.post("/vms/app/edit", data=edit_form(client, "app").values(code_dir="~/a\u2028b"))
    assert answer.status_code == 422
    assert errors_at(answer, "f-code_dir")
    form = form_of(answer)
    assert yaml_of(form) == OWN
    assert client.post("/vms/app/edit", data=form.values(code_dir="~/a")).status_code == 303
    assert path.read_text() == OWN.replace("# web\n", "# web\ncode_dir: ~/a\n")


def test_g06_a_secret_never_comes_into_the_yaml(client: Browser, vms: Vms) -> None:
    recipe(vms, "agent", "summary: x", "params: {token: {secret: true}}")
    form = form_of(client.get("/new-vm"))
    data = form.values(name="app", yaml="recipes: [agent]\n", **{"secret.token": "s3cret-canary"})
    for do in ("preview", "yaml", "fields", "save"):
        assert "s3cret-canary" not in client.post("/new-vm", data={**data, "do": do}).text
    assert "s3cret-canary" not in vms.paths.vm_config("app").read_text()
    typed = "recipes: [agent]\nparams:\n  agent:\n    token: x\n"
    said = problems(client.post("/new-vm", data=form.values(name="web", yaml=typed)))
    assert any("secret is not allowed in a config" in one for one in said)


# -- parts for htmx ---------------------------------------------------------------------------------------------------


def test_the_answer_holds_only_the_side_that_follows(client: Browser, vms: Vms) -> None:
    write(vms, "app", OWN)
    form = edit_form(client, "app")

    def ask(**changed: str) -> TestResponse:
        return client.post("/vms/app/edit", data=form.values(do="preview", **changed), headers=HTMX)

    assert parts(ask(cpus="5")) == ["vm-file", "vm-chosen", "f-yaml"]
    assert parts(ask(yaml="cpus: 5\n")) == ["vm-file", "vm-fields"]
    assert parts(ask()) == ["vm-file"]
    assert parts(ask(yaml="cpus: [\n")) == ["vm-file"]
    both = ask(yaml="cpus: 5\n", cpus="6")
    assert parts(both) == ["vm-file"]
    assert "Use the fields" in both.text
    vms.paths.vm_config("app").write_text("cpus: 1\n")
    assert parts(ask(cpus="5")) == ["vm-file"]


def test_a_side_that_follows_agrees_with_the_other(client: Browser, vms: Vms) -> None:
    write(vms, "app", OWN)
    data = edit_form(client, "app").values(do="preview", cpus="5", memory="8 gib")
    answer = client.post("/vms/app/edit", data=data, headers=HTMX)
    drawn = re.search(r'name="drawn" value="([^"]*)"', answer.text)
    text = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", answer.text, re.DOTALL)
    assert drawn
    assert text
    follows = {**data, "drawn": drawn[1], "yaml": unescape(text[1])}
    assert parts(client.post("/vms/app/edit", data=follows, headers=HTMX)) == ["vm-file"]
    typed = {**follows, "yaml": unescape(text[1]) + "disk: 30GiB\n"}
    answer = client.post("/vms/app/edit", data=typed, headers=HTMX)
    assert parts(answer) == ["vm-file", "vm-fields"]
    assert 'value="30GiB"' in answer.text


# -- none, and inherited ----------------------------------------------------------------------------------------------


def test_inherited_ports_can_be_none(client: Browser, vms: Vms) -> None:
    defaults(vms, "ports: [3000]\n")
    page = client.get("/new-vm")
    assert "Default from config.yaml: 3000. Enter none for no ports." in page.text
    assert client.post("/new-vm", data=form_of(page).values(name="app", ports="None")).status_code == 303
    assert ConfigStore(vms.paths).read("app").ports == ()
    form = edit_form(client, "app")
    assert form.values()["ports"] == ["none"]
    assert client.post("/vms/app/edit", data=form.values(ports="")).status_code == 303
    assert [forward.host_port for forward in ConfigStore(vms.paths).read("app").ports] == [3000]


def test_an_inherited_param_can_be_no_text(client: Browser, vms: Vms) -> None:
    defaults(vms, "recipes: [git]\nparams:\n  git:\n    user_name: Ada\n")
    page = client.get("/new-vm")
    assert 'Default from config.yaml: Ada. Enter "" for an empty text.' in unescape(page.text)
    data = form_of(page).values(name="app", **{"params.git.user_name": '""'})
    assert client.post("/new-vm", data=data).status_code == 303
    assert ConfigStore(vms.paths).read("app").params == {"git": {"user_name": ""}}
    form = edit_form(client, "app")
    assert form.values()["params.git.user_name"] == ['""']
    assert client.post("/vms/app/edit", data=form.values(**{"params.git.user_name": ""})).status_code == 303
    assert ConfigStore(vms.paths).read("app").params == {"git": {"user_name": "Ada"}}
