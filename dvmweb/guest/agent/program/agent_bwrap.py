"""The sandbox of an agent: bwrap's arguments for mounts, accounts and variables, and its process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import agent_kernel as kernel
from agent_setting import HERE, Setting

BWRAP, PYTHON = "/usr/bin/bwrap", "/usr/bin/python3"
STAGE = "/run/dvm-agent"  # the project is mounted here while the sandbox is built; only this process sees it
WORKSPACE = "/workspace"
LAUNCHER = f"{HERE}/launcher.py"  # drops root inside the sandbox
# What programs need from /etc. passwd, group and gitconfig are generated for the agent.
ETC = """alternatives bash.bashrc bashrc ca-certificates ca-certificates.conf claude-code codex crypto-policies
debian_version default/locale fedora-release fonts gai.conf host.conf hosts inputrc java ld.so.cache ld.so.conf
ld.so.conf.d locale.alias locale.conf localtime lsb-release magic mime.types networks nsswitch.conf os-release pki perl
protocols python3 redhat-release resolv.conf rpc services ssl system-release terminfo timezone vimrc xdg""".split()


class Sandbox(NamedTuple):
    """The arguments of bwrap, and the command that drops root inside the sandbox."""

    words: list[str]
    inner: list[str]


def data(text: bytes) -> str:
    """A descriptor with this content; bwrap inherits, reads and closes it."""
    file = os.memfd_create("dvm", 0)
    os.write(file, text)
    os.lseek(file, 0, os.SEEK_SET)
    return str(file)


def system_words() -> Iterator[str]:
    for name in ("/etc", "/etc/default", "/home"):  # bwrap creates missing parents with mode 0700
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
    """passwd and group with the users that programs look up, and Git's permission to use the main user's project."""
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
    """A new environment: nothing of the caller's except what the wrapper names."""
    agent = setting.agent
    own = {"HOME": agent.pw_dir, "USER": agent.pw_name, "LOGNAME": agent.pw_name, "SHELL": "/bin/bash"}
    own |= {"PATH": f"{agent.pw_dir}/.local/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "TMPDIR": "/tmp"}
    yield "--clearenv"
    for name, value in ({"LANG": "C.UTF-8", "TERM": "dumb"} | given | own).items():
        yield from ("--setenv", name, value)


def sandbox(setting: Setting, status_pipe: str, given: dict[str, str], folder: str) -> Sandbox:
    """Only these mounts of the system; own processes, IPC, host name and cgroups; the VM's network."""
    agent = setting.agent
    words = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent"]
    words += ["--hostname", "agent", *system_words(), *account_words(setting)]
    words += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/dev/shm"]
    words += ["--perms", "1777", "--tmpfs", "/tmp", "--dir", "/run", "--dir", "/var", "--symlink", "../tmp", "/var/tmp"]
    words += ["--bind", agent.pw_dir, agent.pw_dir, "--bind", STAGE, WORKSPACE]
    if status_pipe:
        words += ["--ro-bind", status_pipe, "/run/tell"]
        given = given | {"DVM_TELL": "/run/tell"}
    words += [*environment(setting, given), "--chdir", "/"]
    words += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]
    words += ["--seccomp", data(kernel.filter_program(os.uname().machine))]
    inner = [PYTHON, "-IS", LAUNCHER, "inside", str(agent.pw_uid), str(agent.pw_gid), folder]
    return Sandbox(words, inner)


def start(box: Sandbox, program: Sequence[str]) -> int:
    """Start the sandbox; return its pid. Ctrl-C and Ctrl-\\ are ignored here: they are for the agent."""
    arguments = data(b"".join(os.fsencode(word) + b"\0" for word in box.words))
    for sign in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(sign, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        os.execve(BWRAP, [BWRAP, "--args", arguments, "--", *box.inner, *program], {"PATH": "/usr/bin:/bin"})
    return child
