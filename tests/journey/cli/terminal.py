"""`dvm` on a terminal of its own, as a person has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pexpect

from tests.journey.cli.result import Result


class OnTerminal:
    """One `dvm` that runs on a pty."""

    def __init__(self, command: str, argv: Sequence[str], environ: Mapping[str, str], columns: int, term: str) -> None:
        self.command = command
        env = {**environ, "TERM": term, "NO_COLOR": "1", "COLUMNS": str(columns)}
        self.child = pexpect.spawn(
            argv[0], list(argv[1:]), env=env, encoding="utf-8", timeout=90, dimensions=(40, columns)
        )

    def waits_for(self, text: str) -> str:
        """What was printed until `text`."""
        self.child.expect_exact(text)
        return str(self.child.before)

    def types(self, line: str) -> None:
        self.child.sendline(line)

    def ends(self, how: str | int) -> Result:
        """It ends with this exit code; its result holds what it printed since the last wait."""
        __tracebackhide__ = True
        self.child.expect(pexpect.EOF)
        self.child.close()
        assert self.child.exitstatus is not None, self.child.signalstatus
        return Result(self.command, self.child.exitstatus, str(self.child.before), "").exits(how)
