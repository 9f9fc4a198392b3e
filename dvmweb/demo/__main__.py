"""Entry of the demo engine: `python -I -m dvmweb.demo limactl|ssh|hostagent ARGS...` (or by this file's path)."""

import sys
from pathlib import Path

try:
    import dvmweb  # noqa: F401
except ImportError:  # run by path from a checkout, which -I leaves out of sys.path
    sys.path.append(str(Path(__file__).resolve().parents[2]))


def main() -> int:
    """Run the program named by the first argument; return its exit code."""
    program, arguments = (sys.argv[1] if len(sys.argv) > 1 else ""), tuple(sys.argv[2:])
    if program == "limactl":
        from dvmweb.demo.limactl import run

        return run(arguments)
    if program == "ssh":
        from dvmweb.demo.guest.ssh import run_ssh

        return run_ssh(arguments)
    if program == "hostagent" and len(arguments) == 1:
        from dvmweb.demo.guest.hostagent import run_hostagent

        return run_hostagent(arguments[0])
    print("usage: python -I -m dvmweb.demo limactl|ssh ARGS...", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
