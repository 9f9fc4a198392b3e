"""`make setup` and the search for a Python, run for real with small stand-ins for Python."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import TOP

FIND = TOP / "scripts" / "find-python"
COPIED = (
    *("Makefile", "pyproject.toml", "requirements/run.txt", "requirements/dev.txt", "scripts/find-python"),
    *("package.json", "package-lock.json", "scripts/vendor.py"),
)
# A Python that can do what set-up asks of it, and writes down that it was asked. DVM_TEST_BREAK makes one of
# its installations fail.
FAKE_PYTHON = """\
#!/bin/sh
echo "$*" >> "$DVM_TEST_LOG"
case "$*" in
    "-c "*) echo "$0" ;;
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    "scripts/install.py $DVM_TEST_BREAK" | "-m pip "*"$DVM_TEST_BREAK") exit 1 ;;
    scripts/vendor.py*) mkdir -p static/vendor && touch static/vendor/made-from ;;
esac
"""


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def find(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the search with nothing on PATH but `folder`."""
    program(folder / "uname", "#!/bin/sh\necho Linux\n")
    program(folder / "apt-get", "#!/bin/sh\n")
    return subprocess.run(
        ["/bin/sh", str(FIND)], env={"PATH": str(folder), **environ}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "shim",
    ["echo 'pyenv: python3.13: command not found' >&2; exit 127", "exit 0", "echo /nonexistent/python", "echo /"],
    ids=["fails", "says nothing", "names nothing", "names a folder"],
)
def test_a_shim_without_a_python_is_passed_over(tmp_path: Path, shim: str) -> None:
    program(tmp_path / "python3.13", f"#!/bin/sh\n{shim}\n")
    program(tmp_path / "python3.11", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    found = find(tmp_path)
    assert (found.returncode, found.stderr) == (0, "")
    assert Path(found.stdout.strip()).samefile(Path(sys.executable).resolve())


def test_the_newest_one_wins(tmp_path: Path) -> None:
    program(tmp_path / "python3.11", '#!/bin/sh\necho "$0"\n')
    newest = program(tmp_path / "python3.14", '#!/bin/sh\necho "$0"\n')
    assert find(tmp_path).stdout == f"{newest}\n"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (3, "dvmweb needs Python 3.11 to 3.14 and none was found: sudo apt-get install python3 python3-venv\n"),
        (
            4,
            "python3 cannot make a virtual environment (venv or ensurepip is missing): "
            "sudo apt-get install python3-venv\n",
        ),
    ],
    ids=["too old", "no venv"],
)
def test_none_found_is_one_sentence(tmp_path: Path, code: int, told: str) -> None:
    program(tmp_path / "python3", f"#!/bin/sh\nexit {code}\n")
    found = find(tmp_path)
    assert (found.returncode, found.stdout, found.stderr) == (1, "", told)


def test_no_python_at_all_is_one_sentence(tmp_path: Path) -> None:
    found = find(tmp_path)
    assert (found.returncode, found.stderr.count("\n")) == (1, 1)
    assert "none was found" in found.stderr


@pytest.mark.parametrize("version", ["2.7.18", "3.10.13"])
def test_the_real_probe_refuses_an_old_python(tmp_path: Path, version: str) -> None:
    old = Path.home() / ".pyenv" / "versions" / version / "bin" / "python"
    if not old.exists():
        pytest.skip(f"no Python {version} on this machine")
    program(tmp_path / "python3", f'#!/bin/sh\nexec {old} "$@"\n')
    assert "none was found" in find(tmp_path).stderr


def test_an_override_is_tried_and_never_replaced(tmp_path: Path) -> None:
    program(tmp_path / "python3.13", '#!/bin/sh\necho "$0"\n')
    found = find(tmp_path, PYTHON="python3.99")
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.startswith("PYTHON=python3.99 does not run")


