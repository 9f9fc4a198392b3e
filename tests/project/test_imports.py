"""Holds the rooms of docs/codebase.md: imports go down only, without a circle, and each thing has its place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pytest

from tests.places import TOP

pytestmark = pytest.mark.xdist_group("imports")  # one worker parses all modules, and no other
PACKAGE = TOP / "dvmweb"

FLOOR = (
    "__init__",
    "ages",
    "errors",
    "files",
    "guest_text",
    "host_ports",
    "names",
    "paths",
    "process_identity",
    "states",
    "transfer_progress",
    "vm_use_marks",
)
# From the top down: a room imports itself and the rows below its own; of its own row it imports nothing else.
ROOMS: tuple[tuple[str, ...], ...] = (
    ("cli", "web"),
    ("verbs",),
    ("terminals",),
    ("jobs",),
    ("plans", "records"),
    ("lima",),
    ("config", "recipes", "guest"),
)
# The same inside web, by folder; what lies directly in it starts the dashboard.
WEB: tuple[tuple[str, ...], ...] = (
    ("app", "dashboard"),
    ("list",),
    ("deletion", "attention", "host", "tabs"),
    ("vms",),
    ("recipes", "terminals"),
    ("jobs",),
    ("form",),
    ("ui",),
    ("server",),
)
BELOW = ("config", "recipes", "guest", *FLOOR)
# A face calls verbs; below them it reads values and records, and runs nothing.
READ_BY_FACES = (
    *("verbs", "records", *BELOW),
    *("jobs.job_record", "jobs.step_progress", "jobs.history", "plans.model"),
    *("terminals.client", "lima.ledger", "lima.command_display"),
)
# Where the rows alone would allow too much, or too little.
INSTEAD: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(FLOOR, FLOOR),
    "lima": ("config.model", "config.fields", "config.yaml_reader", *FLOOR),  # no files of configs, no recipes
    "cli": (
        *READ_BY_FACES,
        *("jobs.starting", "lima.lima_yaml.ports", "terminals.attaching"),
        *("web.dashboard", "web.server.running_dashboard"),
    ),
    "web": (
        *READ_BY_FACES,
        *("plans", "lima.booting", "lima.instances", "lima.lima_yaml.ports", "lima.watching"),
        *("terminals.agents", "terminals.connection", "terminals.launch", "terminals.wire"),
    ),
    "demo": FLOOR,  # a program of its own
    "__main__": ("cli", "lima.direct_ssh"),
}


def may_import(room: str) -> tuple[str, ...]:
    """What a room may import beside itself, as dotted names below dvmweb; () for a room that is not known."""
    if room in INSTEAD:
        return INSTEAD[room]
    for number, row in enumerate(ROOMS):
        if room in row:
            return (*(name for lower in ROOMS[number + 1 :] for name in lower), *FLOOR)
    return ()


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
    Only(("htmx_flask", "htmx_flask.*"), ("web/ui/context.py",), "context.is_htmx: the library is old"),
    Only(
        ("flask_sock", "flask_sock.*"), ("web/ui/socket_routes.py",), "socket_routes.socket_route: it checks and bounds"
    ),
    # F11: what unpacks an archive also follows the links in it. These read and write headers only.
    Only(
        ("tarfile", "tarfile.*", "zipfile", "zipfile.*", "shutil.unpack_archive"),
        ("demo/copying.py", "guest/copies/*.py", "guest/rescue/program/rescue_parts.py", "verbs/copies/new_archive.py"),
        "guest/copies/unpacking.py, which writes below one descriptor",
    ),
    Only(
        ("*.extractall", "*.extract"),
        (),
        "guest/copies/unpacking.py, which writes below one descriptor",
    ),
    Only(("yaml", "yaml.*"), ("config/*", "lima/*", "recipes/*"), "config/yaml_reader.py", most=1),
    Only(
        ("os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv", "os.unsetenv"),
        ("paths.py", "__main__.py", "cli/main.py", "jobs/__main__.py", "terminals/__main__.py", "demo/*"),
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


def imported(tree: ast.AST) -> set[str]:
    """The modules that a file imports, anywhere in it."""
    nodes = list(ast.walk(tree))
    plain = {one.name for node in nodes if isinstance(node, ast.Import) for one in node.names}
    return plain | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Say whether a name or path is one of the patterns."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def room_of(dotted: str) -> str:
    """The room of a name below dvmweb."""
    return dotted.partition(".")[0]


def wrong_rooms(path: str, tree: ast.AST) -> Iterator[str]:
    """What a file imports of dvmweb against the table; `path` is below dvmweb."""
    room = path.removesuffix(".py").partition("/")[0]
    allowed = may_import(room)
    if not allowed:
        yield f"dvmweb/{path}:1: {room} is not in the table of rooms: add it to docs/codebase.md and here"
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
        elif room == "web" and room_of(target) == "web" and is_upwards(path, target):
            yield f"dvmweb/{path}:{line}: {path} imports {name}: inside web, imports go down {WEB}"


def is_upwards(path: str, target: str) -> bool:
    """Say whether an import inside web leads to a row above its own, or to another folder of the same row."""
    mine, other = path.removesuffix(".py").split("/")[1], target.split(".")[1]
    row = {name: number for number, names in enumerate(WEB) for name in names}
    return mine in row and other in row and mine != other and row[other] <= row[mine] and mine not in WEB[0]


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Modules that import each other, directly or by others, each circle sorted."""
    reach = {name: _reach(name, imports) for name in imports}
    found = {
        tuple(sorted(other for other in reach[name] if name in reach[other])) for name in imports if name in reach[name]
    }
    return [list(circle) for circle in sorted(found)]


