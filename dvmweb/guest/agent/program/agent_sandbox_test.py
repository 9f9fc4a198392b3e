"""The sandbox test: attacks from inside a sandbox that is the same as an agent's, except for the program in it.

`test` runs as root: it plants canaries, starts the attacks (agent_attack.py) and collects their results. Run as a
program, this file plants the canaries as the main user, outside the sandbox: files, sockets, a process and its
environment, all with a token. It removes them when its stdin ends.

A check whose canary could not be planted is reported as "unknown", never as passed.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import agent_bwrap as bwrap
import agent_kernel as kernel
from agent_setting import HERE, code_dir, read_setting

SECONDS = 20.0
MOST_BYTES, MOST_FOUND = 4_000_000, 20
VARIABLE = "DVM_SANDBOX_CANARY"
COMMANDS = {"mistral": "vibe"}
# What an agent must not see: paths that may have secrets or give privileges, below the home folder and elsewhere.
IN_HOME = """.ssh .bash_history .zsh_history .local/share/fish/fish_history .gitconfig .config .git-credentials
.netrc .gnupg .npmrc .docker .kube .aws .bashrc .profile .zshrc""".split()
ELSEWHERE = """/etc/shadow /etc/sudoers /etc/sudoers.d /etc/ssh /etc/dvm /root /var/lib/dvm /var/log /boot /sys /mnt
/srv /opt /var/lib/systemd /run/systemd /run/dbus/system_bus_socket /run/docker.sock /run/podman/podman.sock
/run/containerd /run/lima-guestagent.sock /mnt/lima-cidata /run/user /run/sudo /run/screen /run/lock""".split()


# ---- outside, as root ----


def test(agent: Any, name: str) -> int:
    out = os.fdopen(os.dup(1), "w")
    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    signal.alarm(int(SECONDS) + 5)  # a hard limit: it ends this process and all that it started
    try:
        found = attacked(agent, name)
    except kernel.Refused as error:
        found = [("unknown", f"The launcher refused to start: {error}")]
    except OSError as error:
        found = [("unknown", f"The sandbox could not be built: {error}")]
    findings = [(kind, text) for kind, text in found if kind != "pass"]
    findings.sort()  # "failed" before "unknown"
    for kind, text in findings[:MOST_FOUND]:
        print(kind, one_line(text), file=out)
    print("count", len(found), file=out)
    result = findings[0][0] if findings else "passed"
    print("result", result, file=out, flush=True)
    return 0 if result == "passed" else 1


def one_line(text: str) -> str:
    return "".join(character if " " <= character <= "~" else "?" for character in text)[:200]


def attacked(agent: Any, name: str) -> list[tuple[str, str]]:
    setting = read_setting()
    kernel.own_mounts()
    code = code_dir(setting)
    checked = agent.build(setting, code)
    token = secrets.token_hex(16)
    os.environ[VARIABLE] = token
    with Planter(setting, token) as planted:
        task = {
            "token": token,
            "planted": planted,
            "canaries": canaries(token, setting.main.pw_dir, os.path.dirname(os.path.realpath(setting.code))),
            "user": setting.agent.pw_uid,
            "home": setting.agent.pw_dir,
            "there": [path for path in outside(setting.main.pw_dir) if os.path.lexists(path)],
            "read_only": checked.read_only,
            "fixed": checked.fixed,
            "wrapper": f"/usr/local/bin/{COMMANDS.get(name, name)}",
            "scopes": kernel.can_scope(),
        }
        read, write = os.pipe()
        os.set_inheritable(write, True)
        box = bwrap.sandbox(setting, "", {}, bwrap.WORKSPACE)
        program = (
            bwrap.PYTHON,
            "-IS",
            f"{HERE}/agent_attack.py",
            str(write),
            bwrap.data(json.dumps(task).encode()),
        )
        child = bwrap.start(box, program)
        os.close(write)
        found = read_results(read)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return found


def outside(home: str) -> list[str]:
    return [home, *(f"{home}/{name}" for name in IN_HOME), *ELSEWHERE]


def read_results(pipe: int) -> list[tuple[str, str]]:
    """The results of the attacks; incomplete or late ones end with an "unknown"."""
    text, end = b"", time.monotonic() + SECONDS
    while len(text) < MOST_BYTES:
        ready, _, _ = select.select([pipe], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            break
        piece = os.read(pipe, 65536)
        if not piece:
            break
        text += piece
    lines = [json.loads(line) for line in text.split(b"\n")[:-1]]
    found = [(str(kind), str(what)) for kind, what in lines]
    if not found or found[-1] != ("end", ""):
        return [*found, ("unknown", "The attacks did not finish.")]
    return found[:-1]


class Planter:
    """A process of the main user that holds the canaries until the context ends."""

    def __init__(self, setting: Any, token: str) -> None:
        self.setting, self.token = setting, token

    def __enter__(self) -> list[str]:
        main = self.setting.main
        words = ["/usr/bin/python3", "-IS", f"{HERE}/agent_sandbox_test.py", self.token, main.pw_dir]
        self.process = subprocess.Popen(
            [*words, os.path.dirname(os.path.realpath(self.setting.code))],
            env={VARIABLE: self.token, "PATH": "/usr/bin:/bin"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            user=main.pw_uid,
            group=main.pw_gid,
            extra_groups=[],
            cwd="/",
        )
        output = self.process.stdout
        line = output.readline() if output and select.select([output], [], [], SECONDS)[0] else b""
        return [str(name) for name in json.loads(line or b"[]")]

    def __exit__(self, *_: object) -> None:
        if self.process.stdin:
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self.process.kill()
        self.process.wait()


# ---- outside, as the main user ----


def canaries(token: str, home: str, parent: str) -> dict[str, str]:
    """Name and path of each canary file."""
    return {
        "a file in the user's home": f"{home}/.dvm-sandbox-{token}",
        "a file in another project": f"{parent}/.dvm-sandbox-{token}/file",
        "a file in the system's /tmp": f"/tmp/dvm-sandbox-{token}",
    }


def plant(token: str, home: str, parent: str) -> None:
    done = ["the user's process", "the user's environment"]
    files = canaries(token, home, parent)
    for what, path in files.items():
        with contextlib.suppress(OSError):
            with contextlib.suppress(FileExistsError):
                os.mkdir(os.path.dirname(path), 0o755)
            with open(path, "w", encoding="ascii") as file:
                file.write(token)
            os.chmod(path, 0o644)
            done.append(what)
    held = []
    for what, address in (
        ("a socket of the user's", f"/tmp/dvm-sandbox-{token}.sock"),
        ("an abstract socket", f"\0dvm-{token}"),
    ):
        with contextlib.suppress(OSError):
            server = socket.socket(socket.AF_UNIX)
            server.bind(address)
            if address.startswith("/"):
                os.chmod(address, 0o777)
            server.listen(5)
            held.append(server)
            done.append(what)
    memory = ctypes.CDLL(None).shmget(int(token[:7], 16), 4096, 0o1666)
    if memory >= 0:
        done.append("shared memory")
    try:
        print(json.dumps(done), flush=True)
        sys.stdin.read()
    finally:
        ctypes.CDLL(None).shmctl(memory, 0, None)
        for path in (*files.values(), f"/tmp/dvm-sandbox-{token}.sock"):
            with contextlib.suppress(OSError):
                os.unlink(path)
        with contextlib.suppress(OSError):
            os.rmdir(f"{parent}/.dvm-sandbox-{token}")


if __name__ == "__main__":
    plant(*sys.argv[1:])
