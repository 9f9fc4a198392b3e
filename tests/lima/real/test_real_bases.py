"""A new VM as a copy of a base, beside the creation of that base, in one run; and what two copies do not share.

With DVM_TEST_MIRROR=1 the guest must reach a Debian mirror, and the recipes install packages; without it they compile
Python modules instead, which only takes time. The ratio is printed (`pytest -s`), never asserted: how fast a machine
is today is no fault of the code.
"""

from __future__ import annotations

import os
import time

import pytest

from dvmweb.plans import titles as titles_of
from tests.lima.real.conftest import BOOT, RealDvmHome

HAS_MIRROR = bool(os.environ.get("DVM_TEST_MIRROR"))
BODIES = {
    "python": "pkg_install python3 python3-venv",
    "node": "pkg_install nodejs",
}
STAND_IN = "for n in 1 2 3; do as_root rm -rf /opt/{0}; as_root cp -r /usr/lib/python3 /opt/{0}; done"
PROBES = {"python": "python3 --version", "node": "node --version"}
SHELL = "git --version && python3 --version" + (" && node --version" if HAS_MIRROR else "")
FACTS = {
    "machine id": "cat /etc/machine-id",
    "host key": "cat /etc/ssh/ssh_host_ed25519_key.pub",
    "identity": "cat /etc/dvm/identity",
    "SSH key": "cut -d' ' -f2 ~/.ssh/id_ed25519.pub",
    "cloud-init's instance": "cat /var/lib/cloud/data/instance-id",
    "host name": "hostname",
}
LONG = 3 * BOOT
ONLY_OF_A_BASE = (titles_of.NAME_BASE, titles_of.PROTECT_BASE, titles_of.VERIFY_BASE)
TIMELINE = "systemd-analyze; systemd-analyze blame | head -n 12; cloud-init analyze blame | head -n 8"


@pytest.fixture(scope="module")
def user(real: RealDvmHome) -> RealDvmHome:
    real.paths.local_recipes.mkdir(parents=True)
    for name, body in BODIES.items():
        script = body if HAS_MIRROR else STAND_IN.format(name)
        probe = PROBES[name] if HAS_MIRROR else f"test -d /opt/{name}"
        header = (
            f"# /// recipe\n# summary: For a test\n# category: language\n# needs: [baseline]\n# probe: {probe}\n# ///"
        )
        text = f'#!/usr/bin/env bash\n{header}\nset -euo pipefail\n. "$DVM_LIB"\n{script}\n'
        (real.paths.local_recipes / f"{name}.sh").write_text(text)
    return real


def new_vm(user: RealDvmHome, vm: str, *options: str) -> float:
    """Seconds from `dvm init` to a shell with its tools."""
    began = time.monotonic()
    path = user.init(vm)
    path.write_text(f"{path.read_text()}\nrecipes: [git, python, node]\n")
    said = user.ok("sync", vm, *options, timeout=LONG)
    user.ok("ssh", vm, "--", "bash", "-lc", SHELL, timeout=BOOT)
    seconds = time.monotonic() - began
    print(f"\n{vm} {' '.join(options)}: {seconds:.1f} s\n{said}", flush=True)
    return seconds


def facts(user: RealDvmHome, vm: str) -> dict[str, str]:
    return {name: user.ok("ssh", vm, "--", "bash", "-c", f"sudo {script}") for name, script in FACTS.items()}


def test_01_a_copy_of_a_base_and_a_created_vm_in_one_run(user: RealDvmHome) -> None:
    user.init("created").write_text(f"{user.paths.vm_config('created').read_text()}\nrecipes: [git, python, node]\n")
    print(user.ok("base", "build", "--like", "created", timeout=LONG), flush=True)
    (job,) = user.jobs()
    parts = {step["title"]: step["ended"] - step["started"] for step in job["steps"] if step["started"]}
    # What a create and sync does too; that makes identity, key and code folder besides, which a base must not have.
    titles = [title for title in parts if title not in (titles_of.CLEAN_BASE, titles_of.STOP, *ONLY_OF_A_BASE)]
    created = sum(parts[title] for title in titles)
    print(f"base: {sum(parts.values()):.1f} s, of it create, boot and recipes {created:.1f} s", flush=True)

    copied = new_vm(user, "copied")
    print(user.ok("ssh", "copied", "--", "bash", "-c", TIMELINE, timeout=BOOT))
    what = "installs packages" if HAS_MIRROR else "is a stand-in without a mirror"
    print(f"created {created:.1f} s, copied {copied:.1f} s: {copied / created:.2f} (wanted: 0.20); a recipe {what}")
    (job,) = [one for one in user.jobs() if one["verb"] == "sync" and one["vm"] == "copied"]
    states = {step["title"]: step["state"] for step in job["steps"]}
    assert {states[name] for name in ("Baseline", "Recipe git", "Recipe python", "Recipe node")} == {"skipped"}
    assert any(title.startswith("Copy base") for title in states)


def test_02_two_copies_share_nothing_that_must_be_unique(user: RealDvmHome) -> None:
    first = facts(user, "copied")
    user.ok("stop", "copied", timeout=BOOT)
    new_vm(user, "other")
    other = facts(user, "other")
    print("\n".join(f"{name}: {first[name].strip()} / {other[name].strip()}" for name in FACTS))
    assert all(first.values())
    assert not [name for name in FACTS if first[name] == other[name]]
    assert len(other["machine id"].strip()) == 32


def test_03_a_base_has_no_keys_and_is_not_changed_by_its_copies(user: RealDvmHome) -> None:
    (base,) = user.paths.lima_home.glob("dvmbase-*")
    assert user.limactl_beside("delete", "-f", base.name) != 0  # it is protected
    user.ok("stop", "other", timeout=BOOT)
    assert '"is_stale": false' in user.ok("base", "ls", "--json")
    user.ok("base", "rm", base.name.removeprefix("dvmbase-"))
    assert not base.exists()
