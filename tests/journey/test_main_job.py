"""The whole job as a new user does it: made, synced, entered, safely deleted. On the demo engine, as processes."""

from __future__ import annotations

import json

import pytest

from .conftest import HAS_KEYGEN, House

pytestmark = pytest.mark.usefixtures("guests_work")


def test_the_main_job(house: House) -> None:
    assert "Next: dvm sync app" in house.ok("init", "app", "--recipe", "tmux")
    assert "not created" in house.ok("ls")

    plan = house.ok("sync", "app", "--dry-run")
    assert "run   create instance" in plan
    assert "$ limactl create" in plan
    assert not list(house.paths.lima_home.glob("dvm-*")), "a dry run changes nothing"

    first = house.ok("sync", "app")
    for step in ("create instance", "start", "reachable", "baseline", "recipe tmux", "VM-local key", "code dir"):
        assert step in first
    row = json.loads(house.ok("ls", "--json"))[0]
    assert row["version"] == 1
    assert row["reachable"] is True
    assert row["work"]["verdict"] == "clean"

    assert house.dvm("ssh", "app", "--", "sh", "-c", "pwd; exit 7").code == 7
    assert house.ok("ssh", "app", "--", "pwd").strip() == "/home/dev/code/app"
    if HAS_KEYGEN:
        assert house.ok("ssh-key", "app").startswith("ssh-ed25519 ")
    else:
        told = house.dvm("ssh-key", "app")
        assert (told.code, told.out) == (3, "")
        assert "ssh-keygen" in told.err

    house.guest(
        "app",
        "git init -q; git config user.email a@b; git config user.name A; echo x > f; git add f; git commit -qm one",
    )
    looked = house.dvm("work", "app")
    assert looked.code == 5
    assert "1 unpushed commit" in looked.out

    refused = house.dvm("rm", "app", "--yes")
    assert refused.code == 5
    assert "--force" in refused.err
    assert json.loads(house.ok("ls", "--json"))[0]["status"] == "Running"

    deleted = house.ok("rm", "app", "--yes", "--force")
    assert "1 unpushed commit" in deleted, "what is lost is told"
    assert "config is kept" in deleted
    assert json.loads(house.ok("ls", "--json"))[0]["kind"] == "not created"
    assert not list(house.paths.lima_home.glob("dvm-*"))
    assert house.paths.vm_config("app").exists(), "the config is the user's and is kept"


def test_a_sync_with_nothing_to_do_is_one_list_and_one_question(house: House) -> None:
    house.ok("init", "app", "--recipe", "git", "--recipe", "python")
    house.ok("sync", "app")
    house.ok("sync", "app")
    commands = house.ledger(house.jobs()[0]["id"])
    assert len(commands) == 2
    assert "list" in commands[0]
    assert "ssh" in commands[1]
    states = {step["title"]: step["state"] for step in house.jobs()[0]["steps"]}
    assert states.pop("look first") == states.pop("reachable") == states.pop("state") == "done"
    assert set(states.values()) == {"skipped"}
    told = next(step["reason"] for step in house.jobs()[0]["steps"] if step["title"] == "state")
    assert told == "1 recipe applied", "what the demo could not run, baseline and python, is not applied"


def test_ls_makes_one_engine_call(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    before = house.paths.ledger.read_text().count("\n")
    house.ok("ls")
    assert house.paths.ledger.read_text().count("\n") == before + 1


def test_a_clean_vm_is_deleted_with_yes_alone_also_when_it_is_stopped(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    house.ok("stop", "app")
    without = house.dvm("rm", "app")
    assert without.code == 0
    assert "nothing at risk" in without.out
    assert "Nothing was deleted" in without.err
    assert json.loads(house.ok("ls", "--json"))[0]["status"] == "Stopped", "a look leaves the VM as it was"
    house.ok("rm", "app", "--yes")
    assert not list(house.paths.lima_home.glob("dvm-*"))


def test_a_change_of_the_config_waits_for_leave_to_restart(house: House) -> None:
    path = house.home / ".config/dvm/demo/vms/app.yaml"
    house.ok("init", "app")
    house.ok("sync", "app")
    path.write_text(path.read_text() + "\ncpus: 1\nports: [3000]\n")
    assert "waits for a restart" in house.ok("sync", "app")
    assert json.loads(house.ok("ls", "--json"))[0]["cpus"] == 2
    house.ok("sync", "app", "--restart")
    row = json.loads(house.ok("ls", "--json"))[0]
    assert row["cpus"] == 1
    assert row["status"] == "Running"


def test_files_survive_a_stop_and_a_start(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    house.guest("app", "echo kept > note.txt")
    house.ok("stop", "app")
    assert house.dvm("ssh", "app", "--", "true").code == 6
    house.ok("start", "app")
    assert house.ok("ssh", "app", "--", "cat", "note.txt") == "kept\n"
    assert house.dvm("work", "app").code == 5, "a loose file is work"


def test_unmanaged_instances_are_shown_as_what_they_are(house: House) -> None:
    (house.paths.lima_home / "odd").mkdir(parents=True)
    assert "unmanaged" in house.ok("ls")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("sync", "nosuch"), 3, "dvm init nosuch"),
        (("work", "nosuch"), 3, "dvm init nosuch"),
        (("rm", "-rf", "--yes"), 2, "No such option"),
        (("sync", "../x"), 2, "not a VM name"),
        (("init", "app", "--recipe", "nosuch"), 2, "nosuch"),
        (("init", "app", "--repo", "--upload-pack=x"), 2, "repo"),
        (("init", "app", "--repo", "ext::sh -c id"), 2, "repo"),
        (("log", "zzz"), 3, "dvm jobs"),
        (("cancel", "zzz"), 3, "dvm jobs"),
    ],
)
def test_bad_words_get_a_sentence_and_run_nothing(
    house: House, words: tuple[str, ...], code: int, sentence: str
) -> None:
    said = house.dvm(*words)
    assert said.code == code
    assert sentence in said.err
    assert not house.paths.ledger.exists()


@pytest.mark.parametrize("verb", ["start", "stop", "work", "sh"])
def test_a_vm_that_is_not_created_says_so(house: House, verb: str) -> None:
    house.ok("init", "app")
    said = house.dvm(verb, "app")
    assert said.code == 3
    assert "dvm sync app" in said.err


def test_a_bad_config_names_every_error_and_runs_nothing(house: House) -> None:
    house.ok("init", "app")
    path = house.paths.vm_config("app")
    path.write_text("cpus: -1\nmemory: lots\nports: [22]\nrecipies: []\n")
    said = house.dvm("sync", "app")
    assert said.code == 2
    for place in ("app.yaml:1", "app.yaml:2", "app.yaml:3", "app.yaml:4"):
        assert place in said.err
    assert not house.paths.ledger.exists()
    assert house.jobs() == []


def test_rm_of_a_vm_that_was_never_created_says_so(house: House) -> None:
    house.ok("init", "app")
    for words in (("rm", "app"), ("rm", "app", "--yes", "--force")):
        said = house.dvm(*words)
        assert said.code == 3
        assert "not created" in said.err


def test_the_user_counts_at_creation_and_a_later_change_is_told(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    path = house.paths.vm_config("app")
    path.write_text(path.read_text() + "\nuser: bob\nimage: debian\n")
    said = house.ok("sync", "app")
    assert "The user stays dev" in said
    assert "The image stays fedora" in said
    assert house.ok("ssh", "app", "--", "id", "-un").strip() == "dev"


def test_options_after_the_name_belong_to_the_command(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    assert house.dvm("ssh", "app", "ls", "-la").code == 0
