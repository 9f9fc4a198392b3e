"""The trash on a real limactl: a VM is deleted, restored with its work, deleted again and emptied."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from tests.lima.real.conftest import BOOT, RealDvmHome


def rows(real: RealDvmHome, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(real.ok(*words, "--json"))
    return found


def listed(real: RealDvmHome) -> list[dict[str, Any]]:
    return [json.loads(line) for line in real.limactl("list", "--format", "{{json .}}").splitlines()]


def test_01_a_deleted_vm_is_renamed_and_protected(real: RealDvmHome) -> None:
    real.init("app")
    real.ok("sync", "app", timeout=BOOT)
    real.guest("app", "echo work > note.txt")
    assert real.dvm("rm", "app", "--yes", timeout=BOOT).code == 5
    began = time.monotonic()
    out = real.ok("rm", "app", "--yes", "--force", timeout=BOOT)
    print(f"\nrm with its check and the stop: {time.monotonic() - began:.1f} s\n{out}")
    found = re.search(r"in the trash as (app-[0-9a-f]{8})", out)
    assert found, out
    (instance,) = listed(real)
    assert (instance["name"], instance["protected"], instance["status"]) == (f"dvmtrash-{found[1]}", True, "Stopped")
    assert real.limactl_beside("delete", instance["name"]) != 0, "Lima refuses it"
    assert real.limactl_beside("delete", "-f", instance["name"]) != 0
    (row,) = rows(real, "trash", "ls")
    assert (row["vm"], row["work"]["verdict"]) == ("app", "unsaved work")
    assert row["disk_bytes"] > 100 << 20
    assert [vm["kind"] for vm in rows(real, "ls")] == ["not created"]


def test_02_it_comes_back_with_its_work_and_its_identity(real: RealDvmHome) -> None:
    real.ok("trash", "restore", "app")
    (instance,) = listed(real)
    assert (instance["name"], instance["protected"]) == ("dvm-app", False)
    said = real.dvm("sync", "app", timeout=BOOT)
    assert said.code == 0, said
    assert "new identity" not in said.out
    assert real.guest("app", "cat note.txt; hostname") == "work\nlima-dvm-app\n"
    assert real.dvm("work", "app", timeout=BOOT).code == 5


def test_03_under_another_name_its_work_is_still_checked(real: RealDvmHome) -> None:
    real.ok("rm", "app", "--yes", "--force", timeout=BOOT)
    real.ok("trash", "restore", "app", "--as", "old")
    said = real.dvm("sync", "old", timeout=BOOT)
    assert said.code == 0, said
    assert "This VM was dvm-app before; the new name was written into it." in said.out
    assert real.guest("old", "cat note.txt; hostname") == "work\nlima-dvm-old\n"
    checked = real.dvm("work", "old", timeout=BOOT)
    assert checked.code == 5, "its code folder is that of app"
    assert "note.txt" in checked.out


def test_04_a_renamed_vm_keeps_work_and_protection(real: RealDvmHome) -> None:
    real.ok("protect", "old")
    real.ok("rename", "old", "web", "--yes", timeout=BOOT)
    (instance,) = listed(real)
    assert (instance["name"], instance["protected"]) == ("dvm-web", True)
    real.ok("protect", "web", "--off")
    said = real.dvm("sync", "web", timeout=BOOT)
    assert said.code == 0, said
    assert "This VM was dvm-old before" in said.out
    assert real.guest("web", "cat note.txt; hostname") == "work\nlima-dvm-web\n"


def test_05_emptying_deletes_for_good(real: RealDvmHome) -> None:
    real.ok("rm", "web", "--yes", "--force", timeout=BOOT)
    assert real.dvm("trash", "empty").code == 5
    assert len(listed(real)) == 1
    print(real.ok("trash", "empty", "--yes"))
    assert listed(real) == []
    assert not list(real.paths.lima_home.glob("dvm*-*"))
    assert rows(real, "trash", "ls") == []
