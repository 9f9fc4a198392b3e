#!/usr/bin/python3 -IS
"""The launcher of all agents: builds the sandbox as root, drops all privileges, runs the agent.

    launcher.py run FOLDER PIPE [VARIABLE=VALUE...] -- PROGRAM [ARGUMENT...]
                               run PROGRAM in the sandbox; PIPE: the pipe of its terminal, or ""
    launcher.py test NAME      test the sandbox of an agent, with the attacks of agent_sandbox_test.py
    launcher.py share          give both users access to the project, and check what an agent left in it
    launcher.py check FOLDER   succeed if the sandbox is set up for this code folder; needs no root

The main user's wrapper runs it through sudo. The project is hostile: nothing in it can change what runs here. The file
`setting` beside this one belongs to root: AGENT_USER MAIN_USER CODE_DIR.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import stat
import sys
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

# Isolated mode leaves the script's folder out of sys.path; only root can write there.
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import agent_kernel as kernel
import agent_running as running
from agent_bwrap import BWRAP, PYTHON, STAGE, WORKSPACE, sandbox, start
from agent_kernel import O_PATH, Refused
from agent_project import ProjectCheck, Walk, plain
from agent_setting import HERE, Setting, code_dir, read_setting, setting_words

NOT_RUN = 125
COARSE = 2_000_000_000  # ns; the time of a change can be late by this much


def warn(text: str) -> None:
    print(f"dvm: {text}", file=sys.stderr)


def beginning(setting: Setting, folder: str) -> str:
    """The working folder in the sandbox of an agent that is started in `folder`. Raises Refused outside the project."""
    below = os.path.relpath(os.path.realpath(folder), os.path.realpath(setting.code))
    if below == ".." or below.startswith("../"):
        raise Refused(f"An agent can run only in the project. First: cd {setting.code}")
    return os.path.normpath(f"{WORKSPACE}/{below}")


def status_pipe(path: str, setting: Setting) -> str:
    """The pipe for the agent's status, "" unless it is one that the main user made."""
    if re.fullmatch(r"/tmp/dvm-tell\.[A-Za-z0-9]{1,20}/tell", path):
        with contextlib.suppress(OSError):
            pipe, folder = os.lstat(path), os.lstat(os.path.dirname(path))
            if stat.S_ISFIFO(pipe.st_mode) and pipe.st_uid == folder.st_uid == setting.main.pw_uid:
                return path
    return ""


# ---- the project in the sandbox ----


def check_project(setting: Setting, code: int, own: str = "") -> ProjectCheck:
    """Check the whole project; permissions are set only on what has changed since the last check."""
    agent, main = setting.agent, setting.main.pw_uid
    whose = f"{agent.pw_uid, main} {os.fstat(code).st_dev} {os.fstat(code).st_ino}"
    with running.alone(own) as is_doubtful:
        begun = time.time_ns() - COARSE
        checked = Walk(agent.pw_uid, agent.pw_gid, main, last_check(whose), is_doubtful=is_doubtful).go(code)
        with open(f"{HERE}/checked", "w", encoding="ascii") as file:
            file.write(f"{whose}\n{begun}\n")
    for line in checked.messages:
        warn(line)
    return checked


def last_check(whose: str) -> int:
    try:
        with open(f"{HERE}/checked", encoding="ascii") as file:
            before, begun, *_ = file.read().split("\n")
    except (OSError, ValueError):
        return 0
    return int(begun) if before == whose and begun.isdigit() else 0


def mount_project(setting: Setting, code: int, checked: ProjectCheck) -> None:
    """Mount the project at STAGE. Each guarded path is a mount of its own, so it cannot be changed or moved."""
    os.makedirs(STAGE, mode=0o755, exist_ok=True)
    stage = os.open(STAGE, O_PATH)
    kernel.bind(code, stage, read_only=False)
    os.close(stage)
    stage = os.open(STAGE, O_PATH)
    for path in checked.fixed:
        guard(stage, path, -1)
    for path in checked.read_only:
        guard(stage, path, setting.agent.pw_uid)
    os.close(stage)


