"""Demo guests: what they see, what they keep, how their commands end; as the tests' user and as an ordinary one."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.demo.conftest import Demo, ordinary

pytestmark = pytest.mark.usefixtures("guests")
Until = Callable[[Callable[[], bool]], None]


@pytest.fixture(scope="module", params=["own", "ordinary"])
def up(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, guests: None) -> Iterator[Demo]:
    """A running guest `app` that the tests share, of the tests' own user and of an ordinary one."""
    if request.param == "ordinary":
        for engine in ordinary():
            yield engine.up("app")
        return
    engine = Demo(tmp_path_factory.mktemp("shared") / "lima")
    yield engine.up("app")
    engine.close()


@pytest.fixture(params=["demo", "ordinary_demo"])
def fresh(request: pytest.FixtureRequest) -> Demo:
    """A running guest `app` of this test alone."""
    return request.getfixturevalue(request.param).up("app")  # type: ignore[no-any-return]


def test_a_guest_is_a_place_of_its_own(up: Demo) -> None:
    said = up.shell(
        "app", "sh", "-c", "id -un; id -u; pwd; hostname; cat /etc/hostname; grep -c . /etc/passwd; getent passwd dev"
    ).stdout
    assert said.splitlines() == [
        "dev", "1000", "/home/dev", "lima-app", "lima-app", "3", "dev:x:1000:1000::/home/dev:/bin/bash",
    ]  # fmt: skip


def test_the_hosts_files_and_environment_stay_outside(up: Demo) -> None:
    (up.home.parent / "secret").write_text("host")
    places = f"{up.home.parent}/secret {up.home} /root /work {Path(__file__)} /etc/shadow /etc/ssh"
    seen = up.shell("app", "sh", "-c", f"ls -d {places} 2>/dev/null; ls -A /home /run; true").stdout
    assert seen.split() == ["/home:", "dev", "/run:"]
    environment = dict(line.split("=", 1) for line in up.shell("app", "env").stdout.splitlines())
    assert set(environment) - {"_", "SHLVL", "PWD"} == {"HOME", "USER", "LOGNAME", "SHELL", "PATH", "LANG"}
    assert environment["HOME"] == "/home/dev"


def test_the_process_tree_is_the_guests_alone(up: Demo) -> None:
    commands = up.shell("app", "sh", "-c", "cat /proc/1/comm /proc/2/comm /proc/[0-9]*/comm").stdout.split()
    bubblewrap, lifeline, *others = commands  # the first is called as its file is, which may have been renamed
    assert lifeline == "sleep"
    assert set(others) <= {bubblewrap, "sleep", "bash", "sh", "cat"}
    assert up.shell("app", "sh", "-c", f"kill -0 {os.getpid()}").code == 1


def test_usr_is_read_only_and_dvms_places_are_open(up: Demo) -> None:
    assert up.shell("app", "touch", "/usr/bin/x").code == 1
    assert up.shell("app", "touch", "/etc/x").code == 1
    assert (
        up.shell("app", "touch", "/etc/dvm/x", "/var/lib/dvm/x", "/usr/local/bin/x", "/tmp/x", "/etc/profile.d/x").code
        == 0
    )
    assert "not a security boundary" in up.shell("app", "cat", "/etc/dvm-demo").stdout


def test_the_network_is_the_hosts_only_where_asked(up: Demo) -> None:
    interfaces = "tail -n +3 /proc/net/dev | cut -d: -f1"
    here = [line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]]
    assert up.shell("app", "sh", "-c", interfaces).stdout.split() == ["lo"]
    assert up.shell("app", "sh", "-c", interfaces, DVM_GUEST_NETWORK="1").stdout.split() == here
    assert up.shell("app", "sh", "-c", interfaces).stdout.split() == ["lo"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("true",), 0),
        (("sh", "-c", "exit 37"), 37),
        (("sh", "-c", "exit 69"), 69),
        (("sh", "-c", "kill -9 $$"), 255),
        (("sh", "-c", "sh -c 'kill -9 $$'; exit $?"), 137),
        (("nosuchcommand",), 127),
    ],
)
def test_exit_codes_come_through(up: Demo, words: tuple[str, ...], code: int) -> None:
    assert up.shell("app", *words).code == code


