"""`dvm ssh-config`: what OpenSSH makes of it, how it follows VMs, and that ~/.ssh/config is changed by one line."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dvmweb.paths import from_environment
from dvmweb.records import last_use
from tests.journey.cli.result import Result
from tests.journey.conftest import until
from tests.journey.driver import User, Vm
from tests.needs import needs

# As Lima 2.2 writes it.
LIMAS = """\
# This SSH config file can be passed to 'ssh -F'.
Host lima-dvm-{name}
  IdentityFile "{home}/_config/user"
  StrictHostKeyChecking no
  User dev
  ControlMaster auto
  ControlPath "{home}/dvm-{name}/ssh.sock"
  ControlPersist yes
  Hostname 127.0.0.1
  Port {port}
"""
OPEN = "ForwardAgent yes\nForwardX11 yes\nControlMaster auto\nControlPath ~/.ssh/%C\nProxyJump evil.example\n"


class Lima:
    """A home with configs and Lima's files of VMs that run: by this process, as far as their PID files say."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.home = user.home.home / ".lima"
        self.config = user.home.home / ".ssh" / "config"

    def dvm(self, *words: str, typed: str = "") -> Result:
        return self.user.dvm(*words, typed=typed, DVM_ENGINE="lima")

    def runs(self, name: str, port: int, text: str = LIMAS) -> Path:
        place = self.home / f"dvm-{name}"
        place.mkdir(parents=True, exist_ok=True)
        (place / "ssh.config").write_text(text.format(name=name, home=self.home, port=port))
        for pid in ("ha.pid", "qemu.pid"):
            (place / pid).write_text(f"{os.getpid()}\n")
        return place

    def ssh(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = ("ssh", "-F", str(self.config), *words)
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)

    def effective(self, host: str) -> dict[str, str]:
        """What ssh would use."""
        lines = self.ssh("-G", host).stdout.splitlines()
        return dict(line.split(" ", 1) for line in lines if " " in line)


@pytest.fixture
def lima(user: User) -> Lima:
    one = Lima(user)
    for name in ("app", "shop"):
        one.dvm("init", name).succeeds()
    return one


@needs("ssh")
def test_ssh_finds_each_vm_and_opens_nothing_of_the_host(lima: Lima) -> None:
    lima.runs("app", 41001)
    lima.config.parent.mkdir(mode=0o700)
    lima.config.write_text(f"Host *\n{OPEN}")
    lima.dvm("ssh-config", "--install", "--yes").succeeds().prints("ssh NAME.dvm", "--uninstall")
    found = lima.effective("app.dvm")
    wanted = {"hostname": "127.0.0.1", "port": "41001", "user": "dev", "identityfile": f"{lima.home}/_config/user"}
    closed = dict.fromkeys(("forwardagent", "forwardx11", "forwardx11trusted", "controlmaster"), "no")
    closed["controlmaster"] = "false"
    assert wanted.items() <= found.items()
    assert closed.items() <= found.items()
    unused = {found.get(name, "none") for name in ("controlpath", "proxyjump", "proxycommand")}
    assert unused == {"none"}, found
    assert found["identitiesonly"] == "yes"
    assert "clearallforwardings" not in found or found["clearallforwardings"] == "no", "an editor forwards ports"
    other = lima.effective("example.org")
    assert (other["forwardagent"], other["hostname"]) == ("yes", "example.org"), "other hosts stay as they are"


@needs("ssh")
def test_ssh_follows_a_vm_that_was_created_or_restarted_after_the_install(lima: Lima) -> None:
    lima.runs("app", 41001)
    lima.dvm("ssh-config", "--install", "--yes").succeeds()
    lima.runs("app", 41002)
    lima.dvm("init", "late").succeeds()
    lima.runs("late", 41003)
    assert [lima.effective(f"{name}.dvm")["port"] for name in ("app", "late")] == ["41002", "41003"]


@needs("ssh")
def test_ssh_to_a_vm_that_does_not_run_says_what_to_do_and_asks_no_port(lima: Lima) -> None:
    place = lima.runs("app", 41001)
    (place / "qemu.pid").unlink()
    lima.dvm("ssh-config", "--install", "--yes").succeeds()
    for host, why in (
        ("app.dvm", "app is not running. Start it: dvm start app"),
        ("shop.dvm", "shop is not created. Create it: dvm sync shop"),
        ("typo.dvm", "There is no VM of this name. List them: dvm ls"),
    ):
        done = lima.ssh(host, "true")
        assert done.returncode == 255
        assert why in done.stderr


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("Host lima-dvm-{name}", "Host lima-dvm-origin"),  # a clone before its first start
        ("User dev", "User dev\x1b[2J"),
        ("User dev", "User -oProxyCommand=x"),
        ("Port {port}", "Port 99999"),
        ("{home}/_config/user", "relative"),
        ("{home}/_config/user", "/x${{HOME}}/user"),
    ],
)
def test_an_ssh_config_that_is_not_as_lima_writes_it_is_not_used(lima: Lima, wrong: str, right: str) -> None:
    lima.runs("app", 41001, LIMAS.replace(wrong, right))
    lima.dvm("ssh-config").succeeds().prints("Host app.dvm\n  ProxyCommand sh -c 'echo \"app is not running.")


