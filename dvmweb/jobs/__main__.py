"""The process of one job: `python -m dvmweb.jobs ID LOCK_DESCRIPTOR`, secrets as JSON on stdin."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict

from dvmweb import paths as paths_module
from dvmweb.errors import DvmError
from dvmweb.jobs import job_record
from dvmweb.jobs.bases.building import load_base
from dvmweb.jobs.inputs import load_input
from dvmweb.jobs.recipe_trials import load_trial
from dvmweb.jobs.running import Runner


def main() -> int:
    """Run the job and return its exit code. The lock's descriptor stays open until the process ends."""
    os.umask(0o077)
    secrets = {name: bytes.fromhex(value) for name, value in json.load(sys.stdin).items()}
    paths = paths_module.from_environment(os.environ)
    job = job_record.read(paths, sys.argv[1])
    try:
        if job.verb == "test":
            plan_input = load_trial(paths, os.environ, job, secrets)
        elif job.verb == "base":
            plan_input = load_base(paths, os.environ, job)
        else:
            plan_input = load_input(paths, os.environ, job.vm, job.verb, secrets)
        runner = Runner(paths, os.environ, job, plan_input)
    except DvmError as error:
        sys.stdout.write(json.dumps(asdict(job_record.Failure.of(error))))
        return 1
    _report_ready()
    return runner.run()


def _report_ready() -> None:
    """Report to the starter that the first journal is written, and close its pipes."""
    with suppress(BrokenPipeError):  # the starter was killed; the job continues
        sys.stdout.write("ready\n")
        sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
