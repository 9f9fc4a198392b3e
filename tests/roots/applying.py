"""Recipes in a root, as a sync runs them: the plan's own steps, with their script, params, secrets and releases."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from dvmweb import recipes
from dvmweb.jobs.inputs import load_input
from dvmweb.paths import Paths, bundled_folder
from dvmweb.plans import Options, PlanInput, Step, guest_steps
from tests.roots.base import USER
from tests.roots.root import Machine

Finished = subprocess.CompletedProcess[str]
STEP_SECONDS = 3400.0
TRIES = 3
# A mirror or a registry that failed this time; a recipe may run twice, so it is run again.
MIRROR_FAILED = re.compile(
    r"temporary failure|could ?n[o']t? resolve|timed? ?out|connection (reset|refused|failed)|\b50[0234]\b"
    r"|hash sum mismatch|unexpected eof|network is unreachable"
    r"|ECONNRESET|ETIMEDOUT|EAI_AGAIN|failed to fetch|TLS handshake",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class RecipeCatalog:
    """A home of dvm on this machine: the bundled recipes, and the config of the VM `app`."""

    home: Path

    @property
    def paths(self) -> Paths:
        no_lima = Path("/nonexistent")  # nothing here asks an engine
        return Paths(self.home, self.home / "config", self.home / "state", no_lima, bundled_folder(), is_demo=True)

    @property
    def bundled(self) -> recipes.RecipeCatalog:
        return recipes.RecipeCatalog(self.paths)

    def plan_input(self, recipe: str, params: Mapping[str, object], secrets: Mapping[str, bytes]) -> PlanInput:
        """The world of a sync of a VM with this recipe."""
        config = {"recipes": [recipe], "params": {recipe: dict(params)} if params else {}, "user": "dev"}
        file = self.paths.vm_config("app")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(config))
        return load_input(self.paths, os.environ, "app", "sync", secrets)


@dataclass(frozen=True)
class Root:
    """A guest: its machine, and what a host knows of it."""

    machine: Machine
    catalog: RecipeCatalog
    digests: dict[str, str] = field(default_factory=dict)  # recipe -> hash of what was applied

    def run(
        self,
        argv: Sequence[str],
        user: str = USER,
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] = {},
        timeout: float = 300.0,
    ) -> Finished:
        """Run a command in a login shell of `user`."""
        return self.machine.run(argv, user, stdin=stdin, env=env, timeout=timeout)

    def apply(
        self,
        recipe: str,
        params: Mapping[str, object] = {},
        secrets: Mapping[str, bytes] = {},
        *,
        tries: int = TRIES,
    ) -> Finished:
        """Run the recipe and its probe, after what it needs and the root lacks; a need that fails is the result.

        A mirror that fails is tried again, `tries` times in all.
        """
        plan_input = self.catalog.plan_input(recipe, params, secrets)
        done = Finished((), 0, "", "")
        for desired in plan_input.recipes:
            if desired.recipe.name != recipe and self.digests.get(desired.recipe.name) == desired.digest:
                continue
            done = self.step(guest_steps.recipe(plan_input, desired, Options()), tries)
            if done.returncode != 0:
                return done
            self.digests[desired.recipe.name] = desired.digest
        return done

    def step(self, step: Step, tries: int = 1) -> Finished:
        """Run a step's guest script as `limactl shell` does: the payload on stdin, which stays open."""
        assert step.script is not None
        for _ in range(tries):
            done = self.machine.run_held(step.script.argv(), step.script.payload(), STEP_SECONDS)
            if done.returncode in (0, 69) or not MIRROR_FAILED.search(done.stdout):
                break
        return done
