"""What a plan is made of: steps, options, and the input that it is drawn from. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dvmweb.config.model import VmConfig
from dvmweb.guest.state import GuestState
from dvmweb.lima.engine import Engine
from dvmweb.lima.instances import Instance
from dvmweb.lima.lima_yaml.rendering import DesiredInstance
from dvmweb.lima.script_payload import GuestScript
from dvmweb.recipes import Recipe


@dataclass(frozen=True)
class Step:
    """One command or one check of ours, as it is shown, journaled and run."""

    title: str
    argv: tuple[str, ...] = ()  # never holds a secret; empty for a check
    timeout: float = 60.0  # seconds
    check: str = ""  # a named check of ours that reads the output, see jobs/checks/registry.py
    script: GuestScript | None = field(default=None, repr=False)  # goes in on stdin, secrets with it; never logged
    skip_reason: str = ""  # shown instead of running
    unknown: str = ""  # why it is not known whether it will run: the instance has not responded
    needs_network: bool = False
    secrets: tuple[str, ...] = ()  # names of those for which the guest may ask, by its exit code
    always: str = ""  # it puts back what the job changed: run whatever happened, where Lima then says this status
    locks_engine: str = ""  # "": no; "step": while it runs; "create": and cleans up; "running": until it is Running


@dataclass(frozen=True)
class DesiredRecipe:
    """A recipe as one VM wants it."""

    recipe: Recipe
    digest: str
    params: Mapping[str, str]
    releases: str = ""  # the rows of its pinned releases
    files: Mapping[str, str] = field(default_factory=dict, repr=False)  # bundled files beside it


@dataclass(frozen=True)
class PlanInput:
    """All that a plan depends on."""

    config: VmConfig
    desired: DesiredInstance
    overlay: Mapping[str, Any]
    recipes: tuple[DesiredRecipe, ...]
    scripts: Mapping[str, str]  # our guest scripts by file name
    engine: Engine
    lima_home: Path
    lima_file: Path  # the lima.yaml that create reads
    known_id: str  # the host's copy of the instance id, "" before the first sync
    new_id: str  # used where the guest has none yet
    nonce: str  # of the last question; a job draws a new one for each
    approved_hook: str = ""  # the digest that the user approved
    key_note: str = ""  # why the guest has no key of its own, "" where nothing stands against one
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    instance: Instance | None = None  # as the look said; not changed by later steps
    has_looked: bool = False
    is_booting: bool = False  # Running at the look, and not ready yet
    booted: Instance | None = None  # as it was listed after this plan started it; no step depends on it
    guest: GuestState | None = None  # once it answered
    is_work_known: bool = True  # the last check was whole, and nothing was done since
    is_seen_off: bool = False  # it was found clean by the job that stopped it, and has not run since
    pace: float = 1.0  # how many times slower than usual this boot of the guest answers

    @property
    def latest(self) -> Instance | None:
        """The VM as it was listed last."""
        return self.booted or self.instance


@dataclass(frozen=True)
class Options:
    """What the user said beside the VM's name."""

    fresh: bool = False  # run every recipe
    update: bool = False  # also those that follow a moving version
    restart: bool = False  # stop and start where a change needs it
    force: bool = False  # stop: kill; delete: also with work at risk
    expected: str = ""  # delete: the facts hash of the report that the user saw, see records.known_work.facts_of
    look: bool = True  # delete: also start a stopped VM to compare it with that report
    config: str = ""  # delete: the digest of the config that goes with the VM, "" to keep it
    recipe: str = ""  # test: which
    origin: str = ""  # test: the VM of which a clone is made, "" for a new VM
    keep: bool = False  # test: do not delete the temporary VM
