"""The list of recipes by group with its search, and the test of one in a throwaway VM."""

from __future__ import annotations

import re

from dvmweb.recipes.groups import BY_CATEGORY, GROUPS, group_of
from dvmweb.recipes.model import CATEGORIES
from dvmweb.verbs.vms import Vms
from tests.web.conftest import Browser
from tests.web.demo import DvmHome, dvm_home, eventually  # noqa: F401

SHOWN = re.compile(r'<tr data-text="[^"]*">\s*<td class="name"><a class="mono" id="recipe-([a-z0-9-]+)"')


def test_the_groups_are_those_that_people_look_for_and_yours_are_first(client: Browser, vms: Vms) -> None:
    vms.paths.local_recipes.mkdir(parents=True)
    (vms.paths.local_recipes / "mine.sh").write_text("# /// recipe\n# summary: Mine\n# ///\ntrue\n")
    text = client.get("/recipes").text
    titles = re.findall(r'scope="rowgroup" colspan="3">(\w+)<', text)
    assert titles == ["Yours", "Agents", "Languages", "Shell", "Editors", "Git", "Services", "Other"]
    assert set(BY_CATEGORY) <= set(CATEGORIES)
    assert {group_of(category) for category in CATEGORIES} == set(GROUPS)


def test_a_search_without_script_shows_only_what_matches(client: Browser) -> None:
    assert "node" in SHOWN.findall(client.get("/recipes").text)
    text = client.get("/recipes?q=Rust+LANGUAGE").text
    assert SHOWN.findall(text) == ["rust"]
    assert "1 of " in text
    text = client.get("/recipes?q=%3Cb%3Enothing").text
    assert SHOWN.findall(text) == []
    assert "data-filter-none>" in text
    assert "<b>nothing" not in text


def test_the_page_says_what_a_test_does_and_starts_it(client: Browser, vms: Vms, dvm_home: DvmHome) -> None:  # noqa: F811
    dvm_home.paths.local_recipes.mkdir(parents=True)
    (dvm_home.paths.local_recipes / "one.sh").write_text("# /// recipe\n# summary: One\n# ///\ntrue\n")
    trial = client.get("/recipes/one").text.partition('id="trial"')[2].partition("</details>")[0]
    assert "Deletes the VM, also if the recipe fails." in trial
    answer = client.post("/recipes/one/test")
    assert answer.status_code == 303
    (job,) = vms.jobs()
    assert answer.headers["Location"].endswith(f"/jobs/{job.id}")
    assert (job.verb, job.about) == ("test", "one")
    eventually(lambda: vms.job(job.id).state == "succeeded")
    assert not list(vms.paths.lima_home.glob("dvm-*"))


def test_what_it_needs_is_named_and_a_missing_secret_is_refused(client: Browser, vms: Vms) -> None:
    trial = client.get("/recipes/tailscale").text.partition('id="trial"')[2].partition("</details>")[0]
    assert "<code>baseline</code>" in trial
    assert 'type="password"' in trial
    answer = client.post("/recipes/tailscale/test")
    assert (answer.status_code, "needs a secret" in answer.text) == (422, True)
    assert client.post("/recipes/git/test", data={"origin": "nobody"}).status_code == 404
    assert client.post("/recipes/no-such/test").status_code in (404, 422)
    assert not vms.jobs()


def test_a_recipe_that_cannot_be_used_is_not_offered_for_a_test(client: Browser, vms: Vms) -> None:
    vms.paths.local_recipes.mkdir(parents=True)
    (vms.paths.local_recipes / "bad.sh").write_text("# /// recipe\n# no: field\n# ///\n")
    assert 'id="trial"' not in client.get("/recipes/bad").text
