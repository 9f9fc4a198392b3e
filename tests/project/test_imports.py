"""Holds the import table of docs/architecture.md: which room may import which, and which thing stands only where."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
PACKAGE = TOP / "dvmweb"

FLOOR = ("__init__", "errors", "names", "guest_text", "paths", "files", "answers", "remotes", "processes")
WANTS_AND_ANSWERS = ("config", "recipes", "work", "wall", "guest_state")
# A room is a module or a folder of dvmweb. Patterns are of dotted names below dvmweb.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(FLOOR, FLOOR),
    **dict.fromkeys(WANTS_AND_ANSWERS, FLOOR),
    "lima": (*FLOOR, "config.model", "config.fields", "config.yaml_reader"),
    "plans": (*FLOOR, *WANTS_AND_ANSWERS, "lima"),
    "jobs": (*FLOOR, *WANTS_AND_ANSWERS, "lima", "plans"),
    "vms": (*FLOOR, *WANTS_AND_ANSWERS, "lima", "plans", "jobs"),
    "rounds": (*FLOOR, *WANTS_AND_ANSWERS, "lima", "plans", "jobs", "vms"),
    "drafts": (*FLOOR, *WANTS_AND_ANSWERS, "lima", "plans", "jobs"),
    "journals": (*FLOOR, *WANTS_AND_ANSWERS, "lima", "plans", "jobs", "vms"),
    "deleting": (*FLOOR, *WANTS_AND_ANSWERS, "lima", "plans", "jobs", "vms"),
    "closing": (*FLOOR, *WANTS_AND_ANSWERS, "lima", "plans", "jobs", "vms", "terminals"),
    "cookbook": (*FLOOR, *WANTS_AND_ANSWERS, "lima.process", "lima.instances", "plans", "jobs", "vms"),
    "uploads": (*FLOOR, *WANTS_AND_ANSWERS, "lima", "plans", "jobs", "vms"),
    # The keeper outlives the dashboard and knows no face.
    "terminals": (*FLOOR, "config", "lima", "vms"),
    # A face calls the verbs of `vms`; beside them it reads records and values, and runs nothing.
    "cli": (
        *FLOOR,
        "vms",
        "cookbook",
        "recipes.Param",
        "recipes.checking",
        "work",
        "wall",
        "closing",
        "journals",
        "config.kinds",
        "config.legacy",
        "jobs.journal",
        "jobs.starting",
        "jobs.stored",
        "lima.ledger",
        "lima.entering.shown",
        "terminals.client",
        "terminals.joining",
        "web.dashboard",
        "web.running",
    ),
    "web": (
        *FLOOR,
        "vms",
        "rounds",
        "drafts",
        "deleting",
        "journals",
        "closing",
        "cookbook",
        "uploads",
        *WANTS_AND_ANSWERS,
        "plans",
        "jobs.journal",
        "jobs.starting",
        "jobs.stored",
        "lima.ledger",
        "lima.entering",
        "lima.watching",
        "lima.booting",
        "lima.instances",
        "terminals.client",
        "terminals.connection",
        "terminals.wire",
        "terminals.agents",
        "terminals.order",
    ),
    "demo": FLOOR,
    "__main__": ("cli",),
}


@dataclass(frozen=True)
class Only:
    """A thing that has a place: `names` are patterns of what is imported or used, `places` patterns of paths."""

    names: tuple[str, ...]
    places: tuple[str, ...]
    instead: str
    most: int = 0  # so many files of one room at most; 0 is no limit


SIGNAL_NAMES = ("signal", "signal.*")
PROCESS_NAMES = (
    *("subprocess", "subprocess.*", "pty", "pty.*", "multiprocessing", "multiprocessing.*"),
    *("os.fork", "os.forkpty", "os.exec*", "os.spawn*", "os.posix_spawn*", "os.system", "os.popen", "os.kill"),
    *("os.killpg", "concurrent.futures.ProcessPoolExecutor", "asyncio.create_subprocess_*", "pexpect", "pexpect.*"),
    *("ptyprocess", "ptyprocess.*"),
)
ONLY = (
    # `demo/` is a program of its own: it starts and ends its guests itself.
    Only(
        PROCESS_NAMES,
        ("lima/*", "jobs/*", "terminals/*", "demo/*"),
        "lima/process.py (commands), jobs/starting.py (jobs) or terminals/client.py (the keeper)",
    ),
    # The dashboard starts no process; it has to hear that it shall end.
    Only(
        SIGNAL_NAMES,
        ("lima/*", "jobs/*", "terminals/*", "demo/*", "web/dashboard.py"),
        "lima/process.py, or web/dashboard.py for its own end",
    ),
    Only(("pexpect", "pexpect.*", "ptyprocess", "ptyprocess.*"), ("terminals/*",), "the keeper in terminals/"),
    Only(
        (
            "flask",
            "flask.*",
            "flask_*",
            "werkzeug",
            "werkzeug.*",
            "simple_websocket*",
            "jinja2",
            "jinja2.*",
            "markupsafe*",
            "wsproto*",
        ),
        ("web/*",),
        "web/",
    ),
    Only(("htmx_flask", "htmx_flask.*"), ("web/house.py",), "house.is_htmx: the library is old, one place knows it"),
    Only(("flask_sock", "flask_sock.*"), ("web/sockets.py",), "sockets.socket_route: it checks and bounds"),
    # F11: what unpacks an archive also follows the links in it.
    Only(
        ("tarfile", "tarfile.*", "zipfile", "zipfile.*", "shutil.unpack_archive"),
        ("demo/copying.py",),  # plays limactl's copy, and writes each file itself
        "a stream of one file that is checked, as uploads/ does",
    ),
    Only(("yaml", "yaml.*"), ("config/*", "lima/*", "recipes/*"), "config/yaml_reader.py", most=1),
    Only(
        ("os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv", "os.unsetenv"),
        ("paths.py", "cli/main.py", "jobs/__main__.py", "terminals/__main__.py", "demo/*"),
        "a Mapping passed down from the entry; paths.py decides",
    ),
    Only(
        ("print", "sys.exit", "exit", "quit", "SystemExit", "os._exit"),
        ("cli/*", "demo/*", "*/__main__.py", "__main__.py"),
        "a returned value or a DvmError; the face prints and ends",
    ),
)
DEMO_MAY = ("yaml", "yaml.*")  # limactl's contract reads YAML; the demo shares no room with dvm


def names_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every dotted name that is imported or used, with its line; aliases are resolved where they are plain."""
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                aliases[one.asname or one.name.partition(".")[0]] = (
                    one.name if one.asname else one.name.partition(".")[0]
                )
                yield node.lineno, one.name
        elif isinstance(node, ast.ImportFrom):
            for one in node.names:
                whole = "." * node.level + ".".join(part for part in (node.module, one.name) if part)
                aliases[one.asname or one.name] = whole
                yield node.lineno, whole
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.lineno, f"{aliases.get(node.value.id, node.value.id)}.{node.attr}"
        elif isinstance(node, ast.Name) and node.id not in aliases:
            yield node.lineno, node.id


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Say whether a name or path is one of the patterns."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def room_of(dotted: str) -> str:
    """The room of a name below dvmweb."""
    return dotted.partition(".")[0]


