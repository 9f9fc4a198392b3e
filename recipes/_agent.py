#!/usr/bin/python3 -IS
"""The one launcher through which every agent runs: builds the wall as root, gives up all rights, becomes the agent.

    _agent.py run FOLDER TELL [VARIABLE=VALUE...] -- PROGRAM [ARGUMENT...]
    _agent.py wall NAME      the attacks of _agent_wall.py in the agent's place, and what they came to
    _agent.py share          the rights of both users on the project, and the look for what an agent left
    _agent.py check FOLDER   says whether it is set up for that code dir; needs no root

The main user's wrapper runs it through sudo. The project is hostile and steers nothing here. Beside this file lies
`setting`, root's: AGENT_USER MAIN_USER CODE_DIR.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, NoReturn

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)  # isolated Python does not look beside the script; only root can write there

import _agent_kernel as kernel  # noqa: E402
import _agent_running as running  # noqa: E402
from _agent_kernel import O_PATH, Refused  # noqa: E402
from _agent_project import Look, Walk, plain  # noqa: E402

BWRAP, PYTHON = "/usr/bin/bwrap", "/usr/bin/python3"
STAGE = "/run/dvm-agent"  # the project is mounted there while its wall is built, seen by this process alone
WORKSPACE = "/workspace"
NOT_RUN = 125
COARSE = 2_000_000_000  # nanoseconds by which the time of a change may be behind
# What programs need of /etc. passwd, group and gitconfig are made for the agent.
ETC = """alternatives bash.bashrc bashrc ca-certificates ca-certificates.conf claude-code codex crypto-policies
debian_version default/locale fedora-release fonts gai.conf host.conf hosts inputrc java ld.so.cache ld.so.conf
ld.so.conf.d locale.alias locale.conf localtime lsb-release magic mime.types networks nsswitch.conf os-release pki perl
protocols python3 redhat-release resolv.conf rpc services ssl system-release terminfo timezone vimrc xdg""".split()


class Setting(NamedTuple):
    """Who the agent and the main user are, and where the project is."""

    agent: pwd.struct_passwd
    main: pwd.struct_passwd
    code: str


class Sandbox(NamedTuple):
    """What bwrap is told, and which program of ours gives up root inside."""

    words: list[str]
    inner: list[str]


def say(text: str) -> None:
    print(f"dvm: {text}", file=sys.stderr)


# ---- what is set up ----


def setting_words() -> list[str]:
    """The agent user, the main user, the code dir, as the recipe agent-user noted them."""
    file = f"{HERE}/setting"
    try:
        with open(file, encoding="utf-8") as opened:
            facts = os.fstat(opened.fileno())
            words = opened.read().rstrip("\n").split(" ", 2)
    except (OSError, ValueError) as error:
        raise Refused(f"{file} cannot be read ({error}). Sync this VM: the recipe agent-user writes it.") from None
    if facts.st_uid not in (0, os.geteuid()) or facts.st_mode & 0o022 or len(words) != 3:
        raise Refused(f"{file} is not as root wrote it. Sync this VM with --fresh.")
    return words


def read_setting() -> Setting:
    agent, main, code = setting_words()
    try:
        setting = Setting(pwd.getpwnam(agent), pwd.getpwnam(main), code)
    except KeyError as error:
        raise Refused(f"A user is missing ({error}). Sync this VM with --fresh.") from None
    if setting.agent.pw_uid in (0, setting.main.pw_uid) or not code.startswith("/"):
        raise Refused("The setting names no agent user of its own. Sync this VM with --fresh.")
    return setting


def code_dir(setting: Setting) -> int:
    """The project, open. It may not hold anybody's home."""
    code = os.path.realpath(setting.code)
    for home in (setting.main.pw_dir, setting.agent.pw_dir):
        if f"{os.path.realpath(home)}/".startswith(f"{code.rstrip('/')}/"):
            raise Refused(f"The code dir {code} holds a home. Set code_dir in the config to a folder of the project.")
    if f"{code}/".startswith(f"{os.path.realpath(setting.agent.pw_dir)}/") or code.count("/") < 2:
        raise Refused(f"The code dir {code} is no place for a project. Set another code_dir in the config.")
    try:
        return os.open(code, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"The code dir {code} cannot be opened ({error.strerror}). Sync this VM.") from None


def beginning(setting: Setting, folder: str) -> str:
    """Where in the sandbox an agent begins that is started in `folder`."""
    below = os.path.relpath(os.path.realpath(folder), os.path.realpath(setting.code))
    if below == ".." or below.startswith("../"):
        raise Refused(f"An agent runs only in the project: cd {setting.code}")
    return os.path.normpath(f"{WORKSPACE}/{below}")


def tell_pipe(path: str, setting: Setting) -> str:
    """The pipe by which an agent tells its terminal how it stands, when it is one that the main user made."""
    if re.fullmatch(r"/tmp/dvm-tell\.[A-Za-z0-9]{1,20}/tell", path):
        with contextlib.suppress(OSError):
            pipe, folder = os.lstat(path), os.lstat(os.path.dirname(path))
            if stat.S_ISFIFO(pipe.st_mode) and pipe.st_uid == folder.st_uid == setting.main.pw_uid:
                return path
    return ""


