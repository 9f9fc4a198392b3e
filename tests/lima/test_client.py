"""The verbs against small real programs: order of calls, hazards of lima-measured.md 4, errors, environment (G08)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from dvmweb.errors import CheckFailed, DvmError, ExitCode, NoEngine
from dvmweb.lima import client, commands, ledger, process
from dvmweb.lima.connections import end_connections
from dvmweb.lima.engine import find_engine
from dvmweb.lima.failures import LimaError, last_lines
from dvmweb.lima.process import Finished
from dvmweb.lima.script_payload import GuestScript
from dvmweb.paths import from_environment
from tests.lima.dvm_home import DvmHome, listing


def test_list_and_find(dvm_home: DvmHome) -> None:
    dvm_home.limactl(listing(status="Running"))
    found = dvm_home.lima().find("dvm-t1")
    assert found is not None
    assert (found.name, found.is_running) == ("dvm-t1", True)
    assert dvm_home.lima().find("dvm-other") is None
    assert dvm_home.said()[0] == ["limactl", *commands.list_all()[1:]]


def test_a_list_that_fails_is_never_an_empty_one(dvm_home: DvmHome) -> None:
    dvm_home.limactl(
        'print(\'{"name": "a"}\'); print(\'time="x" level=fatal msg="no way"\', file=sys.stderr); sys.exit(1)'
    )
    with pytest.raises(LimaError) as caught:
        dvm_home.lima().find("dvm-t1")
    assert caught.value.what == "`limactl list` failed: no way (exit code 1).\n  fatal: no way"
    assert caught.value.command.startswith(f"{dvm_home.bin}/limactl list --tty=false")


def test_r13_a_list_that_hangs_ends_at_its_deadline(dvm_home: DvmHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LIST", 0.5)
    dvm_home.limactl("time.sleep(600)")
    with pytest.raises(LimaError, match=r"`limactl list` did not finish within [0-9]+ s and was stopped"):
        dvm_home.lima().list()
    [entry] = ledger.read(dvm_home.paths)
    assert entry.ended == "deadline"


@pytest.fixture
def leftovers(dvm_home: DvmHome) -> list[subprocess.Popen[bytes]]:
    """A terminal and a master of dvm-t1, and an ssh to another VM, as a forced stop leaves them (3f)."""
    ssh = dvm_home.bin / "ssh"
    ssh.unlink()
    ssh.symlink_to("/bin/sleep")  # the process is then named "ssh"
    folder = dvm_home.paths.lima_home
    arguments = (f"{folder}/dvm-t1/ssh.config", f"{folder}/dvm-t1/ssh.sock", f"{folder}/dvm-t10/ssh.sock")
    return [
        subprocess.Popen(("bash", "-c", f'exec -a "ssh: {argument} [mux]" {dvm_home.bin}/ssh 600'))
        for argument in arguments
    ]


def test_a_forced_stop_ends_terminals_and_master(dvm_home: DvmHome, leftovers: list[subprocess.Popen[bytes]]) -> None:
    *ours, other = leftovers
    try:
        for child in leftovers:
            _wait_for_name(child.pid)
        assert dvm_home.lima().end_connections("dvm-t1") == len(ours)
        assert [psutil.pid_exists(child.pid) for child in ours] == [False, False]
        assert other.poll() is None
    finally:
        for child in leftovers:
            child.kill()
            child.wait()


def _wait_for_name(pid: int) -> None:
    for _ in range(500):
        if psutil.Process(pid).name() == "ssh":
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never became ssh")


def test_only_the_master_is_ended_where_only_it_hangs(
    dvm_home: DvmHome, leftovers: list[subprocess.Popen[bytes]]
) -> None:
    terminal, master, other = leftovers
    try:
        for child in leftovers:
            _wait_for_name(child.pid)
        assert end_connections(dvm_home.paths.lima_home / "dvm-t1", only_master=True) == 1
        assert [psutil.pid_exists(child.pid) for child in (terminal, master, other)] == [True, False, True]
    finally:
        for child in leftovers:
            child.kill()
            child.wait()


def test_ending_connections_where_there_are_none(tmp_path: Path) -> None:
    assert end_connections(tmp_path) == 0


def test_every_command_is_in_the_ledger_and_no_stdin(dvm_home: DvmHome) -> None:
    dvm_home.limactl("sys.stdin.read(); sys.exit(3)")
    lima = dvm_home.lima(vm="t1", job="j1")
    finished = lima.run(commands.shell("dvm-t1", ("cat",)), 20, stdin=b"canary")
    assert finished.code == 3
    [entry] = ledger.read(dvm_home.paths, vm="t1", job="j1")
    assert entry.argv == (f"{dvm_home.bin}/limactl", "shell", "--tty=false", "dvm-t1", "--", "env", "cat")
    assert (entry.code, entry.ended) == (3, "exit")
    assert b"canary" not in dvm_home.paths.ledger.read_bytes()


def test_g08_only_the_allow_list_reaches_a_child(dvm_home: DvmHome) -> None:
    names = ("SSH_AUTH_SOCK", "AWS_SECRET_ACCESS_KEY", "SSH", "LIMA_INSTANCE", "_LIMA_OUTPUT_IS_TTY", "DVM_DEMO_X")
    dvm_home.environ.update(dict.fromkeys(names, "canary"))
    dvm_home.limactl("print(json.dumps(dict(os.environ)))")
    said = dvm_home.lima().run(("limactl", "info"), 20).stdout
    assert b"canary" not in said
    assert f'"LIMA_HOME": "{dvm_home.paths.lima_home}"'.encode() in said
    assert b"DVM_GUEST_NETWORK" not in said
    assert b'"DVM_GUEST_NETWORK": "1"' in dvm_home.lima().run(("limactl", "info"), 20, network=True).stdout


def test_limactl_saves_its_rejected_files_in_our_state_folder(dvm_home: DvmHome) -> None:
    dvm_home.limactl("print(os.getcwd())")
    assert dvm_home.lima().run(("limactl", "edit"), 20).stdout.strip() == str(dvm_home.paths.state).encode()


def test_attach_runs_the_engines_own_program(dvm_home: DvmHome) -> None:
    dvm_home.limactl("sys.exit(7 if argv == ['shell', '--tty=false', 'dvm-t1'] else 1)")
    assert dvm_home.lima().attach(commands.shell("dvm-t1")) == 7


def test_a_version_that_is_too_old(dvm_home: DvmHome) -> None:
    dvm_home.limactl("print('limactl version 1.2.2')")
    with pytest.raises(NoEngine, match="too old"):
        dvm_home.lima().version()


def test_root_is_told_what_to_do(dvm_home: DvmHome) -> None:
    dvm_home.limactl("print('limactl: must not run as the root user', file=sys.stderr); sys.exit(1)")
    with pytest.raises(LimaError, match="run dvm as your ordinary user"):
        dvm_home.lima().version()


# -- asking ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(dvm_home: DvmHome) -> DvmHome:
    folder = dvm_home.paths.lima_home / "dvm-t1"
    folder.mkdir(parents=True)
    (folder / "ssh.config").write_text("Host lima-dvm-t1\n")
    return dvm_home


QUESTION = GuestScript("echo answer")


def kinds(dvm_home: DvmHome) -> list[str]:
    """How ssh was called: warm, exit, fresh."""
    return ["exit" if "-O" in call else "fresh" if "ControlPath=none" in call else "warm" for call in dvm_home.said()]


def test_a_question_takes_one_warm_call(asked: DvmHome) -> None:
    asked.ssh("os.execvp('bash', ['bash', '-c', argv[-1]])")
    assert asked.lima().query("dvm-t1", QUESTION).stdout == b"answer\n"
    assert kinds(asked) == ["warm"]
    assert asked.said()[0][1:3] == ["-F", f"{asked.paths.lima_home}/dvm-t1/ssh.config"]


def test_r16_a_dead_master_is_ended_and_a_fresh_connection_asked(asked: DvmHome) -> None:
    asked.ssh("if 'ControlPath=none' in argv:\n    os.execvp('bash', ['bash', '-c', argv[-1]])\nsys.exit(255)")
    assert asked.lima().query("dvm-t1", QUESTION).stdout == b"answer\n"
    assert kinds(asked) == ["warm", "exit", "fresh"]


def test_r16_a_silent_master_ends_at_the_deadline_and_a_fresh_connection_is_asked(asked: DvmHome) -> None:
    asked.ssh(
        "if 'ControlPath=none' in argv:\n    print('fresh'); sys.exit(0)\nif '-O' not in argv:\n    time.sleep(600)"
    )
    assert asked.lima().query("dvm-t1", QUESTION, 1.0).stdout == b"fresh\n"
    assert kinds(asked) == ["warm", "exit", "fresh"]


@pytest.mark.parametrize("end", ["sys.exit(1)", "sys.exit(69)", "time.sleep(600)"])
def test_an_answer_that_is_bad_or_slow_is_not_asked_for_again(asked: DvmHome, end: str) -> None:
    asked.ssh(f"print('begun', flush=True)\n{end}")
    assert asked.lima().query("dvm-t1", QUESTION, 1.0).stdout == b"begun\n"
    assert kinds(asked) == ["warm"]


def test_one_that_was_never_started_is_not_asked(dvm_home: DvmHome) -> None:
    with pytest.raises(CheckFailed, match="never started"):
        dvm_home.lima().query("dvm-t1", QUESTION)
    assert dvm_home.said() == []


def test_a_stream_takes_a_connection_of_its_own(asked: DvmHome) -> None:
    asked.ssh("os.execvp('bash', ['bash', '-c', argv[-1]])")
    script = GuestScript("head -c 4 stream", takes_stream=True)
    ours, theirs = os.pipe()
    os.write(theirs, script.payload() + b"more")
    finished = asked.lima().stream("dvm-t1", script, ours, 20)
    for descriptor in (ours, theirs):
        os.close(descriptor)
    assert (finished.stdout, finished.code) == (b"more", 0)
    assert kinds(asked) == ["fresh"]
    with pytest.raises(CheckFailed, match="never started"):
        asked.lima().stream("dvm-other", script, 0, 20)


def test_a_demo_guest_hears_of_its_tests(dvm_home: DvmHome) -> None:
    environ = {**dvm_home.environ, "DVM_ENGINE": "demo", "DVM_DEMO_BOOT": "3"}
    paths = from_environment(environ)
    lima = client.Lima(find_engine(environ, paths), paths, environ)
    assert lima.environment()["DVM_DEMO_BOOT"] == "3"
    assert lima.resolve(("limactl", "list")) == (*lima.engine.limactl, "list")
    assert lima.version() == ("demo", "")


# -- errors ---------------------------------------------------------------------------------------------------------


def failed(stderr: bytes, **more: object) -> Finished:
    values = {"code": 1, "stdout": b"", "seconds": 1.0, **more}
    return Finished(("/usr/bin/limactl", "start", "dvm-app"), stderr=stderr, **values)  # type: ignore[arg-type]


def test_log_lines_are_shown_without_their_wrapping() -> None:
    line = b'time="2026-11-24T12:00:00Z" level=fatal msg="a \\"b\\"\\nsecond \\x1b[31m" error="why"\n'
    assert last_lines(b'time="t" level=info msg=plain\n' + line + b"raw \x1b[31mred\x1b[0m\x07\n") == (
        "plain",
        'fatal: a "b"',
        "second ",
        'error="why"',
        "raw red\\x07",
    )


@pytest.mark.parametrize(
    ("said", "todo"),
    [
        ("seems running (hint: remove", "Its host agent crashed: `dvm stop app --force`, then try again."),
        (
            "is protected to prohibit",
            "The instance is protected. To remove the protection: `limactl unprotect dvm-app`",
        ),
        ("cannot edit a running instance", "Stop it first: `dvm stop app`"),
        (
            "degraded, status={Running:true Degraded:true}",
            "The VM is running, but Lima's guest agent was too slow, so ports may be closed: run the same again. "
            "If a port stays closed: `dvm stop app`, then `dvm start app`.",
        ),
    ],
)
def test_a_way_out_can_be_copied_with_its_name(said: str, todo: str) -> None:
    argv = ("limactl", "edit", "--tty=false", "--set", ".cpus = 2", "dvm-app")
    assert LimaError(Finished(argv, 1, b"", said.encode(), 0.1)).todo == todo


def test_only_the_last_lines_are_in_the_error() -> None:
    error = LimaError(failed(b"".join(b"line %d\n" % number for number in range(100))))
    assert error.what.splitlines()[1].strip() == "line 85"
    assert error.what.splitlines()[-1].strip() == "line 99"
    assert error.command == "/usr/bin/limactl start dvm-app"
    assert error.todo


def test_a_cancelled_command_has_its_own_exit_code() -> None:
    assert LimaError(failed(b"", ended=process.CANCELLED)).exit_code is ExitCode.CANCELLED
    assert LimaError(failed(b"")).exit_code is ExitCode.FAILED
    assert DvmError.exit_code is ExitCode.FAILED


def test_the_error_of_a_missing_program_is_readable(dvm_home: DvmHome) -> None:
    lima = dvm_home.lima()
    (dvm_home.bin / "limactl").unlink()
    with pytest.raises(DvmError, match="limactl cannot be run: No such file"):
        lima.list()


def test_the_room_is_cheap_to_import() -> None:
    heavy = "yaml psutil rich click".split()  # noqa: SIM905
    body = f"import sys; import dvmweb.lima.client; print([name for name in {heavy!r} if name in sys.modules])"
    env = {"PYTHONPATH": str(Path(client.__file__).parents[2]), "PATH": os.environ["PATH"]}
    done = subprocess.run((sys.executable, "-c", body), env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
