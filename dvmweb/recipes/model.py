"""What a recipe is, as values: its params, its header's fields and the limits they keep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CATEGORIES = (
    "base",
    "shell",
    "editor",
    "git",
    "language",
    "dotfiles",
    "agent",
    "service",
    "network",
    "other",
)
MAX_ENTRIES = 50  # of needs, params and ports each
BASH_DVM = "_bash_dvm.sh"  # what a recipe made for bash DVM finds there
SHORT, LONG = 200, 500  # characters of a label or summary, of a help text or probe


# Params reach the script as DVM_<NAME>; these variables are ours (architecture.md, "Guest scripts").
OUR_VARIABLES = frozenset(
    {
        "DVM_LIB",
        "DVM_ROOT",
        "DVM_NONCE",
        "DVM_RECIPE",
        "DVM_RECIPES",
        "DVM_RECIPE_HASH",
        "DVM_CODE_DIR",
        "DVM_IDENTITY_FILE",
        "DVM_INSTANCE",
        "DVM_ID",
        "DVM_KEY",
        "DVM_REPO",
        "DVM_CLONE_FILE",
        "DVM_HOOK_HASH",
        "DVM_WORK_AS_ROOT",
        "DVM_ENGINE",
        "DVM_STATE_DIR",
        "DVM_CONFIG_DIR",
        "DVM_LIMACTL",
        "DVM_GUEST_NETWORK",
        "DVM_TELL",
    }
)


@dataclass(frozen=True)
class Param:
    """One thing that a user may set; the script sees it as `variable`."""

    name: str
    label: str
    default: str
    secret: bool
    help: str
    is_inferred: bool = False  # read in a script without a header: it reaches it only where a config sets it
    is_kept: bool = False  # a secret that the guest keeps: asked for only where the recipe says that it has none

    @property
    def variable(self) -> str:
        """The guest variable: the value, or for a secret the path of the file that holds it."""
        return variable_name(self.name, is_secret=self.secret)


@dataclass(frozen=True)
class Recipe:
    """One guest script and what its header says."""

    name: str
    path: Path
    text: str
    is_local: bool
    has_header: bool = True
    summary: str = ""
    category: str = "other"
    needs: tuple[str, ...] = ()
    params: tuple[Param, ...] = ()
    ports: tuple[int, ...] = ()
    probe: str = ""  # one line of bash that succeeds when the recipe is in place; "" for none
    units: tuple[str, ...] = ()  # the systemd units of its service, by which its journal is found
    moving: bool = False  # follows a moving version: run again by `dvm sync --update`
    files: tuple[str, ...] = ()  # bundled files of ours that lie beside it in the guest

    @property
    def is_of_bash_dvm(self) -> bool:
        """Whether it runs as in bash DVM: one that has no header and does not ask for `_lib.sh`."""
        return BASH_DVM in self.files


def variable_name(param: str, *, is_secret: bool) -> str:
    """The guest variable of a param."""
    return f"DVM_{param.upper()}{'_FILE' if is_secret else ''}"
