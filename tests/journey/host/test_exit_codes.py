"""Every exit code of docs/reference/cli.md, from a command that a user types; and `--json` beside every table."""

from __future__ import annotations

import ast
import socket

import pytest

from dvmweb.errors import ExitCode
from tests.journey.driver import User, Vm
from tests.places import TOP

pytestmark = pytest.mark.slow

CLI = TOP / "dvmweb" / "cli"


def test_each_exit_code_comes_from_a_command(user: User, app: Vm) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = {
            user.dvm("ls").exits("ok").code,
            user.dvm("ls --no-such").exits("usage error").code,
            user.dvm("work none").exits("not found", "none").code,
            user.dvm("ls", DVM_ENGINE="lima", PATH="/nonexistent").exits("no engine", "limactl").code,
            user.dvm(f"web --port {port} --ipv4 --no-open").exits("port taken", str(port)).code,
        }
    app.has_commit_not_pushed()
    found.add(user.dvm("rm app --yes").is_refused(because="1 commit not pushed").code)
    user.engine_hangs("stop")
    stopping = user.starts("stop app")
    user.waits_until_job("running", step="Stop VM")
    found.add(user.dvm("work app").exits("busy").code)
    found.add(stopping.is_interrupted().ends().exits("cancelled").code)
    user.engine_fails("stop", "no such thing")
    found.add(user.dvm("stop app").exits("failed", "no such thing").code)
    user.engine_works()
    user.dvm("stop app").succeeds()
    found.add(user.dvm("ssh app -- true").exits("check failed", "dvm start app").code)
    assert found == {int(code) for code in ExitCode}


def test_each_function_that_prints_a_table_can_print_json() -> None:
    found = 0
    for path in sorted(CLI.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and "table" in called(node):
                found += 1
                assert "as_json" in called(node), f"{path.name}: {node.name} prints a table, and no JSON"
    assert found > 5


def called(function: ast.FunctionDef) -> set[str]:
    """The functions of cli/tables.py that a function calls."""
    calls = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
    return {
        one.attr
        for one in calls
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id == "tables"
    }
