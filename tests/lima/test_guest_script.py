"""A guest script through the real bootstrap: what arrives, what it returns, what is left behind."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvmweb.errors import UsageError
from dvmweb.lima import commands
from dvmweb.lima.engine import Engine
from dvmweb.lima.process import Finished, run
from dvmweb.lima.script_payload import BOOTSTRAP, CUT, GuestScript, is_guest_script

ENGINE = Engine("lima", ("/usr/bin/limactl",), ("/usr/bin/ssh",))


def guest_run(script: GuestScript, home: Path, timeout: float = 30) -> Finished:
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    return run(script.argv(), env=env, timeout=timeout, stdin=script.payload())


def test_files_variables_secrets_and_the_exit_code(tmp_path: Path) -> None:
    script = GuestScript(
        'cat _lib.sh; printf "%s|" "$DVM_A"; cat "$DVM_TOKEN_FILE"; stat -c %a "$DVM_TOKEN_FILE" . ; '
        'ls; cat; echo "$0" >&2; exit 37',
        {"_lib.sh": "it's\n\\n $x `y`\n"},
        {"DVM_A": "a 'b'\n$(c)"},
        {"token": b"\x00\xffsecret"},
    )
    finished = guest_run(script, tmp_path)
    said = b"it's\n\\n $x `y`\na 'b'\n$(c)|\x00\xffsecret600\n700\n_lib.sh\nmain\n"
    assert (finished.stdout, finished.stderr, finished.code) == (said, b"./main\n", 37)
    assert list(tmp_path.iterdir()) == []


def test_trap_t1_a_command_that_reads_stdin_eats_nothing(tmp_path: Path) -> None:
    finished = guest_run(GuestScript("echo one\ncat >/dev/null\necho two\nexit 7\n"), tmp_path)
    assert (finished.stdout, finished.code) == (b"one\ntwo\n", 7)


@pytest.mark.parametrize("kept", [0, 1, 40, -1])
def test_a_cut_stream_runs_nothing(tmp_path: Path, kept: int) -> None:
    script = GuestScript(f"touch {tmp_path}/ran")
    env = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(script.argv(), input=script.payload()[:kept], env=env, capture_output=True, check=False)
    assert done.returncode == CUT
    assert b"did not arrive whole" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_end_of_stdin_ends_the_script_and_all_it_started(tmp_path: Path) -> None:
    """A cancelled job or a lost connection must not leave a recipe running in the guest."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    script = GuestScript(
        f'trap "" TERM\n(trap "" TERM; sleep 600; touch {tmp_path}/late) & echo up >{fifo}; wait; sleep 600'
    )
    env = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path)}
    guest = subprocess.Popen(script.argv(), stdin=subprocess.PIPE, env=env, start_new_session=True)
    assert guest.stdin is not None
    guest.stdin.write(script.payload())
    guest.stdin.flush()
    assert fifo.read_text() == "up\n"
    began = time.monotonic()
    guest.stdin.close()
    assert guest.wait(timeout=30) == 137
    assert time.monotonic() - began < 10
    assert [process for process in psutil.process_iter() if _is_of_session(process, guest.pid)] == []
    assert list(tmp_path.iterdir()) == [fifo]


def _is_of_session(process: psutil.Process, session: int) -> bool:
    with suppress(psutil.Error, ProcessLookupError):
        return os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE
    return False


def test_a_runtime_folder_with_an_odd_name_is_cleaned_too(tmp_path: Path) -> None:
    folder = tmp_path / "a b; c"
    folder.mkdir()
    assert guest_run(GuestScript("exit 3"), folder).code == 3
    assert list(folder.iterdir()) == []


def test_no_runtime_folder_falls_back_to_tmp() -> None:
    script = GuestScript("pwd")
    env = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": "/nowhere"}
    finished = run(script.argv(), env=env, timeout=30, stdin=script.payload())
    assert finished.stdout.startswith(b"/tmp/dvm.")


