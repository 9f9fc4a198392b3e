"""Finding the engine: missing, unsafe (G07), too old, and what is remembered of its version."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dvmweb.errors import NoEngine
from dvmweb.lima import engine
from dvmweb.lima.engine import check_version, demo_python, find_engine, known_version, remember_version
from dvmweb.paths import from_environment
from tests.lima.dvm_home import DvmHome


def test_the_engine_that_is_there(dvm_home: DvmHome) -> None:
    found = find_engine(dvm_home.environ, dvm_home.paths)
    assert (found.kind, found.limactl, found.ssh) == ("lima", (f"{dvm_home.bin}/limactl",), (f"{dvm_home.bin}/ssh",))
    assert dvm_home.said() == []


def test_missing_limactl_names_the_command(dvm_home: DvmHome, monkeypatch: pytest.MonkeyPatch) -> None:
    (dvm_home.bin / "limactl").unlink()
    with pytest.raises(NoEngine, match=r"limactl is not there.\nInstall Lima: .*lima-vm.io/docs/installation"):
        find_engine(dvm_home.environ, dvm_home.paths)
    monkeypatch.setattr(sys, "platform", "darwin")
    environ = {**dvm_home.environ, "DVM_LIMACTL": "", "PATH": "/nowhere"}
    with pytest.raises(NoEngine, match=r"not installed, or not on PATH.\nInstall Lima: brew install lima"):
        find_engine(environ, dvm_home.paths)


def test_missing_ssh_names_the_command(dvm_home: DvmHome) -> None:
    with pytest.raises(NoEngine, match="openssh-client"):
        find_engine({**dvm_home.environ, "PATH": "/nowhere"}, dvm_home.paths)


@pytest.mark.parametrize("place", ["bin/limactl", "bin", "."])
def test_g07_world_writable_is_refused(dvm_home: DvmHome, place: str) -> None:
    path = dvm_home.bin.parent / place
    path.chmod(stat.S_IMODE(path.stat().st_mode) | stat.S_IWOTH)
    with pytest.raises(NoEngine, match="every user"):
        find_engine(dvm_home.environ, dvm_home.paths)


def test_g07_a_link_into_a_world_writable_folder_is_refused(dvm_home: DvmHome) -> None:
    other = dvm_home.bin.parent / "cellar"
    other.mkdir()
    (dvm_home.bin / "limactl").rename(other / "limactl")
    (dvm_home.bin / "limactl").symlink_to(other / "limactl")
    assert find_engine(dvm_home.environ, dvm_home.paths).limactl == (f"{dvm_home.bin}/limactl",)
    other.chmod(0o777)
    with pytest.raises(NoEngine, match="cellar"):
        find_engine(dvm_home.environ, dvm_home.paths)


def test_g07_homebrews_group_writable_folder_is_a_note(dvm_home: DvmHome) -> None:
    dvm_home.bin.chmod(0o775)
    assert find_engine(dvm_home.environ, dvm_home.paths).notes == (f"{dvm_home.bin} is writable by its group.",)


def test_g07_a_relative_entry_of_path_is_refused(dvm_home: DvmHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(dvm_home.bin)
    environ = {**dvm_home.environ, "DVM_LIMACTL": "", "PATH": f".:{dvm_home.environ['PATH']}"}
    with pytest.raises(NoEngine, match="relative entry of PATH"):
        find_engine(environ, dvm_home.paths)


def test_the_demo_engine(dvm_home: DvmHome) -> None:
    environ = {**dvm_home.environ, "DVM_ENGINE": "demo"}
    found = find_engine(environ, from_environment(environ))
    assert found.kind == "demo"
    assert (found.limactl[-1], found.ssh[-1]) == ("limactl", "ssh")
    assert found.limactl[:-1] == found.ssh[:-1] == demo_python()


def test_the_demo_is_found_by_an_isolated_python(tmp_path: Path) -> None:
    done = subprocess.run(
        (*demo_python(), "limactl", "--version"),
        cwd=tmp_path,
        env={"LIMA_HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert b"No module named" not in done.stderr, done
    assert done.stdout.startswith(b"limactl version"), done


@pytest.mark.parametrize(
    ("said", "version", "warnings"),
    [
        ("limactl version 2.2.0\n", "2.2.0", []),
        ("limactl version v2.3.1-12-gabcdef", "v2.3.1-12-gabcdef", []),
        ("limactl version 10.0.0", "10.0.0", []),
        ("limactl version 2.1.3", "2.1.3", ["PR 5293"]),
        ("limactl version 2.0.0", "2.0.0", ["CVE-2026-53657", "PR 5293"]),
        ("limactl version <unknown>", "<unknown>", ["cannot be checked"]),
        ("", "", ["cannot be checked"]),
    ],
)
def test_versions(said: str, version: str, warnings: list[str]) -> None:
    found, warning = check_version(said)
    assert found == version
    assert all(word in warning for word in warnings)
    assert bool(warning) == bool(warnings)


@pytest.mark.parametrize("version", ["1.2.2", "0.19.0", "v1.9.9-5-gabc"])
def test_too_old_names_the_command(version: str) -> None:
    with pytest.raises(NoEngine, match=r"2\.0\.0 or newer.\nUpgrade it: "):
        check_version(f"limactl version {version}")


def test_the_version_is_asked_for_once_per_file(dvm_home: DvmHome) -> None:
    dvm_home.limactl("print('limactl version 2.1.0')")
    lima = dvm_home.lima()
    assert lima.version()[0] == lima.version()[0] == "2.1.0"
    assert dvm_home.said() == [["limactl", "--version"]]
    dvm_home.limactl("print('limactl version 2.2.0')  # another file")
    assert lima.version() == ("2.2.0", "")
    assert len(dvm_home.said()) == 2


@pytest.mark.parametrize("note", ["", "{", "[]", '{"file": 1}', "null", '{"file": ["x"], "said": "2.2.0"}'])
def test_a_spoilt_note_is_asked_for_again(dvm_home: DvmHome, note: str) -> None:
    found = find_engine(dvm_home.environ, dvm_home.paths)
    remember_version(found, dvm_home.paths, "limactl version 2.2.0")
    assert known_version(found, dvm_home.paths) == "limactl version 2.2.0"
    (dvm_home.paths.state / "engine.json").write_text(note)
    assert known_version(found, dvm_home.paths) is None


def test_only_the_packages_own_folder_counts_as_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("site.getsitepackages", lambda: [str(tmp_path)])
    assert demo_python()[:2] == (sys.executable, "-I")
    assert demo_python()[2].endswith("dvmweb/demo/__main__.py")
    (tmp_path / "dvmweb.pth").write_text(f"{Path(engine.__file__).resolve().parents[2]}{os.linesep}")
    assert demo_python() == (sys.executable, "-I", "-m", "dvmweb.demo")