# ---- the project behind the wall ----


def look_through(setting: Setting, code: int, own: str = "") -> Look:
    """Everything is looked at; only rights are taken as they were where nothing changed since the last look."""
    agent, main = setting.agent, setting.main.pw_uid
    whose = f"{agent.pw_uid, main} {os.fstat(code).st_dev} {os.fstat(code).st_ino}"
    with running.alone(own) as is_doubtful:
        begun = time.time_ns() - COARSE
        look = Walk(agent.pw_uid, agent.pw_gid, main, last_look(whose), is_doubtful=is_doubtful).go(code)
        with open(f"{HERE}/looked", "w", encoding="ascii") as file:
            file.write(f"{whose}\n{begun}\n")
    for line in look.told:
        say(line)
    return look


def last_look(whose: str) -> int:
    try:
        with open(f"{HERE}/looked", encoding="ascii") as file:
            before, begun, *_ = file.read().split("\n")
    except (OSError, ValueError):
        return 0
    return int(begun) if before == whose and begun.isdigit() else 0


def mount_project(setting: Setting, code: int, look: Look) -> None:
    """The project at STAGE. Every guarded place is a mount: it can neither be changed nor moved away."""
    os.makedirs(STAGE, mode=0o755, exist_ok=True)
    stage = os.open(STAGE, O_PATH)
    kernel.bind(code, stage, read_only=False)
    os.close(stage)
    stage = os.open(STAGE, O_PATH)
    for path in look.fixed:
        guard(stage, path, -1)
    for path in look.read_only:
        guard(stage, path, setting.agent.pw_uid)
    os.close(stage)


def guard(stage: int, path: str, agent: int) -> None:
    """Read-only, unless `agent` is -1: then it only cannot be moved."""
    try:
        place = kernel.opened_below(stage, path)
    except OSError as error:
        raise Refused(f"{plain(path)} changed while the wall was built ({error.strerror}). Try again.") from None
    facts = os.fstat(place)
    if facts.st_uid == agent or not (stat.S_ISDIR(facts.st_mode) or stat.S_ISREG(facts.st_mode)):
        raise Refused(f"{plain(path)} changed while the wall was built. Try again.")
    kernel.bind(place, place, read_only=agent != -1)
    os.close(place)


def build(setting: Setting, code: int, own: str = "") -> Look:
    """All that stands before an agent may run. Raises Refused where something is missing."""
    for program in (BWRAP, PYTHON):
        facts = os.stat(program) if os.path.exists(program) else None
        if facts is None or facts.st_uid != 0 or facts.st_mode & 0o022:
            raise Refused(
                f"{program} is missing or not root's, so there is no wall. Sync this VM: baseline installs it."
            )
    if os.uname().machine not in kernel.PROCESSORS:
        raise Refused(f"The wall knows no {os.uname().machine} processor.")
    home = setting.agent.pw_dir
    if not os.path.isdir(home) or os.lstat(home).st_uid != setting.agent.pw_uid:
        raise Refused(f"The agent has no home of its own at {home}. Sync this VM with --fresh.")
    look = look_through(setting, code, own)
    if look.refused:
        raise Refused(" ".join(look.refused))
    mount_project(setting, code, look)
    return look


# ---- the sandbox ----


def data(text: bytes) -> str:
    """A descriptor that bwrap inherits, reads and closes."""
    file = os.memfd_create("dvm", 0)
    os.write(file, text)
    os.lseek(file, 0, os.SEEK_SET)
    return str(file)


def system_words() -> Iterator[str]:
    for name in ("/etc", "/etc/default", "/home"):  # bwrap closes to others what it makes on the way
        yield from ("--perms", "0755", "--dir", name)
    yield from ("--ro-bind", "/usr", "/usr")
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        if os.path.islink(f"/{name}"):
            yield from ("--symlink", os.readlink(f"/{name}"), f"/{name}")
        elif os.path.isdir(f"/{name}"):
            yield from ("--ro-bind", f"/{name}", f"/{name}")
    for name in ETC:
        if os.path.exists(f"/etc/{name}"):
            yield from ("--ro-bind", f"/etc/{name}", f"/etc/{name}")


def account_words(setting: Setting) -> Iterator[str]:
    """The users that a program may ask for, and Git's leave to work in a project of the main user's."""
    agent, main = setting.agent, setting.main
    passwd = "root:x:0:0::/root:/sbin/nologin\nnobody:x:65534:65534::/:/sbin/nologin\n"
    passwd += f"{agent.pw_name}:x:{agent.pw_uid}:{agent.pw_gid}::{agent.pw_dir}:/bin/bash\n"
    if main.pw_uid:
        passwd += f"{main.pw_name}:x:{main.pw_uid}:{main.pw_gid}::/:/sbin/nologin\n"
    group = f"root:x:0:\n{agent.pw_name}:x:{agent.pw_gid}:\n"
    files = {"passwd": passwd, "group": group, "gitconfig": "[safe]\n\tdirectory = *\n"}
    for name, text in files.items():
        yield from ("--perms", "0644", "--ro-bind-data", data(text.encode()), f"/etc/{name}")


