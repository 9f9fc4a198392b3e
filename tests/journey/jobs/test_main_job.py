"""The whole job as a new user does it: made, synced, entered, safely deleted. On the demo engine, as processes."""

from __future__ import annotations

import pytest

from tests.journey.cli.home import HAS_KEYGEN
from tests.journey.driver import User, Vm


@pytest.mark.usefixtures("guests_work")
def test_the_main_job(user: User) -> None:
    user = User(user.home.cold())
    app = user.vm("app")
    user.dvm("init app --recipe tmux").succeeds().prints("Next: dvm sync app")
    user.dvm("ls").succeeds().prints("not created")

    user.dvm("sync app --dry-run").succeeds().prints("run   Create instance", "$ limactl create")
    assert not app.is_created, "a dry run changes nothing"

    steps = (
        "Create instance",
        "Start VM",
        "Wait for the guest",
        "Baseline",
        "Recipe tmux",
        "Create SSH key",
        "Create code folder",
    )
    user.dvm("sync app").succeeds().prints(*steps)
    app.shows(version=2, reachable=True)
    app.work("clean")

    user.dvm("ssh app -- sh -c 'pwd; exit 7'").exits(7)
    assert user.dvm("ssh app -- pwd").succeeds().out == "/home/dev/code/app\n"
    if HAS_KEYGEN:
        assert user.dvm("ssh-key app").succeeds().out.startswith("ssh-ed25519 ")
    else:
        user.dvm("ssh-key app").exits("not found", "ssh-keygen").prints_nothing()

    app.has_commit_not_pushed()
    user.dvm("work app").exits("unsaved work").prints("1 commit not pushed")
    user.dvm("rm app --yes").is_refused().warns("--force")
    app.shows(status="Running")

    user.dvm("rm app --yes --force").succeeds().prints("1 commit not pushed", "config was kept")
    app.shows(kind="not created")
    assert not app.is_created
    assert app.config.exists(), "the config is the user's and is kept"


@pytest.mark.usefixtures("guests_work")
def test_a_sync_with_nothing_to_do_is_one_list_and_one_question(user: User) -> None:
    user.has_vm("app", "--recipe git --recipe python")
    user.dvm("sync app").succeeds()
    job = user.last_job
    listing, question = job.calls()
    assert "list" in listing
    assert "ssh" in question
    states, reasons = job.states, job.reasons
    assert states.pop("Check instance") == states.pop("Wait for the guest") == states.pop("Read guest state") == "done"
    assert set(states.values()) == {"skipped"}
    assert reasons["Recipe git"] == "unchanged; its probe passes"
    assert reasons["Recipe python"] == "unchanged; not run in the demo"
    # A demo guest has the programs of its host, so baseline may have run or not.
    ran = [title for title in ("Baseline", "Recipe git", "Recipe python") if reasons[title] == reasons["Recipe git"]]
    counted = f"{len(ran)} recipe{'' if len(ran) == 1 else 's'} applied"
    assert reasons["Read guest state"] == counted, "what the demo could not run is not applied"

    before = user.engine_calls()
    user.dvm("ls").succeeds()
    assert user.engine_calls() == before + 1

    (user.paths.lima_home / "odd").mkdir()
    user.dvm("ls").succeeds().prints("unmanaged")


def test_a_folder_that_may_not_be_read_needs_force(user: User, app: Vm) -> None:
    app.runs("mkdir closed; chmod 0 closed")
    user.dvm("work app").exits("unsaved work").prints(
        "1 folder that could not be read", "could not be read: closed (owner "
    )
    user.dvm("rm app --yes").is_refused().warns("--force")
    user.dvm("rm app --yes --force").succeeds().prints("could not be read: closed (owner ")


def test_a_clean_vm_is_deleted_with_yes_alone_also_when_it_is_stopped(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    user.dvm("rm app").succeeds().prints("no unsaved work found").warns("Nothing was deleted")
    app.shows(status="Stopped")  # a look leaves the VM as it was
    user.dvm("rm app --yes").succeeds()
    assert not app.is_created


def test_a_change_of_the_config_waits_for_leave_to_restart(user: User, app: Vm) -> None:
    app.adds_to_config("cpus: 1\nports: [3000]")
    user.dvm("sync app").succeeds().prints("needs a restart")
    app.shows(cpus=2)
    user.dvm("sync app --restart").succeeds()
    app.shows(cpus=1, status="Running")

    app.adds_to_config("user: bob\nimage: debian")
    user.dvm("sync app").succeeds().prints("The user stays dev", "The image stays fedora")
    assert user.dvm("ssh app -- id -un").succeeds().out == "dev\n"


def test_files_survive_a_stop_and_a_start(user: User, app: Vm) -> None:
    app.runs("echo kept > note.txt")
    user.dvm("stop app").succeeds()
    user.dvm("ssh app -- true").exits("check failed")
    user.dvm("start app").succeeds()
    assert user.dvm("ssh app -- cat note.txt").succeeds().out == "kept\n"
    user.dvm("work app").exits("unsaved work")  # a loose file is work


def test_the_second_ssh_asks_no_limactl(user: User, app: Vm) -> None:
    user.dvm("ssh app -- true").succeeds()
    before = user.engine_calls()
    assert user.dvm("ssh app -- pwd").succeeds().out == "/home/dev/code/app\n"
    assert user.dvm("sh app", typed="pwd\n").succeeds().out == "/home/dev/code/app\n"
    user.dvm("ssh app ls -la").succeeds()  # options after the name belong to the command
    assert user.engine_calls() == before, "no limactl was asked"
    app.adds_to_config("code_dir: ~/other")
    app.runs("mkdir ~/other")
    assert user.dvm("ssh app -- pwd").succeeds().out == "/home/dev/other\n", "the config counts at once"
    user.dvm("stop app --yes").succeeds()
    user.dvm("ssh app -- true").exits("check failed")
    user.dvm("ssh nosuch -- true").exits("not found")


def test_bad_words_get_a_sentence_and_run_nothing(user: User) -> None:
    for verb in ("sync", "work"):
        user.dvm(f"{verb} nosuch").exits("not found").warns("dvm init nosuch")
    user.dvm("rm -rf --yes").exits("usage error").warns("No such option")
    user.dvm("sync ../x").exits("usage error").warns("not a VM name")
    user.dvm("init app --recipe nosuch").exits("usage error").warns("nosuch")
    user.dvm("init app --repo --upload-pack=x").exits("usage error").warns("repo")
    user.dvm("init app --repo 'ext::sh -c id'").exits("usage error").warns("repo")
    for verb in ("log", "cancel"):
        user.dvm(f"{verb} zzz").exits("not found").warns("dvm jobs")
    assert user.engine_calls() == 0


def test_a_bad_config_names_every_error_and_runs_nothing(user: User) -> None:
    user.vm("app").has_config("cpus: -1\nmemory: lots\nports: [22]\nrecipies: []\n")
    user.dvm("sync app").exits("usage error").warns("app.yaml:1", "app.yaml:2", "app.yaml:3", "app.yaml:4")
    assert user.engine_calls() == 0
    assert user.jobs == []


def test_a_vm_that_is_not_created_says_so(user: User) -> None:
    user.dvm("init app").succeeds()
    for verb in ("start", "stop", "work", "sh"):
        user.dvm(f"{verb} app").exits("not found").warns("dvm sync app")
    for line in ("rm app", "rm app --yes --force"):
        user.dvm(line).exits("not found").warns("not created")