def wrong_rooms(path: str, tree: ast.AST) -> Iterator[str]:
    """What a file imports of dvmweb against the table; `path` is below dvmweb."""
    room = path.removesuffix(".py").partition("/")[0]
    allowed = MAY_IMPORT.get(room)
    if allowed is None:
        yield f"dvmweb/{path}:1: room {room} is not in the import table: add it to docs/architecture.md and here"
        return
    for line, name in sorted(set(names_in(tree))):
        if name.startswith("."):
            yield f"dvmweb/{path}:{line}: relative import {name}: write dvmweb.{room}…"
        if not name.startswith("dvmweb."):
            continue
        target = name.removeprefix("dvmweb.")
        is_package_value = not any((PACKAGE / room_of(target)).with_suffix(end).exists() for end in ("", ".py"))
        may = room_of(target) == room or is_package_value
        if not may and not matches(target, tuple(f"{a}{end}" for a in allowed for end in ("", ".*"))):
            yield f"dvmweb/{path}:{line}: {room} imports {name}: it may import only {', '.join(allowed)}"


def wrong_places(path: str, tree: ast.AST) -> Iterator[str]:
    """What a file uses that has its place elsewhere."""
    found = sorted(set(names_in(tree)))
    for rule in ONLY:
        if matches(path, rule.places):
            continue
        for line, name in found:
            is_demos = matches(path, ("demo/*",)) and matches(name, DEMO_MAY)
            if matches(name, rule.names) and not is_demos:
                yield f"dvmweb/{path}:{line}: {name} stands only in {', '.join(rule.places)}: use {rule.instead}"


def too_many(trees: dict[str, ast.AST]) -> Iterator[str]:
    """Rooms where more files use a thing than the table allows."""
    for rule in (rule for rule in ONLY if rule.most):
        users: dict[str, list[str]] = {}
        for path, tree in trees.items():
            if matches(path, rule.places) and any(matches(name, rule.names) for _, name in names_in(tree)):
                users.setdefault(path.partition("/")[0], []).append(f"dvmweb/{path}:1")
        for room, files in users.items():
            if len(files) > rule.most:
                yield f"{', '.join(files)}: {rule.names[0]} may be read in {rule.most} module of {room}/"


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.AST]:
    found = sorted(PACKAGE.rglob("*.py"))
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_bytes(), str(path))
        for path in found
        if "_bundled" not in path.parts
    }


