"""The dashboard as a service of the user: a systemd unit on Linux, a launchd agent on macOS.

The service prints no login address, so that none is in the journal: `dvm web --url` makes one when it is needed.
"""

from __future__ import annotations

import os
import plistlib
import shlex
import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dvmweb import files
from dvmweb.errors import DvmError, UsageError
from dvmweb.guest_text import in_prose
from dvmweb.lima import process
from dvmweb.paths import Paths, child_environment, own_command

UNIT, LABEL = "dvm-web", "io.github.dvmweb.dvm-web"
MARK = "Written by dvm, for its dashboard"  # without --, which ends a comment of XML
MOST_BYTES = 100_000
SECONDS = 30.0  # for a command of systemd, which waits for the end of a stop
# Which folders and which engine the dashboard uses: as now. Proxies are not among them: they can contain passwords.
VARIABLES = (
    *("PATH", "LANG", "DVM_ENGINE", "DVM_LIMACTL", "DVM_CONFIG_DIR", "DVM_STATE_DIR", "LIMA_HOME"),
    *("XDG_CONFIG_HOME", "XDG_STATE_HOME"),
)
SYSTEMD = """\
# {mark}. To remove it: dvm web --uninstall-service
[Unit]
Description=Dashboard of dvm, for VMs of this user
Documentation=man:dvm(1)

[Service]
ExecStart={command}
{environment}
Restart=on-failure
RestartSec=5
# Wrong options, another dashboard, no engine, a port that is taken: trying again would not help.
RestartPreventExitStatus=2 4 7 8
# Jobs, terminals and VMs that it has started are children of it, and must outlive it.
KillMode=process
OOMPolicy=continue
# They also inherit what follows; more (no writable memory, a private /tmp) would break QEMU or ssh.
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True)
class Done:
    """What was done, and the commands that are left to the user, () if they were run."""

    path: Path
    is_changed: bool
    commands: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Service:
    """The service of one set of folders."""

    paths: Paths
    environ: Mapping[str, str]
    system: str = sys.platform

    @property
    def name(self) -> str:
        """The unit, or the label of the agent."""
        plain = LABEL if self.system == "darwin" else UNIT
        return f"{plain}-demo" if self.paths.is_demo else plain

    @property
    def file(self) -> Path:
        if self.system == "darwin":
            return self.paths.home / "Library/LaunchAgents" / f"{self.name}.plist"
        config = self.environ.get("XDG_CONFIG_HOME", "")
        place = Path(config) if config.startswith("/") else self.paths.home / ".config"
        return place / "systemd/user" / f"{self.name}.service"

    def install(self, options: Sequence[str] = ()) -> Done:
        """Write the file, and start the service where a systemd of the user runs. Raises UsageError, DvmError."""
        wanted = self.text(options)
        before = self._content()
        if before is not None and MARK.encode() not in before:
            raise UsageError(f"{self.file} is not from dvm, so it was not replaced.", "Move it away, then try again.")
        if before != wanted:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            files.write_whole(self.file, wanted, mode=0o644)
        if self.system == "darwin":
            start: tuple[tuple[str, ...], ...] = (("launchctl", "bootstrap", f"gui/{os.getuid()}", str(self.file)),)
        else:
            unit, systemctl = self.file.name, ("systemctl", "--user")
            start = ((*systemctl, "daemon-reload"), (*systemctl, "enable", unit), (*systemctl, "restart", unit))
        return Done(self.file, before != wanted, self._run(start))

    def uninstall(self) -> Done:
        """Stop the service and remove its file. Raises UsageError, DvmError; then the file is still there."""
        before = self._content()
        if before is not None and MARK.encode() not in before:
            raise UsageError(f"{self.file} is not from dvm, so it was not removed.", "Remove it yourself.")
        if before is None:
            return Done(self.file, False)
        if self.system == "darwin":
            left = self._run((("launchctl", "bootout", f"gui/{os.getuid()}/{self.name}"),))
        else:
            left = self._run((("systemctl", "--user", "disable", "--now", self.file.name),))
        self.file.unlink()
        if self.system != "darwin":
            left += self._run((("systemctl", "--user", "daemon-reload"),))
        return Done(self.file, True, left)

    def text(self, options: Sequence[str]) -> bytes:
        """The unit or the property list."""
        own = own_command(self.environ)
        program = str(Path(sys.prefix) / "bin" / "dvm") if own == "dvm" else shlex.split(own)[0]
        command = (program, "web", "--no-open", "--no-login", *options)
        variables = {name: self.environ[name] for name in VARIABLES if self.environ.get(name)}
        for word in (*command, *variables.values()):
            if not word.isprintable():
                raise UsageError(f"{in_prose(word)} contains hidden characters.", "Use a plain path.")
        if self.system == "darwin":
            return self._plist(command, variables)
        environment = "\n".join(f"Environment={_quoted(f'{name}={value}')}" for name, value in variables.items())
        words = " ".join(_quoted(word).replace("$", "$$") for word in command)
        return SYSTEMD.format(mark=MARK, command=words, environment=environment).encode()

    def _plist(self, command: Sequence[str], variables: Mapping[str, str]) -> bytes:
        facts = {
            "Label": self.name,
            "ProgramArguments": list(command),
            "EnvironmentVariables": dict(variables),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "AbandonProcessGroup": True,  # jobs, terminals and VMs outlive it
            "Umask": 0o077,
            "ThrottleInterval": 10,
            "StandardErrorPath": str(self.paths.state / "web" / "service.log"),
        }
        mark = f"<!-- {MARK} -->\n<plist".encode()
        return plistlib.dumps(facts).replace(b"<plist", mark, 1)

    def _content(self) -> bytes | None:
        """The bytes of the file, None if there is none. Raises UsageError for a link."""
        try:
            return files.read_bounded(self.file, MOST_BYTES)
        except FileNotFoundError:
            return None

    def _run(self, commands: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        """Run commands of systemd if it is there; those that were not run. Raises DvmError for one that fails."""
        if self.system == "darwin" or not self._has_systemd():
            return commands
        env = child_environment(self.environ, self.paths)
        for argv in commands:
            finished = process.run(argv, env=env, timeout=SECONDS)
            if not finished.is_ok:
                why = in_prose(finished.stderr.strip(), 500)
                raise DvmError(
                    f"`{' '.join(argv)}` failed: {why}", f"Look at: systemctl --user status {self.file.name}"
                )
        return ()

    def _has_systemd(self) -> bool:
        """Whether a systemd of this user runs: its socket is there."""
        runtime = self.environ.get("XDG_RUNTIME_DIR", "")
        if not runtime.startswith("/"):
            return False
        try:
            return stat.S_ISSOCK((Path(runtime) / "systemd" / "private").lstat().st_mode)
        except OSError:
            return False


def _quoted(word: str) -> str:
    """A word as systemd reads it: in quotes, with its specifiers escaped."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
