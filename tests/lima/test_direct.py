"""The short way into a VM that runs: what it runs, and all that sends a call the long way round."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.lima import direct_ssh, guest_shell
from dvmweb.lima.client import Lima
from tests.lima.dvm_home import DvmHome
from tests.places import TOP

CONFIG = """# This SSH config file can be passed to 'ssh -F'.
Host {alias}
  IdentityFile "{home}/_config/user"
  ControlMaster auto
  ControlPath "{folder}/ssh.sock"
  Port 41873
"""
# What sshd does with the one word that it is given.
SSHD = "os.environ['HOME'] = '/'\nos.execvp('bash', ['bash', '-c', argv[-1]])"


class Guest:
    """The folder of an instance that runs, and the notes about it."""

    def __init__(self, folder: Path) -> None:
        self.dvm_home = DvmHome(folder)
        self.dvm_home.ssh(SSHD)
        self.dvm_home.limactl("sys.exit(9)")
        self.code = folder / "code"
        self.folder = folder / "lima" / "dvm-t1"
        for made in (self.code, self.folder, self.lima.paths.vm_config("t1").parent):
            made.mkdir(parents=True)
        self.lima.paths.vm_config("t1").write_text("cpus: 1\n")
        self.write_config("lima-dvm-t1", self.folder)
        (self.folder / "ha.pid").write_text(f"{os.getpid()}\n")
        (self.folder / "qemu.pid").write_text(f"{os.getpid()}\n")
        self.master = socket.socket(socket.AF_UNIX)
        self.master.bind(str(self.folder / "ssh.sock"))
        self.master.listen()

    @property
    def lima(self) -> Lima:
        return self.dvm_home.lima(vm="t1")

    def write_config(self, alias: str, folder: Path) -> None:
        text = CONFIG.format(alias=alias, home=folder.parent, folder=folder)
        (self.folder / "ssh.config").write_text(text)

    def remember(self) -> int | None:
        """Enter as the long way does it, once it knows that the VM runs."""
        return guest_shell.enter_directly(self.lima, "dvm-t1", str(self.code), ("true",))

    def enter(self, *words: str) -> int | None:
        return direct_ssh.enter(("ssh", "t1", "--", *words), self.dvm_home.environ)


@pytest.fixture
def guest() -> Iterator[Guest]:
    folder = Path(tempfile.mkdtemp(prefix="dvm-"))  # a short path: a socket lies in it
    made = Guest(folder)
    try:
        yield made
    finally:
        made.master.close()
        shutil.rmtree(folder)


def test_only_ssh_is_run_with_the_words_as_they_are(guest: Guest, capfd: pytest.CaptureFixture[str]) -> None:
    assert guest.enter("true") is None, "nothing is remembered yet"
    assert guest.remember() == 0
    words = ("a b", "it's", "$HOME", "*", "", "\\n", '"', "x;y", "\udcff", "ü\n")
    assert guest.enter("printf", "%s|", *words) == 0
    assert capfd.readouterr().out == "".join(f"{word}|" for word in words).replace("\udcff", "�")
    assert guest.enter("sh", "-c", "pwd; echo wrong >&2; exit 7") == 7
    assert capfd.readouterr() == (f"{guest.code}\n", "wrong\n")
    assert guest.enter("X=1 2", "sh", "-c", 'echo "$X"') == 0, "as `env` reads its words"
    assert capfd.readouterr().out == "1 2\n"
    calls = guest.dvm_home.said()
    assert {call[0] for call in calls} == {"ssh"}
    for call in calls:
        assert call[1:3] == ["-F", f"{guest.folder}/ssh.config"]
        assert "ForwardAgent=no" in call
        assert "-t" not in call, "our stdout is no terminal"
        assert call[-3:-1] == ["lima-dvm-t1", "--"]


def test_a_code_dir_that_is_not_there_is_the_home(guest: Guest, capfd: pytest.CaptureFixture[str]) -> None:
    guest.remember()
    guest.code.rmdir()
    assert guest.enter("true") == 0
    assert capfd.readouterr().err == ""


def test_the_environment_is_an_allow_list(guest: Guest, capfd: pytest.CaptureFixture[str]) -> None:
    guest.dvm_home.environ |= {"SSH_AUTH_SOCK": "/x", "AWS_SECRET": "x", "TERM": "vt100", "SSH": "evil"}
    guest.remember()
    assert guest.enter("env") == 0
    seen = capfd.readouterr().out
    assert "TERM=vt100" in seen
    assert f"LIMA_HOME={guest.folder.parent}" in seen
    assert not any(word in seen for word in ("SSH_AUTH_SOCK", "AWS_SECRET", "SSH=evil"))


def a_clone(guest: Guest) -> None:
    guest.write_config("lima-dvm-origin", guest.folder.with_name("dvm-origin"))


def two_hosts(guest: Guest) -> None:
    with (guest.folder / "ssh.config").open("a") as file:
        file.write("Host *\n  ForwardAgent yes\n")


def no_master(guest: Guest) -> None:
    guest.master.close()


def no_socket(guest: Guest) -> None:
    (guest.folder / "ssh.sock").unlink()


def no_ssh_config(guest: Guest) -> None:
    (guest.folder / "ssh.config").unlink()


def linked_ssh_config(guest: Guest) -> None:
    (guest.folder / "ssh.config").rename(guest.folder / "other")
    (guest.folder / "ssh.config").symlink_to("other")


def dead_agent(guest: Guest) -> None:
    (guest.folder / "ha.pid").write_text("999999999\n")


def dead_driver(guest: Guest) -> None:
    (guest.folder / "qemu.pid").unlink()


def odd_pid(guest: Guest) -> None:
    (guest.folder / "ha.pid").write_text("one\n")


def changed_config(guest: Guest) -> None:
    guest.lima.paths.vm_config("t1").write_text("cpus: 1\ncode_dir: /home/dev/other\n")


def new_defaults(guest: Guest) -> None:
    guest.lima.paths.config_file.write_text("cpus: 2\n")


def other_limactl(guest: Guest) -> None:
    guest.dvm_home.limactl("")


def other_path(guest: Guest) -> None:
    guest.dvm_home.environ["PATH"] += ":/opt"


def torn_note(guest: Guest) -> None:
    path = guest.lima.paths.vm_state("t1") / direct_ssh.FILE
    path.write_bytes(path.read_bytes()[:-20])


CHANGES = [a_clone, two_hosts, no_master, no_socket, no_ssh_config, linked_ssh_config, dead_agent, dead_driver]
CHANGES += [odd_pid, changed_config, new_defaults, other_limactl, other_path, torn_note]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_not_as_it_was_goes_the_long_way(guest: Guest, change: Callable[[Guest], None]) -> None:
    guest.remember()
    before = len(guest.dvm_home.said())
    change(guest)
    assert guest.enter("true") is None
    assert len(guest.dvm_home.said()) == before, "nothing was run"


@pytest.mark.parametrize("change", [a_clone, no_master, dead_agent])
def test_the_long_way_uses_limactl_where_the_connection_is_not_its_own(
    guest: Guest, change: Callable[[Guest], None]
) -> None:
    change(guest)
    assert guest.remember() is None
    assert not guest.dvm_home.said()


@pytest.mark.parametrize(
    "words",
    [
        ("ssh",),
        ("ssh", "t1"),
        ("ssh", "t1", "--"),
        ("ssh", "--help"),
        ("ssh", "t1", "--help"),
        ("ssh", "--", "t1", "true"),
        ("ssh", "../t1", "true"),
        ("ssh", "t1", "--", "-x"),
        ("ssh", "t1", "", "x"),
        ("sh", "t1", "--attach"),
        ("sh", "-h"),
        ("ls", "t1", "true"),
    ],
)
def test_words_that_only_click_understands_go_the_long_way(guest: Guest, words: tuple[str, ...]) -> None:
    guest.remember()
    before = len(guest.dvm_home.said())
    assert direct_ssh.enter(words, guest.dvm_home.environ) is None
    assert len(guest.dvm_home.said()) == before


def test_a_shell_is_the_same_as_limactl_gets(guest: Guest) -> None:
    guest.remember()
    guest.dvm_home.ssh("")
    assert direct_ssh.enter(("sh", "t1"), guest.dvm_home.environ) == 0
    remote = guest.dvm_home.said()[-1][-1]
    assert guest_shell.SHELL.splitlines()[0] in remote
    assert remote.startswith("exec /bin/bash -lc ")


def test_codes_above_128_tell_the_signal(guest: Guest) -> None:
    guest.dvm_home.ssh("os.kill(os.getpid(), signal.SIGKILL)")
    guest.remember()
    assert guest.enter("true") == 128 + signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_ends_dvm_ends_its_ssh(guest: Guest, number: signal.Signals) -> None:
    guest.remember()
    guest.dvm_home.ssh("print(os.getpid(), flush=True)\nsignal.pause()")
    program = subprocess.Popen(
        (sys.executable, "-P", "-m", "dvmweb", "ssh", "t1", "--", "true"),
        env={**guest.dvm_home.environ, "PYTHONPATH": str(TOP)},
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    assert program.stdout is not None
    pid = int(program.stdout.readline())
    program.send_signal(number)
    assert program.wait(30) == 128 + number
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    program.stdout.close()


def test_ctrl_c_is_left_to_the_command(guest: Guest) -> None:
    guest.remember()
    guest.dvm_home.ssh("signal.signal(2, lambda *_: os._exit(42))\nprint('up', flush=True)\nsignal.pause()")
    program = subprocess.Popen(
        (sys.executable, "-P", "-m", "dvmweb", "ssh", "t1", "--", "true"),
        env={**guest.dvm_home.environ, "PYTHONPATH": str(TOP)},
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == b"up\n"
    os.killpg(program.pid, signal.SIGINT)
    assert program.wait(30) == 42
    program.stdout.close()


def test_next_to_nothing_is_imported() -> None:
    code = (
        "import sys; before = set(sys.modules); from dvmweb.lima import direct_ssh; import dvmweb.__main__; "
        "print(' '.join(set(sys.modules) - before - {'signal'}))"
    )
    env = {"PYTHONPATH": str(TOP)}
    said = subprocess.run((sys.executable, "-Pc", code), env=env, capture_output=True, text=True, check=True).stdout
    assert set(said.split()) <= {"dvmweb", "dvmweb.lima", "dvmweb.lima.direct_ssh", "dvmweb.__main__", "__future__"}


@given(st.binary(max_size=40))
def test_a_bent_note_is_no_note(data: bytes) -> None:
    try:
        direct_ssh.SshRoute(direct_ssh.unpacked(data))
    except ValueError:
        return
    raise AssertionError(data)


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=4)))
def test_what_is_packed_is_unpacked(fields: list[list[str]]) -> None:
    assert direct_ssh.unpacked(direct_ssh.packed(fields)) == fields if fields else True


def test_the_login_environment_is_the_one_of_a_login_shell(guest: Guest, capfd: pytest.CaptureFixture[str]) -> None:
    home = guest.folder.parent
    (home / ".profile").write_text(
        'set -- spoilt; dvm=spoilt; export WHO=$(id -u) NAMES=$(id -un) COUNT=$#; PATH="$HOME/bin:$PATH"\n'
        'locale 2>&1 | grep -q . && echo "a program that is slow"\nbogus() { :; }; set -u\n'
    )
    guest.dvm_home.ssh(f"os.environ['HOME'] = {str(home)!r}\nos.execvp('bash', ['bash', '-c', argv[-1]])")
    guest.remember()
    show = ("sh", "-c", 'echo "$WHO $NAMES $COUNT ${dvm:-none} ${PATH%%:*} $#"')
    assert guest.enter(*show) == 0
    told = capfd.readouterr().out
    direct_words = (os.geteuid(), subprocess.run(("id", "-un"), capture_output=True, text=True, check=True).stdout)
    assert told == f"{direct_words[0]} {direct_words[1].strip()} 1 none {home}/bin 0\n"
    (home / ".bash_profile").write_text("export WHO=first\n")
    assert guest.enter("sh", "-c", "echo $WHO") == 0
    assert capfd.readouterr().out == "first\n"
    (home / ".bash_profile").write_text("exit 5\n")
    assert guest.enter("true") == 5, "as a login shell ends"


@pytest.mark.parametrize("shell", ["sh", "bash --posix"])
def test_an_account_with_another_shell_gets_a_bash_all_the_same(
    guest: Guest, shell: str, capfd: pytest.CaptureFixture[str]
) -> None:
    home = guest.folder.parent
    (home / ".profile").write_text("export WHO=$BASH_VERSION\n")
    guest.dvm_home.ssh(
        f"os.environ['HOME'] = {str(home)!r}\nwords = {shell.split()!r}\nos.execvp(words[0], [*words, '-c', argv[-1]])"
    )
    guest.remember()
    assert guest.enter("sh", "-c", 'echo "$WHO"; pwd; exit 3') == 3
    version, place = capfd.readouterr().out.splitlines()
    assert version[0].isdigit()
    assert place == str(guest.code)


def test_a_very_long_command_arrives(guest: Guest, capfd: pytest.CaptureFixture[str]) -> None:
    guest.remember()
    assert guest.enter("printf", "%s", "x" * 100_000) == 0
    assert capfd.readouterr().out == "x" * 100_000


def test_what_cannot_be_found_ends_with_127(guest: Guest, capfd: pytest.CaptureFixture[str]) -> None:
    guest.remember()
    assert guest.enter("pwd; ls") == 127
    assert guest.enter("X=1", "nosuch") == 127
    assert guest.enter("/") == 126
    assert capfd.readouterr().out == ""