def guard(stage: int, path: str, agent: int) -> None:
    """Mount a path onto itself read-only. With `agent` -1 it stays writable, but cannot be moved."""
    try:
        place = kernel.opened_below(stage, path)
    except OSError as error:
        raise Refused(f"{plain(path)} changed while the sandbox was built ({error.strerror}). Try again.") from None
    facts = os.fstat(place)
    if facts.st_uid == agent or not (stat.S_ISDIR(facts.st_mode) or stat.S_ISREG(facts.st_mode)):
        raise Refused(f"{plain(path)} changed while the sandbox was built. Try again.")
    kernel.bind(place, place, read_only=agent != -1)
    os.close(place)


def build(setting: Setting, code: int, own: str = "") -> ProjectCheck:
    """Check the requirements and the project, and mount it. Raises Refused if an agent must not run."""
    for program in (BWRAP, PYTHON):
        facts = os.stat(program) if os.path.exists(program) else None
        if facts is None or facts.st_uid != 0 or facts.st_mode & 0o022:
            raise Refused(f"{program} is missing or not owned by root. Sync this VM; the recipe baseline installs it.")
    if os.uname().machine not in kernel.PROCESSORS:
        raise Refused(f"The sandbox does not support {os.uname().machine} processors.")
    home = setting.agent.pw_dir
    if not os.path.isdir(home) or os.lstat(home).st_uid != setting.agent.pw_uid:
        raise Refused(f"The agent user does not own a home folder {home}. Sync this VM with --fresh.")
    checked = check_project(setting, code, own)
    if checked.refused:
        raise Refused(" ".join(checked.refused))
    mount_project(setting, code, checked)
    return checked


# ---- in the sandbox ----


def ended(child: int) -> int:
    """Wait for the agent; return its exit code. A closed terminal ends the agent, not us: a check still follows."""

    def end(*_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)

    for sign in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(sign, end)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    for sign in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(sign, signal.SIG_IGN)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code


def inside(uid: str, gid: str, folder: str, *program: str) -> NoReturn:
    """In the sandbox, still root: drop all privileges permanently and become the agent."""
    kernel.default_signals()
    kernel.become(int(uid), int(gid))
    kernel.scope()
    os.umask(0o002)
    with contextlib.suppress(OSError):
        os.chdir(WORKSPACE)
        os.chdir(folder)
    try:
        os.execvp(program[0], program)
    except OSError as error:
        warn(f"{program[0]} cannot run in the sandbox ({error.strerror}). Sync this VM with --fresh.")
        sys.exit(127)


# ---- commands ----


def run(folder: str, pipe_path: str, *words: str) -> int:
    split = words.index("--")
    given = dict(word.split("=", 1) for word in words[:split])
    setting = read_setting()
    kernel.own_mounts()  # before the project is opened: a descriptor from another namespace cannot be mounted
    folder, code = beginning(setting, folder), code_dir(setting)
    mark = running.begin()
    try:
        build(setting, code, mark)
    except BaseException:
        running.end(mark)
        raise
    done = ended(start(sandbox(setting, status_pipe(pipe_path, setting), given, folder), words[split + 1 :]))
    try:  # the agent's own exit code counts
        checked = check_project(setting, code)
        running.end(mark)
        for line in checked.refused:
            warn(line)
    except (Refused, OSError, RecursionError) as error:  # the mark stays until the next check
        with contextlib.suppress(OSError):
            warn(f"The check of the agent's work failed ({error}). Run no Git there until the next agent has ended.")
    return done


def share() -> int:
    setting = read_setting()
    if os.path.isdir(setting.code):
        check_project(setting, code_dir(setting))
    return 0


def check(folder: str) -> int:
    _, _, code = setting_words()
    if os.path.normpath(folder) != os.path.normpath(code):
        raise Refused(f"The sandbox is set up for {code}, but the code folder is {folder}. Sync this VM.")
    return 0


def test(name: str) -> int:
    import agent_sandbox_test

    return agent_sandbox_test.test(sys.modules[__name__], name)


def main(words: Sequence[str]) -> int:
    try:
        word, *rest = words
        if word == "inside":
            inside(*rest)
        os.closerange(3, 65536)
        os.umask(0o022)
        if word != "check" and os.geteuid() != 0:
            raise Refused("The launcher needs root. Start the agent by its command, such as claude.")
        calls: dict[str, Callable[..., int]] = {"run": run, "share": share, "check": check, "test": test}
        return calls[word](*rest)
    except Refused as error:
        warn(f"Nothing was started. {error}")
    except (OSError, KeyError, ValueError, TypeError, RecursionError) as error:
        warn(f"Nothing was started. The sandbox could not be built ({type(error).__name__}: {error}).")
    return NOT_RUN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