def environment(setting: Setting, given: dict[str, str]) -> Iterator[str]:
    """Made anew: nothing of the caller's comes along but what the wrapper names."""
    agent = setting.agent
    own = {"HOME": agent.pw_dir, "USER": agent.pw_name, "LOGNAME": agent.pw_name, "SHELL": "/bin/bash"}
    own |= {"PATH": f"{agent.pw_dir}/.local/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "TMPDIR": "/tmp"}
    yield "--clearenv"
    for name, value in ({"LANG": "C.UTF-8", "TERM": "dumb"} | given | own).items():
        yield from ("--setenv", name, value)


def sandbox(setting: Setting, tell: str, given: dict[str, str], folder: str) -> Sandbox:
    """No mount of the system's but these; own processes, IPC, host name and cgroups; the network is the VM's."""
    agent = setting.agent
    words = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent"]
    words += ["--hostname", "agent", *system_words(), *account_words(setting)]
    words += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/dev/shm"]
    words += ["--perms", "1777", "--tmpfs", "/tmp", "--dir", "/run", "--dir", "/var", "--symlink", "../tmp", "/var/tmp"]
    words += ["--bind", agent.pw_dir, agent.pw_dir, "--bind", STAGE, WORKSPACE]
    if tell:
        words += ["--ro-bind", tell, "/run/tell"]
        given = given | {"DVM_TELL": "/run/tell"}
    words += [*environment(setting, given), "--chdir", "/"]
    words += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]
    words += ["--seccomp", data(kernel.filter_program(os.uname().machine))]
    inner = [PYTHON, "-IS", os.path.realpath(__file__), "inside", str(agent.pw_uid), str(agent.pw_gid), folder]
    return Sandbox(words, inner)


def start(box: Sandbox, program: Sequence[str]) -> int:
    """The process of the sandbox. What the keyboard interrupts is the agent, who sets its signals anew."""
    arguments = data(b"".join(os.fsencode(word) + b"\0" for word in box.words))
    for sign in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(sign, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        os.execve(BWRAP, [BWRAP, "--args", arguments, "--", *box.inner, *program], {"PATH": "/usr/bin:/bin"})
    return child


def ended(child: int) -> int:
    """A terminal that closes ends the agent, but not us: the look at what it left is still to come."""

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
    """In the sandbox, still root: give up everything for good and become the agent."""
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
        say(f"{program[0]} cannot be run in the sandbox ({error.strerror}). Sync this VM with --fresh.")
        sys.exit(127)


# ---- the words of the command line ----


def run(folder: str, tell: str, *words: str) -> int:
    split = words.index("--")
    given = dict(word.split("=", 1) for word in words[:split])
    setting = read_setting()
    kernel.own_mounts()  # before the project is opened: only what is seen from in here can be mounted in here
    folder, code = beginning(setting, folder), code_dir(setting)
    mark = running.begin()
    try:
        build(setting, code, mark)
    except BaseException:
        running.end(mark)
        raise
    done = ended(start(sandbox(setting, tell_pipe(tell, setting), given, folder), words[split + 1 :]))
    try:  # the agent's own exit code counts
        look = look_through(setting, code)
        running.end(mark)
        for line in look.refused:
            say(line)
    except (Refused, OSError, RecursionError) as error:  # the mark stays for the next look
        with contextlib.suppress(OSError):
            say(
                f"nobody could look at what the agent left ({error}): run no Git there before the next agent has ended."
            )
    return done


def share() -> int:
    setting = read_setting()
    if os.path.isdir(setting.code):
        look_through(setting, code_dir(setting))
    return 0


def check(folder: str) -> int:
    _, _, code = setting_words()
    if os.path.normpath(folder) != os.path.normpath(code):
        raise Refused(f"The wall is around {code}, and the code dir is {folder}. Sync this VM.")
    return 0


def wall(name: str) -> int:
    import _agent_wall

    return _agent_wall.test(sys.modules[__name__], name)


def main(words: Sequence[str]) -> int:
    try:
        word, *rest = words
        if word == "inside":
            inside(*rest)
        os.closerange(3, 65536)
        os.umask(0o022)
        if word != "check" and os.geteuid() != 0:
            raise Refused("The wall is built as root: run the agent by its own name, such as claude.")
        calls: dict[str, Callable[..., int]] = {"run": run, "share": share, "check": check, "wall": wall}
        return calls[word](*rest)
    except Refused as error:
        say(f"nothing was run. {error}")
    except (OSError, KeyError, ValueError, TypeError, RecursionError) as error:
        say(f"nothing was run. The wall could not be built ({type(error).__name__}: {error}).")
    return NOT_RUN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