def test_argv_arrives_unchanged(up: Demo) -> None:
    words = ["a b", "it's", "$HOME", "*", "", "\\", "--", "-n", "ü", "two\nlines", "a=b", "`id`"]
    assert up.shell("app", "printf", "%s|", *words).stdout == "".join(f"{word}|" for word in words)


def test_leading_assignments_are_the_shells_as_with_lima(up: Demo) -> None:
    assert up.shell("app", "FOO=a b", "sh", "-c", 'echo "$FOO"').stdout == "a b\n"
    assert up.shell("app", "env", "FOO=a b", "sh", "-c", 'echo "$FOO"').stdout == "a b\n"


def test_stdin_and_both_outputs_pass_through(up: Demo) -> None:
    answer = up.shell("app", "sh", "-c", "cat; echo err >&2; echo out", stdin="in\n")
    assert (answer.code, answer.stdout, answer.stderr) == (0, "in\nout\n", "err\n")
    big = "x" * 3_000_000
    assert up.shell("app", "cat", stdin=big).stdout == big


def test_pipes_can_be_opened_by_their_names(demo: Demo) -> None:
    answer = demo.up("app").shell(
        "app", "sh", "-c", "echo err >/dev/stderr; echo out >/dev/stdout; cat /dev/stdin", stdin="in"
    )
    assert (answer.code, answer.stdout, answer.stderr) == (0, "out\nin", "err\n")


def test_the_workdir_is_entered_or_the_call_ends_with_1(up: Demo) -> None:
    assert up.limactl("shell", "--workdir", "/var", "app", "pwd").stdout == "/var\n"
    missing = up.limactl("shell", "--workdir", "/no such", "app", "pwd")
    assert (missing.code, missing.stdout) == (1, "")


def test_sudo_runs_as_the_user_and_refuses_other_users(up: Demo) -> None:
    assert (
        up.shell("app", "sudo", "-n", "-E", "-H", "-u", "root", "--", "sh", "-c", "echo $0 $1", "a", "b c").stdout
        == "a b c\n"
    )
    assert up.shell("app", "sudo", "A=1", "sh", "-c", "echo $A").stdout == "1\n"
    refused = up.shell("app", "sudo", "-u", "agent", "id")
    assert (refused.code, refused.stdout) == (1, "")
    assert "no other user" in refused.stderr


def test_files_survive_a_stop_and_what_is_of_the_moment_does_not(fresh: Demo) -> None:
    kept = "/home/dev/file /etc/dvm/identity /var/lib/dvm/recipe /usr/local/bin/tool"
    fresh.shell("app", "sh", "-c", f"touch {kept} /tmp/gone; echo changed >>~/.profile")
    fresh.limactl("stop", "app")
    assert fresh.limactl("start", "app").code == 0
    said = fresh.shell("app", "sh", "-c", f"ls {kept}; ls /tmp; tail -1 ~/.profile").stdout
    assert said.split() == [*sorted(kept.split()), "changed"]


def test_a_link_in_the_guest_leads_nowhere_on_the_host(demo: Demo) -> None:
    target = demo.home.parent / "victim"
    target.write_text("mine")
    target.chmod(0o666)
    demo.up("app")
    assert demo.shell("app", "ln", "-sf", str(target), "/usr/local/bin/sudo").code == 0
    assert demo.shell("app", "sh", "-c", "chmod u+w /etc; ln -sf x /etc/hosts").code == 1
    demo.limactl("stop", "app")
    for name in ("hosts", "passwd"):  # a guest cannot plant these; the next start would not follow them either
        (demo.home / "app/guest/etc" / name).unlink()
        (demo.home / "app/guest/etc" / name).symlink_to(target)
    assert demo.limactl("start", "app").code == 0
    assert target.read_text() == "mine"
    assert "lima-app" in demo.shell("app", "cat", "/etc/hosts").stdout


