"""What is to be started on a pty: a VM and a named command, never an argv."""

from __future__ import annotations

from dataclasses import dataclass

SHELL = "shell"  # the one command that is no agent


@dataclass(frozen=True)
class Order:
    """One terminal to be opened."""

    vm: str
    command: str  # SHELL, or a key of AGENTS
    id: str  # of the terminal, by which its processes are known in the guest
    line: int = 0  # which shared connection to the VM it uses; 0 is Lima's own
    boot: str = ""  # the run of the VM, "" where nobody knows

    def words(self) -> tuple[str, ...]:
        """As words for the process that becomes the command."""
        return (self.vm, self.command, self.id, str(self.line), self.boot)

    @classmethod
    def of(cls, words: list[str]) -> Order:
        """Read such words. Raises ValueError."""
        vm, command, terminal, line, boot = words
        return cls(vm, command, terminal, int(line), boot)
