"""The values of a plan: its steps, its options, and the input from which it is made."""

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
from dvmweb.recipes.bases import Base


@dataclass(frozen=True)
class Step:
    """One command or one check: shown, written into the journal, and run."""

    title: str
    argv: tuple[str, ...] = ()  # never contains a secret; empty for a check
    timeout: float = 60.0  # seconds
    check: str = ""  # the name of the check that reads the output, see jobs/checks/registry.py
    script: GuestScript | None = field(default=None, repr=False)  # sent on stdin with its secrets; never logged
    skip_reason: str = ""  # why it is skipped, "" if it runs
    unknown: str = ""  # why it is not known whether it will run: the instance has not responded
    needs_network: bool = False
    secrets: tuple[str, ...] = ()  # names of those that the guest can require, by its exit code
    always: str = ""  # it undoes a change of the job: also run after a failure, if the VM then has this status
    locks_engine: str = ""  # "": no; "step": while it runs; "create": and cleans up; "running": until it is Running


@dataclass(frozen=True)
class DesiredRecipe:
    """A recipe with its params and files for one VM."""

    recipe: Recipe
    digest: str
    params: Mapping[str, str]
    releases: str = ""  # the rows of its pinned releases
    files: Mapping[str, str] = field(default_factory=dict, repr=False)  # bundled files beside it


@dataclass(frozen=True)
class PlanInput:
    """Everything that a plan depends on."""

    config: VmConfig
    desired: DesiredInstance
    overlay: Mapping[str, Any]
    recipes: tuple[DesiredRecipe, ...]
    scripts: Mapping[str, str]  # our guest scripts by file name
    engine: Engine
    lima_home: Path
    lima_file: Path  # the lima.yaml that create reads
    known_id: str  # the host's copy of the instance id, "" before the first sync
    new_id: str  # used if the guest has none yet
    nonce: str  # of the last question; a job makes a new one for each
    approved_hook: str = ""  # the digest that the user approved
    key_note: str = ""  # why the guest cannot have a key of its own, "" if it can
    is_copy: bool = False  # a clone that has not made its identity and its key anew yet
    once_own: str = ""  # what to say once a sync has written its name, identity or key
    is_base_copy: bool = False  # the copy of a base that has no key of its own yet
    base: Base | None = None  # to copy for a new VM; in a job that builds one, that
    is_half_copy: bool = False  # its instance is the copy of a base that was interrupted, and is deleted first
    base_instance: Instance | None = None  # of the base to copy, as it was listed
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    instance: Instance | None = None  # as the first step listed it; not changed by later steps
    is_listed: bool = False  # whether `instance` comes from a listing
    is_booting: bool = False  # Running in that listing, and not ready yet
    booted: Instance | None = None  # as it was listed after this plan started it; no step depends on it
    guest: GuestState | None = None  # None until the guest has reported it
    is_work_known: bool = True  # the last check was complete, and the VM was not used since
    is_clean_since_stop: bool = False  # it was found clean by the job that stopped it, and has not run since
    pace: float = 1.0  # how many times slower than usual the guest responds in this boot

    @property
    def latest(self) -> Instance | None:
        """The instance from the last listing."""
        return self.booted or self.instance


@dataclass(frozen=True)
class Options:
    """The user's options of a job."""

    fresh: bool = False  # run every recipe
    update: bool = False  # also run recipes that install the latest version
    restart: bool = False  # stop and start the VM if a change or a checkpoint needs it
    force: bool = False  # stop: kill; delete, rewind: despite unsaved work
    expected: str = ""  # delete, rewind: the facts of the report that the user saw, see records.known_work.facts_of
    check: bool = True  # delete, rewind: also start a stopped VM to compare it with that report
    trash: str = ""  # delete, rewind: the entry of the trash that the VM becomes, "" to delete it for good
    config: str = ""  # delete: the digest of the config to remove; rewind: of the one to replace; "" to keep it
    recipe: str = ""  # test: which
    origin: str = ""  # test: the VM of which a clone is made, "" for a new VM
    keep: bool = False  # test: do not delete the temporary VM
    no_base: bool = False  # sync: create a new VM without a base
    replaces: str = ""  # base: the old base that is deleted afterwards
    checkpoint: str = ""  # checkpoint: the one to make; rewind: the one to go back to
    copy: str = ""  # checkpoint, rewind: the instance while it is copied
    note: str = ""  # checkpoint: the user's note
