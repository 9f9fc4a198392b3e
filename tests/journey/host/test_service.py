"""`dvm web --install-service`: the unit that is written, what systemd is asked for, and that it is undone."""

from __future__ import annotations

import plistlib
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvmweb.verbs.service import Service
from tests.guest.conftest import make_program
from tests.journey.driver import User
from tests.needs import needs

UNIT = ".config/systemd/user/dvm-web-demo.service"


class Systemd:
    """A stand-in for `systemctl --user`, with the socket of a running systemd."""

    def __init__(self, user: User) -> None:
        home = user.home.home
        self.user, self.unit, self.log = user, home / UNIT, home / "systemctl.log"
        (home / "bin").mkdir()
        (home / "run/systemd").mkdir(parents=True)
        self.says(0)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(home / "run/systemd/private"))
        user.home.environ |= {
            "PATH": f"{home}/bin:{user.home.environ['PATH']}",
            "XDG_RUNTIME_DIR": f"{home}/run",
            "http_proxy": "http://me:canary@proxy",
        }

    def says(self, code: int, error: str = "") -> None:
        script = f'echo "$*" >>{self.log}; echo "{error}" >&2; exit {code}'
        make_program(self.user.home.home / "bin/systemctl", script)

    def calls(self) -> list[str]:
        """What it was asked for since the last time."""
        found = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return found


@pytest.fixture
def systemd(user: User) -> Iterator[Systemd]:
    one = Systemd(user)
    yield one
    one.socket.close()


def test_it_is_started_found_up_to_date_and_removed(user: User, systemd: Systemd) -> None:
    user.dvm("web --install-service --port 8999 --ipv4").succeeds().prints(f"Wrote {systemd.unit}", "web --url")
    restart = ["--user enable dvm-web-demo.service", "--user restart dvm-web-demo.service"]
    assert systemd.calls() == ["--user daemon-reload", *restart]
    text = systemd.unit.read_text()
    assert 'web" "--no-open" "--no-login" "--port" "8999" "--ipv4"' in text
    assert "KillMode=process\n" in text
    assert "canary" not in text
    assert systemd.unit.stat().st_mode & 0o777 == 0o644
    user.dvm("web --install-service --port 8999 --ipv4").succeeds().prints(f"Up to date: {systemd.unit}")
    assert systemd.calls()[1:] == restart
    user.dvm("web --uninstall-service").succeeds().prints(f"Removed {systemd.unit}")
    assert systemd.calls() == ["--user disable --now dvm-web-demo.service", "--user daemon-reload"]
    assert not systemd.unit.exists()
    user.dvm("web --uninstall-service").succeeds().prints("There is no service")
    assert systemd.calls() == []


def test_without_a_systemd_the_commands_are_printed(user: User) -> None:
    shown = user.dvm("web --install-service").succeeds()
    shown.prints("No systemd of this user was found here. To start it, run:", "systemctl --user daemon-reload")
    assert (user.home.home / UNIT).exists()
    user.dvm("web --uninstall-service").succeeds().prints("systemctl --user disable --now dvm-web-demo.service")
    assert not (user.home.home / UNIT).exists()


def test_a_systemd_that_refuses_is_quoted_and_a_stop_that_fails_keeps_the_file(user: User, systemd: Systemd) -> None:
    user.dvm("web --install-service").succeeds()
    systemd.says(1, "Failed to connect")
    user.dvm("web --install-service").fails("`systemctl --user daemon-reload` failed: Failed to connect")
    user.dvm("web --uninstall-service").fails("disable --now dvm-web-demo.service` failed", "systemctl --user status")
    assert systemd.unit.exists()


def test_a_file_that_dvm_has_not_written_is_not_touched(user: User) -> None:
    unit = user.home.home / UNIT
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    for verb in ("install", "uninstall"):
        user.dvm(f"web --{verb}-service").exits("usage error", "is not from dvm")
    assert unit.read_text() == "[Service]\nExecStart=/bin/true\n"
    unit.rename(unit.with_name("mine"))
    unit.symlink_to("mine")
    for verb in ("install", "uninstall"):
        user.dvm(f"web --{verb}-service").exits("usage error", "is a link")


@needs("systemd-analyze")
def test_systemd_accepts_the_unit(user: User, tmp_path: Path) -> None:
    user.dvm("web --install-service", LANG='a "b" %h $X \\n').succeeds()
    verify = ("systemd-analyze", "--user", "--man=no", "--recursive-errors=no", "verify", str(user.home.home / UNIT))
    env = {**user.home.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(verify, capture_output=True, text=True, check=False, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    unit = (user.home.home / UNIT).read_text()
    assert r'Environment="LANG=a \"b\" %%h $X \\n"' in unit


def test_its_command_prints_no_login_address_and_another_does(user: User) -> None:
    user.dvm("web --install-service").succeeds()
    (line,) = [line for line in (user.home.home / UNIT).read_text().splitlines() if line.startswith("ExecStart=")]
    argv = shlex.split(line.partition("=")[2])
    with subprocess.Popen(argv, env=user.home.environ, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        first = running.stdout.readline()
        address = user.dvm("web --url").succeeds().out
        (user.home.home / UNIT).unlink()
        user.dvm("web --install-service").exits("busy", "A dashboard is already running")
        assert not (user.home.home / UNIT).exists()
        running.send_signal(signal.SIGTERM)
        rest = running.stdout.read()
    assert "listens on" in first
    assert "/login#" in address
    assert "login#" not in first + rest
    assert running.returncode == 0


def test_the_agent_of_macos_lets_its_children_live(user: User) -> None:
    service = Service(user.paths, {**user.home.environ, "http_proxy": "canary"}, "darwin")
    done = service.install(("--port", "8999"))
    assert done.path == user.home.home / "Library/LaunchAgents/io.github.dvmweb.dvm-web-demo.plist"
    assert done.commands[0][:2] == ("launchctl", "bootstrap")
    facts = plistlib.loads(done.path.read_bytes())
    assert facts["ProgramArguments"][1:] == ["web", "--no-open", "--no-login", "--port", "8999"]
    assert facts["AbandonProcessGroup"] is True
    assert "canary" not in done.path.read_text()
    assert service.install(("--port", "8999")).is_changed is False
    assert service.uninstall().commands[0][:2] == ("launchctl", "bootout")
    assert not done.path.exists()
