"""Never a false green, and never unasked code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dvmweb import files
from tests.journey.cli.home import HAS_KEYGEN
from tests.journey.driver import User, Vm

pytestmark = pytest.mark.usefixtures("guests_work")


def overrides(user: User, text: str) -> Path:
    """The file of Lima that counts for all instances."""
    folder = user.paths.lima_home / "_config"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "override.yaml").write_text(text)
    return folder / "override.yaml"


def test_a_clone_of_a_vm_is_never_clean_until_it_has_an_id_of_its_own(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    user.limactl("clone dvm-app dvm-copy")
    user.dvm("init copy").succeeds()
    user.dvm("start copy").succeeds()
    user.dvm("work copy").exits("check failed", "another guest")
    user.dvm("rm copy --yes").is_refused()
    said = user.dvm("sync copy").succeeds().prints("This VM was a clone of dvm-app; it now has an identity of its own.")
    said.prints("It still has the SSH key of that VM.").never_says("A sync writes")
    user.dvm("work copy").succeeds()


def test_an_answer_that_is_old_or_missing_is_never_shown_as_a_good_one(user: User, app: Vm) -> None:
    user.guests_are_silent()
    user.dvm("work app").exits("check failed")
    app.work("not known")  # it was clean, and nobody can tell how it is now
    app.shows(status="Running")
    user.engine_works()
    user.dvm("work app").succeeds()
    user.engine_fails("list", "no")
    user.dvm("work app").fails().never_says("no unsaved work")
    user.engine_works()
    user.dvm("stop app").succeeds()
    user.engine_fails("stop", "no")
    user.dvm("work app").fails()  # the VM was left running, and that is said
    user.engine_works()

    user.limactl("stop dvm-app")
    user.limactl("start dvm-app")
    app.shows(reachable=None)
    user.dvm("ls").succeeds().prints("Running, not checked")


def test_a_vm_made_anew_by_plain_limactl_is_not_shown_with_the_old_ones_facts(user: User, app: Vm) -> None:
    user.dvm("work app").succeeds()
    user.limactl("stop dvm-app")
    user.limactl("delete dvm-app")
    user.limactl(f"create --name=dvm-app {app.notes / 'lima.yaml'}")
    user.limactl("start dvm-app")
    app.shows(work=None, reachable=None)
    user.dvm("work app").exits("check failed")  # it has no id of ours
    user.dvm("sync app").succeeds().prints("not the VM app that dvm knew. A new identity was written.")


def test_what_limas_global_files_open_stops_the_job_before_the_start(user: User) -> None:
    file = overrides(user, '{"mounts": [{"location": "~", "writable": true}]}')
    user.dvm("init app").succeeds()
    user.dvm("sync app").fails().warns("access to the host that dvm does not allow", "override.yaml")
    user.vm("app").shows(status="Stopped")
    user.dvm("start app").fails()  # nor does any other verb start it
    file.unlink()
    user.dvm("sync app").succeeds()
    overrides(user, '{"portForwards": [{"guestPort": 8080, "hostIP": "0.0.0.0"}]}')
    user.dvm("sync app").fails().warns("portForwards")
    file.unlink()
    user.dvm("stop app").succeeds()
    overrides(user, "{broken: [\n")
    unreadable = user.dvm("start app").never_says("isolation verified")
    assert unreadable.code != 0
    file.unlink()


def test_a_project_hook_runs_only_as_it_was_approved(user: User, app: Vm) -> None:
    app.runs("mkdir .dvm; echo 'echo ran >> ~/ran' > .dvm/sync.sh")
    user.dvm("sync app").succeeds().prints("not approved yet")
    shown = user.dvm("hook app").succeeds().prints("echo ran")
    digest = shown.out.split("--approve ")[1].strip()
    user.dvm(f"hook app --approve {'0' * 64}").exits("usage error")
    user.dvm(f"hook app --approve {digest}").succeeds()
    user.dvm("sync app").succeeds()
    user.dvm("sync app").succeeds()
    assert app.runs("cat ~/ran") == "ran\n", "once: an unchanged hook is not run again"
    app.runs("echo 'echo evil >> ~/ran' > .dvm/sync.sh")
    user.dvm("sync app").succeeds().prints("changed since you approved it")
    assert app.runs("cat ~/ran") == "ran\n"

    # A hook that hides what it runs cannot be approved.
    for hidden in (r"echo good \033]0;x\007", "echo " + "x" * 1200, r"touch ~/evil #\recho good"):
        app.runs(f"printf '#!/bin/bash\\n{hidden}\\n' > .dvm/sync.sh")
        shown = user.dvm("hook app").succeeds().prints("cannot be approved")
        digest = shown.out.split("--- ")[-1].split(" ---")[0]
        user.dvm(f"hook app --approve {digest}").exits("usage error")
    shown.prints("touch ~/evil #")  # what stands before the carriage return is shown


def test_a_private_repo_ends_with_the_key_and_where_to_paste_it(user: User, app: Vm) -> None:
    # A server in the guest itself, behind a stand-in for ssh, so that no network is needed.
    app.runs(
        """
        mkdir -p ~/bin ~/server; cd ~/server
        git init -q --bare app.git; git -C app.git symbolic-ref HEAD refs/heads/main
        git clone -q app.git w 2>/dev/null; cd w; git config user.email a@b; git config user.name A
        git checkout -q -b main; echo x > f; git add f; git commit -qm one; git push -q origin main; cd; rm -r server/w
        printf '%s\\n' '#!/bin/bash' 'echo "git@github.com: Permission denied (publickey)." >&2; exit 255' > bin/ssh
        chmod +x bin/ssh; printf '%s\\n' 'PATH=$HOME/bin:$PATH' >> ~/.bash_profile
        """
    )
    app.adds_to_config("repo: git@github.com:server/app.git")
    refused = user.dvm("sync app").fails()
    refused.warns("Cloning failed: github.com does not accept the SSH key of app.", "Permission denied (publickey).")
    refused.warns("The server refused access to git@github.com:server/app.git.")
    assert "not run" not in refused.err, "no key is no key"
    if HAS_KEYGEN:
        key = user.dvm("ssh-key app").succeeds().out.strip()
        refused.warns(key, "https://github.com/server/app/settings/keys/new")

    app.runs("printf '%s\\n' '#!/bin/bash' 'cd; exec bash -c \"${!#}\"' > ~/bin/ssh")
    user.dvm("sync app").succeeds()
    assert app.runs("cat f") == "x\n"
    user.dvm("work app").succeeds()
    app.runs("git config user.email a@b; git config user.name A; git commit -q --allow-empty -m two")
    user.dvm("rm app --yes").is_refused()
    app.runs("PATH=$HOME/bin:$PATH git push -q")
    user.dvm("rm app --yes").succeeds()


def test_a_delete_says_what_nobody_looked_at_and_what_it_cannot_see(user: User, app: Vm) -> None:
    app.has_file("note.txt")
    user.dvm("stop app").succeeds()
    user.dvm("rm app --yes --force").succeeds().prints("without a check", "note.txt")
    user.dvm("sync app").succeeds()
    user.dvm("rm app --yes").succeeds().prints("after this check was moved to the trash unchecked")


def test_h02_a_change_before_the_look_under_the_lock_ends_the_delete(user: User, app: Vm) -> None:
    """A stop that fails leaves the VM; the next try looks again and sees what came since."""
    user.engine_fails("stop", "no")
    user.dvm("rm app --yes").fails()
    user.engine_works()
    app.has_file("late.txt")
    user.dvm("rm app --yes").is_refused().warns("1 loose file")
    app.shows(status="Running")


def test_h02_what_comes_between_the_last_look_and_the_delete_is_named(user: User, app: Vm) -> None:
    """The lock of all VMs holds the job between its look and its stop: the guest goes on writing meanwhile."""
    lock = files.wait_lock(user.paths.engine_lock)
    deleting = user.starts("rm app --yes")
    user.waits_until_job("queued")
    app.has_file("late.txt")
    lock.release()
    ended = deleting.ends()
    if ended.code == 0:
        ended.prints("after this check was moved to the trash unchecked")  # the risk is named
    else:
        app.shows(status="Running")
        user.dvm("work app").exits("unsaved work").prints("late.txt")


def test_a_cancelled_create_never_deletes_a_vm_that_somebody_else_made(user: User) -> None:
    user.dvm("init app").succeeds()
    user.dvm("sync app --dry-run").succeeds()
    app = user.vm("app")
    lock = files.wait_lock(user.paths.engine_lock)
    starting = user.starts("sync app")
    job = user.waits_until_job("queued")
    user.limactl(f"create --name=dvm-app {app.notes / 'lima.yaml'}")
    user.limactl("start dvm-app")
    user.dvm(f"cancel {job.id}").succeeds()
    starting.ends()
    lock.release()
    app.shows(status="Running")


def test_a_create_that_failed_leaves_nothing_behind(user: User) -> None:
    user.dvm("init app").succeeds()
    user.vm("app").adds_to_config("image: /nope/there-is-none.qcow2")
    assert user.dvm("sync app").code != 0
    assert not user.vm("app").is_created


def test_a_damaged_journal_or_note_never_hides_the_other_vms_and_all_we_write_is_private(user: User, app: Vm) -> None:
    """The second is G01."""
    ours = [path for base in (user.paths.state, user.paths.config) for path in base.rglob("*")]
    ours = [path for path in ours if user.paths.lima_home not in (path, *path.parents)]
    assert [str(path) for path in ours if path.lstat().st_mode & 0o077] == []

    user.dvm("init two").succeeds()
    journal = next(user.paths.jobs.glob("*/job.json"))
    for damage in ("{", '{"version": 2}', '{"version": 1, "odd": 1}'):
        journal.write_text(damage)
        user.dvm("ls").succeeds().prints("two")
    (app.notes / "reach.json").write_text('{"version": 1, "at": 1e400}')
    app.shows(reachable=None)
    user.dvm("sync app").succeeds()


def test_a_service_has_no_project_and_its_delete_says_what_nobody_looked_at(user: User) -> None:
    user.dvm("init gate --kind tailscale").succeeds()
    user.dvm("init other --kind llama --repo git@h:a/b.git").exits("usage error")
    user.dvm("init other --kind ollama").exits("usage error")
    synced = user.dvm("sync gate").succeeds().prints("Recipe tailscale  (Skipped in the demo")
    synced.never_says("Create SSH key", "Clone", "Run project hook")
    gate = user.vm("gate")
    gate.shows(vm_kind="tailscale", guest_name="lima-dvm-gate.internal", recipes=["tailscale"])
    gate.shows(cpus=1, memory_bytes=2 * 2**30)
    assert "tailscale" in user.dvm("ls").succeeds().out.splitlines()[1].split()[1]
    user.dvm("rm gate").prints("its identity in your tailnet")
    user.dvm("ssh-key gate").exits("not found")
    user.dvm("rm gate --yes").succeeds().prints("Not checked, and deleted with the VM: its identity")
    assert json.loads(user.dvm("ls --json").out)[0]["kind"] == "not created"
