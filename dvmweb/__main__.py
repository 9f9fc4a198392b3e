"""`dvm`, also `python -m dvmweb`: `ssh` and `sh` take a direct route into a running VM, click reads the rest."""

import os
import sys


def main() -> None:
    """Run the command line."""
    if sys.argv[1:2] in (["ssh"], ["sh"]):
        from dvmweb.lima import direct_ssh

        os.umask(0o077)
        code = direct_ssh.enter(sys.argv[1:], os.environ)
        if code in (126, 127) and sys.argv[1] == "ssh":
            from dvmweb.cli.guest.shell_commands import hint

            hint(*direct_ssh.parsed(sys.argv[1:]), code)
        if code == 255:  # ssh's own, or the command was ended by a signal
            from dvmweb.cli.guest.shell_commands import lost

            code = lost(os.environ, direct_ssh.parsed(sys.argv[1:])[0], code)
        if code is not None:
            sys.exit(code)
    from dvmweb.cli.main import main as read_command

    if os.environ.get("_DVM_COMPLETE"):  # a completion script of a shell
        from dvmweb.cli.completion.commands import complete

        complete(read_command, os.environ)
    read_command(prog_name="dvm")


def web() -> None:
    """The program `dvmweb`: `dvm web` by another name."""
    from dvmweb.cli.main import main as read_command

    read_command(["web", *sys.argv[1:]], prog_name="dvm")


if __name__ == "__main__":
    main()
