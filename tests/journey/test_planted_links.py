"""No file of the state folder is written through a link that lies in its place (findings S8)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dvmweb.web.dashboard import OwnLog
from dvmweb.web.server import login_tokens, running_dashboard
from dvmweb.web.server.sessions import Sessions
from tests.journey.driver import User, Vm

MINE = "mine"


def plant(place: Path, victim: Path, kind: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    place.unlink(missing_ok=True)
    place.symlink_to(victim) if kind == "link" else place.hardlink_to(victim)


def test_s8_no_command_writes_through_a_link_in_the_state_folder(user: User, app: Vm) -> None:
    """Whatever dvm keeps there, by name: found by looking, so that a new file is tried, too."""
    user.dvm("work app").succeeds()
    job = user.last_job.id
    kept = [path for path in sorted(user.paths.state.rglob("*")) if path.is_file() and job not in str(path)]
    kept = [path for path in kept if path.parent.parent.name != "jobs"]  # a job's own folder is new with it
    names = {str(path.relative_to(user.paths.state)) for path in kept}
    assert {"ledger.jsonl", "vms/app/work.json", "vms/app/reach.json", "vms/app/identity", "vms/app/lock"} <= names
    opened = [path for path in kept if path.name.endswith("lock") or path.suffix == ".jsonl"]  # the others are replaced
    victim = user.home.home / "victim"
    victim.write_text(MINE)
    for kind in ("link", "hard"):
        before = {path: path.read_bytes() for path in kept}
        for paths in ([path for path in kept if path not in opened], *([path] for path in opened)):
            for path in paths:
                plant(path, victim, kind)
            worked = user.dvm("work app")
            assert victim.read_text() == MINE, (paths, kind, worked)
            for path in paths:
                path.unlink(missing_ok=True)
                path.write_bytes(before[path])
    user.dvm("work app").succeeds()


def test_s8_what_the_dashboard_keeps_is_not_written_through_a_link(tmp_path: Path) -> None:
    folder, victim = tmp_path / "web", tmp_path / "victim"
    victim.write_text(MINE)
    for name in ("secret.json", "sessions.json", "running.json"):
        plant(folder / name, victim, "link")
    folder.chmod(0o700)
    sessions = Sessions(folder)
    assert sessions.login(sessions.issue_login())
    assert victim.read_text() == MINE
    assert not any((folder / name).is_symlink() for name in ("secret.json", "sessions.json"))
    assert json.loads((folder / "secret.json").read_text())["key"]
    token = login_tokens.issue(folder, 1.0)
    assert login_tokens.redeem(folder, token, 2.0)


@pytest.mark.parametrize("kind", ["link", "hard"])
def test_s8_the_dashboards_log_refuses_a_link_and_says_which(tmp_path: Path, kind: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text(MINE)
    plant(tmp_path / "log", victim, kind)
    with pytest.raises(Exception, match=f"rm {tmp_path}/log"):
        OwnLog(tmp_path / "log")
    assert victim.read_text() == MINE


def test_the_dashboards_log_is_written_and_turned_as_before(tmp_path: Path) -> None:
    import logging

    handler = OwnLog(tmp_path / "log", maxBytes=100, backupCount=1, encoding="utf-8")
    for number in range(5):
        handler.emit(logging.makeLogRecord({"msg": f"{number} " + "é" * 20, "levelno": 20}))
    handler.close()
    assert (tmp_path / "log").read_text("utf-8").startswith("4 é")
    assert (tmp_path / "log.1").read_text("utf-8").count("\n") == 2
    assert oct((tmp_path / "log").stat().st_mode)[-3:] == "600"


@pytest.mark.parametrize("kind", ["link", "hard"])
def test_s8_the_keepers_log_is_not_written_through_a_link(user: User, kind: str) -> None:
    victim = user.home.home / "victim"
    victim.write_text(MINE)
    plant(user.paths.state / "terminals" / "keeper.log", victim, kind)
    user.paths.state.chmod(0o700)
    user.dvm("init app").succeeds()
    assert user.dvm("sh app --attach").code != 0
    assert victim.read_text() == MINE
    assert victim.samefile(user.paths.state / "terminals" / "keeper.log")


def test_the_note_of_a_dashboard_replaces_a_link(user: User) -> None:
    victim = user.home.home / "victim"
    victim.write_text(MINE)
    plant(user.paths.state / "web" / "running.json", victim, "link")
    user.paths.state.chmod(0o700)
    running_dashboard.write(user.paths, running_dashboard.Running(1, "[::1]:1"))
    assert victim.read_text() == MINE
    found = running_dashboard.read(user.paths)
    assert found is not None
    assert found.host == "[::1]:1"
