"""The wheel, built and installed for real: it carries recipes, pages, vendor files, and works without the checkout."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from dvmweb import __version__
from dvmweb.cli.main import main
from dvmweb.errors import ExitCode
from tests.places import AGENT, RECIPES, SCRIPTS, TOP, WORK_CHECK, recipe

pytestmark = pytest.mark.xdist_group("wheel")  # one worker builds it, and no other
FILES = sorted(path.relative_to(RECIPES).as_posix() for path in RECIPES.rglob("*") if path.is_file())
IN_GUEST = {
    path.relative_to(TOP).as_posix()
    for folder in (AGENT, SCRIPTS, WORK_CHECK)
    for path in folder.iterdir()
    if path.suffix in (".sh", ".py", ".mjs")
}
WHERE = "from dvmweb.paths import bundled_folder; print(bundled_folder())"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(TOP)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = out.glob("dvmweb-*-py3-none-any.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """A folder with nothing but what the wheel brings."""
    target = wheel.parent / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--no-index", "--target", str(target), str(wheel)], check=True)
    return target


# `init` runs no engine; a short LIMA_HOME keeps Lima's socket rule away from pytest's long folders.
LIMA = {"DVM_ENGINE": "lima", "LIMA_HOME": "/tmp/l"}


def run_installed(installed: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the installed wheel and the dependencies, far from the checkout (-P: not the working folder)."""
    # -S keeps the path file of an editable install out, which would find the checkout again.
    path = os.pathsep.join([str(installed), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    home = installed.parent / "home"
    home.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-P", "-S", *words],
        env={"PYTHONPATH": path, "PATH": os.environ["PATH"], "HOME": str(home), **LIMA},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )


def test_wheel_holds_all_recipes_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert FILES
    assert sorted(Path(name).name for name in names if name.startswith("dvmweb/_bundled/recipes/_")) == [
        name for name in FILES if name.startswith("_")
    ]
    assert {f"dvmweb/_bundled/recipes/{name}" for name in FILES} <= set(names)
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == {"dvmweb"}
    assert not [name for name in names if "__pycache__" in name]


def test_wheel_holds_what_runs_in_a_guest(wheel: Path) -> None:
    assert {path.rpartition("/")[2] for path in IN_GUEST} >= {"launcher.py", "opencode.mjs", "work.py", "state.sh"}
    assert set(zipfile.ZipFile(wheel).namelist()) >= IN_GUEST


def bundled(folder: str) -> set[str]:
    """What a folder of the checkout should be in the wheel, files that editors leave aside."""
    files = (path for path in (TOP / folder).rglob("*") if path.is_file())
    return {f"dvmweb/_bundled/{path.relative_to(TOP).as_posix()}" for path in files}


@pytest.mark.parametrize("folder", ["static", "templates"])
def test_wheel_holds_pages_and_what_they_load(wheel: Path, folder: str) -> None:
    expected = bundled(folder)
    assert expected
    assert expected <= set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.parametrize("name", ["htmx.min.js", "xterm/xterm.mjs", "xterm/addon-fit.mjs", "LICENCES.txt"])
def test_wheel_holds_vendor_files(wheel: Path, name: str) -> None:
    """They are not in git: only the build hook brings them."""
    assert zipfile.ZipFile(wheel).getinfo(f"dvmweb/_bundled/static/vendor/{name}").file_size > 500


def test_wheel_holds_nothing_of_the_tests(wheel: Path) -> None:
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if "axe" in name or "node_modules" in name]


def test_the_version_is_written_in_one_place(wheel: Path) -> None:
    assert wheel.name == f"dvmweb-{__version__}-py3-none-any.whl"
    assert __version__ not in (TOP / "pyproject.toml").read_text()


def test_wheel_brings_a_man_page_with_every_command_option_and_exit_code(wheel: Path) -> None:
    page = zipfile.ZipFile(wheel).read(f"dvmweb-{__version__}.data/data/share/man/man1/dvm.1").decode()
    requests = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
    assert requests == {*(".TH", ".SH", ".SS", ".TP", ".IP", ".PP", ".RS", ".RE", ".B", ".I", ".BR"), '.\\"'}
    for name, command in every_command(main, "dvm"):
        text = page.partition(f"\\fB{roff(name)}\\fR")[2].partition("\\fBdvm ")[0]
        assert text, name
        for option in (one for one in command.params if isinstance(one, click.Option)):
            assert f"\\fB{roff(', '.join(option.opts))}\\fR" in text, (name, option.opts)
    codes = page.partition(".SH EXIT STATUS")[2].partition(".SH ")[0]
    assert [int(code) for code in re.findall(r"^\\fB(\d+)\\fR$", codes, re.M)] == sorted(int(code) for code in ExitCode)


def every_command(group: click.Group, place: str) -> Iterator[tuple[str, click.Command]]:
    for word, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from every_command(command, f"{place} {word}")
        else:
            yield f"{place} {word}", command


def roff(text: str) -> str:
    return text.replace("-", "\\-")


def test_a_build_from_the_sdist_needs_no_npm(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(tmp_path), str(TOP)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (archive,) = tmp_path.glob("dvmweb-*.tar.gz")
    subprocess.run(("tar", "-xf", str(archive), "-C", str(tmp_path)), check=True)  # Python's own way differs by version
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    vendor = runpy.run_path(str(unpacked / "scripts" / "vendor.py"))
    assert vendor["TOP"] == unpacked
    assert vendor["is_made"]()


def test_wheel_carries_its_licence(wheel: Path) -> None:
    assert [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("/licenses/LICENSE")]


def test_recipes_are_found_without_the_checkout(installed: Path) -> None:
    found = run_installed(installed, "-c", WHERE)
    assert found.returncode == 0, found.stderr
    folder = Path(found.stdout.strip())
    assert folder == installed / "dvmweb" / "_bundled"
    assert (folder / "static" / "vendor" / "htmx.min.js").is_file()
    assert (folder / "templates" / "ui" / "base.html").is_file()
    for file in (recipe("git"), WORK_CHECK / "work.sh"):
        there = folder if file.is_relative_to(RECIPES) else installed
        assert (there / file.relative_to(TOP)).read_bytes() == file.read_bytes()


def test_dvm_runs_from_the_wheel(installed: Path) -> None:
    found = run_installed(installed, "-c", "from dvmweb.cli.main import main; main()", "init", "app", "--recipe", "git")
    assert found.returncode == 0, found.stderr
    assert (installed.parent / "home" / ".config" / "dvm" / "vms" / "app.yaml").is_file()


def test_a_checkout_finds_its_own_recipes() -> None:
    from dvmweb.paths import bundled_folder

    assert bundled_folder() == TOP, "run the tests on the checkout, not on an installed wheel"
