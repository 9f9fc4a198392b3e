"""How a `dvm` has ended, and what a test says of it; exit codes have names here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self

from dvmweb.errors import ExitCode

EXITS = {
    "ok": ExitCode.OK,
    "failed": ExitCode.FAILED,
    "usage error": ExitCode.USAGE,
    "not found": ExitCode.NOT_FOUND,
    "busy": ExitCode.BUSY,
    "unsaved work": ExitCode.UNSAVED_WORK,
    "check failed": ExitCode.CHECK_FAILED,
    "no engine": ExitCode.NO_ENGINE,
    "port taken": ExitCode.PORT_TAKEN,
    "cancelled": ExitCode.CANCELLED,
}
NAMES = {int(code): name for name, code in EXITS.items()}


@dataclass(frozen=True)
class Result:
    """A `dvm` that has ended. Each method that holds returns it again, so that they stand in a row."""

    command: str
    code: int
    out: str
    err: str

    def __str__(self) -> str:
        ended = f"ended with exit code {self.code}" + (f" ({NAMES[self.code]})" if self.code in NAMES else "")
        parts = [f"$ {self.command}", ended, f"--- output\n{self.out}", f"--- errors\n{self.err}"]
        return "\n".join(part.rstrip("\n") for part in parts)

    def exits(self, how: str | int, *texts: str) -> Self:
        """It ended with this exit code, by its name or as the number of a guest's program, and says these texts."""
        __tracebackhide__ = True
        if self.code != (EXITS[how] if isinstance(how, str) else how):
            self._does_not_hold(f"exit code {how!r}")
        return self.says(*texts)

    def succeeds(self) -> Self:
        __tracebackhide__ = True
        return self.exits("ok")

    def fails(self, *texts: str) -> Self:
        __tracebackhide__ = True
        return self.exits("failed", *texts)

    def is_refused(self, *, because: str = "") -> Self:
        """It would have lost work, so it did nothing."""
        __tracebackhide__ = True
        return self.exits("unsaved work", because)

    def prints(self, *texts: str) -> Self:
        """Its output holds each of them."""
        __tracebackhide__ = True
        return self._holds(self.out, texts, "in its output")

    def warns(self, *texts: str) -> Self:
        """Its errors and notices hold each of them."""
        __tracebackhide__ = True
        return self._holds(self.err, texts, "in its errors")

    def says(self, *texts: str) -> Self:
        """Its output or its errors hold each of them."""
        __tracebackhide__ = True
        return self._holds(self.out + self.err, texts, "in its output or errors")

    def never_says(self, *texts: str) -> Self:
        """Neither its output nor its errors hold one of them."""
        __tracebackhide__ = True
        for text in texts:
            if text in self.out + self.err:
                self._does_not_hold(f"no {text!r} in its output or errors")
        return self

    def prints_nothing(self) -> Self:
        __tracebackhide__ = True
        if self.out:
            self._does_not_hold("no output")
        return self

    @property
    def json(self) -> Any:
        """Its output, read."""
        return json.loads(self.succeeds().out)

    def _holds(self, text: str, wanted: tuple[str, ...], where: str) -> Self:
        __tracebackhide__ = True
        for one in wanted:
            if one not in text:
                self._does_not_hold(f"{one!r} {where}")
        return self

    def _does_not_hold(self, expected: str) -> None:
        __tracebackhide__ = True
        raise AssertionError(f"expected {expected}\n{self}")
