"""A checkpoint on a real limactl: a VM is rewound with its file and its key, and the one before comes back too."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from tests.lima.real.conftest import BOOT, RealDvmHome

KEY = "cat ~/.ssh/id_ed25519.pub; hostname; cat /etc/machine-id"


def rows(real: RealDvmHome, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(real.ok(*words, "--json"))
    return found


def listed(real: RealDvmHome) -> list[tuple[str, str, bool]]:
    lines = real.limactl("list", "--format", "{{json .}}").splitlines()
    return sorted((one["name"], one["status"], one["protected"]) for one in map(json.loads, lines))


def test_01_a_changed_vm_is_rewound_with_its_key_and_its_file(real: RealDvmHome) -> None:
    real.init("app")
    real.ok("sync", "app", timeout=BOOT)
    real.guest("app", "echo work > note.txt; sync")
    key = real.guest("app", KEY)
    real.ok("stop", "app", timeout=BOOT)
    began = time.monotonic()
    out = real.ok("checkpoint", "app", "--note", "before")
    print(f"\ncheckpoint of a stopped VM: {time.monotonic() - began:.1f} s\n{out}")
    (row,) = rows(real, "checkpoint", "ls")
    assert (row["vm"], row["note"], row["protected"], row["complete"]) == ("app", "before", True, True)
    assert row["disk_bytes"] > 100 << 20
    assert listed(real) == [("dvm-app", "Stopped", False), (row["instance"], "Stopped", True)]
    assert real.limactl_beside("delete", "-f", row["instance"]) != 0, "Lima refuses it"

    real.ok("start", "app", timeout=BOOT)
    real.guest("app", "rm note.txt; echo broken > broken.txt; sync")
    began = time.monotonic()
    out = real.ok("rewind", "app", "--yes", "--force", timeout=BOOT)
    print(f"rewind with its check and the stop: {time.monotonic() - began:.1f} s\n{out}")
    found = re.search(r"before the rewind is in the trash as (app-[0-9a-f]{8})", out)
    assert found, out
    assert [name for name, _, _ in listed(real)] == ["dvm-app", row["instance"], f"dvmtrash-{found[1]}"]
    said = real.dvm("sync", "app", timeout=BOOT)
    assert said.code == 0, said
    assert "new identity" not in said.out
    assert "clone" not in said.out
    assert real.guest("app", "cat note.txt; ls") == "work\nnote.txt\n"
    assert real.guest("app", KEY) == key, "the same VM goes on"
    assert real.dvm("work", "app", timeout=BOOT).code == 5


def test_02_the_one_before_comes_back_beside_it_with_a_key_of_its_own(real: RealDvmHome) -> None:
    key = real.guest("app", KEY)
    out = real.ok("trash", "restore", "app", "--as", "broken")
    assert "app has the same identity and SSH key" in out
    said = real.dvm("sync", "broken", timeout=BOOT)
    assert said.code == 0, said
    assert real.guest("broken", "cat broken.txt; hostname") == "broken\nlima-dvm-broken\n"
    theirs = real.guest("broken", KEY)
    assert not set(theirs.split()[1:2]) & set(key.split()[1:2])
    assert theirs.split()[-1] != key.split()[-1], "another machine id"
    assert real.guest("app", KEY) == key
    real.ok("stop", "app", "broken", timeout=BOOT)


def test_03_everything_can_be_deleted(real: RealDvmHome) -> None:
    real.ok("rm", "broken", "--now", "--yes", "--force", timeout=BOOT)
    (row,) = rows(real, "checkpoint", "ls")
    assert "1 checkpoint of app stays" in real.ok("rm", "app", "--now", "--yes", "--force", timeout=BOOT)
    real.ok("rewind", "app")
    assert [name for name, _, _ in listed(real)] == ["dvm-app", row["instance"]]
    real.ok("checkpoint", "rm", row["checkpoint"], "--yes")
    real.ok("rm", "app", "--now", "--yes", "--force", timeout=BOOT)
    assert listed(real) == []
    assert not list(real.paths.lima_home.glob("dvm*-*"))
