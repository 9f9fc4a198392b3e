"""Never a false green, never unasked code, never a secret left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pexpect
import pytest

from dvmweb import files

from .conftest import HAS_KEYGEN, House, until

pytestmark = pytest.mark.usefixtures("guests_work")
CANARY = "canary-5e8d1f0a"
TAKER = """#!/usr/bin/env bash
# /// recipe
# summary: Takes a secret and fails
# params:
#   token: {label: Token, secret: true}
# ///
read -r value <"$DVM_TOKEN_FILE"
[ "$(stat -c %a "$DVM_TOKEN_FILE")" = 600 ] || exit 9
echo "it has ${#value} characters"
exit 5
"""


def limactl(house: House, *words: str) -> None:
    """What a user does with plain limactl beside us."""
    env = {**house.environ, "LIMA_HOME": str(house.paths.lima_home)}
    subprocess.run(
        (sys.executable, "-P", "-m", "dvmweb.demo", "limactl", *words), env=env, check=True, capture_output=True
    )


def test_a_clone_of_a_vm_is_never_clean_until_it_has_an_id_of_its_own(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    house.ok("stop", "app")
    limactl(house, "clone", "--tty=false", "dvm-app", "dvm-copy")
    house.ok("init", "copy")
    house.ok("start", "copy")
    looked = house.dvm("work", "copy")
    assert looked.code == 6
    assert "could not look" in looked.out + looked.err
    assert house.dvm("rm", "copy", "--yes").code == 5
    synced = house.ok("sync", "copy")
    assert "copy of dvm-app" in synced
    assert house.dvm("work", "copy").code == 0


def test_running_is_not_shown_as_reachable_while_nobody_answers(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    house.faults(ssh={"exit": 255, "stderr": "Connection refused\n"})
    assert house.dvm("work", "app").code == 6
    row = json.loads(house.ok("ls", "--json"))[0]
    assert row["work"]["verdict"] == "could not look"
    assert row["status"] == "Running"


def test_an_answer_of_an_earlier_boot_is_not_shown(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    limactl(house, "stop", "--tty=false", "dvm-app")
    limactl(house, "start", "--tty=false", "dvm-app")
    assert json.loads(house.ok("ls", "--json"))[0]["reachable"] is None
    assert "Running, not asked" in house.ok("ls")


def test_a_mount_from_limas_global_files_stops_the_job_before_the_start(house: House) -> None:
    folder = house.paths.lima_home / "_config"
    folder.mkdir(parents=True)
    (folder / "override.yaml").write_text('{"mounts": [{"location": "~", "writable": true}]}')
    house.ok("init", "app")
    said = house.dvm("sync", "app")
    assert said.code == 1
    assert "would not be closed" in said.err
    assert "override.yaml" in said.err
    assert json.loads(house.ok("ls", "--json"))[0]["status"] == "Stopped"
    assert house.dvm("start", "app").code == 1, "nor does any other verb start it"


def test_a_project_hook_runs_only_as_it_was_approved(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    house.guest("app", "mkdir .dvm; echo 'echo ran >> ~/ran' > .dvm/sync.sh")
    assert "not approved yet" in house.ok("sync", "app")
    shown = house.ok("hook", "app")
    assert "echo ran" in shown
    digest = shown.split("--approve ")[1].strip()
    assert house.dvm("hook", "app", "--approve", "0" * 64).code == 2
    house.ok("hook", "app", "--approve", digest)
    house.ok("sync", "app")
    house.ok("sync", "app")
    assert house.guest("app", "cat ~/ran") == "ran\n", "once: an unchanged hook is not run again"
    house.guest("app", "echo 'echo evil >> ~/ran' > .dvm/sync.sh")
    assert "changed since you approved it" in house.ok("sync", "app")
    assert house.guest("app", "cat ~/ran") == "ran\n"


def test_a_private_repo_ends_with_the_key_and_where_to_paste_it(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    # A server in the guest itself, behind a stand-in for ssh, so that no network is needed.
    house.guest(
        "app",
        """
        mkdir -p ~/bin ~/server; cd ~/server
        git init -q --bare app.git; git -C app.git symbolic-ref HEAD refs/heads/main
        git clone -q app.git w 2>/dev/null; cd w; git config user.email a@b; git config user.name A
        git checkout -q -b main; echo x > f; git add f; git commit -qm one; git push -q origin main; cd; rm -r server/w
        printf '%s\\n' '#!/bin/bash' 'echo "git@github.com: Permission denied (publickey)." >&2; exit 255' > bin/ssh
        chmod +x bin/ssh; printf '%s\\n' 'PATH=$HOME/bin:$PATH' >> ~/.bash_profile
        """,
    )
    path = house.paths.vm_config("app")
    path.write_text(path.read_text() + "\nrepo: git@github.com:server/app.git\n")
    refused = house.dvm("sync", "app")
    assert refused.code == 1
    assert "refused to let app clone" in refused.err
    assert "not run" not in refused.err, "no key is no key"
    if HAS_KEYGEN:
        key = house.ok("ssh-key", "app").strip()
        assert key in refused.err
        assert "https://github.com/server/app/settings/keys/new" in refused.err

    house.guest("app", "printf '%s\\n' '#!/bin/bash' 'cd; exec bash -c \"${!#}\"' > ~/bin/ssh")
    house.ok("sync", "app")
    assert house.guest("app", "cat f") == "x\n"
    assert house.dvm("work", "app").code == 0
    house.guest("app", "git config user.email a@b; git config user.name A; git commit -q --allow-empty -m two")
    assert house.dvm("rm", "app", "--yes").code == 5
    house.guest("app", "PATH=$HOME/bin:$PATH git push -q")
    house.ok("rm", "app", "--yes")


def test_a_hook_that_hides_what_it_runs_cannot_be_approved(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    for hidden in (r"touch ~/evil #\recho good", r"echo good \033]0;x\007", "echo " + "x" * 1200):
        house.guest("app", f"mkdir -p .dvm; printf '#!/bin/bash\\n{hidden}\\n' > .dvm/sync.sh")
        shown = house.ok("hook", "app")
        assert "cannot be approved" in shown
        digest = shown.split("--- ")[-1].split(" ---")[0]
        assert house.dvm("hook", "app", "--approve", digest).code == 2
    house.guest("app", r"printf '#!/bin/bash\ntouch ~/evil #\recho good\n' > .dvm/sync.sh")
    assert "touch ~/evil #" in house.ok("hook", "app"), "what stands before the carriage return is shown"


def test_a_vm_made_anew_by_plain_limactl_is_not_shown_with_the_old_ones_facts(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    assert house.dvm("work", "app").code == 0
    lima_yaml = str(house.paths.vm_state("app") / "lima.yaml")
    for words in (
        ("stop", "dvm-app"),
        ("delete", "dvm-app"),
        ("create", "--name=dvm-app", lima_yaml),
        ("start", "dvm-app"),
    ):
        limactl(house, words[0], "--tty=false", *words[1:])
    row = json.loads(house.ok("ls", "--json"))[0]
    assert row["work"] is None
    assert row["reachable"] is None
    assert house.dvm("work", "app").code == 6, "it has no id of ours"
    assert "another VM" in house.ok("sync", "app")


def test_a_look_that_failed_is_never_the_answer_of_an_older_one(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    assert house.dvm("work", "app").code == 0
    house.faults(list={"exit": 1, "stderr": "no\n"})
    said = house.dvm("work", "app")
    assert said.code == 1
    assert "nothing at risk" not in said.out
    house.faults()
    house.ok("stop", "app")
    house.faults(stop={"exit": 1, "stderr": "no\n"})
    assert house.dvm("work", "app").code == 1, "the VM was left running, and that is said"


def test_a_forced_delete_of_a_stopped_vm_says_that_nobody_looked(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    house.guest("app", "echo x > note.txt")
    house.ok("stop", "app")
    gone = house.ok("rm", "app", "--yes", "--force")
    assert "without a look" in gone
    assert "note.txt" in gone


def test_a_delete_says_what_it_cannot_see(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    assert "between this look and its end" in house.ok("rm", "app", "--yes")


def test_h02_what_comes_between_the_last_look_and_the_delete_is_named(house: House) -> None:
    """The lock of all VMs holds the job between its look and its stop: the guest goes on writing meanwhile."""
    house.ok("init", "app")
    house.ok("sync", "app")
    lock = files.wait_lock(house.paths.engine_lock)
    deleting = house.popen("rm", "app", "--yes")
    until(lambda: any(job["verb"] == "delete" and job["state"] == "queued" for job in house.jobs()))
    house.guest("app", "echo late > late.txt")
    lock.release()
    out, _ = deleting.communicate(timeout=60)
    if deleting.returncode == 0:
        assert "between this look and its end" in out, "the risk is named"
    else:
        assert json.loads(house.ok("ls", "--json"))[0]["status"] == "Running"
        assert "late.txt" in house.dvm("work", "app").out


def test_h02_a_change_before_the_look_under_the_lock_ends_the_delete(house: House) -> None:
    """A stop that fails leaves the VM; the next try looks again and sees what came since."""
    house.ok("init", "app")
    house.ok("sync", "app")
    house.faults(stop={"exit": 1, "stderr": "no\n"})
    assert house.dvm("rm", "app", "--yes").code == 1
    house.faults()
    house.guest("app", "echo late > late.txt")
    refused = house.dvm("rm", "app", "--yes")
    assert refused.code == 5
    assert "1 loose file" in refused.err
    assert json.loads(house.ok("ls", "--json"))[0]["status"] == "Running"


def test_a_cancelled_create_never_deletes_a_vm_that_somebody_else_made(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app", "--dry-run")
    lock = files.wait_lock(house.paths.engine_lock)
    starter = house.popen("sync", "app")
    until(lambda: bool(house.jobs()) and house.jobs()[0]["state"] == "queued")
    limactl(house, "create", "--tty=false", "--name=dvm-app", str(house.paths.vm_state("app") / "lima.yaml"))
    limactl(house, "start", "--tty=false", "dvm-app")
    house.ok("cancel", house.jobs()[0]["id"])
    starter.communicate(timeout=30)
    lock.release()
    assert json.loads(house.ok("ls", "--json"))[0]["status"] == "Running"


def test_a_create_that_failed_leaves_nothing_behind(house: House) -> None:
    house.ok("init", "app")
    path = house.paths.vm_config("app")
    path.write_text(path.read_text() + "\nimage: /nope/there-is-none.qcow2\n")
    assert house.dvm("sync", "app").code != 0
    assert not list(house.paths.lima_home.glob("dvm-*"))


def test_an_unreadable_effective_config_is_never_called_closed(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    house.ok("stop", "app")
    folder = house.paths.lima_home / "_config"
    folder.mkdir(exist_ok=True)
    (folder / "override.yaml").write_text("{broken: [\n")
    said = house.dvm("start", "app")
    assert said.code != 0
    assert "nothing of the host is open" not in said.out
    (folder / "override.yaml").unlink()


def test_a_running_vm_with_a_foreign_forward_stops_the_sync(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    folder = house.paths.lima_home / "_config"
    folder.mkdir(exist_ok=True)
    (folder / "override.yaml").write_text('{"portForwards": [{"guestPort": 8080, "hostIP": "0.0.0.0"}]}')
    said = house.dvm("sync", "app")
    assert said.code == 1
    assert "portForwards" in said.err


def test_a_damaged_journal_or_note_never_hides_the_other_vms(house: House) -> None:
    for name in ("app", "two"):
        house.ok("init", name)
    house.ok("sync", "app")
    journal = next(house.paths.jobs.glob("*/job.json"))
    for damage in ("{", '{"version": 2}', '{"version": 1, "odd": 1}'):
        journal.write_text(damage)
        assert "two" in house.ok("ls")
    (house.paths.vm_state("app") / "reach.json").write_text('{"version": 1, "at": 1e400}')
    assert json.loads(house.ok("ls", "--json"))[0]["reachable"] is None
    house.ok("sync", "app")


def test_a_secret_that_is_missing_is_asked_for_before_any_recipe_runs(house: House) -> None:
    folder = house.paths.config / "recipes"
    folder.mkdir(parents=True)
    (folder / "taker.sh").write_text(TAKER)
    house.ok("init", "app", "--recipe", "taker")
    said = house.dvm("sync", "app")
    assert said.code == 2
    assert "--secret token=-" in said.err
    assert "recipe taker" not in said.out


def test_g06_a_secret_reaches_the_script_and_nothing_else(house: House) -> None:
    folder = house.paths.config / "recipes"
    folder.mkdir(parents=True)
    (folder / "taker.sh").write_text(TAKER)
    house.ok("init", "app", "--recipe", "taker")
    config = house.paths.vm_config("app")
    config.write_text(config.read_text().replace("recipes:", "baseline: false\nrecipes:", 1))
    said = house.dvm("sync", "app", "--secret", "token=-", stdin=CANARY + "\n")
    assert said.code == 1
    assert "it has 15 characters" in said.err, said
    files = [path for path in house.home.rglob("*") if path.is_file() and not path.is_symlink()]
    found = [path for path in files if CANARY.encode() in path.read_bytes()]
    assert found == []
    assert CANARY not in said.out + said.err
    assert house.dvm("sync", "app", "--secret", f"token={CANARY}").code == 2
    assert house.dvm("sync", "app", "--secret", "nosuch=-", stdin="x").code == 2


KEEPER = """#!/usr/bin/env bash
# /// recipe
# summary: Keeps a secret
# params:
#   token: {label: Token, secret: kept}
#   colour: {label: Colour}
# probe: test -s ~/kept
# ///
given=${DVM_TOKEN_FILE:-}
[ -n "$given" ] || [ -s ~/kept ] || exit 76
[ -z "$given" ] || cp "$given" ~/kept
"""


def test_a_secret_that_the_guest_keeps_is_asked_for_once(house: House) -> None:
    folder = house.paths.config / "recipes"
    folder.mkdir(parents=True)
    (folder / "keeper.sh").write_text(KEEPER)
    house.paths.vm_config("app").parent.mkdir(parents=True, exist_ok=True)
    house.paths.vm_config("app").write_text("baseline: false\nrecipes: [keeper]\n")
    said = house.dvm("sync", "app")
    assert (said.code, "The recipe keeper takes a secret that was not given: token." in said.err) == (2, True), said
    assert "dvm sync app --secret token=-" in said.err
    assert house.dvm("sync", "app", "--secret", "token=-", stdin=CANARY).code == 0
    house.paths.vm_config("app").write_text("baseline: false\nrecipes: [keeper]\nparams: {keeper: {colour: red}}\n")
    assert "done     recipe keeper" in house.ok("sync", "app")


def test_on_a_terminal_each_recipe_asks_for_its_own_secret(house: House) -> None:
    folder = house.paths.config / "recipes"
    folder.mkdir(parents=True)
    for name, secret in (("one", "key"), ("two", "token")):
        text = KEEPER.replace("secret: kept", "secret: true").replace("~/kept", f"~/{name}")
        (folder / f"{name}.sh").write_text(text.replace("token:", f"{secret}:").replace("TOKEN", secret.upper()))
    house.paths.vm_config("app").parent.mkdir(parents=True, exist_ok=True)
    house.paths.vm_config("app").write_text("baseline: false\nrecipes: [one, two]\n")
    program, *words = house.argv("sync", "app")
    child: Any = pexpect.spawn(program, words, env=house.environ, timeout=60)
    child.expect_exact(b"Secret key: ")
    child.sendline("of one")
    child.expect_exact(b"Secret token: ")  # the first one is given again by itself
    child.sendline("of two")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0, child.before
    assert house.guest("app", "cat ~/one ~/two") == "of oneof two"


def test_a_service_has_no_project_and_its_delete_says_what_nobody_looked_at(house: House) -> None:
    house.ok("init", "gate", "--kind", "tailscale")
    assert house.dvm("init", "other", "--kind", "llama", "--repo", "git@h:a/b.git").code == 2
    assert house.dvm("init", "other", "--kind", "ollama").code == 2
    out = house.ok("sync", "gate")
    assert "recipe tailscale  (not run in the demo" in out
    assert not [title for title in ("VM-local key", "clone", "project hook") if title in out]
    (row,) = json.loads(house.ok("ls", "--json"))
    assert (row["vm_kind"], row["guest_name"], row["recipes"]) == ("tailscale", "lima-dvm-gate.internal", ["tailscale"])
    assert (row["cpus"], row["memory_bytes"]) == (1, 2 * 2**30)
    assert "tailscale" in house.ok("ls").splitlines()[1].split()[1]
    assert "its identity in your tailnet" in house.dvm("rm", "gate").out
    assert house.dvm("ssh-key", "gate").code == 3
    assert "Not looked at, and gone with the VM: its identity" in house.ok("rm", "gate", "--yes")


def test_g01_everything_that_we_write_is_private(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    open_to_others = [
        str(path)
        for base in (house.paths.state, house.paths.config)
        for path in base.rglob("*")
        if house.paths.lima_home not in (path, *path.parents) and path.lstat().st_mode & 0o077
    ]
    assert open_to_others == []
