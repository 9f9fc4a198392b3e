"""The keeper's process, `python -m dvmweb.terminals keep`, and what runs on a pty first, `… enter ORDER`."""

from __future__ import annotations

import os
import sys

from dvmweb.errors import DvmError


def main(words: list[str]) -> int:
    """Run one of the two; `enter` becomes the guest's shell and only returns by an error."""
    os.umask(0o077)
    try:
        if words == ["keep"]:
            return _keep()
        if len(words) == 6 and words[0] == "enter":
            return _enter(words[1:])
    except DvmError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stderr.write("usage: python -m dvmweb.terminals keep | enter VM COMMAND ID LINE BOOT\n")
    return 2


def _keep() -> int:
    from dvmweb.terminals.keeping import keep

    return keep(os.environ, _say_ready)


def _enter(words: list[str]) -> int:
    from dvmweb.terminals.entering import become
    from dvmweb.terminals.order import Order

    become(os.environ, Order.of(words))
    return 1


def _say_ready() -> None:
    """Tell the starter that the socket is there, and let go of its pipes."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
