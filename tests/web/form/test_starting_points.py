"""Sizes, bundles, *Like another VM* and images: ways to fill the form, of which only the fields are saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dvmweb import recipes
from dvmweb.config.fields import is_image_name
from dvmweb.config.model import Defaults, VmConfig, form_fields
from dvmweb.lima.engine import Engine
from dvmweb.lima.lima_yaml.known_images import SHIPPED, known_images
from dvmweb.recipes.selection import order, validate_params
from dvmweb.verbs.vms import Vms
from dvmweb.web.form.sizes import CUSTOM, sizes
from dvmweb.web.form.starting_points import BUNDLES, Bundle, values_like, values_of
from tests.web.conftest import Browser
from tests.web.drawn import Drawn
from tests.web.form.test_forms import errors, fields_of, recipe, write

# -- sizes -----------------------------------------------------------------------------------------------------------


def chosen(texts: dict[str, str], **shared: object) -> str:
    (found,) = [one.id for one in sizes(form_fields(Defaults(shared)), texts) if one.is_chosen]
    return found


def test_the_size_that_the_fields_have_is_chosen() -> None:
    assert chosen({}) == "small"
    assert chosen({"cpus": "2", "memory": "4 gib"}) == "small"
    assert chosen({"cpus": "4", "memory": "8GiB", "disk": "40GiB"}) == "medium"
    assert chosen({"cpus": "4"}) == CUSTOM
    assert chosen({"cpus": "lots"}) == CUSTOM
    assert chosen({}, memory="6GiB") == "default"
    assert chosen({"memory": "4GiB"}, memory="6GiB") == "small"


def test_a_size_fills_only_what_differs_from_the_defaults() -> None:
    by_id = {one.id: one for one in sizes(form_fields(), {})}
    assert json.loads(by_id["small"].fills) == {"cpus": "", "memory": "", "disk": ""}
    assert json.loads(by_id["medium"].fills) == {"cpus": "4", "memory": "8GiB", "disk": "40GiB"}
    assert by_id[CUSTOM].fills == ""


def test_every_size_is_a_valid_config() -> None:
    for one in sizes(form_fields(), {}):
        texts = {name: text for name, text in json.loads(one.fills or "{}").items() if text}
        VmConfig.from_values({"name": "app", **texts, **({"cpus": int(texts["cpus"])} if "cpus" in texts else {})})


def test_a_posted_size_is_no_value(client: Browser, vms: Vms) -> None:
    assert client.post("/new-vm", data={"name": "app", "size": "large", "cpus": "3"}).status_code == 303
    assert fields_of(vms, "app") == {"cpus": 3}


# -- bundles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.id)
def test_every_bundle_can_be_saved_as_it_is(client: Browser, vms: Vms, bundle: Bundle) -> None:
    catalog = recipes.RecipeCatalog(vms.paths)
    assert set(bundle.recipes) <= {one.name for one in order(bundle.recipes, catalog)}
    form = Drawn(client.get(f"/new-vm?start={bundle.id}").text, "vm-form")
    answer = client.post("/new-vm", data=form.values(name="app", do="save"))
    assert answer.status_code == 303, errors(answer)
    assert fields_of(vms, "app") == values_of(bundle.id)


def test_an_unknown_bundle_is_an_empty_form(client: Browser) -> None:
    for start in ("nothing", "../x", "<script>"):
        answer = client.get("/new-vm", query_string={"start": start})
        assert answer.status_code == 200
        assert Drawn(answer.text, "vm-form").values()["yaml"] == [""]


# -- like another VM ---------------------------------------------------------------------------------------------------

OWN = (
    "# mine\nrepo: git@example.org:a/b\ncpus: 3\nports: [3000]\ncode_dir: ~/code/other\nrecipes: [agent, git]\n"
    "params:\n  agent: {token: s3cret-canary, colour: red}\n  git: {user_name: Ada}\n"
)
AGENT = "params: {token: {secret: true}, colour: {label: Colour}}"


def test_a_copy_has_no_secret_and_nothing_that_is_only_the_others(client: Browser, vms: Vms) -> None:
    recipe(vms, "agent", "summary: x", AGENT)
    write(vms, "app", OWN)
    answer = client.get("/new-vm?like=app")
    assert "s3cret-canary" not in answer.text
    assert "git@example.org:a/b" not in answer.text
    assert "without its name, repository, code folder and ports" in answer.text
    form = Drawn(answer.text, "vm-form")
    answer = client.post("/new-vm", data=form.values(name="web", do="save"))
    assert answer.status_code == 303, errors(answer)
    params = {"agent": {"colour": "red"}, "git": {"user_name": "Ada"}}
    assert fields_of(vms, "web") == {"cpus": 3, "recipes": ["agent", "git"], "params": params}
    assert vms.paths.vm_config("app").read_text() == OWN


def test_a_copy_of_what_cannot_be_copied(client: Browser, vms: Vms) -> None:
    write(vms, "broken", "cpus: [\n")
    assert Drawn(client.get("/new-vm?like=broken").text, "vm-form").values()["yaml"] == [""]
    for name in ("nobody", "../app", "A", ""):
        assert client.get("/new-vm", query_string={"like": name}).status_code == (404 if name else 200)


def test_odd_values_are_not_copied() -> None:
    assert values_like({"params": "x", "mounts": ["/"], "name": "app"}, ()) == {}
    assert values_like({"params": {"git": "x", "node": {}}}, ()) == {}


def test_the_menu_lists_bundles_and_vms(client: Browser, vms: Vms) -> None:
    write(vms, "app", "cpus: 1\n")
    text = client.get("/new-vm").text
    assert all(f"/new-vm?start={bundle.id}" in text for bundle in BUNDLES)
    assert "/new-vm?like=app" in text
    assert "?like=" not in client.get("/vms/app/edit").text


# -- images ------------------------------------------------------------------------------------------------------------


def test_images_are_those_of_the_installed_lima(tmp_path: Path) -> None:
    limactl, images = tmp_path / "bin" / "limactl", tmp_path / "share" / "lima" / "templates" / "_images"
    images.mkdir(parents=True)
    for name in ("fedora-41.yaml", "fedora-44.yaml", "alpine.yaml", "debian-13.yaml", "ubuntu-26.04.yaml", "x.txt"):
        (images / name).write_text("")
    found = known_images(Engine("lima", (str(limactl),), ("/usr/bin/ssh",)))
    assert found == ("fedora", "debian", "ubuntu", "fedora-44", "fedora-41", "debian-13", "ubuntu-26.04")
    elsewhere = known_images(Engine("lima", (str(tmp_path / "opt" / "bin" / "limactl"),), ("/usr/bin/ssh",)))
    assert elsewhere == known_images(None) == ("fedora", "debian", "ubuntu", *SHIPPED)
    assert all(map(is_image_name, elsewhere))


def test_an_image_that_is_not_listed_is_other(client: Browser, vms: Vms) -> None:
    other = r'<option value="" data-other selected>'
    assert other not in client.get("/new-vm").text
    write(vms, "app", "image: /images/mine.qcow2\n")
    text = client.get("/vms/app/edit").text
    assert other in text
    assert Drawn(text, "vm-form").values()["image"] == ["/images/mine.qcow2"]


# -- params by type ----------------------------------------------------------------------------------------------------

TYPED = 'params: {is_on: {default: "1", type: yes-no}, is_off: {type: yes-no, default: "0"}, n: {type: number}, '
TYPED += "c: {default: one, choices: [one, two]}}"


def sent(client: Browser, address: str) -> dict[str, list[str]]:
    return Drawn(client.get(address).text, "vm-form").values()


def test_a_switch_posts_nothing_for_a_default_and_keeps_the_words_of_the_file(client: Browser, vms: Vms) -> None:
    recipe(vms, "typed", "summary: x", TYPED)
    data = sent(client, "/new-vm")
    assert data["params.typed.is_on"] == ["0", ""]  # off, then on, which is the default
    assert data["params.typed.is_off"] == [""]  # off is the default; the box would post 1
    for value, on, off in (("yes", "no", "yes"), ('"1"', '"0"', '"1"'), ("true", "false", "true")):
        text = f"recipes: [typed]\nparams:\n  typed:\n    is_on: {on}\n    is_off: {off}\n"
        path = write(vms, "app", text)
        data = sent(client, "/vms/app/edit")
        assert client.post("/vms/app/edit", data={**data, "do": "save"}).status_code == 303
        assert path.read_text() == text, value
    changed = {**data, "params.typed.is_on": ["no", "yes"], "params.typed.n": "7", "params.typed.c": "two"}
    assert client.post("/vms/app/edit", data=changed).status_code == 303
    params = fields_of(vms, "app")["params"]
    assert params == {"typed": {"is_on": True, "is_off": True, "n": "7", "c": "two"}}


def test_a_value_that_does_not_fit_is_shown_and_refused_at_its_input(client: Browser, vms: Vms) -> None:
    recipe(vms, "typed", "summary: x", TYPED)
    write(vms, "app", "recipes: [typed]\nparams:\n  typed: {is_on: maybe, n: many, c: three}\n")
    text = client.get("/vms/app/edit").text
    data = Drawn(text, "vm-form").values()
    assert [data[f"params.typed.{name}"] for name in ("is_on", "n", "c")] == [["maybe"], ["many"], ["three"]]
    assert text.count("does not fit") == 2 * 3  # at the field and in the list
    loaded = recipes.RecipeCatalog(vms.paths).load("typed")
    assert len(validate_params(loaded, {"is_on": "maybe", "n": "many", "c": "three"})) == 3