def _reach(start: str, imports: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    todo = [start]
    while todo:
        for name in imports.get(todo.pop(), ()):
            if name not in found:
                found.add(name)
                todo.append(name)
    return found


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


def is_of_a_guest(path: str) -> bool:
    """Say whether a file runs in a guest: it is no part of the package."""
    return path.startswith("guest/") and ("/program/" in path or "/scripts/" in path)


@pytest.fixture(scope="module")
def every_tree() -> dict[str, ast.AST]:
    found = sorted(PACKAGE.rglob("*.py"))
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_bytes(), str(path))
        for path in found
        if "_bundled" not in path.parts
    }


@pytest.fixture(scope="module")
def trees(every_tree: dict[str, ast.AST]) -> dict[str, ast.AST]:
    return {path: tree for path, tree in every_tree.items() if not is_of_a_guest(path)}


def test_rooms_import_downwards_only(trees: dict[str, ast.AST]) -> None:
    wrong = [line for path, tree in trees.items() for line in wrong_rooms(path, tree)]
    assert not wrong, "\n".join(["the table of rooms is broken:", *wrong])


def test_no_module_imports_itself_by_others(trees: dict[str, ast.AST]) -> None:
    names = {f"dvmweb/{path}"[: -len(".py")].replace("/", ".").removesuffix(".__init__"): path for path in trees}
    imports: dict[str, set[str]] = {}
    for name, path in names.items():
        used = {target for _, target in names_in(trees[path])}
        modules = {target if target in names else target.rpartition(".")[0] for target in used}
        imports[name] = (modules & set(names)) - {name}
    assert not circles(imports)


def test_no_program_of_a_guest_imports_itself_by_others(every_tree: dict[str, ast.AST]) -> None:
    ours = [path for path in every_tree if is_of_a_guest(path)]
    programs = {path.rpartition("/")[2].removesuffix(".py"): every_tree[path] for path in ours}
    imports = {name: (imported(tree) & set(programs)) - {name} for name, tree in programs.items()}
    assert not circles(imports)


def test_what_runs_in_a_guest_imports_nothing_of_ours(every_tree: dict[str, ast.AST]) -> None:
    programs = {path: tree for path, tree in every_tree.items() if is_of_a_guest(path)}
    assert len(programs) > 20
    both_ends = {path: tree for path, tree in every_tree.items() if fnmatchcase(path, "guest/copies/[!_]*.py")}
    names = {name for tree in {**programs, **both_ends}.values() for _, name in names_in(tree)}
    ours = {name for name in names if name.startswith("dvmweb") and not name.startswith("dvmweb.guest.copies.")}
    assert not ours, "what is sent to a guest lies beside its program"


def test_each_thing_is_in_its_place(trees: dict[str, ast.AST]) -> None:
    wrong = [line for path, tree in trees.items() for line in wrong_places(path, tree)]
    assert not wrong, "\n".join(["things out of their place:", *wrong])


