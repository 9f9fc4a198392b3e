"""`python -m dvmweb` is `dvm`."""

from dvmweb.cli.main import main

main(prog_name="dvm")
