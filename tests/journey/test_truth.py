"""Never a false green, never unasked code, never a secret left behind."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from .conftest import House

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
    assert "would open the host" in said.err
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