def test_the_users_config_changes_by_one_line_and_back(lima: Lima) -> None:
    before = b"# mine \xff\r\nHost x\r\n  User y"
    lima.config.parent.mkdir(mode=0o700)
    lima.config.write_bytes(before)
    lima.config.chmod(0o640)
    line = f"Include {lima.user.home.home}/.local/state/dvm/ssh/*.conf"
    lima.dvm("ssh-config").succeeds().warns("dvm ssh-config --install")
    lima.dvm("ssh-config", "--install").exits("usage error", "was not changed", "--install --yes")
    assert lima.config.read_bytes() == before
    for said in ("Added to", "is in"):
        lima.dvm("ssh-config", "--install", "--yes").succeeds().prints(said)
        assert lima.config.read_bytes() == line.encode() + b"\n" + before
    assert lima.config.stat().st_mode & 0o777 == 0o640
    for said in ("was removed from", "is not in"):
        lima.dvm("ssh-config", "--uninstall").succeeds().prints(said)
        assert lima.config.read_bytes() == before
    assert lima.config.stat().st_mode & 0o777 == 0o640


def test_a_new_ssh_folder_is_private(lima: Lima) -> None:
    lima.dvm("ssh-config", "--install", "--yes").succeeds()
    assert (lima.config.parent.stat().st_mode & 0o777, lima.config.stat().st_mode & 0o777) == (0o700, 0o600)
    lima.dvm("ssh-config", "--uninstall").succeeds()
    assert lima.config.read_bytes() == b""


@pytest.mark.parametrize("what", [".ssh", ".ssh/config"])
def test_a_link_is_not_followed_and_the_line_is_shown(lima: Lima, what: str) -> None:
    link, target = lima.user.home.home / what, lima.user.home.home / "dotfiles"
    link.parent.mkdir(exist_ok=True)
    target.mkdir() if what == ".ssh" else target.write_text("Host x\n")
    link.symlink_to(target)
    refused = lima.dvm("ssh-config", "--install", "--yes").exits("usage error")
    refused.warns(f"{link} is a link to {target}", "Include ")
    assert list(target.iterdir()) == [] if target.is_dir() else target.read_text() == "Host x\n"


def test_on_a_terminal_it_shows_line_and_risk_and_asks(lima: Lima) -> None:
    lima.user.home.environ["DVM_ENGINE"] = "lima"
    for answer, how in (("n", "failed"), ("y", "ok")):
        asked = lima.user.at_terminal("ssh-config --install")
        before = asked.waits_for("Add it?")
        assert "commands on this computer" in before
        assert "Include " in before
        asked.types(answer)
        asked.ends(how)
        assert lima.config.exists() == (answer == "y")
    lima.user.home.environ["DVM_ENGINE"] = "demo"


@needs("ssh")
def test_ssh_itself_notes_the_use_of_the_vm_until_it_ends(lima: Lima) -> None:
    """The server is one that takes the connection and says nothing, so ssh waits."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        lima.runs("app", server.getsockname()[1])
        lima.runs("shop", 41002)
        lima.dvm("ssh-config", "--install", "--yes").succeeds()
        paths = from_environment(lima.user.home.environ | {"DVM_ENGINE": "lima"})
        assert last_use.read(paths, "app") == last_use.Use()
        ssh = subprocess.Popen(("ssh", "-F", str(lima.config), "app.dvm"), stdin=subprocess.DEVNULL)
        try:
            until(lambda: last_use.read(paths, "app").is_now)
        finally:
            ssh.kill()
            ssh.wait()
        until(lambda: not last_use.read(paths, "app").is_now)
    assert last_use.read(paths, "app").at > 0
    assert last_use.read(paths, "shop") == last_use.Use()


def test_the_demo_has_no_server_for_plain_ssh(user: User) -> None:
    user.dvm("ssh-config").exits("usage error", "Demo guests have no SSH server", "dvm sh NAME")
    user.dvm("ssh-config --refresh").succeeds()


@pytest.mark.parametrize("address", ["app.dvm", "dev@app.dvm", "ssh://dev@app.dvm:22/"])
def test_stop_inactive_leaves_a_vm_to_which_ssh_is_connected(user: User, app: Vm, address: str) -> None:
    ssh = user.home.home / "ssh"
    shutil.copy(sys.executable, ssh)
    connected = psutil.Popen((str(ssh), "-S", "-c", "input()", address), stdin=subprocess.PIPE)
    try:
        user.dvm("stop --inactive").succeeds().warns("app is not stopped: ssh is connected to it.")
        app.shows(status="Running")
    finally:
        connected.kill()
        connected.wait()
