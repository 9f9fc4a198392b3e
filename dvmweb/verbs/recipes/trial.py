"""Starts the test of a recipe, a job in a temporary VM."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from dvmweb import names, recipes
from dvmweb.errors import DvmError, UsageError
from dvmweb.jobs import starting
from dvmweb.jobs.job_record import Job
from dvmweb.verbs.vms import Vms


def start_test(vms: Vms, name: str, *, origin: str = "", keep: bool = False, secrets: Mapping[str, bytes] = {}) -> Job:
    """Start the test in a clone of the stopped VM `origin`, or in a new VM; return its job.

    Raises NotFound, ConfigError, UsageError for a missing secret, VmBusy if a job is running on `origin`.
    """
    catalog = recipes.RecipeCatalog(vms.paths)
    catalog.load(name)
    ordered = recipes.order([name], catalog)
    missing = [param.name for recipe in ordered for param in recipes.secret_params(recipe) if param.name not in secrets]
    if missing:
        what = f"Recipe `{name}` needs a secret: {', '.join(missing)}."
        raise UsageError(what, f"Give it on stdin: dvm recipe test {name} --secret {missing[0]}=-")
    if origin:
        vms.check_config(origin)
        if starting.open_job(vms.paths, origin) is not None:
            raise starting.busy(vms.paths, origin)
    options = {"recipe": name, "origin": origin, "keep": keep}
    trial = names.new_trial()
    try:
        return starting.start(vms.paths, vms.environ, trial, "test", options, secrets)
    except DvmError:  # nothing was started
        shutil.rmtree(vms.paths.vm_state(trial), ignore_errors=True)
        raise