@pytest.mark.parametrize("name", ["mktemp", "wc", "cat", "env", "id", "stat"])
def test_few_programs_of_the_guest_are_run_and_none_is_believed(tmp_path: Path, name: str) -> None:
    """A guest may have put its own programs on its PATH; and on a slow one each program is felt."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "bin" / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\nexec yes\n")
    (tmp_path / "bin" / name).chmod(0o755)
    script = GuestScript(f"touch {tmp_path}/ran")
    env = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    little_memory = ("prlimit", f"--data={256 << 20}", "--")
    finished = run((*little_memory, *script.argv()), env=env, timeout=20, stdin=script.payload())
    assert (finished.code, finished.ended) == (0, "exit")
    assert (tmp_path / "ran").exists()
    assert not (tmp_path / "asked").exists()
    assert list((tmp_path / "run").iterdir()) == []


def test_a_head_that_says_something_else_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "head").write_text("#!/bin/sh\necho true\n")
    (tmp_path / "bin" / "head").chmod(0o755)
    script = GuestScript(f"touch {tmp_path}/ran")
    env = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "XDG_RUNTIME_DIR": str(tmp_path)}
    finished = run(script.argv(), env=env, timeout=20, stdin=script.payload())
    assert (finished.code, finished.ended) == (CUT, "exit")
    assert not (tmp_path / "ran").exists()


def streamed(script: GuestScript, home: Path, data: bytes) -> Finished:
    """Run a script whose stdin is a pipe of ours, with `data` behind the payload."""
    ours, theirs = os.pipe()
    env = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(home)}

    def begin(_pid: int) -> None:
        os.close(ours)
        os.write(theirs, script.payload() + data)

    try:
        return run(script.argv(), env=env, timeout=30, stdin=ours, on_started=begin)
    finally:
        os.close(theirs)


def test_what_comes_behind_the_payload_is_a_pipe_beside_the_script(tmp_path: Path) -> None:
    script = GuestScript("exec 4<stream; head -c 5 <&4; cat; ls", takes_stream=True)
    finished = streamed(script, tmp_path, b"a\0b\ncd")
    assert (finished.stdout, finished.code) == (b"a\0b\ncmain\nstream\n", 0)
    assert list(tmp_path.iterdir()) == []


def test_a_script_that_never_opens_its_stream_leaves_nothing_running(tmp_path: Path) -> None:
    finished = streamed(GuestScript("exit 3", takes_stream=True), tmp_path, b"x")
    assert (finished.code, finished.ended) == (3, "exit")
    assert list(tmp_path.iterdir()) == []
    assert [one for one in psutil.process_iter() if _names(one, str(tmp_path))] == []


def test_the_end_of_a_stream_ends_the_script(tmp_path: Path) -> None:
    script = GuestScript(f"exec 4<stream; echo up; read -r -u 4; sleep 600; touch {tmp_path}/late", takes_stream=True)
    env = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path)}
    guest = subprocess.Popen(script.argv(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
    assert guest.stdin is not None
    assert guest.stdout is not None
    guest.stdin.write(script.payload() + b"line\n")
    guest.stdin.flush()
    assert guest.stdout.readline() == b"up\n"
    guest.stdin.close()
    assert guest.wait(timeout=30) == 143
    guest.stdout.close()
    assert list(tmp_path.iterdir()) == []


def test_a_signal_ends_the_stream_first_so_that_the_script_can_clean_up(tmp_path: Path) -> None:
    """A shell between fork and exec can lose a TERM: what then still reads the stream has to see its end."""
    left = tmp_path / "left"
    # The end of the stream can be seen well before the TERM: the script waits for it in the shell itself.
    script = GuestScript(
        f"trap 'rm {left}; exit' TERM\nexec 4<stream\ntouch {left}\n"
        "(trap '' TERM; echo up; exec cat <&4 >/dev/null)\nwhile :; do :; done\n",
        takes_stream=True,
    )
    env = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path)}
    guest = subprocess.Popen(script.argv(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
    assert guest.stdin is not None
    assert guest.stdout is not None
    guest.stdin.write(script.payload())
    guest.stdin.flush()  # and it stays open, as the pipe of a host that has not gone
    assert guest.stdout.readline() == b"up\n"
    guest.terminate()
    assert guest.wait(timeout=30) == 143
    assert not left.exists()
    guest.stdin.close()
    guest.stdout.close()


def _names(process: psutil.Process, word: str) -> bool:
    with suppress(psutil.Error):
        return any(word in value for value in process.environ().values())
    return False


@settings(max_examples=15)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")), secret=st.binary())
def test_any_text_and_any_secret_arrive_unchanged(text: str, secret: bytes) -> None:
    script = GuestScript('cat file; printf %s "$V"; cat "$DVM_S_FILE"', {"file": text}, {"V": text}, {"s": secret})
    finished = run(script.argv(), env={"PATH": os.environ["PATH"]}, timeout=30, stdin=script.payload())
    assert finished.stdout == text.encode() * 2 + secret


@pytest.mark.parametrize(
    "script",
    [
        GuestScript("a\0b"),
        GuestScript("", {"../x": ""}),
        GuestScript("", {"a b": ""}),
        GuestScript("", {"-x": ""}),
        GuestScript("", {}, {"A=B": ""}),
        GuestScript("", {}, {"A": "x\0"}),
        GuestScript("", {}, {}, {"T": b""}),
        GuestScript("", {}, {}, {"a;b": b""}),
        GuestScript("\udcff"),
        GuestScript("x" * 5_000_000),
    ],
)
def test_what_cannot_travel_is_refused(script: GuestScript) -> None:
    with pytest.raises(UsageError):
        script.payload()


def test_secrets_are_in_the_payload_only() -> None:
    script = GuestScript("true", secrets={"token": b"canary"})
    assert "canary" not in repr(script)
    assert all("canary" not in word for word in script.argv())


def test_the_bootstrap_survives_every_login_shell() -> None:
    assert "\\" not in BOOTSTRAP
    assert "'" not in BOOTSTRAP


def test_both_ways_into_the_guest_are_known_as_guest_scripts() -> None:
    script = GuestScript("true")
    assert is_guest_script(commands.shell("dvm-app", script.argv()))
    assert is_guest_script(commands.ssh(ENGINE, Path("/l"), "dvm-app", script.argv()))
    assert not is_guest_script(commands.shell("dvm-app", ("ls", "-l")))


def test_s10_a_script_is_asked_again_with_another_nonce_by_the_same_command() -> None:
    script = GuestScript("true", {"x": "y"}, {"DVM_NONCE": "0" * 32, "DVM_NAME": "a"})
    again = script.with_nonce("1" * 32)
    assert (again.argv(), again.payload()) == (script.argv(), script.payload().replace(b"0" * 32, b"1" * 32))
    assert GuestScript("true").with_nonce("1" * 32) == GuestScript("true")