def test_two_guests_do_not_see_each_other(demo: Demo) -> None:
    demo.up("app").up("other")
    demo.shell("app", "sh", "-c", "touch ~/mine /tmp/mine")
    assert demo.shell("other", "sh", "-c", "ls ~ /tmp; hostname").stdout.split() == [
        "/home/dev:",
        "/tmp:",
        "lima-other",
    ]
    demo.limactl("stop", "app")
    assert demo.shell("other", "true").code == 0


@pytest.mark.parametrize("stop", [("stop",), ("stop", "-f"), ("delete", "-f")])
def test_terminals_end_with_255_when_the_guest_stops(demo: Demo, stop: tuple[str, ...]) -> None:
    demo.up("app")
    terminal = demo.start("shell", "app", "sh", "-c", "echo ready; exec sleep 600")
    assert terminal.stdout is not None
    assert terminal.stdout.readline() == "ready\n"
    assert demo.limactl(*stop, "app").code == 0
    assert terminal.wait(10) == 255


def test_poweroff_in_the_guest_stops_the_instance(demo: Demo, until: Until) -> None:
    demo.up("app")
    demo.shell("app", "sudo", "poweroff")
    until(lambda: demo.status("app") == "Stopped")
    assert demo.limactl("start", "app").code == 0


def test_a_terminated_call_ends_its_command(demo: Demo, until: Until) -> None:
    demo.up("app")
    call = demo.start("shell", "app", "sh", "-c", "echo ready; exec sleep 654321")
    assert call.stdout is not None
    call.stdout.readline()
    call.terminate()
    assert call.wait(10) == -signal.SIGTERM
    until(lambda: "654321" not in demo.shell("app", "sh", "-c", "cat /proc/[0-9]*/cmdline").stdout)


def test_a_terminal_gets_a_shell_with_job_control(up: Demo) -> None:
    words = " ".join(up.argv("limactl", "shell", "app"))
    typed = "echo on=$TERM; tty -s && echo tty; sleep 100 & jobs; kill %1; exit 7\n"
    done = subprocess.run(
        ("script", "-qec", words, "/dev/null"), input=typed, capture_output=True, text=True, timeout=30, check=False,
        env=up.environment({"TERM": "xterm"}),
    )  # fmt: skip
    assert done.returncode == 7, done.stdout
    assert "on=xterm" in done.stdout
    assert "dev@lima-app:~$" in done.stdout
    assert "Running" in done.stdout
    assert "no job control" not in done.stdout


def test_without_a_terminal_the_guest_has_none(up: Demo) -> None:
    assert up.shell("app", "sh", "-c", ": </dev/tty").code != 0


def test_ssh_takes_one_shell_string_and_the_guests_plain_bash(up: Demo) -> None:
    assert (
        up.ssh("app", "-oLogLevel=ERROR", "-oConnectTimeout=5", "echo 'a  b' $HOME; cat", stdin="in").stdout
        == "a  b /home/dev\nin"
    )
    assert up.ssh("app", "exit 3").code == 3
    assert up.ssh("app", "-oControlPath=none", "kill -9 $$").code == 255


def test_the_ssh_master_can_be_asked_and_ended(demo: Demo) -> None:
    demo.up("app")
    assert "Master running" in demo.ssh("app", "-Ocheck").stderr
    assert demo.ssh("app", "-Oexit").code == 0
    assert demo.ssh("app", "-Ocheck").code == 255
    assert demo.ssh("app", "-oControlPath=none", "true").code == 0
    assert demo.ssh("app", "-Ocheck").code == 255
    assert demo.ssh("app", "true").code == 0
    assert demo.ssh("app", "-Ocheck").code == 0