def test_each_format_is_read_in_one_module_of_a_room(trees: dict[str, ast.AST]) -> None:
    assert not list(too_many(trees))


def test_the_codebase_guide_names_every_room() -> None:
    page = (TOP / "docs" / "codebase.md").read_text("utf-8")
    table = page[page.index("## Rooms") : page.index("## Dependencies")]
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", table))))
    rooms = {*(name for row in (*ROOMS, *WEB) for name in row), *FLOOR, "demo"}
    missing = sorted(room for room in rooms - named if not room.startswith("__"))
    assert not missing, f"docs/codebase.md, Rooms: add {', '.join(missing)}"


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("guest/state.py", "import dvmweb.lima.client"),
        ("guest/state.py", "from dvmweb import lima"),
        ("guest/state.py", "def f():\n    from dvmweb.jobs import journal"),
        ("guest/state.py", "from dvmweb.config.model import VmConfig"),
        ("terminals/exec_shell.py", "from dvmweb.verbs.vms import Vms"),
        ("records/last_use.py", "from dvmweb.plans import Step"),
        ("web/ui/context.py", "from dvmweb.web.vms import pages"),
        ("web/server/guard.py", "from dvmweb.web.ui import error_pages"),
        ("web/jobs/pages.py", "from dvmweb.web.recipes import views"),
        ("recipes/catalog.py", "from dvmweb.lima import commands"),
        ("lima/client.py", "from dvmweb.recipes import Recipe"),
        ("lima/client.py", "from dvmweb.config import store"),
        ("plans/job_plans.py", "from dvmweb.jobs.job_record import Job"),
        ("verbs/vms.py", "from dvmweb.cli.tables import table"),
        ("cli/main.py", "from dvmweb.lima.client import Lima"),
        ("cli/main.py", "from dvmweb.demo import store"),
        ("demo/store.py", "from dvmweb.lima import ledger"),
        ("paths.py", "from dvmweb.config.model import VmConfig"),
        ("cli/main.py", "from . import show"),
        ("cli/tables.py", "from dvmweb.web.app import create_app"),
        ("web/vms/pages.py", "from dvmweb.cli import show"),
        ("web/vms/pages.py", "from dvmweb.lima.client import Lima"),
        ("terminals/keeper/loop.py", "from dvmweb.web.ui import context"),
        ("terminals/keeper/loop.py", "from dvmweb.cli import show"),
        ("new_room/x.py", ""),
    ],
)
def test_a_wrong_import_is_found(path: str, source: str) -> None:
    assert list(wrong_rooms(path, ast.parse(source)))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("cli/main.py", "from dvmweb import __version__, paths\nfrom dvmweb.verbs.vms import Vms\nimport dvmweb"),
        ("lima/client.py", "from dvmweb.lima import ledger\nfrom dvmweb.config.model import VmConfig"),
        ("verbs/vms.py", "from dvmweb.jobs import starting"),
    ],
)
def test_a_right_import_is_not(path: str, source: str) -> None:
    assert not list(wrong_rooms(path, ast.parse(source)))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("verbs/vms.py", "import subprocess"),
        ("verbs/vms.py", "from subprocess import run"),
        ("cli/main.py", "import os\nos.kill(1, 2)"),
        ("cli/main.py", "import os as o\no.execvp('a', [])"),
        ("cli/main.py", "from os import system"),
        ("verbs/vms.py", "from signal import SIGINT"),
        ("jobs/running.py", "import pexpect"),
        ("cli/main.py", "from flask import Flask"),
        ("verbs/vms.py", "import flask_sock"),
        ("guest/state.py", "import yaml"),
        ("plans/job_plans.py", "from yaml import safe_load"),
        ("verbs/vms.py", "import os\nx = os.environ['HOME']"),
        ("lima/engine.py", "from os import getenv"),
        ("jobs/starting.py", "import os\nos.environ"),
        ("guest/state.py", "print('x')"),
        ("plans/job_plans.py", "import sys\nsys.exit(1)"),
        ("lima/client.py", "raise SystemExit"),
        ("web/vms/pages.py", "import htmx_flask"),
        ("web/terminals/pages.py", "from flask_sock import Sock"),
        ("web/server/http_server.py", "import signal"),
        ("verbs/uploads/upload.py", "import tarfile"),
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
