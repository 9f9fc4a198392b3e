"""The page of bases: what is listed, and the forms that build, renew and remove one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dvmweb.jobs import job_record
from dvmweb.jobs.job_record import Job, StepRecord
from dvmweb.plans import titles
from dvmweb.records import bases as records
from dvmweb.verbs import bases
from dvmweb.verbs.vms import Vms
from dvmweb.web.host.bases_views import choices, copies_of
from tests.web.conftest import Browser
from tests.web.demo import DvmHome, dvm_home, eventually  # noqa: F401


@pytest.fixture
def base(dvm_home: DvmHome, client: Browser) -> str:  # noqa: F811
    """The name of a base with a recipe of the user's own."""
    dvm_home.paths.local_recipes.mkdir(parents=True)
    (dvm_home.paths.local_recipes / "one.sh").write_text("# /// recipe\n# summary: One\n# ///\ntrue\n")
    dvm_home.ok("base", "build", "one")
    (found,) = bases.list_bases(Vms(dvm_home.paths, dvm_home.environ))
    return found.name


def test_without_a_base_it_says_what_one_is_and_how_to_build_one(client: Browser) -> None:
    text = client.get("/bases").text
    assert "No bases" in text
    assert 'id="recipe-git"' in text
    assert 'id="recipe-claude"' not in text  # an agent has a login


def test_nothing_chosen_and_an_unknown_recipe_are_refused_in_words(client: Browser, vms: Vms) -> None:
    answer = client.post("/bases", data={})
    assert (answer.status_code, "Choose at least one recipe" in answer.text) == (422, True)
    answer = client.post("/bases", data={"recipes": "<b>no"})
    assert answer.status_code == 422
    assert "<b>no" not in answer.text
    answer = client.post("/bases", data={"recipes": "git", "image": "no such"})
    assert (answer.status_code, 'value="no such"' in answer.text) == (422, True)
    assert 'id="recipe-git" value="git" checked' in answer.text  # what was chosen stays
    assert client.post("/bases", data={"like": "nobody"}).status_code == 422
    assert not vms.jobs()


def test_a_base_is_listed_with_its_state_and_removed(client: Browser, vms: Vms, base: str) -> None:
    text = client.get("/bases").text
    for words in ("1 base", base, "Ready", "none known", f"/bases/{base}/remove"):
        assert words in text
    (vms.paths.local_recipes / "one.sh").write_text("# /// recipe\n# summary: One\n# ///\necho changed\n")
    text = client.get("/bases").text
    assert "Stale" in text
    assert "The recipe one has changed." in text
    answer = client.post(f"/bases/{base}/remove")
    assert f"Base {base} was deleted." in answer.text
    assert bases.list_bases(vms) == ()
    assert client.post(f"/bases/{base}/remove").status_code == 404


def test_it_is_built_anew_by_a_job_which_the_answer_opens(client: Browser, vms: Vms, base: str) -> None:
    answer = client.post(f"/bases/{base}/refresh")
    assert answer.status_code == 303
    assert answer.headers["Location"].rpartition("/")[0].endswith("/jobs")
    eventually(lambda: vms.jobs()[0].state == "succeeded")
    (found,) = bases.list_bases(vms)
    assert found.name != base


def test_one_like_a_vm_says_what_is_left_out(client: Browser, vms: Vms, base: str) -> None:
    vms.init("app", ("one", "claude"))
    answer = client.post("/bases", data={"like": "app"})
    assert answer.status_code == 200
    assert "Not in the base:" in answer.text
    assert f"/jobs/{vms.jobs()[0].id}" in answer.text
    eventually(lambda: vms.jobs()[0].state == "succeeded")


def test_whether_bases_are_built_by_themselves(client: Browser, vms: Vms) -> None:
    assert client.post("/bases/automatic", data={"setting": "yes"}).status_code == 303
    assert bases.setting(vms.paths) == "yes"
    assert 'value="yes" id="automatic-yes" aria-pressed="true"' in client.get("/bases").text
    assert client.post("/bases/automatic", data={"setting": "perhaps"}).status_code == 422
    assert bases.setting(vms.paths) == "yes"


def test_what_an_interrupted_build_left_is_named_and_removed(client: Browser, vms: Vms, base: str) -> None:
    known = records.read(vms.paths, base)
    assert known is not None
    records.write(vms.paths, replace(known, name="0a0a0a0a", made=0.0))
    assert "0a0a0a0a is not complete" in client.get("/bases").text
    assert "was removed" in client.post("/bases/repair").text
    assert "0a0a0a0a" not in client.get("/bases").text


def _sync(vm: str, title: str, verb: str = "sync", state: str = "done") -> Job:
    return Job(id="0" * 32, vm=vm, verb=verb, steps=(StepRecord(title, state=state),))


def test_which_vms_were_copied_from_a_base_is_known_from_their_last_first_sync() -> None:
    jobs = (
        _sync("app", titles.READ_STATE_AGAIN),  # newest first: a later sync made nothing
        _sync("app", titles.copy_base("1a2b3c4d")),
        _sync("other", titles.CREATE),
        _sync("other", titles.copy_base("1a2b3c4d")),  # before it was deleted and made anew
        _sync("gone", titles.copy_base("1a2b3c4d")),
        _sync("half", titles.copy_base("1a2b3c4d"), state="failed"),
    )
    assert copies_of(jobs, ("app", "other", "half")) == {"1a2b3c4d": ("app",)}


def test_recipes_that_belong_to_one_vm_are_no_choice(vms: Vms) -> None:
    from dvmweb.recipes import RecipeCatalog

    catalog = RecipeCatalog(vms.paths)
    found = choices([catalog.load(name) for name in ("baseline", "git", "claude", "tailscale", "chezmoi")], ("git",))
    assert [(one.name, one.is_chosen) for one in found] == [("git", True)]


def test_the_job_that_proposes_a_base_has_its_button_and_what_the_demo_skips_is_folded(
    client: Browser, vms: Vms
) -> None:
    notice = "Its recipes took 90 s. With a base the next VM is a copy: `dvm base build --like app`"
    steps = (StepRecord("Recipe node", state="not-run", reason="Skipped in the demo: would install `nodejs`"),)
    job = Job("ab" * 16, "app", "sync", state="succeeded", created=1, notices=(notice, "Else <b>"), steps=steps)
    job_record.folder(vms.paths, job.id).mkdir(parents=True)
    job_record.save(vms.paths, job)
    text = client.get(f"/jobs/{job.id}").text
    form = text.partition("Its recipes took")[2].partition("</form>")[0]
    assert '/bases"' in form
    assert 'name="like" value="app"' in form
    assert text.count("Build this base") == 1
    assert "1 step skipped in the demo" in text
    assert text.count("would install") == 1
