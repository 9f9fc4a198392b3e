"""`dvm base` as a process: a new VM is a copy of a base; a stale, half or foreign base is never used."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import click
import pytest

from dvmweb.cli.vms import base_output
from dvmweb.errors import NotNow
from dvmweb.jobs import job_record
from dvmweb.jobs.bases import automatic
from dvmweb.jobs.inputs import load_input
from dvmweb.lima import disk_use
from dvmweb.records import bases as records
from dvmweb.verbs.vms import Vms
from tests.journey.cli.home import HAS_KEYGEN, until
from tests.journey.driver import User, Vm
from tests.lima.test_image_file import GOOD

pytestmark = pytest.mark.usefixtures("guests_work")
MARK = "n=$(cat ~/ran-one 2>/dev/null || echo 0)\necho $((n + 1)) >~/ran-one"


def names(user: User) -> list[str]:
    """The names of the complete bases."""
    return [row["name"] for row in user.dvm("base ls --json").json]


def instances(user: User) -> list[str]:
    return sorted(path.name for path in user.paths.lima_home.iterdir() if not path.name.startswith("_"))


def builds(user: User, *recipes: str) -> str:
    """A base of these recipes; its name."""
    before = set(names(user)) if user.paths.lima_home.is_dir() else set()
    user.dvm(f"base build {' '.join(recipes)}").succeeds().prints("is ready, with baseline")
    (name,) = set(names(user)) - before
    return name


def has_vm(user: User, name: str, recipes: str, more: str = "") -> Vm:
    user.vm(name).has_config(f"recipes: [{recipes}]\n{more}")
    return user.vm(name)


@pytest.fixture
def one(user: User) -> User:
    """A user with recipes of their own that count how often they ran."""
    user.has_recipe("one", MARK, "probe: test -s ~/ran-one")
    user.has_recipe("two", "touch ~/two", "probe: test -e ~/two")
    return user


def test_a_new_vm_is_a_copy_of_the_base_with_an_identity_and_key_of_its_own(one: User) -> None:
    base = builds(one, "one")
    assert instances(one) == [f"dvmbase-{base}"]
    assert not (one.paths.state / "vms" / f"dvmbase-{base}").exists()
    assert one.dvm("ls").succeeds().out == "No VMs yet. Create one: dvm init NAME, then dvm sync NAME\n"

    app = has_vm(one, "app", "one, two", "cpus: 3\nmemory: 2GiB\ndisk: 30GiB\nports: [34791]\n")
    plan = one.dvm("sync app --dry-run").succeeds()
    plan.prints(f"Copy base {base}", "?     Recipe one  (in the base; it runs only if its probe fails)")
    plan.never_says("Create instance")
    done = one.dvm("sync app").succeeds()
    done.prints(f"done     Copy base {base}  (baseline, one", "Change cpus, disk, memory, ports", "skipped  Recipe one")
    done.prints("done     Recipe two", "done     Write VM identity").never_says("Create instance", "is a clone of")
    assert app.runs("cat ~/ran-one") == "1\n"
    app.shows(cpus=3, memory_bytes=2 << 30, disk_bytes=30 << 30, protected=False, pending=[])

    other = has_vm(one, "other", "one, two")
    one.dvm("sync other").succeeds().prints(f"Copy base {base}")
    assert (app.notes / "identity").read_text() != (other.notes / "identity").read_text()
    if HAS_KEYGEN:
        key = "cat ~/.ssh/id_ed25519.pub"
        assert app.runs(key).split()[1] != other.runs(key).split()[1]
    assert not list(one.paths.state.glob("vms/*/base-copy"))


def test_a_base_has_no_key_identity_project_or_hook(one: User) -> None:
    base = builds(one, "one")
    found = {path.name for path in (one.paths.lima_home / f"dvmbase-{base}").rglob("*")}
    assert "ran-one" in found  # it is the guest's home that is looked at
    assert not {name for name in found if name.startswith("id_ed25519")}
    assert not found & {"hook", "identity", f"dvmbase-{base}", "app"}
    one.has_recipe("greedy", "mkdir -p ~/.ssh && touch ~/.ssh/id_rsa")
    one.dvm("base build greedy").fails("a base must not contain keys or hooks")
    assert names(one) == [base]
    assert instances(one) == [f"dvmbase-{base}"]  # what failed is gone


@pytest.mark.slow
def test_what_belongs_to_one_vm_is_left_out_and_said(one: User) -> None:
    one.has_recipe("secret", 'test -s "$DVM_TOKEN_FILE"', "params: {token: {secret: true}}\nprobe: true")
    built = one.dvm("base build one secret two").succeeds()
    built.warns("Not in the base: secret, two. The recipe secret takes a secret.")
    assert one.dvm("base ls --json").json[0]["recipes"][-1]["name"] == "one"
    one.dvm("base build nothing").exits("usage error", "There is no recipe 'nothing'")
    one.dvm("base build one --image no/such").exits("usage error", "--image")
    one.dvm("base build --like nope").exits("not found")
    has_vm(one, "bare", "secret", "baseline: false\n")
    one.dvm("base build --like bare").exits("usage error", "cannot begin with the recipe secret")


@pytest.mark.slow
def test_a_base_like_a_vm_has_its_params(user: User) -> None:
    user.has_recipe("mark", 'echo "$DVM_COLOUR" >~/colour', "params: {colour: {default: blue}}\nprobe: true")
    red = "params: {mark: {colour: red}}\nuser: me\n"
    has_vm(user, "app", "mark", red)
    user.dvm("base build --like app").succeeds()
    copied = has_vm(user, "copied", "mark", red)
    user.dvm("sync copied").succeeds().prints("Copy base")
    assert copied.runs("cat ~/colour") == "red\n"
    has_vm(user, "blue", "mark", "user: me\n")
    user.dvm("sync blue --dry-run").succeeds().prints("Create instance").never_says("Copy base")
    has_vm(user, "dev", "mark", "params: {mark: {colour: red}}\n")
    user.dvm("sync dev --dry-run").succeeds().never_says("Copy base")


def test_a_stale_base_is_not_used_and_is_built_anew(one: User) -> None:
    base = builds(one, "one")
    one.has_recipe("one", f"{MARK}\ntouch ~/new", "probe: test -s ~/ran-one")
    has_vm(one, "app", "one")
    one.dvm("sync app --dry-run").succeeds().prints("Create instance").never_says("Copy base")
    one.dvm("base ls").succeeds().prints("stale: the recipe one has changed").warns("dvm base refresh")
    (row,) = one.dvm("base ls --json").json
    assert (row["is_stale"], row["reasons"]) == (True, ["the recipe one has changed"])

    done = one.dvm("base refresh").succeeds()
    done.prints(f"Base {base}: the recipe one has changed.", f"The old base {base} was deleted.")
    (new,) = names(one)
    assert new != base
    assert instances(one) == [f"dvmbase-{new}"]

    # As if the job had been killed before it deleted the old one.
    one.limactl(f"clone dvmbase-{new} dvmbase-{base}")
    path = one.paths.bases / f"{new}.json"
    facts = json.loads(path.read_text())
    facts["base"] |= {"name": base, "overlay": "another"}
    (one.paths.bases / f"{base}.json").write_text(json.dumps(facts))
    one.dvm("base refresh").succeeds().prints(f"Base {new} has replaced it already. The old base {base} was deleted.")
    assert instances(one) == [f"dvmbase-{new}"]
    one.dvm("base refresh").succeeds().prints("No base is stale.")
    one.dvm("sync app").succeeds().prints(f"Copy base {new}", "skipped  Recipe one")
    assert one.vm("app").runs("ls ~/new").endswith("/new\n")


def test_a_base_that_somebody_started_is_not_used(one: User) -> None:
    base = builds(one, "one")
    has_vm(one, "app", "one")
    one.dvm("sync app --dry-run").succeeds().prints(f"Copy base {base}")
    one.limactl(f"start dvmbase-{base}")
    one.limactl(f"stop dvmbase-{base}")
    one.dvm("sync app --dry-run").succeeds().prints("Create instance").never_says("Copy base")
    one.dvm("base ls").succeeds().prints("stale: it was started since it was built").warns("dvm base refresh")
    one.dvm("base refresh").succeeds().prints(f"Base {base}: it was started since it was built.")
    one.dvm("sync app --dry-run").succeeds().prints("Copy base")


def test_a_base_that_cannot_stand_in_replaces_none_and_one_of_a_newer_dvm_stays(one: User) -> None:
    base, old, newer = builds(one, "one"), "0badcafe", "1badcafe"
    facts = json.loads((one.paths.bases / f"{base}.json").read_text())
    for name, version, disk in ((old, 1, facts["base"]["disk"] - 1), (newer, 2, 0)):
        one.limactl(f"clone dvmbase-{base} dvmbase-{name}")
        changed = facts["base"] | {"name": name, "overlay": "another", "disk": disk}
        (one.paths.bases / f"{name}.json").write_text(json.dumps({"version": version, "base": changed}))

    one.dvm("base ls").succeeds().prints("stale: it is not known what it was made from").never_says("is not complete")
    one.dvm("doctor").never_says(f"Base {newer}")
    done = one.dvm(f"base refresh {old}").succeeds().never_says("has replaced it already", "What was left of it")
    done.prints(f"The old base {old} was deleted.")
    assert {base, newer} < set(names(one))
    one.dvm(f"base rm {newer}").succeeds().prints(f"Base {newer} was deleted.")
    assert newer not in names(one)
    assert newer not in records.names(one.paths)

    (one.paths.lima_home / f"dvmbase-{base}" / "lima.yaml").unlink()
    one.dvm("doctor").prints(f"Base {base} is not complete", f"dvm base rm {base}")


def test_an_image_file_that_is_replaced_while_a_base_is_built_makes_none(one: User) -> None:
    image = one.home.home / "disk.qcow2"
    image.write_bytes(GOOD["qcow2"])
    one.has_recipe("waits", "touch ~/begun\nuntil [ -e ~/goes-on ]; do sleep 0.05; done")
    building = one.starts(f"base build waits --image {image}")
    one.waits_until_job("running", step="Recipe waits")
    image.write_bytes(GOOD["qcow2"] + bytes(512))
    until(lambda: any(one.paths.lima_home.rglob("begun")))
    (begun,) = one.paths.lima_home.rglob("begun")
    begun.with_name("goes-on").touch()
    building.ends().fails("has changed while the base was built from it")
    assert names(one) == []
    assert records.names(one.paths) == ()


@pytest.mark.skipif(not HAS_KEYGEN, reason="ssh-keygen is not installed")
def test_a_copy_never_takes_a_key_of_its_base_for_its_own(one: User) -> None:
    base = builds(one, "one")
    (mark,) = one.paths.lima_home.rglob("ran-one")
    keys = mark.parent / ".ssh"
    keys.mkdir(exist_ok=True)
    argv = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "foreign", "-f", str(keys / "id_ed25519"))
    subprocess.run(argv, check=True)
    foreign = (keys / "id_ed25519.pub").read_text().split()[1]
    for path in (keys, *keys.iterdir()):
        os.chown(path, mark.stat().st_uid, mark.stat().st_gid)
    app = has_vm(one, "app", "one, breaks")
    one.has_recipe("breaks", "exit 1")
    one.dvm("sync app").fails("breaks").prints(f"Copy base {base}")
    one.dvm("ssh-key app").exits("not found", "has no SSH key yet").never_says(foreign)
    one.has_recipe("breaks", "true")
    one.dvm("sync app").succeeds().prints("done     Create SSH key")
    assert app.runs("cat ~/.ssh/id_ed25519.pub").split()[1] != foreign
    assert not (app.notes / "copy-of").exists()
    key = one.dvm("ssh-key app").succeeds().out
    one.dvm("sync app").succeeds().prints("skipped  Create SSH key  (already there)")
    assert one.dvm("ssh-key app").out == key


@pytest.mark.slow
def test_an_old_base_is_said_and_a_fresh_sync_or_no_base_does_without(one: User) -> None:
    base = builds(one, "one")
    app = has_vm(one, "app", "one")
    for option in ("--no-base", "--fresh"):
        one.dvm(f"sync app --dry-run {option}").succeeds().prints("Create instance").never_says("Copy base")
    path = one.paths.bases / f"{base}.json"
    facts = json.loads(path.read_text())
    facts["base"]["made"] = time.time() - 31 * 86_400
    path.write_text(json.dumps(facts))
    one.dvm("base ls").succeeds().prints("stale: it is 31 days old")
    done = one.dvm("sync app").succeeds().prints(f"Base {base} was not used, because it is 31 days old.")
    done.prints("Create instance", "done     Recipe one")
    path.unlink()
    one.dvm("base ls").succeeds().prints("stale: it is not known what it was made from")
    one.dvm(f"base refresh {base}").fails("It is not known what base")
    one.dvm(f"base rm {base[:5]}").succeeds().prints(f"Base {base} was deleted.", "of disk are free again")
    assert names(one) == []
    assert app.runs("cat ~/ran-one") == "1\n"
    one.dvm(f"base rm {base}").exits("not found", "dvm base ls")


def test_a_copy_that_does_not_fit_is_said_before(one: User, monkeypatch: pytest.MonkeyPatch) -> None:
    builds(one, "one")
    has_vm(one, "app", "one")
    monkeypatch.setattr(disk_use, "SPARE", 1 << 62)
    with pytest.raises(NotNow, match="The copy of the base can need"):
        Vms(one.paths, one.home.environ).dry_run("app", {})


def kill(user: User) -> None:
    """Kill the process of the newest job, and nothing else."""
    os.kill(user.last_job.journal["process"]["pid"], signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("hung", ["create", "start", "stop", "rename", "protect"])
def test_a_build_that_was_killed_is_no_base_and_is_removed(one: User, hung: str) -> None:
    one.dvm("init app").succeeds()
    one.engine_hangs(hung)
    building = one.starts("base build one")
    one.waits_until_job(
        "running",
        step={"create": "Create instance", "start": "Start VM", "stop": "Stop VM"}.get(
            hung, {"rename": "Name base", "protect": "Protect base"}.get(hung, "")
        ),
    )
    until(lambda: one.last_job.journal["child"] is not None)
    kill(one)
    building.ends().fails("dvm base build")
    one.engine_works()
    (left,) = records.names(one.paths)
    assert names(one) == []
    one.dvm("base ls").succeeds().warns(
        f"Base {left} is not complete: its build or deletion was interrupted.", f"dvm base rm {left}"
    )
    has_vm(one, "app", "one")
    one.dvm("sync app --dry-run").succeeds().prints("Create instance").never_says("Copy base")
    built = one.dvm("base build one").succeeds()
    built.warns(f"Base {left} is not complete", "What was left of it was removed.")
    (base,) = names(one)
    assert instances(one) == [f"dvmbase-{base}"]
    assert list(records.names(one.paths)) == [base]


@pytest.mark.slow
def test_a_cancelled_build_leaves_nothing(one: User) -> None:
    one.has_recipe("slow", "echo begun\nsleep 600")
    building = one.starts("base build slow")
    one.waits_until_job("running", step="Recipe slow")
    building.is_interrupted().ends().exits("cancelled")
    assert instances(one) == []
    assert records.names(one.paths) == ()
    assert names(one) == []


@pytest.mark.parametrize("hung", ["clone", "edit"])
def test_a_copy_that_was_killed_is_no_vm_and_is_made_again(one: User, hung: str) -> None:
    base = builds(one, "one")
    app = has_vm(one, "app", "one", "cpus: 3\n")
    one.engine_hangs(hung)
    syncing = one.starts("sync app")
    one.waits_until_job("running", step=f"Copy base {base}" if hung == "clone" else "Change cpus")
    until(lambda: one.last_job.journal["child"] is not None)
    kill(one)
    syncing.ends().fails("dvm sync app")
    one.engine_works()
    if app.is_created:
        one.dvm("start app").fails("app is not complete: its copy of base", "dvm sync app")
        one.dvm("rm app --yes --force").fails("app is not complete")
        one.dvm("clone app twin").fails("app is not complete")
        one.dvm("recipe test two --vm app").fails("app is not complete")
        one.dvm("sync app --dry-run").succeeds().prints("Delete interrupted copy", f"Copy base {base}")
    one.dvm("sync app").succeeds().prints(f"done     Copy base {base}", "skipped  Recipe one")
    app.shows(cpus=3, status="Running")
    assert not (app.notes / "base-copy").exists()


def test_a_vm_that_was_started_is_never_taken_for_a_half_copy(one: User) -> None:
    app = has_vm(one, "app", "one")
    one.dvm("sync app").succeeds()
    app.has_file("note.txt")
    (app.notes / "base-copy").write_text("0badcafe\n")  # as if a half copy had been deleted by hand, and app restored
    one.dvm("stop app").succeeds()
    one.dvm("sync app").succeeds().never_says("Delete interrupted copy", "Create instance")
    assert app.runs("cat note.txt") == "x\n"


@pytest.mark.slow
def test_a_copy_that_fails_leaves_nothing(one: User) -> None:
    base = builds(one, "one")
    app = has_vm(one, "app", "one")
    one.engine_fails("clone", "no space left on device")
    one.dvm("sync app").fails("no space left on device")
    assert not app.is_created
    assert not (app.notes / "base-copy").exists()
    one.engine_works()
    assert names(one) == [base]
    one.dvm("sync app --no-base").succeeds().prints("Create instance")


def test_a_base_is_proposed_after_recipes_that_took_time_and_then_built_by_itself(
    one: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_vm(one, "app", "one, two")
    one.dvm("sync app").succeeds().never_says("base")  # they took less than 20 s
    environ, job = one.home.environ, job_record.read(one.paths, one.last_job.id)
    plan_input = load_input(one.paths, environ, "app", "sync")
    assert automatic.after_sync(one.paths, environ, job, plan_input) == ()
    monkeypatch.setattr(automatic, "WORTH", 0.0)
    (said,) = automatic.after_sync(one.paths, environ, job, plan_input)
    assert said.endswith("`dvm base build --like app`")
    assert records.names(one.paths) == ()

    # On a terminal it is asked once, and the answer is kept.
    vms, answers = Vms(one.paths, environ), [False]
    monkeypatch.setattr(click, "confirm", lambda *_, **__: answers.pop())
    proposing = replace(job, notices=(said,))
    base_output.offer(vms, job)
    assert answers == [False]  # nothing was proposed, so nothing is asked
    base_output.offer(vms, proposing)
    base_output.offer(vms, proposing)
    assert answers == []
    one.dvm("base auto").succeeds().prints("no: a base is built only by")
    assert automatic.after_sync(one.paths, environ, job, plan_input) == ()

    one.dvm("base auto yes").succeeds()
    with monkeypatch.context() as full:
        full.setattr(automatic, "SPARE", 1 << 62)
        assert automatic.after_sync(one.paths, environ, job, plan_input) == ()
    (said,) = automatic.after_sync(one.paths, environ, job, plan_input)
    assert said.startswith("A base of these recipes is being built")
    until(lambda: one.last_job.facts["state"] != "running" and len(names(one)) == 1)
    assert automatic.after_sync(one.paths, environ, job, plan_input) == ()  # there is one now
    has_vm(one, "other", "one, two")
    one.dvm("sync other").succeeds().prints("Copy base")


def test_a_base_is_not_a_vm_and_is_protected(one: User) -> None:
    base = builds(one, "one")
    folder: Path = one.paths.lima_home / f"dvmbase-{base}"
    one.dvm(f"start dvmbase-{base}").exits("not found")
    assert one.dvm("ls --json").json == []
    with pytest.raises(AssertionError):
        one.limactl(f"delete dvmbase-{base}")
    assert folder.is_dir()
