"""Starts the job that builds a base, whose record says what it is made from."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence

from dvmweb import names, recipes
from dvmweb.config.model import VmConfig
from dvmweb.errors import DvmError
from dvmweb.jobs import starting
from dvmweb.jobs.bases.matching import plain_image
from dvmweb.jobs.job_record import Job
from dvmweb.paths import Paths
from dvmweb.recipes.bases import Base, BaseRecipe
from dvmweb.records import bases as records

MOST_DISK = 20 << 30  # bytes: a copy can have a larger disk, never a smaller one


def requested(name: str, config: VmConfig, fitting: Sequence[recipes.Recipe]) -> Base:
    """A base with image, user, size and params of a config, and with these recipes."""
    return Base(
        name=name,
        image=plain_image(config.image),
        arch=config.arch,
        user=config.user,
        cpus=config.cpus,
        memory=config.memory,
        disk=min(config.disk, MOST_DISK),
        baseline=config.baseline,
        recipes=tuple(BaseRecipe(one.name, "", dict(config.params.get(one.name, {}))) for one in fitting),
    )


def start(paths: Paths, environ: Mapping[str, str], base: Base, replaces: str = "") -> Job:
    """Record what the base is made from, and start its job; `replaces`: the base that is deleted afterwards.

    Raises the error of a job that could not start; then nothing is left of it.
    """
    vm = names.base_instance(base.name)
    names.check_socket_path(str(paths.lima_home), vm)
    records.write(paths, base)
    try:
        return starting.start(paths, environ, vm, "base", {"replaces": replaces})
    except DvmError:
        records.forget(paths, base.name)
        shutil.rmtree(paths.vm_state(vm), ignore_errors=True)
        raise
