"""scripts/vendor.py: what it copies is pinned, whole and made once; which client it takes to fetch it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.places import TOP


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
    monkeypatch.setattr(vendor, "_fetch", lambda folder: pytest.fail("something was fetched"))
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
    assert vendor.npm_command() == ((str(npm),) if is_taken else ())


def test_deno_is_told_the_versions_and_hashes_of_the_lock(vendor: ModuleType) -> None:
    locked = json.loads((TOP / "package-lock.json").read_text())["packages"]
    told = json.loads(vendor.deno_lock((TOP / "package-lock.json").read_text()))
    wanted = {path.removeprefix("node_modules/"): facts for path, facts in locked.items() if path}
    assert told["npm"] == {
        f"{name}@{facts['version']}": {"integrity": facts["integrity"]} for name, facts in wanted.items()
    }
    assert sorted(told["specifiers"]) == told["workspace"]["packageJson"]["dependencies"]


# A Deno that writes down how it was called, and installs the files that are wanted of a package.
FAKE_DENO = """\
#!/bin/sh
echo "$*" > "{log}"
test -s deno.lock && test -s package.json || exit 9
mkdir -p node_modules && cp -R "{modules}/." node_modules
"""


def test_without_npm_deno_fetches_by_the_same_lock(
    vendor: ModuleType, modules: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program(tmp_path / "venv" / "bin" / "deno", FAKE_DENO.format(log=tmp_path / "log", modules=modules))
    monkeypatch.setattr(vendor, "npm_command", tuple)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    assert vendor.make() is True
    assert vendor.is_made()
    assert (tmp_path / "log").read_text().split() == ["install", "--frozen", "--quiet"]


def test_without_any_client_the_locked_one_is_fetched_for_the_moment(
    vendor: ModuleType, modules: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran: list[tuple[str, ...]] = []

    def run(command: tuple[str, ...], folder: Path) -> None:
        ran.append(command)
        target = next((word.removeprefix("--target=") for word in command if word.startswith("--target=")), "")
        if target:
            program(Path(target) / "bin" / "deno", "")
        else:
            shutil.copytree(modules, folder / "node_modules")

    monkeypatch.setattr(vendor, "npm_command", tuple)
    monkeypatch.setattr(vendor, "_run", run)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "empty"))
    assert vendor.make() is True
    pip, deno = ran
    assert pip[:4] == (sys.executable, "-m", "pip", "install")
    assert "--require-hashes" in pip
    assert pip[-1] == str(TOP / "requirements" / "deno.txt")
    assert deno[1:] == ("install", "--frozen", "--quiet")
    assert not Path(deno[0]).exists(), "it went with its folder"


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