def test_ssh_says_what_real_ssh_says_when_nobody_is_there(demo: Demo) -> None:
    demo.up("app")
    demo.limactl("stop", "app")
    refused = demo.ssh("app", "true")
    assert refused.code == 255
    assert "Connection refused" in refused.stderr
    stranger = demo.run("ssh", "-F", f"{demo.home}/app/ssh.config", "lima-other", "--", "true")
    assert (stranger.code, "Could not resolve hostname lima-other" in stranger.stderr) == (255, True)


def test_a_clones_ssh_config_points_at_its_origin_until_it_is_started(demo: Demo) -> None:
    demo.up("app")
    demo.shell("app", "sh", "-c", "echo origin >~/who")
    demo.limactl("stop", "app")
    assert demo.limactl("clone", "app", "twin").code == 0
    demo.limactl("start", "app")
    assert "lima-app" in (demo.home / "twin/ssh.config").read_text()
    assert demo.ssh("twin", "true").code == 255  # its own alias is not there yet
    assert demo.limactl("start", "twin").code == 0
    assert demo.ssh("twin", "cat ~/who; hostname").stdout.split() == ["origin", "lima-twin"]
    same = [demo.shell(name, "cat", "/etc/machine-id").stdout for name in ("app", "twin")]
    assert same[0] == same[1] != ""


def test_running_comes_before_reachable(demo: Demo, until: Until) -> None:
    demo.create("app")
    starting = demo.start("start", "app", DVM_DEMO_BOOT="600")
    until(lambda: demo.status("app") == "Running")
    for answer in (demo.shell("app", "true"), demo.ssh("app", "true")):
        assert (answer.code, answer.stdout) == (255, "")
    again = demo.limactl("start", "app")
    assert again.code == 0
    assert "already running" in again.stderr
    demo.limactl("stop", "app")
    assert starting.wait(10) == 1


def test_copies_go_both_ways_and_follow_no_link_of_the_guest(up: Demo) -> None:
    work = up.home.parent
    (work / "d/sub").mkdir(parents=True)
    (work / "d/sub/a b").write_bytes(b"\0\xff")
    assert up.limactl("copy", "--backend", "scp", "-r", str(work / "d"), "app:/home/dev/").code == 0
    assert up.limactl("copy", "--backend", "scp", "-r", "app:/home/dev/d", str(work / "back")).code == 0
    assert (work / "back/sub/a b").read_bytes() == b"\0\xff"
    (work / "victim").write_text("mine")
    up.shell("app", "sh", "-c", f"mkdir bad; ln -s {work}/victim bad/out; ln -s /etc/hostname name")
    refused = up.limactl("copy", "--backend", "scp", "-r", "app:bad", str(work / "got"))
    assert refused.code == 1
    assert not (work / "got/out").exists()
    assert up.limactl("copy", "--backend", "scp", "app:name", str(work / "name")).code == 0
    assert (work / "name").read_text() == "lima-app\n"


def test_a_guest_full_of_closed_folders_can_be_deleted(fresh: Demo) -> None:
    fresh.shell("app", "sh", "-c", "mkdir -p a/b/c; touch a/b/c/f; chmod 0 a/b/c a/b a; ln -s / root")
    assert fresh.limactl("delete", "-f", "app").code == 0
    assert not (fresh.home / "app").exists()


def test_the_guest_ends_when_its_folder_goes(demo: Demo, until: Until) -> None:
    demo.up("app")
    agent = demo.listed()["app"]["hostAgentPID"]
    (demo.home / "app").rename(demo.home.parent / "elsewhere")
    (demo.home.parent / "elsewhere/lima.yaml").unlink()
    until(lambda: not Path(f"/proc/{agent}").exists() or "Z" in Path(f"/proc/{agent}/stat").read_text().split()[2])