class Checkout:
    """A copy of what set-up needs, with a Python that only writes down what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / name, folder / name)
        self.log = folder / "log"
        self.python = program(folder / "python", FAKE_PYTHON)

    def make(self, *words: str, broken: str = "never") -> tuple[int, list[str]]:
        """The exit code of a `make`, and what Python was asked, without the probe that finds it."""
        self.log.write_text("")
        environ = {"PATH": os.environ["PATH"], "PYTHON": str(self.python)}
        finished = subprocess.run(
            ["make", "--no-print-directory", *words],
            cwd=self.folder,
            env={**environ, "DVM_TEST_LOG": str(self.log), "DVM_TEST_BREAK": broken},
            capture_output=True,
            text=True,
            check=False,
        )
        asked = [line for line in self.log.read_text().splitlines() if line.startswith(("-m ", "scripts/", "dvm "))]
        return finished.returncode, asked

    def setup(self, broken: str = "never") -> tuple[int, list[str]]:
        return self.make("setup", broken=broken)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "a check out")


INSTALLED = "-m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e ."
RUN = ["-m venv .venv", "scripts/install.py requirements/run.txt", "scripts/vendor.py", INSTALLED]
TESTS = ["scripts/install.py requirements/dev.txt", "scripts/vendor.py --with-tests"]


def test_setup_is_made_once(checkout: Checkout) -> None:
    assert checkout.setup() == (0, RUN + TESTS)
    assert checkout.setup() == (0, [])


def test_a_run_installs_nothing_of_the_tests_and_the_tests_come_on_top(checkout: Checkout) -> None:
    """`dvm web` itself is missing in this checkout, so `run` fails after its set-up."""
    assert checkout.make("run")[1] == RUN
    assert checkout.make("run")[1] == []
    assert checkout.setup() == (0, TESTS)
    assert checkout.make("run")[1] == []


@pytest.mark.parametrize(
    ("broken", "again"),
    [("requirements/run.txt", RUN + TESTS), ("-e .", RUN + TESTS), ("requirements/dev.txt", TESTS)],
)
def test_an_interrupted_setup_is_made_again(checkout: Checkout, broken: str, again: list[str]) -> None:
    code, _ = checkout.setup(broken)
    assert code != 0
    assert checkout.setup() == (0, again)


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("pyproject.toml", RUN + TESTS[:1]),
        ("requirements/run.txt", RUN + TESTS[:1]),
        ("requirements/dev.txt", TESTS[:1]),
    ],
)
def test_a_changed_lock_sets_up_again(checkout: Checkout, changed: str, again: list[str]) -> None:
    checkout.setup()
    stamp = (checkout.folder / ".venv" / "tests-set-up").stat().st_mtime
    os.utime(checkout.folder / changed, (stamp + 5, stamp + 5))
    asked = checkout.setup()[1]
    assert [line for line in asked if line != TESTS[1]] == again


def test_a_moved_checkout_sets_up_again(checkout: Checkout) -> None:
    checkout.setup()
    moved = checkout.folder.rename(checkout.folder.with_name("moved"))
    checkout.folder, checkout.log, checkout.python = moved, moved / "log", moved / "python"
    assert RUN[:2] == checkout.setup()[1][:2]


def test_a_python_that_went_away_sets_up_again(checkout: Checkout) -> None:
    checkout.setup()
    (checkout.folder / ".venv" / "bin" / "python").unlink()
    assert RUN[:2] == checkout.setup()[1][:2]


def test_vendor_files_are_made_anew_for_a_new_lock(checkout: Checkout) -> None:
    checkout.setup()
    made = (checkout.folder / "static" / "vendor" / "made-from").stat().st_mtime
    os.utime(checkout.folder / "package-lock.json", (made + 5, made + 5))
    code, asked = checkout.setup()
    assert (code, asked[0]) == (0, "scripts/vendor.py")


def test_a_port_is_taken_from_the_command_line_alone(checkout: Checkout) -> None:
    """Other programs read PORT from the environment, so it is often set for them."""
    checkout.setup()
    dvm = program(checkout.folder / ".venv" / "bin" / "dvm", '#!/bin/sh\necho "dvm $*" >> "$DVM_TEST_LOG"\n')
    assert dvm.is_file()
    assert checkout.make("run", "PORT=9000") == (0, ["dvm web --port 9000"])
    os_environ = {"PATH": os.environ["PATH"], "PORT": "3000", "DVM_TEST_LOG": str(checkout.log)}
    subprocess.run(["make", "run", f"PYTHON={checkout.python}"], cwd=checkout.folder, env=os_environ, check=True)
    assert checkout.log.read_text().splitlines()[-1] == "dvm web"


def test_what_is_installed_is_said_as_it_comes() -> None:
    script = runpy.run_path(str(TOP / "scripts" / "install.py"))
    lines = [
        "Collecting flask==3.1 (from -r x)\n",
        "  Downloading flask.whl (0.1 MB)\n",
        "Collecting deno==2.9.8 (from)\n",
    ]
    lines += [
        "  Downloading deno-2.whl (42.1 MB)\n",
        "Requirement already satisfied: x\n",
        "Installing collected packages: x\n",
    ]
    said: list[str] = []
    assert list(script["words"](lines, said)) == ["flask", "deno", "(42 MB)", "- unpacking"]
    assert said == lines


def test_a_failed_installation_shows_pips_words(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("dvm-nothing==3.1.3 --hash=sha256:" + "0" * 64 + "\n")
    argv = [sys.executable, str(TOP / "scripts" / "install.py"), str(lock)]
    environ = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "Installing " in done.stdout
    assert "dvm-nothing" in done.stderr
    assert "its output is above" in done.stderr
