"""What to start on a pty: a VM and a named command, never an argv."""

from __future__ import annotations

from dataclasses import dataclass

SHELL = "shell"  # the only command that is not an agent


@dataclass(frozen=True)
class LaunchRequest:
    """One terminal to open."""

    vm: str
    command: str  # SHELL, or a key of AGENTS
    id: str  # of the terminal; marks its processes in the guest
    connection: int = 0  # the shared SSH connection to the VM that it uses; 0 is Lima's own
    boot: str = ""  # identifies the run of the VM, "" where it is not known

    def arguments(self) -> tuple[str, ...]:
        """The arguments of the process that becomes the command."""
        return (self.vm, self.command, self.id, str(self.connection), self.boot)

    @classmethod
    def parse(cls, arguments: list[str]) -> LaunchRequest:
        """Read such arguments. Raises ValueError."""
        vm, command, terminal, connection, boot = arguments
        return cls(vm, command, terminal, int(connection), boot)