def test_rooms_import_downwards_only(trees: dict[str, ast.AST]) -> None:
    wrong = [line for path, tree in trees.items() for line in wrong_rooms(path, tree)]
    assert not wrong, "\n".join(["the import table is broken:", *wrong])


def test_each_thing_is_in_its_place(trees: dict[str, ast.AST]) -> None:
    wrong = [line for path, tree in trees.items() for line in wrong_places(path, tree)]
    assert not wrong, "\n".join(["things out of their place:", *wrong])


def test_each_format_is_read_in_one_module_of_a_room(trees: dict[str, ast.AST]) -> None:
    assert not list(too_many(trees))


def test_architecture_page_names_every_room() -> None:
    page = (TOP / "docs" / "architecture.md").read_text("utf-8")
    table = page[page.index("## Rooms") : page.index("## Contracts")]
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", table))))
    missing = sorted(room for room in set(MAY_IMPORT) - named if not room.startswith("__"))
    assert not missing, f"docs/architecture.md, table of rooms: add {', '.join(missing)}"


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("work.py", "import dvmweb.lima.client"),
        ("work.py", "from dvmweb import lima"),
        ("work.py", "def f():\n    from dvmweb.jobs import journal"),
        ("recipes/shelf.py", "from dvmweb.lima import commands"),
        ("lima/client.py", "from dvmweb.recipes import Recipe"),
        ("lima/client.py", "from dvmweb.config import store"),
        ("plans.py", "from dvmweb.jobs.journal import Job"),
        ("vms.py", "from dvmweb.cli.show import table"),
        ("cli/main.py", "from dvmweb.lima.client import Lima"),
        ("cli/main.py", "from dvmweb.demo import store"),
        ("demo/store.py", "from dvmweb.lima import ledger"),
        ("paths.py", "from dvmweb.config.model import VmConfig"),
        ("cli/main.py", "from . import show"),
        ("cli/show.py", "from dvmweb.web.app import create_app"),
        ("web/vm_pages.py", "from dvmweb.cli import show"),
        ("web/vm_pages.py", "from dvmweb.lima.client import Lima"),
        ("terminals/keeper.py", "from dvmweb.web import house"),
        ("terminals/keeper.py", "from dvmweb.cli import show"),
        ("new_room/x.py", ""),
    ],
)
def test_a_wrong_import_is_found(path: str, source: str) -> None:
    assert list(wrong_rooms(path, ast.parse(source)))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("cli/main.py", "from dvmweb import __version__, paths\nfrom dvmweb.vms import Vms\nimport dvmweb"),
        ("lima/client.py", "from dvmweb.lima import ledger\nfrom dvmweb.config.model import VmConfig"),
        ("vms.py", "from dvmweb.jobs import starting"),
    ],
)
def test_a_right_import_is_not(path: str, source: str) -> None:
    assert not list(wrong_rooms(path, ast.parse(source)))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("vms.py", "import subprocess"),
        ("vms.py", "from subprocess import run"),
        ("cli/main.py", "import os\nos.kill(1, 2)"),
        ("cli/main.py", "import os as o\no.execvp('a', [])"),
        ("cli/main.py", "from os import system"),
        ("vms.py", "from signal import SIGINT"),
        ("jobs/running.py", "import pexpect"),
        ("cli/main.py", "from flask import Flask"),
        ("vms.py", "import flask_sock"),
        ("work.py", "import yaml"),
        ("plans.py", "from yaml import safe_load"),
        ("vms.py", "import os\nx = os.environ['HOME']"),
        ("lima/engine.py", "from os import getenv"),
        ("jobs/starting.py", "import os\nos.environ"),
        ("work.py", "print('x')"),
        ("plans.py", "import sys\nsys.exit(1)"),
        ("lima/client.py", "raise SystemExit"),
        ("web/vm_pages.py", "import htmx_flask"),
        ("web/terminal_pages.py", "from flask_sock import Sock"),
        ("web/server.py", "import signal"),
        ("uploads/upload.py", "import tarfile"),
        ("lima/client.py", "from shutil import unpack_archive"),
        ("web/dashboard.py", "import subprocess"),
        ("terminals/wire.py", "import flask"),
    ],
)
def test_a_thing_out_of_place_is_found(path: str, source: str) -> None:
    found = list(wrong_places(path, ast.parse(source)))
    assert found
    assert all(line.startswith(f"dvmweb/{path}:") and ": use " in line for line in found)


def test_a_second_yaml_reader_in_a_room_is_found() -> None:
    trees: dict[str, ast.AST] = {"config/a.py": ast.parse("import yaml"), "config/b.py": ast.parse("import yaml")}
    assert list(too_many(trees)) == [
        "dvmweb/config/a.py:1, dvmweb/config/b.py:1: yaml may be read in 1 module of config/"
    ]
