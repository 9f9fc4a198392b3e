"""The keeper process, `python -m dvmweb.terminals keep`, and the first program on a pty, `… enter VM COMMAND …`."""

from __future__ import annotations

import os
import sys

from dvmweb.errors import DvmError


def main(arguments: list[str]) -> int:
    """Run one of the two and return the exit code; `enter` becomes the guest's shell and only returns on an error."""
    os.umask(0o077)
    try:
        if arguments == ["keep"]:
            return _keep()
        if len(arguments) == 6 and arguments[0] == "enter":
            return _enter(arguments[1:])
    except DvmError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stderr.write("usage: python -m dvmweb.terminals keep | enter VM COMMAND ID CONNECTION BOOT\n")
    return 2


def _keep() -> int:
    from dvmweb.terminals.keeper.daemon import keep

    return keep(os.environ, _report_ready)


def _enter(arguments: list[str]) -> int:
    from dvmweb.terminals.exec_shell import become
    from dvmweb.terminals.launch import LaunchRequest

    become(os.environ, LaunchRequest.parse(arguments))
    return 1


def _report_ready() -> None:
    """Report to the parent process that the socket exists, and close its pipes."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(null, descriptor)
    os.close(null)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
